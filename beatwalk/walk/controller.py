"""The closed loop: place a segment's frames on the lookahead so that each changes as much as the music asks for.

Distances on the lookahead are as latents show them (`beatwalk.walk.latent_preview`), and dark or crowded pictures
change more, or less, than that. A few samples are decoded before frames are made there, to measure how much. A
`Calibration` learns the rest from decoded frames, and a `MapCorrection` predicts what the map of the segment is worth
beyond the lookahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from beatwalk.models import Array, host, joined
from beatwalk.perception import successive_change
from beatwalk.types import Float
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.calibration import Calibration
from beatwalk.walk.latent_preview import preview_change
from beatwalk.walk.lookahead import FrameProgress, Lookahead
from beatwalk.walk.map_correction import MapCorrection
from beatwalk.walk.tuning import TUNING

MANY = 2**31 - 1  # samples: no limit


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodedSample:
    """A sample that was decoded to calibrate."""

    alpha: float
    distance: float  # on the lookahead, when it was decoded
    colors: Array  # shape (1, values)
    picture: Array  # as `Pictures.reduced` gives it, shape (1, rows, columns, 3)


@dataclass(frozen=True, kw_only=True, eq=False)
class PaceController:
    """Where a segment's walk stands. A state machine: every step returns a new state.

    Before each block of frames, ask for the `missing_samples` and give them with `with_samples`, then for those
    `to_decode` and give their pictures with `with_decoded`, until there are none. Then make the `frames`, and
    continue with `advanced`. Positions never run backwards, and the last is met exactly.

    Samples go ahead as far as `TUNING.lead` and memory allow, but not at once: few before the first frames, so that
    these do not wait long, then more and more.
    """

    arc: ArcMap  # of the segment, as it was surveyed, longer by what frames do not show of the path
    lookahead: Lookahead
    progress: FrameProgress
    spacing: float  # distance between decoded samples, about
    room: int  # samples that memory has room for
    asked: float | None = None  # distance to go in all, where the end is free; None: to the path's end exactly
    done: int = 0  # frames
    blocks: int = 0  # of these frames
    fresh: int = 0  # samples made since the last of them
    made: int = 1  # samples of the segment so far
    calibration: Calibration = field(default_factory=Calibration)
    distance: float = 0.0  # of the last frame, on the lookahead
    decoded: DecodedSample | None = None  # the last

    @classmethod
    def begin(
        cls,
        arc: ArcMap,
        progress: Float,
        latents: Array,
        colors: Array,
        memory_bytes: float = np.inf,
        walked: float | None = None,
    ) -> PaceController:
        """At a segment's first sample, given with a batch axis of 1.

        Parameters
        ----------
        progress
            As `SegmentJob.progress` gives it.
        memory_bytes
            That samples may take.
        walked
            Length that the frames should have in all, where the end is free; None: that of the path.
        """
        length = arc.length if walked is None else walked
        frames = FrameProgress.of(progress, length)
        longer = ArcMap(alphas=arc.alphas, distances=arc.distances * frames.longer)
        spacing = max(TUNING.decoded_spacing, TUNING.frames_a_decoded * length / (len(progress) - 1))
        room = int(min(memory_bytes / (latents.nbytes + colors.nbytes), MANY))
        return cls(
            arc=longer, lookahead=Lookahead.begin(latents, colors), progress=frames, spacing=spacing, room=room,
            asked=None if walked is None else walked * frames.longer,
        )  # fmt: skip

    @property
    def sampled(self) -> float:
        """About what part of the path that is walked has its samples, 0-1."""
        if self.asked is None:
            return self.lookahead.end
        return min(1.0, self.lookahead.end / float(self.arc.alpha_at(np.array([self.asked]))[0]))

    def next_block(self, most: int) -> int:
        """How many frames to make next, at most `most`: few at first."""
        left = len(self.progress.progress) - 1 - self.done
        return min(most if self.done else min(most, TUNING.first_frames), left)

    def missing_samples(self, count: int) -> Float:
        """Positions of samples that the next `count` frames still need, shape (m,), increasing, maybe empty."""
        wanted = self._frame_distances()
        covered = self._covered()
        needed = float(wanted[count - 1])
        lead = max(TUNING.lead, needed)
        if self.asked is not None:
            lead = min(lead, float(wanted[-1]))  # nobody sees what lies beyond
        spare = min(self.room - len(self.lookahead.alphas), self._allowed() - self.fresh)
        few = covered < needed
        if self.lookahead.end < 1 and (few or (spare > 0 and covered < lead - TUNING.batch * TUNING.sample_spacing)):
            # Frames that are due have their samples, whatever the limits are.
            return self._farther(wanted - covered, lead - covered, max(spare, count if few else 0))
        return self._between(needed / count)[: max(spare, 0)]

    def _allowed(self) -> int:
        """Samples that may be made before the next frames."""
        allowed: int = TUNING.first_samples * TUNING.growth**self.blocks
        return allowed

    def _farther(self, wanted: Float, least: float, most: int) -> Float:
        """Samples beyond the last one: at the predicted positions of those frames that are far enough apart.

        Parameters
        ----------
        wanted
            Real distances of the frames ahead and of the end, from the last sample.
        least
            How far samples should go.
        most
            How many there may be.
        """
        ahead, chosen = self._beyond(), [0.0]
        # Both go to the segment's end, but may not agree how far that is.
        fit = 1.0 if self.asked is not None else ahead.length / max(float(wanted[-1]), TUNING.min_gap)
        for distance in fit * wanted[wanted > 0]:
            if distance - chosen[-1] >= TUNING.sample_spacing:
                chosen.append(float(distance))
            enough = len(chosen) > TUNING.batch and chosen[-1] >= least
            if enough or len(chosen) > min(most, TUNING.at_a_time):
                return ahead.alpha_at(np.array(chosen[1:]))
        # The end is near: its sample is the next keyframe, or where the last frame is if the end is free.
        length = ahead.length if self.asked is None else min(float(wanted[-1]), ahead.length)
        end = 1.0 if length >= ahead.length else float(ahead.alpha_at(np.array([length]))[0])
        before = [distance for distance in chosen[1:] if length - distance >= TUNING.sample_spacing / 2]
        return np.append(ahead.alpha_at(np.array(before)), end)

    def _between(self, step: float) -> Float:
        """Samples where two neighbours are farther apart than intended: there the picture jumps."""
        fresh = slice(-len(self.lookahead.colors), None)
        alphas, gaps = self.lookahead.alphas[fresh], np.diff(self.lookahead.distances[fresh])
        coarse = np.diff(alphas) > 1 / (TUNING.finest * len(self.progress.progress))
        wide = (gaps > TUNING.wide * max(step, TUNING.sample_spacing)) & coarse
        middles: Float = (alphas[:-1] + alphas[1:])[wide] / 2
        return middles

    def with_samples(self, alphas: Float, latents: Array, colors: Array) -> PaceController:
        """Return the state with the samples that were missing."""
        lookahead = self.lookahead.with_samples(alphas, latents, colors)
        return replace(self, lookahead=lookahead, fresh=self.fresh + len(alphas), made=self.made + len(alphas))

    def to_decode(self) -> NDArray[np.int_]:
        """Which samples of the lookahead to decode next, to calibrate its distances; shape (m,), increasing."""
        if self.spacing > TUNING.farthest_decoded:
            return np.zeros(0, int)
        lookahead, decoded = self.lookahead, self.decoded
        first = len(lookahead.alphas) - len(lookahead.colors)
        chosen = [] if decoded else [first]
        last, after = (self._distance_of(decoded), decoded.alpha) if decoded else (lookahead.distances[first], -1.0)
        for i in range(first, len(lookahead.alphas)):
            # One more at the segment's end, if it is not too near.
            least = self.spacing / 2 if lookahead.alphas[i] == 1 else self.spacing
            if lookahead.alphas[i] > after and lookahead.distances[i] - last >= least:
                chosen.append(i)
                last = lookahead.distances[i]
        return np.array(chosen if decoded or len(chosen) > 1 else [], int)

    def _distance_of(self, decoded: DecodedSample) -> float:
        """Where a decoded sample lies now: samples put between those before it have moved it."""
        if decoded.alpha < self.lookahead.alphas[0]:
            return decoded.distance
        return float(np.interp(decoded.alpha, self.lookahead.alphas, self.lookahead.distances))

    def with_decoded(self, pictures: Array) -> PaceController:
        """Return the state with the pictures `to_decode`, as `Pictures.reduced` gives them; m of them."""
        index = self.to_decode()
        lookahead, before = self.lookahead, self.decoded
        first = len(lookahead.alphas) - len(lookahead.colors)
        colors, alphas = lookahead.colors[index - first], lookahead.alphas[index]
        if before:
            colors = joined([before.colors, colors])
            alphas = np.concatenate([[before.alpha], alphas])
            pictures = joined([before.picture, pictures])
        previewed = preview_change(colors[:-1], colors[1:])
        real = host(successive_change(pictures)).astype(np.float64)
        # Pictures that a safety checker made black tell nothing.
        known = (previewed > TUNING.min_gap) & (real > TUNING.min_gap)
        limit = TUNING.max_correction
        log_ratio = np.log(np.clip(real[known] / previewed[known], 1 / limit, limit))
        found = np.stack([((alphas[1:] + alphas[:-1]) / 2)[known], log_ratio], axis=1)
        lookahead = lookahead.calibrated(np.concatenate([lookahead.log_ratios, found]))
        last = DecodedSample(
            alpha=alphas[-1], distance=lookahead.distances[index[-1]], colors=colors[-1:], picture=pictures[-1:]
        )
        return replace(self, lookahead=lookahead, decoded=last)

    def frames(self, count: int) -> tuple[Float, Array]:
        """Positions and latents of the next frames, shape (count,) and (count, rows, columns, channels)."""
        return self.lookahead.at(self._distances(count))

    def advanced(self, measured: Float, gain: float) -> PaceController:
        """Return the state after those frames.

        Parameters
        ----------
        measured
            Change onto each frame, shape (count,); NaN where there is no frame before it.
        gain
            0 believes distances as they are, 1 learns quickly.
        """
        count = len(measured)
        distances = self._distances(count)
        shown = np.diff(distances, prepend=self.distance) * self.progress.seen[self.done : self.done + count]
        calibration, distance = self.calibration.updated(shown, measured, gain), float(distances[-1])
        lookahead = self.lookahead.without_passed(distance, self.decoded.alpha if self.decoded else 1.0)
        return replace(
            self, lookahead=lookahead, calibration=calibration, distance=distance,
            done=self.done + count, blocks=self.blocks + 1, fresh=0,
        )  # fmt: skip

    def _covered(self) -> float:
        """Real distance from the last frame to the last sample."""
        return float(self.calibration.real(np.array([self.lookahead.length - self.distance]))[0])

    def _beyond(self) -> ArcMap:
        """The map of what lies beyond the lookahead, corrected by its last samples."""
        alphas, distances = (x[-1 - TUNING.remembered :] for x in (self.lookahead.alphas, self.lookahead.distances))
        correction = MapCorrection(arc=self.arc, alpha=float(alphas[0]))
        return correction.advanced(alphas[1:], np.exp(self.calibration.mean) * np.diff(distances)).ahead()

    def _frame_distances(self) -> Float:
        """Real distances from the last frame to each one ahead, and to the end."""
        covered = self._covered()
        beyond = self._beyond().length if self.lookahead.end < 1 else 0.0
        progress = float(self.progress.progress[self.done - 1]) if self.done else 0.0
        rest = max(1 - progress, 1e-12)
        to_go: Float = (self.progress.progress[self.done :] - progress) / rest
        if self.asked is not None:  # the ratios that are learned are enough, unless the path ends before
            return to_go * min(rest * self.asked, covered + beyond)
        # Where the map is wrong on the lookahead, its error may even out farther on: the lookahead is believed little
        # by little.
        doubt = TUNING.doubt * rest * beyond / max(covered + beyond, TUNING.min_gap)
        left = doubt * rest * self.arc.length + (1 - doubt) * (covered + beyond)
        return to_go * left

    def _distances(self, count: int) -> Float:
        """Distances of the next frames on the lookahead."""
        return self.distance + self.calibration.previewed(self._frame_distances()[:count])
