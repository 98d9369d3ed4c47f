"""Things of music: records, headphones, cassettes, disco balls, a crowd before a stage."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import box, chain, coarsely, disc, hashed, join, limb, rounded


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
        x0 = c.rand(-0.75, 0.75) * c.half_w
        r, a = c.polar(x0, stage)
        fan = (a + c.rand(0, 3)) * c.whole(8, 18) / math.tau
        ray = torch.exp(-torch.abs(fan - torch.round(fan)) * 16) * torch.exp(-r * 0.9) * (c.y < stage + 0.02)
        light = light + 0.55 * ray * (hashed(torch.round(fan), 3.0) > 0.4)
    truss_y = (c.y - rig + 0.035).abs()
    lattice = torch.abs(torch.remainder((c.x + (c.y - rig)) * 9, 1.0) - 0.5) < 0.12
    truss = c.cover(truss_y - 0.035) * torch.maximum(lattice.float(), (truss_y > 0.024).float())
    back = torch.exp(-((c.x / (0.8 * c.half_w)) ** 2)) * smooth(-0.8, 0.3, c.y - stage + 0.3) * (c.y < stage + 0.05)
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
        hair = 0.08 * torch.sin(9 * u + 20 * chance)
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
            tone, (0.3 * (1 - k) ** 1.7 + 0.015) * torch.exp(-(v + 0.6).clamp(min=0) * 0.4), body
        ) + 0.2 * edge * haze * (1 - 0.6 * k)
        glow, spark = mix(glow, 0.02 + 0 * tone, body) + 0.22 * edge * haze * (1 - 0.5 * k), spark * (1 - body)
        tone, glow = mix(tone, 0.8 + 0 * tone, phone), glow + 0.5 * phone
        ahead = torch.maximum(ahead, body)
    return Layers(
        tone=tone,
        accent=smooth(0.0, 0.25, spark - 0.5 * light) * (1 - ahead) + 0.6 * screen * (1 - ahead) * (show > 0.6),
        glow=glow,
        spark=spark,
        depth=(1 - ahead) * 0.6,
    )
