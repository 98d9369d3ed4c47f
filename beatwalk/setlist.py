"""A night's work in one file: songs x prompts x presets x outputs, checked whole, rendered one after the other.

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
outputs = ["wall"]
settings = { walk = { pace = 0.6 } }
"""

from __future__ import annotations

import itertools
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from beatwalk import pipeline
from beatwalk.cues import write_cues
from beatwalk.errors import BeatwalkError, InputError, OutputError
from beatwalk.files import write_json
from beatwalk.generator import Generator
from beatwalk.listening import hear
from beatwalk.manifest import read_manifest, work_folder
from beatwalk.places import check_resumable, needed_bytes
from beatwalk.settings import Model
from beatwalk.types import Analysis, Plan
from beatwalk.video import codec_named

MAX_BYTES = 10**6  # of a set list
MAX_JOBS = 10_000
REPORT_FILE = "set-report.json"


def _listed(value: Any) -> Any:
    """One where several may stand."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Text = Annotated[str, Field(pattern=r"^[^\x00]+$")]  # as names of files are
Names = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Manner(_Table):
    """What defaults and songs can say."""

    prompts: Names | None = None
    presets: Names | None = None
    outputs: Names | None = None
    model: Text | None = None
    settings: dict[str, Any] = {}


class _Song(_Manner):
    song: Text
    name: Text | None = None  # of the videos; None: the song's
    analysis: Text | None = None
    start: float = Field(default=0.0, ge=0, le=1e6)  # s
    end: float | None = Field(default=None, gt=0, le=1e6)


class SetList(_Table):
    """The file."""

    folder: Text = "."
    defaults: _Manner = _Manner()
    outputs: dict[str, dict[str, Any]] = {}
    songs: Annotated[tuple[_Song, ...], BeforeValidator(_listed), Field(min_length=1)]


@dataclass
class Job:
    """One video of the night."""

    path: Path
    song: str
    preset: str
    prompts: str
    output: str  # "" where there is but one
    plan: Plan | None = None
    status: str = "waiting"  # then "done", "there" (whole already) or "failed"
    problem: str = ""
    seconds: float = 0.0

    def fail(self, problem: object) -> None:
        """It cannot be made, and why."""
        self.status, self.problem = "failed", " ".join(str(problem).split())

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        made = {"song": self.song, "preset": self.preset, "prompts": self.prompts, "output": self.output}
        frames = self.plan.timeline.n_frames if self.plan else None
        outcome = {"status": self.status, "problem": self.problem, "seconds": round(self.seconds, 1)}
        return {"video": str(self.path), **made, "frames": frames, **outcome}


def read_setlist(path: Path) -> SetList:
    """Read and check the file itself.

    Raises
    ------
    InputError : naming the file, the key, and what was expected
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: {path.stat().st_size} bytes are too many for a set list")
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        found = SetList.model_validate(data)
    except FileNotFoundError:
        raise InputError(f"{path}: no such set list") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        known = ", ".join(_Song.model_fields if first["loc"][:1] == ("songs",) else SetList.model_fields)
        hint = f"; known here: {known}" if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{path}: {key}: {first['msg'].lower()}{hint}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML
        raise InputError(f"{path}: not valid TOML: {' '.join(str(error).split())}") from None
    folder = Path(found.folder)
    if folder.is_absolute() or ".." in folder.parts or folder.drive:
        raise InputError(f"{path}: folder: expected one beside the set list, found {found.folder!r}; or use --output")
    for name in [*found.outputs, *(song.name for song in found.songs if song.name is not None)]:
        if not _plain(name):
            raise InputError(f"{path}: {name!r} cannot be part of a file's name; use letters, digits and dashes")
    return found


def _plain(name: str) -> bool:
    return bool(name.strip(". ")) and not set(name) & set('/\\:*?"<>|') and name.isprintable() and len(name) <= 100


def jobs_of(setlist: SetList, base: Path, folder: Path, *, model: str | None = None) -> list[Job]:
    """Every video of the night, each planned, or with its problem.

    Parameters
    ----------
    base : what paths in the set list are relative to
    folder : where the videos go
    model : where the set list names none

    Raises
    ------
    InputError : two videos would have the same name, an output is not declared, or there is nothing to make
    """
    jobs: list[Job] = []
    for song in setlist.songs:
        jobs += _jobs_of_song(setlist, song, base, folder, model)
        if len(jobs) > MAX_JOBS:
            raise InputError(f"the set list asks for more than {MAX_JOBS} videos; make several of it")
    names = [str(job.path).casefold() for job in jobs]
    for job, name in zip(jobs, names, strict=True):
        if names.count(name) > 1:
            raise InputError(f"the set list makes {job.path.name} twice; give one of the songs another name")
    return jobs


def _jobs_of_song(setlist: SetList, song: _Song, base: Path, folder: Path, model: str | None) -> list[Job]:
    defaults = setlist.defaults
    scripts, presets = song.prompts or defaults.prompts, song.presets or defaults.presets or ("default",)
    outputs = song.outputs or defaults.outputs or tuple(setlist.outputs) or ("",)
    if scripts is None:
        raise InputError(f"{song.song}: no prompts, neither of its own nor as default")
    for output in outputs:
        if output not in setlist.outputs and output:
            raise InputError(f"{song.song}: no output {output!r}; there are: {', '.join(setlist.outputs) or 'none'}")
    jobs: list[Job] = []
    analysis: Analysis | BeatwalkError | None = None
    for script, preset, output in itertools.product(scripts, presets, outputs):
        parts = [song.name or Path(song.song).stem]
        parts += [Path(script).stem] if len(scripts) > 1 else []
        parts += [Path(preset).stem] if len(presets) > 1 else []
        parts += [output] if len(outputs) > 1 else []
        stem = "-".join(parts)
        job = Job(path=folder / stem, song=song.song, preset=preset, prompts=script, output=output)
        jobs.append(job)
        try:
            if analysis is None:
                analysis = _listen(song, base)
            if isinstance(analysis, BeatwalkError):
                raise analysis
            found = base / preset
            plan = pipeline.plan(
                base / song.song,
                base / script,
                preset=str(found) if preset.endswith(".toml") else preset,
                overrides=[defaults.settings, {"video": setlist.outputs.get(output, {})}, song.settings],
                analysis=analysis,
                model=_model(song.model or defaults.model, base) or model,
                start_s=song.start,
                end_s=song.end,
            )
            job.plan = plan
            job.path = folder / (stem + codec_named(plan.settings.video.codec).suffixes[0])
        except BeatwalkError as error:
            analysis = error if analysis is None else analysis
            job.fail(error)
    return jobs


def _listen(song: _Song, base: Path) -> Analysis | BeatwalkError:
    """The song's analysis, or why there is none: asked for once a song."""
    from beatwalk.analysis import read_analysis

    try:
        return read_analysis(base / song.analysis) if song.analysis else hear(base / song.song)
    except BeatwalkError as error:
        return error


def _model(name: str | None, base: Path) -> str | None:
    return str(base / name) if name and (base / name).exists() else name


def check_places(jobs: list[Job], *, resume: bool, overwrite: bool) -> None:
    """Which videos are there already, which places are not free, and whether the disk has room; notes it in the jobs.

    Raises
    ------
    OutputError : the folder cannot be made, or the disk has not the room
    """
    folder = jobs[0].path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from None
    needed = 0
    for job in jobs:
        if job.plan is None:
            continue
        try:
            if resume and job.path.exists() and not overwrite:
                if _is_whole(job):
                    job.status = "there"
                    continue
                raise OutputError(f"{job.path} exists and was made otherwise; add --overwrite to make it anew")
            check_resumable(job.plan, pipeline.targets_of(job.plan), job.path, overwrite=overwrite)
        except BeatwalkError as error:
            job.fail(error)
            continue
        size = job.plan.size or (512, 512)
        needed = max(needed, needed_bytes(work_folder(job.path), job.plan.timeline.n_frames, size))
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(f"{folder}: {free / 1e9:.1f} GB free, but the longest video needs {needed / 1e9:.1f} GB")


def _is_whole(job: Job) -> bool:
    """Whether the video that is there is the one that the plan would give."""
    assert job.plan is not None
    manifest, plan = read_manifest(job.path), job.plan
    if manifest is None:
        return False
    prompts = [(k.frame, k.prompt) for k in plan.keyframes]
    rows = manifest.get("keyframes")
    found = [(r.get("frame"), r.get("prompt")) for r in rows if isinstance(r, dict)] if isinstance(rows, list) else []
    song = manifest.get("song")
    same_song = isinstance(song, dict) and song.get("sha256") == plan.analysis.song.sha256
    return same_song and found == prompts and manifest.get("settings") == plan.settings.model_dump(mode="json")


def render_set(
    jobs: list[Job],
    load: Callable[[Plan], Generator],
    report: Path,
    *,
    overwrite: bool = False,
    watch: Any = None,
    told: Callable[[Job], None] | None = None,
) -> list[Job]:
    """Render what waits, one after the other; what fails is noted, and the night goes on.

    Parameters
    ----------
    load : gives the model of a plan; asked again only where the model changes
    report : JSON, written anew after every video
    told : called after every video
    """
    begin = time.monotonic()
    generators = _Latest(load)
    for job in jobs:
        if job.status == "waiting" and job.plan is not None:
            started = time.monotonic()
            try:
                pipeline.render(
                    job.plan, job.path, generator=generators.of(job.plan), overwrite=overwrite, watch=watch
                )
                write_cues(job.path, job.plan.analysis, job.plan.timeline, job.plan.keyframes)
                job.status = "done"
            except Exception as error:  # whatever one song does, the night goes on
                job.fail(error if isinstance(error, BeatwalkError) else f"{type(error).__name__}: {error}")
            job.seconds = time.monotonic() - started
            if told:
                told(job)
        write_json(report, summary(jobs, time.monotonic() - begin))
    return jobs


class _Latest:
    """The model in use; one at a time is in memory."""

    def __init__(self, load: Callable[[Plan], Generator]) -> None:
        self._load = load
        self._loaded: tuple[str | None, Model] | None = None
        self._generator: Generator | None = None

    def of(self, plan: Plan) -> Generator:
        # LoRAs and the like are part of what is loaded; steps, guidance and negative prompt are not.
        wanted = plan.model, plan.settings.model.model_copy(update={"steps": None, "guidance": None, "negative": ""})
        if self._generator is None or self._loaded != wanted:
            self._generator = None
            self._generator, self._loaded = self._load(plan), wanted
        return self._generator


def summary(jobs: list[Job], seconds: float) -> dict[str, Any]:
    """The report as plain data."""
    counts = {status: sum(job.status == status for job in jobs) for status in ("done", "there", "failed", "waiting")}
    return {"version": 1, **counts, "seconds": round(seconds, 1), "videos": [job.to_json() for job in jobs]}


def table(jobs: list[Job]) -> Iterator[str]:
    """The report for people."""
    width = max(len(job.path.name) for job in jobs)
    for job in jobs:
        frames = f"{job.plan.timeline.n_frames} frames" if job.plan else ""
        took = f"{job.seconds:.0f} s" if job.seconds else ""
        yield f"{job.status:<8} {job.path.name:<{width}}  {frames:>13} {took:>8}  {job.problem}".rstrip()


def seconds_of(jobs: list[Job], load: Callable[[Plan], Generator]) -> float:
    """What rendering will take, in seconds, from a few pictures of each model and size."""
    rates: dict[tuple[Any, ...], float] = {}
    generators, total = _Latest(load), 0.0
    for job in jobs:
        if job.status == "waiting" and job.plan is not None:
            key = (job.plan.model, job.plan.size, job.plan.settings.model)
            try:
                if key not in rates:
                    _, walk = pipeline.prepare(job.plan, generators.of(job.plan))
                    rates[key] = pipeline.seconds_a_frame(walk)
                total += 1.2 * rates[key] * job.plan.timeline.n_frames
            except BeatwalkError as error:
                job.fail(error)
    return total
