"""Training of the bar network: stretches of examples, half of them varied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from beatwalk.listen import ROW_INPUTS, Network, levelled
from beatwalk.training.ears.bars.examples import HALF, Example, arrays_of, read_example
from beatwalk.training.ears.bars.net import SHAPES, loss_of
from beatwalk.training.ears.bars.variations import in_other_bars, recoloured, slipped, together
from beatwalk.training.ears.rows import Job, Lesson, Recipe, RowNet, example_paths
from beatwalk.training.ears.train import is_kept_apart

BATCH = 24  # stretches
MOST_BEATS = 96  # of a stretch
_TOGETHER_SHARE, _OTHER_BARS_SHARE, _SLIPPED_SHARE = 0.4, 0.3, 0.07
_HALVED_SHARE = 0.08
_ALONE = ("clicks",)  # genres that never sound together with others


class Examples:
    """All examples of a folder, in memory.

    Raises
    ------
    FileNotFoundError
        There are none.
    """

    def __init__(self, folder: Path) -> None:
        self.apart: list[Example] = []
        self.trained: list[Example] = []
        self.halved: list[Example] = []
        for path in example_paths(folder):
            number, half = path.stem.removesuffix(HALF), path.stem.endswith(HALF)
            if not is_kept_apart(int(number)):
                (self.halved if half else self.trained).append(read_example(path))
            elif not half:
                self.apart.append(read_example(path))
        self._by_metre: dict[int, list[Example]] = {}
        for example in self.trained:
            if example.metre and example.genre not in _ALONE:
                self._by_metre.setdefault(example.metre, []).append(example)

    def draw(self, rng: np.random.Generator) -> Example:
        """Any example that is trained on, in some of the draws varied."""
        if rng.random() < _HALVED_SHARE and self.halved:
            return self.halved[int(rng.integers(len(self.halved)))]
        example = self.trained[int(rng.integers(len(self.trained)))]
        others = self._by_metre.get(example.metre, [])
        if rng.random() < _TOGETHER_SHARE and others and example.genre not in _ALONE:
            example = together(rng, example, others[int(rng.integers(len(others)))]) or example
        if rng.random() < _OTHER_BARS_SHARE and (made := in_other_bars(rng, example)):
            return made
        return slipped(rng, example) if rng.random() < _SLIPPED_SHARE else example


def lesson(job: Job) -> Lesson:
    """What is learned from the examples in `job.work`."""
    examples = Examples(job.work / RECIPE.name)

    def loss(net: RowNet, rng: np.random.Generator) -> Tensor:
        rows, begins, heard = draw_batch(rng, examples)
        return loss_of(net(rows, heard), begins, heard)

    return Lesson(loss=loss, apart=lambda network: measure(network, examples.apart))


def draw_batch(
    rng: np.random.Generator, examples: Examples, size: int = BATCH, beats: int = MOST_BEATS
) -> tuple[Tensor, Tensor, Tensor]:
    """Random stretches of random examples: rows, where bars begin, and which beats are heard at all."""
    rows = np.zeros((size, beats, ROW_INPUTS), np.float32)
    begins, heard = np.zeros(rows.shape[:2], np.float32), np.zeros(rows.shape[:2], np.bool_)
    for i in range(size):
        example = examples.draw(rng)
        n = min(len(example.begins), int(rng.integers(beats // 2, beats + 1)))
        first = int(rng.integers(0, len(example.begins) - n + 1))
        rows[i, :n] = recoloured(rng, levelled(example.rows[first : first + n]))
        begins[i, :n] = example.begins[first : first + n]
        heard[i, :n] = True
    return torch.from_numpy(rows), torch.from_numpy(begins), torch.from_numpy(heard)


def measure(network: Network, examples: list[Example]) -> float:
    """The mean loss on examples kept apart, whole and as they are; NaN where there are none."""
    losses = []
    for example in examples:
        logits = network(levelled(example.rows))[:, 0]
        losses.append(float(np.mean(np.logaddexp(0, logits) - example.begins * logits)))
    return float(np.mean(losses)) if losses else float("nan")


RECIPE = Recipe(name="bars", inputs=ROW_INPUTS, shapes=SHAPES, arrays_of=arrays_of, lesson=lesson)
