"""How a model does with what strangers type: words among words, and texts that say nothing at all.

Prompts go through the model's own reader first (`words.json`), as they do in beatwalk.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from beatwalk.models import PromptReader
from beatwalk.training.classifier import PALETTE_NAMES, SUBJECT_NAMES
from beatwalk.training.measures import look
from beatwalk.training.painter import SUBJECTS, Attributes, paint
from beatwalk.training.painter.captions import draw_attributes
from beatwalk.training.prompts import any_texts, people

Paint = Callable[[Sequence[str], Sequence[int]], np.ndarray]  # prompts and seeds → pictures (n, height, width, 3)
Found = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # pictures → numbers of subject and palette
BATCH = 16
SIDE = 512
RANGE = (1, 99)  # percentiles of the painter's pictures within which a picture could be its own
PER_TEXT = 2  # seeds


def strangers(
    draw: Paint, judge: Found, reader: PromptReader, count: int, seed: int, subjects: Sequence[str] = tuple(SUBJECTS)
) -> dict[str, Any]:
    """Share of people's prompts whose subject and whose colour are found, the painter's own beside it.

    Parameters
    ----------
    subjects
        What is asked for, in turn.
    """
    asked = people(count, seed, subjects)
    right: dict[str, list[bool]] = {name: [] for name in ("subject", "colour", "painter_subject", "painter_colour")}
    missed: list[str] = []
    for start in range(0, count, BATCH):
        part = asked[start : start + BATCH]
        seeds = [seed + start + i for i in range(len(part))]
        read = [reader.read(one.text).text for one in part]
        marks = np.concatenate([paint([a.wanted], SIDE, SIDE, s).numpy() for a, s in zip(part, seeds, strict=True)])
        for prefix, pictures in (("", draw(read, seeds)), ("painter_", marks)):
            for one, text, subject, palette in zip(part, read, *judge(pictures), strict=True):
                right[f"{prefix}subject"].append(SUBJECT_NAMES[subject] == one.wanted.subject)
                if one.coloured:
                    right[f"{prefix}colour"].append(PALETTE_NAMES[palette] == one.wanted.palette)
                if not prefix and SUBJECT_NAMES[subject] != one.wanted.subject:
                    missed.append(f"{one.text} → {text} → {SUBJECT_NAMES[subject]}")
    return {name: float(np.mean(values)) for name, values in right.items()} | {"missed": missed}


def bounds(seed: int, count: int) -> dict[str, tuple[float, float]]:
    """Between which values the painter's pictures lie, by measure."""
    looks = [look(picture) for picture in _painted(seed, count)]
    ends = {name: np.percentile([one[name] for one in looks], RANGE) for name in looks[0]}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def _painted(seed: int, count: int) -> list[np.ndarray]:
    rng = random.Random(seed)
    names = list(SUBJECTS)
    wanted: list[Attributes] = [draw_attributes(names[i % len(names)], rng) for i in range(count)]
    return [paint([w], SIDE, SIDE, seed + i).numpy()[0] for i, w in enumerate(wanted)]


def within(pictures: Sequence[np.ndarray], limits: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Share of pictures that lie within limits: by measure, and in all of them."""
    inside = [
        {name: low <= value <= high for name, value in look(picture).items() for low, high in [limits[name]]}
        for picture in pictures
    ]
    shares = {name: float(np.mean([one[name] for one in inside])) for name in limits}
    return shares | {"all": float(np.mean([all(one.values()) for one in inside]))}


def anything(draw: Paint, reader: PromptReader, texts: int, seed: int) -> dict[str, dict[str, float]]:
    """Share of pictures for any text at all that lie where the painter's lie, and of the painter's other pictures."""
    limits = bounds(seed, texts)
    read = [reader.read(text).text for text in any_texts(texts, seed) for _ in range(PER_TEXT)]
    made: list[np.ndarray] = []
    for start in range(0, len(read), BATCH):
        part = read[start : start + BATCH]
        made += list(draw(part, [seed + start + i for i in range(len(part))]))
    return {"model": within(made, limits), "painter": within(_painted(seed + texts, texts // 2), limits)}
