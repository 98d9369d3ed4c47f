"""Impro-Visor's bands: their files are understood, patterns fill bars and chords, and only training hears them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.training.ears.bands import Chart, draw_chart
from beatwalk.training.ears.improvisor import PatternBand, chord_of, read_bands, to_band
from beatwalk.training.ears.score import RIDE, SNARE
from beatwalk.training.ears.sources import Sources, gathered

ROCK = """(style (name rock) (swing 0.5)
    (bass-pattern (rules B4 C4 (X 5 4) A4)(weight 10.0))
    (bass-pattern (rules B2)(weight 10.0))
    (drum-pattern
        (drum Acoustic_Bass_Drum X4 R4 X4+8 R8)
        (drum Acoustic_Snare (name )(rules R4 V60 X4 R4 X8 X8))
        (weight 10.0))
    (drum-pattern (drum Ride_Cymbal_1 X4 X4)(weight 5.0))
    (chord-pattern (rules X2 R4 V40 X4)(weight 10.0))
)"""
BELL = "(style (drum-pattern (drum Cowbell X4/3 X8/3 X8/3 X4/3 X4/3 X4/3 X4/3)(weight 1.0)))"
FOUR = Chart(bars=("C", "C", "Am", "G7"), bars_a_chord=1, steps=0, section=4)


def band(text: str, name: str = "rock") -> PatternBand:
    """The band of a style that has a metre."""
    read = to_band(name, text)
    assert read is not None
    return read


def test_symbols_have_lengths_and_velocities() -> None:
    """Quarters, dots, sums and thirds; a drum's name, a degree, and how loud what follows is."""
    drums = band(ROCK).drums[0]
    assert [(e.at, e.length, e.sound, e.velocity) for e in drums.events] == [
        (0.0, 1.0, "Acoustic_Bass_Drum", 95),
        (2.0, 1.5, "Acoustic_Bass_Drum", 95),
        (1.0, 1.0, "Acoustic_Snare", 60),
        (3.0, 0.5, "Acoustic_Snare", 60),
        (3.5, 0.5, "Acoustic_Snare", 60),
    ]
    assert [(e.at, e.sound) for e in band(ROCK).bass[0].events] == [(0.0, "B"), (1.0, "C"), (2.0, "5"), (3.0, "A")]
    dotted = band("(style (drum-pattern (drum Claves X4. X4. X4)))").drums[0]
    assert [e.at for e in dotted.events] == [0.0, 1.5, 3.0]
    thirds = band(BELL, "bell").drums[0]
    assert [e.at for e in thirds.events] == pytest.approx([0, 2 / 3, 1, 4 / 3, 2, 8 / 3, 10 / 3])


@pytest.mark.parametrize(
    ("name", "symbols", "metre", "beats", "tactus"),
    [
        ("rock", "X4 X8 X8 X2", "4/4", 4, 1.0),
        ("clave", "X4 X8 X8 X2 X1", "4/4", 4, 1.0),
        ("half", "X4 X8 X8", "4/4", 4, 1.0),
        ("polka", "X4 X8 X8", "2/4", 2, 1.0),
        ("waltz", "X4 X8 X8 X4", "3/4", 3, 1.0),
        ("take-five", "X4 X8 X8 X4 X2", "5/4", 5, 1.0),
        ("bell", "X4/3 X8/3 X8/3 X4/3 X2", "12/8", 4, 1.0),
        ("rock-6-8", "X8 X8 X8 X8 X8 X8", "6/8", 2, 1.5),
        ("march-12-8", "X4+8 X4+8 X4+8 X4+8", "12/8", 4, 1.5),
    ],
)
def test_the_longest_drum_pattern_tells_the_metre(
    name: str, symbols: str, metre: str, beats: int, tactus: float
) -> None:
    """Two bars and half a bar of four are four; thirds of a quarter make it compound; some have dotted beats."""
    text = f"(style (drum-pattern (drum Claves {symbols})(weight 1)) (drum-pattern (drum Claves X4)(weight 1)))"
    read = band(text, name)
    assert (read.name, read.metre, read.beats, read.tactus) == (f"improvisor/{name}", metre, beats, tactus)
    low, high = read.bpm
    assert 40 <= low < high <= 240
    assert name != "polka" or high < 150, "chords and snare between the beats would be taken for them"


def test_a_metre_that_nothing_hears_is_none() -> None:
    """Eleven quarters."""
    assert to_band("strange", "(style (drum-pattern (drum Claves X1 X1 X2.)))") is None


def test_patterns_fill_bars_and_chords() -> None:
    """Drums by their longest pattern, bass and chords over what each chord lasts, tones and degrees from its root."""
    score = band(ROCK).play(("0",), FOUR, 4)
    assert (score.n_beats, score.downbeats) == (16, [0, 4, 8, 12])
    assert [hit.at for hit in score.hits if hit.drum == 35] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert not [hit for hit in score.hits if hit.drum == RIDE], "a shorter pattern has no room"
    bass = {note.at: note.pitch % 12 for note in score.notes if note.voice == "bass 0"}
    assert [bass[at] for at in (0, 4, 8, 12)] == [0, 0, 9, 7]
    assert [bass[at] for at in (2, 6, 10, 14)] == [7, 7, 4, 2], "fifths of the scale"
    assert bass[7] in (8, 10), "a semitone beside A"
    chords = sorted(note.pitch % 12 for note in score.notes if note.voice == "chords 0" and note.at == 12)
    assert chords == [2, 5, 7, 11]
    assert {round(note.at % 4, 6) for note in score.notes if note.voice == "chords 0"} == {0, 3}


def test_a_main_pattern_is_each_section_s_own() -> None:
    """Of two as long, one is played most in the first section and the other one in the second; both turn up."""
    text = "(style (drum-pattern (drum Acoustic_Snare X1)) (drum-pattern (drum Side_Stick X1)))"
    read = band(text)
    assert read.grooves == ("0", "1")
    chart = Chart(bars=("C",), bars_a_chord=1, steps=0, section=40)
    score = read.play(("0", "1"), chart, 80)
    snares = [sum(hit.drum == SNARE for hit in score.hits if low <= hit.at < low + 160) for low in (0, 160)]
    assert snares[0] > 28 > 12 > snares[1] > 0
    assert read.play(("0", "1"), chart, 80) == score, "chance is seeded by what is played"


def test_the_second_eighth_swings() -> None:
    """Where a style says so, and only that one; a dotted beat counts eighths in threes."""
    text = "(style (swing 0.67) (drum-pattern (drum Ride_Cymbal_1 X4 X8 X8 X4 X8/3 X8/3 X8/3)))"
    at = [hit.at for hit in band(text).play(("0",), FOUR, 1).hits]
    assert at == pytest.approx([0, 1, 1.67, 2, 3, 10 / 3, 11 / 3])
    six = band("(style (drum-pattern (drum Ride_Cymbal_1 X8 X8 X8 X8 X8 X8)))", "rock-6-8")
    assert [hit.at for hit in six.play(("0",), FOUR, 1).hits] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])


def test_a_band_without_drums_plays() -> None:
    """A piano that strides: no groove is drawn, and there is no stroke."""
    text = "(style (bass-pattern (rules B4 R4)(weight 1)) (chord-pattern (rules R4 X4 R4 X4)(weight 1)))"
    read = band(text, "stride")
    assert draw_chart(np.random.default_rng(0), read)[1] == ()
    score = read.play((), FOUR, 2)
    assert score.hits == []
    assert {note.at for note in score.notes if note.voice == "bass 0"} == {0, 2, 4, 6}


def test_every_chart_s_chords_are_known() -> None:
    """Those that training and validation draw from."""
    rng, read = np.random.default_rng(0), band(ROCK)
    names = set()
    for apart in (False, True):
        charts = [draw_chart(rng, read, apart=apart)[0] for _ in range(300)]
        names |= {name for chart in charts for bar in range(len(chart.bars)) for name in chart.chords(bar)}
    assert len(names) > 30
    assert all(0 <= chord_of(name)[0] < 12 for name in names)
    assert chord_of("F#m7b5") == (6, (0, 3, 6, 10))
    assert chord_of("Ab") == (8, (0, 4, 7))
    with pytest.raises(KeyError):
        chord_of("Csus")


def test_training_alone_hears_them(tmp_path: Path) -> None:
    """Styles without music are no bands; none is apart; a folder without styles is refused."""
    for name in ("rock", "bell", "hits-0", "no-style"):
        (tmp_path / f"{name}.sty").write_text(ROCK if name == "rock" else BELL, encoding="utf-8")
    assert [read.name for read in read_bands(tmp_path)] == ["improvisor/bell", "improvisor/rock"]
    assert len(gathered(improvisor=tmp_path).styles) == 2
    assert gathered(improvisor=tmp_path, apart=True).styles == []
    with pytest.raises(FileNotFoundError, match="Impro-Visor"):
        read_bands(tmp_path / "none")


def test_sources_draw_them() -> None:
    """As MMA's, as long as is asked for, with strokes and notes within the piece."""
    sources = Sources(styles=[band(ROCK)])
    rng = np.random.default_rng(1)
    drawn = [sources.draw(rng, 10.0) for _ in range(40)]
    assert all(score.n_beats >= 10 * bpm / 60 for score, bpm in drawn)
    played = [score for score, _ in drawn if "improvisor/rock" in score.genre]
    assert len(played) > 5
    for score in played:
        assert all(0 <= at < score.n_beats for at in [*(n.at for n in score.notes), *(h.at for h in score.hits)])
