"""A contact sheet shows one labelled picture a seed and appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beatwalk.errors import ModelError, OutputError
from beatwalk.jobs.scout import INK, PAPER, contact_sheet, picture_seeds, scout_seeds
from beatwalk.models.fake import FakeGenerator


def test_the_sheet_holds_every_seeds_picture(tmp_path: Path) -> None:
    """Five tiles of the model's own size, found again in the sheet in the order of the seeds."""
    generator = FakeGenerator()
    path = scout_seeds(generator, "a neon city", seeds=[3, 1, 4, 15, 9], path=tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(path))
    pictures = picture_seeds(generator, "a neon city", [3, 1, 4, 15, 9])
    places = [
        (top, left)
        for picture in pictures
        for top in range(sheet.shape[0] - 63)
        for left in range(sheet.shape[1] - 63)
        if np.array_equal(sheet[top, left : left + 64], picture[0])
        and np.array_equal(sheet[top : top + 64, left : left + 64], picture)
    ]
    assert len(places) == 5
    assert places == sorted(places)


def test_around_the_pictures_all_is_neutral() -> None:
    """Black tiles on the sheet: nothing else may have a colour, and every tile has a label."""
    sheet = np.asarray(contact_sheet(np.zeros((4, 32, 48, 3), np.uint8), ["seed 1"] * 4)).astype(int)
    assert np.array_equal(sheet[..., 0], sheet[..., 1])
    assert np.array_equal(sheet[..., 0], sheet[..., 2])
    assert tuple(sheet[0, 0]) == PAPER
    assert (sheet[..., 0] > (PAPER[0] + INK[0]) // 2).sum() > 4 * 10


def test_labels_differ() -> None:
    """The label is drawn from its text."""
    blank = np.zeros((1, 64, 64, 3), np.uint8)
    one, two = (np.asarray(contact_sheet(blank, [label])) for label in ("seed 1", "seed 2"))
    assert not np.array_equal(one, two)


def test_large_pictures_are_made_smaller() -> None:
    """A tile is at most 512 pixels on its longer side."""
    assert contact_sheet(np.zeros((1, 512, 1024, 3), np.uint8), ["x"]).width < 600


def test_batches_stay_small_and_steps_are_the_models_own() -> None:
    """Twenty seeds go as 8, 8 and 4 with the generator's own steps; asked-for steps are heeded."""
    generator = FakeGenerator()
    picture_seeds(generator, "x", range(20))
    picture_seeds(generator, "x", [1], steps=7)
    assert generator.denoised == [(8, 4), (8, 4), (4, 4), (1, 7)]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    """An existing file stays as it is, and no picture is made in vain."""
    path = tmp_path / "sheet.png"
    path.write_bytes(b"mine")
    generator = FakeGenerator()
    with pytest.raises(OutputError, match="exists"):
        scout_seeds(generator, "x", seeds=[1], path=path)
    assert path.read_bytes() == b"mine"
    assert generator.denoised == []
    scout_seeds(generator, "x", seeds=[1], path=path, overwrite=True)
    assert Image.open(path).format == "PNG"


def test_a_place_that_cannot_be_written_is_said_first(tmp_path: Path) -> None:
    """No folder, or a folder where the file should be; nothing is left behind."""
    with pytest.raises(OutputError, match="does not exist"):
        scout_seeds(FakeGenerator(), "x", seeds=[1], path=tmp_path / "no" / "sheet.png")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        scout_seeds(FakeGenerator(), "x", seeds=[1], path=tmp_path / "folder", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_no_seeds_is_a_mistake(tmp_path: Path) -> None:
    """There is nothing to show."""
    with pytest.raises(ModelError, match="no seeds"):
        scout_seeds(FakeGenerator(), "x", seeds=[], path=tmp_path / "sheet.png")
