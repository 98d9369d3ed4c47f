"""Stage 1: the autoencoder. Pictures are float, shape (batch, 3, height, width), -1 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderDC
from torch import Tensor

from beatwalk.training import parallel, store
from beatwalk.training.gallery import blocks, read_block
from beatwalk.training.models import Size, build_autoencoder
from beatwalk.training.optim import Average, Muon, rate
from beatwalk.training.sheet import sheet

CHECK = 3 * 60  # seconds between checkpoints
# luminance and two opponent colours: errors of hue are seen where errors of light hide
OPPONENT = ((0.3, 0.59, 0.11), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5))


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

    def done(self, step: int, clock: store.Clock) -> float:
        """Share of the stage that is done, 0–1, the same in all processes."""
        return parallel.agreed(clock.done if self.steps is None else step / self.steps)


class Crops:
    """Random crops of the painted set, some at half size; new blocks are seen as they come."""

    def __init__(self, folder: Path, side: int, rng: np.random.Generator, holdout: int = 1) -> None:
        self.folder, self.side, self.rng, self.holdout = folder, side, rng, holdout
        self.arrays: list[np.ndarray] = []

    def batch(self, count: int) -> Tensor:
        """``count`` crops, uint8, shape (count, side, side, 3); the first ``holdout`` blocks are left out."""
        if not self.arrays or self.rng.random() < 0.01:
            self.arrays = [read_block(path)[0] for path in blocks(self.folder)[self.holdout :]]
        out = np.empty((count, self.side, self.side, 3), np.uint8)
        for i in range(count):
            array = self.arrays[self.rng.integers(len(self.arrays))]
            picture = array[self.rng.integers(len(array))]
            side = self.side
            if picture.shape[0] >= 2 * side and self.rng.random() < 0.25:
                top, left = self.rng.integers(0, picture.shape[0] - 2 * side + 1, 2)
                part = picture[top : top + 2 * side, left : left + 2 * side].reshape(side, 2, side, 2, 3)
                crop = part.mean((1, 3)).round().astype(np.uint8)
            else:
                top, left = self.rng.integers(0, picture.shape[0] - self.side + 1, 2)
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
    array, _ = read_block(blocks(job.work / "set")[0])
    index = np.linspace(0, len(array) - 1, count).astype(int)
    return to_float(torch.from_numpy(np.ascontiguousarray(array[index])), job.device)


def train_autoencoder(job: Job) -> AutoencoderDC:
    """Train until the minutes are spent; returns the averaged model in evaluation mode."""
    path, journal = job.work / "autoencoder.pt", job.work / "autoencoder.jsonl"
    torch.manual_seed(job.seed)  # weights of the library's constructors come from the global generator
    model = build_autoencoder(job.size).to(job.device).to(memory_format=torch.channels_last)
    optimiser = Muon(model.named_parameters(), lr=1e-3, plain=("conv_in", "conv_out"))
    average = Average(model)
    step, clock = 0, store.Clock(job.minutes)
    state = store.load(path) if job.resume else None
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.weights = {k: v.to(job.device) for k, v in state["average"].items()}
        step, clock = state["step"], store.Clock(job.minutes, state["spent_s"])
    generator = torch.Generator(job.device).manual_seed(job.seed + step + 77 * parallel.rank())
    crops = Crops(job.work / "set", job.size.crop, np.random.default_rng(job.seed + step + 77 * parallel.rank()))
    model.train()

    def loss_of(x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(job.device, torch.bfloat16):
            latent = model.encode(x).latent
            output = model.decode(latent + noise).sample
        z = latent.float()
        mean, std = z.mean((0, 2, 3)), z.std((0, 2, 3))
        shape = (mean**2).mean() + ((std - 1) ** 2).mean() + 0.02 * torch.relu(z.abs() - 3.5).mean()
        error = picture_loss(output.float(), x)
        return error + 0.05 * shape, error.detach()

    run: Any = torch.compile(loss_of) if job.compile else loss_of
    recent, begin = 0.0, step
    while (done := job.done(step, clock)) < 1:
        x = to_float(crops.batch(max(1, job.size.batch_autoencoder // parallel.world())), job.device)
        side = job.size.crop // job.size.factor
        noise = torch.randn((len(x), 16, side, side), generator=generator, device=job.device)
        noise = noise * torch.rand((len(x), 1, 1, 1), generator=generator, device=job.device) * 0.12
        for group in optimiser.param_groups:
            group["lr"] = rate(step, done, 1.5e-3)

        def work(x: Tensor = x, noise: Tensor = noise) -> Tensor:
            loss, error = run(x, noise)
            loss.backward()
            return error

        error = parallel.first_alone(step - begin, work)
        parallel.share_gradients(model.parameters())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(model, step)
        step += 1
        recent = float(error) if step == begin + 1 else 0.97 * recent + 0.03 * float(error)
        if parallel.rank():
            continue
        if clock.due("log", 30):
            store.log(journal, stage="autoencoder", step=step, minutes=clock.spent_s / 60, loss=recent)
        if clock.due("save", CHECK):
            _save(path, model, optimiser, average, step, clock)
        if clock.due("sheet", 2 * CHECK):
            report(job, average, journal, step, clock)
    if parallel.rank() == 0:
        _save(path, model, optimiser, average, step, clock)
        report(job, average, journal, step, clock)
    parallel.agreed(0.0)  # the others wait until the file is there
    return load_autoencoder(job)


def _save(path: Path, model: AutoencoderDC, optimiser: Muon, average: Average, step: int, clock: store.Clock) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average.weights}
    store.save(path, state | {"step": step, "spent_s": clock.spent_s})


def load_autoencoder(job: Job) -> AutoencoderDC:
    """The averaged autoencoder of the last checkpoint, in evaluation mode."""
    state = store.load(job.work / "autoencoder.pt")
    if state is None:
        raise FileNotFoundError(f"no autoencoder checkpoint in {job.work}: train that stage first")
    model = build_autoencoder(job.size).to(job.device)
    model.load_state_dict(state["average"])
    return model.eval().to(memory_format=torch.channels_last)


@torch.inference_mode()
def report(job: Job, average: Average, journal: Path, step: int, clock: store.Clock) -> None:
    """Measure the averaged model on held-out pictures; write figures and a sheet of pairs."""
    model = build_autoencoder(job.size).to(job.device)
    model.load_state_dict(average.weights)
    model = model.eval().to(memory_format=torch.channels_last)
    x = held_out(job)
    with torch.autocast(job.device, torch.bfloat16):
        z = torch.cat([model.encode(part).latent for part in x.split(4)]).float()
        y = torch.cat([model.decode(part).sample.float() for part in z.split(4)])
    spread = z.std((0, 2, 3))
    store.log(
        journal,
        stage="autoencoder",
        step=step,
        minutes=clock.spent_s / 60,
        psnr_db=psnr(y, x),
        latent_std=[round(float(s), 3) for s in (spread.min(), spread.mean(), spread.max())],
    )
    both = [p for pair in zip(x[:8], y[:8], strict=True) for p in pair]
    pictures = [((p.clamp(-1, 1) + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy() for p in both]
    sheet(pictures, job.work / "sheets" / f"autoencoder-{step:06d}.png", 4, side=job.size.picture // 2)
