"""Training of the level network: which period listeners tap is a choice among those that they may tap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from beatwalk.listen import N_SIGNALS, PERIODS_S, REPEAT_INPUTS, TAPPED, Network, tapped, with_multiples
from beatwalk.training.ears.levels.examples import Example, arrays_of, read_example
from beatwalk.training.ears.net import Shape
from beatwalk.training.ears.rows import Job, Lesson, Recipe, RowNet, example_paths
from beatwalk.training.ears.train import is_kept_apart
from beatwalk.types import Float, Float32

SHAPES = {"full": Shape(96, (1, 2)), "toy": Shape(8, (1,))}

_BATCH = 96
_BESIDE = 0.7  # rows, standard deviation about the true period: a tempo need not be known better
_SILENT_SHARE = 0.05  # of signals: no level hangs on one of them


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
        for path in example_paths(folder):
            (self.apart if is_kept_apart(int(path.stem)) else self.trained).append(read_example(path))

    def draw(self, rng: np.random.Generator) -> tuple[Float32, float]:
        """Repeats of any example that is trained on, some of their signals silent, and the interval of its beats."""
        example = self.trained[int(rng.integers(len(self.trained)))]
        return example.repeats * (rng.random(N_SIGNALS) >= _SILENT_SHARE), example.interval_s


def wanted(intervals_s: Float) -> Float32:
    """Probabilities of each of `PERIODS_S` that is tapped, shape (batch, TAPPED.sum()), of beats so far apart."""
    step = np.log(PERIODS_S[1] / PERIODS_S[0])
    beside = np.log(PERIODS_S[TAPPED] / intervals_s[:, None]) / step
    odds = np.exp(-0.5 * (beside / _BESIDE) ** 2) + 1e-9
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def loss_of(logits: Tensor, probabilities: Tensor) -> Tensor:
    """Mean cross entropy of logits, shape (batch, len(PERIODS_S)), over the periods that are tapped."""
    chances = logits[:, torch.from_numpy(TAPPED)].log_softmax(dim=1)
    return -(probabilities * chances).sum(dim=1).mean()


def lesson(job: Job) -> Lesson:
    """What is learned from the examples in `job.work`."""
    examples = Examples(job.work / RECIPE.name)

    def loss(net: RowNet, rng: np.random.Generator) -> Tensor:
        drawn = [examples.draw(rng) for _ in range(_BATCH)]
        rows = torch.from_numpy(np.stack([with_multiples(repeats) for repeats, _ in drawn]))
        probabilities = wanted(np.array([interval_s for _, interval_s in drawn]))
        return loss_of(net(rows, torch.ones(rows.shape[:2], dtype=torch.bool)), torch.from_numpy(probabilities))

    return Lesson(loss=loss, apart=lambda network: measure(network, examples.apart))


def measure(network: Network, examples: list[Example]) -> float:
    """The mean loss on examples kept apart; NaN where there are none."""
    losses = []
    for example in examples:
        probabilities = wanted(np.array([example.interval_s]))[0]
        losses.append(-float(np.sum(probabilities * tapped(example.repeats, [network])[TAPPED])))
    return float(np.mean(losses)) if losses else float("nan")


RECIPE = Recipe(name="levels", inputs=REPEAT_INPUTS, shapes=SHAPES, arrays_of=arrays_of, lesson=lesson)
