"""``python -m beatwalk.training.vocabulary --out FILE``: the vocabulary that nano reads prompts with, `words.json`.

It joins what the painter knows and how captions word it (`painter/words.toml`), other words for it
(`painter/synonyms.toml`), the same in other languages (`painter/languages.toml`), and what the reader needs besides
(`painter/reader.toml`). `beatwalk.models.prompt_reader` reads the file.

A model knows the subjects that it was trained on: they stand in its `training.json`. Words of those that it does not
know hint at the nearest one that it does.
"""

from __future__ import annotations

import argparse
import json
import tomllib
import unicodedata
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

from beatwalk.models import PROMPT_GROUPS
from beatwalk.training.models import HISTORY
from beatwalk.training.painter import SUBJECTS
from beatwalk.training.painter.captions import SYNONYMS, phrases

VERSION = 1


def _read(name: str) -> dict[str, Any]:
    text = files("beatwalk.training.painter").joinpath(name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _bare(phrase: str) -> str:
    """A phrase without the marks of words.toml and without its article."""
    plain = phrase.removeprefix("| ").removeprefix("~ ").removeprefix("the ").removeprefix("a ").removeprefix("an ")
    return unicodedata.normalize("NFKC", plain).lower()


def vocabulary(subjects: Collection[str] = tuple(SUBJECTS)) -> dict[str, Any]:
    """Plain data of `words.json`.

    Parameters
    ----------
    subjects
        Those that the model knows.

    Raises
    ------
    KeyError
        A file names something that the painter does not know.
    """
    known, languages, reader = _read("words.toml"), _read("languages.toml"), _read("reader.toml")
    words: dict[str, dict[str, Any]] = {}
    for group in PROMPT_GROUPS:
        words[group] = {}
        for name, written in known[group].items():
            plain = [_bare(phrase) for phrase in written]
            others = [_bare(phrase) for phrase in SYNONYMS[group].get(name, [])]
            words[group][name] = {"caption": _bare(phrases(group, name)[0]), "plain": plain, "others": others}
    for language, groups in languages.items():
        for group, names in groups.items():
            for name, listed in names.items():
                if name not in words[group]:
                    raise KeyError(f"languages.toml [{language}.{group}]: the painter knows no {name!r}")
                translated = [unicodedata.normalize("NFKC", word.strip()) for word in listed.split(",")]
                words[group][name]["others"] += [word for word in translated if word]
    for name in (*reader["hints"], *reader["own"]):
        if name not in words["subjects"]:
            raise KeyError(f"reader.toml: the painter knows no {name!r}")
    for entries in words.values():
        for entry in entries.values():
            entry["others"] = list(dict.fromkeys(word for word in entry["others"] if word not in entry["plain"]))
    if unknown := set(subjects) - set(words["subjects"]):
        raise KeyError(f"the painter knows no {sorted(unknown)[0]!r}")
    weak = set(reader["weak"]["words"])
    hints = {name: list(listed) for name, listed in reader["hints"].items() if name in subjects}
    lost = {name: words["subjects"].pop(name) for name in [*words["subjects"]] if name not in subjects}
    for name, entry in words["subjects"].items():
        hinting = [word for word in (*entry["plain"], *entry["others"]) if word in weak]
        hints.setdefault(name, []).extend(word for word in hinting if word not in hints.get(name, []))
        entry["plain"] = [word for word in entry["plain"] if word not in weak]
        entry["others"] = [word for word in entry["others"] if word not in weak]
    taken = {word for listed in hints.values() for word in listed}
    kept = {word for group in PROMPT_GROUPS[1:] for entry in words[group].values() for word in entry["plain"]}
    for name, entry in lost.items():
        listed = (*entry["plain"], *entry["others"], *reader["hints"].get(name, []))
        # A phrase with a colour in it, such as "neon street", would hide the colour.
        near = dict.fromkeys(word for word in listed if word not in taken and not kept.intersection(word.split()))
        hints.setdefault(reader["near"][name], []).extend(near)
        taken.update(near)
        for group in PROMPT_GROUPS[1:]:  # a rose is a flower first, and pink in French
            for other in words[group].values():
                other["others"] = [word for word in other["others"] if word not in entry["plain"]]
    return {
        "version": VERSION,
        "words": words,
        "hints": hints,
        "faint": reader["faint"]["words"],
        "implied": reader["implied"],
        "filler": sorted({*reader["filler"]["words"], *(_bare(word) for word in known["extras"]["words"])}),
        "own": reader["own"],
    }


def main(argv: list[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.vocabulary", description=__doc__)
    inside = Path(str(files("beatwalk.embedded"))) / "nano" / "words.json"
    parser.add_argument(
        "--out", type=Path, default=inside, help="file to write, in the model's folder. Default: nano's own, inside"
    )
    args = parser.parse_args(argv)
    history = args.out.with_name(HISTORY)
    told = json.loads(history.read_text(encoding="utf-8")) if history.exists() else {}
    write(args.out, told.get("subjects", list(SUBJECTS)))


def write(path: Path, subjects: Collection[str]) -> None:
    """Write the vocabulary of a model that knows some subjects."""
    text = json.dumps(vocabulary(subjects), ensure_ascii=False, indent=0, separators=(",", ":"))
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
