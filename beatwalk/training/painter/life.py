"""Scenes of living things, fire and water seen close."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth


def flower(c: Canvas) -> Layers:
    """An open blossom: rows of veined petals around a beaded heart."""
    cx, cy = c.rand(-0.2, 0.2), c.rand(-0.2, 0.2)
    r, a = c.polar(cx, cy)
    tex = c.texture(256, 1.8)
    back = 0.06 + 0.3 * c.fbm(0.9, 4) * smooth(1.7, 0.3, r)
    tone, accent, glow = back, torch.zeros_like(r), torch.zeros_like(r)
    n = c.whole(5, 11)
    size, point = c.rand(0.6, 0.95), c.rand(0.35, 1.3)
    for row in range(5):
        k = row / 4
        reach = size * (1 - 0.72 * k)
        turn = a + row * math.pi / n * 1.0 + 0.15 * c.rand(-1, 1)
        sector = torch.remainder(turn * n / math.tau, 1.0) - 0.5
        ident = torch.floor(turn * n / math.tau)
        chance = torch.frac(torch.sin(ident * 12.99 + row * 7.7) * 43758.5).abs()
        outline = reach * (0.86 + 0.2 * chance) * torch.cos(sector * math.pi * 0.98).clamp(min=0) ** (point * 0.6)
        outline = outline * (1 + 0.06 * (c.look(tex, c.x * 0.8, c.y * 0.8 + row * 0.2) - 0.5))
        q = r / (outline + 1e-3)
        petal = c.cover(r - outline)
        vein = c.look(tex, sector * 1.1 + ident * 0.31, r * 0.22 + row * 0.1)
        ribs = 0.5 + 0.5 * torch.sin(sector * 70 + 4 * vein)
        curl = 1 - 1.3 * sector.abs()
        shade = 0.2 + 0.4 * q.clamp(0, 1) * curl + 0.32 * (vein - 0.5) + 0.07 * ribs + 0.12 * k
        edge = smooth(0.86, 1.0, q)
        shadow = smooth(0.0, 0.18, outline * 1.12 - r)
        tone = mix(tone, tone * 0.55, shadow * 0.6)
        tone = mix(tone, shade + 0.2 * edge, petal)
        accent = mix(accent * 0.9, smooth(0.55, 0.15, q) * 0.8 + 0 * r, petal)
        glow = mix(glow * 0.5, edge * 0.2 * curl, petal)
    heart = size * 0.17
    beads, _, ident2, _ = c.cells((c.x - cx) / heart * 4.5, (c.y - cy) / heart * 4.5, 0.5)
    centre = c.cover(r - heart)
    bead = smooth(0.5, 0.1, beads) * (0.35 + 0.65 * ident2)
    tone = mix(tone, 0.15 + 0.75 * bead, centre)
    accent = torch.maximum(accent * (1 - centre), centre)
    return Layers(tone=tone, accent=accent, glow=glow * (1 - centre), spark=centre * bead * 0.7)


def jellyfish(c: Canvas) -> Layers:
    """Glowing bells with frilled arms and trailing threads in deep water."""
    tex = c.texture(256, 1.7)
    rays = c.look(tex, c.x * 0.2 + c.y * 0.05, c.y * 0.03)
    tone = 0.05 + 0.2 * smooth(1.2, -1, c.y / c.half_h) * (0.5 + rays) + 0.05 * c.fbm(3, 4)
    glow, spark = c.dots(160) * 0.5, torch.zeros_like(tone)
    accent = torch.zeros_like(tone)
    for index in range(3):
        s = c.rand(0.26, 0.4) if index == 2 else c.rand(0.07, 0.17)
        gain = 1.0 if index == 2 else 0.55
        tilt = c.rand(-0.5, 0.5)
        cx, cy = (
            c.rand(-0.7, 0.7) * (c.half_w if index < 2 else 0.35),
            c.rand(-0.7, 0.4 if index < 2 else -0.1) * c.half_h,
        )
        dx = ((c.x - cx) * torch.cos(tilt) - (c.y - cy) * torch.sin(tilt)) / s
        dy = ((c.x - cx) * torch.sin(tilt) + (c.y - cy) * torch.cos(tilt)) / s
        r = torch.sqrt(dx * dx + (dy * 1.25) ** 2 + 1e-6)
        skirt = 0.28 + 0.06 * torch.cos(dx * c.rand(9, 15)) - 0.12 * dx * dx
        bell = c.cover((r - 1) * s) * c.cover((dy - skirt) * s)
        rim = smooth(0.6, 1.0, r) ** 2
        lines = 0.5 + 0.5 * torch.cos(torch.atan2(dx, -dy + 1.2) * c.whole(18, 34))
        inner = torch.exp(-(dx * dx + (dy + 0.15) ** 2) * 4)
        body = bell * (
            0.25 + 0.55 * rim + 0.22 * lines * rim + 0.5 * inner + 0.15 * (c.look(tex, dx * 0.3, dy * 0.3) - 0.5)
        )
        hem = torch.exp(-torch.abs(dy - skirt) * 20) * (dx.abs() < 0.95)
        down = (dy - 0.1).clamp(min=0)
        sway = 0.2 * torch.sin(down * c.rand(1.2, 2.6) + c.rand(0, math.tau)) * down.clamp(0, 2) ** 0.8
        tx = (dx - sway) * (1 - 0.12 * down.clamp(0, 3))
        n = c.whole(7, 12)
        strand = torch.abs(
            torch.remainder(tx * n / 1.8 + 0.3 * torch.sin(down * 4 + torch.round(tx * n / 1.8) * 2), 1.0) - 0.5
        )
        threads = torch.exp(-(((0.5 - strand) * 1.8 / n * s / (1.2 * c.pixel + 0.002)) ** 2)) * (tx.abs() < 0.9)
        length = c.rand(2.0, 3.6)
        threads = threads * smooth(length, 0.4, down) * (dy > skirt - 0.05)
        frill = c.look(tex, tx * 0.7 + 0.1 * torch.sin(down * 9), down * 0.22)
        arms = smooth(0.45, 0.62, frill) * torch.exp(-((tx * 2.6) ** 2)) * smooth(1.9, 0.1, down) * (dy > 0)
        light = (body + 0.45 * threads + 0.6 * arms + 0.5 * hem) * gain
        tone = tone * (1 - 0.5 * bell) + 0.5 * light
        accent = torch.maximum(accent, (arms + inner * bell).clamp(0, 1))
        glow = glow + 0.42 * light
        spark = spark + gain * (0.3 * arms + 0.35 * inner * bell)
    return Layers(tone=tone, accent=accent, glow=glow, spark=spark, depth=smooth(0.5, 0.05, glow) * 0.6)


def eye(c: Canvas) -> Layers:
    """A great eye: fibres of the iris, reflections, lids and lashes."""
    cx, cy = c.rand(-0.1, 0.1), c.rand(-0.08, 0.08)
    r, a = c.polar(cx, cy)
    size = c.rand(0.4, 0.62)
    q = r / size
    tex = c.texture(256, 1.3)
    fibre = c.look(tex, torch.cos(a) * 0.9 + 0.06 * q, torch.sin(a) * 0.9 + 0.06 * q)
    fine = 0.5 + 0.5 * torch.sin(a * c.whole(60, 110) + 16 * fibre)
    pupil_r = c.rand(0.25, 0.5)
    pupil = smooth(pupil_r + 0.04, pupil_r - 0.02, q + 0.06 * (fibre - 0.5))
    iris = smooth(1.02, 0.97, q)
    ring = smooth(0.7, 1.0, q)
    collar = torch.exp(-((q - pupil_r - 0.12 - 0.2 * (fibre - 0.5)) ** 2) * 90)
    colour = 0.16 + 0.62 * fibre * (0.6 + 0.4 * fine) + 0.3 * collar - 0.4 * ring
    white = 0.72 - 0.35 * (q - 1).clamp(0, 1) + 0.3 * (c.look(tex, c.x * 0.8, c.y * 0.8) - 0.5)
    tone = mix(mix(white, colour, iris), 0.01 + 0 * r, pupil)
    opening = c.rand(0.72, 1.05)
    width = c.rand(1.2, 1.5)
    u = ((c.x - cx) / width).clamp(-1, 1)
    lid = size * opening * (1 - u * u).clamp(min=0) ** 0.7
    d_top, d_low = -(c.y - cy) - lid, (c.y - cy) - lid * 0.82
    skin = torch.maximum(c.cover(-d_top), c.cover(-d_low))
    away = torch.maximum(d_top, d_low).clamp(min=0)
    pores = c.look(tex, c.x * 1.6, c.y * 1.6)
    folds = torch.exp(-(((away - 0.13) * 26) ** 2)) * 0.12
    skin_tone = 0.3 + 0.16 * torch.exp(-away * 3) + 0.3 * (pores - 0.5) - folds - 0.25 * smooth(0.3, 1.1, away)
    shade = smooth(0.3, 0.0, -d_top) * 0.4
    tone = mix(tone * (1 - shade), skin_tone, skin)
    lash_phase = torch.atan2(c.y - cy + 0.4, c.x - cx) * 26
    lash = smooth(0.75, 0.98, torch.sin(lash_phase + d_top * 7)) * smooth(0.28, 0.0, d_top) * (d_top > -0.02)
    line = torch.exp(-(((torch.maximum(d_top, d_low)) * 45) ** 2))
    tone = tone * (1 - 0.85 * lash) * (1 - 0.75 * line)
    hr = c.radius(cx - 0.16 * size / 0.5, cy - 0.18 * size / 0.5)
    shine = smooth(0.085, 0.06, hr) + 0.5 * smooth(0.05, 0.03, torch.hypot(c.x - cx - 0.13, c.y - cy - 0.16))
    open_ = 1 - skin
    return Layers(
        tone=tone,
        accent=collar * iris * open_,
        glow=(shine * 1.2 + 0.35 * iris * (1 - pupil) * fibre * fine * smooth(0.2, 1.0, (c.y - cy) / size + 0.7))
        * open_,
        spark=collar * iris * open_ * 0.3,
    )


def fire(c: Canvas) -> Layers:
    """Tongues of flame and rising sparks."""
    tex = c.texture(256, 1.8)
    s = c.rand(0.16, 0.28)
    up = (c.half_h - c.y) / (2 * c.half_h)
    q = c.look(tex, c.x * s + c.rand(), c.y * s * 0.6 + c.rand())
    w = c.look(tex, c.x * s * 1.6 + 0.5 * (q - 0.5), c.y * s * 0.6 + 0.8 * q)
    f = c.look(tex, c.x * s * 3.4 + 0.6 * w, c.y * s * 1.1 + 0.9 * w)
    spread = c.rand(0.55, 1.6)
    body = 1.15 - up * c.rand(1.0, 1.5) - ((c.x / (spread * c.half_w)).abs() ** 2) * 0.6
    heat = (body + (w - 0.5) * 1.7 + (f - 0.5) * 0.9).clamp(0, 1.4)
    sheets = torch.exp(-torch.abs(torch.sin(w * 22 + f * 5)) * 1.9)
    flame = heat**1.5 * (0.55 + 0.6 * sheets)
    n = round(500 * c.area)
    px, py = c.rand(-1, 1, n) * c.half_w, c.rand(-1, 1, n) * c.half_h
    sparks = c.splat(px, py, c.rand(0, 1, n) ** 4 * 3) + 6 * c.blur(
        c.splat(px[:, :60], py[:, :60], c.rand(0, 1, 60) ** 3), 0.006
    )
    smoke_ = c.fbm(1.1, 5) * smooth(0.2, 0.9, up)
    tone = 0.02 + 0.14 * smoke_ + 0.72 * flame
    return Layers(
        tone=tone, accent=smooth(0.75, 1.25, flame), glow=flame**2 * 0.42 + sparks * 0.8, spark=sheets * flame * 0.15
    )


def tree(c: Canvas) -> Layers:
    """A lone tree on a hill against the light, branches grown by halving."""
    horizon = c.rand(0.5, 0.7) * c.half_h
    sx, sy = c.rand(-0.4, 0.4), c.rand(-0.45, 0.2)
    r = c.radius(sx, sy)
    size = c.rand(0.2, 0.5)
    disc = c.cover(r - size) * c.coin(0.6)
    cloud = c.fbm(0.8, 6, stretch=(1, 2.5))
    tone = (
        0.2 + 0.32 * smooth(-1, 0.7, c.y / c.half_h) + 0.2 * torch.exp(-r * 1.6) + 0.32 * (cloud - 0.4) + 0.25 * disc
    )
    glow = disc * 0.45 + 0.25 * torch.exp(-r * 3)
    tx = c.rand(-0.35, 0.35, 1)
    hill = horizon + 0.12 * (c.x - tx[..., None]) ** 2 + 0.02 * c.profile(1, 2, 6)[:, :1]
    x, y = tx.clone(), horizon[:, 0] + 0.05
    angle = torch.full_like(x, -math.pi / 2) + c.rand(-0.15, 0.15, 1)
    length, thick = c.rand(0.26, 0.36, 1), 0.03
    lines = torch.zeros_like(tone)
    t = torch.linspace(0, 1, 40, device=c.device)
    for level in range(9):
        n = x.shape[1]
        bend = c.rand(-0.35, 0.35, n)
        steps = t[: max(8, 40 - 4 * level)]
        steps = steps / steps[-1]
        phi = angle[..., None] + bend[..., None] * steps
        px = x[..., None] + length[..., None] * steps * torch.cos(phi)
        py = y[..., None] + length[..., None] * steps * torch.sin(phi)
        stroke = c.splat(px.reshape(c.batch, -1), py.reshape(c.batch, -1))
        if thick > c.pixel:
            stroke = c.blur(stroke, thick * 0.5) * (thick / c.pixel) ** 2 * 1.6
        lines = torch.maximum(lines, (stroke * 1.2).clamp(0, 1))
        ex, ey, ephi = px[..., -1], py[..., -1], phi[..., -1]
        spread = c.rand(0.25, 0.6, n)
        x, y = torch.cat((ex, ex), 1), torch.cat((ey, ey), 1)
        angle = torch.cat((ephi - spread, ephi + c.rand(0.2, 0.6, n)), 1)
        length = torch.cat((length * c.rand(0.68, 0.84, n), length * c.rand(0.66, 0.82, n)), 1)
        thick *= 0.66
    leaves = c.splat(x + 0.015 * c.normal(x.shape[1]), y + 0.015 * c.normal(x.shape[1]), c.rand(0.3, 1, x.shape[1]))
    foliage = c.coin(0.65)
    crown = (6 * c.blur(leaves, 0.006)).clamp(0, 1) * foliage
    tint = c.fbm(9, 3)
    ground = c.cover(hill - c.y)
    grass = 0.05 + 0.16 * c.fbm(6, 4, stretch=(1.5, 0.7)) * smooth(1, 0.3, r)
    tone = mix(tone, 0.1 + 0.7 * tint * (0.4 + torch.exp(-r)), crown * 0.85)
    dark = torch.maximum(lines.clamp(0, 1) * (1 - 0.6 * crown), ground)
    tone = mix(tone, torch.where(ground > 0.5, grass, torch.full_like(tone, 0.03)), dark)
    return Layers(
        tone=tone,
        accent=torch.maximum(disc, crown) * (1 - dark),
        glow=glow * (1 - dark) * (1 - 0.6 * crown),
        spark=crown * tint * 0.25,
        depth=(1 - dark) * smooth(-1, 0.6, c.y / c.half_h),
    )


def underwater(c: Canvas) -> Layers:
    """A reef under shafts of light, with corals, fish and bubbles."""
    tex = c.texture(256, 1.6)
    lx = c.rand(-0.6, 0.6)
    a = torch.atan2(c.x - lx, c.y + c.half_h + 0.6)
    shafts = c.look(tex, a * 0.55, torch.zeros_like(a) + 0.2) * smooth(1.1, -1, c.y / c.half_h)
    up = (c.half_h - c.y) / (2 * c.half_h)
    caustic = torch.exp(-torch.abs(torch.sin(9 * c.look(tex, c.x * 0.25 / (0.15 + up), c.y * 0.6 / (0.15 + up)))) * 3)
    tone = 0.12 + 0.5 * up**1.3 + 0.3 * (shafts - 0.3) * up
    glow = 0.5 * smooth(0.55, 0.85, shafts) * up + 0.2 * caustic * smooth(0.8, 1.0, up)
    accent, depth = torch.zeros_like(tone), torch.ones_like(tone)
    spark = torch.zeros_like(tone)
    for layer in range(4):
        k = layer / 3
        top = (0.75 - 0.45 * k + 0.3 * k * k) * c.half_h
        ground = top + 0.25 * c.profile(1, 0.8, 3)[:, :1] + 0.25 * k
        lumps, _, ident, around = c.cells(c.x * (6 - 3.2 * k) + layer * 11, c.y * (5 - 2.6 * k) + 5, 0.9)
        knob = smooth(0.62, 0.2, lumps)
        branch = 0.5 + 0.5 * torch.cos(around * (5 + 6 * ident).floor() + lumps * 9)
        shape = c.y - ground + 0.32 * knob * (ident > 0.35) + 0.1 * branch * knob
        body = smooth(0.0, 0.025, shape)
        polyps = c.look(tex, c.x * 2.4, c.y * 2.4 + layer * 0.2)
        shade = (
            0.3 * (1 - k)
            + 0.06
            + 0.42 * knob * branch * (0.35 + 0.4 * k)
            + 0.5 * (polyps - 0.4) * (0.2 + 0.4 * k)
            + 0.2 * caustic * k
        )
        tone = mix(tone, shade, body)
        accent = mix(accent, (ident > 0.62) * knob + 0 * tone, body)
        spark = mix(spark, (ident > 0.62) * knob * branch * 0.22 * k, body)
        glow = glow * (1 - 0.8 * body)
        depth = mix(depth, (1 - k) + 0 * tone, body)
    bubble = c.dots(70, 1.3)
    count = 26
    fx, fy = c.rand(-0.8, 0.8, 1) + 0.22 * c.normal(count), c.rand(-0.5, 0.1, 1) + 0.13 * c.normal(count)
    fish = torch.zeros_like(tone)
    for part in range(5):
        fish = fish + c.splat(fx + 0.009 * part, fy + 0.001 * part, (1.0, 2.2, 2.2, 1.2, 1.5)[part])
    fish = (c.blur(fish, 0.004) * 5).clamp(0, 1)
    tone = mix(tone, 0.05 + 0 * tone, fish * 0.7)
    return Layers(tone=tone, accent=accent, glow=glow + 0.6 * bubble, spark=spark, depth=depth * 0.8)
