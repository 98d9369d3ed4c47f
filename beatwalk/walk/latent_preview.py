"""How much pictures change, seen in their latents without decoding them.

Decoding takes a third of a picture's time, or most of it where there are few denoising steps. The difference
of latents is a poor guide, for some channels hardly show. But a picture's colours are nearly a linear function of its
latent cells: the latent previews of well-known tools rest on that. A `LatentPreview` is such a function, of a cell
and its eight neighbours, fitted to a few pictures of the same song, and then to some of the same segment. So nothing
has to be downloaded, and every model family has one. (Without the neighbours, its error in the change from frame to
frame is three times as large; without the segment's own pictures, up to twice: measured with nano.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from beatwalk.models import Array, host, joined, with_edges
from beatwalk.perception import GRID, is_tensor, reduce_frames
from beatwalk.types import Float, Float32, Frames
from beatwalk.walk.tuning import TUNING


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentPreview:
    """Linear map from a latent cell and its neighbours to the colours (OKLab) of the pixels under the cell."""

    weights: Float32  # on the host, shape (9 x channels + 1, blocks x blocks x 3); the last row is the constant
    _placed: dict[str, Array] = field(default_factory=dict, init=False, repr=False)  # the same, by device

    @classmethod
    def fitted(cls, latents: Float32, frames: Frames, ridge: float = TUNING.ridge) -> LatentPreview:
        """Fit the map to known pictures, by ridge regression.

        Parameters
        ----------
        latents
            Shape (n, rows, columns, channels).
        frames
            The pictures that these decode to, shape (n, height, width, 3).
        ridge
            Weight of small coefficients against a small error.
        """
        _, rows, columns, channels = latents.shape
        blocks = max(1, round(GRID / max(rows, columns)))
        unknown = cls(weights=np.zeros((9 * channels + 1, blocks * blocks * 3), np.float32))
        return unknown.refitted(latents, reduce_frames(frames, unknown.grid(latents)), ridge)

    def refitted(self, latents: Float32, colors: Float32, ridge: float = TUNING.refit_ridge) -> LatentPreview:
        """Fit the map to more pictures, by ridge regression of what it still gets wrong there.

        Parameters
        ----------
        latents
            Shape (n, rows, columns, channels).
        colors
            OKLab of the pictures that these decode to, averaged over the cells of `grid`.
        ridge
            Weight of small changes of coefficients against a small error.
        """
        count, rows, columns, channels = latents.shape
        blocks = self._blocks
        cells = _neighbourhoods(latents).reshape(-1, 9 * channels)
        known = np.concatenate([cells, np.ones((len(cells), 1))], axis=1).astype(np.float64)
        wanted = colors.reshape(count, rows, blocks, columns, blocks, 3).transpose(0, 1, 3, 2, 4, 5)
        error = wanted.reshape(len(known), -1) - known @ self.weights.astype(np.float64)
        square = known.T @ known
        square += np.diag(ridge * square.diagonal() + 1e-9)  # in each channel's own unit: some are far larger
        weights: Float32 = (self.weights + np.linalg.solve(square, known.T @ error)).astype(np.float32)
        return LatentPreview(weights=weights)

    def grid(self, latents: Array) -> tuple[int, int]:
        """Rows and columns of the colours of a picture with such latents."""
        rows, columns = latents.shape[1:3]
        return rows * self._blocks, columns * self._blocks

    @property
    def _blocks(self) -> int:
        """Colours a side of a latent cell."""
        return math.isqrt(self.weights.shape[1] // 3)

    def colors(self, latents: Array) -> Array:
        """Predict colours, where the latents lie; shape (n, rows, columns, channels) → (n, values)."""
        weights = self._weights(latents)
        # One at a time, because cells with their neighbours are nine times as large.
        shown = [(_neighbourhoods(one[None]) @ weights[:-1] + weights[-1]).reshape(1, -1) for one in latents]
        return joined(shown)

    def _weights(self, like: Array) -> Array:
        device = str(like.device)
        if device not in self._placed:
            self._placed[device] = like.new_tensor(self.weights) if is_tensor(like) else self.weights
        return self._placed[device]


def preview_change(before: Array, after: Array) -> Float:
    """Root mean square difference in OKLab between colours of `LatentPreview.colors`, pair by pair; shape (n,).

    `before` may be one row that is compared with all. The result is on the host.
    """
    if is_tensor(after):
        return np.asarray(np.sqrt(3 * host(((after - before) ** 2).mean(1)).astype(np.float64)))
    # Pair by pair, because a song's worth of colours in double precision would be large.
    pairs = zip(np.broadcast_to(before, after.shape), after, strict=True)
    squares = np.array([np.square(b - a, dtype=np.float64).mean() for a, b in pairs], np.float64)
    distance: Float = np.sqrt(3 * squares)  # three values a colour
    return distance


def _neighbourhoods(latents: Array) -> Array:
    """Each cell with its neighbours; at the edges, the nearest cell instead.

    Shape (n, rows, columns, channels) → (n, rows, columns, 9 x channels).
    """
    rows, columns = latents.shape[1:3]
    around = with_edges(latents)
    return joined([around[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=3)
