"""The validation set: pieces of written music that no training hears, to choose the decoder by and to measure on.

``python -m beatwalk.training.ears.validation --out FOLDER --tunes FOLDER --soundfont ...`` plays them; the same
sources and take give the same pieces. The folder lies outside the repository.

Conventions
-----------
- A piece is `NNN.flac`, mono, and `NNN.json`: its truth (seconds), and its style, metre, source and licence.
- Sources are those that `sources.is_apart` keeps from training: a fifth of MMA's styles over charts of their own,
  composers, books of tunes, and packages. A SoundFont that training does not have may be given, too.
- Another **take** has pieces of the same styles, composers and books over other charts, at other tempi and in other
  rooms: what differs between takes is chance.
- Tracker modules and songs in MIDI (`--modules`, `--songs`) make a set of their own, of music that is like nothing
  else here. A module whose beats are in doubt leaves its number out.
- Styles are grouped into **kinds**, by which tables report.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import write_json
from beatwalk.training.ears.__main__ import add_folders
from beatwalk.training.ears.augment import augment
from beatwalk.training.ears.bands import Band
from beatwalk.training.ears.clips import NOTHING, UNKNOWN, Truth, drone, hear_module, is_known, perform
from beatwalk.training.ears.corpus import read_tunes
from beatwalk.training.ears.modules import Module
from beatwalk.training.ears.packages import LICENCE, SOURCE
from beatwalk.training.ears.score import Score, draw_tempo, in_odd_bars, joined, rescaled, without
from beatwalk.training.ears.sources import MOST_VOICES, ODD_BARS, Sources, draw_bpm, gathered
from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.training.ears.tunes import Tune, arrange
from beatwalk.types import Float32

PIECE_S = 48.0
SEED = 25_000
_PER_STYLE = 2
_ODD, _MEDLEYS, _WITHOUT_BEAT = 16, 6, 4
_PER_COLLECTION = {"airdsAirs": 22, "mozart": 10, "beethoven": 8, "monteverdi": 5}
_MOST_OF_OTHERS = 3
_MMA_LICENCE = "MMA's library, GPL-2+; charts of the recipe's own"
_CORPUS_LICENCE = "music21's corpus, by permission of the encoders"

# Kinds by words in a style's name, after its metre; the first that fits holds.
_KINDS: tuple[tuple[str, str], ...] = (
    ("trance|techno|tech|dance|ambient|house", "electronic"),
    ("hip|rnb|soul|motown|fusion", "soul, funk and hip-hop"),
    ("thr|mtl|rock|beat[18]|8beat|pop|twist|16beat1", "rock and pop"),
    ("ballad|bald|desert", "ballads"),
    ("shuffle|boog|bogg|blues", "shuffle and blues"),
    ("swing|jazz|band|charleston", "swing and jazz"),
    ("afro|latin|beguine|rhumba|bolero|samba|bossa", "Latin"),
    ("", "country, folk and march"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """What is played, before it is played."""

    style: str
    kind: str
    source: str
    metre: str = ""
    licence: str = ""
    bpm: float = 0.0  # of a score
    music: Score | Module | None = None  # None is music without a beat
    changes: str = ""  # what happens in it, in a word or two


def kind_of(style: str, metre: str) -> str:
    """The row of the tables in which a style of MMA's stands."""
    if metre in ("3/4", "6/8", "12/8"):
        return {"3/4": "waltz 3/4", "6/8": "6/8", "12/8": "12/8"}[metre]
    if metre not in ("4/4", "2/4"):
        return "odd metres"
    return next(kind for words, kind in _KINDS if re.search(words, style))


def write_set(out: Path, sources: Sources, most: int | None = None, seconds: float = PIECE_S, take: int = 0) -> None:
    """Play every piece that does not lie in `out` already; one that was made of another source is made again."""
    out.mkdir(parents=True, exist_ok=True)
    for number, plan in enumerate(plans(sources, seconds)):
        if most is not None and number >= most:
            return
        path = out / f"{number:03d}.json"
        if path.exists() and _read(path).style.startswith(plan.style):
            continue
        for stale in (path, path.with_suffix(".flac"), out / "features" / f"{path.stem}.npz"):
            stale.unlink(missing_ok=True)
        piece = plan.compose(np.random.default_rng([SEED, 2 * take, number]))
        rng = np.random.default_rng([SEED, 2 * take + 1, number])
        if played := play(rng, piece, sources.fonts, seconds, varied=take > 0):
            told = {f.name: getattr(piece, f.name) for f in fields(piece) if f.name != "music"}
            _write(out, number, *played, told)


def play(
    rng: np.random.Generator, piece: Piece, fonts: Sequence[Path], seconds: float, *, varied: bool = False
) -> tuple[Float32, Truth] | None:
    """Samples through rooms, codecs and mastering, and when what happens; None of a module whose beats are in doubt.

    A module is played as it is written unless it is to be `varied`.
    """
    music = piece.music
    if music is None:
        return augment(rng, drone(rng, seconds)), NOTHING
    if isinstance(music, Module):
        heard = hear_module(rng, music, seconds, varied=varied)
        return None if heard is None else (augment(rng, heard[0]), heard[1])
    tempo = draw_tempo(rng, piece.bpm, music.n_beats, music.loose)
    if "tempo" in piece.changes:
        place = music.downbeats[len(music.downbeats) // 2]
        tempo = rescaled(tempo, place, float(rng.choice([0.72, 0.8, 1.25, 1.4])))
    samples, truth = perform(rng, music, tempo, seconds, fonts)
    return augment(rng, samples), truth


@dataclass(frozen=True, eq=False)
class Plan:
    """What will be a piece, as far as it is known before anything is composed."""

    style: str  # its name begins so
    compose: Callable[[np.random.Generator], Piece]


def plans(sources: Sources, seconds: float = PIECE_S) -> Iterator[Plan]:
    """All pieces in their order."""
    for style in sources.styles:
        play_it = partial(_from_style, sources=sources, style=style, seconds=seconds)
        for _ in range(_PER_STYLE if style.metre == "4/4" else 2 * _PER_STYLE):
            yield Plan(style.name, play_it)
    common = [style for style in sources.styles if style.metre == "4/4"]
    for turn in range(_ODD if common else 0):
        pattern = ODD_BARS[turn % len(ODD_BARS)]
        yield Plan("", partial(_odd, sources=sources, styles=common, pattern=pattern, seconds=seconds))
    for turn in range(_MEDLEYS if sources.styles else 0):
        yield Plan("", partial(_medley, sources=sources, seconds=seconds, turn=turn))
    for _ in range(_WITHOUT_BEAT):
        yield Plan("drone", lambda _: Piece(style="drone", kind="no beat", source="own synthesis"))
    for collection, tunes in sorted(_by_collection(sources.tunes).items()):
        most = _PER_COLLECTION.get(collection, _MOST_OF_OTHERS)
        for tune in tunes[:: max(1, len(tunes) // most)][:most]:
            yield Plan(f"{collection}: {tune.title}", partial(_from_tune, tune=tune, seconds=seconds))
    for module in sources.modules:
        name = f"{module.collection}: {module.path.name}"
        yield Plan(name, partial(_from_module, name=name, module=module))


def _from_style(rng: np.random.Generator, sources: Sources, style: Band, seconds: float) -> Piece:
    """Three in ten begin with an upbeat, or have a short bar or another tempo in them."""
    bpm = draw_bpm(rng, style.bpm)
    score = sources.play(rng, style, bpm, 1.5 * seconds)
    changes, kind = "", rng.random()
    if kind < 0.1:
        score, changes = without(score, 0, int(rng.integers(1, style.beats))), "upbeat"
    elif kind < 0.2:
        bar = score.downbeats[len(score.downbeats) // 3]
        score = without(score, bar, bar + style.beats // 2)
        score.downbeats = sorted({*score.downbeats, bar})
        changes = "short bar"
    elif kind < 0.3:
        changes = "tempo change"
    return Piece(
        style=style.name,
        kind=kind_of(style.name, style.metre),
        metre=style.metre,
        source="MMA",
        licence=_MMA_LICENCE,
        bpm=bpm,
        music=score,
        changes=changes,
    )


def _odd(
    rng: np.random.Generator,
    sources: Sources,
    styles: Sequence[Band],
    pattern: tuple[tuple[int, int], ...],
    seconds: float,
) -> Piece:
    """A style in bars of five to seven beats."""
    style = styles[int(rng.integers(len(styles)))]
    piece = _from_style(rng, sources, style, 2.5 * seconds)
    plain = sources.play(rng, style, piece.bpm, 2.5 * seconds)
    score = in_odd_bars(plain, pattern)
    return replace(piece, music=score, metre=f"{score.metre}/4", kind="odd metres", changes="")


def _medley(rng: np.random.Generator, sources: Sources, seconds: float, turn: int) -> Piece:
    """One style after the other, at the same tempo or at another one."""
    bpm = draw_bpm(rng, (85, 150))
    for _ in range(20):
        first, second = (sources.styles[int(rng.integers(len(sources.styles)))] for _ in range(2))
        a, b = (sources.play(rng, style, bpm, seconds / 2) for style in (first, second))
        score = joined(a, b)
        if len(score.programs) <= MOST_VOICES and first.name != second.name:
            break
    names, metres = f"{first.name} and {second.name}", sorted({first.metre, second.metre})
    return Piece(
        style=names,
        kind="two pieces in turn",
        metre=" and ".join(metres),
        source="MMA",
        licence=_MMA_LICENCE,
        bpm=bpm,
        music=score,
        changes="tempo change" if turn % 2 else "",
    )


def _from_tune(rng: np.random.Generator, tune: Tune, seconds: float) -> Piece:
    score, bpm = arrange(rng, tune, seconds)
    if tune.source != "music21":
        kind = "game music"
    elif tune.is_melody:
        kind = "tunes from books"
    else:
        kind = "choirs" if tune.collection == "monteverdi" else "chamber music"
    return Piece(
        style=f"{tune.collection}: {tune.title}",
        kind=kind,
        metre=tune.metre,
        source=tune.source,
        licence=tune.licence or _CORPUS_LICENCE,
        bpm=bpm,
        music=score,
    )


def _from_module(_: np.random.Generator, name: str, module: Module) -> Piece:
    return Piece(style=name, kind="modules", metre="4/4", source=SOURCE, licence=LICENCE, music=module)


def _by_collection(tunes: Sequence[Tune]) -> dict[str, list[Tune]]:
    found: dict[str, list[Tune]] = {}
    for tune in tunes:
        found.setdefault(tune.collection, []).append(tune)
    return found


def _write(out: Path, number: int, samples: Float32, truth: Truth, told: dict[str, Any]) -> None:
    import soundfile

    song = out / f"{number:03d}.flac"
    soundfile.write(song, samples, RATE_HZ)
    known = {f.name: getattr(truth, f.name) for f in fields(truth)}
    events = {
        name: [round(float(t), 5) for t in times_s] if is_known(times_s) else None for name, times_s in known.items()
    }
    write_json(out / f"{number:03d}.json", told | {"truth": events})


@dataclass(frozen=True, kw_only=True, eq=False)
class Played:
    """A piece of the set that lies in a folder."""

    song: Path
    style: str
    kind: str
    metre: str
    changes: str
    truth: Truth


def read_set(*folders: Path) -> list[Played]:
    """All pieces of folders, each with a take.

    Raises
    ------
    FileNotFoundError
        There are none in one of them.
    """
    played: list[Played] = []
    for folder in folders:
        paths = sorted(folder.glob("[0-9]*.json"))
        if not paths:
            raise FileNotFoundError(
                f"no pieces in {folder}: make them with python -m beatwalk.training.ears.validation --out {folder}"
            )
        played += map(_read, paths)
    return played


def _read(path: Path) -> Played:
    told = json.loads(path.read_text(encoding="utf-8"))
    events = (told["truth"][f.name] for f in fields(Truth))
    truth = Truth.of([UNKNOWN if times_s is None else np.array(times_s, np.float64) for times_s in events])
    named = {name: str(told.get(name, "")) for name in ("style", "kind", "metre", "changes")}
    return Played(song=path.with_suffix(".flac"), truth=truth.fused, **named)


def main(argv: list[str] | None = None) -> None:
    """Play the set and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.validation", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder outside the repository")
    parser.add_argument("--tunes", type=Path, help="tunes that beatwalk.training.ears.corpus read")
    add_folders(parser)
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="may be given again")
    parser.add_argument("--most", type=int, help="play only the first N pieces")
    parser.add_argument("--take", type=int, default=0, help="1, 2, ...: other pieces, in a folder of their own")
    args = parser.parse_args(argv)
    tunes = read_tunes(args.tunes) if args.tunes else []
    sources = gathered(args.soundfont, tunes, args.mma, modules=args.modules, songs=args.songs, apart=True)
    write_set(args.out, sources, args.most, take=args.take)
    played = read_set(args.out)
    for name, count in sorted(Counter((p.kind, p.metre) for p in played).items()):
        print(f"{name[0]:28}{name[1]:14}{count:4}")
    print(f"{len(played)} pieces")


if __name__ == "__main__":
    main()
