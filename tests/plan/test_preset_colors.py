"""A colour that a prompt asks for keeps its name under every preset, from the beginning of a song to its end."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from beatwalk.jobs.scout import picture_seeds
from beatwalk.models import ModelRequest, load_model
from beatwalk.perception import Pictures, oklab
from beatwalk.plan import list_presets, load_settings
from beatwalk.plan.modulation import compute_targets
from beatwalk.types import Analysis, Curve, Float32, Frames, Timeline
from beatwalk.video.color import Color
from beatwalk.video.effects import Effects
from tests.helpers import known_analysis

WORDS = {
    "red": (190, 25, 30), "orange": (225, 120, 20), "yellow": (225, 205, 40), "green": (40, 150, 50),
    "cyan": (30, 190, 200), "blue": (30, 60, 190), "violet": (110, 60, 190), "magenta": (200, 40, 160),
}  # fmt: skip
MOST_DEGREES = 20.0  # in OKLab; neighbours of the list above are at least 30 apart
FPS = Fraction(12)
LOUD, QUIET = 1.0, 0.0


def song(level: float) -> Analysis:
    """Four minutes in which all curves are at their highest, or at their lowest."""
    known = known_analysis(240.0, 124.0)
    curve = Curve(values=np.full(2400, level), rate_hz=10.0)
    return replace(known, curves=dict.fromkeys(known.curves, curve))


def patches() -> Frames:
    """One frame in which every word has a column."""
    columns = [np.broadcast_to(np.array(rgb, np.uint8), (48, 16, 3)) for rgb in WORDS.values()]
    return np.concatenate(columns, axis=1)


def hues(picture: Frames) -> Float32:
    """Hue of the middle of every column, in degrees."""
    lab = oklab(picture[24, 8::16])
    return np.rad2deg(np.arctan2(lab[:, 2], lab[:, 1])).astype(np.float32)


@pytest.mark.parametrize("level", [LOUD, QUIET])
@pytest.mark.parametrize("preset", sorted(list_presets()))
def test_colour_words_stay_from_beginning_to_end(preset: str, level: float) -> None:
    """All of them at 0:05 and at 3:00, and the turn of hue at every frame between."""
    asked = compute_targets(song(level), Timeline.spanning(240.0, FPS), load_settings(preset))
    assert np.abs(asked.hue).max() <= MOST_DEGREES
    frame = patches()
    before = hues(frame)
    for time_s in (5, 180):
        at = int(time_s * FPS)
        effects = Effects((Color,), asked, (frame.shape[1], frame.shape[0]))
        done = effects.apply(Pictures(frame[None]), at).host()[0]
        turned = (hues(done) - before + 180) % 360 - 180
        assert np.abs(turned).max() <= MOST_DEGREES, dict(zip(WORDS, turned.round(), strict=True))
        chroma = np.hypot(*oklab(done[24, 8::16]).T[1:]) / np.hypot(*oklab(frame[24, 8::16]).T[1:])
        assert chroma.min() > 0.5


@pytest.fixture(scope="module")
def paintings() -> dict[str, Frames]:
    """What the model inside paints for each word."""
    generator = load_model(ModelRequest(device="cpu"))
    return {word: picture_seeds(generator, f"{word} silk", [0], size=(256, 256)) for word in WORDS}


def main_hue(picture: Frames) -> float:
    """Hue of a picture in degrees, weighted by chroma."""
    lab = oklab(picture.reshape(-1, 3))
    return float(np.rad2deg(np.arctan2(lab[:, 2].sum(), lab[:, 1].sum())))


def turned(after: float, before: float) -> float:
    """Degrees from one hue to another."""
    return abs((after - before + 180) % 360 - 180)


@pytest.mark.slow
@pytest.mark.parametrize("preset", sorted(list_presets()))
def test_painted_colour_words_keep_their_names(preset: str, paintings: dict[str, Frames]) -> None:
    """Pictures of the model inside, at 0:05 and 3:00: the word that was asked for is the nearest one."""
    asked = compute_targets(song(LOUD), Timeline.spanning(240.0, FPS), load_settings(preset))
    for word, painted in paintings.items():
        before = main_hue(painted[0])
        for time_s in (5, 180):
            effects = Effects((Color,), asked, (256, 256))
            after = main_hue(effects.apply(Pictures(painted), int(time_s * FPS)).host()[0])
            assert turned(after, before) <= MOST_DEGREES, (word, time_s)
            named = {other: turned(after, main_hue(picture[0])) for other, picture in paintings.items()}
            assert min(named, key=named.__getitem__) == word, named
