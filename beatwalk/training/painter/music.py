"""Things of music: records, headphones, cassettes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import (
    box,
    chain,
    coarsely,
    disc,
    hashed,
    join,
    limb,
    rounded,
)


def tilted(c: Canvas, low: float, high: float, spread: float = 0.15) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates of a thing that is turned by chance, and its size: 1 along them is its half width."""
    size, turn = c.rand(low, high), c.rand(-0.4, 0.4)
    dx, dy = (c.x - c.rand(-spread, spread)) / size, (c.y - c.rand(-spread, spread)) / size
    cos, sin = torch.cos(turn), torch.sin(turn)
    return dx * cos - dy * sin, dx * sin + dy * cos, size


def vinyl(c: Canvas) -> Layers:
    """A record on its player: grooves that shine in wedges, a label, the arm with its needle."""
    tex = c.texture(256, 1.8)
    x, y, size = tilted(c, 0.7, 0.95)
    flat = c.rand(0.62, 1.0)
    y = y / flat
    r, a = torch.hypot(x, y), torch.atan2(y, x)
    wood = c.look(tex, c.x * 0.25, c.y * 1.4 + 0.2 * c.look(tex, c.x * 0.3, c.y * 0.3))
    tone = 0.05 + 0.13 * wood + 0.12 * torch.exp(-r) * c.rand(0.3, 1.5)
    tone = tone * (1 - 0.6 * smooth(1.3, 1.0, torch.hypot(x - 0.05, y - 0.08)))
    plate = c.cover((r - 1) * size)
    groove = 0.5 + 0.5 * torch.sin(r * 2 * math.pi / (0.016 + 1.6 * c.pixel))
    tracks = c.look(tex, r * 1.3 + c.rand(), torch.zeros_like(r) + 0.3)
    pause = smooth(0.02, 0.0, torch.abs(torch.frac(r * 5.4 + c.rand()) - 0.5) / 5.4 * 2)
    shine = torch.zeros_like(r)
    for width, gain in ((26.0, 1.0), (60.0, 0.55), (15.0, 0.4)):
        shine = shine + gain * torch.cos(a - c.rand(0, math.tau)).abs() ** width
    black = 0.03 + (0.05 + 0.34 * shine) * (0.4 + 0.35 * groove + 0.5 * tracks) * (1 - 0.5 * pause)
    black = black + 0.35 * torch.exp(-(((r - 0.985) * 60) ** 2)) * (0.25 + shine)
    label_r = c.rand(0.32, 0.4)
    label = c.cover((r - label_r) * size)
    stripes = smooth(0.4, 0.6, 0.5 + 0.5 * torch.sin(r / label_r * c.rand(8, 26)))
    wedge = smooth(0.45, 0.55, 0.5 + 0.5 * torch.sin(a * c.whole(2, 9)))
    print_ = mix(stripes, wedge, c.coin(0.4))
    lines = smooth(0.5, 0.3, torch.remainder(y * 22, 1.0)) * smooth(
        0.6, 0.5, hashed(torch.floor(y * 22) + torch.floor(x * 30) * 7)
    )
    text = lines * (y.abs() > 0.1) * (y.abs() < 0.22) * (x.abs() < 0.2)
    paper = 0.42 + 0.34 * print_ - 0.3 * text + 0.2 * shine * 0.5
    hole = c.cover((r - 0.025) * size)
    tone = mix(tone, black, plate)
    tone = mix(tone, paper, label)
    tone = mix(tone, 0.02 + 0 * r, hole)
    rim = torch.exp(-torch.abs(r - 1) * size * 70)
    notes = torch.zeros_like(r)
    rings = (
        torch.exp(-torch.abs(torch.sin((r - 1).clamp(min=0) * 26)) * 9)
        * torch.exp(-(r - 1).clamp(min=0) * 5)
        * (r > 1)
    )
    arm_on = c.coin(0.75)
    ax, ay = 1.05, -0.9
    needle = c.rand(0.5, 0.85)
    nx, ny = needle * math.cos(0.5), needle * math.sin(0.5)

    def arm(u: Tensor, v: Tensor) -> Tensor:
        tube = chain(u, v, [(ax, ay, 0.03), (1.0, -0.1, 0.026), (nx + 0.06, ny - 0.12, 0.024)], 0.03)
        return join([tube, limb(u, v, (nx + 0.06, ny - 0.12), (nx - 0.02, ny + 0.06), 0.05, 0.04)], 0.01)

    d = coarsely(x, y, arm)
    foot = disc(x, y, (ax, ay), 0.14)
    metal = rounded(c, torch.minimum(d, foot) * size, 0.03 * size, c.rand(0, math.tau))
    shadow = smooth(0.09, -0.02, coarsely(x + 0.06, y - 0.08, arm)) * arm_on
    tone = tone * (1 - 0.5 * shadow)
    silver = c.cover(torch.minimum(d, foot) * size) * arm_on
    tone = mix(tone, 0.24 + 0.7 * metal, silver)
    return Layers(
        tone=tone,
        accent=label * print_ + rings,
        glow=(plate * (1 - label) * 0.34 * shine * (0.4 + 0.6 * groove) + 0.22 * rim) * (1 - silver)
        + 0.35 * silver * smooth(0.75, 1, metal)
        + notes,
        spark=0.3 * rings * (1 - silver),
    )


def headphones(c: Canvas) -> Layers:
    """Headphones in the light of a stage, with sound around them as rings and bars."""
    tex = c.texture(256, 1.8)
    x, y, size = tilted(c, 0.66, 0.86, 0.1)
    angle = c.rand(math.pi, 2 * math.pi)
    r, a = torch.hypot(x, y * 1.0), torch.atan2(y, x)
    n = 72
    step = torch.floor(torch.remainder(a / math.tau, 1.0) * n)
    loud = 0.08 + 0.5 * hashed(step, c.rand(0, 9)) ** 2 * (0.4 + 0.6 * torch.sin(step / n * math.pi * 6).abs())
    slot = torch.abs(torch.remainder(a / math.tau * n, 1.0) - 0.5)
    bars = smooth(0.34, 0.28, slot) * smooth(1.02, 1.04, r) * smooth(1.1 + loud, 1.06 + loud, r)
    rings = torch.exp(-torch.abs(torch.sin(r * c.rand(9, 16))) * 10) * torch.exp(-(r - 0.6).abs() * 1.6)
    sound = c.coin(0.55)
    haze = c.fbm(1.1, 5)
    tone = 0.04 + 0.24 * haze * torch.exp(-r * 0.9) + 0.35 * bars * sound + 0.16 * rings * (1 - sound)
    glow = 0.5 * bars * sound + 0.3 * rings * (1 - sound) + 0.4 * c.dots(120) + 0.14 * torch.exp(-r * 1.5)
    accent, spark = bars * sound * (loud > 0.25), 0.4 * bars * sound * (loud > 0.25)
    wide, drop = c.rand(0.62, 0.76), c.rand(0.1, 0.22)
    thick = c.rand(0.05, 0.085)
    mirrored = x.abs()

    def band(u: Tensor, v: Tensor) -> Tensor:
        arc = torch.abs(torch.sqrt((u / wide) ** 2 + ((v - 0.08) / 0.86) ** 2 + 1e-9) - 1) * wide - thick
        arc = torch.maximum(arc, v - 0.12)
        return join([arc, limb(u, v, (wide * 0.995, 0.05), (wide, 0.12 + drop), thick * 0.8, thick * 0.9)], 0.03)

    def pad(u: Tensor, v: Tensor) -> Tensor:
        return box(u, v, (wide - 0.14, 0.28 + drop), 0.1, 0.3, 0.09)

    def shell(u: Tensor, v: Tensor) -> Tensor:
        return disc(u, v, (wide + 0.03, 0.28 + drop), 0.13, 0.33)

    inner = torch.abs(torch.sqrt((x / (wide - 0.08)) ** 2 + ((y - 0.08) / 0.78) ** 2 + 1e-9) - 1) * wide - thick * 0.7
    inner = torch.maximum(inner, y + 0.25)
    leather = c.look(tex, x * 1.2, y * 1.2) - 0.5
    for distance, dark, gain, rough in (
        (inner, 0.08, 0.4, 0.004 * torch.sin(a * 60)),
        (coarsely(mirrored, y, band), 0.1, 0.7, 0.0),
        (coarsely(mirrored, y, shell), 0.12, 0.72, 0.0),
        (coarsely(mirrored, y, pad), 0.05, 0.42, 0.01 * leather),
    ):
        light = rounded(c, distance * size, 0.1 * size, angle, rough * size if isinstance(rough, Tensor) else rough)
        cover = c.cover(distance * size)
        shadow = smooth(0.08, -0.01, distance)
        tone = mix(tone * (1 - 0.45 * shadow), dark + gain * light**1.3 + 0.08 * leather, cover)
        glow = mix(glow, 0.55 * smooth(0.8, 1.0, light), cover)
        accent, spark = accent * (1 - cover), spark * (1 - cover)
    hub = torch.hypot((mirrored - wide - 0.05) / 0.07, (y - 0.28 - drop) / 0.2)
    lamp = torch.exp(-torch.abs(hub - 1) * 7) * (mirrored > 0.3)
    return Layers(
        tone=tone + 0.3 * lamp, accent=torch.maximum(accent, lamp), glow=glow + 0.5 * lamp, spark=spark + 0.55 * lamp
    )


def cassette(c: Canvas) -> Layers:
    """A cassette: label with lines and stripes, window with two reels, screws; light and loose tape behind."""
    tex = c.texture(256, 1.8)
    x, y, size = tilted(c, 0.74, 0.9, 0.1)
    angle = c.rand(math.pi, 2 * math.pi)
    haze = c.fbm(1.0, 5)
    r = torch.hypot(x, y)
    beams = smooth(0.55, 0.85, c.look(tex, torch.atan2(y, x) * 0.35, 0 * r + c.rand()))
    tone = 0.05 + 0.22 * haze * torch.exp(-r * 0.8) + 0.14 * beams * torch.exp(-r * 0.5)
    glow, spark = 0.16 * torch.exp(-r * 1.4) + 0.3 * c.dots(110), torch.zeros_like(r)
    for turn in range(3):  # loose tape
        curve = (
            c.rand(-0.5, 0.5) + 0.34 * torch.sin(x * c.rand(1.2, 2.6) + c.rand(0, 6)) + 0.12 * torch.sin(x * 4 + turn)
        )
        off = torch.abs(y - curve)
        band = smooth(0.045, 0.03, off)
        tone = mix(tone, 0.16 + 0.35 * (0.5 + 0.5 * torch.sin(x * 3 + 2 * turn)), band * 0.9)
    accent = torch.zeros_like(r)
    case = box(x, y, (0.0, 0.0), 1.0, 0.64, 0.07)
    body = c.cover(case * size)
    shadow = smooth(0.2, -0.05, box(x - 0.05, y - 0.07, (0.0, 0.0), 1.0, 0.64, 0.07))
    grain = c.look(tex, x * 2, y * 2) - 0.5
    shell = 0.17 + 0.34 * rounded(c, case * size, 0.05 * size, angle) + 0.06 * grain
    tone, glow = mix(tone * (1 - 0.6 * shadow), shell, body), glow * (1 - body)
    foot = (0.64 - y) / 0.2  # the thick part where the tape comes out
    low = c.cover((x.abs() - 0.72 + 0.09 * foot) * size) * (y > 0.44) * (y < 0.64)
    tone = mix(tone, shell + 0.1, low)
    label = c.cover(box(x, y, (0.0, -0.09), 0.87, 0.46, 0.05) * size)
    rows = smooth(0.1, 0.06, torch.abs(torch.remainder((y + 0.5) * 11, 1.0) - 0.5)) * (y < -0.22) * (x.abs() < 0.78)
    ink = hashed(torch.floor(x * 26) + 7 * torch.floor((y + 0.5) * 11), c.rand(0, 9))
    hand = (
        smooth(0.3, 0.2, torch.abs(y + 0.4 + 0.03 * torch.sin(x * 40 + 9 * ink)) * 12)
        * (x > -0.7)
        * (x < c.rand(0.0, 0.6))
    )
    band = torch.floor((y - 0.06) / 0.055)
    stripe = (y > 0.06) * (y < 0.36)
    shade = 0.46 + 0.12 * band * torch.where(c.coin() > 0, -1.0, 1.0)
    paper = 0.82 - 0.2 * rows - 0.5 * hand + 0.08 * grain
    tone = mix(tone, mix(paper, shade.clamp(0.1, 0.9), stripe.float()), label)
    accent = accent + label * stripe * (torch.remainder(band, 2) > 0.5)
    window = box(x, y, (0.0, 0.02), 0.56, 0.19, 0.12)
    pane = c.cover(window * size)
    edge = torch.exp(-window.abs() * size * 70)
    tone = mix(tone, 0.05 + 0.1 * haze, pane)
    wound = c.rand(0.2, 0.8)
    spin = c.rand(0, math.tau)
    for side, full in ((-1.0, wound), (1.0, 1 - wound)):
        qx, qy = x - 0.36 * side, y - 0.02
        q, phi = torch.hypot(qx, qy), torch.atan2(qy, qx) + spin * side
        reel = 0.15 + 0.3 * full
        tape = c.cover((q - reel) * size) * pane
        tone = mix(
            tone, 0.09 + 0.1 * torch.cos(phi - spin * side - angle).abs() ** 8 + 0.03 * torch.sin(q * 240), tape
        )
        hub = c.cover((q - 0.135) * size)
        tone = mix(tone, 0.75 - 0.2 * smooth(0.1, 0.13, q), hub)
        hole = c.cover((q - 0.1) * size)
        tone = mix(tone, 0.03 + 0 * r, hole)
        teeth = (
            c.cover((torch.abs(torch.remainder(phi, math.pi / 3) - math.pi / 6) * q - 0.016) * size)
            * (q > 0.062)
            * hole
        )
        tone = mix(tone, 0.8 + 0 * r, teeth)
        accent = torch.maximum(accent, (hub - hole) * 0.8)
    middle = c.cover(box(x, y, (0.0, 0.02), 0.14, 0.1, 0.02) * size)
    tone = mix(tone, tone + 0.12 * (0.5 + 0.5 * torch.sin(x * 120)), middle)
    glare = smooth(0.08, 0.0, torch.abs(x + 0.5 * y - c.rand(-0.3, 0.3))) * pane
    for sx, sy in ((-0.93, -0.57), (0.93, -0.57), (-0.93, 0.57), (0.93, 0.57), (0.0, 0.55)):
        q = torch.hypot(x - sx, y - sy)
        screw = c.cover((q - 0.03) * size)
        tone = mix(tone, 0.5 + 0.3 * torch.cos(torch.atan2(y - sy, x - sx) * 2 + sx), screw)
    rim = torch.exp(-case.abs() * size * 55)
    return Layers(
        tone=tone + 0.2 * edge * body + 0.2 * glare,
        accent=accent,
        glow=glow + 0.35 * rim * (0.4 + haze) + 0.25 * glare,
        spark=spark + 0.2 * edge * body + 0.3 * rim * smooth(-0.4, 0.9, x),
    )
