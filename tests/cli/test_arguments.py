"""What people type where they mean something plain: prompts in quotes, folders, endings, verbs as they say them."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from beatwalk.cli import main
from beatwalk.cli.arguments import codec_by_ending, placed_output, prompts_of
from beatwalk.cli.options import Moment, Time
from beatwalk.core import near_name
from beatwalk.plan import described_settings, load_settings, parse_override
from beatwalk.plan.presets import find_preset
from beatwalk.video import codec_for


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit status, and everything printed."""
    code = 0
    try:
        main(list(arguments))
    except SystemExit as error:
        code = int(error.code or 0)
    found = capsys.readouterr()
    return code, found.out + found.err


def test_prompts_in_quotes_or_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there, a name that can only be one, or prompts; what cannot be meant is said."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "walk").write_text("a forest\n")
    song = Path("song.mp3")
    assert prompts_of(("walk",), song) == Path("walk")
    assert prompts_of(("gone.txt",), song) == Path("gone.txt")
    assert prompts_of(("a neon city in the rain", "a forest"), song) == ["a neon city in the rain", "a forest"]
    assert prompts_of(("forest",), song) == ["forest"]
    assert prompts_of(("light at 0.5, by a sea." * 40,), song) == ["light at 0.5, by a sea." * 40]
    for words, first, message in (
        (("walk", "out.mp4"), song, "-o out.mp4"),
        (("walk", "a forest"), song, "walk is a file beside other prompts"),
        (("song.wav",), Path("walk.txt"), "swapped; write: beatwalk song.wav walk.txt"),
    ):
        with pytest.raises(click.UsageError, match=message):
            prompts_of(words, first)


def test_an_output_is_a_file_a_folder_or_a_name_without_its_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tilde is the home folder."""
    default = Path("song.mp4")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert placed_output(None, default) == default
    assert placed_output(str(tmp_path), default) == tmp_path / "song.mp4"
    assert placed_output(f"{tmp_path}/new/", default) == tmp_path / "new" / "song.mp4"
    assert placed_output(f"{tmp_path}/out", default) == tmp_path / "out.mp4"
    assert placed_output(f"{tmp_path}/out.mkv", default) == tmp_path / "out.mkv"
    assert placed_output("~/out", default) == tmp_path / "out.mp4"


@pytest.mark.parametrize(
    ("suffix", "wanted", "codec"),
    [(".mp4", "h264", None), (".webm", "h264", "webm"), (".gif", "h264", "gif"), (".MOV", "hap", None),
     (".mp4", "hap", "h264"), (".avi", "h264", "mjpeg"), (".xyz", "h264", None)],
)  # fmt: skip
def test_the_ending_chooses_a_codec_where_the_wanted_one_does_not_fit(
    suffix: str, wanted: str, codec: str | None
) -> None:
    """And no other."""
    assert codec_for(suffix, wanted) == codec


def test_a_chosen_codec_stays() -> None:
    """--codec says it better than an ending."""
    choices = {"codec": "hap", "preset": "default"}
    assert codec_by_ending("out.webm", choices) is choices
    assert codec_by_ending("out.webm", {"codec": None, "preset": "default"})["codec"] == "webm"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("42.5", 42.5),
        ("30,5", 30.5),
        ("1:02.5", 62.5),
        ("1m30s", 90.0),
        ("2m", 120.0),
        ("1h2m3s", 3723.0),
        ("45s", 45.0),
    ],
)  # fmt: skip
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    """With colons or letters; a comma is a point."""
    assert Time().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "x", "m", "1::2", "-3", "1:2:3:4", "nan"])
def test_what_is_no_time_is_said(text: str) -> None:
    """With an example."""
    with pytest.raises(click.BadParameter, match="is not a time; write seconds or minutes:seconds"):
        Time().convert(text, None, None)


def test_verbs_as_people_say_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Capitals, another spelling, help, presets by name; a near miss is guessed; a file of that name is a song."""
    monkeypatch.chdir(tmp_path)
    for words in (("Analyze", "--help"), ("analyse", "-h"), ("help", "analyze")):
        code, text = said(capsys, *words)
        assert (code, "Find the beats, bars, sections" in text) == (0, True), words
    assert said(capsys, "presets", "house") == said(capsys, "presets", "show", "house")
    assert said(capsys, "presets", "list") == said(capsys, "presets")
    code, text = said(capsys, "analize", "song.wav")
    assert (code, "did you mean: beatwalk analyze?" in text) == (2, True)
    (tmp_path / "Analyze").write_text("x")
    assert "missing PROMPTS" in said(capsys, "Analyze")[1]


def test_presets_have_nicknames() -> None:
    """Capitals and spaces do not matter."""
    assert find_preset("dnb") == find_preset("Drum and Bass") == find_preset("drum-and-bass")
    assert find_preset("House") == find_preset("house")


def test_a_new_folder_is_made_for_the_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slash at its end reaches the verb, and the video keeps the song's name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "song.mp4").touch()
    for folder in ("videos/", "videos"):
        code, text = said(capsys, "song.wav", "a forest", "-o", folder)
        assert (code, "song.mp4 exists" in text) == (1, True)
    said(capsys, "song.wav", "a forest", "-o", "more/videos/")
    assert (tmp_path / "more" / "videos").is_dir()


def test_every_setting_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    """With its key as --set takes it, and a sentence; one that does not exist gets a guess."""
    rows = described_settings()
    keys = [row.key for row in rows]
    assert len(keys) == len(set(keys)) > 50
    assert {"walk.pace", "camera.zoom", "video.fps", "seed", "feedback.gain"} <= set(keys)
    assert [row.key for row in rows if not row.text] == []
    pace = next(row for row in rows if row.key == "walk.pace")
    assert load_settings("default", [parse_override(f"walk.pace={pace.default}")]).walk.pace == float(pace.default)
    assert pace.limits
    assert said(capsys, "settings", "walk.pace")[1].startswith("walk.pace  ")
    code, text = said(capsys, "settings", "walk.pase")
    assert (code, "did you mean walk.pace?" in text) == (1, True)


def test_a_misspelt_file_gets_a_guess(tmp_path: Path) -> None:
    """From the names beside it."""
    (tmp_path / "prompts.txt").touch()
    assert near_name(tmp_path / "promts.txt") == f"; did you mean {tmp_path / 'prompts.txt'}?"
    assert near_name(tmp_path / "other.wav") == ""
    assert near_name(tmp_path / "no" / "folder") == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("1:02.5", 62.5), ("1m2,5s", 62.5), ("drop", "drop"), ("@drop", "drop"), ("bar 9", "bar 9"), ("bar9", "bar9"),
     ("section B", "section B"), ("Chorus 2", "Chorus 2"), (3.0, 3.0)],
)  # fmt: skip
def test_a_moment_is_a_time_or_a_place(typed: str | float, meant: str | float) -> None:
    """As prompt files have them, with or without the @."""
    assert Moment().convert(typed, None, None) == meant


def test_a_moment_that_is_neither() -> None:
    """Both kinds are named."""
    with pytest.raises(click.BadParameter, match=r"neither a time such as 1:02.5 nor a place such as drop, bar 9"):
        Moment().convert("1:2:3:4", None, None)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["loops", "s.wav", "x", "--bars", "0"], "found 0, expected 1 to 256 (see: beatwalk loops --help)"),
        (["s.wav", "x", "--seed", "-1"], "found -1, expected 0 or more (see: beatwalk render --help)"),
        (["s.wav", "x", "--prest", "house"], "no such option '--prest'"),
        (["scout"], "missing argument 'PROMPT' (see: beatwalk scout --help)"),
        (["s.wav", "x", "out.mp4"], "out.mp4 is not a prompt; to name the video, write -o out.mp4"),
        (["analize", "s.wav"], "analize is neither a song nor a command; did you mean: beatwalk analyze?"),
    ],
)
def test_wrong_usage_is_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], line: str) -> None:
    """In the form of all other errors, without the usage above it."""
    code, printed = said(capsys, *arguments)
    assert code == 2
    assert printed.startswith("beatwalk: ")
    assert line in printed
    assert printed.count("\n") == 1


def test_words_that_nano_knows(capsys: pytest.CaptureFixture[str]) -> None:
    """By group; and what it reads in a prompt."""
    code, printed = said(capsys, "models", "words")
    assert code == 0
    assert "jellyfish" in printed
    assert "palettes: amber, azure" in printed
    code, printed = said(capsys, "models", "words", "a xyzzy in a neon-drenched alley")
    assert "nano is given: neon alley" in printed
    assert "unknown: xyzzy" in printed
