"""What flies: butterflies, birds of fire, feathers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import Point, chain, coarsely, join, limb, outline, polygon


def butterfly(c: Canvas) -> Layers:
    """A butterfly with open wings: veins, scales, borders with dots, eyes on the hind wings."""
    tex = c.texture(256, 1.7)
    tilt, size = c.rand(-0.6, 0.6), c.rand(0.62, 0.82)
    cx, cy = c.rand(-0.14, 0.14), c.rand(-0.1, 0.12)
    cos, sin = torch.cos(tilt), torch.sin(tilt)
    dx, dy = (c.x - cx) / size, (c.y - cy) / size
    x, y = dx * cos - dy * sin, dx * sin + dy * cos
    side, x = torch.sign(x), x.abs() / c.rand(0.82, 1.0)  # wings that are raised a little look narrower
    tip, hind, tail = c.rand(-0.12, 0.1), c.rand(-0.08, 0.08), c.rand(0, 0.3) * c.coin(0.6)
    fore: list[Point] = [
        *((0.02, -0.06), (0.3, -0.46), (0.66, -0.76 + tip), (0.98, -0.84 + tip), (1.04, -0.7 + tip)),
        *((0.92, -0.42), (0.86, -0.2), (0.68, 0.02), (0.36, 0.1), (0.06, 0.08)),
    ]
    rear: list[Point] = [
        *((0.03, 0.02), (0.34, 0.0), (0.64, 0.06), (0.8 + hind, 0.26), (0.74 + hind, 0.52), (0.56, 0.7)),
        *((0.46, 0.76 + tail), (0.36, 0.72), (0.18, 0.5), (0.05, 0.26)),
    ]
    back = smooth(1.6, 0.0, c.radius(cx, cy))
    blur = c.look(tex, c.x * 0.13 + c.rand(), c.y * 0.13)
    tone = 0.06 + 0.34 * back * (0.3 + blur) * c.rand(0.5, 1.2)
    glow, spark, accent = 0.35 * c.dots(160) * back, torch.zeros_like(tone), torch.zeros_like(tone)
    for _ in range(round(9 * c.area)):  # lights out of focus
        r = c.radius(c.rand(-1.1, 1.1) * c.half_w, c.rand(-1.1, 1.1) * c.half_h)
        tone = tone + c.rand(0.0, 0.13) * smooth(1.1, 0.9, r / c.rand(0.06, 0.2))
    kind = c.rand()  # how much of a wing is border
    eyes_on = c.coin(0.6)
    for points, (rx, ry), n, eye in ((rear, (0.05, 0.06), 7.0, (0.5, 0.4)), (fore, (0.05, 0.0), 9.0, (0.62, -0.42))):
        d = coarsely(x, y, lambda u, v, points=points: polygon(u, v, outline(points)))  # type: ignore[misc]
        wing = c.cover(d * size)
        depth = -d
        a, r = torch.atan2(y - ry, x - rx), torch.hypot(x - rx, y - ry)
        wave = a * n + 0.9 * torch.sin(r * 3)
        fan = torch.abs(torch.remainder(wave / math.pi, 1.0) - 0.5)
        veins = torch.exp(-(((0.5 - fan) * r * math.pi / n) ** 2) / (0.0045 + 0.7 * c.pixel) ** 2)
        border = smooth(
            0.03 + 0.12 * kind, 0.0 + 0.05 * kind, depth - 0.05 * torch.cos(wave * 2) * smooth(0.1, 0.5, r)
        )
        bands = 0.5 + 0.5 * torch.sin(r * c.rand(8, 15) + 5 * (c.look(tex, x * 0.3, y * 0.3) - 0.5) - 1.5 * fan)
        scales = c.look(tex, r * 2.4, a * 1.7) - 0.5
        field = 0.34 + 0.34 * bands * smooth(0.9, 0.2, r) + 0.24 * fan + 0.3 * scales + 0.16 * smooth(0.3, 0.9, r)
        dots, _, ident, _ = c.cells(x * 11 + 5, y * 11 + 5, 0.5)
        pearls = smooth(0.34, 0.22, dots) * smooth(0.16, 0.1, depth) * smooth(0.012, 0.03, depth) * (ident > 0.3)
        er = torch.hypot(x - eye[0], y - eye[1]) / (0.12 if eye[1] > 0 else 0.09)
        ring = (smooth(1.05, 0.95, er) - smooth(0.75, 0.65, er) + 0.8 * smooth(0.3, 0.2, er)).clamp(0, 1) * eyes_on
        pupil = smooth(0.75, 0.65, er) * eyes_on
        face = field * (1 - 0.75 * pupil) + 0.3 * ring
        shade = face * (1 - 0.86 * border) * (1 - 0.7 * veins) + 0.6 * pearls + 0.06
        shadow = smooth(0.1, -0.02, d)
        tone = mix(tone * (1 - 0.35 * shadow), shade * (1 + 0.1 * side), wing)
        accent = mix(accent, torch.maximum(ring, pearls * 0.8) + bands * 0.35 * (1 - border), wing)
        glow = mix(glow, 0.2 * field * (1 - border) * (1 - veins) + 0.5 * pearls, wing)
        spark = mix(spark, 0.4 * ring, wing)

    def body(u: Tensor, v: Tensor) -> Tensor:
        return chain(u, v, [(0.0, -0.22, 0.035), (0.0, -0.12, 0.06), (0.0, 0.06, 0.062), (0.0, 0.52, 0.018)], 0.03)

    trunk = c.cover(coarsely(x, y, body) * size)
    fur = c.look(tex, x * 3, y * 2)
    lit = 0.08 + 0.5 * smooth(0.06, 0.0, x) * (0.4 + fur) * (0.6 + 0.4 * torch.sin(y * 90).abs())
    feeler = (
        torch.abs(x - 0.26 * (-0.2 - y).clamp(min=0) ** 0.6) * smooth(-0.2, -0.24, y)
        + 9 * (y > -0.2)
        + 9 * (y < -0.62)
    )
    feelers = torch.exp(-((feeler / (0.006 + 0.7 * c.pixel)) ** 2))
    tone = mix(mix(tone, 0.1 + 0 * tone, feelers * 0.9), lit, trunk)
    return Layers(
        tone=tone, accent=accent * (1 - trunk), glow=glow * (1 - trunk), spark=spark, depth=0.4 * (1 - back)
    )


def phoenix(c: Canvas) -> Layers:
    """A bird with wings spread wide, feathers of light, a long burning tail, and sparks."""
    tex = c.texture(256, 1.7)
    size, tilt = c.rand(0.66, 0.86), c.rand(-0.35, 0.35)
    cx, cy = c.rand(-0.12, 0.12), c.rand(-0.2, 0.0)
    cos, sin = torch.cos(tilt), torch.sin(tilt)
    dx, dy = (c.x - cx) / size, (c.y - cy) / size
    x, y = dx * cos - dy * sin, dx * sin + dy * cos
    lift, sweep = c.rand(-0.1, 0.42), c.rand(-0.15, 0.15)
    shoulder, elbow = (0.09, -0.08), (0.44, -0.3 - 0.5 * lift)
    hand = (0.82 + 0.1 * sweep, -0.34 - lift)
    mirrored = x.abs()
    q = c.look(tex, c.x * 0.22 + c.rand(), c.y * 0.22)
    tongue = c.look(tex, c.x * 0.5 + 0.5 * q, c.y * 0.34 + 0.6 * q)
    r = torch.hypot(x, y)
    haze = torch.exp(-r * 1.5)
    tone = 0.03 + 0.13 * c.fbm(1.1, 6) + 0.34 * haze * smooth(0.3, 0.75, tongue)
    feather = torch.full_like(x, 9.0)
    barbs, light = torch.zeros_like(x), torch.zeros_like(x)
    for row, (count, reach) in enumerate(
        ((15, 1.0), (12, 0.58), (10, 0.34))
    ):  # long ones first, then what covers them
        for i in range(count):
            k = i / (count - 1)
            bone = (shoulder, elbow, hand)
            place, part = divmod(min(k * 2, 1.999), 1)
            start, end = bone[int(place)], bone[int(place) + 1]
            px, py = mix(start[0], end[0], torch.tensor(part)), mix(start[1], end[1] + 0 * lift, torch.tensor(part))
            angle = 1.5 - 1.75 * k**1.4 - (0.3 + 0.5 * lift) * k + 0.05 * torch.sin(torch.tensor(7.0 * i))
            length = reach * (0.36 + 0.42 * k**0.8) * (0.97 + 0.06 * math.sin(3.7 * i))
            ex, ey = px + length * torch.cos(angle), py + length * torch.sin(angle)
            ax, ay = ex - px, ey - py
            ux, uy = mirrored - px, y - py
            along = ((ux * ax + uy * ay) / (ax * ax + ay * ay)).clamp(0, 1)
            across = torch.sqrt((ux - along * ax) ** 2 + (uy - along * ay) ** 2 + 1e-9)
            width = 0.042 * (1 - 0.25 * row) * torch.sin(math.pi * (0.12 + 0.86 * along)).clamp(min=0) ** 0.6
            d = across - width
            cover = c.cover(d * size)
            shaft = torch.exp(-((across / 0.006) ** 2))
            stripes = 0.5 + 0.5 * torch.sin((along * 42 - across * 160) + i)
            bright = (
                0.16 + 0.3 * along + 0.2 * stripes * (across / (width + 1e-3)).clamp(0, 1) + 0.4 * shaft - 0.05 * row
            )
            edge = torch.exp(-(d.abs() * size) / (0.008 + c.pixel))
            barbs = mix(barbs, bright, cover)
            light = mix(light, (0.75 * along**2 + 0.3 * shaft) * 0.6, cover) + 0.16 * edge * along
            feather = torch.minimum(feather, d)
    tails = torch.zeros_like(x)
    beads = torch.zeros_like(x)
    for i in range(7):
        sway = c.rand(-0.3, 0.3) + 0.28 * (i - 3)
        down = (y - 0.12).clamp(min=0)
        curve = sway * down**1.25 + 0.1 * torch.sin(down * c.rand(2.4, 4.4) + c.rand(0, 6)) * down
        length = c.rand(0.8, 1.25) * (1.0 - 0.07 * abs(i - 3))
        width = 0.022 + 0.05 * (down / length).clamp(0, 1) ** 2
        over = torch.abs(x - curve) / width
        strand = torch.exp(-(over**2)) * smooth(length, 0.75 * length, down) * (y > 0.1)
        ribs = 0.55 + 0.45 * torch.sin(down * 70 - over * 4)
        tails = torch.maximum(tails, strand * ribs)
        eye = torch.hypot(x - curve, (down - 0.86 * length))
        beads = beads + torch.exp(-((eye / 0.035) ** 2)) + 0.5 * torch.exp(-(((eye - 0.065) / 0.012) ** 2))

    def trunk(u: Tensor, v: Tensor) -> Tensor:
        main = chain(u, v, [(0.0, 0.24, 0.05), (0.0, 0.04, 0.115), (0.0, -0.16, 0.085), (0.05, -0.32, 0.05)], 0.06)
        beak = limb(u, v, (0.07, -0.36), (0.19, -0.34), 0.03, 0.004)
        crest = [limb(u, v, (0.04, -0.38), (-0.04 - 0.05 * k, -0.56 + 0.05 * k), 0.016, 0.003) for k in range(3)]
        return join([main, join([limb(u, v, (0.05, -0.36), (0.07, -0.36), 0.062, 0.05), beak], 0.03), *crest], 0.03)

    body_d = coarsely(x, y, trunk)
    body = c.cover(body_d * size)
    first, _, ident, _ = c.cells(x * 26, y * 20, 0.6)
    plumage = 0.3 + 0.4 * (1 - first) + 0.2 * ident + 0.3 * smooth(0.1, -0.3, y)
    wing = c.cover(feather * size)
    fire = smooth(0.42, 0.8, tongue + 0.42 * torch.exp(-feather.clamp(min=0) * 7) - 0.2) * (1 - wing)
    fire = fire * torch.exp(-feather.clamp(min=0) * 4.5)
    n = round(420 * c.area)
    sparks = c.splat(
        cx[:, 0] + size[:, 0] * 0.7 * c.normal(n),
        cy[:, 0] + size[:, 0] * (0.25 + 0.6 * c.normal(n)),
        c.rand(0, 1, n) ** 4 * 3,
    )
    tone = tone + 0.4 * fire + 0.5 * tails
    tone = mix(tone, barbs, wing)
    tone = mix(tone, plumage, body)
    eye = torch.exp(-((torch.hypot(x - 0.075, y + 0.375) / 0.014) ** 2))
    return Layers(
        tone=tone,
        accent=(tails * 0.5 + beads).clamp(0, 1) + 0.8 * fire,
        glow=0.4 * fire
        + light * (1 - body)
        + 0.5 * tails * (1 - wing)
        + 0.8 * sparks
        + 0.16 * haze
        + 1.2 * eye
        + 0.3 * body * plumage,
        spark=0.7 * beads * (1 - body) + 0.25 * fire,
    )


def feather(c: Canvas) -> Layers:
    """A drifting feather: a bent shaft, barbs with gaps, down at its foot, light behind."""
    tex = c.texture(256, 1.5)
    wide = c.texture(256, 2.2)
    soft = c.look(wide, c.x * 0.14 + c.rand(), c.y * 0.14)
    lx, ly = c.rand(-0.7, 0.7), c.rand(-0.8, 0.2)
    near = torch.exp(-c.radius(lx, ly) * 1.3)
    tone = 0.06 + 0.26 * soft * (0.4 + near) + 0.16 * near
    glow, accent = 0.22 * near + 0.4 * c.dots(150), 0.4 * near
    for index in range(3):
        main = index == 2
        size = c.rand(0.72, 0.92) if main else c.rand(0.18, 0.34)
        turn = c.rand(0, math.tau)
        cx, cy = (c.rand(-0.12, 0.12), c.rand(-0.12, 0.12)) if main else (c.rand(-0.9, 0.9), c.rand(-0.9, 0.9))
        cos, sin = torch.cos(turn), torch.sin(turn)
        dx, dy = (c.x - cx) / size, (c.y - cy) / size
        u, v = dx * cos + dy * sin, dy * cos - dx * sin  # along the shaft, and across it
        bend = c.rand(-0.3, 0.3)
        v = v - bend * (u * u - 0.4) - 0.08 * bend * torch.sin(3 * u)
        t = ((u + 0.95) / 1.9).clamp(0, 1)  # from the quill's foot to the tip
        reach = 0.3 * torch.sin(math.pi * (0.06 + 0.94 * t) ** 0.62).clamp(min=0) ** 0.55 * c.rand(0.7, 1.1)
        reach = reach * torch.where(v > 0, 1.0, 0.72)
        gap = c.look(tex, torch.sign(v) * 0.3 + (u - 0.9 * v.abs()) * 0.42, v * 0.02)
        split = smooth(0.68, 0.74, gap) * smooth(0.25, 0.9, v.abs() / (reach + 1e-3))
        fray = c.look(tex, u * 1.6, v * 1.6) - 0.5
        edge = (v.abs() - reach * (1 + 0.16 * fray) * (1 - 0.3 * split)) * size
        vane = c.cover(edge + 0.012 * split) * (t > 0.16) * (t < 1) * (1 - 0.55 * split)
        grain = c.look(tex, (u - 0.8 * v.abs()) * 3.2, 0.12 * v.abs() + 0.5 * torch.sign(v))
        barbs = 0.3 + 0.35 * torch.sin((u - 0.8 * v.abs()) * 210) + 0.7 * grain
        down = c.look(tex, u * 2.0, v * 0.9) * smooth(0.34, 0.14, t) * smooth(0.24, 0.0, v.abs()) * (t > 0.1)
        shaft = torch.exp(-((v / (0.011 * (1.15 - t) + 0.5 * c.pixel)) ** 2)) * (u > -1.0) * (u < 0.93)
        bands = smooth(0.3, 0.7, 0.5 + 0.5 * torch.sin((u - 0.7 * v.abs()) * c.rand(6, 12)))
        rim = torch.exp(edge.clamp(max=0) * 26)
        lit = 0.3 + 0.24 * barbs * (0.5 + 0.5 * t) + 0.2 * rim + 0.2 * bands + 0.2 * torch.sign(v) * 0.4 + 0.2 * near
        body = vane if main else vane * 0.7
        tone = mix(tone, lit if main else 0.6 * lit, body)
        tone = tone + 0.5 * down * (1 - vane) + (0.5 * shaft if main else 0.3 * shaft)
        glow = mix(glow, (0.16 + 0.22 * near) * rim + 0.08 * barbs, body) + 0.25 * shaft
        accent = mix(accent, bands * 0.9, body)
    return Layers(tone=tone, accent=accent, glow=glow, depth=0.3 * soft)
