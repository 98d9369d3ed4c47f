"""Latent previews see where and how much pictures change."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.types import Float32, Frames
from beatwalk.walk.latent_preview import LatentPreview, preview_change


def latents_and_frames(count: int, seed: int) -> tuple[Float32, Frames]:
    """Smoothly moving latents, 8x8 cells of 6 channels, and pictures in whose colours three of them show."""
    rng = np.random.default_rng(seed)
    ends = rng.standard_normal((2, 8, 8, 6))
    t = np.linspace(0, 1, count)[:, None, None, None]
    latents = (np.cos(t) * ends[0] + np.sin(t) * ends[1]).astype(np.float32)
    latents[..., 5] *= 30  # large, and not to be seen
    frames = np.clip(128 + 25 * latents[..., :3], 0, 255).astype(np.uint8)
    return latents, frames.repeat(12, axis=1).repeat(12, axis=2)


def test_change_in_sketches_is_change_in_pictures() -> None:
    """On pictures that it has not seen, within a few percent; what does not show hardly counts."""
    preview = LatentPreview.fitted(*latents_and_frames(12, seed=1))
    latents, frames = latents_and_frames(12, seed=2)
    shown = preview.colors(latents)
    found = preview_change(shown[:-1], shown[1:])
    np.testing.assert_allclose(found, successive_change(reduce_frames(frames)), rtol=0.2)
    hidden = latents.copy()
    hidden[..., 5] += 50
    assert preview_change(shown, preview.colors(hidden)).max() < 0.15 * found.sum()


def test_neighbouring_cells_count_where_a_decoder_spreads_them() -> None:
    """Pictures blurred over the edges of their cells, as decoders make them, are predicted as well as sharp ones."""
    (known, sharp), (latents, frames) = (latents_and_frames(12, seed=seed) for seed in (1, 2))

    def spread(pictures: Frames) -> Frames:
        wide = np.pad(pictures, ((0, 0), (8, 8), (8, 8), (0, 0)), mode="edge").astype(float)
        return sum(wide[:, 2 * i : 2 * i + 96, 2 * i : 2 * i + 96] for i in range(9)).__truediv__(9).astype(np.uint8)

    shown = LatentPreview.fitted(known, spread(sharp)).colors(latents)
    real = successive_change(reduce_frames(spread(frames)))
    np.testing.assert_allclose(preview_change(shown[:-1], shown[1:]), real, rtol=0.2)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (9, 16), (128, 128)])
def test_any_grid_will_do(rows: int, columns: int) -> None:
    """Few cells and many, square and wide."""
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((3, rows, columns, 4)).astype(np.float32)
    frames = rng.integers(0, 255, (3, rows * 8, columns * 8, 3), np.uint8)
    shown = LatentPreview.fitted(latents, frames).colors(latents)
    assert np.isfinite(shown).all()
    assert len(shown) == 3


def test_few_pictures_do_not_run_away() -> None:
    """With more channels than cells, small weights are taken: other latents still give colours."""
    rng = np.random.default_rng(0)
    preview = LatentPreview.fitted(
        rng.standard_normal((1, 2, 2, 32)).astype(np.float32), np.zeros((1, 64, 64, 3), np.uint8)
    )
    assert np.abs(preview.colors(rng.standard_normal((5, 2, 2, 32)).astype(np.float32))).max() < 1
