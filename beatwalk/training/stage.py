"""One training stage: what it is told, and its model, optimiser, average, clock and checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from beatwalk.training import parallel, store
from beatwalk.training.models import Size
from beatwalk.training.optim import Average, Muon, rate

CHECKPOINT_S = 180.0
LOG_S = 30.0
SHEET_S = 420.0
RANK_SEED = 77  # added to seeds once for each process


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every stage is told."""

    work: Path  # folder of pictures, checkpoints, logs and sheets
    minutes: float
    device: str
    size: Size
    seed: int = 0
    compile: bool = True
    resume: bool = True
    steps: int | None = None  # stop after so many steps instead of minutes


class Stage:
    """A model in training; picks up the checkpoint that lies in the job's folder, if the job resumes.

    Parameters
    ----------
    name
        Of the checkpoint and the log: ``<name>.pt``, ``<name>.jsonl``.
    model
        All weights that the checkpoint holds; those that require gradients are trained.
    plain
        Parts of parameter names that take AdamW instead of Muon.
    peak
        Highest learning rate.
    warm, hold
        Steps of warm-up; share of the time before the rate falls.
    momentum
        Of AdamW.
    extra
        Plain values to keep in the checkpoint. One with another ``base`` was trained on top of something else: it is
        not picked up.
    """

    def __init__(
        self,
        job: Job,
        name: str,
        model: nn.Module,
        *,
        plain: tuple[str, ...],
        peak: float,
        decay: float,
        warm: int = 60,
        hold: float = 0.55,
        momentum: float = 0.9,
        extra: dict[str, float] | None = None,
    ) -> None:
        self.job, self.name, self.model, self.extra = job, name, model, extra or {}
        self.peak, self.warm, self.hold = peak, warm, hold
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self._parameters = [p for _, p in trained]
        self.optimiser = Muon(trained, lr=peak, plain=plain, momentum=momentum)
        self.average = Average(model, decay)
        self.step, self.clock = 0, store.Clock(job.minutes)
        state = store.load(self.path) if job.resume else None
        if state and state.get("base") == self.extra.get("base"):
            # one adopted from a finished model has averages alone, and not of all parts
            whole = "model" in state and not self._outgrown(state["model"])
            weights = state["model" if whole else "average"]
            for name in self._outgrown(weights):
                state["average"].pop(name)
            lost = model.load_state_dict(weights, strict=whole)
            if lost.unexpected_keys or any(not key.startswith("heads.") for key in lost.missing_keys):
                raise ValueError(f"{self.path} is of another network")
            if whole:
                self.optimiser.load_state_dict(state["optimiser"])
            for group in self.optimiser.param_groups:
                group.setdefault("momentum", momentum)  # checkpoints of an older recipe do not say
            self.average.weights |= {k: v.to(job.device) for k, v in state["average"].items()}
            self.step, self.clock = state["step"], store.Clock(job.minutes, state["spent_s"])
        self._begin = self.step
        self.seed = job.seed + self.step + RANK_SEED * parallel.rank()
        self.generator = torch.Generator(job.device).manual_seed(self.seed)
        self.recent = 0.0  # smoothed loss

    def _outgrown(self, weights: dict[str, Tensor]) -> list[str]:
        """Answers of a checkpoint from when the painter knew fewer words: they are learnt again."""
        own = self.model.state_dict()
        return [name for name, w in weights.items() if name.startswith("heads.") and w.shape != own[name].shape]

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self.job.work / f"{self.name}.pt"

    def done(self) -> float:
        """Share of the stage that is done, 0–1, the same in all processes; sets the learning rate."""
        job = self.job
        share = parallel.agreed(self.clock.done if job.steps is None else self.step / job.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, share, self.peak, self.warm, self.hold)
        return share

    def learn(self, loss_of: Callable[[], Tensor], fresh: bool = False) -> None:
        """One step down the gradient of ``loss_of()``; ``fresh`` says that it will be compiled anew."""
        if fresh:
            self._begin = self.step

        def work() -> Tensor:
            loss = loss_of()
            loss.backward()
            return loss.detach()

        loss = float(parallel.first_alone(self.step - self._begin, work))
        parallel.share_gradients(self._parameters)
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.average.update(self.model, self.step)
        self.step += 1
        self.recent += (loss - self.recent) * max(0.03, 1 / (self.step - self._begin))

    def tend(self, sheet: Callable[[], Any] | None = None) -> None:
        """Log, save and draw a sheet when it is time (the first process only)."""
        if parallel.rank():
            return
        if self.clock.due("log", LOG_S):
            self.note(loss=self.recent)
        if self.clock.due("save", CHECKPOINT_S):
            self.save()
        if sheet and self.clock.due("sheet", SHEET_S):
            sheet()

    def finish(self, sheet: Callable[[], Any] | None = None) -> None:
        """Save at the end; the other processes wait until the file is there."""
        if parallel.rank() == 0:
            self.save()
            if sheet:
                sheet()
        parallel.agreed(0.0)

    def note(self, **entry: Any) -> None:
        """Write a line to the log."""
        minutes = self.clock.spent_s / 60
        path = self.job.work / f"{self.name}.jsonl"
        store.log(path, stage=self.name, step=self.step, minutes=minutes, **entry)

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.weights,
        }
        store.save(self.path, state | {"step": self.step, "spent_s": self.clock.spent_s} | self.extra)


def need(job: Job, name: str) -> dict[str, Any]:
    """The checkpoint of a stage that another one builds on."""
    state = store.load(job.work / f"{name}.pt")
    if state is None:
        raise FileNotFoundError(f"no {name}.pt in {job.work}: train that stage first")
    return state
