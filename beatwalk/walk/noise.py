"""Paths through noise.

Conventions
-----------
- A **position** along a segment is α in [0, 1]: 0 is its first keyframe, 1 its second.
- Noise travels along an endless **noise chain**: one smooth curve, a spline that meets the noise of seed number i of
  the chain at i and turns at a constant rate. **Travel** along it is counted in seeds. Great circles from seed to
  seed would have a corner at each, where the picture's speed jumps, by a factor of three at times.
- A **detour** lengthens the way between two points of the chain: the noise leaves the chain, runs along a second one
  that is the segment's own, and comes back. So a path's ends can be fixed before its length is known.
- Arrays are float32 on the host. A batch is the first axis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from beatwalk.types import Float, Float32

# Below this angle (radians) sin(θ) loses too many digits to divide by; the chord is the arc.
_SMALL_ANGLE = 1e-4
_TURN_SAMPLES = 513  # of the spline's angle; it is smooth, so that straight lines between them are exact to 1e-6
_AWAY = np.pi / 4  # angle by which a long detour leaves its chain: half of the noise's variance is the detour's then
_RAMP = 0.3  # part of a detour in which it leaves the chain, and in which it comes back; in between, the angle rests
_HALFWAY = 0.5  # seeds by which a detour is longer than its chain where it leaves by half of that angle
_MOST_DETOUR = 2.0**14  # seeds; far longer than any segment


def lerp(a: Float32, b: Float32, t: Float) -> Float32:
    """Straight line from `a` (t = 0) to `b` (t = 1); result has shape (len(t), *a.shape)."""
    weight = np.asarray(t, np.float32).reshape(-1, *(1,) * a.ndim)
    return (1 - weight) * a + weight * b


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


def detour_origin(start: NoisePosition) -> int:
    """The first seed of the second chain, on which a path that starts there makes its detour."""
    digest = hashlib.sha256(f"beatwalk detour {start.origin} {start.travel!r}".encode()).digest()
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


def noise_at(point: NoisePosition, start_noise: Callable[[int], Float32]) -> Float32:
    """The noise at a point of a chain; `start_noise` makes a seed's."""
    index = int(np.floor(point.travel))
    beyond = point.travel - index
    if beyond == 0:
        return start_noise(chain_seed(point.origin, index))
    weights = spline_weights(np.array([beyond]))[0].astype(np.float32)
    seeds = [chain_seed(point.origin, index + i) for i in (-1, 0, 1, 2)]
    noise: Float32 = weights[0] * start_noise(seeds[0])
    for weight, seed in zip(weights[1:], seeds[1:], strict=True):
        noise = noise + weight * start_noise(seed)
    return noise


def noise_along(path: NoisePath, alphas: Float, start_noise: Callable[[int], Float32]) -> Float32:
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
    alphas, rows = np.asarray(alphas, np.float64), []
    if path.pinned is not None:
        for travel in alphas * path.total_travel:
            if travel >= path.travel:
                beyond, landing = np.array([travel - path.travel]), noise_at(path.after(path.travel), start_noise)
                rows.append(slerp(landing, start_noise(path.pinned), beyond)[0])
            else:
                rows.append(noise_at(path.after(travel), start_noise))
        return np.stack(rows)
    second = detour_origin(path.start)
    for travel, beside, angle in zip(*path.position(alphas), strict=True):
        noise = noise_at(path.after(travel), start_noise)
        if angle > 0:
            other = noise_at(NoisePosition(origin=second, travel=beside), start_noise)
            noise = np.float32(np.cos(angle)) * noise + np.float32(np.sin(angle)) * other
        rows.append(noise)
    return np.stack(rows)
