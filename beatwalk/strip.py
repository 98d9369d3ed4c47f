"""A strip: the stretch of a walk just ahead, as latents, on which frames are placed by how much they will change.

Where a picture changes much along a walk, and where little, a few probes cannot tell: its speed may double within two
frames. But it shows in latents, before the dearer part, decoding, is paid for. So a walk is first denoised at
**knots**, about a frame's change apart; between neighbours, which hardly differ, latents go on straight lines; each
frame is put where the length on that strip is what the music asks for, and decoded.

Knots need not be closer than the eye can tell. So slow passages have fewer knots than frames: they cost less, and the
rounding errors of half precision, that would make slow frames tremble, are spread over all frames between two knots.

Lengths on a strip are as latents show them (`beatwalk.sketching`), and dark or crowded pictures change more, or less,
than that. A few knots, the **marks**, are decoded before the first frame to tell how much; a `Gauge` learns the rest
from decoded frames, and `Steering` what the map of the segment is worth where the strip has not yet come to. A strip
has corners at its knots, and a frame's change is a chord across them: see `Way`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log1p

import numpy as np
from numpy.typing import NDArray

from beatwalk.motion import MIN_GAP, ArcMap, Steering, successive_change
from beatwalk.sketching import sketch_change
from beatwalk.types import Float, Float32

KNOT = 0.008  # perceived change between knots, at least
FEWEST = 4  # knots are made so many at a time, at least: a batch
LEAD = 3.0  # so much change ahead there are knots: all of a segment, mostly, but no more than memory holds
WIDE = 2.5  # times as far apart as wanted: there the picture jumps, and a knot between is needed
FINEST = 8  # but not more than so many a frame
MEMORY, MEAN_MEMORY = 2.5, 25.0  # decoded frames after which, at gain 1, a gauge has gone two thirds of the way
MARK = 0.1  # perceived change between marks: pictures as far apart still are far from unrelated
FADE = 0.05  # perceived change after which a gauge's present deviation has faded to a third
DOUBT = 0.5  # at a segment's beginning, in what was found beside the map of a way that is not yet known to its end
CORNER = 0.1  # by so much what knots show of a way, and frames as far apart, is shorter than it; measured with nano
NEWTON = 6  # steps; the function is smooth and nearly straight
MAX_RATIO = 4.0  # a frame by which lengths are off by more is not believed


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """How far a segment's frames go on the strip, and how much of that a frame shows.

    Slow frames move within the straight lines between knots; quick ones cut corners, and have farther to go for as
    much change.
    """

    shares: Float  # of the whole way, shape (n_frames + 1,): from 0 to exactly 1, as the frames' and the end's
    seen: Float  # change onto each by its part of the way, shape (n_frames + 1,)
    longer: float  # the whole way by the change seen along it

    @classmethod
    def of(cls, shares: Float, length: float) -> Way:
        """From the frames' shares of the segment's target speed, and the change that it should have in all."""
        steps = np.diff(shares, prepend=0.0)
        seen = 1 - CORNER * np.minimum(length * steps / KNOT, 1)
        ways = np.cumsum(steps / seen)
        longer = float(ways[-1])
        ways /= longer
        ways[-1] = 1.0
        return cls(shares=ways, seen=seen, longer=longer)


@dataclass(frozen=True, kw_only=True, eq=False)
class Strip:
    """Knots in order, and what lies between them."""

    alphas: Float  # positions in the segment, shape (n,), increasing
    latents: Float32  # shape (n, rows, columns, channels)
    colors: Float32  # of the last knots, as `Sketcher.colors` gives them, shape (m, values); at least of one
    lengths: Float  # from the segment's beginning, shape (n,), increasing
    worth: Float = field(
        default_factory=lambda: np.zeros((0, 2))
    )  # positions, and log of real by sketched change there

    @classmethod
    def begun(cls, latents: Float32, colors: Float32) -> Strip:
        """From one knot, the segment's first."""
        return cls(alphas=np.zeros(1), latents=latents, colors=colors, lengths=np.zeros(1))

    @property
    def end(self) -> float:
        """Position of the last knot."""
        return float(self.alphas[-1])

    @property
    def length(self) -> float:
        """From the segment's beginning to the last knot."""
        return float(self.lengths[-1])

    def joined(self, alphas: Float, latents: Float32, colors: Float32) -> Strip:
        """With more knots, at the end or between those whose colours are kept."""
        kept = len(self.alphas) - len(self.colors)
        all_alphas = np.concatenate([self.alphas, alphas])
        order = np.argsort(all_alphas, kind="stable")
        longer = replace(
            self,
            alphas=all_alphas[order],
            latents=np.concatenate([self.latents, latents])[order],
            colors=np.concatenate([self.colors, colors])[order[kept:] - kept],
        )
        return longer.worth_so(self.worth)

    def worth_so(self, worth: Float) -> Strip:
        """With the lengths of those knots whose colours are kept as `worth` has them."""
        kept = len(self.alphas) - len(self.colors)
        steps = sketch_change(self.colors[:-1], self.colors[1:])
        if len(worth):
            steps = steps * np.exp(np.interp((self.alphas[kept + 1 :] + self.alphas[kept:-1]) / 2, *worth.T))
        lengths = self.lengths[kept] + np.cumsum(np.maximum(steps, MIN_GAP))
        return replace(self, lengths=np.concatenate([self.lengths[: kept + 1], lengths]), worth=worth)

    def ahead_of(self, length: float) -> Strip:
        """Without the knots that lie wholly behind a place, and with the last one's colours alone."""
        first = max(0, int(np.searchsorted(self.lengths, length, side="right")) - 1)
        rest = slice(min(first, len(self.lengths) - 1), None)
        return replace(
            self,
            alphas=self.alphas[rest],
            latents=self.latents[rest],
            colors=self.colors[-1:],
            lengths=self.lengths[rest],
        )

    def at(self, lengths: Float) -> tuple[Float, Float32]:
        """Positions and latents at lengths from the segment's beginning, shape (m,); beyond the ends, the ends."""
        place = np.interp(lengths, self.lengths, np.arange(len(self.lengths)))
        index = np.minimum(place.astype(int), max(0, len(self.lengths) - 2))
        after = np.minimum(index + 1, len(self.lengths) - 1)
        share = place - index
        weight = share.astype(np.float32)[:, None, None, None]
        alphas = (1 - share) * self.alphas[index] + share * self.alphas[after]
        return alphas, (1 - weight) * self.latents[index] + weight * self.latents[after]


@dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """A knot that was decoded."""

    alpha: float
    length: float  # on the strip
    colors: Float32  # shape (1, values)
    picture: Float32  # as `motion.reduce_frames` gives it, shape (1, rows, columns, 3)


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """Real by sketched change, as decoded frames have it: it drifts along a walk, and comes back.

    What it is now holds nearby; farther ahead it is expected to fade to what it is on average.
    """

    now: float = -log1p(-CORNER)  # its logarithm; at first, that knots see chords is all that is known
    mean: float = -log1p(-CORNER)  # … over a longer time

    def real(self, sketched: Float) -> Float:
        """What lengths on the strip ahead, from here, are worth; shape (n,)."""
        x = np.asarray(sketched, np.float64)
        mean = np.exp(self.mean)
        real: Float = mean * x + (np.exp(self.now) - mean) * FADE * -np.expm1(-x / FADE)
        return real

    def sketched(self, real: Float) -> Float:
        """How far on the strip lengths are; undoes `real`."""
        wanted = np.asarray(real, np.float64)
        now, mean = np.exp(self.now), np.exp(self.mean)
        x: Float = wanted / max(now, mean)
        for _ in range(NEWTON):
            x = x + (wanted - self.real(x)) / (mean + (now - mean) * np.exp(-x / FADE))
        return x

    def after(self, sketched: Float, measured: Float, gain: float) -> Gauge:
        """Having seen frames; exponential means, that forget at a rate of `gain` / `MEMORY` a frame.

        Parameters
        ----------
        sketched, measured : change onto each frame, shape (n,); NaN where there is no frame before it
        """
        now, mean = self.now, self.mean
        for foretold, found in zip(sketched, np.nan_to_num(measured), strict=True):
            if foretold > MIN_GAP and found > MIN_GAP:
                error = float(np.clip(np.log(found / foretold), -np.log(MAX_RATIO), np.log(MAX_RATIO)))
                now += gain / MEMORY * (error - now)
                mean += gain / MEAN_MEMORY * (error - mean)
        return Gauge(now=now, mean=mean)


@dataclass(frozen=True, kw_only=True, eq=False)
class Guide:
    """Where a segment's walk stands; a state machine, returned anew by every step.

    Before each block of frames, ask for the `missing` knots and give them by `reaching`, and for those `unmarked` and
    give their pictures by `marked`, until there are none; then make the `frames`, and go on with `advanced`.
    Positions never run backwards, and the last is met exactly.
    """

    steering: Steering
    strip: Strip
    way: Way
    done: int = 0  # frames
    gauge: Gauge = field(default_factory=Gauge)
    place: float = 0.0  # of the last frame, on the strip
    mark: Mark | None = None  # the last

    @classmethod
    def begun(cls, arc: ArcMap, shares: Float, latents: Float32, colors: Float32) -> Guide:
        """At a segment's first knot, given with a batch axis of 1; `shares` as `survey.shares_of` gives them."""
        way = Way.of(shares, arc.length)
        longer = ArcMap(alphas=arc.alphas, lengths=arc.lengths * way.longer)
        return cls(steering=Steering(arc=longer), strip=Strip.begun(latents, colors), way=way)

    def missing(self, count: int) -> Float:
        """Positions of knots that the next `count` frames need, shape (m,), increasing; none once all are there."""
        wanted = self._lengths()
        covered = self._ahead()
        needed = float(wanted[count - 1])
        lead = max(LEAD, needed)
        if self.strip.end < 1 and covered < max(needed, lead - FEWEST * KNOT):
            return self._farther(wanted - covered, lead - covered)
        return self._between(needed / count)

    def _farther(self, wanted: Float, least: float) -> Float:
        """Knots beyond the last: at the places of frames, as they are foretold, that are far enough apart.

        Parameters
        ----------
        wanted : real lengths of the frames ahead and of the end, from the last knot
        least : how far knots should go
        """
        ahead, chosen = self.steering.ahead(), [0.0]
        # Both go to the segment's end, but may not agree how far that is.
        fit = ahead.length / max(float(wanted[-1]), MIN_GAP)
        for length in fit * wanted[wanted > 0]:
            if length - chosen[-1] >= KNOT:
                chosen.append(float(length))
            if len(chosen) > FEWEST and chosen[-1] >= least:
                return ahead.alpha_at(np.array(chosen[1:]))
        # The end is near: its knot is the next keyframe.
        before = [length for length in chosen[1:] if ahead.length - length >= KNOT / 2]
        return np.append(ahead.alpha_at(np.array(before)), 1.0)

    def _between(self, step: float) -> Float:
        """Knots where two neighbours are farther apart than was meant: there the picture jumps."""
        fresh = slice(-len(self.strip.colors), None)
        alphas, gaps = self.strip.alphas[fresh], np.diff(self.strip.lengths[fresh])
        wide = (gaps > WIDE * max(step, KNOT)) & (np.diff(alphas) > 1 / (FINEST * len(self.way.shares)))
        middles: Float = (alphas[:-1] + alphas[1:])[wide] / 2
        return middles

    def reaching(self, alphas: Float, latents: Float32, colors: Float32) -> Guide:
        """With the knots that were missing."""
        strip = self.strip.joined(alphas, latents, colors)
        if alphas[-1] <= self.strip.end:
            return replace(self, strip=strip)
        new = strip.alphas > self.strip.end
        steps = np.exp(self.gauge.mean) * np.diff(strip.lengths)[new[1:]]
        return replace(self, strip=strip, steering=self.steering.advanced(strip.alphas[new], steps))

    def unmarked(self) -> NDArray[np.int_]:
        """Which knots of the strip to decode next, to learn what its lengths are worth; shape (m,), increasing."""
        first = len(self.strip.alphas) - len(self.strip.colors)
        lengths = self.strip.lengths[first:]
        chosen = [] if self.mark else [0]
        last = self.mark.length if self.mark else float(lengths[0])
        for i, length in enumerate(lengths):
            if length - last >= (MARK if i < len(lengths) - 1 or self.strip.end < 1 else MARK / 2):
                chosen.append(i)
                last = float(length)
        return first + np.array(chosen if self.mark or len(chosen) > 1 else [], int)

    def marked(self, pictures: Float32) -> Guide:
        """With the pictures of those knots, as `motion.reduce_frames` gives them, shape (m, rows, columns, 3)."""
        index = self.unmarked()
        strip, before = self.strip, self.mark
        colors, alphas = strip.colors[index - len(strip.alphas)], strip.alphas[index]
        if before:
            colors = np.concatenate([before.colors, colors])
            alphas = np.concatenate([[before.alpha], alphas])
            pictures = np.concatenate([before.picture, pictures])
        sketched, real = sketch_change(colors[:-1], colors[1:]), successive_change(pictures)
        worth = np.log(np.clip((real + MIN_GAP) / (sketched + MIN_GAP), 1 / MAX_RATIO, MAX_RATIO))
        found = np.stack([(alphas[1:] + alphas[:-1]) / 2, worth], axis=1)
        strip = strip.worth_so(np.concatenate([strip.worth, found]))
        mark = Mark(alpha=alphas[-1], length=strip.lengths[index[-1]], colors=colors[-1:], picture=pictures[-1:])
        return replace(self, strip=strip, mark=mark)

    def frames(self, count: int) -> tuple[Float, Float32]:
        """Positions and latents of the next frames, shape (count,) and (count, rows, columns, channels)."""
        return self.strip.at(self._places(count))

    def advanced(self, measured: Float, gain: float) -> Guide:
        """After those frames.

        Parameters
        ----------
        measured : change onto each, shape (count,); NaN where there is no frame before it
        gain : 0 believes lengths as they are, 1 learns quickly
        """
        count = len(measured)
        places = self._places(count)
        shown = np.diff(places, prepend=self.place) * self.way.seen[self.done : self.done + count]
        gauge, place = self.gauge.after(shown, measured, gain), float(places[-1])
        return replace(self, strip=self.strip.ahead_of(place), gauge=gauge, place=place, done=self.done + count)

    def _ahead(self) -> float:
        """Real length from the last frame to the last knot."""
        return float(self.gauge.real(np.array([self.strip.length - self.place]))[0])

    def _lengths(self) -> Float:
        """Real lengths from the last frame to each one ahead, and to the end."""
        found = self._ahead()
        beyond = self.steering.ahead().length if self.strip.end < 1 else 0.0
        share = float(self.way.shares[self.done - 1]) if self.done else 0.0
        rest = max(1 - share, 1e-12)
        # Where the map is wrong on the strip, it may even out farther on: that is believed little by little.
        doubt = DOUBT * rest * beyond / max(found + beyond, MIN_GAP)
        left = doubt * rest * self.steering.arc.length + (1 - doubt) * (found + beyond)
        lengths: Float = (self.way.shares[self.done :] - share) / rest * left
        return lengths

    def _places(self, count: int) -> Float:
        return self.place + self.gauge.sketched(self._lengths()[:count])
