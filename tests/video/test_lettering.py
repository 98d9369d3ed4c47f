"""Text and fades: laid on finished frames, within margins, softly, and never on what is kept."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from beatwalk.errors import InputError, SettingsError
from beatwalk.perception.flashes import FlashMeter
from beatwalk.preflight import check_text
from beatwalk.settings import Settings, SubtitlesSettings
from beatwalk.types import Frames, Lyric, Timeline
from beatwalk.video.fonts import font_of, missing_letters
from beatwalk.video.lettering import (
    CARD_LIGHT,
    LEAST_SHOWN_S,
    Lettering,
    captions_of,
    fade_curve,
    lettering_remarks,
    scaled,
)
from beatwalk.video.text_layout import caption_stamp
from tests.helpers import known_plan

SIZE = (320, 180)
TIMELINE = Timeline(fps=Fraction(24), n_frames=96, start_s=10.0)
LYRICS = (
    Lyric(start_s=10.5, end_s=12.0, text="City lights"),
    Lyric(start_s=12.0, end_s=13.0, text="over the river"),
)


def grey(n: int = TIMELINE.n_frames, size: tuple[int, int] = SIZE, level: int = 100) -> Frames:
    """Plain frames."""
    return np.full((n, size[1], size[0], 3), level, np.uint8)


def drawn(frames: Frames | None = None, lyrics: tuple[Lyric, ...] = LYRICS, **settings: Any) -> Frames:
    """What becomes of frames."""
    lettering = Lettering(Settings.model_validate(settings), TIMELINE, lyrics)
    return lettering.draw(grey() if frames is None else frames, 0)


def written(frames: Frames, level: int = 100) -> NDArray[np.int64]:
    """Indices of frames in which something is written."""
    return np.flatnonzero((frames != level).any(axis=(1, 2, 3)))


def test_a_line_is_shown_as_long_as_it_is_sung() -> None:
    """From its frame to its last one, in an excerpt that begins at 10 s; frames without text are not touched."""
    frames = drawn(subtitles={"mode": "burn"})
    assert written(frames).tolist() == list(range(12, 72))
    one = drawn(lyrics=LYRICS[:1], subtitles={"mode": "burn"})
    assert written(one).tolist() == list(range(12, 48))
    assert (one[30] == one[31]).all()
    assert frames[30].max() > 250  # white
    assert frames[30].min() < 5  # with a dark edge


def test_frames_that_are_given_stay_as_they_are() -> None:
    """They may be those that are kept for `finish`; without text they are handed on."""
    given = grey()
    drawn(given, subtitles={"mode": "burn"}, fades={"in_s": 1.0}, card={"title": "x"})
    assert (given == 100).all()
    lettering = Lettering(Settings.model_validate({"subtitles": {"mode": "burn"}}), TIMELINE, LYRICS)
    assert lettering.draw(given[:10], 0) is not None
    assert np.shares_memory(lettering.draw(given[:10], 0), given)
    assert not Lettering(Settings(), TIMELINE, LYRICS).changes


def test_blocks_give_what_the_whole_gives() -> None:
    """Wherever frames are cut."""
    settings = Settings.model_validate(
        {"subtitles": {"mode": "burn"}, "card": {"title": "End"}, "fades": {"out_s": 1}}
    )
    lettering, frames = Lettering(settings, TIMELINE, LYRICS), grey()
    blocks = [lettering.draw(frames[first : first + 7], first) for first in range(0, len(frames), 7)]
    assert (np.concatenate(blocks) == lettering.draw(frames, 0)).all()


@pytest.mark.parametrize("place", ["top", "middle", "bottom"])
@pytest.mark.parametrize(
    "text", ["Hi", "a long line of words that goes on and on and on until it must be wrapped", "y" * 300]
)
@pytest.mark.parametrize("size", [SIZE, (90, 160), (64, 64)])
def test_text_stays_within_the_margins(place: Any, text: str, size: tuple[int, int]) -> None:
    """In three rows at most, smaller where that is needed; a word without spaces is broken."""
    subtitles = SubtitlesSettings(mode="burn", place=place, margin=0.1, size=0.07)
    stamp = caption_stamp(text, size, subtitles)
    height, width, _ = stamp.color.shape
    edge = 2  # the dark edge of letters stands over
    assert stamp.left >= 0.1 * size[0] - edge
    assert stamp.left + width <= 0.9 * size[0] + edge
    assert stamp.top >= 0.1 * size[1] - edge
    assert stamp.top + height <= 0.9 * size[1] + edge + 1
    middle = stamp.top + height / 2
    assert (middle < size[1] / 2 - 1) == (place == "top") or text != "Hi"


def test_lines_that_come_too_quickly_are_shown_together() -> None:
    """So that text neither flashes nor vanishes unread: rows below each other, up to three."""
    quick = tuple(Lyric(start_s=10 + i / 8, end_s=10 + (i + 1) / 8, text=str(i)) for i in range(18))
    captions = captions_of(quick, TIMELINE)
    assert [caption.text for caption in captions] == ["0\n1\n2", "6\n7\n8", "12\n13\n14"]
    assert all(caption.last - caption.first >= int(LEAST_SHOWN_S * 24) for caption in captions)
    late = (Lyric(start_s=9.0, end_s=10.5, text="before"), Lyric(start_s=30.0, end_s=31.0, text="after"))
    assert [(one.first, one.last, one.text) for one in captions_of(late, TIMELINE)] == [(0, 12, "before")]


def test_text_does_not_flash() -> None:
    """Even the quickest lines in large letters give no flash that counts."""
    quick = tuple(Lyric(start_s=10 + i / 5, end_s=10.1 + i / 5, text="MMMMMMMM WWWWWWWW") for i in range(20))
    frames = drawn(grey(level=0), quick, subtitles={"mode": "burn", "size": 0.3, "place": "middle"})
    meter = FlashMeter(TIMELINE.fps)
    meter.update(frames)
    assert meter.result().worst <= 1


def test_fades_begin_and_end_black() -> None:
    """Smoothly, and nothing between them is touched."""
    light = fade_curve(96, 24, 1.0, 2.0)
    assert (light[0], light[-1], light[30], light[12], light[71]) == (0, 0, 1, 0.5, pytest.approx(0.5, abs=0.02))
    assert (np.diff(light[:25]) >= 0).all()
    assert (np.diff(light[47:]) <= 0).all()
    frames = drawn(fades={"in_s": 1.0, "out_s": 2.0})
    assert (frames[0].max(), frames[-1].max(), frames[12, 0, 0, 0]) == (0, 0, 50)
    assert (frames[25:47] == 100).all()


def test_a_card_ends_the_video() -> None:
    """Over darkened pictures, the title above the artist; without either there is none."""
    frames = drawn(card={"title": "A long Night", "artist": "Nobody", "seconds": 2})
    assert written(frames).tolist() == list(range(48, 96))
    last = frames[-1]
    assert last[0, 0, 0] == round(CARD_LIGHT * 100)
    rows = np.flatnonzero((last == 255).any(axis=(1, 2)))
    columns = np.flatnonzero((last == 255).any(axis=(0, 2)))
    assert abs(rows.mean() - SIZE[1] / 2) < SIZE[1] / 12
    assert abs((columns[0] + columns[-1]) / 2 - SIZE[0] / 2) < 4
    assert len(np.flatnonzero(np.diff(rows) > 1)) >= 1  # two texts with a gap
    assert not len(written(drawn(card={"title": "x", "seconds": 0})))


def test_pictures_are_scaled_before_letters_are_drawn() -> None:
    """Until they cover the size; what stands over is cut off on both sides alike."""
    picture = grey(1, (40, 20))
    picture[:, :, 20:] = 200
    made = scaled(picture, (60, 60))
    assert made.shape == (1, 60, 60, 3)
    assert (made[0, :, 5].mean(), made[0, :, 55].mean()) == (100, 200)
    assert scaled(picture, (40, 20)) is picture


@pytest.mark.parametrize(
    ("settings", "lyrics", "match"),
    [
        ({"subtitles": {"mode": "burn"}}, False, "--subtitles burn shows lyrics; add --lyrics"),
        ({"subtitles": {"mode": "burn"}, "video": {"interpolate": 2}}, True, "would make burnt-in text waver"),
        ({"walk": {"loop": True}, "fades": {"in_s": 1.0}}, True, "a loop has no end"),
        ({"walk": {"loop": True}, "card": {"title": "x"}}, True, "a loop has no end"),
        ({"walk": {"loop": True}, "subtitles": {"mode": "track"}}, True, "a loop has no subtitle track"),
        ({"subtitles": {"mode": "track"}}, True, r"out.webm: --subtitles track needs .mp4, .mov, .mkv"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], lyrics: bool, match: str) -> None:
    """Before anything is rendered."""
    with pytest.raises(SettingsError, match=match):
        check_text(Settings.model_validate(settings), lyrics=lyrics, output=Path("out.webm"))


def test_fonts_are_files_that_can_be_read(tmp_path: Path) -> None:
    """A chosen one changes what is written; what is none is refused in one line."""
    path = tmp_path / "not a font.ttf"
    path.write_bytes(b"\x00\x01\x00\x00" + bytes(100))
    for file in (path, tmp_path / "none.ttf", tmp_path):
        with pytest.raises(InputError, match="cannot be read as a font") as caught:
            font_of(str(file), 12)
        assert "\n" not in str(caught.value)
    import matplotlib

    chosen = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf")
    plain, other = (
        caption_stamp("words", SIZE, SubtitlesSettings(mode="burn", font=font)).alpha for font in (None, chosen)
    )
    assert plain.shape != other.shape or (plain != other).any()


def test_letters_that_a_font_lacks_are_said() -> None:
    """Cyrillic and Greek are there; Chinese is not."""
    assert missing_letters(None, ["Ночь", "Νύχτα", "nuit été 12"]) == ""
    plan = known_plan(subtitles={"mode": "burn"}, card={"title": "海"})
    line = Lyric(start_s=0.0, end_s=1.0, text="光 of day")
    plan = dataclasses.replace(plan, analysis=dataclasses.replace(plan.analysis, lyrics=(line,)))
    assert lettering_remarks(plan) == ["the font has no letters for 光海; give one that has: --subtitle-font FILE"]
    assert lettering_remarks(known_plan()) == []
