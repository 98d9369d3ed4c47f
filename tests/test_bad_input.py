"""Bad input, wide: hundreds of files that are wrong in some way. Each ends well or with one clear line.

No traceback, no hang, nothing written outside the folder it may write to.
"""

from __future__ import annotations

import copy
import json
import pickle
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import listening, pipeline
from beatwalk.config import load_settings, parse_override, settings_from
from beatwalk.cues import cues_of
from beatwalk.errors import BeatwalkError
from beatwalk.files import whole_or_nothing
from beatwalk.generator import FakeGenerator
from beatwalk.manifest import manifest_path, timing_of, work_folder
from beatwalk.modulation import targets
from beatwalk.planfile import plan_from_json, plan_to_json, read_plan
from beatwalk.planning import check_plan
from beatwalk.prompts import parse_prompts, read_prompts
from beatwalk.setlist import jobs_of, read_setlist
from beatwalk.settings import Settings
from beatwalk.types import Plan
from beatwalk.video import ffmpeg, probe
from tests.helpers import click_song, known_analysis, known_plan

PATIENCE_S = 60  # ten seconds on a machine that does nothing else
WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    10**400,
    -1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "NaN",
    "../../etc",
    "\ud800",
    "a\nb\x00c",
    [],
    [[]],
    [None] * 3,
    {},
    {"a": {"b": 1}},
]
Path_ = tuple[Any, ...]


def leaves(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Where every value of nested data lies; of lists the first two entries."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list) and data and isinstance(data[0], dict | list):
        for i, value in enumerate(data[:2]):
            yield from leaves(value, (*path, i))
    else:
        yield path


def changed(data: Any, path: Path_, value: Any) -> Any:
    """A copy with one value replaced."""
    data = copy.deepcopy(data)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


def without(data: Any, path: Path_) -> Any:
    """A copy with one key gone."""
    data = copy.deepcopy(data)
    place = data
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return data


def survives(work: Callable[[], object]) -> None:
    """It ends, in good time, well or with one line of beatwalk's own."""
    problems: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BeatwalkError as error:
            if "\n" in " ".join(str(error).split(" ")).strip() and "a\nb" not in str(error):
                problems.append(error)
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it hangs"
    if problems:
        raise AssertionError(f"{type(problems[0]).__name__}: {problems[0]}") from problems[0]


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path: Path) -> Iterator[None]:
    """Tests work in tmp_path/here; beside it nothing may appear."""
    (tmp_path / "here").mkdir()
    yield
    assert [path.name for path in tmp_path.iterdir()] == ["here"]


# ---- songs ----

FORMATS = ["wav", "aiff", "flac", "ogg", "opus", "mp3", "m4a", "mkv"]
DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "empty": lambda data, _: b"",
    "half": lambda data, _: data[: len(data) // 2],
    "head only": lambda data, _: data[:60],
    "nearly all": lambda data, _: data[:-7],
    "no head": lambda data, _: data[200:],
    "zeros in front": lambda data, _: bytes(64) + data[64:],
    "doubled": lambda data, _: data + data,
    "random": lambda data, chance: chance.bytes(len(data)),
    "random behind": lambda data, chance: data[:2000] + chance.bytes(len(data)),
    **{f"flips {i}": lambda data, chance, i=i: _flipped(data, chance, 4**i) for i in range(5)},  # type: ignore[misc]
    "flipped head": lambda data, chance: _flipped(data[:120], chance, 12) + data[120:],
}


def _flipped(data: bytes, chance: np.random.Generator, count: int) -> bytes:
    array = np.frombuffer(data, np.uint8).copy()
    at = chance.integers(0, len(array), count)
    array[at] ^= (1 << chance.integers(0, 8, count)).astype(np.uint8)
    return array.tobytes()


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same two seconds in every format."""
    folder = tmp_path_factory.mktemp("songs")
    click_song(folder / "song.wav", duration_s=2.0, rate=22_050)
    found = {"wav": (folder / "song.wav").read_bytes()}
    for kind in FORMATS[1:]:
        status, _, said = ffmpeg.run(["-i", str(folder / "song.wav"), str(folder / f"song.{kind}")])
        assert status == 0, said
        found[kind] = (folder / f"song.{kind}").read_bytes()
    return found


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_songs(songs: dict[str, bytes], tmp_path: Path, kind: str, damage: str) -> None:
    """Cut, flipped, overwritten: read as far as it goes, or one line."""
    chance = np.random.default_rng(FORMATS.index(kind) * 100 + list(DAMAGES).index(damage))
    path = tmp_path / "here" / f"song.{kind}"
    path.write_bytes(DAMAGES[damage](songs[kind], chance))

    def listen() -> None:
        for block in listening.open_song(path).blocks():
            assert np.isfinite(block).all()

    survives(listen)


@pytest.mark.parametrize("kind", FORMATS)
def test_songs_under_a_false_name(songs: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    """The ending lies; what is in it counts, or one line is said; and a damaged one is analysed to the end."""
    for i, other in enumerate(FORMATS):
        path = tmp_path / "here" / f"song{i}.{other}"
        path.write_bytes(songs[kind])
        survives(lambda path=path: [len(block) for block in listening.open_song(path).blocks()])  # type: ignore[misc]
    broken = tmp_path / "here" / f"broken.{kind}"
    broken.write_bytes(_flipped(songs[kind], np.random.default_rng(3), 40))
    survives(lambda: listening.analyze(broken))


# ---- names ----

NAMES = [
    " lead",
    "trail ",
    "-rf",
    "--help",
    "-i",
    "'",
    '"',
    "`touch x`",
    "$(touch x)",
    ";touch x;",
    "| x",
    "& x",
    "a\nb",
    "a\rb",
    "\t",
    "%d",
    "%s%n",
    "#1?x=y",
    "concat:a",
    "file:a",
    "http:x",
    "..x",
    "a..b",
    "夜のドライブ",
    "é",
    "e\u0301",
    "\u202egnp",
    "🎵",
    "con",
    "x" * 180,
    "[a]",
    "{b}",
    "*",
    "!",
    "\\",
    "a,b=c",
    "~",
    "\udce9",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names(songs: dict[str, bytes], tmp_path: Path, name: str) -> None:
    """As song, prompt file, plan, set list and video: a name is a name, and no shell ever sees it."""
    here = tmp_path / "here"
    try:
        (here / f"{name}.wav").write_bytes(songs["wav"])
    except (OSError, ValueError):
        pytest.skip("this system does not take such a name")
    (here / f"{name}.txt").write_text("a red sea\n")
    changes = {"video": {"fps": 4, "size": "16x16"}, "feedback": {"enabled": False}}
    analysis = known_analysis(2.0)

    def everything() -> None:
        read_prompts(here / f"{name}.txt")
        plan = pipeline.plan(
            here / f"{name}.wav", here / f"{name}.txt", overrides=[changes], analysis=analysis, end_s=1.0
        )
        with whole_or_nothing(here / f"{name}.json") as partial:
            partial.write_text(json.dumps(plan_to_json(plan)))
        read_plan(here / f"{name}.json")
        pipeline.render(plan, here / f"{name}.mp4", generator=FakeGenerator())
        assert probe(here / f"{name}.mp4").n_frames == 4

    survives(everything)
    names = {path.name for path in here.iterdir()}
    assert names <= {f"{name}{ending}" for ending in (".wav", ".txt", ".json", ".mp4", ".mp4.beatwalk.json")}


HOSTILE_PARTS = [
    "../x",
    "/etc/x",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "C:x",
    "a\nb",
    "a\x00b",
    "x" * 300,
    "nul\x1b[31m",
    "~/x",
]


@pytest.mark.parametrize("part", HOSTILE_PARTS)
def test_a_set_list_writes_into_its_folder_alone(songs: dict[str, bytes], tmp_path: Path, part: str) -> None:
    """Names of songs, outputs and the folder cannot lead out of it."""
    here = tmp_path / "here"
    (here / "a.wav").write_bytes(songs["wav"])
    (here / "w.txt").write_text("x\n")
    text, song = json.dumps(part), "prompts = 'w.txt'\n[[songs]]\nsong = 'a.wav'\n"
    for content in (
        f"folder = {text}\n[defaults]\n{song}",
        f"[defaults]\n{song}name = {text}\n",
        f"[outputs.{text}]\n[defaults]\n{song}",
    ):
        (here / "s.toml").write_text(content)

        def plan() -> None:
            night = read_setlist(here / "s.toml")
            for job in jobs_of(night, here, here / night.folder):
                assert job.path.resolve().is_relative_to(here.resolve())

        survives(plan)


# ---- presets, settings, set lists ----

SETTINGS = load_settings("house").model_dump(mode="json")
TEXTS = [
    "",
    "\x00",
    "[",
    "[[[[",
    "a = ",
    "a = 1\na = 2",
    "walk = 3",
    "[walk]\npace = nan",
    "[walk]\npace = inf",
    "[walk]\npace = 1e999",
    "[walk]\npace = 'x'",
    "[walk]\npace = " + "9" * 5000,
    "seed = -1",
    "seed = 9223372036854775808",
    "x = " + "[" * 2000 + "]" * 2000,
    "[video]\nsize = '16x999999999999'",
    "[video]\nsize = '-16x16'",
    "[video]\nfps = '1/0'",
    "[video]\nfps = '1e999'",
    "[video]\ncodec = '../h264'",
    "[video]\nalpha = 'key=#00'",
    "[camera.zoom]\nrules = [{source = 'beat', every = 0}]",
    "[camera.zoom]\nrules = [{source = '../x'}]",
    "[__class__]\nx = 1",
    "\ufeffseed = 1",
    "d = 1979-05-27",
    "é = 1",
    "'a.b'.c = 1",
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_hostile_presets_and_set_lists(tmp_path: Path, number: int) -> None:
    """Wrong TOML, wrong types, huge numbers."""
    path = tmp_path / "here" / "p.toml"
    path.write_text(TEXTS[number], encoding="utf-8")
    survives(lambda: load_settings(str(path)))
    survives(lambda: read_setlist(path))
    survives(lambda: parse_override(TEXTS[number]))
    path.write_bytes(np.random.default_rng(number).bytes(400))
    survives(lambda: load_settings(str(path)))
    survives(lambda: read_setlist(path))
    survives(lambda: read_prompts(path))


@pytest.mark.parametrize("path", list(leaves(SETTINGS)), ids=lambda path: ".".join(map(str, path)))
def test_every_setting_takes_only_what_it_can(path: Path_) -> None:
    """Twenty wrong values for each: refused in one line, or settings that a song can be planned with."""
    music, timeline = known_analysis(4.0), known_plan(n_frames=24).timeline

    def attempt(value: Any) -> None:
        found = settings_from(changed(SETTINGS, path, value), where="preset x")
        made = targets(music, timeline, found)
        assert np.isfinite(made.zoom).all()
        assert np.isfinite(made.speed).all()

    for value in WRONG:
        survives(lambda value=value: attempt(value))  # type: ignore[misc]


# ---- prompts ----

PROMPTS = [
    "@",
    "@bar",
    "@bar -1 x",
    "@bar 999999999999999999999 x",
    "@beat 1e9 x",
    "@-1 x",
    "@nan x",
    "@inf x",
    "@99:99:99 x",
    "@section x",
    "@section \ud800 x",
    "@drop",
    "x :: seed=-1",
    "x :: seed=1e9",
    "x :: seed=" + "9" * 5000,
    "x :: a=b",
    'x :: negative="',
    "x :: image=../../etc/passwd",
    "x :: strength=nan",
    "x :: strength=2",
    ":: seed=1",
    "::",
    "x" * 99_999,
    "\x00",
    "\u2028",
    "#",
    "# only",
    "@0 " * 1000,
    "x :: seed=1 seed=2",
    "@bar 1 @bar 2 x",
    "{a|b}",
    "(((" * 200,
]


@pytest.mark.parametrize("number", range(len(PROMPTS)))
def test_hostile_prompts(number: int) -> None:
    """Read and planned, or one line that says where."""
    from beatwalk.planning import plan as lay_plan

    survives(lambda: lay_plan(known_analysis(8.0), parse_prompts("start\n" + PROMPTS[number]), Settings()))


# ---- plans and manifests ----

PLAN = plan_to_json(known_plan(prompts=("a red sea", "a blue wood"), n_frames=24))
PLAN_PLACES = [path for path in leaves(PLAN) if path[0] != "settings"]


@pytest.mark.parametrize("path", PLAN_PLACES, ids=lambda path: ".".join(map(str, path)))
def test_hostile_plans(path: Path_) -> None:
    """Every value of a plan wrong in twenty ways, and missing: refused in one line, or a plan that holds together."""

    def attempt(data: Any) -> None:
        plan = plan_from_json(data, "plan.json")
        check_plan(plan)
        targets(plan.analysis, plan.timeline, plan.settings)

    for value in WRONG:
        survives(lambda value=value: attempt(changed(PLAN, path, value)))  # type: ignore[misc]
    survives(lambda: attempt(without(PLAN, path)))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small finished video with its manifest."""
    folder = tmp_path_factory.mktemp("video")
    click_song(folder / "song.wav", duration_s=2.0)
    pipeline.render(_small_plan(folder / "song.wav"), folder / "out.mp4", generator=FakeGenerator())
    return folder / "out.mp4"


def _small_plan(song: Path) -> Plan:
    changes = {"video": {"fps": 6, "size": "16x16"}}
    analysis = known_analysis(2.0, path=song)
    return pipeline.plan(song, ["a", "b"], overrides=[changes], analysis=analysis)


KEYS: list[Path_] = [
    ("frames",),
    ("fps",),
    ("song",),
    ("song", "start"),
    ("song", "path"),
    ("motion",),
    ("motion", "target"),
    ("motion", "measured"),
    ("keyframes",),
    ("keyframes", 0),
    ("keyframes", 0, "frame"),
    ("settings",),
    ("version",),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_hostile_manifests(video: Path, tmp_path: Path, key: Path_) -> None:
    """Checked and cued, or one line."""
    here, data = tmp_path / "here", json.loads(manifest_path(video).read_text())
    copied, analysis = here / "out.mp4", known_analysis(2.0)
    copied.write_bytes(video.read_bytes())
    for number, value in enumerate(WRONG):
        manifest_path(copied).write_text(json.dumps(changed(data, key, value)))
        survives(lambda value=value: timing_of(changed(data, key, value), copied))  # type: ignore[misc]
        if number % 7 == len(key):
            survives(lambda: cues_of(copied, analysis, lambda song: analysis))
            survives(lambda: pipeline.check(copied, analysis=analysis))


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "text": b"x",
    "list": b"[1]",
    "deep": b"[" * 100_000,
    "null": b"null",
    "nan": b'{"identity": NaN}',
    "long": b'{"identity": ' + b"9" * 5000 + b"}",
    "pickle": pickle.dumps({"a": 1}),
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("name", ["render.json", "survey.json", "plan.json", "segment-0000.npz", "segment-0000.mkv"])
def test_hostile_work_folders(video: Path, tmp_path: Path, name: str, content: str) -> None:
    """Whatever lies in a work folder, the render ends with the same video, and no pickle is loaded."""
    here = tmp_path / "here"
    work = work_folder(here / "out.mp4")
    work.mkdir()
    (work / "segment-0000.npz").write_bytes(BROKEN["text"])
    (work / name).write_bytes(BROKEN[content])
    survives(lambda: pipeline.render(_small_plan(video.with_name("song.wav")), here / "out.mp4",
                                     generator=FakeGenerator(), overwrite=True))  # fmt: skip
    assert (here / "out.mp4").read_bytes()[:4096] == video.read_bytes()[:4096]


# ---- models ----


class _Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, ("evil-was-here", "w"))


def _safetensors(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + body


LYING: dict[str, bytes] = {
    "empty": b"",
    "short": b"\x01\x02",
    "huge": struct.pack("<Q", 2**63),
    "too long": _safetensors({}, length=10**9),
    "no json": _safetensors(b"{{{"),
    "list": _safetensors([1]),
    "number": _safetensors(b"1"),
    "null": _safetensors(b"null"),
    "deep": _safetensors(b"[" * 50_000),
    "beyond": _safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 99]}}),
    "negative": _safetensors({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [-16, 0]}}),
    "no offsets": _safetensors({"a": {"dtype": "F32", "shape": [1]}}),
    "text offsets": _safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": ["0", "4"]}}, bytes(4)),
    "nan": _safetensors(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, NaN]}}', bytes(4)),
    "shape lies": _safetensors({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]}}, bytes(4)),
    "type lies": _safetensors({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "overlap": _safetensors({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)),
    "pickle": pickle.dumps(_Evil()),
    "latin": _safetensors(b'{"\xff": 1}'),
    "strange": _safetensors({"a": 1, "b": []}),
}


@pytest.mark.parametrize("kind", LYING)
def test_safetensors_that_lie(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a single file, and inside a model folder: one line, nothing run, nothing large allocated."""
    from beatwalk.diffusion import load_generator

    here = tmp_path / "here"
    monkeypatch.chdir(here)
    (here / "m.safetensors").write_bytes(LYING[kind])
    (here / "m" / "unet").mkdir(parents=True)
    (here / "m" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(LYING[kind])
    (here / "m" / "unet" / "config.json").write_text("{}")
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (here / "m" / "model_index.json").write_text(json.dumps(index))
    for model in ("m.safetensors", "m"):
        with pytest.raises(BeatwalkError):
            load_generator(str(here / model), device="cpu")
    assert not (here / "evil-was-here").exists()


INDEXES: dict[str, Any] = {
    "text": "x",
    "list": [],
    "none": {},
    "class is a list": {"_class_name": ["a"]},
    "class is a path": {"_class_name": "../x"},
    "code": {"_class_name": "Custom", "unet": ["my_module", "Evil"]},
    "builtin": {"_class_name": "os.system", "unet": ["os", "system"]},
    "outside": {"_class_name": "StableDiffusionPipeline", "../../unet": ["diffusers", "UNet2DConditionModel"]},
    "absolute": {"_class_name": "StableDiffusionPipeline", "/etc": ["diffusers", "UNet2DConditionModel"]},
    "missing": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]},
    "numbers": {"_class_name": "StableDiffusionPipeline", "unet": [1, 2]},
    "deep": {"_class_name": "StableDiffusionPipeline", "unet": [[[["x"]]]]},
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("weights", ["none", "pickle", "link", "loop"])
def test_hostile_model_folders(tmp_path: Path, kind: str, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickles, links that lead out or nowhere, classes that are code: refused in one line; nothing is run."""
    from beatwalk.diffusion import load_generator

    here = tmp_path / "here"
    monkeypatch.chdir(here)
    (here / "m" / "unet").mkdir(parents=True)
    (here / "m" / "model_index.json").write_text(json.dumps(INDEXES[kind]))
    (here / "m" / "unet" / "my_module.py").write_text("open('evil-was-here', 'w')")
    place = here / "m" / "unet" / "diffusion_pytorch_model"
    try:
        if weights == "pickle":
            place.with_suffix(".bin").write_bytes(pickle.dumps(_Evil()))
        elif weights == "link":
            place.with_suffix(".safetensors").symlink_to(Path(__file__))
        elif weights == "loop":
            place.with_suffix(".safetensors").symlink_to(place.with_suffix(".safetensors"))
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(BeatwalkError):
        load_generator(str(here / "m"), device="cpu")
    assert not (here / "evil-was-here").exists()
