"""Abstract subjects that fill the picture: flows, liquids, cells, lines."""

from __future__ import annotations

import math

import torch

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth


def plasma(c: Canvas) -> Layers:
    """Soft coloured bands, bent twice by noise, with thin bright contours."""
    tex = c.texture(256, 2.2)
    ox, oy, s = c.rand(), c.rand(), c.rand(0.16, 0.34)
    q = c.look(tex, c.x * s + ox, c.y * s + oy)
    w = c.look(tex, c.x * s + q * 0.9 + oy, c.y * s - q * 0.9)
    v = torch.sin(w * c.rand(14, 30) + q * 8) * 0.5 + 0.5
    fine = torch.sin(w * 90 + q * 30) * 0.5 + 0.5
    tone = 0.14 + 0.56 * v * (0.6 + 0.4 * q) + 0.14 * fine * v
    line = smooth(0.06, 0.0, torch.abs(v - 0.82))
    return Layers(tone=tone, accent=smooth(0.4, 0.62, w), glow=line * 0.5 + smooth(0.86, 1, v) * 0.6)


def cells(c: Canvas) -> Layers:
    """Living cells under a microscope: membranes, nuclei, grain inside."""
    tex = c.texture(256, 1.9)
    s = c.rand(1.5, 3.6)
    bend = c.look(tex, c.x * 0.12, c.y * 0.12) - 0.5
    u, v = c.x * s + bend * 1.1 + 9, c.y * s - bend * 1.1 + 9
    first, border, ident, _ = c.cells(u, v, 0.8)
    membrane = smooth(0.07, 0.02, torch.abs(border - 0.05))
    inside = smooth(0.05, 0.2, border)
    grain = c.look(tex, c.x * 1.3, c.y * 1.3)
    nucleus = smooth(0.2, 0.13, first + 0.1 * (grain - 0.5))
    tone = 0.08 + inside * (0.12 + 0.2 * ident + 0.4 * (grain - 0.3)) + 0.45 * membrane
    tone = mix(tone, 0.6 + 0.4 * grain, nucleus * 0.8)
    accent = torch.maximum(nucleus, (ident > 0.7) * inside)
    return Layers(tone=tone, accent=accent, glow=membrane * 0.3 * ident, spark=nucleus * 0.6 * ident)


def flow_field(c: Canvas) -> Layers:
    """Fine strands that follow the curl of a noise field."""
    tex = c.texture(128, 2.4)
    strands, steps = round(1300 * c.area), 70
    px = c.rand(-c.half_w * 1.1, c.half_w * 1.1, strands)
    py = c.rand(-c.half_h * 1.1, c.half_h * 1.1, strands)
    s = c.rand(0.14, 0.3, 1)
    power = c.rand(0, 1, strands)
    speed = 0.011
    xs, ys = [], []
    for _ in range(steps):
        angle = c.look(tex, (px * s)[:, None], (py * s)[:, None])[:, 0] * 15
        px, py = px + speed * torch.cos(angle), py + speed * torch.sin(angle)
        xs.append(px)
        ys.append(py)
    fade = torch.sin(torch.linspace(0, math.pi, steps, device=c.device))[:, None]
    weight = (fade[None] * (0.15 + power[:, None] ** 2)).reshape(c.batch, -1)
    x, y = torch.stack(xs, 1), torch.stack(ys, 1)
    ink = c.splat(x.reshape(c.batch, -1), y.reshape(c.batch, -1), weight)
    gold = c.splat(
        x[:, :, ::7].reshape(c.batch, -1),
        y[:, :, ::7].reshape(c.batch, -1),
        (fade[None] * power[:, None, ::7]).reshape(c.batch, -1),
    )
    scale = 1.7 * (2 / c.pixel / 512) ** 2
    ink, gold = 1 - torch.exp(-scale * ink), 1 - torch.exp(-scale * gold)
    back = c.look(tex, c.x * s[..., None], c.y * s[..., None])
    tone = 0.05 + 0.2 * back + 0.72 * ink
    return Layers(tone=tone, accent=torch.maximum(gold, smooth(0.6, 0.8, back)), glow=ink * 0.2, spark=gold * 0.6)


# Julia sets that are worth looking at, as real and imaginary part: dust of all angles would never be learnt.
JULIA = (
    *((-0.4, 0.6), (0.285, 0.01), (-0.7018, -0.3842), (-0.835, -0.2321), (-0.8, 0.156), (-0.7269, 0.1889)),
    *((-0.123, 0.745), (-0.391, -0.587), (0.37, 0.1), (-0.54, 0.54), (-0.12, 0.86), (-0.194, 0.6557)),
)


def fractal(c: Canvas) -> Layers:
    """Julia sets with orbit traps and lines of equal escape, lying as they are known."""
    chosen = c.whole(0, len(JULIA) - 1)[:, 0, 0].long()
    place = torch.tensor(JULIA, device=c.device)[chosen].view(-1, 2, 1, 1)
    cx, cy = place[:, 0] + c.rand(-0.012, 0.012), place[:, 1] + c.rand(-0.012, 0.012)
    x, y = c.turn(c.rand(-0.3, 0.3))
    way = torch.where(c.coin() > 0, 1.0, -1.0)
    zx, zy = x * c.rand(1.0, 1.4) * way + c.rand(-0.1, 0.1), y * 1.2 + c.rand(-0.1, 0.1)
    trap = torch.full_like(zx, 9.0)
    cross = torch.full_like(zx, 9.0)
    count = torch.zeros_like(zx)
    for _ in range(44):
        xx, yy = zx * zx, zy * zy
        size = xx + yy
        alive = (size < 16).float()
        count = count + alive * torch.exp(-0.06 * size)
        trap = torch.minimum(trap, size + 9 * (1 - alive))
        cross = torch.minimum(cross, torch.minimum(zx.abs(), zy.abs()) + 9 * (1 - alive))
        zx, zy = (xx - yy + cx).clamp(-8, 8), (2 * zx * zy + cy).clamp(-8, 8)
    level = count / 44
    wave = 0.5 + 0.5 * torch.sin(torch.sqrt(level) * c.rand(22, 40))
    inside = smooth(0.85, 1.0, level)
    thread = torch.exp(-cross * 34)
    bead = torch.exp(-trap * 9)
    edge = smooth(0.12, 0.35, level) * smooth(0.9, 0.5, level)
    tone = 0.05 + 0.34 * smooth(0.0, 0.6, level) + 0.26 * wave * smooth(0.03, 0.2, level) * (1 - 0.6 * inside)
    rings = 0.5 + 0.5 * torch.cos(torch.sqrt(trap.clamp(0, 4)) * c.rand(24, 44))
    tone = mix(tone + 0.14 * bead, 0.12 + 0.36 * rings * (0.4 + bead) + 0.3 * bead, inside)
    return Layers(
        tone=tone,
        accent=smooth(0.25, 0.7, bead) * smooth(0.1, 0.3, level),
        glow=0.5 * edge * wave + 0.45 * thread * level * (1 - 0.5 * inside),
        spark=0.35 * bead * inside,
    )


def ink(c: Canvas) -> Layers:
    """Clouds of ink that unfold in clear water."""
    tex = c.texture(256, 1.9)
    s = c.rand(0.1, 0.17)
    ox, oy = c.rand(), c.rand()
    q = c.look(tex, c.x * s + ox, c.y * s + oy)
    w = c.look(tex, c.x * s + 0.55 * q, c.y * s + 0.55 * q + oy)
    f = c.look(tex, c.x * s * 1.6 + 0.7 * w, c.y * s * 1.6 - 0.6 * w + ox)
    r = c.radius(c.rand(-0.5, 0.5), c.rand(-0.5, 0.2))
    mass = smooth(0.42, 0.56, f * 0.55 + w * 0.55 - (r / c.reach - 0.3) * c.rand(0.16, 0.28))
    folds = 0.5 + 0.5 * torch.sin(f * 24 + w * 26)
    clear = 0.82 + 0.14 * c.fbm(0.8, 3) - 0.12 * r
    body = 0.08 + 0.5 * (1 - mass) + 0.26 * folds * (1.2 - mass)
    light = c.coin(0.3)
    tone = mix(mix(clear, body, mass), mix(0.06 + 0 * r, 0.3 + 0.6 * folds * f * 1.5, mass), light)
    return Layers(tone=tone, accent=smooth(0.5, 0.7, w) * mass, glow=mass * smooth(0.75, 1.0, folds) * 0.5 * light)


def smoke(c: Canvas) -> Layers:
    """Thin sheets of smoke in side light."""
    tex = c.texture(256, 2.1)
    s = c.rand(0.14, 0.24)
    x, y = c.turn(c.rand(-0.5, 0.5))
    q = c.look(tex, x * s + c.rand(), y * s * 0.7)
    w = c.look(tex, x * s + 0.7 * q, y * s * 0.5 + 0.9 * q + c.rand())
    ridge = torch.exp(-torch.abs(w - 0.5) * 9) ** 1.2
    ridge2 = torch.exp(-torch.abs(c.look(tex, x * s * 1.6 + w, y * s + q) - 0.5) * 12)
    wisps = torch.exp(-torch.abs(torch.sin(w * 34 + q * 10)) * 2.2)
    column = torch.exp(-((x / c.rand(0.5, 1.1)) ** 2) * (0.6 + 0.5 * (y + 1)))
    dense = (0.55 * ridge + 0.3 * ridge2 + 0.32 * wisps * ridge) * (0.2 + column)
    tone = 0.04 + 0.85 * dense.clamp(0, 1.15)
    return Layers(tone=tone, accent=smooth(0.45, 0.65, q), glow=dense * dense * 0.35)


def moire(c: Canvas) -> Layers:
    """Two sheets of lines or circles laid over each other."""
    r1 = c.radius(c.rand(-0.5, -0.05), c.rand(-0.4, 0.4))
    r2 = c.radius(c.rand(0.05, 0.5), c.rand(-0.4, 0.4))
    f = c.rand(46, 80)
    straight = c.coin(0.4)
    x1, _y = c.turn(c.rand(0, math.tau))
    bent = c.x * c.rand(0.9, 1.05) + 0.05 * torch.sin(c.y * c.rand(2, 6))
    one = torch.sin(f * mix(r1, x1, straight))
    two = torch.sin(f * c.rand(0.92, 1.06) * mix(r2, bent, c.coin(0.4)))
    both = one * two
    slow = c.blur(both, 0.03)
    tone = 0.5 + 0.27 * (one + two) * 0.7 + 0.5 * slow
    tone = tone * (0.55 + 0.45 * smooth(1.7, 0.2, r1))
    return Layers(tone=tone, accent=smooth(-0.05, 0.3, slow), glow=smooth(0.7, 1, both) * 0.25)


def soundwaves(c: Canvas) -> Layers:
    """Rows of pulsing lines, each hiding what lies behind."""
    rows = 34
    heights = c.profile(rows, 1.6, 6, 0.6)
    xs = c.x[:, 0]
    centre, width = c.rand(-0.2, 0.2), c.rand(0.25, 0.6)
    lump = torch.exp(-(((xs[:, None] - centre) / width) ** 2))
    heights = heights.abs() * (0.03 + 0.3 * lump) + 0.012 * c.profile(rows, 3, 4)
    tone = torch.zeros_like(c.x)
    light = torch.zeros_like(c.x)
    accent = torch.zeros_like(c.x)
    top, step = -c.half_h * 0.75, c.half_h * 1.55 / rows
    for row in range(rows):
        line = (top + step * row - heights[:, row])[:, None]
        d = c.y - line
        below = c.cover(-d)
        edge = torch.exp(-((d / (1.1 * c.pixel + 0.002)) ** 2))
        fill = 0.03 + 0.35 * torch.exp(-d.clamp(min=0) * 22) * (0.3 + 0.7 * row / rows)
        tone = mix(tone, fill, below)
        light = mix(light, 0.0, below) + edge * (0.5 + 0.5 * row / rows)
        accent = mix(accent, float(row % 5 == 0), below)
    back = c.fbm(1.0, 4) * 0.12
    return Layers(tone=tone + back + light * 0.6, accent=accent, glow=light * 0.55)


def silk(c: Canvas) -> Layers:
    """Folds of shining cloth."""
    x, y = c.turn(c.rand(-0.7, 0.7))
    tex = c.texture(256, 2.6)
    bend = c.look(tex, x * 0.12, y * 0.25 + c.rand()) - 0.5
    phase = y * c.rand(2.0, 4.5) + bend * c.rand(9, 16) + 0.6 * torch.sin(x * c.rand(1, 2.4))
    fold = torch.sin(phase) + 0.45 * torch.sin(phase * 2.3 + x) + 0.22 * torch.sin(phase * 5.1 - x * 2)
    slope = torch.cos(phase) + torch.cos(phase * 2.3 + x) + torch.cos(phase * 5.1 - x * 2)
    weave = torch.sin(x * 190) * torch.sin((y + bend) * 190)
    threads = c.look(tex, x * 0.1, phase * 3)
    tone = 0.36 + 0.16 * fold + 0.15 * slope + 0.035 * weave + 0.2 * (threads - 0.5)
    shine = smooth(1.3, 2.6, slope)
    return Layers(tone=tone, accent=smooth(0.5, 1.4, fold), glow=shine * 0.45)


def crystal(c: Canvas) -> Layers:
    """A cluster of pointed crystals that grow out of a bed of small ones, lit from within and from one side."""
    tex = c.texture(256, 1.9)
    cx, foot = c.rand(-0.2, 0.2), c.rand(0.45, 0.75) * c.half_h
    side = torch.where(c.coin() > 0, 1.0, -1.0)
    r = c.radius(cx, foot - 0.35)
    near = torch.exp(-r * 1.1)
    tone = 0.05 + 0.3 * near * (0.4 + c.look(tex, c.x * 0.25, c.y * 0.25)) + 0.05 * (c.look(tex, c.x, c.y) - 0.5)
    glow, spark = 0.22 * near + 0.35 * c.dots(130), torch.zeros_like(tone)
    accent, depth = torch.zeros_like(tone), 0.6 + 0 * tone
    count = 26
    fan = c.rand(0.75, 1.25)
    for index in range(count):
        k = index / (count - 1)  # those behind first, small ones in front last
        large = index < 13
        spread = (2 * ((index * 0.618) % 1.0) - 1) * (1.0 if large else 1.5)
        angle = 0.9 * fan * spread + c.rand(-0.14, 0.14)
        long = (c.rand(0.75, 1.25) * (1.1 - 0.55 * abs(spread))) if large else c.rand(0.18, 0.45)
        wide = long * (c.rand(0.1, 0.17) if large else c.rand(0.16, 0.28))
        bx = cx + spread * (0.34 if large else 0.62) * c.half_w**0.5 + c.rand(-0.07, 0.07)
        by = foot + 0.1 * abs(spread) + 0.1 * k + c.rand(-0.03, 0.05)
        dx, dy = c.x - bx, by - c.y
        along, across = dx * torch.sin(angle) + dy * torch.cos(angle), dx * torch.cos(angle) - dy * torch.sin(angle)
        tip = ((long - along) / (1.5 * wide)).clamp(0, 1)  # 1 on the prism, 0 at its point
        lean = c.rand(-0.35, 0.35)  # the point stands off the middle
        ridge = wide * (lean * (1.0 + 0.6 * (1 - tip)))
        body = c.cover(
            torch.maximum(
                torch.maximum((across - lean * wide * (1 - tip)).abs() - wide * tip, along - long), -along - 0.2
            )
        )
        lit_side = smooth(-c.pixel, c.pixel, (across - ridge) * side)
        second = smooth(-c.pixel, c.pixel, (across * side - 0.62 * wide * tip))
        cap = smooth(c.pixel, -c.pixel, (long - along) - 1.5 * wide - 0.5 * across * side)
        t = (along / long).clamp(0, 1)
        face = 0.16 + 0.36 * lit_side + 0.16 * second + 0.14 * cap * (2 * lit_side - 0.6)
        flaw = veil = torch.zeros_like(t)
        if large:  # small ones are clear
            flaw = c.look(tex, across / wide * 0.12 + 0.31 * index, along * 0.5) - 0.5
            veil = 0.16 * torch.exp(-torch.abs(torch.sin(9 * flaw + 30 * along / long * flaw)) * 7)
        light = face * (0.55 + 0.6 * t) + 0.22 * flaw + veil + 0.2 * (1 - t) ** 2 * near
        edge_out = torch.exp(
            -((((across - lean * wide * (1 - tip)).abs() - wide * tip).abs() / (0.006 + 0.7 * c.pixel)) ** 2)
        )
        edge_in = torch.exp(-(((across - ridge) / (0.005 + 0.7 * c.pixel)) ** 2))
        dim = 0.5 + 0.5 * k if large else 0.85
        shadow = (
            smooth(0.08, 0.0, (across.abs() - wide * tip))
            * smooth(long + 0.05, long - 0.1, along)
            * (along > 0)
            * 0.35
        )
        tone = mix(tone * (1 - shadow), (light + 0.34 * edge_out + 0.26 * edge_in) * dim, body)
        glow = mix(glow, (0.3 * edge_in * t + 0.3 * edge_out * t + 0.35 * (1 - t) ** 3) * dim, body)
        accent = mix(accent, lit_side * (index % 3 == 0) + 0 * tone, body)
        spark = mix(spark, (0.25 * second + 0.2 * cap * lit_side) * dim, body)
        depth = mix(depth, 0.5 * (1 - k) + 0 * tone, body)
    stone = foot + 0.2 + 0.1 * c.profile(1, 2.0, 6)[:, :1]
    bed = c.cover(stone - c.y)
    rock = c.look(tex, c.x * 1.3, c.y * 1.3)
    first, _, ident, around = c.cells(c.x * 7 + 9, c.y * 9 + 9, 0.9)
    grit = (0.5 + 0.5 * torch.cos(around + 5 * ident)) * (1 - first) * smooth(0.4, 0.0, c.y - stone)
    tone = mix(tone, 0.04 + 0.2 * (rock - 0.3) + 0.3 * grit * (0.3 + near), bed)
    glow, spark, accent, depth = glow * (1 - bed), spark * (1 - bed), accent * (1 - bed), depth * (1 - bed)
    star = torch.zeros_like(tone)
    for _ in range(5):
        ux, uy = (c.x - cx - c.rand(-0.5, 0.5)).abs(), (c.y - foot + c.rand(0.1, 1.0)).abs()
        star = star + c.rand(0.2, 0.9) * (torch.exp(-ux * 90 - uy * 9) + torch.exp(-uy * 90 - ux * 9))
    return Layers(tone=tone, accent=accent, glow=glow + 0.7 * star, spark=spark, depth=depth)


def hexagons(c: Canvas) -> Layers:
    """A wall of six-sided tiles at different heights."""
    s = c.rand(3.5, 8.0)
    x, y = c.turn(c.rand(-0.3, 0.3))
    tex = c.texture(256, 2.2)
    x = x + 0.12 * (c.look(tex, x * 0.2, y * 0.2) - 0.5)
    q = x * s * 1.1547
    w = y * s + q * 0.5
    # distance to the nearest hexagon centre: the better of two shifted rectangular grids
    gx, gy = x * s, y * s / 1.7320508
    ax, ay = gx - torch.round(gx), (gy - torch.round(gy)) * 1.7320508
    bx, by = gx - torch.floor(gx) - 0.5, (gy - torch.floor(gy) - 0.5) * 1.7320508
    first = ax * ax + ay * ay < bx * bx + by * by
    hx, hy = torch.where(first, ax, bx), torch.where(first, ay, by)
    ix, iy = torch.round((gx - hx) * 2), torch.round((gy - hy / 1.7320508) * 2)
    edge = 0.5 - torch.maximum(hx.abs(), hx.abs() * 0.5 + hy.abs() * 0.8660254)
    height = c.look(tex, ix / s * 0.08, iy / s * 0.14)
    chance = torch.frac(torch.sin(ix * 12.99 + iy * 78.23 + c.rand(0, 50)) * 43758.5).abs()
    gap = smooth(0.02, 0.05, edge)
    bevel = smooth(0.14, 0.05, edge) * (0.5 + 0.5 * torch.cos(torch.atan2(hy, hx) + 2.2))
    dirt = c.look(tex, q * 0.05, w * 0.05)
    tone = gap * (0.1 + 0.55 * height * (0.5 + chance) + 0.3 * bevel + 0.2 * (dirt - 0.5))
    lit = (chance > 0.86) * gap
    seam = (1 - gap) * smooth(0.45, 0.7, height)
    return Layers(tone=tone, accent=(chance > 0.75).float(), glow=seam * 1.1 + lit * 0.5, spark=lit * 0.5)
