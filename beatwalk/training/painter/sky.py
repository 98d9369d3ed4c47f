"""Scenes of the sky and of space."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.lights import bolts


def clouds_at(c: Canvas, squash: float = 2.2) -> Tensor:
    """Billowing cloud cover, bent by itself, shape (batch, height, width), 0–1."""
    tex = c.texture(256, 1.75)
    s, ox, oy = c.rand(0.1, 0.2), c.rand(), c.rand()
    q = c.look(tex, c.x * s + ox, c.y * s * squash + oy)
    w = c.look(tex, c.x * s * 1.6 + 0.25 * q + oy, c.y * s * squash * 1.6 + 0.25 * q + ox)
    return (0.6 * q + 0.55 * w - 0.08).clamp(0, 1)


def galaxy(c: Canvas) -> Layers:
    """A tilted disc of stars with dust lanes."""
    cx, cy = c.rand(-0.25, 0.25), c.rand(-0.2, 0.2)
    turn = c.rand(0, math.tau)
    dx, dy = c.x - cx, c.y - cy
    u = dx * torch.cos(turn) + dy * torch.sin(turn)
    v = (dy * torch.cos(turn) - dx * torch.sin(turn)) / c.rand(0.35, 0.9)
    r = torch.sqrt(u * u + v * v + 1e-6)
    a = torch.atan2(v, u)
    tex = c.texture(256, 1.4)
    n, wind = c.whole(2, 4), c.rand(3, 6) * (c.coin() * 2 - 1)
    phase = n * (a + wind * torch.log(r + 0.12))
    swirl = a + wind * torch.log(r + 0.12)
    noise = c.look(tex, r * 0.6 * torch.cos(swirl) + 0.2, r * 0.6 * torch.sin(swirl))
    arm = (0.5 + 0.5 * torch.cos(phase + 3 * (noise - 0.5))) ** 1.7
    lane = smooth(0.55, 0.75, noise) * smooth(0.1, 0.4, r)
    fall = torch.exp(-r * c.rand(1.7, 2.6))
    disc = (0.16 + arm * (0.5 + 1.1 * noise)) * fall * (1 - 0.75 * lane)
    core = torch.exp(-r * r * 26) * 1.5 + 0.5 * torch.exp(-r * 6)
    stars = c.dots(420)
    count = 5200
    pr, pa = c.rand(0, 1, count) ** 0.7 * 1.25, c.rand(0, math.tau, count)
    pa = (torch.floor(pa / math.tau * n[:, 0]) * math.tau + 1.3 * (pa % 1.0 - 0.5)) / n[:, 0]
    pa = pa - wind[:, 0] * torch.log(pr + 0.12)
    squash = (v.abs().amax((-2, -1)) / (torch.hypot(dx, dy).amax((-2, -1)) + 1e-6)).clamp(1, 3)[:, None]
    pu, pv = pr * torch.cos(pa), pr * torch.sin(pa) / squash
    ct, st = torch.cos(turn[:, 0]), torch.sin(turn[:, 0])
    dust = c.splat(pu * ct - pv * st + cx[:, 0], pu * st + pv * ct + cy[:, 0], c.rand(0, 1, count) ** 4 * 1.6)
    knots = smooth(0.62, 0.8, noise) * arm * fall
    tone = 0.03 + 0.1 * c.fbm(1.5, 4) + disc * 0.9 + 0.3 * dust.clamp(0, 1)
    return Layers(
        tone=tone,
        accent=smooth(0.1, 0.5, knots + core * 0.3),
        glow=core + stars * 0.8 + dust * 0.5,
        spark=knots * 0.8,
    )


def nebula(c: Canvas) -> Layers:
    """Lit gas and dark dust among stars."""
    tex, tex2 = c.texture(256, 1.7), c.texture(256, 1.6)
    s = c.rand(0.16, 0.28)
    x, y = c.turn(c.rand(0, math.tau))
    q = c.look(tex, x * s, y * s)
    w = c.look(tex2, x * s + 0.6 * q, y * s - 0.5 * q)
    f = c.look(tex, x * s * 2 + w, y * s * 2 + q)
    gas = smooth(0.3, 0.85, 0.65 * w + 0.5 * f)
    dust = smooth(0.45, 0.7, c.look(tex2, x * s * 1.5 - 0.7 * f, y * s * 1.5 + 0.3))
    edge = torch.exp(-torch.abs(w - 0.52) * 16) * f
    stars = c.dots(520) + 0.6 * c.dots(30, 1.7)
    tone = 0.02 + 1.05 * gas * (1 - 0.78 * dust) + 0.35 * edge * (1 - dust)
    return Layers(
        tone=tone,
        accent=smooth(0.45, 0.62, c.look(tex, x * s + 0.5, y * s + 0.4 * w)),
        glow=edge * gas * 0.8 + stars * (1 - 0.7 * dust) * 0.9,
        spark=gas * gas * 0.25,
    )


def aurora(c: Canvas) -> Layers:
    """Curtains of light over dark hills, mirrored in still water at times."""
    horizon = c.rand(0.35, 0.7) * c.half_h
    water = c.coin(0.5)
    y = torch.where((c.y > horizon) & (water > 0), 2 * horizon - c.y, c.y)
    light = torch.zeros_like(c.x)
    spark = torch.zeros_like(c.x)
    for curtain in range(4):
        path = c.profile(1, 0.55, 3, 0.45)[:, :1] * 0.55 + c.rand(-0.5, 0.45) * c.half_h
        rays = 0.5 + 0.5 * c.profile(1, 5, 5, 0.75)[:, :1]
        slow = (0.5 + 0.7 * c.profile(1, 0.8, 2)[:, :1]).clamp(0, 1)
        d = path - y
        tall = c.rand(0.3, 0.85) * (0.35 + rays.clamp(0.05, 1.3))
        veil = torch.exp(-d.clamp(min=0) / tall * 2.2) * smooth(-0.05, 0.03, d) * slow * (0.25 + rays.clamp(0, 1.2))
        if curtain % 2:
            spark = spark + veil * 0.8
        light = light + veil
    stars = c.dots(360)
    above = smooth(horizon, horizon - 0.25, y)
    light, spark = light * above, spark * above
    ridge = horizon - 0.05 - c.rand(0.05, 0.4) * c.profile(1, 0.9, 7, 0.55)[:, :1].abs()
    hill = c.cover(ridge - y)
    trees = c.cover(horizon - 0.015 - 0.07 * c.profile(1, 22, 3, 0.8)[:, :1].abs() - y)
    land = torch.maximum(hill * 0.75, trees)
    mirror = (c.y > horizon).float() * water
    streak = 1 - mirror * (0.45 + 0.35 * c.fbm(3, 4, stretch=(0.5, 6)))
    sky = 0.05 + 0.1 * smooth(-1, 1, c.y / c.half_h)
    ground = (c.y > horizon).float() * (1 - water)
    dark = torch.maximum(land, ground)
    tone = mix(sky + 0.34 * light, 0.035 + 0.05 * c.fbm(3, 4) * (1 - mirror), dark) * streak
    lit = light * (1 - dark) * streak
    return Layers(
        tone=tone,
        accent=smooth(0.15, 0.7, spark),
        glow=lit * 0.62 + stars * (1 - dark) * (1 - mirror) * 0.8,
        spark=spark * (1 - dark) * streak * 0.55,
        depth=smooth(-1.0, 0.6, c.y) * (1 - dark),
    )


def storm(c: Canvas) -> Layers:
    """Heavy clouds, rain and a stroke of lightning over a plain."""
    horizon = c.rand(0.3, 0.65) * c.half_h
    cover = clouds_at(c, 2.6)
    perspective = smooth(-1.2, 0.6, c.y / c.half_h)
    belly = smooth(0.25, 0.8, cover)
    strike = bolts(c, 1, -c.half_h, horizon, 0.16) * (c.y < horizon)
    flash = c.blur(strike, 0.25) * 3
    tone = 0.08 + 0.5 * belly * (0.4 + 0.5 * (1 - perspective)) + flash * (0.3 + belly) + 0.2 * perspective**3
    rain = c.fbm(10, 2, stretch=(2.5, 0.12)) - 0.5
    shafts = smooth(0.45, 0.8, c.fbm(0.8, 3, stretch=(1.6, 0.15)))
    tone = tone + (0.22 * rain * shafts + 0.05 * shafts) * smooth(-0.4, 0.5, c.y)
    ground = c.cover(horizon - 0.02 * c.profile(1, 2, 6)[:, :1] - c.y)
    tone = mix(tone, 0.05 + 0.13 * c.fbm(2, 5, stretch=(0.5, 4)) + 0.4 * flash, ground)
    return Layers(
        tone=tone,
        accent=smooth(0.1, 0.5, flash) * (1 - ground),
        glow=strike * 2.2 + c.blur(strike, 0.006) * 2,
        spark=flash * 0.3,
        depth=perspective * (1 - ground) * 0.8,
    )


def clouds(c: Canvas) -> Layers:
    """A sea of towering clouds lit by a low sun."""
    tex = c.texture(256, 1.75)
    sx, sy = c.rand(-0.7, 0.7) * c.half_w, c.rand(-0.5, 0.1) * c.half_h
    r = c.radius(sx, sy)
    sky = 0.28 + 0.3 * smooth(-1, 0.7, c.y / c.half_h) + 0.35 * torch.exp(-r * 1.6)
    tone, light = sky, torch.exp(-r * 12) * 1.6
    accent = smooth(1.2, 0.1, r) * 0.7
    for layer in range(5):
        level = (-0.35 + 0.3 * layer + c.rand(-0.1, 0.1)) * c.half_h
        s = 0.26 / (0.6 + 0.28 * layer)
        ox, oy = c.rand(), c.rand()
        q = c.look(tex, c.x * s + ox, c.y * s + oy)
        f = c.look(tex, c.x * s * 2.7 + 0.3 * q + oy, c.y * s * 2.7 + 0.3 * q)
        top = c.y - level + (q - 0.5) * 1.7 + (f - 0.5) * 0.5
        body = smooth(0.0, 0.05, top)
        rim = torch.exp(-top.clamp(min=0) * c.rand(5, 9))
        shade = 0.18 + 0.1 * layer * 0.3 + 0.45 * rim + 0.4 * (f - 0.42) + 0.25 * torch.exp(-r * 1.3)
        tone = mix(tone, shade, body)
        light = light * (1 - body) + body * rim * torch.exp(-r * 2.2) * 0.8
        accent = mix(accent, rim * torch.exp(-r), body)
    return Layers(tone=tone, accent=accent, glow=light, depth=smooth(1.0, -0.6, c.y / c.half_h) * 0.7)


def planet(c: Canvas) -> Layers:
    """A banded or clouded world, often ringed, lit from the side."""
    tex = c.texture(256, 1.6)
    radius = c.rand(0.34, 0.62)
    cx, cy = c.rand(-0.35, 0.35), c.rand(-0.25, 0.25)
    dx, dy = (c.x - cx) / radius, (c.y - cy) / radius
    rr = dx * dx + dy * dy
    z = torch.sqrt((1 - rr).clamp(min=1e-4))
    disc = c.cover((torch.sqrt(rr + 1e-9) - 1) * radius)
    tilt = c.rand(-0.6, 0.6)
    lat = dx * torch.sin(tilt) + dy * torch.cos(tilt)
    lon = torch.atan2(dx * torch.cos(tilt) - dy * torch.sin(tilt), z) * 0.32
    swirl = c.look(tex, lon + 0.3, lat * 0.35) - 0.5
    bands = c.look(tex, 0.05 * lon + 0.1 * swirl, lat * 0.5 + 0.22 * swirl)
    land = c.look(tex, lon * 1.2 + 0.4 * swirl, lat * 0.4 + 0.5)
    rocky = c.coin(0.4)
    surface = mix(bands, smooth(0.42, 0.62, land) * 0.5 + 0.6 * (land - 0.2), rocky)
    angle = c.rand(0, math.tau)
    lit = (dx * torch.cos(angle) * 0.85 + dy * torch.sin(angle) * 0.85 + z * 0.55).clamp(0, 1)
    globe = (0.05 + 1.25 * surface) * lit**0.8 + 0.02
    out = torch.sqrt(rr + 1e-9) - 1
    air = torch.exp(-out.clamp(min=0) * 14) * (1 - disc) * (0.15 + lit_edge(dx, dy, angle))
    rim = disc * (1 - z) ** 3 * lit * 1.1
    ring_on = c.coin(0.55)
    flat = c.rand(0.16, 0.4)
    rx = dx * torch.cos(tilt) - dy * torch.sin(tilt)
    rad = torch.sqrt(rx * rx + (lat / flat) ** 2 + 1e-9)
    lanes = c.look(tex, rad * 0.5, torch.zeros_like(rad) + 0.3) ** 1.5 * 1.8
    ring = smooth(1.25, 1.3, rad) * smooth(2.15, 2.0, rad) * lanes * ring_on
    behind = (lat < 0).float() * disc
    ring = ring * (1 - behind)
    haze = c.fbm(0.9, 5)
    stars = c.dots(420) * (1 - disc)
    tone = mix(0.03 + 0.16 * haze**2, globe, disc)
    tone = mix(tone, 0.25 + 0.6 * lanes, (ring * 1.3).clamp(0, 1) * 0.85)
    return Layers(
        tone=tone,
        accent=torch.maximum(ring.clamp(0, 1), smooth(0.5, 0.7, land) * disc * rocky),
        glow=rim + air * 0.9 + stars * 0.8 * (1 - ring.clamp(0, 1)),
        spark=ring * 0.15,
    )


def lit_edge(dx: Tensor, dy: Tensor, angle: Tensor) -> Tensor:
    """Share of light that falls on the rim of a ball from direction ``angle``, 0–1."""
    length = torch.sqrt(dx * dx + dy * dy + 1e-9)
    return ((dx * torch.cos(angle) + dy * torch.sin(angle)) / length * 0.5 + 0.5) ** 2


def black_hole(c: Canvas) -> Layers:
    """A dark disc, its photon ring and the bent disc of fire around it."""
    cx, cy = c.rand(-0.2, 0.2), c.rand(-0.15, 0.15)
    tilt = c.rand(-0.5, 0.5)
    size = c.rand(0.17, 0.27)
    dx = ((c.x - cx) * torch.cos(tilt) - (c.y - cy) * torch.sin(tilt)) / size
    dy = ((c.x - cx) * torch.sin(tilt) + (c.y - cy) * torch.cos(tilt)) / size
    r = torch.sqrt(dx * dx + dy * dy + 1e-6)
    a = torch.atan2(dy, dx)
    tex = c.texture(256, 1.3)
    shadow = smooth(0.96, 1.04, r)
    flat = c.rand(0.14, 0.28)
    rad = torch.sqrt(dx * dx + (dy / flat) ** 2 + 1e-6)
    ang = torch.atan2(dy / flat, dx)
    streaks = c.look(tex, rad * 0.22 - 0.02 * ang, ang / math.tau + rad * 0.04)
    disc = smooth(1.15, 1.5, rad) * torch.exp(-(rad - 1.2).clamp(min=0) * 0.75) * (0.15 + 1.7 * streaks**1.6)
    front = (dy > -0.02).float()
    disc = disc * torch.maximum(front, shadow)
    arch = c.look(tex, r * 0.35, a / math.tau + r * 0.06)
    halo = torch.exp(-torch.abs(r - 1.28) * 5.5) * (0.35 + 1.1 * arch) * smooth(-2.6, 0.6, -dy) * shadow
    photon = torch.exp(-torch.abs(r - 1.06) * 30) * 1.2
    doppler = 1 + 0.55 * torch.tanh(-dx * 0.8)
    stars = c.dots(480) * smooth(1.1, 1.9, r)
    light = (disc + halo * 0.8 + photon) * doppler
    tone = 0.02 + 0.1 * c.fbm(1.2, 5) * shadow + 0.5 * light.clamp(0, 1.4)
    hole = mix(smooth(0.95, 1.02, r), torch.ones_like(r), (disc * front).clamp(0, 1))
    return Layers(
        tone=tone * hole,
        accent=smooth(0.5, 1.1, halo + photon),
        glow=light * 0.75 * hole + stars * 0.8,
        spark=halo * 0.3,
    )


def fireworks(c: Canvas) -> Layers:
    """Bursts of sparks with falling trails over water or a skyline."""
    light = torch.zeros_like(c.x)
    spark = torch.zeros_like(c.x)
    centres = torch.zeros_like(c.x)
    steps = 42
    t = torch.linspace(0.05, 1, steps, device=c.device)[None, None]
    for burst in range(round(5 * c.area**0.7)):
        n = 110
        cx, cy = c.rand(-0.85, 0.85, 1) * c.half_w, c.rand(-0.8, 0.1, 1) * c.half_h
        angle, height = c.rand(0, math.tau, n), c.rand(-1, 1, n)
        speed = c.rand(0.18, 0.5, 1) * torch.sqrt(1 - height * height) * (1 + 0.05 * c.normal(n))
        reach = 1 - torch.exp(-2.4 * t)
        px = cx[..., None] + (speed * torch.cos(angle))[..., None] * reach
        py = cy[..., None] + (speed * torch.sin(angle))[..., None] * reach + 0.12 * t * t
        weight = (t**1.5 * (0.4 + c.rand(0, 1, n)[..., None])).expand(c.batch, n, steps)
        trail = c.splat(px.reshape(c.batch, -1), py.reshape(c.batch, -1), weight.reshape(c.batch, -1))
        tips = c.blur(c.splat(px[..., -1], py[..., -1], 8.0), 0.005)
        if burst % 2:
            spark = spark + trail + tips
        else:
            light = light + trail + tips
        r = c.radius(cx[..., None], cy[..., None])
        centres = centres + torch.exp(-r * 7)
    scale = 2 / c.pixel / 512 * 0.8
    light, spark = (light * scale).clamp(0, 2.5), (spark * scale).clamp(0, 2.5)
    total = light + spark
    horizon = 0.7 * c.half_h
    smoke_ = c.fbm(1.0, 6) * (0.1 + c.blur(total, 0.15) * 1.3)
    town = horizon - 0.14 * torch.floor(3 * c.profile(1, 5, 1)[:, :1].abs()) * 0.5
    dark = c.cover(town - c.y)
    shine = torch.flip(c.blur(total, 0.03), (1,)) * c.fbm(4, 3, stretch=(1, 5)) * (c.y > horizon)
    tone = (0.04 + 0.45 * smoke_ + 0.3 * total.clamp(0, 1) + 0.12 * centres) * (1 - dark) + dark * (
        0.03 + 0.6 * shine
    )
    return Layers(
        tone=tone, accent=smooth(0.02, 0.2, spark - 0.6 * light), glow=light * (1 - dark), spark=spark * (1 - dark)
    )
