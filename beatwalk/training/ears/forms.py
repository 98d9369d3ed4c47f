"""Songs of made-up forms, to measure how well the boundaries of sections are found.

``python -m beatwalk.training.ears.forms --out FOLDER --mma LIBRARY --soundfont FILE`` plays them into FOLDER, where
they are not there already, and prints how many boundaries are found. Constants of `beatwalk.listen.sections` are
chosen on songs of the styles that training hears (``--trained``), and measured on those of the others.

Conventions
-----------
- A form is a row of letters, one a section; equal letters are the same music. Equal letters never stand side by side,
  since nothing would change between them.
- Sections of other letters differ as those of songs do: in the groove of one style, the chords, who plays and how
  loud; the key is one.
- As `mir_eval` does with `trim`, the beginning and the end of a song do not count as boundaries.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import replace
from functools import reduce
from pathlib import Path

import numpy as np

from beatwalk.core import write_json
from beatwalk.listen import analyze
from beatwalk.training.ears.augment import augment
from beatwalk.training.ears.bands import Band, draw_chart
from beatwalk.training.ears.clips import perform
from beatwalk.training.ears.metrics import f_measure, n_matched
from beatwalk.training.ears.score import Score, draw_tempo, joined, with_velocities
from beatwalk.training.ears.sources import MOST_VOICES, Sources, draw_bpm, gathered
from beatwalk.training.ears.synth import RATE_HZ, role
from beatwalk.training.ears.variations import with_fewer
from beatwalk.types import Float

SEED, SEED_TRAINED = 70_000, 71_000
SONGS = 60
WINDOWS_S = (0.5, 3.0)  # a boundary found so near is right, to the fine and to the coarse measure
_FORMS = ("ABA", "ABAB", "ABAC", "ABACA", "ABABCB", "ABCABC", "IABABCB", "IABABCBO", "ABACABA", "ABCD", "ABCBA")
_BARS = (4, 8, 8, 8, 16)
_SECTION_S = (8.0, 45.0)
_MOST_S = 240.0
_LEVELS = (0.6, 1.1)  # of velocities
_TRIES = 50


def draw_form(rng: np.random.Generator, sources: Sources) -> tuple[Score, list[int], float]:
    """A song, the beats on which its sections begin, but for the first, and its tempo in beats a minute."""
    for _ in range(_TRIES):
        form = str(rng.choice(_FORMS))
        style = sources.styles[int(rng.integers(len(sources.styles)))]
        bpm = draw_bpm(rng, style.bpm)
        steps = int(rng.integers(-5, 7))
        parts = {letter: _section(rng, style, bpm, steps, apart=sources.apart) for letter in sorted(set(form))}
        scores = in_one_band([parts[letter] for letter in form])
        song = reduce(joined, scores)
        if len(song.programs) <= MOST_VOICES and song.n_beats * 60 / bpm < _MOST_S:
            starts = list(itertools.accumulate(score.n_beats for score in scores))
            return replace(song, genre=f"{form}: {style.name}"), starts[:-1], bpm
    raise RuntimeError(f"no song of at most {_MOST_S:g} s and {MOST_VOICES} voices in {_TRIES} tries")


def _section(rng: np.random.Generator, style: Band, bpm: float, steps: int, *, apart: bool) -> Score:
    """Some bars of one groove over one chart, by some of the players, louder or softer."""
    bar_s = style.beats * 60 / bpm
    low, high = _SECTION_S
    lengths = [n_bars for n_bars in _BARS if low <= n_bars * bar_s <= high] or [max(1, round(low / bar_s))]
    n_bars = int(rng.choice(lengths))
    chart, grooves = draw_chart(rng, style, apart=apart)
    score = style.play(grooves[:1], replace(chart, steps=steps), n_bars)
    if rng.random() < 0.6:
        score = with_fewer(rng, score)
    level = float(rng.uniform(*_LEVELS))
    return with_velocities(score, lambda velocity: level * velocity)


def in_one_band(scores: list[Score]) -> list[Score]:
    """Sections whose voices have names of one band: players of a role with other instruments are other voices."""
    names: dict[tuple[str, int, int], str] = {}
    renamed = []
    for score in scores:
        new: dict[str, str] = {}
        taken: dict[tuple[str, int], int] = {}
        for voice, program in score.programs.items():
            kind = (role(voice), program)
            turn = taken[kind] = taken.get(kind, -1) + 1  # two guitars of a section stay two
            new[voice] = names.setdefault((*kind, turn), f"{kind[0]} {len(names)}")
        notes = [replace(note, voice=new[note.voice]) for note in score.notes]
        renamed.append(replace(score, programs={new[v]: p for v, p in score.programs.items()}, notes=notes))
    return renamed


def write_songs(out: Path, sources: Sources, n_songs: int = SONGS) -> None:
    """Play every song that does not lie in `out` already, as `NNN.flac` and `NNN.json`."""
    import soundfile

    out.mkdir(parents=True, exist_ok=True)
    for number in range(n_songs):
        path = out / f"{number:03d}.json"
        if path.exists():
            continue
        rng = np.random.default_rng([SEED if sources.apart else SEED_TRAINED, number])
        score, starts, bpm = draw_form(rng, sources)
        tempo = draw_tempo(rng, bpm, score.n_beats, score.loose)
        seconds = tempo.seconds(score.n_beats) + 1.0
        samples, _ = perform(rng, score, tempo, seconds, sources.fonts)
        soundfile.write(path.with_suffix(".flac"), augment(rng, samples), RATE_HZ)
        boundaries_s = [round(tempo.seconds(start), 4) for start in starts]
        write_json(path, {"form": score.genre, "boundaries": boundaries_s})


def found_boundaries_s(song: Path) -> Float:
    """Where the sections of a song begin, but for the first."""
    return np.array([section.start_s for section in analyze(song).sections[1:]])


def main(argv: list[str] | None = None) -> None:
    """Play the songs, and print F, precision and recall of the boundaries."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.forms", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder outside the repository")
    parser.add_argument("--mma", type=Path, required=True, help="folder of MMA's library of styles")
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="may be given again")
    parser.add_argument("--trained", action="store_true", help="songs of the styles that training hears")
    parser.add_argument("--songs", type=int, default=SONGS, help=f"Default: {SONGS}")
    args = parser.parse_args(argv)
    write_songs(args.out, gathered(args.soundfont, library=args.mma, apart=not args.trained), args.songs)
    rows = []
    for path in sorted(args.out.glob("[0-9]*.json"))[: args.songs]:
        told = json.loads(path.read_text(encoding="utf-8"))
        true_s, found_s = np.array(told["boundaries"]), found_boundaries_s(path.with_suffix(".flac"))
        f = [100 * f_measure(found_s, true_s, within_s) for within_s in WINDOWS_S]
        hits = [n_matched(found_s, true_s, within_s) for within_s in WINDOWS_S]
        rows.append([*f, len(true_s), len(found_s), *hits])
        print(f"{path.stem}  {f[0]:5.1f}  {f[1]:5.1f}  {len(true_s):3} true {len(found_s):3} found  {told['form']}")
    table = np.array(rows)
    n_true, n_found = table[:, 2].sum(), table[:, 3].sum()
    for column, within_s in enumerate(WINDOWS_S):
        hits = table[:, 4 + column].sum()
        precision, recall = 100 * hits / max(1, n_found), 100 * hits / max(1, n_true)
        f_mean = table[:, column].mean()
        print(f"within {within_s:g} s: F {f_mean:.1f}, precision {precision:.1f}, recall {recall:.1f}")


if __name__ == "__main__":
    main()
