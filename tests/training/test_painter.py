"""The painter and its words: known answers, invariants, and what the evaluation measures."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from beatwalk.training.measures import HUES, fine_detail, hue_error, lattice, mean_hue, spread
from beatwalk.training.optim import orthogonal
from beatwalk.training.painter import COMPOSITIONS, MOODS, PALETTES, STYLES, SUBJECTS, Attributes, paint
from beatwalk.training.painter.canvas import Canvas
from beatwalk.training.painter.captions import caption, draw_attributes, phrases, plain, vocabulary
from beatwalk.training.painter.circles import GLASS, kaleidoscope
from beatwalk.training.painter.color import ramps

SIDE = 64


def test_there_is_enough_to_paint() -> None:
    """The numbers that nano promises."""
    assert len(SUBJECTS) >= 40
    assert len(PALETTES) >= 24
    assert min(len(MOODS), len(STYLES)) >= 6
    assert set().union(*COMPOSITIONS.values()) <= set(SUBJECTS)


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_every_subject_is_neither_blank_nor_the_same_twice(subject: str) -> None:
    """Two pictures of a call differ from each other and hold contrast; wide ones have the right shape."""
    pictures = paint([Attributes(subject=subject, palette="teal")] * 2, SIDE // 2, SIDE, 3).numpy()
    assert pictures.shape == (2, SIDE // 2, SIDE, 3)
    assert pictures.std((1, 2)).max() > 4
    assert np.abs(pictures[0].astype(int) - pictures[1]).mean() > 1


def test_the_same_seed_gives_the_same_picture_and_another_one_does_not() -> None:
    """Chance comes from the seed alone."""
    wanted = [Attributes(subject="galaxy", palette="violet", second="gold")]
    first, again, other = (paint(wanted, SIDE, SIDE, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    "words",
    [
        *({"style": style} for style in STYLES),
        *({"mood": mood} for mood in MOODS),
        *({"composition": c} for c in COMPOSITIONS),
    ],
)
def test_words_change_only_the_pictures_they_belong_to(words: dict[str, str]) -> None:
    """Styles, moods and compositions; a neighbour in the batch stays as it was."""
    bare = Attributes(subject="planet", palette="orange")
    styled = replace(bare, **words)
    without = paint([bare, bare], SIDE, SIDE, 5).numpy().astype(int)
    having = paint([bare, styled], SIDE, SIDE, 5).numpy().astype(int)
    np.testing.assert_array_equal(without[0], having[0])
    assert np.abs(without[1] - having[1]).mean() > 1


@pytest.mark.parametrize("word", list(HUES))
def test_colour_words_rule_the_hue(word: str) -> None:
    """The mean hue lies within 40 degrees of the word's, also beside a second colour."""
    for subject in ("mountains", "plasma", "jellyfish"):
        wanted = Attributes(subject=subject, palette=word, second="gold" if word == "blue" else None)
        assert hue_error(paint([wanted], SIDE, SIDE, 2)[0].numpy(), word) < 40


def test_a_wide_picture_shows_more_and_stretches_nothing() -> None:
    """Rings stay round: along the shorter side and along the longer one the light changes alike."""
    wanted = [Attributes(subject="ripples", palette="teal")]
    square, wide = (paint(wanted, SIDE, width, 4).numpy().astype(float).mean(-1)[0] for width in (SIDE, 2 * SIDE))
    steps = [np.abs(np.diff(picture, axis=axis)).mean() for picture in (square, wide) for axis in (0, 1)]
    assert max(steps) < 1.6 * min(steps)


def test_a_rainbow_has_all_hues_and_others_do_not_turn() -> None:
    """Even beside a rainbow in the same batch."""
    shown = [Attributes(subject="silk", palette=name) for name in ("rainbow", "blue")]
    rainbow, blue = paint(shown, SIDE, SIDE, 6).numpy()
    quarters = [
        mean_hue(part) for part in (rainbow[:32, :32], rainbow[:32, 32:], rainbow[32:, :32], rainbow[32:, 32:])
    ]
    assert max(quarters) - min(quarters) > 60
    assert all(hue_error(part, "blue") < 25 for part in (blue[:32], blue[32:]))


@pytest.mark.parametrize("subject", ["lasers", "particles", "fireworks", "bokeh"])
def test_a_second_colour_stays_second(subject: str) -> None:
    """Also where the subject is all light."""
    for word, other in (("blue", "orange"), ("red", "green"), ("green", "magenta")):
        wanted = Attributes(subject=subject, palette=word, second=other)
        picture = paint([wanted], SIDE, SIDE, 8)[0].numpy()
        assert hue_error(picture, word) < hue_error(picture, other)


@pytest.mark.parametrize("style", [None, "retro", "sketch", "watercolour", "pastel"])
def test_colours_are_the_same_at_any_size(style: str | None) -> None:
    """Small pictures stand for large ones: the judge learns from them."""
    wanted = [Attributes(subject="plasma", palette="red", style=style)]
    small, large = (paint(wanted, side, side, 3).float().mean((0, 1, 2)) for side in (96, 192))
    assert float((small - large).abs().max()) < 14


def test_symmetrical_pictures_are_their_own_mirror_image() -> None:
    """Up to what light spreads over the middle."""
    picture = paint([Attributes(subject="crystal", palette="ice", composition="symmetrical")], SIDE, SIDE, 1)[0].int()
    assert (picture - picture.flip(1)).abs().float().mean() < 2


def test_kaleidoscopes_are_mirrored_and_few() -> None:
    """Left and right, top and bottom; there are as many layouts as known seeds, and each lies in one place."""
    tone = kaleidoscope(Canvas(24, 96, 128, torch.Generator().manual_seed(3))).tone
    torch.testing.assert_close(tone, tone.flip(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(tone, tone.flip(1), atol=1e-3, rtol=0)
    assert len({one.numpy().tobytes() for one in tone}) == len(GLASS)
    assert all("kaleidoscope" not in subjects for subjects in COMPOSITIONS.values())


def test_a_call_with_two_subjects_is_refused() -> None:
    """One call paints one subject."""
    with pytest.raises(ValueError, match="share a subject"):
        paint([Attributes(subject="fire", palette="red"), Attributes(subject="eye", palette="red")], 8, 8, 0)


def test_ramps_climb_in_light_and_stay_in_gamut() -> None:
    """Every palette goes from dark to light without a step back that would be seen."""
    colours = ramps(list(PALETTES), torch.Generator().manual_seed(0))
    assert 0 <= float(colours.min()) <= float(colours.max()) <= 1
    light = (colours * torch.tensor([0.2126, 0.7152, 0.0722])).sum(-1) ** (1 / 3)
    assert float((light[:, 1:] - light[:, :-1]).min()) > -0.01


def test_captions_name_the_subject_and_vary() -> None:
    """Hundreds of captions for one picture: many wordings, none empty, no template left over."""
    rng = random.Random(1)
    wanted = Attributes(subject="ocean", palette="violet", second="gold", mood="dawn", style="oil")
    texts = {caption(wanted, rng) for _ in range(300)}
    assert len(texts) > 200
    assert not any(set("~|{}") & set(text) or "  " in text for text in texts)
    assert plain(wanted) == "violet ocean and gold"
    assert all(text.strip() for text in vocabulary())


def test_captions_are_grammatical() -> None:
    """Articles come first, and more than one has its plural."""
    rng = random.Random(3)
    articles = re.compile(
        r"\b(a|an|the) (?:a|an|the)\b|^\w+ (?:an|the) (?:sea|ocean|eye|sky|milky)|\ba [aeio]|\ban (?:[^aeiou]|uni)"
    )
    texts = [caption(draw_attributes(subject, rng), rng).lower() for subject in SUBJECTS for _ in range(60)]
    assert [text for text in texts if articles.search(text)] == []
    many = Attributes(subject="galaxy", palette="blue", composition="many")
    words = " ".join(caption(many, rng) for _ in range(200)).lower().split()
    assert "galaxies" in words
    assert {"galaxys", "ways"} & set(words) == set()
    assert any(
        caption(Attributes(subject="ocean", palette="teal"), rng).lower() == "the teal sea" for _ in range(3000)
    )


def test_a_coloured_caption_names_the_colour() -> None:
    """What the evaluation looks for it has asked for, also where the colour is the subject's own."""
    rng = random.Random(2)
    wanted = Attributes(subject="ripples", palette="teal")
    words = [phrase.lstrip("~| ") for phrase in phrases("palettes", "teal")]

    def named(text: str) -> bool:
        return any(word in text.lower() for word in words)

    left_out = [not named(caption(wanted, rng)) for _ in range(300)]
    assert 0.2 < sum(left_out) / 300 < 0.5
    assert all(named(caption(wanted, rng, coloured=True)) for _ in range(300))


def test_drawn_attributes_are_paintable() -> None:
    """Compositions are drawn only where they make sense."""
    rng = random.Random(0)
    for subject in SUBJECTS:
        for _ in range(20):
            wanted = draw_attributes(subject, rng)
            assert wanted.composition is None or subject in COMPOSITIONS[wanted.composition]
            assert wanted.second != wanted.palette


def test_measures_know_their_answers() -> None:
    """Pure red has hue 0; noise holds more fine detail than its blur; equal features have no spread."""
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert mean_hue(red) == pytest.approx(0)
    assert hue_error(red, "magenta") == pytest.approx(55)
    noise = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 1)).repeat(3, -1).astype(np.uint8)
    soft = ((noise.astype(int) + np.roll(noise, 1, 1) + np.roll(noise, 1, 2)) // 3).astype(np.uint8)
    assert fine_detail(noise) > 1.3 * fine_detail(soft)
    grain = np.random.default_rng(1).normal(128, 12, (1, 128, 128, 1)).repeat(3, -1)
    dots = np.zeros((1, 128, 128, 1))
    dots[:, ::4, ::4] = 40  # of about the grain's energy
    for period in (4, 8, 16):  # what repeats after 4 pixels does after 8 and 16
        assert abs(lattice(grain.astype(np.uint8), period)) < 0.02
        assert 0.3 < lattice((grain + dots).astype(np.uint8), period) < 0.5
    assert spread(np.ones((3, 5))) == 0


def test_orthogonal_updates_have_singular_values_near_one() -> None:
    """What Muon's Newton-Schulz steps promise."""
    matrix = torch.randn((24, 40), generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix).float())
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.4
