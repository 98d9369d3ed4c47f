"""Routes of projects: song, prompts, settings, grid, history."""

# Annotations are read by FastAPI when a route is made, so they must be values here and not texts.
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from beatwalk.core import check_picture
from beatwalk.errors import AudioError, BeatwalkError, ImageError, PlanError
from beatwalk.listen import (
    MIN_SPAN_S,
    TRACKERS,
    Corrections,
    analysis_to_json,
    correct,
    grid_as_stored,
    spliced,
    with_beat_moved,
    with_meter_between,
    with_tempo_between,
)
from beatwalk.plan import merge, plan_to_json, settings_from
from beatwalk.types import Analysis
from beatwalk.web.blocks import PICTURES, Block, check_label, renumbered, script_of, with_label
from beatwalk.web.example import example_files
from beatwalk.web.look import Wanted, check_tried, curves_of, drawn_source, preset_settings
from beatwalk.web.problems import NotThereError
from beatwalk.web.project import PICTURE_SUFFIXES, SONG_SUFFIXES, Project, copy_example
from beatwalk.web.projects import slug
from beatwalk.web.server import Server
from beatwalk.web.state import State, check_paths
from beatwalk.web.waveform import RATE_HZ, playable

if TYPE_CHECKING:
    from fastapi import APIRouter
    from fastapi.responses import JSONResponse

MAX_PICTURE_BYTES = 64 * 2**20
MAX_PROMPTS = 400_000  # characters of a prompt file
MAX_TAPS = 20_000
Time = Annotated[float, Field(ge=0, le=172_800, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewProject(_Body):
    """A project to make."""

    name: str = Field(default="", max_length=200)
    example: bool = False  # with the song and prompts that ship with beatwalk


class Change(_Body):
    """What to change; what is not named stays."""

    revision: int | None = None
    gesture: str = Field(default="", max_length=80)
    name: str | None = Field(default=None, max_length=200)
    prompts: str | None = Field(default=None, max_length=MAX_PROMPTS)
    blocks: list[Block] | None = Field(default=None, max_length=2000)
    preset: str | None = Field(default=None, max_length=100)
    settings: dict[str, Any] | None = None  # on top of what is there
    model: str | None = Field(default=None, max_length=300)
    excerpt: tuple[Time, Time | None] | None = None


class SectionName(_Body):
    """A section and its new name."""

    revision: int | None = None
    index: int = Field(ge=0)
    label: str = Field(max_length=80)


class Correction(_Body):
    """A correction of the beat grid."""

    revision: int | None = None
    action: Literal[
        "halve",
        "double",
        "shift",
        "meter",
        "first_beat",
        "tempo",
        "taps",
        "anchor",
        "unanchor",
        "listen",
        "range_tempo",
    ]
    start_s: Time | None = None  # of the range that it is for
    end_s: Time | None = None
    by: int | None = Field(default=None, ge=-32, le=32)  # shift: beats by which bars begin later
    meter: int | None = Field(default=None, ge=1, le=32)
    time_s: Time | None = None  # first_beat, anchor: where the beat belongs
    beat: int | None = Field(default=None, ge=0)  # anchor: which one, from 0
    tempo_bpm: float | None = Field(default=None, ge=20, le=400)
    taps_s: list[Time] | None = Field(default=None, max_length=MAX_TAPS)
    tracker: str = Field(default=TRACKERS[0], max_length=40)  # listen: one of those of `beatwalk analyze`


class Tried(_Body):
    """Settings on top of the project's."""

    settings: dict[str, Any]


class Revision(_Body):
    """From which revision something is done."""

    revision: int | None = None


def project_routes(server: Server) -> "APIRouter":
    """The routes."""
    from fastapi import APIRouter, Request
    from fastapi.responses import FileResponse, JSONResponse, Response

    router = APIRouter(tags=["projects"])

    @router.get("/projects")
    def list_projects() -> list[dict[str, Any]]:
        """Projects, the one that was changed last first."""
        server.hearing.get_ready()  # whoever looks at them will soon open one, or bring a song
        return server.projects.summaries()

    @router.post("/projects", status_code=201)
    def create_project(body: NewProject) -> JSONResponse:
        """Make a project: empty, or the example."""
        if not body.example:
            return _seen(server.projects.create(body.name), status=201)
        song, prompts = example_files()
        project = server.projects.create(body.name or "Example")
        copy_example(project, song, prompts)
        server.hearing.begin(project)
        return _seen(project, status=201)

    @router.get("/projects/{name}")
    def read_project(name: str) -> JSONResponse:
        """All of a project but the curves of its song."""
        return _seen(server.open(name))

    @router.delete("/projects/{name}", status_code=204)
    def discard_project(name: str) -> None:
        """Remove a project that has no song; others are never deleted from here."""
        server.projects.discard(name)

    @router.put("/projects/{name}/song")
    async def upload_song(name: str, request: Request, filename: str = "song.wav") -> JSONResponse:
        """Take a song: its bytes are the body, and `filename` names it for people."""
        from fastapi.concurrency import run_in_threadpool

        project = server.projects.get(name)
        suffix = _known_suffix(filename, SONG_SUFFIXES, AudioError, "a sound file")
        partial = project.folder / f"upload{suffix}"
        try:
            await _keep_body(request, partial)
            await run_in_threadpool(project.take_song, partial, Path(filename).name[:120])
        except AudioError as error:
            raise AudioError(str(error).replace(str(partial), Path(filename).name[:120])) from None
        finally:
            partial.unlink(missing_ok=True)
        server.hearing.begin(project)
        return _seen(project)

    @router.put("/projects/{name}/pictures", status_code=201)
    async def upload_picture(name: str, request: Request, filename: str = "picture.png") -> dict[str, str]:
        """Take a picture keyframe: its bytes are the body."""
        from fastapi.concurrency import run_in_threadpool

        project = server.projects.get(name)
        suffix = _known_suffix(filename, PICTURE_SUFFIXES, ImageError, "a picture")
        folder = project.folder / PICTURES
        folder.mkdir(exist_ok=True)
        base, number = slug(Path(filename).stem), 1
        while (path := folder / f"{base}{'' if number == 1 else f'-{number}'}{suffix}").exists():
            number += 1
        try:
            await _keep_body(request, path, MAX_PICTURE_BYTES)
            await run_in_threadpool(check_picture, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return {"image": f"{PICTURES}/{path.name}"}

    @router.get("/projects/{name}/pictures/{file}", response_class=FileResponse)
    def read_picture(name: str, file: str) -> FileResponse:
        """A picture keyframe."""
        return FileResponse(_one_of(server.projects.get(name).folder / PICTURES, file))

    @router.patch("/projects/{name}")
    def change_project(name: str, body: Change) -> JSONResponse:
        """Change prompts, settings, preset, model, excerpt or name. It is one step of the history."""
        project = server.projects.get(name)
        if body.name is not None:
            project.check(body.revision)
            project.rename(body.name)
        steps = [
            step for step in (_prompts_step(body, project), _look_step(body), _choice_step(body, server)) if step
        ]
        if steps:
            what = ", ".join(step[0] for step in steps)

            def make(state: State) -> State:
                for _, step in steps:
                    state = step(state)
                return state

            revision = body.revision if body.name is None else None
            project.change(what, make, revision=revision, gesture=body.gesture)
        return _seen(project)

    @router.post("/projects/{name}/undo")
    def undo(name: str, body: Revision) -> JSONResponse:
        """Take the last change back."""
        project = server.projects.get(name)
        what = project.undo(body.revision)
        return _seen(project, did=what)

    @router.post("/projects/{name}/redo")
    def redo(name: str, body: Revision) -> JSONResponse:
        """Make the change that was taken back last again."""
        project = server.projects.get(name)
        what = project.undo(body.revision, again=True)
        return _seen(project, did=what)

    @router.patch("/projects/{name}/sections")
    def rename_section(name: str, body: SectionName) -> JSONResponse:
        """Name a section; prompts at `@section` follow where no section keeps the old name."""
        project = server.projects.get(name)

        def make(state: State) -> State:
            sections = list(project.analysis().sections)
            if body.index >= len(sections):
                raise NotThereError(f"there is no section {body.index + 1}")
            old, new = sections[body.index].label, check_label(body.label)
            sections[body.index] = replace(sections[body.index], label=new)
            prompts = state.prompts if old in [one.label for one in sections] else with_label(state.prompts, old, new)
            return replace(state, analysis=replace(project.analysis(), sections=tuple(sections)), prompts=prompts)

        project.change("section name", make, revision=body.revision)
        return _seen(project)

    @router.post("/projects/{name}/grid")
    def correct_grid(name: str, body: Correction) -> JSONResponse:
        """Correct beats and bars. Prompts stay where they are."""
        project = server.projects.get(name)
        project.check(body.revision)
        made, anchors = _corrected(server, project, body)
        rounded = grid_as_stored(made)

        def make(state: State) -> State:
            prompts = renumbered(state.prompts, project.analysis(), rounded)
            return replace(state, analysis=rounded, anchors_s=anchors, prompts=prompts)

        project.change(_NAMES.get(body.action, body.action), make, revision=body.revision)
        return _seen(project)

    @router.post("/projects/{name}/warm", status_code=202)
    def warm(name: str) -> dict[str, bool]:
        """Get ready to track beats again, which then takes less than a second."""
        project = server.projects.get(name)
        if project.song is not None:
            server.hearing.warm(project)
        return {"warming": True}

    @router.get("/projects/{name}/analysis")
    def read_analysis(name: str) -> dict[str, Any]:
        """What was heard, corrected, in the form of `beatwalk analyze --json`."""
        return analysis_to_json(server.projects.get(name).analysis())

    @router.get("/projects/{name}/sources/{source}", response_class=Response)
    def read_source(name: str, source: str) -> Response:
        """A source over the song as bytes, 0-255; their rate stands in the header `x-rate-hz`."""
        values, rate_hz = drawn_source(server.projects.get(name), source)
        return Response(values, media_type="application/octet-stream", headers={"x-rate-hz": f"{rate_hz:g}"})

    @router.get("/projects/{name}/plan")
    def read_plan(name: str) -> dict[str, Any]:
        """The plan, in the form of `beatwalk plan --json`."""
        return plan_to_json(server.projects.get(name).plan())

    @router.post("/projects/{name}/curves")
    def draw_curves(name: str, body: Wanted) -> dict[str, Any]:
        """The target speed and shaped sources with settings that need not be saved."""
        project = server.projects.get(name)
        values = merge(project.state.settings.model_dump(mode="json"), body.settings)
        settings = settings_from(values, where="settings")
        check_paths(settings, project.state.settings)
        return curves_of(project.heard(settings).analysis, settings, body.rules)

    @router.post("/projects/{name}/settings/check", status_code=204)
    def check_settings(name: str, body: Tried) -> None:
        """Say whether settings hold together, without saving them; 422 tells in one line what does not."""
        project = server.projects.get(name)
        values = merge(project.state.settings.model_dump(mode="json"), body.settings)
        check_tried(project, settings_from(values, where="settings"))

    @router.get("/projects/{name}/sound", response_class=FileResponse)
    def read_sound(name: str) -> FileResponse:
        """The song, or a copy of its sound where browsers do not play it."""
        project = server.projects.get(name)
        return FileResponse(
            playable(project.audio.path, project.cache), headers={"cache-control": "private, no-cache"}
        )

    @router.get("/projects/{name}/waveform", response_class=FileResponse)
    def read_waveform(name: str) -> FileResponse:
        """Pairs of int8, lowest and highest; their rate stands in the header `x-rate-hz`."""
        path = server.projects.get(name).cache / "waveform.bin"
        if not path.is_file():
            raise NotThereError("the waveform is not there yet")
        headers = {"x-rate-hz": f"{RATE_HZ:.6f}"}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)

    return router


def _known_suffix(filename: str, known: Collection[str], error: type[BeatwalkError], what: str) -> str:
    """Find a file's ending in small letters, if it is a known one."""
    suffix = Path(filename).suffix.lower()
    if suffix not in known:
        raise error(f"{filename[-80:]}: not {what} that is read here; known are {' '.join(known)}")
    return suffix


async def _keep_body(request: Any, path: Path, limit: int | None = None) -> None:
    """Write a request's body to a file as it comes."""
    from fastapi.concurrency import run_in_threadpool

    total = 0
    with path.open("wb") as file:
        async for block in request.stream():
            total += len(block)
            if limit is not None and total > limit:
                raise PlanError(f"larger than the {limit // 2**20} MiB that a picture may have")
            await run_in_threadpool(file.write, block)


def _one_of(folder: Path, name: str) -> Path:
    """A file of a folder, by a name that is compared with those that are there."""
    if folder.is_dir():
        for one in folder.iterdir():
            if one.name == name and one.is_file():
                return one
    raise NotThereError(f"there is no file {name[:80]!r} here")


Step = tuple[str, Callable[[State], State]]


def _prompts_step(body: Change, project: Project) -> Step | None:
    if body.blocks is not None:
        blocks = body.blocks
        return "prompts", lambda state: replace(state, prompts=script_of(blocks, project.analysis(), state.prompts))
    if body.prompts is not None:
        text = body.prompts.replace("\r\n", "\n").replace("\r", "\n")
        return "prompts", lambda state: replace(state, prompts=text)
    return None


def _look_step(body: Change) -> Step | None:
    if body.preset is None and body.settings is None:
        return None

    def step(state: State) -> State:
        settings, preset = state.settings, state.preset
        if body.preset is not None:
            chosen, preset = preset_settings(body.preset), body.preset
            # A preset is a look. Size, rate, codec, seed and the model's settings belong to the render, and stay.
            settings = chosen.model_copy(
                update={
                    "video": settings.video,
                    "seed": settings.seed,
                    "model": settings.model,
                    "safety": settings.safety,
                }
            )
        if body.settings is not None:
            made = settings_from(merge(settings.model_dump(mode="json"), body.settings), where="settings")
            check_paths(made, settings)
            settings = made
        return replace(state, settings=settings, preset=preset)

    return ("preset" if body.preset is not None else "look"), step


def _choice_step(body: Change, server: Server) -> Step | None:
    given = body.model_fields_set & {"model", "excerpt"}
    if not given:
        return None

    def step(state: State) -> State:
        if "model" in given:
            state = replace(state, model=server.models.chosen(body.model))
        if "excerpt" in given:
            start_s, end_s = body.excerpt or (0.0, None)
            if end_s is not None and end_s <= start_s:
                raise PlanError(f"the excerpt ends at {end_s:g} s, before it begins at {start_s:g} s")
            state = replace(state, start_s=start_s, end_s=end_s)
        return state

    return ("model" if "model" in given else "in and out"), step


_NAMES = {
    "shift": "shift of the bars", "meter": "beats a bar", "first_beat": "first beat", "unanchor": "anchor removed",
    "listen": "listening again", "range_tempo": "tempo of a range",
}  # fmt: skip


def _corrected(server: Server, project: Project, body: Correction) -> tuple[Analysis, tuple[float, ...]]:
    """The corrected analysis, and the anchors that still hold."""
    analysis, anchors = project.analysis(), project.state.anchors_s
    start_s = body.start_s or 0.0
    end_s = analysis.duration_s if body.end_s is None else body.end_s
    ranged = body.start_s is not None or body.end_s is not None
    if body.action == "anchor":
        return with_beat_moved(analysis, _given(body.beat, "beat"), _given(body.time_s, "time_s"), anchors)
    if body.action == "unanchor":
        time_s = _given(body.time_s, "time_s")
        return analysis, tuple(anchor for anchor in anchors if abs(anchor - time_s) > MIN_SPAN_S)
    if body.action == "range_tempo":
        made = with_tempo_between(analysis, _given(body.tempo_bpm, "tempo_bpm"), start_s, end_s)
    elif body.action == "meter" and ranged:
        return with_meter_between(analysis, _given(body.meter, "meter"), start_s, end_s), anchors
    elif body.action == "listen":
        heard = server.hearing.listen_again(project, analysis, body.tracker)
        made = spliced(analysis, heard, start_s, end_s) if ranged else heard
    elif body.action in ("taps", "tempo"):
        taps = _given(body.taps_s, "taps_s") if body.action == "taps" else None
        bpm = _given(body.tempo_bpm, "tempo_bpm") if body.action == "tempo" else None
        made = server.hearing.track(
            project, analysis, taps, Corrections(tempo_bpm=bpm, from_s=body.start_s, to_s=body.end_s)
        )
    else:
        corrections = {
            "halve": Corrections(halve=True, from_s=body.start_s, to_s=body.end_s),
            "double": Corrections(double=True, from_s=body.start_s, to_s=body.end_s),
            "shift": Corrections(shift_downbeat=body.by),
            "meter": Corrections(beats_per_bar=body.meter),
            "first_beat": Corrections(first_beat_s=body.time_s),
        }[body.action]
        made = correct(analysis, project.audio, corrections)
        if body.action in ("shift", "meter"):
            return made, anchors
        if ranged and body.action == "first_beat":
            made = spliced(analysis, made, start_s, end_s)
    return made, tuple(anchor for anchor in anchors if ranged and not start_s <= anchor < end_s)


def _seen(project: Project, status: int = 200, **more: Any) -> "JSONResponse":
    """The project as a page shows it. That of an hour-long song takes FastAPI's own encoder half a second."""
    from fastapi.responses import JSONResponse

    return JSONResponse({**project.view(), **more}, status)


def _given(value: Any, name: str) -> Any:
    if value is None:
        raise PlanError(f"this correction needs {name}")
    return value
