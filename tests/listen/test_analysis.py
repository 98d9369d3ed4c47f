"""Listening as a whole: any song gives an analysis that holds together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.listen import analysis_from_json, analysis_to_json
from beatwalk.listen.analysis import analyze_audio
from tests.songs import RATE_HZ, Samples, audio_of, groove

SONGS = {
    "groove": groove(124, 10.0),
    "one second": groove(124, 1.0),
    "silence": np.zeros(3 * RATE_HZ),
    "noise": np.random.default_rng(0).standard_normal(5 * RATE_HZ) * 0.1,
    "clipped": np.sign(groove(100, 4.0)),
    "integers for floats": 30_000 * groove(124, 4.0),
    "one sample": np.eye(1, 2 * RATE_HZ, 500)[0],
    "offset": np.full(3 * RATE_HZ, 0.5),
}


@pytest.mark.parametrize("samples", SONGS.values(), ids=SONGS.keys())
def test_analysis_holds_together(tmp_path: Path, samples: Samples) -> None:
    """Events lie inside the song, downbeats are beats, numbers are finite, and its JSON can be read."""
    path = tmp_path / "song.wav"
    path.write_bytes(b"x")
    found = analyze_audio(audio_of(samples, path))
    for events_s in (found.beats_s, found.downbeats_s, found.onsets_s):
        assert (np.diff(events_s) > 0).all()
        assert ((events_s >= 0) & (events_s < found.duration_s)).all()
    assert np.isin(found.downbeats_s, found.beats_s).all()
    assert (found.tempo_bpm > 0) == (len(found.beats_s) > 0)
    assert len(found.beat_confidence) == len(found.beats_s)
    assert len(found.onset_strength) == len(found.onsets_s)
    assert found.sections[0].start_s == 0
    assert found.sections[-1].end_s == found.duration_s
    assert all(np.isfinite(curve.values).all() for curve in found.curves.values())
    assert analysis_to_json(analysis_from_json(analysis_to_json(found), "x")) == analysis_to_json(found)


def test_listening_twice_hears_the_same(tmp_path: Path) -> None:
    """Nothing depends on chance."""
    path = tmp_path / "song.wav"
    path.write_bytes(b"x")
    audio = audio_of(SONGS["groove"], path)
    assert analysis_to_json(analyze_audio(audio)) == analysis_to_json(analyze_audio(audio))
