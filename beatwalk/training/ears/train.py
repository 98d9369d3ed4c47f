"""Training of the ears: random stretches of rendered clips, checkpoints, and what a clip kept apart says."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from beatwalk.listen import FRAME_RATE_HZ, NETWORK_INPUTS
from beatwalk.training import store
from beatwalk.training.ears.clips import Clip, read_clips
from beatwalk.training.ears.net import HEADS, SHAPES, Ears, loss_of
from beatwalk.types import Float

NET_RATE_HZ = FRAME_RATE_HZ / 2
KEPT_APART = 16  # every so many-th performance is for measuring only
CHECKPOINT_S = 180.0
RESCAN_S = 90.0  # the set may still be growing
_WARM_STEPS = 100
_AVERAGE = 0.999
_STRETCH = (0.85, 1.18)  # how much faster or slower a clip is heard: drawn so that both are as likely


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the training is told."""

    work: Path  # holds set/, ears.pt and ears.jsonl
    minutes: float
    seed: int = 0
    shape: str = "full"
    resume: bool = True
    batch: int = 8
    crop_s: float = 24.0
    rate: float = 1.5e-3
    steps: int | None = None  # stop after so many instead of minutes


def train(job: Job) -> None:
    """Train for `job.minutes` of wall time in all, counting those of the runs before where it resumes."""
    shape = SHAPES[job.shape]
    torch.manual_seed(job.seed)
    net, average = Ears(shape), Ears(shape)
    average.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), lr=job.rate, weight_decay=0.01)
    state = store.load(job.work / "ears.pt") if job.resume else None
    step, spent_s = 0, 0.0
    if state is not None:
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent_s = int(state["step"]), float(state["spent_s"])
    rng = np.random.default_rng([job.seed, step])
    clips: dict[str, list[Clip]] = {}
    scan(job.work / "set", clips)
    log = job.work / "ears.jsonl"
    clock = store.Clock(job.minutes, spent_s)
    while (share := step / job.steps if job.steps else clock.done) < 1:
        if clock.due("scan", RESCAN_S):
            scan(job.work / "set", clips)
        rate = job.rate * min(1.0, (step + 1) / _WARM_STEPS) * (1.0 if share < 0.4 else max(0.02, (1 - share) / 0.6))
        for group in optimiser.param_groups:
            group["lr"] = rate
        ears, targets = draw_batch(rng, [c for name in sorted(clips) for c in clips[name] if _trained_on(name)], job)
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = net(ears)
        losses = loss_of(logits.float(), targets)
        optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        _towards(average, net, min(_AVERAGE, step / (step + 10)))
        if step % 50 == 0:
            by_head = {head: float(loss) for head, loss in zip(HEADS, losses.detach(), strict=True)}
            store.log(log, step=step, clips=len(clips), minutes=clock.spent_s / 60, rate=rate, **by_head)
        if clock.due("save", CHECKPOINT_S):
            _save(job, net, average, optimiser, step, clock.spent_s)
            store.log(log, step=step, apart=measure(average, clips))
    _save(job, net, average, optimiser, step, clock.spent_s)
    store.log(log, step=step, apart=measure(average, clips))


def _trained_on(name: str) -> bool:
    return int(name) % KEPT_APART != 0 or int(name) == 0


def scan(folder: Path, clips: dict[str, list[Clip]]) -> None:
    """Read the performances that were not there before.

    Raises
    ------
    FileNotFoundError
        There are none at all.
    """
    for path in sorted(folder.glob("[0-9]*.npz")):
        if path.stem.isdecimal() and path.stem not in clips:
            clips[path.stem] = read_clips(path)
    if not clips:
        raise FileNotFoundError(f"no clips in {folder}: render them first (--stage render)")


def draw_batch(rng: np.random.Generator, clips: list[Clip], job: Job) -> tuple[Tensor, Tensor]:
    """Random stretches of random clips, at random speeds and equalised at random; frames and targets."""
    n = int(job.crop_s * NET_RATE_HZ)
    ears = np.zeros((job.batch, 2 * n, NETWORK_INPUTS), np.float32)
    wanted = np.zeros((job.batch, len(HEADS), n), np.float32)
    for row in range(job.batch):
        clip = clips[int(rng.integers(len(clips)))]
        faster = float(np.exp(rng.uniform(*np.log(_STRETCH)))) if rng.random() < 0.7 else 1.0
        first = 2 * int(rng.integers(0, max(1, (len(clip.ears) - int(2 * n * faster)) // 2 + 1)))
        part = stretched(clip.ears, first, 2 * n, faster)
        ears[row, : len(part)] = equalised(rng, part)
        wanted[row] = targets_of(clip, first // 2, n, faster)
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
    n_bands = (NETWORK_INPUTS - 12) // 2
    knots = rng.normal(0, 0.6, 6) + rng.normal(0, 0.5)
    gain = np.exp(np.interp(np.arange(n_bands), np.linspace(0, n_bands - 1, 6), knots))
    ears[:, :n_bands] = np.log1p(np.expm1(8 * ears[:, :n_bands]) * gain) / 8
    if rng.random() < 0.1:
        ears[:, -12:] = 1 / np.sqrt(12)
    else:  # in another key
        ears[:, -12:] = np.roll(ears[:, -12:], int(rng.integers(12)), axis=1)
    return ears


def targets_of(clip: Clip, first: int, n: int, faster: float = 1.0) -> np.ndarray:
    """1 at the net's frame of an event, 0.5 beside it, shape (3, n), of a clip heard `faster` from `first` on."""
    targets = np.zeros((len(HEADS), n + 2), np.float32)
    for row, times_s in enumerate((clip.beats_s, clip.downbeats_s, clip.onsets_s)):
        frames = np.rint((times_s * NET_RATE_HZ - first) / faster).astype(np.int64) + 1
        frames = frames[(frames >= 0) & (frames < n + 2)]
        for offset in (-1, 1):
            beside = frames + offset
            beside = beside[(beside >= 0) & (beside < n + 2)]
            targets[row, beside] = np.maximum(targets[row, beside], 0.5)
        targets[row, frames] = 1.0
    return targets[:, 1:-1]


@torch.no_grad()
def measure(net: Ears, clips: dict[str, list[Clip]]) -> dict[str, float]:
    """F of each head's plain peaks above one half on the performances kept apart."""
    net.eval()
    counts = np.zeros((len(HEADS), 3))  # hits, found, true
    for name in sorted(clips):
        if _trained_on(name):
            continue
        for clip in clips[name]:
            even = clip.ears[: len(clip.ears) // 2 * 2].astype(np.float32)
            shares = torch.sigmoid(net(torch.from_numpy(even)[None]))[0].numpy()
            for row, times_s in enumerate((clip.beats_s, clip.downbeats_s, clip.onsets_s)):
                counts[row] += _matched(_peaks_s(shares[row]), times_s)
    hits, found, true = counts.T
    f = 2 * hits / np.maximum(found + true, 1)
    return {head: round(100 * float(value), 1) for head, value in zip(HEADS, f, strict=True)}


def _peaks_s(share: Float) -> Float:
    inner = share[1:-1]
    peaks = np.flatnonzero((inner > share[:-2]) & (inner >= share[2:]) & (inner > 0.5)) + 1
    return peaks / NET_RATE_HZ


def _matched(found_s: Float, true_s: Float, within_s: float = 0.05) -> tuple[int, int, int]:
    near = np.abs(found_s[:, None] - true_s[None]).min(axis=0, initial=np.inf) <= within_s
    return int(near.sum()), len(found_s), len(true_s)


def _towards(average: Ears, net: Ears, keep: float) -> None:
    with torch.no_grad():
        for held, new in zip(average.parameters(), net.parameters(), strict=True):
            held.lerp_(new, 1 - keep)


def _save(job: Job, net: Ears, average: Ears, optimiser: torch.optim.Optimizer, step: int, spent_s: float) -> None:
    state = {
        "net": net.state_dict(),
        "average": average.state_dict(),
        "optimiser": copy.deepcopy(optimiser.state_dict()),
    }
    store.save(job.work / "ears.pt", state | {"step": step, "spent_s": spent_s, "shape": job.shape})
