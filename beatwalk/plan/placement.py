"""(Analysis, Script, Settings) → Plan: which prompt arrives when. No model and no picture is needed for it.

A prompt **arrives** at a boundary of the music: there the picture shows the prompt fully, and the change has happened
before. Prompts with a place arrive there; the others share the remaining boundaries, in order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from beatwalk.core import is_cover, split_number
from beatwalk.errors import InputError, PlanError, PromptError
from beatwalk.plan.boundaries import Pace
from beatwalk.plan.evaluation import evaluate
from beatwalk.plan.lyric_prompts import check_lyrics, filled, is_template, line_times_s, sung_prompts
from beatwalk.plan.prompts import Place, PromptLine, Script, parse_prompts
from beatwalk.plan.rule_sources import unknown_label
from beatwalk.plan.sharing import AT_THE_BEGINNING_S, free_boundaries
from beatwalk.plan.source_values import Moments
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Keyframe, Plan, Timeline

MIN_SEGMENT_FRAMES = 2
CONDITION_FPS = 50  # at which conditions of prompts are looked at


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """A prompt line and when it arrives, in seconds of the song."""

    time_s: float
    line: PromptLine
    placed: bool


def place_prompts(
    analysis: Analysis,
    script: Script,
    settings: Settings,
    *,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Plan:
    """Place the prompts over the song.

    Parameters
    ----------
    model
        The model that will render; only recorded.
    size
        Width and height in pixels. Default: the setting's, else the model's native size once it is loaded.
    start_s, end_s
        The excerpt of the song to show: a window onto the video of the whole song, from the frame nearest to
        `start_s` on. Default of the end: the song's end.

    Raises
    ------
    PlanError
        The excerpt lies outside the song, or there are more prompts than frames.
    PromptError
        The song does not have a place that a prompt names.
    """
    end_s = analysis.duration_s if end_s is None else end_s
    if not 0 <= start_s < analysis.duration_s:
        raise PlanError(f"--from {start_s:g}: outside the song, which is {analysis.duration_s:.2f} s long")
    if not start_s < end_s <= analysis.duration_s + 0.5:
        limits = f"between --from {start_s:g} and the song's end at {analysis.duration_s:.2f} s"
        raise PlanError(f"--to {end_s:g}: expected a time {limits}")
    end_s = min(end_s, analysis.duration_s)
    timeline = Timeline.spanning(end_s - start_s, settings.video.fps, start_s)
    if timeline.n_frames < MIN_SEGMENT_FRAMES:
        raise PlanError(
            f"the excerpt of {end_s - start_s:g} s has {timeline.n_frames} frame; a walk needs {MIN_SEGMENT_FRAMES}"
        )
    pace = Pace.of(analysis, settings)
    arrivals = _arrivals(analysis, script, settings, pace)
    if settings.walk.loop:
        keyframes = _keyframes(arrivals, timeline, settings, pace, analysis.song.path)
    else:
        whole = Timeline.spanning(analysis.duration_s, settings.video.fps)
        first = min(whole.frame_at(start_s), whole.n_frames - timeline.n_frames)
        timeline = replace(timeline, start_s=whole.time_of(first))
        keyframes = tuple(
            replace(keyframe, frame=keyframe.frame - first)
            for keyframe in _keyframes(arrivals, whole, settings, pace, analysis.song.path)
        )
    return Plan(
        analysis=analysis,
        timeline=timeline,
        settings=settings,
        model=model,
        size=size or settings.video.exact_size,
        keyframes=keyframes,
    )


def _arrivals(analysis: Analysis, script: Script, settings: Settings, pace: Pace) -> list[_Arrival]:
    """List every prompt at its moments, over the whole song, in order of time; the first at 0."""
    lyrics = analysis.lyrics
    check_lyrics(script, given=bool(lyrics))
    placed = [
        _Arrival(time_s=time_s, line=filled(line, lyrics, time_s), placed=True)
        for line in script.lines
        if line.place is not None
        for time_s in place_times_s(line.place, analysis, script.path, line)
    ]
    free = [line for line in script.lines if line.place is None]
    if templates := [line for line in free if is_template(line)]:
        free = [line for line in free if not is_template(line)]
        sung = sung_prompts(templates, lyrics, pace, [arrival.time_s for arrival in placed])
        placed += [_Arrival(time_s=time_s, line=line, placed=True) for time_s, line in sung]
    placed.sort(key=lambda arrival: arrival.time_s)
    if not free:
        first = replace(placed[0], time_s=0.0) if placed[0].time_s > 0 else None
        return [first, *placed] if first else placed
    taken_s = [arrival.time_s for arrival in placed]
    boundaries = free_boundaries(analysis, settings.walk, taken_s, len({_shown(line) for line in free}), pace)
    shared = [_Arrival(time_s=time_s, line=free[i % len(free)], placed=False) for i, time_s in enumerate(boundaries)]
    arrivals = sorted([*placed, *shared], key=lambda arrival: arrival.time_s)
    if arrivals[0].time_s > 0:
        arrivals.insert(0, replace(arrivals[0], time_s=0.0))
    return arrivals


def _shown(line: PromptLine) -> tuple[object, ...]:
    """Everything that makes a line look different: of two lines that show the same, one needs no boundary."""
    return line.prompt, line.negative, line.seed, line.image, line.strength


def place_times_s(place: Place, analysis: Analysis, path: str, line: PromptLine) -> list[float]:
    """Find the times of a place, in seconds; a section may come several times."""

    def missing(found: str, expected: str) -> PromptError:
        return PromptError(path, line.line, line.column, found, expected)

    if place.kind == "time":
        if place.time_s >= analysis.duration_s:
            end = f"{analysis.duration_s:.2f} s"
            raise missing(f"{place.time_s:g} s", f"a time within the song, which ends at {end}")
        return [place.time_s]
    if place.kind in ("bar", "beat"):
        events_s = analysis.downbeats_s if place.kind == "bar" else analysis.beats_s
        if not 1 <= place.number <= len(events_s):
            has = f"the song has {len(events_s)} {place.kind}s"
            raise missing(f"{place.kind} {place.number}", f"one that exists: {has}")
        return [float(events_s[place.number - 1])]
    if place.kind == "drop":
        if analysis.drop_s is None:
            raise missing("@drop", "a place that exists: no clear drop was found; use @0:42 or @section")
        return [analysis.drop_s]
    if place.kind == "when":
        try:
            times_s = moments_when(place.condition, analysis)
        except PlanError as error:
            raise missing(f"@when {place.condition}", f"a condition for this song ({error})") from None
        if not times_s:
            raise missing(f"@when {place.condition}", "a condition that becomes true somewhere in the song")
        return times_s
    if place.kind == "line":
        return line_times_s(place, analysis.lyrics, path, line)
    starts = [section.start_s for section in analysis.sections if section.label.upper() == place.label]
    if not starts:
        labels = ", ".join(sorted({section.label for section in analysis.sections}))
        others = "or another place, such as bar 9, drop or 1:02.5; name sections with: beatwalk analyze --label"
        name = f"section {place.label}" if len(place.label) == 1 else repr(place.label.lower())
        raise missing(name, f"one of the song's sections: {labels} ({others})")
    if place.number > len(starts):
        raise missing(f"{place.label} {place.number}", f"1 to {len(starts)}: so often it comes in the song")
    return starts[place.number - 1 : place.number] if place.number else starts


def moment_s(given: float | str, analysis: Analysis, option: str) -> float:
    """Turn a moment in seconds, or a place such as "drop", "bar 33" or "section B", into seconds of the song.

    Parameters
    ----------
    option
        Where it was given, for messages.

    Raises
    ------
    PlanError
        It is no place, or the song has none such.
    """
    if not isinstance(given, str):
        return given
    try:
        line = parse_prompts(f"@{given} x", option).lines[0]
        if line.place is not None:
            return place_times_s(line.place, analysis, option, line)[0]
    except PromptError as error:
        raise PlanError(f"{option} {given}: found {error.found}, expected {error.expected}") from None
    raise PlanError(f"{option} {given}: expected a place such as drop, bar 33, section B or 1:02.5")


def moments_when(condition: str, analysis: Analysis) -> list[float]:
    """Bars that begin when a condition has become true, in seconds; in music without bars, when it becomes true.

    Raises
    ------
    PlanError
        The analysis lacks what it needs.
    """
    timeline = Timeline.spanning(analysis.duration_s, Fraction(CONDITION_FPS))
    at = Moments.around(analysis, timeline, 0, 0)
    if problem := unknown_label(condition, analysis):
        raise PlanError(problem)
    true = evaluate(condition, at, "@when") != 0
    begins_s = at.times_s[np.flatnonzero(true & ~np.concatenate([[False], true[:-1]]))]
    bars_s = analysis.downbeats_s
    if not len(bars_s):
        return [float(time_s) for time_s in begins_s]
    # Half a frame of the grid: a condition that becomes true on a bar counts for that bar.
    nearest = np.searchsorted(bars_s, begins_s - 0.5 / CONDITION_FPS)
    return [float(bars_s[i]) for i in dict.fromkeys(nearest.tolist()) if i < len(bars_s)]


def _keyframes(
    arrivals: list[_Arrival], timeline: Timeline, settings: Settings, pace: Pace, song: Path
) -> tuple[Keyframe, ...]:
    """Turn arrivals within a timeline into keyframes on integer frames, with one at the start and one at the end."""
    active, words = arrivals[0], arrivals[0].line.prompt
    chosen: dict[int, _Arrival] = {}
    for arrival in arrivals:
        frame = timeline.frame_at(arrival.time_s)
        # Where a loop begins just before a boundary, there is no time for a whole change of prompt.
        just_before = timeline.start_s > 0 and (
            arrival.time_s < timeline.start_s + AT_THE_BEGINNING_S
            or (not arrival.placed and pace.too_short(timeline.start_s, arrival.time_s))
        )
        if frame < MIN_SEGMENT_FRAMES or just_before:
            active, words = arrival, arrival.line.prompt or words
        elif frame <= timeline.n_frames - MIN_SEGMENT_FRAMES:
            near = [f for f in range(frame - MIN_SEGMENT_FRAMES + 1, frame + MIN_SEGMENT_FRAMES) if f in chosen]
            if any(chosen[f].placed and not arrival.placed for f in near):
                continue  # where two prompts meet, the one with a place wins, else the later one
            for f in near:
                del chosen[f]
            chosen[frame] = arrival
    begin = _keyframe(0, active.line, words, settings)
    keyframes = [begin]
    for frame, arrival in sorted(chosen.items()):
        keyframes.append(_keyframe(frame, arrival.line, keyframes[-1].prompt, settings))
    first = keyframes[0] = _with_init(replace(begin, seed=_first_seed(active.line, settings)), settings, song)
    if settings.walk.loop:
        if (
            len(keyframes) == 1 and timeline.n_frames >= 2 * MIN_SEGMENT_FRAMES
        ):  # out and back: a walk from a keyframe to the same keyframe would not move at all
            middle = timeline.n_frames // 2
            keyframes.append(replace(begin, frame=middle, seed=None))
        end = replace(first, frame=timeline.n_frames)
    else:
        last = keyframes[-1] if len(keyframes) > 1 else begin  # the walk leaves the picture of --init
        end = replace(last, frame=timeline.n_frames, seed=None)
    return (*keyframes, end)


def _first_seed(line: PromptLine, settings: Settings) -> int:
    return settings.seed if line.seed is None else line.seed


def _with_init(first: Keyframe, settings: Settings, song: Path) -> Keyframe:
    """Give the first keyframe the picture that the settings start from, where it has none of its own."""
    if settings.walk.init is None or first.image is not None:
        return first
    image, strength = init_of(settings.walk.init, song)
    return replace(first, image=image, strength=first.strength if strength is None else strength)


def init_of(given: str, song: Path) -> tuple[Path, float | None]:
    """Split FILE or FILE:strength into the absolute path of the picture to start from, and its strength.

    Parameters
    ----------
    given
        What the setting says; cover stands for the picture in the song's file.
    song
        That file.

    Raises
    ------
    InputError
        The strength is not a number from 0 to 1.
    """
    try:
        path, strength = split_number(given)
        if strength is not None and not 0 <= strength <= 1:
            raise ValueError(f"{strength:g}")
    except ValueError as error:
        expected = "expected FILE or FILE:strength with a strength from 0 to 1, such as cover.png:0.6"
        raise InputError(f'{given}: {expected}; found "{error}"') from None
    return Path(os.path.abspath(song if is_cover(given) else path)), strength


def _keyframe(frame: int, line: PromptLine, previous_prompt: str, settings: Settings) -> Keyframe:
    negative = settings.model.negative if line.negative is None else line.negative
    image = (
        None if line.image is None else Path(os.path.abspath(line.image))
    )  # a plan can be rendered from any folder
    keyframe = Keyframe(
        frame=frame, prompt=line.prompt or previous_prompt, negative=negative, seed=line.seed, image=image
    )
    return keyframe if line.strength is None else replace(keyframe, strength=line.strength)


def resolve_model_path(model: str | None) -> str | None:
    """Make a model's path absolute where it exists, so that a plan can be rendered from any folder."""
    path = Path(os.path.expanduser(model or ""))
    return str(path.resolve()) if model and path.exists() else model
