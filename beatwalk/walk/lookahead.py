"""A strip: the stretch of a walk just ahead, as latents, on which frames are placed by how much they will change.

Where a picture changes much along a walk, and where little, a few probes cannot tell: its speed may double within two
or three frames. But it shows in latents, before the dearer part, decoding, is paid for. So a walk is first denoised
at **knots**, a quick frame's change apart; between neighbours, which hardly differ, latents go on straight lines;
each frame is put where the length on that strip is what the music asks for, and decoded (`beatwalk.walk.controller`).

Knots need not be closer than the eye can tell. So slow passages have fewer knots than frames: they cost less, and the
rounding errors of half precision, that would make slow frames tremble, are spread over all frames between two knots.
A strip has corners at its knots, and a frame's change is a chord across them: see `Way`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from beatwalk.types import Float, Float32
from beatwalk.walk.arc import MIN_GAP
from beatwalk.walk.latent_preview import sketch_change

# Perceived change between knots, at least. Halfway between two so far apart, a straight line's picture and a denoised
# one differ by 0.0018, as at half the distance: that is half precision's rounding (nano, 51 dB; fine detail -0.7 %).
KNOT = 0.016
CORNER = 0.1  # by so much what knots show of a way, and frames as far apart, is shorter than it; measured with nano


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
    # positions, and the logarithm of real by sketched change there, shape (marks, 2)
    worth: Float = field(default_factory=lambda: np.zeros((0, 2)))

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

    def ahead_of(self, length: float, since: float) -> Strip:
        """Without the knots that lie wholly behind a place.

        Colours are kept from the position `since` on: there lengths may still change. Those of knots that lie behind
        the place, and the last one's before it, do not.
        """
        count = len(self.alphas)
        first = min(max(0, int(np.searchsorted(self.lengths, length, side="right")) - 1), count - 1)
        behind = max(np.searchsorted(self.lengths, length), np.searchsorted(self.alphas, since))
        colored = min(max(int(behind), count - len(self.colors)), count - 1)
        return replace(
            self,
            alphas=self.alphas[first:],
            latents=self.latents[first:],
            colors=self.colors[colored - count :],
            lengths=self.lengths[first:],
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
