"""Draw what functions, sources and keys of rules do, as one SVG each; `make format` runs this, a test checks them.

The song is eight bars at 120 beats a minute: a quiet section A, a loud section B whose energy swells, and A again. A
stem has strokes on every second beat, a MIDI file has notes of different strength and length, and a table rises.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from beatwalk.expressions import FUNCTIONS
from beatwalk.plan import shaped_source
from beatwalk.plan.evaluation import evaluate
from beatwalk.plan.source_values import Moments
from beatwalk.settings import Rule
from beatwalk.types import Analysis, Curve, Events, Float, Section, Song, Timeline, frozen_array

FOLDER = Path(__file__).resolve().parent / "assets" / "functions"
WIDTH, HEIGHT, EDGE = 360, 64, 4  # pixels
FPS = 20  # a point every 50 ms
BEATS = 32
SOURCES = {  # file of a picture, and what it shows
    "source-energy": "energy",
    "source-beat": "beat",
    "source-bar-phase": "bar_phase",
    "source-section": "section",
    "source-stem": "drums.energy",
    "source-stem-onset": "drums.onset",
    "source-midi": "midi.36",
    "source-midi-gate": "midi.36.gate",
    "source-curve": "glow",
}
RULES = {
    "rule-release": Rule(source="beat", every=4, release_ms=1500),
    "rule-attack": Rule(source="beat", every=4, attack_ms=800, release_ms=400),
    "rule-when": Rule(source="bar_phase", when="energy > 0.7"),
    "rule-gate": Rule(source="energy", gate=0.8),
    "rule-hold": Rule.model_validate({"source": "noise(hz=2)", "hold": "bar"}),
    "rule-smooth": Rule.model_validate({"source": "section", "smooth": {"hz": 0.7, "damping": 0.3}}),
}


def song() -> Analysis:
    """The song of the pictures."""
    beats_s = np.arange(BEATS) / 2
    times_s = np.arange(0, BEATS / 2, 1 / FPS)
    loud = (times_s >= 4) & (times_s < 12)
    swell = 0.6 + 0.4 * np.sin(np.pi * (times_s - 4) / 8)
    energy = Curve(values=frozen_array(np.where(loud, swell, 0.25)), rate_hz=FPS)
    return Analysis(
        song=Song(path=Path("song.wav"), sha256="", duration_s=BEATS / 2, sample_rate=44100, channels=2),
        tempo_bpm=120.0,
        tempo_curve=frozen_array([[0.0, 120.0]]),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(BEATS)),
        downbeats_s=frozen_array(beats_s[::4]),
        beats_per_bar=frozen_array(np.full(BEATS // 4, 4), np.int64),
        onsets_s=frozen_array(beats_s),
        onset_strength=frozen_array(np.ones(BEATS)),
        sections=tuple(
            Section(start_s=start, end_s=end, label=label)
            for start, end, label in ((0, 4, "A"), (4, 12, "B"), (12, 16, "A"))
        ),
        drop_s=4.0,
        curves={"energy": energy},
        sources=files(times_s),
    )


def files(times_s: Float) -> dict[str, Curve | Events]:
    """What a stem, a MIDI file and a table give."""
    strokes_s = np.arange(0.5, BEATS / 2, 1.0)
    decay = np.exp(-4 * ((times_s - 0.5) % 1.0)) * (times_s >= 0.5)
    notes_s, strength = np.arange(0, BEATS / 2, 2.0), np.tile([1.0, 0.4, 0.7, 0.4], 2)
    notes = Events(times_s=notes_s, strength=strength, lengths_s=np.tile([1.5, 0.5], 4))
    return {
        "drums.energy": Curve(values=frozen_array(decay), rate_hz=FPS),
        "drums.onset": Events(times_s=strokes_s, strength=np.ones(16), lengths_s=np.zeros(16)),
        "midi.36": notes,
        "midi.36.gate": gate_of(notes, times_s),
        "glow": Curve(values=frozen_array(np.interp(times_s, [0, 6, 10, 16], [0, 1, 0.3, 0.8])), rate_hz=FPS),
    }


def gate_of(notes: Events, times_s: Float) -> Curve:
    """As high as the velocity for as long as each note sounds."""
    values = np.zeros(len(times_s))
    for start_s, strength, length_s in zip(notes.times_s, notes.strength, notes.lengths_s, strict=True):
        values[(times_s >= start_s) & (times_s < start_s + length_s)] = strength
    return Curve(values=frozen_array(values), rate_hz=FPS)


def of_expression(expression: str) -> str:
    """The curve of an expression."""
    timeline = Timeline.spanning(BEATS / 2, Fraction(FPS))
    return drawn(evaluate(expression, Moments.around(song(), timeline, 0, 0), expression))


def of_rule(rule: Rule) -> str:
    """The curve that a rule makes of its source."""
    return drawn(shaped_source(rule, song(), Timeline.spanning(BEATS / 2, Fraction(FPS))))


def drawn(values: Float) -> str:
    """A curve over the song, with its bars, from its lowest to its highest value (at least from 0 to 1)."""
    low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    x = np.arange(len(values)) * WIDTH / len(values)
    y = EDGE + (HEIGHT - 2 * EDGE) * (high - values) / (high - low)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    bars = "".join(f"M{WIDTH * bar // 8} 0V{HEIGHT}" for bar in range(1, 8))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#151a22"/><path d="{bars}" stroke="#2a3240"/>'
        f'<polyline points="{points}" fill="none" stroke="#4cc9f0" stroke-width="1.5"/></svg>\n'
    )


def pictures() -> dict[Path, str]:
    """Every picture by its path."""
    drawings = {
        **{name: of_expression(spec.example) for name, spec in FUNCTIONS.items()},
        **{name: of_rule(Rule(source=source)) for name, source in SOURCES.items()},
        **{name: of_rule(rule) for name, rule in RULES.items()},
    }
    return {FOLDER / f"{name}.svg": drawing for name, drawing in drawings.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pictures().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"drawn     {path.relative_to(FOLDER.parents[2])}")
