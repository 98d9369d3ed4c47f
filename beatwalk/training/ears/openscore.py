"""Scores of OpenScore (CC0), songs with piano and string quartets, as `Tune`s that training hears.

music21 is needed to read them once (``python -m beatwalk.training.ears.openscore --scores FOLDER --name lieder --out
FOLDER``); they join the tunes that `beatwalk.training.ears.corpus` read, as one more file of JSON.

Conventions
-----------
- The OpenScore Lieder Corpus and the OpenScore String Quartet Corpus have a folder `scores` with one folder for each
  composer. A quartet is several tunes: its movements, and what of them is in one metre.
- A composer's scores are a collection under the name that `beatwalk.training.ears.corpus` has for them, so that those
  who are kept apart stay apart: their scores are left out here.
- Composers of few scores are one collection, which is called as the corpus.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import write_json
from beatwalk.training.ears.corpus import COMPOSERS, FAILURES, to_json, to_movements, to_tune
from beatwalk.training.ears.sources import is_apart
from beatwalk.training.ears.tunes import Tune


def _whole(piece: Any, title: str, collection: str) -> Iterator[Tune]:
    tune = to_tune(piece, title, collection)
    if tune is not None:
        yield tune


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """How a corpus is read."""

    read: Callable[[Any, str, str], Iterator[Tune]]  # of a music21 score, its title and its collection
    fewest: int  # scores of a composer that are a collection of their own
    most: int  # scores of a composer that are read, evenly taken


CORPORA: Mapping[str, Corpus] = {
    "lieder": Corpus(read=_whole, fewest=10, most=30),
    "quartets": Corpus(read=to_movements, fewest=5, most=8),
}


def composer_of(folder: str) -> str:
    """The corpus's name for a composer whose folder is called so, `Schumann,_Clara`."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    last, _, first = plain.replace(" ", "_").partition(",_")
    whole = f"{last}_{first}".strip("_")
    return last if last in COMPOSERS and whole not in COMPOSERS else whole


def read_scores(scores: Path, name: str) -> Iterator[Tune]:
    """What is in a folder that holds one of compressed MusicXML for each composer; of composers apart none is read.

    Raises
    ------
    FileNotFoundError
        There is no score in the folder.
    """
    corpus = CORPORA[name]
    by_composer: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(scores.rglob("*.mxl")):
        by_composer[composer_of(path.relative_to(scores).parts[0])].append(path)
    if not by_composer:
        raise FileNotFoundError(f"{scores}: no scores (*.mxl); OpenScore's corpora have them in the folder scores")
    converter = import_module("music21.converter")
    failure = import_module("music21.exceptions21").Music21Exception
    for composer, paths in by_composer.items():
        if is_apart(composer):
            continue
        collection = composer if len(paths) >= corpus.fewest else name
        taken = np.linspace(0, len(paths) - 1, min(len(paths), corpus.most)).round().astype(int)
        for path in (paths[at] for at in taken):
            try:
                yield from corpus.read(converter.parse(str(path)), path.parent.name, collection)
            except (failure, *FAILURES):
                continue  # a bar that music21 cannot make sense of


def main(argv: list[str] | None = None) -> None:
    """Read a corpus into a folder of tunes."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.openscore", description=main.__doc__)
    parser.add_argument(
        "--scores", type=Path, required=True, help="the corpus's folder scores, one folder for each composer"
    )
    parser.add_argument("--name", choices=tuple(CORPORA), required=True, help="which corpus it is")
    parser.add_argument("--out", type=Path, required=True, help="folder of tunes, outside the repository")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [to_json(tune) for tune in read_scores(args.scores, args.name)]
    write_json(args.out / f"{args.name}.json", rows)
    print(f"{args.name}: {len(rows)} tunes")


if __name__ == "__main__":
    main()
