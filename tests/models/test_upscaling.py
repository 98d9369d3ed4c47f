"""A latent upscaler makes frames twice as large, like ones alike, whatever their batch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from beatwalk import api, preflight
from beatwalk.core.files import write_json
from beatwalk.errors import BeatwalkError, ModelError, SettingsError
from beatwalk.models import check_upscaler, load_upscaler
from beatwalk.models.fake import FakeGenerator
from beatwalk.models.upscaling import Upscaler
from beatwalk.types import Frames
from beatwalk.video import probe
from tests.models import tiny
from tests.models.small_memory import SmallMemory
from tests.models.test_diffusers_backend import LEVELS, apart
from tests.models.test_image_pull import waves
from tests.songs import click_song


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny upscaler on disk."""
    return tiny.save_upscaler(tmp_path_factory.mktemp("upscaler") / "tiny")


@pytest.fixture(scope="module")
def upscaler(folder: Path) -> Upscaler:
    """It, loaded."""
    return load_upscaler(folder, device="cpu", dtype="float32")


def frames(count: int, size: tuple[int, int] = (40, 24)) -> Frames:
    """Waves that move a little from one frame to the next."""
    wide = waves((size[0] + count, size[1]))[0]
    return np.stack([wide[:, i : i + size[0]] for i in range(count)])


def test_frames_are_twice_as_large_and_depend_on_themselves_alone(upscaler: Upscaler) -> None:
    """Any size, whole batches and one by one; the same again, and the global random numbers are left alone."""
    given = frames(3)
    before = torch.random.get_rng_state()
    made = upscaler.upscale(given)
    assert made.shape == (3, 48, 80, 3)
    assert made.dtype == np.uint8
    assert made.std(axis=(1, 2, 3)).min() > 2
    assert np.array_equal(made, upscaler.upscale(given))
    for i in range(3):
        assert apart(upscaler.upscale(given[i : i + 1]), made[i : i + 1]) <= LEVELS
    assert torch.equal(before, torch.random.get_rng_state())


def test_like_frames_become_like_ones(upscaler: Upscaler) -> None:
    """The same noise for every frame: a still picture stands still, a small change stays small."""
    still = np.repeat(frames(1), 3, axis=0)
    made = upscaler.upscale(still)
    assert np.array_equal(made[0], made[1])
    nearly = still.copy()
    nearly[1, ::5, ::5] += 1
    other = waves((40, 24))[:, ::-1]
    changed, far = upscaler.upscale(nearly)[1].astype(int), upscaler.upscale(other)[0].astype(int)
    assert np.abs(changed - made[0]).mean() < 0.2 * np.abs(far - made[0]).mean()


def test_out_of_memory_halves_the_batch(upscaler: Upscaler, monkeypatch: pytest.MonkeyPatch) -> None:
    """And loses nothing."""
    given = frames(4, (16, 16))
    wanted, memory = upscaler.upscale(given), SmallMemory(room=2)
    monkeypatch.setattr(upscaler, "_larger", memory.limit(upscaler._larger))
    assert apart(upscaler.upscale(given), wanted) <= LEVELS
    assert memory.tried == [4, 2, 2]


def test_from_the_settings_to_the_video(folder: Path, tmp_path: Path) -> None:
    """With --upscale 2, in one go or afterwards; the frames that were kept stay small."""
    click_song(tmp_path / "song.wav", duration_s=2.0)
    small = {"video": {"fps": 4, "size": (64, 48), "codec": "ffv1"}}
    large = {"video": {"upscale": 2, "upscaler": str(folder)}}
    plan = api.plan(tmp_path / "song.wav", ["a red sea", "snow"], overrides=[small, large])
    made = api.render(plan, tmp_path / "a.mkv", generator=FakeGenerator(), keep_frames=True)
    assert probe(tmp_path / "a.mkv").size == (128, 96)
    assert made.stages["upscale"] > 0
    named = made.manifest["settings"]["video"]["upscaler"]  # as seen from the manifest
    assert (tmp_path / named).resolve() == folder.resolve()
    api.finish(tmp_path / "a.mkv", tmp_path / "b.mkv", overrides=[{"video": {"upscale": 1, "upscaler": None}}])
    assert probe(tmp_path / "b.mkv").size == (64, 48)
    with pytest.raises(SettingsError, match="twice as large, not 3 times"):
        api.finish(tmp_path / "a.mkv", tmp_path / "c.mkv", overrides=[{"video": {"upscale": 3}}])
    other = api.plan(tmp_path / "song.wav", ["snow"], overrides=[small, large, {"video": {"upscaler": "none"}}])
    with pytest.raises(ModelError, match="no such folder"):
        preflight.check_resumable(other, tmp_path / "d.mkv", overwrite=False)


def test_what_is_no_upscaler_is_told(folder: Path, saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Another kind of model, a folder of something else, one that lacks a part."""
    with pytest.raises(ModelError, match="this is a StableDiffusionPipeline, not a latent upscaler"):
        check_upscaler(saved("sd"))
    with pytest.raises(BeatwalkError, match="not a model"):
        check_upscaler(tmp_path)
    write_json(tmp_path / "model_index.json", json.loads((folder / "model_index.json").read_text()))
    with pytest.raises(ModelError, match="is missing"):
        check_upscaler(tmp_path)
