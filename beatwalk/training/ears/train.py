"""Training of the ears: random stretches of rendered clips, checkpoints, and what clips kept apart say."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from beatwalk.listen import FRAME_RATE_HZ, NETWORK_BANDS, NETWORK_INPUTS
from beatwalk.training import store
from beatwalk.training.ears.clips import Clip, clip_paths, is_known, read_clip
from beatwalk.training.ears.export import listening
from beatwalk.training.ears.metrics import ONSET_S, n_matched
from beatwalk.training.ears.net import HEADS, SHAPES, Ears, loss_of, widen
from beatwalk.training.optim import Average, Muon
from beatwalk.training.optim import rate as rate_of
from beatwalk.types import Float

NET_RATE_HZ = FRAME_RATE_HZ / 2
KEPT_APART = 32  # every so many-th performance is for measuring only
MOST_APART = 12  # listened to at each checkpoint
CHECKPOINT_S = 300.0
VALIDATE_S = 1800.0
VALIDATE_EVERY = 4  # pieces: one in so many is listened to while training
RESCAN_S = 120.0  # the set may still be growing
LOG_STEPS = 50
_AVERAGE = 0.999
_WARM_STEPS, _HOLD = 100, 0.6  # of the learning rate; it falls when this share of the minutes is spent
_MASKED_SHARE, _MOST_MASKED = 0.25, 12  # of stretches, and of bands
_STRETCH = (0.8, 1.25)  # how much faster or slower a clip is heard: drawn so that both are as likely


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the training is told."""

    work: Path  # holds set/, ears.pt and ears.jsonl
    minutes: float
    device: str = "cpu"
    seed: int = 0
    shape: str = "full"
    resume: bool = True
    batch: int = 6
    crop_s: float = 30.0
    rate: float = 2e-3
    steps: int | None = None  # stop after so many instead of minutes
    start: Path | None = None  # a finished network to begin with, as large or smaller
    validation: Path | None = None  # a set to listen to every `VALIDATE_S`


def is_kept_apart(number: int) -> bool:
    """Whether the performance of this number is for measuring only."""
    return number % KEPT_APART == KEPT_APART - 1


class Library:
    """Clips that lie in a folder, read when they are drawn: they may be more than memory holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.trained: list[Path] = []
        self.apart: list[Path] = []
        self.scan()

    def scan(self) -> None:
        """Find the performances that are there now.

        Raises
        ------
        FileNotFoundError
            There are none at all.
        """
        found = clip_paths(self._folder)
        self.apart = [path for path in found if is_kept_apart(int(path.stem))]
        self.trained = [path for path in found if path not in set(self.apart)]

    def draw(self, rng: np.random.Generator) -> Clip:
        """Any clip that is trained on and still there."""
        while True:
            try:
                return read_clip(self.trained[int(rng.integers(len(self.trained)))])
            except FileNotFoundError:
                self.scan()


def train(job: Job) -> None:
    """Train for `job.minutes` of wall time in all, counting those of the runs before where it resumes."""
    torch.manual_seed(job.seed)
    net = Ears(SHAPES[job.shape]).to(job.device)
    if job.start is not None:
        widen(net, load_file(job.start))
    average = Average(net, _AVERAGE)
    optimiser = Muon(net.named_parameters(), job.rate, plain=("stem", "heads"))
    state = store.load(job.work / "ears.pt") if job.resume else None
    step, spent_s = 0, 0.0
    if state is not None:
        net.load_state_dict(state["net"])
        average.weights = {name: tensor.to(job.device) for name, tensor in state["average"].items()}
        optimiser.load_state_dict(state["optimiser"])
        step, spent_s = int(state["step"]), float(state["spent_s"])
    rng = np.random.default_rng([job.seed, step])
    library = Library(job.work / "set")
    clock = store.Clock(job.minutes, spent_s)
    log = job.work / "ears.jsonl"
    sums = np.zeros(len(HEADS))

    def save() -> None:
        weights = {"net": net.state_dict(), "average": average.weights, "optimiser": optimiser.state_dict()}
        store.save(job.work / "ears.pt", weights | {"step": step, "spent_s": clock.spent_s, "shape": job.shape})
        store.log(log, step=step, minutes=clock.spent_s / 60, apart=measure(_averaged(job, average), library.apart))

    while (share := step / job.steps if job.steps else clock.done) < 1:
        if clock.due("scan", RESCAN_S):
            library.scan()
        rate = rate_of(step, share, job.rate, _WARM_STEPS, _HOLD)
        for group in optimiser.param_groups:
            group["lr"] = rate
        ears, targets = (tensor.to(job.device) for tensor in draw_batch(rng, library, job))
        net.train()
        with torch.autocast(job.device, torch.bfloat16):
            logits = net(ears)
        losses = loss_of(logits.float(), targets)
        optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        average.update(net, step)
        sums += losses.detach().float().cpu().numpy()
        if step % LOG_STEPS == 0:
            by_head = {head: float(loss) / LOG_STEPS for head, loss in zip(HEADS, sums, strict=True)}
            clips = len(library.trained)
            store.log(log, step=step, clips=clips, minutes=clock.spent_s / 60, rate=rate, **by_head)
            sums[:] = 0
        if clock.due("save", CHECKPOINT_S):
            save()
        if job.validation is not None and clock.due("validate", VALIDATE_S):
            store.log(log, step=step, minutes=clock.spent_s / 60, validation=_validated(job, average))
    save()


def _validated(job: Job, average: Average) -> dict[str, float]:
    """Mean scores on a part of the validation set, with the decoder as it ships."""
    from beatwalk.training.ears.evaluate import Scores, evaluate
    from beatwalk.training.ears.validation import read_set

    if job.validation is None:
        return {}
    played = read_set(job.validation)[::VALIDATE_EVERY]
    mean = Scores.mean(evaluate(played, listening(average.weights, SHAPES[job.shape])))
    return {field.name: round(getattr(mean, field.name), 1) for field in fields(Scores)}


def _averaged(job: Job, average: Average) -> Ears:
    net = Ears(SHAPES[job.shape])
    net.load_state_dict({name: tensor.cpu() for name, tensor in average.weights.items()})
    return net.eval()


def draw_batch(rng: np.random.Generator, library: Library, job: Job) -> tuple[Tensor, Tensor]:
    """Random stretches of random clips, at random speeds and equalised at random; frames and targets."""
    n = int(job.crop_s * NET_RATE_HZ)
    ears = np.zeros((job.batch, 2 * n, NETWORK_INPUTS), np.float32)
    wanted = np.zeros((job.batch, len(HEADS), n), np.float32)
    for row in range(job.batch):
        clip = library.draw(rng)
        faster = float(np.exp(rng.uniform(*np.log(_STRETCH)))) if rng.random() < 0.6 else 1.0
        first = 2 * int(rng.integers(0, max(1, (len(clip.ears) - int(2 * n * faster)) // 2 + 1)))
        part = stretched(clip.ears, first, 2 * n, faster)
        part = equalised(rng, part)
        ears[row, : len(part)] = masked(rng, part) if rng.random() < _MASKED_SHARE else part
        wanted[row] = targets_of(clip.truth.events, first // 2, n, faster)
    return torch.from_numpy(ears), torch.from_numpy(wanted)


def stretched(ears: np.ndarray, first: int, n: int, faster: float) -> np.ndarray:
    """Up to `n` frames from frame `first` on, `faster` times as fast, between frames by straight lines."""
    if faster == 1.0:
        return ears[first : first + n].astype(np.float32)
    places = first + np.arange(n) * faster
    places = places[places < len(ears) - 1]
    low = places.astype(np.int64)
    part = ears[first : int(places[-1]) + 2].astype(np.float32)
    share = (places - low).astype(np.float32)[:, None]
    between: np.ndarray = part[low - first] * (1 - share) + part[low - first + 1] * share
    return between


def equalised(rng: np.random.Generator, ears: np.ndarray) -> np.ndarray:
    """Another level and colour: what a smooth equaliser does to log(1 + power)."""
    knots = rng.normal(0, 0.6, 6) + rng.normal(0, 0.5)
    gain = np.exp(np.interp(np.arange(NETWORK_BANDS), np.linspace(0, NETWORK_BANDS - 1, 6), knots))
    ears[:, :NETWORK_BANDS] = np.log1p(np.expm1(8 * ears[:, :NETWORK_BANDS]) * gain) / 8
    if rng.random() < 0.1:
        ears[:, -12:] = 1 / np.sqrt(12)
    else:  # in another key
        ears[:, -12:] = np.roll(ears[:, -12:], int(rng.integers(12)), axis=1)
    return ears


def masked(rng: np.random.Generator, ears: np.ndarray) -> np.ndarray:
    """Some neighbouring bands silent, as in SpecAugment (Park et al., 2019): no beat hangs on one of them."""
    width = int(rng.integers(1, _MOST_MASKED + 1))
    low = int(rng.integers(0, NETWORK_BANDS - width + 1))
    for first in (0, NETWORK_BANDS):  # log energy, and its rise
        ears[:, first + low : first + low + width] = 0.0
    return ears


def targets_of(events: tuple[Float, ...], first: int, n: int, faster: float = 1.0) -> np.ndarray:
    """1 at the net's frame of an event, 0.5 beside it, shape (n_heads, n), heard `faster` from frame `first` on.

    NaN where nobody knows the events.
    """
    targets = np.zeros((len(events), n + 2), np.float32)
    for row, times_s in enumerate(events):
        if not is_known(times_s):
            targets[row] = np.nan
            continue
        frames = np.rint((times_s * NET_RATE_HZ - first) / faster).astype(np.int64) + 1
        frames = frames[(frames >= 0) & (frames < n + 2)]
        for offset in (-1, 1):
            beside = frames + offset
            beside = beside[(beside >= 0) & (beside < n + 2)]
            targets[row, beside] = np.maximum(targets[row, beside], 0.5)
        targets[row, frames] = 1.0
    return targets[:, 1:-1]


@torch.no_grad()
def measure(net: Ears, paths: list[Path]) -> dict[str, float]:
    """F of each head's plain peaks above one half on performances kept apart, in percent."""
    counts = np.zeros((len(HEADS), 3))  # hits, found, true
    for path in paths[:MOST_APART]:
        clip = read_clip(path)
        even = clip.ears[: len(clip.ears) // 2 * 2].astype(np.float32)
        shares = torch.sigmoid(net(torch.from_numpy(even)[None]))[0].numpy()
        for row, times_s in enumerate(clip.truth.events):
            if not is_known(times_s):
                continue
            found_s = _peaks_s(shares[row])
            counts[row] += n_matched(found_s, times_s, ONSET_S), len(found_s), len(times_s)
    hits, found, true = counts.T
    f = 2 * hits / np.maximum(found + true, 1)
    return {head: round(100 * float(value), 1) for head, value in zip(HEADS, f, strict=True)}


def _peaks_s(share: Float) -> Float:
    inner = share[1:-1]
    peaks = np.flatnonzero((inner > share[:-2]) & (inner >= share[2:]) & (inner > 0.5)) + 1
    return peaks / NET_RATE_HZ
