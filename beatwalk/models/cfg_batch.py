"""Classifier-free guidance's two passes as one batch, where a pipeline runs one after the other.

Most pipelines of diffusers put the text and the negative into one batch. Some, such as Lumina 2's and Chroma's, call
the denoiser once for each, which leaves a GPU half idle where a batch is small. For them the first call computes both
passes, and the second call returns the result that was kept for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beatwalk.models.compat import with_component

if TYPE_CHECKING:
    import torch

# What differs in the second pass: the pipeline's argument, and the denoiser's.
SECOND_TEXT = {
    "negative_prompt_embeds": "encoder_hidden_states",
    "negative_prompt_embeds_qwen": "encoder_hidden_states",
    "negative_prompt_embeds_clip": "pooled_projections",
    "negative_prompt_attention_mask": "encoder_attention_mask",
}
# Tensors of positions, which have one row a token and none a picture where they have so many dimensions.
POSITIONS = {"txt_ids": 2, "img_ids": 2, "text_rope_pos": 1}


def with_joined_passes(pipeline: Any, arguments: Mapping[str, Any]) -> Any:
    """A copy of a pipeline for one call with `arguments`, whose denoiser runs once a step for both passes.

    The copy shares weights and state with `pipeline`, which stays as it is: other threads may be using it. Text and
    negative must have the same length.
    """
    return with_component(pipeline, "transformer", _BothPasses(pipeline.transformer, arguments))


class _BothPasses:
    """Stands in for a denoiser that is called twice a step with the same latents."""

    def __init__(self, denoiser: Any, arguments: Mapping[str, Any]) -> None:
        self._denoiser = denoiser
        self._second = {ours: arguments[theirs] for theirs, ours in SECOND_TEXT.items() if theirs in arguments}
        self._kept: tuple[torch.Tensor, torch.Tensor] | None = None  # a step's latents, and its second pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def __call__(self, **inputs: Any) -> Any:
        """One pass, as a tuple of one tensor, or as an object with `sample` where the pipeline asks for that."""
        from diffusers.models.modeling_outputs import Transformer2DModelOutput

        latents = inputs["hidden_states"]
        if self._kept is not None and self._kept[0] is latents:
            made, self._kept = self._kept[1], None
        else:
            both = {name: self._joined(name, value) for name, value in inputs.items()}
            made, second = self._denoiser(**both)[0].chunk(2)
            self._kept = (latents, second)
        return (made,) if inputs.get("return_dict") is False else Transformer2DModelOutput(sample=made)

    def _joined(self, name: str, value: Any) -> Any:
        """An input for both passes."""
        import torch

        if not isinstance(value, torch.Tensor) or value.ndim == POSITIONS.get(name):
            return value
        return torch.cat((value, self._second.get(name, value)))
