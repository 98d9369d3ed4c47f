"""The song that a loop is planned on: its bars repeated, each beat at its exact place at the loop's tempo."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from fractions import Fraction

import numpy as np

from beatwalk.errors import PlanError
from beatwalk.types import Analysis, Curve, Events, Float, Keyframe, Lyric, Plan, Section, frozen_array

ROUNDS = 3  # repetitions of the bars; the loop is the middle one
DRIFT_FRAMES = Fraction(1, 4)  # allowed drift per repetition: four repetitions stay within a frame
ODD_BEATS = 0.75  # a bar that is longer or shorter by this breaks the grid; tempo drifts by less in a bar
WHOLE_BPM = 0.05  # a tempo this close to a whole number is rounded to it


def bar_lines(analysis: Analysis) -> Float:
    """Downbeats in seconds, and the end of the last bar if the song contains all of it.

    Raises
    ------
    PlanError
        No bars were heard.
    """
    lines = analysis.downbeats_s
    if len(lines) < 2:
        raise PlanError(
            "no bars were heard in the song, so no loop can be cut from it; correct it with beatwalk analyze --save"
        )
    last = lines[-1] + float(np.median(np.diff(lines)))
    return np.append(lines, last) if last <= analysis.duration_s + 0.05 else lines


def odd_bars(analysis: Analysis, lines: Float) -> list[int]:
    """Indices of the bars that break the grid: a half bar, a bar of another metre alone, a pause.

    Parameters
    ----------
    lines
        Where bars begin, and the end of the last one, in seconds.
    """
    lengths_s, beats = np.diff(lines), analysis.beats_per_bar[: len(lines) - 1]
    usual = int(np.median(beats)) if len(beats) else 0
    beat_s = float(np.median(lengths_s / beats)) if len(beats) else 0.0
    padded = np.concatenate([[0], beats, [0]])  # no bar has as many beats as what is outside the song
    alone = (beats != usual) & (beats != padded[:-2]) & (beats != padded[2:])
    paused = np.abs(lengths_s - beats * beat_s) > ODD_BEATS * beat_s
    return [int(i) for i in np.flatnonzero(alone | paused)]


def whole_windows(
    analysis: Analysis, lines: Float, bars: int, first: int, odd: Collection[int]
) -> list[tuple[int, int]]:
    """First and last bar line of every loop of `bars` bars; odd bars and changes of metre are passed over."""
    beats = analysis.beats_per_bar
    windows: list[tuple[int, int]] = []
    while first + bars < len(lines):
        broken = [i for i in range(first, first + bars) if i in odd or (i > first and beats[i] != beats[i - 1])]
        if broken:
            first = broken[-1] + (broken[-1] in odd)
        else:
            windows.append((first, first + bars))
            first += bars
    return windows


def rounded_tempo(bpm: float) -> float:
    """The tempo as file names give it: a whole number if it is close to one, else two decimals."""
    return float(round(bpm)) if abs(bpm - round(bpm)) <= WHOLE_BPM else round(bpm, 2)


def exact_rate(fps: Fraction, beats: int, bpm: float) -> tuple[Fraction, int]:
    """Frame rate and number of frames of a loop of `beats` beats, exact to within `DRIFT_FRAMES`.

    The frame rate stays as asked if a whole number of frames is close enough; otherwise it changes slightly.
    """
    length_s = Fraction(60 * beats) / Fraction(str(bpm))
    n_frames = max(4, round(length_s * fps))
    if abs(length_s * fps - n_frames) <= DRIFT_FRAMES:
        return fps, n_frames
    return (n_frames / length_s).limit_denominator(10**6), n_frames


def beat_times(analysis: Analysis, window: tuple[float, float], beats: int) -> Float:
    """Times of the beats in a window and of its end, s, shape (beats + 1,); evenly spaced if some were not heard."""
    heard = analysis.beats_s[(analysis.beats_s > window[0] - 0.01) & (analysis.beats_s < window[1] - 0.05)]
    return np.append(heard, window[1]) if len(heard) == beats else np.linspace(*window, beats + 1)


def repeated(
    analysis: Analysis, window: tuple[float, float], heard_s: Float, length_s: float, per_bar: int
) -> Analysis:
    """An analysis of a song that consists of these bars, repeated `ROUNDS` times.

    Parameters
    ----------
    window
        Start and end of the bars in the real song, s.
    heard_s
        When each beat in the window is heard, and its end, s, as `beat_times` gives them.
    length_s
        Of one repetition.
    per_bar
        Beats in a bar.
    """
    beats = len(heard_s) - 1
    beats_s = np.arange(ROUNDS * beats) * (length_s / beats)
    even = np.linspace(0, length_s, beats + 1)
    inside = (analysis.onsets_s >= window[0]) & (analysis.onsets_s < window[1])
    onsets = np.interp(analysis.onsets_s[inside], heard_s, even)
    starts = length_s * np.arange(ROUNDS)
    per_bar = max(1, per_bar)

    def around(curve: Curve) -> Curve:
        n = max(2, round(length_s * curve.rate_hz))
        times = np.arange(n) * length_s / n
        fade_s = min(length_s / 8, 4 * length_s / beats)
        share = np.clip((times - (length_s - fade_s)) / fade_s, 0, 1)
        # The music before the first bar fades in over the end of the last one, so that levels meet at the seam.
        lead_in = curve.at(np.maximum(window[0] - (length_s - times), 0.0))
        values = (1 - share) * curve.at(np.interp(times, even, heard_s)) + share * lead_in
        return Curve(values=frozen_array(np.tile(values, ROUNDS)), rate_hz=n / length_s)

    def again(events: Events) -> Events:
        """The events inside the window, once in each repetition."""
        kept = (events.times_s >= window[0]) & (events.times_s < window[1])
        times_s = np.interp(events.times_s[kept], heard_s, even)
        return Events(
            times_s=frozen_array(np.concatenate([times_s + start for start in starts])),
            strength=frozen_array(np.tile(events.strength[kept], ROUNDS)),
            lengths_s=frozen_array(np.tile(events.lengths_s[kept] * length_s / (window[1] - window[0]), ROUNDS)),
        )

    def sung_again(lyrics: tuple[Lyric, ...]) -> tuple[Lyric, ...]:
        """The lines that are sung inside the window, once in each repetition."""
        kept = [line for line in lyrics if line.end_s > window[0] and line.start_s < window[1]]
        spans = [np.interp([line.start_s, line.end_s], heard_s, even) for line in kept]
        return tuple(
            Lyric(start_s=float(start + span[0]), end_s=float(start + span[1]), text=line.text)
            for start in starts
            for line, span in zip(kept, spans, strict=True)
            if span[0] < span[1]
        )

    downbeats = beats_s[::per_bar]
    label = next((part.label for part in reversed(analysis.sections) if part.start_s <= window[0] + 0.01), "A")
    return replace(
        analysis,
        song=replace(analysis.song, duration_s=ROUNDS * length_s),
        tempo_bpm=60 * beats / length_s,
        tempo_curve=frozen_array([[0.0, 60 * beats / length_s]]),
        beats_s=frozen_array(beats_s),
        beat_confidence=frozen_array(np.ones(len(beats_s))),
        downbeats_s=frozen_array(downbeats),
        beats_per_bar=frozen_array(np.full(len(downbeats), per_bar), np.int64),
        onsets_s=frozen_array(np.concatenate([onsets + start for start in starts])),
        onset_strength=frozen_array(np.tile(analysis.onset_strength[inside], ROUNDS)),
        sections=tuple(Section(start_s=float(start), end_s=float(start + length_s), label=label) for start in starts),
        drop_s=None,
        curves={name: around(curve) for name, curve in analysis.curves.items()},
        drums={name: again(strokes) for name, strokes in analysis.drums.items()},
        sources={
            name: around(source) if isinstance(source, Curve) else again(source)
            for name, source in analysis.sources.items()
        },
        lyrics=sung_again(analysis.lyrics),
    )


def loop_keyframes(
    plan: Plan, window: tuple[float, float], frame_of: Callable[[float], int], n_frames: int, bar: int, index: int
) -> tuple[Keyframe, ...]:
    """Keyframes of the song inside the window; the last one returns to the first."""
    times = [plan.timeline.time_of(k.frame) for k in plan.keyframes[:-1]]
    half_frame_s = 0.5 / float(plan.timeline.fps)
    active = [k for k, time_s in zip(plan.keyframes, times, strict=False) if time_s <= window[0] + half_frame_s]
    first = replace((active or [plan.keyframes[0]])[-1], frame=0)
    origin = plan.settings.seed if first.seed is None else first.seed
    first = replace(first, seed=(origin + index) % 2**63)
    keyframes = [first]
    for keyframe, time_s in zip(plan.keyframes, times, strict=False):
        frame = frame_of(time_s)
        if window[0] < time_s < window[1] and keyframes[-1].frame + bar <= frame <= n_frames - bar:
            keyframes.append(replace(keyframe, frame=frame, seed=None))
    if len(keyframes) == 1:
        keyframes.append(replace(first, frame=n_frames // 2, seed=None))
    return (*keyframes, replace(first, frame=n_frames))
