"""Songs with piano of the OpenScore Lieder Corpus (CC0), as `Tune`s that training hears.

music21 is needed to read them once (``python -m beatwalk.training.ears.lieder --scores FOLDER --out FOLDER``); they
join the tunes that `beatwalk.training.ears.corpus` read, as one more file of JSON.

Conventions
-----------
- A composer's songs are a collection under the name that `beatwalk.training.ears.corpus` has for them, so that those
  who are kept apart stay apart: their songs are left out here.
- Composers of few songs are one collection.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from beatwalk.core import write_json
from beatwalk.training.ears.corpus import COMPOSERS, FAILURES, to_json, to_tune
from beatwalk.training.ears.sources import is_apart
from beatwalk.training.ears.tunes import Tune

OTHERS = "lieder"  # collection of composers of fewer songs than
_FEWEST = 10
_MOST = 30  # songs of a composer, evenly taken


def composer_of(folder: str) -> str:
    """The corpus's name for a composer whose folder is called so, `Schumann,_Clara`."""
    plain = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode().lower()
    last, _, first = plain.replace(" ", "_").partition(",_")
    whole = f"{last}_{first}".strip("_")
    return last if last in COMPOSERS and whole not in COMPOSERS else whole


def read_lieder(scores: Path) -> Iterator[Tune]:
    """Songs of a folder that holds one of compressed MusicXML for each composer; of composers apart none is read.

    Raises
    ------
    FileNotFoundError
        There is no song in the folder.
    """
    by_composer: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(scores.rglob("*.mxl")):
        by_composer[composer_of(path.relative_to(scores).parts[0])].append(path)
    if not by_composer:
        raise FileNotFoundError(
            f"{scores}: no songs (*.mxl); the OpenScore Lieder Corpus has them in the folder scores"
        )
    converter = import_module("music21.converter")
    failure = import_module("music21.exceptions21").Music21Exception
    for composer, paths in by_composer.items():
        if is_apart(composer):
            continue
        collection = composer if len(paths) >= _FEWEST else OTHERS
        step = max(1, len(paths) // _MOST)
        for path in paths[::step][:_MOST]:
            try:
                tune = to_tune(converter.parse(str(path)), path.parent.name, collection)
            except (failure, *FAILURES):
                continue  # a bar that music21 cannot make sense of
            if tune is not None:
                yield tune


def main(argv: list[str] | None = None) -> None:
    """Read the songs into a folder of tunes."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.lieder", description=main.__doc__)
    parser.add_argument(
        "--scores", type=Path, required=True, help="folder of the songs, one folder for each composer"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of tunes, outside the repository")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = [to_json(tune) for tune in read_lieder(args.scores)]
    write_json(args.out / f"{OTHERS}.json", rows)
    print(f"{OTHERS}: {len(rows)} songs")


if __name__ == "__main__":
    main()
