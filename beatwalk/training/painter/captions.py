"""Attributes into words, the way people write prompts: other words, other orders, things left out."""

from __future__ import annotations

import random
import re
import tomllib
from importlib.resources import files

from beatwalk.training.painter import COMPOSITIONS, MOODS, PALETTES, STYLES, SUBJECTS, Attributes

_WORDS = tomllib.loads(files(__package__).joinpath("words.toml").read_text(encoding="utf-8"))
# group → name → words that mean the same, from WordNet; see beatwalk.training.synonyms
SYNONYMS: dict[str, dict[str, list[str]]] = tomllib.loads(
    files(__package__).joinpath("synonyms.toml").read_text(encoding="utf-8")
)
SYNONYM = 0.22  # share of words that come from there
NATURAL: dict[str, list[str]] = _WORDS["natural"]
_HUES = ["red", "orange", "green", "blue", "violet", "magenta", "gold", "cyan", "purple", "pink", "teal", "yellow"]


def draw_attributes(subject: str, rng: random.Random) -> Attributes:
    """Attributes of one training picture of a subject."""
    natural = rng.random() < 0.22
    palette = rng.choice(NATURAL[subject]) if natural else rng.choice(list(PALETTES))
    second = rng.choice(_HUES) if rng.random() < 0.35 else None
    fitting = [name for name, subjects in COMPOSITIONS.items() if subject in subjects]
    return Attributes(
        subject=subject,
        palette=palette,
        second=None if second == palette else second,
        mood=rng.choice(list(MOODS)) if rng.random() < 0.42 else None,
        style=rng.choice(list(STYLES)) if rng.random() < 0.34 else None,
        composition=rng.choice(fitting) if fitting and rng.random() < 0.22 else None,
    )


def plain(wanted: Attributes) -> str:
    """The plainest caption; used by the evaluation."""
    words = [_WORDS["palettes"][wanted.palette][0], bare(_WORDS["subjects"][wanted.subject][0])]
    if wanted.second:
        words.append(f"and {_WORDS['palettes'][wanted.second][0]}")
    return " ".join(words)


def bare(noun: str) -> str:
    """Without its article, or the mark of one."""
    return noun.removeprefix("~ ").removeprefix("the ")


def _plural(noun: str) -> str:
    """Of a noun's head: galaxies of stars, trees on a hill."""
    head, *rest = re.split(r"(?= (?:of|on|with|in|at) )", noun, maxsplit=1)
    if re.search(r"[^aeiou]y$", head):
        head = f"{head[:-1]}ies"
    elif re.search(r"(x|ch|sh)$", head) and not head.endswith("fish"):
        head = f"{head}es"
    elif not head.endswith(("s", "fish")):
        head = f"{head}s"
    return "".join([head, *rest])


def _pick(group: str, name: str, rng: random.Random) -> str:
    """One of the phrases of a word; the first ones more often, at times a synonym."""
    others = SYNONYMS[group].get(name)
    if others and rng.random() < SYNONYM:
        word = rng.choice(others)
        return f"~ {word}" if group == "subjects" and not word.endswith("s") and rng.random() < 0.7 else word
    phrases: list[str] = _WORDS[group][name]
    return phrases[min(int(rng.random() ** 1.5 * len(phrases)), len(phrases) - 1)]


def caption(wanted: Attributes, rng: random.Random, *, coloured: bool = False) -> str:
    """One wording out of many for a picture.

    The subject is always named. The colour is left out at times when it is the subject's natural one
    (never if ``coloured``), mood, style and composition rarely.
    """
    noun = _pick("subjects", wanted.subject, rng)
    article = "a" if noun.startswith("~ ") else "the" if noun.startswith("the ") else ""
    noun = bare(noun)
    before: list[str] = []
    after: list[str] = []
    loose: list[str] = []
    natural = wanted.palette in NATURAL[wanted.subject] and wanted.second is None
    if coloured or not natural or rng.random() >= 0.35:
        _place_colour(wanted, rng, before, after, loose)
    if wanted.mood and rng.random() > 0.08:
        phrase = _pick("moods", wanted.mood, rng)
        if phrase.split()[0] in {"at", "by", "in", "under", "full"}:
            after.append(phrase)
        else:
            known = phrase in _WORDS["moods"][wanted.mood]  # synonyms may be nouns
            rng.choice([before, before, loose] if known else [before, loose, loose]).append(phrase)
    lead = ""
    if wanted.composition and rng.random() > 0.08:
        phrase = _pick("compositions", wanted.composition, rng)
        if wanted.composition == "many" and article != "the" and rng.random() < 0.7:
            lead, article, noun = f"{phrase} ", "", _plural(noun)
        elif wanted.composition == "close" and rng.random() < 0.5:
            lead = f"{phrase} of "
        else:
            loose.append(phrase)
    rng.shuffle(before)
    body = " ".join([*before, noun])
    if article and rng.random() < 0.7:
        vowel = article == "a" and re.match(r"[aeio]|u(?!ni|ra)", body)  # an ocean, a universe
        body = f"{'an' if vowel else article} {body}"
    rng.shuffle(after)
    body = " ".join([lead + body, *after])
    if wanted.style and rng.random() > 0.06:
        phrase = _pick("styles", wanted.style, rng)
        if phrase.endswith(("painting", "drawing", "sketch", "photo")) and rng.random() < 0.6:
            body = f"{phrase} of {body}"
        elif rng.random() < 0.3:
            body = f"{phrase}, {body}"
        else:
            loose.append(phrase)
    if rng.random() < 0.14:
        loose.append(rng.choice(_WORDS["extras"]["words"]))
    rng.shuffle(loose)
    text = ", ".join([body, *loose])
    return text if rng.random() < 0.85 else text.capitalize()


def _place_colour(
    wanted: Attributes, rng: random.Random, before: list[str], after: list[str], loose: list[str]
) -> None:
    """Put the colour words in front of the subject, behind it, or at the end."""
    word = _pick("palettes", wanted.palette, rng)
    tail = word.startswith("| ")
    word = word.removeprefix("| ")
    extra = _pick("palettes", wanted.second, rng).removeprefix("| ") if wanted.second else None
    how = rng.random()
    if extra and how < 0.5:
        word = f"{word} and {extra}"
    elif extra:
        rng.choice([after, loose]).append(
            rng.choice(["with {} light", "with {} accents", "with touches of {}", "with {}"]).format(extra)
        )
    if tail or how > 0.82:
        after.insert(0, f"in {word}")
    elif how > 0.72 and word.split()[0] not in {"in", "with"}:
        loose.append(rng.choice(["{}", "{} colours", "{} palette", "{} tones"]).format(word))
    else:
        before.append(word)


def phrases(group: str, name: str) -> list[str]:
    """All that a word of a group goes by, as `words.toml` writes it, synonyms last."""
    return [*_WORDS[group][name], *SYNONYMS[group].get(name, [])]


def vocabulary() -> list[str]:
    """All phrases, for building a tokenizer."""
    groups = ("subjects", "palettes", "moods", "styles", "compositions")
    lines = [phrase.lstrip("~| ") for group in groups for name in _WORDS[group] for phrase in phrases(group, name)]
    return lines + list(_WORDS["extras"]["words"])


def roughen(text: str, rng: random.Random) -> str:
    """A caption as hands and other tongues write it: slips of the fingers, words that mean nothing here.

    What the caption asks for stays readable: at most one letter in a long word is wrong, and all its words are there.
    """
    words = text.split(" ")
    long = [i for i, word in enumerate(words) if len(word) > 4]
    if long and rng.random() < 0.5:
        i = rng.choice(long)
        words[i] = _slip(words[i], rng)
    for _ in range(rng.choice((0, 1, 3, 12))):
        words.insert(rng.randrange(len(words) + 1), _babble(rng))
    return " ".join(words)


def _slip(word: str, rng: random.Random) -> str:
    """A word with two letters swapped, one doubled or one left out; never the first one."""
    at = rng.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return rng.choice((swapped, word[:at] + word[at] + word[at:], word[:at] + word[at + 1 :]))


def _babble(rng: random.Random) -> str:
    """A word that nobody knows, in Latin letters or others."""
    low, high = rng.choice(((97, 122), (97, 122), (0xE0, 0xFF), (0x430, 0x44F), (0x3042, 0x3093), (0x4E00, 0x9FA0)))
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(2, 8)))


for _group, _table in (
    *(("subjects", SUBJECTS), ("natural", SUBJECTS), ("palettes", PALETTES)),
    *(("moods", MOODS), ("styles", STYLES), ("compositions", COMPOSITIONS)),
):
    if set(_WORDS[_group]) != set(_table):
        raise ImportError(f"words.toml [{_group}] and the painter differ: {set(_WORDS[_group]) ^ set(_table)}")
