"""Reads people's prompts for a model that knows few words: what it knows is kept, the rest is left out.

A small model's text encoder is swayed by every word, also by those that it never met. People write "ethereal goddess
in a neon-drenched alley, rain, octane render, 8k" and mean what the model knows as a neon city. So a model folder may
bring a vocabulary (`words.json`): names of what it can paint, in groups, each with the phrases that mean it, in
several languages. A prompt is matched against the phrases, longest first, and what was found is worded as the
model's own captions are. A prompt that consists of nothing but known words is left as it was written.

The steps, in order: weights and brackets are read; what follows "no" or "without" goes; phrases are found, in the
plural as well, and with one slip of the fingers in a long word; the subject is the heaviest one, or else the first.
Where there is none, a word that hints at one decides ("street" hints at a city); where nothing is known at all, the
text's hash chooses a subject and a mood, so that the same words always give the same picture.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from beatwalk.errors import ModelError
from beatwalk.models.color_bridges import color_between
from beatwalk.models.sources import WORDS_FILE

VERSION = 1  # of the file
GROUPS = ("subjects", "palettes", "moods", "styles", "compositions")
MAX_CHARACTERS = 4000  # of a prompt that are read; nobody means more
MAX_WORDS = 6  # of a phrase
LONG = 5  # letters from which a word may have one slip of the fingers
BRACKET = 1.1  # weight of a pair of round brackets; square ones divide by it
SYNONYM, HINT, FAINT = 0.9, 0.4, 0.3  # weights of a synonym, of a word that hints at a subject, and of a faint hint
_FUNCTION = ("a", "an", "the", "of", "in", "on", "at", "by", "with", "and", "from", "over", "under", "above", "into")
LATER = 0.01  # of its weight is lost by each word that stands before a subject
APART = 2  # places that a comma puts between what was found
_WEIGHT = re.compile(r"\(([^()\[\]]*):\s*([0-9]+(?:\.[0-9]+)?)\s*\)")
_FLAG = re.compile(r"(?<!\S)--?[a-z][\w-]*(?:[ =][\d.:x/]+)?|<[^>]{0,80}>", re.IGNORECASE)
_PART = re.compile(r"[^\s,;.!?|/+&\"“”„()\[\]{}<>:·•…—–、。，；！？（）「」『』]+|[,;.!?|、。，；！？]|[()\[\]]|\n")
_NEGATION = {"no", "not", "without", "sin", "sem", "sans", "ohne", "senza", "без"}
_STOP = {",", ";", ".", "!", "?", "|", "\n", "、", "。", "，", "；", "！", "？"}
_UNSPACED = re.compile(r"[぀-ヿ㐀-鿿가-힯]")  # scripts whose words stand together, or end in particles
# Of moods, the ones that say most come first: a caption has one before the subject and one behind it.
_BEHIND = ("dusk", "dawn", "night")
_TELLING = ("dusk", "dawn", "night", "misty", "glowing", "dark", "dreamy", "bright", "contrast")
_SIGN_ONLY = re.compile(r"[\W\d_]+")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A known word in a prompt."""

    group: str
    name: str
    weight: float
    hint: bool = False  # it only suggests a subject
    at: int = 0  # place among what was found


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was understood of a prompt."""

    text: str  # what the model is given
    known: tuple[str, ...] = ()  # in its own words
    unknown: tuple[str, ...] = ()  # words that were left out

    def to_text(self, model: str) -> str:
        """One line for people."""
        known = ", ".join(self.known) or "nothing that it knows; it paints a mood of its own"
        told = f"{model} reads: {known}"
        return f"{told} · unknown: {', '.join(word[:24] for word in self.unknown[:12])}" if self.unknown else told


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptReader:
    """The vocabulary of a model, and how prompts are read with it."""

    names: Mapping[str, Mapping[str, str]]  # group → name → how captions word it
    phrases: Mapping[str, Found]  # what each means; a trailing * stands for any ending
    hints: Mapping[str, Found]  # words that only suggest a subject; likewise
    implied: Mapping[str, str]  # palette or mood → subject, where nothing hints at one
    seen: frozenset[str]  # words of captions: the model has met them, whatever they mean
    filler: frozenset[str]  # words that change nothing, and words that are no slips of known ones
    own: Mapping[str, tuple[str, ...]]  # for prompts of which nothing is known: subjects, and moods of each

    @classmethod
    def of(cls, folder: Path) -> PromptReader | None:
        """The reader that a model folder brings; None where it brings none.

        Raises
        ------
        ModelError
            Its file does not hold together.
        """
        path = folder / WORDS_FILE
        if not path.is_file():
            return None
        try:
            return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: not a vocabulary: {error}; take the model's own file again") from None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PromptReader:
        """From the plain data of `words.json`."""
        if data["version"] != VERSION:
            raise ValueError(f"version {data['version']}, but this beatwalk reads {VERSION}")
        phrases: dict[str, Found] = {}
        for kind, weight in (("plain", 1.0), ("others", SYNONYM)):
            for group in GROUPS:
                for name, entry in data["words"][group].items():
                    for phrase in entry[kind]:
                        phrases.setdefault(phrase, Found(group=group, name=name, weight=weight))
        subjects, faint = data["words"]["subjects"], set(data["faint"])
        named = {*data["hints"], *data["implied"].values(), *data["own"]}
        moods = set(data["words"]["moods"])
        listed = data["own"]
        own = {name: tuple(listed[name] if isinstance(listed, dict) else sorted(moods)) for name in listed}
        own_moods = {mood for ones in own.values() for mood in ones}
        if unknown := {*(named - set(subjects)), *(moods - set(_TELLING)), *(own_moods - moods)}:
            raise ValueError(f"it names {sorted(unknown)[0]!r}, which is no subject or mood of it")
        if not own or not all(own.values()):
            raise ValueError("it has no subjects, or no moods of one, for prompts of which nothing is known")
        seen = {part for phrase, found in phrases.items() if found.weight == 1.0 for part in phrase.split()}
        return cls(
            seen=frozenset({*seen, *_FUNCTION}),
            implied=dict(data["implied"]),
            names={g: {n: entry["caption"] for n, entry in data["words"][g].items()} for g in GROUPS},
            phrases=phrases,
            hints={
                word: Found(group="subjects", name=subject, weight=FAINT if word in faint else HINT, hint=True)
                for subject, words in data["hints"].items()
                for word in words
            },
            filler=frozenset(data["filler"]),
            own=own,
        )

    def read(self, prompt: str) -> Reading:
        """What the model is to be given for a prompt."""
        text, found, unknown = self._heard(prompt)
        if any(one.group == "subjects" and not one.hint for one in found) and self._is_plain(text):
            return Reading(text=prompt, known=tuple(dict.fromkeys(self._caption_of(one) for one in found)))
        subject = self._subject(text, found)
        chosen = _chosen(found, subject)
        if not found:
            chosen |= self._mood_of_its_own(text, subject.name)
        return Reading(
            text=self._worded(chosen),
            known=tuple(self._caption_of(one) for ones in chosen.values() for one in ones) if found else (),
            unknown=tuple(dict.fromkeys(unknown)),
        )

    def between(self, one: str, other: str) -> tuple[str, str] | None:
        """Two prompts in the colour that lies between theirs; None where the way between them stays colourful."""
        chosen = []
        for prompt in (one, other):
            text, found, _ = self._heard(prompt)
            if not found:
                return None
            chosen.append(_chosen(found, self._subject(text, found)))
        colors = [_names(words.get("palettes", ())) for words in chosen]
        if any(len(names) != 1 for names in colors):
            return None
        middle = color_between(*(name for names in colors for name in names))
        if middle is None or middle not in self.names["palettes"]:
            return None
        palette = [Found(group="palettes", name=middle, weight=1.0)]
        first, second = (self._worded({**words, "palettes": palette}) for words in chosen)
        return first, second

    def _heard(self, prompt: str) -> tuple[str, list[Found], list[str]]:
        """A prompt in plain letters, the known words in it, and the unknown ones."""
        text = unicodedata.normalize("NFKC", prompt[:MAX_CHARACTERS]).lower()
        found: list[Found] = []
        unknown: list[str] = []
        at = 0
        for words, weight in _weighted(_FLAG.sub(" ", _spaced(text))):
            for one in self._matched(words):
                if isinstance(one, Found):
                    found.append(replace(one, weight=one.weight * weight, at=at))
                    at += 1
                elif one not in self.filler and one not in self.seen and not _SIGN_ONLY.fullmatch(one):
                    unknown.append(one)
            at += APART
        return text, found, unknown

    def weakness(self, prompt: str) -> str | None:
        """One sentence on what of a prompt the model does not know; None where it knows enough of it."""
        reading = self.read(prompt)
        shown = prompt if len(prompt) <= 60 else f"{prompt[:59]}…"
        if not reading.known:
            return f'nothing in "{shown}" is known to the model, so it paints a mood of its own'
        if len(reading.unknown) > len(reading.known):
            return f'of "{shown}" the model reads only: {", ".join(reading.known)}'
        return None

    def _is_plain(self, text: str) -> bool:
        """Whether a prompt has nothing but words that the model has met."""
        return all(word in self.seen for word in re.split(r"[\s,.-]+", text) if word)

    def _matched(self, words: Sequence[str]) -> Iterator[Found | str]:
        """Known phrases among words, longest first, and the words that belong to none."""
        at = 0
        while at < len(words):
            for length in range(min(MAX_WORDS, len(words) - at), 0, -1):
                known = self._known(" ".join(words[at : at + length]), single=length == 1)
                if known is not None:
                    yield known
                    at += length
                    break
            else:
                yield from self._inside(words[at])
                at += 1

    def _known(self, phrase: str, *, single: bool) -> Found | None:
        for variant in _variants(phrase):
            if (known := self.phrases.get(variant) or self.hints.get(variant)) is not None:
                return known
        if not single or phrase in self.filler:
            return None
        for length in range(len(phrase), 1, -1):
            stem = f"{phrase[:length]}*"
            if (known := self.phrases.get(stem) or self.hints.get(stem)) is not None:
                return known
        meant = self._slipped(phrase)
        return None if meant is None else self.phrases[meant]

    def _inside(self, word: str) -> Iterator[Found | str]:
        """A word of a script without spaces: what is known in it, longest first; and the halves of neon-drenched."""
        if _UNSPACED.search(word) and len(word) > 1:
            at, rest = 0, ""
            while at < len(word):
                for length in range(min(8, len(word) - at), 0, -1):
                    part = word[at : at + length]
                    known = self.hints.get(part) if length > 1 else None
                    if known is None and (length > 1 or ord(part) >= 0x3400):
                        known = self.phrases.get(part)
                    if known is not None:
                        yield known
                        at += length
                        break
                else:
                    rest, at = rest + word[at], at + 1
            if rest and rest == word:
                yield rest
        elif "-" in word.strip("-"):
            yield from self._matched([half for half in word.split("-") if half])
        else:
            yield word

    @cached_property
    def _long_words(self) -> list[str]:
        return [word for word in self.phrases if len(word) >= LONG and word.isascii() and word.isalpha()]

    def _slipped(self, word: str) -> str | None:
        """The known word that differs by two letters swapped, one doubled, one left out or one wrong."""
        if len(word) < LONG or not word.isascii() or not word.isalpha():
            return None
        near = [
            w for w in self._long_words if w[0] == word[0] and abs(len(w) - len(word)) <= 1 and _one_slip(w, word)
        ]
        return min(near, key=lambda w: (-SequenceMatcher(None, w, word).ratio(), w), default=None)

    def _caption_of(self, found: Found) -> str:
        return self.names[found.group][found.name]

    def _subject(self, text: str, found: Sequence[Found]) -> Found:
        """The subject of a prompt: named, or hinted at, or implied by a colour or a mood, or by its text's hash."""
        for hint in (False, True):
            subjects = [one for one in found if one.group == "subjects" and one.hint == hint]
            if subjects:
                return max(subjects, key=lambda one: one.weight * (1 - LATER * min(one.at, 50)))
        for one in found:
            if one.name in self.implied:
                return replace(one, group="subjects", name=self.implied[one.name], hint=True)
        name = self._by_hash(text, "subject", list(self.own))
        return Found(group="subjects", name=name, weight=HINT, hint=True)

    def _mood_of_its_own(self, text: str, subject: str) -> dict[str, list[Found]]:
        palette = self._by_hash(text, "palette", sorted(self.names["palettes"]))
        mood = self._by_hash(text, "mood", self.own[subject])
        return {
            "palettes": [Found(group="palettes", name=palette, weight=1.0)],
            "moods": [Found(group="moods", name=mood, weight=1.0)],
        }

    @staticmethod
    def _by_hash(text: str, what: str, names: Sequence[str]) -> str:
        digest = hashlib.sha256(f"{what}\n{' '.join(text.split())}".encode("utf-8", "surrogatepass")).digest()
        return names[int.from_bytes(digest[:8], "little") % len(names)]

    def _worded(self, chosen: Mapping[str, Sequence[Found]]) -> str:
        """A caption as the model learnt them: mood, colour, subject; what stands behind; style."""
        words = {group: [self._caption_of(one) for one in ones] for group, ones in chosen.items()}
        (subject,), palettes, moods = words["subjects"], words.get("palettes", []), words.get("moods", [])
        behind = [self._caption_of(one) for one in chosen.get("moods", []) if one.name in _BEHIND]
        before = [mood for mood in moods if mood not in behind]
        body = " ".join([*before, *palettes[:1], subject])
        body += f" with {palettes[1]} light" if len(palettes) > 1 else ""
        body = " ".join([body, *behind])
        return ", ".join([body, *words.get("styles", []), *words.get("compositions", [])])


@cache
def inside_reader() -> PromptReader:
    """The reader of nano, the model that ships inside.

    Raises
    ------
    ModelError
        This installation lacks it.
    """
    from beatwalk.embedded import nano_path

    reader = PromptReader.of(Path(nano_path()))
    if reader is None:
        raise ModelError(f"{nano_path()} has no {WORDS_FILE}; install beatwalk again")
    return reader


def _spaced(text: str) -> str:
    """Pictographs as words of their own, without what only changes their looks."""
    shown = text.replace("\ufe0f", "").replace("\u200d", " ")
    return "".join(f" {letter} " if unicodedata.category(letter) == "So" else letter for letter in shown)


def _weighted(text: str) -> Iterator[tuple[list[str], float]]:
    """Runs of words with the weight that brackets and numbers give them; what is negated is left out."""
    numbers: list[float] = []

    def marked(found: re.Match[str]) -> str:
        numbers.append(float(found[2]))
        return f"({found[1]})\x01"

    text = _WEIGHT.sub(marked, text.replace("\x01", " "))
    depth_round = depth_square = 0
    run: list[tuple[str, float]] = []
    spans: list[tuple[list[str], float]] = []
    opened: list[int] = []
    negated = False
    given = iter(numbers)
    for part in re.findall(rf"\x01|{_PART.pattern}", text):
        if part == "\x01":
            factor, begin = next(given) / BRACKET, opened.pop() if opened else len(run)
            run = [(word, weight * factor if i >= begin else weight) for i, (word, weight) in enumerate(run)]
        elif part in "([":
            depth_round, depth_square = depth_round + (part == "("), depth_square + (part == "[")
            opened = [*opened[-20:], len(run)]
        elif part in ")]":
            depth_round, depth_square = max(0, depth_round - (part == ")")), max(0, depth_square - (part == "]"))
        elif part in _STOP:
            negated = False
            spans += _spans(run)
            run = []
            opened = []
        elif part in _NEGATION:
            negated = True
        elif not negated and (word := part.strip("'’‘*#@~^_=")):
            run.append((word, BRACKET ** (depth_round - depth_square)))
    yield from [*spans, *_spans(run)]


def _spans(run: Sequence[tuple[str, float]]) -> list[tuple[list[str], float]]:
    """Neighbouring words of one weight together."""
    return [([word for word, _ in words], weight) for weight, words in itertools.groupby(run, key=lambda one: one[1])]


def _variants(phrase: str) -> Iterator[str]:
    """A phrase, and what it may be the plural or a genitive of."""
    yield phrase
    for ending, instead in (("'s", ""), ("’s", ""), ("ies", "y"), ("es", ""), ("s", ""), ("ves", "f")):
        if phrase.endswith(ending) and len(phrase) - len(ending) >= 3:
            yield phrase.removesuffix(ending) + instead


def _one_slip(known: str, typed: str) -> bool:
    """Whether one slip of the fingers makes one word of the other."""
    if len(known) == len(typed):
        wrong = [i for i, (a, b) in enumerate(zip(known, typed, strict=True)) if a != b]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and known[wrong[0]] == typed[wrong[1]]
        return (len(wrong) == 1 and len(known) > LONG) or (swapped and known[wrong[1]] == typed[wrong[0]])
    longer, shorter = (known, typed) if len(known) > len(typed) else (typed, known)
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(1, len(longer)))


def _chosen(found: Sequence[Found], subject: Found) -> dict[str, list[Found]]:
    """The subject, up to two colours, a mood before it and one behind it, and one of each other group.

    The heaviest word counts, then the one that stands nearest to the subject: colours belong to their nouns.
    """
    chosen: dict[str, list[Found]] = {"subjects": [subject]}
    for one in sorted(found, key=lambda one: (-round(one.weight, 3), abs(one.at - subject.at), one.at)):
        kept = chosen.setdefault(one.group, [])
        if len(kept) < {"palettes": 2, "moods": 9, "subjects": 0}.get(one.group, 1) and one.name not in _names(kept):
            kept.append(one)
    if len(two := chosen.get("palettes", [])) == 2 and two[0].weight == two[1].weight and two[0].at == two[1].at + 1:
        two.reverse()  # red and blue smoke
    moods = sorted(chosen.get("moods", []), key=lambda one: _TELLING.index(one.name))
    behind = [one for one in moods if one.name in _BEHIND]
    chosen["moods"] = [*[one for one in moods if one not in behind][:1], *behind[:1]]
    return {group: chosen[group] for group in GROUPS if chosen.get(group)}


def _names(found: Sequence[Found]) -> set[str]:
    return {one.name for one in found}
