"""From greys to a picture: palette, light, mood, style. Pictures are (batch, 3, height, width), 0–1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, smooth
from beatwalk.training.painter.color import RAMP, paint_ramp


@dataclass(frozen=True, kw_only=True)
class Mood:
    """How a word changes light; the defaults change nothing."""

    exposure: float = 1.0  # factor on linear light
    gamma: float = 1.0  # exponent on tone: above 1 is darker
    contrast: float = 0.0  # strength of an S-curve on tone
    mist: float = 0.0  # share of mist at depth 1
    glow: float = 1.0  # factor on lights
    bloom: float = 1.0  # factor on the halo around lights
    veil: float = 0.0  # share of a soft copy laid over the picture
    vignette: float = 0.25
    tint: tuple[float, float, float] = (0.0, 0.0, 0.0)  # light added near the horizon, linear


SECOND = 0.18  # share of the light that a second colour may have
KEEP_HUE = 0.6  # of too much light: 1 keeps its colour, 0 lets it burn to white
PLAIN = Mood()
MOODS: dict[str, Mood] = {
    "night": Mood(exposure=0.62, gamma=1.5, glow=1.35, vignette=0.5),
    "dark": Mood(exposure=0.5, gamma=1.65, glow=0.8, vignette=0.75),
    "bright": Mood(exposure=1.35, gamma=0.72, bloom=1.2, vignette=0.0),
    "misty": Mood(mist=0.72, contrast=-0.2, glow=0.8, veil=0.2, vignette=0.1),
    "glowing": Mood(glow=1.6, bloom=2.1, gamma=1.15, vignette=0.35),
    "dreamy": Mood(veil=0.6, bloom=1.8, gamma=0.86, contrast=-0.2, vignette=0.05),
    "contrast": Mood(contrast=0.9, glow=1.2, vignette=0.4),
    "dawn": Mood(mist=0.35, gamma=0.85, bloom=1.4, vignette=0.0, tint=(0.2, 0.105, 0.055)),
    "dusk": Mood(gamma=1.22, exposure=0.85, glow=1.1, vignette=0.4, tint=(0.1, 0.03, 0.075)),
}


def light_up(
    c: Canvas, layers: Layers, first: Tensor, second: Tensor, moods: list[Mood], spins: list[float]
) -> Tensor:
    """Colour the layers with two ramps and put the light of each picture's mood on them.

    Parameters
    ----------
    spins
        Turns of the first colour's hue from one side of each picture to the other.
    """

    def of(name: str) -> Tensor:
        return torch.tensor([getattr(m, name) for m in moods], device=c.device).view(-1, 1, 1)

    tone = layers.tone.clamp(0, 1) ** of("gamma")
    tone = tone + of("contrast") * (tone * tone * (3 - 2 * tone) - tone)
    turn = _spin(c, torch.tensor(spins, device=c.device).view(-1, 1, 1))
    colour = turn(paint_ramp(first, tone).permute(0, 3, 1, 2))
    glow = turn(_lamp(layers.glow, first, of("glow"), colour))
    spark, share = layers.spark, layers.accent
    if share is not None:
        # the first colour word rules: a second colour may have about a quarter of the light
        share, weight = share.clamp(0, 1), tone + 0.12
        part = (share * weight).mean((-2, -1), keepdim=True) / weight.mean((-2, -1), keepdim=True)
        share = share * (SECOND / (part + 1e-6)).clamp(max=0.9)
        colour = torch.lerp(colour, paint_ramp(second, tone).permute(0, 3, 1, 2), share[:, None])
    if spark is not None:
        first_light = tone * tone if layers.glow is None else tone * tone + layers.glow.clamp(0, 3)
        part = spark.clamp(0, 3).mean((-2, -1), keepdim=True) / first_light.mean((-2, -1), keepdim=True)
        other = (first - second).abs().amax((1, 2)).view(-1, 1, 1) > 0.25
        spark = torch.where(other, spark * (1.3 * SECOND / (part + 1e-6)).clamp(max=1), spark)
    light = glow + _lamp(spark, second, of("glow"), colour)
    colour = colour + light
    if layers.depth is not None:
        mist = (of("mist") * layers.depth.clamp(0, 1)).clamp(0, 0.92)[:, None]
        colour = torch.lerp(colour, first[:, int(RAMP * 0.68)][:, :, None, None], mist)
    else:
        colour = torch.lerp(colour, first[:, int(RAMP * 0.6)][:, :, None, None], of("mist")[:, None] * 0.4)
    small = F.avg_pool2d(light + 0.25 * torch.relu(colour - 0.55), 4, ceil_mode=True)
    halo = _soft(small, 1) * 0.22 + _soft(small, 2) * 0.2 + _soft(small, 4) * 0.14
    halo = F.interpolate(halo, colour.shape[-2:], mode="bilinear", align_corners=False)
    colour = colour + halo * of("bloom")[:, None]
    veil = of("veil")[:, None]
    if float(veil.max()) > 0:
        soft = _soft(F.avg_pool2d(colour, 4, ceil_mode=True), 2)
        soft = F.interpolate(soft, colour.shape[-2:], mode="bilinear", align_corners=False)
        colour = torch.lerp(colour, soft * 1.1, veil * 0.7)
    y = c.y / c.zoom / c.half_h
    tint = torch.tensor([m.tint for m in moods], device=c.device)
    own = first[:, int(RAMP * 0.68)]  # light near the horizon takes the picture's colour, else it would rule it
    own = own / (own.amax(-1, keepdim=True) + 1e-6) * tint.amax(-1, keepdim=True)
    tint = torch.lerp(tint, own, 0.85)[:, :, None, None]
    colour = colour + tint * torch.exp(-(((y - 0.15) * 1.4) ** 2))[:, None]
    corner = (c.x / c.zoom / c.half_w) ** 2 + y**2
    colour = colour * (1 - of("vignette") * 0.5 * corner.clamp(max=1.6))[:, None] * of("exposure")[:, None]
    colour = torch.lerp(colour * _shoulder(colour), colour * _shoulder(colour.amax(1, keepdim=True)), KEEP_HUE)
    return colour.clamp(1e-5, 1) ** (1 / 2.2)


def _shoulder(light: Tensor) -> Tensor:
    """Factor that brings light softly below 1: x / (1 + x^4)^(1/4)."""
    squared = light * light
    return torch.rsqrt(torch.sqrt(1 + squared * squared))


def _lamp(lamp: Tensor | None, ramp: Tensor, gain: Tensor, like: Tensor) -> Tensor:
    """Light of a ramp's colour, white where it is strong, shape of ``like``."""
    if lamp is None:
        return torch.zeros_like(like)
    hue = ramp[:, int(RAMP * 0.66)]
    most = hue.amax(-1, keepdim=True)
    hue = (hue / (most + 1e-6) * 0.92)[:, :, None, None]
    dim = (most / 0.12).clamp(0.25, 1)[:, :, None, None]  # black shines little
    lamp = (lamp.clamp(0, 3) * gain)[:, None]
    return (lamp * hue + torch.relu(lamp - 0.75) * 0.5) * dim


def _spin(c: Canvas, turns: Tensor) -> Callable[[Tensor], Tensor]:
    """What turns the hue of linear colours more and more across the picture; by nothing where ``turns`` is 0."""
    way, start, sway = c.rand(0, math.tau), c.rand(0, math.tau), c.rand(0, math.tau)
    index = turns.view(-1).nonzero()[:, 0]
    if not len(index):
        return lambda image: image
    x, y = c.x[index] / c.zoom[index], c.y[index] / c.zoom[index]
    cos, sin = torch.cos(way[index]), torch.sin(way[index])
    along, across = x * cos + y * sin, y * cos - x * sin
    angle = start[index] + math.pi * turns[index] * along + 0.5 * torch.sin(2.4 * across + sway[index])
    # around the grey axis: red to green to blue
    same, rest = torch.cos(angle)[:, None], torch.sin(angle)[:, None] / math.sqrt(3)

    def turned(image: Tensor) -> Tensor:
        part = image[index]
        grey = part.mean(1, keepdim=True)
        image = image.clone()
        image[index] = (same * part + (1 - same) * grey + rest * (part.roll(1, 1) - part.roll(-1, 1))).clamp(min=0)
        return image

    return turned


def _soft(image: Tensor, steps: int) -> Tensor:
    """Wide blur of a small picture: shrink by two ``steps`` times and grow again."""
    size = image.shape[-2:]
    for _ in range(steps):
        if min(image.shape[-2:]) < 4:
            break
        image = F.avg_pool2d(image, 2, ceil_mode=True)
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=image.device) / 16
    weight = kernel.view(1, 1, 1, 5).expand(3, 1, 1, 5)
    image = F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), weight, groups=3)
    image = F.conv2d(image, weight.transpose(2, 3), groups=3)
    return F.interpolate(image, size, mode="bilinear", align_corners=False)


# -- styles: each takes a canvas of its own batch and finished pictures --------------------------------


def _grey(image: Tensor) -> Tensor:
    return (image * torch.tensor([0.3, 0.59, 0.11], device=image.device).view(1, 3, 1, 1)).sum(1)


def _edges(image: Tensor) -> Tensor:
    """Strength of edges in the grey picture, about 0–1."""
    grey = F.pad(_grey(image)[:, None], (1, 1, 1, 1), mode="replicate")
    dx = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    dy = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    return torch.sqrt(dx * dx + dy * dy + 1e-8)[:, 0]


def _airy(image: Tensor) -> Tensor:
    """Dark colours as pale ones of the same hue, as paint on white paper shows them."""
    value = image.amax(1, keepdim=True)
    return image / (value + 0.12) * (0.5 + 0.55 * value)


def _few(image: Tensor, levels: int) -> Tensor:
    """Brightness in few steps; hue stays."""
    value = image.amax(1, keepdim=True)
    return image * (torch.round(value * levels).clamp(min=0.5) / levels / (value + 1e-3)).clamp(max=1.6)


def _bend(c: Canvas, image: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """Picture read at places moved by (dx, dy) canvas units."""
    gx, gy = (c.x / c.zoom + dx) / c.half_w, (c.y / c.zoom + dy) / c.half_h
    grid = torch.stack((gx, gy), -1)
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def watercolour(c: Canvas, image: Tensor) -> Tensor:
    """Pigment that pools at edges on rough paper."""
    image = _bend(c, _airy(image), 0.03 * (c.fbm(6, 3) - 0.5), 0.03 * (c.fbm(6, 3) - 0.5))
    soft = F.avg_pool2d(F.pad(image, (3, 3, 3, 3), mode="replicate"), 7, 1)
    wash = torch.round(soft * 7) / 7 * 0.55 + soft * 0.45
    pool = _edges(wash).clamp(0, 0.5)[:, None]
    paper, blot = c.fbm(30, 2)[:, None], c.fbm(2.5, 4)[:, None]
    pigment = (1 - wash) * (0.75 + 0.45 * blot) + pool * 0.7
    edge = smooth(
        1.55, 1.0, torch.maximum((c.x / c.zoom / c.half_w).abs(), (c.y / c.zoom / c.half_h).abs()) + blot[:, 0] * 0.6
    )
    return (1 - pigment * 0.86 * edge[:, None]) * (0.93 + 0.1 * paper)


def oil(c: Canvas, image: Tensor) -> Tensor:
    """Thick strokes along a flow, lit from above."""
    tex = c.texture(128, 2.0)
    angle = c.look(tex, c.x * 0.3, c.y * 0.3) * 9
    cos, sin = torch.cos(angle), torch.sin(angle)
    bristle = c.fbm(26, 2) - 0.5
    total = torch.zeros_like(image)
    for tap in range(-4, 5):
        step = tap * 0.009
        total = total + _bend(c, image, cos * step - sin * bristle * 0.02, sin * step + cos * bristle * 0.02)
    total = total / 9
    u = (c.x * -sin + c.y * cos) * 90
    ridge = torch.sin(u + 6 * bristle) * 0.5 + c.look(tex, c.x * 2, c.y * 2)
    relief = torch.gradient(ridge + 2 * _grey(total), dim=1)[0]
    return total * 1.04 + 0.09 * relief[:, None]


def grainy(c: Canvas, image: Tensor) -> Tensor:
    """Film grain, strongest in the middle tones."""
    grain = c.blur(c.normal(c.height, c.width), 0.9 * c.pixel) * 1.6
    grey = _grey(image)
    return image + (0.13 * grain * (0.25 + 3 * grey * (1 - grey)))[:, None]


def glossy(c: Canvas, image: Tensor) -> Tensor:
    """Wet highlights on what stands out."""
    height = c.blur(_grey(image), 0.012)
    dx = torch.gradient(height, dim=2)[0] / c.pixel
    dy = torch.gradient(height, dim=1)[0] / c.pixel
    shine = torch.exp(-(((dx + 0.55) / 0.42) ** 2) - ((dy + 0.75) / 0.42) ** 2)
    return (image * 1.06) ** 1.12 + 0.75 * shine[:, None] - 0.1 * smooth(0.2, 1.6, dx + dy)[:, None]


def blueprint(c: Canvas, image: Tensor) -> Tensor:
    """Light construction lines on an even ground of the picture's own colour."""
    ground = image.mean((-2, -1), keepdim=True)
    ground = ground / (ground.amax(1, keepdim=True) + 1e-3) * 0.42
    line = smooth(0.02, 0.13, _edges(image))
    x, y = c.x / c.zoom, c.y / c.zoom
    grid = torch.maximum(torch.cos(x * 31.4) ** 80, torch.cos(y * 31.4) ** 80) * 0.14
    fill = 0.25 * (_grey(image) - 0.3)
    ink = (0.92 * line + grid + 0.04 * c.fbm(10, 3)).clamp(0, 1)[:, None]
    return torch.lerp(ground + fill[:, None] * ground * 2, 0.82 + 0.35 * ground, ink)


def pastel(c: Canvas, image: Tensor) -> Tensor:
    """Light chalky colours with a dry tooth."""
    grey = _grey(image)[:, None]
    chalk = c.fbm(24, 3)[:, None] - 0.5
    soft = 0.36 + 0.62 * _airy(image)
    return soft + 0.2 * (grey - 0.4) + 0.1 * chalk


RGB = ((0, 1), (1, 0), (2, -1))  # channels and which way they are shifted


def retro(c: Canvas, image: Tensor) -> Tensor:
    """Few tones, scan lines and a slight shift of the colours."""
    shift = 0.006 / c.pixel
    near, part = int(shift), shift % 1
    rolled = [torch.lerp(image[:, k].roll(w * near, -1), image[:, k].roll(w * (near + 1), -1), part) for k, w in RGB]
    image = torch.stack(rolled, 1)
    image = 0.7 * _few(image, 6) + 0.3 * image
    # a dark line takes a quarter of a period of 4 pixels at 512; its share of each row at any size
    step = c.pixel / (4 * 2 / 512)
    edges = torch.arange(c.height + 1, device=c.device) * step
    dark = torch.floor(edges) * 0.25 + (edges - torch.floor(edges)).clamp(max=0.25)
    return image * (1 - 0.34 * (dark[1:] - dark[:-1]) / step)[:, None] * 1.06 + 0.02


def outline(c: Canvas, image: Tensor) -> Tensor:
    """Bright contour lines on black, as if bent from glowing tubes."""
    line = smooth(0.03, 0.2, _edges(image))
    bright = image / (image.amax(1, keepdim=True) + 0.05)
    tube = bright * line[:, None]
    halo = _soft(F.avg_pool2d(tube, 4, ceil_mode=True), 1)
    halo = F.interpolate(halo, image.shape[-2:], mode="bilinear", align_corners=False)
    return image * 0.22 + tube * 0.95 + halo * 0.75


def sketch(c: Canvas, image: Tensor) -> Tensor:
    """Hatching and contours in coloured pencils on tinted paper."""
    grey = _grey(image)
    grey = (grey - grey.amin((-2, -1), keepdim=True)) / (grey.amax((-2, -1), keepdim=True) + 1e-3)
    x, y = c.x / c.zoom, c.y / c.zoom
    wob = 0.03 * c.fbm(5, 3)
    hatch = torch.zeros_like(grey)
    for angle, level in ((0.8, 0.72), (-0.7, 0.5), (0.1, 0.3)):
        wave = torch.sin(((x + wob) * angle + (y + wob)) * 150)
        hatch = hatch + smooth(0.0, 0.6, wave + 0.2) * smooth(level, level - 0.25, grey) * 0.36
    ink = (hatch + smooth(0.03, 0.22, _edges(image)) * 0.8).clamp(0, 1) * (0.75 + 0.4 * c.fbm(28, 2))
    small = _soft(F.avg_pool2d(image, 4, ceil_mode=True), 2)
    small = small + 0.25 * image.mean((-2, -1), keepdim=True)
    local = F.interpolate(small / (small.amax(1, keepdim=True) + 1e-3), image.shape[-2:], mode="bilinear")
    pencil = local * (0.16 + 0.55 * image.amax(1).mean((-2, -1))).view(-1, 1, 1, 1)
    paper = (0.72 + 0.24 * local) * (1 - 0.05 * c.fbm(20, 3)[:, None])
    return torch.lerp(paper, pencil, ink[:, None])


def halftone(c: Canvas, image: Tensor) -> Tensor:
    """Printed dots whose size carries the light."""
    pitch = 0.028
    x, y = c.x / c.zoom, c.y / c.zoom
    u, v = (x + y) / pitch * 0.7071, (x - y) / pitch * 0.7071
    fu, fv = u - torch.floor(u) - 0.5, v - torch.floor(v) - 0.5
    cell = max(2, round(pitch / c.pixel))
    soft = F.avg_pool2d(F.pad(image, (cell // 2,) * 4, mode="replicate"), cell // 2 * 2 + 1, 1)
    radius = torch.sqrt(_grey(soft).clamp(0, 1)) * 0.72
    dot = (0.5 - (torch.hypot(fu, fv) - radius) * pitch / c.pixel).clamp(0, 1)
    bright = soft / (soft.amax(1, keepdim=True) + 0.05)
    return torch.lerp(soft * 0.25, 0.35 * soft + 0.65 * bright, dot[:, None])


def pixels(c: Canvas, image: Tensor) -> Tensor:
    """Large square pixels in few colours."""
    side = max(2, round(0.03 / c.pixel))
    small = F.avg_pool2d(image, side, ceil_mode=True)
    small = _few(small, 7)
    big = F.interpolate(small, scale_factor=side, mode="nearest")
    return big[..., : c.height, : c.width]


STYLES = {
    "watercolour": watercolour,
    "oil": oil,
    "grainy": grainy,
    "glossy": glossy,
    "blueprint": blueprint,
    "pastel": pastel,
    "retro": retro,
    "outline": outline,
    "sketch": sketch,
    "halftone": halftone,
    "pixels": pixels,
}
