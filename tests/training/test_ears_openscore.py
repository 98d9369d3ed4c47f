"""Scores of OpenScore: composers have the corpus's names, and those apart are never read."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from beatwalk.training.ears import openscore
from beatwalk.training.ears.corpus import read_tunes
from beatwalk.training.ears.openscore import CORPORA, composer_of, main, read_scores
from beatwalk.training.ears.score import Note, Score
from beatwalk.training.ears.sources import is_apart
from beatwalk.training.ears.tunes import Tune


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Schumann,_Clara", "schumann_clara"),
        ("Schumann,_Robert", "schumann_robert"),
        ("Schubert,_Franz", "schubert"),
        ("Beethoven,_Ludwig_van", "beethoven"),
        ("Fauré,_Gabriel", "faure_gabriel"),
        ("Poldowski", "poldowski"),
        ("Carpenter,_John Alden", "carpenter_john_alden"),
    ],
)
def test_composers_have_one_name(folder: str, name: str) -> None:
    """The corpus's where it has one, else last and first name without accents."""
    assert composer_of(folder) == name


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve songs by Brahms, one by Clara Schumann, one by Wolf, and one that cannot be read."""
    names = [("Brahms,_Johannes", f"song {n}") for n in range(12)]
    names += [("Schumann,_Clara", "lied"), ("Lang,_Josephine", "lied"), ("Lang,_Josephine", "broken")]
    for composer, song in names:
        (tmp_path / composer / "_" / song).mkdir(parents=True)
        (tmp_path / composer / "_" / song / "a.mxl").write_bytes(b"")
    score = Score(n_beats=8, downbeats=[0, 4], programs={"tune 0": 0}, notes=[Note(0.0, 1.0, 60, 88, "tune 0")])

    def parse(path: str) -> str:
        if "broken" in path:
            raise ValueError("no bars")
        return path

    def to_tune(_: str, title: str, collection: str) -> Tune:
        return Tune(title=title, collection=collection, metre="4/4", score=score, bpm=(60, 165))

    monkeypatch.setitem(sys.modules, "music21.converter", SimpleNamespace(parse=parse))
    monkeypatch.setitem(sys.modules, "music21.exceptions21", SimpleNamespace(Music21Exception=RuntimeError))
    monkeypatch.setattr(openscore, "to_tune", to_tune)
    return tmp_path


def test_songs_are_read_once(scores: Path, tmp_path: Path) -> None:
    """Composers of many songs are collections; those apart are left out, as is what music21 cannot read."""
    assert is_apart("schumann_clara")
    tunes = list(read_scores(scores, "lieder"))
    assert [tune.collection for tune in tunes] == ["brahms_johannes"] * 12 + ["lieder"]
    main(["--scores", str(scores), "--name", "lieder", "--out", str(tmp_path / "tunes")])
    rows = json.loads((tmp_path / "tunes" / "lieder.json").read_text(encoding="utf-8"))
    assert [row["title"] for row in rows] == [tune.title for tune in tunes]
    assert len(read_tunes(tmp_path / "tunes")) == 13


def test_what_is_taken_of_a_composer_is_spread_evenly(scores: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first and the last are among them, and neighbours are equally far apart."""
    few = replace(CORPORA["lieder"], most=4)
    monkeypatch.setattr(openscore, "CORPORA", {"lieder": few})
    tunes = [tune.title for tune in read_scores(scores, "lieder") if tune.collection == "brahms_johannes"]
    by_name = sorted(f"song {n}" for n in range(12))
    assert tunes == [by_name[at] for at in (0, 4, 7, 11)]


def test_others_are_training_s() -> None:
    """The collections of composers of few scores belong to no validation set."""
    assert not any(is_apart(name) for name in CORPORA)


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    """It says where they are."""
    with pytest.raises(FileNotFoundError, match="OpenScore"):
        next(read_scores(tmp_path, "quartets"))
