"""Timecode as SMPTE 12M counts, with opentimelineio's as the second opinion."""

from __future__ import annotations

import random
from fractions import Fraction

import opentimelineio as otio
import pytest

from beatwalk.errors import SettingsError
from beatwalk.video.timecode import drops_frames, frame_of, timebase, timecode

RATES = [Fraction(24), Fraction(25), Fraction(30), Fraction(60), Fraction(24_000, 1001)]
DROPPING = [Fraction(30_000, 1001), Fraction(60_000, 1001)]


@pytest.mark.parametrize(
    ("frame", "fps", "expected"),
    [
        (0, DROPPING[0], "00:00:00;00"),
        (1799, DROPPING[0], "00:00:59;29"),
        (1800, DROPPING[0], "00:01:00;02"),  # 00 and 01 are left out
        (17_981, DROPPING[0], "00:09:59;29"),
        (17_982, DROPPING[0], "00:10:00;00"),  # not in every tenth minute
        (107_892, DROPPING[0], "01:00:00;00"),
        (3600, DROPPING[1], "00:01:00;04"),
        (1440, Fraction(24), "00:01:00:00"),
        (1440, Fraction(24_000, 1001), "00:01:00:00"),
        (12, Fraction(25, 2), "00:00:00:12"),
        (24 * 3600 * 25, Fraction(25), "00:00:00:00"),
    ],
)
def test_known_timecodes(frame: int, fps: Fraction, expected: str) -> None:
    """The corners: a minute, ten minutes, an hour, a day."""
    assert timecode(frame, fps) == expected


@pytest.mark.parametrize("fps", RATES + DROPPING)
def test_the_same_as_another_library(fps: Fraction) -> None:
    """A thousand frames of a day, and back again."""
    chance = random.Random(1)
    for _ in range(1000):
        frame = chance.randrange(23 * 3600 * timebase(fps))
        text = timecode(frame, fps)
        time = otio.opentime.RationalTime(frame, float(fps))
        assert text == otio.opentime.to_timecode(time, float(fps), drop_frame=drops_frames(fps))
        assert frame_of(text, fps) == frame


def test_a_minute_of_broadcast_stays_with_the_clock() -> None:
    """An hour of timecode is an hour of video, to a hundredth of a second."""
    assert float(frame_of("01:00:00;00", DROPPING[0]) / DROPPING[0]) == pytest.approx(3600, abs=0.01)
    assert float(frame_of("01:00:00:00", RATES[4]) / RATES[4]) == pytest.approx(3603.6, abs=0.01)


@pytest.mark.parametrize(
    ("text", "fps", "match"),
    [
        ("1:00", Fraction(24), "expected HH:MM:SS:FF with frames below 24"),
        ("00:00:00:24", Fraction(24), "frames below 24"),
        ("00:61:00:00", Fraction(24), "expected"),
        ("00:01:00;01", DROPPING[0], "left out at 29.97 frames/s; end in 02"),
        ("", Fraction(24), "expected"),
    ],
)
def test_what_is_no_timecode_is_said(text: str, fps: Fraction, match: str) -> None:
    """Too short, too many frames, a number that does not exist."""
    with pytest.raises(SettingsError, match=match):
        frame_of(text, fps)
