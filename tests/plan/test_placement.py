"""Plans tile all frames and put prompts where the music changes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import PlanError, PromptError
from beatwalk.listen.corrections import with_labels
from beatwalk.plan.boundaries import Pace, boundaries_s
from beatwalk.plan.placement import place_prompts
from beatwalk.plan.plan_json import check_plan
from beatwalk.plan.prompts import parse_prompts
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Curve, Plan, frozen_array
from tests.helpers import known_analysis

SONG = known_analysis(24.0)  # sections A, B, A at 0, 8 and 16 s; a bar every 2 s


def planned(text: str, *, start_s: float = 0.0, end_s: float | None = None, **settings: object) -> Plan:
    """A plan for the 24 s song."""
    script = parse_prompts(text, "walk.txt")
    return place_prompts(SONG, script, Settings.model_validate(settings), size=(64, 64), start_s=start_s, end_s=end_s)


def landing(found: Plan) -> list[tuple[float, str]]:
    """When each prompt arrives in the video, the closing keyframe left out."""
    return [(found.timeline.time_of(k.frame), k.prompt) for k in found.shown_keyframes[:-1]]


def test_free_prompts_arrive_on_sections_in_order() -> None:
    """Three prompts, three sections."""
    assert landing(planned("a\nb\nc")) == [(0, "a"), (8, "b"), (16, "c")]


def test_a_picture_to_begin_on_is_the_first_keyframes_alone() -> None:
    """Unless that has one of its own; a single prompt walks away from it, a loop comes back to it."""
    here = Path("cover.png").absolute()
    init = {"init": "cover.png:0.3"}
    images = [(k.image, k.strength) for k in planned("a\nb\nc", walk=init).keyframes]
    assert images == [(here, 0.3), *[(None, 0.6)] * 3]
    assert planned("a", walk={"init": "cover.png"}).keyframes[0].strength == 0.6
    own = planned("@0:00 a :: image=own.png", walk=init).keyframes
    assert [k.image for k in own] == [Path("own.png").absolute()] * 2
    one = planned("a", start_s=0.0, end_s=4.0, walk=init).keyframes
    assert [k.image for k in one] == [here, *[None] * 3]
    loop = planned("a", end_s=4.0, walk={"init": "cover.png", "loop": True}).keyframes
    assert [k.image for k in loop] == [here, None, here]


def test_fewer_prompts_repeat_and_more_use_a_finer_grid() -> None:
    """Two come round again; five go on every fourth bar, where there is a boundary for each."""
    assert landing(planned("a\nb")) == [(0, "a"), (8, "b"), (16, "a")]
    assert [p for _, p in landing(planned("a\nb\nc\nd\ne\nf"))] == ["a", "b", "c", "d", "e", "f"]
    many = landing(planned("\n".join(f"p{i}" for i in range(60))))
    assert len({prompt for _, prompt in many}) == 60


def test_lines_of_the_same_words_are_lines_of_their_own() -> None:
    """Pictures without words, and one prompt with several seeds, all get a boundary."""
    found = planned("a :: image=1.png\n" + "\n".join(f":: image={i}.png" for i in range(2, 6)))
    assert [k.image.name for k in found.keyframes[:-1] if k.image] == [f"{i}.png" for i in (1, 2, 3, 4, 5, 1)][:5]
    assert {k.prompt for k in found.keyframes} == {"a"}
    seeds = [k.seed for k in planned("\n".join(f"a :: seed={i}" for i in range(5))).keyframes[:-1]]
    assert seeds[:5] == [0, 1, 2, 3, 4]
    assert len(landing(planned("a\na\na\na\na"))) == 3  # nothing to tell apart


def test_one_prompt_alone_still_has_segments_to_move_in() -> None:
    """The noise travels from section to section."""
    assert landing(planned("a")) == [(0, "a"), (8, "a"), (16, "a")]


def test_places_are_kept_and_the_rest_shares_what_is_left() -> None:
    """The drop takes its boundary; a time, a bar and a beat are exact."""
    assert landing(planned("a\n@drop x\nb")) == [(0, "a"), (8, "x"), (16, "b")]
    assert landing(planned("a\n@0:03 t\n@bar 6 u\n@beat 30 v")) == [
        (0, "a"),
        (3, "t"),
        (10, "u"),
        (14.5, "v"),
    ]
    assert landing(planned("x\n@section A y")) == [(0, "y"), (8, "x"), (16, "y")]
    assert landing(planned("@0:05 only")) == [(0, "only"), (5, "only")]


def test_a_loop_that_begins_just_before_a_border_begins_with_what_comes() -> None:
    """0.6 s are too short to get from one prompt to another, unless told otherwise; 0.3 s always; 7.5 s are not."""

    def prompts(start_s: float, **walk: float) -> list[str]:
        found = planned("a\nb\nc", start_s=start_s, walk={"loop": True, **walk})
        return [prompt for _, prompt in landing(found)]

    assert prompts(7.7) == ["b", "c"]
    assert prompts(7.4) == ["b", "c"]
    assert prompts(7.4, least_change=0.0) == ["a", "b", "c"]
    assert prompts(7.7, least_change=0.0) == ["b", "c"]
    assert prompts(0.5) == ["a", "b", "c"]


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 4.0), (7.4, 9.0), (8.0, 12.02), (10.013, 20.0), (23.0, 24.0)])
def test_an_excerpt_is_a_window_onto_the_whole(start_s: float, end_s: float) -> None:
    """Its keyframes are the whole video's, on its own clock, and it begins on one of the whole video's frames."""
    whole, part = planned("a\n@0:11 b\nc"), planned("a\n@0:11 b\nc", start_s=start_s, end_s=end_s)
    first = round(part.timeline.start_s * 24)
    assert part.timeline.start_s == first / 24
    assert abs(part.timeline.start_s - start_s) <= 0.5 / 24
    assert [replace(k, frame=k.frame + first) for k in part.keyframes] == list(whole.keyframes)
    shown = part.shown_keyframes
    assert (shown[0].frame, shown[-1].frame) == (0, part.timeline.n_frames)
    check_plan(part)


def test_an_excerpt_needs_only_its_own_segments() -> None:
    """From the first one's beginning to the last frame; a second before it where it begins on a boundary."""

    def needed(start_s: float, end_s: float) -> list[tuple[int, int, int]]:
        found = planned("a\nb\nc", start_s=start_s, end_s=end_s)
        parts = [(part.index, part.begin, part.end) for part in found.parts]
        assert found.rendered_frames == found.timeline.n_frames - found.parts[0].first
        return parts

    assert needed(0.0, 24.0) == [(0, 0, 192), (1, 0, 192), (2, 0, 192)]
    assert needed(10.0, 12.0) == [(1, 0, 96)]
    assert needed(8.0, 9.0) == [(0, 168, 192), (1, 0, 24)]
    assert needed(8.5, 17.0) == [(0, 180, 192), (1, 0, 192), (2, 0, 24)]
    assert needed(0.0, 8.0) == [(0, 0, 192)]
    assert needed(0.5, 8.5) == [(0, 0, 192), (1, 0, 12)]


def quiet_middle(pace: float) -> tuple[Analysis, Settings]:
    """The song with next to no energy in its second section."""
    energy = Curve(values=np.where((t := np.arange(0, 24, 0.1)) < 8, 0.8, np.where(t < 16, 0.01, 1.0)), rate_hz=10.0)
    speed = {"level": 0.0, "rules": [{"source": "energy", "amount": 1.0}]}
    settings = Settings.model_validate({"walk": {"pace": pace, "speed": speed}})
    return replace(SONG, curves={**SONG.curves, "energy": energy}), settings


def test_a_border_that_leaves_a_prompt_no_time_is_passed_over() -> None:
    """The change begins in the quiet part and arrives with the loud one; where each is needed, all stay."""
    song, settings = quiet_middle(pace=0.35)
    two = place_prompts(song, parse_prompts("a\nb", "walk.txt"), settings, size=(64, 64))
    assert landing(two) == [(0, "a"), (16, "b")]
    placed = place_prompts(song, parse_prompts("a\n@0:08 b", "walk.txt"), settings, size=(64, 64))
    assert (8, "b") in landing(placed), "a place is a place"


def test_where_sections_leave_no_time_bars_add_their_boundaries() -> None:
    """Three prompts: the quiet section cannot be one's way, a bar within the loud ones can."""
    song, settings = quiet_middle(pace=0.35)
    found = landing(place_prompts(song, parse_prompts("a\nb\nc", "walk.txt"), settings, size=(64, 64)))
    assert [prompt for _, prompt in found] == ["a", "b", "c"]
    times = [time_s for time_s, _ in found]
    assert 16 in times
    assert set(times) <= {float(t) for t in song.downbeats_s}
    pace = Pace.of(song, settings)
    assert not any(pace.too_short(a, b) for a, b in itertools.pairwise(times))


def test_prompts_that_no_grid_has_time_for_are_all_shown_even_so() -> None:
    """At a snail's pace prompts take the sections, as if there were time."""
    song, settings = quiet_middle(pace=0.001)
    found = landing(place_prompts(song, parse_prompts("a\nb\nc", "walk.txt"), settings, size=(64, 64)))
    assert found == [(0, "a"), (8, "b"), (16, "c")]


def test_boundaries_follow_the_setting() -> None:
    """Bars and beats count from the first one."""
    assert boundaries_s(SONG, "4 bars") == [0, 8, 16]
    assert boundaries_s(SONG, "8 beats")[:3] == [0, 4, 8]
    silent = replace(SONG, beats_s=SONG.beats_s[:0], downbeats_s=SONG.downbeats_s[:0])
    assert boundaries_s(silent, "4 bars") == [0, 8, 16]


def test_an_excerpt_begins_with_the_prompt_that_rules_there() -> None:
    """--from and --to keep the song's own times."""
    found = planned("a\nb\nc", start_s=10.0, end_s=20.0)
    assert found.timeline.n_frames == 240
    assert landing(found) == [(10, "b"), (16, "c")]


def test_an_excerpt_keeps_the_words_before_a_wordless_picture() -> None:
    """As in the whole song."""
    text = "@0:00 a calm sea\n@0:04 :: image=cover.png\n@0:10 :: image=back.png\n"
    for start_s in (0.0, 5.0, 11.0):
        assert {k.prompt for k in planned(text, start_s=start_s).keyframes} == {"a calm sea"}


def test_a_loop_ends_on_the_picture_it_began_with() -> None:
    """Same words, same seed."""
    found = planned("a :: seed=5\nb", walk={"loop": True})
    assert (found.keyframes[-1].prompt, found.keyframes[-1].seed) == ("a", 5)
    assert planned("a", seed=9).keyframes[0].seed == 9


@given(
    st.lists(
        st.sampled_from(
            ["a", "@drop b", "@bar 2 c", "@0:11.3 d", "@0:11.31 e", "@section A f :: seed=3", "@beat 48 g"]
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["section", "8 bars", "1 bar", "2 beats", "3 bars"]),
    st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(1)]),
    st.floats(0, 20),
    st.floats(2.5, 24),
    st.booleans(),
)
def test_segments_tile_all_frames(
    lines: list[str], change_every: str, fps: Fraction, start_s: float, length_s: float, loop: bool
) -> None:
    """Whatever the prompts, the grid and the frame rate: no gap, no overlap, exactly round(duration x fps) frames."""
    end_s = min(start_s + length_s, 24.0)
    video = {"fps": str(fps)}
    found = planned(
        "\n".join(lines), start_s=start_s, end_s=end_s, walk={"change_every": change_every, "loop": loop}, video=video
    )
    check_plan(found)
    assert found.timeline.n_frames == round(Fraction(end_s - start_s) * fps)
    covered = [frame for segment in found.segments for frame in range(segment.first, segment.last)]
    assert covered == list(range(found.keyframes[0].frame, found.keyframes[-1].frame))
    rendered = [frame for part in found.parts for frame in range(part.first, part.last)]
    assert rendered == list(range(found.parts[0].first, found.timeline.n_frames))
    assert rendered[0] == -len(rendered) + found.timeline.n_frames
    assert not loop or rendered == covered
    assert all(segment.n_frames >= 2 for segment in found.segments)
    assert all(keyframe.prompt for keyframe in found.keyframes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\n@1:00 late", r"walk.txt:2:1: found 60 s, expected a time within the song, which ends at 24.00 s"),
        ("@bar 33 x", r"walk.txt:1:1: found bar 33.*the song has 12 bars"),
        ("@section Q x", r"found section Q.*one of the song's sections: A, B"),
    ],
)
def test_a_place_the_song_does_not_have_is_named(text: str, message: str) -> None:
    """Line and column of the prompt file, and what there is instead."""
    with pytest.raises(PromptError, match=message):
        planned(text)


def test_a_drop_that_was_not_heard() -> None:
    """The message says what to write instead."""
    with pytest.raises(PromptError, match="no clear drop was found; use @0:42"):
        place_prompts(replace(SONG, drop_s=None), parse_prompts("@drop x"), Settings())


@pytest.mark.parametrize(
    ("start_s", "end_s", "message"),
    [
        (30.0, None, "outside the song"),
        (5.0, 4.0, "--to 4: expected"),
        (5.0, 99.0, "--to 99"),
        (-1.0, None, "--from -1"),
    ],
)
def test_an_excerpt_outside_the_song(start_s: float, end_s: float | None, message: str) -> None:
    """Both ends are checked."""
    with pytest.raises(PlanError, match=message):
        planned("a", start_s=start_s, end_s=end_s)


def test_an_edited_plan_is_checked() -> None:
    """Out of order, not from the beginning, not to the end."""
    good = planned("a\nb\nc")
    swapped = replace(good, keyframes=(good.keyframes[0], good.keyframes[2], good.keyframes[1], good.keyframes[3]))
    with pytest.raises(PlanError, match="must come in order"):
        check_plan(swapped)
    with pytest.raises(PlanError, match="begin at frame 0 and end at frame 576"):
        check_plan(replace(good, keyframes=good.keyframes[:-1]))


def arrivals_s(prompts: str, song: Analysis = SONG, **settings: Any) -> list[float]:
    """When keyframes after the first one arrive, in seconds."""
    plan = place_prompts(song, parse_prompts(prompts), Settings.model_validate(settings))
    return [round(plan.timeline.time_of(k.frame), 2) for k in plan.keyframes[1:-1]]


def test_a_prompt_arrives_on_the_bar_after_its_condition() -> None:
    """Every time that it becomes true; energy is 0.9 from 8 to 16 s."""
    assert arrivals_s("a red sea\n@when energy>0.8 fireworks\n", walk={"change_every": "16 bars"}) == [8.0]
    twice = arrivals_s("@0:00 a red sea\n@when (energy < 0.5 and since('drop') > 1) calm\n")
    assert twice == [2.0, 16.0]  # before the drop, since counts from the song's beginning
    no_bars = replace(SONG, downbeats_s=frozen_array([]), beats_per_bar=frozen_array([], np.int64))
    assert arrivals_s("@0:00 a red sea\n@when energy>0.8 fireworks\n", no_bars) == pytest.approx([8.0], abs=0.05)


def test_a_section_is_named_and_counted() -> None:
    """Section A comes twice; its second time alone is meant with a number."""
    named = with_labels(SONG, [(0.0, "verse"), (8.5, "chorus")])
    assert arrivals_s("a\n@chorus golden\n@verse 2 calm\n", named) == [8.0, 16.0]
    assert arrivals_s("@0:00 a\n@section chorus golden\n", named) == [8.0]


@pytest.mark.parametrize(
    ("prompts", "match"),
    [
        ("a\n@when energy>2 x", "<prompts>:2:1: found @when energy>2, expected a condition that becomes true"),
        ("a\n@when section('X') x", "the song has none; its sections are A, B"),
        (
            "a\n@chorus x",
            r"2:1: found 'chorus', expected one of the song's sections: A, B \(or another place",
        ),
        ("a\n@A 3 x", "A 3, expected 1 to 2"),
        ("a\n@when energy>> x", "2:7: found 'energy>>', expected a condition such as energy>0.8 .column 8.*brackets"),
        ("a\n@when (energy > x", "expected a condition.*column"),
        ("a\n@when", "no prompt|the end|condition"),
    ],
)
def test_conditions_and_names_that_cannot_be(prompts: str, match: str) -> None:
    """With line and column."""
    with pytest.raises(PromptError, match=match):
        arrivals_s(prompts)


def test_two_hundred_prompts_on_ten_minutes() -> None:
    """As many as there are, in order, on beats; removing boundaries one by one must not take minutes."""
    song = known_analysis(600.0)
    lines = "\n".join(f"picture {i}" for i in range(200))
    times_s = np.array(arrivals_s(lines, song))
    assert len(times_s) == 199
    assert (np.diff(times_s) > 0).all()
    np.testing.assert_allclose(times_s * 2 % 1, 0, atol=0.1)
