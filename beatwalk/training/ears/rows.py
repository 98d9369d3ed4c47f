"""Networks that read rows: the network in torch, its training with checkpoints, and the stages of its recipe.

Rows of the bar networks are beats, those of the level network periods. The twin without torch is the `Network` of
`beatwalk.listen.network`, with a stride of one; tests hold both to the same numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from beatwalk.core import whole_or_nothing
from beatwalk.listen import Network
from beatwalk.training import store
from beatwalk.training.ears.__main__ import add_arguments
from beatwalk.training.ears.clips import clip_paths
from beatwalk.training.ears.export import export_as, listening
from beatwalk.training.ears.net import Block, Shape
from beatwalk.training.optim import Average
from beatwalk.training.optim import rate as rate_of

CHECKPOINT_S = 120.0
LOG_STEPS = 200
Arrays = Mapping[str, Any]  # what an example's file holds
STAGES = ("gather", "train", "export", "all")
_DROPOUT, _INPUT_DROPOUT = 0.25, 0.05
_AVERAGE, _DECAY = 0.998, 0.02
_WARM_STEPS, _HOLD = 100, 0.5


def gather(clips: Path, out: Path, arrays_of: Callable[[Path], Mapping[str, Arrays]]) -> None:
    """Write the examples of every clip of a set; those that lie in `out` are left alone.

    Parameters
    ----------
    arrays_of
        What a clip gives, by the end of its file's name; the one without an end says that all of them are there.

    Raises
    ------
    FileNotFoundError
        There are no clips.
    """
    paths = clip_paths(clips)
    out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if not (out / path.name).exists():
            for end, arrays in sorted(arrays_of(path).items(), reverse=True):
                with whole_or_nothing(out / f"{path.stem}{end}.npz") as partial:
                    np.savez(partial, **arrays)


def example_paths(folder: Path) -> list[Path]:
    """The examples of a folder, in order of their names.

    Raises
    ------
    FileNotFoundError
        There are none.
    """
    paths = sorted(folder.glob("[0-9]*.npz"))
    if not paths:
        raise FileNotFoundError(f"no examples in {folder}: gather them first (--stage gather)")
    return paths


class RowNet(nn.Module):
    """Rows to a logit each: a stem of every row by itself, dilated convolutions over rows, one head."""

    def __init__(self, inputs: int, shape: Shape) -> None:
        super().__init__()
        self.stem = nn.Conv1d(inputs, shape.channels, 1)
        self.blocks = nn.ModuleList(Block(shape.channels, dilation) for dilation in shape.dilations)
        self.heads = nn.Conv1d(shape.channels, 1, 1)

    def forward(self, rows: Tensor, heard: Tensor) -> Tensor:
        """Logits, shape (batch, n), of rows, shape (batch, n, inputs), where `heard`, shape (batch, n).

        What is not heard is as silent as what lies before a piece and after it.
        """
        kept = heard[:, None].to(rows.dtype)
        x = F.elu(self.stem(F.dropout1d(rows.transpose(1, 2), _INPUT_DROPOUT, self.training))) * kept
        for block in self.blocks:
            x = block(x, _DROPOUT) * kept
        logits: Tensor = self.heads(F.elu(x))[:, 0]
        return logits


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the training is told."""

    work: Path  # holds the clips in set/, the examples, checkpoint and log
    minutes: float
    seed: int = 0
    shape: str = "full"
    resume: bool = True
    rate: float = 2e-3
    steps: int | None = None  # stop after so many instead of minutes


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network that reads rows."""

    name: str  # of examples, checkpoint, log and weights
    inputs: int  # of a row
    shapes: Mapping[str, Shape]
    arrays_of: Callable[[Path], Mapping[str, Arrays]]  # a clip's examples
    lesson: Callable[[Job], Lesson]  # from the examples in `work`


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a network learns from, and what it is measured by."""

    loss: Callable[[RowNet, np.random.Generator], Tensor]  # of a random batch
    apart: Callable[[Network], float]  # on examples that are not trained on


def train(recipe: Recipe, job: Job) -> None:
    """Train for `job.minutes` of wall time in all, counting those of the runs before where it resumes."""
    torch.manual_seed(job.seed)
    shape = recipe.shapes[job.shape]
    net = RowNet(recipe.inputs, shape)
    average = Average(net, _AVERAGE)
    optimiser = torch.optim.AdamW(net.parameters(), job.rate, weight_decay=_DECAY)
    checkpoint, log = job.work / f"{recipe.name}.pt", job.work / f"{recipe.name}.jsonl"
    state = store.load(checkpoint) if job.resume else None
    step, spent_s, total = 0, 0.0, 0.0
    if state is not None:
        net.load_state_dict(state["net"])
        average.weights = state["average"]
        optimiser.load_state_dict(state["optimiser"])
        step, spent_s = int(state["step"]), float(state["spent_s"])
    rng = np.random.default_rng([job.seed, step])
    lesson = recipe.lesson(job)
    clock = store.Clock(job.minutes, spent_s)

    def save() -> None:
        weights = {"net": net.state_dict(), "average": average.weights, "optimiser": optimiser.state_dict()}
        store.save(checkpoint, weights | {"step": step, "spent_s": clock.spent_s, "shape": job.shape})
        apart = lesson.apart(listening(average.weights, shape, stride=1))
        store.log(log, step=step, minutes=clock.spent_s / 60, apart=apart)

    while (share := step / job.steps if job.steps else clock.done) < 1:
        rate = rate_of(step, share, job.rate, _WARM_STEPS, _HOLD)
        for group in optimiser.param_groups:
            group["lr"] = rate
        net.train()
        loss = lesson.loss(net, rng)
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


def run_stages(recipe: Recipe, about: str | None, argv: list[str] | None = None) -> None:
    """Gather, train and export as a command line says."""
    parser = argparse.ArgumentParser(prog=f"python -m beatwalk.training.ears.{recipe.name}", description=about)
    add_arguments(parser, STAGES, recipe.shapes)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if args.stage in ("gather", "all"):
        gather(args.work / "set", args.work / recipe.name, recipe.arrays_of)
    if args.stage in ("train", "all"):
        told = {name: getattr(args, name) for name in ("work", "minutes", "seed", "resume", "steps", "rate")}
        train(recipe, Job(shape=args.size, **told))
    if args.stage in ("export", "all"):
        export_as(recipe.name, args.work, args.out, recipe.shapes, {"stride": "1"})
