"""Where people dance: a ball of mirrors, a crowd before a stage."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import (
    box,
    disc,
    hashed,
    join,
    limb,
)


def disco_ball(c: Canvas) -> Layers:
    """A ball of mirrors that throws spots and beams of light through a dark room."""
    tex = c.texture(256, 1.8)
    cx, cy, size = c.rand(-0.3, 0.3), c.rand(-0.35, 0.1), c.rand(0.34, 0.58)
    dx, dy = (c.x - cx) / size, (c.y - cy) / size
    rr = dx * dx + dy * dy
    z = torch.sqrt((1 - rr).clamp(min=1e-4))
    ball = c.cover((torch.sqrt(rr + 1e-9) - 1) * size)
    rows = c.whole(18, 30)
    lat = torch.asin(dy.clamp(-0.999, 0.999))
    row = torch.floor(lat / math.pi * rows)
    middle = (row + 0.5) / rows * math.pi
    cols = torch.round(2 * rows * torch.cos(middle).clamp(min=0.06))
    lon = torch.atan2(dx, z) + c.rand(0, 6)
    col = torch.floor(lon / math.tau * cols)
    fu, fv = lon / math.tau * cols - col, lat / math.pi * rows - row
    gap = torch.minimum(torch.minimum(fu, 1 - fu), torch.minimum(fv, 1 - fv))
    tile = smooth(0.04, 0.12, gap)
    own = hashed(col + 57 * row, c.rand(0, 9))
    other = hashed(col * 1.7 + 31 * row, c.rand(0, 9))
    # each mirror shows a place of the room: smooth over the ball, with a tile's own error
    mx, my = dx * 0.9 + 0.22 * (own - 0.5), dy * 0.9 + 0.22 * (other - 0.5)
    room = c.look(tex, mx * 0.5 + c.rand(), my * 0.5)
    lamp = torch.zeros_like(dx)
    for gain in (1.0, 0.8, 0.6, 0.6):
        lx, ly = c.rand(-0.7, 0.7), c.rand(-0.8, 0.5)
        lamp = lamp + gain * torch.exp(-((mx - lx) ** 2 + (my - ly) ** 2) * 26)
    flash = (own > 0.93).float()
    face = 0.06 + 0.7 * room * (0.45 + 0.55 * own) + 0.5 * lamp + 0.5 * flash * other
    face = tile * face * (0.35 + 0.65 * z) + 0.02
    r, a = c.polar(cx, cy)
    out = (r - size).clamp(min=0)
    n = c.whole(26, 44)
    fan = a * n / math.tau
    chance = hashed(torch.remainder(torch.round(fan), n), c.rand(0, 9))
    off = torch.abs(fan - torch.round(fan)) / n * math.tau * r
    beam = (chance > 0.62) * (torch.exp(-off * 70) + 0.4 * torch.exp(-off * 16)) * torch.exp(-out * 1.5) * chance
    haze = c.fbm(1.2, 5)
    # spots on the walls lie in rows around the ball and grow outwards
    wall = torch.log(r / size + 0.15) * 6.5
    band = torch.floor(wall)
    count = 18.0 + 6 * torch.remainder(band, 3)
    spin = (a / math.tau + 0.137 * band) * count
    sx, sy = torch.remainder(spin, 1.0) - 0.5, wall - band - 0.5
    lit = hashed(torch.remainder(torch.floor(spin), count) + 17 * band, c.rand(0, 9))
    spots = (
        smooth(0.3, 0.16, torch.hypot(sx, sy * 0.9))
        * (lit > 0.35)
        * (0.3 + lit)
        * torch.exp(-out * 0.7)
        * (r > size * 1.06)
    )
    halo = torch.exp(-out * 4.0)
    string = smooth(0.9, 0.2, torch.abs(c.x - cx) / (0.006 + 0.6 * c.pixel)) * (c.y < cy - size)
    cap = c.cover(box(c.x, c.y, (cx, cy - size * 1.02), 0.1 * size, 0.05 * size, 0.02 * size))
    tone = 0.03 + 0.16 * haze * (0.3 + halo) + 0.34 * spots + 0.3 * beam * (0.5 + haze)
    tone = mix(mix(tone, 0.2 + 0 * r, string), 0.3 + 0.3 * dx.clamp(-0.1, 0.1) * 8, cap)
    tone = mix(tone, face, ball)
    star = torch.zeros_like(r)
    for _ in range(5):
        px, py = c.rand(-0.65, 0.65), c.rand(-0.65, 0.4)
        ux, uy = (dx - px).abs(), (dy - py).abs()
        cross = (
            torch.exp(-ux * 60 - uy * 5) + torch.exp(-uy * 60 - ux * 5) + 1.5 * torch.exp(-(ux * ux + uy * uy) * 300)
        )
        star = star + cross * c.rand(0.3, 1.1)
    second = (chance * 7.3 % 1 > 0.5) * 1.0
    return Layers(
        tone=tone,
        accent=(beam * second + spots * (lit > 0.75)) * (1 - ball) + ball * tile * (other > 0.8),
        glow=ball * tile * (0.5 * lamp + 0.7 * flash * other)
        + (1 - ball) * (0.55 * beam * (1 - second) + 0.4 * spots + 0.2 * halo)
        + 0.8 * star,
        spark=(1 - ball) * (0.5 * beam * second + 0.4 * spots * (lit > 0.75)) + 0.3 * ball * tile * (other > 0.9),
    )


def crowd(c: Canvas) -> Layers:
    """A crowd with raised hands before a stage with lamps, screens, smoke and beams of light."""
    tex = c.texture(256, 1.8)
    stage = c.rand(0.05, 0.3) * c.half_h
    haze = 0.3 + 1.2 * c.look(tex, c.x * 0.25 + c.rand(), c.y * 0.25) * c.look(tex, c.x * 0.6, c.y * 0.6)
    light, spark = torch.zeros_like(c.x), torch.zeros_like(c.x)
    lamps = round(7 * c.half_w)
    aim = c.rand(-0.8, 0.8)
    rig = -c.rand(0.72, 0.95) * c.half_h
    for index in range(lamps):
        x0 = (2 * (index + 0.5) / lamps - 1) * 0.86 * c.half_w
        tilt = aim * (x0 / c.half_w) + c.rand(-0.25, 0.25)
        d = (c.y - rig).clamp(min=0)
        off = torch.abs(c.x - x0 - tilt * d)
        beam = torch.exp(-off / (0.008 + 0.06 * d) * 1.4) * torch.exp(-d * 0.55) * (c.y > rig)
        core = torch.exp(-torch.hypot(c.x - x0, c.y - rig) * 26) * 1.6
        on = 0.35 + 0.65 * c.coin(0.75)
        if index % 3 == 1:
            spark = spark + on * (beam + core)
        else:
            light = light + on * (beam + core)
    for _ in range(4):  # lamps on the stage's floor, shining up and outwards
        r, a = c.polar(c.rand(-0.75, 0.75) * c.half_w, stage)
        fan = (a + c.rand(0, 3)) * c.whole(8, 18) / math.tau
        ray = torch.exp(-torch.abs(fan - torch.round(fan)) * 16) * torch.exp(-r * 0.9) * (c.y < stage + 0.02)
        light = light + 0.55 * ray * (hashed(torch.round(fan), 3.0) > 0.4)
    truss_y = (c.y - rig + 0.035).abs()
    lattice = torch.abs(torch.remainder((c.x + (c.y - rig)) * 9, 1.0) - 0.5) < 0.12
    truss = c.cover(truss_y - 0.035) * torch.maximum(lattice.float(), (truss_y > 0.024).float())
    wide = torch.exp(-((c.x / (0.8 * c.half_w)) ** 2))
    back = wide * smooth(-0.8, 0.3, c.y - stage + 0.3) * (c.y < stage + 0.05)
    wall = box(c.x, c.y, (0.0 * stage, stage - 0.32), 0.42 * c.half_w, 0.24, 0.01)
    dotx, doty = torch.remainder(c.x * 26, 1.0) - 0.5, torch.remainder(c.y * 26, 1.0) - 0.5
    show = 0.5 + 0.5 * torch.sin(
        9 * c.look(tex, torch.floor(c.x * 26) / 120 + c.rand(), torch.floor(c.y * 26) / 120) * 3
    )
    screen = c.cover(wall) * smooth(0.42, 0.2, torch.hypot(dotx, doty)) * show * c.coin(0.65)
    total = light + spark
    tone = (
        0.04
        + 0.26 * haze * c.blur(total, 0.1)
        + 0.24 * total.clamp(0, 1.2) * haze
        + 0.22 * back * haze
        + 0.4 * screen
    )
    tone = tone * (1 - 0.8 * truss)
    glow, spark = 0.75 * light * haze + 0.2 * back + 0.4 * screen, 0.75 * spark * haze
    confetti = c.splat(
        c.rand(-1, 1, 240) * c.half_w, c.rand(-1, 0.4, 240) * c.half_h, c.rand(0.2, 1.6, 240)
    ) * c.coin(0.5)
    glow = glow + c.blur(confetti, 0.003) * 2
    ahead = torch.zeros_like(tone)
    for layer in range(5):  # rows of heads, near ones larger
        k = layer / 4
        head = 0.04 + 0.13 * k**1.4
        place = c.x / (head * 2.5) + c.rand(0, 99) + 0.5 * layer
        ident = torch.floor(place)
        chance, other, third = hashed(ident, 2.3 * layer), hashed(ident, 7.9 + layer), hashed(ident, 4.4 + 3 * layer)
        u = (place - ident - 0.5) * 2.5 - 0.5 * (chance - 0.5)  # in head heights from its middle
        top = stage + (0.02 + 0.68 * k**1.15) * (c.half_h - stage) + head * 1.2 * (chance - 0.5)
        v = (c.y - top) / head
        skull = disc(u, v, (0.0, 0.0), 0.48, 0.6)
        hair = 0.03 * torch.sin(9 * u + 20 * chance)
        trunk = torch.maximum(u.abs() - 0.95 + 0.55 * torch.exp(-((v - 0.7).clamp(min=0)) * 2.2), 0.62 - v)
        neck = limb(u, v, (0.0, 0.4), (0.0, 0.95), 0.24, 0.3)
        lift = (other > 0.45).float()
        reach = 1.2 + 1.5 * third
        sway = 0.5 * (chance - 0.5)
        elbow = (0.9 + 0.25 * third, 0.2)
        arms = [
            join(
                [
                    limb(s, v, (0.85, 1.0), elbow, 0.2, 0.17),
                    limb(s, v, elbow, (0.55 + sway, -reach), 0.16, 0.11),
                    limb(s, v, (0.55 + sway, -reach), (0.55 + 1.3 * sway, -reach - 0.26), 0.15, 0.08),
                ],
                0.06,
            )
            for s in (u, -u)
        ]
        both = (third > 0.55).float()
        arm = torch.minimum(arms[0], arms[1] + 9 * (1 - both)) + 9 * (1 - lift)
        d = torch.minimum(join([skull + hair, trunk, neck], 0.12), arm) * head
        body = c.cover(d)
        below = c.cover(-(c.y - top - head * 1.6))
        body = torch.maximum(body, below)
        edge = torch.exp(-(d.abs()) / (0.005 + 0.5 * c.pixel)) * (1 - below) * smooth(1.1, -0.7, v)
        phone = c.cover(box(u, v, (0.55 + sway, -reach - 0.3), 0.16, 0.26, 0.02) * head) * lift * (chance > 0.86)
        tone = mix(
            tone, 0.015 + 0.42 * (1 - k) ** 1.5 * (0.35 + wide) * torch.exp(-(v + 0.6).clamp(min=0) * 0.35), body
        ) + 0.34 * edge * haze * (0.3 + wide) * (1 - 0.4 * k)
        glow, spark = (
            mix(glow, 0.02 + 0 * tone, body) + 0.3 * edge * haze * (0.3 + wide) * (1 - 0.4 * k),
            spark * (1 - body),
        )
        tone, glow = mix(tone, 0.8 + 0 * tone, phone), glow + 0.5 * phone
        ahead = torch.maximum(ahead, body)
    return Layers(
        tone=tone,
        accent=smooth(0.0, 0.25, spark - 0.5 * light) * (1 - ahead) + 0.6 * screen * (1 - ahead) * (show > 0.6),
        glow=glow,
        spark=spark,
        depth=(1 - ahead) * 0.6,
    )
