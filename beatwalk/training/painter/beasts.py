"""Animals as dark shapes before light: a wolf, a stag."""

from __future__ import annotations

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import (
    Point,
    chain,
    coarsely,
    hashed,
    join,
    limb,
)


def facing(c: Canvas, low: float, high: float, x: Tensor, foot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Coordinates of an animal that stands at ``x`` on the line ``foot`` and looks left or right, and its size."""
    size, way = c.rand(low, high), torch.where(c.coin() > 0, 1.0, -1.0)
    return way * (c.x - x) / size, (c.y - foot) / size, size


def wolf_at(x: Tensor, y: Tensor, throat: Tensor, tail: Tensor) -> Tensor:
    """A howling wolf that stands on y = 0 and looks to the right; it is about 1 high."""
    body = chain(x, y, [(-0.42, -0.52, 0.115), (-0.12, -0.53, 0.105), (0.2, -0.52, 0.165)], 0.08)
    nx, ny = 0.4 + 0.05 * throat, -0.86 - 0.04 * throat
    neck = chain(x, y, [(0.2, -0.56, 0.16), (0.31, -0.72, 0.125), (nx, ny, 0.085)], 0.06)
    up = 0.95 + 0.35 * throat  # how far the muzzle points up
    mx, my = nx + 0.25 * torch.cos(up), ny - 0.25 * torch.sin(up)
    muzzle = limb(x, y, (nx + 0.03, ny - 0.03), (mx, my), 0.062, 0.022)
    jaw = limb(x, y, (nx + 0.06, ny + 0.01), (mx + 0.05, my + 0.08), 0.035, 0.012)
    ears = [limb(x, y, (nx - 0.05, ny - 0.03), (nx - 0.15, ny - 0.02 + 0.08 * k), 0.036, 0.006) for k in range(2)]
    fore = [
        chain(x, y, [(0.2, -0.42, 0.1), (0.22, -0.2, 0.045), (0.21, -0.03, 0.034), (0.26, -0.015, 0.026)], 0.04),
        chain(x, y, [(0.28, -0.42, 0.08), (0.34, -0.2, 0.04), (0.335, -0.03, 0.03), (0.38, -0.015, 0.024)], 0.04),
    ]
    rear = [
        chain(
            x,
            y,
            [
                (-0.42, -0.48, 0.12),
                (-0.37, -0.3, 0.065),
                (-0.49, -0.19, 0.034),
                (-0.44, -0.02, 0.032),
                (-0.39, -0.015, 0.024),
            ],
            0.04,
        ),
        chain(
            x,
            y,
            [
                (-0.36, -0.46, 0.1),
                (-0.25, -0.28, 0.052),
                (-0.36, -0.18, 0.032),
                (-0.3, -0.02, 0.03),
                (-0.25, -0.015, 0.024),
            ],
            0.04,
        ),
    ]
    brush = chain(
        x,
        y,
        [
            (-0.5, -0.52, 0.05),
            (-0.62, -0.42 - 0.1 * tail, 0.075),
            (-0.7, -0.22 - 0.2 * tail, 0.068),
            (-0.7, -0.06 - 0.26 * tail, 0.012),
        ],
        0.05,
    )
    return join([body, neck, join([muzzle, jaw], 0.012), *ears, *fore, *rear, brush], 0.03)


def wolf(c: Canvas) -> Layers:
    """A wolf that howls on a rock before a great moon, firs around it."""
    tex = c.texture(256, 1.7)
    mx, my, size_m = c.rand(-0.35, 0.35), c.rand(-0.4, -0.05), c.rand(0.4, 0.66)
    out = c.radius(mx, my) - size_m
    face = c.cover(out)
    seas = c.look(tex, (c.x - mx) * 0.34 / size_m + c.rand(), (c.y - my) * 0.34 / size_m)
    halo = torch.exp(-out.clamp(min=0) * 2.6)
    stars = c.dots(240) * (1 - face)
    cloud = smooth(0.5, 0.8, c.look(tex, c.x * 0.14 + c.rand(), c.y * 0.6))
    tone = mix(0.05 + 0.32 * halo + 0.1 * c.fbm(1, 5), 0.94 - 0.42 * smooth(0.45, 0.65, seas), face)
    tone = mix(tone, 0.12 + 0.34 * halo, cloud * 0.7)
    glow = 0.2 * halo * (1 - face) + 0.16 * face + 0.8 * stars * (1 - halo)
    accent = face * smooth(0.45, 0.6, seas) * 0.8
    depth = torch.ones_like(tone)
    foot = c.rand(0.35, 0.55) * c.half_h
    for layer in range(3):  # wooded ridges, far ones first
        k = layer / 2
        ridge = foot - 0.16 + 0.26 * k + 0.12 * c.profile(1, 1.0, 5)[:, :1]
        density = 9.0 - 4.0 * k
        place = c.x * density + c.rand(0, 99)
        ident = torch.floor(place)
        tall = (0.1 + 0.17 * hashed(ident, layer)) * (0.7 + 0.6 * k)
        up = (c.y - ridge + tall) / tall
        half = 0.5 * up.clamp(0, 1.1) * (0.55 + 0.45 * torch.remainder(up * 7 + 0.3 * torch.sin(place * 20), 1.0))
        fir = c.cover((torch.abs(place - ident - 0.5) - half * 0.8) / density) * (up > 0)
        body = torch.maximum(fir, c.cover(ridge - c.y))
        tone = mix(tone, 0.2 * (1 - k) + 0.03 + 0.05 * halo * (1 - k), body)
        glow, accent = glow * (1 - body), accent * (1 - body)
        depth = mix(depth, 0.9 * (1 - k) + 0 * tone, body)
    at = mx + c.rand(-0.3, 0.3)
    x, y, size = facing(c, 0.62, 0.82, at, foot)
    throat, tail = c.rand(-0.4, 0.8), c.rand(-0.4, 0.8)
    d = coarsely(x, y, lambda u, v: wolf_at(u, v, throat, tail))
    tufts = c.look(c.texture(256, 1.0), x * 2.2 + 1.2 * y, y * 0.9 - 0.5 * x) - 0.5
    fur = 0.05 * tufts * smooth(-0.25, -0.5, y) + 0.012 * tufts
    animal = c.cover((d + fur) * size)
    crag = (
        foot
        + 0.02
        + 0.5 * ((c.x - at).abs() - 0.42 * size).clamp(min=0) ** 1.1
        + 0.06 * c.profile(1, 3, 5)[:, :1].abs()
    )
    crag = crag + 0.5 * (0.5 - hashed(torch.floor((c.x - at) * 7), 2.0)) * ((c.x - at).abs() - 0.5 * size).clamp(
        0, 0.2
    )
    rock = c.cover(crag - c.y)
    stone = c.look(tex, c.x * 1.2 + 0.5 * c.y, c.y * 1.1) - 0.3
    lit = torch.exp(-(c.y - crag).clamp(min=0) * 7)
    tone = mix(tone, 0.03 + 0.22 * stone * (0.25 + lit) + 0.08 * lit, rock)
    tone = mix(tone, 0.025 + 0 * tone, animal)
    dark = torch.maximum(rock, animal)
    edge = torch.exp(-((d + fur).abs() * size) / (0.006 + 0.6 * c.pixel)) * face * (1 - rock)
    mist = smooth(0.35, 0.75, c.look(tex, c.x * 0.2 + c.rand(), c.y * 0.8)) * smooth(foot + 0.1, foot + 0.6, c.y)
    tone = mix(tone, 0.16 + 0.2 * halo, 0.5 * mist)
    return Layers(
        tone=tone,
        accent=accent * (1 - dark),
        glow=glow * (1 - dark) + 0.2 * edge,
        depth=depth * (1 - dark) + 0.3 * mist * dark,
    )


def stag_at(x: Tensor, y: Tensor, turn: Tensor, spread: Tensor) -> Tensor:
    """A stag that stands on y = 0 and looks to the right; its shoulders are at about 0.75."""
    body = chain(x, y, [(-0.36, -0.58, 0.125), (-0.08, -0.56, 0.125), (0.2, -0.6, 0.145)], 0.08)
    hx, hy = 0.43 + 0.04 * turn, -1.02 - 0.03 * turn
    neck = chain(x, y, [(0.22, -0.64, 0.14), (0.32, -0.82, 0.095), (hx - 0.03, hy + 0.03, 0.062)], 0.05)
    head = chain(x, y, [(hx - 0.02, hy, 0.062), (hx + 0.1, hy + 0.04, 0.045), (hx + 0.2, hy + 0.09, 0.026)], 0.02)
    ears = [limb(x, y, (hx - 0.05, hy - 0.03), (hx - 0.16, hy - 0.07 + 0.05 * k), 0.026, 0.008) for k in range(2)]
    legs = []
    for shift in (0.0, 0.09):
        thin = 1 - shift
        legs += [
            chain(
                x,
                y,
                [
                    (0.18 + shift, -0.5, 0.08),
                    (0.2 + 1.4 * shift, -0.3, 0.036 * thin),
                    (0.19 + 1.5 * shift, -0.05, 0.022),
                    (0.21 + 1.5 * shift, 0.0, 0.022),
                ],
                0.03,
            ),
            chain(
                x,
                y,
                [
                    (-0.37 + shift, -0.52, 0.1),
                    (-0.33 + shift, -0.34, 0.05 * thin),
                    (-0.42 + shift, -0.26, 0.028),
                    (-0.39 + shift, -0.04, 0.021),
                    (-0.37 + shift, 0.0, 0.021),
                ],
                0.03,
            ),
        ]
    tail = limb(x, y, (-0.48, -0.64), (-0.53, -0.54), 0.032, 0.02)
    antlers = []
    for side in (-1.0, 1.0):
        reach = spread * (1.0 if side < 0 else 0.82)
        beam: list[Point] = [
            (hx - 0.02, hy - 0.05),
            (hx - 0.04 + 0.1 * side, hy - 0.2 * reach),
            (hx - 0.02 + 0.25 * side, hy - 0.38 * reach),
            (hx + 0.02 + 0.25 * side, hy - 0.62 * reach),
        ]
        antlers.append(chain(x, y, [(*p, 0.02 - 0.004 * i) for i, p in enumerate(beam)], 0.01))
        for (px, py), (ex, ey) in zip(
            (beam[1], beam[1], beam[2], beam[2], beam[3]),
            ((0.16, -0.04), (-0.02, -0.16), (0.14, -0.2), (-0.14, -0.12), (-0.1, -0.14)),
            strict=True,
        ):
            antlers.append(limb(x, y, (px, py), (px + ex * side * 0.8, py + ey * reach), 0.015, 0.006))
    return join([join([body, neck, head], 0.04), *legs, *ears, tail, *antlers], 0.018)


def stag(c: Canvas) -> Layers:
    """A stag in a misty wood with the light behind it."""
    tex = c.texture(256, 1.7)
    lx, ly = c.rand(-0.4, 0.4), c.rand(-0.4, 0.0)
    r, a = c.polar(lx, ly)
    low = torch.exp(-r * c.rand(1.0, 1.7))
    disc_on, size_s = c.coin(0.5), c.rand(0.16, 0.34)
    sun = c.cover(r - size_s) * disc_on
    shafts = smooth(0.4, 0.8, c.look(tex, a * 0.5, 0 * r + c.rand())) * low
    tone = 0.12 + 0.6 * low + 0.2 * shafts + 0.14 * (c.look(tex, c.x * 0.2, c.y * 0.4) - 0.5) + 0.25 * sun
    glow, depth = 0.2 * low + 0.5 * sun + 0.2 * shafts, torch.ones_like(tone)
    foot = c.rand(0.55, 0.75) * c.half_h
    for layer in range(5):
        k = layer / 4
        density = 8.0 - 5.2 * k
        place = (c.x + 0.02 * torch.sin(c.y * 3 + 5 * layer)) * density + c.rand(0, 99)
        ident = torch.floor(place)
        chance = hashed(ident, 5.1 * layer)
        inner = place - ident - 0.5 - (chance - 0.5) * 0.5
        width = 0.07 + 0.09 * chance + 0.06 * torch.exp(-(foot - c.y).clamp(min=0) * 8)
        open_ = smooth(0.1, 0.5, (c.x - lx).abs() * (1.4 - k))  # the light stands in a gap
        trunk = c.cover((inner.abs() - width) / density) * (chance > 0.25 + 0.55 * k * (1 - open_))
        branch = torch.abs(
            torch.remainder(c.y * 2.2 + 0.8 * inner * torch.sign(chance - 0.6) + 3 * chance, 1.0) - 0.5
        )
        twigs = (
            smooth(0.03, 0.01, branch * (1 + 3 * inner.abs()))
            * smooth(0.5, 0.1, inner.abs())
            * (chance > 0.5)
            * (c.y < 0)
        )
        leaf = c.look(tex, c.x * (1.6 - 0.8 * k) + 0.3 * layer, c.y * (1.6 - 0.8 * k))
        crown = smooth(0.5, 0.58, leaf + 0.4 * (-c.y / c.half_h - 0.75 - 0.1 * k))
        ground = c.cover(foot - 0.1 * (1 - k) + 0.3 * k * k * 0.4 + 0.05 * c.profile(1, 1.4, 4)[:, :1] - c.y)
        bark = c.look(tex, inner * 1.5 + 0.37 * ident, c.y * 0.4) - 0.4
        body = torch.maximum(torch.maximum(trunk, 0.8 * crown), torch.maximum(ground, 0.8 * twigs))
        shade = 0.4 * (1 - k) ** 1.2 * (0.35 + low) + 0.03 + 0.12 * bark * (0.3 + 0.5 * k) * (0.4 + low)
        tone = mix(tone, shade, body)
        glow = glow * (1 - 0.9 * body) + 0.05 * low * (1 - k)
        depth = mix(depth, (1 - k) + 0 * tone, body)
    x, y, size = facing(c, 0.55, 0.78, lx + c.rand(-0.15, 0.15), foot + 0.1 * c.half_h)
    turn, spread = c.rand(-1, 1), c.rand(0.75, 1.1)
    d = coarsely(x, y, lambda u, v: stag_at(u, v, turn, spread))
    fur = 0.012 * (c.look(tex, x * 2.6, y * 2.6) - 0.5)
    animal = c.cover((d + fur) * size)
    edge = torch.exp(-(d.abs() * size) / (0.007 + 0.6 * c.pixel)) * low
    tone = mix(tone, 0.025 + 0.1 * torch.exp(d.clamp(max=0) * 26) * low, animal)
    blades = torch.abs(torch.remainder(c.x * 19 + 0.5 * torch.sin(c.y * 11), 1.0) - 0.5)
    tall = 0.08 + 0.16 * hashed(torch.floor(c.x * 19 + 0.5 * torch.sin(c.y * 11)))
    t = (foot + 0.2 * c.half_h - c.y) / tall
    grass = torch.maximum(smooth(0.0, 0.1, 0.32 * (1 - t) - blades) * (t < 1), c.cover(foot + 0.2 * c.half_h - c.y))
    tone = mix(tone, 0.025 + 0.12 * low * t.clamp(0, 1) * torch.exp(-((c.x - lx) ** 2) * 2), grass)
    mist = smooth(0.3, 0.75, c.look(tex, c.x * 0.22 + c.rand(), c.y * 0.9)) * smooth(foot - 0.5, foot + 0.1, c.y)
    tone = mix(tone, 0.2 + 0.4 * low, 0.4 * mist)
    motes = c.dots(160, 1.1) * low
    dark = torch.maximum(animal, grass)
    return Layers(
        tone=tone,
        accent=(sun + 0.7 * shafts) * (1 - dark),
        glow=glow * (1 - dark) + 0.22 * edge + motes,
        spark=0.2 * shafts * (1 - dark),
        depth=depth * (1 - dark) + 0.2 * mist * dark,
    )
