"""What is told while beatwalk works: typed, frozen events, each with a JSON form, and the token that stops the work.

What a person should know about a render is an event. Warnings of the log are about this machine and its libraries,
and about stored files that are not used. Events come one at a
time, in the order in which things happen, but from whichever thread notices them: a function that receives them must
not assume its caller's thread, and should return soon, because the work waits for it.

The JSON form is one object: `event` is the class's name in snake case, `version` is `JSON_VERSION`, and the other
keys are the fields. New fields and events may join; a changed or missing one raises the version.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from beatwalk.errors import CancelledError

JSON_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of everything that is told."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for one line of JSON: paths as text, a picture as base64, what is unknown as null."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        values = {one.name: _plain(getattr(self, one.name)) for one in dataclasses.fields(self)}
        return {"event": name, "version": JSON_VERSION, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, float):
        return round(value, 4)
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    """A sentence that a person should read: what will differ from the request, what was understood only in part."""

    text: str
    detail: bool = False  # only for those who asked for more


@dataclass(frozen=True, kw_only=True)
class Listening(Event):
    """The song is about to be opened and, where no analysis of it is stored, listened to."""

    song: Path


@dataclass(frozen=True, kw_only=True)
class Checking(Event):
    """A video was asked for; names, disk and files are about to be checked."""

    output: Path


@dataclass(frozen=True, kw_only=True)
class LoadingModel(Event):
    """A model is about to be loaded."""

    model: str | None  # a folder, a file or a hub id; None: the model that ships inside


@dataclass(frozen=True, kw_only=True)
class Compiling(Event):
    """The model is about to be compiled, because the render is long enough to gain from it."""


@dataclass(frozen=True, kw_only=True)
class Prepared(Event):
    """Song, plan and model are known, all checks are done, and work begins."""

    output: Path
    frames: int
    fps: float
    width: int  # of the frames that the model makes, in pixels
    height: int
    start_s: float  # of the excerpt in the song, in seconds
    duration_s: float
    prompts: int  # different ones
    segments: int
    model: str
    device: str
    dtype: str
    steps: int
    guidance: float


@dataclass(frozen=True, kw_only=True)
class Working(Event):
    """Base of the events that advance a video."""

    progress: float = 0.0  # of the whole video, surveying and finishing included, 0-1
    left_s: float | None = None  # time to its end, in seconds; None: too early to tell


@dataclass(frozen=True, kw_only=True)
class Surveying(Working):
    """A segment's path is being measured."""

    segment: int  # counted from 0
    done: float  # part of its survey, 0-1


@dataclass(frozen=True, kw_only=True)
class Denoised(Working):
    """Samples of a segment were denoised ahead of its frames; of a long one, samples of a leg."""

    segment: int  # counted from 0
    position: float  # of the last sample in the leg, 0-1
    samples: int  # of the leg, so far
    reused: bool = False  # whether an earlier run has denoised them
    leg: int = 0  # the leg's first frame, counted from the segment's first


@dataclass(frozen=True, kw_only=True)
class Rendered(Working):
    """Frames were rendered; those of an earlier run count as well."""

    done: int
    total: int
    reused: int  # that an earlier run had rendered
    segment: int  # to which the last of them belongs, counted from 0
    in_segment: int  # of its frames are rendered, those that an earlier run had rendered included
    leg: int = 0  # first frame of the leg to which the last of them belongs, counted from the segment's first
    in_leg: int = 0  # of its frames are rendered, likewise
    frames_per_s: float | None = None  # of this run; None: too early to tell
    preview: bytes | None = None  # the last of them as a small JPEG; None: switched off, or nothing new


@dataclass(frozen=True, kw_only=True)
class WorkerStatus(Event):
    """What one of several workers is doing; a render in one process has none."""

    worker: int  # counted from 1
    state: str  # "starting", "loading", "idle", "working", "refused" or "lost"
    node: str = ""  # the name of its machine; empty until it has started
    device: str = ""  # such as cpu or cuda:0; empty until the model is loaded
    segment: int | None = None  # counted from 0; None: it renders none
    done: float = 0.0  # part of its segment or leg that is rendered, 0-1
    frames_per_s: float | None = None  # in this segment or leg; None: too early to tell


@dataclass(frozen=True, kw_only=True)
class Finishing(Working):
    """Frames were finished: effects, flash limiter, encoder."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Muxing(Working):
    """All frames are encoded; the song is laid under them."""


@dataclass(frozen=True, kw_only=True)
class Kept(Event):
    """The work stops before the video is whole: what the next run will not make again."""

    frames: int  # rendered ones that are kept
    lost: int  # rendered ones that are not
    total: int  # to render


@dataclass(frozen=True, kw_only=True)
class Done(Event):
    """A video is whole and has its name."""

    output: Path
    frames: int
    reused: int  # that an earlier run had rendered
    seconds: float  # of this run, without loading the model
    frames_per_s: float  # rendered in this run
    softened: int  # frames that the flash limiter changed
    replaced: int  # frames that a safety checker made black


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """The work ended with an error, which is raised as well."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Cancelled(Event):
    """The work was cancelled; what is finished is kept, and the same request resumes."""


@dataclass(frozen=True, kw_only=True)
class VideoStarted(Event):
    """One of several videos begins: a song of a set list, or a loop."""

    output: Path
    number: int  # counted from 1
    total: int


@dataclass(frozen=True, kw_only=True)
class VideoEnded(Event):
    """One of several videos is done with."""

    output: Path
    number: int
    total: int
    status: str  # "done", "there" (it existed already) or "failed"
    problem: str = ""


OnEvent = Callable[[Event], None]


class Cancel:
    """Stops work from any thread: between two batches, keeping what is finished.

    The function that is stopped raises `CancelledError`. A token that is set stays set; take a new one for new work.
    """

    def __init__(self) -> None:
        self._set = threading.Event()

    def set(self) -> None:
        """Ask the work to stop."""
        self._set.set()

    @property
    def is_set(self) -> bool:
        """Whether the work was asked to stop."""
        return self._set.is_set()

    def check(self) -> None:
        """Go on, or stop here.

        Raises
        ------
        CancelledError
            The work was asked to stop.
        """
        if self._set.is_set():
            raise CancelledError


class Reporter:
    """Tells events one at a time, whatever thread they come from, and stops the work where it was cancelled.

    As a context manager it tells how the work ended, where that is not well: by an error, or because it was stopped.

    Parameters
    ----------
    on_event
        Receives the events; None: nobody listens.
    cancel
        None: nobody can cancel.
    """

    def __init__(self, on_event: OnEvent | None = None, cancel: Cancel | None = None) -> None:
        self._on_event, self._cancel = on_event, cancel or Cancel()
        self._ending_is_told = isinstance(on_event, Reporter)  # by the one that this one is a part of
        self._one_at_a_time = threading.RLock()

    def __call__(self, event: Event) -> None:
        """Tell an event.

        Raises
        ------
        CancelledError
            The work was cancelled, and the event is about work.
        """
        if isinstance(event, Working):
            self.check()
        with self._one_at_a_time:
            if self._on_event is not None:
                try:
                    self._on_event(event)
                except BaseException:
                    self._on_event = None  # who fails to listen is not told about that
                    raise

    def check(self) -> None:
        """Go on, or raise `CancelledError`; called between two batches."""
        self._cancel.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ending_is_told:
            return
        if isinstance(error, CancelledError | KeyboardInterrupt):
            self(Cancelled())
        elif isinstance(error, Exception):
            self(Failed(message=str(error) or type(error).__name__))
