"""Pop songs of the POP909 dataset (MIT), arranged for piano by people, as `Tune`s that training hears.

Wang, Chen, Jiang, Zhang, Xu, Dai, Bin & Xia, "POP909: a pop-song dataset for music arrangement generation", ISMIR
2020. ``python -m beatwalk.training.ears.pop909 --songs FOLDER --out FOLDER`` reads the dataset's folder `POP909`
once, into one more file of JSON beside the tunes of `beatwalk.training.ears.corpus`.

Conventions
-----------
- The dataset has beats and bars of the recording and of the arrangement, each found by a program. A song is taken
  where both have the same tempo, and what is taken of it is the longest stretch in which bars of four beats begin
  together in both. One song in six has all bars of the arrangement a beat early.
- Notes stay as early or late as they were played. A song is played near its own tempo.
- Every other song that is taken is there a second time, its melody alone, for a band of the recipe's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beatwalk.core import write_json
from beatwalk.listen import read_midi
from beatwalk.training.ears.corpus import to_json
from beatwalk.training.ears.score import Note, Score
from beatwalk.training.ears.tunes import Tune
from beatwalk.types import Float

COLLECTION = "pop909"
_METRE = 4
_SAME_TEMPO = 1.04  # ratio of two median intervals
_NEAR = 0.2  # of a beat: bars that begin no further apart begin together
_REACH = 1.15  # a song may be played so much slower and faster
_FEWEST_BARS = 16


def read_songs(folder: Path) -> Iterator[Tune]:
    """The songs whose beats are beyond doubt.

    Raises
    ------
    FileNotFoundError
        There is no song in the folder.
    """
    songs = sorted(path.parent for path in folder.glob("*/beat_midi.txt"))
    if not songs:
        raise FileNotFoundError(f"{folder}: no songs (NUMBER/beat_midi.txt); POP909 has them in the folder POP909")
    n_taken = 0
    for song in songs:
        rows, heard = (np.loadtxt(song / f"beat_{of}.txt", ndmin=2) for of in ("midi", "audio"))
        beats_s, begins_s = rows[:, 0], heard[heard[:, 1] == 1, 0]
        if not len(begins_s) or not _agree(beats_s, heard[:, 0]):
            continue
        first, n_bars = _regular(_together(beats_s, np.flatnonzero(rows[:, 2] == 1), begins_s))
        if n_bars < _FEWEST_BARS:
            continue
        tune = _tune(song, beats_s[first : first + n_bars * _METRE + 1])
        yield tune
        if n_taken % 2 == 0:
            yield _melody_of(tune)
        n_taken += 1


def _agree(beats_s: Float, others_s: Float) -> bool:
    if min(len(beats_s), len(others_s)) < _METRE * _FEWEST_BARS:
        return False
    ratio = float(np.median(np.diff(beats_s)) / np.median(np.diff(others_s)))
    return 1 / _SAME_TEMPO < ratio < _SAME_TEMPO


def _together(beats_s: Float, downbeats: NDArray[np.int64], begins_s: Float) -> NDArray[np.int64]:
    """The downbeats at which a bar of the recording begins, too."""
    apart_s = np.abs(beats_s[downbeats][:, None] - begins_s[None]).min(axis=1)
    return downbeats[apart_s < _NEAR * float(np.median(np.diff(beats_s)))]


def _regular(downbeats: NDArray[np.int64]) -> tuple[int, int]:
    """The longest stretch of whole bars: the beat that it begins on, and its number of bars."""
    if not len(downbeats):
        return 0, 0
    breaks = np.flatnonzero(np.diff(downbeats) != _METRE)
    edges = np.concatenate([[-1], breaks, [len(downbeats) - 1]])
    lengths = np.diff(edges) - 1
    longest = int(lengths.argmax())
    return int(downbeats[edges[longest] + 1]), int(lengths[longest])


def _tune(song: Path, beats_s: Float) -> Tune:
    """The arrangement between the first and the last of some beats, of which the first begins a bar."""
    midi = read_midi(song / f"{song.name}.mid")
    begins_s = midi.seconds(np.array([note.at for note in midi.notes]))
    ends_s = midi.seconds(np.array([note.at + note.length for note in midi.notes]))
    begins, ends = (np.interp(times_s, beats_s, np.arange(len(beats_s))) for times_s in (begins_s, ends_s))
    channels = sorted({note.channel for note in midi.notes})
    inside = (begins_s >= beats_s[0]) & (begins_s < beats_s[-1])
    notes = [
        Note(float(at), max(0.05, float(end - at)), note.pitch, note.velocity, f"tune {channels.index(note.channel)}")
        for note, at, end, kept in zip(midi.notes, begins, ends, inside, strict=True)
        if kept
    ]
    bpm = 60 / float(np.median(np.diff(beats_s)))
    n_beats = len(beats_s) - 1
    score = Score(
        n_beats=n_beats,
        downbeats=list(range(0, n_beats, _METRE)),
        programs={f"tune {number}": 0 for number in range(len(channels))},
        notes=sorted(notes, key=lambda note: note.at),
        loose=0.8,
    )
    usual = (bpm / _REACH, bpm * _REACH)
    return Tune(title=song.name, collection=COLLECTION, metre=f"{_METRE}/4", score=score, bpm=usual)


def _melody_of(tune: Tune) -> Tune:
    """The first voice alone."""
    notes = [note for note in tune.score.notes if note.voice == "tune 0"]
    return replace(tune, title=f"{tune.title} melody", score=replace(tune.score, programs={"tune 0": 0}, notes=notes))


def main(argv: list[str] | None = None) -> None:
    """Read the songs into a folder of tunes."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.pop909", description=main.__doc__)
    parser.add_argument("--songs", type=Path, required=True, help="the dataset's folder POP909")
    parser.add_argument("--out", type=Path, required=True, help="folder of tunes, outside the repository")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [to_json(tune) for tune in read_songs(args.songs)]
    write_json(args.out / f"{COLLECTION}.json", rows)
    print(f"{COLLECTION}: {len(rows)} tunes")


if __name__ == "__main__":
    main()
