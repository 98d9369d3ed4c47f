"""What one server holds: the projects, and the threads that listen, preview and render."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from beatwalk.models import ModelKeeper
from beatwalk.web.choices import Models
from beatwalk.web.hearing import Hearing
from beatwalk.web.hub import Hub
from beatwalk.web.making import Making
from beatwalk.web.project import Project
from beatwalk.web.projects import Projects
from beatwalk.web.queue import Job, Queue
from beatwalk.web.results import check_video

DEFAULT_UPLOAD_BYTES = 2 * 2**30  # an hour of 24-bit sound takes 1 GB


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """How a server is started."""

    root: Path  # holds the projects
    host: str = "127.0.0.1"
    port: int = 0  # 0: any that is free
    password: str | None = None
    page: bool = True  # false: the HTTP API alone
    upload_bytes: int = DEFAULT_UPLOAD_BYTES  # largest song
    models: Path | None = None  # a folder of models that may be chosen
    presets: Path | None = None  # where own presets are saved; None: the user's configuration folder
    state: Path | None = None  # where the secret of sessions is kept; None: the user's state folder


class Server:
    """Everything behind the addresses.

    Parameters
    ----------
    keepers
        Models for the queue and for previews; None: they are loaded when they are needed.
    """

    def __init__(self, options: ServerOptions, keepers: tuple[ModelKeeper, ModelKeeper] | None = None) -> None:
        self.options = options
        self.hub = Hub()
        self.projects = Projects(options.root, self.hub)
        self.hearing = Hearing(self.hub)
        self.models = Models(options.models)
        rendering, previewing = keepers or (ModelKeeper(), ModelKeeper())
        self.making = Making(self.hub, previewing)
        self.queue = Queue(self.projects, self.hub, rendering, self._measure)

    def open(self, name: str) -> Project:
        """A project; its song is listened to if that was interrupted."""
        project = self.projects.get(name)
        if project.song is not None and project.state.analysis is None and project.problem is None:
            self.hearing.begin(project)
        self.hearing.get_ready()
        return project

    def _measure(self, project: Project, job: Job) -> None:
        """Check a finished video, before the next one is rendered."""
        check_video(project, job.file)
        self.queue.note_checked(job)
        self.hub.publish("videos", project=project.id)

    def start(self) -> None:
        """Begin to work on the queue."""
        self.queue.start()

    def close(self) -> None:
        """Stop everything, keeping what is finished."""
        self.hub.close()
        self.making.close()
        self.hearing.close()
        self.queue.close()
        self.projects.close()
