"""The same music otherwise: beats and bars stay where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from beatwalk.training.ears.score import HAT, KICK, RIDE, SNARE, Hit, Note, Score
from beatwalk.training.ears.variations import (
    accented,
    drummed_as,
    on_other_instruments,
    varied,
    with_fewer,
    with_other_drums,
)

VOICES = {"bass 0": 33, "chords 0": 0, "more 0": 48, "tune 0": 73}


def band(n_bars: int = 4, metre: int = 4) -> Score:
    """Four voices with a note on every beat, a kick on each bar's first beat, a snare on the others, hats between."""
    n = n_bars * metre
    return Score(
        n_beats=n,
        downbeats=list(range(0, n, metre)),
        programs=dict(VOICES),
        notes=[Note(float(at), 0.5, 60, 90, voice) for at in range(n) for voice in VOICES],
        hits=[Hit(float(at), SNARE if at % metre else KICK, 100) for at in range(n)]
        + [Hit(at + 0.5, HAT, 60) for at in range(n)],
        genre="band",
    )


@pytest.mark.parametrize("seed", range(40))
def test_beats_stay(seed: int) -> None:
    """Whatever happens to a piece, its beats and bars do not move, nor does what is left of it."""
    before = band()
    after = varied(np.random.default_rng(seed), before)
    assert (after.n_beats, after.downbeats) == (before.n_beats, before.downbeats)
    assert {note.at for note in after.notes} <= {note.at for note in before.notes}
    assert {hit.at for hit in after.hits} <= {hit.at for hit in before.hits}
    assert {note.voice for note in after.notes} <= set(after.programs) <= set(VOICES)
    assert len(after.notes) + len(after.hits) >= after.n_beats
    assert before == band()


def test_somebody_is_left() -> None:
    """Players leave, drums and voices both, and never all of them."""
    drawn = [with_fewer(np.random.default_rng(seed), band()) for seed in range(60)]
    assert {len(score.programs) for score in drawn} >= {2, 3, 4}
    assert any(not score.hits for score in drawn)
    alone = replace(band(), notes=[], programs={})
    assert all(with_fewer(np.random.default_rng(seed), alone).hits for seed in range(60))


def test_instruments_keep_their_role() -> None:
    """A bass is played by what is low, and every program is one of General MIDI."""
    drawn = [on_other_instruments(np.random.default_rng(seed), band()).programs for seed in range(60)]
    assert {program for programs in drawn for program in programs.values()} <= set(range(128))
    assert {programs["bass 0"] for programs in drawn} <= {*range(32, 40), 42, 43, 57, 58}
    assert len({programs["chords 0"] for programs in drawn}) > 20


def test_drums_keep_their_family() -> None:
    """A kick stays low, a hat keeps time, and one drum of a piece is the same one all through."""
    kinds = set()
    for seed in range(40):
        after = with_other_drums(np.random.default_rng(seed), band())
        by_part = [{new.drum for old, new in zip(band().hits, after.hits, strict=True) if old.drum == drum}
                   for drum in (KICK, SNARE, HAT)]  # fmt: skip
        assert [len(drums) for drums in by_part] == [1, 1, 1]
        assert by_part[1] <= {37, 38, 39, 40}
        kinds |= by_part[2]
    assert {HAT, RIDE} <= kinds


def test_accents_grow_and_shrink() -> None:
    """80 stays, and what is louder or softer goes nearer or further."""
    loud = Score(n_beats=3, downbeats=[0], programs={}, hits=[Hit(0.0, KICK, v) for v in (40, 80, 120)])
    assert [hit.velocity for hit in accented(loud, 0.5).hits] == [56, 80, 97]
    assert [hit.velocity for hit in accented(loud, 1.5).hits] == [28, 80, 127]
    assert accented(loud, 1.0).hits == loud.hits


def test_drums_of_another_piece_lie_in_its_bars() -> None:
    """Bar by bar from the first downbeat on, behind a pickup too; a bar of another length has none."""
    piece = replace(band(), n_beats=15, downbeats=[1, 5, 7, 11])
    other = replace(band(), hits=[Hit(bar * 4.0 + 0.25, 40 + bar, 90) for bar in range(4)], genre="drums")
    after = drummed_as(piece, other)
    assert [(hit.at, hit.drum) for hit in after.hits] == [(1.25, 40), (7.25, 42)]
    assert after.notes == piece.notes
    assert after.genre == "band and drums"
