"""A project: a folder with files that the command line reads.

    rain/                        a project; its name in addresses
        song.mp3                 the song's copy
        prompts.txt              beatwalk song.mp3 prompts.txt --preset ./preset.toml --analysis analysis.json
        preset.toml
        analysis.json
        plan.json                beatwalk render plan.json -o out.mp4
        project.json             what only the page needs: name, revision, anchors, excerpt, model
        pictures/                picture keyframes
        videos/                  what was rendered
        cache/                   waveform, stills and previews; may be deleted

A project is saved as it is changed. Every change has a revision number; a change that was made from an older one is
refused, so that two tabs do not overwrite each other.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from beatwalk.core import read_json, whole_or_nothing, write_json
from beatwalk.errors import AudioError, BeatwalkError, OutputError, PlanError
from beatwalk.listen import (
    HeardFiles,
    analysis_to_json,
    hear_files,
    open_song,
    parts_of,
    read_analysis,
    with_parts,
    write_analysis,
)
from beatwalk.plan import (
    Script,
    check_plan,
    load_settings,
    parse_prompts,
    place_prompts,
    plan_to_json,
    script_sources,
    used_parts,
    used_sources,
)
from beatwalk.settings import Settings, SourcesSettings
from beatwalk.types import Analysis, Audio, Plan
from beatwalk.web.blocks import PICTURES, blocks_of
from beatwalk.web.hub import Hub
from beatwalk.web.problems import BusyError, StaleError, as_json
from beatwalk.web.state import History, State
from beatwalk.web.toml_text import preset_toml

SONG_SUFFIXES = (
    ".wav", ".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".mp4", ".mov", ".mkv",
    ".webm",
)  # fmt: skip
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
VERSION = 1
SAVE_S = 0.4  # a large file is written this long after the last change


class Project:
    """One project, open in this server.

    Parameters
    ----------
    folder
        Exists, and holds a `project.json`.
    """

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.id = folder, folder.name
        self.lock = threading.RLock()
        self._saving = threading.Lock()  # taken before the other one
        self.history = History()
        self.problem: dict[str, Any] | None = None  # why there is no analysis
        self.listening = False
        self.grid_revision = 0  # raised with every change of the analysis
        self._hub = hub
        self._audio: Audio | None = None
        self._timer: threading.Timer | None = None
        self._planned: tuple[State, Plan | BeatwalkError] | None = None
        self._completed: tuple[Analysis, Analysis] | None = None  # one that lacked parts, and with them
        self._stored: Analysis | None = None  # what analysis.json holds, once this server has written it
        data = read_json(folder / "project.json", PlanError, "a project")
        self.name, self.revision = str(data.get("name", self.id)), int(data.get("revision", 0))
        self.song_file, self.song_name = _plain_name(data.get("song_file")), str(data.get("song_name", ""))
        self.state = self._read_state(data)

    def _read_state(self, data: dict[str, Any]) -> State:
        prompts, preset, analysis = (self.folder / name for name in ("prompts.txt", "preset.toml", "analysis.json"))
        found = None
        if analysis.is_file() and self.song is not None:
            found = read_analysis(analysis)
            found = replace(found, song=replace(found.song, path=self.song.absolute()))
        end_s = data.get("end_s")
        return State(
            prompts=prompts.read_text(encoding="utf-8-sig") if prompts.is_file() else "",
            settings=load_settings(str(preset)) if preset.is_file() else load_settings(),
            preset=str(data.get("preset", "default")),
            analysis=found,
            anchors_s=tuple(float(anchor) for anchor in data.get("anchors", ())),
            model=data.get("model"),
            start_s=float(data.get("start_s", 0.0)),
            end_s=None if end_s is None else float(end_s),
        )

    @property
    def song(self) -> Path | None:
        """The song's copy; None: there is none yet."""
        return self.folder / self.song_file if self.song_file else None

    @property
    def audio(self) -> Audio:
        """The song, ready to be read."""
        with self.lock:
            if self._audio is None:
                if self.song is None:
                    raise BusyError("this project has no song yet; drop one onto the page")
                self._audio = open_song(self.song)
            return self._audio

    @property
    def cache(self) -> Path:
        """The folder of what can be made again."""
        path = self.folder / "cache"
        path.mkdir(exist_ok=True)
        return path

    @property
    def videos(self) -> Path:
        """The folder of rendered videos."""
        path = self.folder / "videos"
        path.mkdir(exist_ok=True)
        return path

    def analysis(self) -> Analysis:
        """What was heard.

        Raises
        ------
        BusyError
            The song has not been listened to yet.
        """
        if self.state.analysis is None:
            raise BusyError("beatwalk is still listening to the song" if self.listening else "there is no song yet")
        return self.state.analysis

    def take_song(self, partial: Path, name: str) -> None:
        """Make a complete upload the project's song; what was heard before is forgotten.

        Raises
        ------
        AudioError
            It holds no sound that can be read.
        """
        with self._saving, self.lock:  # what was heard before is not written after it was removed
            file = f"song{partial.suffix}"
            self._audio = self._first_song(partial, file) if self.song is None else self._next_song(partial, file)
            self.song_file, self.song_name, self.problem = file, name, None
            for stale in ("waveform.bin", "sound.ogg"):
                (self.cache / stale).unlink(missing_ok=True)
            if self.name == "Untitled" or not self.name:
                self.name = Path(name).stem[:80]
            # The old grid, excerpt and places belong to another recording, so there is no way back to them.
            self.history = History()
            self.state = replace(self.state, analysis=None, anchors_s=(), start_s=0.0, end_s=None)
            (self.folder / "analysis.json").unlink(missing_ok=True)
            self._stored = None
            self._advance()

    def _first_song(self, partial: Path, file: str) -> Audio:
        """Open an upload under its own name; to open it takes a second or two, so that is done once."""
        song = partial.replace(self.folder / file)
        try:
            return open_song(song)
        except AudioError as error:
            song.replace(partial)
            raise AudioError(str(error).replace(str(song), str(partial))) from None

    def _next_song(self, partial: Path, file: str) -> Audio | None:
        """Replace the song by an upload, which is opened before the other one goes, and again when it is needed."""
        open_song(partial)
        if self.song is not None and self.song_file != file:
            self.song.unlink(missing_ok=True)
        partial.replace(self.folder / file)
        return None

    def take_analysis(self, analysis: Analysis) -> None:
        """Keep what was heard; this is no step that could be undone."""
        with self.lock:
            self.state = replace(self.state, analysis=analysis)
            self.grid_revision += 1
            self._advance()

    def change(
        self,
        what: str,
        make: Callable[[State], State],
        *,
        revision: int | None = None,
        gesture: str = "",
    ) -> None:
        """Change the state, and save it.

        Parameters
        ----------
        what
            A few words for the history.
        make
            From the state now to the new one.
        revision
            From which the change was made; None: from whatever is there.
        gesture
            Changes with the same name in quick succession are one step.

        Raises
        ------
        StaleError
            The project was changed in the meantime.
        """
        with self.lock:
            self.check(revision)
            before, after = self.state, make(self.state)
            self.history.push(what, before, gesture)
            self._become(after)

    def check(self, revision: int | None) -> None:
        """Check that a change was made from the newest revision."""
        if revision is not None and revision != self.revision:
            raise StaleError("the project was changed in another tab; this tab now shows the newest state")

    def undo(self, revision: int | None, *, again: bool = False) -> str | None:
        """Take the last change back, or make it again; returns what it was."""
        with self.lock:
            self.check(revision)
            found = self.history.redo(self.state) if again else self.history.undo(self.state)
            if found is None:
                return None
            self._become(found[1])
            return found[0]

    def rename(self, name: str) -> None:
        """Give the project another name; its folder keeps its own."""
        with self.lock:
            self.name = " ".join(name.split())[:80] or self.name
            self._advance()

    def _become(self, state: State) -> None:
        if state.analysis is not self.state.analysis:
            self.grid_revision += 1
        self.state = state
        self._advance()

    def _advance(self) -> None:
        """Save, and tell all tabs."""
        self.revision += 1
        self._save_small()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(SAVE_S, self.save_large)
        self._timer.daemon = True
        self._timer.start()
        self._hub.publish("project", id=self.id, revision=self.revision)

    def _save_small(self) -> None:
        state = self.state
        for name, text in (("prompts.txt", state.prompts), ("preset.toml", preset_toml(state.settings))):
            _write_if_new(self.folder / name, text.encode())
        write_json(
            self.folder / "project.json",
            {
                "version": VERSION,
                "name": self.name,
                "revision": self.revision,
                "song_file": self.song_file,
                "song_name": self.song_name,
                "preset": state.preset,
                "model": state.model,
                "start_s": state.start_s,
                "end_s": state.end_s,
                "anchors": list(state.anchors_s),
            },
        )

    def save_large(self) -> None:
        """Write analysis and plan, where they changed since the last time.

        That of an hour-long song takes seconds, in which the project can be changed.
        """
        with self._saving:
            with self.lock:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                analysis, plan = self.state.analysis, None
                with contextlib.suppress(BeatwalkError):
                    plan = self.plan()
            with contextlib.suppress(OSError, OutputError):  # the folder may have been deleted meanwhile
                if analysis is not None and analysis is not self._stored:
                    write_analysis(analysis, self.folder / "analysis.json")
                    self._stored = analysis
                if plan is not None:
                    write_json(self.folder / "plan.json", plan_to_json(plan))

    def plan(self) -> Plan:
        """The plan of the state now: of its excerpt, with its settings.

        Raises
        ------
        BeatwalkError
            There is no analysis yet, or the prompts have a mistake.
        """
        with self.lock:
            if self._planned is None or self._planned[0] is not self.state:
                try:
                    self._planned = (self.state, self.plan_of(self.state))
                except BeatwalkError as error:
                    self._planned = (self.state, error)
            found = self._planned[1]
            if isinstance(found, BeatwalkError):
                raise found
            return found

    def plan_of(self, state: State, *, whole: bool = False, settings: Settings | None = None) -> Plan:
        """The plan of a state, of its excerpt or of the whole song."""
        script = parse_prompts(state.prompts, "prompts.txt", folder=self.folder)
        for line in script.lines:
            if line.image is not None and not self._is_own_picture(line.image):
                raise PlanError(
                    f"prompts.txt:{line.line}: pictures are taken from {PICTURES}/ only; add the picture first"
                )
        settings = settings or state.settings
        heard = self.heard(settings, script)
        made = place_prompts(
            heard.analysis,
            script,
            settings,
            model=state.model,
            start_s=0.0 if whole else state.start_s,
            end_s=None if whole else state.end_s,
        )
        made = replace(made, files=heard.files)
        check_plan(made)
        return made

    def heard(
        self, settings: Settings, script: Script | None = None, also: Mapping[str, str] = MappingProxyType({})
    ) -> HeardFiles:
        """What was heard in the song, and in the stems, MIDI files and curves that the project's own preset names.

        Parameters
        ----------
        also
            Sources that are wanted besides those that settings and script use, each with what it is for.
        """
        sources = {**used_sources(settings), **({} if script is None else script_sources(script, settings)), **also}
        analysis = self._with_parts(self.analysis(), used_parts(sources))
        if settings.sources == SourcesSettings():
            return HeardFiles(analysis=analysis, files=(), remarks=())
        return hear_files(analysis, self.audio, settings.sources, sources, settings.video.fps)

    def _with_parts(self, analysis: Analysis, parts: Iterable[str]) -> Analysis:
        """Add curves and drums that an older analysis lacks; they are listened to once for each correction."""
        known = self._completed[1] if self._completed is not None and self._completed[0] is analysis else analysis
        if missing := [name for name in parts if known.lacks(name)]:
            known = with_parts(known, self.audio, missing)
            self._completed = analysis, known
        return known

    def _is_own_picture(self, path: Path) -> bool:
        inside = self.folder / PICTURES
        return (
            path.parent == inside and path.name in {one.name for one in inside.iterdir()}
            if inside.is_dir()
            else False
        )

    def view(self) -> dict[str, Any]:
        """All that a page shows, but for the curves and events of the song."""
        with self.lock:
            state, analysis = self.state, self.state.analysis
            blocks, problem = [], None
            if analysis is not None:
                try:
                    excerpt = state.start_s > 0 or state.end_s is not None
                    blocks = blocks_of(self.plan_of(state, whole=True) if excerpt else self.plan())
                    self.plan()
                except BeatwalkError as error:
                    problem = as_json(error)
            return {
                "id": self.id,
                "name": self.name,
                "revision": self.revision,
                "grid_revision": self.grid_revision,
                "listening": self.listening,
                "problem": self.problem,
                "song": None if self.song is None else {"name": self.song_name},
                "prompts": state.prompts,
                "blocks": blocks,
                "prompt_problem": problem,
                "settings": state.settings.model_dump(mode="json"),
                "preset": state.preset,
                "file_sources": parts_of(state.settings.sources),
                "model": state.model,
                "start_s": state.start_s,
                "end_s": state.end_s,
                "anchors": list(state.anchors_s),
                "undo": self.history.can_undo,
                "redo": self.history.can_redo,
                "waveform": (self.folder / "cache" / "waveform.bin").is_file(),
                "heard": None if analysis is None else heard_of(analysis),
            }


def heard_of(analysis: Analysis) -> dict[str, Any]:
    """Beats, bars, onsets and sections; without the curves, which are many numbers."""
    data = analysis_to_json(replace(analysis, curves={}))
    for left in ("curves", "version", "song"):
        del data[left]
    return {"duration_s": analysis.duration_s, **data}


def _write_if_new(path: Path, data: bytes) -> None:
    """Write a small file, unless it holds that already: to be safe on the disk takes it milliseconds."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            return
    with whole_or_nothing(path) as partial:
        partial.write_bytes(data)


def _plain_name(name: object) -> str | None:
    """The name of a file inside a project; None where it is none, or leads elsewhere."""
    return name if isinstance(name, str) and name == Path(name).name and name not in ("", ".", "..") else None


def copy_example(project: Project, song: Path, prompts: Path) -> None:
    """Make a new project the example that ships with beatwalk."""
    partial = project.folder / f"upload{song.suffix}"
    shutil.copyfile(song, partial)
    project.take_song(partial, song.name)
    project.change("example", lambda state: replace(state, prompts=prompts.read_text(encoding="utf-8")))
    project.history = History()
