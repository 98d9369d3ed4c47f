"""Benchmark: how fast this machine turns a song into a video, stage by stage, and how much memory that needs.

Everything is measured on a real render: a synthetic song is written, analysed, planned, rendered and finished, just
as `beatwalk song.wav prompts.txt` would do it. Loading the model and the libraries, and compiling, are measured apart
and count in no other figure. The diffusers baseline is what one writes without beatwalk: the pipeline is called for
one frame after the other, every picture goes to disk as PNG, and moviepy makes a video of the PNGs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beatwalk.core import PeakMemory, Stages, scratch_folder
from beatwalk.jobs.song import PROMPTS, write_song

if TYPE_CHECKING:
    from beatwalk.models import Compiled, DiffusionGenerator
    from beatwalk.settings import VideoSettings
    from beatwalk.walk import Walk

ENCODED_FRAMES = 96  # frames that time the encoder alone
PLAIN_FRAMES = 64  # the diffusers baseline takes the same time for each frame, so this many are enough


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What to measure."""

    seconds: float = 10.0  # length of the song
    size: tuple[int, int] | None = None  # width, height; None: the model's own
    fps: Fraction = Fraction(24)
    steps: int | None = None  # None: the model's own
    preset: str = "default"
    overrides: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """What was measured. Seconds are wall time; a stage's share is relative to `wall_s`, and stages may overlap."""

    model: str
    family: str
    device: str
    dtype: str
    size: tuple[int, int]
    fps: Fraction
    steps: int
    guidance: float
    seconds: float  # of song
    frames: int
    pictures: int  # decoded: frames, and probes that are looked at
    denoised: int  # latents: of frames, and of probes
    load_s: float
    wall_s: float  # from the song's file to the finished video
    generation_s: float
    encoding_s: float
    peak_mb: float  # of this process and its ffmpeg, everything included
    peak_device_mb: float | None  # on the GPU
    stages: dict[str, float] = field(default_factory=dict)
    plain: dict[str, Any] | None = None
    compiled: Compiled | None = None  # what compiling cost and brought
    reference_gflops: float = 0.0  # of a reference convolution, on the same device in the same precision
    runs: tuple[float, ...] = ()  # frames/s of all runs; this report is the fastest

    @classmethod
    def best_of(cls, reports: Sequence[BenchReport]) -> BenchReport:
        """The fastest of several runs, with the frames/s of all."""
        best = max(reports, key=lambda report: report.frames_per_s)
        return replace(best, runs=tuple(report.frames_per_s for report in reports))

    @property
    def frames_per_s(self) -> float:
        """Finished frames per second of wall time."""
        return self.frames / self.wall_s

    @property
    def images_per_s(self) -> float:
        """Pictures per second of generation, probes included."""
        return self.pictures / max(self.generation_s, 1e-9)

    @property
    def wall_over_longest(self) -> float:
        """Wall time relative to the longer of generation and encoding; 1 is perfect overlap."""
        return self.wall_s / max(self.generation_s, self.encoding_s, 1e-9)

    @property
    def speedup_vs_plain(self) -> float | None:
        """Frames/s relative to the diffusers baseline; None if that was not measured."""
        return None if self.plain is None else self.frames_per_s / float(self.plain["frames_per_s"])

    def to_json(self) -> dict[str, Any]:
        """Plain data; keys are part of the public interface."""
        return {
            "version": 1,
            "model": self.model,
            "family": self.family,
            "device": self.device,
            "dtype": self.dtype,
            "size": list(self.size),
            "fps": str(self.fps),
            "steps": self.steps,
            "guidance": self.guidance,
            "seconds": self.seconds,
            "frames": self.frames,
            "pictures": self.pictures,
            "denoised": self.denoised,
            "load_s": round(self.load_s, 3),
            "wall_s": round(self.wall_s, 3),
            "generation_s": round(self.generation_s, 3),
            "encoding_s": round(self.encoding_s, 3),
            "frames_per_s": round(self.frames_per_s, 3),
            "images_per_s": round(self.images_per_s, 3),
            "runs": [round(rate, 3) for rate in self.runs or (self.frames_per_s,)],
            "reference_gflops": round(self.reference_gflops, 1),
            "wall_over_longest": round(self.wall_over_longest, 4),
            "peak_mb": round(self.peak_mb, 1),
            "peak_device_mb": None if self.peak_device_mb is None else round(self.peak_device_mb, 1),
            "stages": {
                name: {"seconds": round(seconds, 3), "share": round(seconds / self.wall_s, 4)}
                for name, seconds in self.stages.items()
            },
            "compiled": None if self.compiled is None else self.compiled.to_json(),
            "plain": self.plain,
            "speedup_vs_plain": None if self.speedup_vs_plain is None else round(self.speedup_vs_plain, 3),
        }

    def _others(self) -> str:
        if len(self.runs) < 2:
            return ""
        return f", the best of {len(self.runs)}: " + " ".join(f"{rate:.2f}" for rate in self.runs)

    def to_text(self) -> str:
        """A table for people."""
        width, height = self.size
        lines = [
            f"model     {self.model} · {self.steps} steps · guidance {self.guidance:g} · {self.device}, {self.dtype}",
            f"video     {self.frames} frames of {width}x{height} at {self.fps} fps, for {self.seconds:g} s of song",
            f"loading   {self.load_s:.1f} s (in no other figure)",
            *([] if self.compiled is None else [f"compiled  {self.compiled.to_text()} (in no other figure)"]),
            f"whole     {self.wall_s:.2f} s · {self.frames_per_s:.2f} frames/s{self._others()}",
            f"machine   {self.reference_gflops:.0f} GFLOP/s of a 3x3 convolution, in the same precision",
            f"pictures  {self.pictures}, from {self.denoised} latents · {self.images_per_s:.2f} images/s",
            f"overlap   {self.wall_over_longest:.3f} x the longer of generation ({self.generation_s:.2f} s) and "
            f"encoding ({self.encoding_s:.2f} s)",
            f"memory    {self.peak_mb:.0f} MB at the peak"
            + (f", {self.peak_device_mb:.0f} MB on the device" if self.peak_device_mb is not None else ""),
            "stages    " + "seconds   share".rjust(27),
        ]
        for name, seconds in self.stages.items():
            lines.append(f"          {name:<10}{seconds:9.2f}{100 * seconds / self.wall_s:7.1f} %")
        if self.plain is not None:
            lines.append(
                f"baseline  {self.plain['frames_per_s']:.2f} frames/s over {self.plain['frames']} frames in "
                f"{self.plain['dtype']}; beatwalk is {self.speedup_vs_plain:.2f} times as fast"
            )
        return "\n".join(lines)


def run_bench(
    asked: Bench,
    generator: DiffusionGenerator,
    *,
    load_s: float = 0.0,
    plain: DiffusionGenerator | None = None,
    around: AbstractContextManager[None] | None = None,
) -> BenchReport:
    """Render a synthetic song and measure it.

    Parameters
    ----------
    plain
        The same model, loaded as the diffusers baseline has it; None: the baseline is not measured.
    load_s
        Seconds that loading `generator` took.
    around
        Entered for the render alone, to watch what else is wanted.

    Raises
    ------
    BeatwalkError
        The model cannot make this size or number of steps.
    """
    from beatwalk import api, listen, preflight
    from beatwalk.models import TimedGenerator, reference_gflops, should_compile
    from beatwalk.video import codec_named

    warm_up()
    timed = TimedGenerator(generator)
    with scratch_folder("beatwalk-bench-") as folder:
        song = write_song(folder / "song.wav", asked.seconds)
        settings = {"video": {"fps": str(asked.fps), "size": asked.size}, "model": {"steps": asked.steps}}
        timed.reset_peak_memory()
        with PeakMemory() as memory:
            begin = time.perf_counter()
            stages = Stages()
            with stages.time("listen"):
                analysis = listen.analyze(song)
            plan = api.plan(
                song, PROMPTS, preset=asked.preset, overrides=(settings, *asked.overrides), analysis=analysis
            )
            output = folder / f"out{codec_named(plan.settings.video.codec).suffixes[0]}"
            compiled = None
            if should_compile(plan.settings.model.compile, plan.timeline.n_frames, generator.info.device):
                paused = time.perf_counter()
                compiled = preflight.compile_if_worth(*api.prepare(plan, generator))
                begin += time.perf_counter() - paused
            with around or nullcontext():
                result = api.render(plan, output, generator=timed, overwrite=True)
            wall_s = time.perf_counter() - begin
        plan, walk = api.prepare(plan, generator)
        encoding_s = encoding_alone(output, result.frames, plan.settings.video)
        compared = run_plain(asked, plain, walk, song) if plain is not None else None
    info, device_peak = generator.info, timed.peak_memory()
    stages.update(timed.stages)
    stages.update(result.stages)
    return BenchReport(
        model=info.name,
        family=info.family,
        device=info.device,
        dtype=info.dtype,
        size=walk.size,
        fps=plan.timeline.fps,
        steps=walk.steps,
        guidance=walk.guidance,
        seconds=asked.seconds,
        frames=result.frames,
        pictures=timed.pictures,
        denoised=timed.denoised,
        load_s=load_s,
        wall_s=wall_s,
        generation_s=timed.generation_s,
        encoding_s=encoding_s,
        peak_mb=memory.peak_mb,
        peak_device_mb=None if device_peak is None else device_peak / 1e6,
        stages=dict(stages),
        plain=compared,
        compiled=compiled,
        reference_gflops=reference_gflops(info),
    )


def encoding_alone(video: Path, frames: int, asked: VideoSettings) -> float:
    """Seconds that the encoder alone takes for a video, extrapolated from part of its pictures.

    Parameters
    ----------
    frames
        Number of frames of the video.
    asked
        How it was encoded.
    """
    from beatwalk.video import Encoder, probe, read_frames

    some = next(iter(read_frames(video, block=ENCODED_FRAMES)))
    found = probe(video)
    begin = time.perf_counter()
    again = video.with_name(f"encoded{video.suffix}")
    with Encoder(
        again, found.size, found.fps,
        codec=asked.codec, crf=asked.crf, intra=asked.intra, hardware=asked.hardware,
    ) as encoder:  # fmt: skip
        encoder.write(some)
    return (time.perf_counter() - begin) * frames / len(some)


def warm_up() -> None:
    """Load the libraries for analysis and finishing, and let them compile what they compile at first use."""
    from beatwalk import listen

    with scratch_folder("beatwalk-bench-") as folder:
        listen.analyze(write_song(folder / "warm.wav", 4.0))


def run_plain(asked: Bench, generator: DiffusionGenerator, walk: Walk, song: Path) -> dict[str, Any]:
    """The diffusers baseline: one pipeline call per frame, PNGs, then moviepy."""
    from beatwalk.video import prepare_moviepy

    prepare_moviepy()
    from moviepy import AudioFileClip, ImageSequenceClip

    from beatwalk.jobs.plain_baseline import plain_pictures

    count = max(2, min(PLAIN_FRAMES, round(asked.seconds * asked.fps)))
    folder, stages, peak = song.parent, Stages(), PeakMemory()
    paths: list[str] = []
    with peak:
        begin = time.perf_counter()
        pictures = plain_pictures(
            generator, PROMPTS[:2], count, size=walk.size, steps=walk.steps, guidance=walk.guidance
        )
        for number in range(count):
            with stages.time("generate"):
                picture = next(pictures)
            with stages.time("png"):
                paths.append(str(folder / f"plain-{number:05d}.png"))
                picture.save(paths[-1])
        with stages.time("moviepy"):
            clip = ImageSequenceClip(paths, fps=float(asked.fps))
            sound = AudioFileClip(str(song))
            clip = clip.with_audio(sound.subclipped(0, min(sound.duration, clip.duration)))
            clip.write_videofile(str(folder / "plain.mp4"), logger=None)
            clip.close()
            sound.close()
        wall_s = time.perf_counter() - begin
    return {
        "frames": count,
        "dtype": generator.info.dtype,
        "wall_s": round(wall_s, 3),
        "frames_per_s": round(count / wall_s, 3),
        "peak_mb": round(peak.peak_mb, 1),
        "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
    }
