"""Songs of made-up forms: sections where the form says, equal letters alike, voices of one band."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from beatwalk.listen import MidiNote
from beatwalk.training.ears import forms, mma
from beatwalk.training.ears.forms import draw_form, found_boundaries_s, in_one_band, main, write_songs
from beatwalk.training.ears.mma import Style
from beatwalk.training.ears.score import Note, Score
from beatwalk.training.ears.sources import MOST_VOICES, Sources

STYLES = [Style(name, ("A", "B"), 4, 4, "4/4") for name in ("rock", "swing")]


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    """A drum on every beat and a note on every bar; groove B has another pitch and another instrument."""

    def compile_mma(text: str) -> list[MidiNote]:
        program, pitch = (0, 60) if ":A" in text else (48, 67)
        notes = [MidiNote(float(at), 0.5, 36, 100, 9, 0) for at in range(200)]
        return notes + [MidiNote(4.0 * bar, 3.9, pitch, 90, 1, program) for bar in range(50)]

    monkeypatch.setattr(mma, "compile_mma", compile_mma)
    return Sources(styles=STYLES, apart=True)


@pytest.mark.parametrize("seed", range(12))
def test_a_form_is_played_in_its_order(sources: Sources, seed: int) -> None:
    """Each section begins on a bar, equal letters have equal music, and the song is as long as all of them."""
    song, starts, bpm = draw_form(np.random.default_rng(seed), sources)
    form, style = song.genre.split(": ")
    assert style in {"rock", "swing"}
    assert len(starts) == len(form) - 1
    assert set(starts) <= set(song.downbeats)
    assert song.n_beats * 60 / bpm < 240
    ends = [0, *starts, song.n_beats]
    music: dict[str, set[object]] = {}
    for letter, (begin, end) in zip(form, itertools.pairwise(ends), strict=True):
        notes = tuple((n.at - begin, n.pitch, n.velocity, n.voice) for n in song.notes if begin <= n.at < end)
        hits = tuple((h.at - begin, h.drum, h.velocity) for h in song.hits if begin <= h.at < end)
        assert (end - begin) * 60 / bpm > 7
        music.setdefault(letter, set()).add((notes, hits, end - begin))
    assert all(len(kinds) == 1 for kinds in music.values())
    assert len(set.union(*music.values())) == len(music)


def test_voices_of_a_band_keep_their_instruments() -> None:
    """Equal programs of a role share a voice across sections, two of one section do not."""

    def section(programs: dict[str, int]) -> Score:
        notes = [Note(0.0, 1.0, 60, 90, voice) for voice in programs]
        return Score(n_beats=4, downbeats=[0], programs=programs, notes=notes)

    one, two = in_one_band([section({"chords 0": 0, "bass 0": 33}), section({"chords 0": 24, "chords 1": 0})])
    assert sorted(one.programs.values()) == [0, 33]
    piano, guitar = (
        {v for v, p in score.programs.items() if p == program} for score, program in ((one, 0), (two, 24))
    )
    assert piano < set(two.programs)
    assert not guitar & set(one.programs)
    assert [note.voice for note in two.notes] == list(two.programs)
    (twins,) = in_one_band([section({"chords 0": 24, "chords 1": 24})])
    assert len(twins.programs) == 2


def test_too_many_voices_are_refused(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A band that MIDI has no channels for is drawn again, and not for ever."""
    monkeypatch.setattr(forms, "MOST_VOICES", 0)
    with pytest.raises(RuntimeError, match="0 voices"):
        draw_form(np.random.default_rng(0), sources)
    assert MOST_VOICES == 15


def test_boundaries_are_measured(sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """Songs are played once; a finder that knows the truth has F 100, and one that is 2 s late has it within 3 s."""
    monkeypatch.setattr(forms, "gathered", lambda *_, **__: sources)
    write_songs(tmp_path, sources, 2)
    truth = {path.stem: np.array(json.loads(path.read_text())["boundaries"]) for path in tmp_path.glob("*.json")}
    assert sorted(truth) == ["000", "001"]
    before = (tmp_path / "000.flac").stat().st_mtime_ns
    arguments = ["--out", str(tmp_path), "--mma", str(tmp_path), "--songs", "2"]
    monkeypatch.setattr(forms, "found_boundaries_s", lambda song: truth[song.stem] + 2.0)
    main(arguments)
    told = capsys.readouterr().out
    assert "within 0.5 s: F 0.0, precision 0.0, recall 0.0" in told
    assert "within 3 s: F 100.0, precision 100.0, recall 100.0" in told
    assert (tmp_path / "000.flac").stat().st_mtime_ns == before


def test_the_first_section_begins_at_no_boundary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Boundaries that were found are the beginnings of all sections but the first."""
    sections = [SimpleNamespace(start_s=start_s) for start_s in (0.0, 8.5, 17.0)]
    monkeypatch.setattr(forms, "analyze", lambda _: SimpleNamespace(sections=sections))
    assert found_boundaries_s(tmp_path / "song.flac").tolist() == [8.5, 17.0]
