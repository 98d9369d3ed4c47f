"""Rows of beats: the same at any tempo, and at any level once they are levelled."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.beat_rows import BEAT_PARTS, ROW_INPUTS, bands_of, extract_rows, levelled
from beatwalk.listen.features import FRAME_RATE_HZ, NETWORK_BANDS, NETWORK_INPUTS


def frames_at(bpm: float, seconds: float = 20.0) -> np.ndarray:
    """Band 3 sounds on beats and rises there, band 20 in the middle of each beat; C in its first half, G then."""
    frames = np.zeros((int(seconds * FRAME_RATE_HZ), NETWORK_INPUTS), np.float32)
    phase = np.arange(len(frames)) / FRAME_RATE_HZ * bpm / 60 % 1
    near = np.minimum(phase, 1 - phase) < 0.25 / BEAT_PARTS
    frames[near, 3] = frames[near, NETWORK_BANDS + 3] = 1.0
    frames[np.abs(phase - 0.5) < 0.25 / BEAT_PARTS, 20] = 0.5
    frames[phase < 0.5, 2 * NETWORK_BANDS] = frames[phase >= 0.5, 2 * NETWORK_BANDS + 7] = 1.0
    return frames.astype(np.float16)


@pytest.mark.parametrize("bpm", [45.0, 90.0, 180.0])
def test_a_beat_has_the_same_row_at_any_tempo(bpm: float) -> None:
    """Parts are parts of the beat, not of a second."""
    rows = extract_rows(frames_at(bpm), np.arange(1, 20 * bpm / 60 - 1) * 60 / bpm)
    energy, rise = bands_of(rows)
    pitch = rows[:, -24:].reshape(-1, 2, 12)
    assert rows.shape[1] == ROW_INPUTS
    on_beat, in_middle = np.eye(BEAT_PARTS)[[0, BEAT_PARTS // 2]]
    np.testing.assert_allclose(energy[:, :, 3], 0.5 * np.tile(on_beat, (len(rows), 1)), atol=0.3)
    np.testing.assert_allclose(rise[:, :, 3], np.tile(on_beat, (len(rows), 1)))
    assert (energy[:, :, 20].argmax(axis=1) == in_middle.argmax()).all()
    assert (pitch.argmax(axis=2) == [0, 7]).all()
    assert not energy[:, :, 4:20].any()


def test_rows_do_not_depend_on_how_many_are_gathered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are for memory alone; beats before the first frame and after the last are clipped to them."""
    frames = np.random.default_rng(0).random((900, NETWORK_INPUTS)).astype(np.float16)
    beats_s = np.arange(0.0, 11.0, 0.31)
    at_once = extract_rows(frames, beats_s)
    monkeypatch.setattr("beatwalk.listen.beat_rows._BATCH_BEATS", 5)
    np.testing.assert_allclose(extract_rows(frames, beats_s), at_once, rtol=1e-5)


def test_two_beats_in_one_frame_have_that_frame() -> None:
    """There is nothing between them to average."""
    frames = np.random.default_rng(0).random((90, NETWORK_INPUTS)).astype(np.float16)
    energy, _ = bands_of(extract_rows(frames, np.array([0.5, 0.5])))
    np.testing.assert_allclose(energy, np.broadcast_to(frames[45, :NETWORK_BANDS], energy.shape), rtol=1e-3)


def test_no_beats_and_one_have_rows() -> None:
    """Music with a single beat is no mistake."""
    frames = np.ones((90, NETWORK_INPUTS), np.float16)
    assert extract_rows(frames, np.zeros(0)).shape == (0, ROW_INPUTS)
    assert np.isfinite(levelled(extract_rows(frames, np.array([0.3])))).all()


def test_an_equaliser_does_not_matter() -> None:
    """What is added to a band's logarithm all along is taken away again, around every beat."""
    rows = np.random.default_rng(0).random((300, ROW_INPUTS)).astype(np.float32)
    louder = rows.copy()
    bands_of(louder)[0][:, :, 5] += 0.4
    kept = levelled(rows)
    np.testing.assert_allclose(levelled(louder), kept, atol=1e-5)
    np.testing.assert_array_equal(kept[:, -24:], rows[:, -24:])
    assert abs(float(bands_of(kept)[0][150 - 96 : 150 + 97].mean())) < 0.02
    # another song after it has a level of its own
    both = np.concatenate([rows, louder + np.float32(0.3)])
    np.testing.assert_allclose(levelled(both)[:200], kept[:200], atol=1e-5)
