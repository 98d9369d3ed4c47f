"""The look over HTTP: what is refused before it is saved, sources of files, any source drawn over the waveform."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from fastapi.testclient import TestClient

from beatwalk.expressions import FUNCTIONS
from beatwalk.listen.stems import STEM_PARTS
from beatwalk.web import hearing
from tests.web.conftest import client_of, make_known

KNOWN = "/api/projects/known"


def tried(client: TestClient, **hue: Any) -> str:
    """What is said of settings of the hue that a person tries; "" where nothing is wrong."""
    answer = client.post(f"{KNOWN}/settings/check", json={"settings": {"color": {"hue": hue}}})
    if answer.status_code == 204:
        return ""
    assert answer.status_code == 422
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("hue", "why"),
    [
        ({"expression": "0.1 + "}, "color.hue.expression: column 6"),
        ({"expression": "enrgy"}, "did you mean 'energy'"),
        ({"expression": "section('Z')"}, "its sections are A, B"),
        ({"rules": [{"source": "lfo(bars=4"}]}, "color.hue.rules.0.source"),
        ({"rules": [{"source": "drums.energy"}]}, "no source 'drums.energy'"),
        ({"rules": [{"source": "beat", "attack_ms": 99_999}]}, "at most 10000"),
        ({"rules": [{"source": "beat", "smooth": {"hz": 0}}]}, "smooth.hz"),
        ({"rules": [{"source": "beat", "offset_beats": 20}]}, "at most 16"),
    ],
)
def test_what_cannot_be_meant_is_refused(known: TestClient, hue: dict[str, Any], why: str) -> None:
    """In the engine's own words, and nothing is saved."""
    revision = known.get(KNOWN).json()["revision"]
    assert why in tried(known, **hue)
    assert known.get(KNOWN).json()["revision"] == revision


def test_what_was_wrong_before_is_not_said_of_another_field(known: TestClient) -> None:
    """A section that was renamed breaks one expression; the others can still be changed."""
    wrong = {"settings": {"color": {"hue": {"expression": "section('Z')"}}}}
    assert known.patch(KNOWN, json=wrong).status_code == 200
    exposure = {"settings": {"color": {"exposure": {"expression": "0.3*energy"}}}}
    assert known.post(f"{KNOWN}/settings/check", json=exposure).status_code == 204
    assert tried(known, expression="section('A')") == ""


def test_sources_of_files_can_be_chosen(tmp_path: Path) -> None:
    """Those that the project's preset names are listed, checked and drawn; others are not opened."""
    folder = make_known(tmp_path / "projects")
    (folder / "preset.toml").write_text('[video]\nfps = 8\nsize = "64x48"\n[sources.stems]\ndrums = "song.wav"\n')
    with client_of(tmp_path) as client:
        assert client.get(KNOWN).json()["file_sources"] == [f"drums.{part}" for part in STEM_PARTS]
        assert tried(client, rules=[{"source": "drums.onset"}]) == ""
        assert "drums.energy" in tried(client, rules=[{"source": "drums.enrgy"}])
        drawn = client.get(f"{KNOWN}/sources/drums.energy")
        assert drawn.status_code == 200, drawn.text
        values = np.frombuffer(drawn.content, np.uint8)
        assert len(values) == pytest.approx(20 * float(drawn.headers["x-rate-hz"]), rel=0.05)
        assert values.max() > 200


@pytest.mark.parametrize("source", ["energy", "beat", "bar_phase", "section"])
def test_any_source_is_drawn(known: TestClient, source: str) -> None:
    """Over the whole song; beats stand half a second apart."""
    drawn = known.get(f"{KNOWN}/sources/{source}")
    values, rate_hz = np.frombuffer(drawn.content, np.uint8), float(drawn.headers["x-rate-hz"])
    assert len(values) == pytest.approx(20 * rate_hz, rel=0.05)
    if source == "beat":
        assert set(np.diff(np.flatnonzero(values == 255))) == {rate_hz / 2}
    assert known.get(f"{KNOWN}/sources/{source}x").status_code == 422


def test_the_words_of_expressions_are_told(client: TestClient) -> None:
    """Every function with an example."""
    told = client.get("/api/options").json()["functions"]
    assert [one["name"] for one in told] == list(FUNCTIONS)
    assert all(one["text"] and one["example"] for one in told)


def test_librosa_is_loaded_when_somebody_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the background and once, so that neither a song nor the first tap waits for it."""
    make_known(tmp_path / "projects")
    loaded = threading.Semaphore(0)
    monkeypatch.setattr(hearing, "LOAD_AFTER_S", 0.0)
    monkeypatch.setattr(hearing, "import_librosa", loaded.release)
    with client_of(tmp_path) as client:
        assert not loaded.acquire(timeout=0.2)
        for _ in range(2):
            client.get(KNOWN)
            client.get("/api/projects")
        assert loaded.acquire(timeout=20)
        assert not loaded.acquire(timeout=0.2)
