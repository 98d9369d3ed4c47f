"""How much pictures change, seen in their latents without decoding them.

Decoding takes a third of a picture's time, or most of it where there are few denoising steps. The difference
of latents is a poor guide, for some channels hardly show. But a picture's colours are nearly a linear function of its
latent cells: the latent previews of well-known tools rest on that. A `LatentPreview` is such a function, of a cell
and its eight neighbours, fitted to a few pictures of the same walk. So nothing has to be downloaded, and every model
family has one. (Without the neighbours, its error in the change from frame to frame is three times as large: measured
with nano.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.perception import GRID, reduce_frames
from beatwalk.types import Float, Float32, Frames
from beatwalk.walk.tuning import TUNING


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentPreview:
    """Linear map from a latent cell and its neighbours to the colours (OKLab) of the pixels under the cell."""

    weights: Float32  # shape (9 x channels + 1, blocks x blocks x 3); the last row is the constant

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
        count, rows, columns, channels = latents.shape
        blocks = max(1, round(GRID / max(rows, columns)))
        colors = reduce_frames(frames, (rows * blocks, columns * blocks))
        colors = colors.reshape(count, rows, blocks, columns, blocks, 3).transpose(0, 1, 3, 2, 4, 5)
        known = _neighbourhoods(latents).reshape(-1, 9 * channels + 1).astype(np.float64)
        wanted = colors.reshape(len(known), -1).astype(np.float64)
        square = known.T @ known
        square += np.diag(ridge * square.diagonal() + 1e-9)  # in each channel's own unit: some are far larger
        weights: Float32 = np.linalg.solve(square, known.T @ wanted).astype(np.float32)
        return cls(weights=weights)

    def colors(self, latents: Float32) -> Float32:
        """Predict colours; shape (n, rows, columns, channels) → (n, values)."""
        shown = [(_neighbourhoods(one[None]) @ self.weights).ravel() for one in latents]
        colors: Float32 = np.stack(shown)
        return colors


def preview_change(before: Float32, after: Float32) -> Float:
    """Root mean square difference in OKLab between colours of `LatentPreview.colors`, pair by pair; shape (n,)."""
    # Pair by pair, because a song's worth of colours in double precision would be large.
    squares = [np.square(b - a, dtype=np.float64).mean() for a, b in zip(before, after, strict=True)]
    distance: Float = np.sqrt(3 * np.array(squares, np.float64))  # three values a colour
    return distance


def _neighbourhoods(latents: Float32) -> Float32:
    """Each cell with its neighbours (at the edges, the nearest cell instead) and a constant.

    Shape (n, rows, columns, channels) → (n, rows, columns, 9 x channels + 1).
    """
    count, rows, columns, _ = latents.shape
    around = np.pad(latents, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    parts = [around[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    cells: Float32 = np.concatenate([*parts, np.ones((count, rows, columns, 1), np.float32)], axis=-1)
    return cells
