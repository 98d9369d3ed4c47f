"""The canvas: coordinates, noise, points and blurs in batches; every subject is drawn with these."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Layers:
    """What a subject hands to the finish: greys that a palette turns into colours.

    All fields have shape (batch, height, width). Lights are added, so they may exceed 1.
    """

    tone: Tensor  # place on the palette's ramp, 0 dark to 1 light
    accent: Tensor | None = None  # 0 first colour, 1 second colour
    glow: Tensor | None = None  # light in the first colour
    spark: Tensor | None = None  # light in the second colour
    depth: Tensor | None = None  # 0 near, 1 far: where mist gathers


def mix(a: Tensor | float, b: Tensor | float, t: Tensor) -> Tensor:
    """Blend from ``a`` to ``b`` as ``t`` goes from 0 to 1."""
    return a * (1 - t) + b * t


def smooth(low: Tensor | float, high: Tensor | float, value: Tensor) -> Tensor:
    """Hermite step from 0 at ``low`` to 1 at ``high`` (``low`` may be the larger one)."""
    t = ((value - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def unit(image: Tensor) -> Tensor:
    """Stretch each picture of a batch to 0–1."""
    low = image.amin((-2, -1), keepdim=True)
    return (image - low) / (image.amax((-2, -1), keepdim=True) - low + 1e-6)


class Canvas:
    """A batch of empty pictures with a seeded source of chance.

    The shorter side spans -1 to 1; x runs right, y runs down.

    Parameters
    ----------
    batch, height, width
        Pictures and their size in pixels.
    generator
        Source of all chance; its device is the device that is painted on.
    zoom
        Canvas units per unit, shape (batch, 1, 1): below 1 is seen from near, above 1 from far.
    """

    def __init__(
        self, batch: int, height: int, width: int, generator: torch.Generator, zoom: Tensor | None = None
    ) -> None:
        self.batch, self.height, self.width = batch, height, width
        self.generator, self.device = generator, generator.device
        self.pixel = 2 / min(height, width)  # side of a pixel in canvas units
        self.half_w, self.half_h = width * self.pixel / 2, height * self.pixel / 2
        ys = (torch.arange(height, device=self.device) + 0.5) * self.pixel - self.half_h
        self.area = self.half_w * self.half_h  # 1 for a square: how much more fits in
        self.reach = math.hypot(self.half_w, self.half_h) / math.sqrt(2)  # 1 for a square: how far the corners are
        xs = (torch.arange(width, device=self.device) + 0.5) * self.pixel - self.half_w
        self.zoom = torch.ones(batch, 1, 1, device=self.device) if zoom is None else zoom
        self.x = xs.expand(batch, height, width) * self.zoom
        self.y = ys[:, None].expand(batch, height, width) * self.zoom

    # -- chance --------------------------------------------------------------------------------

    def rand(self, low: float = 0.0, high: float = 1.0, n: int | None = None) -> Tensor:
        """Uniform numbers, shape (batch, 1, 1), or (batch, n)."""
        shape = (self.batch, 1, 1) if n is None else (self.batch, n)
        return torch.rand(shape, generator=self.generator, device=self.device) * (high - low) + low

    def whole(self, low: int, high: int) -> Tensor:
        """Whole numbers from ``low`` to ``high`` inclusive as floats, shape (batch, 1, 1)."""
        return self.rand(low, high + 1).floor().clamp(low, high)

    def coin(self, chance: float = 0.5) -> Tensor:
        """1.0 with the given chance, else 0.0, shape (batch, 1, 1)."""
        return (self.rand() < chance).float()

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers of shape (batch, *shape)."""
        return torch.randn((self.batch, *shape), generator=self.generator, device=self.device)

    # -- geometry ------------------------------------------------------------------------------

    def polar(self, cx: Tensor | float = 0.0, cy: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        """Radius and angle (radians) around a centre."""
        dx, dy = self.x - cx, self.y - cy
        return torch.sqrt(dx * dx + dy * dy + 1e-9), torch.atan2(dy, dx)

    def radius(self, cx: Tensor | float = 0.0, cy: Tensor | float = 0.0) -> Tensor:
        """Distance from a centre."""
        dx, dy = self.x - cx, self.y - cy
        return torch.sqrt(dx * dx + dy * dy + 1e-9)

    def cover(self, distance: Tensor) -> Tensor:
        """Anti-aliased inside of a shape from its signed distance (negative inside)."""
        return (0.5 - distance / (self.pixel * self.zoom)).clamp(0, 1)

    def turn(self, angle: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates turned by an angle in radians."""
        cos, sin = torch.cos(angle), torch.sin(angle)
        return self.x * cos - self.y * sin, self.x * sin + self.y * cos

    # -- noise ---------------------------------------------------------------------------------

    def fbm(
        self, frequency: float, octaves: int = 5, gain: float = 0.5, stretch: tuple[float, float] = (1, 1)
    ) -> Tensor:
        """Fractal noise over the picture, about 0–1 with mean 0.5.

        Parameters
        ----------
        frequency
            Cells of the coarsest octave per canvas unit.
        stretch
            Factors on the frequency along x and y.
        """
        total = torch.zeros((), device=self.device)
        weight, norm = 1.0, 0.0
        for octave in range(octaves):
            f = frequency * 2**octave
            rows = max(2, round(2 * self.half_h * f * stretch[1]) + 2)
            cols = max(2, round(2 * self.half_w * f * stretch[0]) + 2)
            if octave and (rows > self.height or cols > self.width):
                break
            grid = self.normal(1, rows, cols)
            big = F.interpolate(grid, (self.height, self.width), mode="bicubic", align_corners=False)[:, 0]
            total = total + big * weight
            norm += weight * weight
            weight *= gain
        return (0.5 + 0.28 * total / math.sqrt(norm)).clamp(0, 1)

    def texture(self, side: int = 256, slope: float = 1.7) -> Tensor:
        """Periodic cloud noise to look up at bent coordinates, shape (batch, 1, side+2, side+2).

        Made in the frequency domain with amplitude 1/f**slope; mean 0.5, standard deviation 0.2.
        """
        fy = torch.fft.fftfreq(side, device=self.device)[:, None] * side
        fx = torch.fft.rfftfreq(side, device=self.device)[None] * side
        shape = 1 / (1 + torch.sqrt(fy * fy + fx * fx)) ** slope
        shape[0, 0] = 0
        wave = torch.fft.irfft2(torch.fft.rfft2(self.normal(side, side)) * shape, s=(side, side))
        wave = (0.5 + 0.2 * wave / wave.std((-2, -1), keepdim=True)).clamp(0, 1)
        return F.pad(wave[:, None], (1, 1, 1, 1), mode="circular")

    def look(self, texture: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """Read a periodic texture at coordinates where one period is 1.0."""
        side = texture.shape[-1]
        inner = side - 2
        gu = ((u - torch.floor(u)) * inner + 1.5) / side * 2 - 1
        gv = ((v - torch.floor(v)) * inner + 1.5) / side * 2 - 1
        grid = torch.stack((gu, gv), -1)
        return F.grid_sample(texture, grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]

    def cells(self, u: Tensor, v: Tensor, jitter: float = 0.9) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Voronoi cells with one point in each unit square of (u, v).

        Returns
        -------
        Distance to the nearest point, distance to the nearest border (about), a number 0–1 for each
        cell and the angle from the cell's point; all (batch, height, width).
        """
        bits = 5  # a table of 32 by 32 points that repeats
        table = torch.rand((3, self.batch << 2 * bits), generator=self.generator, device=self.device)
        offset = (table[:2] - 0.5) * jitter + 0.5
        iu, iv = torch.floor(u), torch.floor(v)
        fu, fv = u - iu, v - iv
        iu, iv = iu.long(), iv.long()
        base = (torch.arange(self.batch, device=self.device) << 2 * bits).view(-1, 1, 1)
        first, second = torch.full_like(u, 99.0), torch.full_like(u, 99.0)
        best = torch.zeros_like(iu)
        dx1, dy1 = torch.zeros_like(u), torch.zeros_like(u)
        for oy in (-1, 0, 1):
            row = (((iv + oy) & 31) << bits) + base
            for ox in (-1, 0, 1):
                index = ((iu + ox) & 31) + row
                dx = offset[0].take(index) + ox - fu
                dy = offset[1].take(index) + oy - fv
                distance = dx * dx + dy * dy
                nearer = distance < first
                second = torch.where(nearer, first, torch.minimum(second, distance))
                best = torch.where(nearer, index, best)
                dx1, dy1 = torch.where(nearer, dx, dx1), torch.where(nearer, dy, dy1)
                first = torch.minimum(first, distance)
        first, second = torch.sqrt(first), torch.sqrt(second)
        return first, (second - first) * 0.5, table[2].take(best), torch.atan2(-dy1, -dx1)

    # -- points and light ----------------------------------------------------------------------

    def splat(self, px: Tensor, py: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        """Add points with bilinear (anti-aliased) weights; px, py in canvas units, shape (batch, n).

        One point of weight 1 adds 1 in all, so the sum does not depend on where it falls.
        """
        gx = (px / self.zoom[:, 0] + self.half_w) / self.pixel - 0.5
        gy = (py / self.zoom[:, 0] + self.half_h) / self.pixel - 0.5
        x0, y0 = torch.floor(gx), torch.floor(gy)
        fx, fy = gx - x0, gy - y0
        out = torch.zeros(self.batch * self.height * self.width, device=self.device)
        base = (torch.arange(self.batch, device=self.device) * self.height * self.width)[:, None]
        for ox, oy, part in (
            (0, 0, (1 - fx) * (1 - fy)),
            (1, 0, fx * (1 - fy)),
            (0, 1, (1 - fx) * fy),
            (1, 1, fx * fy),
        ):
            ix, iy = x0 + ox, y0 + oy
            inside = (ix >= 0) & (ix < self.width) & (iy >= 0) & (iy < self.height)
            flat = base + iy.clamp(0, self.height - 1).long() * self.width + ix.clamp(0, self.width - 1).long()
            out.scatter_add_(0, flat.reshape(-1), (part * weight * inside).reshape(-1))
        return out.view(self.batch, self.height, self.width)

    def dots(self, count: int, size: float = 1.0) -> Tensor:
        """Scattered round points of very unequal brightness (stars, dust), about 0–1 at 512².

        ``count`` is that of a square; ``size`` is a factor on the radius.
        """
        count = round(count * self.area)
        px = self.rand(-self.half_w, self.half_w, count) * self.zoom[:, 0]
        py = self.rand(-self.half_h, self.half_h, count) * self.zoom[:, 0]
        power = self.rand(0, 1, count)
        fine = self.splat(px, py, power**6 * 3 + 0.25)
        large = self.splat(px, py, torch.relu(power - 0.9) * 10)
        return fine + 12 * size * size * self.blur(large, 0.006 * size)

    def blur(self, image: Tensor, radius: float) -> Tensor:
        """Soft blur; ``radius`` (standard deviation, about) in canvas units."""
        sigma = radius / self.pixel
        image = image[:, None]
        shrink = 1
        while sigma > 2.5 and min(image.shape[-2:]) >= 16:
            image = F.avg_pool2d(image, 2, ceil_mode=True)
            shrink *= 2
            sigma /= 2
        if sigma > 0.3:
            half = max(1, math.ceil(2.5 * sigma))
            taps = torch.arange(-half, half + 1, device=self.device, dtype=torch.float32)
            kernel = torch.exp(-0.5 * (taps / sigma) ** 2)
            kernel = kernel / kernel.sum()
            image = F.pad(image, (half, half, half, half), mode="replicate")
            image = F.conv2d(image, kernel.view(1, 1, 1, -1))
            image = F.conv2d(image, kernel.view(1, 1, -1, 1))
        if shrink > 1:
            image = F.interpolate(image, (self.height, self.width), mode="bilinear", align_corners=False)
        return image[:, 0]

    def profile(self, n: int, frequency: float, octaves: int = 6, gain: float = 0.5) -> Tensor:
        """Fractal curves of one variable, shape (batch, n, width), about -1 to 1."""
        total = torch.zeros(self.batch, n, self.width, device=self.device)
        weight = 1.0
        for octave in range(octaves):
            cols = round(2 * self.half_w * frequency * 2**octave) + 2
            if cols > self.width:
                break
            grid = self.normal(n, cols)
            total = total + weight * F.interpolate(grid, self.width, mode="linear", align_corners=True)
            weight *= gain
        return total * 0.5
