"""Scenes on the ground and at sea: horizons, ridges, water, cities."""

from __future__ import annotations

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.sky import clouds_at


def backdrop(c: Canvas, horizon: Tensor, cloudy: float = 0.6, sun: float = 0.6) -> tuple[Tensor, Tensor, Tensor]:
    """A sky above a horizon, with a sun at a chance: tone, light and accent, each (batch, height, width)."""
    h = ((horizon - c.y) / (horizon + c.half_h)).clamp(0, 1)
    sx, sy = c.rand(-0.7, 0.7) * c.half_w, horizon - c.rand(0.05, 0.75)
    r = c.radius(sx, sy)
    size = c.rand(0.05, 0.13)
    orb = c.cover(r - size) * c.coin(sun) * (c.y < horizon)
    cover = smooth(0.35, 0.8, clouds_at(c, 3.2)) * cloudy * c.rand(0.2, 1.0)
    tone = 0.24 + 0.4 * (1 - h) ** 1.6 + 0.18 * torch.exp(-r * 2) + cover * (0.28 - 0.3 * h)
    light = orb * 1.1 + 0.4 * torch.exp(-r * 5) + cover * torch.exp(-r * 2.4) * 0.3
    accent = torch.maximum(orb, torch.exp(-r * 2.6) * 0.8) + 0.3 * cover * (1 - h)
    return tone, light, accent.clamp(0, 1)


def mountains(c: Canvas) -> Layers:
    """Ridges behind ridges, lit from one side, with snow on the near peaks."""
    horizon = c.rand(0.05, 0.4) * c.half_h
    tone, light, accent = backdrop(c, horizon)
    depth = torch.ones_like(tone)
    tex = c.texture(256, 1.5)
    layers = 6
    for layer in range(layers):
        k = layer / (layers - 1)
        base = horizon + (-0.12 + 0.85 * k**1.2) * (c.half_h - horizon) * 0.9
        size = c.rand(0.25, 0.6) * (1.15 - 0.75 * abs(k - 0.3))
        raw = c.profile(1, 0.75 + 0.5 * k, 8, 0.5)[:, :1]
        ridge = base - size * (0.9 - raw.abs() * 1.6)
        d = c.y - ridge
        body = c.cover(-d)
        slope = torch.gradient(raw, dim=2)[0] * c.width * 0.12
        rock = c.look(tex, c.x * 0.9 + 0.3 * layer, d * 0.8 - c.x * 0.25)
        fine = c.look(tex, c.x * 2.1 + d * 0.6, d * 1.7 + layer * 0.21)
        face = (slope * 0.35 + (rock - 0.5) * 1.9 + (fine - 0.5) * 0.7).clamp(-1, 1)
        snow = smooth(0.5, 0.1, d / (size + 1e-3) + (rock - 0.5) * 1.5) * (k > 0.1) * (k < 0.75)
        shade = 0.46 * (1 - k) ** 1.3 + 0.07 + (0.08 + 0.1 * k) * face + 0.42 * snow * (0.6 + 0.4 * face)
        haze = torch.exp(-d.clamp(min=0) * 1.2)
        shade = mix(shade + 0.16 * (1 - k), shade, haze)
        tone = mix(tone, shade, body)
        light = light * (1 - body)
        accent = mix(accent, snow * 0.25 * (1 - k), body)
        depth = mix(depth, (1 - k) ** 1.3 + 0 * tone, body)
    return Layers(tone=tone, accent=accent, glow=light, depth=depth)


def sea(c: Canvas, horizon: Tensor, light_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Open water below a horizon: its tone, the glitter under a light, and foam."""
    d = (c.y - horizon).clamp(min=c.pixel * 0.5)
    z = 1 / (d + 0.03)
    tex = c.texture(256, 1.5)
    swell = c.look(tex, c.x * z * 0.06 + c.rand(), z * 0.35 + c.rand())
    chop = c.look(tex, c.x * z * 0.2 + 0.1 * swell, z * 0.9 + 0.2 * swell)
    small = c.look(tex, c.x * z * 0.55, z * 2.2 + swell * 0.3)
    height = 0.62 * swell + 0.42 * chop + 0.26 * small - 0.15
    steep = torch.gradient(height, dim=1)[0] * c.height / 512 * 9
    path = torch.exp(-(((c.x - light_x) / (0.1 + 0.42 * d)) ** 2))
    glitter = smooth(0.58, 0.8, chop * 0.5 + small * 0.6) * path
    foam = smooth(0.66, 0.82, height + 0.15 * (small - 0.5)) * smooth(0.1, 0.7, d)
    water = 0.1 + 0.5 * height * (0.5 + 0.5 * torch.exp(-d * 1.4)) - 0.3 * steep + 0.22 * path * torch.exp(-d * 2)
    return water + 0.5 * foam, glitter, foam


def ocean(c: Canvas) -> Layers:
    """Waves to the horizon, glitter under a low light, foam nearby."""
    horizon = c.rand(-0.35, 0.15) * c.half_h
    sky, light, accent = backdrop(c, horizon)
    below = c.cover(horizon - c.y)
    water, glitter, foam = sea(c, horizon, c.rand(-0.6, 0.6) * c.half_w)
    return Layers(
        tone=mix(sky, water, below),
        accent=mix(accent, glitter, below),
        glow=mix(light, glitter * 0.9 + 0.12 * foam, below),
        depth=mix(0.6 + 0 * below, torch.exp(-(c.y - horizon).clamp(min=c.pixel * 0.5) * 4), below),
    )


def desert(c: Canvas) -> Layers:
    """Dunes with knife-edge crests and wind ripples."""
    horizon = c.rand(-0.25, 0.1) * c.half_h
    tone, light, accent = backdrop(c, horizon, 0.25)
    depth = torch.ones_like(tone)
    tex = c.texture(256, 2.0)
    for layer in range(6):
        k = layer / 5
        base = horizon + k**1.3 * (c.half_h - horizon) * 0.95
        crest = base - (0.06 + 0.34 * k) * (0.35 + c.profile(1, 0.45, 3, 0.32)[:, :1])
        d = c.y - crest
        body = c.cover(-d)
        meander = 0.55 * c.profile(1, 0.35, 2)[:, :1] + c.rand(-0.6, 0.6)
        split = smooth(-0.05, 0.05, c.x - meander - d * c.rand(-2.2, 2.2) + 0.14 * torch.sin(d * 16 + layer))
        bend = c.look(tex, c.x * 0.3, d * 0.4 + layer * 0.17)
        ripple = torch.sin((d * 1.2 + bend * 0.9 + 0.12 * c.x) * (170 - 90 * k))
        sunny = 0.5 + 0.13 * (1 - k) + 0.075 * ripple * (0.3 + k) - 0.25 * d.clamp(0, 1) + 0.2 * (bend - 0.5)
        shady = 0.17 + 0.2 * (1 - k) + 0.04 * ripple + 0.12 * d.clamp(0, 0.8)
        tone = mix(tone, mix(shady, sunny, split) + 0.15 * torch.exp(-d.clamp(min=0) * 50) * split, body)
        light = light * (1 - body)
        accent = mix(accent, 0 * tone, body)
        depth = mix(depth, (1 - k) ** 1.5 + 0 * tone, body)
    return Layers(tone=tone, accent=accent, glow=light, depth=depth)


def city(c: Canvas) -> Layers:
    """Towers with lit windows, street glow, reflections on wet ground."""
    horizon = c.rand(0.35, 0.75) * c.half_h
    mirror = (c.y > horizon).float()
    tex = c.texture(256, 1.6)
    wave = 0.02 * (c.look(tex, c.x * 0.4, c.y * 3) - 0.5) * mirror
    x = c.x + wave * 2.5
    y = torch.where(mirror > 0, 2 * horizon - c.y + wave, c.y)
    h = ((horizon - y) / (horizon + c.half_h)).clamp(0, 1)
    tone = 0.08 + 0.34 * (1 - h) ** 2.2 + 0.16 * c.look(tex, x * 0.15, y * 0.3) * (1 - h)
    glow, spark = 0.1 * c.dots(120) * (1 - mirror), torch.zeros_like(tone)
    accent, depth = torch.zeros_like(tone), torch.ones_like(tone)
    for layer in range(4):
        k = layer / 3
        density = c.rand(5, 8) * (1.3 - 0.6 * k)
        place = x * density + c.rand(0, 99)
        ident = torch.floor(place)
        inner = place - ident
        chance = torch.frac(torch.sin(ident * 12.9898 + layer * 3.3 + c.rand(0, 9)) * 43758.5).abs()
        other = torch.frac(torch.sin(ident * 39.425 + layer * 1.7 + c.rand(0, 9)) * 24634.6).abs()
        centre = torch.exp(-((x / c.half_w) ** 2) * 1.5)
        roof = (0.1 + 0.75 * chance**1.6 * centre + 0.2 * (1 - k)) * (1.0 - 0.35 * k) * c.rand(0.75, 1.2)
        inset = 0.04 + 0.14 * other
        step = (inner > 0.5 - 0.22 * other).float() * (inner < 0.5 + 0.22 * other).float() * 0.14 * other
        top = horizon - roof - step
        side = torch.minimum(inner, 1 - inner) - inset
        body = smooth(0.0, density * c.pixel * 1.5, side) * c.cover(top - y) * (y < horizon + 0.01)
        mast = (
            torch.exp(-(((inner - 0.5) / (density * c.pixel)) ** 2))
            * c.cover(top - 0.18 * other - y)
            * (chance > 0.6)
        )
        cols = torch.floor(3 + 5 * other) * 2
        rows = 1 / (0.028 + 0.012 * other)
        wu, wv = inner * cols, (y - top) * rows
        on = torch.frac(torch.sin(torch.floor(wu) * 12.99 + torch.floor(wv) * 78.2 + ident * 7.7) * 43758.5).abs()
        frame_u, frame_v = torch.frac(wu).abs() - 0.5, torch.frac(wv).abs() - 0.5
        pane = smooth(0.36, 0.26, frame_u.abs()) * smooth(0.36, 0.26, frame_v.abs()) * (y > top + 0.02)
        lit = pane * (on > 0.5 + 0.2 * chance) * (0.25 + on)
        wall = 0.26 * (1 - k) + 0.05 + 0.08 * (1 - h) + 0.06 * (inner - 0.5)
        tone = mix(tone, wall + 0.4 * lit, body)
        glow, spark = glow * (1 - body), spark * (1 - body)
        warm = (on > 0.78).float() * lit * body
        glow = glow + lit * body * (0.2 + 0.4 * k)
        spark = spark + warm * 0.6 + 0.4 * mast * k
        accent = mix(accent, (on > 0.78).float() * pane, body)
        depth = mix(depth, (1 - k) + 0 * tone, body)
    street = torch.exp(-torch.abs(c.y - horizon) * 26) * (0.4 + c.look(tex, x * 1.5, x * 0 + 0.4))
    dim = 1 - 0.45 * mirror * (0.6 + 0.8 * c.look(tex, c.x * 0.3, c.y * 4))
    return Layers(
        tone=tone * dim,
        accent=accent,
        glow=(glow + street * 0.55) * dim,
        spark=spark * dim,
        depth=depth * (1 - mirror),
    )


def forest(c: Canvas) -> Layers:
    """Trunks behind trunks with light between them, ferns and leaves in front."""
    tex = c.texture(256, 1.6)
    lx = c.rand(-0.5, 0.5) * c.half_w
    r = c.radius(lx, -0.35 * c.half_h)
    a = torch.atan2(c.x - lx * 1.3, c.y + c.half_h * 1.9)  # the sun stands above the crowns
    beams = c.look(tex, a * 0.7, torch.zeros_like(a) + 0.3) * torch.exp(-r * 0.6)
    tone = 0.26 + 0.42 * torch.exp(-r * 1.3) + 0.12 * c.fbm(3, 4)
    light = 0.35 * torch.exp(-r * 2.4)
    depth = torch.ones_like(tone)
    floor = c.rand(0.3, 0.55) * c.half_h
    for layer in range(6):
        k = layer / 5
        density = 7.5 - 5.2 * k
        sway = 0.03 * torch.sin(c.y * c.rand(1, 3) + c.rand(0, 6)) + 0.02 * (c.look(tex, c.x * 0, c.y * 0.3) - 0.5)
        place = (c.x + sway) * density + c.rand(0, 99)
        ident = torch.floor(place)
        chance = torch.frac(torch.sin(ident * 12.9898 + layer * 5.1) * 43758.5).abs()
        inner = place - ident - 0.5 - (chance - 0.5) * 0.5
        flare = 0.1 * torch.exp(-(floor + 0.5 * k - c.y).clamp(min=0) * 9)
        width = 0.09 + 0.13 * chance + flare
        foot = floor + (0.08 + 0.5 * k**1.5) * (c.half_h - floor)
        trunk = c.cover((inner.abs() - width) / density) * c.cover(c.y - foot) * (chance > 0.2)
        bark = c.look(tex, inner * 1.4 + ident * 0.37, c.y * 0.35)
        rim = smooth(width * 0.45, width, -inner * torch.sign(c.x - lx))
        shade = (
            0.32 * (1 - k) ** 1.4
            + 0.04
            + 0.22 * (bark - 0.4) * (0.25 + k)
            + 0.26 * rim * torch.exp(-r) * (1 - 0.3 * k)
        )
        leaf = c.look(tex, c.x * (1.5 - 0.8 * k) + layer * 0.3, c.y * (1.5 - 0.8 * k))
        crown = smooth(0.47, 0.56, leaf + 0.35 * (-c.y / c.half_h - 0.62 - 0.1 * k)) * 0.9
        canopy = (
            0.3 * (1 - k) + 0.08 + 0.5 * (c.look(tex, c.x * 2.3, c.y * 2.3 + layer * 0.1) - 0.3) * (0.3 + k * 0.4)
        )
        body = torch.maximum(trunk, crown)
        tone = mix(tone, mix(shade, canopy, crown), body)
        light = light * (1 - 0.85 * body)
        depth = mix(depth, (1 - k) + 0 * tone, body)
    ground = smooth(-0.03, 0.05, c.y - floor - 0.12 * (c.look(tex, c.x * 0.5, c.y * 0.2) - 0.5))
    grass = c.look(tex, c.x * 1.9, c.y * 0.8)
    tone = mix(tone, 0.09 + 0.55 * grass * torch.exp(-((c.x - lx) ** 2) * 1.6) * (0.45 + 0.4 * grass), ground * 0.75)
    shafts = smooth(0.42, 0.85, beams * 1.5) * (1 - 0.5 * ground) * 0.8
    motes = c.dots(120) * torch.exp(-r)
    return Layers(
        tone=tone + 0.12 * shafts,
        accent=smooth(0.1, 0.6, shafts + light),
        glow=light + motes,
        spark=shafts * 0.25,
        depth=depth,
    )


def snow(c: Canvas) -> Layers:
    """A winter valley: firs under snow, falling flakes."""
    horizon = c.rand(-0.05, 0.25) * c.half_h
    tone, light, accent = backdrop(c, horizon, 0.8)
    depth = torch.ones_like(tone)
    tex = c.texture(256, 1.5)
    for layer in range(5):
        k = layer / 4
        ground_y = horizon + k**1.4 * (c.half_h - horizon) * 0.75 - 0.1 * c.profile(1, 0.5, 3, 0.4)[:, :1]
        size = 0.16 + 0.6 * k**1.3
        density = 1.5 / size
        place = c.x * density + c.rand(0, 99)
        ident = torch.floor(place)
        chance = torch.frac(torch.sin(ident * 12.9898 + layer * 5.1) * 43758.5).abs()
        inner = (place - ident - 0.5 - (chance - 0.5) * 0.3) / density
        top = ground_y - size * (0.55 + 0.6 * chance)
        up = (c.y - top) / (ground_y - top + 1e-3)
        jag = 0.5 + 0.5 * torch.frac(up * (6 + 2 * k) + 0.1 * torch.sin(inner * 40)).abs()
        half = 0.2 * size * up.clamp(0, 1) * jag * (1 + 0.4 * (c.look(tex, c.x * 2, c.y * 2) - 0.5))
        fir = c.cover(inner.abs() - half) * (up > 0) * (up < 1.02) * (chance > 0.25)
        white = smooth(0.25, 0.9, torch.frac(up * (6 + 2 * k)).abs() + 0.5 * (c.look(tex, c.x * 3, c.y * 3) - 0.5))
        tree = 0.07 + 0.3 * (1 - k) + 0.55 * white * (0.5 + 0.5 * k) * (0.8 - 0.3 * torch.sign(inner))
        drift = c.cover(ground_y - c.y)
        field = (
            0.72
            + 0.2 * k
            - 0.3 * (c.look(tex, c.x * 0.3, c.y * 0.9 + layer * 0.2) - 0.4)
            - 0.15 * torch.frac((c.y - ground_y).clamp(0, 0.99))
        )
        tone = mix(tone, field, drift)
        tone = mix(tone, tree, fir)
        body = torch.maximum(fir, drift)
        light = light * (1 - body)
        accent = accent * (1 - body)
        depth = mix(depth, (1 - k) + 0 * tone, body)
    flakes = c.dots(500, 1.2) + c.blur(c.dots(60, 2.0), 0.01)
    return Layers(tone=tone + 0.3 * flakes, accent=accent, glow=light + flakes * 0.5, depth=depth)


def volcano(c: Canvas) -> Layers:
    """A cone that pours light into rivers of lava and smoke."""
    horizon = c.rand(0.45, 0.75) * c.half_h
    tex = c.texture(256, 1.7)
    px = c.rand(-0.3, 0.3)
    peak = horizon - c.rand(0.65, 0.95)
    flank = (c.x - px).abs()
    edge = peak + (flank - 0.1).clamp(min=0) ** 0.8 * c.rand(0.8, 1.15) + 0.05 * c.profile(1, 3, 6)[:, :1]
    crater = smooth(0.14, 0.05, flank) * 0.04
    d = c.y - edge - crater
    body = torch.maximum(c.cover(-d), c.cover(horizon - c.y))
    r, a = c.polar(px, peak)
    q = c.look(tex, c.x * 0.22 + 0.2 * c.y, c.y * 0.22 + c.rand())
    plume = smooth(
        0.38,
        0.62,
        c.look(tex, c.x * 0.3 + 0.8 * q, c.y * 0.3 - 0.8 * q)
        + 0.22
        - 0.55 * flank / (0.25 + (peak - c.y).clamp(min=0) * 0.9),
    ) * (c.y < peak + 0.1)
    folds = c.look(tex, c.x * 0.7 + q, c.y * 0.7 - q)
    tone = 0.1 + 0.16 * c.fbm(0.8, 4) + plume * (0.05 + 0.5 * folds * (0.35 + torch.exp(-r * 1.8)))
    rock = c.look(tex, c.x * 1.1, d * 0.9 - 0.3 * c.x)
    bed = c.look(tex, a * 1.4 + 0.3 * c.look(tex, c.x * 0.5, c.y * 0.5), r * 0.35)
    river = smooth(0.05, 0.0, torch.abs(bed - 0.55)) * body * torch.exp(-r * 0.9) * (c.y > peak)
    tone = mix(tone, 0.05 + 0.3 * (rock - 0.25) * (0.4 + torch.exp(-r * 1.4)), body) + 0.5 * river
    n = 900
    angle, speed = c.rand(-2.3, -0.85, n), c.rand(0, 1, n) ** 1.5
    t = c.rand(0.1, 1, n)
    sx = px[:, 0] + speed * 0.9 * torch.cos(angle) * t
    sy = peak[:, 0] + speed * 1.3 * torch.sin(angle) * t + 0.7 * t * t * speed
    sparks = c.splat(sx, sy, c.rand(0.3, 2.0, n))
    fountain = torch.exp(-r * 8) * 1.6
    glow = river * 1.1 + fountain + sparks * 0.8 + plume * torch.exp(-r * 2.6) * 0.35 * folds
    return Layers(tone=tone, accent=smooth(0.2, 0.7, river + fountain), glow=glow, spark=river * 0.5, depth=1 - body)
