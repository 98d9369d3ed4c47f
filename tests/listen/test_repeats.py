"""What a song repeats, and after how long."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen import repeats
from beatwalk.listen.features import NETWORK_BANDS, NETWORK_INPUTS
from beatwalk.listen.network import Activations
from beatwalk.listen.repeats import N_SIGNALS, PERIODS_S, REPEAT_INPUTS, extract_repeats, with_multiples

SECONDS = 40.0
BEAT, DOWNBEAT, KICK, SNARE, LOW, HARMONY = 0, 1, 3, 4, 6, 11  # columns of signals with themselves
KICK_AND_SNARE = 14


def song(bpm: float, seconds: float = SECONDS, gain: float = 1.0) -> tuple[np.ndarray, Activations]:
    """Kick and snare in turn, bars of four, another chord with every bar; as the networks would hear it."""
    n = int(seconds * 90)
    beats = np.arange(0.51, seconds - 0.5, 60 / bpm)
    frames = np.zeros((n, NETWORK_INPUTS), np.float32)
    odds = {name: np.full(n, -6.0, np.float32) for name in ("beat", "downbeat", "onset", "kick", "snare", "hat")}
    for number, at in enumerate(2 * np.rint(45 * beats).astype(int)):
        low = 0 if number % 2 == 0 else 20
        frames[at : at + 2, NETWORK_BANDS + low : NETWORK_BANDS + low + 10] = gain
        frames[at:, 2 * NETWORK_BANDS :] = np.eye(12)[number // 4 * 5 % 12]
        for name in ("beat", "onset", "kick" if number % 2 == 0 else "snare", *["downbeat"] * (number % 4 == 0)):
            odds[name][at - 2 : at + 4] = 2.0  # a network is a frame or two off
    drums = {name: odds[name] for name in ("kick", "snare", "hat")}
    return frames, Activations(
        beat=odds["beat"][::2], downbeat=odds["downbeat"][::2], onset=odds["onset"], drums=drums
    )


def in_turn(*songs: tuple[np.ndarray, Activations]) -> tuple[np.ndarray, Activations]:
    """Songs one after the other."""
    heard = [activations for _, activations in songs]
    drums = {name: np.concatenate([one.drums[name] for one in heard]) for name in heard[0].drums}
    odds = {name: np.concatenate([getattr(one, name) for one in heard]) for name in ("beat", "downbeat", "onset")}
    return np.concatenate([frames for frames, _ in songs]), Activations(**odds, drums=drums)


def first_peak_s(column: np.ndarray) -> float:
    """The shortest period after which a signal comes back."""
    return float(PERIODS_S[np.flatnonzero(column > 0.7 * column.max())[0]])


@pytest.mark.parametrize("bpm", [75.0, 120.0, 150.0])
def test_beats_bars_and_drums_repeat_after_their_own_spans(bpm: float) -> None:
    """A beat, two of them for each drum and from kick to snare and back one, four for bars and chords."""
    found = extract_repeats(*song(bpm))
    assert found.shape == (len(PERIODS_S), N_SIGNALS)
    for column, beats in ((BEAT, 1), (KICK, 2), (SNARE, 2), (DOWNBEAT, 4), (HARMONY, 4), (KICK_AND_SNARE, 1)):
        assert first_peak_s(found[:, column]) == pytest.approx(beats * 60 / bpm, rel=0.08)
    assert np.abs(found).max() < 1.3


def test_repeats_are_those_of_any_tempo_further_on() -> None:
    """The rows of a song half as fast lie as much further on as periods twice as long do."""
    fast, slow = extract_repeats(*song(150)), extract_repeats(*song(75, 2 * SECONDS))
    rows = round(np.log(2) / np.log(PERIODS_S[1] / PERIODS_S[0]))
    both = fast[10 : len(PERIODS_S) - rows, DOWNBEAT], slow[10 + rows :, DOWNBEAT]
    alike = np.corrcoef(*both)[0, 1]
    assert alike > 0.75
    assert alike > np.corrcoef(fast[10:, DOWNBEAT], slow[10:, DOWNBEAT])[0, 1] + 0.15


def test_a_quiet_master_repeats_what_a_loud_one_does() -> None:
    """No gain changes a correlation."""
    np.testing.assert_allclose(extract_repeats(*song(100, gain=0.1)), extract_repeats(*song(100)), atol=1e-3)


def test_parts_of_a_long_song_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two halves at other tempi repeat as much as the whole does, whether it is one part or two."""
    parts = song(150), song(100)
    frames, activations = in_turn(*parts)
    found = []
    for window_s in (80, 40):
        monkeypatch.setattr(repeats, "_WINDOW", window_s * 45)
        found.append(extract_repeats(frames, activations)[:, BEAT])
    np.testing.assert_allclose(found[1], found[0], atol=0.08)
    for part in parts:
        assert np.abs(extract_repeats(*part)[:, BEAT] - found[1]).max() > 0.3


def test_silence_and_what_is_not_known_repeat_nothing() -> None:
    """Neither a song of zeros nor activations without drums make what is not a number."""
    frames, activations = song(100)
    nothing = np.full(1800, -9.0, np.float32)
    silent = Activations(beat=nothing, downbeat=nothing, onset=np.tile(nothing, 2))
    assert np.abs(extract_repeats(np.zeros_like(frames), silent)).max() < 1e-6
    without = Activations(beat=activations.beat, downbeat=activations.downbeat, onset=activations.onset)
    found = extract_repeats(frames, without)
    assert np.isfinite(found).all()
    assert not found[:, [KICK, SNARE, KICK_AND_SNARE]].any()
    assert found[:, BEAT].any()


def test_multiples_of_a_period_stand_beside_it() -> None:
    """A row has the repeats at twice its period in the third place, those at half of it in the second."""
    found = extract_repeats(*song(120))
    rows = with_multiples(found)
    assert rows.shape == (len(PERIODS_S), REPEAT_INPUTS)
    np.testing.assert_array_equal(rows[:, :N_SIGNALS], found)
    beat = int(np.abs(PERIODS_S - 0.5).argmin())
    bar, half = (int(np.abs(PERIODS_S - span).argmin()) for span in (1.0, 0.25))
    assert rows[beat, 2 * N_SIGNALS + SNARE] == pytest.approx(found[bar - 1 : bar + 2, SNARE].mean(), abs=0.35)
    assert rows[beat, N_SIGNALS + BEAT] == pytest.approx(found[half, BEAT], abs=0.2)
    assert np.ptp(rows[:, -2]) == 2
