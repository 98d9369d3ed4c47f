"""What a person can choose: the settings that presets, `--set` and the command line fill in.

Every group is frozen and strict: an unknown key or a wrong type is an error, never a guess. Field comments give
units. `beatwalk.plan.presets` finds, merges and checks settings; this module only defines them.

A **modulated** target (speed, zoom, …) is a constant plus rules. Each rule adds one musical source, shaped as on a
synthesiser. A *level* is a value at a moment; a *rate* is a speed that accumulates over time.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Source = Literal[
    "energy",
    "onset",
    "beat",
    "downbeat",
    "bar_phase",
    "bass",
    "mid",
    "high",
    "brightness",
    "section",
    "constant",
]
Codec = Literal[
    "h264",
    "h265",
    "av1",
    "vp9",
    "prores",
    "prores-4444",
    "hap",
    "hap-alpha",
    "hap-q",
    "dxv",
    "ffv1",
    "mjpeg",
    "gif",
    "webm",
]
Shape = Literal["linear", "square", "root", "smooth", "exponential"]
Amount = Annotated[float, Field(ge=-10_000, le=10_000)]  # far beyond any use, yet safe to compute with
MAX_TRAILS = 0.95  # a larger share of the previous frame would hardly ever fade
# Groups that change finished pictures but not rendered frames: `beatwalk finish` may change them.
AFTERWARDS = ("camera", "color", "trails", "grain", "effects", "safety", "video")
_RATE = re.compile(
    r"[0-9]{1,9}(\.[0-9]{1,9})?|[0-9]{1,9}/[0-9]{1,9}"
)  # exponents are refused: 1e999999999 would take for ever


def _parse_fps(value: Any) -> Any:
    """Accept 24, "24", "23.976…" only where exact, and "24000/1001"."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f'expected a frame rate such as 24 or "30000/1001", found {value!r}')
    text = str(value).strip()
    try:
        fps = Fraction(text if _RATE.fullmatch(text) else "")
    except (ValueError, ZeroDivisionError):
        raise ValueError(f'expected a frame rate such as 24 or "30000/1001", found {text[:40]!r}') from None
    if not 1 <= fps <= 240:
        raise ValueError(f"frame rate must lie between 1 and 240, found {value}")
    return fps


def _parse_size(value: Any) -> Any:
    """Accept "WIDTHxHEIGHT", a pair, or "auto" (the model's native size) as None."""
    if value is None or value == "auto":
        return None
    if isinstance(value, str):
        width, cross, height = value.lower().partition("x")
        if not cross or not width.strip().isdecimal() or not height.strip().isdecimal():
            raise ValueError(f"expected a size such as 512x512 (width x height in pixels), found {value!r}")
        value = (int(width), int(height))
    if isinstance(value, list):
        value = tuple(value)
    return value


def _size_text(value: tuple[int, int] | None) -> str:
    return "auto" if value is None else f"{value[0]}x{value[1]}"


Fps = Annotated[Fraction, BeforeValidator(_parse_fps), PlainSerializer(str, return_type=str)]
Size = Annotated[
    tuple[Annotated[int, Field(ge=16, le=8192)], Annotated[int, Field(ge=16, le=8192)]] | None,
    BeforeValidator(_parse_size),
    PlainSerializer(_size_text, return_type=str),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class Rule(_Frozen):
    """One row of the modulation matrix: add `amount` x shaped(source) to a target."""

    source: Source
    amount: Amount = 1.0  # in the target's unit, at full source
    kind: Literal["level", "rate"] = "level"  # rate: per second, accumulated (camera and hue only)
    attack_ms: float = Field(default=0.0, ge=0, le=10_000)  # rise; ends on the event
    release_ms: float = Field(default=0.0, ge=0, le=60_000)  # fall after the event
    curve: Shape = "linear"
    every: int = Field(default=1, ge=1, le=64)  # beat sources: every n-th beat or bar
    offset_beats: float = Field(default=0.0, ge=-16, le=16)  # beat sources: later (+) or earlier (-)


def _tuple_from_list(value: Any) -> Any:
    """TOML and JSON have lists where we keep tuples."""
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_tuple_from_list)]


class Modulated(_Frozen):
    """A target over time: constants plus rules. Units are the target's."""

    level: Amount = 0.0
    rate: Amount = 0.0  # per second
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_tuple_from_list)] = ()


def _parse_modulated(value: Any) -> Any:
    """A bare number is a constant level."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"level": value}
    return value


Modulation = Annotated[Modulated, BeforeValidator(_parse_modulated)]


class WalkSettings(_Frozen):
    """Where the walk goes and how fast."""

    change_every: str = Field(default="section", pattern=r"^(section|[1-9]\d{0,2} (bars?|beats?))$")
    change_share: float = Field(default=0.6, ge=0.01, le=1)  # the prompt changes on this last part of a segment
    # Least perceived change between two prompts. A boundary that allows less, at the music's speed, is skipped if
    # another one is free.
    least_change: float = Field(default=0.5, ge=0, le=100)
    path: Literal["both", "prompts", "noise"] = "both"
    # True: the prompt changes all the time and turns smoothly at keyframes. False: it rests and turns there.
    spline: bool = False
    pace: float = Field(default=0.4, ge=0.001, le=10)  # perceived change a second at speed 1
    speed: Modulation = Modulated(level=0.1, rules=(Rule(source="energy", amount=1.0),))
    init: str | None = None  # FILE or FILE:strength: the picture to start from, unless the first prompt names one
    loop: bool = False  # the end flows into the beginning


class CameraSettings(_Frozen):
    """Movement of the finished picture. What lies beyond its edges is reflected."""

    zoom: Modulation = Modulated()  # octaves (level), octaves a second (rate)
    rotate: Modulation = Modulated()  # degrees, degrees a second
    pan_x: Modulation = Modulated()  # picture widths
    pan_y: Modulation = Modulated()  # picture heights
    zoom_range: float = Field(default=0.5, ge=0.01, le=4)  # octaves; an accumulated zoom turns back at this limit


class ColorSettings(_Frozen):
    """Colour of the finished picture."""

    exposure: Modulation = Modulated()  # stops
    saturation: Modulation = Modulated()  # added to a factor of 1
    hue: Modulation = Modulated()  # degrees


class TrailsSettings(_Frozen):
    """Persistence of earlier frames."""

    amount: Modulation = Modulated()  # share of the previous frame that stays, 0-0.95


class GrainSettings(_Frozen):
    """Film grain on the finished picture."""

    noise: Modulation = Modulated()  # standard deviation, in sRGB of 0-1; 0.05 is strong


class FeedbackSettings(_Frozen):
    """The closed loop: the change from frame to frame is measured and fed back."""

    enabled: bool = True
    block_frames: int = Field(default=12, ge=1, le=240)  # frames between two corrections
    gain: float = Field(default=0.7, ge=0, le=1)  # how much of the predicted error of the arc-length map is corrected
    probes: int = Field(default=257, ge=3, le=4097)  # the most latent previews that one segment's survey takes
    probe_share: float = Field(
        default=0.15, gt=0, le=1
    )  # … and about the largest share of the segment's work that they may cost
    probe_steps: int | None = Field(
        default=None, ge=1, le=200
    )  # of a latent preview; None: half of the render's steps


class ModelSettings(_Frozen):
    """How the model makes pictures. None stands for the model's own default."""

    steps: int | None = Field(default=None, ge=1, le=200)
    guidance: float | None = Field(default=None, ge=0, le=50)
    negative: str = ""
    batch: int | None = Field(default=None, ge=1, le=256)
    compile: Literal["auto", "on", "off"] = "auto"  # torch.compile; auto: on CUDA, for long videos
    cuda_graphs: bool = True  # on CUDA, record what is compiled as CUDA graphs where that works
    lora: Names = ()  # FILE or FILE:scale, merged into the model
    vae: str | None = None  # another autoencoder
    tiny_vae: str | None = None  # a small fast autoencoder; "auto": the one made for the family
    embedding: Names = ()  # textual inversions; the word is the file's name
    safety_checker: bool = False  # the model's own; flagged frames become black
    step_cache: int | None = Field(default=None, ge=2, le=10)  # compute one of N steps and predict the others
    scheduler: str | None = None  # ddim, dpm++, euler, lcm, …


class VideoSettings(_Frozen):
    """The finished file."""

    fps: Fps = Fraction(24)
    size: Size = None  # None: the model's native size
    codec: Codec = "h264"
    crf: int = Field(default=15, ge=0, le=51)  # lower is better and larger; h264, h265, av1, vp9, webm
    hardware: bool = True  # h264, h265: use the graphics card's encoder where it works
    intra: bool = False  # h264: every frame is a keyframe, for scrubbing
    upscale: int = Field(default=1, ge=1, le=4)  # finished pictures are N times as wide and high (Lanczos)
    upscaler: str | None = None  # folder of a diffusers latent upscaler, which doubles the size instead of Lanczos
    interpolate: int = Field(default=1, ge=1, le=8)  # N frames per rendered frame, motion-compensated
    alpha: str = Field(default="", pattern=r"^(luma|key=#[0-9a-fA-F]{6})?$")  # what becomes transparent

    def enlarged(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the finished pictures when frames are rendered at `size`."""
        return self.upscale * size[0], self.upscale * size[1]


class SafetySettings(_Frozen):
    """Photosensitive epilepsy: WCAG 2.3.1."""

    allow_flashes: bool = False


class Settings(_Frozen):
    """Everything a preset may hold."""

    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**63)
    walk: WalkSettings = WalkSettings()
    camera: CameraSettings = CameraSettings()
    color: ColorSettings = ColorSettings()
    trails: TrailsSettings = TrailsSettings()
    grain: GrainSettings = GrainSettings()
    effects: bool = True  # camera, colour, trails and grain
    feedback: FeedbackSettings = FeedbackSettings()
    model: ModelSettings = ModelSettings()
    video: VideoSettings = VideoSettings()
    safety: SafetySettings = SafetySettings()
