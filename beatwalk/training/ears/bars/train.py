"""Training of the bar network: stretches of examples, half of them varied, and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from beatwalk.listen import ROW_INPUTS, levelled
from beatwalk.training import store
from beatwalk.training.ears.bars.examples import HALF, Example, read_example
from beatwalk.training.ears.bars.net import SHAPES, BarNet, loss_of
from beatwalk.training.ears.bars.variations import in_other_bars, recoloured, slipped, together
from beatwalk.training.ears.export import listening
from beatwalk.training.ears.train import KEPT_APART
from beatwalk.training.optim import Average
from beatwalk.training.optim import rate as rate_of

CHECKPOINT_S = 120.0
LOG_STEPS = 200
_AVERAGE, _DECAY = 0.998, 0.02
_WARM_STEPS, _HOLD = 100, 0.5
_TOGETHER_SHARE, _OTHER_BARS_SHARE, _SLIPPED_SHARE = 0.4, 0.3, 0.07
_HALVED_SHARE = 0.08
_ALONE = ("clicks",)  # genres that never sound together with others


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the training is told."""

    work: Path  # holds bars/, bars.pt and bars.jsonl
    minutes: float
    seed: int = 0
    shape: str = "full"
    resume: bool = True
    batch: int = 24
    beats: int = 96  # of a stretch, at most
    rate: float = 2e-3
    steps: int | None = None  # stop after so many instead of minutes


class Examples:
    """All examples of a folder, in memory.

    Raises
    ------
    FileNotFoundError
        There are none.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob("[0-9]*.npz"))
        if not paths:
            raise FileNotFoundError(f"no examples in {folder}: gather them first (--stage gather)")
        self.apart: list[Example] = []
        self.trained: list[Example] = []
        self.halved: list[Example] = []
        for path in paths:
            number, half = path.stem.removesuffix(HALF), path.stem.endswith(HALF)
            if int(number) % KEPT_APART != KEPT_APART - 1:
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


def train(job: Job) -> None:
    """Train for `job.minutes` of wall time in all, counting those of the runs before where it resumes."""
    torch.manual_seed(job.seed)
    net = BarNet(SHAPES[job.shape])
    average = Average(net, _AVERAGE)
    optimiser = torch.optim.AdamW(net.parameters(), job.rate, weight_decay=_DECAY)
    state = store.load(job.work / "bars.pt") if job.resume else None
    step, spent_s = 0, 0.0
    if state is not None:
        net.load_state_dict(state["net"])
        average.weights = state["average"]
        optimiser.load_state_dict(state["optimiser"])
        step, spent_s = int(state["step"]), float(state["spent_s"])
    rng = np.random.default_rng([job.seed, step])
    examples = Examples(job.work / "bars")
    clock = store.Clock(job.minutes, spent_s)
    log, total = job.work / "bars.jsonl", 0.0

    def save() -> None:
        weights = {"net": net.state_dict(), "average": average.weights, "optimiser": optimiser.state_dict()}
        store.save(job.work / "bars.pt", weights | {"step": step, "spent_s": clock.spent_s, "shape": job.shape})
        store.log(log, step=step, minutes=clock.spent_s / 60, apart=measure(average, job.shape, examples.apart))

    while (share := step / job.steps if job.steps else clock.done) < 1:
        rate = rate_of(step, share, job.rate, _WARM_STEPS, _HOLD)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows, begins, heard = draw_batch(rng, examples, job)
        net.train()
        loss = loss_of(net(rows, heard), begins, heard)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        average.update(net, step)
        total += float(loss.detach())
        if step % LOG_STEPS == 0:
            store.log(log, step=step, minutes=clock.spent_s / 60, rate=rate, loss=total / LOG_STEPS)
            total = 0.0
        if clock.due("save", CHECKPOINT_S):
            save()
    save()


def draw_batch(rng: np.random.Generator, examples: Examples, job: Job) -> tuple[Tensor, Tensor, Tensor]:
    """Random stretches of random examples: rows, where bars begin, and which beats are heard at all."""
    rows = np.zeros((job.batch, job.beats, ROW_INPUTS), np.float32)
    begins, heard = np.zeros(rows.shape[:2], np.float32), np.zeros(rows.shape[:2], np.bool_)
    for i in range(job.batch):
        example = examples.draw(rng)
        n = min(len(example.begins), int(rng.integers(job.beats // 2, job.beats + 1)))
        first = int(rng.integers(0, len(example.begins) - n + 1))
        rows[i, :n] = recoloured(rng, levelled(example.rows[first : first + n]))
        begins[i, :n] = example.begins[first : first + n]
        heard[i, :n] = True
    return torch.from_numpy(rows), torch.from_numpy(begins), torch.from_numpy(heard)


def measure(average: Average, shape: str, examples: list[Example]) -> float:
    """The mean loss on examples kept apart, whole and as they are; NaN where there are none."""
    network = listening(average.weights, SHAPES[shape], stride=1)
    losses = []
    for example in examples:
        logits = network(levelled(example.rows))[:, 0]
        losses.append(float(np.mean(np.logaddexp(0, logits) - example.begins * logits)))
    return float(np.mean(losses)) if losses else float("nan")
