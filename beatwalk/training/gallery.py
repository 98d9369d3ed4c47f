"""The painted training set: uint8 pictures and what they show, on disk, grown in blocks.

A block is ``pictures-NNNNN.npy``, shape (n, height, width, 3), and ``pictures-NNNNN.json``, its n attribute
dictionaries. Block numbers are seeds: any process may paint any block, and the result is the same. All pictures of a
block have one size; those of every fourth block are not square.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from beatwalk.training.models import Size
from beatwalk.training.painter import SUBJECTS, Attributes, paint
from beatwalk.training.painter.captions import draw_attributes

BLOCK = 4 * len(SUBJECTS)  # pictures of a block: four of each subject
EVERY = 4  # so many blocks hold one that is not square


def frame(number: int, size: Size) -> tuple[int, int]:
    """Height and width of the pictures of block ``number``."""
    turn, place = divmod(number, EVERY)
    return (size.picture, size.picture) if place < EVERY - 1 else size.frames[turn % len(size.frames)]


def paint_block(folder: Path, number: int, size: Size, device: str = "cpu", per_subject: int = 4) -> None:
    """Paint block ``number`` unless it is there already."""
    target = folder / f"pictures-{number:05d}.npy"
    if target.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(number)
    pictures: list[np.ndarray] = []
    shown: list[dict[str, str | None]] = []
    with torch.inference_mode():
        for index, subject in enumerate(SUBJECTS):
            wanted = [draw_attributes(subject, rng) for _ in range(per_subject)]
            painted = paint(wanted, *frame(number, size), number * 1000 + index, device)
            pictures.extend(painted.cpu().numpy())
            shown.extend(asdict(w) for w in wanted)
    part = target.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, np.stack(pictures))
    target.with_suffix(".json").write_text(json.dumps(shown), encoding="utf-8")
    part.replace(target)  # last, so that a block is whole or absent


def blocks(folder: Path) -> list[Path]:
    """Blocks painted so far, in order."""
    return sorted(folder.glob("pictures-?????.npy"))


def read_block(path: Path) -> tuple[np.ndarray, list[Attributes]]:
    """Pictures of a block (memory-mapped) and what they show."""
    shown = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return np.load(path, mmap_mode="r"), [Attributes(**entry) for entry in shown]
