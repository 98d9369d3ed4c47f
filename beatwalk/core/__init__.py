"""Files, locks, the work folder of a render, its manifest, and running ffmpeg."""

from __future__ import annotations

from beatwalk.core import ffmpeg
from beatwalk.core.events import StageProgress, Watcher
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
from beatwalk.core.manifest import build_manifest, interpolation_of, read_manifest, song_named, timing_of
from beatwalk.core.opening import open_regular, read_regular
from beatwalk.core.sound import MAX_CHANNELS, Sound, channels_of, layout_option, open_sound, require_file
from beatwalk.core.text import in_words, printable, split_number
from beatwalk.core.text_files import (
    NotTextError,
    decode_text,
    odd_character,
    parse_toml,
    read_bytes,
    read_text,
    read_toml,
)
from beatwalk.core.timing import PeakMemory, Stages
from beatwalk.core.workfolder import SUFFIX, WorkFolder, manifest_path, record_file

__all__ = [
    "MAX_CHANNELS",
    "SUFFIX",
    "NotTextError",
    "PeakMemory",
    "Sound",
    "StageProgress",
    "Stages",
    "Watcher",
    "WorkFolder",
    "build_manifest",
    "channels_of",
    "check_picture",
    "check_place",
    "clip_identity",
    "decode_text",
    "discard",
    "ffmpeg",
    "file_sha256",
    "folder_beside",
    "frames_key",
    "in_words",
    "interpolation_of",
    "is_partial_name",
    "layout_option",
    "load_picture",
    "manifest_path",
    "model_identity",
    "odd_character",
    "open_regular",
    "open_sound",
    "parse_toml",
    "partial_path",
    "picture_digests",
    "plan_identity",
    "printable",
    "publish",
    "read_bytes",
    "read_json",
    "read_manifest",
    "read_regular",
    "read_text",
    "read_toml",
    "record_file",
    "remove_own",
    "render_identity",
    "require_file",
    "reserve",
    "song_named",
    "split_number",
    "sweep",
    "timing_of",
    "video_differences",
    "whole_or_nothing",
    "write_json",
]
