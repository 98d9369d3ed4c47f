"""Stage 5: fine detail, for the decoder alone; latents, and what is trained on them, stay valid.

A latent pixel stands for 256 picture pixels in 16 numbers: stars, grain and foam do not fit in. Trained to be near,
pixel by pixel, a decoder answers with their mean, a blur. Here it is asked for something else:

- nearness where the latents can tell (pictures at half, quarter and eighth size);
- as much contrast in the finest bands as the picture has there (energy by frequency, of a place and of all of it:
  of a place the latents often cannot tell, and the likeliest amount is less than the mean; of the whole they can);
- no lattice: detail that repeats from cell to cell, the cheapest way to that contrast, only as far as the picture's;
- detail that a critic cannot tell from the picture's own (a relativistic pair loss, Jolicoeur-Martineau 2019, on
  patches as in pix2pix, Isola et al. 2017; weighed by gradients as in VQGAN, Esser et al. 2021). What it is shown has
  the picture's own coarse part and no fine colour, so that it judges detail of light alone: shown all, it bends
  colours back and forth, and asks for coloured grain, which eyes hardly see and which lies farther from the picture.

What it decodes are the picture's latents and, for half of the batch (rounded up), those latents as the student of the
stage before leaves them: its last step, from a quarter of noise, answers with a mean of all that may have been there,
and a decoder that never saw such latents gives a tenth less detail for them.
"""

from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import Tensor, nn

from beatwalk.training import parallel
from beatwalk.training.autoencoder import OPPONENT, Crops, load_autoencoder, picture_loss, report, to_float
from beatwalk.training.few import STEPS, newest
from beatwalk.training.flow import Painterly, load_flow, wordless
from beatwalk.training.stage import Job, Stage, need

BLOCK = 8  # pixels a side whose spectrum is compared; they overlap by half
WINDOW = 4  # blocks a side of a place, over which it is averaged: of chance, only the amount can be asked for
ENERGY_WEIGHT = 1.2
FAINT = 1e-4  # energy that counts as none: grain too fine to be told from the latents
PERIODS = (8, 16)  # pixels after which a lattice repeats: of layers whose cells are 2, 4 and 8, and of a latent pixel
CELLS = 8  # a side, over which repeats are sought
LATTICE_WEIGHT = 0.5  # for each
UNSEEN = 1.6e-5  # energy of a lattice that no eye finds: half a level of 255
PEAK = 5e-5  # learning rate; four times as much costs a finished decoder 1.5 dB within 200 steps
COARSE = 8  # pixels that are averaged for the part that the critic does not judge
CRITIC_SHARE = 0.3  # of the critic's gradient, in pictures, compared with that of the other losses
CRITIC_WARM = 200  # steps until it has all of its share: one that has learnt nothing yet would shake a good decoder


class Critic(nn.Module):
    """Says of every patch of a picture how real it looks; patches of 54 pixels, one every 8."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm  # keeps it smooth (Miyato et al., 2018)
        self.layers = nn.Sequential(
            norm(nn.Conv2d(3, width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            norm(nn.Conv2d(2 * width, 4 * width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            norm(nn.Conv2d(4 * width, 4 * width, 3, 1, 1)),
            nn.LeakyReLU(0.2),
            norm(nn.Conv2d(4 * width, 1, 3, 1, 1)),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures of -1 to 1, shape (batch, 3, height, width) → scores, shape (batch, 1, height / 8, width / 8)."""
        scores: Tensor = self.layers(pictures)
        return scores


@cache
def cosines() -> Tensor:
    """Patterns of a discrete cosine transform that are finer than a quarter of Nyquist, (patterns, 1, BLOCK, BLOCK).

    Each has norm 1, so that white noise has the same energy in all of them.
    """
    place, number = torch.arange(BLOCK), torch.arange(BLOCK)[:, None]
    rows = torch.cos(torch.pi * (place + 0.5) * number / BLOCK) * math.sqrt(2 / BLOCK)
    rows[0] /= math.sqrt(2)
    patterns = torch.einsum("uy,vx->uvyx", rows, rows)
    fine = torch.hypot(number.float(), number.T.float()) >= BLOCK / 4
    return patterns[fine][:, None].contiguous()


def fine_energy(pictures: Tensor) -> Tensor:
    """Energy of fine detail in luminance by block and frequency, shape (batch, patterns, rows, columns)."""
    found = F.conv2d(light(pictures), cosines().to(pictures), stride=BLOCK // 2)
    return found * found


def light(pictures: Tensor) -> Tensor:
    """Luminance, shape (batch, 1, height, width)."""
    return (pictures * pictures.new_tensor(OPPONENT[0]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def energy_loss(output: Tensor, target: Tensor) -> Tensor:
    """How different the energies of fine detail are at each place and on the whole, as the logarithm of a ratio.

    By frequency, because energy alone can be had cheaply: as a lattice, which is all in one.
    """
    ours, theirs = fine_energy(output), fine_energy(target)
    different = []
    for window in (min(WINDOW, *ours.shape[2:]), ours.shape[2:]):
        here, asked = ((F.avg_pool2d(x, window, 1) + FAINT).log() for x in (ours, theirs))
        different.append((here - asked).abs().mean())
    return torch.stack(different).mean()


def finest(pictures: Tensor) -> Tensor:
    """Pictures without what is coarser than a few pixels."""
    return pictures - F.avg_pool2d(pictures, 5, 1, 2, count_include_pad=False)


def lattice_energy(pictures: Tensor, period: int, most: int = CELLS) -> Tensor:
    """Energy of detail that stands at the same place of every cell, by channel, (batch, channels, rows, columns).

    What is finer than a cell, `period` pixels a side, is averaged over all cells of a field: what differs from cell
    to cell goes, but for a part in as many as there are cells (`most` a side); what repeats stays.
    """
    cells = min(most, *(length // period for length in pictures.shape[2:]))
    side = cells * period
    height, width = (length // side * side for length in pictures.shape[2:])
    fine = finest(pictures)[..., :height, :width]
    fields = fine.unflatten(3, (-1, cells, period)).unflatten(2, (-1, cells, period))
    pattern = fields.mean((3, 6))  # batch, 3, rows, period, columns, period
    return (pattern - pattern.mean((3, 5), keepdim=True)).square().mean((3, 5))


def lattice_loss(output: Tensor, target: Tensor) -> Tensor:
    """How much more lattice there is than in the picture (it may hold one: a grid), as the logarithm of a ratio."""
    excess = []
    for period in PERIODS:
        ours, theirs = ((lattice_energy(x, period) + UNSEEN).log() for x in (output, target))
        excess.append(torch.relu(ours - theirs).mean())
    return torch.stack(excess).sum()


def detail_loss(output: Tensor, target: Tensor) -> Tensor:
    """Detail of the picture's energies, without a lattice."""
    return ENERGY_WEIGHT * energy_loss(output, target) + LATTICE_WEIGHT * lattice_loss(output, target)


def coarse(pictures: Tensor) -> Tensor:
    """Pictures without what is finer than `COARSE` pixels."""
    small = F.avg_pool2d(pictures, COARSE)
    return F.interpolate(small, scale_factor=float(COARSE), mode="bilinear", align_corners=False)


def judged(output: Tensor, target: Tensor) -> Tensor:
    """What the critic is shown: the picture's coarse part with the output's fine light."""
    return coarse(target) + light(output - coarse(output))


def near_loss(output: Tensor, target: Tensor) -> Tensor:
    """Error where the latents can tell, and a little of every pixel."""
    half, quarter, coarsest = (picture_loss(F.avg_pool2d(output, k), F.avg_pool2d(target, k)) for k in (2, 4, COARSE))
    return half + quarter + coarsest + 0.1 * picture_loss(output, target)


class Finisher:
    """Latents of pictures as the newest model leaves them: its last step, without words.

    Crops are smaller than the pictures that it learnt from; at so late a step it errs no more on them, nor without
    words (squared error 0.047 of a variance of 0.8; 0.049 with captions on whole pictures).
    """

    def __init__(self, job: Job) -> None:
        name = newest(job)
        self.model: Painterly = load_flow(job, name).requires_grad_(False)
        self.scale: float = need(job, name)["scale"]
        self.device = job.device
        self.states, self.mask = wordless(job, self.model)

    @torch.no_grad()
    def __call__(self, latents: Tensor, noise: Tensor) -> Tensor:
        """Latents of the autoencoder and noise of deviation 1 → latents, all of one shape."""
        n, t = len(latents), 1 / STEPS
        x = (1 - t) * latents * self.scale + t * noise
        states, mask = self.states.expand(n, -1, -1), self.mask.expand(n, -1)
        with torch.autocast(self.device, torch.bfloat16):
            v = self.model.velocity(x, x.new_full((n,), t), states, mask).float()
        return (x - t * v) / self.scale


def train_decoder(job: Job) -> AutoencoderDC:
    """Train until the minutes are spent, from the finished autoencoder; returns it in evaluation mode."""
    size = job.size
    model = load_autoencoder(job)
    model.encoder.requires_grad_(False)
    torch.manual_seed(job.seed)  # weights of constructors come from the global generator
    critic = Critic(size.channels[0]).to(job.device)
    base = float(need(job, "autoencoder")["step"])
    # AdamW for all: Muon would follow the critic's noise as far as everything else. Little momentum: two that chase
    # each other would swing
    extra = {"base": base}
    stage = Stage(job, "decoder", model, plain=("",), peak=PEAK, decay=0.998, momentum=0.5, extra=extra)
    judge = Stage(job, "critic", critic, plain=("",), peak=1e-3, decay=0.9, momentum=0.0, extra=extra)
    crop = 2 * size.crop
    crops = Crops(job.work / "set", crop, np.random.default_rng(stage.seed))
    count = max(1, size.batch_autoencoder // 2 // parallel.world())
    finish = Finisher(job)

    def scores(output: Tensor, x: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            found: Tensor = critic(judged(output, x))
        return found.float()

    @torch.no_grad()
    def encoded(x: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            latents: Tensor = model.encode(x).latent
        return latents.float()

    def decoded(latents: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            output: Tensor = model.decode(latents).sample
        return output.float()

    def loss_of(output: Tensor, x: Tensor) -> Tensor:
        """Loss against the picture, with a gradient that the critic has its share in."""
        seen = output.detach().requires_grad_(True)
        loss = near_loss(seen, x) + detail_loss(seen, x)
        (own,) = torch.autograd.grad(loss, seen)
        (asked,) = torch.autograd.grad(F.softplus(scores(x, x).detach() - scores(seen, x)).mean(), seen)
        share = CRITIC_SHARE * min(1.0, judge.step / CRITIC_WARM)
        gradient = own + share * own.norm() / (asked.norm() + 1e-12) * asked
        pull = (output * gradient).sum()
        return loss.detach() + pull - pull.detach()

    def loss_of_critic(output: Tensor, x: Tensor) -> Tensor:
        return F.softplus(scores(output, x) - scores(x, x)).mean()

    encode: Any = torch.compile(encoded) if job.compile else encoded
    decode: Any = torch.compile(decoded) if job.compile else decoded
    while stage.done() < 1:
        judge.done()
        x = to_float(crops.batch(count), job.device)
        latents = encode(x)
        first, rest = latents[: -(-count // 2)], latents[-(-count // 2) :]
        noise = torch.randn(first.shape, generator=stage.generator, device=job.device)
        output = decode(torch.cat((finish(first, noise), rest)))
        critic.requires_grad_(False)
        stage.learn(partial(loss_of, output, x))
        critic.requires_grad_(True)
        judge.learn(partial(loss_of_critic, output.detach(), x))
        stage.tend(partial(report, stage))
        judge.tend()
    judge.finish()
    stage.finish(partial(report, stage))
    return load_autoencoder(job)
