"""The command line as a user meets it: what works, and what is said when something is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk._version import __version__
from beatwalk.cli import VERBS, main
from beatwalk.models.fake import FakeGenerator
from tests import processes
from tests.helpers import a_night
from tests.songs import click_song

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run beatwalk in an empty folder; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with song.wav (6 s, 120 BPM) and walk.txt."""
    click_song(tmp_path / "song.wav", duration_s=6.0)
    (tmp_path / "walk.txt").write_text("a red sea\na blue wood\n")
    return tmp_path


def test_help_lists_every_verb_in_a_line(run: Run) -> None:
    """Nothing is cut off."""
    code, out, _ = run("--help")
    assert code == 0
    assert len(VERBS) >= 14
    for verb, text in VERBS.items():
        assert re.search(rf"^  {verb}\*? +{re.escape(text)}$", out, re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_an_example(run: Run, verb: str) -> None:
    """Each verb explains itself, and begins with the sentence that the list of verbs has."""
    code, out, _ = run(verb, "--help")
    assert code == 0
    assert f"\n  {VERBS[verb]}\n" in out
    assert f"  beatwalk {verb if verb != 'render' else 'song.wav'}" in out


@pytest.mark.parametrize(("arguments", "imported"), [("--help", []), ("clean --help", ["clean"]), ("--version", [])])
def test_a_verb_is_imported_when_it_is_used(arguments: str, imported: list[str]) -> None:
    """No other verb, and no heavy library."""
    code = (
        "import sys; from click.testing import CliRunner; from beatwalk.cli import VERBS, cli\n"
        f"assert CliRunner().invoke(cli, {arguments.split()!r}).exit_code == 0\n"
        "print([verb for verb in VERBS if f'beatwalk.cli.{verb}' in sys.modules], 'numpy' in sys.modules)"
    )
    assert processes.output_of("-c", code, timeout_s=60).strip() == f"{imported} False"


def test_version(run: Run) -> None:
    """It comes from one place."""
    assert run("--version")[:2] == (0, f"beatwalk, version {__version__}\n")


def test_options_may_stand_before_the_song(run: Run, folder: Path) -> None:
    """What does not begin with a verb is rendered, whatever comes first."""
    code, _, err = run("--preset", "huose", "song.wav", "walk.txt")
    assert code == 1
    assert "did you mean 'house'" in err


def test_analyze_says_what_it_heard_and_writes_json(run: Run, folder: Path) -> None:
    """Text for people, pure JSON on stdout for programs."""
    code, out, _ = run("analyze", "song.wav")
    assert code == 0
    assert "BPM" in out
    code, out, err = run("analyze", "song.wav", "--json", "-")
    heard = json.loads(out)
    assert (code, err) == (0, "")
    assert set(heard) >= {
        "version",
        "song",
        "tempo_bpm",
        "tempo_curve",
        "beats_per_bar",
        "beats",
        "downbeats",
        "sections",
    }
    assert heard["tempo_bpm"] == pytest.approx(120, rel=0.02)


def test_a_plan_goes_through_json_and_an_edited_beat_grid_is_used(run: Run, folder: Path) -> None:
    """analyze → edit → plan --analysis: the plan follows the edit."""
    assert run("analyze", "song.wav", "--json", "grid.json")[0] == 0
    grid = json.loads((folder / "grid.json").read_text())
    grid["sections"] = [{"start": 0, "end": 2.5, "label": "A"}, {"start": 2.5, "end": 6.0, "label": "B"}]
    (folder / "grid.json").write_text(json.dumps(grid))
    # The song is quiet at first; its few movements shall be enough for a change of prompt.
    enough = ("--set", "walk.least_change=0.1")
    code, out, _ = run(
        "plan", "song.wav", "walk.txt", "--analysis", "grid.json", "--json", "-", "--fps", "24", *enough
    )
    planned = json.loads(out)
    assert code == 0
    assert [k["frame"] for k in planned["keyframes"]] == [0, 60, 144]
    assert planned["frames"] == 144


def test_plots_are_drawn(run: Run, folder: Path) -> None:
    """Both are PNGs with something on them."""
    from PIL import Image

    assert run("analyze", "song.wav", "--plot", "heard.png")[0] == 0
    assert run("plan", "song.wav", "walk.txt", "--plot", "plan.png")[0] == 0
    for name in ("heard.png", "plan.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 600
            assert np.asarray(picture.convert("L")).std() > 5


def test_presets_are_listed_and_shown(run: Run, folder: Path) -> None:
    """What is shown can be given back."""
    code, out, _ = run("presets")
    assert code == 0
    for name in ("default", "ambient", "cinematic", "house", "drum-and-bass", "hip-hop", "rock", "vj-loop"):
        assert name in out
    code, out, _ = run("presets", "show", "house")
    (folder / "mine.toml").write_text(out)
    assert run("plan", "song.wav", "walk.txt", "--preset", "mine.toml")[0] == 0


def test_models_names_the_one_inside(run: Run) -> None:
    """nano is always there."""
    code, out, _ = run("models")
    assert code == 0
    assert out.splitlines()[1].startswith("nano ")


def _copy_as_text(folder: Path) -> None:
    (folder / "text.wav").write_text("this is no sound\n" * 50)


def _nan(folder: Path) -> None:
    sound = np.zeros(44100 * 2, np.float32)
    sound[44100] = np.nan
    soundfile.write(folder / "nan.wav", sound, 44100, subtype="FLOAT")


def _short(folder: Path) -> None:
    soundfile.write(folder / "short.wav", np.zeros(8820), 44100)


def _pickle(folder: Path) -> None:
    (folder / "model.ckpt").write_bytes(b"\x80\x04" + b"0" * 400)


def _latin1(folder: Path) -> None:
    (folder / "latin.txt").write_bytes("schön".encode("latin-1") + b"\0")


def _exists(folder: Path) -> None:
    (folder / "there.mp4").write_bytes(b"precious")


def _header_only(folder: Path) -> None:
    (folder / "cut.wav").write_bytes((folder / "song.wav").read_bytes()[:60])


def nothing(folder: Path) -> None:
    """Nothing more to prepare."""


BAD: list[tuple[str, Callable[[Path], Any], list[str], int, str]] = [
    ("missing song", nothing, ["gone.wav", "walk.txt"], 1, "gone.wav.*no such"),
    ("directory", lambda f: (f / "dir.wav").mkdir(), ["dir.wav", "walk.txt"], 1, "dir.wav.*(directory|folder)"),
    ("empty file", lambda f: (f / "empty.wav").touch(), ["empty.wav", "walk.txt"], 1, "empty"),
    ("text", _copy_as_text, ["text.wav", "walk.txt"], 1, "text.wav"),
    ("header only", _header_only, ["cut.wav", "walk.txt"], 1, "cut.wav"),
    ("short", _short, ["short.wav", "walk.txt"], 1, "0.2"),
    ("NaN", _nan, ["nan.wav", "walk.txt"], 1, "nan.wav.*1.0"),
    ("missing prompts", nothing, ["song.wav", "gone.txt"], 1, "gone.txt: no such prompt file"),
    ("empty prompts", lambda f: (f / "no.txt").touch(), ["song.wav", "no.txt"], 1, "no.txt:1:1: found no prompt"),
    ("latin-1", _latin1, ["song.wav", "latin.txt"], 1, "latin.txt:1:4.*UTF-8"),
    ("late", lambda f: (f / "l.txt").write_text("@9:00 x"), ["song.wav", "l.txt"], 1, "l.txt:1:1: found 540 s"),
    ("preset", nothing, ["song.wav", "walk.txt", "--preset", "huose"], 1, "did you mean 'house'"),
    ("key", nothing, ["song.wav", "walk.txt", "--set", "walk.paec=1"], 1, "did you mean 'walk.pace'"),
    ("fps 0", nothing, ["song.wav", "walk.txt", "--fps", "0"], 1, "frame rate must lie between 1 and 240"),
    ("codec", nothing, ["song.wav", "walk.txt", "--set", "video.codec=divx"], 1, "video.codec.*'h264'.*'divx'"),
    ("size text", nothing, ["song.wav", "walk.txt", "--size", "big"], 1, "expected a size such as 512x512"),
    ("size 7", nothing, ["song.wav", "walk.txt", "--size", "500x333"], 1, "500x333.*try"),
    ("no folder", nothing, ["song.wav", "walk.txt", "-o", "walk.txt/out.mp4"], 1, "walk.txt: cannot be made"),
    ("not mp4", nothing, ["song.wav", "walk.txt", "-o", "out.xyz"], 1, "ends in .mp4"),
    ("webm, not mp4", nothing, ["song.wav", "walk.txt", "-o", "out.mp4", "--codec", "webm"], 1, "ends in .webm"),
    ("exists", _exists, ["song.wav", "walk.txt", "-o", "there.mp4"], 1, "there.mp4 exists.*--overwrite"),
    ("device", nothing, ["song.wav", "walk.txt", "--device", "abacus"], 1, "abacus"),
    ("no cuda", nothing, ["song.wav", "walk.txt", "--device", "cuda:7"], 1, "cuda"),
    ("no model", lambda f: (f / "m").mkdir(), ["song.wav", "walk.txt", "--model", "./m"], 1, "model_index.json"),
    ("pickle", _pickle, ["song.wav", "walk.txt", "--model", "model.ckpt"], 1, "model.ckpt.*allow-pickle"),
    ("from", nothing, ["song.wav", "walk.txt", "--from", "99"], 1, "outside the song, which is 6.00 s"),
    ("from text", nothing, ["song.wav", "walk.txt", "--from", "soon"], 1, "found 'soon', expected one of"),
    ("one argument", nothing, ["song.wav"], 2, "missing PROMPTS"),
    ("option", nothing, ["song.wav", "walk.txt", "--loud"], 2, "no such option"),
    ("plan", lambda f: (f / "p.json").write_text("{"), ["p.json", "-o", "o.mp4"], 1, "p.json:1:2: not valid JSON"),
    ("no plan", lambda f: (f / "p.json").write_text("{}"), ["p.json", "-o", "o.mp4"], 1, "version None"),
    ("check", lambda f: (f / "v.mp4").write_text("x"), ["check", "v.mp4"], 1, "v.mp4"),
    ("no video", nothing, ["finish", "theer.mp4"], 1, "theer.mp4: no such file"),
    (
        "second",
        _exists,
        ["song.wav", "walk.txt", "out.mp4", "-o", "there.mp4"],
        2,
        "to name the video, write -o out.mp4",
    ),
    ("finish", _exists, ["finish", "there.mp4"], 1, "frames were not kept"),
    (
        "preview codec",
        nothing,
        ["preview", "gone.wav", "walk.txt", "--codec", "hap", "-o", "p.mp4"],
        1,
        "ends in .mov",
    ),
    ("two models", nothing, ["models", "check", "m.safetensors", "--model", "n.safetensors"], 2, "give one model"),
    ("grid", nothing, ["song.wav", "walk.txt", "--analysis", "gone.json"], 1, "gone.json"),
]


@pytest.mark.parametrize(("prepare", "arguments", "code", "message"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_bad_input_gets_one_line_and_leaves_nothing_behind(
    run: Run, folder: Path, prepare: Callable[[Path], Any], arguments: list[str], code: int, message: str
) -> None:
    """What, where, and what to do; no traceback; every file as it was."""
    prepare(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found_code, _, err = run(*arguments)
    assert found_code == code, err
    told = [line for line in err.splitlines() if line.startswith(("beatwalk: ", "Error: "))]
    assert len(told) == 1, err
    assert re.search(message, told[0]), told[0]
    assert "Traceback" not in err
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_silence_is_a_song_without_beats(run: Run, folder: Path) -> None:
    """It is planned like any other, and stands nearly still."""
    soundfile.write(folder / "silence.wav", np.zeros(44100 * 4), 44100)
    code, out, _ = run("plan", "silence.wav", "walk.txt", "--json", "-")
    planned = json.loads(out)
    assert code == 0
    assert planned["analysis"]["beats"] == []
    assert len(planned["keyframes"]) >= 2


def test_a_plan_says_what_it_plans(run: Run, folder: Path) -> None:
    """With a plot too: lengths, seeds, what of an excerpt's prompts is not shown, and words that do nothing."""
    (folder / "seeds.txt").write_text("a red sea :: seed=7 negative=people\n@0:05 a blue wood\n")
    code, out, err = run("plan", "song.wav", "seeds.txt", "--from", "bar 1", "--to", "bar 2", "--plot", "plan.jpg")
    assert code == 0, err
    assert (folder / "plan.jpg").read_bytes().startswith(b"\xff\xd8")
    told = re.search(r"1 of your 2 prompts not shown: they arrive outside 0:0(\d\.\d) to 0:0(\d\.\d)", out)
    assert told is not None
    assert float(told[2]) - float(told[1]) == pytest.approx(2.0)  # a bar
    assert re.search(rf"0:0{told[1]} +2\.0 s  a red sea  \(seed 7, without people\)", out)
    assert "prompts   1, in 1 segment " in out
    assert "negative words do nothing" in err
    (folder / "sung.lrc").write_text("[00:01.00]city lights\n[00:03.00]gold tonight\n")
    (folder / "sung.txt").write_text("a dream of {line}\n@0:05 a blue wood\n")
    code, out, err = run("plan", "song.wav", "sung.txt", "--lyrics", "sung.lrc")
    assert code == 0, err
    assert "not shown" not in out
    (folder / "soon.txt").write_text("a red sea\n@bar 2 a gold storm\na blue wood\n")
    code, out, err = run("plan", "song.wav", "soon.txt")
    assert code == 0, err
    arrives, soon = (re.search(rf"0:(\S+) +\S+ s  {prompt}", out) for prompt in ("a gold storm", "a blue wood"))
    assert arrives
    assert soon
    lasts_s = float(soon[1]) - float(arrives[1])
    assert f"'a gold storm' has a place, but only {lasts_s:.1f} s until 'a blue wood', which has none" in err
    for verb, option in (("plan", "--plot"), ("analyze", "--click")):
        words = ["seeds.txt"] if verb == "plan" else []
        code, _, err = run(verb, "song.wav", *words, option, "x.docx")
        assert code == 1
        assert f"{option} x.docx: expected a name that ends in" in err


def test_a_correction_says_what_it_changed(run: Run, folder: Path) -> None:
    """Tempo, beats and the first bar, before and after; clicks are written as their ending says."""
    code, _, err = run(
        "analyze", "song.wav", "--tempo", "124", "--first-beat", "0.41", "--steady", "--click", "x.flac"
    )
    assert code == 0, err
    assert re.search(r"changed +BPM 1\d\d\.\d → 124\.0 · .*first bar 0:00\.\d+ → 0:00\.410", err)
    assert (folder / "x.flac").read_bytes().startswith(b"fLaC")
    code, _, err = run("analyze", "song.wav", "--double", "--from", "bar 2", "--to", "bar 3")
    assert code == 0, err
    assert re.search(r"changed +.*beats (\d+) → (\d+)", err)
    heard, doubled = (int(count) for count in re.findall(r"beats (\d+) → (\d+)", err)[0])
    assert doubled - heard in (3, 4)


def test_beats_are_fixed_by_hand(run: Run, folder: Path) -> None:
    """Anchors, a metre in a range, and another program's grid; what was considered is said."""
    code, out, err = run("analyze", "song.wav", "--anchor", "2.25", "--anchor-bar", "0:04.1", "--json", "a.json")
    assert code == 0, err
    assert re.search(r"metre +\d+ bars? of \d.* bars of 2 to 7 beats were considered \(--metre N decides\)", out)
    fixed = json.loads((folder / "a.json").read_text(encoding="utf-8"))
    assert 2.25 in fixed["beats"]
    assert 4.1 in fixed["downbeats"]
    code, _, err = run("analyze", "song.wav", "--metre", "3", "--from", "0:02", "--json", "b.json")
    assert code == 0, err
    assert 3 in json.loads((folder / "b.json").read_text(encoding="utf-8"))["beats_per_bar"]
    (folder / "lib.xml").write_text(
        '<DJ_PLAYLISTS><COLLECTION><TRACK Location="file://localhost/x/song.wav">'
        '<TEMPO Inizio="0.1" Bpm="60" Metro="5/4" Battito="1"/></TRACK></COLLECTION></DJ_PLAYLISTS>',
        encoding="utf-8",
    )
    code, _, err = run("analyze", "song.wav", "--grid", "lib.xml", "--json", "c.json")
    assert code == 0, err
    laid = json.loads((folder / "c.json").read_text(encoding="utf-8"))
    assert laid["beats"] == pytest.approx([0.1, 1.1, 2.1, 3.1, 4.1, 5.1])
    assert laid["beats_per_bar"] == [5, 5]
    code, _, err = run("analyze", "song.wav", "--to", "0:03")
    assert code == 1
    assert "say where a correction holds" in err


def test_a_plan_cannot_be_given_planning_options(run: Run, folder: Path) -> None:
    """They would be ignored, so they are refused."""
    assert run("plan", "song.wav", "walk.txt", "--json", "p.json")[0] == 0
    code, _, err = run("p.json", "-o", "o.mp4", "--preset", "house")
    assert code == 2
    assert "--preset belongs to planning" in err


def test_a_name_that_looks_like_an_option_is_a_name(run: Run, folder: Path) -> None:
    """After --, as everywhere."""
    shutil.copy(folder / "song.wav", folder / "-s 'o\"ng.wav")
    code, out, _ = run("analyze", "--json", "-", "--", "-s 'o\"ng.wav")
    assert code == 0
    assert json.loads(out)["song"]["path"].endswith("-s 'o\"ng.wav")


def test_corrections_are_stored_and_picked_up(run: Run, folder: Path) -> None:
    """A correction saved beside the song is where the next one, and the next plan, starts; --fresh listens again."""
    code, out, err = run("analyze", "song.wav", "--json", "heard.json")
    assert code == 0, err
    heard = json.loads((folder / "heard.json").read_text(encoding="utf-8"))
    code, out, err = run("analyze", "song.wav", "--shift-downbeat", "1", "--save", "--click", "clicks.wav")
    assert code == 0, err
    assert "every render of this song will use it" in err
    assert (folder / "clicks.wav").stat().st_size > 10_000
    stored = json.loads((folder / "song.wav.analysis.json").read_text(encoding="utf-8"))
    assert stored["beats"] == heard["beats"]
    assert stored["curves"] == heard["curves"]
    assert stored["downbeats"] != heard["downbeats"]
    code, out, err = run("plan", "song.wav", "walk.txt", "--json", "-")
    assert code == 0, err
    assert json.loads(out)["analysis"]["downbeats"] == stored["downbeats"]
    code, out, _ = run("analyze", "song.wav", "--fresh", "--json", "-")
    assert json.loads(out)["downbeats"] == heard["downbeats"]
    (folder / "song.wav.analysis.json").unlink()


def test_a_tracker_that_is_not_installed(run: Run, folder: Path) -> None:
    """One line names the extra; the plain tracker needs none."""
    code, _, err = run("analyze", "song.wav", "--tracker", "beat-this")
    assert code == 1
    assert "pip install 'beatwalk[beat-this]'" in err
    assert run("analyze", "song.wav", "--tracker", "librosa")[0] == 0


@pytest.fixture
def fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every verb loads waves instead of a model."""
    monkeypatch.setattr("beatwalk.cli.scout.load", lambda *given: FakeGenerator())
    monkeypatch.setattr("beatwalk.models.keeper.load_model", lambda request: FakeGenerator())
    monkeypatch.setattr("beatwalk.models.keeper.fingerprint_of", lambda request: FakeGenerator().info.fingerprint)


def test_from_a_song_to_a_video_that_is_measured(run: Run, folder: Path, fake_model: None) -> None:
    """Rendered, checked with figures and a plot, cues beside it; nothing is overwritten unasked."""
    code, out, err = run("song.wav", "walk.txt", "--fps", 8, "--size", "64x48", "--to", 4)
    assert code == 0
    assert re.search(
        r"verdict   motion (hardly )?follows the music \(-?\d\.\d\d of 1\); the file itself: .*song.mp4", out + err
    )
    code, out, _ = run("check", "song.mp4", "--json", "figures.json", "--plot", "motion.png")
    assert code == 0
    assert "motion" in out
    assert json.loads((folder / "figures.json").read_text())["frames"] == 32
    assert (folder / "motion.png").read_bytes().startswith(b"\x89PNG")
    for again in (
        ("song.wav", "walk.txt"),
        ("check", "song.mp4", "--json", "figures.json"),
        ("bench", "--json", "figures.json"),
    ):
        code, _, err = run(*again)
        assert (code, "--overwrite" in err) == (1, True)


def test_sheets_loops_and_sets(run: Run, folder: Path, fake_model: None) -> None:
    """Each verb that paints, as a person types it."""
    assert run("scout", "a red sea", "--seeds", 4, "--size", "64x48", "-q")[0] == 0
    assert (folder / "sheet.png").exists()
    code, _, err = run(
        "loops", "song.wav", "walk.txt", "--bars", 1, "--count", 2, "--fps", 8, "--size", "64x48", "--codec", "h264"
    )
    assert (code, "2 of 1 bars" in err) == (0, True)
    assert len(list((folder / "song-loops").glob("*.mp4"))) == 2
    a_night(folder)
    code, out, _ = run("set", "night.toml")
    assert (code, out.count("done"), out.count("failed")) == (1, 4, 1)
    assert run("set", "night.toml", "--resume")[1].count("there") == 4


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "run the same command again to resume"),
        (MemoryError(), 1, "out of memory"),
        (PermissionError(13, "Permission denied", "song.mp4"), 1, "song.mp4: Permission denied"),
    ],
)
def test_what_stops_a_render_is_said_in_a_line(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    """Ctrl-C, memory and disks, without a traceback."""

    def fails(*given: object) -> None:
        raise error

    monkeypatch.setattr("beatwalk.models.keeper.load_model", fails)
    found = run("song.wav", "walk.txt", "-q")
    assert found[0] == code
    assert said in found[2]
    assert "Traceback" not in found[2]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("analyze", "song.wav"), "stopped"),
        (("set", "night.toml"), "stopped; run the same command with --resume to resume"),
        (("song.wav", "walk.txt"), "stopped; run the same command again to resume"),
    ],
)
def test_only_what_can_be_resumed_says_so(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], said: str
) -> None:
    """`analyze` keeps nothing when it is stopped, so it promises nothing."""

    def stops(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    a_night(folder)
    monkeypatch.setattr("beatwalk.listen.store.analyze_audio", stops)
    monkeypatch.setattr("beatwalk.models.keeper.load_model", stops)
    code, _, err = run(*command)
    assert (code, err.strip().splitlines()[-1].removeprefix("beatwalk: ")) == (130, said)
