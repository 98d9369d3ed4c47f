"""The nouns that travel between the rooms.

Conventions
-----------
- Times are float seconds from the start of the **song**; frames are integers from the start of the **video**.
  `Timeline` is the only place where one becomes the other.
- Events (beats, onsets, …) are 1-D float64 arrays, increasing.
- Arrays are read-only. Intervals are half-open.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.settings import Settings
from beatwalk.targets import TARGETS, key_of

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Frames = NDArray[np.uint8]  # shape (n, height, width, 3), sRGB
# A segment of so many frames is not divided, because a leg's first few frames know little of its path.
LEAST_LEG = 24
# Of the walk before an excerpt, at least. Flashes count for a second. Of the longest trails of the presets, 0.75, a
# thousandth is left after a second at 24 frames a second.
WARM_UP_S = 1


def frozen_array(values: object, dtype: type = np.float64) -> NDArray[Any]:
    """A read-only copy of `values`."""
    array: NDArray[Any] = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True, eq=False)
class Audio:
    """A song that can be read repeatedly in blocks; it is never wholly in memory."""

    path: Path
    duration_s: float
    sample_rate: int  # of the file, Hz
    channels: int
    analysis_rate: int  # of the blocks, Hz
    read_blocks: Callable[[], Iterator[Float32]] = field(repr=False)
    track: int | None = None  # which of several sounds, counted from 1; None: the one that players choose
    remarks: tuple[str, ...] = ()  # what people should know about it, one sentence each

    def blocks(self) -> Iterator[Float32]:
        """Mono float32 blocks, shape (n,), at `analysis_rate`; together the whole song. Starts over at each call."""
        return self.read_blocks()


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """A quantity over the whole song; sample i lies at i / rate_hz seconds."""

    values: Float  # shape (n,), 0-1
    rate_hz: float

    def at(self, times_s: Float) -> Float:
        """Values at `times_s`, linear between samples, held at the ends; 0 where the curve is empty."""
        if not len(self.values):
            return np.zeros(np.shape(times_s))
        return np.interp(times_s, np.arange(len(self.values)) / self.rate_hz, self.values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Events:
    """Moments of a song, such as the strokes of a drum."""

    times_s: Float  # shape (n,), increasing
    strength: Float  # shape (n,), 0-1
    lengths_s: Float  # shape (n,); 0 where nothing sounds on


@dataclass(frozen=True, kw_only=True)
class Lyric:
    """A line of the lyrics, without control characters and markup."""

    start_s: float
    end_s: float  # later than its start; lines may overlap
    text: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the song; the same label returns when the music does."""

    start_s: float
    end_s: float
    label: str  # A, B, C, …


@dataclass(frozen=True, kw_only=True)
class Song:
    """The file that an analysis or a plan belongs to."""

    path: Path
    sha256: str
    duration_s: float
    sample_rate: int
    channels: int
    track: int | None = None  # which of several sounds, counted from 1; None: the one that players choose


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What was heard in a song."""

    song: Song
    tempo_bpm: float  # 0 where there is no beat
    tempo_curve: Float  # shape (n, 2): seconds, beats a minute
    beats_s: Float  # shape (n_beats,)
    beat_confidence: Float  # shape (n_beats,), 0-1
    downbeats_s: Float  # shape (n_bars,), a subset of beats_s
    beats_per_bar: NDArray[np.int64]  # shape (n_bars,)
    onsets_s: Float  # shape (n_onsets,)
    onset_strength: Float  # shape (n_onsets,), 0-1
    sections: tuple[Section, ...]  # tile [0, duration_s)
    drop_s: float | None  # start of the section after the largest rise in energy
    # Those of `beatwalk.sources.SOURCES`: 0-1 over the whole song, silence is 0. A file may lack some of them.
    curves: Mapping[str, Curve]
    # Strokes of the drums of `beatwalk.sources.DRUMS`. A file may lack some of them.
    drums: Mapping[str, Events] = field(default_factory=dict)
    # What stems, MIDI files and curves of a plan give, by the names that rules use.
    sources: Mapping[str, Curve | Events] = field(default_factory=dict)
    lyrics: tuple[Lyric, ...] = ()  # those of a plan, in order of their start

    @property
    def duration_s(self) -> float:
        """Length of the song in seconds."""
        return self.song.duration_s

    def lacks(self, name: str) -> bool:
        """Whether there is no curve and no drum of this name."""
        return name not in self.curves and name not in self.drums


HALFWAY = 1e-6  # frames; floats are some 1e-10 frames off after a day of song


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Seconds of song ↔ frames of video."""

    fps: Fraction
    n_frames: int
    start_s: float = 0.0  # where in the song the video begins

    @classmethod
    def spanning(cls, duration_s: float, fps: Fraction, start_s: float = 0.0) -> Timeline:
        """round(duration x fps) frames, computed exactly, and at least one."""
        return cls(fps=fps, n_frames=max(1, round(Fraction(duration_s) * fps)), start_s=start_s)

    @property
    def duration_s(self) -> float:
        """Length of the video in seconds."""
        return float(self.n_frames / self.fps)

    @property
    def end_s(self) -> float:
        """Where in the song the video ends."""
        return self.start_s + self.duration_s

    def finer(self, times: int) -> Timeline:
        """`times` frames for each one; frame i becomes frame i x times, at the same moment."""
        return replace(self, fps=self.fps * times, n_frames=self.n_frames * times)

    def beginning_at(self, frame: int) -> Timeline:
        """The timeline that begins at this frame, which may be negative, and ends where this one does."""
        if not frame:
            return self
        # An excerpt begins on a frame of the whole song, whose first one lies at exactly 0.
        start_s = round(self.start_s + float(frame / self.fps), 9)
        return replace(self, n_frames=self.n_frames - frame, start_s=max(0.0, start_s))

    def frame_at(self, time_s: float) -> int:
        """Nearest frame to a moment of the song; may lie outside [0, n_frames]."""
        return round(Fraction(time_s - self.start_s) * self.fps)

    def frames_at(self, times_s: Float) -> NDArray[np.int64]:
        """The same for many moments at once; shape (n,)."""
        places = (np.asarray(times_s, np.float64) - self.start_s) * float(self.fps)
        frames = np.rint(places).astype(np.int64)
        # Halfway between two frames, where a product of floats may fall on the wrong side, exact numbers decide.
        for index in np.flatnonzero(np.abs(places - np.floor(places) - 0.5) < HALFWAY):
            frames[index] = self.frame_at(float(times_s[index]))
        return frames

    def time_of(self, frame: int) -> float:
        """Moment of the song at which `frame` is first shown."""
        return self.start_s + float(frame / self.fps)

    def times_s(self) -> Float:
        """Moments of all frames, shape (n_frames,)."""
        return self.start_s + np.arange(self.n_frames) * self.fps.denominator / self.fps.numerator


@dataclass(frozen=True, kw_only=True)
class Keyframe:
    """A picture that the walk passes through."""

    frame: int
    prompt: str
    negative: str = ""
    seed: int | None = None  # None: wherever the noise has travelled to
    image: Path | None = None  # start from this picture
    strength: float = 0.6  # how much the model may repaint the picture: 0 keeps it, 1 ignores it


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Frames [first, last) between two keyframes; `end` is reached exactly at frame `last`."""

    index: int
    start: Keyframe
    end: Keyframe

    @property
    def first(self) -> int:
        """First frame."""
        return self.start.frame

    @property
    def last(self) -> int:
        """One past the last frame."""
        return self.end.frame

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.last - self.first


@dataclass(frozen=True, kw_only=True)
class SegmentPart:
    """The frames of a leg that a video needs: all of them, but where an excerpt begins or ends.

    A leg is what is rendered by itself: a segment, or, of a long one, what lies between two landings.
    """

    segment: Segment
    leg: tuple[int, int]  # its first frame and one past its last, counted from the segment's first
    begin: int  # the first frame that is needed, counted from the segment's first
    end: int  # one past the last

    @property
    def index(self) -> int:
        """Index of the segment."""
        return self.segment.index

    @property
    def key(self) -> tuple[int, int]:
        """What tells the legs of a video apart: the segment's index and the leg's first frame."""
        return self.segment.index, self.leg[0]

    @property
    def is_segment(self) -> bool:
        """Whether the leg is a whole segment."""
        return self.leg == (0, self.segment.n_frames)

    @property
    def begins_leg(self) -> bool:
        """Whether the first frame that is needed is the leg's first."""
        return self.begin == self.leg[0]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.end - self.begin

    @property
    def first(self) -> int:
        """First frame, counted from the video's; negative where it is rendered but not shown."""
        return self.segment.first + self.begin

    @property
    def last(self) -> int:
        """One past the last frame, counted from the video's first."""
        return self.segment.first + self.end


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A stem, MIDI file, curve or lyrics of a plan; what was heard or read in it is in the plan's analysis."""

    name: str  # as the settings under `sources` have it
    path: Path
    sha256: str

    def to_json(self) -> dict[str, str]:
        """Plain data."""
        return {"name": self.name, "path": str(self.path), "sha256": self.sha256}


@dataclass(frozen=True, kw_only=True, eq=False)
class Storyboard:
    """What pictures to make and when: a plan without the song that it was made for.

    An excerpt of a song is a window onto the walk through the whole song. Its keyframes are those of the whole song,
    so the first lie before frame 0, and the last after the video's end.
    """

    timeline: Timeline  # of the video
    settings: Settings
    model: str | None  # None: the model inside; else a folder, a .safetensors file or a hub id
    size: tuple[int, int] | None  # width, height; None: the model's native size, known once it is loaded
    keyframes: tuple[Keyframe, ...]  # at least two; the first at 0 or before, the last at n_frames or after
    files: tuple[SourceFile, ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of the whole walk; together they hold every frame once."""
        pairs = itertools.pairwise(self.keyframes)
        return tuple(Segment(index=i, start=a, end=b) for i, (a, b) in enumerate(pairs))

    @property
    def walk_frames(self) -> int:
        """Number of frames of the whole walk."""
        return self.keyframes[-1].frame - self.keyframes[0].frame

    @property
    def is_window(self) -> bool:
        """Whether the video shows a part of its walk alone."""
        return bool(self.keyframes) and self.walk_frames != self.timeline.n_frames

    @property
    def rendered_frames(self) -> int:
        """Number of frames that are rendered; an excerpt needs some that it does not show."""
        return sum(part.n_frames for part in self.parts)

    @property
    def shown_segments(self) -> tuple[Segment, ...]:
        """The segments of which the video shows something."""
        return tuple(one for one in self.segments if one.last > 0 and one.first < self.timeline.n_frames)

    def legs_of(self, segment: Segment) -> list[SegmentPart]:
        """The legs of a segment: one, or, where it is longer than `walk.leg_s`, equal ones that are not.

        There is a power of two of them, so that landings lie on bars in segments of 8, 16 or 32 bars.
        """
        n_frames, count, most = segment.n_frames, 1, self.settings.walk.leg_s * self.timeline.fps
        while most and n_frames > count * max(most, LEAST_LEG):
            count *= 2
        landings = [(2 * i * n_frames + count) // (2 * count) for i in range(count + 1)]
        return [
            SegmentPart(segment=segment, leg=(begin, end), begin=begin, end=end)
            for begin, end in itertools.pairwise(landings)
        ]

    @property
    def parts(self) -> tuple[SegmentPart, ...]:
        """What is rendered: the frames of the video, and those before it that it depends on.

        The first leg that is shown is rendered from its beginning, because its frames depend on those before them.
        Where these are too few to warm up trails and flash limiter, the end of the walk before it joins them.
        """
        n_frames = self.timeline.n_frames
        legs = [leg for segment in self.segments for leg in self.legs_of(segment)]
        shown = [
            replace(leg, end=min(leg.end, n_frames - leg.segment.first))
            for leg in legs
            if leg.last > 0 and leg.first < n_frames
        ]
        missing = round(WARM_UP_S * self.timeline.fps) + shown[0].first
        before: list[SegmentPart] = []
        for leg in reversed([leg for leg in legs if leg.last <= 0]):
            if missing > 0:
                before.insert(0, replace(leg, begin=max(leg.begin, leg.end - missing)))
                missing -= leg.n_frames
        return (*before, *shown)

    @property
    def rendered_segments(self) -> tuple[Segment, ...]:
        """The segments of which something is rendered."""
        return tuple({part.index: part.segment for part in self.parts}.values())

    @property
    def shown_keyframes(self) -> tuple[Keyframe, ...]:
        """Keyframes as the video shows them: the prompt that it begins with at 0, and one at its end."""
        return shown_keyframes(self.keyframes, self.timeline.n_frames)


def shown_keyframes(keyframes: tuple[Keyframe, ...], n_frames: int) -> tuple[Keyframe, ...]:
    """Keyframes of a walk as a video shows them, which has frames 0 to `n_frames` of it."""
    active = [keyframe for keyframe in keyframes if keyframe.frame <= 0] or list(keyframes[:1])
    inside = [keyframe for keyframe in keyframes if 0 < keyframe.frame < n_frames]
    last = next((keyframe for keyframe in keyframes if keyframe.frame >= n_frames), keyframes[-1])
    return (replace(active[-1], frame=0), *inside, replace(last, frame=n_frames))


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan(Storyboard):
    """What to render: everything but the model's weights."""

    analysis: Analysis


@dataclass(frozen=True, eq=False)
class Targets:
    """What the music asks of every frame: `targets["camera.zoom"]`, or `targets.zoom` for short.

    Rates are already accumulated. `beatwalk.targets.TARGETS` says what each target is, in which unit, and which value
    leaves a picture as it is.

    Parameters
    ----------
    curves
        By key, one for each of `TARGETS`; shape (n_frames,).
    first
        Frame of the video that the first entry belongs to: negative where the walk begins before the video.

    Raises
    ------
    ValueError
        One is missing or unknown, or they differ in length.
    """

    curves: Mapping[str, Float]
    first: int = 0

    def __post_init__(self) -> None:
        if odd := sorted(set(self.curves) ^ set(TARGETS)):
            raise ValueError(f"expected a curve for each target; missing or unknown: {', '.join(odd)}")
        if len({len(curve) for curve in self.curves.values()}) > 1:
            raise ValueError("the curves of targets differ in length")

    def __len__(self) -> int:
        return len(self.curves["walk.speed"])

    def __getitem__(self, key: str) -> Float:
        return self.curves[key]

    def between(self, begin: int, end: int) -> Targets:
        """The targets of frames `begin` to `end` of the video."""
        rows = slice(begin - self.first, end - self.first)
        return Targets({key: curve[rows] for key, curve in self.curves.items()}, first=begin)

    def __getattr__(self, name: str) -> Float:
        if (key := key_of(name)) is None:
            raise AttributeError(f"no target {name!r}")
        return self.curves[key]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """What a model family needs from text, for a batch of prompts: named arrays that can be interpolated.

    The first axis of every array is the batch. `tensors` lie where the model computes. `masks` (1 where a token
    counts) are small and lie on the host; they are joined, not interpolated.
    """

    tensors: Mapping[str, Any]
    masks: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def rows(self, rows: slice | NDArray[np.int64]) -> Conditioning:
        """Some rows of the batch."""
        return Conditioning(
            tensors={name: tensor[rows] for name, tensor in self.tensors.items()},
            masks={name: mask[rows] for name, mask in self.masks.items()},
        )

    def made(self) -> Conditioning:
        """The conditioning itself: nothing of it is left to be mixed."""
        return self


@dataclass(frozen=True, kw_only=True, eq=False)
class ImagePull:
    """Attraction of a batch's latents to a picture keyframe."""

    latents: Any  # of the picture, as `Generator.encode_picture` makes them
    weights: Float  # shape (batch,): 0 not at all, 1 to the picture itself; all pulls' together at most 1
    strength: float  # how much the model may repaint the picture: 0 keeps it, 1 ignores it

    def rows(self, rows: slice | NDArray[np.int64]) -> ImagePull:
        """Some rows of the batch."""
        return ImagePull(latents=self.latents, weights=self.weights[rows], strength=self.strength)


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model's identity, native size, steps and guidance."""

    name: str
    family: str  # the pipeline's class
    fingerprint: str  # changes when weights or configuration change
    size: tuple[int, int]  # native width, height
    size_multiple: int  # width and height must be divisible by this
    steps: int
    guidance: float
    device: str
    dtype: str
