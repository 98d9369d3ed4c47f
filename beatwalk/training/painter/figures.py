"""Human forms: a dancer in the light of a stage, a skull."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, Layers, mix, smooth
from beatwalk.training.painter.shapes import Point, chain, coarsely, disc, join, limb, outline, polygon, rounded

# Angles of a dancer's limbs in degrees, clockwise from straight down: both upper arms, both forearms, both thighs,
# both shins, then the lean of the trunk (from straight up).
POSES = (
    (-150, 150, -165, 170, -4, 10, 0, 2, 0),  # arms up
    (-112, 118, -140, 100, 82, -6, 96, 2, 8),  # a leg to the side
    (-70, 130, -120, 160, -78, 62, -92, 84, -6),  # a leap
    (-95, 95, -80, 140, 20, -35, -30, -20, 12),  # a step
    (-160, 60, -175, 20, 42, -14, -52, -4, -10),  # a turn on one foot
    (-125, 145, -150, 110, -30, 34, 2, 8, 4),  # legs apart
)


def swung(start: Point, angle: Tensor, length: float) -> tuple[Tensor, Tensor]:
    """Where a limb ends that hangs from a place at an angle in radians, 0 straight down."""
    return start[0] + length * torch.sin(angle), start[1] + length * torch.cos(angle)


def dancer(c: Canvas) -> Layers:
    """A dancer against a wall of light, with ribbons that follow, dust, and a floor that shines."""
    tex = c.texture(256, 1.8)
    chosen = c.whole(0, len(POSES) - 1)[:, 0, 0].long()
    table = torch.tensor(POSES, device=c.device, dtype=torch.float32)[chosen]
    angles = torch.deg2rad(table + 9 * c.normal(table.shape[1]))
    arm_l, arm_r, hand_l, hand_r, leg_l, leg_r, shin_l, shin_r, lean = (angles[:, i].view(-1, 1, 1) for i in range(9))
    size, way = c.rand(0.74, 0.92), torch.where(c.coin() > 0, 1.0, -1.0)
    at, floor = c.rand(-0.18, 0.18), c.rand(0.68, 0.82) * c.half_h
    lx, ly, r0 = at + c.rand(-0.2, 0.2), c.rand(-0.25, 0.1), c.rand(0.4, 0.65)
    r, a = c.polar(lx, ly)
    kind = c.coin(0.5)  # a disc of light, or rays
    haze = 0.45 + c.look(tex, c.x * 0.3 + c.rand(), c.y * 0.3)
    ring = smooth(r0 + 0.012, r0 - 0.012, r) * (0.72 + 0.28 * c.look(tex, c.x * 0.5, c.y * 0.5)) + 0.5 * torch.exp(
        -(r - r0).abs() * 14
    )
    rays = torch.exp(-r * 1.2) + 0.5 * smooth(0.4, 0.8, c.look(tex, a * 0.6, 0 * r + c.rand())) * torch.exp(-r * 0.7)
    light = mix(rays, 0.85 * ring + 0.3 * torch.exp(-r * 0.9), kind) * haze
    below = c.cover(floor - c.y)
    tone = 0.05 + 0.62 * light + 0.08 * c.fbm(1.2, 5)
    # hips, shoulders, then the joints outwards; y grows downwards, the standing foot is put on the floor
    hip: Point = (torch.zeros_like(lean), torch.zeros_like(lean))
    neck = swung(hip, math.pi - lean, 0.36)
    turn_x, turn_y = torch.cos(lean), torch.sin(lean)
    shoulders = [(neck[0] + s * 0.095 * turn_x, neck[1] + 0.035 + s * 0.095 * turn_y) for s in (-1, 1)]
    hips = [(hip[0] + s * 0.05, hip[1]) for s in (-1, 1)]
    elbows = [swung(p, q, 0.19) for p, q in zip(shoulders, (arm_l, arm_r), strict=True)]
    hands = [swung(p, q, 0.19) for p, q in zip(elbows, (hand_l, hand_r), strict=True)]
    knees = [swung(p, q, 0.29) for p, q in zip(hips, (leg_l, leg_r), strict=True)]
    ankles = [swung(p, q, 0.29) for p, q in zip(knees, (shin_l, shin_r), strict=True)]
    toes = [swung(p, q * 0.8 + 0.25 * s, 0.1) for p, q, s in zip(ankles, (shin_l, shin_r), (-1, 1), strict=True)]
    ground = torch.maximum(toes[0][1], toes[1][1])
    hop = c.rand(0.25, 0.5) * (chosen == 2).float().view(-1, 1, 1)
    head = swung(neck, math.pi - lean * 1.6, 0.115)
    skirted = c.coin(0.6) * ((chosen != 2) & (chosen != 1)).float().view(-1, 1, 1)
    flare, sway = c.rand(0.12, 0.3), c.rand(-0.12, 0.12)
    back_hair = c.rand(-0.3, 0.3)

    def person(u: Tensor, v: Tensor) -> Tensor:
        waist = swung(hip, math.pi - lean, 0.15)
        trunk = chain(u, v, [(*hip, 0.082), (*waist, 0.058), (*swung(hip, math.pi - lean, 0.29), 0.085)], 0.04)
        yoke = limb(u, v, shoulders[0], shoulders[1], 0.036, 0.036)
        throat = limb(u, v, neck, head, 0.03, 0.03)
        skull = disc(u, v, head, 0.056, 0.068)
        bun = chain(
            u,
            v,
            [
                (head[0], head[1] - 0.03, 0.05),
                (head[0] - back_hair * 0.35, head[1] - 0.05, 0.03),
                (head[0] - back_hair, head[1] + 0.1, 0.006),
            ],
            0.03,
        )
        limbs = []
        for i in (0, 1):
            limbs.append(
                chain(
                    u,
                    v,
                    [
                        (*shoulders[i], 0.036),
                        (*elbows[i], 0.026),
                        (*hands[i], 0.017),
                        (*swung(hands[i], (hand_l, hand_r)[i], 0.05), 0.009),
                    ],
                    0.012,
                )
            )
            limbs.append(
                chain(u, v, [(*hips[i], 0.074), (*knees[i], 0.042), (*ankles[i], 0.025), (*toes[i], 0.012)], 0.015)
            )
        ends = [(k[0] * 0.9, k[1] * 0.82 + 0.02) for k in knees]
        cloth = join(
            [
                limb(u, v, hip, (ends[0][0] - flare * 0.5 + sway, ends[0][1]), 0.07, 0.08 + 0.2 * flare),
                limb(u, v, hip, (ends[1][0] + flare * 0.5 + sway, ends[1][1]), 0.07, 0.08 + 0.2 * flare),
            ],
            0.12,
        )
        hem = 0.012 * torch.sin(u * 40)
        return join([join([trunk, yoke, throat], 0.035), skull, bun, *limbs, cloth + hem + 9 * (1 - skirted)], 0.014)

    mirrored = (c.y > floor).float()
    wave = 0.03 * (c.look(tex, c.x * 0.8, c.y * 2.4) - 0.5)
    seen_y = torch.where(c.y > floor, 2 * floor - c.y, c.y)
    x, y = way * (c.x - at + mirrored * wave) / size, (seen_y - floor) / size + ground + hop
    d = coarsely(x, y, person)
    body = c.cover(d * size) * (1 - 0.55 * mirrored)
    ribbons, second = torch.zeros_like(tone), torch.zeros_like(tone)
    steps = 700
    t = torch.linspace(0, 1, steps, device=c.device)[None]
    for index in range(3):
        hand = hands[index % 2]
        px = at[:, 0] + size[:, 0] * way[:, 0] * hand[0][:, 0]
        py = floor[:, 0] + size[:, 0] * (hand[1][:, 0] - ground[:, 0] - hop[:, 0])
        w = math.tau * (c.rand(0.5, 1.1, 1) * t + c.rand(0, 1, 1))
        reach = c.rand(0.35, 0.8, 1)
        path_x = px + reach * (t * torch.cos(w) - 0.4 * t * t * way[:, 0])
        path_y = py + 0.6 * reach * t * torch.sin(w * 1.4) + 0.2 * t * t
        for strand in range(9):  # a ribbon is a bundle of lines that part and meet
            off = 0.012 * (strand - 4) * torch.sin(math.pi * t).clamp(min=0) ** 0.7 * torch.sin(w * 2.3 + index)
            line = c.splat(path_x + off, path_y + off * 1.5, (1 - t) ** 0.5 * (0.6 + 0.9 * (strand in (0, 8))))
            if index == 1:
                second = second + line
            else:
                ribbons = ribbons + line
    gain = 2 / c.pixel / 512 * 0.5
    ribbons, second = 1 - torch.exp(-gain * ribbons), 1 - torch.exp(-gain * second)
    shine = torch.exp(-((c.x - lx) ** 2) * 3) * torch.exp(-(c.y - floor).clamp(min=0) * 2.2)
    planks = 0.75 + 0.25 * c.look(
        tex, c.x * 0.5 / (0.3 + c.y - floor).clamp(min=0.1), 0.6 / (0.3 + c.y - floor).clamp(min=0.1)
    )
    tone = mix(tone, (0.05 + 0.5 * shine * haze) * planks, below)
    edge = torch.exp(-(d.abs() * size) / (0.006 + 0.6 * c.pixel)) * (1 - mirrored)
    tone = mix(tone + 0.35 * ribbons + 0.3 * second, 0.03 + 0.05 * edge + 0 * tone, body)
    dust = c.dots(240, 1.1) * (0.3 + torch.exp(-r * 1.3))
    return Layers(
        tone=tone,
        accent=second + 0.4 * kind * (1 - below) * smooth(r0, r0 - 0.3, r) * (1 - body),
        glow=(0.26 * light * (1 - below) + 0.4 * ribbons + 0.7 * dust) * (1 - 0.9 * body)
        + 0.3 * edge * light
        + 0.16 * below * shine,
        spark=0.6 * second * (1 - 0.7 * body),
        depth=(1 - below) * (1 - body) * 0.5,
    )


def mirrored(half: list[Point]) -> list[Point]:
    """An outline from its right half, which begins and ends on the axis."""
    return [*half, *((-x, y) for x, y in reversed(half[1:-1]))]


def skull(c: Canvas) -> Layers:
    """A skull that faces us: sockets with an ember in them, teeth, cracks, smoke around it."""
    tex = c.texture(256, 1.6)
    size, tilt = c.rand(0.62, 0.82), c.rand(-0.22, 0.22)
    cx, cy = c.rand(-0.12, 0.12), c.rand(-0.08, 0.06)
    cos, sin = torch.cos(tilt), torch.sin(tilt)
    dx, dy = (c.x - cx) / size, (c.y - cy) / size
    x, y = dx * cos - dy * sin, dx * sin + dy * cos
    s, look = x.abs(), c.rand(-0.06, 0.06)  # the face is a mirror image, the light is not
    angle = c.rand(math.pi * 1.1, math.pi * 1.9)
    broad, jaw = c.rand(0.94, 1.06), c.rand(0.0, 0.1)
    face: list[Point] = [
        (0.0, -0.98),
        (0.34, -0.94),
        (0.62, -0.74),
        (0.75, -0.42),
        (0.73, -0.14),
        (0.64, 0.06),
        (0.62, 0.2),
        (0.58, 0.34),
        (0.46, 0.42),
        (0.4, 0.52),
        (0.37, 0.62),
        (0.0, 0.64),
    ]
    chin: list[Point] = [
        (0.0, 0.6),
        (0.36, 0.58),
        (0.5, 0.36),
        (0.58, 0.4),
        (0.52, 0.66),
        (0.4, 0.88),
        (0.2, 0.99),
        (0.0, 1.0),
    ]

    def bone_at(u: Tensor, v: Tensor) -> Tensor:
        return polygon(u / broad, v, outline(mirrored(face), 3))

    def chin_at(u: Tensor, v: Tensor) -> Tensor:
        return polygon(u / broad, v - jaw, outline(mirrored(chin), 3))

    def hollow_at(u: Tensor, v: Tensor) -> Tensor:
        socket = polygon(
            u,
            v,
            outline(
                [
                    (0.14, -0.06),
                    (0.2, -0.2),
                    (0.36, -0.25),
                    (0.52, -0.17),
                    (0.54, -0.02),
                    (0.45, 0.11),
                    (0.28, 0.12),
                    (0.17, 0.06),
                ],
                3,
            ),
        )
        nose = polygon(
            u,
            v,
            outline(
                [
                    (0.0, 0.08),
                    (0.035, 0.06),
                    (0.09, 0.2),
                    (0.125, 0.3),
                    (0.075, 0.335),
                    (0.02, 0.3),
                    (-0.05, 0.3),
                    (-0.05, 0.08),
                ],
                3,
            ),
        )
        return torch.minimum(socket, nose)

    bone, lower, hollow = coarsely(x, y, bone_at), coarsely(x, y, chin_at), coarsely(s, y, hollow_at)
    temple = torch.exp(-(((s - 0.66) / 0.12) ** 2) - ((y + 0.12) / 0.22) ** 2)
    cheek = torch.exp(-(((s - 0.5) / 0.13) ** 2) - ((y - 0.22) / 0.07) ** 2)
    sunk = torch.exp(-(((s - 0.42) / 0.1) ** 2) - ((y - 0.42) / 0.1) ** 2)
    brow = torch.exp(-(((y + 0.27 + 0.14 * (s - 0.34) ** 2) / 0.06) ** 2)) * smooth(0.62, 0.4, s)
    smooth_ = c.texture(256, 2.5)
    grain = c.look(smooth_, x * 0.6, y * 0.6) - 0.5
    pits = c.look(tex, x * 3, y * 3) - 0.5
    bumps = (
        0.1 * cheek
        + 0.06 * brow
        - 0.1 * temple
        - 0.12 * sunk
        + 0.05 * grain
        + 0.0012 * pits
        - 0.1 * smooth(0.06, -0.02, hollow)
    )
    light = rounded(c, bone * size, 0.62 * size, angle, bumps * size)
    light_jaw = rounded(c, lower * size, 0.2 * size, angle, (0.04 * grain + 0.0012 * pits) * size)
    crack = torch.exp(-torch.abs(torch.sin(9 * c.look(tex, x * 0.35 + c.rand(), y * 0.35))) * 26) * smooth(
        -0.1, -0.4, y
    )
    # teeth: two rows that meet at a curve
    bite = 0.6 + 0.04 * (1 - (s / 0.34) ** 2)
    col = torch.sin(s.clamp(max=0.4) * 2.6) / 2.6 * 1.02 / 0.088
    tooth = torch.abs(torch.remainder(col, 1.0) - 0.5)
    upper_t = (
        smooth(0.36, 0.47, tooth).mul(-1).add(1)
        * smooth(0.0, 0.02, y - 0.46 - 0.014 * torch.cos(col * math.tau))
        * (y < bite)
        * (s < 0.37)
    )
    lower_t = (
        smooth(0.36, 0.47, tooth).mul(-1).add(1)
        * (y > bite + jaw + 0.012)
        * smooth(0.0, -0.02, y - jaw - 0.74 - 0.01 * torch.cos(col * math.tau))
        * (s < 0.34)
    )
    mouth = smooth(0.39, 0.36, s) * smooth(0.43, 0.46, y) * smooth(0.77 + jaw, 0.74 + jaw, y)
    roots = (
        torch.exp(-(((tooth - 0.5) / 0.09) ** 2))
        * smooth(0.4, 0.3, s)
        * (smooth(0.36, 0.45, y) * (y < 0.48) + smooth(0.86 + jaw, 0.76 + jaw, y) * (y > 0.72 + jaw))
    )
    # around it
    q = c.look(tex, c.x * 0.2 + c.rand(), c.y * 0.2)
    smoke_ = c.look(tex, c.x * 0.3 + 0.7 * q, c.y * 0.24 + 0.8 * q)
    wisps = torch.exp(-torch.abs(torch.sin(smoke_ * 26)) * 2.6) * smooth(0.3, 0.7, q)
    back = torch.exp(-torch.hypot(dx, dy + 0.2) * 1.1)
    tone = 0.04 + 0.3 * back * (0.3 + smoke_) + 0.22 * wisps * (0.4 + back)
    glow = 0.14 * back + 0.12 * wisps + 0.4 * c.dots(120)
    head, chin_cover = c.cover(bone * size), c.cover(lower * size)
    shade_jaw = (
        0.06 + 0.58 * light_jaw * smooth(0.3, 0.75, y - jaw) - 0.2 * roots - 0.3 * smooth(0.12, 0.0, bone) * (y > 0.5)
    )
    tone, glow = mix(tone, shade_jaw, chin_cover), glow * (1 - chin_cover)
    shade = 0.1 + 0.74 * light**1.2 + 0.1 * grain - 0.5 * crack - 0.2 * temple - 0.22 * sunk - 0.22 * roots
    shade = shade * (1 - 0.8 * smooth(0.05, -0.015, hollow) * 0.5)
    tone, glow = mix(tone, shade, head), glow * (1 - head)
    tone = mix(tone, 0.04 + 0 * tone, mouth * torch.maximum(head, chin_cover))
    enamel = (
        0.42
        + 0.46 * (1 - (tooth / 0.5) ** 2) * (0.5 + 0.5 * torch.cos(s * 3))
        - 0.2 * smooth(0.03, 0.0, (y - bite).abs())
    )
    tone = mix(tone, enamel * (0.6 + 0.5 * light), (upper_t + lower_t).clamp(0, 1))
    hole = c.cover(hollow * size)
    deep = smooth(0.0, -0.12, hollow)
    tone = mix(tone, 0.09 * (1 - deep) + 0.015, hole)
    ember = torch.exp(-torch.hypot(s - 0.345 - look * torch.sign(x), y + 0.06) * c.rand(20, 34)) * hole * c.coin(0.55)
    rim = torch.exp(-(torch.minimum(bone, lower).abs() * size) * 40) * back
    before = smooth(0.55, 0.85, c.look(tex, c.x * 0.26 + c.rand(), c.y * 0.3)) * smooth(0.2, 0.9, dy)
    tone = mix(tone, 0.3 + 0.2 * wisps, 0.55 * before)
    bonus = torch.maximum(head, chin_cover)
    return Layers(
        tone=tone + 0.3 * ember,
        accent=ember + 0.6 * wisps * (1 - bonus),
        glow=glow + 0.14 * bonus * smooth(0.75, 1.0, light) + 0.3 * rim + 0.4 * ember,
        spark=1.1 * ember,
    )
