"""Bodies of the sky seen near, and who floats among them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import chain, coarsely, disc, join, limb, rounded
from beatwalk.training.painter.sky import clouds_at


def cratered(c: Canvas, lon: Tensor, lat: Tensor, angle: Tensor, scale: float) -> Tensor:
    """Light and shadow of craters on a ball, about -1 to 1; ``angle`` is where the sun stands."""
    first, _, ident, around = c.cells(lon * scale + 9, lat * scale + 9, 0.8)
    q = first / (0.12 + 0.34 * ident**2)
    slope = torch.where(q < 1, -(q**2), torch.exp(-(q - 1) * 4.5))
    return slope * torch.cos(around - angle)


def moon(c: Canvas) -> Layers:
    """The moon with its seas, craters and rays, over hills or water, with thin clouds before it."""
    tex = c.texture(256, 1.7)
    size = c.rand(0.34, 0.6)
    cx, cy = c.rand(-0.3, 0.3), c.rand(-0.35, 0.05)
    dx, dy = (c.x - cx) / size, (c.y - cy) / size
    rr = dx * dx + dy * dy
    z = torch.sqrt((1 - rr).clamp(min=1e-4))
    out = (torch.sqrt(rr + 1e-9) - 1) * size
    face = c.cover(out)
    lon, lat = torch.atan2(dx, z), torch.asin(dy.clamp(-0.999, 0.999))
    angle = c.rand(0, math.tau)
    bend = c.look(tex, lon * 0.12 + c.rand(), lat * 0.12 + 0.2)
    seas = smooth(0.5, 0.6, c.look(tex, lon * 0.16 + 0.3 * bend, lat * 0.16 + c.rand()))
    fine = c.look(tex, lon * 0.7, lat * 0.7) - 0.5
    relief = 0.5 * cratered(c, lon, lat, angle, 2.6) + 0.35 * cratered(c, lon, lat, angle, 6.0)
    relief = relief * (1 - 0.6 * seas) + 0.22 * cratered(c, lon, lat, angle, 13.0)
    fx, fy = c.rand(-0.4, 0.4), c.rand(0.2, 0.6)  # a young crater with rays
    ray_r, ray_a = torch.hypot(lon - fx, lat - fy), torch.atan2(lat - fy, lon - fx)
    rays = smooth(0.45, 0.75, c.look(tex, ray_a * 0.9, 0.03 * ray_r)) * torch.exp(-ray_r * 2.6)
    rays = rays + torch.exp(-((ray_r * 9) ** 2))
    full = c.coin(0.6)
    sun = dx * torch.cos(angle) + dy * torch.sin(angle)
    lit = mix(smooth(-0.25, 0.35, sun * 0.95 + z * c.rand(-0.35, 0.3)), 0.72 + 0.28 * z, full)
    ground = (0.74 - 0.36 * seas + 0.3 * fine + 0.34 * rays + 0.42 * relief).clamp(0.04, 1.1)
    shine = mix(0.5, 1.0, lit.mean((-2, -1), keepdim=True))
    halo = torch.exp(-out.clamp(min=0) * 4.2) * shine
    stars = c.dots(260) * (1 - face)
    tone = 0.03 + 0.1 * c.fbm(0.9, 5) * (0.4 + halo) + 0.18 * halo
    tone = mix(tone, 0.8 * tone + ground * lit, face)  # the dark side is sky
    glow = 0.2 * halo * (1 - face) + 0.9 * stars * (1 - halo) + 0.18 * face * lit * ground
    cover = smooth(0.42, 0.78, clouds_at(c, 4.0)) * smooth(-0.6, 0.5, c.y + 0.35) * c.rand(0.0, 0.9)
    vapour = 0.05 + 0.6 * halo + 0.3 * face * lit
    tone, glow = mix(tone, vapour * (0.55 + 0.9 * cover), cover * 0.85), glow * (1 - 0.7 * cover)
    horizon = c.rand(0.5, 1.1) * c.half_h
    wet = c.coin(0.5)
    ridge = horizon - mix(0.16 * c.profile(1, 1.1, 7)[:, :1].abs(), 0.0 * c.x[:, :1], wet)
    firs = 0.06 * c.profile(1, 20, 3, 0.8)[:, :1].abs() * (1 - wet)
    land = c.cover(ridge - firs - c.y)
    d = (c.y - horizon).clamp(min=0)
    waves = c.look(tex, c.x * 0.24 / (d + 0.1), 1.1 / (d + 0.14) + 0.3 * bend)
    path = torch.exp(-(((c.x - cx) / (0.1 + 0.8 * d + 0.4 * size)) ** 2)) * smooth(0.45, 0.68, waves) * shine
    tone = mix(tone, 0.03 + wet * (0.08 * waves + 0.65 * path), land)
    glow = mix(glow, wet * 0.45 * path, land)
    return Layers(
        tone=tone,
        accent=(seas * face + 0.6 * path * wet) * (1 - land),
        glow=glow,
        spark=0.12 * halo * cover,
        depth=smooth(-0.4, 1.0, c.y / c.half_h) * (1 - face) * 0.8,
    )


def sun(c: Canvas) -> Layers:
    """A burning star: grains, spots and arcs of fire, with streamers all around."""
    tex, fine = c.texture(256, 1.8), c.texture(256, 1.3)
    cx, cy = c.rand(-0.25, 0.25), c.rand(-0.2, 0.2)
    r, a = c.polar(cx, cy)
    size = c.rand(0.32, 0.55)
    q = r / size
    z = torch.sqrt((1 - q * q).clamp(min=1e-3))
    face = c.cover(r - size)
    u, v = (c.x - cx) / size / (0.55 + z), (c.y - cy) / size / (0.55 + z)
    bend = c.look(tex, u * 0.3 + c.rand(), v * 0.3) - 0.5
    swirl = c.look(tex, u * 0.5 + 0.5 * bend, v * 0.5 - 0.5 * bend)
    grains, _, bright, _ = c.cells(u * 17 + 4 * bend + 30, v * 17 - 4 * bend + 30, 0.9)
    veins = torch.exp(-torch.abs(torch.sin(swirl * 24)) * 2.2)
    spots = smooth(0.74, 0.8, c.look(tex, u * 0.7 + 0.4, v * 0.7)) * smooth(0.95, 0.6, q)
    surface = 0.5 + 0.34 * (swirl - 0.4) + 0.2 * (1 - grains) * (0.4 + 0.6 * bright) + 0.28 * veins
    surface = surface * (0.5 + 0.5 * z) * (1 - 0.75 * spots)
    ca, sa = torch.cos(a), torch.sin(a)
    out = (r - size).clamp(min=0) / size
    streams = c.look(fine, ca * 0.34 + 0.05 * out, sa * 0.34 - 0.05 * out)
    rays = c.look(fine, ca * 1.1 + 0.03 * out, sa * 1.1 + 0.5)
    crown = torch.exp(-out * (4.4 - 4.4 * streams)) * (0.35 + 1.0 * streams * rays * 2)
    tongue = c.look(tex, ca * 0.6 + 0.25 * out + 0.1 * bend, sa * 0.6 - 0.25 * out)
    flames = smooth(0.0, 0.5, 0.85 * tongue - 0.35 - out * c.rand(1.6, 3.0)) * (1 - face)
    light = torch.zeros_like(r)
    for _ in range(3):  # arcs that stand on the edge
        where, reach = c.rand(0, math.tau), c.rand(0.1, 0.26) * size
        ax, ay = cx + size * 0.98 * torch.cos(where), cy + size * 0.98 * torch.sin(where)
        ring = torch.abs(c.radius(ax, ay) - reach * (1 + 0.35 * (tongue - 0.5)))
        light = light + torch.exp(-ring / size * 60) * (1 - face)
    stars = c.dots(260) * smooth(0.25, 1.2, out)
    edge = torch.exp(-torch.abs(r - size) / size * 22)
    tone = 0.03 + 0.34 * crown + 0.5 * flames + 0.12 * c.fbm(1.0, 5) * torch.exp(-out)
    return Layers(
        tone=mix(tone, surface, face),
        accent=torch.maximum(flames, light).clamp(0, 1) + 0.7 * face * veins,
        glow=0.3 * crown * (1 - face) + 0.5 * flames + 0.35 * edge + 0.22 * face * surface + 0.7 * stars,
        spark=0.55 * light + 0.25 * flames,
    )


def astronaut(c: Canvas) -> Layers:
    """Somebody in a space suit who floats before a world and stars, a sun in the visor."""
    tex = c.texture(256, 1.7)
    angle = c.rand(0, math.tau)
    side = torch.where(c.coin() > 0, 1.0, -1.0)
    wx, wy = c.rand(-0.9, 0.9), c.rand(0.7, 1.25)  # the world below
    world = c.rand(0.75, 1.15)
    out = c.radius(wx, wy) - world
    land = c.look(tex, c.x * 0.35 + c.rand(), c.y * 0.5)
    edge = torch.exp(-out.abs() * 16)
    sky = 0.03 + 0.2 * c.fbm(0.9, 6) ** 2 + 0.1 * smooth(0.55, 0.8, c.look(tex, c.x * 0.16, c.y * 0.16))
    globe = (0.12 + 0.75 * smooth(0.35, 0.7, land) * (0.4 + land)) * torch.exp(out.clamp(max=0) * 2.2)
    behind = c.cover(out)
    stars = c.dots(420) * (1 - behind)
    tone = mix(sky, globe, behind) + 0.3 * edge
    glow = 0.55 * edge + 0.25 * torch.exp(-out.clamp(min=0) * 6) * (1 - behind) + 0.8 * stars
    size, tilt = c.rand(0.5, 0.68), c.rand(-0.6, 0.6)
    px, py = c.rand(-0.2, 0.2), c.rand(-0.12, 0.12)
    cos, sin = torch.cos(tilt), torch.sin(tilt)
    dx, dy = (c.x - px) / size, (c.y - py) / size
    x, y = side * (dx * cos - dy * sin), dx * sin + dy * cos
    left, right = c.rand(-0.35, 0.3), c.rand(-0.4, 0.25)  # how far the hands are up
    knee, foot = c.rand(-0.12, 0.16), c.rand(-0.2, 0.12)

    def suit(u: Tensor, v: Tensor) -> Tensor:
        trunk = join([disc(u, v, (0.0, 0.02), 0.27, 0.34), disc(u, v, (0.0, 0.26), 0.22, 0.16)], 0.1)
        arms = [
            chain(u, v, [(-0.24, -0.14, 0.11), (-0.47, 0.02 + left * 0.3, 0.095), (-0.62, -0.06 + left, 0.085)]),
            chain(u, v, [(0.24, -0.14, 0.11), (0.46, 0.06 + right * 0.3, 0.095), (0.66, 0.02 + right, 0.085)]),
        ]
        legs = [
            chain(u, v, [(-0.12, 0.34, 0.135), (-0.19 - knee, 0.66, 0.115), (-0.15 - foot, 0.98, 0.1)]),
            chain(u, v, [(0.12, 0.34, 0.135), (0.24 + knee, 0.64, 0.115), (0.34 - foot, 0.94, 0.1)]),
            limb(u, v, (-0.15 - foot, 1.0), (-0.23 - foot, 1.06), 0.11, 0.09),
            limb(u, v, (0.34 - foot, 0.96), (0.43 - foot, 1.01), 0.11, 0.09),
        ]
        return join([trunk, *arms, *legs], 0.05)

    def pack(u: Tensor, v: Tensor) -> Tensor:
        return join(
            [limb(u, v, (-0.2, -0.24), (-0.2, 0.2), 0.15, 0.13), limb(u, v, (0.2, -0.24), (0.2, 0.2), 0.15, 0.13)]
        )

    body, back = coarsely(x, y, suit), coarsely(x, y, pack)
    head = disc(x, y, (0.0, -0.47), 0.235, 0.245)
    visor = disc(x, y, (0.015, -0.455), 0.175, 0.155)
    fold = 0.007 * torch.sin(9 * c.look(c.texture(256, 2.4), x * 0.4, y * 0.4) + 26 * y + 5 * x)
    shade = rounded(c, body * size, 0.12 * size, angle, fold * size)
    cloth = 0.2 + 0.66 * shade + 0.12 * (c.look(tex, x * 1.6, y * 1.6) - 0.5)
    bands = smooth(0.02, 0.008, (torch.frac((y + 0.9) * 3.1) - 0.5).abs()) * smooth(-0.02, -0.05, body)
    chest = join([disc(x, y, (0.0, 0.02), 0.11, 0.075)])
    panel = c.cover(chest * size)
    lamps = smooth(0.5, 0.2, c.cells(x * 22, y * 22, 0.3)[0]) * panel
    rim = torch.exp(-(body.abs() * size) * 60)
    for distance, colour in (
        (back, 0.16 + 0.4 * rounded(c, back * size, 0.1 * size, angle)),
        (body, cloth * (1 - 0.4 * bands)),
    ):
        cover = c.cover(distance * size)
        tone, glow = mix(tone, colour, cover), glow * (1 - cover)
    tone = mix(tone, 0.14 + 0.3 * shade, panel)
    shell, glass = c.cover(head * size), c.cover(visor * size)
    tone, glow = mix(tone, 0.26 + 0.66 * rounded(c, head * size, 0.2 * size, angle), shell), glow * (1 - shell)
    vx, vy = x / 0.175, (y + 0.455) / 0.155
    bulge = torch.sqrt((1.3 - vx * vx - vy * vy).clamp(min=0.05))
    mirrored = smooth(0.1, 0.5, vy / bulge + 0.25 * torch.sin(vx * 2)) * (0.2 + 0.7 * c.look(tex, vx * 0.2, vy * 0.3))
    flare = torch.exp(-(((vx - c.rand(-0.5, 0.5)) ** 2) + (vy + c.rand(0.1, 0.6)) ** 2) * 28)
    tone = mix(tone, 0.05 + 0.55 * mirrored + 0.5 * flare, glass)
    return Layers(
        tone=tone,
        accent=glass * (0.6 + 0.4 * mirrored) + panel * lamps,
        glow=glow + glass * flare * 1.3 + 0.35 * rim * shade * (1 - shell),
        spark=0.7 * lamps + glass * mirrored * 0.35,
    )
