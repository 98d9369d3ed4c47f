"""What a person can choose: the settings that presets, `--set` and the command line fill in.

Every model is frozen and strict: an unknown key or a wrong type is an error, never a guess. Field comments give
units. `beatwalk.plan.presets` finds, merges and checks them; this module only says what they are.

A **modulated** target (speed, zoom, …) is a constant plus rules; each rule adds one musical source, shaped by the
words of a synthesiser. A *level* is a value at a moment; a *rate* is a speed that accumulates over time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator

from beatwalk.expressions import parse
from beatwalk.sizes import NAMES, NamedSize, parse_named
from beatwalk.sources import check_name, check_source, check_stem_name, is_name
from beatwalk.targets import EFFECT_GROUPS, TARGETS

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
AlphaMode = Literal["straight", "premultiplied"]


def _check_expression(text: str) -> str:
    if text:
        parse(text)
    return text


def _check_rule_source(text: str) -> str:
    if is_name(text):
        return check_source(text)
    parse(text)
    return text


Expression = Annotated[str, AfterValidator(_check_expression)]
# A name of `beatwalk.sources.SOURCES` or of `SourcesSettings`, or an expression.
Source = Annotated[str, AfterValidator(_check_rule_source)]
Shape = Literal["linear", "square", "root", "smooth", "exponential"]
Amount = Annotated[float, Field(ge=-10_000, le=10_000)]  # far beyond any use
MAX_TRAILS = TARGETS["trails.amount"].high
# Groups that change finished pictures but not rendered frames: `beatwalk finish` may change them.
AFTERWARDS = (*EFFECT_GROUPS, "effects", "subtitles", "card", "fades", "safety", "video")
_RATE = re.compile(
    r"[0-9]{1,9}(\.[0-9]{1,9})?|[0-9]{1,9}/[0-9]{1,9}"
)  # no exponents: 1e999999999 would take for ever


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


def _parse_asked_size(value: Any) -> Any:
    """Accept what `_parse_size` accepts, and the name of a size."""
    if isinstance(value, NamedSize):
        return value
    if isinstance(value, str):
        named = parse_named(value)
        if named is not None:
            return named
        if value != "auto" and not re.fullmatch(r"\s*\d+\s*x\s*\d+\s*", value.lower()):
            raise ValueError(
                f"expected a size such as 512x512 (width x height in pixels), or {NAMES}, found {value!r}"
            )
    size = _parse_size(value)
    if size is not None and not (
        isinstance(size, tuple) and len(size) == 2 and all(type(side) is int and 16 <= side <= 8192 for side in size)
    ):
        raise ValueError(f"expected a width and a height from 16 to 8192 pixels, found {_size_text(size)}")
    return size


def _asked_size_text(value: tuple[int, int] | NamedSize | None) -> str:
    return value.name if isinstance(value, NamedSize) else _size_text(value)


def _size_text(value: Any) -> str:
    return "auto" if value is None else "x".join(map(str, value)) if isinstance(value, tuple) else repr(value)


Fps = Annotated[Fraction, BeforeValidator(_parse_fps), PlainSerializer(str, return_type=str)]
Size = Annotated[
    tuple[Annotated[int, Field(ge=16, le=8192)], Annotated[int, Field(ge=16, le=8192)]] | None,
    BeforeValidator(_parse_size),
    PlainSerializer(_size_text, return_type=str),
]


AskedSize = Annotated[
    tuple[int, int] | NamedSize | None,
    PlainValidator(_parse_asked_size),
    PlainSerializer(_asked_size_text, return_type=str),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )


class SmoothSettings(_Frozen):
    """A second-order follower: it moves like a weight on a spring."""

    hz: float = Field(default=1.0, ge=0.01, le=1000)  # how quickly it follows
    damping: float = Field(default=1.0, ge=0.01, le=100)  # below 1 it swings
    response: float = Field(default=0.0, ge=-100, le=100)  # above 0 it reacts at once, below 0 it anticipates


class Rule(_Frozen):
    """One row of the modulation matrix: add `amount` x shaped(source) to a target."""

    source: Source  # what the music does, such as energy or beat, or an expression such as lfo(bars=4)
    amount: Amount = 1.0  # added at full source, in the target's unit
    kind: Literal["level", "rate"] = "level"  # rate: per second, accumulates (walk.speed: ignored)
    attack_ms: float = Field(default=0.0, ge=0, le=10_000)  # time of the rise, which ends on the event
    release_ms: float = Field(default=0.0, ge=0, le=60_000)  # time of the fall after the event
    curve: Shape = "linear"  # applied to the source before the amount
    every: int = Field(default=1, ge=1, le=64)  # events: use every n-th one
    offset_beats: float = Field(default=0.0, ge=-16, le=16)  # events: beats later (+) or earlier (-)
    when: Expression = ""  # count only where this is not 0, such as energy > 0.6; "": always
    gate: float | None = Field(default=None, ge=0, le=1)  # 1 where the source is at least this high, else 0
    hold: Literal["", "beat", "bar", "section", "onset", "drop"] = ""  # keep the value of each until the next one
    smooth: SmoothSettings | None = None  # follow what the rule gives


def _tuple_from_list(value: Any) -> Any:
    """TOML and JSON have lists where we keep tuples."""
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class IsFile:
    """Marks a setting that names a file or a folder: it counts from the file that it is written in."""

    words: tuple[str, ...] = ()  # what else may stand there, alone or before a colon

    def names(self, value: object) -> bool:
        """Whether a value of such a setting is the name of a file."""
        return isinstance(value, str) and bool(value) and value.partition(":")[0] not in self.words


File = Annotated[str, IsFile()]
FileOrCover = Annotated[str, IsFile(words=("cover",))]
FileOrAuto = Annotated[str, IsFile(words=("auto",))]
Files = Annotated[tuple[File, ...], BeforeValidator(_tuple_from_list)]


class Modulated(_Frozen):
    """A target over time: constants, rules and an expression, added up, in the target's unit.

    A bare number is a constant level, a bare text an expression.
    """

    level: Amount = 0.0  # constant
    rate: Amount = 0.0  # constant, per second; it accumulates
    expression: Expression = ""  # such as 0.1 + 0.6*energy**2
    rules: Annotated[tuple[Rule, ...], BeforeValidator(_tuple_from_list)] = ()


def _parse_modulated(value: Any) -> Any:
    """A bare number is a constant level, a bare text an expression."""
    if isinstance(value, str):
        return {"expression": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"level": value}
    return value


Modulation = Annotated[Modulated, BeforeValidator(_parse_modulated)]


class WalkSettings(_Frozen):
    """Where the walk goes and how fast."""

    # When the prompt changes: section, or a number of bars or beats such as "8 bars"
    change_every: str = Field(default="section", pattern=r"^(section|[1-9]\d{0,2} (bars?|beats?))$")
    change_share: float = Field(default=0.6, ge=0.01, le=1)  # last part of a segment, in which prompts change
    # Least perceived change between two prompts. A boundary that allows less, at the music's speed, is skipped if
    # another one is free.
    least_change: float = Field(default=0.5, ge=0, le=100)
    path: Literal["both", "prompts", "noise"] = "both"  # what moves between keyframes
    spline: bool = False  # true: prompts change all the time and turn smoothly at keyframes; false: they rest there
    pace: float = Field(default=0.4, ge=0.001, le=10)  # perceived change a second at speed 1
    # How fast the picture changes, relative to `pace`
    speed: Modulation = Modulated(level=0.1, rules=(Rule(source="energy", amount=1.0),))
    # FILE or FILE:STRENGTH: start from this picture, if the first keyframe has none; cover: from the song's own
    init: FileOrCover | None = None
    loop: bool = False  # the end flows into the beginning
    # Most memory for latents that are denoised ahead of the frames, in MB, host's or device's.
    lookahead_mb: float = Field(default=256, ge=1, le=65_536)


class CameraSettings(_Frozen):
    """Movement of the finished picture, which is reflected at its edges."""

    zoom: Modulation = Modulated()  # octaves (level), octaves a second (rate)
    rotate: Modulation = Modulated()  # degrees, degrees a second
    pan_x: Modulation = Modulated()  # picture widths
    pan_y: Modulation = Modulated()  # picture heights
    zoom_range: float = Field(default=0.5, ge=0.01, le=4)  # octaves; an accumulated zoom turns back there


class ColorSettings(_Frozen):
    """Colour of the finished picture."""

    exposure: Modulation = Modulated()  # stops
    saturation: Modulation = Modulated()  # added to a factor of 1
    hue: Modulation = Modulated()  # degrees


class TrailsSettings(_Frozen):
    """Persistence of earlier frames."""

    amount: Modulation = Modulated()  # part of the previous frame that stays, 0-0.95


class MirrorSettings(_Frozen):
    """A kaleidoscope."""

    segments: Modulation = Modulated()  # about the middle, every second one mirrored; 1 mirrors left and right


class TileSettings(_Frozen):
    """The picture several times, smaller."""

    count: Modulation = Modulated()  # along each side, added to 1


class PixelateSettings(_Frozen):
    """Large pixels."""

    amount: Modulation = Modulated()  # side of a cell, as a part of the picture's shorter side; 0.02 is coarse


class AberrationSettings(_Frozen):
    """Colours that drift apart, as in a cheap lens."""

    amount: Modulation = Modulated()  # distance of red and blue in picture widths; 0.01 is plain to see


class VignetteSettings(_Frozen):
    """Darker corners."""

    amount: Modulation = Modulated()  # part of the corners' light that is lost


class StrobeSettings(_Frozen):
    """Flashes of white, which the flash limiter softens where they could harm."""

    amount: Modulation = Modulated()  # part of white that is mixed in


class GrainSettings(_Frozen):
    """Film grain on the finished picture."""

    noise: Modulation = Modulated()  # standard deviation, in sRGB of 0-1; 0.05 is strong


Stems = dict[
    Annotated[str, AfterValidator(check_stem_name)], File
]  # each FILE, or FILE:SECONDS where it begins later
Named = dict[Annotated[str, AfterValidator(check_name)], File]  # the same


class SourcesSettings(_Frozen):
    """Files that drive the picture like the song itself; the name of a stem, MIDI file or curve is a source."""

    stems: Stems = {}  # parts of the song as sound files: drums gives drums.energy, drums.onset and so on
    midi: Named = {}  # MIDI files: midi gives midi.kick, midi.36, midi.ch10, midi.cc1 and so on
    curves: Named = {}  # tables of values over time: glow gives glow
    lyrics: File | None = None  # an LRC, SubRip or WebVTT file, for @line, {line} and subtitles


class FeedbackSettings(_Frozen):
    """The closed loop: the change from frame to frame is measured and corrects the walk."""

    enabled: bool = True  # false: walk without measuring
    block_frames: int = Field(default=12, ge=1, le=240)  # frames between two corrections
    gain: float = Field(default=0.7, ge=0, le=1)  # how quickly measured errors are believed
    probes: int = Field(default=257, ge=3, le=4097)  # most latent previews that a survey spends on a segment
    probe_share: float = Field(default=0.15, gt=0, le=1)  # most cost of a survey, as a part of the render's
    probe_steps: int | None = Field(default=None, ge=1, le=200)  # of a latent preview; None: half the render's


class ModelSettings(_Frozen):
    """How pictures are made. None means the model's own default."""

    steps: int | None = Field(default=None, ge=1, le=200)  # denoising steps
    guidance: float | None = Field(default=None, ge=0, le=50)  # classifier-free guidance
    negative: str = ""  # what pictures should not show, where guidance is above 1
    batch: int | None = Field(default=None, ge=1, le=256)  # pictures at once; None: as many as fit
    compile: Literal["auto", "on", "off"] = "auto"  # with torch; auto: on CUDA, if the video is long
    cuda_graphs: bool = True  # record what is compiled on CUDA as CUDA graphs, where that works
    lora: Files = ()  # FILE or FILE:scale, merged into the model
    vae: File | None = None  # another autoencoder
    tiny_vae: Annotated[str, IsFile(words=("auto",))] | None = (
        None  # a small fast autoencoder; "auto": the one made for the family
    )
    embedding: Files = ()  # textual inversions; the word is the file's name
    safety_checker: bool = False  # enable the model's safety checker; flagged frames become black
    step_cache: int | None = Field(default=None, ge=2, le=10)  # compute one step of N and predict the others
    scheduler: str | None = None  # ddim, dpm++, euler, lcm, …
    prediction: Literal["epsilon", "v"] | None = None  # what the network predicts, where its files do not say


class VideoSettings(_Frozen):
    """The file that comes out."""

    fps: Fps = Fraction(24)  # frames a second; a fraction such as 30000/1001 is exact
    # In which pictures are rendered, such as 512x512; or a shape such as 9:16, or 1080p and the like, for the nearest
    # size that the model makes, scaled to it. None: the model's native size.
    size: AskedSize = None
    codec: Codec = "h264"  # and with it the kinds of file; see beatwalk render --help
    # Lower is better and larger; h264, h265, av1, vp9, webm. None: the codec's own (h264: 19, others: 15).
    crf: int | None = Field(default=None, ge=0, le=51)
    hardware: bool = True  # h264, h265: use the graphics card's encoder, where it works
    intra: bool = False  # h264: every frame stands alone, for scrubbing
    upscale: int = Field(default=1, ge=1, le=4)  # enlarge the finished pictures N times in width and height (Lanczos)
    upscaler: File | None = None  # folder of a latent upscaler of diffusers, to enlarge by 2 instead of Lanczos
    interpolate: int = Field(default=1, ge=1, le=8)  # write N frames per rendered frame, motion-compensated
    alpha: str = Field(default="", pattern=r"^(luma|key=#[0-9a-fA-F]{6})?$")  # what becomes transparent
    alpha_mode: AlphaMode | None = None  # of colours; None: as the codec's readers expect
    sound: bool = True  # lay the song under the pictures, where the container takes sound
    # What a player lists. None: sections and prompts together, but nothing in loops and in VJ codecs, whose .mov
    # would carry a text track that VJ programs and `ffmpeg -map 0 -c copy` refuse.
    chapters: Literal["sections", "prompts", "off"] | None = None

    @property
    def exact_size(self) -> tuple[int, int] | None:
        """Width and height in which pictures are rendered; None where the model decides it."""
        return None if isinstance(self.size, NamedSize) else self.size

    def rendered_size(self, native: tuple[int, int], multiple: int) -> tuple[int, int]:
        """Width and height in which a model renders pictures.

        Parameters
        ----------
        native
            The model's own width and height.
        multiple
            What its widths and heights are multiples of.
        """
        if isinstance(self.size, NamedSize):
            return self.size.nearest(native, multiple)
        return self.size or native

    def enlarged(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of finished pictures whose frames were rendered in `size`."""
        if isinstance(self.size, NamedSize):
            return self.size.pixels
        return self.upscale * size[0], self.upscale * size[1]


class SubtitlesSettings(_Frozen):
    """The lyrics as text in or beside the pictures."""

    mode: Literal["off", "burn", "track"] = "off"  # burn: in the pictures; track: one that players can switch off
    font: File | None = None  # a TrueType or OpenType file; None: DejaVu Sans Bold
    size: float = Field(default=0.05, ge=0.01, le=0.3)  # height of a line, as a part of the picture's shorter side
    margin: float = Field(default=0.07, ge=0, le=0.3)  # from each edge, as a part of the picture's width and height
    place: Literal["top", "middle", "bottom"] = "bottom"  # where burnt-in text stands


class CardSettings(_Frozen):
    """An end card: title and artist over the darkened end of the video. The file's tags name them too."""

    title: str = Field(default="", max_length=200)  # of the song; empty: none
    artist: str = Field(default="", max_length=200)  # below the title; empty: none
    seconds: float = Field(default=4.0, ge=0, le=60)  # how long it is shown; 0: tags alone


class FadesSettings(_Frozen):
    """From black, and to black."""

    in_s: float = Field(default=0.0, ge=0, le=60)  # seconds
    out_s: float = Field(default=0.0, ge=0, le=60)  # seconds
    sound: Literal["auto", "on", "off"] = "auto"  # fade the sound too; auto: where an excerpt cuts the song


class SafetySettings(_Frozen):
    """Protection against flashes that can set off seizures (WCAG 2.3.1)."""

    allow_flashes: bool = False  # do not soften flashes; that may harm people with epilepsy


class Settings(_Frozen):
    """Everything a preset may hold."""

    description: str = ""  # one line, shown by `beatwalk presets`
    seed: int = Field(default=0, ge=0, lt=2**63)  # of the noise chain
    sources: SourcesSettings = SourcesSettings()
    walk: WalkSettings = WalkSettings()
    camera: CameraSettings = CameraSettings()
    color: ColorSettings = ColorSettings()
    trails: TrailsSettings = TrailsSettings()
    mirror: MirrorSettings = MirrorSettings()
    tile: TileSettings = TileSettings()
    pixelate: PixelateSettings = PixelateSettings()
    aberration: AberrationSettings = AberrationSettings()
    vignette: VignetteSettings = VignetteSettings()
    strobe: StrobeSettings = StrobeSettings()
    grain: GrainSettings = GrainSettings()
    effects: bool = True  # apply camera, colour and all other effects
    feedback: FeedbackSettings = FeedbackSettings()
    model: ModelSettings = ModelSettings()
    video: VideoSettings = VideoSettings()
    subtitles: SubtitlesSettings = SubtitlesSettings()
    card: CardSettings = CardSettings()
    fades: FadesSettings = FadesSettings()
    safety: SafetySettings = SafetySettings()
