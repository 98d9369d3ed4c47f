"""NVIDIA's hardware encoders, used only where a trial shows that they work.

An ffmpeg may be built with an encoder for which this machine has no card, no driver or no free session; only a trial
tells. The trial uses the same size and options as the video, for a few frames.
"""

from __future__ import annotations

from functools import lru_cache

from beatwalk.core import ffmpeg
from beatwalk.video.codecs import Codec, encoders, replace_encoder

# The same as the software codec of this name: constant quality, no B-frames (see EVEN_MOTION in `codecs`).
NVENC = {
    "h264": ("h264_nvenc", ("-preset", "p5", "-tune", "hq", "-rc", "vbr", "-b:v", "0", "-bf", "0"), "-cq"),
    "h265": (
        "hevc_nvenc",
        ("-preset", "p5", "-tune", "hq", "-rc", "vbr", "-b:v", "0", "-bf", "0", "-tag:v", "hvc1"),
        "-cq",
    ),
}
TRIED_FRAMES = 3


def in_hardware(codec: Codec, size: tuple[int, int]) -> Codec:
    """Switch a codec to the graphics card's encoder where that works; else return it as it is."""
    if codec.name not in NVENC:
        return codec
    encoder, options, quality = NVENC[codec.name]
    return replace_encoder(codec, encoder, options, quality) if works(encoder, options, size) else codec


@lru_cache(maxsize=16)
def works(encoder: str, options: tuple[str, ...], size: tuple[int, int]) -> bool:
    """Whether an encoder can encode video of a size on this machine."""
    if encoder not in encoders():
        return False
    source = ["-f", "lavfi", "-i", f"testsrc=size={size[0]}x{size[1]}:rate=24"]
    tail = ["-frames:v", str(TRIED_FRAMES), "-pix_fmt", "yuv420p", "-c:v", encoder, *options, "-f", "null", "-"]
    status, _, _ = ffmpeg.run([*source, *tail])
    return status == 0
