"""A segment's frames, placed on a strip so that each changes as much as the music asks for.

Lengths on a strip are as latents show them (`beatwalk.walk.latent_preview`), and dark or crowded pictures change
more, or less, than that. A few knots, the **marks**, are decoded before frames are made there, to tell how much; a
`Gauge` learns the rest from decoded frames, and `Steering` tells what the map of the segment is worth where the strip
has not come to yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception.change import successive_change
from beatwalk.types import Float, Float32
from beatwalk.walk.arc import MIN_GAP, ArcMap
from beatwalk.walk.calibration import MAX_RATIO, Gauge
from beatwalk.walk.latent_preview import sketch_change
from beatwalk.walk.lookahead import KNOT, Strip, Way
from beatwalk.walk.map_correction import REMEMBERED, Steering

FEWEST = 4  # knots are made so many at a time, at least: a batch
LEAD = 3.0  # so much change ahead there are knots: all of a segment, mostly, but no more than memory holds
WIDE = 2.5  # times as far apart as wanted: there the picture jumps, and a knot between is needed
FINEST = 8  # but not more than so many a frame
MARK, FARTHEST_MARK = 0.1, 0.3  # perceived change between marks; farther apart, pictures are nearly unrelated
FRAMES_A_MARK = 12  # at least: decoding is dear
DOUBT = 0.5  # at a segment's beginning, in what was found beside the map of a way that is not yet known to its end


@dataclass(frozen=True, kw_only=True, eq=False)
class Mark:
    """A knot that was decoded."""

    alpha: float
    length: float  # on the strip, when it was marked
    colors: Float32  # shape (1, values)
    picture: Float32  # as `motion.reduce_frames` gives it, shape (1, rows, columns, 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class Guide:
    """Where a segment's walk stands; a state machine, returned anew by every step.

    Before each block of frames, ask for the `missing` knots and give them by `reaching`, and for those `unmarked` and
    give their pictures by `marked`, until there are none; then make the `frames`, and go on with `advanced`.
    Positions never run backwards, and the last is met exactly.
    """

    arc: ArcMap  # of the segment, as it was surveyed, longer by what frames do not show of the way
    strip: Strip
    way: Way
    apart: float  # so far, about, are marks from each other
    done: int = 0  # frames
    gauge: Gauge = field(default_factory=Gauge)
    place: float = 0.0  # of the last frame, on the strip
    mark: Mark | None = None  # the last

    @classmethod
    def begun(cls, arc: ArcMap, shares: Float, latents: Float32, colors: Float32) -> Guide:
        """At a segment's first knot, given with a batch axis of 1; `shares` as `survey.shares_of` gives them."""
        way = Way.of(shares, arc.length)
        longer = ArcMap(alphas=arc.alphas, lengths=arc.lengths * way.longer)
        apart = max(MARK, FRAMES_A_MARK * arc.length / (len(shares) - 1))
        return cls(arc=longer, strip=Strip.begun(latents, colors), way=way, apart=apart)

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
        ahead, chosen = self._beyond(), [0.0]
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
        return replace(self, strip=self.strip.joined(alphas, latents, colors))

    def unmarked(self) -> NDArray[np.int_]:
        """Which knots of the strip to decode next, to learn what its lengths are worth; shape (m,), increasing."""
        if self.apart > FARTHEST_MARK:
            return np.zeros(0, int)
        strip, mark = self.strip, self.mark
        first = len(strip.alphas) - len(strip.colors)
        chosen = [] if mark else [first]
        last, after = (self._length_of(mark), mark.alpha) if mark else (strip.lengths[first], -1.0)
        for i in range(first, len(strip.alphas)):
            # at the segment's end a last one, if it is not too near
            least = self.apart / 2 if strip.alphas[i] == 1 else self.apart
            if strip.alphas[i] > after and strip.lengths[i] - last >= least:
                chosen.append(i)
                last = strip.lengths[i]
        return np.array(chosen if mark or len(chosen) > 1 else [], int)

    def _length_of(self, mark: Mark) -> float:
        """Where a mark lies now: knots put between those before it have moved it."""
        if mark.alpha < self.strip.alphas[0]:
            return mark.length
        return float(np.interp(mark.alpha, self.strip.alphas, self.strip.lengths))

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
        told = (sketched > MIN_GAP) & (real > MIN_GAP)  # pictures that a checker made black tell nothing
        worth = np.log(np.clip(real[told] / sketched[told], 1 / MAX_RATIO, MAX_RATIO))
        found = np.stack([((alphas[1:] + alphas[:-1]) / 2)[told], worth], axis=1)
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
        strip = self.strip.ahead_of(place, self.mark.alpha if self.mark else 1.0)
        return replace(self, strip=strip, gauge=gauge, place=place, done=self.done + count)

    def _ahead(self) -> float:
        """Real length from the last frame to the last knot."""
        return float(self.gauge.real(np.array([self.strip.length - self.place]))[0])

    def _beyond(self) -> ArcMap:
        """The map of what lies beyond the strip, as far as the strip's last knots tell."""
        alphas, lengths = (x[-1 - REMEMBERED :] for x in (self.strip.alphas, self.strip.lengths))
        steering = Steering(arc=self.arc, alpha=float(alphas[0]))
        return steering.advanced(alphas[1:], np.exp(self.gauge.mean) * np.diff(lengths)).ahead()

    def _lengths(self) -> Float:
        """Real lengths from the last frame to each one ahead, and to the end."""
        found = self._ahead()
        beyond = self._beyond().length if self.strip.end < 1 else 0.0
        share = float(self.way.shares[self.done - 1]) if self.done else 0.0
        rest = max(1 - share, 1e-12)
        # Where the map is wrong on the strip, it may even out farther on: that is believed little by little.
        doubt = DOUBT * rest * beyond / max(found + beyond, MIN_GAP)
        left = doubt * rest * self.arc.length + (1 - doubt) * (found + beyond)
        lengths: Float = (self.way.shares[self.done :] - share) / rest * left
        return lengths

    def _places(self, count: int) -> Float:
        return self.place + self.gauge.sketched(self._lengths()[:count])
