"""(Analysis, Script, Settings) → Plan: which prompt arrives when. Pure; no model, no picture.

A prompt **arrives** on a border of the music: the picture has fully become it there, and the change happened before.
Prompts with a place go there; the others share the borders that are left, in order.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from beatwalk.core.text import split_number
from beatwalk.errors import InputError, PlanError, PromptError
from beatwalk.plan.boundaries import AT_THE_BEGINNING_S, Pace, free_borders
from beatwalk.plan.prompts import Place, PromptLine, Script
from beatwalk.settings import Settings
from beatwalk.types import Analysis, Keyframe, Plan, Timeline

MIN_SEGMENT_FRAMES = 2


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """A prompt line and when it arrives, in seconds of the song."""

    time_s: float
    line: PromptLine
    placed: bool


def plan(
    analysis: Analysis,
    script: Script,
    settings: Settings,
    *,
    model: str | None = None,
    size: tuple[int, int] | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Plan:
    """Lay the prompts over the song.

    Parameters
    ----------
    model
        What will render; only remembered.
    size
        Width and height in pixels; None: the setting's, else the model's native size once it is loaded.
    start_s, end_s
        The excerpt of the song to show; None: to its end.

    Raises
    ------
    PlanError
        The excerpt lies outside the song, or there are more prompts than frames.
    PromptError
        A place that the song does not have.
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
        raise PlanError(f"{end_s - start_s:g} s are {timeline.n_frames} frame; a walk needs {MIN_SEGMENT_FRAMES}")
    pace = Pace.of(analysis, settings)
    arrivals = _arrivals(analysis, script, settings, pace)
    return Plan(
        analysis=analysis,
        timeline=timeline,
        settings=settings,
        model=model,
        size=size or settings.video.size,
        keyframes=_keyframes(arrivals, timeline, settings, pace),
    )


def _arrivals(analysis: Analysis, script: Script, settings: Settings, pace: Pace) -> list[_Arrival]:
    """Every prompt at its moments, over the whole song, in order of time; the first at 0."""
    placed = [
        _Arrival(time_s=time_s, line=line, placed=True)
        for line in script.lines
        if line.place is not None
        for time_s in place_times_s(line.place, analysis, script.path, line)
    ]
    placed.sort(key=lambda arrival: arrival.time_s)
    free = [line for line in script.lines if line.place is None]
    if not free:
        first = replace(placed[0], time_s=0.0) if placed[0].time_s > 0 else None
        return [first, *placed] if first else placed
    taken_s = [arrival.time_s for arrival in placed]
    borders = free_borders(analysis, settings.walk, taken_s, len({_shown(line) for line in free}), pace)
    shared = [_Arrival(time_s=time_s, line=free[i % len(free)], placed=False) for i, time_s in enumerate(borders)]
    arrivals = sorted([*placed, *shared], key=lambda arrival: arrival.time_s)
    if arrivals[0].time_s > 0:
        arrivals.insert(0, replace(arrivals[0], time_s=0.0))
    return arrivals


def _shown(line: PromptLine) -> tuple[object, ...]:
    """What makes a line another one than its neighbours: of two that show the same, one needs no border."""
    return line.prompt, line.negative, line.seed, line.image, line.strength


def place_times_s(place: Place, analysis: Analysis, path: str, line: PromptLine) -> list[float]:
    """When a place comes, in seconds; a section may come several times."""

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
            raise missing("@drop", "a place that exists: no clear drop was heard; use @0:42 or @section")
        return [analysis.drop_s]
    starts = [section.start_s for section in analysis.sections if section.label.upper() == place.label]
    if not starts:
        labels = ", ".join(sorted({section.label for section in analysis.sections}))
        raise missing(f"section {place.label}", f"one of the song's sections: {labels}")
    return starts


def _keyframes(arrivals: list[_Arrival], timeline: Timeline, settings: Settings, pace: Pace) -> tuple[Keyframe, ...]:
    """Arrivals within the excerpt as keyframes on integer frames, with one to begin and one to end on."""
    active, words = arrivals[0], arrivals[0].line.prompt
    chosen: dict[int, _Arrival] = {}
    for arrival in arrivals:
        frame = timeline.frame_at(arrival.time_s)
        # Where an excerpt begins just before a border, nobody could follow a whole change of prompt.
        just_before = timeline.start_s > 0 and (
            arrival.time_s < timeline.start_s + AT_THE_BEGINNING_S
            or (not arrival.placed and pace.too_short(timeline.start_s, arrival.time_s))
        )
        if frame < MIN_SEGMENT_FRAMES or just_before:
            active, words = arrival, arrival.line.prompt or words
        elif frame <= timeline.n_frames - MIN_SEGMENT_FRAMES:
            near = [f for f in range(frame - MIN_SEGMENT_FRAMES + 1, frame + MIN_SEGMENT_FRAMES) if f in chosen]
            if any(chosen[f].placed and not arrival.placed for f in near):
                continue  # where two prompts meet, the one with a place wins; else the later
            for f in near:
                del chosen[f]
            chosen[frame] = arrival
    begin = _keyframe(0, active.line, words, settings)
    keyframes = [begin]
    for frame, arrival in sorted(chosen.items()):
        keyframes.append(_keyframe(frame, arrival.line, keyframes[-1].prompt, settings))
    first = keyframes[0] = _with_init(replace(begin, seed=_first_seed(active.line, settings)), settings)
    if settings.walk.loop:
        if (
            len(keyframes) == 1 and timeline.n_frames >= 2 * MIN_SEGMENT_FRAMES
        ):  # out and back: onto where it stands already, noise would not move at all
            middle = timeline.n_frames // 2
            keyframes.append(replace(begin, frame=middle, seed=None))
        end = replace(first, frame=timeline.n_frames)
    else:
        last = keyframes[-1] if len(keyframes) > 1 else begin  # from the picture of --init the walk goes away
        end = replace(last, frame=timeline.n_frames, seed=None)
    return (*keyframes, end)


def _first_seed(line: PromptLine, settings: Settings) -> int:
    return settings.seed if line.seed is None else line.seed


def _with_init(first: Keyframe, settings: Settings) -> Keyframe:
    """The first keyframe with the picture that the settings begin on, where it has none of its own."""
    if settings.walk.init is None or first.image is not None:
        return first
    image, strength = init_of(settings.walk.init)
    return replace(first, image=image, strength=first.strength if strength is None else strength)


def init_of(given: str) -> tuple[Path, float | None]:
    """FILE or FILE:strength → the picture to begin on, from anywhere, and how far it may be changed.

    Raises
    ------
    InputError
        The strength is none.
    """
    try:
        path, strength = split_number(given)
        if strength is not None and not 0 <= strength <= 1:
            raise ValueError(f"{strength:g}")
    except ValueError as error:
        expected = "expected FILE or FILE:strength with a strength from 0 to 1, such as cover.png:0.6"
        raise InputError(f'{given}: {expected}; found "{error}"') from None
    return Path(os.path.abspath(path)), strength


def _keyframe(frame: int, line: PromptLine, previous_prompt: str, settings: Settings) -> Keyframe:
    negative = settings.model.negative if line.negative is None else line.negative
    image = None if line.image is None else Path(os.path.abspath(line.image))  # a plan is rendered from anywhere
    keyframe = Keyframe(
        frame=frame, prompt=line.prompt or previous_prompt, negative=negative, seed=line.seed, image=image
    )
    return keyframe if line.strength is None else replace(keyframe, strength=line.strength)


def resolve_model_path(model: str | None) -> str | None:
    """A model given as a path that exists, made absolute, so that a plan can be rendered from anywhere."""
    path = Path(os.path.expanduser(model or ""))
    return str(path.resolve()) if model and path.exists() else model
