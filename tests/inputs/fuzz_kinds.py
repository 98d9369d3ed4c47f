"""The kinds of file that people give, each with whole examples and the function that reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from beatwalk import api
from beatwalk.core import WorkFolder, ffmpeg, load_picture, manifest_path, read_json, read_manifest, timing_of
from beatwalk.errors import PlanError
from beatwalk.jobs.setlist import jobs_of, read_setlist
from beatwalk.listen import analysis_to_json, open_song, read_analysis
from beatwalk.listen.corrections import read_taps
from beatwalk.listen.curve_table import curve_of, read_curve_table
from beatwalk.listen.lyrics import read_lyrics
from beatwalk.listen.midi_file import read_midi
from beatwalk.models import ModelRequest, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.models.sources import find_model
from beatwalk.plan import load_settings, read_plan, read_prompts, targets_of
from beatwalk.plan.plan_json import plan_to_json
from beatwalk.preflight import remarks_of
from beatwalk.settings import VideoSettings
from beatwalk.video import probe, read_frames
from beatwalk.walk.records import read_record
from tests.helpers import known_analysis, known_plan
from tests.inputs.wrong import FORMATS
from tests.models.tiny import save
from tests.songs import click_song

PROMPTS = """# a comment
a red sea, (waves:1.3) --neg blur
@0:01 a forest :: seed=7 strength=0.4 image=cover.png
@drop a "neon" #ff00aa city <lora:detail:0.8>
@bar 3 \u591c
"""
PRESET = """description = "calm"
[walk]
pace = 0.6
loop = true
[[walk.speed.rules]]
source = "onset"
amount = 2.0
[video]
fps = "24000/1001"
size = "512x512"
codec = "hap"
"""
SETLIST = """folder = "night"
[defaults]
prompts = ["a.txt", "b.txt"]
presets = ["house"]
[outputs.wall]
codec = "hap"
[[songs]]
song = "opener.wav"
settings = { walk = { pace = 0.6 } }
outputs = ["wall"]
"""
LYRICS = {
    "a.lrc": "[ti:x]\n[offset:-200]\n[00:01.50]a <00:02.00>b\n[00:03][00:09]c\n[00:05]\n",
    "a.srt": "1\n00:00:01,000 --> 00:00:02,000\n<i>a</i>\n{\\an8}b\n\n2\n00:00:03,000 --> 00:00:04,000\nc\n",
    "a.vtt": "WEBVTT\n\nNOTE x\n\nname\n00:01.000 --> 00:02.000 line:0\n<v A>a &amp; b\n",
}
MIDI = (
    b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x1b\x00\xff\x51\x03\x07\xa1\x20"
    b"\x00\x90\x3c\x60\x83\x60\x80\x3c\x00\x00\xb0\x01\x40\x83\x60\xff\x2f\x00"
)
PICTURES = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "TIFF": "tif", "GIF": "gif", "BMP": "bmp", "PPM": "ppm"}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of file."""

    name: str
    path: Path  # where each case is written
    whole: tuple[bytes, ...]
    read: Callable[[Path], object]
    weight: int = 10  # its share of the cases: cheap ones have more


def kinds_in(folder: Path) -> list[Kind]:
    """All kinds, each in a folder of its own below `folder`, with whatever lies beside it."""
    return [*_texts(folder), *_data(folder), *_pictures(folder), *_sounds(folder), *_models(folder)]


def _place(folder: Path, name: str) -> Path:
    path = folder / name.replace(".", "-") / name
    path.parent.mkdir(parents=True)
    return path


def _texts(folder: Path) -> list[Kind]:
    frames = json.dumps({"0": "a forest --neg blur", "48": "a sea"})
    curves = "time,level\n0,0.1\n0.5,0.9\n1.0,0.2\n"

    def settled(path: Path) -> object:
        listed = read_setlist(path)
        return jobs_of(listed, path.parent, path.parent)

    def curve(path: Path) -> object:
        return curve_of(read_curve_table(path), 10.0, Fraction(24))

    found: list[tuple[str, tuple[str, ...], Callable[[Path], object]]] = [
        ("prompts.txt", (PROMPTS, frames, '"0": "a",\n"48": "b",\n'), read_prompts),
        ("preset.toml", (PRESET,), lambda path: load_settings(str(path))),
        ("setlist.toml", (SETLIST,), settled),
        ("taps.txt", ("0.5\n1.0\n1.5\n2:01.5\n", "0.5\t0.5\t1\n1.0\t1.0\t2\n1.5\t1.5\t3\n2\t2\t4\n"), read_taps),
        ("curves.csv", (curves,), curve),
        *((name, (text,), read_lyrics) for name, text in LYRICS.items()),
    ]
    return [
        Kind(
            name=name,
            path=_place(folder, name),
            whole=tuple(text.encode(code) for text in texts for code in ("utf-8", "utf-16")),
            read=read,
            weight=60,
        )
        for name, texts, read in found
    ]


def _data(folder: Path) -> list[Kind]:
    planned = known_plan(n_frames=24)

    def plan(path: Path) -> object:
        return targets_of(read_plan(path, trust_paths=True))

    out = _place(folder, "manifest.json").with_name("out.mp4")
    plan_of = known_plan(n_frames=24)
    click_song(out.with_name("song.wav"), duration_s=2.0, rate=8000)
    small = [{"video": {"fps": 6, "size": "16x16"}}]
    made = api.plan(out.with_name("song.wav"), ["a", "b"], overrides=small, analysis=known_analysis(2.0))
    api.render(made, out, generator=FakeGenerator(), keep_frames=True)
    work = WorkFolder(out)

    def manifest(path: Path) -> object:
        found = read_manifest(out)
        video = (found or {}).get("settings")
        remarks: Any = video and isinstance(video, dict) and "video" in video
        return timing_of(found or {}, out), remarks and remarks_of(VideoSettings(), (16, 16))

    texts: list[tuple[str, Path, Any, Callable[[Path], object]]] = [
        ("plan", _place(folder, "plan.json"), plan_to_json(planned), plan),
        ("analysis", _place(folder, "analysis.json"), analysis_to_json(plan_of.analysis), read_analysis),
        ("json", _place(folder, "any.json"), {"a": [1, 2.5, None], "b": {"c": "\u591c"}}, _any_json),
    ]
    found = [
        Kind(name=name, path=path, whole=(json.dumps(data, indent=1).encode(),), read=read, weight=60)
        for name, path, data, read in texts
    ]
    part = made.parts[0]
    kept: list[tuple[str, Path, Callable[[Path], object]]] = [
        ("manifest", manifest_path(out), manifest),
        ("survey", work.survey_file(0), work.kept),
        ("work record", work.identity_file, lambda path: (work.is_ours, work.kept(work.pilot_file))),
        ("segment record", work.path / "segment-0000.npz", lambda path: read_record(work, part)),
    ]
    found += [
        Kind(name=name, path=path, whole=(path.read_bytes(),), read=read, weight=40) for name, path, read in kept
    ]
    return [*found, Kind(name="midi", path=_place(folder, "a.mid"), whole=(MIDI,), read=read_midi, weight=60)]


def _any_json(path: Path) -> object:
    return read_json(path, PlanError, "a plan")


def _pictures(folder: Path) -> list[Kind]:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    found = []
    for name, suffix in PICTURES.items():
        whole = []
        for mode in ("RGB", "P" if name in ("PNG", "GIF", "TIFF", "BMP") else "RGB"):
            data = io.BytesIO()
            Image.fromarray(noise).convert(mode).save(data, format=name)
            whole.append(data.getvalue())
        path = _place(folder, f"picture.{suffix}")
        found.append(
            Kind(name=name, path=path, whole=tuple(whole), read=lambda path: load_picture(path, (32, 32)), weight=30)
        )
    return found


def _sounds(folder: Path) -> list[Kind]:
    source = folder / "sources" / "song.wav"
    source.parent.mkdir()
    click_song(source, duration_s=2.0, rate=22_050)
    video = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=12", "-t", "1"]
    found = []
    for kind in FORMATS:
        made = source.with_suffix(f".{kind}")
        if kind != "wav":
            _make(["-i", str(source), str(made)])
        found.append(_sound(folder, f"song.{kind}", made, lambda path: [len(b) for b in open_song(path).blocks()]))
    for suffix, codec in (("mp4", "libx264"), ("webm", "libvpx-vp9"), ("mov", "mjpeg"), ("gif", "gif")):
        made = source.with_name(f"video.{suffix}")
        _make([*video, "-c:v", codec, str(made)])
        found.append(_sound(folder, f"video.{suffix}", made, _watched))
    return found


def _sound(folder: Path, name: str, made: Path, read: Callable[[Path], object]) -> Kind:
    return Kind(name=name, path=_place(folder, name), whole=(made.read_bytes(),), read=read, weight=8)


def _watched(path: Path) -> object:
    return probe(path), [len(frames) for frames in read_frames(path)]


def _make(arguments: list[str]) -> None:
    status, _, said = ffmpeg.run(arguments)
    if status != 0:
        raise RuntimeError(said)


def _models(folder: Path) -> list[Kind]:
    whole = save("sd", folder / "model")
    found = []

    def loaded(_: Path) -> object:
        return load_model(ModelRequest(model=str(whole), device="cpu"))

    for name in ("model_index.json", "unet/config.json", "scheduler/scheduler_config.json", "tokenizer/vocab.json"):
        path = whole / name
        if path.is_file():
            found.append(_part(f"model {path.name}", path, loaded, 4))
    weights = next(iter((whole / "unet").glob("*.safetensors")))
    found.append(_part("weights header", weights, lambda _: find_model(str(whole)), 20))
    return found


def _part(name: str, path: Path, read: Callable[[Path], object], weight: int) -> Kind:
    return Kind(name=name, path=path, whole=(path.read_bytes(),), read=read, weight=weight)
