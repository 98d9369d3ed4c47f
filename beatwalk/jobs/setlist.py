"""Set lists: songs x prompts x presets x outputs in one TOML file. They are checked as a whole before any rendering.

folder = "night"                       # beside the set list
[defaults]
prompts = "walk.txt"                   # or several: ["a.txt", "b.txt"]
presets = ["house"]
[outputs.wall]                         # settings under video
codec = "hap"
size = "1024x512"
[outputs.web]
codec = "h264"
[[songs]]
song = "opener.wav"
[[songs]]
song = "peak.wav"
presets = ["drum-and-bass", "house"]
lyrics = "peak.lrc"
outputs = ["wall"]
settings = { walk = { pace = 0.6 } }
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from beatwalk import api
from beatwalk.core import Listening, Note, OnEvent, Reporter, anchored, check_below, files_in, read_toml
from beatwalk.errors import BeatwalkError, InputError
from beatwalk.listen import LYRICS, analysis_for, open_song, read_analysis
from beatwalk.plan import load_preset
from beatwalk.types import Analysis, Audio, Plan
from beatwalk.video import codec_named

MAX_BYTES = 10**6  # of a set list
MAX_JOBS = 10_000


def _listed(value: Any) -> Any:
    """A single value where a list may stand becomes a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]  # file names hold no NUL
Names = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Choices(_Table):
    """Keys that defaults and songs share."""

    prompts: Names | None = None
    presets: Names | None = None
    outputs: Names | None = None
    model: Text | None = None
    settings: dict[str, Any] = {}


class _Song(_Choices):
    song: Text
    name: Text | None = None  # stem of the videos' names; None: the song's
    analysis: Text | None = None
    lyrics: Text | None = None
    start: float = Field(default=0.0, ge=0, le=1e6)  # s
    end: float | None = Field(default=None, gt=0, le=1e6)


class SetList(_Table):
    """The whole file."""

    folder: Text = "."
    defaults: _Choices = _Choices()
    outputs: dict[str, dict[str, Any]] = {}
    songs: Annotated[tuple[_Song, ...], BeforeValidator(_listed), Field(min_length=1)]


@dataclass
class Job:
    """One video of a set list."""

    path: Path
    song: str
    preset: str
    prompts: str
    output: str  # "" if there is only one
    base: Path = Path()  # the set list's folder
    plan: Plan | None = None
    status: str = "waiting"  # then "done", "there" (finished by an earlier run) or "failed"
    problem: str = ""
    seconds: float = 0.0
    frames_of: str = ""  # the video whose frames it was finished from; "" for its own
    remarks: list[str] = field(default_factory=list)

    def fail(self, problem: object) -> None:
        """Note that this video cannot be made, and why."""
        self.status, self.problem = "failed", " ".join(str(problem).split())

    def to_json(self) -> dict[str, Any]:
        """The job as plain data, for the report."""
        made = {"song": self.song, "preset": self.preset, "prompts": self.prompts, "output": self.output}
        frames = self.plan.timeline.n_frames if self.plan else None
        problem = self.problem
        for folder in (self.base, self.path.parent, self.base.resolve(), self.path.parent.resolve()):
            problem = problem.replace(f"{folder}{os.sep}", "")  # a report may be published beside its videos
        outcome = {"status": self.status, "problem": problem, "seconds": round(self.seconds, 1)}
        return {"video": self.path.name, **made, "frames": frames, "frames_of": self.frames_of, **outcome}


def read_setlist(path: Path) -> SetList:
    """Read and check the file itself.

    Raises
    ------
    InputError
        The file is broken; the message names the file, the key and what was expected.
    """
    try:
        found = SetList.model_validate(read_toml(path, InputError, "a set list", MAX_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        known = ", ".join(_Song.model_fields if first["loc"][:1] == ("songs",) else SetList.model_fields)
        hint = f"; known here: {known}" if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{path}: {key}: {first['msg'].lower()}{hint}") from None
    folder = Path(found.folder)
    if folder.is_absolute() or ".." in folder.parts or folder.drive:
        raise InputError(
            f"{path}: folder: expected a folder next to the set list, found {found.folder!r}; "
            "use --output for another place"
        )
    for name in [*found.outputs, *(song.name for song in found.songs if song.name is not None)]:
        if not _plain(name):
            raise InputError(f"{path}: {name!r} cannot be part of a file's name; use letters, digits and dashes")
    return found


def _plain(name: str) -> bool:
    return bool(name.strip(". ")) and not set(name) & set('/\\:*?"<>|') and name.isprintable() and len(name) <= 100


def check_paths(setlist: SetList, base: Path) -> None:
    """Check that every file that a set list names lies below its own folder, links followed.

    A set list from somebody else could otherwise put the words of any file of yours into a published video.

    Raises
    ------
    InputError
        One lies elsewhere.
    """
    choices: list[_Choices] = [setlist.defaults, *setlist.songs]
    names = [name for each in choices for name in (*(each.prompts or ()), *(each.presets or ()), each.model)]
    names += [name for song in setlist.songs for name in (song.song, song.analysis, song.lyrics)]
    settings = [{"video": output} for output in setlist.outputs.values()] + [each.settings for each in choices]
    for preset in {str(name) for each in choices for name in each.presets or () if (base / name).is_file()}:
        with contextlib.suppress(BeatwalkError):  # a broken preset is reported where it is used
            settings.append(load_preset(str(base / preset)))
    names += [str(file) for values in settings for file in files_in(values)]
    check_below(names, base, "the set list")


def jobs_of(
    setlist: SetList,
    base: Path,
    folder: Path,
    *,
    model: str | None = None,
    trust_paths: bool = False,
    on_event: OnEvent | None = None,
) -> list[Job]:
    """Every video of a set list, each with its plan or its problem.

    Parameters
    ----------
    base
        Folder that paths in the set list are relative to.
    folder
        Where the videos go.
    model
        Used if the set list names none.
    trust_paths
        Whether files may lie outside `base`.
    on_event
        Told of every song that is listened to, and what people should know of it.

    Raises
    ------
    InputError
        Two videos would have the same name, an output is not declared, there is nothing to make, or a file lies
        outside `base`.
    """
    if not trust_paths:
        check_paths(setlist, base)
    if sum(_n_jobs(setlist, song) for song in setlist.songs) > MAX_JOBS:
        raise InputError(f"the set list asks for more than {MAX_JOBS} videos; split it into several set lists")
    jobs: list[Job] = []
    tell = Reporter(on_event)
    for song in setlist.songs:
        jobs += _jobs_of_song(setlist, song, base, folder, model, trust_paths, tell)
    names = [str(job.path).casefold() for job in jobs]
    times = Counter(names)
    for job, name in zip(jobs, names, strict=True):
        if times[name] > 1:
            raise InputError(f"the set list makes {job.path.name} twice; give one of the songs another name")
    return jobs


def _n_jobs(setlist: SetList, song: _Song) -> int:
    """How many videos a song asks for, before any of them is planned."""
    defaults = setlist.defaults
    lists = (
        song.prompts or defaults.prompts,
        song.presets or defaults.presets,
        song.outputs or defaults.outputs or tuple(setlist.outputs),
    )
    return math.prod(len(each) if each else 1 for each in lists)


def _jobs_of_song(
    setlist: SetList, song: _Song, base: Path, folder: Path, model: str | None, trust_paths: bool, tell: Reporter
) -> list[Job]:
    defaults = setlist.defaults
    scripts, presets = song.prompts or defaults.prompts, song.presets or defaults.presets or ("default",)
    outputs = song.outputs or defaults.outputs or tuple(setlist.outputs) or ("",)
    if scripts is None:
        raise InputError(f"{song.song}: it has no prompts, and the defaults have none either")
    for output in outputs:
        if output not in setlist.outputs and output:
            raise InputError(
                f"{song.song}: unknown output {output!r}; known outputs: {', '.join(setlist.outputs) or 'none'}"
            )
    jobs: list[Job] = []
    sung = {"sources": {LYRICS: song.lyrics}} if song.lyrics else {}
    heard: tuple[Audio, Analysis] | BeatwalkError | None = None
    for script, preset, output in itertools.product(scripts, presets, outputs):
        parts = [song.name or Path(song.song).stem]
        parts += [Path(script).stem] if len(scripts) > 1 else []
        parts += [Path(preset).stem] if len(presets) > 1 else []
        parts += [output] if len(outputs) > 1 else []
        stem = "-".join(parts)
        job = Job(path=folder / stem, song=song.song, preset=preset, prompts=script, output=output, base=base)
        jobs.append(job)
        try:
            if heard is None:
                heard = _listen(song, base, tell)
            if isinstance(heard, BeatwalkError):
                raise heard
            audio, analysis = heard
            found = base / preset
            plan = api.plan(
                audio,
                base / script,
                preset=str(found) if preset.endswith(".toml") else preset,
                overrides=[
                    anchored(values, base)
                    for values in (defaults.settings, {"video": setlist.outputs.get(output, {})}, song.settings, sung)
                ],
                analysis=analysis,
                model=_model(song.model or defaults.model, base) or model,
                start_s=song.start,
                end_s=song.end,
                trust_paths=trust_paths,
                on_event=tell,
            )
            job.plan = plan
            job.path = folder / (stem + codec_named(plan.settings.video.codec).suffixes[0])
        except BeatwalkError as error:
            job.fail(error)
    return jobs


def _listen(song: _Song, base: Path, tell: Reporter) -> tuple[Audio, Analysis] | BeatwalkError:
    """The song and its analysis, or why there is none; called once a song."""
    path = base / song.song
    tell(Listening(song=path))
    try:
        given = read_analysis(base / song.analysis) if song.analysis else None
        audio = open_song(path, given.song.track if given else None)
        for remark in audio.remarks:
            tell(Note(text=f"{path}: {remark}"))
        return audio, given or analysis_for(audio)
    except BeatwalkError as error:
        return error


def _model(name: str | None, base: Path) -> str | None:
    return str(base / name) if name and (base / name).exists() else name
