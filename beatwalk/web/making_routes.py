"""Routes of what is made: stills, previews, renders, videos; and of what may be chosen."""

# Annotations are read by FastAPI when a route is made, so they must be values here and not texts.
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from beatwalk.web import look
from beatwalk.web.choices import MAX_WORKERS, devices, options
from beatwalk.web.making import MAX_STILLS, Still, cached_file
from beatwalk.web.problems import NotThereError
from beatwalk.web.results import file_of, videos_of
from beatwalk.web.server import Server

if TYPE_CHECKING:
    from fastapi import APIRouter

Time = Annotated[float, Field(ge=0, le=172_800, allow_inf_nan=False)]
Device = Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$")]
FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # a key names what it depends on


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Stills(_Body):
    """Stills that a page wants to show, in this order."""

    stills: list[Still] = Field(max_length=MAX_STILLS)


class Preview(_Body):
    """A stretch of the song to preview."""

    start_s: Time
    end_s: Time
    settings: dict[str, Any] = Field(default_factory=dict)  # on top of the project's, not saved


class Render(_Body):
    """A video to add to the queue, of the project as it is now."""

    device: Device = "auto"
    workers: int = Field(default=0, ge=0, le=MAX_WORKERS)  # processes on Ray, on this machine; 0: the server's own
    cards: Literal["", "all"] = ""  # all: one worker on each card of this machine
    first: bool = False  # before the jobs that wait


class Estimate(_Body):
    """What to estimate."""

    device: Device = "auto"
    workers: int = Field(default=0, ge=0, le=MAX_WORKERS)  # as for a render
    cards: Literal["", "all"] = ""
    settings: dict[str, Any] = Field(default_factory=dict)


class Move(_Body):
    """Where a job goes in the queue."""

    before: str | None = Field(default=None, max_length=40)


class OwnPreset(_Body):
    """Settings of a project to keep as a preset."""

    name: str = Field(min_length=1, max_length=80)
    project: str = Field(max_length=80)


def making_routes(server: Server) -> "APIRouter":
    """The routes."""
    from fastapi import APIRouter
    from fastapi.responses import FileResponse, Response

    router = APIRouter()

    @router.post("/projects/{name}/stills", tags=["previews"], status_code=202)
    def ask_for_stills(name: str, body: Stills) -> list[dict[str, Any]]:
        """Make stills; an event `still` tells of each when it is there."""
        return server.making.stills(server.projects.get(name), body.stills)

    @router.get("/projects/{name}/stills/{key}", tags=["previews"], response_class=FileResponse)
    def read_still(name: str, key: str) -> FileResponse:
        """A still, as a JPEG."""
        made = cached_file(server.projects.get(name), "stills", key, ".jpg")
        return FileResponse(_there(made), headers=FOR_EVER)

    @router.post("/projects/{name}/preview", tags=["previews"], status_code=202)
    def ask_for_preview(name: str, body: Preview) -> dict[str, Any]:
        """Make a small video of a stretch, instead of the one being made; events `preview` tell how far it is."""
        return server.making.preview(server.projects.get(name), body.start_s, body.end_s, body.settings)

    @router.delete("/projects/{name}/preview", tags=["previews"], status_code=204)
    def stop_preview(name: str) -> None:
        """Stop making the preview."""
        server.making.stop_preview(server.projects.get(name).id)

    @router.get("/projects/{name}/previews/{key}", tags=["previews"], response_class=FileResponse)
    def read_preview(name: str, key: str) -> FileResponse:
        """A preview, as a video."""
        made = cached_file(server.projects.get(name), "previews", key, ".mp4")
        return FileResponse(_there(made), headers=FOR_EVER)

    @router.post("/projects/{name}/estimate", tags=["renders"])
    def estimate(name: str, body: Estimate) -> dict[str, Any]:
        """Time and disk that a render takes. The first estimate with a model measures it, which takes seconds."""
        return server.making.estimate(
            server.projects.get(name), body.device, body.settings, workers=body.workers, cards=body.cards
        )

    @router.post("/projects/{name}/renders", tags=["renders"], status_code=201)
    def render(name: str, body: Render) -> dict[str, Any]:
        """Add a video of the project as it is now to the queue."""
        from dataclasses import asdict

        project = server.projects.get(name)
        plan, video = project.plan(), project.state.settings.video
        size = list(plan.size) if plan.size else None
        model = server.models.shown(plan.model)
        facts = {
            "size": size,
            "fps": str(video.fps),
            "codec": video.codec,
            "model": model,
            "preset": project.state.preset,
        }
        choices = {"device": body.device, "workers": body.workers, "cards": body.cards}
        return asdict(server.queue.add(project, plan, facts, choices, first=body.first))

    @router.get("/jobs", tags=["renders"])
    def list_jobs(project: str | None = None) -> list[dict[str, Any]]:
        """The queue, in order."""
        return server.queue.jobs(project)

    @router.post("/jobs/{job}/cancel", tags=["renders"], status_code=204)
    def cancel(job: str) -> None:
        """Stop a job; what is finished is kept."""
        server.queue.cancel(job)

    @router.post("/jobs/{job}/resume", tags=["renders"], status_code=204)
    def resume(job: str) -> None:
        """Queue a cancelled or failed job again; it resumes where it stopped."""
        server.queue.resume(job)

    @router.post("/jobs/{job}/move", tags=["renders"], status_code=204)
    def move(job: str, body: Move) -> None:
        """Let a job come before another one, or last."""
        server.queue.move(job, body.before)

    @router.delete("/jobs/{job}", tags=["renders"], status_code=204)
    def remove(job: str) -> None:
        """Forget a job; a finished video stays, unfinished frames are deleted."""
        server.queue.remove(job)

    @router.get("/jobs/{job}/frame", tags=["renders"], response_class=Response)
    def rendered_frame(job: str, time_s: Time | None = None) -> Response:
        """A frame of a job that is not done, with effects: at a moment of the song, or the latest one, small.

        204: it has not been rendered yet, or the video is finished and has it.
        """
        picture = server.queue.picture(job, time_s)
        return Response(status_code=204) if picture is None else Response(picture, media_type="image/jpeg")

    @router.get("/projects/{name}/videos", tags=["videos"])
    def list_videos(name: str) -> list[dict[str, Any]]:
        """Finished videos with their reports."""
        return videos_of(server.projects.get(name))

    @router.get("/projects/{name}/videos/{file}", tags=["videos"], response_class=FileResponse)
    def read_video(name: str, file: str, download: bool = False) -> FileResponse:
        """A video, its report, plot, cue sheets or plan."""
        path = file_of(server.projects.get(name), file)
        return FileResponse(
            path, filename=path.name if download else None, headers={"cache-control": "private, no-cache"}
        )

    @router.get("/options", tags=["choices"])
    def read_options() -> dict[str, Any]:
        """Models, sizes, codecs, and the words of the modulation matrix."""
        return {**options(server.models), **look.words()}

    @router.get("/devices", tags=["choices"])
    def read_devices() -> dict[str, Any]:
        """What can compute here, and how many workers may share a render. The first answer takes a second or two."""
        return devices()

    @router.get("/presets", tags=["choices"])
    def list_presets() -> list[dict[str, Any]]:
        """Presets with their descriptions."""
        return look.presets()

    @router.get("/presets/{preset}", tags=["choices"])
    def read_preset(preset: str) -> dict[str, Any]:
        """The settings of a preset."""
        return look.preset_settings(preset).model_dump(mode="json")

    @router.post("/presets", tags=["choices"], status_code=201)
    def keep_preset(body: OwnPreset) -> dict[str, str]:
        """Save a project's settings as a preset of one's own."""
        settings = server.projects.get(body.project).state.settings
        return {"name": look.save_preset(body.name, settings, _own_presets(server))}

    return router


def _own_presets(server: Server) -> Path:
    if server.options.presets is not None:
        return server.options.presets
    import platformdirs

    return platformdirs.user_config_path("beatwalk") / "presets"


def _there(path: Path | None) -> Path:
    """A file that was made.

    Raises
    ------
    NotThereError
        It is not there.
    """
    if path is None:
        raise NotThereError("this has not been made, or was deleted; ask for it again")
    return path
