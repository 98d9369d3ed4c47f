"""Paths through noise.

Conventions
-----------
- A **position** along a segment is α in [0, 1]: 0 is its first keyframe, 1 its second.
- Noise travels along an endless **noise chain**: one smooth curve, a spline that meets the noise of seed number i of
  the chain at i and turns at a constant rate. **Travel** along it is counted in seeds. Great circles from seed to
  seed would have a corner at each, where the picture's speed jumps, by a factor of three at times.
- A **detour** lengthens the way between two points of the chain: the noise leaves the chain, runs along a second one
  that is the segment's own, and comes back. So a path's ends can be fixed before its length is known.
- A point of a path is a weighted sum of the noise of a few seeds. The weights are on the host, the noise is where the
  generator computes. A batch is the first axis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from beatwalk.models import Array, host, mixed
from beatwalk.types import Float, Float32

# Below this angle (radians) sin(θ) loses too many digits to divide by; the chord is the arc.
_SMALL_ANGLE = 1e-4
_TURN_SAMPLES = 513  # of the spline's angle; it is smooth, so that straight lines between them are exact to 1e-6
_AWAY = np.pi / 4  # angle by which a long detour leaves its chain: half of the noise's variance is the detour's then
_RAMP = 0.3  # part of a detour in which it leaves the chain, and in which it comes back; in between, the angle rests
_HALFWAY = 0.5  # seeds by which a detour is longer than its chain where it leaves by half of that angle
_MOST_DETOUR = 2.0**14  # seeds; far longer than any segment


def slerp(a: Float32, b: Float32, t: Float) -> Float32:
    """Great circle from `a` to `b`, with a norm that changes linearly from one's to the other's.

    Gaussian noise keeps its variance along it. A straight line would lose half of the variance in the middle, and
    with it the detail of the picture (Shoemake 1985; White 2016, "Sampling Generative Networks").

    Parameters
    ----------
    a, b
        Same shape.
    t
        Shape (n,).

    Returns
    -------
    shape (n, *a.shape)
    """
    points: Float32 = host(mixed(slerp_weights(a, b, t), [a, b]))
    return points


def slerp_weights(a: Array, b: Array, t: Float) -> Float:
    """Weights of both ends on the great circle between them, or on the straight line where there is none; (n, 2)."""
    t = np.asarray(t, np.float64)
    straight = np.stack([1 - t, t], axis=1)
    square_a, square_b, product = (float((one * other).sum()) for one, other in ((a, a), (b, b), (a, b)))
    if square_a == 0 or square_b == 0:
        return straight
    norm_a, norm_b = np.sqrt(square_a), np.sqrt(square_b)
    angle = float(np.arccos(np.clip(product / (norm_a * norm_b), -1, 1)))
    if angle < _SMALL_ANGLE or np.pi - angle < _SMALL_ANGLE:
        return straight
    norm = (1 - t) * norm_a + t * norm_b
    weights: Float = np.stack(
        [np.sin((1 - t) * angle) * norm / norm_a, np.sin(t * angle) * norm / norm_b], axis=1
    ) / np.sin(angle)
    return weights


def detour_origin(origin: int, number: int) -> int:
    """The first seed of the second chain, on which path `number` of a walk from seed `origin` makes its detour.

    Where the path starts does not count: it differs a little from preview to video and from machine to machine, and
    the pictures must not differ more than that.
    """
    digest = hashlib.sha256(f"beatwalk detour {origin} {number}".encode()).digest()
    return int.from_bytes(digest[:7], "little")


def chain_seed(origin: int, index: int) -> int:
    """Seed number `index` of the chain that begins at seed `origin`; number 0 is `origin` itself.

    Number -1 is never reached: it only bends the curve's beginning.
    """
    if index == 0:
        return origin
    digest = hashlib.sha256(f"beatwalk chain {origin} {index}".encode()).digest()
    return int.from_bytes(digest[:7], "little")


@dataclass(frozen=True, kw_only=True)
class NoisePosition:
    """A point of a noise chain."""

    origin: int  # the chain's first seed
    travel: float = 0.0  # from there, in seeds


@dataclass(frozen=True, kw_only=True)
class NoisePath:
    """Where the noise of one segment goes: along its chain, with a detour or, if the end is pinned, to that seed."""

    start: NoisePosition
    travel: float  # along the chain, in seeds; at least 0
    number: int = 0  # of the segment, each of which has a second chain of its own
    pinned: int | None = None  # seed on which the segment ends
    detour: float = 0.0  # by how many seeds the second chain's travel exceeds the chain's; 0: there is no detour

    @property
    def end(self) -> NoisePosition:
        """Where the next segment starts."""
        if self.pinned is not None:
            return NoisePosition(origin=self.pinned)
        return self.after(self.travel)

    @cached_property
    def total_travel(self) -> float:
        """Length of the whole path in seeds, with its detour, or with one seed more onto another, pinned seed."""
        if self.detour > 0:
            return float(self._turned[1][-1])
        stays = self.pinned == self.start.origin and self.start.travel == 0 and self.travel == 0
        return self.travel + (0.0 if self.pinned is None or stays else 1.0)

    def after(self, travel: float) -> NoisePosition:
        """The point of the chain that lies `travel` seeds from the start."""
        return NoisePosition(origin=self.start.origin, travel=self.start.travel + travel)

    def lengthened(self, total: float) -> NoisePath:
        """The path between the same ends that is about `total` seeds long, or as long as the chain if that is more.

        Only for a path whose end is not pinned.
        """
        low, high = 0.0, 1.0
        if total <= self.travel:
            return replace(self, detour=0.0)
        while replace(self, detour=high).total_travel < total and high < _MOST_DETOUR:
            high *= 2
        while high - low > 5e-4:
            middle = (low + high) / 2
            low, high = (middle, high) if replace(self, detour=middle).total_travel < total else (low, middle)
        # Rounded, so that the rounding errors of pictures on other machines do not show.
        return replace(self, detour=round(high, 3))

    def position(self, alphas: Float) -> tuple[Float, Float, Float]:
        """Travel along the chain and along the second one, in seeds, and the angle between chain and noise."""
        if self.detour <= 0:
            return np.asarray(alphas) * self.travel, np.zeros(len(alphas)), np.zeros(len(alphas))
        parameters, turned = self._turned
        at = np.interp(np.asarray(alphas, np.float64) * turned[-1], turned, parameters)
        # The second chain is passed from its seed 0, at which detours of any length meet half way.
        return at * self.travel, (at - 0.5) * (self.travel + self.detour), self._angle(at)[0]

    def _angle(self, at: Float) -> tuple[Float, Float]:
        """The angle by which the noise has left its chain, and its derivative, at parameters 0-1."""
        most = _AWAY * self.detour / (self.detour + _HALFWAY)
        ramp = np.clip(np.minimum(at, 1 - at) / _RAMP, 0, 1)
        slope = np.where((ramp > 0) & (ramp < 1), np.sign(0.5 - at) / _RAMP, 0.0)
        return most * ramp**2 * (3 - 2 * ramp), most * 6 * ramp * (1 - ramp) * slope

    @cached_property
    def _turned(self) -> tuple[Float, Float]:
        """Parameters of a detour, and how many seeds the noise has turned by then.

        Both chains and the angle between them turn the noise in directions of their own, so squares add up.
        """
        at = np.linspace(0, 1, _TURN_SAMPLES)
        angle, turn = self._angle((at[1:] + at[:-1]) / 2)
        chain, other = self.travel * np.cos(angle), (self.travel + self.detour) * np.sin(angle)
        steps = np.sqrt(chain**2 + other**2 + (turn / seed_angle()) ** 2) / (len(at) - 1)
        return at, np.concatenate([[0.0], np.cumsum(steps)])


def spline_weights(t: Float) -> Float:
    """Weights of four neighbouring seeds' noise on the curve between the second and the third.

    The cubic of Catmull and Rom ("A class of local interpolating splines", 1974), scaled so that the sum of four
    independent unit Gaussians is again a unit Gaussian, and timed so that it turns at a constant rate.

    Parameters
    ----------
    t
        Shape (n,), in [0, 1].

    Returns
    -------
    shape (n, 4), rows of norm 1; (0, 1, 0, 0) at 0 and (0, 0, 1, 0) at 1
    """
    parameters, turned, _ = _turning()
    return _catmull_rom(np.interp(t, turned, parameters))


def cubic_weights(t: Float) -> Float:
    """Twice the Catmull-Rom weights of four points, shape (n,) → (n, 4); they sum to 2."""
    t = np.asarray(t, np.float64)[:, None]
    parts = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    cubic: Float = np.concatenate(parts, axis=1)
    return cubic


def _catmull_rom(t: Float) -> Float:
    cubic = cubic_weights(t)
    weights: Float = cubic / np.linalg.norm(cubic, axis=1, keepdims=True)
    return weights


@cache
def _turning() -> tuple[Float, Float, float]:
    """The spline's parameter, how far the curve has turned by then, 0-1 from one seed to the next, and its angle."""
    parameters = np.linspace(0, 1, _TURN_SAMPLES)
    steps = np.linalg.norm(np.diff(_catmull_rom(parameters), axis=0), axis=1)
    turned = np.concatenate([[0.0], np.cumsum(steps)])
    return parameters, turned / turned[-1], float(turned[-1])


def seed_angle() -> float:
    """The angle by which the spline turns from one seed to the next, in radians."""
    return _turning()[2]


def chain_weights(point: NoisePosition) -> dict[int, float]:
    """Weights of the seeds whose noise makes that of a point of a chain."""
    index = int(np.floor(point.travel))
    beyond = point.travel - index
    if beyond == 0:
        return {chain_seed(point.origin, index): 1.0}
    weights = spline_weights(np.array([beyond]))[0]
    return {chain_seed(point.origin, index + i): float(w) for i, w in zip((-1, 0, 1, 2), weights, strict=True)}


def noise_at(point: NoisePosition, start_noise: Callable[[int], Array]) -> Array:
    """The noise at a point of a chain; `start_noise` makes a seed's."""
    return _summed([chain_weights(point)], start_noise)[0]


def noise_along(path: NoisePath, alphas: Float, start_noise: Callable[[int], Array]) -> Array:
    """Noise at positions `alphas` of a path.

    Parameters
    ----------
    alphas
        Shape (n,), in [0, 1]; equal steps are equal parts of the travel.
    start_noise
        Seed → noise of one picture; called only for seeds that lie near.

    Returns
    -------
    shape (n, *noise)
    """
    alphas = np.asarray(alphas, np.float64)
    if path.pinned is not None:
        return _summed(_weights_onto_seed(path, path.pinned, alphas, start_noise), start_noise)
    second, rows = detour_origin(path.start.origin, path.number), []
    for travel, beside, angle in zip(*path.position(alphas), strict=True):
        row = chain_weights(path.after(travel))
        if angle > 0:
            other = chain_weights(NoisePosition(origin=second, travel=beside))
            row = _scaled(row, np.cos(angle)) | _scaled(other, np.sin(angle))
        rows.append(row)
    return _summed(rows, start_noise)


def _weights_onto_seed(
    path: NoisePath, pinned: int, alphas: Float, start_noise: Callable[[int], Array]
) -> list[dict[int, float]]:
    """Weights of seeds on a path that leaves its chain for another seed, on a great circle."""
    rows, landing = [], chain_weights(path.after(path.travel))
    ends: tuple[Array, Array] | None = None
    for travel in alphas * path.total_travel:
        if travel < path.travel:
            rows.append(chain_weights(path.after(travel)))
            continue
        ends = ends or (_summed([landing], start_noise)[0], start_noise(pinned))
        first, last = slerp_weights(*ends, np.array([travel - path.travel]))[0]
        row = _scaled(landing, first)
        row[pinned] = row.get(pinned, 0.0) + float(last)
        rows.append(row)
    return rows


def _scaled(weights: dict[int, float], factor: float) -> dict[int, float]:
    return {seed: weight * float(factor) for seed, weight in weights.items()}


def _summed(rows: list[dict[int, float]], start_noise: Callable[[int], Array]) -> Array:
    """Noise of weighted seeds, row by row."""
    seeds = list(dict.fromkeys(seed for row in rows for seed in row))
    weights = np.array([[row.get(seed, 0.0) for seed in seeds] for row in rows])
    return mixed(weights, [start_noise(seed) for seed in seeds])
