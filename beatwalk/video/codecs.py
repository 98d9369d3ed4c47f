"""The codecs: container, pixel format, sizes, sound and alpha of each, all in one table.

Alpha is straight unless premultiplied is asked for: programs that read these files take them for straight (see
`docs/guide/vj.md`, by host).

Colour tags of each codec, as read back:

- h264, h265, av1, vp9, webm, prores, prores-4444: BT.709 in matrix, primaries and curve, limited range.
- hap, hap-alpha, hap-q, dxv, ffv1: RGB, so there is no matrix; primaries and curve BT.709.
- mjpeg: primaries and curve BT.709, but matrix and range are JPEG's own (BT.601's, full): the format has no other,
  and players convert with it whatever a container says. AVI has no place for tags at all.
- gif: RGB without tags, which is sRGB by its standard. It counts time in hundredths of a second: at rates that do not
  divide 100, frames last one hundredth more or less in turn, and the whole is as long as it should be.

Not every ffmpeg has every encoder. Of those that come with imageio-ffmpeg 0.8, the ones for Linux and for Macs with
Apple silicon have all. The one for Intel Macs lacks SVT-AV1; the one for Windows lacks SVT-AV1 and HAP. AV1 is then
written by libaom; HAP needs another ffmpeg (DXV is an alternative).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from beatwalk.core import ffmpeg
from beatwalk.errors import OutputError, SettingsError
from beatwalk.settings import AlphaMode

TO_YUV = (
    "scale=out_color_matrix={matrix}:out_range={range}:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
)
BT709 = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
RGB709 = "setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709"
# JPEG's own matrix is BT.601's, full range, and decoders take no other; primaries and curve are BT.709's.
JPEG = "setparams=range=pc:colorspace=bt470bg:color_primaries=bt709:color_trc=bt709"

# B-frames are coded more coarsely than their neighbours, so small even motion stutters. In a slow walk, the change
# from frame to frame, read back, correlated with its target by 0.71 with them and by 0.98 without (files + 20 %).
EVEN_MOTION = ("-bf", "0")
# An encoder that skips or rounds details from frame to frame adds change of its own, as large as that of a slow walk.
# Measured on 8 s of a slow walk, mean change read back / change of the frames was 1.35 at crf 18 with x264's
# defaults, 1.26 without their economies (crf 16), and 1.19 with finer colours too, which OKLab weighs as much as
# light (crf 18). For a quick walk: 1.04, 1.02, 1.02. Files become two to four times as large; `--set video.crf=24`
# reverts that. The slowest walks (a thousandth of change a frame)
# were still at 1.79: x264 saves bits where little moves, which is invisible for a moment and visible in a quiet
# minute. `qcomp=0` gives every second about the same bits: 1.42, for files of the same size. With nano's better
# decoder: 1.28 at crf 18, 1.20 at 16, 1.17 at 15, 1.15 at 14 (file sizes 1, 1.4, 1.6, 1.9).
# The preset "superfast" at crf 19 keeps small changes as "faster" does at 15, in half the time, for files a third
# larger (docs/performance.md has the table).
FAITHFUL = (
    "-x264-params",
    "no-dct-decimate=1:no-mbtree=1:deadzone-inter=0:deadzone-intra=0:ipratio=1.1:chroma-qp-offset=-6:qcomp=0",
)
MP4, MOV = ("-movflags", "+faststart"), ("-movflags", "+faststart+write_colr")
ISO = (".mp4", ".mov")  # containers whose index can come first


@dataclass(frozen=True, kw_only=True)
class Codec:
    """How one codec is written."""

    name: str
    encoder: str  # ffmpeg's name for it
    suffixes: tuple[str, ...]  # of the containers that hold it, the usual one first
    options: tuple[str, ...]
    pixels: str  # pixel format
    alpha_pixels: str | None = None  # pixel format with alpha, where it has one
    alpha_mode: AlphaMode = "straight"  # how its readers take colours that have alpha
    multiple: int = 1  # width and height are multiples of this
    least: int = 1  # and at least this
    matrix: str = "bt709"  # "rgb" where the codec keeps RGB itself, "jpeg" for JPEG's own
    quality: str | None = None  # the option that takes `crf`
    crf: int = 15  # the usual one
    quality_range: tuple[float, float] = (0, 51)  # what that option means by the best and the worst
    upload: str | None = None  # a filter that takes pictures to a device, last
    sound: bool = True
    chapters: bool = True  # False: for VJ programs, which take chapters for a track that they do not know
    bytes_a_pixel: float = 0.1  # roughly; predicts whether the disk has room
    most_fps: int | None = None  # frames a second
    instead: tuple[str, tuple[str, ...]] | None = (
        None  # another encoder and its options, where there is not the first
    )

    def filters(self, *, alpha: bool) -> str:
        """ffmpeg filters that turn sRGB frames into what the encoder takes, with colour tags."""
        pixels = self.alpha_pixels if alpha and self.alpha_pixels else self.pixels
        if self.matrix == "rgb":
            return f"format={pixels},{RGB709}"
        jpeg = self.matrix == "jpeg"
        scale = TO_YUV.format(matrix="bt601" if jpeg else "bt709", range="pc" if jpeg else "tv")
        tagged = f"{scale},format={pixels},{JPEG if jpeg else BT709}"
        return f"{tagged},{self.upload}" if self.upload else tagged

    def quality_options(self, crf: int | None) -> list[str]:
        """ffmpeg's option for a quality from 0, the best, to 51; None: the codec's usual one."""
        if self.quality is None:
            return []
        best, worst = self.quality_range
        return [self.quality, str(round(best + (worst - best) * (self.crf if crf is None else crf) / 51))]


def _codecs(*codecs: Codec) -> dict[str, Codec]:
    return {codec.name: codec for codec in codecs}


_VP9 = ("-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1")
CODECS = _codecs(
    Codec(
        name="h264", encoder="libx264", suffixes=(".mp4", ".mov", ".mkv"), pixels="yuv420p", multiple=2,
        options=("-preset", "superfast", *EVEN_MOTION, *FAITHFUL), quality="-crf", crf=19,
    ),
    Codec(
        name="h265", encoder="libx265", suffixes=(".mp4", ".mov", ".mkv"), pixels="yuv420p", multiple=2, least=16,
        options=("-preset", "medium", "-x265-params", "bframes=0:log-level=error", "-tag:v", "hvc1"), quality="-crf",
    ),
    Codec(
        name="av1", encoder="libsvtav1", suffixes=(".mp4", ".mkv", ".webm"), pixels="yuv420p10le", multiple=2,
        least=64, options=("-preset", "7"), quality="-crf",
        instead=("libaom-av1", ("-b:v", "0", "-cpu-used", "6", "-row-mt", "1")),
    ),
    Codec(
        name="vp9", encoder="libvpx-vp9", suffixes=(".mp4", ".mkv", ".webm"), pixels="yuv420p", multiple=2,
        options=_VP9, quality="-crf",
    ),
    Codec(
        name="webm", encoder="libvpx-vp9", suffixes=(".webm",), pixels="yuv420p", alpha_pixels="yuva420p", multiple=2,
        options=(*_VP9, "-auto-alt-ref", "0"), quality="-crf",
    ),
    Codec(
        name="prores", chapters=False, encoder="prores_ks", suffixes=(".mov",), pixels="yuv422p10le", multiple=2,
        bytes_a_pixel=0.7, options=("-profile:v", "hq", "-vendor", "apl0"),
    ),
    Codec(
        name="prores-4444", chapters=False, encoder="prores_ks", suffixes=(".mov",), pixels="yuv444p10le",
        alpha_pixels="yuva444p10le", multiple=2,
        bytes_a_pixel=1.5, options=("-profile:v", "4444", "-vendor", "apl0", "-alpha_bits", "16"),
    ),
    Codec(
        name="hap", chapters=False, encoder="hap", suffixes=(".mov",), pixels="rgba", multiple=4, matrix="rgb",
        bytes_a_pixel=0.5, options=("-format", "hap", "-chunks", "4"),
    ),
    Codec(
        name="hap-alpha", chapters=False, encoder="hap", suffixes=(".mov",), pixels="rgba", alpha_pixels="rgba",
        multiple=4, matrix="rgb", bytes_a_pixel=1.0, options=("-format", "hap_alpha", "-chunks", "4"),
    ),
    Codec(
        name="hap-q", chapters=False, encoder="hap", suffixes=(".mov",), pixels="rgba", multiple=4, matrix="rgb",
        bytes_a_pixel=1.0, options=("-format", "hap_q", "-chunks", "4"),
    ),
    # DXV's blocks are 16 pixels wide and high; other sizes are padded, and some players show the padding.
    Codec(
        name="dxv", chapters=False, encoder="dxv", suffixes=(".mov",), pixels="rgba", multiple=16, matrix="rgb",
        bytes_a_pixel=0.5, options=(),
    ),
    Codec(
        name="ffv1", encoder="ffv1", suffixes=(".mkv",), pixels="bgr0", alpha_pixels="bgra", matrix="rgb",
        bytes_a_pixel=1.5, options=("-level", "3", "-g", "1", "-slicecrc", "1"),
    ),
    Codec(
        name="mjpeg", chapters=False, encoder="mjpeg", suffixes=(".mov", ".mkv", ".avi"), pixels="yuvj444p",
        matrix="jpeg", bytes_a_pixel=0.5, options=("-q:v", "2", "-huffman", "optimal"),
    ),
    Codec(
        name="gif", encoder="gif", suffixes=(".gif",), pixels="rgb24", matrix="rgb", bytes_a_pixel=0.7,
        options=("-loop", "0"), sound=False, most_fps=50,  # browsers show what should last a hundredth for a tenth
    ),
)  # fmt: skip
_PALETTE = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=sierra2_4a"


def codec_named(name: str) -> Codec:
    """Look up a codec, and check that this machine's ffmpeg has it.

    Raises
    ------
    SettingsError
        There is no codec of that name.
    OutputError
        This ffmpeg was built without its encoder.
    """
    if name not in CODECS:
        raise SettingsError(f'unknown codec "{name}"; known are: {", ".join(CODECS)}')
    codec = CODECS[name]
    if codec.encoder in encoders():
        return codec
    if codec.instead is not None and codec.instead[0] in encoders():
        return replace(codec, encoder=codec.instead[0], options=codec.instead[1])
    other = "--codec dxv" if name.startswith("hap") and "dxv" in encoders() else "another codec"
    raise OutputError(
        f"{name}: the ffmpeg in use was built without {codec.encoder}; install a full one and set IMAGEIO_FFMPEG_EXE "
        f"to it, or use {other}"
    )


@lru_cache(maxsize=1)
def encoders() -> frozenset[str]:
    """List the encoders that this ffmpeg was built with."""
    process = ffmpeg.start(["-encoders"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.communicate()[0].decode("utf-8", "replace")
    return frozenset(re.findall(r"^ [VAS][A-Z.]{5} (\S+)", output, re.MULTILINE))


def check_name(path: Path, name: str) -> None:
    """Check that a file's ending is that of a container which holds the codec.

    Raises
    ------
    OutputError
        The ending is another one.
    SettingsError
        There is no such codec.
    """
    suffixes = codec_named(name).suffixes
    if path.suffix.lower() not in suffixes:
        wanted = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        others = [codec.name for codec in CODECS.values() if path.suffix.lower() in codec.suffixes]
        every = sorted({suffix for codec in CODECS.values() for suffix in codec.suffixes})
        known = f"; {path.suffix} is for --codec {', '.join(others)}" if others else f"; known are {', '.join(every)}"
        raise OutputError(f"{path}: expected a name that ends in {wanted} for {name}{known}")


def codec_for(suffix: str, wanted: str) -> str | None:
    """The codec that a file's ending asks for; None where the wanted one fits, or none does."""
    suffix = suffix.lower()
    fitting = [codec.name for codec in CODECS.values() if suffix in codec.suffixes]
    if not fitting or wanted in fitting:
        return None
    return next((name for name in fitting if codec_named(name).suffixes == (suffix,)), fitting[0])


def fitting_size(name: str, size: tuple[int, int]) -> tuple[int, int]:
    """Find the nearest size that a codec can hold."""
    codec = codec_named(name)

    def fit(side: int) -> int:
        return max(codec.least, codec.multiple, round(side / codec.multiple) * codec.multiple)

    return fit(size[0]), fit(size[1])


def remarks(name: str, size: tuple[int, int], fps: Fraction) -> list[str]:
    """Say in what a video will differ from what was asked for, one sentence each."""
    said = []
    if (fitting := fitting_size(name, size)) != size:
        said.append(f"{name} cannot hold {size[0]}x{size[1]}: the video is scaled to {fitting[0]}x{fitting[1]}")
    if name == "gif" and (100 / fps).denominator != 1:
        few = int(100 / fps)
        said.append(
            f"gif counts hundredths of a second: frames last {few} or {few + 1} of them, {fps} fps on average"
        )
    return said


def check_choices(name: str, *, intra: bool, alpha: bool, fps: Fraction) -> None:
    """Check that a codec can hold alpha, whole frames alone, and this frame rate.

    Raises
    ------
    SettingsError
        It cannot; the message says which codec can.
    """
    codec = codec_named(name)
    if alpha and codec.alpha_pixels is None:
        able = ", ".join(codec.name for codec in CODECS.values() if codec.alpha_pixels)
        raise SettingsError(f"{name} holds no alpha; these codecs do: {able}")
    if intra and name != "h264":
        raise SettingsError(
            f"--intra is for h264 alone{'' if codec.quality else f'; {name} has whole frames anyway'}"
        )
    if codec.most_fps is not None and fps > codec.most_fps:
        raise SettingsError(f"{name} shows at most {codec.most_fps} frames a second, not {fps}; use a lower --fps")


def writing_options(
    path: Path,
    codec: Codec,
    size: tuple[int, int],
    fps: Fraction,
    *,
    crf: int | None,
    intra: bool,
    alpha: bool,
    shown: tuple[int, int] | None = None,
    first: Sequence[str] = (),
) -> tuple[str, ...]:
    """Build ffmpeg's output options for frames of any size and rate.

    Parameters
    ----------
    codec
        With the encoder that is to write, as `beatwalk.video.hardware.chosen` gives it.
    shown
        Width and height of the video, None: those of the frames; what of another shape stands over is cut off.
    first
        Filters that run before all others.

    Raises
    ------
    SettingsError
        The codec lacks an option.
    OutputError
        The file's ending does not fit the codec.
    """
    check_name(path, codec.name)
    check_choices(codec.name, intra=intra, alpha=alpha, fps=fps)
    shown = shown or size
    fitting, chain = fitting_size(codec.name, shown), [*first]
    if shown[0] * size[1] != shown[1] * size[0]:
        covering = f"scale={fitting[0]}:{fitting[1]}:force_original_aspect_ratio=increase:flags=lanczos+accurate_rnd"
        chain += [covering, f"crop={fitting[0]}:{fitting[1]}"]
    elif fitting != size:
        chain.append(f"scale={fitting[0]}:{fitting[1]}:flags=lanczos+accurate_rnd")
    chain.append(_PALETTE if codec.name == "gif" else codec.filters(alpha=alpha))
    options = ["-vf", ",".join(chain), "-c:v", codec.encoder, *codec.options]
    options += codec.quality_options(crf)
    if intra:
        options += ["-g", "1", "-keyint_min", "1", "-tune", "fastdecode"]
    if path.suffix.lower() in ISO:
        options += MOV if path.suffix.lower() == ".mov" else MP4
    return tuple(options)
