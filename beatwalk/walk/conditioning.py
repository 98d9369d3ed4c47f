"""Text between keyframes: straight lines and splines through the text encoder's embeddings.

Rows are mixed when a batch of them is needed. Text may be large: with 512 tokens of 4096 numbers, a row has 8 MB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.models import MixedText
from beatwalk.types import Conditioning, Float
from beatwalk.walk.noise import cubic_weights


def mix_conditioning(a: Conditioning, b: Conditioning, t: Float) -> MixedText:
    """Mix the text of one keyframe (one row) with that of the next (one row) on straight lines.

    Embeddings, unlike noise, have no norm worth keeping: padding and attention train models on their linear mixtures.
    A token counts where it counts in either text, except at the ends, which keep their own masks.
    """
    t = np.asarray(t, np.float64)
    return MixedText(texts=(a, b), weights=np.stack([1 - t, t], axis=1), masks=_joined_masks(a, b, t))


def mix_through(a: Conditioning, halfway: tuple[Conditioning, Conditioning], b: Conditioning, t: Float) -> MixedText:
    """Like `mix_conditioning`, on two straight lines that meet at the middle of two other texts."""
    t = np.asarray(t, np.float64)
    from_a, to_b = np.maximum(1 - 2 * t, 0), np.maximum(2 * t - 1, 0)
    middle = (1 - from_a - to_b) / 2
    rows = [a, *halfway, b]
    masks = {name: np.maximum.reduce([row.masks[name] for row in rows]) for name in a.masks}
    inside = {
        name: np.where((t <= 0)[:, None], a.masks[name], np.where((t >= 1)[:, None], b.masks[name], mask))
        for name, mask in masks.items()
    }
    return MixedText(
        texts=(a, *halfway, b),
        weights=np.stack([from_a, middle, middle, to_b], axis=1),
        masks={name: mask.astype(np.int64) for name, mask in inside.items()},
    )


def bend_conditioning(
    before: Conditioning, a: Conditioning, b: Conditioning, after: Conditioning, t: Float
) -> MixedText:
    """Like `mix_conditioning`, on a Catmull-Rom spline that also knows the keyframes before and after.

    The spline comes from `before` and continues to `after`, so it turns smoothly at keyframes, where straight lines
    have corners. Where there is no keyframe beyond an end, give the end itself.
    """
    t = np.asarray(t, np.float64)
    texts = (before, a, b, after)
    return MixedText(texts=texts, weights=cubic_weights(t) / 2, masks=_joined_masks(a, b, t))


def _joined_masks(a: Conditioning, b: Conditioning, t: Float) -> dict[str, NDArray[np.int64]]:
    masks = {}
    for name in a.masks:
        joined = np.maximum(a.masks[name], b.masks[name])
        masks[name] = np.where(
            (t <= 0)[:, None], a.masks[name], np.where((t >= 1)[:, None], b.masks[name], joined)
        ).astype(np.int64)
    return masks
