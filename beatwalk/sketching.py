"""Sketches: how much pictures change, seen in latents, without decoding them.

Decoding takes a third to a half of a picture's time, and the steps the rest; latents of fewer steps are several times
cheaper than pictures. Their plain distance is a poor guide (some channels hardly show), but a picture's colours are
nearly a linear function of its latent cells: latent previews in the tools of the field rest on that. A `Sketcher` is
such a function, fitted to a few pictures of the very walk, so that there is nothing to download and every family of
models has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from beatwalk.motion import reduce_frames
from beatwalk.types import Float, Float32, Frames

RIDGE = 1e-3  # weight of small coefficients against a small error, where few pictures leave some undecided
GRID = 96  # colours are fitted on about so many blocks a side


@dataclass(frozen=True, kw_only=True, eq=False)
class Sketcher:
    """Linear map from a latent cell to the colours (OKLab) of the blocks of pixels that it stands for."""

    weights: Float32  # shape (channels + 1, blocks x blocks x 3); the last row is the constant

    @classmethod
    def fitted(cls, latents: Float32, frames: Frames) -> Sketcher:
        """By ridge regression.

        Parameters
        ----------
        latents : shape (n, rows, columns, channels)
        frames : the pictures that they become, shape (n, height, width, 3)
        """
        count, rows, columns, channels = latents.shape
        blocks = max(1, round(GRID / max(rows, columns)))
        colors = reduce_frames(frames, (rows * blocks, columns * blocks))
        colors = colors.reshape(count, rows, blocks, columns, blocks, 3).transpose(0, 1, 3, 2, 4, 5)
        known = _with_constant(latents.reshape(-1, channels)).astype(np.float64)
        wanted = colors.reshape(len(known), -1).astype(np.float64)
        square = known.T @ known
        square += np.diag(RIDGE * square.diagonal() + 1e-9)  # in each channel's own unit: some are far larger
        weights: Float32 = np.linalg.solve(square, known.T @ wanted).astype(np.float32)
        return cls(weights=weights)

    def colors(self, latents: Float32) -> Float32:
        """Colours as far as latents show them; shape (n, rows, columns, channels) → (n, values)."""
        count, *_, channels = latents.shape
        shown: Float32 = _with_constant(latents.reshape(-1, channels)) @ self.weights
        return shown.reshape(count, -1)


def sketch_change(before: Float32, after: Float32) -> Float:
    """Root mean square difference in OKLab between colours as `Sketcher.colors` gives them, pair by pair."""
    squares = np.square(after.astype(np.float64) - before).mean(axis=1)
    distance: Float = np.sqrt(3 * squares)  # three values a colour
    return distance


def _with_constant(cells: Float32) -> Float32:
    return np.concatenate([cells, np.ones((len(cells), 1), np.float32)], axis=1)
