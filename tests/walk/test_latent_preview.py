"""Latent previews see where and how much pictures change."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.types import Float32, Frames
from beatwalk.walk.latent_preview import LatentPreview, preview_change


def latents_and_frames(count: int, seed: int) -> tuple[Float32, Frames]:
    """Latents, 8x8 cells of 6 channels, that move six times as fast at last, and pictures that show three of them."""
    rng = np.random.default_rng(seed)
    ends = rng.standard_normal((2, 8, 8, 6))
    moved = np.concatenate([[0.0], np.cumsum(np.geomspace(1, 6, count - 1))])
    t = (3 * moved / moved[-1])[:, None, None, None]
    latents = (np.cos(t) * ends[0] + np.sin(t) * ends[1]).astype(np.float32)
    latents[..., 5] *= 30  # large, but it does not show
    frames = np.clip(128 + 25 * latents[..., :3], 0, 255).astype(np.uint8)
    return latents, frames.repeat(12, axis=1).repeat(12, axis=2)


def test_change_in_previews_is_change_in_pictures() -> None:
    """On pictures that were not fitted, slow and fast, each change is right to 8 %."""
    preview = LatentPreview.fitted(*latents_and_frames(12, seed=1))
    for seed in (2, 3, 4):
        latents, frames = latents_and_frames(12, seed=seed)
        shown, real = preview.colors(latents), successive_change(reduce_frames(frames))
        found = preview_change(shown[:-1], shown[1:])
        assert real.max() > 4 * real.min()
        np.testing.assert_allclose(found, real, rtol=0.08)


def test_channels_that_do_not_show_hardly_count() -> None:
    """Other values of three hidden channels, one of them huge, change previews a tenth as much as visible ones."""
    preview = LatentPreview.fitted(*latents_and_frames(12, seed=1))
    (latents, _), (others, _) = (latents_and_frames(12, seed=seed) for seed in (2, 3))
    hidden, visible = latents.copy(), latents.copy()
    hidden[..., 3:], visible[..., :3] = others[..., 3:], others[..., :3]
    shown = preview.colors(latents)
    by_hidden, by_visible = (preview_change(shown, preview.colors(changed)) for changed in (hidden, visible))
    assert by_hidden.max() < 0.1 * by_visible.min()


def test_neighbouring_cells_count_where_a_decoder_spreads_them() -> None:
    """Pictures blurred over the edges of their cells, as decoders make them, are predicted as well as sharp ones."""
    (known, sharp), (latents, frames) = (latents_and_frames(12, seed=seed) for seed in (1, 2))

    def spread(pictures: Frames) -> Frames:
        wide = np.pad(pictures, ((0, 0), (8, 8), (8, 8), (0, 0)), mode="edge").astype(float)
        moved = [wide[:, 2 * i : 2 * i + 96, 2 * i : 2 * i + 96] for i in range(9)]
        return np.asarray(np.mean(moved, axis=0), np.uint8)

    shown = LatentPreview.fitted(known, spread(sharp)).colors(latents)
    real = successive_change(reduce_frames(spread(frames)))
    np.testing.assert_allclose(preview_change(shown[:-1], shown[1:]), real, rtol=0.08)


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
    """With four cells that hardly differ, small weights are taken: other latents give colours near the range."""
    rng = np.random.default_rng(0)
    latents = (1 + 1e-3 * rng.standard_normal((1, 2, 2, 32))).astype(np.float32)
    frames = rng.integers(0, 256, (1, 2, 2, 3), np.uint8).repeat(32, axis=1).repeat(32, axis=2)
    others = rng.standard_normal((5, 2, 2, 32)).astype(np.float32)
    assert np.abs(LatentPreview.fitted(latents, frames).colors(others)).max() < 4
    assert np.abs(LatentPreview.fitted(latents, frames, ridge=0).colors(others)).max() > 40


def test_pictures_of_another_kind_are_fitted_again() -> None:
    """Where a hidden channel shows all at once, four pictures halve the error along the others."""
    preview = LatentPreview.fitted(*latents_and_frames(12, seed=1))

    def otherwise(seed: int) -> tuple[Float32, Frames]:
        latents, frames = latents_and_frames(12, seed=seed)
        shown = frames + 40 * np.sin(latents[..., 3:4]).repeat(12, axis=1).repeat(12, axis=2)
        return latents, np.clip(shown, 0, 255).astype(np.uint8)

    latents, frames = otherwise(2)
    again = preview.refitted(latents[::3], reduce_frames(frames[::3], preview.grid(latents)))
    latents, frames = otherwise(3)
    real = successive_change(reduce_frames(frames))
    wrong = [
        np.abs(np.log(preview_change(colors[:-1], colors[1:]) / real)).mean()
        for colors in (preview.colors(latents), again.colors(latents))
    ]
    assert wrong[1] < 0.5 * wrong[0]
    assert preview.grid(latents) == again.grid(latents) == reduce_frames(frames).shape[1:3]


def test_pictures_that_are_known_change_nothing() -> None:
    """Fitted to its own predictions, a preview stays as it is."""
    latents, frames = latents_and_frames(12, seed=1)
    preview = LatentPreview.fitted(latents, frames)
    rows, columns = preview.grid(latents)
    by_cell = preview.colors(latents).reshape(12, 8, 8, rows // 8, columns // 8, 3)
    shown = by_cell.transpose(0, 1, 3, 2, 4, 5).reshape(12, rows, columns, 3)
    np.testing.assert_allclose(preview.refitted(latents, shown).weights, preview.weights, atol=1e-5)
