"""Prompts that were written for other programs: read where the meaning is plain, named where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from beatwalk import api
from beatwalk.core import Event, Note
from beatwalk.errors import PromptError
from beatwalk.plan.prompts import parse_prompts
from tests.helpers import known_analysis
from tests.songs import click_song

FRAMES = {"0": "a forest --neg blur, text", "48": "a sea", "120": "a cave"}
PARSEQ_ROWS = [
    {"frame": 0, "deforum_prompt": "a forest --neg blur, text"},
    {"frame": 1, "deforum_prompt": "a forest --neg blur, text"},
    {"frame": 48, "deforum_prompt": "a sea"},
    {"frame": 120, "deforum_prompt": "a cave"},
]
DEFORUM: dict[str, Any] = {
    "bare": FRAMES,
    "settings": {"W": 512, "fps": 24, "animation_prompts": FRAMES},
    "prompts": {"fps": 24, "prompts": FRAMES},
    "parseq": {"options": {"output_fps": 24}, "prompts": {"format": "v2"}, "rendered_frames": PARSEQ_ROWS},
    "parseq keyframes": {"options": {"input_fps": 24}, "keyframes": PARSEQ_ROWS},
}


@pytest.mark.parametrize("form", DEFORUM)
def test_prompts_by_frame(form: str) -> None:
    """Deforum and Parseq number frames; each is a place, and --neg keeps words out."""
    script = parse_prompts(json.dumps(DEFORUM[form], indent=1))
    assert [(line.prompt, line.negative) for line in script.lines] == [
        ("a forest", "blur, text"), ("a sea", None), ("a cave", None),
    ]  # fmt: skip
    assert [line.place.time_s for line in script.lines if line.place] == [0, 2, 5]
    assert "3 prompts by frame are read, at 24 frames a second" in script.remarks[0]
    assert ("names no" in script.remarks[0]) == (form == "bare")


def test_prompts_by_frame_without_braces() -> None:
    """As FizzNodes and notebooks have them; the rate of the file counts."""
    script = parse_prompts('"0" : "a forest",\n"48": "a \\"neon\\" sea",\n')
    assert [line.prompt for line in script.lines] == ["a forest", 'a "neon" sea']
    slow = parse_prompts(json.dumps({"fps": 12, "prompts": FRAMES}))
    assert [line.place.time_s for line in slow.lines if line.place] == [0, 4, 10]


@pytest.mark.parametrize(
    "text",
    [
        'time,prompt,negative\n0,a forest,blur\n0:03,"a sea, at night",\n',
        "Prompt;Time_s\na forest;0\na sea, at night;3,0\n",
        "frame\tprompt\n0\ta forest\n72\ta sea, at night\n",
        "0: a forest\n\n72: a sea, at night\n",
        "0s: a forest\n3s - a sea, at night\n",
    ],
)
def test_tables_of_prompts(text: str) -> None:
    """Columns that a header names, frames in front of every line, seconds in front of every line."""
    lines = parse_prompts(text).lines
    assert [line.prompt for line in lines] == ["a forest", "a sea, at night"]
    assert [line.place.time_s for line in lines if line.place] == [0, 3]
    assert lines[0].negative == ("blur" if "blur" in text else None)


@pytest.mark.parametrize("text", ["- a forest\n- @0:03 a sea\n", "1. a forest\n2. @0:03 a sea", "1: a\n2: @0:03 b\n"])
def test_marks_of_lists_are_left_out(text: str) -> None:
    """They are no words, and what stands behind them means what it always means."""
    script = parse_prompts(text)
    assert [line.prompt for line in script.lines] == (["a forest", "a sea"] if "forest" in text else ["a", "b"])
    assert script.lines[1].place is not None
    assert script.lines[1].place.time_s == 3
    assert "in front of the lines are left out" in script.remarks[0]


@pytest.mark.parametrize(
    "text", ["80s neon\n90s grunge\n", "2001 nights\n", "5. avenue\n9. avenue\n", "- one\ntwo\n"]
)
def test_words_that_look_like_tables_or_lists(text: str) -> None:
    """What may be words stays."""
    assert [line.prompt for line in parse_prompts(text).lines] == text.split("\n")[:-1]


def test_invisible_characters_are_left_out() -> None:
    """Pasted text has characters that turn the letters of a terminal round; joiners, which change letters, stay."""
    (line,) = parse_prompts("a\u200b \u202eneon\u202c \U0001f468\u200d\U0001f3a4\n").lines
    assert line.prompt == "a neon \U0001f468\u200d\U0001f3a4"


def test_prompts_by_frame_are_planned(tmp_path: Path) -> None:
    """The keyframes of the plan are the frames of the file, and a line says what was read."""
    here = tmp_path / "here"
    (here / "walk.json").write_text(json.dumps(FRAMES))
    click_song(here / "song.wav", duration_s=8.0, rate=8000)
    told: list[Event] = []
    analysis = known_analysis(8.0, 120.0, here / "song.wav")
    plan = api.plan(here / "song.wav", here / "walk.json", analysis=analysis, on_event=told.append)
    assert [keyframe.frame for keyframe in plan.keyframes][:3] == [0, 48, 120]
    assert any("prompts by frame are read" in note.text for note in told if isinstance(note, Note))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"nodes": [], "links": []}', "JSON of something else"),
        ('{"0": 1}', "JSON of something else"),
        ('{"0": "a forest",\n "48": }', r":2:8: found broken JSON"),
        ('[{"id": 3}]', "JSON of something else"),
        ("{" + '"a":{' * 100_000, "JSON"),
        ('{"0": "' + "x" * 5000 + '"}', "5000 characters"),
        ('["a forest", "a sea"]', "JSON of something else"),
        ("<!DOCTYPE html><html></html>", "a web page"),
        ("time,prompt\n0,a forest\nlater,a sea", ":3:1: found 'later', expected seconds"),
        ("frame,prompt\n0.5,a forest", "the number of a frame"),
        ("1\n00:00:01,000 --> 00:00:04,000\nla la", "the time of a subtitle"),
    ],
)
def test_files_without_prompts(text: str, said: str) -> None:
    """What holds none is refused in one line."""
    with pytest.raises(PromptError, match=said) as caught:
        parse_prompts(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["{} {}", "[{}] {}", "({}) {}", "{} - {}", "{}: {}", "{} | {}", "  {}\t{}"])
def test_lines_that_begin_with_a_time(form: str) -> None:
    """Where every line does, they are places."""
    cues = [("0:00", "a forest"), ("0:30", "a sea :: seed=3"), ("1:02.5", "a cave"), ("1:00:00", "an end")]
    script = parse_prompts("# mine\n\n" + "\n".join(form.format(*cue) for cue in cues))
    assert [line.place.time_s for line in script.lines if line.place] == [0, 30, 62.5, 3600]
    assert [line.prompt for line in script.lines] == ["a forest", "a sea", "a cave", "an end"]
    assert script.lines[1].seed == 3
    assert script.remarks == ()


@pytest.mark.parametrize("text", ["a sea\n9:16 portrait of a fox", "9:16 portrait of a fox", "2:30 a\n1:20 b"])
def test_numbers_that_may_be_times(text: str) -> None:
    """Where only some lines begin with one, or not in order, they are words, and it is said."""
    script = parse_prompts(text)
    assert all(line.place is None for line in script.lines)
    assert "begins with a time that is read as words; write @" in script.remarks[0]


@pytest.mark.parametrize(
    ("prompt", "left", "said"),
    [
        ("a fox <lora:detail:0.8>, oil", "a fox , oil", "<lora:detail:0.8> does nothing here; write --lora FILE:0.8"),
        ("<lyco:x:1> a fox", "a fox", "write --lora"),
        ("a fox <hypernet:x:1>", "a fox", "hypernetworks are not read"),
        ("a fox, embedding:easy_neg", "a fox", "write --embedding"),
        ("a fox --neg blur, text", "a fox", 'write :: negative="…"'),
        ("a fox --no text", "a fox", 'write :: negative="…"'),
        ("a fox --ar 16:9 --v 6.1 --s 250", "a fox", "--ar 16:9 does nothing here"),
        ("a fox --seed 42", "a fox", "write :: seed=42"),
        ("a fox::2 a sea::-0.5", "a fox a sea", "weigh words"),
        ("a fox BREAK a sea", "a fox a sea", "BREAK does nothing"),
        ("a fox AND a sea", "a fox a sea", "AND does nothing"),
        ("a [fox:sea:0.5]", "a [fox:sea:0.5]", "one prompt a line"),
        ("a {red|blue} fox", "a {red|blue} fox", "no choices are drawn"),
        ("a __colour__ fox", "a __colour__ fox", "no choices are drawn"),
        ("a ((fox))", "a ((fox))", "write (word:1.2)"),
        ("a [[fox]]", "a [[fox]]", "write (word:1.2)"),
        ("a fox `sin(t)`", "a fox `sin(t)`", "formulas are not computed"),
    ],
)
def test_commands_of_other_programs(prompt: str, left: str, said: str) -> None:
    """Each gets one line, once, that says what to write instead."""
    script = parse_prompts(f"a sea\n{prompt}\n{prompt}", "walk.txt")
    assert [line.prompt for line in script.lines][1:] == [left, left]
    assert len(script.remarks) == 1
    assert script.remarks[0].startswith("walk.txt:2: ")
    assert said in script.remarks[0]


@pytest.mark.parametrize(
    "prompt",
    ["a (golden:1.3) fox", "BLACK AND WHITE", "ratio 3::2", "a [", "well-known -- sort of", "x < y > z", "C++"],
)
def test_words_that_are_words(prompt: str) -> None:
    """What means nothing elsewhere stays as it is, without a remark."""
    script = parse_prompts(prompt)
    assert ([line.prompt for line in script.lines], script.remarks) == ([prompt], ())


def test_metadata_of_pictures() -> None:
    """A1111's text under a picture: the prompt stays, the rest is left out and named."""
    script = parse_prompts(
        "a fox\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512\n"
    )
    assert [line.prompt for line in script.lines] == ["a fox"]
    assert len(script.remarks) == 2


@pytest.mark.parametrize(
    "prompt",
    [
        "a neon #ff00aa city",
        "a #FFF wall",
        "a #ff00aacc, glow",
        "#ff00aa city",
        "#ffffff snow",
        "a C# minor sea",
        "a #f0a.",
    ],
)
def test_a_colour_is_no_comment(prompt: str) -> None:
    """`#` followed by hexadecimal digits belongs to the words."""
    script = parse_prompts(prompt)
    assert ([line.prompt for line in script.lines], script.remarks) == ([prompt], ())


@pytest.mark.parametrize(
    ("line", "prompt", "said"),
    [
        ("a sea # why", "a sea", ""),
        ("a sea #neon glow", "a sea", '"#neon"'),
        ("a sea #1 of many", "a sea", '"#1"'),
        ("a sea #ff00a and more", "a sea", '"#ff00a"'),
        ("a sea :: seed=1 #note", "a sea", ""),
    ],
)
def test_a_comment_that_cuts_a_prompt(line: str, prompt: str, said: str) -> None:
    """It is reported where it may not have been meant."""
    script = parse_prompts(f"#add later\n# a wood\n{line}")
    assert [each.prompt for each in script.lines] == [prompt]
    assert [said in remark and ":3: " in remark for remark in script.remarks] == [True] * bool(said)
