"""People's prompts and texts of any kind: what they ask for, and how pictures for them are judged."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from beatwalk.models import PromptReader
from beatwalk.training import strangers as judged
from beatwalk.training.classifier import PALETTE_NAMES, SUBJECT_NAMES
from beatwalk.training.measures import look
from beatwalk.training.painter import SUBJECTS, Attributes
from beatwalk.training.painter.captions import caption, draw_attributes
from beatwalk.training.prompts import any_texts, people
from beatwalk.training.strangers import anything, bounds, strangers, within
from beatwalk.training.vocabulary import vocabulary


@pytest.fixture(scope="module")
def reader() -> PromptReader:
    """One that knows all that the painter knows."""
    return PromptReader.from_json(vocabulary())


def test_people_ask_for_every_subject_and_the_same_seed_asks_the_same() -> None:
    """Two of three name a colour, the third a light."""
    asked = people(3 * len(SUBJECTS), 1, list(SUBJECTS))
    assert asked == people(3 * len(SUBJECTS), 1, list(SUBJECTS)) != people(3 * len(SUBJECTS), 2, list(SUBJECTS))
    assert [one.wanted.subject for one in asked] == 3 * list(SUBJECTS)
    assert [one.coloured for one in asked[:6]] == [True, True, False] * 2
    assert all((one.wanted.mood is None) == one.coloured for one in asked)
    assert len({one.text for one in asked}) == len(asked)
    assert np.mean([len(one.text.split()) for one in asked]) > 12


def test_training_never_sees_them() -> None:
    """They are longer than captions, and no caption has the words that they consist of for the most part."""
    rng = random.Random(0)
    captions = {caption(draw_attributes(s, rng), rng).lower() for s in SUBJECTS for _ in range(30)}
    asked = [one.text.lower() for one in people(300, 1, list(SUBJECTS))]
    assert not captions & set(asked)
    heard = {word.strip(",") for text in captions for word in text.split()}
    unknown = [np.mean([word.strip(",()") not in heard for word in text.split()]) for text in asked]
    assert np.mean(unknown) > 0.4


def test_the_reader_understands_nearly_all_of_them(reader: PromptReader) -> None:
    """What the model is given names the subject and the colour that were asked for."""
    asked = people(300, 1, list(SUBJECTS))
    found = [reader.read(one.text) for one in asked]
    subjects = [reader.names["subjects"][a.wanted.subject] in r.known for a, r in zip(asked, found, strict=True)]
    colours = [
        reader.names["palettes"][a.wanted.palette] in r.known for a, r in zip(asked, found, strict=True) if a.coloured
    ]
    assert np.mean(subjects) > 0.96
    assert np.mean(colours) > 0.99


def test_texts_of_any_kind_are_of_all_kinds() -> None:
    """Nothing, signs, long ones, other scripts, bytes; as many as asked for, and the same for the same seed."""
    texts = any_texts(200, 3)
    assert texts == any_texts(200, 3)
    assert len(texts) == 200
    assert "" in texts
    assert max(map(len, texts)) == 2000
    assert any("�" in text for text in texts)
    assert any("一" <= letter <= "鿿" for text in texts for letter in text)
    assert sum(text.isascii() for text in texts) > 60


def test_looks_know_their_answers() -> None:
    """Grey has no saturation, a flat picture no detail, and a weave of single pixels has it in the finest octave."""
    flat = np.full((64, 64, 3), 90, np.uint8)
    red = flat.copy()
    red[..., 1:] = 0
    weave = (np.indices((64, 64)).sum(0) % 2 * 200).astype(np.uint8)[..., None].repeat(3, -1)
    steps = (np.indices((64, 64))[1] // 8 % 2 * 200).astype(np.uint8)[..., None].repeat(3, -1)
    assert max(look(flat)[name] for name in ("saturation", "contrast", "octave_1", "octave_32")) < 1e-6
    assert look(red)["saturation"] == pytest.approx(90 / 255)
    assert look(weave)["contrast"] == look(steps)["contrast"] == pytest.approx(100 / 255, rel=1e-3)
    assert max(look(weave), key=lambda name: look(weave)[name] if "octave" in name else 0) == "octave_1"
    assert look(steps)["octave_8"] > look(steps)["octave_1"]
    assert look(weave)["lattice_4"] > 0.5


def test_a_model_that_paints_what_is_asked_for_finds_all(
    reader: PromptReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that always paints the same finds only that; its misses are told with what was read."""
    monkeypatch.setattr(judged, "SIDE", 32)
    asked = people(12, 5, ["galaxy", "skull"])
    wanted = {reader.read(one.text).text: one.wanted for one in asked}

    def coded(one: Attributes) -> np.ndarray:
        picture = np.zeros((32, 32, 3), np.uint8)
        picture[0, 0, :2] = SUBJECT_NAMES.index(one.subject), PALETTE_NAMES.index(one.palette)
        return picture

    def judge(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        subject, palette = pictures[:, 0, 0, 0], pictures[:, 0, 0, 1]
        return np.minimum(subject, len(SUBJECT_NAMES) - 1), np.minimum(palette, len(PALETTE_NAMES) - 1)

    def draw(texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        assert len(texts) == len(seeds)
        return np.stack([coded(wanted[text]) for text in texts])

    def stubborn(texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return np.stack([coded(Attributes(subject="skull", palette="red"))] * len(texts))

    found = strangers(draw, judge, reader, 12, 5, ["galaxy", "skull"])
    assert (found["subject"], found["colour"], found["missed"]) == (1, 1, [])
    found = strangers(stubborn, judge, reader, 12, 5, ["galaxy", "skull"])
    assert found["subject"] == 0.5
    assert len(found["missed"]) == 6
    assert all(line.endswith("→ skull") for line in found["missed"])


def test_noise_lies_outside_of_what_the_painter_paints(reader: PromptReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The painter's own pictures lie inside, as far as its percentiles say."""
    monkeypatch.setattr(judged, "SIDE", 64)
    limits = bounds(7, 80)
    assert all(low < high for low, high in limits.values())
    rng = np.random.default_rng(0)
    noise = list(rng.integers(0, 255, (4, 64, 64, 3), dtype=np.uint8))
    assert within(noise, limits)["octave_1"] == within(noise, limits)["all"] == 0
    found = anything(lambda texts, seeds: np.stack([noise[0]] * len(texts)), reader, 20, 7)
    assert found["model"]["all"] == 0
    assert np.mean(list(found["painter"].values())) > 0.6
