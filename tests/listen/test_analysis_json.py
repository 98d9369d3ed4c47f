"""An analysis survives its file; a person's mistakes are named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import OutputError, PlanError
from beatwalk.listen import analysis_from_json, analysis_to_json, read_analysis, write_analysis
from beatwalk.listen.analysis import analyze_audio
from beatwalk.listen.analysis_json import as_stored
from beatwalk.types import Analysis
from tests.helpers import known_analysis
from tests.songs import audio_of, groove


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """The analysis of a groove."""
    path = tmp_path_factory.mktemp("song") / "groove.wav"
    path.write_bytes(b"bytes to be fingerprinted")
    return analyze_audio(audio_of(groove(120, 12.0), path))


@pytest.fixture
def data() -> dict[str, Any]:
    """A small analysis as JSON."""
    return analysis_to_json(known_analysis())


def test_round_trip(heard: Analysis, tmp_path: Path) -> None:
    """What is read is what was written, to 0.1 ms, and reads the same the second time."""
    path = tmp_path / "song.json"
    write_analysis(heard, path)
    again = read_analysis(path)
    assert analysis_to_json(again) == analysis_to_json(heard) == json.loads(path.read_text(encoding="utf-8"))
    assert again.song == heard.song
    np.testing.assert_allclose(again.beats_s, heard.beats_s, atol=6e-5)
    assert np.isin(again.downbeats_s, again.beats_s).all()
    assert again.sections[-1].end_s == again.duration_s
    assert not again.beats_s.flags.writeable


def test_as_stored_is_what_a_file_gives_back(heard: Analysis, tmp_path: Path) -> None:
    """To the last bit: a plan from a file then gives the pictures that the plan in memory gave."""
    stored = as_stored(heard)
    write_analysis(stored, tmp_path / "song.json")
    again = read_analysis(tmp_path / "song.json")
    assert not np.array_equal(heard.onset_strength, stored.onset_strength)
    for name in ("beats_s", "beat_confidence", "downbeats_s", "onsets_s", "onset_strength", "tempo_curve"):
        np.testing.assert_array_equal(getattr(again, name), getattr(stored, name))
    for name, curve in stored.curves.items():
        np.testing.assert_array_equal(again.curves[name].values, curve.values)


def test_keys_that_other_programs_rely_on(data: dict[str, Any]) -> None:
    """The keys of the design are there and the numbers are rounded."""
    assert {"version", "song", "tempo_bpm", "tempo_curve", "beats_per_bar", "beats", "downbeats", "onsets"} <= set(
        data
    )
    assert set(data["song"]) == {"path", "sha256", "duration_s", "sample_rate", "channels"}
    assert set(data["sections"][0]) == {"start", "end", "label"}
    assert all(beat == round(beat, 4) for beat in data["beats"])


def test_only_song_and_beats_are_needed(data: dict[str, Any]) -> None:
    """Everything but song and beats has a default."""
    found = analysis_from_json({"song": data["song"], "beats": [0.5, 1, 1.5, 2, 2.5, 3]}, "edited.json")
    assert found.tempo_bpm == pytest.approx(120)
    assert found.downbeats_s.tolist() == [0.5, 2.5]
    assert found.beat_confidence.tolist() == [1] * 6
    assert [(part.start_s, part.end_s, part.label) for part in found.sections] == [(0, found.duration_s, "A")]
    assert found.drop_s is None
    assert found.curves == {}


def test_beats_per_bar_as_one_number(data: dict[str, Any]) -> None:
    """A waltz can be declared with `beats_per_bar: 3`."""
    del data["downbeats"]
    found = analysis_from_json(data | {"beats_per_bar": 3}, "x")
    assert np.array_equal(found.downbeats_s, found.beats_s[::3])
    assert found.beats_per_bar[0] == 3


def test_edited_beats_need_no_edited_companions(data: dict[str, Any]) -> None:
    """Without one beat, confidence and bars no longer fit and are replaced."""
    beats = data["beats"]
    found = analysis_from_json(data | {"beats": beats[:1] + beats[2:]}, "x")
    assert len(found.beat_confidence) == len(beats) - 1
    assert found.beats_per_bar[0] == 3


def test_downbeats_snap_to_beats(data: dict[str, Any]) -> None:
    """A downbeat within 50 ms of a beat means that beat."""
    found = analysis_from_json(data | {"downbeats": [0.04, 1.97]}, "x")
    assert found.downbeats_s.tolist() == [0.0, 2.0]


def test_sections_without_ends(data: dict[str, Any]) -> None:
    """A missing end is the next start."""
    found = analysis_from_json(data | {"sections": [{"start": 0, "label": "A"}, {"start": 8, "label": "hook"}]}, "x")
    assert [(part.start_s, part.end_s) for part in found.sections] == [(0, 8), (8, found.duration_s)]


def test_no_beats_no_tempo(data: dict[str, Any]) -> None:
    """A song without beats is legal."""
    found = analysis_from_json(data | {"beats": [], "downbeats": []}, "x")
    assert found.tempo_bpm == 0
    assert not len(found.beats_per_bar)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"beats": [1, 3, 2]}, '"beats", entry 3 is 2 s, expected a time after entry 2 at 3 s'),
        ({"beats": [-1]}, '"beats", entry 1 is -1, expected at least 0'),
        ({"beats": [1, 25]}, '"beats", entry 2 is 25 s, expected a time before the song.s end at 20.000 s'),
        ({"beats": [1, "2"]}, '"beats", entry 2 is "2", expected a number'),
        ({"beats": [float("nan")]}, "entry 1 is NaN, expected a number"),
        ({"beats": 3}, '"beats" is 3, expected a list'),
        ({"downbeats": [0.3]}, '"downbeats", entry 1 is 0.3 s, expected one of the "beats"'),
        ({"downbeats": [0, 0.03]}, "expected another beat than entry 1"),
        ({"downbeat": [0]}, 'unknown key "downbeat".*did you mean "downbeats"'),
        ({"sections": [{"start": 2, "label": "A"}]}, "sections cover the whole song"),
        (
            {"sections": [{"start": 0, "end": 9, "label": "A"}]},
            '"sections" end, entry 1 is 9 s, expected the song.s end',
        ),
        ({"sections": [{"start": 0}]}, '"sections", entry 1 has no "label"'),
        ({"drop": 99}, '"drop", entry 1 is 99 s'),
        ({"version": 99}, '"version" is 99, expected at most .*newer beatwalk'),
        ({"version": "1"}, '"version" is "1", expected a whole number'),
        ({"song": None}, '"song" is null, expected an object'),
        ({"tempo_curve": [[1, 2, 3]]}, '"tempo_curve", entry 1'),
        ({"curves": {"energy": {"rate_hz": 1}}}, '"curves.energy" has no "values"'),
        ({"curves": {"enrgy": {}}}, 'unknown key "enrgy" in "curves"; did you mean "energy"'),
        ({"curves": {"energy": {"values": [2]}}}, '"curves.energy.values", entry 1 is 2, expected 0 to 1'),
        ({"beats_per_bar": 0}, '"beats_per_bar" is 0'),
        ({"beats": [10**400]}, '"beats", entry 1 is 1000.*, expected a number'),
        ({"beats_per_bar": 10**30}, '"beats_per_bar" is 1000.*, expected a number'),
    ],
)
def test_mistakes_are_named(data: dict[str, Any], edit: dict[str, Any], message: str) -> None:
    """The message names file, key, what was found and what was expected, in one line."""
    with pytest.raises(PlanError, match=message) as caught:
        analysis_from_json(data | edit, "edited.json")
    assert str(caught.value).startswith("edited.json: ")
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)


@given(key=st.sampled_from(sorted(analysis_to_json(known_analysis()))), value=json_values)
def test_any_value_is_read_or_refused(key: str, value: object) -> None:
    """Whatever stands at a key, there is an analysis or a `PlanError`."""
    data = copy.deepcopy(analysis_to_json(known_analysis())) | {key: value}
    try:
        found = analysis_from_json(data, "x")
    except PlanError:
        return
    assert np.isin(found.downbeats_s, found.beats_s).all()
    assert len(found.beats_per_bar) == len(found.downbeats_s)
    assert found.sections[-1].end_s == found.duration_s


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "x.json:1:2: not valid JSON"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[]", "a JSON object, found list"),
        (b'{"song": ' + b"9" * 5000, "number too long"),
    ],
)
def test_files_that_are_no_analysis(tmp_path: Path, text: bytes, message: str) -> None:
    """Broken files are refused by name."""
    (tmp_path / "x.json").write_bytes(text)
    with pytest.raises(PlanError, match=message):
        read_analysis(tmp_path / "x.json")


def test_missing_file_and_unwritable_place(tmp_path: Path) -> None:
    """Both ends say what is wrong, and nothing is left behind."""
    with pytest.raises(PlanError, match="no such file"):
        read_analysis(tmp_path / "none.json")
    with pytest.raises(OutputError, match="cannot be written"):
        write_analysis(known_analysis(), tmp_path / "no" / "x.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_analysis(known_analysis(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
