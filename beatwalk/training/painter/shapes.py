"""Silhouettes from signed distances: strokes, outlines and how they join; lit as if they were round.

A signed distance is negative inside a shape. Coordinates are those of a canvas, shape (batch, height, width); places
and sizes are numbers or tensors of shape (batch, 1, 1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from beatwalk.training.painter.canvas import Canvas, mix

Number = Tensor | float
Point = tuple[Number, Number]


def hashed(place: Tensor, salt: Number = 0.0) -> Tensor:
    """A number 0–1 for every whole number, always the same; neighbours have nothing in common."""
    return torch.frac(torch.sin(place * 12.9898 + salt) * 43758.5453).abs()


def coarsely(x: Tensor, y: Tensor, shape: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """A signed distance at half the resolution, brought to the full one: a quarter of the work, edges as sharp.

    Distances are so smooth that nothing but the points of corners is lost.
    """
    small = [F.avg_pool2d(v[:, None], 2, ceil_mode=True)[:, 0] for v in (x, y)]
    distance = shape(*small)
    return F.interpolate(distance[:, None], x.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def disc(x: Tensor, y: Tensor, at: Point, wide: Number, high: Number | None = None) -> Tensor:
    """Distance to a circle, or about that to an ellipse of half width and half height."""
    high = wide if high is None else high
    dx, dy = x - at[0], y - at[1]
    near = torch.sqrt((dx / wide) ** 2 + (dy / high) ** 2 + 1e-9)
    slope = torch.sqrt((dx / (wide * wide)) ** 2 + (dy / (high * high)) ** 2 + 1e-9)
    return near * (near - 1) / slope


def box(x: Tensor, y: Tensor, at: Point, wide: Number, high: Number, corner: Number = 0.0) -> Tensor:
    """Distance to a rectangle of half width and half height, with round corners."""
    dx, dy = (x - at[0]).abs() - wide + corner, (y - at[1]).abs() - high + corner
    outside = torch.sqrt(dx.clamp(min=0) ** 2 + dy.clamp(min=0) ** 2 + 1e-12)
    return outside + torch.maximum(dx, dy).clamp(max=0) - corner


def limb(x: Tensor, y: Tensor, start: Point, end: Point, first: Number, last: Number) -> Tensor:
    """Distance to a stroke between two points whose half width runs from ``first`` to ``last``."""
    ax, ay = end[0] - start[0], end[1] - start[1]
    dx, dy = x - start[0], y - start[1]
    along = ((dx * ax + dy * ay) / (ax * ax + ay * ay + 1e-9)).clamp(0, 1)
    return torch.sqrt((dx - along * ax) ** 2 + (dy - along * ay) ** 2 + 1e-9) - mix(first, last, along)


def join(shapes: Sequence[Tensor], soft: Number = 0.0) -> Tensor:
    """All shapes as one; ``soft`` is how far they flow into each other."""

    def both(a: Tensor, b: Tensor) -> Tensor:
        share = (0.5 + 0.5 * (b - a) / soft).clamp(0, 1)
        return mix(b, a, share) - soft * share * (1 - share)

    return reduce(torch.minimum if isinstance(soft, float) and soft == 0 else both, shapes)


def chain(x: Tensor, y: Tensor, joints: Sequence[tuple[Number, Number, Number]], soft: Number = 0.02) -> Tensor:
    """Distance to strokes from joint to joint, each a place and a half width."""
    return join([limb(x, y, a[:2], b[:2], a[2], b[2]) for a, b in pairwise(joints)], soft)


def outline(points: Sequence[Point], steps: int = 4) -> list[Point]:
    """A closed round curve through points (Catmull-Rom), as the corners of a polygon."""
    count, found = len(points), []
    for i in range(count):
        a, b, c, d = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            weights = (
                *(-0.5 * t + t * t - 0.5 * t**3, 1 - 2.5 * t * t + 1.5 * t**3),
                *(0.5 * t + 2 * t * t - 1.5 * t**3, -0.5 * t * t + 0.5 * t**3),
            )
            x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
            found.append((x, y))
    return found


def polygon(x: Tensor, y: Tensor, points: Sequence[Point]) -> Tensor:
    """Distance to a polygon of any form (after Quilez, "2D distance functions", 2020)."""
    nearest = torch.full_like(x, 1e9)
    sign = torch.ones_like(x)
    for (ax, ay), (bx, by) in zip(points, [*points[-1:], *points[:-1]], strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = x - ax, y - ay
        along = ((wx * ex + wy * ey) / (ex * ex + ey * ey + 1e-9)).clamp(0, 1)
        nearest = torch.minimum(nearest, (wx - along * ex) ** 2 + (wy - along * ey) ** 2)
        above, under, left = y >= ay, y < by, ex * wy > ey * wx
        crossed = (above & under & left) | ~(above | under | left)
        sign = torch.where(crossed, -sign, sign)
    return sign * torch.sqrt(nearest + 1e-12)


def rounded(c: Canvas, distance: Tensor, width: Number, angle: Tensor, rough: Tensor | float = 0.0) -> Tensor:
    """Light on a shape that is as round as a cushion, 0–1: bright towards ``angle``, dark away from it.

    Parameters
    ----------
    width
        Distance from the edge at which it is flat.
    angle
        Direction of the light in radians; right is 0, down is a quarter turn.
    rough
        Height that is added, in canvas units.
    """
    inside = (-distance / width).clamp(0, 1)
    height = width * torch.sqrt((1 - (1 - inside) ** 2).clamp(min=1e-4)) + rough
    step = c.pixel * c.zoom
    gx, gy = torch.gradient(height, dim=2)[0] / step, torch.gradient(height, dim=1)[0] / step
    towards = -(gx * torch.cos(angle) + gy * torch.sin(angle))
    return ((0.75 * towards + 0.66) / torch.sqrt(1 + gx * gx + gy * gy)).clamp(0, 1)
