"""Stage 1: the autoencoder. Pictures are float, shape (batch, 3, height, width), -1 to 1."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import Tensor

from beatwalk.training import parallel, store
from beatwalk.training.gallery import HELD_OUT, blocks, kept, read_block
from beatwalk.training.models import LATENT_CHANNELS, build_autoencoder
from beatwalk.training.sheet import sheet
from beatwalk.training.stage import Job, Stage, need

# luminance and two opponent colours: errors of hue are seen where errors of light hide
OPPONENT = ((0.3, 0.59, 0.11), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5))


class Crops:
    """Random crops of the painted set, some at half size; new blocks are seen as they come."""

    def __init__(self, folder: Path, side: int, rng: np.random.Generator) -> None:
        self.folder, self.side, self.rng = folder, side, rng
        self.arrays: list[np.ndarray] = []

    def batch(self, count: int) -> Tensor:
        """``count`` crops, uint8, shape (count, side, side, 3); of the blocks that are not held out."""
        if not self.arrays or self.rng.random() < 0.01:
            self.arrays = [read_block(path)[0] for path in blocks(self.folder, HELD_OUT)]
        out = np.empty((count, self.side, self.side, 3), np.uint8)
        for i in range(count):
            array = self.arrays[self.rng.integers(len(self.arrays))]
            picture = array[self.rng.integers(len(array))]
            side = self.side
            room = np.array(picture.shape[:2])
            if min(room) >= 2 * side and self.rng.random() < 0.25:
                top, left = self.rng.integers(0, room - 2 * side + 1)
                part = picture[top : top + 2 * side, left : left + 2 * side].reshape(side, 2, side, 2, 3)
                crop = part.mean((1, 3)).round().astype(np.uint8)
            else:
                top, left = self.rng.integers(0, room - side + 1)
                crop = picture[top : top + self.side, left : left + self.side]
            if self.rng.random() < 0.5:
                crop = crop[:, ::-1]
            out[i] = crop.transpose(1, 0, 2) if self.rng.random() < 0.15 else crop
        return torch.from_numpy(out)


def to_float(pictures: Tensor, device: str) -> Tensor:
    """uint8 (batch, height, width, 3) to -1–1, channels first, in channels-last memory."""
    return (pictures.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def picture_loss(output: Tensor, target: Tensor) -> Tensor:
    """Charbonnier error in opponent colours plus errors of gradients at three scales."""
    matrix = torch.tensor(OPPONENT, device=target.device).view(3, 3, 1, 1)
    error = F.conv2d(output - target, matrix)
    weight = torch.tensor((1.0, 1.4, 1.4), device=target.device).view(1, 3, 1, 1)
    total = (torch.sqrt(error * error + 1e-4) * weight).mean() + 1.5 * (error * error * weight).mean()
    for scale in (1, 2, 4):
        e = F.avg_pool2d(error, scale) if scale > 1 else error
        dx, dy = e[..., 1:] - e[..., :-1], e[..., 1:, :] - e[..., :-1, :]
        total = total + 0.5 * (torch.sqrt(dx * dx + 1e-4).mean() + torch.sqrt(dy * dy + 1e-4).mean())
    return total


def psnr(output: Tensor, target: Tensor) -> float:
    """Mean over pictures of the peak signal-to-noise ratio in dB; range -1 to 1."""
    error = ((output.clamp(-1, 1) - target) ** 2).mean((1, 2, 3)) / 4
    return float((-10 * torch.log10(error + 1e-10)).mean())


def held_out(job: Job, count: int = 16) -> Tensor:
    """The same whole pictures each time, never trained on, as float."""
    return to_float(torch.from_numpy(kept(job.work / "set", count)), job.device)


def train_autoencoder(job: Job) -> AutoencoderDC:
    """Train until the minutes are spent; returns the averaged model in evaluation mode."""
    size = job.size
    torch.manual_seed(job.seed)  # weights of the library's constructors come from the global generator
    model = build_autoencoder(size).to(job.device).to(memory_format=torch.channels_last)
    stage = Stage(job, "autoencoder", model, plain=("conv_in", "conv_out"), peak=1.5e-3, decay=0.999)
    crops = Crops(job.work / "set", size.crop, np.random.default_rng(stage.seed))
    count, side = max(1, size.batch_autoencoder // parallel.world()), size.crop // size.factor

    def loss_of(x: Tensor, noise: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            latent = model.encode(x).latent
            output = model.decode(latent + noise).sample
        error = picture_loss(output.float(), x)
        z = latent.float()
        mean, std = z.mean((0, 2, 3)), z.std((0, 2, 3))  # kept near 0 and 1: what the flow likes
        shape = (mean**2).mean() + ((std - 1) ** 2).mean() + 0.02 * torch.relu(z.abs() - 3.5).mean()
        return error + 0.05 * shape

    run: Any = torch.compile(loss_of) if job.compile else loss_of
    while stage.done() < 1:
        x = to_float(crops.batch(count), job.device)
        noise = torch.randn((count, LATENT_CHANNELS, side, side), generator=stage.generator, device=job.device)
        much = torch.rand((count, 1, 1, 1), generator=stage.generator, device=job.device) * 0.12
        stage.learn(partial(run, x, noise * much))
        stage.tend(partial(report, stage))
    stage.finish(partial(report, stage))
    return load_autoencoder(job)


def load_autoencoder(job: Job) -> AutoencoderDC:
    """The averaged autoencoder of the last checkpoint, in evaluation mode, with the longer trained decoder if any."""
    state = need(job, "autoencoder")
    model = build_autoencoder(job.size).to(job.device)
    model.load_state_dict(state["average"])
    later = store.load(job.work / "decoder.pt")
    if later and later["base"] == state["step"]:
        model.load_state_dict(later["average"])
    return model.eval().to(memory_format=torch.channels_last)


@torch.inference_mode()
def report(stage: Stage) -> None:
    """Measure the averaged model on held-out pictures; write figures and a sheet of pairs."""
    job = stage.job
    model = build_autoencoder(job.size).to(job.device)
    model.load_state_dict(stage.average.weights)
    model = model.eval().to(memory_format=torch.channels_last)
    x = held_out(job)
    with torch.autocast(job.device, torch.bfloat16):
        z = torch.cat([model.encode(part).latent for part in x.split(4)]).float()
        y = torch.cat([model.decode(part).sample.float() for part in z.split(4)])
    spread = z.std((0, 2, 3))
    stage.note(
        psnr_db=psnr(y, x), latent_std=[round(float(s), 3) for s in (spread.min(), spread.mean(), spread.max())]
    )
    both = [p for pair in zip(x[:8], y[:8], strict=True) for p in pair]
    pictures = [((p.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy() for p in both]
    sheet(pictures, job.work / "sheets" / f"{stage.name}-{stage.step:06d}.png", 4, side=job.size.picture // 2)
