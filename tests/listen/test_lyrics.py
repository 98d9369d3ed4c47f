"""Lyrics with times: three kinds of file are read, and damage is named with its line."""

from __future__ import annotations

import codecs
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import InputError, PlanError
from beatwalk.listen import analysis_from_json, analysis_to_json
from beatwalk.listen.lyrics import LONGEST_S, NotLyricsError, parse_lyrics, plain_line, read_lyrics
from beatwalk.listen.source_files import lyrics_of
from tests.helpers import known_analysis

LRC = """[ti:A song]
[ar:Somebody]
[offset:500]

[00:01.50]City <00:02.00>lights <00:02.70>are calling
[00:04.00][00:10.00]sing it again
[00:06.00]
[0:12]short stamps
"""
SRT = """1
00:00:01,000 --> 00:00:03,500 X1:10 X2:20
<i>City lights</i>
{\\an8}are calling\\Nme

2
00:00:04,000 --> 00:00:05,000
I <3 you & more
3
00:00:06.500 --> 00:00:07.000
without an empty line before it
"""
VTT = """WEBVTT - a title
Kind: captions

STYLE
::cue { color: red }

NOTE a remark
of two lines

intro
00:01.000 --> 00:02.000 align:start line:0
<v Singer>Tom &amp; <b.loud>Ann</b> <00:01.500>now

00:00:03.000 --> 00:00:04.000
&lt;3
"""


def rows(text: str) -> list[tuple[float, float, str]]:
    """Start, end and words of every line."""
    return [(round(line.start_s, 3), round(line.end_s, 3), line.text) for line in parse_lyrics(text)]


def test_lrc_has_offsets_repeated_stamps_and_breaks() -> None:
    """A positive offset is earlier; an empty line ends the one before; stamps of words are no words."""
    assert rows(LRC) == [
        (1.0, 3.5, "City lights are calling"),
        (3.5, 5.5, "sing it again"),
        (9.5, 11.5, "sing it again"),
        (11.5, 11.5 + LONGEST_S, "short stamps"),
    ]


def test_srt_is_read_without_markup() -> None:
    """Tags of HTML and SubStation and coordinates go; what only looks like a tag stays."""
    assert rows(SRT) == [
        (1.0, 3.5, "City lights are calling me"),
        (4.0, 5.0, "I <3 you & more"),
        (6.5, 7.0, "without an empty line before it"),
    ]


def test_webvtt_is_read_without_notes_and_styles() -> None:
    """Cue names, settings, voices and entities; hours may be missing."""
    assert rows(VTT) == [(1.0, 2.0, "Tom & Ann now"), (3.0, 4.0, "<3")]


def test_lines_that_begin_together_become_one() -> None:
    """As in files with a translation; they are never in the wrong order."""
    assert rows("[00:05]b\n[00:01]a\n[00:01]A\n") == [(1, 5, "a / A"), (5, 5 + LONGEST_S, "b")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_every_encoding_of_text_is_read(tmp_path: Path, encoding: str) -> None:
    """With a mark or without, and with any ends of lines."""
    path = tmp_path / "song.srt"
    path.write_bytes("1\r\n00:00:01,000 --> 00:00:02,000\r\nüber den Fluss\r\n".encode(encoding))
    assert [line.text for line in read_lyrics(path)] == ["über den Fluss"]


def test_what_a_terminal_would_obey_is_left_out() -> None:
    """Escape codes, overrides of direction and half characters; joiners of emoji and Persian stay."""
    assert plain_line("a\x1b[31mb\u202ec\ufeff\td\r") == "a [31mb c d"
    assert plain_line("می\u200cخواهم 👩\u200d🚀") == "می\u200cخواهم 👩\u200d🚀"


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("[00:01]a\nwords without a time\n", 2, "words without a time"),
        ("[00:75.00]a", 1, "00:75.00"),
        ("[offset:soon]\n[00:01]a", 1, "soon"),
        (f"[00:01]{'x' * 501}", 1, "501 characters"),
        ("[Script Info]\nTitle: x", 1, "SubStation"),
        ("1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:0x,000 --> 00:00:04,000\nb\n", 5, "2"),
        ("1\n00:00:01,000 --> soon\na\n", 2, "soon"),
        ("1\n00:00:03,000 --> 00:00:02,000\na\n", 2, "03,000"),
        ("1\n00:00:61,000 --> 00:02:02,000\na\n", 2, "61,000"),
        ("00:00:01,000 --> 00:00:02,000\na\n\nlost words\n\n2\n00:00:03,000 --> 00:00:04,000\nb", 4, "lost words"),
        ("WEBVTT\n\nno time\n", 3, "no time"),
        ("00:00:01,000 --> 99:00:00,000\na\n", 1, "1 s"),
    ],
)
def test_damage_is_named_with_its_line(text: str, line: int, found: str) -> None:
    """One line that says what is there and what should be."""
    with pytest.raises(NotLyricsError) as caught:
        parse_lyrics(text)
    assert (caught.value.line, found in caught.value.found) == (line, True), str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[ti:only a title]\n", b"WEBVTT\n", b"\x80\x81", bytes(100)])
def test_files_without_lyrics_are_refused(tmp_path: Path, content: bytes) -> None:
    """In one line that begins with the file's name."""
    path = tmp_path / "song.lrc"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"song\.lrc") as caught:
        read_lyrics(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """Neither a folder nor more than a few megabytes."""
    path = tmp_path / "song.lrc"
    path.write_bytes(codecs.BOM_UTF8 + b"[00:01]a\n" * 600_000)
    with pytest.raises(InputError, match="too large"):
        read_lyrics(path)
    with pytest.raises(InputError, match="a directory"):
        read_lyrics(tmp_path)


def test_lines_outside_the_song_are_left_out(tmp_path: Path) -> None:
    """An offset moves all; of those before the song, what is still sung at its start stays."""
    path = tmp_path / "song.lrc"
    path.write_text("[00:01]a\n[00:03]b\n[00:05]c\n[00:09]d\n")
    lines, told = lyrics_of(path, 5.0, -3.5)
    assert [(line.start_s, line.end_s, line.text) for line in lines] == [(0.0, 1.5, "b"), (1.5, 5.0, "c")]
    assert told == ["2 of its 4 lines lie outside the song, which ends at 5.0 s"]
    assert lyrics_of(path, 60.0)[1] == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"text": "x" * 501}, "entry 1 text is of 501 characters, expected 1 to 500"),
        ({"text": "\x1b\u202e"}, "entry 1 text is of 0 characters"),
        ({"end": 1.0}, "entry 1 end is 1 s, expected later than its start, 1 s"),
        ({"start": 20.0}, "entry 1 is 20 s, expected a time before the song's end"),
        ({"words": "a"}, 'unknown key "words"'),
    ],
)
def test_lyrics_of_a_plan_that_was_edited_are_checked(change: dict[str, object], match: str) -> None:
    """As those of a file are: plain words of a length that can be shown, within the song; an end may be missing."""
    data = analysis_to_json(known_analysis())
    data["lyrics"] = [{"start": 1.0, "text": "a \x1b[2Jb"}, {"start": 3.0, "text": "c"}]
    lines = analysis_from_json(data, "plan").lyrics
    assert [(line.start_s, line.end_s, line.text) for line in lines] == [(1.0, 3.0, "a [2Jb"), (3.0, 20.0, "c")]
    data["lyrics"][0] |= change
    with pytest.raises(PlanError, match=match):
        analysis_from_json(data, "plan")


@given(st.text(alphabet="[]0123456789:.,->\n <>{}\\WEBVTT abä\u202e", max_size=200))
def test_any_text_gives_lines_or_a_mistake(text: str) -> None:
    """Lines are in order, last a while and have plain words."""
    try:
        lines = parse_lyrics(text)
    except NotLyricsError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        return
    assert all(one.start_s < other.start_s for one, other in itertools.pairwise(lines))
    assert all(line.start_s < line.end_s and line.text == plain_line(line.text) != "" for line in lines)
