"""Ways between pictures: between texts, and through noise.

Conventions
-----------
- A **position** along a segment is α in [0, 1]: 0 is its first keyframe, 1 its second.
- Noise travels along an endless **chain of seeds** on one smooth curve, a spline that meets the noise of seed number
  i at position i and turns at a constant rate. One **hop** is a step of 1 along it. Great circles from seed to seed
  would have a corner at each: there the picture's speed jumps, by a factor of three at times.
- Arrays are float32 on the host; a batch is the first axis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from beatwalk.types import Float, Float32

# Below this angle (radians) sin(θ) loses too many digits to divide by; the chord is the arc.
_SMALL_ANGLE = 1e-4
_TURN_SAMPLES = 513  # of the spline's angle; it is smooth, so that straight lines between them are exact to 1e-6


def lerp(a: Float32, b: Float32, t: Float) -> Float32:
    """Straight line from `a` (t = 0) to `b` (t = 1); result has shape (len(t), *a.shape)."""
    weight = np.asarray(t, np.float32).reshape(-1, *(1,) * a.ndim)
    return (1 - weight) * a + weight * b


def slerp(a: Float32, b: Float32, t: Float) -> Float32:
    """Great circle from `a` to `b`, the norm going linearly from one's to the other's.

    Gaussian noise of equal variance keeps its variance all the way, where a straight line would lose half of it in
    the middle and with it the detail of the picture (Shoemake 1985; White 2016, "Sampling Generative Networks").

    Parameters
    ----------
    a, b : same shape
    t : shape (n,)

    Returns
    -------
    shape (n, *a.shape)
    """
    t = np.asarray(t, np.float64)
    norm_a, norm_b = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if norm_a == 0 or norm_b == 0:
        return lerp(a, b, t)
    cosine = float(np.vdot(a.astype(np.float64), b) / (norm_a * norm_b))
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    if angle < _SMALL_ANGLE or np.pi - angle < _SMALL_ANGLE:
        return lerp(a, b, t)
    norm = (1 - t) * norm_a + t * norm_b
    weight_a = np.sin((1 - t) * angle) / np.sin(angle) * norm / norm_a
    weight_b = np.sin(t * angle) / np.sin(angle) * norm / norm_b
    column = (-1, *(1,) * a.ndim)
    points: Float32 = (
        weight_a.astype(np.float32).reshape(column) * a + weight_b.astype(np.float32).reshape(column) * b
    )
    return points


def chain_seed(origin: int, index: int) -> int:
    """Seed number `index` of the chain that begins at seed `origin`; its first is `origin` itself.

    Number -1 is nowhere met, it only bends the curve's beginning.
    """
    if index == 0:
        return origin
    digest = hashlib.sha256(f"beatwalk chain {origin} {index}".encode()).digest()
    return int.from_bytes(digest[:7], "little")


@dataclass(frozen=True, kw_only=True)
class NoiseState:
    """A place on a chain of seeds."""

    origin: int
    position: float = 0.0  # in hops, from 0


@dataclass(frozen=True, kw_only=True)
class NoiseRoute:
    """How noise goes through one segment: some hops along its chain, then, where the end is pinned, onto a seed."""

    start: NoiseState
    hops: float  # along the chain; at least 0
    pinned: int | None = None  # seed on which the segment ends

    @property
    def end(self) -> NoiseState:
        """Where the next segment starts."""
        if self.pinned is not None:
            return NoiseState(origin=self.pinned)
        return NoiseState(origin=self.start.origin, position=self.start.position + self.hops)

    @property
    def total_hops(self) -> float:
        """Hops along the chain, and the one onto the pinned seed where that is another place."""
        stays = self.pinned == self.start.origin and self.start.position == 0 and self.hops == 0
        return self.hops + (0.0 if self.pinned is None or stays else 1.0)


def spline_weights(t: Float) -> Float:
    """How much of four neighbouring seeds' noise makes the curve between the second and the third.

    The cubic of Catmull and Rom ("A class of local interpolating splines", 1974), scaled so that the sum of four
    independent unit Gaussians is again a unit Gaussian, and timed so that it turns at a constant rate.

    Parameters
    ----------
    t : shape (n,), in [0, 1]

    Returns
    -------
    shape (n, 4), rows of norm 1; (0, 1, 0, 0) at 0 and (0, 0, 1, 0) at 1
    """
    shares, turned = _turning()
    return _catmull_rom(np.interp(t, turned, shares))


def _cubic(t: Float) -> Float:
    """Twice the spline's weights, shape (n,) → (n, 4)."""
    t = np.asarray(t, np.float64)[:, None]
    parts = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    cubic: Float = np.concatenate(parts, axis=1)
    return cubic


def _catmull_rom(t: Float) -> Float:
    cubic = _cubic(t)
    weights: Float = cubic / np.linalg.norm(cubic, axis=1, keepdims=True)
    return weights


@cache
def _turning() -> tuple[Float, Float]:
    """The spline's parameter, and how far the curve has turned by then as a share of a whole hop."""
    shares = np.linspace(0, 1, _TURN_SAMPLES)
    steps = np.linalg.norm(np.diff(_catmull_rom(shares), axis=0), axis=1)
    turned = np.concatenate([[0.0], np.cumsum(steps)])
    return shares, turned / turned[-1]


def noise_at(state: NoiseState, start_noise: Callable[[int], Float32]) -> Float32:
    """The noise at a place on a chain; `start_noise` makes a seed's."""
    index = int(np.floor(state.position))
    share = state.position - index
    if share == 0:
        return start_noise(chain_seed(state.origin, index))
    weights = spline_weights(np.array([share]))[0].astype(np.float32)
    seeds = [chain_seed(state.origin, index + i) for i in (-1, 0, 1, 2)]
    noise: Float32 = weights[0] * start_noise(seeds[0])
    for weight, seed in zip(weights[1:], seeds[1:], strict=True):
        noise = noise + weight * start_noise(seed)
    return noise


def noise_along(route: NoiseRoute, alphas: Float, start_noise: Callable[[int], Float32]) -> Float32:
    """Noise at positions `alphas` of a route.

    Parameters
    ----------
    alphas : shape (n,), in [0, 1]; equal steps are equal shares of the hops
    start_noise : seed → noise of one picture; called only for seeds that lie near

    Returns
    -------
    shape (n, *noise)
    """
    travelled = np.asarray(alphas, np.float64) * route.total_hops
    turn = NoiseState(origin=route.start.origin, position=route.start.position + route.hops)
    rows = []
    for hops in travelled:
        if route.pinned is not None and hops >= route.hops:
            share = np.array([hops - route.hops])
            rows.append(slerp(noise_at(turn, start_noise), start_noise(route.pinned), share)[0])
        else:
            place = NoiseState(origin=route.start.origin, position=route.start.position + hops)
            rows.append(noise_at(place, start_noise))
    return np.stack(rows)
