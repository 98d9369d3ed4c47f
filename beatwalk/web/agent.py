"""Tools for agents over the Model Context Protocol: analyze, plan, still, render, status.

The server speaks on stdin and stdout and is started by the agent's own program, on the user's behalf. It works on the
same projects and the same queue as the page, so what an agent began can be seen and changed there.
"""

# Annotations are read by the SDK when a tool is made, so they must be values here and not texts.
import functools
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from beatwalk.errors import AudioError, BeatwalkError, MissingExtraError
from beatwalk.listen import analyze as listen_to
from beatwalk.plan import merge, settings_from
from beatwalk.web.look import preset_settings, presets
from beatwalk.web.making import Still, cached_file
from beatwalk.web.project import SONG_SUFFIXES, Project
from beatwalk.web.results import videos_of
from beatwalk.web.server import Server
from beatwalk.web.state import check_paths

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

Tool = TypeVar("Tool", bound=Callable[..., Any])
STILL_S = 300.0  # to wait for a still; a large model on a CPU is slow
INSTRUCTIONS = """
Make a music video from a song: `analyze` a sound file, `plan` prompts over it, look at a `still` of each prompt,
`render`, and ask for `status` until the video is done. A prompt line may begin with its place: @0:42, @bar 33,
@section B or @drop, and may end with settings: `:: seed=7`. `presets` lists the looks.
"""


def create_agent_server(server: Server) -> "MCPServer":
    """The tools, for the projects of a server that has been started.

    Raises
    ------
    MissingExtraError
        The extra `mcp` is not installed.
    """
    try:
        from mcp.server.mcpserver import Image, MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ModuleNotFoundError:
        raise MissingExtraError("tools for agents need the MCP SDK", "mcp") from None

    tools = MCPServer("beatwalk", instructions=INSTRUCTIONS)

    def telling(work: Tool) -> Tool:
        """Let a tool say what is wrong in the engine's own words."""

        @functools.wraps(work)
        def working(*arguments: Any, **named: Any) -> Any:
            try:
                return work(*arguments, **named)
            except (BeatwalkError, TimeoutError) as error:
                raise ToolError(str(error)) from error

        return cast("Tool", working)

    @tools.tool()
    @telling
    def analyze(song: str, name: str = "") -> dict[str, Any]:
        """Listen to a sound file: make a project of it, and say its tempo, bars, sections and drop (in seconds)."""
        path = Path(song).expanduser()
        if path.suffix.lower() not in SONG_SUFFIXES or not path.is_file():
            raise AudioError(f"{song}: not a sound file that is read here")
        project = server.projects.create(name or path.stem)
        partial = Path(tempfile.mkdtemp(dir=project.folder)) / f"song{path.suffix.lower()}"
        try:
            shutil.copyfile(path, partial)
            project.take_song(partial, path.name)
        except AudioError as error:
            server.projects.discard(project.id)
            raise AudioError(str(error).replace(str(partial), song)) from None
        finally:
            shutil.rmtree(partial.parent, ignore_errors=True)
        project.take_analysis(listen_to(project.audio))
        return _heard(project)

    @tools.tool(name="presets")
    @telling
    def list_looks() -> dict[str, str]:
        """Looks by name, with what each does."""
        return {one["name"]: one["description"] for one in presets() if not one["problem"]}

    @tools.tool()
    @telling
    def plan(
        project: str,
        prompts: list[str],
        preset: str = "default",
        settings: dict[str, Any] | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> dict[str, Any]:
        """Lay prompts over the song: which one arrives when. Settings: {"video": {"size": "512x512", "fps": 24}}."""
        found = server.projects.get(project)
        values = preset_settings(preset).model_dump(mode="json")
        chosen = settings_from(merge(values, settings or {}), where="settings")
        check_paths(chosen, preset_settings(preset))
        wanted = replace(
            found.state,
            prompts="\n".join(prompts) + "\n",
            settings=chosen,
            preset=preset,
            start_s=start_s,
            end_s=end_s,
        )
        made = found.plan_of(wanted)
        found.change("plan of an agent", lambda state: wanted)
        keyframes = [
            {"time_s": round(made.timeline.time_of(one.frame), 3), "prompt": one.prompt, "seed": one.seed}
            for one in made.shown_keyframes[:-1]
        ]
        return {"frames": made.timeline.n_frames, "duration_s": made.timeline.duration_s, "prompts": keyframes}

    @tools.tool()
    @telling
    def still(project: str, prompt: str, seed: int = 0) -> Image:
        """Paint one prompt, to see what the model makes of it, from a seed that `:: seed=` can name."""
        found = server.projects.get(project)
        wanted = [Still(prompt=prompt, negative=found.state.settings.model.negative, seed=seed)]
        deadline = time.monotonic() + STILL_S
        while not (answer := server.making.stills(found, wanted)[0])["ready"]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no picture after {STILL_S:g} s; is the model too large for this machine?")
            time.sleep(0.1)
        path = cached_file(found, "stills", answer["key"], ".jpg")
        return Image(path=path)

    @tools.tool()
    @telling
    def render(project: str, device: str = "auto") -> dict[str, Any]:
        """Add the project's video to the queue; it is rendered in the background, and resumes if interrupted."""
        found = server.projects.get(project)
        made, video = found.plan(), found.state.settings.video
        facts = {"fps": str(video.fps), "codec": video.codec, "model": server.models.shown(made.model)}
        return _told(server, found, server.queue.add(found, made, facts, {"device": device}).id)

    @tools.tool()
    @telling
    def status(project: str) -> dict[str, Any]:
        """How far a project's newest video is; when it is done, where it lies and how well it keeps time."""
        found = server.projects.get(project)
        jobs = server.queue.jobs(found.id)
        if not jobs:
            return {"status": "nothing was rendered yet"}
        return _told(server, found, jobs[-1]["id"])

    return tools


def run_agent_server(server: Server) -> None:
    """Speak on stdin and stdout until they close."""
    tools = create_agent_server(server)
    server.start()
    try:
        tools.run("stdio")
    finally:
        server.close()


def _heard(project: Project) -> dict[str, Any]:
    analysis = project.analysis()
    sections = [{"start_s": one.start_s, "end_s": one.end_s, "label": one.label} for one in analysis.sections]
    return {
        "project": project.id,
        "duration_s": analysis.duration_s,
        "tempo_bpm": analysis.tempo_bpm,
        "beats": len(analysis.beats_s),
        "bars": len(analysis.downbeats_s),
        "sections": sections,
        "drop_s": analysis.drop_s,
    }


def _told(server: Server, project: Project, job_id: str) -> dict[str, Any]:
    """A job, for an agent."""
    job = next(one for one in server.queue.jobs(project.id) if one["id"] == job_id)
    told = {key: job[key] for key in ("status", "progress", "left_s", "message")}
    if job["status"] == "done":
        told["video"] = str(project.videos / job["file"])
        told["report"] = next((one["report"] for one in videos_of(project) if one["file"] == job["file"]), None)
    return told
