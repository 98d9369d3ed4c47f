"""Files, locks, the work folder of a render, its manifest, and running ffmpeg."""

from __future__ import annotations

from beatwalk.core import ffmpeg
from beatwalk.core.events import Progress, Watcher
from beatwalk.core.files import (
    check_place,
    discard,
    folder_beside,
    is_partial_name,
    partial_path,
    publish,
    read_json,
    remove_own,
    reserve,
    sweep,
    whole_or_nothing,
    write_json,
)
from beatwalk.core.fingerprints import (
    clip_identity,
    file_sha256,
    frames_key,
    model_identity,
    picture_digests,
    plan_identity,
    render_identity,
    video_differences,
)
from beatwalk.core.keyframe_images import check_picture, load_picture
from beatwalk.core.manifest import build_manifest, interpolation_of, read_manifest, timing_of
from beatwalk.core.opening import check_regular, open_regular, parse_toml, read_regular
from beatwalk.core.text import in_words, printable, split_number
from beatwalk.core.timing import PeakMemory, Stages
from beatwalk.core.workfolder import SUFFIX, WorkFolder, manifest_path

__all__ = [
    "SUFFIX",
    "PeakMemory",
    "Progress",
    "Stages",
    "Watcher",
    "WorkFolder",
    "build_manifest",
    "check_picture",
    "check_place",
    "check_regular",
    "clip_identity",
    "discard",
    "ffmpeg",
    "file_sha256",
    "folder_beside",
    "frames_key",
    "in_words",
    "interpolation_of",
    "is_partial_name",
    "load_picture",
    "manifest_path",
    "model_identity",
    "open_regular",
    "parse_toml",
    "partial_path",
    "picture_digests",
    "plan_identity",
    "printable",
    "publish",
    "read_json",
    "read_manifest",
    "read_regular",
    "remove_own",
    "render_identity",
    "reserve",
    "split_number",
    "sweep",
    "timing_of",
    "video_differences",
    "whole_or_nothing",
    "write_json",
]
