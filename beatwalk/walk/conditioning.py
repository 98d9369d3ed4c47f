"""Text between keyframes: straight lines and splines through the text encoder's embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Conditioning, Float
from beatwalk.walk.noise import cubic_weights, lerp


def mix_conditioning(a: Conditioning, b: Conditioning, t: Float) -> Conditioning:
    """Mix the text of one keyframe (one row) with that of the next (one row) on straight lines.

    Embeddings, unlike noise, have no norm worth keeping: padding and attention train models on their linear mixtures.
    A token counts where it counts in either text, except at the ends, which keep their own masks.
    """
    t = np.asarray(t, np.float64)
    tensors = {name: lerp(a.tensors[name][0], b.tensors[name][0], t) for name in a.tensors}
    return Conditioning(tensors=tensors, masks=_joined_masks(a, b, t))


def bend_conditioning(
    before: Conditioning, a: Conditioning, b: Conditioning, after: Conditioning, t: Float
) -> Conditioning:
    """Like `mix_conditioning`, on a Catmull-Rom spline that also knows the keyframes before and after.

    The spline comes from `before` and continues to `after`, so it turns smoothly at keyframes, where straight lines
    have corners. Where there is no keyframe beyond an end, give the end itself.
    """
    t = np.asarray(t, np.float64)
    weights = (cubic_weights(t) / 2).astype(np.float32)
    tensors = {}
    for name in a.tensors:
        points = np.stack([text.tensors[name][0] for text in (before, a, b, after)])
        tensors[name] = np.tensordot(weights, points, axes=1)
    return Conditioning(tensors=tensors, masks=_joined_masks(a, b, t))


def _joined_masks(a: Conditioning, b: Conditioning, t: Float) -> dict[str, NDArray[np.int64]]:
    masks = {}
    for name in a.masks:
        joined = np.maximum(a.masks[name], b.masks[name])
        masks[name] = np.where(
            (t <= 0)[:, None], a.masks[name], np.where((t >= 1)[:, None], b.masks[name], joined)
        ).astype(np.int64)
    return masks
