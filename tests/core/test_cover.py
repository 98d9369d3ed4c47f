"""The song's own picture: taken out of every kind of file, through the same door as other pictures."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from beatwalk import api
from beatwalk.core import anchored, check_picture, cover_in, ffmpeg, load_picture, write_json
from beatwalk.core.anchoring import files_in, picture_in
from beatwalk.errors import InputError
from beatwalk.plan import plan_to_json, read_plan
from tests.songs import click_song


def with_cover(song: Path, kind: str, picture: Path) -> Path:
    """The song with a picture in it."""
    made = song.with_suffix(f".{kind}")
    both = ["-i", str(song), "-i", str(picture), "-map", "0:a", "-map", "1:v", "-c:v", "copy"]
    command = [ffmpeg.executable(), "-v", "error", "-y", *both, "-disposition:v:0", "attached_pic", str(made)]
    subprocess.run(command, check=True)
    return made


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A song without a picture, beside one that is red on the left and blue on the right."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48, 0] = pixels[:, 48:, 2] = 250
    Image.fromarray(pixels).save(tmp_path / "art.jpg", quality=95)
    click_song(tmp_path / "song.wav")
    return tmp_path / "song.wav"


@pytest.mark.parametrize("kind", ["mp3", "m4a", "flac"])
def test_the_cover_is_taken_out_as_it_is(song: Path, kind: str) -> None:
    """Byte for byte, and decoded as any picture; a song without one has none."""
    made = with_cover(song, kind, song.with_name("art.jpg"))
    assert cover_in(made) == song.with_name("art.jpg").read_bytes()
    picture = load_picture(made, (96, 64))[0]
    assert picture[32, 10, 0] > 200 > 100 > picture[32, 10, 2]
    assert picture[32, 85, 2] > 200 > 100 > picture[32, 85, 0]
    assert cover_in(song) is None
    with pytest.raises(InputError, match="cannot be read as a picture"):
        check_picture(song)


def test_a_plan_starts_from_it(song: Path) -> None:
    """The first keyframe alone, with its strength; the plan is read again without a word about paths."""
    made = with_cover(song, "mp3", song.with_name("art.jpg"))
    plan = api.plan(made, ["a red sea", "a wood"], overrides=[{"walk": {"init": "cover:0.3"}}])
    first, *others = plan.keyframes
    assert (first.image, first.strength) == (made, 0.3)
    assert [keyframe.image for keyframe in others] == [None] * len(others)
    (folder := song.parent / "elsewhere").mkdir()
    write_json(folder / "plan.json", plan_to_json(plan))
    assert read_plan(folder / "plan.json").keyframes[0].image == made


def test_a_song_without_one_is_said_before_it_is_heard(song: Path) -> None:
    """With what to do instead."""
    with pytest.raises(
        InputError, match=r"song.wav: has no cover picture in it; give a picture instead: --init FILE"
    ):
        api.plan(song, ["a red sea"], overrides=[{"walk": {"init": "cover"}}])


def test_the_word_is_no_file_name() -> None:
    """It does not count from a folder; a file of that name is ./cover."""
    for word in ("cover", "cover:0.4"):
        values = {"walk": {"init": word}}
        assert anchored(values, "/there") == values
        assert (files_in(values), picture_in(values)) == ([], None)
    assert anchored({"walk": {"init": "./cover"}}, "/there")["walk"]["init"].startswith("/there")


def test_a_hostile_cover_goes_no_further_than_another_picture(song: Path) -> None:
    """What is in the song is opened by the same list of kinds."""
    art = song.with_name("art.jpg").read_bytes()
    made = with_cover(song, "mp3", song.with_name("art.jpg"))
    made.write_bytes(made.read_bytes().replace(art, art[:20] + bytes(len(art) - 20)))
    with pytest.raises(InputError, match="cannot be read as a picture"):
        check_picture(made)
