"""SMPTE timecode of frames: hours, minutes, seconds and frames, as editing programs count them.

A video of 30000/1001 frames a second is counted as if it had 30, so that its timecode falls behind the clock by 3.6
seconds an hour. Drop-frame timecode (SMPTE 12M) leaves out the first two numbers of every minute that is not a tenth
one (four at 60000/1001), and stays with the clock; it is written with a semicolon before the frames.
"""

from __future__ import annotations

import re
from fractions import Fraction

from beatwalk.errors import SettingsError

DROPPING = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers left out a minute, by frame rate
_FORM = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)[:;](\d\d)")


def timebase(fps: Fraction) -> int:
    """Frames that timecode counts as a second."""
    return -(-fps.numerator // fps.denominator)


def drops_frames(fps: Fraction) -> bool:
    """Whether timecode at this rate leaves out numbers."""
    return fps in DROPPING


def timecode(frame: int, fps: Fraction) -> str:
    """Write a frame's timecode, `HH:MM:SS:FF`, with `;` before the frames where numbers are left out.

    Parameters
    ----------
    frame
        From 0; after 24 hours it begins again.
    fps
        Frames a second.
    """
    base, dropped = timebase(fps), DROPPING.get(fps, 0)
    if dropped:
        a_minute, ten_minutes = 60 * base - dropped, 600 * base - 9 * dropped
        tens, rest = divmod(frame, ten_minutes)
        # The first minute of ten has all its numbers.
        minutes = 0 if rest < 60 * base else 1 + (rest - 60 * base) // a_minute
        frame += dropped * (9 * tens + minutes)
    seconds, frames = divmod(frame, base)
    hours, minutes, seconds = seconds // 3600 % 24, seconds // 60 % 60, seconds % 60
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if dropped else ':'}{frames:02}"


def frame_of(text: str, fps: Fraction) -> int:
    """Read a timecode, which may have `:` or `;` before the frames.

    Raises
    ------
    SettingsError
        It is none, or its number is one that is left out.
    """
    found = _FORM.fullmatch(text.strip())
    base, dropped = timebase(fps), DROPPING.get(fps, 0)
    if found is None or int(found[4]) >= base:
        raise SettingsError(f"timecode {text!r}: expected HH:MM:SS:FF with frames below {base}, such as 01:00:00:00")
    hours, minutes, seconds, frames = map(int, found.groups())
    in_all = 60 * hours + minutes
    if minutes % 10 and not seconds and frames < dropped:
        raise SettingsError(
            f"timecode {text!r}: this number is left out at {float(fps):.2f} frames/s; end in {dropped:02}"
        )
    return (60 * in_all + seconds) * base + frames - dropped * (in_all - in_all // 10)


def srt_clock(time_s: float) -> str:
    """Write a time as subtitles (SubRip) have it: 75.5 → 00:01:15,500."""
    seconds, milliseconds = divmod(round(1000 * time_s), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{milliseconds:03}"
