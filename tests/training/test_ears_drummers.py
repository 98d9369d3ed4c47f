"""Drummers: their strokes keep their places, and they play where their metre and tempo fit."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from beatwalk.listen import MidiNote
from beatwalk.training.ears import mma
from beatwalk.training.ears.drummers import Drumming, read_drummers
from beatwalk.training.ears.mma import Style
from beatwalk.training.ears.score import HAT, KICK, SNARE, Hit
from beatwalk.training.ears.soundfont import midi
from beatwalk.training.ears.sources import Sources, gathered
from beatwalk.training.ears.synth import Sound

HEADER = "style,bpm,beat_type,time_signature,midi_filename,id\n"


def drumming(metre: int = 4, bpm: float = 100.0, *, compound: bool = False) -> Drumming:
    """Eight bars: a kick at the beginning of each, and in the last a snare a little late on the second beat."""
    hits = [Hit(float(bar * metre), KICK, 100) for bar in range(8)]
    return Drumming("rock (1)", bpm, metre, compound, 8, (*hits, Hit(7 * metre + 1.02, SNARE, 90)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset in which a bar of four, of three and of six is played eight times, and a fill once."""
    for name, quarters, n_bars in (("four", 4, 8), ("three", 3, 8), ("six", 3, 8), ("fill", 4, 1), ("five", 5, 8)):
        kicks = [Sound(quarters * bar + 0.01, 0.1, KICK, 100, "drums") for bar in range(n_bars)]
        hats = [Sound(float(at), 0.1, 22, 80, "drums") for at in range(quarters * n_bars)]
        (tmp_path / f"{name}.mid").write_bytes(midi(sorted([*kicks, *hats], key=lambda s: s.at_s), {}, {}))
    rows = (
        "rock,100,beat,4-4,four.mid,1\njazz,150,beat,3-4,three.mid,2\nsoul,90,beat,6-8,six.mid,3\n"
        "rock,100,fill,4-4,four.mid,4\nrock,100,beat,4-4,fill.mid,5\nrock,100,beat,5-4,five.mid,6\n"
    )
    (tmp_path / "info.csv").write_text(HEADER + rows, encoding="utf-8")
    return tmp_path


def test_the_dataset_is_read(folder: Path) -> None:
    """Beats of six eighths are dotted quarters; fills, what is short and rare metres are left out."""
    played = read_drummers(folder)
    assert [d.name for d in played] == ["rock (1)", "jazz (2)", "soul (3)"]
    assert [(d.metre, d.compound, d.bpm, d.n_bars) for d in played] == [
        (4, False, 100.0, 8),
        (3, False, 150.0, 8),
        (2, True, 60.0, 8),
    ]
    assert [hit.at for hit in played[2].hits if hit.drum == KICK] == pytest.approx(
        [(3 * bar + 0.01) / 1.5 for bar in range(8)]
    )
    assert {hit.drum for d in played for hit in d.hits} == {KICK, HAT}


def test_drummers_are_training_s_alone(folder: Path) -> None:
    """None is in the sources of the validation set."""
    assert len(gathered(groove=folder).drummers) == 3
    assert not gathered(groove=folder, apart=True).drummers


@pytest.mark.parametrize("n_bars", [3, 8, 21])
def test_bars_stay_whole(n_bars: int) -> None:
    """From whichever bar it begins and however often it starts again: kicks on every bar, the snare as late."""
    for seed in range(8):
        score = drumming().play(np.random.default_rng(seed), n_bars)
        assert [hit.at for hit in score.hits if hit.drum == KICK] == score.downbeats == list(range(0, 4 * n_bars, 4))
        snares = [hit.at for hit in score.hits if hit.drum == SNARE]
        assert len(snares) in (n_bars // 8, n_bars // 8 + 1)
        assert all(at % 4 == pytest.approx(1.02) for at in snares)
        assert all(b - a == pytest.approx(32) for a, b in itertools.pairwise(snares))


def test_they_play_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a band of the same metre, at a tempo of both, and never in another metre or far faster."""

    def compile_mma(text: str) -> list[MidiNote]:
        return [MidiNote(float(at), 0.5, 60, 100, 1, 33) for at in range(400)]

    monkeypatch.setattr(mma, "compile_mma", compile_mma)
    monkeypatch.setattr(Style, "bpm", property(lambda self: (110, 200)))
    band = Style("band", ("A",), 4, 4, "4/4")
    sources = Sources(styles=[band], drummers=[drumming(), drumming(3), drumming(bpm=80)])
    drummed = 0
    for seed in range(20):
        score, bpm = sources._mixed(np.random.default_rng(seed), band, 20.0)
        assert score.n_beats >= 20 * bpm / 60
        if score.hits:
            drummed += 1
            assert 110 <= bpm <= 120
            assert {hit.at % 4 for hit in score.hits if hit.drum == KICK} == {0}
            assert score.genre == "band and rock (1)"
    assert 4 <= drummed <= 16


def test_some_play_alone() -> None:
    """Nothing but drums, in any metre, and at about the tempo that they were played at."""
    sources = Sources(drummers=[drumming(), drumming(3)])
    alone = [sources._solo(np.random.default_rng(seed), 20.0) for seed in range(10)]
    assert {score.metre for score, _ in alone} == {3, 4}
    assert all(not score.notes and score.n_beats >= 20 * bpm / 60 and 83 < bpm < 121 for score, bpm in alone)
    genres = [sources.draw(np.random.default_rng(seed), 10.0)[0].genre for seed in range(200)]
    assert 0 < genres.count("rock (1)") < 20
