"""How far a video is, how long it will still take, and what its newest frame looks like.

A video is surveyed, denoised, rendered and finished, and these overlap. Each stage counts for what it costs of the
whole, so that a bar moves steadily while samples are denoised far ahead of the frames. The bar shows the whole video.
The time left is that of what this run still has to make: frames that an earlier run has kept say nothing about it.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from beatwalk.core import Denoised, Event, Finishing, Muxing, Rendered, Surveying, Working
from beatwalk.types import Frames, Plan

Key = tuple[int, int]  # of a leg, as `SegmentPart.key` has it

SAMPLES_A_FRAME = 0.75  # denoised where frames are interpolated between them (nano, the example: 0.74)
FINISHING_PART = 0.05  # of a video's work, where it overlaps rendering: its last blocks
LOOP_FINISHING_PART = 0.15  # of a loop's, which is finished after it is rendered
BELIEVED_FRAMES = 24  # for how many frames that number counts beside what a render shows
TELLING = 0.02  # of the work must be done in this run before its time is told
PREVIEW_SIDE = 160  # pixels of a preview's longer side, at most
MUXING_LEFT = 0.002  # of a video's work is left when its song is laid under it


class Progress:
    """Fills in `progress`, `left_s` and `frames_per_s` of events.

    Parameters
    ----------
    frames
        Number of frames that are rendered of each leg.
    shown
        Number of frames that are finished.
    survey, finish
        Work of surveying and of finishing a frame, relative to that of rendering it.
    steps, decoding_steps
        Denoising steps of a sample, and the cost of decoding a frame in such steps.
    samples_a_frame
        Samples that are denoised for a frame, as far as that is known beforehand; it is learned on the way.
    finishes_after
        Whether frames are finished after all are rendered, not meanwhile, so that finishing takes time of its own.
    clock
        Seconds, increasing.
    """

    def __init__(
        self,
        frames: Mapping[Key, int],
        *,
        shown: int,
        survey: float,
        finish: float,
        steps: float,
        decoding_steps: float,
        samples_a_frame: float,
        finishes_after: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._survey, self._finish, self._finishes_after = survey, finish, finishes_after
        self._steps, self._decoding_steps, self._samples_a_frame = steps, decoding_steps, samples_a_frame
        self._samples: dict[Key, int] = {}  # of each leg
        self._told = self._told_of_run = 0.0
        self._left: tuple[float, float] | None = None  # when the time left was last worked out, and what it was
        self._frames, self._total, self._shown = frames, sum(frames.values()), shown
        self._surveyed, self._denoised, self._rendered = (dict.fromkeys(frames, 0.0) for _ in range(3))
        self._kept_surveys: dict[Key, float] = {}  # of legs, that an earlier run has made, beyond their frames
        self._kept_ahead: dict[Key, float] = {}  # of legs, that an earlier run has denoised ahead of their frames
        self._reused = self._done = self._finished = 0
        self._clock = clock
        self._begin: tuple[float, float] | None = None  # when this run's work began, and how far it was then
        self._begin_rendering: float | None = None

    @classmethod
    def of(
        cls, plan: Plan, steps: int, decoding_steps: float, clock: Callable[[], float] = time.monotonic
    ) -> Progress:
        """Of a video that is about to be rendered, with these denoising steps a sample and a decoded frame."""
        feedback, loop = plan.settings.feedback, plan.settings.walk.loop
        survey = feedback.probe_share if feedback.enabled else 0.0
        finish = LOOP_FINISHING_PART if loop else FINISHING_PART
        return cls(
            {part.key: part.n_frames for part in plan.parts},
            shown=plan.timeline.n_frames,
            survey=survey,
            finish=finish / (1 - finish) * (1 + survey),
            steps=steps,
            decoding_steps=decoding_steps,
            samples_a_frame=SAMPLES_A_FRAME if feedback.enabled else 1.0,
            finishes_after=loop,
            clock=clock,
        )

    @classmethod
    def of_finishing(cls, frames: int, clock: Callable[[], float] = time.monotonic) -> Progress:
        """Of a video whose frames are all rendered."""
        return cls(
            {(0, 0): frames}, shown=frames, survey=0, finish=1, steps=0, decoding_steps=0, samples_a_frame=0,
            finishes_after=True, clock=clock,
        )  # fmt: skip

    def filled(self, event: Event) -> Event:
        """The event with what is known by now."""
        if not isinstance(event, Working):
            return event
        self._note(event)
        progress, of_run = self._progress(event)
        now = self._clock()
        if self._begin is None or of_run <= self._begin[1]:
            self._begin = (now, of_run)  # what comes before the first segment says nothing about the rest
        begin, at = self._begin
        done = of_run - at
        if isinstance(event, Finishing) and self._left is not None and self._decoding_steps > 0:
            # It comes while the next batch is under way, whose work is not told yet.
            known_at, left_s = self._left
            left: float | None = max(0.0, left_s - (now - known_at))
        else:
            left = (now - begin) * (1 - of_run) / done if done > TELLING and now > begin else None
            self._left = None if left is None else (now, left)
        if isinstance(event, Rendered):
            self._begin_rendering = self._begin_rendering or now
            seconds, frames = now - self._begin_rendering, event.done - event.reused
            event = replace(event, frames_per_s=frames / seconds if frames and seconds > 0 else None)
        return replace(event, progress=progress, left_s=left)

    def _note(self, event: Working) -> None:
        if isinstance(event, Surveying):
            # The pilot tells of the first segment, which an excerpt may not need.
            for key in self._frames:
                if key[0] == event.segment:
                    self._surveyed[key] = max(self._surveyed[key], event.done)
        elif isinstance(event, Denoised):
            key = event.segment, event.leg
            if not self._surveyed[key]:
                self._surveyed[key] = 1.0
                self._kept_surveys[key] = 1.0 - self._rendered[key]
            self._samples[key] = event.samples
            self._denoised[key] = max(self._denoised[key], event.position)
            if event.reused:
                self._kept_ahead[key] = max(0.0, event.position - self._rendered[key])
        elif isinstance(event, Rendered):
            self._reused, self._done = event.reused, event.done
            key = event.segment, event.leg
            done = min(1.0, event.in_leg / self._frames[key])
            self._rendered[key] = max(self._rendered[key], done)
            self._denoised[key] = max(self._denoised[key], done)
        elif isinstance(event, Finishing):
            self._finished = event.done

    def _progress(self, event: Working) -> tuple[float, float]:
        """How far the whole video is, and how far this run is with what it has to make, 0-1."""

        def part(shares: Mapping[Key, float]) -> float:
            return sum(share * self._frames[key] for key, share in shares.items()) / self._total

        rendered = self._done / self._total
        ahead = {key: max(0.0, share - self._rendered[key]) for key, share in self._denoised.items()}
        denoised = min(1.0, rendered + part(ahead))
        surveyed = max(part(self._surveyed), denoised)
        stages, reused = (surveyed, denoised, rendered, self._finished / self._shown), self._reused / self._total
        weights = self._weights()
        made = sum(weight * stage for weight, stage in zip(weights, stages, strict=True)) / sum(weights)
        made = max(made, 1 - MUXING_LEFT if isinstance(event, Muxing) else 0.0)
        self._told = min(1.0, max(self._told, made))
        if reused >= 1:
            return self._told, self._told
        kept = (
            min(1.0, reused + part(self._kept_surveys)),
            min(1.0, reused + part(self._kept_ahead)),
            reused,
            reused,
        )
        weights = weights if self._finishes_after else (*weights[:3], 0.0)
        steps = zip(weights, stages, kept, strict=True)
        of_run = sum(weight * max(0.0, stage - before) for weight, stage, before in steps)
        of_run /= sum(weight * (1 - before) for weight, before in zip(weights, kept, strict=True))
        self._told_of_run = min(1.0, max(self._told_of_run, of_run))
        return self._told, self._told_of_run

    def _weights(self) -> tuple[float, float, float, float]:
        """Work of surveying, denoising, decoding and finishing, relative to one another, as far as it is known."""
        covered = sum(self._denoised[key] * self._frames[key] for key in self._samples)
        samples = self._samples_a_frame * BELIEVED_FRAMES + sum(self._samples.values())
        denoise = self._steps * samples / (BELIEVED_FRAMES + covered)
        render = max(denoise + self._decoding_steps, 1e-9)
        return self._survey, denoise / render, self._decoding_steps / render, self._finish


def preview_of(frames: Frames) -> bytes:
    """The last of some frames, shape (n, height, width, 3), as a small JPEG."""
    from PIL import Image

    image = Image.fromarray(frames[-1])
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    kept = io.BytesIO()
    image.save(kept, format="JPEG", quality=80)
    return kept.getvalue()
