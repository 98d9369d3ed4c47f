"""Abstract subjects made of light: bolts, beams, sparks, grids."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth


def bolts(c: Canvas, count: int, top: float, bottom: Tensor, spread: float) -> Tensor:
    """Branched lightning as light, shape (batch, height, width)."""
    points = 900
    t = torch.linspace(0, 1, points, device=c.device)[None]
    total = torch.zeros_like(c.x)
    for index in range(count):
        path = torch.zeros(c.batch, points, device=c.device)
        for octave in range(8):
            knots = c.normal(1, 3 * 2**octave + 1)
            line = torch.nn.functional.interpolate(knots, points, mode="linear", align_corners=True)[:, 0]
            path = path + line * spread * 0.55**octave
        start = c.rand(-0.7, 0.7, 1) * c.half_w
        px = start + (path - path[:, :1]) + t * c.rand(-0.4, 0.4, 1)
        py = top + (bottom.view(-1, 1) - top) * t
        power = 1.0 if index == 0 else 0.45
        total = total + c.splat(px, py, power * (1 - 0.5 * t))
        for _ in range(5):
            origin = (c.rand(0.05, 0.75, 1) * points).long()
            length = points // 3
            index_b = (origin + torch.arange(length, device=c.device)[None]).clamp(max=points - 1)
            run = torch.linspace(0, 1, length, device=c.device)[None]
            sway = (
                c.rand(-0.9, 0.9, 1) * run
                + (path.gather(1, (index_b + 200) % points) - path.gather(1, (origin + 200) % points)) * 0.8
            )
            bx = px.gather(1, origin.expand(-1, 1)) + sway * 0.55
            by = py.gather(1, index_b) - 0.15 * run * c.rand(-0.4, 1, 1)
            total = total + c.splat(bx, by, 0.5 * power * (1 - run) ** 1.2)
    return (total * (c.height / 512)).clamp(0, 3)


def lightning(c: Canvas) -> Layers:
    """Electric arcs over a dark, clouded ground."""
    cloud = c.fbm(1.3, 6, stretch=(1, 1.6))
    line = bolts(c, round(2 + c.half_w), -c.half_h * 1.05, c.rand(0.5, 1.2) * c.half_h, 0.22)
    wide = c.blur(line, 0.1)
    flash = c.blur(line, 0.3)
    tone = 0.03 + cloud * (0.16 + 1.6 * wide + 2.2 * flash) + 0.3 * line.clamp(0, 1)
    thick = c.blur(line, 0.004) * 2.5 + line
    return Layers(tone=tone, accent=smooth(0.02, 0.3, wide), glow=thick * 1.1, spark=c.blur(line, 0.02) * 2)


def neon_grid(c: Canvas) -> Layers:
    """A glowing floor that runs to the horizon under a striped sun."""
    horizon = c.rand(-0.15, 0.3) * c.half_h
    below = c.cover(horizon - c.y)
    d = (c.y - horizon).clamp(min=c.pixel)
    z = 1 / (d + 0.015)
    gu = (c.x - c.rand(-0.3, 0.3)) * z * c.rand(1.3, 2.4)
    gv = z * c.rand(1.6, 3.2)
    wu, wv = z * c.pixel * 2.5 + 0.02, z * z * c.pixel * 2.6 + 0.02
    lu = torch.exp(-((torch.abs(gu - torch.round(gu)) / wu) ** 2))
    lv = torch.exp(-((torch.abs(gv - torch.round(gv)) / wv) ** 2))
    lines = torch.maximum(lu, lv) * below * torch.exp(-z * 0.045)
    r = c.radius(c.rand(-0.4, 0.4), horizon - c.rand(0.1, 0.4))
    size = c.rand(0.25, 0.5)
    stripes = smooth(0.1, 0.3, torch.sin((c.y - horizon) * 60) + 0.8 + (horizon - c.y) * 3)
    sun = c.cover(r - size) * (1 - below) * stripes * c.coin(0.8)
    ridge = horizon - 0.05 - 0.3 * c.profile(1, 1.2, 5).abs()[:, :1]
    hill = c.cover(ridge - c.y) * (1 - below)
    stars = c.dots(160) * (1 - below) * (1 - hill)
    sky = 0.06 + 0.34 * torch.exp(-torch.abs(c.y - horizon) * 2.2)
    tone = mix(sky, 0.07 + 0 * sky, torch.maximum(below, hill)) + 0.35 * lines + 0.45 * sun * (1 - hill)
    rim = torch.exp(-torch.abs(c.y - ridge) * 90) * (1 - below)
    return Layers(
        tone=tone + 0.3 * stars,
        accent=torch.maximum(sun * (1 - hill), hill * 0.7),
        glow=lines * 0.9 + stars * 0.5 + rim * 0.5,
        spark=sun * 0.6 * (1 - hill),
    )


def particles(c: Canvas) -> Layers:
    """Swarms of glowing dust on a turning shell."""
    n = round(5200 * c.area)
    tex = c.texture(64, 2.0)
    theta, height = c.rand(0, math.tau, n), c.rand(-1, 1, n)
    ring = torch.sqrt(1 - height * height)
    x, y, z = ring * torch.cos(theta), height, ring * torch.sin(theta)
    push = c.look(tex, (x * 0.3 + 0.2 * z)[:, None], (y * 0.3 + 0.1)[:, None])[:, 0]
    radius = c.rand(0.35, 0.8, 1) + (push - 0.5) * c.rand(0.5, 2.2, 1) + 0.06 * c.normal(n)
    turn = c.rand(0, math.tau, 1)
    px = c.half_w**0.7 * radius * (x * torch.cos(turn) - y * torch.sin(turn)) + c.rand(-0.2, 0.2, 1)
    py = c.half_h**0.7 * radius * (x * torch.sin(turn) + y * torch.cos(turn)) + c.rand(-0.2, 0.2, 1)
    near = 0.5 + 0.5 * z
    power = c.rand(0, 1, n) ** 3
    fine = c.splat(px, py, (0.2 + 0.8 * near) * (0.3 + power))
    big = c.splat(px, py, (power > 0.75) * near)
    soft = c.splat(px, py, ((power > 0.5) & (z < -0.4)).float())
    light = fine + 10 * c.blur(big, 0.006)
    bokeh = 30 * c.blur(soft, 0.018)
    haze = c.fbm(1.2, 5)
    r = c.radius()
    tone = 0.03 + 0.22 * haze * torch.exp(-r) + 0.5 * light.clamp(0, 1) + 0.3 * bokeh.clamp(0, 1)
    return Layers(
        tone=tone, accent=smooth(0.03, 0.3, bokeh), glow=light.clamp(0, 2) * 0.7, spark=bokeh.clamp(0, 1) * 0.4
    )


def lasers(c: Canvas) -> Layers:
    """Beams of light in haze, from a few lamps."""
    tex = c.texture()
    haze = 0.35 + 1.1 * c.look(tex, c.x * 0.3 + c.rand(), c.y * 0.3) * c.look(tex, c.x * 0.7, c.y * 0.7 + 0.3)
    light = torch.zeros_like(c.x)
    spark = torch.zeros_like(c.x)
    floor = c.coin(0.7)
    for lamp in range(round(2 + c.half_w)):
        ox = c.rand(-1, 1) * c.half_w
        oy = mix(c.rand(-1.1, -0.9), c.rand(0.85, 1.1), floor) * c.half_h
        r, a = c.polar(ox, oy)
        n = c.whole(6, 16)
        fan = (a + c.rand(0, 3)) * n / math.tau * 2
        ident = torch.round(fan)
        chance = torch.frac(torch.sin(ident * 12.99 + lamp * 7.1 + c.rand(0, 9)) * 43758.5).abs()
        d = torch.abs(fan - ident) / n * math.pi * r
        on = (chance > 0.45).float()
        beam = on * (torch.exp(-d * 160) + 0.3 * torch.exp(-d * 28)) * torch.exp(-r * 0.35)
        core = torch.exp(-r * 14) * 1.3
        if lamp % 2:
            spark = spark + beam + core
        else:
            light = light + beam + core
    total = light + spark
    tone = 0.04 + 0.2 * haze * c.blur(total, 0.1) + 0.26 * total.clamp(0, 1) * haze
    return Layers(
        tone=tone, accent=smooth(0.0, 0.2, spark - light), glow=light * haze * 0.85, spark=spark * haze * 0.85
    )


def bokeh(c: Canvas) -> Layers:
    """Discs of light out of focus."""
    tone = 0.04 + 0.26 * c.fbm(0.6, 4) * smooth(1.4, -0.2, torch.abs(c.y))
    light = torch.zeros_like(tone)
    accent = torch.zeros_like(tone)
    spark = torch.zeros_like(tone)
    size = c.rand(0.07, 0.17)
    band = c.rand(0.3, 1.0) * c.half_h
    for index in range(round(30 * c.area)):
        r = c.radius(c.rand(-1.1, 1.1) * c.half_w, c.rand(-1, 1) * band)
        radius = size * c.rand(0.4, 1.5)
        disc = c.cover(r - radius) if index % 4 else smooth(1.3, 0.7, r / radius)
        rim = 0.55 + 0.45 * smooth(0.75, 0.98, r / radius)
        part = disc * rim * c.rand(0.2, 0.95) ** 1.5
        if index % 3 == 0:
            spark, accent = spark + part, accent + part * 2
        else:
            light = light + part
    grain = c.dots(240) * 0.5
    tone = tone + 0.5 * light + 0.4 * spark + 0.3 * grain
    return Layers(tone=tone, accent=accent.clamp(0, 1), glow=light * 0.8 + grain * 0.5, spark=spark * 0.9)


def bubbles(c: Canvas) -> Layers:
    """Soap bubbles with shining rims and swirling films."""
    tex = c.texture(256, 1.9)
    ground = 0.1 + 0.5 * c.fbm(0.7, 4) * smooth(1.6, -0.6, c.y + 0.4 * c.x)
    tone, glow = ground, torch.zeros_like(ground)
    accent = torch.zeros_like(ground)
    count = round(16 * c.area)
    for index in range(count):
        radius = c.rand(0.05, 0.2) if index < 0.75 * count else c.rand(0.2, 0.42)
        cx, cy = c.rand(-1, 1) * c.half_w, c.rand(-1, 1) * c.half_h
        r, a = c.polar(cx, cy)
        q = r / radius
        inside = c.cover(r - radius)
        film = c.look(tex, (c.x - cx) * 0.5 + 0.3 * q * q + cx, (c.y - cy) * 0.5 + cy)
        swirl = 0.5 + 0.5 * torch.sin(film * 30 + q * q * 5)
        rim = smooth(0.72, 1.0, q) ** 2
        lamp = torch.exp(-((q - 0.78) ** 2) * 160 - (torch.cos(a + 2.3) - 1) ** 2 * 60)
        lamp = lamp + 0.5 * torch.exp(-((q - 0.82) ** 2) * 160 - (torch.cos(a - 0.8) - 1) ** 2 * 60)
        shell = tone * (0.78 - 0.1 * rim) + 0.12 * swirl * (0.3 + q) + 0.5 * rim
        tone = mix(tone, shell, inside)
        accent = mix(accent, 0.3 * accent + rim * swirl, inside)
        glow = mix(glow, 0.7 * glow, inside) + inside * (lamp * 1.3 + rim * 0.22)
    return Layers(tone=tone, accent=accent, glow=glow)
