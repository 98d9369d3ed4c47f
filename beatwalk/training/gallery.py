"""The painted training set: uint8 pictures and what they show, on disk, grown in blocks.

A block is ``pictures-NNNNN.npy``, shape (n, height, width, 3), and ``pictures-NNNNN.json``, its n attribute
dictionaries. Block numbers are seeds: any process may paint any block, and the result is the same. All pictures of a
block have one size; those of every fourth block are not square. What a block shows of a subject depends on its number
and that subject alone: subjects that the painter has learnt since are added as a further part, ``pictures-NNNNN-1``,
and nothing is painted twice.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from beatwalk.training.models import Size
from beatwalk.training.painter import SUBJECTS, Attributes, paint
from beatwalk.training.painter.captions import draw_attributes

PICTURES = Counter(dict.fromkeys(SUBJECTS, 4))  # of each subject in a block
PICTURES.update({"kaleidoscope": 4, "crystal": 4, "fractal": 4})  # every part of them differs: harder to learn
BLOCK = PICTURES.total()
HELD_OUT = 1  # first blocks that are kept for measuring
EVERY = 4  # so many blocks hold one that is not square


def frame(number: int, size: Size) -> tuple[int, int]:
    """Height and width of the pictures of block ``number``."""
    turn, place = divmod(number, EVERY)
    return (size.picture, size.picture) if place < EVERY - 1 else size.frames[turn % len(size.frames)]


def paint_block(
    folder: Path, number: int, size: Size, device: str = "cpu", wanted: Mapping[str, int] = PICTURES
) -> None:
    """Paint what block ``number`` does not hold yet of the subjects that are wanted, and how many of each."""
    parts = blocks(folder, number, number + 1)
    there = {entry.subject for path in parts for entry in read_shown(path)}
    if there >= set(wanted):
        return
    target = folder / f"pictures-{number:05d}{f'-{len(parts)}' if parts else ''}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[np.ndarray] = []
    shown: list[dict[str, str | None]] = []
    with torch.inference_mode():
        for index, subject in enumerate(SUBJECTS):  # new ones are added at the end: the seeds of the others stay
            if subject in there or subject not in wanted:
                continue
            rng = random.Random(f"{number} {subject}")
            drawn = [draw_attributes(subject, rng) for _ in range(wanted[subject])]
            painted = paint(drawn, *frame(number, size), number * 1000 + index, device)
            pictures.extend(painted.cpu().numpy())
            shown.extend(asdict(one) for one in drawn)
    part = target.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, np.stack(pictures))
    target.with_suffix(".json").write_text(json.dumps(shown), encoding="utf-8")
    part.replace(target)  # last, so that a block is whole or absent


def number_of(path: Path) -> int:
    """Number of the block that a file is of, or a part of."""
    return int(path.stem.split("pictures-")[1][:5])


def blocks(folder: Path, start: int = 0, stop: int | None = None, suffix: str = "npy") -> list[Path]:
    """Files of the blocks painted so far whose numbers lie from ``start`` to before ``stop``, in order."""
    found = sorted(folder.glob(f"pictures-?????*.{suffix}"))
    return [path for path in found if start <= number_of(path) and (stop is None or number_of(path) < stop)]


def read_shown(path: Path) -> list[Attributes]:
    """What the pictures of a file show."""
    return [Attributes(**entry) for entry in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))]


def read_block(path: Path) -> tuple[np.ndarray, list[Attributes]]:
    """Pictures of a file (memory-mapped) and what they show."""
    return np.load(path, mmap_mode="r"), read_shown(path)


def kept(folder: Path, count: int) -> np.ndarray:
    """Pictures of the block that no training sees, evenly chosen, uint8, shape (count, height, width, 3)."""
    parts = [read_block(path)[0] for path in blocks(folder, stop=HELD_OUT)]
    whole = [(part, i) for part in parts for i in range(len(part))]
    index = np.linspace(0, len(whole) - 1, count).astype(int)
    return np.stack([part[i] for part, i in (whole[k] for k in index)])
