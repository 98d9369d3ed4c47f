"""``python -m beatwalk.training.synonyms --wordnet DIR``: other words for what the painter knows, from WordNet.

`painter/senses.toml` names, by eye, the senses of WordNet that mean a subject, palette, mood, style or composition
of the painter. This script reads their words, and those of narrower terms where that is asked for, out of a copy of
WordNet (the package `wordnet-base` of Debian, unpacked: `usr/share/wordnet`) and writes `painter/synonyms.toml`,
which captions are worded from. Neither training nor anything else needs WordNet itself.

A sense is written ``lemma.pos.number`` as WordNet numbers them, pos one of n, a, v; ``+N`` behind it takes in the
narrower terms N levels down, for adjectives the similar ones.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

FILES = {"n": "noun", "a": "adj", "v": "verb"}
NARROWER = {"n": ("~", "~i"), "a": ("&",), "v": ("~",)}
LONGEST = 22  # letters of a word that is taken
COMMON = 2  # a narrower term is taken if it is among its word's first so many senses: later ones are rarely meant
NOTICE = """\
# Made by python -m beatwalk.training.synonyms from senses.toml and WordNet; edit senses.toml, not this file.
#
# A selection of words from WordNet 3.0, which comes with this licence: This software and database is being
# provided to you, the LICENSEE, by Princeton University under the following license. By obtaining, using and/or
# copying this software and database, you agree that you have read, understood, and will comply with these terms
# and conditions.: Permission to use, copy, modify and distribute this software and database and its
# documentation for any purpose and without fee or royalty is hereby granted, provided that you agree to comply
# with the following copyright notice and statements, including the disclaimer, and that the same appear on ALL
# copies of the software, database and documentation, including modifications that you make for internal use or
# for distribution. WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. THIS SOFTWARE AND
# DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR
# IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF
# MERCHANT- ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR
# DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS. The name of
# Princeton University or Princeton may not be used in advertising or publicity pertaining to distribution of
# the software and/or database. Title to copyright in this software, database and any associated documentation
# shall at all times remain with Princeton University and LICENSEE agrees to preserve same.
"""


@dataclass(frozen=True, kw_only=True)
class Synset:
    """One meaning: its words and the meanings below or beside it."""

    lemmas: tuple[str, ...]  # as WordNet writes them: underscores for spaces
    narrower: tuple[str, ...]  # offsets


class WordNet:
    """The database files of one folder, read once.

    Parameters
    ----------
    folder
        Holds ``index.noun``, ``data.noun`` and so on.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in FILES.values() if not (folder / f"data.{name}").exists()]
        if missing:
            raise FileNotFoundError(f"no data.{missing[0]} in {folder}: give the folder that holds WordNet's files")
        self._senses: dict[tuple[str, str], tuple[str, ...]] = {}
        self._synsets: dict[tuple[str, str], Synset] = {}
        for pos, name in FILES.items():
            for line in _lines(folder / f"index.{name}"):
                lemma, _, count, pointers, *rest = line.split()
                self._senses[lemma, pos] = tuple(rest[int(pointers) + 2 :][: int(count)])
            for line in _lines(folder / f"data.{name}"):
                offset, synset = _synset(line, pos)
                self._synsets[offset, pos] = synset

    def synset(self, sense: str) -> tuple[Synset, str]:
        """The meaning that ``lemma.pos.number`` names, and its part of speech."""
        lemma, pos, number = sense.rsplit(".", 2)
        offsets = self._senses.get((lemma, pos), ())
        if not 1 <= int(number) <= len(offsets):
            raise KeyError(f"{sense}: WordNet has {len(offsets)} senses of {lemma!r} as {FILES.get(pos, pos)}")
        return self._synsets[offsets[int(number) - 1], pos], pos

    def rank(self, lemma: str, pos: str, synset: Synset) -> int:
        """Which sense of the lemma this is, from 1."""
        for number, offset in enumerate(self._senses.get((lemma.lower(), pos), ()), 1):
            if self._synsets[offset, pos] is synset:
                return number
        return 99

    def words(self, sense: str) -> Iterator[str]:
        """Words of a sense and, with ``+N``, of those N levels below it."""
        name, _, depth = sense.partition("+")
        synset, pos = self.synset(name)
        level, seen = [synset], {id(synset)}
        for step in range(int(depth or 0) + 1):
            for one in level:
                lemmas = [w for w in one.lemmas if _usable(w)]
                if step:  # what was chosen by eye needs no such care
                    lemmas = [w for w in lemmas if w.islower() and self.rank(w, pos, one) <= COMMON]
                yield from (_plain(w) for w in lemmas)
            below = [self._synsets[offset, pos] for one in level for offset in one.narrower]
            level = [one for one in below if not (id(one) in seen or seen.add(id(one)))]  # type: ignore[func-returns-value]


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from (line for line in file if not line.startswith("  "))  # the licence is indented


def _synset(line: str, pos: str) -> tuple[str, Synset]:
    offset, _, _, count, *rest = line.split("|")[0].split()
    number = int(count, 16)
    lemmas = tuple(re.sub(r"\(\w+\)$", "", word) for word in rest[: 2 * number : 2])
    pointers = rest[2 * number + 1 :]
    triples = zip(pointers[::4], pointers[1::4], pointers[2::4], strict=False)
    return offset, Synset(lemmas=lemmas, narrower=tuple(to for kind, to, _ in triples if kind in NARROWER[pos]))


def _plain(lemma: str) -> str:
    return lemma.replace("_", " ").lower()


def _usable(lemma: str) -> bool:
    return len(lemma) <= LONGEST and re.fullmatch(r"[A-Za-z][a-z]*(?:[_-][A-Za-z]?[a-z]*)*", lemma) is not None


def draw(
    wordnet: WordNet,
    senses: Mapping[str, Mapping[str, list[str]]],
    known: Mapping[str, Mapping[str, list[str]]],
    drop: set[str],
) -> dict[str, dict[str, list[str]]]:
    """Words by group and name, each of them under one name only and under none where captions have it already.

    Parameters
    ----------
    senses
        Group → name → senses.
    known
        Group → name → phrases that captions are worded from anyway.
    drop
        Words that are not to be taken.
    """
    taken = {
        re.sub(r"^(~|\||an?|the) ", "", p) for names in known.values() for ps in names.values() for p in ps
    } | drop
    result: dict[str, dict[str, list[str]]] = {}
    for group, names in senses.items():
        result[group] = {}
        for name, wanted in names.items():
            if name not in known[group]:
                raise KeyError(f"senses.toml [{group}]: the painter knows no {name!r}")
            words = dict.fromkeys(word for sense in wanted for word in wordnet.words(sense))
            result[group][name] = sorted(set(words) - taken)
            taken |= set(words)
    return result


def text(drawn: Mapping[str, Mapping[str, list[str]]]) -> str:
    """The file: WordNet's notice, then TOML."""
    lines = [NOTICE]
    for group, names in drawn.items():
        lines.append(f"[{group}]")
        for name, words in names.items():
            quoted = ", ".join(f'"{word}"' for word in words)
            lines.append(f"{name} = [{quoted}]")
        lines.append("")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.synonyms", description=__doc__)
    parser.add_argument("--wordnet", type=Path, required=True, help="folder with index.noun, data.noun, …")
    here = Path(__file__).parent / "painter"
    parser.add_argument("--out", type=Path, default=here / "synonyms.toml")
    args = parser.parse_args(argv)
    painter = files(__package__) / "painter"
    senses = tomllib.loads((painter / "senses.toml").read_text(encoding="utf-8"))
    known = tomllib.loads((painter / "words.toml").read_text(encoding="utf-8"))
    drop = set(senses.pop("drop")["words"])
    args.out.write_text(text(draw(WordNet(args.wordnet), senses, known, drop)), encoding="utf-8")


if __name__ == "__main__":
    main()
