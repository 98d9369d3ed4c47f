"""A small classifier of subject and palette: the judge of the evaluation.

It learns from pictures that the painter paints while it trains: each is seen a few times, so it cannot know them by
heart, and needs no set on disk.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from beatwalk.training import store
from beatwalk.training.painter import PALETTES, SUBJECTS, Attributes, paint
from beatwalk.training.painter.captions import draw_attributes
from beatwalk.training.stage import Job, Stage

SIDE = 128  # pixels of the shorter side that the classifier sees
SUBJECT_NAMES, PALETTE_NAMES = list(SUBJECTS), list(PALETTES)
ROOM = 4096  # pictures that are kept to draw batches from
BATCH = 32
FRAMES = ((1.0, 1.0),) * 5 + ((1.0, 1.5), (1.5, 1.0), (1.0, 2.0))  # shapes that are painted, height and width
FIRST_SEED = 1_000_000  # the painted set's lie below, those of the evaluation far above


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


class Colours(nn.Module):
    """Which colours there are, wherever: a learnt histogram of pixels, with their neighbours smoothed in and not."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Conv2d(7, width, 1), nn.SiLU(), nn.Conv2d(width, width, 1), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        """Pictures, -1 to 1 → shape (batch, 4 width)."""
        found = []
        for image in (x[..., ::2, ::2], F.avg_pool2d(x, 8)):
            value = image.amax(1, keepdim=True).clamp(min=-1) + 1.02
            ratio = (image + 1) / value  # the colour without its brightness
            h = self.each(torch.cat((image, value.log(), 4 * (ratio - ratio.mean(1, keepdim=True))), 1))
            found += [h.mean((2, 3)), h.amax((2, 3))]
        return torch.cat(found, 1)


class Judge(nn.Module):
    """Residual convolutions; gives subject logits, palette logits and a feature vector."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        widths = [width, width * 2, width * 4, width * 6]
        self.stem = nn.Conv2d(3, width, 4, 2, 1)
        self.stages = nn.Sequential(*(Halve(a, b) for a, b in pairwise([width, *widths])))
        self.colours = Colours()
        self.subject = nn.Linear(2 * widths[-1], len(SUBJECT_NAMES))
        both = 2 * widths[-1] + 4 * 48
        self.palette = nn.Sequential(
            nn.LayerNorm(both), nn.Linear(both, 256), nn.SiLU(), nn.Linear(256, len(PALETTE_NAMES))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judge pictures, float, -1 to 1, shape (batch, 3, height, width), shorter side SIDE."""
        h = self.stages(self.stem(x))
        features = torch.cat((h.mean((2, 3)), h.amax((2, 3))), 1)
        return self.subject(features), self.palette(torch.cat((features, self.colours(x)), 1)), features


def shrink(pictures: np.ndarray) -> Tensor:
    """uint8 pictures (n, height, width, 3) as the classifier sees them."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    height, width = x.shape[2:]
    short = min(height, width)
    return F.interpolate(x, (round(SIDE * height / short), round(SIDE * width / short)), mode="area")


def classes(shown: list[Attributes]) -> Tensor:
    """Class numbers of subject and palette, shape (len(shown), 2)."""
    return torch.tensor([(SUBJECT_NAMES.index(s.subject), PALETTE_NAMES.index(s.palette)) for s in shown])


def fresh(seed: int, device: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless pictures, uint8, shape (n, SIDE, SIDE, 3), and their classes, (n, 2), one subject at a time.

    Half the calls paint few pictures at twice the size and shrink them, as those of the evaluation are shrunk, half
    paint many as small as they are looked at. Of those that are not square some square is cut.
    """
    rng = random.Random(seed)
    order: list[str] = []
    while True:
        if not order:
            order = rng.sample(SUBJECT_NAMES, len(SUBJECT_NAMES))
        subject, times, (high, wide) = order.pop(), rng.choice((1, 2)), rng.choice(FRAMES)
        shown = [draw_attributes(subject, rng) for _ in range(16 // times**2)]
        side = SIDE * times
        with torch.inference_mode():
            made = paint(shown, round(side * high), round(side * wide), FIRST_SEED + rng.randrange(2**22), device)
        small = ((shrink(made.cpu().numpy()) + 1) * 127.5).round().byte()
        top, left = (rng.randrange(length - SIDE + 1) for length in small.shape[2:])
        yield small[..., top : top + SIDE, left : left + SIDE].permute(0, 2, 3, 1).clone(), classes(shown)


class Pool:
    """The newest ROOM pictures of a stream; each batch brings in some new ones."""

    def __init__(self, stream: Iterator[tuple[Tensor, Tensor]], first: int) -> None:
        self.stream = stream
        self.pictures = torch.empty((ROOM, SIDE, SIDE, 3), dtype=torch.uint8)
        self.classes = torch.empty((ROOM, 2), dtype=torch.long)
        self.seen = 0
        while self.seen < first:
            self.grow()

    def grow(self) -> None:
        """Take in the next pictures of the stream, in the place of the oldest."""
        made, labels = next(self.stream)
        place = torch.arange(self.seen, self.seen + len(made)) % ROOM
        self.pictures[place], self.classes[place] = made, labels
        self.seen += len(made)

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Pictures as the judge sees them, with small changes that keep what they show, and their classes."""
        self.grow()
        count = min(self.seen, ROOM)
        index = torch.randint(0, count, (BATCH,), generator=generator)
        x = self.pictures[index].permute(0, 3, 1, 2).float() / 127.5 - 1
        chance = torch.rand((BATCH, 4), generator=generator)
        x = torch.where((chance[:, 0] < 0.5).view(-1, 1, 1, 1), x.flip(-1), x)
        shift = (chance[:, 1:3] * 12 - 6).round().int().tolist()
        x = torch.stack([p.roll((a, b), (1, 2)) for p, (a, b) in zip(x, shift, strict=True)])
        noise = torch.randn(x.shape, generator=generator) * 0.08 * chance[:, 3].view(-1, 1, 1, 1)
        return (x + noise).clamp(-1, 1).contiguous(memory_format=torch.channels_last), self.classes[index]


def train_judge(job: Job) -> Judge:
    """Train until the minutes are spent."""
    torch.manual_seed(job.seed)
    model = Judge().to(job.device)
    plain = ("stem", "subject", "palette", "colours")
    stage = Stage(job, "judge", model, plain=plain, peak=2e-3, decay=0.995, warm=30, hold=0.4)
    pool = Pool(fresh(stage.seed, job.device), 16 * BATCH if job.steps is None else BATCH)
    chance = torch.Generator().manual_seed(stage.seed)

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            subject, palette, _ = model(x)
        return F.cross_entropy(subject.float(), y[:, 0]) + F.cross_entropy(palette.float(), y[:, 1])

    while stage.done() < 1:
        x, y = pool.batch(chance)
        stage.learn(partial(loss_of, x.to(job.device), y.to(job.device)))
        stage.tend()
    stage.finish()
    return load_judge(job.work)


def load_judge(work: Path) -> Judge:
    """The trained classifier of a workplace."""
    state = store.load(work / "judge.pt")
    if state is None:
        raise FileNotFoundError(f"no judge.pt in {work}: run python -m beatwalk.training.evaluate --train-minutes 30")
    model = Judge()
    model.load_state_dict(state["average"])
    return model.eval()
