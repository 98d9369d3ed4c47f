"""Animals in water: a whale, koi."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import (
    Point,
    chain,
    coarsely,
    join,
    outline,
    polygon,
    rounded,
)


def whale(c: Canvas) -> Layers:
    """A humpback under the shafts of light of the sea, with bubbles and a school of fish."""
    tex = c.texture(256, 1.7)
    lx = c.rand(-0.6, 0.6)
    a = torch.atan2(c.x - lx, c.y + c.half_h + 0.5)
    top = smooth(1.0, -1.1, c.y / c.half_h)
    shafts = c.look(tex, a * 0.6, 0 * a + c.rand()) * c.look(tex, a * 1.7, 0 * a + 0.4) * 2
    shafts = smooth(0.3, 0.9, shafts) * top * torch.exp(-((c.x - lx) ** 2) * 0.5)
    tone = 0.05 + 0.36 * top**1.6 + 0.2 * shafts + 0.06 * (c.fbm(1.5, 5) - 0.5)
    glow, depth = 0.35 * shafts * top + 0.25 * top**6, 0.35 + 0.5 * top
    surface = torch.exp(
        -torch.abs(torch.sin(10 * c.look(tex, c.x * 0.3 / (0.2 + (c.y + c.half_h)), 0.3 / (0.2 + (c.y + c.half_h)))))
        * 4
    )
    glow = glow + 0.3 * surface * smooth(0.65, 1.0, top)
    points: list[Point] = [
        *((1.0, 0.02), (0.93, -0.07), (0.72, -0.12), (0.45, -0.19), (0.12, -0.23), (-0.18, -0.2), (-0.3, -0.225)),
        *((-0.36, -0.16), (-0.62, -0.08), (-0.9, -0.025), (-0.9, 0.025), (-0.6, 0.05), (-0.2, 0.16), (0.2, 0.25)),
        *((0.55, 0.24), (0.82, 0.16)),
    ]
    accent, spark = torch.zeros_like(tone), torch.zeros_like(tone)
    for index in range(2):
        calf = index == 0
        on = c.coin(0.45) if calf else torch.ones_like(lx)
        size = c.rand(0.24, 0.4) if calf else c.rand(0.72, 0.9)
        cx, cy = (c.rand(-0.6, 0.6), c.rand(-0.6, 0.5)) if calf else (c.rand(-0.12, 0.12), c.rand(-0.2, 0.25))
        way, tilt = torch.where(c.coin() > 0, 1.0, -1.0), c.rand(-0.5, 0.5)
        cos, sin = torch.cos(tilt), torch.sin(tilt)
        dx, dy = (c.x - cx) / size * way, (c.y - cy) / size
        x, y = dx * cos - dy * sin, dx * sin + dy * cos
        arch = c.rand(-0.25, 0.4)
        y = y - arch * (x - 0.1) ** 2 * 0.45
        beat = c.rand(-0.14, 0.14)

        def body_at(u: Tensor, v: Tensor, beat: Tensor = beat) -> Tensor:
            fluke = join(
                [
                    chain(u, v, [(-0.86, 0.0, 0.03), (-1.02, beat - 0.02, 0.05), (-1.2, beat - 0.19, 0.01)], 0.03),
                    chain(u, v, [(-0.86, 0.0, 0.03), (-1.02, beat + 0.02, 0.045), (-1.13, beat + 0.16, 0.01)], 0.03),
                ],
                0.04,
            )
            return join([polygon(u, v, outline(points, 3)), fluke], 0.03)

        wave = c.rand(-0.25, 0.35)
        d = coarsely(x, y, body_at)
        fin = coarsely(
            x,
            y,
            lambda u, v, wave=wave: chain(
                u, v, [(0.4, 0.12, 0.06), (0.26, 0.36 + wave * 0.4, 0.055), (0.02, 0.54 + wave, 0.012)], 0.04
            ),  # type: ignore[misc]
        )
        angle = torch.full_like(lx, -math.pi / 2)
        skin = c.look(tex, x * 0.7, y * 0.9) - 0.5
        barnacles = smooth(0.3, 0.1, c.cells(x * 18 + 3, y * 18 + 3, 0.9)[0]) * smooth(0.62, 0.9, x + 0.5 * skin)
        jaw = 0.055 - 0.16 * (0.95 - x).clamp(min=0) + 0.5 * ((0.95 - x).clamp(0, 0.5) - 0.1).clamp(min=0) ** 2
        belly = smooth(0.0, 0.1, y - jaw - 0.05) * smooth(-0.25, 0.15, x)
        pleats = 0.5 + 0.5 * torch.sin((y - 0.12 * x * x) * 110 - 10 * (x - 0.9) ** 2)
        line = torch.exp(-torch.abs(y - jaw) * 90) * smooth(0.5, 0.6, x)
        shade = rounded(c, d * size, 0.2 * size, angle)
        caustic = torch.exp(-torch.abs(torch.sin(8 * c.look(tex, c.x * 0.5, c.y * 0.5))) * 4) * shade**2
        flesh = (
            0.05
            + 0.5 * shade**1.3 * (0.5 + top)
            + 0.13 * skin
            + belly * (0.2 + 0.24 * pleats)
            - 0.2 * line
            + 0.2 * barnacles
        )
        flesh = flesh + 0.26 * caustic * (0.4 + top)
        eye = torch.hypot(x - 0.62, y - jaw - 0.035)
        flesh = flesh * smooth(0.012, 0.022, eye) + 0.6 * torch.exp(
            -((torch.hypot(x - 0.625, y - jaw - 0.03) / 0.006) ** 2)
        )
        dim = 0.6 if calf else 1.0
        for distance, colour in (
            (d, flesh),
            (fin, 0.07 + 0.3 * rounded(c, fin * size, 0.05 * size, angle) + 0.1 * skin),
        ):
            cover = c.cover(distance * size) * on
            tone = mix(tone, colour if not calf else 0.6 * colour + 0.4 * tone, cover)
            glow, depth = mix(glow, 0.3 * shafts * shade * dim, cover), depth * (1 - cover * dim)
        rim = torch.exp(-(d.abs() * size) / (0.008 + c.pixel)) * smooth(0.05, -0.1, y) * on * dim
        glow, accent = glow + 0.4 * rim * (0.2 + top), accent + belly * c.cover(d * size) * on * 0.6
    count = 40
    fx = c.rand(-0.9, 0.9, 1) + 0.26 * c.normal(count)
    fy = c.rand(0.2, 0.85, 1) + 0.09 * c.normal(count)
    fish = torch.zeros_like(tone)
    for part in range(4):
        fish = fish + c.splat(fx + 0.008 * part, fy, (0.8, 2.0, 2.0, 1.0)[part])
    fish = (c.blur(fish, 0.0035) * 4).clamp(0, 1)
    tone = mix(tone, 0.04 + 0.4 * top, 0.7 * fish)
    return Layers(
        tone=tone,
        accent=accent + 0.6 * shafts,
        glow=glow + 0.55 * c.dots(120, 1.3),
        spark=spark + 0.12 * shafts,
        depth=depth,
    )


def koi(c: Canvas) -> Layers:
    """Koi seen from above in a dark pond: patches, scales, veils of fins, lily pads, rings of rain."""
    tex = c.texture(256, 1.8)
    depth_ = c.look(tex, c.x * 0.16 + c.rand(), c.y * 0.16)
    stones, _, ident, _ = c.cells(c.x * 4 + 9, c.y * 4 + 9, 0.9)
    bottom = 0.04 + 0.1 * (0.65 - stones) * (0.4 + 0.6 * ident) * smooth(0.35, 0.7, depth_)
    q = c.look(tex, c.x * 0.5, c.y * 0.5)
    caustic = torch.exp(-torch.abs(torch.sin(c.look(c.texture(256, 2.4), c.x * 0.4 + 0.1 * q, c.y * 0.4) * 30)) * 3.5)
    tone = bottom + 0.1 * caustic * depth_ + 0.05
    glow, accent, spark = 0.1 * caustic * depth_, torch.zeros_like(tone), torch.zeros_like(tone)
    swirl, centre = c.rand(0, math.tau), c.coin(0.5)
    count = 4
    for index in range(count):
        size = c.rand(0.46, 0.62) if index >= 2 else c.rand(0.3, 0.44)
        on = torch.ones_like(swirl) if index != 1 else c.coin(0.7)
        phase = swirl + index * math.tau / count + c.rand(-0.25, 0.25)
        far = c.rand(0.34, 0.58)
        cx, cy = far * torch.cos(phase) * c.half_w**0.7, far * torch.sin(phase) * c.half_h**0.7
        head = mix(c.rand(0, math.tau), phase + math.pi / 2 + 0.2, centre)  # some swim in a ring
        cos, sin = torch.cos(head), torch.sin(head)
        dx, dy = (c.x - cx) / size, (c.y - cy) / size
        x, y = dx * cos + dy * sin, dy * cos - dx * sin
        bend = mix(c.rand(-0.45, 0.45), c.rand(-0.55, -0.25), centre)
        y = y - bend * (x * x - 0.2) - 0.05 * torch.sin(x * 5 + c.rand(0, 6)) * smooth(0.5, -0.6, x)
        t = ((0.78 - x) / 1.4).clamp(0, 1)  # from the nose to the root of the tail
        half = 0.205 * torch.sin(math.pi * (0.03 + 0.97 * t).clamp(0, 1) ** 0.58).clamp(min=0) ** 0.75 + 0.018
        d = torch.maximum(y.abs() - half, torch.maximum(x - 0.79, -0.66 - x))
        body = c.cover(d * size) * on
        shadow = smooth(0.3, -0.05, torch.maximum((y - 0.12).abs() - half, torch.maximum(x - 0.8, -0.7 - x))) * on
        tone, glow = tone * (1 - 0.55 * shadow), glow * (1 - 0.6 * shadow)
        fins, rays = torch.zeros_like(x), torch.zeros_like(x)
        for px, py, way, reach, open_ in (
            *((0.36, 0.17, 2.25, 0.36, 0.62), (0.36, -0.17, -2.25, 0.36, 0.62)),
            *((-0.16, 0.13, 2.6, 0.22, 0.5), (-0.16, -0.13, -2.6, 0.22, 0.5)),
            *((-0.58, 0.0, math.pi - 0.28, 0.62, 0.34), (-0.58, 0.0, math.pi + 0.28, 0.62, 0.34)),
        ):
            ux, uy = x - px, y - py
            r = torch.hypot(ux, uy)
            off = torch.atan2(torch.sin(torch.atan2(uy, ux) - way), torch.cos(torch.atan2(uy, ux) - way))
            veil = smooth(open_, 0.8 * open_, off.abs()) * smooth(
                reach, 0.75 * reach, r * (1 + 0.12 * torch.sin(off * 20))
            )
            fins = torch.maximum(fins, veil * (1 - 0.45 * r / reach))
            rays = torch.maximum(rays, veil * (0.5 + 0.5 * torch.sin(off * 70 / (open_ + 0.3))))
        fins, rays = fins * on, rays * on
        tone = mix(tone, 0.38 + 0.34 * rays, 0.62 * fins)
        glow = glow + 0.12 * rays * fins
        patch = smooth(0.5, 0.55, c.look(tex, x * 0.3 + c.rand(), y * 0.34 + c.rand()))
        black = smooth(0.62, 0.66, c.look(tex, x * 0.6 + c.rand(), y * 0.6 + 0.3))
        su, sv = x * 22, y * 20 + 0.5 * torch.remainder(torch.floor(x * 22), 2.0)
        scale = torch.hypot(torch.remainder(su, 1.0), torch.remainder(sv, 1.0) - 0.5)
        scales = mix(1.0, smooth(0.85, 0.5, scale), smooth(0.5, 0.35, x) * smooth(-0.6, -0.4, x))
        round_ = torch.sqrt((1 - (y / half) ** 2).clamp(min=0))
        skin = (0.9 - 0.46 * patch) * (0.3 + 0.7 * round_) * (0.78 + 0.22 * scales) * (1 - 0.85 * black)
        ridge = torch.exp(-((y / 0.02) ** 2)) * smooth(-0.35, -0.2, x) * smooth(0.3, 0.15, x)
        skin = skin + 0.2 * ridge
        eyes = torch.hypot(x - 0.62, y.abs() - 0.105)
        skin = skin * smooth(0.018, 0.03, eyes)
        tone = mix(tone, skin + 0.08 * caustic, body)
        shine = round_**6 * smooth(-0.5, 0.3, x) * 0.3
        glow = mix(glow, 0.08 * (1 - patch) * (1 - black) * round_ + 0.6 * shine, body)
        accent, spark = mix(accent, patch, body), mix(spark, 0.24 * patch * round_, body)
    pads = c.whole(0, 4)
    for index in range(4):
        size = c.rand(0.12, 0.3)
        cx, cy = c.rand(-1, 1) * c.half_w, torch.where(c.coin() > 0, 1.0, -1.0) * c.rand(0.55, 1.0) * c.half_h
        r, a = c.polar(cx, cy)
        turn = torch.remainder(a + c.rand(0, math.tau), math.tau) - math.pi
        pad = c.cover(r - size * (1 + 0.03 * torch.sin(9 * a))) * (
            1 - smooth(0.22, 0.18, turn.abs()) * (r > 0.1 * size)
        )
        pad = pad * (index < pads)
        vein = torch.exp(-torch.abs(torch.remainder(turn * 14 / math.tau, 1.0) - 0.5) * r / size * 16)
        shadow = smooth(1.25, 0.9, c.radius(cx + 0.03, cy + 0.05) / size) * (index < pads)
        tone = mix(
            tone * (1 - 0.4 * shadow), 0.2 + 0.16 * (r / size) + 0.12 * vein + 0.14 * c.look(tex, c.x, c.y), pad
        )
        glow, accent, spark = glow * (1 - pad), mix(accent, 0.5 + 0 * r, pad), spark * (1 - pad)
    rings = torch.zeros_like(tone)
    for _ in range(5):
        off = c.radius(c.rand(-1, 1) * c.half_w, c.rand(-1, 1) * c.half_h) - c.rand(0.08, 0.34)
        rings = rings + torch.sin(off * 90) * torch.exp(-((off / 0.05) ** 2)) * c.coin(0.7)
    petals = (
        c.blur(c.splat(c.rand(-1, 1, 14) * c.half_w, c.rand(-1, 1, 14) * c.half_h, 5.0), 0.011) * 14 * c.coin(0.4)
    )
    return Layers(
        tone=tone + 0.09 * rings + 0.5 * petals.clamp(0, 1),
        accent=accent,
        glow=glow + 0.12 * rings.clamp(min=0) + 0.3 * petals.clamp(0, 1),
        spark=spark,
    )
