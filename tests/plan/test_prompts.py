"""Prompt files: every form of the syntax, and every mistake is named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import InputError, PromptError
from beatwalk.plan.prompts import Place, parse_prompts, read_prompts


def test_every_form_of_a_line() -> None:
    """Places, settings and comments are told apart from the words to paint."""
    script = parse_prompts(
        "\n"
        "# a whole line\n"
        "a neon city in the rain\n"
        "@0:42.5 a forest of glass\n"
        "@1:02:03 later\n"
        "@12.25s soon\n"
        "@bar 33 an exploding galaxy\n"
        "@beat 5 x\n"
        "@section b golden fireworks   # every time\n"
        "@drop the sky tears open\n"
        'a calm ocean :: seed=42 negative="text, # watermark" # why\n'
        "@bar 17 :: image=cover.png strength=0.6\n"
        "C#minor in colour, ratio 3::2\n",
        folder=Path("songs"),
    )
    lines = script.lines
    assert [line.prompt for line in lines[:2]] == ["a neon city in the rain", "a forest of glass"]
    assert [line.place for line in lines[1:8]] == [
        Place(kind="time", time_s=42.5),
        Place(kind="time", time_s=3723.0),
        Place(kind="time", time_s=12.25),
        Place(kind="bar", number=33),
        Place(kind="beat", number=5),
        Place(kind="section", label="B"),
        Place(kind="drop"),
    ]
    assert lines[6].prompt == "golden fireworks"
    assert (lines[8].prompt, lines[8].seed, lines[8].negative) == ("a calm ocean", 42, "text, # watermark")
    assert (lines[9].prompt, lines[9].image, lines[9].strength) == ("", Path("songs/cover.png"), 0.6)
    assert lines[10].prompt == "C#minor in colour, ratio 3::2"
    assert lines[0].line == 3


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "no prompt"),
        ("  # only a comment", 1, 1, "no prompt"),
        ("fine\n@bart x", 2, 1, "'@bart'.*expected a place"),
        ("@beats 5 x", 1, 1, "'@beats'.*expected a place"),
        ("@bar x y", 1, 6, "'x'.*counted from 1"),
        ("@bar 0 y", 1, 6, "'0'.*counted from 1"),
        ("@bar", 1, 5, "the end of the line"),
        ("@0:75 x", 1, 4, "75 seconds.*fewer than 60"),
        ("@dropped x", 1, 1, "'@dropped'"),
        ("a :: sed=4", 1, 6, "'sed'.*expected seed"),
        ("a :: seed=-4", 1, 11, "'-4'.*whole number"),
        ("a :: seed=1 seed=2", 1, 13, "second time"),
        ('a :: negative="x', 1, 15, "never closed"),
        ("a :: strength=2", 1, 15, "from 0 to 1"),
        ("@0:10", 1, 6, "no prompt"),
        ("a\x00b", 1, 2, "control character U[+]0000"),
        ("x" * 5000, 1, 4001, "5000 characters"),
    ],
)
def test_a_mistake_is_named_where_it_stands(text: str, line: int, column: int, message: str) -> None:
    """File, line, column, what was found, what was expected."""
    with pytest.raises(PromptError, match=message) as caught:
        parse_prompts(text, "walk.txt")
    assert str(caught.value).startswith(f"walk.txt:{line}:{column}: found ")


@given(st.text())
def test_any_text_parses_or_says_where_it_is_wrong(text: str) -> None:
    """No text crashes the parser."""
    try:
        script = parse_prompts(text)
    except PromptError as error:
        assert error.line >= 1
        assert error.column >= 1
    else:
        assert all(line.prompt or line.image for line in script.lines)


@given(st.lists(st.sampled_from(["@", "bar ", "1", ":", "::", " ", "seed=", '"', "#", "x", "\n", "drop", "é"])))
def test_text_made_of_syntax_parses_or_says_where(parts: list[str]) -> None:
    """Nor does text that is nearly right."""
    try:
        parse_prompts("".join(parts))
    except PromptError as error:
        assert "expected" in str(error)


def test_files_that_are_no_prompt_files(tmp_path: Path) -> None:
    """Missing and directory get their own words; UTF-16, a BOM and Latin-1 are fine, the last with a remark."""
    with pytest.raises(InputError, match="no such prompt file"):
        read_prompts(tmp_path / "missing.txt")
    with pytest.raises(InputError, match="a directory"):
        read_prompts(tmp_path)
    path = tmp_path / "p.txt"
    path.write_bytes("ein Wald\nschön".encode("latin-1"))
    latin = read_prompts(path)
    assert [line.prompt for line in latin.lines] == ["ein Wald", "schön"]
    assert "Windows-1252" in latin.remarks[0]
    path.write_bytes(b"ein Wald\nsch\xf6n\x00")
    with pytest.raises(PromptError, match=r":2:4: found byte 0xf6, which is not UTF-8"):
        read_prompts(path)
    path.write_bytes("wood".encode("utf-16"))
    assert [line.prompt for line in read_prompts(path).lines] == ["wood"]
    path.write_bytes(b"\xef\xbb\xbfwood\r\nsea\r\n")
    assert [line.prompt for line in read_prompts(path).lines] == ["wood", "sea"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("@1m30s a sea", ("time", 90.0, 0)),
        ("@1h2m a sea", ("time", 3720.0, 0)),
        ("@0m2,5s a sea", ("time", 2.5, 0)),
        ("@90s: a sea", ("time", 90.0, 0)),
        ("@30,5 a sea", ("time", 30.5, 0)),
        ("@1:02,5: a sea", ("time", 62.5, 0)),
        ("@bar33 a sea", ("bar", 0.0, 33)),
        ("@bar 5: a sea", ("bar", 0.0, 5)),
        ("@Beat7: a sea", ("beat", 0.0, 7)),
        ("@drop: a sea", ("drop", 0.0, 0)),
    ],
)
def test_places_as_people_write_them(text: str, place: tuple[str, float, int]) -> None:
    """Letters instead of colons, a decimal comma, no space, a colon behind."""
    (line,) = parse_prompts(text).lines
    assert line.place is not None
    assert (line.place.kind, line.place.time_s, line.place.number) == place
    assert line.prompt == "a sea"


@pytest.mark.parametrize("quotes", ['""', "\u201c\u201d", "\u201e\u201c", "\u2018\u2019", "\u00ab\u00bb"])
def test_quotes_around_a_prompt_or_a_setting(quotes: str) -> None:
    """Typographic ones too."""
    left, right = quotes[0], quotes[1]
    (line,) = parse_prompts(f"{left}a blue wood{right} :: negative={left}text, people{right} seed=3").lines
    assert (line.prompt, line.negative, line.seed) == ("a blue wood", "text, people", 3)
    (line,) = parse_prompts(f"a {left}neon{right} city").lines
    assert line.prompt == f"a {left}neon{right} city"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"{\\rtf1 a sea}", "rich text"),
        (b"PK\x03\x04..", "a document of a word processor, expected a text file.*save as plain text"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0..", "an old Word document"),
        (b"RIFF....WAVE", "a sound file"),
    ],
)
def test_documents_are_named(tmp_path: Path, data: bytes, what: str) -> None:
    """With what to do instead of the byte that is no text."""
    path = tmp_path / "notes.doc"
    path.write_bytes(data)
    with pytest.raises(PromptError, match=what):
        read_prompts(path)


def test_a_song_has_one_drop() -> None:
    """`@drop 2` is not a prompt that begins with 2."""
    with pytest.raises(PromptError, match="found @drop 2, expected @drop alone"):
        parse_prompts("@drop 2 a sea")
