"""Streets at night: shop signs in the rain, alleys, a car on a road of neon, a train with lit windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.land import backdrop
from beatwalk.training.painter.shapes import box, chain, coarsely, disc, hashed, join, limb, outline, polygon


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
        depth = 0.7 + 1.1 * index
        reach = walls.half / depth
        sag = (
            walls.horizon
            + (walls.eye - c.rand(1.4, 2.4)) / depth
            + c.rand(0.05, 0.3) / depth * (1 - ((c.x - walls.x) / reach) ** 2)
        )
        slope = c.rand(-0.5, 0.5)
        cable = smooth(1.4, 0.5, (c.y - sag - slope * (c.x - walls.x)).abs() / (0.006 / depth + 0.5 * c.pixel)) * (
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


def car(c: Canvas) -> Layers:
    """A low car seen from behind on a road that glows at its edges, towers and a sun ahead."""
    horizon = c.rand(-0.18, 0.08) * c.half_h
    tex = c.texture(256, 1.7)
    d = (c.y - horizon).clamp(min=c.pixel)
    z = 1 / (d + 0.012)
    road_x = c.rand(-0.12, 0.12)
    bend = c.rand(-0.5, 0.5) * 0.04 * z.clamp(max=12)
    u = (c.x - road_x) * z - bend  # across the road: 1 at its edge
    below = c.cover(horizon - c.y)
    r = c.radius(road_x + c.rand(-0.15, 0.15), horizon - c.rand(0.1, 0.3))
    size = c.rand(0.28, 0.46)
    stripes = smooth(0.1, 0.3, torch.sin((c.y - horizon) * 54) + 0.8 + (horizon - c.y) * 2.6)
    disc_ = c.cover(r - size) * stripes * c.coin(0.75) * (1 - below)
    stars = c.dots(200) * (1 - below) * (1 - disc_)
    tone = 0.05 + 0.3 * torch.exp(-torch.abs(c.y - horizon) * 2) + 0.45 * disc_ + 0.06 * c.fbm(1, 4)
    glow, spark, accent = 0.55 * stars, 0.5 * disc_, 1.0 * disc_
    for layer in range(3):  # towers, far ones first
        k = layer / 2
        density = 9 - 3.5 * k
        place = c.x * density + c.rand(0, 99)
        ident = torch.floor(place)
        own, other = hashed(ident, 3.3 * layer), hashed(ident, 8.1 + layer)
        away = ((c.x - road_x).abs() / (0.5 + 0.3 * c.half_w)).clamp(0, 1)
        tall = (0.05 + 0.5 * own**1.4 * (0.25 + away)) * (0.7 + 0.4 * k)
        side = torch.minimum(place - ident, 1 - place + ident) - 0.05 - 0.12 * other
        tower = (
            smooth(0, 1.5 * density * c.pixel, side) * c.cover(horizon - tall - c.y) * (1 - below) * (away > 0.1 * k)
        )
        wu, wv = (place - ident) * 8, (horizon - c.y) * 38
        lit = hashed(torch.floor(wu) * 3.1 + torch.floor(wv) * 7.7 + ident, 2.0)
        pane = (
            (lit > 0.62)
            * smooth(0.4, 0.3, torch.abs(torch.remainder(wu, 1.0) - 0.5))
            * smooth(0.4, 0.3, torch.abs(torch.remainder(wv, 1.0) - 0.5))
        )
        tone = mix(tone, 0.16 * (1 - k) + 0.05 + 0.4 * pane * lit, tower)
        glow, spark, accent = mix(glow, 0.35 * pane * lit, tower), spark * (1 - tower), accent * (1 - tower)
    run = z * c.rand(1.0, 2.0) + c.rand()
    thin = 0.012 + 2.2 * c.pixel * z
    edge = torch.exp(-(((u.abs() - 1.0) / thin) ** 2)) + 0.5 * torch.exp(-torch.abs(u.abs() - 1.0) * 9)
    lane = torch.exp(-((u / (0.7 * thin)) ** 2)) * smooth(0.42, 0.5, torch.remainder(run, 1.0)) * smooth(9, 3, z)
    cross = torch.exp(-((torch.abs(torch.remainder(run, 1.0) - 0.5) / (0.02 + 0.5 * z * z * c.pixel)) ** 2)) * (
        u.abs() > 1.0
    )
    along = torch.exp(-((torch.abs(torch.remainder(u * 2.2, 1.0) - 0.5) / (2.2 * thin)) ** 2)) * (u.abs() > 1.0)
    fade = torch.exp(-z * 0.06)
    wet = c.look(tex, u * 0.6, run * 0.5)
    road = (
        0.06
        + 0.07 * wet
        + 0.2 * torch.exp(-d * 5)
        + 0.3 * torch.exp(-((c.x - road_x) ** 2) * 9) * torch.exp(-d * 2.2) * (0.4 + wet)
    )
    lines = (edge + 0.6 * lane + 0.35 * torch.maximum(cross, along)) * fade
    tone = mix(tone, road * (0.4 + 0.6 * (u.abs() < 1)) + 0.3 * lines, below)
    glow = mix(glow, 0.7 * lines, below)
    spark, accent = mix(spark, 0.6 * lane * fade, below), mix(accent, lane + 0 * u, below)
    for index in range(6):  # lamps beside the road
        zi = 1.1 + 1.5 * index
        for side in (-1.0, 1.0):
            x = road_x + (side * 1.35 + 0.04 * 0) / zi
            base, top = horizon + 1 / zi, horizon - 0.9 / zi
            pole = smooth(1.2, 0.5, (c.x - x).abs() / (0.012 / zi + 0.5 * c.pixel)) * (c.y < base) * (c.y > top)
            arm = limb(c.x, c.y, (x, top), (x - side * 0.35 / zi, top - 0.06 / zi), 0.01 / zi, 0.008 / zi)
            lamp = torch.exp(-torch.hypot(c.x - x + side * 0.36 / zi, (c.y - top + 0.04 / zi) * 1.6) * zi * 22)
            tone = mix(tone, 0.05 + 0 * tone, torch.maximum(pole, c.cover(arm)))
            glow = glow + 1.1 * lamp
    scale = c.rand(0.44, 0.62)
    at, foot = road_x + c.rand(-0.14, 0.14), horizon + c.rand(0.5, 0.72) * c.half_h
    x, y = (c.x - at) / scale, (c.y - foot) / scale
    roof = c.rand(0.5, 0.6)
    s = x.abs()

    def body_at(p: Tensor, q: Tensor) -> Tensor:
        lower = polygon(
            p,
            q,
            outline(
                [
                    (0.0, -0.4),
                    (0.5, -0.4),
                    (0.68, -0.36),
                    (0.74, -0.24),
                    (0.73, -0.1),
                    (0.64, -0.05),
                    (0.0, -0.05),
                    (-0.4, -0.2),
                ],
                3,
            ),
        )
        cabin = polygon(p, q, [(-0.4, -roof), (0.36, -roof), (0.5, -0.38), (-0.4, -0.36)]) - 0.02
        wheel = box(p, q, (0.6, -0.06), 0.115, 0.09, 0.03)
        wing = join([box(p, q, (0.2, -0.47), 0.5, 0.016, 0.014), box(p, q, (0.5, -0.42), 0.018, 0.05)], 0.01)
        return join([join([lower, cabin], 0.04), wheel, wing])

    seen = torch.where(y > 0.03, 0.06 - y, y)
    d_car = coarsely(s, y, body_at)
    under = coarsely(s, seen + 0.03 * (wet - 0.5), body_at) * (y > 0.03)
    body = c.cover(d_car * scale)
    mirror = c.cover(under * scale) * (y > 0.03) * 0.55
    shadow = torch.exp(-((s / 0.8) ** 4) - (y.abs() / 0.09) ** 2)
    tone, glow, spark = tone * (1 - 0.75 * shadow), glow * (1 - 0.7 * shadow), spark * (1 - shadow)
    tone = mix(tone, 0.05 + 0 * tone, mirror)
    paint_ = (
        0.13
        + 0.3 * smooth(-0.2, -0.4, y)
        + 0.16 * torch.exp(-(((y + 0.385) / 0.02) ** 2))
        + 0.12 * torch.exp(-(((s - 0.66) / 0.05) ** 2)) * (y < -0.12)
    )
    glass = c.cover(
        (polygon(s, y, [(-0.4, -roof + 0.02), (0.33, -roof + 0.02), (0.44, -0.405), (-0.4, -0.405)])) * scale
    )
    dusk = (
        0.1
        + 0.3 * (1 - ((y + 0.4) / 0.15).abs().clamp(0, 1))
        + 0.14 * smooth(0.02, 0.0, torch.abs(torch.remainder(y * 36, 1.0) - 0.5) / 8)
    )
    panel = c.cover(box(s, y, (0.0, -0.265), 0.66, 0.062, 0.03) * scale)
    bar = box(s, y, (c.rand(0.28, 0.42), -0.265), c.rand(0.22, 0.3), 0.034, 0.02)
    lamps = c.cover(bar * scale)
    cells_ = 0.6 + 0.4 * smooth(0.1, 0.2, torch.abs(torch.remainder(s * 11, 1.0) - 0.5))
    plate = c.cover(box(s, y, (0.0, -0.15), 0.14, 0.036, 0.008) * scale)
    bumper = c.cover(box(s, y, (0.0, -0.08), 0.66, 0.035, 0.02) * scale)
    pipes = c.cover(disc(s, y, (0.36, -0.075), 0.034) * scale)
    car_tone = mix(paint_, dusk, glass)
    car_tone = mix(mix(car_tone, 0.04 + 0 * y, panel), 0.6 * cells_, lamps)
    car_tone = mix(mix(mix(car_tone, 0.05 + 0 * y, bumper), 0.7 + 0 * y, plate), 0.3 + 0 * y, pipes)
    tone, glow, spark, accent = mix(tone, car_tone, body), glow * (1 - body), spark * (1 - body), accent * (1 - body)
    rim = torch.exp(-(d_car.abs() * scale) / (0.006 + 0.7 * c.pixel)) * (y < -0.3)
    ahead = 0.22 * torch.exp(-bar.abs() * 5) * (1 - body * 0.4)
    wash = torch.exp(-((s - 0.4) ** 2) * 14) * torch.exp(-(y.clamp(min=0)) * 3.2) * (y > 0.02) * (0.4 + wet)
    return Layers(
        tone=tone,
        accent=accent + lamps * body,
        glow=glow + 0.5 * rim + 0.85 * lamps * cells_ * body + ahead + 0.35 * wash,
        spark=spark + 0.35 * lamps * body,
        depth=(1 - below) * (1 - body) * 0.9,
    )


def train(c: Canvas) -> Layers:
    """A train with lit windows on a viaduct over water, hills behind it."""
    horizon = c.rand(0.25, 0.45) * c.half_h
    tone, glow, accent = backdrop(c, horizon, 0.8)
    tex = c.texture(256, 1.7)
    stars = c.dots(160) * smooth(horizon, horizon - 0.5, c.y)
    depth = torch.ones_like(tone)
    glow = glow + 0.6 * stars
    wave = 0.02 * (c.look(tex, c.x * 0.5, (c.y - horizon) * 4) - 0.5)
    mirror = (c.y > horizon).float()
    y = torch.where(c.y > horizon, 2 * horizon - c.y + wave * (1 + 2 * (c.y - horizon)), c.y)
    x = c.x + mirror * wave
    sky_y = torch.where(c.y > horizon, 2 * horizon - c.y, c.y)
    low = smooth(-c.half_h, horizon, sky_y)
    tone = mix(tone, 0.1 + 0.4 * low**2 + 0.1 * c.look(tex, x * 0.2, y * 0.5), mirror)
    for layer in range(3):
        k = layer / 2
        ridge = horizon - (0.36 - 0.1 * k) * (0.35 + c.profile(1, 0.8 + 0.5 * k, 6)[:, :1].abs()) * (1 - 0.3 * k)
        hill = c.cover(ridge - y)
        rock = c.look(tex, x * 0.8 + layer, (y - ridge) * 0.9) - 0.4
        tone = mix(tone, 0.34 - 0.1 * k + 0.14 * rock + 0.16 * torch.exp(-(horizon - y).abs() * 9), hill)
        glow, accent = glow * (1 - hill), accent * (1 - hill)
        depth = mix(depth, 0.9 - 0.35 * k + 0 * tone, hill)
    slope = c.rand(-0.06, 0.06)
    deck = horizon - c.rand(0.24, 0.42) + slope * x
    span = c.rand(0.32, 0.62)
    u = torch.remainder(x / span + c.rand(), 1.0) - 0.5
    arch = torch.maximum(torch.hypot(u * span, (y - deck - 0.05 - 0.42 * span)) - 0.4 * span, -9 * torch.ones_like(u))
    void = torch.minimum(arch, torch.maximum(u.abs() * span - 0.4 * span, deck + 0.05 + 0.42 * span - y))
    stone = torch.maximum(deck - y, -void)
    bridge = c.cover(stone) * (y < horizon + 0.02)
    brick = smooth(0.46, 0.4, torch.abs(torch.remainder(y * 42, 1.0) - 0.5)) * smooth(
        0.47, 0.42, torch.abs(torch.remainder(x * 20 + 0.5 * torch.floor(y * 42), 1.0) - 0.5)
    )
    shade = 0.08 + 0.1 * brick + 0.12 * c.look(tex, x * 1.4, y * 1.4) + 0.14 * torch.exp(-(y - deck).abs() * 30)
    tone = mix(tone, shade, bridge)
    glow, accent, depth = glow * (1 - bridge), accent * (1 - bridge), mix(depth, 0.3 + 0 * tone, bridge)
    tall, length = c.rand(0.17, 0.26), c.rand(0.85, 1.15)
    nose, way = c.rand(0.35, 0.9) * c.half_w, torch.where(c.coin() > 0, 1.0, -1.0)
    along = nose - way * x  # behind the nose
    wagon = torch.floor(along / length)
    inner = torch.remainder(along, length)
    v = (deck - y) / tall  # 0 on the rails, 1 on the roof
    fore = (1 - (1 - (along / 0.3).clamp(0, 1)) ** 2).clamp(0, 1).sqrt()
    hull = box(inner, v * tall, (length / 2, 0.56 * tall), length / 2 - 0.006, 0.43 * tall, 0.02)
    hull = torch.where(
        along < length,
        torch.maximum((v - 0.14 - 0.86 * fore) * tall, torch.maximum((0.12 - v) * tall, inner - length + 0.006)),
        hull,
    )
    coach = c.cover(hull) * (along > 0)
    link = c.cover(torch.maximum((v - 0.75).abs() * 0 + (v - 0.7) * tall, (0.2 - v) * tall)) * (along > length * 0.9)
    wu = inner / 0.085
    pane = smooth(0.4, 0.33, torch.abs(torch.remainder(wu, 1.0) - 0.5)) * smooth(0.17, 0.13, (v - 0.66).abs())
    pane = pane * (inner > 0.04) * (inner < length - 0.05) * ((along > 0.2) | (along > length))
    person = hashed(torch.floor(wu) + 30 * wagon, 4.0)
    head = smooth(0.14, 0.1, torch.hypot((torch.remainder(wu, 1.0) - 0.5) * 0.55, (v - 0.56) * 1.1)) * (person > 0.6)
    stripe = smooth(0.05, 0.03, (v - 0.4).abs())
    front = torch.exp(-(((along - 0.05) / 0.035) ** 2) - ((v - 0.3) / 0.12) ** 2)
    skin = (
        0.2
        + 0.22 * smooth(0.6, 1.0, v)
        + 0.1 * (c.look(tex, along * 0.5, v) - 0.5)
        - 0.12 * smooth(0.3, 0.1, v)
        + 0.35 * stripe
    )
    under = (
        c.cover(torch.maximum((v - 0.2) * tall, -v * tall))
        * (along > 0.12)
        * (torch.abs(torch.remainder(along / length * 4, 1.0) - 0.5) < 0.3)
    )
    tone = mix(tone, 0.05 + 0 * tone, torch.maximum(link, under))
    tone = mix(mix(tone, skin, coach), 0.85 - 0.5 * head, coach * pane)
    glow = mix(glow, 0.55 * pane * (1 - 0.8 * head), torch.maximum(coach, link))
    accent = mix(accent, stripe + 0 * v, coach)
    beam = (
        torch.exp(-torch.abs(v - 0.3 + 0.3 * along) * tall * 20 / (0.2 - along.clamp(max=0)))
        * torch.exp(along.clamp(max=0) * 2.2)
        * (along < 0)
    )
    glow = glow + 1.2 * front + 0.3 * beam
    wire = smooth(1.2, 0.5, (v - 1.55 + 0.05 * torch.cos(x * 9)).abs() * tall / (0.003 + 0.5 * c.pixel))
    mast = (
        smooth(1.2, 0.6, (torch.abs(torch.remainder(x / 0.56, 1.0) - 0.5) * 0.56) / (0.006 + 0.5 * c.pixel))
        * (v > 0)
        * (v < 1.75)
    )
    tone = mix(tone, 0.06 + 0 * tone, torch.maximum(0.8 * wire, mast) * (1 - coach))
    spill = torch.exp(-(v + 0.2).abs() * 2.4) * (along > 0)
    dim = 1 - mirror * (0.4 + 0.4 * c.look(tex, c.x * 0.4, c.y * 5))
    moon_path = torch.exp(-(((c.y - horizon) * 18) ** 2))
    return Layers(
        tone=(tone + 0.05 * spill) * dim + 0.12 * moon_path,
        accent=accent,
        glow=(glow + 0.07 * spill) * dim,
        spark=0.4 * stripe * coach * dim,
        depth=depth * (1 - mirror),
    )
