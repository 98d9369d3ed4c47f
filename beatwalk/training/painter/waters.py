"""Waters to travel on and to stand before: a tall ship at sea, a waterfall."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.land import backdrop, sea
from beatwalk.training.painter.shapes import (
    Point,
    coarsely,
    join,
    limb,
    outline,
    polygon,
)


def ship(c: Canvas) -> Layers:
    """A tall ship under full sail on the open sea, a low sun or moon behind its masts."""
    horizon = c.rand(0.15, 0.4) * c.half_h
    tone, glow, accent = backdrop(c, horizon, 1.0, 0.0)
    at = c.rand(-0.25, 0.25)
    sx, sy, size = at + c.rand(-0.5, 0.5), horizon - c.rand(0.1, 0.7), c.rand(0.16, 0.38)
    r = c.radius(sx, sy)
    water = c.cover(horizon - c.y)
    orb = c.cover(r - size) * (1 - water)
    tone = tone + 0.34 * orb + 0.16 * torch.exp(-r * 1.6)
    glow, accent = glow + 0.4 * orb + 0.5 * c.dots(120) * (1 - orb) * (1 - water), torch.maximum(accent, orb)
    wave, glitter, _ = sea(c, horizon, sx)
    tone, glow, accent = mix(tone, wave, water), mix(glow, 0.7 * glitter, water), mix(accent, glitter, water)
    depth = mix(0.7 + 0 * tone, torch.exp(-(c.y - horizon).clamp(min=0) * 4), water)
    tex = c.texture(256, 1.7)
    scale, way = c.rand(0.62, 0.82), torch.where(c.coin() > 0, 1.0, -1.0)
    heel = c.rand(-0.1, 0.1)
    line = horizon + c.rand(0.05, 0.14)  # where the hull meets the water
    dx, dy = (c.x - at) / scale * way, (c.y - line) / scale
    x, y = dx * torch.cos(heel) - dy * torch.sin(heel), dx * torch.sin(heel) + dy * torch.cos(heel)
    hull_points: list[Point] = [
        (-0.82, -0.3),
        (-0.78, -0.24),
        (-0.5, -0.17),
        (0.1, -0.14),
        (0.55, -0.19),
        (0.86, -0.27),
        (0.8, -0.14),
        (0.62, 0.03),
        (0.2, 0.08),
        (-0.4, 0.08),
        (-0.68, 0.0),
    ]
    hull_d = coarsely(x, y, lambda u, v: polygon(u, v, outline(hull_points, 3)))
    lit = 0.5 + 0.5 * torch.tanh(3 * ((sx - c.x) / scale)) * 0.6
    spars = [limb(x, y, (0.8, -0.24), (1.16, -0.42), 0.016, 0.007)]
    masts = ((-0.48, 0.86), (0.02, 1.12), (0.46, 0.94))
    for mx, tall in masts:
        spars.append(limb(x, y, (mx, -0.1), (mx - 0.02, -tall - 0.2), 0.016, 0.006))
    sails, shade = torch.zeros_like(tone), torch.zeros_like(tone)
    full = c.rand(0.04, 0.12)
    for mast, (mx, tall) in enumerate(masts):
        low = 0.3
        rows = 4 if mast == 1 else 3
        for row in range(rows):  # square sails, the lower ones wider
            top, high = low + (tall - 0.28) * (row + 1) / rows, (tall - 0.28) / rows * 0.94
            half = (0.23 - 0.035 * row) * (1.08 if mast == 1 else 0.94)
            t = ((-y - top + high) / high).clamp(0, 1)  # 0 at the lower edge
            belly = full * torch.sin(math.pi * t.clamp(0, 1))
            u = (x - mx - 0.03 - belly) / (half * (1.08 - 0.16 * t))
            foot = top - high + 0.035 * (1 - u * u)
            sail = c.cover(torch.maximum((u.abs() - 1) * half, torch.maximum(-y - top, foot + y)) * scale)
            seams = smooth(0.06, 0.02, torch.abs(torch.remainder(u * 2.5, 1.0) - 0.5))
            cloth = (
                0.34 + 0.3 * torch.sin(math.pi * t).clamp(min=0) ** 0.7 * (0.5 + 0.5 * u) + 0.2 * lit - 0.06 * seams
            )
            cloth = cloth + 0.16 * (c.look(tex, u * 0.25 + mast, t * 0.3 + row) - 0.5)
            sails, shade = torch.maximum(sails, sail), mix(shade, cloth, sail)
            spars.append(limb(x, y, (mx - half * 0.95, -top), (mx + half * 1.02, -top), 0.01, 0.01))
    for i in range(3):  # jibs
        a, b, e = (
            (0.5 + 0.06 * i, -1.0 + 0.16 * i),
            (0.86 + 0.12 * i, -0.3 - 0.05 * i),
            (0.6 + 0.1 * i, -0.38 - 0.03 * i),
        )
        jib = c.cover(polygon(x, y, [a, b, e]) * scale)
        sails, shade = torch.maximum(sails, jib), mix(shade, 0.4 + 0.25 * lit + 0.1 * i, jib)
    ropes = [
        limb(x, y, (mx - 0.02, -tall - 0.14), (mx + s, -0.2), 0.0025, 0.0025)
        for mx, tall in masts
        for s in (-0.3, -0.2, 0.3)
    ]
    ropes += [
        limb(x, y, (masts[i][0], -masts[i][1] - 0.1), (masts[i + 1][0], -masts[i + 1][1] * 0.6), 0.0025, 0.0025)
        for i in range(2)
    ]
    ropes.append(limb(x, y, (0.45, -1.08), (1.12, -0.41), 0.0025, 0.0025))
    rope = c.cover(join(ropes) * scale - 0.3 * c.pixel) * 0.75
    plank = 0.07 + 0.1 * c.look(tex, x * 0.5, y * 3) + 0.12 * smooth(0.03, 0.015, (hull_d + 0.06).abs()) + 0.06 * lit
    ports = smooth(0.26, 0.2, torch.hypot(torch.remainder(x * 11, 1.0) - 0.5, (y + 0.075) * 11)) * (x.abs() < 0.5)
    lamp = torch.exp(-torch.hypot(x + 0.84, y + 0.36) * 20) + 0.5 * torch.exp(-torch.hypot(x - 0.7, y + 0.34) * 26)
    afloat = smooth(0.02, -0.02, c.y - line - 0.02 * torch.sin(c.x * 24) * 0.6)
    hull = c.cover(hull_d * scale) * afloat
    flag = torch.zeros_like(tone)
    for mx, tall in masts:
        flutter = 0.02 * torch.sin((x - mx) * 30)
        flag = torch.maximum(
            flag,
            c.cover(
                torch.maximum(
                    (y + tall + 0.17 + flutter).abs() - 0.025 * (1 - (mx - x) / 0.16),
                    torch.maximum(x - mx, mx - 0.16 - x),
                )
                * scale
            ),
        )
    for cover, colour in (
        (rope, 0.06),
        (sails, shade),
        (c.cover(join(spars) * scale) * afloat, 0.08),
        (flag, 0.5),
        (hull, plank * (1 - 0.6 * ports) + 0.6 * ports),
    ):
        tone, depth = mix(tone, colour + 0 * tone, cover), depth * (1 - 0.85 * cover)
        glow, accent = glow * (1 - cover), accent * (1 - cover)
    thin = torch.exp(-((r / 0.7) ** 2)) * sails * (1 - hull)  # the light shines through the cloth
    reflection = (
        torch.exp(-((dx / 0.75) ** 4)) * smooth(0.0, 0.03, c.y - line) * torch.exp(-(c.y - line).clamp(min=0) * 2.6)
    )
    ripple = 0.5 + 0.5 * torch.sin(60 / ((c.y - horizon).clamp(min=0.02) + 0.2) + 9 * c.look(tex, c.x * 0.8, c.y * 3))
    tone = tone * (1 - 0.6 * reflection * ripple * (1 - hull))
    foam = (
        torch.exp(-torch.abs(c.y - line - 0.012 * torch.sin(c.x * 24)) * 60)
        * smooth(0.95, 0.7, dx.abs())
        * (0.3 + c.look(tex, c.x * 2, c.y * 2))
    )
    return Layers(
        tone=tone + 0.2 * thin + 0.4 * foam,
        accent=accent + 0.6 * flag + 0.4 * thin,
        glow=glow + 0.16 * thin + 0.12 * foam + 0.9 * lamp + 0.4 * ports * hull,
        spark=0.4 * lamp,
        depth=depth,
    )


def waterfall(c: Canvas) -> Layers:
    """Water that falls over cliffs into a pool, with spray, mossy rock and trees on the edge."""
    tex, fine = c.texture(256, 1.6), c.texture(256, 1.2)
    lx = c.rand(-0.25, 0.25)
    lip, pool = -c.rand(0.35, 0.65) * c.half_h, c.rand(0.35, 0.6) * c.half_h
    r = c.radius(lx, lip - 0.3)
    tone = 0.36 + 0.4 * torch.exp(-r * 1.1) + 0.2 * (c.look(tex, c.x * 0.2 + c.rand(), c.y * 0.4) - 0.5)
    glow, depth, accent = 0.3 * torch.exp(-r * 2), torch.ones_like(tone), torch.exp(-r * 2)
    for layer in range(2):
        ridge = lip - 0.12 + 0.06 * layer - 0.22 * c.profile(1, 1.2, 6)[:, :1].abs()
        hill = c.cover(ridge - c.y)
        tone = mix(tone, 0.4 - 0.12 * layer + 0.1 * (c.look(tex, c.x * 1.3, c.y * 1.3 + layer) - 0.4), hill)
        glow, depth, accent = glow * (1 - hill), mix(depth, 0.8 - 0.2 * layer + 0 * tone, hill), accent * (1 - hill)
    edge = lip + 0.07 * c.profile(1, 2.0, 6)[:, :1] + 0.22 * smooth(0.15, 0.9, (c.x - lx).abs()) * c.rand(-1.0, 0.1)
    d = c.y - edge
    wall = c.cover(-d)
    bend = c.look(tex, c.x * 0.4, c.y * 0.25) - 0.5
    blocks, border, ident, _ = c.cells(c.x * 4.5 + 1.6 * bend + 20, c.y * 2.6 + 1.2 * bend + 20, 0.9)
    strata = c.look(tex, c.x * 0.5 + 0.2 * bend, d * 1.3)
    near_light = torch.exp(-((c.x - lx) ** 2) * 1.2)
    rock = 0.06 + (0.1 + 0.16 * ident + 0.36 * (strata - 0.35) - 0.1 * smooth(0.1, 0.0, border)) * (
        0.45 + 0.7 * near_light
    )
    moss = smooth(0.5, 0.7, c.look(fine, c.x * 0.9, c.y * 0.9) + 0.25 * (1 - blocks) - 0.2 * smooth(0.0, 0.8, d))
    rock = rock + 0.16 * moss * (0.4 + near_light)
    tone, glow, accent = mix(tone, rock, wall), glow * (1 - wall), mix(accent, 0.7 * moss, wall)
    depth = mix(depth, 0.25 + 0 * tone, wall)
    mist = torch.zeros_like(tone)
    falls = torch.zeros_like(tone)
    for index in range(4):
        main = index == 0
        on = torch.ones_like(lx) if main else c.coin(0.6)
        x0 = lx if main else lx + c.rand(0.3, 0.95) * (1 if index % 2 else -1) * c.half_w**0.6
        wide = c.rand(0.13, 0.3) if main else c.rand(0.02, 0.08)
        top = lip + 0.03 + c.rand(0.0, 0.05) if main else lip + c.rand(0.05, 0.4)
        ledge = top + c.rand(0.3, 0.6) * (pool - top)  # the water breaks here and spreads
        fall = ((c.y - top) / (pool - top)).clamp(0, 1)
        spread = 1 + 0.25 * fall + c.rand(0.1, 0.4) * smooth(-0.02, 0.06, c.y - ledge)
        u = (c.x - x0 - 0.05 * torch.sin(3 * fall + 2 * index)) / (wide * spread)
        ragged = 0.26 * (c.look(fine, u * 0.2 + index, fall * 0.9 + 0.4) - 0.5)
        sheet = smooth(1.0, 0.86, u.abs() + ragged) * smooth(0.0, 0.02, c.y - top) * c.cover(c.y - pool - 0.03)
        threads = c.look(fine, u * wide * 5 + 0.2 * index, fall * 0.35 - 0.03 * u * u)
        coarse = c.look(tex, u * wide * 2.2 + 0.4, fall * 0.35 + 0.3 * index)
        gaps = smooth(0.3, 0.55, coarse + 0.35 * (1 - u.abs()) + 0.1 * fall)
        body = sheet * (0.35 + 0.65 * gaps) * on
        light = (
            0.42
            + 0.7 * (threads - 0.4)
            + 0.3 * (coarse - 0.4)
            + 0.16 * torch.exp(-torch.abs(c.y - ledge) * 22)
            + 0.16 * torch.exp(-(c.y - top).clamp(min=0) * 12)
        )
        tone, glow = mix(tone, light, body), mix(glow, 0.16 * smooth(0.5, 0.8, threads) + 0.05, body)
        accent, depth = accent * (1 - body), mix(depth, 0.2 + 0 * tone, body)
        falls = torch.maximum(falls, body)
        cloud = c.look(tex, c.x * 0.5 + 0.3 * index, c.y * 0.5)
        puff = torch.exp(
            -(((c.x - x0) / (wide * 2.0 + 0.06)) ** 2) - ((c.y - pool + 0.02) / (0.11 + 0.5 * wide)) ** 2
        )
        step = 0.5 * torch.exp(-(((c.x - x0) / (wide * 1.5 + 0.03)) ** 2) - ((c.y - ledge) / 0.06) ** 2)
        mist = torch.maximum(mist, (puff * 1.3 + step) * (0.4 + 0.9 * cloud) * on)
    water = c.cover(pool + 0.012 * c.profile(1, 4, 3)[:, :1] - c.y)
    e = (c.y - pool).clamp(min=0.005)
    rings = torch.sin(
        34 * torch.sqrt((0.5 * (c.x - lx)) ** 2 + (2.2 * e) ** 2) - 6 * c.look(tex, c.x * 0.4, e * 2)
    ) * torch.exp(-e * 2.5)
    chop = c.look(tex, c.x * 0.5 / (e + 0.2), 0.7 / (e + 0.12))
    shine = torch.exp(-(((c.x - lx) / (0.3 + 0.3 * e)) ** 2))
    pond = 0.12 + 0.26 * chop + 0.1 * rings + 0.34 * shine * torch.exp(-e * 1.6) * (0.4 + chop)
    tone, glow = mix(tone, pond, water), mix(glow, 0.3 * shine * smooth(0.55, 0.75, chop + 0.1 * rings), water)
    accent, depth = accent * (1 - water), mix(depth, 0.1 + 0 * tone, water)
    for index in range(9):  # boulders in the pool
        k = index / 8
        x0, y0 = c.rand(-1.05, 1.05) * c.half_w, pool + (0.06 + 0.95 * k) * (c.half_h - pool)
        w = (0.05 + 0.16 * k) * c.rand(0.6, 1.3)
        x0 = x0 + 0.25 * torch.sign(x0 - lx) * (1 - ((x0 - lx).abs() / 0.5).clamp(0, 1))
        lump = c.look(tex, c.x * 1.2 + 0.17 * index, c.y * 1.2) - 0.5
        q = torch.sqrt(((c.x - x0) / w) ** 2 + ((c.y - y0) / (0.6 * w)) ** 2 + 1e-6) + 0.7 * lump
        stone = c.cover((q - 1) * w * 0.6) * smooth(0.35 * w, 0.25 * w, c.y - y0)
        shade = 0.05 + 0.3 * smooth(0.6, -0.9, (c.y - y0) / w + 0.4 * lump) * (0.4 + near_light) + 0.14 * lump
        foam = torch.exp(-torch.abs(c.y - y0 - 0.3 * w) * 50) * smooth(1.3, 0.9, (c.x - x0).abs() / w)
        tone, glow, depth = (
            mix(tone, shade, stone) + 0.2 * foam * (1 - stone),
            glow * (1 - stone),
            depth * (1 - stone),
        )
        mist = mist * (1 - 0.5 * stone)
    for side in (-1.0, 1.0):  # trees and leaves that hang in from both sides
        reach = c.rand(0.15, 0.5)
        edge_x = (c.half_w - side * c.x) / c.half_w
        leaf = c.look(tex, c.x * 1.1 + side, c.y * 1.1) + 0.45 * (
            reach - edge_x - 0.25 * smooth(-0.6, 0.6, c.y / c.half_h)
        )
        crown = smooth(0.6, 0.68, leaf) * smooth(0.5, 0.2, c.y / c.half_h)
        tone = mix(tone, 0.04 + 0.3 * (c.look(fine, c.x * 1.6, c.y * 1.6) - 0.3) * (0.3 + 0.7 * near_light), crown)
        glow, accent, depth = glow * (1 - crown), mix(accent, 0.5 + 0 * tone, crown), depth * (1 - crown)
        mist = mist * (1 - crown)
    beams = (
        smooth(0.5, 0.85, c.look(tex, torch.atan2(c.x - lx, c.y + 1.8 * c.half_h) * 0.8, 0 * r + c.rand()))
        * near_light
        * smooth(0.8, -0.4, c.y)
    )
    tone = mix(tone, 0.72 + 0 * tone, mist.clamp(0, 0.85)) + 0.1 * beams
    return Layers(
        tone=tone,
        accent=accent * (1 - falls),
        glow=glow + 0.1 * mist + 0.1 * beams + 0.3 * c.dots(70) * (mist + 0.2),
        spark=0.12 * beams,
        depth=torch.maximum(depth, 0.6 * mist.clamp(0, 1)),
    )
