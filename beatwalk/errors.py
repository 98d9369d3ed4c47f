"""The exceptions that beatwalk raises on purpose.

    BeatwalkError                 anything that the caller can fix; the command line prints it as one line
    ├── InputError                a file that was given is missing, broken or of the wrong kind
    │   ├── AudioError            … the song
    │   ├── PromptError           … the prompt file (carries line and column)
    │   ├── ImageError            … a picture used as a keyframe
    │   └── VideoError            … a video to be read back
    ├── SettingsError             a preset, a setting or a combination of settings
    ├── PlanError                 a plan or analysis file that does not hold together
    ├── ModelError                a model that cannot be found or loaded, or is not supported
    ├── DeviceError               a device that does not exist here, or has too little memory
    ├── OutputError               a place that cannot be written, or would be overwritten
    ├── WorkerError               workers that cannot be had, or segments that they could not make
    └── MissingExtraError         an optional package that is not installed
    CancelledError                not an error: the work was cancelled, as was asked

Every message says what and where, and what to do about it, in one line.
"""

from __future__ import annotations


class BeatwalkError(Exception):
    """Base of all errors that beatwalk raises on purpose."""


class InputError(BeatwalkError):
    """A file that was given is missing, broken or of the wrong kind."""


class AudioError(InputError):
    """The song cannot be read, or there is nothing in it to work with."""


class PromptError(InputError):
    """The prompt file has a mistake.

    Parameters
    ----------
    path
        Name of the file, as the user wrote it.
    line, column
        Where the mistake is, counted from 1.
    found, expected
        What the file says there, and what it should say.
    """

    def __init__(self, path: str, line: int, column: int, found: str, expected: str) -> None:
        self.path, self.line, self.column = path, line, column
        self.found, self.expected = found, expected
        super().__init__(f"{path}:{line}:{column}: found {found}, expected {expected}")


class ImageError(InputError):
    """A picture named as a keyframe cannot be read."""


class VideoError(InputError):
    """A video cannot be read back."""


class SettingsError(BeatwalkError):
    """A preset or a setting is unknown, malformed or out of range."""


class PlanError(BeatwalkError):
    """A plan or analysis file does not hold together."""


class ModelError(BeatwalkError):
    """A model cannot be found or loaded, or is not supported."""


class DeviceError(BeatwalkError):
    """A device does not exist here, or has too little memory."""


class OutputError(BeatwalkError):
    """A place cannot be written, or something there would be overwritten."""


class WorkerError(BeatwalkError):
    """Workers cannot be had, or could not make some of the segments."""


class MissingExtraError(BeatwalkError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    what
        What needs the package, such as "LoRAs need peft".
    extra
        The extra of beatwalk that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what}, which is not installed; run: pip install 'beatwalk[{extra}]'")


class CancelledError(BaseException):
    """The work was cancelled.

    Like KeyboardInterrupt it is no `Exception`: a job that goes on after one bad song must stop here.
    """

    def __init__(self) -> None:
        super().__init__("cancelled; the same request resumes")
