"""Who renders the segments of a video: this process, or workers elsewhere behind the same seam.

The caller of a crew plans, finishes and keeps the work folder. The crew loads the model, surveys and renders. Both
leave the same files in the work folder, so that one resumes what the other has begun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from beatwalk.core import Note, OnEvent, Reporter, WorkFolder
from beatwalk.errors import AudioError
from beatwalk.models import Generator, ModelKeeper, ModelRequest
from beatwalk.plan import check_plan
from beatwalk.preflight import compile_if_worth, seconds_a_frame
from beatwalk.types import ModelInfo, Plan, Targets
from beatwalk.video import RenderedFrames
from beatwalk.walk import SegmentRecord, Survey, Walk, render_segments

if TYPE_CHECKING:
    from beatwalk.api.rendering import RenderRequest

Sink = Callable[[RenderedFrames], None]


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What is known about the pictures of a video once its model is loaded, wherever that is."""

    info: ModelInfo
    size: tuple[int, int]  # of a frame: width, height in pixels
    steps: int
    guidance: float
    decoding_steps: float  # cost of decoding a picture in denoising steps
    notes: Sequence[str] = ()  # on how the model reads the prompts

    @classmethod
    def of(cls, walk: Walk) -> Self:
        """The facts of a walk."""
        prompts = list(dict.fromkeys(keyframe.prompt for keyframe in walk.plan.keyframes))
        return cls(
            info=walk.generator.info,
            size=walk.size,
            steps=walk.steps,
            guidance=walk.guidance,
            decoding_steps=walk.generator.decoding_steps,
            notes=tuple(walk.generator.notes_on(prompts)),
        )


class VideoRenderer(Protocol):
    """Renders the segments of one video, whose model is loaded."""

    @property
    def plan(self) -> Plan:
        """The plan with its size decided."""
        ...

    @property
    def facts(self) -> ModelFacts:
        """What is known of its pictures."""
        ...

    @property
    def finishing_device(self) -> str:
        """Where frames are finished, such as cpu or cuda:0."""
        ...

    def compile_if_worth(self) -> None:
        """Compile the model where the video is long enough to gain from it, and tell about it."""
        ...

    def seconds_a_frame(self) -> float:
        """Measured time for one frame, in seconds, with all that render at once."""
        ...

    def render(
        self, targets: Targets, work: WorkFolder, tell: OnEvent, sink: Sink
    ) -> tuple[Survey, list[SegmentRecord]]:
        """Render what is not finished yet, given the targets of the walk; see `beatwalk.walk.render_segments`."""
        ...


class Crew(Protocol):
    """Renders videos, one after the other, and keeps the model in use for the next one."""

    def fingerprint(self, request: ModelRequest) -> str:
        """The fingerprint of a model, which is not loaded for it.

        Raises
        ------
        ModelError, DeviceError
            The model cannot be found, or is not supported.
        """
        ...

    def prepare(self, request: RenderRequest, tell: Reporter) -> VideoRenderer:
        """Load the model of a video, where it is not the one that is kept.

        Raises
        ------
        BeatwalkError
            Plan and model do not fit together, or the model cannot be loaded.
        """
        ...


@dataclass(frozen=True, eq=False)
class OwnCrew:
    """A crew that is the calling process alone."""

    models: ModelKeeper

    def fingerprint(self, request: ModelRequest) -> str:
        """The fingerprint of a model, from its files."""
        return self.models.fingerprint(request)

    def prepare(self, request: RenderRequest, tell: Reporter) -> _OwnRenderer:
        """Load the model, and encode the prompts."""
        plan, walk = prepare(request.plan, self.models.of(request.model, tell))
        return _OwnRenderer(plan, replace(walk, check=tell.check), tell, request.videos)


@dataclass(frozen=True, eq=False)
class _OwnRenderer:
    plan: Plan
    walk: Walk
    tell: Reporter
    videos: int

    @property
    def facts(self) -> ModelFacts:
        return ModelFacts.of(self.walk)

    @property
    def finishing_device(self) -> str:
        return self.walk.generator.info.device

    def compile_if_worth(self) -> None:
        if (compiled := compile_if_worth(self.plan, self.walk, self.videos, self.tell)) is not None:
            self.tell(Note(text=f"compiled in {compiled.to_text()}"))

    def seconds_a_frame(self) -> float:
        return seconds_a_frame(self.walk)

    def render(
        self, targets: Targets, work: WorkFolder, tell: OnEvent, sink: Sink
    ) -> tuple[Survey, list[SegmentRecord]]:
        return render_segments(self.walk, targets, work, tell=tell, sink=sink)


def checked(plan: Plan) -> Plan:
    """The plan, checked before a model is loaded for it.

    Raises
    ------
    AudioError
        The song is gone.
    PlanError
        The plan does not hold together.
    """
    check_plan(plan)
    if not plan.analysis.song.path.is_file():
        raise AudioError(f"{plan.analysis.song.path}: the song that was planned for is no longer there")
    return plan


def prepare(plan: Plan, generator: Generator) -> tuple[Plan, Walk]:
    """The plan with its size decided, and the walk that makes its pictures.

    Raises
    ------
    AudioError
        The song is gone.
    ModelError, SettingsError, PlanError
        Plan and model do not fit together.
    """
    info = generator.info
    size = checked(plan).size or plan.settings.video.rendered_size(info.size, info.size_multiple)
    plan = replace(plan, size=size)
    return plan, Walk.of(plan=plan, generator=generator, size=size)
