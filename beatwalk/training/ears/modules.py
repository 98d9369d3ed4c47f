"""Tracker modules: songs that people wrote as patterns of rows over sampled sounds, with the time of every row.

Games in Debian hold nearly two hundred of them (`beatwalk.training.ears.packages`), which
`beatwalk.training.ears.openmpt` plays.

Conventions
-----------
- A **row** is the shortest step of a pattern. It lasts `speed` ticks, and at a `tempo` of 125 a tick lasts 20 ms: by
  the formats' own definition a tempo is in beats a minute where 24 ticks are a beat.
- Files do not say which rows are beats. A **backbeat** does: an instrument that is struck on every other beat, and
  hardly elsewhere. Without one every fourth row is a beat at speeds 5 and 6, and every eighth at speed 3, as trackers
  show them. Patterns of 48 rows and the like are in thirds where 24 ticks are three, six or twelve rows. What remains
  is left out: at other speeds composers differ.
- Bars begin with patterns and have four beats; music whose patterns hold other bars is left out.
- Only what lasts at one speed and tempo is taken of a song.
- Nobody knows which of the sounds are drums: `UNKNOWN` stands for their strokes.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beatwalk.training.ears.openmpt import Row, opened
from beatwalk.training.ears.packages import files_of
from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.types import Float, Float32

ENDS = (".mod", ".xm", ".it", ".s3m", ".stm", ".mtm")
SHORTEST_S = 24.0  # of what is taken of a song
_BEAT_TICKS = 24
_BAR = 4
_USUAL_ROWS = {3: 8, 5: 4, 6: 4}  # of a beat, by speed
_TERNARY_ROWS = (3, 6, 12)
_BACKBEAT_ROWS, _BACKBEAT_BPM = (16, 8, 4), (78.0, 220.0)  # of a beat; of several the slowest holds
_STRUCK_THERE, _STRUCK_OFTEN = 0.8, 0.5  # of its strokes that are on such beats, of such beats that have a stroke
_WHOLE_BARS = 0.9  # of patterns must hold whole bars
_REST_S, _SILENT = 2.0, 1e-3  # no beats in parts so long that are so much softer than the loudest
_FASTER, _HIGHER = 0.2, 0.12  # logarithms of the greatest change of tempo and of pitch
_CHANGED_SHARE = 0.5
_THIN_SHARE, _MOST_SILENT = 0.3, 0.4  # of performances; of channels in them


@dataclass(frozen=True, eq=False)
class Stretch:
    """Part of a song at one speed, with what is known of it; seconds of the song."""

    begin_s: float
    end_s: float
    beats_s: Float
    downbeats_s: Float
    onsets_s: Float

    def where_heard(self, samples: Float32) -> Stretch:
        """The stretch without beats where nothing sounds; a held note sounds."""
        n = int(_REST_S * RATE_HZ)
        parts = np.abs(np.pad(samples, (0, -len(samples) % n))).reshape(-1, n).max(axis=1)
        heard = parts > _SILENT * parts.max()

        def kept(times_s: Float) -> Float:
            return times_s[heard[np.minimum((times_s * RATE_HZ / n).astype(np.int64), len(heard) - 1)]]

        return Stretch(self.begin_s, self.end_s, *map(kept, (self.beats_s, self.downbeats_s, self.onsets_s)))


@dataclass(frozen=True)
class Module:
    """A song in a file."""

    path: Path
    collection: str  # the package, which is what training and validation are split by

    def perform(self, rng: np.random.Generator | None = None) -> tuple[Float32, Stretch] | None:
        """Samples of the song and its longest stretch at one speed.

        Parameters
        ----------
        rng
            Draws how much faster, higher and thinner it is played than written; without it, it is played as written.

        Returns
        -------
        tuple or None
            None if no stretch is long enough, or its beats are in doubt.

        Raises
        ------
        ValueError
            The file is no tracker module, or damaged.
        """
        faster = higher = 1.0
        silent: list[int] = []
        with opened(self.path) as player:
            if rng is not None and rng.random() < _CHANGED_SHARE:
                faster, higher = (float(np.exp(rng.uniform(-most, most))) for most in (_FASTER, _HIGHER))
            if rng is not None and rng.random() < _THIN_SHARE:
                n_silent = int(rng.integers(1, 1 + max(1, int(_MOST_SILENT * player.channels))))
                silent = rng.choice(player.channels, n_silent, replace=False).tolist()
            samples, rows = player.play(faster, higher, silent)
        stretch = steady(rows, len(samples) / RATE_HZ)
        return None if stretch is None else (samples, stretch.where_heard(samples))


def read_modules(folder: Path) -> list[Module]:
    """The songs of a folder that has a folder for each package, each song once.

    Raises
    ------
    FileNotFoundError
        There are none.
    """
    return [Module(path, collection) for path, collection in files_of(folder, ENDS)]


def rows_per_beat(rows: Sequence[Row], longest: int) -> int | None:
    """How many rows are a beat of music at one speed and tempo, in patterns whose usual number of rows is `longest`.

    Returns
    -------
    int or None
        None where more than one number would do, or none.
    """
    ticks = rows[0].ticks
    if longest % 3 == 0:
        thirds = next((n for n in _TERNARY_ROWS if n * ticks == _BEAT_TICKS), None)
        return thirds if thirds is not None and _is_in_thirds(rows, thirds) else None
    for n in _BACKBEAT_ROWS:
        bpm = rows[0].tempo * _BEAT_TICKS / (n * ticks)
        if _BACKBEAT_BPM[0] <= bpm <= _BACKBEAT_BPM[1] and _has_backbeat(rows, n):
            return n
    return _USUAL_ROWS.get(ticks)


def _is_in_thirds(rows: Sequence[Row], per_beat: int) -> bool:
    """Whether, of two beats, more is struck on the second than on average on their third and two thirds."""
    strokes = Counter[int]()
    for row in rows:
        strokes[row.number % (2 * per_beat)] += len(row.struck)
    third = 2 * per_beat // 3
    return 2 * strokes[per_beat] > strokes[third] + strokes[2 * third]


def _has_backbeat(rows: Sequence[Row], per_beat: int) -> bool:
    """Whether an instrument is struck on every other beat, of so many rows, and hardly elsewhere."""
    strokes = Counter(instrument for row in rows for instrument in row.struck)
    places = [row for row in rows if row.number % (2 * per_beat) == per_beat]
    there = Counter(instrument for row in places for instrument in row.struck)
    return any(
        n >= _STRUCK_THERE * strokes[instrument] and n >= _STRUCK_OFTEN * len(places)
        for instrument, n in there.items()
    )


def steady(rows: Sequence[Row], end_s: float) -> Stretch | None:
    """The longest stretch at one speed and tempo; None if it is short, or its beats or bars are in doubt."""
    if not rows:
        return None
    runs = [list(run) for _, run in itertools.groupby(rows, lambda row: (row.ticks, row.tempo))]
    ends_s = [*(run[0].at_s for run in runs[1:]), end_s]
    lengths_s = [end - run[0].at_s for run, end in zip(runs, ends_s, strict=True)]
    if max(lengths_s) < SHORTEST_S:
        return None
    longest = int(np.argmax(lengths_s))
    run, begin_s, end_s = runs[longest], runs[longest][0].at_s, ends_s[longest]
    lasts = [a.number + 1 for a, b in itertools.pairwise(run) if b.number <= a.number] or [run[-1].number + 1]
    per_beat = rows_per_beat(run, Counter(lasts).most_common(1)[0][0])
    if per_beat is None or np.mean([last % (_BAR * per_beat) == 0 for last in lasts]) < _WHOLE_BARS:
        return None
    tick_s = (end_s - begin_s) / len(run) / run[0].ticks
    beats_s, downbeats_s = (
        np.array([row.at_s for row in run if row.number % step == 0]) for step in (per_beat, _BAR * per_beat)
    )
    onsets_s = np.array([row.at_s + tick_s * ticks for row in run for ticks in sorted(row.late)])
    return Stretch(begin_s, end_s, beats_s, downbeats_s, np.sort(onsets_s))
