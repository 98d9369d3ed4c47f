"""Prompts and the words that are sung: places, templates, and what happens where lines come too quickly."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from beatwalk import api
from beatwalk.core import Event, Note
from beatwalk.errors import InputError, PromptError, SettingsError
from beatwalk.plan import plan_to_json
from beatwalk.plan.placement import place_prompts
from beatwalk.plan.plan_json import plan_from_json
from beatwalk.plan.prompts import Place, parse_prompts
from beatwalk.settings import Settings
from beatwalk.types import Lyric, Plan
from tests.helpers import known_analysis
from tests.songs import click_song

SUNG = (
    (1.0, "City lights are calling"),
    (5.0, "Don’t look back;"),
    (9.0, "city lights again"),
    (12.0, "over the river"),
    (20.0, "Goodbye"),
)
LYRICS = tuple(
    Lyric(start_s=start_s, end_s=end_s, text=text)
    for (start_s, text), end_s in zip(SUNG, (5.0, 9.0, 11.0, 16.0, 23.0), strict=True)
)
SONG = dataclasses.replace(known_analysis(24.0), lyrics=LYRICS)
STEADY = {"walk": {"speed": 1.0, "pace": 1.0, "least_change": 2.0}}  # two seconds are enough for a change


def planned(text: str, **settings: object) -> Plan:
    """A plan for the song."""
    return place_prompts(SONG, parse_prompts(text, "walk.txt"), Settings.model_validate({**STEADY, **settings}))


def landing(plan: Plan) -> list[tuple[float, str]]:
    """When each prompt arrives."""
    return [(plan.timeline.time_of(k.frame), k.prompt) for k in plan.keyframes[:-1]]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('@line "city lights" a', Place(kind="line", label="city lights")),
        ("@line 'city lights' 2 a", Place(kind="line", label="city lights", number=2)),
        ("@LINE river a", Place(kind="line", label="river")),
        ("@line 3 a", Place(kind="line", number=3)),
        ('@line "3" a', Place(kind="line", label="3")),
    ],
)
def test_lines_are_places(text: str, place: Place) -> None:
    """By words in quotes, by one word, by number; which of several, as sections have it."""
    (line,) = parse_prompts(text).lines
    assert (line.place, line.prompt) == (place, "a")


@pytest.mark.parametrize("text", ["@line", "@line   ", '@line "" a', '@line "... " a', "@line 0 a", '@line "x a'])
def test_a_place_needs_words(text: str) -> None:
    """The message has the line and the column."""
    with pytest.raises(PromptError, match=r"^<prompts>:1:\d+: found"):
        parse_prompts(text)


def test_prompts_arrive_where_words_are_sung() -> None:
    """Every time they are, however quotes and commas are typed; or at one of them."""
    assert landing(planned('@0:00 a\n@line "CITY, lights" b'))[1:] == [(1.0, "b"), (9.0, "b")]
    assert landing(planned('@0:00 a\n@line "city lights" 2 b'))[1:] == [(9.0, "b")]
    assert landing(planned('@0:00 a\n@line "don\'t look" b\n@line 4 c'))[1:] == [(5.0, "b"), (12.0, "c")]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('@line "city light is calling" a', "did you mean 'City lights are calling'"),
        ('@line "city lights" 3 a', "expected 1 to 2: so often it is sung"),
        ("@line 6 a", "expected 1 to 5: the lyrics have no more lines"),
    ],
)
def test_words_that_are_not_sung_are_named(text: str, match: str) -> None:
    """With the nearest line, or how many there are."""
    with pytest.raises(PromptError, match=match):
        planned(text)


def test_a_template_becomes_a_prompt_for_each_line() -> None:
    """It arrives where the line begins; several templates take turns."""
    assert landing(planned("a dream of {line}, oil painting")) == [
        (0.0, "a dream of City lights are calling, oil painting"),
        (1.0, "a dream of City lights are calling, oil painting"),
        (5.0, "a dream of Don’t look back;, oil painting"),
        (9.0, "a dream of city lights again, oil painting"),
        (12.0, "a dream of over the river, oil painting"),
        (20.0, "a dream of Goodbye, oil painting"),
    ]
    turns = [prompt[0] for _, prompt in landing(planned("1 {line}\n2 {line}"))]
    assert turns == ["1", "1", "2", "1", "2", "1"]


def test_lines_that_come_too_soon_join_the_one_before() -> None:
    """Up to three, without the marks at their ends; the fourth is left out, and a new prompt begins when it can."""
    slow = {"walk": {**STEADY["walk"], "least_change": 12.0}}
    assert [(time_s, words) for time_s, words in landing(planned("{line}", **slow)) if time_s] == [
        (1.0, "City lights are calling, Don’t look back, city lights again"),
        (20.0, "Goodbye"),
    ]


def test_prompts_with_a_place_have_the_right_of_way() -> None:
    """A line that begins too close to one is left out; others without a place share what is left."""
    told = landing(planned("{line}\n@0:06 a wood"))
    assert (6.0, "a wood") in told
    assert "Don’t look back;" not in [prompt for _, prompt in told]
    assert "a sea" in [prompt for _, prompt in landing(planned("{line}\na sea"))]


def test_a_template_with_a_place_shows_what_is_sung_there() -> None:
    """Or the next line, where nobody sings; or the last one."""
    told = landing(planned("@0:00 a\n@0:06 b {line}\n@0:17 c {line}\n@0:23.5 d {line}"))
    assert told[1:] == [(6.0, "b Don’t look back;"), (17.0, "c Goodbye"), (23.5, "d Goodbye")]


@pytest.mark.parametrize("text", ['@line "x" a', "a {line}", "@0:01 a {line}"])
def test_without_lyrics_they_are_refused_before_any_work(tmp_path: Path, text: str) -> None:
    """Even before the song is looked for."""
    with pytest.raises(PromptError, match=r"<prompts>:1:1: found .*line.*, expected lyrics .*--lyrics song.lrc"):
        api.plan(tmp_path / "no.wav", [text])


def test_lyrics_travel_in_the_plan(tmp_path: Path) -> None:
    """The plan has the words, the path and the content's SHA-256, so it is read without the file."""
    path, told = tmp_path / "song.lrc", list[Event]()
    path.write_text("[00:01]one\n[00:03]two\n")
    over = {"sources": {"lyrics": f"{path}:0.5"}, "subtitles": {"mode": "burn"}}
    click_song(tmp_path / "song.wav")
    plan = api.plan(tmp_path / "song.wav", ["a {line}"], overrides=[over], on_event=told.append)
    path.unlink()
    again = plan_from_json(plan_to_json(plan), "plan")
    assert [(line.start_s, line.text) for line in again.analysis.lyrics] == [(1.5, "one"), (3.5, "two")]
    assert again.analysis.lyrics == plan.analysis.lyrics
    assert [(file.name, file.path.name, len(file.sha256)) for file in again.files] == [("lyrics", "song.lrc", 64)]
    assert not [event for event in told if isinstance(event, Note)]


def test_lyrics_that_nothing_uses_are_said(tmp_path: Path) -> None:
    """And subtitles without lyrics are refused, and a missing file is named."""
    path, told = tmp_path / "song.lrc", list[Event]()
    path.write_text("[00:01]one\n")
    song = tmp_path / "song.wav"
    click_song(song)
    api.plan(song, ["a"], overrides=[{"sources": {"lyrics": str(path)}}], on_event=told.append)
    assert [event.text for event in told if isinstance(event, Note)] == [
        "no prompt and no subtitles use the lyrics; --subtitles burn shows them"
    ]
    with pytest.raises(SettingsError, match="--subtitles track shows lyrics; add --lyrics"):
        api.plan(song, ["a"], overrides=[{"subtitles": {"mode": "track"}}])
    with pytest.raises(InputError, match=r"no.lrc: no such file; sources.lyrics names it"):
        api.plan(song, ["a"], overrides=[{"sources": {"lyrics": str(tmp_path / "no.lrc")}}])


def test_a_preset_may_name_lyrics_below_its_folder_only(tmp_path: Path) -> None:
    """A stranger's preset must not put the words of any file of yours into a video."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    (tmp_path / "mine.lrc").write_text("[00:01]secret\n")
    (folder / "p.toml").write_text('[sources]\nlyrics = "../mine.lrc"\n')
    with pytest.raises(InputError, match="lies outside the folder of the preset"):
        api.plan(tmp_path / "no.wav", ["a"], preset=str(folder / "p.toml"))
