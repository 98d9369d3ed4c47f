"""Text for a pipeline: the arguments of its `encode_prompt`, and padding that makes prompts one length."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.models.families import Family
from beatwalk.types import Conditioning, Float32

if TYPE_CHECKING:
    import torch

Row = dict[str, Float32]  # one prompt's tensors, by name


def tokenizer_of(pipeline: Any, family: Family) -> Any:
    """The tokenizer that limits the length of a prompt."""
    return getattr(pipeline, family.tokenizer, None) or pipeline.tokenizer


def truncated_words(pipeline: Any, family: Family, prompt: str, arguments: Mapping[str, Any]) -> str:
    """The end of a prompt that the model does not read; empty where it reads all.

    Parameters
    ----------
    arguments
        Of `encode_prompt`, besides the prompt.
    """
    tokenizer = tokenizer_of(pipeline, family)
    limit = int(arguments.get("max_sequence_length", tokenizer.model_max_length))
    if hasattr(pipeline, "maybe_convert_prompt"):  # a learnt word of many vectors is as many tokens
        prompt = pipeline.maybe_convert_prompt(prompt, tokenizer)
    tokens = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    room = limit - family.marks - int(tokenizer.num_special_tokens_to_add())
    if family.preamble is not None:
        room -= len(tokenizer(getattr(pipeline, family.preamble), add_special_tokens=False)["input_ids"])
    return _as_written(tokenizer, tokens[room:]) if len(tokens) > room else ""


def _as_written(tokenizer: Any, tokens: list[int]) -> str:
    """Text of tokens; a learnt word of many vectors, which are tokens word word_1 word_2 …, is one word again."""
    text = str(tokenizer.decode(tokens)).strip()
    for word in {found[1] for token in tokenizer.get_added_vocab() if (found := re.fullmatch(r"(.+)_\d+", token))}:
        text = re.sub(rf"({re.escape(word)})(_\d+)?(\s*{re.escape(word)}_\d+)*", r"\1", text)
    return text


def encode_arguments(pipeline: Any, family: Family) -> dict[str, Any]:
    """Arguments of a pipeline's `encode_prompt`, besides the prompt."""
    arguments: dict[str, Any] = {
        "device": getattr(pipeline, family.denoiser).device,
        "num_images_per_prompt": 1,
        "do_classifier_free_guidance": False,
    }
    if family.max_tokens is not None:
        room = int(tokenizer_of(pipeline, family).model_max_length)
        arguments["max_sequence_length"] = min(family.max_tokens, room)
    if family.takes_instruction:
        arguments["complex_human_instruction"] = _instruction(pipeline, family)
    taken = inspect.signature(pipeline.encode_prompt).parameters
    return {name: value for name, value in arguments.items() if name in taken} | dict(family.encode_arguments)


def pad_rows(rows: list[Row], masks: list[Row], family: Family) -> list[Row]:
    """Prompts of one length, in which every token counts: padding is filled as the family demands.

    Parameters
    ----------
    rows
        One per prompt; tensors of shape (1, tokens, width), by name.
    masks
        One per prompt; 1 where a token counts, shape (1, tokens), by name; empty where all tokens count.
    """
    if family.padding == "fixed":  # lengths differ only where compel read long prompts in parts
        longest = max(row["prompt_embeds"].shape[1] for row in rows)
        return [_of_tokens(row, partial(fit_length, length=longest)) for row in rows]
    counts = [
        next(iter(mask.values()), np.ones(row["prompt_embeds"].shape[:2]))
        for row, mask in zip(rows, masks, strict=True)
    ]
    full = [_of_tokens(row, partial(repeat_tokens, mask=count)) for row, count in zip(rows, counts, strict=True)]
    if family.padding == "cycle":
        return full
    lengths = [max(1, int(count.sum())) for count in counts]
    fill = partial(fit_length, length=max(lengths))
    return [_of_tokens(row, partial(fill, own=own)) for row, own in zip(full, lengths, strict=True)]


def _of_tokens(row: Mapping[str, Float32], change: Callable[[Float32], Float32]) -> Row:
    """A prompt with its tensors of tokens changed; pooled ones stay as they are."""
    return {name: change(tensor) if tensor.ndim == 3 else tensor for name, tensor in row.items()}


def fit_length(embeds: Float32, length: int, own: int | None = None) -> Float32:
    """Exactly `length` tokens, shape (batch, length, width): the first ones, or all of them repeated in order.

    To cross-attention, which has no positions, whole repeats are the same text.

    Parameters
    ----------
    own
        Tokens that are the text's own, from the first; None: all.
    """
    return embeds[:, np.arange(length) % (own or embeds.shape[1])]


def fitted(text: Conditioning, other: Conditioning, family: Family) -> Conditioning:
    """Text at the length of another text, where the family needs both at one length."""
    length = other.tensors["prompt_embeds"].shape[1]
    if family.lists or text.tensors["prompt_embeds"].shape[1] == length:
        return text
    return Conditioning(
        tensors=_of_tokens(text.tensors, partial(fit_length, length=length)),
        masks={name: np.ones((len(text), length), np.int64) for name in text.masks},
    )


def _instruction(pipeline: Any, family: Family) -> list[str] | None:
    """The pipeline's instruction before every prompt; None where its text encoder has no room for both."""
    default = inspect.signature(pipeline.__call__).parameters["complex_human_instruction"].default
    if not default:
        return None
    needed = len(pipeline.tokenizer.encode("\n".join(default))) + (family.max_tokens or 0)
    room = min(
        int(getattr(pipeline.text_encoder.config, "max_position_embeddings", 0)),
        int(pipeline.tokenizer.model_max_length),
    )
    return list(default) if room > needed else None


def to_host(made: torch.Tensor | list[torch.Tensor]) -> Float32:
    """One prompt's tensor as an array; of a list, its only entry."""
    tensor = made[0][None] if isinstance(made, list) else made
    array: Float32 = tensor.float().cpu().numpy()
    return array


def repeat_tokens(embeds: Float32, mask: np.ndarray[Any, Any]) -> Float32:
    """Fill padding by repeating the row's own tokens in order.

    Parameters
    ----------
    embeds
        Shape (batch, tokens, width).
    mask
        Shape (batch, tokens), 1 where a token counts.
    """
    filled = embeds.copy()
    for row, keep in zip(filled, mask.astype(bool), strict=True):
        if keep.any():
            row[:] = np.resize(row[keep], row.shape)
    return filled
