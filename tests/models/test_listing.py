"""What is on disk is listed, with family, size and habits, and nothing else is touched."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from beatwalk.models import list_models
from tests.models.test_loading import hub_cache


@pytest.fixture(autouse=True)
def _inside(saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny Sana in the place of the model inside."""
    inside = types.ModuleType("beatwalk.embedded")
    inside.nano_path = lambda: saved("sana")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "beatwalk.embedded", inside)


def test_the_model_inside_comes_first(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Then what the cache holds, by name; families without a record are listed and marked."""
    hub_cache(tmp_path, "someone/turbo", saved("turbo"))
    hub_cache(tmp_path, "another/model", saved("sd"))
    other = tmp_path / "models--another--model" / "snapshots" / ("0" * 40) / "model_index.json"
    other.write_text(json.dumps(json.loads(other.read_text()) | {"_class_name": "BriaPipeline"}))
    listings = list_models(tmp_path)
    assert [each.name for each in listings] == ["nano", "another/model", "someone/turbo"]
    assert [each.family for each in listings] == ["SanaPipeline", "BriaPipeline", "StableDiffusionPipeline"]
    assert [each.walkable for each in listings] == [True, False, True]
    assert [each.steps for each in listings] == [20, None, 1]
    assert [each.size for each in listings] == [(16, 16), None, (16, 16)]
    for each in listings:
        assert each.n_bytes == sum(path.stat().st_size for path in each.path.rglob("*") if path.is_file())


def test_an_image_to_image_folder_is_listed_as_it_is_loaded(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """It is walked as text-to-image."""
    hub_cache(tmp_path, "another/model", saved("sd"))
    index = tmp_path / "models--another--model" / "snapshots" / ("0" * 40) / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"_class_name": "StableDiffusionImg2ImgPipeline"}))
    _, listing = list_models(tmp_path)
    assert (listing.family, listing.walkable, listing.steps) == ("StableDiffusionPipeline", True, 25)


def test_no_cache_is_no_trouble(tmp_path: Path) -> None:
    """A machine that never downloaded anything has the model inside."""
    assert [each.name for each in list_models(tmp_path / "nowhere")] == ["nano"]


def test_other_repositories_are_left_out(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """A language model in the cache is none of ours; a broken index is skipped."""
    hub_cache(tmp_path, "someone/language-model", saved("sd") / "text_encoder")
    hub_cache(tmp_path, "someone/broken", saved("sd"))
    (tmp_path / "models--someone--broken" / "snapshots" / ("0" * 40) / "model_index.json").write_text("{")
    assert [each.name for each in list_models(tmp_path)] == ["nano"]


def test_the_licence_is_the_cards(saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Named at its head, or not said."""
    hub_cache(tmp_path, "a/said", saved("sd"))
    hub_cache(tmp_path, "b/silent", saved("sd"))
    folder = tmp_path / "models--a--said" / "snapshots" / ("0" * 40)
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: openrail++  # mind\n---\nlicense: none\n")
    assert [each.licence for each in list_models(tmp_path)][-2:] == ["openrail++", None]
