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

    # The prompt changes at each of these: section, or a number of bars or beats such as "8 bars".
    change_every: str = Field(default="section", pattern=r"^(section|[1-9]\d{0,2} (bars?|beats?))$")
    # Prompts change in this last part of a segment.
    change_share: float = Field(default=0.6, ge=0.01, le=1)
    # Two prompts get at least this much perceived change; a boundary that allows less, at the music's speed, is
    # skipped if another one is free.
    least_change: float = Field(default=0.5, ge=0, le=100)
    # This is what moves between keyframes: the prompts, the noise, or both.
    path: Literal["both", "prompts", "noise"] = "both"
    # True lets prompts change all the time and turn smoothly at keyframes; false lets them rest there.
    spline: bool = False
    # This is the perceived change a second at speed 1.
    pace: float = Field(default=0.4, ge=0.001, le=10)
    # The picture changes this fast, relative to `pace`.
    speed: Modulation = Modulated(level=0.1, rules=(Rule(source="energy", amount=1.0),))
    # FILE or FILE:STRENGTH names the picture to start from, if the first keyframe has none; cover is the song's own.
    init: FileOrCover | None = None
    # True lets the end flow into the beginning.
    loop: bool = False
    # Latents that are denoised ahead of the frames take at most this memory in MB, of the host or the device.
    lookahead_mb: float = Field(default=256, ge=1, le=65_536)
    # Segments longer than this many seconds are divided into legs, which several workers can render at once; 0
    # divides none. Motion is a little less even where they meet.
    leg_s: float = Field(default=0, ge=0, le=3600)


class CameraSettings(_Frozen):
    """Movement of the finished picture, which is reflected at its edges."""

    # The picture comes closer by this many octaves (level), or octaves a second (rate).
    zoom: Modulation = Modulated()
    # The picture turns by this many degrees (level), or degrees a second (rate).
    rotate: Modulation = Modulated()
    # The picture moves to the side by this many of its widths (level), or widths a second (rate).
    pan_x: Modulation = Modulated()
    # The picture moves up or down by this many of its heights (level), or heights a second (rate).
    pan_y: Modulation = Modulated()
    # An accumulated zoom turns back after this many octaves.
    zoom_range: float = Field(default=0.5, ge=0.01, le=4)


class ColorSettings(_Frozen):
    """Colour of the finished picture."""

    # The picture gets brighter by this many stops; 1 is twice the light.
    exposure: Modulation = Modulated()
    # This is added to the factor of saturation, which is 1; -1 leaves greys.
    saturation: Modulation = Modulated()
    # All hues turn by this many degrees.
    hue: Modulation = Modulated()


class TrailsSettings(_Frozen):
    """Persistence of earlier frames."""

    # This part of the previous frame stays, from 0 to 0.95.
    amount: Modulation = Modulated()


class MirrorSettings(_Frozen):
    """A kaleidoscope."""

    # The picture has this many segments about its middle, every second one mirrored; 1 mirrors left and right.
    segments: Modulation = Modulated()


class TileSettings(_Frozen):
    """The picture several times, smaller."""

    # The picture stands once and this many times more along each side.
    count: Modulation = Modulated()


class PixelateSettings(_Frozen):
    """Large pixels."""

    # A cell's side is this part of the picture's shorter side; 0.02 is coarse.
    amount: Modulation = Modulated()


class AberrationSettings(_Frozen):
    """Colours that drift apart, as in a cheap lens."""

    # Red and blue lie this many picture widths apart; 0.01 is plain to see.
    amount: Modulation = Modulated()


class VignetteSettings(_Frozen):
    """Darker corners."""

    # The corners lose this part of their light.
    amount: Modulation = Modulated()


class StrobeSettings(_Frozen):
    """Flashes of white, which the flash limiter softens where they could harm."""

    # This part of white is mixed in.
    amount: Modulation = Modulated()


class GrainSettings(_Frozen):
    """Film grain on the finished picture."""

    # The noise has this standard deviation, in sRGB from 0 to 1; 0.05 is strong.
    noise: Modulation = Modulated()


Stems = dict[
    Annotated[str, AfterValidator(check_stem_name)], File
]  # each FILE, or FILE:SECONDS where it begins later
Named = dict[Annotated[str, AfterValidator(check_name)], File]  # the same


class SourcesSettings(_Frozen):
    """Files that drive the picture like the song itself; the name of a stem, MIDI file or curve is a source."""

    # These are parts of the song as sound files: drums gives drums.energy, drums.onset and so on.
    stems: Stems = {}
    # These are MIDI files: midi gives midi.kick, midi.36, midi.ch10, midi.cc1 and so on.
    midi: Named = {}
    # These are tables of values over time: glow gives glow.
    curves: Named = {}
    # An LRC, SubRip or WebVTT file holds the words for @line, {line} and subtitles.
    lyrics: File | None = None


class FeedbackSettings(_Frozen):
    """The closed loop: the change from frame to frame is measured and corrects the walk."""

    # False lets the walk go without measuring.
    enabled: bool = True
    # The walk is corrected once in this many frames.
    block_frames: int = Field(default=12, ge=1, le=240)
    # Measured errors are believed this quickly.
    gain: float = Field(default=0.7, ge=0, le=1)
    # A survey spends at most this many latent previews on a segment.
    probes: int = Field(default=257, ge=3, le=4097)
    # A survey costs at most this part of what the render costs.
    probe_share: float = Field(default=0.15, gt=0, le=1)
    # A latent preview takes this many denoising steps; None is half the render's.
    probe_steps: int | None = Field(default=None, ge=1, le=200)


class ModelSettings(_Frozen):
    """How pictures are made. None means the model's own default."""

    # A picture takes this many denoising steps.
    steps: int | None = Field(default=None, ge=1, le=200)
    # This is the weight of classifier-free guidance.
    guidance: float | None = Field(default=None, ge=0, le=50)
    # Pictures should not show this; it counts where guidance is above 1.
    negative: str = ""
    # This many pictures are made at once; None is as many as fit.
    batch: int | None = Field(default=None, ge=1, le=256)
    # PyTorch compiles the model; auto does so on CUDA, if the video is long.
    compile: Literal["auto", "on", "off"] = "auto"
    # What is compiled on CUDA is recorded as CUDA graphs, where that works.
    cuda_graphs: bool = True
    # LoRAs, each FILE or FILE:scale, are merged into the model.
    lora: Files = ()
    # This autoencoder takes the place of the model's own.
    vae: File | None = None
    # This small fast autoencoder takes the place of the model's own; "auto" is the one made for the family.
    tiny_vae: Annotated[str, IsFile(words=("auto",))] | None = None
    # These are textual inversions; each file's name is the word.
    embedding: Files = ()
    # The model's safety checker is enabled; flagged frames become black.
    safety_checker: bool = False
    # One denoising step of this many is computed, and the others are predicted.
    step_cache: int | None = Field(default=None, ge=2, le=10)
    # This scheduler denoises: ddim, dpm++, euler, lcm and others.
    scheduler: str | None = None
    # The network predicts this; it is needed where the model's files do not say it.
    prediction: Literal["epsilon", "v"] | None = None


class VideoSettings(_Frozen):
    """The file that comes out."""

    # The video has this many frames a second; a fraction such as 30000/1001 is exact.
    fps: Fps = Fraction(24)
    # Pictures are rendered in this size, such as 512x512; or, for a shape such as 9:16, or 1080p and the like, in the
    # nearest one that the model makes, and scaled to it. None is the model's native size.
    size: AskedSize = None
    # This codec is used, and with it go the kinds of file; see beatwalk render --help.
    codec: Codec = "h264"
    # Lower is better and larger, with h264, h265, av1, vp9 and webm; None is the codec's own (h264: 19, others: 15).
    crf: int | None = Field(default=None, ge=0, le=51)
    # With h264 and h265, the graphics card's encoder is used where it works.
    hardware: bool = True
    # With h264, every frame stands alone, for scrubbing.
    intra: bool = False
    # Finished pictures are enlarged this many times in width and height (Lanczos).
    upscale: int = Field(default=1, ge=1, le=4)
    # This folder of a latent upscaler of diffusers enlarges by 2, in place of Lanczos.
    upscaler: File | None = None
    # This many frames are written for each rendered one, motion-compensated.
    interpolate: int = Field(default=1, ge=1, le=8)
    # This becomes transparent: luma, what is dark; or a colour such as key=#000000.
    alpha: str = Field(default="", pattern=r"^(luma|key=#[0-9a-fA-F]{6})?$")
    # Colours stand for themselves (straight) or are multiplied by alpha; None is what the codec's readers expect.
    alpha_mode: AlphaMode | None = None
    # The song lies under the pictures, where the container takes sound.
    sound: bool = True
    # A player lists these. None is sections and prompts together, but nothing in loops and in VJ codecs, whose .mov
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

    # Lyrics are written into the pictures (burn), or on a track that players can switch off.
    mode: Literal["off", "burn", "track"] = "off"
    # This TrueType or OpenType file is the font; None is DejaVu Sans Bold.
    font: File | None = None
    # A line's height is this part of the picture's shorter side.
    size: float = Field(default=0.05, ge=0.01, le=0.3)
    # Text keeps this part of the picture's width and height away from each edge.
    margin: float = Field(default=0.07, ge=0, le=0.3)
    # Burnt-in text stands here.
    place: Literal["top", "middle", "bottom"] = "bottom"


class CardSettings(_Frozen):
    """An end card: title and artist over the darkened end of the video. The file's tags name them too."""

    # The card shows this title of the song; empty is none.
    title: str = Field(default="", max_length=200)
    # The card shows this artist below the title; empty is none.
    artist: str = Field(default="", max_length=200)
    # The card is shown for this many seconds; 0 leaves the file's tags alone to say it.
    seconds: float = Field(default=4.0, ge=0, le=60)


class FadesSettings(_Frozen):
    """From black, and to black."""

    # The video comes from black in this many seconds.
    in_s: float = Field(default=0.0, ge=0, le=60)
    # The video goes to black in this many seconds.
    out_s: float = Field(default=0.0, ge=0, le=60)
    # The sound fades too; auto does so where an excerpt cuts the song.
    sound: Literal["auto", "on", "off"] = "auto"


class SafetySettings(_Frozen):
    """Protection against flashes that can set off seizures (WCAG 2.3.1)."""

    # Flashes are not softened; that may harm people with epilepsy.
    allow_flashes: bool = False


class Settings(_Frozen):
    """Everything a preset may hold."""

    # This line is what `beatwalk presets` shows.
    description: str = ""
    # The noise of the first picture comes from this number.
    seed: int = Field(default=0, ge=0, lt=2**63)
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
    # Camera, colour and all other effects are applied.
    effects: bool = True
    feedback: FeedbackSettings = FeedbackSettings()
    model: ModelSettings = ModelSettings()
    video: VideoSettings = VideoSettings()
    subtitles: SubtitlesSettings = SubtitlesSettings()
    card: CardSettings = CardSettings()
    fades: FadesSettings = FadesSettings()
    safety: SafetySettings = SafetySettings()
