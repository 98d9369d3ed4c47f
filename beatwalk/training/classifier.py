"""A small classifier of subject and palette, trained on painter's pictures: the judge of the evaluation."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from beatwalk.training import store
from beatwalk.training.gallery import blocks, read_block
from beatwalk.training.painter import PALETTES, SUBJECTS
from beatwalk.training.stage import Job, Stage

SIDE = 128  # pixels a side that the classifier sees
SUBJECT_NAMES, PALETTE_NAMES = list(SUBJECTS), list(PALETTES)


class Halve(nn.Module):
    """Halve the size, then one residual convolution."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(before, width, 3, 2, 1, bias=False)
        self.norm = nn.GroupNorm(8, width)
        self.keep = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        """Features of half the height and width."""
        h = F.silu(self.norm(self.down(x)))
        return h + F.silu(self.norm2(self.keep(h)))


class Judge(nn.Module):
    """Residual convolutions; gives subject logits, palette logits and a feature vector."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        widths = [width, width * 2, width * 4, width * 6]
        self.stem = nn.Conv2d(3, width, 4, 2, 1)
        self.stages = nn.Sequential(*(Halve(a, b) for a, b in pairwise([width, *widths])))
        self.subject = nn.Linear(2 * widths[-1], len(SUBJECT_NAMES))
        self.palette = nn.Linear(2 * widths[-1] + 24, len(PALETTE_NAMES))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judge pictures, float, shape (batch, 3, SIDE, SIDE), -1 to 1."""
        pooled = F.adaptive_avg_pool2d(x, (2, 4)).flatten(1)
        h = self.stages(self.stem(x))
        features = torch.cat((h.mean((2, 3)), h.amax((2, 3))), 1)
        return self.subject(features), self.palette(torch.cat((features, pooled), 1)), features


def shrink(pictures: np.ndarray) -> Tensor:
    """uint8 pictures (n, height, width, 3) as the classifier sees them."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return F.interpolate(x, (SIDE, SIDE), mode="area")


def small_set(work: Path, holdout: bool) -> tuple[Tensor, Tensor]:
    """Painted pictures shrunk to SIDE (uint8) and their classes (n, 2); block 0 if ``holdout``, else the rest."""
    kept, labels = [], []
    for path in blocks(work / "set")[:1] if holdout else blocks(work / "set")[1:]:
        pictures, shown = read_block(path)
        small = torch.cat([shrink(np.asarray(pictures[i : i + 16])) for i in range(0, len(pictures), 16)])
        kept.append(((small + 1) * 127.5).round().byte())
        labels += [(SUBJECT_NAMES.index(s.subject), PALETTE_NAMES.index(s.palette)) for s in shown]
    return torch.cat(kept), torch.tensor(labels)


def train_judge(job: Job) -> Judge:
    """Train until the minutes are spent; prints accuracy on the held-out block."""
    torch.manual_seed(job.seed)
    pictures, labels = small_set(job.work, holdout=False)
    model = Judge().to(job.device)
    stage = Stage(job, "judge", model, plain=("stem", "subject", "palette"), peak=2e-3, decay=0.99, warm=30, hold=0.3)

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            subject, palette, _ = model(x)
        return F.cross_entropy(subject.float(), y[:, 0]) + F.cross_entropy(palette.float(), y[:, 1])

    while stage.done() < 1:
        index = torch.randint(0, len(pictures), (32,), generator=stage.generator, device=job.device).cpu()
        x = pictures[index].to(job.device).float() / 127.5 - 1
        x = x.flip(-1) if stage.step % 2 else x
        x = x + 0.05 * torch.randn(x.shape, generator=stage.generator, device=job.device)
        x = x.contiguous(memory_format=torch.channels_last)
        stage.learn(partial(loss_of, x, labels[index].to(job.device)))
        stage.tend()
    stage.finish()
    judge = load_judge(job.work)
    held, truth = small_set(job.work, holdout=True)
    with torch.inference_mode():
        subject, palette, _ = judge(held.float() / 127.5 - 1)
    stage.note(
        subject=float((subject.argmax(1) == truth[:, 0]).float().mean()),
        palette=float((palette.argmax(1) == truth[:, 1]).float().mean()),
    )
    return judge


def load_judge(work: Path) -> Judge:
    """The trained classifier of a workplace."""
    state = store.load(work / "judge.pt")
    if state is None:
        raise FileNotFoundError(f"no judge.pt in {work}: run python -m beatwalk.training.evaluate --train-minutes 5")
    model = Judge()
    model.load_state_dict(state["average"])
    return model.eval()
