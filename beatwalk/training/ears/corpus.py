"""The corpus that comes with music21 (PyPI): tunes from old books and scores of many composers, as `Tune`s.

music21 is needed to read it once (`python -m beatwalk.training.ears.corpus --out FOLDER`); what is read is kept as
JSON in a cache folder outside the repository, and training reads that.

Conventions
-----------
- A **collection** is a book of tunes or a composer; its name is the folder's in the corpus.
- Only pieces with whole bars of known metres are taken; upbeats belong to no bar.
- Licences: the corpus is distributed "with the permission of the encoders"; collections that restrict the use of
  their encodings (Essen folk songs) are left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from beatwalk.core import write_json
from beatwalk.training.ears.score import Note, Score
from beatwalk.training.ears.tunes import Tune

# Quarter notes of a beat, and its usual tempi, by time signature.
METRES: dict[str, tuple[float, tuple[float, float]]] = {
    "2/4": (1.0, (70, 140)),
    "3/4": (1.0, (72, 180)),
    "4/4": (1.0, (60, 165)),
    "5/4": (1.0, (80, 180)),
    "2/2": (2.0, (55, 120)),
    "3/2": (2.0, (50, 110)),
    "4/2": (2.0, (50, 110)),
    "6/8": (1.5, (45, 135)),
    "9/8": (1.5, (50, 130)),
    "12/8": (1.5, (50, 125)),
    "5/8": (0.5, (140, 240)),
    "7/8": (0.5, (150, 240)),
}
_BOOKS = ("nottingham-dataset", "ryansMammoth", "oneills1850", "airdsAirs", "miscFolk")
COMPOSERS = (
    "bach", "beach", "chopin", "corelli", "cpebach", "handel", "haydn", "johnson_j_r", "joplin",
    "monteverdi", "mozart", "schoenberg", "schubert", "schumann_clara", "schumann_robert", "verdi", "weber",
    "webern", "beethoven", "palestrina",
)  # fmt: skip
# What music21 raises, besides its own, at bars that it cannot make sense of.
FAILURES = (ValueError, IndexError, KeyError, AttributeError, TypeError, ZeroDivisionError)
_FORMATS = (".mxl", ".xml", ".musicxml", ".krn", ".abc")
MOST_PIECES = 260  # of a collection, evenly taken
_MORE = {"oneills1850": 700, "ryansMammoth": 700}  # books of training: validation's stay as they were read
_FEWER = {  # scores that take long to read
    "beethoven": 4,
    "haydn": 12,
    "monteverdi": 16,
    "mozart": 12,
    "palestrina": 90,
}
_FEWEST_BARS, _FEWEST_BARS_OF_MOVEMENT = 7, 16
_MOST_VOICES = 12
_VELOCITY = 88  # where a score says none
_TOLERANCE = 1e-3  # quarter notes


@dataclass(frozen=True)
class _Bar:
    begin: float  # quarter notes
    length: float
    metre: str


def grid(bars: list[_Bar]) -> list[tuple[float, float, bool]] | None:
    """Beats of a piece as (place, length, begins a bar), in quarter notes; None for bars that hold no whole beats.

    A short bar before a repeat and the upbeat after it are one bar; a short first bar is an upbeat.
    """
    beats: list[tuple[float, float, bool]] = []
    open_length = 0.0
    for number, bar in enumerate(bars):
        if bar.metre not in METRES:
            return None
        tactus = METRES[bar.metre][0]
        upper, lower = (int(part) for part in bar.metre.split("/"))
        whole = upper * 4 / lower
        count = bar.length / tactus
        if bar.length > whole + _TOLERANCE:
            return None
        is_short = bar.length < whole - _TOLERANCE
        if number == 0 and is_short:  # beats count back from the first bar line
            places = [bar.begin + bar.length - tactus * (i + 1) for i in range(int(count + _TOLERANCE))]
            beats += [(place, tactus, False) for place in reversed(places)]
            continue
        continues = open_length > 0 and open_length + bar.length <= whole + _TOLERANCE
        offset = open_length if continues else 0.0
        first = -(-(offset - _TOLERANCE) // tactus) * tactus - offset  # of the tactus from the bar's begin on
        at = first
        while at < bar.length - _TOLERANCE:
            beats.append((bar.begin + at, tactus, not continues and at == 0))
            at += tactus
        open_length = (offset + bar.length) % whole if is_short else 0.0
        if whole - open_length < _TOLERANCE:
            open_length = 0.0
    steps = [(b[0] - a[0]) / a[1] for a, b in itertools.pairwise(beats)]
    return beats if beats and all(abs(step - 1) < _TOLERANCE for step in steps) else None


def to_tune(piece: Any, title: str, collection: str) -> Tune | None:
    """A music21 score as a tune; None where its bars are not whole or its metres unknown."""
    source = _read(piece)
    if source is None or len(source.bars) < _FEWEST_BARS:
        return None
    return source.tune(source.bars, title, collection)


def to_movements(piece: Any, title: str, collection: str) -> Iterator[Tune]:
    """The stretches of a music21 score in one metre and of some length: movements, or parts of them."""
    source = _read(piece)
    if source is None:
        return
    first = 0
    for at in range(1, len(source.bars) + 1):
        if at < len(source.bars) and at not in source.begins:
            continue
        if at - first >= _FEWEST_BARS_OF_MOVEMENT:
            tune = source.tune(source.bars[first:at], f"{title} {first + 1}", collection)
            if tune is not None:
                yield tune
        first = at


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What is needed of a music21 score; places and lengths are in quarter notes."""

    bars: list[_Bar]
    begins: set[int]  # bars that another metre or movement begins with
    notes: list[tuple[float, float, tuple[int, ...], int]]  # place, length, MIDI notes, part
    programs: dict[str, int]

    def tune(self, bars: list[_Bar], title: str, collection: str) -> Tune | None:
        """Some of the bars as a tune; None where they are not whole or their metre unknown."""
        beats = grid(bars)
        if beats is None:
            return None
        places = [place for place, _, _ in beats]
        begin, end = bars[0].begin, bars[-1].begin + bars[-1].length

        def in_beats(at: float) -> float:
            low = max(0, bisect_right(places, at + _TOLERANCE) - 1)
            return low + (at - places[low]) / beats[low][1]

        notes = []
        for offset, length, pitches, part in self.notes:
            if not begin - _TOLERANCE <= offset < end - _TOLERANCE or (at := in_beats(offset)) < 0:
                continue
            long = max(0.05, length / beats[min(len(beats) - 1, int(at))][1])
            notes += [Note(round(at, 4), round(long, 4), pitch, _VELOCITY, f"tune {part}") for pitch in pitches]
        if not notes:
            return None
        metre = bars[-1].metre
        score = Score(
            n_beats=len(beats),
            downbeats=[number for number, (_, _, is_first) in enumerate(beats) if is_first],
            programs=self.programs,
            notes=sorted(notes, key=lambda note: note.at),
            genre=f"{collection} {metre}",
            loose=0.8,
        )
        return Tune(title=title, collection=collection, metre=metre, score=score, bpm=METRES[metre][1])


def _read(piece: Any) -> _Source | None:
    parts = list(piece.parts) or [piece]
    if len(parts) > _MOST_VOICES:
        return None
    bars: list[_Bar] = []
    begins: set[int] = set()
    metre, number = "", 0
    for measure in parts[0].getElementsByClass("Measure"):
        before = metre
        if measure.timeSignature is not None:
            metre = measure.timeSignature.ratioString
        if metre != before or measure.number < number:  # bars are counted anew
            begins.add(len(bars))
        number = measure.number
        bars.append(_Bar(float(measure.offset), float(measure.duration.quarterLength), metre))
    notes = []
    for part_number, part in enumerate(parts):
        for element in part.flatten().notes:
            length = float(element.duration.quarterLength)
            if length > 0 and "ChordSymbol" not in type(element).__name__:
                pitches = tuple(int(pitch.midi) for pitch in element.pitches)
                notes.append((float(element.offset), length, pitches, part_number))
    programs = {f"tune {part_number}": _program(part) for part_number, part in enumerate(parts)}
    return _Source(bars=bars, begins=begins, notes=notes, programs=programs)


def _program(part: Any) -> int:
    instrument = part.getInstrument(returnDefault=False)
    number = getattr(instrument, "midiProgram", None)
    return int(number) if number is not None else 0


def read_collection(folder: Path) -> Iterator[Tune]:
    """The tunes of one folder of the corpus, at most `MOST_PIECES`."""
    converter = import_module("music21.converter")
    failure = import_module("music21.exceptions21").Music21Exception

    texts: list[tuple[str, str | Path]] = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _FORMATS):
        if path.suffix == ".abc":
            parts = re.split(r"(?m)^(?=X:)", path.read_text(encoding="utf-8", errors="replace"))
            tunes = [part.strip() + "\n" for part in parts if part.startswith("X:")]
            texts += [(f"{path.stem} {number}", tune) for number, tune in enumerate(tunes)]
        else:
            texts.append((path.stem, path))
    most = (_MORE | _FEWER).get(folder.name, MOST_PIECES)
    step = max(1, len(texts) // most)
    for title, source in texts[::step][:most]:
        try:
            piece = (
                converter.parse(str(source))
                if isinstance(source, Path)
                else converter.parseData(source, format="abc")
            )
            tune = to_tune(piece, title, folder.name)
        except (failure, *FAILURES):
            continue  # the reader of music21 fails on some of its own corpus
        if tune is not None:
            yield tune


def write_tunes(out: Path, collections: tuple[str, ...] = (*_BOOKS, *COMPOSERS)) -> None:
    """Read each collection once; those that lie in `out` already are left alone."""
    root = Path(str(import_module("music21.corpus").__file__)).parent
    out.mkdir(parents=True, exist_ok=True)
    for collection in collections:
        path = out / f"{collection}.json"
        if path.exists():
            continue
        rows = [to_json(tune) for tune in read_collection(root / collection)]
        write_json(path, rows)
        print(f"{collection}: {len(rows)} pieces", flush=True)


def to_json(tune: Tune) -> dict[str, Any]:
    """Plain values."""
    voices = list(tune.score.programs)
    return {
        "title": tune.title,
        "collection": tune.collection,
        "metre": tune.metre,
        "bpm": list(tune.bpm),
        "n_beats": tune.score.n_beats,
        "downbeats": tune.score.downbeats,
        "programs": list(tune.score.programs.values()),
        "notes": [[n.at, n.length, n.pitch, voices.index(n.voice), n.velocity] for n in tune.score.notes],
    }


def from_json(row: dict[str, Any]) -> Tune:
    """The tune again."""
    programs = {f"tune {number}": int(program) for number, program in enumerate(row["programs"])}
    score = Score(
        n_beats=int(row["n_beats"]),
        downbeats=[int(at) for at in row["downbeats"]],
        programs=programs,
        notes=[
            # files of before say no velocities
            Note(float(at), float(length), int(pitch), int(velocity[0]) if velocity else _VELOCITY, f"tune {voice}")
            for at, length, pitch, voice, *velocity in row["notes"]
        ],
        genre=f"{row['collection']} {row['metre']}",
        loose=0.8,
    )
    metre = str(row["metre"])
    low, high = row.get("bpm", METRES[metre][1])  # files of before say no tempi
    return Tune(
        title=str(row["title"]),
        collection=str(row["collection"]),
        metre=metre,
        score=score,
        bpm=(float(low), float(high)),
    )


def read_tunes(folder: Path) -> list[Tune]:
    """All tunes that were read before; none where there is no such folder."""
    rows = [row for path in sorted(folder.glob("[!.]*.json")) for row in json.loads(path.read_text(encoding="utf-8"))]
    return [from_json(row) for row in rows]


def main(argv: list[str] | None = None) -> None:
    """Read the corpus into a folder."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.corpus", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tunes, outside the repository")
    write_tunes(parser.parse_args(argv).out)


if __name__ == "__main__":
    main()
