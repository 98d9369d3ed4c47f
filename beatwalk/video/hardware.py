"""Encoders of graphics cards and processors, used only where a trial shows that they work.

An ffmpeg may be built with an encoder for which this machine has no card, no driver or no free session; only a
trial tells. The trial uses the same size and options as the video, for a few frames. Some cards have no encoder at
all, such as NVIDIA's A100 and H100; there, as wherever trials fail, the processor encodes.

All write what the software codec of the same name writes: constant quality, no B-frames (see `EVEN_MOTION` in
`beatwalk.video.codecs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from beatwalk.core import ffmpeg
from beatwalk.settings import VideoSettings
from beatwalk.video.codecs import Codec, codec_named, encoders, fitting_size

TRIED_FRAMES = 3
# VideoToolbox counts quality upwards, to 100.
VIDEOTOOLBOX_RANGE = (100.0, 11.0)
_NAMES = {"h264": "h264", "h265": "hevc"}  # ffmpeg's names of the codecs that these encoders write
RENDER_NODES = Path("/dev/dri")


def candidates(codec: Codec) -> Iterator[Codec]:
    """The codec as each kind of hardware would write it, the fastest kind first."""
    if codec.name not in _NAMES:
        return
    name, tag = _NAMES[codec.name], ("-tag:v", "hvc1") if codec.name == "h265" else ()
    plain = replace(codec, crf=15)
    yield replace(
        plain,
        encoder=f"{name}_nvenc",
        options=("-preset", "p5", "-tune", "hq", "-rc", "vbr", "-b:v", "0", "-bf", "0", *tag),
        quality="-cq",
    )
    yield replace(
        plain,
        encoder=f"{name}_videotoolbox",
        options=("-allow_sw", "0", "-bf", "0", *tag),
        quality="-q:v",
        quality_range=VIDEOTOOLBOX_RANGE,
    )
    yield replace(
        plain,
        encoder=f"{name}_qsv",
        options=("-preset", "medium", "-bf", "0", *tag),
        quality="-global_quality",
        pixels="nv12",
    )
    for node in sorted(RENDER_NODES.glob("renderD*")):
        yield replace(
            plain,
            encoder=f"{name}_vaapi",
            options=("-vaapi_device", str(node), "-rc_mode", "CQP", "-bf", "0", *tag),
            quality="-qp",
            pixels="nv12",
            upload="hwupload",
        )


def with_hardware(codec: Codec, size: tuple[int, int]) -> Codec:
    """Switch a codec to the first kind of hardware that works; return it as it is where none does."""
    return next((each for each in candidates(codec) if works(each, size)), codec)


def chosen(name: str, size: tuple[int, int], *, hardware: bool, intra: bool) -> Codec:
    """Choose the codec that writes a video of this size: hardware never writes whole frames alone."""
    codec = codec_named(name)
    return with_hardware(codec, size) if hardware and not intra else codec


def encoder_of(video: VideoSettings, size: tuple[int, int]) -> str:
    """Name the encoder that writes a video of this size, as ffmpeg does."""
    size = fitting_size(video.codec, video.enlarged(size))
    return chosen(video.codec, size, hardware=video.hardware, intra=video.intra).encoder


@lru_cache(maxsize=32)
def works(codec: Codec, size: tuple[int, int]) -> bool:
    """Whether an encoder can encode video of a size on this machine."""
    if codec.encoder not in encoders():
        return False
    source = ["-f", "lavfi", "-i", f"testsrc=size={size[0]}x{size[1]}:rate=24"]
    options = [*codec.options, *codec.quality_options(None)]
    tail = ["-frames:v", str(TRIED_FRAMES), "-vf", codec.filters(alpha=False), "-c:v", codec.encoder, *options]
    status, _, _ = ffmpeg.run([*source, *tail, "-f", "null", "-"])
    return status == 0
