"""Tokenizer: byte-level BPE learnt from our own captions, so that any text in any language gives tokens."""

from __future__ import annotations

import random
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from beatwalk.training.models import Size
from beatwalk.training.painter import SUBJECTS
from beatwalk.training.painter.captions import caption, draw_attributes, vocabulary

PAD, BOS, EOS = "<pad>", "<bos>", "<eos>"


def build_tokenizer(size: Size, seed: int = 0) -> PreTrainedTokenizerFast:
    """Learn a tokenizer of ``size.vocabulary`` entries; letters are lower-cased before anything else."""
    rng = random.Random(seed)
    subjects = list(SUBJECTS)
    lines = [
        caption(draw_attributes(rng.choice(subjects), rng), rng) for _ in range(size.vocabulary * 3)
    ] + vocabulary() * 4
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size.vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=[(BOS, 1), (EOS, 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        model_max_length=size.tokens,
        padding_side="right",
    )


def load_or_build(folder: Path, size: Size, seed: int = 0) -> PreTrainedTokenizerFast:
    """The tokenizer kept in ``folder``, learnt on first use: its numbers must never change under the weights."""
    if not (folder / "tokenizer.json").exists():
        build_tokenizer(size, seed).save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)
