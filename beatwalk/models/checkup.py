"""Try a model: speed and memory for one picture, and how far one latent cell reaches.

An autoencoder should paint each part of a picture from the latents around it. Stable Diffusion's first one leaks: it
keeps global information in one spot of the latents, and a change there changes the whole picture. The probe changes
one cell by the standard deviation of the latents, decodes, and measures where the picture changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from beatwalk.core import PeakMemory
from beatwalk.models.library_logs import silence_libraries
from beatwalk.models.vae import decoded, encoded
from beatwalk.types import Float32, Frames, ModelInfo

if TYPE_CHECKING:
    from beatwalk.models.diffusers_backend import DiffusionGenerator

PROBED = 3  # cells along each side of a grid
NEAR_CELLS = 6  # about as far as a decoder's convolutions reach
LEAKY_SHARE = 0.1  # an autoencoder leaks if more than this share of the change lies farther away
PROMPT = "a golden city by the sea at sunset"


@dataclass(frozen=True, kw_only=True, eq=False)
class Leak:
    """How far a change of one latent cell reaches."""

    far_share: float  # of the picture's change that lies more than NEAR_CELLS away; mean of the probed cells
    worst_share: float  # the same, of the cell that reaches farthest
    worst_cell: tuple[int, int]  # its row and column
    map: Float32  # shape (height, width): change of the picture for that cell, levels of 255

    @property
    def leaks(self) -> bool:
        """Whether a cell reaches farther than in a sound autoencoder."""
        return self.worst_share > LEAKY_SHARE


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkup:
    """One picture, and its cost."""

    picture: Frames  # shape (height, width, 3)
    seconds: float  # for the second picture
    first_seconds: float  # for the first picture
    peak_mb: float  # of this process
    peak_device_mb: float | None
    leak: Leak
    info: ModelInfo

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        height, width = self.picture.shape[:2]
        return {
            "model": self.info.name,
            "family": self.info.family,
            "device": self.info.device,
            "dtype": self.info.dtype,
            "size": [width, height],
            "steps": self.info.steps,
            "seconds": round(self.seconds, 4),
            "first_seconds": round(self.first_seconds, 4),
            "peak_mb": round(self.peak_mb, 1),
            "peak_device_mb": self.peak_device_mb,
            "vae_far_share": round(self.leak.far_share, 5),
            "vae_worst_share": round(self.leak.worst_share, 5),
            "vae_worst_cell": list(self.leak.worst_cell),
            "vae_leaks": self.leak.leaks,
        }

    def to_text(self) -> str:
        """A few lines for people."""
        height, width = self.picture.shape[:2]
        device = f", {self.peak_device_mb:.0f} MB on the device" if self.peak_device_mb is not None else ""
        far, worst = 100 * self.leak.far_share, 100 * self.leak.worst_share
        says = "leaks: one spot changes far-away parts" if self.leak.leaks else "paints from nearby latents"
        return "\n".join(
            [
                f"model     {self.info.name} · {self.info.family} · {self.info.device}, {self.info.dtype}",
                f"picture   {width}x{height}, {self.info.steps} steps: {self.seconds:.2f} s, "
                f"{self.first_seconds:.2f} s the first time",
                f"memory    {self.peak_mb:.0f} MB{device}",
                f"vae       {says}; {far:.1f} % of a cell's change lies far away, {worst:.1f} % at worst",
            ]
        )


def run_checkup(generator: DiffusionGenerator, *, size: tuple[int, int] | None = None) -> Checkup:
    """Make a picture twice, and probe the autoencoder.

    Raises
    ------
    ModelError, DeviceError
        The picture cannot be made.
    """
    from beatwalk.models.timed import TimedGenerator

    timed, info = TimedGenerator(generator), generator.info
    size = size or info.size
    options: dict[str, Any] = {"size": size, "steps": info.steps, "guidance": info.guidance}
    noise, text = generator.start_noise(0, size)[None], generator.encode([PROMPT])
    timed.reset_peak_memory()
    seconds = []
    with PeakMemory() as memory:
        for _ in range(2):
            begin = time.perf_counter()
            picture = generator.generate(noise, text, None, **options)[0]
            seconds.append(time.perf_counter() - begin)
    device = timed.peak_memory()
    return Checkup(
        picture=picture,
        seconds=seconds[1],
        first_seconds=seconds[0],
        peak_mb=memory.peak_mb,
        peak_device_mb=None if device is None else device / 1e6,
        leak=probe_leak(generator, size=size),
        info=info,
    )


def probe_leak(generator: DiffusionGenerator, *, size: tuple[int, int]) -> Leak:
    """Change cells of latents one at a time and see how far away the picture changes.

    The latents are those of a smooth synthetic picture, encoded by the autoencoder itself.
    """
    import torch

    vae = generator.pipeline.vae
    dtype = next(vae.parameters()).dtype
    with silence_libraries():
        vae.to(torch.float32)  # rounding in half precision changes pixels everywhere
    try:
        return _probe(vae, size)
    finally:
        with silence_libraries():
            vae.to(dtype)


def _probe(vae: Any, size: tuple[int, int]) -> Leak:
    import torch

    with torch.inference_mode():
        latents = encoded(vae, _smooth_picture(size, next(vae.parameters())))
        plain = _decode(vae, latents)
        deviation = float(latents.float().std())
        rows, columns = latents.shape[-2:]
        found: list[tuple[float, tuple[int, int], Any]] = []
        for row in _probe_cells(rows):
            for column in _probe_cells(columns):
                changed = latents.clone()
                changed[..., row, column] += deviation
                change = (_decode(vae, changed) - plain).abs().mean(dim=1)[0]
                found.append((_far_share(change, row, column, (rows, columns)), (row, column), change))
    worst = max(found, key=lambda each: each[0])
    return Leak(
        far_share=float(np.mean([share for share, _, _ in found])),
        worst_share=worst[0],
        worst_cell=worst[1],
        map=(127.5 * worst[2]).cpu().numpy(),
    )


def _probe_cells(count: int) -> list[int]:
    """Rows or columns to probe: the middles of equal parts."""
    return sorted({int((i + 0.5) * count / PROBED) for i in range(PROBED)})


def _far_share(change: Any, row: int, column: int, cells: tuple[int, int]) -> float:
    """Share of a picture's change that lies more than NEAR_CELLS from a cell."""
    import torch

    height, width = change.shape
    y = (torch.arange(height, device=change.device) + 0.5) * cells[0] / height - row - 0.5
    x = (torch.arange(width, device=change.device) + 0.5) * cells[1] / width - column - 0.5
    far = torch.maximum(y.abs()[:, None], x.abs()[None]) > NEAR_CELLS
    return float(change[far].sum() / change.sum().clamp_min(1e-12))


def _smooth_picture(size: tuple[int, int], like: Any) -> Any:
    """Broad waves of colour, -1 to 1, shape (1, 3, height, width)."""
    import torch

    y, x = torch.meshgrid(torch.linspace(0, 1, size[1]), torch.linspace(0, 1, size[0]), indexing="ij")
    waves = [torch.sin(6.28 * (a * x + b * y) + a) for a, b in ((1, 0.5), (0.7, 1.3), (1.6, 0.2))]
    return (0.7 * torch.stack(waves)[None]).to(like.device, like.dtype)


def _decode(vae: Any, latents: Any) -> Any:
    return decoded(vae, latents).float().clamp(-1, 1)


def write_map(leak: Leak, path: Path) -> None:
    """Write a PNG of the picture's change for the worst cell: black is none, white a tenth of the largest or more."""
    from PIL import Image

    from beatwalk.core import whole_or_nothing

    shown = np.clip(leak.map / max(0.1 * float(leak.map.max()), 1e-6), 0, 1)
    with whole_or_nothing(path) as partial:
        Image.fromarray((255 * shown).astype(np.uint8)).save(partial, format="PNG")
