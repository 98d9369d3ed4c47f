"""Abstract subjects that turn around a centre."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth

# Seeds of the known kaleidoscopes: stars of six and eight wedges with large pieces, which differ.
GLASS = (13, 14, 17, 23)


def spiral(c: Canvas) -> Layers:
    """Logarithmic arms with ribs and beads of light."""
    r, a = c.polar(c.rand(-0.25, 0.25), c.rand(-0.2, 0.2))
    tex = c.texture()
    wobble = c.look(tex, c.x * 0.2, c.y * 0.2) - 0.5
    phase = c.whole(1, 5) * a * (c.coin() * 2 - 1) + c.rand(5, 13) * torch.log(r + 0.04) + wobble * 2
    arm = 0.5 + 0.5 * torch.sin(phase)
    ribs = 0.5 + 0.5 * torch.sin(phase * c.whole(4, 9) + r * 9)
    spokes = 0.5 + 0.5 * torch.sin(c.whole(20, 60) * a + phase * 2)
    tone = arm**1.6 * (0.4 + 0.32 * ribs + 0.2 * spokes) + 0.12 * c.look(tex, c.x, c.y)
    tone = tone * smooth(2.2 * c.reach, 0.3, r)
    core = torch.exp(-r * c.rand(5, 9)) * 1.4
    beads = smooth(0.93, 1.0, arm) * smooth(0.6, 1.0, spokes) * torch.exp(-r)
    return Layers(tone=tone, accent=smooth(0.35, 0.75, ribs * arm), glow=core + beads, spark=beads * 0.7)


def rings(c: Canvas) -> Layers:
    """Concentric rings, broken into arcs, ticks and dashes like an instrument."""
    r, a = c.polar(c.rand(-0.15, 0.15), c.rand(-0.12, 0.12))
    count = c.rand(7, 16)
    place = r * count
    ident = torch.floor(place)
    edge = torch.abs(place - ident - 0.5)
    chance = torch.frac(torch.sin(ident * 12.9898 + c.rand(0, 90)) * 437.585).abs()
    chance2 = torch.frac(torch.sin(ident * 78.233 + c.rand(0, 90)) * 158.545).abs()
    width = 0.06 + 0.36 * chance
    ring = c.cover((edge - width) / count)
    arc = 0.5 + 0.5 * torch.sin(a * (1 + torch.floor(chance2 * 3)) + chance * 40)
    arc = smooth(0.25, 0.3, arc)
    ticks = smooth(0.2, 0.5, torch.sin(a * torch.floor(24 + 90 * chance)) * 0.5 + 0.5)
    body = ring * (0.25 + 0.75 * arc) * (0.45 + 0.55 * torch.where(chance2 > 0.5, ticks, torch.ones_like(a)))
    line = c.cover((torch.abs(edge - 0.48) - 0.02) / count)
    fade = smooth(1.9 * c.reach, 0.4, r)
    haze = c.fbm(2.0, 6)
    tone = 0.08 + 0.2 * haze * fade + body * (0.25 + 0.6 * chance) * fade + 0.3 * line * fade
    light = body * (chance > 0.72) * fade
    core = torch.exp(-r * 7) * c.rand(0.4, 1.6)
    return Layers(tone=tone, accent=(chance2 > 0.6).float() * ring, glow=light * 0.9 + core, spark=line * light)


def kaleidoscope(c: Canvas) -> Layers:
    """One of a few known kaleidoscopes, always as large as the picture.

    A small model does not learn to mirror, but it learns a layout that it sees often enough and always in one place.
    """
    chosen = c.whole(0, len(GLASS) - 1).flatten().tolist()
    known = [torch.Generator(c.device).manual_seed(GLASS[int(one)]) for one in chosen]
    shown = [_glass(Canvas(1, c.height, c.width, one)) for one in known]
    layers = {name: torch.cat([getattr(one, name) for one in shown]) for name in ("tone", "accent", "glow", "spark")}
    return Layers(**layers)


def _glass(c: Canvas) -> Layers:
    """Pieces of glass, mirrored into a star of wedges that stands upright.

    A wedge holds few pieces with bright seams: what a small model can learn is large, and its mirrors do not turn.
    """
    r, a = c.polar()
    half = c.whole(3, 6)
    wedge = math.pi / (2 * torch.where(half == 5, 4.0, half))  # 6, 8 or 12 wedges: both axes are mirrors
    a = torch.abs(torch.remainder(a + math.pi / 2 + wedge, 2 * wedge) - wedge)
    u, v = r * torch.cos(a), r * torch.sin(a)
    tex = c.texture(256, 2.2)
    ox, oy = c.rand(), c.rand()
    bend = c.look(tex, u * 0.2 + ox, v * 0.2 + oy)
    s = c.rand(1.2, 1.9)
    first, border, ident, around = c.cells(u * s + 0.8 * bend + 40 * ox, v * s + 40 * oy, 0.95)
    bands = 0.5 + 0.5 * torch.sin(first * c.rand(10, 20) + 4 * ident)
    facet = 0.5 + 0.5 * torch.cos(around * 2 + ident * math.tau)
    tone = 0.1 + 0.66 * ident * (0.6 + 0.4 * facet) + 0.2 * bands * (1 - first)
    tone = tone * smooth(0.0, 0.05, border)
    rings = 0.5 + 0.5 * torch.cos(r * c.rand(5, 9) + c.rand(0, math.tau))
    tone = tone * (0.7 + 0.5 * rings)
    seam = torch.exp(-((border / 0.045) ** 2))
    gems = smooth(0.16, 0.1, first) * (ident > 0.4)
    mirror = torch.minimum(v, r * torch.sin((wedge - a).clamp(min=0)))  # distance to the glass
    tone = tone * (0.7 + 0.3 * smooth(0.0, 0.08, mirror)) + 0.22 * torch.exp(-mirror * 70) * torch.exp(-r * 0.6)
    heart = torch.exp(-r * 9)
    return Layers(
        tone=tone,
        accent=smooth(0.62, 0.7, ident) + gems,
        glow=0.5 * seam * torch.exp(-r * 0.5) + 0.6 * gems + heart,
        spark=0.5 * gems + 0.3 * seam * rings,
    )


def tunnel(c: Canvas) -> Layers:
    """A lit tube that runs away from the eye."""
    r, a = c.polar(c.rand(-0.3, 0.3), c.rand(-0.25, 0.25))
    sides = c.whole(0, 2) * 2 + 4
    round_ = c.coin(0.5)
    flat = r * torch.cos(torch.remainder(a, math.tau / sides) - math.pi / sides)
    radius = mix(flat, r, round_) + 1e-3
    depth = 1 / (radius + 0.05)
    along = depth * c.rand(1.2, 2.6) + c.rand(0, 9)
    around = a / math.tau * c.whole(8, 20) + along * c.rand(-0.4, 0.4)
    iu, iv = torch.floor(along * 2), torch.floor(around)
    fu, fv = torch.frac(along * 2).abs(), around - iv
    chance = torch.frac(torch.sin(iu * 12.99 + iv * 78.23 + c.rand(0, 30)) * 43758.5).abs()
    seam = torch.minimum(torch.minimum(fu, 1 - fu), torch.minimum(fv, 1 - fv))
    tile = smooth(0.03, 0.12, seam)
    near = (1 - torch.exp(-radius * 2.4)).clamp(0, 1)
    tex = c.texture()
    dirt = c.look(tex, along * 0.3, around / 20)
    tone = tile * (0.16 + 0.5 * chance * dirt * 1.6) * near + 0.1 * near
    hoop = smooth(0.16, 0.0, torch.abs(torch.frac(along * 0.5) - 0.5)) * near
    lamp = ((chance > 0.9).float() * tile + hoop * 0.9) * (0.2 + near)
    end = torch.exp(-radius * c.rand(6, 14)) * c.rand(0.6, 2.2)
    return Layers(tone=tone, accent=(chance > 0.8).float(), glow=lamp * 0.8 + end, spark=hoop * 0.5, depth=1 - near)


def mandala(c: Canvas) -> Layers:
    """Rows of petals, dots and fine lines around a centre."""
    r, a = c.polar()
    n = c.whole(4, 9) * 2
    a = a + c.rand(0, math.tau)
    tone = 0.06 + 0.08 * c.fbm(2.5, 6) * smooth(1.6, 0.2, r)
    light = torch.zeros_like(r)
    accent = torch.zeros_like(r)
    for row in range(7):
        inner = 0.1 + 0.13 * row + c.rand(-0.02, 0.02)
        reach = c.rand(0.1, 0.24)
        turn = a * n / 2 * (1 + (row > 4)) + (row % 2) * math.pi / 2
        lobe = torch.abs(torch.cos(turn))
        border = inner + reach * lobe ** c.rand(0.5, 2.2)
        d = r - border
        line = c.cover(torch.abs(d) - 0.006)
        inside = smooth(reach * 0.9, 0.0, -d) * (d < 0) * (r > inner * 0.8)
        vein = 0.5 + 0.5 * torch.cos(turn * c.whole(3, 7) + d * 60)
        tone = torch.maximum(tone, inside * (0.2 + 0.42 * vein) * c.rand(0.6, 1.1))
        tone = torch.maximum(tone, line * 0.85)
        bead = torch.hypot(d - 0.045, (lobe - 1) * 0.3) - c.rand(0.008, 0.02)
        light = light + c.cover(bead) * 0.8 + line * 0.2
        accent = torch.maximum(accent, inside * (row % 2))
    fade = smooth(1.5, 0.95, r)
    return Layers(
        tone=tone * fade, accent=accent, glow=light * fade + torch.exp(-r * 12) * 1.2, spark=light * 0.4 * fade
    )


def spirograph(c: Canvas) -> Layers:
    """Thousands of points along rolling-circle curves: a figure of fine threads."""
    steps = 9000
    t = torch.linspace(0, 1, steps, device=c.device)[None]
    back = c.fbm(1.5, 5)
    total = torch.zeros_like(back)
    second = torch.zeros_like(back)
    for layer in range(3):
        petals = c.rand(3, 15, 1).floor()
        turns = c.rand(5, 40, 1).floor()
        size, arm = c.rand(0.45, 0.7, 1), c.rand(0.15, 0.4, 1)
        w = t * math.tau * turns
        drift = 1 + 0.25 * torch.sin(t * math.tau + c.rand(0, math.tau, 1))
        px = drift * (size * torch.cos(w) + arm * torch.cos(w * (1 + petals / turns) * 2.0 + layer))
        py = drift * (size * torch.sin(w) - arm * torch.sin(w * (1 + petals / turns) * 2.0 + layer))
        lines = c.splat(px, py, 1.0)
        total, second = (total + lines, second) if layer < 2 else (total, second + lines)
    scale = 0.5 * 2 / c.pixel / 512
    total, second = 1 - torch.exp(-scale * total), 1 - torch.exp(-scale * second)
    r = c.radius()
    tone = 0.05 + 0.16 * back * smooth(1.4, 0.0, r) + 0.75 * total
    return Layers(tone=tone, accent=second, glow=total * 0.35, spark=second * 0.7)


def ripples(c: Canvas) -> Layers:
    """Waves from a few places that cross each other on dark water."""
    height = torch.zeros_like(c.x)
    for _ in range(4):
        r = c.radius(c.rand(-1.0, 1.0), c.rand(-0.9, 0.9))
        height = height + torch.sin(r * c.rand(22, 48) - c.rand(0, math.tau)) * torch.exp(-r * 1.1) * c.rand(0.4, 1)
    tex = c.texture()
    height = height + 0.5 * (c.look(tex, c.x * 0.4, c.y * 0.4) - 0.5)
    slope = torch.gradient(height, dim=1)[0] * c.height / 512
    side = torch.gradient(height, dim=2)[0] * c.width / 512
    lit = (slope * 2.2 + side * 1.4) * c.rand(0.9, 1.8)
    tone = (0.34 + 0.16 * height + 0.6 * lit).clamp(0, 1)
    return Layers(tone=tone, accent=smooth(0.2, 0.9, height), glow=smooth(0.2, 0.42, lit) * 0.7)
