"""Streets at night: walls that run to a point, shop signs in the rain, alleys."""

from __future__ import annotations

from dataclasses import dataclass

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
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Canyon:
    """Two walls that run to a point, and the ground between them, which mirrors them."""

    x: Tensor  # of the point that all lines run to
    horizon: Tensor
    half: Tensor  # half the way between the walls
    eye: Tensor  # height of the eye
    depth: Tensor  # how far away the wall is at each pixel
    up: Tensor  # height on the wall at each pixel; on the ground, of what is mirrored there
    ground: Tensor  # 1 on the ground
    wave: Tensor  # how far the ground shifts what it mirrors


def canyon(c: Canvas, half: Tensor, eye: Tensor, wet: float) -> Canyon:
    """Walls seen from the middle of a street."""
    x, horizon = c.rand(-0.25, 0.25), c.rand(0.0, 0.25) * c.half_h
    depth = half / ((c.x - x).abs() + 0.012)
    drop = (c.y - horizon) * depth
    ground = smooth(-1, 1, (drop - eye) / (depth * c.pixel))
    tex = c.texture(256, 1.4)
    near = eye / (c.y - horizon).clamp(min=0.02)
    wave = (c.look(tex, (c.x - x) * near * 0.35, near * 1.6) - 0.5) * wet
    up = (eye - drop).abs() + ground * wave * 1.2
    return Canyon(x=x, horizon=horizon, half=half, eye=eye, depth=depth, up=up, ground=ground, wave=wave)


def glyphs(u: Tensor, v: Tensor, salt: Tensor | float) -> Tensor:
    """Strokes like those of writing that nobody can read; a sign fills a unit square of (u, v)."""
    iu, iv = torch.floor(u), torch.floor(v)
    x, y = u - iu - 0.5, v - iv - 0.5
    ink = torch.zeros_like(u)
    for stroke in range(4):
        kind, place = (
            hashed(iu * 3.1 + iv * 7.7 + stroke, salt),
            hashed(iu * 5.3 + iv * 2.9 + stroke, salt + 4.0) - 0.5,
        )
        flat = (kind > 0.5).float()
        across, along = mix(x, y, flat) - 0.62 * place, mix(y, x, flat) - 0.2 * (kind - 0.5)
        ink = torch.maximum(ink, smooth(0.09, 0.04, across.abs()) * smooth(0.36, 0.3, along.abs()))
    return ink


def sign(
    c: Canvas, x: Tensor, y: Tensor, at: tuple[Tensor, Tensor], wide: Tensor, high: Tensor, salt: Tensor
) -> Tensor:
    """Light of a shop sign, 0–1: a tube around it and writing within."""
    d = box(x, y, at, wide, high, wide * 0.2)
    unit_ = 1.5 * wide
    frame = torch.exp(-(((d + wide * 0.14).abs() / (0.05 * wide + 0.7 * c.pixel)) ** 2))
    inside = smooth(0.0, -0.2, d / wide)
    text = glyphs((x - at[0]) / unit_ + 0.5, (y - at[1]) / unit_ + 0.5, salt) * inside
    return (frame + text + 0.22 * inside).clamp(0, 1.1)


def facade(
    c: Canvas, walls: Canyon, floors: float, tall: tuple[float, float], length: float = 1.15
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fronts of houses on both walls: tone, lit windows, where there is a house, and a number for each house."""
    side = torch.sign(c.x - walls.x)
    number = torch.floor(walls.depth / length) + 40 * side
    own = hashed(number, c.rand(0, 9))
    roof = tall[0] + (tall[1] - tall[0]) * own
    house = c.cover((walls.up - roof) / walls.depth) * smooth(26, 14, walls.depth)
    wu, wv = walls.depth / length * 4, walls.up * floors
    lit = hashed(torch.floor(wu) * 3.7 + torch.floor(wv) * 11.3 + 17 * side, c.rand(0, 9))
    fu, fv = torch.remainder(wu, 1.0) - 0.5, torch.remainder(wv, 1.0) - 0.5
    fine = smooth(9.0, 4.0, walls.depth)  # windows farther away are too small to be drawn one by one
    pane = smooth(0.36, 0.3, fu.abs()) * smooth(0.34, 0.28, fv.abs()) * fine + 0.3 * (1 - fine)
    cross = 1 - 0.6 * smooth(0.05, 0.02, fu.abs()) * fine
    window = pane * cross * smooth(0.5, 0.62, lit) * (0.3 + lit) * (walls.up > 0.3)
    seam = torch.exp(-torch.abs(torch.remainder(walls.depth / length, 1.0) - 0.5 - 0.49) * 30)
    ledge = smooth(0.08, 0.02, torch.remainder(wv, 1.0)) * 0.5
    tex = c.texture(256, 1.5)
    dirt = c.look(tex, walls.depth * 0.3 + 0.5 * side, walls.up * 0.4)
    row = torch.floor(walls.up * 22)
    joint = torch.minimum(
        torch.remainder(walls.up * 22, 1.0), torch.remainder(walls.depth * 9 + 0.5 * torch.remainder(row, 2.0), 1.0)
    )
    brick = (0.5 - hashed(torch.floor(walls.depth * 9 + 0.5 * torch.remainder(row, 2.0)) + 13 * row)) - 0.8 * smooth(
        0.14, 0.04, joint
    )
    wall = (
        0.05
        + 0.12 * own
        + 0.14 * (dirt - 0.3)
        + 0.06 * ledge
        - 0.06 * seam
        + 0.045 * brick * smooth(3.0, 1.0, walls.depth)
    )
    return wall / (1 + 0.04 * walls.depth), window, house, own


def walker(x: Tensor, y: Tensor, stride: Tensor) -> Tensor:
    """Somebody under an umbrella, seen from behind: stands on y = 0, about 1 high."""
    coat = chain(x, y, [(0.0, -0.72, 0.085), (0.0, -0.55, 0.12), (0.0, -0.3, 0.14)], 0.05)
    legs = [
        limb(x, y, (-0.05, -0.3), (-0.07 - stride, -0.01), 0.055, 0.035),
        limb(x, y, (0.05, -0.3), (0.07 + 0.5 * stride, -0.03), 0.055, 0.035),
    ]
    head = disc(x, y, (0.0, -0.86), 0.07, 0.085)
    stick = limb(x, y, (0.07, -0.6), (0.06, -1.1), 0.012, 0.01)
    dome = torch.maximum(disc(x, y, (0.05, -0.98), 0.44, 0.25), y + 0.99 - 0.03 * torch.cos((x - 0.05) * 28))
    return join([join([coat, *legs, head], 0.03), stick, dome, limb(x, y, (0.05, -1.2), (0.05, -1.29), 0.012, 0.005)])


def neon_street(c: Canvas) -> Layers:
    """A street of shop signs in the rain: wet ground that mirrors them, somebody under an umbrella."""
    walls = canyon(c, c.rand(0.75, 1.1), c.rand(0.34, 0.5), 0.3)
    tex = c.texture(256, 1.7)
    wall, window, house, own = facade(c, walls, 2.2, (1.7, 3.4))
    far = torch.exp(-torch.hypot((c.x - walls.x) * 1.6, c.y - walls.horizon) * 2.2)
    sky = 0.06 + 0.16 * (c.look(tex, c.x * 0.2, c.y * 0.3) + 0.5) * smooth(-1.1, 0.4, c.y) + 0.36 * far
    tone = mix(sky, wall + 0.5 * window + 0.22 * far, house)
    glow, spark, accent = 0.3 * window * house + 0.2 * far, torch.zeros_like(tone), torch.zeros_like(tone)
    shop = smooth(0.36, 0.3, walls.up) * smooth(0.02, 0.06, walls.up) * house * (own > 0.3)
    goods = 0.5 + 0.5 * torch.sin(walls.depth * 23) * torch.sin(walls.depth * 9 + 2)
    tone, glow = tone + 0.4 * shop * goods, glow + 0.3 * shop * (0.4 + 0.6 * goods)
    puddle = smooth(
        0.35,
        0.6,
        c.look(
            tex,
            (c.x - walls.x) * walls.eye / (c.y - walls.horizon).clamp(min=0.03) * 0.4,
            walls.eye / (c.y - walls.horizon).clamp(min=0.03) * 0.5,
        ),
    )
    mirror = walls.ground * (0.35 + 0.5 * puddle)
    count = 14
    start = c.rand(0.0, 1.0)
    for index in range(count):  # far ones first
        depth = 0.95 + 8.5 * ((count - 1 - index + start) / count) ** 1.8
        side = 1.0 if index % 2 else -1.0
        salt = c.rand(0, 9)
        wide, high = c.rand(0.09, 0.2), c.rand(0.16, 0.5)
        up, out = c.rand(0.5, 1.5) + high, walls.half - wide * c.rand(0.9, 1.9)
        x = walls.x + side * out / depth
        y = walls.horizon + (walls.eye - up) / depth
        foot = walls.horizon + walls.eye / depth
        seen_y = mix(c.y, 2 * foot - c.y + walls.wave * 0.25 / depth, walls.ground)
        lamp = sign(
            c, c.x + walls.ground * walls.wave * 0.1 / depth, seen_y, (x, y), wide / depth, high / depth, salt
        )
        board = c.cover(box(c.x, c.y, (x, y), wide / depth, high / depth, wide * 0.2 / depth)) * (1 - walls.ground)
        dim = mix(1.0, mirror, walls.ground) * torch.where(c.coin(0.85) > 0, 1.0, 0.25)
        aura = torch.exp(-torch.hypot((c.x - x) / (wide + 0.3), (seen_y - y) / (high + 0.3)) * depth * 2.4) * dim
        tone = mix(tone, 0.04 + 0 * tone, board * 0.9) + 0.4 * lamp * dim + 0.07 * aura
        glow, spark = glow * (1 - board), spark * (1 - board)
        if index % 3 == 1:
            spark, accent = spark + 0.8 * lamp * dim + 0.1 * aura, accent + lamp * dim
        else:
            glow = glow + 0.8 * lamp * dim + 0.1 * aura
    tone = mix(tone, tone * mirror + 0.04 * puddle, walls.ground)
    glow = mix(glow, glow * mirror.clamp(0, 0.9), walls.ground)
    streak = torch.exp(-torch.abs(c.x - walls.x - 0.02 * walls.wave) * 5) * walls.ground * far
    glow = glow + 0.25 * streak
    size, at = c.rand(0.34, 0.62), walls.x + c.rand(-0.18, 0.18)
    foot = walls.horizon + c.rand(0.5, 0.72) * size
    stride = c.rand(0.0, 0.08)
    seen_y = torch.where(c.y > foot, 2 * foot - c.y, c.y)
    d = coarsely(
        (c.x - at + walls.ground * walls.wave * 0.15) / size,
        (seen_y - foot) / size,
        lambda u, v: walker(u, v, stride),
    )
    body = c.cover(d * size) * torch.where(c.y > foot, 0.55, 1.0) * c.coin(0.8)
    rim = torch.exp(-(d.abs() * size) / (0.006 + 0.6 * c.pixel)) * (c.y <= foot)
    tone = mix(tone, 0.03 + 0 * tone, body)
    glow, spark = glow * (1 - body) + 0.25 * rim * far, spark * (1 - body)
    rain = c.fbm(16, 2, stretch=(2.4, 0.1)) - 0.5
    drops = c.dots(140) * walls.ground
    return Layers(
        tone=tone + 0.16 * rain * (0.35 + far) + 0.03,
        accent=accent.clamp(0, 1) * (1 - body),
        glow=glow + 0.16 * rain.clamp(min=0) * far + 0.35 * drops,
        spark=spark,
        depth=(1 - 1 / (1 + 0.16 * walls.depth)) * (1 - body) * (1 - 0.6 * walls.ground),
    )


def alley(c: Canvas) -> Layers:
    """A narrow alley between high walls: pipes, cables, lanterns, steam, bars of light, a figure at its end."""
    walls = canyon(c, c.rand(0.36, 0.5), c.rand(0.26, 0.36), 0.25)
    tex = c.texture(256, 1.7)
    wall, window, house, _ = facade(c, walls, 3.2, (3.6, 5.5), 0.62)
    side = torch.sign(c.x - walls.x)
    end = torch.exp(-torch.hypot((c.x - walls.x) * 2.6, (c.y - walls.horizon + 0.16) * 0.9) * 2.6)
    steam = smooth(0.4, 0.8, c.look(tex, c.x * 0.25 + 0.3 * c.look(tex, c.x * 0.4, c.y * 0.4), c.y * 0.2 + c.rand()))
    tone = mix(0.16 + 0.5 * end, 1.1 * wall + 0.4 * window + 0.24 * end, house)
    glow, spark, accent = 0.3 * window * house + 0.34 * end, torch.zeros_like(tone), torch.zeros_like(tone)
    for index in range(5):  # pipes and ducts along the walls
        height, thick = c.rand(0.15, 1.3), c.rand(0.012, 0.045)
        off = (walls.up - height) / thick
        pipe = smooth(1.0, 0.8, off.abs()) * house * (side == (1 if index % 2 else -1))
        joint = smooth(0.12, 0.04, torch.abs(torch.remainder(walls.depth * 1.7 + index, 1.0) - 0.5))
        tone = mix(tone, 0.12 + 0.42 * (0.5 - 0.5 * off).clamp(0, 1) ** 2 + 0.12 * joint + 0.15 * end, pipe)
        glow = glow * (1 - pipe)
    for index in range(2):  # bars of light
        height = c.rand(0.7, 2.2)
        on = (
            (torch.remainder(walls.depth * 0.7 + c.rand(), 1.0) > 0.3) * c.coin(0.75) * (side == (1 if index else -1))
        )
        bar = torch.exp(-(((walls.up - height) / (0.014 + walls.depth * c.pixel)) ** 2)) * on * house
        wash = torch.exp(-torch.abs(walls.up - height) * 4.5) * on * house
        tone, glow = tone + 0.3 * bar + 0.13 * wash, glow + (0.9 * bar + 0.12 * wash) * (1 - index)
        spark, accent = spark + 0.8 * bar * index + 0.1 * wash * index, accent + bar * index
    puddle = smooth(
        0.35, 0.6, c.look(tex, (c.x - walls.x) * 0.8, walls.eye / (c.y - walls.horizon).clamp(min=0.03) * 0.5)
    )
    mirror = walls.ground * (0.35 + 0.5 * puddle)
    count = 11
    start = c.rand()
    for index in range(count):  # signs and lanterns, far ones first
        depth = 0.62 + 5.5 * ((count - 1 - index + start) / count) ** 1.7
        way = 1.0 if index % 2 else -1.0
        lantern = index % 4 == 2
        wide = c.rand(0.045, 0.06) if lantern else c.rand(0.05, 0.1)
        high = wide * 1.25 if lantern else c.rand(0.1, 0.34)
        up = c.rand(0.55, 1.5) + high
        x = (
            walls.x
            + (c.rand(-0.6, 0.6) * walls.half if lantern else way * (walls.half - wide * c.rand(0.9, 1.6))) / depth
        )
        y = walls.horizon + (walls.eye - up) / depth
        foot = walls.horizon + walls.eye / depth
        seen_y = mix(c.y, 2 * foot - c.y + walls.wave * 0.2 / depth, walls.ground)
        seen_x = c.x + walls.ground * walls.wave * 0.08 / depth
        dim = mix(1.0, mirror, walls.ground)
        if lantern:
            q = torch.hypot((seen_x - x) / wide, (seen_y - y) / high) * depth
            ribs = 0.75 + 0.25 * torch.cos((seen_y - y) / high * depth * 14)
            lamp = smooth(1.05, 0.9, q) * ribs * (1.2 - 0.5 * q)
            cord = smooth(1.0, 0.3, (c.x - x).abs() / (0.004 + 0.5 * c.pixel)) * (c.y < y) * (1 - walls.ground)
            tone = mix(tone, 0.04 + 0 * tone, 0.8 * cord)
        else:
            lamp = sign(c, seen_x, seen_y, (x, y), wide / depth, high / depth, c.rand(0, 9))
            board = c.cover(box(c.x, c.y, (x, y), wide / depth, high / depth)) * (1 - walls.ground)
            tone, glow, spark = mix(tone, 0.04 + 0 * tone, 0.9 * board), glow * (1 - board), spark * (1 - board)
        aura = torch.exp(-torch.hypot((c.x - x) / (wide + 0.2), (seen_y - y) / (high + 0.2)) * depth * 2.2) * dim
        tone = tone + 0.4 * lamp * dim + 0.08 * aura
        second = index % 3 == 0 or lantern
        glow = glow + (0 if second else 1) * (0.8 * lamp * dim + 0.1 * aura)
        spark, accent = (
            spark + (1 if second else 0) * (0.7 * lamp * dim + 0.1 * aura),
            accent + (1 if second else 0) * lamp * dim,
        )
    for index in range(5):  # cables from wall to wall
        away = 0.7 + 1.1 * index
        reach = walls.half / away
        sag = (
            walls.horizon
            + (walls.eye - c.rand(1.4, 2.4)) / away
            + c.rand(0.05, 0.3) / away * (1 - ((c.x - walls.x) / reach) ** 2)
        )
        slope = c.rand(-0.5, 0.5)
        cable = smooth(1.4, 0.5, (c.y - sag - slope * (c.x - walls.x)).abs() / (0.006 / away + 0.5 * c.pixel)) * (
            (c.x - walls.x).abs() < reach
        )
        tone, glow = mix(tone, 0.03 + 0 * tone, cable), glow * (1 - cable)
    tone = mix(tone, tone * mirror + 0.05 * puddle, walls.ground)
    glow = mix(glow, glow * mirror.clamp(0, 0.9), walls.ground)
    size, at = c.rand(0.26, 0.46), walls.x + c.rand(-0.07, 0.07)
    foot = walls.horizon + c.rand(0.4, 0.56) * size
    step = c.rand(0.02, 0.1)

    def figure(u: Tensor, v: Tensor) -> Tensor:
        coat = chain(u, v, [(0.0, -0.8, 0.1), (0.0, -0.62, 0.145), (0.0, -0.42, 0.125), (0.0, -0.2, 0.165)], 0.05)
        hood = join([disc(u, v, (0.0, -0.9), 0.082, 0.1), disc(u, v, (0.0, -0.84), 0.1, 0.08)], 0.04)
        arms = [
            chain(u, v, [(0.13 * s, -0.72, 0.05), (0.19 * s, -0.52, 0.045), (0.17 * s, -0.36, 0.035)], 0.03)
            for s in (-1, 1)
        ]
        legs = [
            limb(u, v, (-0.06, -0.25), (-0.08 - step, -0.01), 0.06, 0.04),
            limb(u, v, (0.06, -0.25), (0.08 + step, -0.02), 0.06, 0.04),
        ]
        return join([coat, hood, *arms, *legs], 0.025)

    seen_y = torch.where(c.y > foot, 2 * foot - c.y, c.y)
    d = coarsely((c.x - at + walls.ground * walls.wave * 0.12) / size, (seen_y - foot) / size, figure)
    body = c.cover(d * size) * torch.where(c.y > foot, 0.5, 1.0) * c.coin(0.85)
    rim = torch.exp(-(d.abs() * size) / (0.005 + 0.6 * c.pixel)) * (c.y <= foot)
    vapour = steam * smooth(walls.horizon - 0.9, walls.horizon + 0.2, c.y) * (0.25 + end)
    tone = mix(tone, 0.16 + 0.5 * end, 0.6 * vapour)
    tone = mix(tone, 0.03 + 0 * tone, body)
    rain = c.fbm(15, 2, stretch=(2.4, 0.1)) - 0.5
    return Layers(
        tone=tone + 0.1 * rain * (0.3 + end) + 0.02,
        accent=accent.clamp(0, 1) * (1 - body),
        glow=glow * (1 - body) + 0.3 * rim * end + 0.14 * vapour,
        spark=spark * (1 - body),
        depth=(1 - 1 / (1 + 0.25 * walls.depth)) * (1 - body) * (1 - 0.6 * walls.ground),
    )
