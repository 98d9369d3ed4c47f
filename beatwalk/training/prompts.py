"""Prompts as people type them, for the evaluation: what is asked for stands among words that are not known.

They are made from a seed, and training never sees them: its captions come from `painter.captions` alone.
"""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from beatwalk.training.painter import MOODS, PALETTES, Attributes
from beatwalk.training.painter.captions import NATURAL, bare, phrases

PLAINEST = 3  # names of a subject that people use first; the rest are rarer
COLOURS = 2  # words of a palette that people use first
LIGHTS = (
    "at night",
    "misty",
    "at dawn",
    "at dusk",
    "glowing",
    "foggy",
    "at sunrise",
    "at twilight",
    "dreamy",
    "dark",
)

_ADJECTIVES = (
    *("ethereal", "majestic", "epic", "surreal", "breathtaking", "stunning", "gorgeous", "delicate", "colossal"),
    *("otherworldly", "hypnotising", "melancholic", "whimsical", "mysterious", "serene", "brooding", "forgotten"),
    *("gigantic", "lonesome", "elegant", "fragile", "wild", "silent", "hyperdetailed", "weird", "legendary"),
)
_AROUND = (
    *("drifting through the unknown", "that whispers forgotten names", "seen by nobody", "from another timeline"),
    *("made by a mad inventor", "beyond all reason", "as remembered by a robot poet", "in slow motion"),
    *("with intricate ornaments", "after the end of everything", "before anyone was born", "full of secrets"),
    *("like in an old tale", "for my new single", "that never ends", "with a strange feeling of longing"),
)
_BOILERPLATE = (
    *("octane render", "unreal engine 5", "8k", "4k uhd", "highly detailed", "trending on artstation", "masterpiece"),
    *("best quality", "sharp focus", "volumetric lighting", "ray tracing", "award winning", "cinematic composition"),
    *("hyperrealistic", "intricate details", "artstation hq", "professional photography", "wallpaper", "hdr"),
    *("concept art", "matte painting", "global illumination", "unsplash", "ultra realistic", "cgsociety"),
)
_CAMERAS = (
    *("shot on leica m10", "85mm lens", "f/1.8", "wide angle lens", "canon eos r5", "shallow depth of field"),
    *("bokehless", "long exposure", "anamorphic", "kodak portra 400", "drone shot", "golden ratio"),
)
_ARTISTS = (
    *("caspar david friedrich", "katsushika hokusai", "hieronymus bosch", "gustave doré", "odilon redon"),
    *("alphonse mucha", "john constable", "ivan shishkin", "hilma af klint", "arnold böcklin"),
)
_NEGATIVES = ("no people", "no text", "without watermark", "no logo", "without frames", "no humans, no signature")
_FLAGS = ("--ar 16:9", "--v 6", "--stylize 250", "--q 2 --ar 3:2", "<lora:epicstyle:0.7>")
_SCRIPTS = (
    *((0x20, 0x7E), (0xA1, 0x24F), (0x370, 0x3FF), (0x410, 0x44F), (0x5D0, 0x5EA), (0x621, 0x64A), (0x905, 0x939)),
    *((0xE01, 0xE2E), (0x3041, 0x3096), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0x1F300, 0x1F64F)),
)
_EMOJIS = ("✨", "🎬", "😍", "💯", "🙏", "🤯")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prompt, and what it asks for."""

    text: str
    wanted: Attributes  # with a palette of the subject's own where no colour is named
    coloured: bool  # a colour is named, not a light


def people(count: int, seed: int, subjects: Sequence[str]) -> list[Asked]:
    """Prompts with one subject each, in turn, and one word of colour (two of three) or of light."""
    rng = random.Random(seed)
    return [_person(subjects[i % len(subjects)], i % 3 < 2, rng) for i in range(count)]


def _person(subject: str, coloured: bool, rng: random.Random) -> Asked:
    noun = bare(rng.choice(phrases("subjects", subject)[:PLAINEST]))
    palette = rng.choice(list(PALETTES)) if coloured else NATURAL[subject][0]
    light = rng.choice(LIGHTS)
    mood = None if coloured else next(name for name in MOODS if light in phrases("moods", name))
    before = [rng.choice(_ADJECTIVES) for _ in range(rng.choice((0, 1, 1, 2)))]
    behind = [rng.choice(_AROUND)] if rng.random() < 0.5 else []
    tail: list[str] = []
    if coloured:
        words = [word for word in phrases("palettes", palette) if not word.startswith("| ")][:COLOURS]
        word = rng.choice(words)
        how = rng.random()
        if how < 0.6:
            before.insert(rng.randrange(len(before) + 1), word)
        elif how < 0.8:
            tail.append(rng.choice(("{} palette", "{} tones", "all in {}", "{} colour scheme")).format(word))
        else:
            noun = f"({word} {noun}:1.3)" if rng.random() < 0.5 else f"(({word} {noun}))"
    elif light.startswith("at "):
        behind.append(light)
    else:
        before.append(light)
    text = " ".join([*before, _mistyped(noun, rng) if rng.random() < 0.08 else noun, *behind])
    text = f"{rng.choice(('a', 'the', 'one', 'this'))} {text}" if rng.random() < 0.5 else text
    for pool, chance, most in ((_BOILERPLATE, 0.85, 7), (_CAMERAS, 0.35, 2), (_NEGATIVES, 0.2, 1)):
        if rng.random() < chance:
            tail += rng.sample(pool, rng.randint(1, most))
    if rng.random() < 0.35:
        tail.append(f"{rng.choice(('art by', 'by', 'in the manner of'))} {rng.choice(_ARTISTS)}")
    rng.shuffle(tail)
    text = ", ".join([text, *tail])
    if rng.random() < 0.15:
        text += f" {rng.choice(_FLAGS)}"
    if rng.random() < 0.1:
        text += f" {rng.choice(_EMOJIS)}"
    text = rng.choice((text, text, text, text.capitalize(), text.upper() if rng.random() < 0.3 else text))
    return Asked(text=text, wanted=Attributes(subject=subject, palette=palette, mood=mood), coloured=coloured)


def _mistyped(text: str, rng: random.Random) -> str:
    """Text with two neighbouring letters swapped in its longest word, where that has six letters or more."""
    word = max(text.split(), key=len)
    if len(word) < 6 or not word.isalpha():
        return text
    at = rng.randrange(1, len(word) - 2)
    return text.replace(word, word[:at] + word[at + 1] + word[at] + word[at + 2 :], 1)


def any_texts(count: int, seed: int) -> list[str]:
    """Texts of every kind that somebody may give: none, signs, bytes, other scripts, long ones, lists of words."""
    rng = random.Random(seed)
    words = [*_ADJECTIVES, *_BOILERPLATE, *_CAMERAS, *_ARTISTS, *_EMOJIS, *_AROUND]
    found = ["", " ", ".", "🎵", "0", "a" * 2000]
    while len(found) < count:
        kind = rng.randrange(4)
        if kind == 0:  # letters of one script
            low, high = rng.choice(_SCRIPTS)
            length = rng.choice((1, 8, 40, 300))
            found.append("".join(chr(rng.randint(low, high)) if rng.random() < 0.85 else " " for _ in range(length)))
        elif kind == 1:  # bytes taken for text
            found.append(rng.randbytes(rng.choice((4, 30, 200))).decode("utf-8", "replace"))
        elif kind == 2:  # words that say nothing of a picture
            found.append(", ".join(rng.sample(words, rng.randint(1, 12))))
        else:  # made-up words
            lengths = [rng.randint(2, 11) for _ in range(rng.choice((1, 5, 25, 300)))]
            found.append(" ".join("".join(rng.choices(string.ascii_lowercase, k=n)) for n in lengths)[:2000])
    return found[:count]
