"""Draw what each function of expressions does, as one SVG each; `make format` runs this, and a test checks them.

The song is eight bars at 120 beats a minute: a quiet section A, a loud section B whose energy swells, and A again.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from beatwalk.expressions import FUNCTIONS
from beatwalk.plan.evaluation import evaluate
from beatwalk.plan.source_values import Moments
from beatwalk.types import Analysis, Curve, Section, Song, Timeline, frozen_array

FOLDER = Path(__file__).resolve().parent / "assets" / "functions"
WIDTH, HEIGHT, EDGE = 360, 64, 4  # pixels
FPS = 20  # a point every 50 ms
BEATS = 32


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
    )


def drawn(expression: str) -> str:
    """A curve over the song, with its bars, from its lowest to its highest value (at least from 0 to 1)."""
    timeline = Timeline.spanning(BEATS / 2, Fraction(FPS))
    values = evaluate(expression, Moments.around(song(), timeline, 0, 0), expression)
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
    return {FOLDER / f"{name}.svg": drawn(spec.example) for name, spec in FUNCTIONS.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in pictures().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"drawn     {path.relative_to(FOLDER.parents[2])}")
