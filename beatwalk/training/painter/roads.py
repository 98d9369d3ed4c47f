"""On the way: a car on a road of neon, a train with lit windows."""

from __future__ import annotations

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.land import backdrop
from beatwalk.training.painter.shapes import (
    box,
    coarsely,
    disc,
    hashed,
    join,
    limb,
    outline,
    polygon,
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
        for way in (-1.0, 1.0):
            post = road_x + way * 1.35 / zi
            base, top = horizon + 1 / zi, horizon - 0.9 / zi
            pole = smooth(1.2, 0.5, (c.x - post).abs() / (0.012 / zi + 0.5 * c.pixel)) * (c.y < base) * (c.y > top)
            arm = limb(c.x, c.y, (post, top), (post - way * 0.35 / zi, top - 0.06 / zi), 0.01 / zi, 0.008 / zi)
            lamp = torch.exp(-torch.hypot(c.x - post + way * 0.36 / zi, (c.y - top + 0.04 / zi) * 1.6) * zi * 22)
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
