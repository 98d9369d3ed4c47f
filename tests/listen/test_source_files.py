"""Stems, MIDI files and curves drive a plan like the song itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk import api
from beatwalk.cli import main
from beatwalk.core import Event, Note
from beatwalk.errors import InputError, PlanError, SettingsError
from beatwalk.jobs.loop_song import repeated
from beatwalk.listen import analysis, open_audio, stems
from beatwalk.listen.stems import place_in_song, reduced
from beatwalk.plan import plan_to_json, read_plan, targets_of
from beatwalk.types import Audio, Events, Plan
from tests.songs import RATE_HZ, decaying, midi_bytes, put

PULSES_S = np.array([0.5, 1.25, 2.0, 3.5, 4.25, 6.0, 6.5, 7.75])  # irregular, so that there is one place only


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A song of ten seconds, its drums alone, its drums a second late, a MIDI file and a curve."""
    rng = np.random.default_rng(0)
    drums, pad = (np.zeros(10 * RATE_HZ) for _ in range(2))
    for at_s in PULSES_S:
        put(drums, float(at_s), rng.standard_normal(4000) * np.exp(-np.arange(4000) / 800), 0.3)
    for i, hz in enumerate((220.0, 277.0, 330.0, 262.0, 196.0)):
        put(pad, 2.0 * i, decaying((hz, 2 * hz), 2.0, 1.5), 0.2)
    soundfile.write(tmp_path / "song.wav", drums + pad, RATE_HZ)
    soundfile.write(tmp_path / "drums.wav", drums, RATE_HZ)
    soundfile.write(tmp_path / "late.wav", np.r_[np.zeros(RATE_HZ), drums], RATE_HZ)
    soundfile.write(tmp_path / "other.wav", rng.standard_normal(10 * RATE_HZ) * 0.1, RATE_HZ)
    (tmp_path / "song.mid").write_bytes(midi_bytes(bytes([96, 0x99, 36, 127, 96, 36, 0])))  # at 0.5 s, for 0.5 s
    (tmp_path / "glow.csv").write_text("time_s,value\n0,0\n10,1\n")
    return tmp_path


def planned(folder: Path, sources: dict[str, dict[str, str]], source: str, **rule: Any) -> tuple[Plan, list[str]]:
    """A plan whose hue follows a source, and what was said."""
    told: list[Event] = []
    sources = {kind: {name: str(folder / file) for name, file in named.items()} for kind, named in sources.items()}
    over = {"sources": sources, "color": {"hue": {"rules": [{"source": source, **rule}]}}, "video": {"fps": 20}}
    plan = api.plan(folder / "song.wav", ["a red sea"], overrides=[over], on_event=told.append)
    return plan, [event.text for event in told if isinstance(event, Note)]


def hue(plan: Plan) -> list[float]:
    """The target that follows the source, at 20 frames a second."""
    return [round(float(value), 3) for value in targets_of(plan).hue]


def test_a_stem_is_heard_like_a_song(folder: Path) -> None:
    """Its onsets are the drums', and nothing is said where it fits."""
    plan, told = planned(folder, {"stems": {"drums": "drums.wav"}}, "drums.onset")
    found = plan.analysis.sources["drums.onset"]
    assert isinstance(found, Events)
    assert all(np.abs(found.times_s - at_s).min() < 0.03 for at_s in PULSES_S)
    assert len(found.times_s) == len(PULSES_S)
    assert told == []
    assert [file.name for file in plan.files] == ["drums"]
    energy, _ = planned(folder, {"stems": {"drums": "drums.wav"}}, "drums.energy")
    assert max(hue(energy)) > 0.9
    assert hue(energy)[0] == 0


def test_a_stem_that_is_late_is_said_and_can_be_moved(folder: Path) -> None:
    """By cross-correlation; what is written then is right and silent."""
    _, told = planned(folder, {"stems": {"drums": "late.wav"}}, "drums.onset")
    assert told[-1] == "late.wav: it seems to be 1.00 s late; if it is, write late.wav:-1.00"
    plan, told = planned(folder, {"stems": {"drums": "late.wav:-1.00"}}, "drums.onset")
    assert not [text for text in told if "late" in text]
    found = plan.analysis.sources["drums.onset"]
    assert isinstance(found, Events)
    assert np.abs(found.times_s - 0.5).min() < 0.03
    _, told = planned(folder, {"stems": {"drums": "drums.wav:0.5"}}, "drums.onset")
    assert "it seems to be 0.50 s late" in told[-1]


def test_a_sound_that_is_not_in_the_song_is_said(folder: Path) -> None:
    """Its place cannot be checked; another length is said too."""
    _, told = planned(folder, {"stems": {"drums": "other.wav:3"}}, "drums.bass")
    assert told == [
        "other.wav: it ends at 13.0 s, but the song at 10.0 s",
        "other.wav: it is not heard in the song, so whether it begins at the right time is unknown",
    ]
    silent = folder / "silent.wav"
    soundfile.write(silent, np.zeros(3 * RATE_HZ), RATE_HZ)
    assert place_in_song(open_audio(silent), reduced(open_audio(folder / "song.wav")), 0.0) is None


def test_midi_drives_by_velocity_and_gate(folder: Path) -> None:
    """A stroke is one frame, a gate lasts as long as its note."""
    plan, told = planned(folder, {"midi": {"midi": "song.mid"}}, "midi:kick")
    assert hue(plan)[8:13] == [0, 0, 1, 0, 0]
    for name in ("midi.36.gate", "midi.gate.36"):
        gate, _ = planned(folder, {"midi": {"midi": "song.mid"}}, name)
        assert np.flatnonzero(hue(gate)).tolist() == list(range(10, 20))
    assert told == []
    _, told = planned(folder, {"midi": {"midi": "song.mid"}}, "midi.snare")
    assert told == ["song.mid: nothing of snare is in it within the song; its notes are 36"]
    _, told = planned(folder, {"midi": {"midi": "song.mid:12"}}, "midi.kick")
    assert told[0] == "song.mid: its last note ends at 13.0 s, but the song at 10.0 s"


def test_a_curve_drives_and_travels_in_the_plan(folder: Path) -> None:
    """The plan renders without the file, and says which file it was."""
    plan, _ = planned(folder, {"curves": {"glow": "glow.csv"}}, "glow", amount=10)
    assert hue(plan)[::50] == [0, 2.5, 5.0, 7.5]
    (folder / "glow.csv").unlink()
    (folder / "plan.json").write_text(json.dumps(plan_to_json(plan)))
    again = read_plan(folder / "plan.json")
    assert again.files == plan.files
    assert hue(again) == hue(plan)
    data = plan_to_json(plan)
    del data["analysis"]["sources"]
    (folder / "plan.json").write_text(json.dumps(data))
    with pytest.raises(PlanError, match=r"nothing was heard of 'glow', which color.hue uses"):
        read_plan(folder / "plan.json")


def test_what_no_rule_uses_is_said(folder: Path) -> None:
    """And is not heard."""
    plan, told = planned(folder, {"stems": {"drums": "drums.wav"}}, "energy")
    assert told == ["drums: no rule uses drums.wav"]
    assert plan.files == ()


@pytest.mark.parametrize(
    ("sources", "source", "match"),
    [
        ({}, "glow", "color.hue: no source 'glow'; known are energy"),
        ({"curves": {"glow": "glow.csv"}}, "glwo", "no source 'glwo'; did you mean 'glow'"),
        ({"curves": {"glow": "glow.csv"}}, "glow.energy", "no source 'glow.energy'; did you mean"),
        (
            {"stems": {"drums": "drums.wav"}},
            "drums",
            "'drums' is a stem; name a part of it: drums.energy, drums.bass",
        ),
        ({"stems": {"drums": "drums.wav"}}, "drums.enrgy", "did you mean 'drums.energy'"),
        ({"midi": {"midi": "song.mid"}}, "midi.snair", "no part 'snair' of a MIDI file; did you mean 'snare'"),
        ({"curves": {"energy": "glow.csv"}}, "energy", "'energy' is a source of every song"),
        ({"curves": {"My Glow": "glow.csv"}}, "energy", "expected a name of small letters"),
        ({"curves": {"x": "glow.csv"}, "midi": {"x": "song.mid"}}, "x", "name of another file already"),
        ({"curves": {"glow": "glow.csv:soon"}}, "glow", "sources.curves.glow: expected FILE or FILE:SECONDS"),
    ],
)
def test_mistakes_have_names(folder: Path, sources: dict[str, Any], source: str, match: str) -> None:
    """One line, before anything is heard."""
    with pytest.raises(SettingsError, match=match):
        planned(folder, sources, source)


def test_a_stem_is_heard_once_for_many_videos(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are planned of one song; one whose content has changed is heard again."""
    heard: list[Path] = []

    def hear_sound(audio: Audio, *, onsets: bool) -> Any:
        heard.append(audio.path)
        return analysis.hear_sound(audio, onsets=onsets)

    monkeypatch.setattr(stems, "hear_sound", hear_sound)
    song = open_audio(folder / "song.wav")
    over = {"sources": {"stems": {"drums": str(folder / "drums.wav")}}, "color": {"hue": "drums.energy"}}
    plans = [api.plan(song, ["a red sea"], overrides=[over, {"video": {"fps": fps}}]) for fps in (12, 20, 25)]
    assert heard == [folder / "drums.wav"]
    assert len({plan.files for plan in plans}) == 1
    (folder / "drums.wav").write_bytes((folder / "other.wav").read_bytes())
    changed = api.plan(song, ["a red sea"], overrides=[over])
    assert heard == [folder / "drums.wav"] * 2
    assert changed.files != plans[0].files


def test_a_stem_may_be_named_bass(folder: Path) -> None:
    """As in what separators of stems give; `bass` alone stays the song's."""
    plan, told = planned(folder, {"stems": {"bass": "drums.wav"}}, "bass.onset")
    assert isinstance(plan.analysis.sources["bass.onset"], Events)
    assert told == []


def test_a_missing_file_is_named_before_any_work(tmp_path: Path) -> None:
    """Even before the song is looked for."""
    over = {"sources": {"stems": {"drums": str(tmp_path / "none.wav")}}}
    with pytest.raises(InputError, match=r"none.wav: no such file; sources.stems.drums names it"):
        api.plan(tmp_path / "no.wav", ["a red sea"], overrides=[over])


def test_the_command_line_names_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind has its option; the names count from the current folder."""
    monkeypatch.chdir(folder)
    rules = "color.hue={rules=[{source='drums.energy'},{source='midi:36'},{source='glow'}]}"
    given = ["--stem", "drums=drums.wav", "--midi", "song.mid", "--curve", "glow=glow.csv", "--set", rules]
    (folder / "prompts.txt").write_text("a red sea\n")
    main(["plan", "song.wav", "prompts.txt", *given, "--json", "plan.json"])
    plan = read_plan(folder / "plan.json")
    assert set(plan.analysis.sources) == {"drums.energy", "midi.36", "glow"}
    assert {file.path for file in plan.files} == {folder / name for name in ("drums.wav", "song.mid", "glow.csv")}
    with pytest.raises(SystemExit):
        main(["plan", "song.wav", "prompts.txt", "--stem", "drums.wav"])


def test_a_loop_takes_its_sources_along(folder: Path) -> None:
    """Events inside the loop come once in each repetition, stretched as the beats are."""
    plan, _ = planned(folder, {"midi": {"midi": "song.mid"}}, "midi.36.gate")
    window = (0.0, 4.0)
    heard_s = np.linspace(*window, 9)
    again = repeated(plan.analysis, window, heard_s, 2.0, 4).sources["midi.36.gate"]
    assert isinstance(again, Events)
    np.testing.assert_allclose(again.times_s[:2], [0.25, 2.25])
    np.testing.assert_allclose(again.lengths_s, 0.25)
