"""Text and fades on finished frames: lyrics, an end card, from black and to black.

They come after the effects and the flash limiter, in the size of the finished video, so rendered frames stay without
them and `finish` can change them. Text covers little, has soft ends and changes at most every `LEAST_SHOWN_S`, so it
cannot flash. Each text is laid out once and kept while it is shown.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from beatwalk.errors import SettingsError
from beatwalk.settings import Settings
from beatwalk.types import Float, Frames, Lyric, Plan, Timeline
from beatwalk.video.fonts import font_of, missing_letters
from beatwalk.video.text_layout import LEAST_PIXELS, MOST_ROWS, caption_stamp, card_stamps

SOFT_S = 0.15  # in which a line appears, and disappears
LEAST_SHOWN_S = 0.7  # of burnt-in text; a line that follows sooner is shown together with the one before
LEAST_IN_TRACK_S = 0.1
CARD_SOFT_S = 0.5
CARD_LIGHT = 0.3  # part of the light that is left behind the card


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What is written from one frame up to another one."""

    first: int
    last: int  # one past the last frame
    text: str  # lines of lyrics, one a row


def captions_of(lyrics: Sequence[Lyric], timeline: Timeline, least_s: float = LEAST_SHOWN_S) -> tuple[Caption, ...]:
    """The lyrics as they are shown: one text at a time; of lines that overlap, the later one replaces the other.

    Parameters
    ----------
    least_s
        How long a text is shown at least, in seconds: a line that begins sooner after the one before stands below
        it, up to `MOST_ROWS`; further ones are left out.
    """
    groups: list[list[Lyric]] = []
    for line in lyrics:
        if groups and line.start_s - groups[-1][0].start_s < least_s:
            groups[-1].append(line)
        else:
            groups.append([line])
    found: list[Caption] = []
    for group, after in itertools.zip_longest(groups, groups[1:]):
        end_s = max(line.end_s for line in group)
        end_s = max(end_s, group[0].start_s + least_s)
        end_s = min(end_s, after[0].start_s) if after else end_s
        first = max(0, timeline.frame_at(group[0].start_s))
        last = min(timeline.n_frames, timeline.frame_at(end_s))
        if first < last:
            text = "\n".join(line.text for line in group[:MOST_ROWS])
            found.append(Caption(first=first, last=last, text=text))
    return tuple(found)


class Lettering:
    """Draws on the frames of a video.

    Parameters
    ----------
    settings
        Of the video.
    timeline
        Of the rendered frames.
    lyrics
        In order of their start.
    """

    def __init__(self, settings: Settings, timeline: Timeline, lyrics: Sequence[Lyric]) -> None:
        self._settings, self._timeline = settings, timeline
        burnt = settings.subtitles.mode == "burn"
        self._captions = captions_of(lyrics, timeline) if burnt else ()
        card, n_frames = settings.card, timeline.n_frames
        shown = round(card.seconds * timeline.fps) if card.title or card.artist else 0
        self._card_first = max(0, n_frames - shown)
        self._fade = fade_curve(n_frames, float(timeline.fps), settings.fades.in_s, settings.fades.out_s)

    @classmethod
    def of(cls, plan: Plan) -> Lettering:
        """What a plan asks for."""
        return cls(plan.settings, plan.timeline, plan.analysis.lyrics)

    @property
    def writes(self) -> bool:
        """Whether there is any text, which needs frames in the size of the finished video."""
        return bool(self._captions) or self._card_first < self._timeline.n_frames

    @property
    def changes(self) -> bool:
        """Whether any frame is changed."""
        return self.writes or bool((self._fade < 1).any())

    def draw(self, frames: Frames, first: int) -> Frames:
        """Draw on copies of frames, shape (n, height, width, 3); `first` is the index of the first one."""
        last = first + len(frames)
        captions = [caption for caption in self._captions if caption.first < last and caption.last > first]
        fade = self._fade[first:last]
        if not captions and last <= self._card_first and (fade == 1).all():
            return frames
        drawn = frames.copy()
        size = drawn.shape[2], drawn.shape[1]
        for caption in captions:
            stamp = caption_stamp(caption.text, size, self._settings.subtitles)
            for index in range(max(first, caption.first), min(last, caption.last)):
                stamp.over(drawn[index - first], self._strength(index, caption))
        for index in range(max(first, self._card_first), last):
            self._lay_card(drawn[index - first], index, size)
        for frame, light in zip(drawn, fade, strict=True):
            if light < 1:
                frame[:] = _table(light)[frame]
        return drawn

    def _strength(self, index: int, caption: Caption) -> float:
        """How strongly a caption is seen in a frame: soft at its ends."""
        fps = float(self._timeline.fps)
        near = min(index - caption.first + 1, caption.last - index) / (SOFT_S * fps)
        return min(1.0, near)

    def _lay_card(self, frame: Frames, index: int, size: tuple[int, int]) -> None:
        fps = float(self._timeline.fps)
        strength = min(1.0, (index - self._card_first + 1) / (CARD_SOFT_S * fps))
        frame[:] = _table(1 - (1 - CARD_LIGHT) * strength)[frame]
        card, font = self._settings.card, self._settings.subtitles.font
        for stamp in card_stamps(card.title, card.artist, size, font, self._settings.subtitles.margin):
            stamp.over(frame, strength)


def fade_curve(n_frames: int, fps: float, in_s: float, out_s: float) -> Float:
    """Light of every frame, shape (n_frames,): 0 in the first and in the last one, and 1 between the fades."""
    at = np.arange(n_frames, dtype=np.float64)
    light = np.ones(n_frames)
    for distance, length_s in ((at, in_s), (n_frames - 1 - at, out_s)):
        if length_s > 0:
            part = np.clip(distance / (length_s * fps), 0, 1)
            light *= part * part * (3 - 2 * part)
    return light


def _table(light: float) -> Frames:
    """What every value of a pixel becomes, shape (256,)."""
    table: Frames = np.rint(np.arange(256) * light).astype(np.uint8)
    return table


def scaled(frames: Frames, size: tuple[int, int]) -> Frames:
    """Scale frames until they cover a size (Lanczos) and cut off what stands over; shape (n, height, width, 3)."""
    from PIL import Image

    height, width = frames.shape[1:3]
    if (width, height) == size:
        return frames
    share = min(width / size[0], height / size[1])
    cut = size[0] * share, size[1] * share
    left, top = (width - cut[0]) / 2, (height - cut[1]) / 2
    box = (left, top, left + cut[0], top + cut[1])
    pictures = (Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS, box=box) for frame in frames)
    return np.stack([np.asarray(picture) for picture in pictures])


def check_lettering(settings: Settings, *, lyrics: bool) -> None:
    """Check that text and fades fit to the rest of the settings, and that the font can be read.

    Parameters
    ----------
    lyrics
        Whether there are any.

    Raises
    ------
    SettingsError
        Something does not fit.
    InputError
        The font cannot be read.
    """
    subtitles, card, fades = settings.subtitles, settings.card, settings.fades
    if subtitles.mode != "off" and not lyrics:
        raise SettingsError(f"--subtitles {subtitles.mode} shows lyrics; add --lyrics song.lrc (or .srt, .vtt)")
    if subtitles.mode == "burn" and settings.video.interpolate > 1:
        raise SettingsError("--interpolate would make burnt-in text waver; use --subtitles track, or leave it out")
    if settings.walk.loop:
        if fades.in_s or fades.out_s or ((card.title or card.artist) and card.seconds):
            raise SettingsError("a loop has no end, so it can neither fade nor end with a card; leave --loop out")
        if subtitles.mode == "track":
            raise SettingsError("a loop has no subtitle track; use --subtitles burn")
    if subtitles.font is not None:
        font_of(subtitles.font, LEAST_PIXELS)


def lettering_remarks(plan: Plan) -> list[str]:
    """What people should know about the text of a video, one sentence each."""
    settings = plan.settings
    texts = [line.text for line in plan.analysis.lyrics] if settings.subtitles.mode == "burn" else []
    texts += [settings.card.title, settings.card.artist] if settings.card.seconds else []
    if missing := missing_letters(settings.subtitles.font, texts):
        more = "…" if len(missing) > 8 else ""
        return [f"the font has no letters for {missing[:8]}{more}; give one that has: --subtitle-font FILE"]
    return []
