"""The ceiling: how many frames a second this machine could finish if the model took no time.

A model of no cost renders a synthetic song with a preset, in a size, for a codec. What remains is everything else:
the survey, measured change, effects, the flash limiter, both encoders. The report says what each of them costs, in
CPU time and, where a stage has a beginning and an end, in wall time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import CpuTimes, Stages, scratch_folder
from beatwalk.jobs.song import PROMPTS, write_song
from beatwalk.models import Array, Generator, Text, proceed
from beatwalk.perception import Pictures
from beatwalk.types import Conditioning, Float32, Frames, ImagePull, ModelInfo

CELLS = (8, 8, 4)  # rows, columns and channels of its latents
MARGIN = 1 / 4  # of the picture's sides, by which views of it move
PARTS = 4  # of a pixel, by which they can differ
REACH = 0.5  # of the margin, by which one standard deviation of the latents moves the view
WARM_UP_S = 1.0  # of a first render, in which libraries are loaded and compiled


class InstantGenerator(Generator):
    """A model of no cost: its pictures are views of one large picture, and latents say where the view lies.

    Parameters
    ----------
    size
        Width, height of its pictures.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size, self.stages = size, Stages()
        self.margin = tuple(max(1, round(side * MARGIN)) for side in size)
        rng = np.random.default_rng((1, 2))  # unlike that of any start noise
        directions = rng.standard_normal((2, int(np.prod(CELLS))))
        self._directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
        self._large = _shifted(_landscape((size[0] + self.margin[0] + 1, size[1] + self.margin[1])))

    @property
    def info(self) -> ModelInfo:
        """Of any size, one step."""
        return ModelInfo(
            name="instant", family="InstantGenerator", fingerprint="instant-1", size=self.size, size_multiple=1,
            steps=1, guidance=1.0, device="cpu", dtype="float32",
        )  # fmt: skip

    @property
    def decoding_steps(self) -> float:
        """Decoding costs as much as its step: nothing."""
        return 1.0

    def encode(self, prompts: Sequence[str]) -> Conditioning:
        """A number for each prompt."""
        rows = np.array([[float(sum(prompt.encode()) % 7)] for prompt in prompts], np.float32)
        return Conditioning(tensors={"embeds": rows})

    def start_noise(self, seed: int, size: tuple[int, int]) -> Float32:
        """Gaussian numbers."""
        return np.random.default_rng(seed).standard_normal(CELLS).astype(np.float32)

    def encode_picture(self, picture: Frames) -> Float32:
        """The same latents for every picture."""
        return np.zeros((1, *CELLS), np.float32)

    def latents(
        self,
        noise: Array,
        conditioning: Text,
        negative: Text | None,
        *,
        size: tuple[int, int],
        steps: int,
        guidance: float,
        pulls: Sequence[ImagePull] = (),
        check: Callable[[], None] = proceed,
    ) -> Array:
        """Noise and text, added."""
        check()
        with self.stages.time("model"):
            moved: Float32 = noise + 0.1 * conditioning.made().tensors["embeds"].reshape(-1, 1, 1, 1)
            return moved

    def decode(self, latents: Array, *, size: tuple[int, int], check: Callable[[], None] = proceed) -> Pictures:
        """The views that the latents say, copied out of the large picture."""
        check()
        with self.stages.time("model"):
            width, height = self.size
            frames = np.empty((len(latents), height, width, 3), np.uint8)
            for frame, (x, y) in zip(frames, latents.reshape(len(latents), -1) @ self._directions.T, strict=True):
                steps = PARTS * self.margin[0] * REACH * float(x)
                part, left = int(steps % PARTS), _folded(int(steps // PARTS), self.margin[0])
                top = _folded(round(self.margin[1] * REACH * float(y)), self.margin[1])
                frame[:] = self._large[part, top : top + height, left : left + width]
            return Pictures(frames)


def _folded(place: int, end: int) -> int:
    """Reflect a place into 0 to `end`."""
    place = place % (2 * end)
    return place if place <= end else 2 * end - place


def _landscape(size: tuple[int, int]) -> Float32:
    """A picture with as much detail as a painted one: waves of all lengths, long ones strongest."""
    width, height = size
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.full((height, width, 3), 128.0, np.float32)
    for length in (512, 256, 128, 64, 32, 16, 8):
        for channel in range(3):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * np.float32(2 * np.pi / length) + phase)
            picture[..., channel] += 4 * length**0.4 * wave
    return picture


def _shifted(picture: Float32) -> Frames:
    """The picture moved by every part of a pixel, one column narrower; shape (PARTS, height, width, 3)."""
    near, far = picture[:, :-1], picture[:, 1:]
    moved = [near + (far - near) * np.float32(part / PARTS) for part in range(PARTS)]
    frames: Frames = np.clip(np.stack(moved), 0, 255).round().astype(np.uint8)
    return frames


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What to measure."""

    seconds: float = 10.0  # length of the song
    size: tuple[int, int] = (512, 512)  # width, height
    fps: Fraction = Fraction(24)
    preset: str = "default"
    overrides: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class CeilingReport:
    """What was measured."""

    size: tuple[int, int]
    fps: Fraction
    preset: str
    codec: str
    encoder: str  # ffmpeg's name of what wrote the video
    frames: int
    wall_s: float  # from the plan to the finished video
    cpu: dict[str, float] = field(default_factory=dict)  # CPU seconds by part
    wall: dict[str, float] = field(default_factory=dict)  # wall seconds of those parts that have them

    @property
    def frames_per_s(self) -> float:
        """Finished frames per second of wall time."""
        return self.frames / self.wall_s

    def to_json(self) -> dict[str, Any]:
        """Plain data; keys are part of the public interface."""
        return {
            "version": 1,
            "size": list(self.size),
            "fps": str(self.fps),
            "preset": self.preset,
            "codec": self.codec,
            "encoder": self.encoder,
            "frames": self.frames,
            "wall_s": round(self.wall_s, 3),
            "frames_per_s": round(self.frames_per_s, 3),
            "parts": {
                name: {
                    "cpu_ms": round(self._ms(seconds), 3),
                    "wall_ms": None if name not in self.wall else round(self._ms(self.wall[name]), 3),
                }
                for name, seconds in self.cpu.items()
            },
        }

    def _ms(self, seconds: float) -> float:
        """Milliseconds a frame."""
        return 1e3 * seconds / self.frames

    def to_text(self) -> str:
        """A table for people."""
        width, height = self.size
        lines = [
            f"ceiling   {self.frames_per_s:.1f} frames/s, if the model took no time",
            f"video     {self.frames} frames of {width}x{height} at {self.fps} fps, preset {self.preset}, "
            f"{self.codec} by {self.encoder}",
            "ms a frame                 CPU    wall",
        ]
        for name, seconds in self.cpu.items():
            wall = f"{self._ms(self.wall[name]):8.2f}" if name in self.wall else ""
            lines.append(f"  {name:<20}{self._ms(seconds):8.2f}{wall}")
        total = self._ms(sum(self.cpu.values()))
        lines.append(f"  {'in all':<20}{total:8.2f}{self._ms(self.wall_s):8.2f}")
        return "\n".join(lines)


def measure_ceiling(asked: Ceiling) -> CeilingReport:
    """Render a synthetic song with a model of no cost, and measure the rest.

    Raises
    ------
    BeatwalkError
        The settings are wrong.
    """
    generator = InstantGenerator(asked.size)
    for seconds in (WARM_UP_S, asked.seconds):
        generator.stages = Stages()
        with scratch_folder("beatwalk-bench-") as folder:
            report = _rendered(folder, generator, asked, seconds)
    return report


def _rendered(folder: Path, generator: InstantGenerator, asked: Ceiling, seconds: float) -> CeilingReport:
    from beatwalk import api
    from beatwalk.video import codec_named, encoder_of

    settings = {"video": {"fps": str(asked.fps), "size": asked.size}}
    song = write_song(folder / "song.wav", seconds)
    plan = api.plan(song, PROMPTS, preset=asked.preset, overrides=(settings, *asked.overrides))
    video = plan.settings.video
    output = folder / f"out{codec_named(video.codec).suffixes[0]}"
    with CpuTimes() as times:
        begin = time.perf_counter()
        result = api.render(plan, output, generator=generator)
        wall_s = time.perf_counter() - begin
    return CeilingReport(
        size=asked.size,
        fps=plan.timeline.fps,
        preset=asked.preset,
        codec=video.codec,
        encoder=encoder_of(video, asked.size),
        frames=result.frames,
        wall_s=wall_s,
        cpu=_parts(times, generator.stages, result.stages),
        wall={**_wall(result.stages), "model": generator.stages.get("model", 0.0)},
    )


# Stages of finishing, as the report names them.
_STAGES = {
    "effects": "effects", "flashes": "flash limiter", "copy": "copy to host", "upscale": "upscaler",
    "lettering": "text and fades",
    "encode": "hand to encoder", "mux": "song and chapters",
}  # fmt: skip


def _wall(stages: Stages) -> dict[str, float]:
    return {name: stages[stage] for stage, name in _STAGES.items() if stage in stages}


def _parts(times: CpuTimes, model: Stages, finishing: Stages) -> dict[str, float]:
    """CPU seconds by part. Threads and children are told apart by their names."""
    threads = dict(times.threads)
    threads.pop(times.name)  # what it costs to look is not part of a render
    pool = sum(threads.pop(name) for name in list(threads) if name.startswith("effects"))
    feeding = sum(threads.pop(name) for name in list(threads) if name.startswith("encode "))
    segments = sum(seconds for line, seconds in times.children if "utvideo" in line)
    parts = {
        "model": model.cpu.get("model", 0.0),
        "walk, measuring": threads.pop("MainThread", 0.0) - model.cpu.get("model", 0.0),
        **{name: finishing.cpu[stage] for stage, name in _STAGES.items() if stage in finishing.cpu},
    }
    parts["effects"] = parts.get("effects", 0.0) + pool
    parts["finishing, other"] = threads.pop("finish", 0.0) - sum(finishing.cpu.get(stage, 0.0) for stage in _STAGES)
    parts["feeding pipes"] = feeding
    parts["segment files"] = segments + threads.pop("segment_0", 0.0)
    parts["encoder"] = sum(seconds for _, seconds in times.children) - segments
    parts["threads of libraries"] = threads.pop("", 0.0)
    parts["other threads"] = sum(threads.values())
    return {name: max(seconds, 0.0) for name, seconds in parts.items()}
