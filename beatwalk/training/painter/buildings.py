"""Buildings that people dream of: a lighthouse, a castle, a temple."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.land import backdrop, sea
from beatwalk.training.painter.shapes import (
    box,
    hashed,
    limb,
)


def lighthouse(c: Canvas) -> Layers:
    """A lighthouse on a cliff that throws its beams over the sea."""
    horizon = c.rand(0.1, 0.35) * c.half_h
    tone, glow, accent = backdrop(c, horizon, 0.9)
    tex = c.texture(256, 1.6)
    stars = c.dots(180) * smooth(horizon, horizon - 0.6, c.y)
    glow = glow + 0.6 * stars
    side = torch.where(c.coin() > 0, 1.0, -1.0)
    tx = side * c.rand(0.15, 0.5)
    water = c.cover(horizon - c.y)
    wave, glitter, _ = sea(c, horizon, tx)
    tone, glow, accent = mix(tone, wave, water), mix(glow, 0.5 * glitter, water), mix(accent, glitter, water)
    tall, wide = c.rand(0.75, 0.95), c.rand(0.085, 0.12)
    foot = horizon - c.rand(0.0, 0.1)
    lamp_y = foot - tall
    # beams through haze, before the tower is drawn
    sweep, flat = c.rand(-0.5, 0.5), c.rand(0.05, 0.12)
    r, a = c.polar(tx, lamp_y)
    beams = torch.zeros_like(tone)
    for way in (0.0, math.pi):
        off = torch.atan2(torch.sin(a - sweep - way), torch.cos(a - sweep - way)).abs()
        beams = beams + (torch.exp(-((off / flat) ** 2)) + 0.5 * torch.exp(-off / flat * 1.4)) * torch.exp(-r * 0.75)
    haze = 0.45 + c.look(tex, c.x * 0.3 + c.rand(), c.y * 0.5)
    beams = beams * haze * (1 - 0.6 * water)
    tone = tone + 0.2 * beams
    depth = 0.7 * (1 - water) + 0.4 * water * torch.exp(-(c.y - horizon).clamp(min=0) * 3)
    inland = ((c.x - tx) * side + 0.34).clamp(min=0)  # the cliff runs off to one side
    seaward = (-(c.x - tx) * side - 0.2).clamp(min=0)
    top = foot + 0.05 + 0.1 * inland + 1.1 * seaward**1.15 + 0.05 * c.profile(1, 2, 6)[:, :1]
    cliff = c.cover(top - c.y)
    d = c.y - top
    strata = c.look(tex, c.x * 0.8 + 0.3 * d, d * 1.5) - 0.4
    cracks = torch.exp(-torch.abs(torch.sin(26 * c.look(tex, c.x * 0.5, d * 0.35))) * 3)
    face = (
        0.1
        + 0.34 * strata * (0.35 + torch.exp(-d.clamp(min=0) * 2.5))
        + 0.1 * torch.exp(-d.clamp(min=0) * 18)
        - 0.06 * cracks
    )
    surf = torch.exp(-torch.abs(d - (0.62 + 0.1 * strata) * c.half_h) * 12) * smooth(
        0.45, 0.7, c.look(tex, c.x * 1.2, c.y * 1.2)
    )
    tone = mix(tone, face + 0.35 * surf, cliff)
    glow, accent, depth = glow * (1 - cliff), accent * (1 - cliff), depth * (1 - cliff)
    up = (foot + 0.06 - c.y) / (tall + 0.06)
    x = c.x - tx
    half = wide * (1.12 - 0.4 * up.clamp(0, 1) + 0.25 * torch.exp(-up.clamp(min=0) * 14))
    tower = c.cover(torch.maximum(x.abs() - half, torch.maximum(c.y - foot - 0.06, foot - tall + 0.1 - c.y)))
    turn = torch.asin((x / half).clamp(-0.99, 0.99))
    bands = torch.sin(up * math.pi * c.whole(3, 6) + c.coin(0.4) * 1.3 * turn) > 0
    round_ = 0.3 + 0.7 * torch.cos(turn - side * -0.6).clamp(min=0)
    windows = smooth(0.2, 0.1, torch.hypot(torch.remainder(up * 4.5, 1.0) - 0.5, turn * 1.1))
    paint_ = torch.where(bands, 0.85, 0.3) * round_ * (0.85 + 0.3 * (c.look(tex, x * 2, c.y * 2) - 0.5)) + 0.05
    tone = mix(tone, paint_ * (1 - 0.8 * windows), tower)
    glow = mix(glow, 0.5 * windows, tower)
    room = c.cover(box(x, c.y, (0.0 * tx, lamp_y + 0.005), wide * 0.55, 0.075, 0.01))
    rails = c.cover(box(x, c.y, (0.0 * tx, lamp_y + 0.09), wide * 1.15, 0.014, 0.005))
    posts = c.cover(box(x, c.y, (0.0 * tx, lamp_y + 0.058), wide * 1.12, 0.024)) * smooth(
        0.2, 0.1, torch.abs(torch.remainder(x / wide * 4, 1.0) - 0.5)
    )
    dome = c.cover(
        torch.maximum(torch.hypot(x / (wide * 0.66), (c.y - lamp_y + 0.07) / 0.075) - 1, c.y - lamp_y + 0.07)
        * wide
        * 0.6
    )
    spike = c.cover(limb(x, c.y, (0.0 * tx, lamp_y - 0.13), (0.0 * tx, lamp_y - 0.22), 0.006, 0.003))
    bars = smooth(0.2, 0.1, torch.abs(torch.remainder(x / wide * 3.2, 1.0) - 0.5))
    tone = mix(tone, 0.95 - 0.6 * bars, room)
    tone = mix(tone, 0.1 + 0.3 * round_, torch.maximum(torch.maximum(rails, posts), torch.maximum(dome, spike)))
    core = torch.exp(-r * 12) * 1.8
    hut_x = tx + side * c.rand(0.26, 0.34)
    wall = c.cover(box(c.x, c.y, (hut_x, foot - 0.03), 0.1, 0.075))
    roof = c.cover(torch.maximum((c.x - hut_x).abs() * 0.6 - (c.y - foot + 0.2) * 0.8, c.y - foot + 0.1))
    pane = c.cover(box(c.x, c.y, (hut_x - side * 0.04, foot - 0.035), 0.018, 0.024))
    tone = mix(mix(mix(tone, 0.42 + 0 * tone, wall), 0.12 + 0 * tone, roof), 0.9 + 0 * tone, pane)
    built = torch.maximum(torch.maximum(tower, wall), roof)
    return Layers(
        tone=tone,
        accent=accent * (1 - built) + tower * bands + beams,
        glow=glow * (1 - built) + tower * 0.5 * windows + 0.5 * beams + core + 0.6 * room * (1 - bars) + 0.5 * pane,
        spark=0.25 * beams,
        depth=depth * (1 - built),
    )


def castle(c: Canvas) -> Layers:
    """A castle with pointed towers and lit windows on a rock above the mist."""
    horizon = c.rand(0.3, 0.55) * c.half_h
    tone, glow, accent = backdrop(c, horizon, 0.9, 0.0)
    tex = c.texture(256, 1.6)
    r = c.radius(c.rand(-0.3, 0.3), c.rand(-0.5, -0.1))
    orb = c.cover(r - c.rand(0.22, 0.42)) * c.coin(0.5)
    tone, glow, accent = (
        tone + 0.3 * orb,
        glow + 0.3 * orb + 0.5 * c.dots(140) * (1 - orb),
        torch.maximum(accent, orb),
    )
    depth = torch.ones_like(tone)
    for layer in range(2):  # far ridges
        ridge = horizon - 0.3 + 0.22 * layer - 0.3 * c.profile(1, 1.0, 7)[:, :1].abs()
        hill = c.cover(ridge - c.y)
        rock = c.look(tex, c.x * 0.9 + layer, (c.y - ridge) * 0.9) - 0.4
        tone = mix(tone, 0.36 - 0.1 * layer + 0.12 * rock, hill)
        glow, accent = glow * (1 - hill), accent * (1 - hill)
        depth = mix(depth, 0.85 - 0.2 * layer + 0 * tone, hill)
    cx, base = c.rand(-0.2, 0.2), horizon - c.rand(0.05, 0.2)
    side = torch.where(c.coin() > 0, 1.0, -1.0)  # of the light
    # towers: back rows first; place, half width, height
    plan = [(-0.06, 0.07, 0.98), (0.15, 0.055, 0.84), (-0.26, 0.055, 0.74), (0.34, 0.05, 0.6), (-0.43, 0.05, 0.52)]
    plan += [
        (0.02, 0.16, 0.56),
        (0.26, 0.12, 0.4),
        (-0.3, 0.13, 0.38),
        (-0.13, 0.05, 0.62),
        (0.5, 0.06, 0.4),
        (-0.56, 0.06, 0.34),
    ]
    plan += [(0.06, 0.08, 0.34), (-0.2, 0.065, 0.3), (0.36, 0.055, 0.3)]
    grand = c.rand(0.8, 1.05)
    windows_on = torch.zeros_like(tone)
    for index, (px, half, tall) in enumerate(plan):
        keep = index in (5, 6, 7)  # walls, not towers
        k = index / (len(plan) - 1)
        x0, w = cx + grand * (px + c.rand(-0.03, 0.03)), grand * half * c.rand(0.85, 1.15)
        h = grand * tall * c.rand(0.82, 1.15)
        x, v = c.x - x0, base - c.y
        flare = w * (1 + 0.14 * smooth(h - 0.09, h - 0.06, v)) if not keep else w
        notch = 0.02 * (torch.remainder(x / 0.034, 1.0) > 0.5)
        body = c.cover(torch.maximum(x.abs() - flare, torch.maximum(v - h - notch, -v - 0.3)))
        turn = torch.asin((x / w).clamp(-0.99, 0.99))
        light = 0.5 + 0.5 * torch.sin(turn * side) if not keep else 0.55 + 0 * x
        stones = c.look(tex, x * 2.4 + px, v * 2.4) - 0.5
        course = smooth(0.1, 0.05, torch.remainder(v * 26, 1.0)) * 0.05
        shade = 0.12 + 0.26 * light + 0.12 * stones - course - 0.05 * k + 0.1 * torch.exp(-v.clamp(min=0) * 7)
        wu, wv = x / w * (2.2 if keep else 1.0), v * 9 + px * 40
        arch = torch.hypot(torch.remainder(wu + 0.5, 1.0) - 0.5, (torch.remainder(wv, 1.0) - 0.5) * 0.8)
        lit = hashed(torch.floor(wu + 0.5) * 3.1 + torch.floor(wv) * 5.7, 10.0 * px)
        hole = smooth(0.2, 0.14, arch) * (v < h - 0.1) * (v > 0.05)
        on = hole * (lit > 0.45)
        tone, glow = mix(tone, shade * (1 - 0.7 * hole) + 0.7 * on, body), mix(glow, 0.75 * on, body)
        accent, depth = mix(accent, on, body), mix(depth, 0.3 * (1 - k) + 0 * tone, body)
        windows_on = mix(windows_on, on, body)
        if not keep:
            peak = h + w * c.rand(2.4, 3.6)
            slope = (v - h - 0.015) / (peak - h)
            cone = c.cover(torch.maximum(x.abs() - 1.32 * w * (1 - slope) * (1 + 0.12 * (1 - slope)), h + 0.015 - v))
            tiles = 0.5 + 0.5 * torch.sin(slope * 90 + 3 * torch.sin(turn * 9))
            tone = mix(tone, 0.08 + 0.22 * light + 0.07 * tiles, cone)
            glow, accent = glow * (1 - cone), mix(accent, 0.35 + 0 * x, cone)
            pole = c.cover(limb(c.x, c.y, (x0, base - peak), (x0, base - peak - 0.07), 0.004, 0.003))
            flag = c.cover(
                torch.maximum(
                    (c.y - base + peak + 0.055 + 0.008 * torch.sin(x * 60)).abs() - 0.016,
                    torch.maximum(-x * side, x * side - 0.06),
                )
            )
            cloth = torch.maximum(pole, flag * c.coin(0.6))
            tone, accent = mix(tone, 0.35 + 0 * x, cloth), torch.maximum(accent * (1 - cloth), flag * cloth)
    gate = c.cover(
        torch.minimum(
            box(c.x, c.y, (cx + 0.02 * grand, base - 0.05), 0.045 * grand, 0.06),
            torch.hypot(c.x - cx - 0.02 * grand, c.y - base + 0.11) - 0.045 * grand,
        )
    )
    tone, glow = mix(tone, 0.6 + 0 * tone, 0.8 * gate), glow + 0.35 * gate
    top = (
        base + 0.02 + 0.75 * ((c.x - cx).abs() - 0.58 * grand).clamp(min=0) ** 0.9 + 0.035 * c.profile(1, 3, 6)[:, :1]
    )
    rock = c.cover(top - c.y)
    d = (c.y - top).clamp(min=0)
    crag = c.look(tex, c.x * 1.0 + 0.25 * d, d * 0.6) - 0.35
    ribs = c.look(tex, c.x * 2.2 + 0.4 * d, d * 0.5) - 0.5
    tone = mix(tone, 0.12 + 0.4 * crag * (0.4 + torch.exp(-d * 2)) + 0.16 * ribs + 0.06 * side * (c.x - cx), rock)
    glow, accent, depth = glow * (1 - rock), accent * (1 - rock), depth * (1 - rock)
    firs = torch.abs(torch.remainder(c.x * 24, 1.0) - 0.5)
    height = 0.05 + 0.1 * hashed(torch.floor(c.x * 24), 6.0)
    wood = c.half_h * 0.72 + 0.12 * c.profile(1, 1.1, 4)[:, :1]
    fir = c.cover(
        torch.maximum(firs / 24 - 0.022 * ((c.y - wood + height) / height).clamp(0, 1), wood - height - c.y)
    ) * (c.y > wood - height)
    trees = torch.maximum(fir, c.cover(wood - c.y))
    tone, depth = mix(tone, 0.045 + 0 * tone, trees), depth * (1 - trees)
    mist = smooth(0.3, 0.7, c.look(tex, c.x * 0.18 + c.rand(), c.y * 0.7)) * torch.exp(
        -(((c.y - horizon - 0.1) / 0.3) ** 2)
    )
    lift = 0.6 * mist
    tone = mix(tone, 0.3 + 0.18 * torch.exp(-r), lift)
    return Layers(
        tone=tone,
        accent=accent * (1 - trees) * (1 - lift),
        glow=glow * (1 - trees) * (1 - lift),
        spark=0.45 * windows_on * (1 - lift),
        depth=torch.maximum(depth, 0.7 * lift),
    )


def temple(c: Canvas) -> Layers:
    """A pagoda with curved roofs and lanterns above still water, a great sun or moon behind it."""
    horizon = c.rand(0.3, 0.5) * c.half_h
    tex = c.texture(256, 1.7)
    wave = 0.018 * (c.look(tex, c.x * 0.5, (c.y - horizon) * 4) - 0.5)
    mirror = (c.y > horizon).float()
    x, y = c.x + mirror * wave, torch.where(c.y > horizon, 2 * horizon - c.y + wave, c.y)
    h = ((horizon - y) / (horizon + c.half_h)).clamp(0, 1)
    mx, my, size = c.rand(-0.35, 0.35), horizon - c.rand(0.4, 0.85), c.rand(0.26, 0.5)
    r = torch.hypot(x - mx, y - my)
    orb = c.cover(r - size)
    cover = smooth(0.45, 0.75, c.look(tex, x * 0.13 + c.rand(), y * 0.6))
    tone = 0.16 + 0.3 * (1 - h) ** 1.5 + 0.4 * orb + 0.2 * torch.exp(-(r - size).clamp(min=0) * 3) * (1 - orb)
    tone = mix(tone, 0.3 + 0.3 * torch.exp(-r), 0.5 * cover)
    glow, accent = 0.4 * orb * (1 - 0.5 * cover) + 0.12 * torch.exp(-r * 1.5), orb * (1 - 0.5 * cover)
    depth = torch.ones_like(tone)
    for layer in range(3):
        k = layer / 2
        ridge = horizon - (0.46 - 0.17 * k) * (0.3 + c.profile(1, 0.9, 6)[:, :1].abs())
        hill = c.cover(ridge - y)
        tone = mix(
            tone,
            0.4
            - 0.12 * k
            + 0.1 * (c.look(tex, x, y - ridge) - 0.4)
            + 0.14 * torch.exp(-(horizon - y).clamp(min=0) * 7),
            hill,
        )
        glow, accent, depth = glow * (1 - hill), accent * (1 - hill), mix(depth, 0.9 - 0.3 * k + 0 * tone, hill)
    px, grand = c.rand(-0.3, 0.3), c.rand(0.78, 1.05)
    floors = 5
    spark = torch.zeros_like(tone)
    u = (x - px) / grand
    foot = (horizon - 0.045 - y) / grand
    plinth = c.cover(box(x, y, (px, horizon - 0.02), 0.42 * grand, 0.03))
    steps = 0.24 + 0.12 * (torch.remainder(y * 60, 1.0) > 0.5)
    tone, depth = mix(tone, steps, plinth), depth * (1 - plinth)
    glow, accent = glow * (1 - plinth), accent * (1 - plinth)
    v0 = 0.0
    for floor in range(floors):
        tall, wide = 0.2 - 0.018 * floor, 0.27 - 0.036 * floor
        wall = c.cover(torch.maximum(u.abs() - wide, torch.maximum(v0 - foot, foot - v0 - 0.6 * tall)) * grand)
        lattice = torch.maximum(
            smooth(0.1, 0.05, torch.abs(torch.remainder(u / wide * 3.5, 1.0) - 0.5)),
            smooth(0.1, 0.05, torch.abs(torch.remainder((foot - v0) * 26, 1.0) - 0.5)),
        )
        pillars = smooth(0.3, 0.42, torch.abs(torch.remainder(u / wide * 1.75, 1.0) - 0.5))
        lit = smooth(0.08, 0.03, torch.abs(foot - v0 - 0.27 * tall) - 0.03)
        warm = lit * (1 - 0.7 * lattice) * (1 - pillars)
        tone = mix(tone, 0.12 + 0.14 * pillars + 0.66 * warm, wall)
        glow, spark = mix(glow, 0.5 * warm, wall), mix(spark, 0.4 * warm, wall)
        accent, depth = mix(accent, 0.75 * pillars + warm, wall), depth * (1 - 0.9 * wall)
        out = wide + 0.2 - 0.012 * floor
        s = (u.abs() / out).clamp(0, 1.3)
        eave = v0 + 0.56 * tall + 0.11 * s**3.2 - 0.012  # lower edge: lifts at the corners
        ridge_v = v0 + 0.58 * tall + 0.52 * tall * (1 - s).clamp(min=0) ** 1.6 + 0.1 * s**3.2 + 0.02
        roof = c.cover(torch.maximum(torch.maximum(eave - foot, foot - ridge_v), u.abs() - out) * grand)
        tiles = 0.5 + 0.5 * torch.cos(u / out * 60)
        edge = torch.exp(-(foot - eave).abs() * 130)
        slope = ((foot - eave) / 0.12).clamp(0, 1)
        tone = mix(tone, 0.1 + 0.16 * slope + 0.08 * tiles + 0.22 * edge, roof)
        glow, accent, spark, depth = (
            glow * (1 - roof),
            mix(accent, 0.5 * edge + 0 * u, roof),
            spark * (1 - roof),
            depth * (1 - 0.9 * roof),
        )
        lamp = torch.hypot((u.abs() - out + 0.012) / 0.014, (foot - v0 - 0.56 * tall - 0.06) / 0.022)
        bulb = smooth(1.05, 0.85, lamp)
        tone, glow, spark = tone + 0.5 * bulb, glow + 0.35 * bulb + 0.2 * torch.exp(-lamp * 0.5), spark + 0.5 * bulb
        v0 = v0 + tall
    spire = (
        c.cover(
            (u.abs() - 0.012 * (1 + (torch.remainder(foot * 40, 1.0) > 0.5)) * smooth(v0 + 0.3, v0 + 0.05, foot))
            * grand
        )
        * (foot > v0 - 0.06)
        * (foot < v0 + 0.26)
    )
    tone, depth = mix(tone, 0.24 + 0 * tone, spire), depth * (1 - spire)
    shore = c.cover(horizon - 0.016 - 0.008 * c.profile(1, 5, 4)[:, :1] - y) * (1 - plinth)
    tone, glow = mix(tone, 0.07 + 0 * tone, shore), glow * (1 - shore)
    for side in (-1.0, 1.0):  # trees in blossom
        bx, by, reach = px + side * c.rand(0.62, 0.95), horizon - c.rand(0.2, 0.3), c.rand(0.22, 0.36)
        lump = c.look(tex, x * 0.9 + side, y * 0.9) - 0.5
        crown_d = torch.hypot((x - bx) / reach, (y - by) / (0.62 * reach)) - 1 + 0.9 * lump
        crown = smooth(0.08, -0.08, crown_d) * smooth(
            0.3, 0.5, c.look(tex, x * 2.3, y * 2.3) + 0.25 - 0.4 * crown_d.clamp(min=-0.4)
        )
        trunk = (
            c.cover(
                (x - bx - 0.04 * torch.sin((horizon - y) * 14 + side)).abs()
                - 0.014
                - 0.02 * torch.exp(-(horizon - y).clamp(min=0) * 9)
            )
            * (y < horizon)
            * (y > by)
        )
        bloom = c.look(tex, x * 3.1, y * 3.1)
        tone = mix(mix(tone, 0.06 + 0 * tone, trunk), 0.22 + 0.6 * bloom * smooth(0.4, -0.6, (y - by) / reach), crown)
        glow, accent = mix(glow * (1 - trunk), 0.16 * bloom, crown), mix(accent * (1 - trunk), 0.3 + 0 * x, crown)
        spark, depth = spark * (1 - crown), depth * (1 - torch.maximum(crown, trunk))
    dim = 1 - mirror * (0.34 + 0.3 * c.look(tex, c.x * 0.4, c.y * 5))
    petals = (
        c.blur(c.splat(c.rand(-1, 1, 50) * c.half_w, c.rand(-1, 1, 50) * c.half_h, c.rand(0.5, 2.5, 50)), 0.004) * 5
    )
    return Layers(
        tone=(tone * dim + 0.16 * torch.exp(-(((c.y - horizon) * 40) ** 2))) + 0.3 * petals,
        accent=accent,
        glow=glow * dim + 0.3 * petals,
        spark=spark * dim,
        depth=depth * (1 - mirror),
    )
