"""Between opposite colours lies a third one, and the walk goes through it."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.models import ModelRequest, inside_reader, load_model
from beatwalk.models.color_bridges import COLORS, color_between
from beatwalk.perception import oklab
from beatwalk.walk.conditioning import mix_conditioning, mix_through

PAIRS = [
    ("red", "cyan"), ("blue", "orange"), ("green", "magenta"), ("yellow", "violet"), ("purple", "lime"),
    ("azure", "amber"),
]  # fmt: skip
SIDE = 256  # in smaller pictures nano's colours are weak


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_opposite_colours_have_a_third_beside_both(one: str, other: str) -> None:
    """The same one in either direction, and no further than 120 degrees from each."""
    middle = color_between(one, other)
    assert middle is not None
    assert middle == color_between(other, one)
    for end in (one, other):
        assert abs((COLORS[middle][0] - COLORS[end][0] + 180) % 360 - 180) < 120


@pytest.mark.parametrize(
    ("one", "other"), [("red", "orange"), ("blue", "violet"), ("blue", "green"), ("red", "red"), ("red", "rainbow")]
)
def test_neighbours_and_what_is_no_colour_go_straight(one: str, other: str) -> None:
    """Their mixtures stay colourful."""
    assert color_between(one, other) is None


def test_prompts_are_worded_in_the_colour_between() -> None:
    """Each keeps the rest; two colours at once, or none, need no third."""
    reader = inside_reader()
    assert reader.between("a red sea at night", "a cyan forest") == ("blue ocean at night", "blue forest")
    assert reader.between("pink and turquoise sea", "a red sea") is None
    assert reader.between("a sea", "a red sea") is None
    assert reader.between("xyzzy", "a red sea") is None


@pytest.mark.slow
def test_saturation_holds_between_opposite_colours() -> None:
    """The least chroma along the way, as a part of the weaker end's, is half as much again as on the straight way."""
    model = load_model(ModelRequest(model=None))
    ts = np.array([0.0, 0.25, 0.5, 0.7, 1.0])
    noise = model.start_noise(0, (SIDE, SIDE))
    noises = np.repeat(np.asarray(noise)[None], len(ts), axis=0)
    held: list[list[float]] = []
    for one, other in PAIRS[:3]:
        prompts = [f"{color} silk" for color in (one, other)]
        halfway = model.between(*prompts)
        assert halfway is not None
        rows = model.encode([*prompts, *halfway])
        a, b, c, d = (rows.rows(slice(i, i + 1)) for i in range(4))
        found = []
        for text in (mix_conditioning(a, b, ts), mix_through(a, (c, d), b, ts)):
            made = model.generate(noises, text, None, size=(SIDE, SIDE), steps=4, guidance=1.0)
            lab = oklab(made)
            chroma = np.hypot(lab[..., 1], lab[..., 2]).mean(axis=(1, 2))
            found.append(float(chroma.min() / min(chroma[0], chroma[-1])))
        held.append(found)
    straight, through = np.mean(held, axis=0)
    assert through > 1.5 * straight
