"""What grows: roses, mushrooms that shine in a wood."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import hashed

GOLDEN = math.pi * (3 - math.sqrt(5))


def rose(c: Canvas) -> Layers:
    """A rose seen from above: petals that curl around each other, leaves, drops of dew."""
    tex = c.texture(256, 1.8)
    cx, cy = c.rand(-0.16, 0.16), c.rand(-0.16, 0.16)
    size, start = c.rand(0.62, 0.86), c.rand(0, math.tau)
    r, a = c.polar(cx, cy)
    back = c.look(tex, c.x * 0.16 + c.rand(), c.y * 0.16)
    tone = 0.04 + 0.24 * back * smooth(1.9, 0.5, r)
    accent, glow = torch.zeros_like(r), 0.25 * c.dots(90)
    for i in range(5):  # leaves
        turn = start + i * math.tau / 5 + c.rand(-0.35, 0.35)
        u = (c.x - cx) * torch.cos(turn) + (c.y - cy) * torch.sin(turn)
        v = (c.y - cy) * torch.cos(turn) - (c.x - cx) * torch.sin(turn)
        t = ((u - 0.6 * size) / (0.85 * size)).clamp(0, 1)
        v = v - 0.12 * t * t * torch.sin(turn * 3)
        teeth = 0.012 * torch.abs(torch.remainder(u * 16, 1.0) - 0.5)
        leaf = c.cover(v.abs() - 0.26 * size * torch.sin(math.pi * t).clamp(min=0) ** 0.8 + teeth) * (t > 0) * (t < 1)
        vein = torch.exp(-torch.abs(torch.remainder((u - 0.9 * v.abs()) * 11, 1.0) - 0.5) * 12) + torch.exp(
            -v.abs() * 90
        )
        shade = 0.16 + 0.24 * c.look(tex, u, v) + 0.12 * torch.sign(v) * 0.5 + 0.2 * vein
        tone = mix(tone, shade, leaf)
        accent = mix(accent, 0.9 + 0 * r, leaf)
    count = 25
    wave, lean = c.rand(0.02, 0.05), c.rand(0, math.tau)
    uneven = c.look(tex, c.x * 0.7, c.y * 0.7)
    for i in range(count):
        k = i / (count - 1)  # 0 the outermost petal, 1 the heart
        turn = start + i * GOLDEN + c.rand(-0.15, 0.15)
        far = size * 0.56 * (1 - k) ** 0.85 + 0.012
        reach = size * (0.5 * (1 - k) ** 0.75 + 0.11)
        px, py = cx + far * torch.cos(turn), cy + far * torch.sin(turn)
        dx, dy = c.x - px, c.y - py
        u, v = dx * torch.cos(turn) + dy * torch.sin(turn), dy * torch.cos(turn) - dx * torch.sin(turn)
        ruffle = (
            1
            + wave * torch.sin(6 * v / reach + i)
            + 0.09 * (uneven.roll(((37 * i) % 64, (53 * i) % 64), (1, 2)) - 0.5)
        )
        q = torch.sqrt((u / 0.86) ** 2 + (v / 1.14) ** 2 + 1e-9) / (reach * ruffle)
        petal = c.cover((q - 1) * reach)
        out = (u / reach).clamp(-1, 1)  # towards the petal's outer edge
        vein = c.look(tex, v / reach * 0.55 + 0.31 * i, u / reach * 0.1) - 0.5
        light = 0.5 + 0.5 * torch.cos(turn - lean)
        cup = smooth(-0.6, 0.95, out)
        shade = 0.12 + (0.26 + 0.22 * light) * cup + 0.16 * vein - 0.08 * k
        curl = smooth(0.8, 0.97, q) * smooth(0.0, 0.6, out)  # the edge turns over and catches the light
        under = smooth(0.1, 0.9, q) * smooth(0.72, 0.84, q) * smooth(0.97, 0.8, q) * smooth(0.0, 0.6, out)
        shade = shade + 0.3 * curl * (0.5 + 0.5 * light) - 0.1 * under
        shadow = smooth(1.32, 0.98, q) * (1 - petal)
        tone = mix(tone * (1 - 0.5 * shadow), shade, petal)
        accent = mix(accent, 0.3 * curl * light, petal)
        glow = mix(glow, 0.2 * curl * light, petal)
    heart = torch.exp(-((r / size * 7) ** 2))
    swirl = 0.5 + 0.5 * torch.sin(3 * a + 60 * r / size)
    tone = mix(tone, 0.1 + 0.36 * swirl, heart * 0.8)
    dew = c.coin(0.5)
    for _ in range(11):
        turn, far, drop = c.rand(0, math.tau), size * c.rand(0.25, 0.95), c.rand(0.012, 0.03)
        dx, dy = c.x - cx - far * torch.cos(turn), c.y - cy - far * torch.sin(turn)
        q = torch.hypot(dx, dy) / drop
        inside = c.cover((q - 1) * drop) * dew
        bead = 0.5 * smooth(-0.8, 0.9, (dx + dy) / drop * 0.7)
        tone = mix(tone, tone * 0.55 + bead, inside)
        glow = glow + dew * torch.exp(-(((dx / drop + 0.4) ** 2 + (dy / drop + 0.4) ** 2) * 14))
    return Layers(tone=tone, accent=accent, glow=glow, depth=0.5 * smooth(0.9, 1.6, r))


def mushrooms(c: Canvas) -> Layers:
    """Mushrooms that glow between the trunks of a dark wood, with moss, ferns and floating spores."""
    tex = c.texture(256, 1.7)
    lx = c.rand(-0.5, 0.5) * c.half_w
    far = torch.exp(-((c.x - lx) ** 2) * 1.2) * smooth(1.1, -0.3, c.y)
    tone = 0.08 + 0.34 * far * (0.5 + c.look(tex, c.x * 0.2, c.y * 0.2)) + 0.05 * c.fbm(3, 4)
    depth = torch.ones_like(tone)
    for layer in range(4):  # trunks, far ones first
        k = layer / 3
        density = 5.5 - 3.6 * k
        place = (c.x + 0.03 * torch.sin(c.y * 2 + 3 * layer)) * density + c.rand(0, 99)
        ident = torch.floor(place)
        chance = hashed(ident, 5.1 * layer)
        inner = place - ident - 0.5 - (chance - 0.5) * 0.4
        width = 0.1 + 0.13 * chance + 0.1 * torch.exp(-(0.75 * c.half_h - c.y).clamp(min=0) * 5)
        trunk = c.cover((inner.abs() - width) / density) * (chance > 0.3)
        bark = c.look(tex, inner * 1.5 + ident * 0.37, c.y * 0.3)
        shade = 0.22 * (1 - k) + 0.02 + 0.16 * (bark - 0.3) * (0.4 + k) * (0.5 + far)
        tone = mix(tone, shade, trunk)
        depth = mix(depth, (1 - k) + 0 * tone, trunk)
    glow, spark = 0.12 * far, torch.zeros_like(tone)
    accent = torch.zeros_like(tone)
    floor = c.half_h * c.rand(0.3, 0.5)
    ground = c.cover(floor + 0.07 * c.profile(1, 1.5, 5)[:, :1] - c.y)
    moss = c.look(tex, c.x * 1.6, c.y * 2.2)
    tone = mix(tone, 0.05 + 0.22 * moss * (0.3 + far), ground)
    depth = depth * (1 - ground)
    lit = torch.zeros_like(tone)
    count = round(10 * c.half_w)
    tall_one = c.rand(0.75, 1.05)
    for index in range(count):
        k = index / (count - 1)  # near ones last
        tall = (0.18 + 0.5 * k**1.4) * c.rand(0.75, 1.3) if index < count - 1 else tall_one
        x0 = c.rand(-1, 1) * c.half_w if index < count - 1 else c.rand(-0.35, 0.35)
        foot = floor + (0.05 + 0.85 * k**1.2) * (c.half_h - floor) * c.rand(0.8, 1.0)
        lean = c.rand(-0.22, 0.22)
        up = ((foot - c.y) / tall).clamp(-0.2, 1.6)
        x = c.x - x0 - lean * tall * up.clamp(0, 1) ** 2
        head = tall * c.rand(0.36, 0.6)  # half width of the cap
        domed = c.rand(0.6, 1.05)
        u, v = x / head, (c.y - (foot - tall)) / head
        width = tall * (0.06 + 0.04 * (1 - up) ** 2 + 0.03 * torch.exp(-up.clamp(min=0) * 12))
        stem = c.cover(x.abs() - width) * (up > -0.02) * (v > -0.15)
        brim = 0.12 * (1 - u * u) + 0.02 * torch.sin(u * 9 + index)
        top = torch.sqrt((1 - u * u).clamp(min=0)) * domed * (1 - 0.12 * u * u)
        cap = c.cover(torch.maximum(v - brim, -v - top) * head) * (u.abs() < 1)
        under = c.cover(torch.maximum(v - brim - 0.16 * (1 - u * u).clamp(min=0) ** 0.5, brim - v) * head) * (
            u.abs() < 0.97
        )
        ribs = 0.5 + 0.5 * torch.cos(u / (1.25 - 0.6 * (1 - u.abs())) * 46)
        sv = v * 4.2 + 0.3 * index
        su = u * 3.4 / (0.4 + torch.sqrt((1.2 - u * u).clamp(min=0.04))) + 0.5 * torch.floor(sv) + 7 * index
        own = hashed(torch.floor(su) + 17 * torch.floor(sv), 1.0 * index)
        off_u = torch.remainder(su, 1.0) - 0.34 - 0.32 * own
        spots = torch.hypot(off_u, torch.remainder(sv, 1.0) - 0.66 + 0.32 * own)
        spot = smooth(0.34, 0.24, spots) * (torch.remainder(own * 7, 1.0) > 0.35)
        ball = (0.5 - 0.45 * u * torch.sign(lx - x0) * -1 - 0.5 * v / domed).clamp(0, 1)
        skin = 0.14 + 0.46 * ball + 0.16 * (c.look(tex, u * 0.5 + index, v * 0.5) - 0.5)
        rim = smooth(0.2, 0.0, (v + top).abs() * head / tall * 2) * 0.2
        dim = 0.45 + 0.55 * k
        across = (x / width).abs().clamp(0, 1)
        stalk = (
            0.36 + 0.5 * torch.exp(-v.clamp(min=0) * 1.1) + 0.1 * torch.sin(x / width * 9) - 0.22 * across**2
        ) * dim
        tone = mix(tone, stalk, stem)
        tone = mix(tone, (0.5 + 0.4 * ribs) * dim, under)
        tone = mix(tone, (skin + rim + 0.4 * spot) * dim, cap)
        body = torch.maximum(torch.maximum(stem, under), cap)
        glow = mix(
            glow,
            (
                0.5 * under * (0.4 + 0.6 * ribs)
                + 0.22 * cap * (0.4 + spot)
                + 0.3 * stem * torch.exp(-v.clamp(min=0) * 1.4)
            )
            * dim,
            body,
        )
        accent = mix(accent, (0.8 * spot * cap).clamp(0, 1), body)
        spark = mix(spark, 0.4 * spot * cap * dim, body)
        depth = mix(depth, 0.5 * (1 - k) + 0 * tone, body)
        lit = lit + dim * torch.exp(-torch.hypot(c.x - x0, (c.y - foot + 0.55 * tall) * 1.2) / tall * 2.6)
    lit = lit.clamp(0, 1.5)
    tone = tone + 0.1 * lit * moss
    blade = torch.abs(torch.remainder(c.x * 16 + 0.5 * torch.sin(c.y * 9) + 0.6 * (c.y - c.half_h), 1.0) - 0.5)
    height = 0.1 + 0.2 * hashed(torch.floor(c.x * 16 + 0.5 * torch.sin(c.y * 9) + 0.6 * (c.y - c.half_h)))
    t = ((c.half_h - c.y) / height).clamp(0, 1)
    grass = smooth(0.0, 0.1, 0.34 * (1 - t) - blade) * (t < 1)
    tone = mix(tone, 0.03 + 0.1 * lit * t, grass)
    spores = c.dots(200, 1.2) * (0.25 + lit)
    return Layers(
        tone=tone,
        accent=accent * (1 - grass),
        glow=(glow + 0.12 * lit) * (1 - 0.8 * grass) + 0.9 * spores,
        spark=spark * (1 - grass),
        depth=depth * (1 - grass),
    )
