"""How good a list of events is: the measures of beat tracking that the field compares by.

Conventions
-----------
- Events are times in seconds, increasing, shape (n,); scores are 0-1; perfect events score 1.
- Both lists empty score 1: nothing was there and nothing was found. One of them empty scores 0.
- F-measure, CMLt and AMLt follow `mir_eval` (Raffel et al., 2014), which leaves the first five seconds out.
"""

from __future__ import annotations

import numpy as np

from beatwalk.types import Float

BEAT_S, ONSET_S = 0.07, 0.05  # an event found so near is right
SETTLED_S = 5.0  # beats before do not count
_CONTINUITY = 0.175  # of a beat's length: phase and period may be off by so much
_OCTAVE = 0.25  # octaves: nearer than that is the same octave of tempo


def f_measure(found_s: Float, true_s: Float, within_s: float = BEAT_S) -> float:
    """Harmonic mean of precision and recall; each true event is found at most once."""
    if not len(found_s) and not len(true_s):
        return 1.0
    return 2 * n_matched(found_s, true_s, within_s) / (len(found_s) + len(true_s))


def n_matched(found_s: Float, true_s: Float, within_s: float) -> int:
    """The most pairs of a found and a true event that lie within `within_s` of each other."""
    found = true = hits = 0
    while found < len(found_s) and true < len(true_s):
        apart_s = float(found_s[found] - true_s[true])
        if abs(apart_s) <= within_s:
            hits, found, true = hits + 1, found + 1, true + 1
        elif apart_s < 0:
            found += 1
        else:
            true += 1
    return hits


def settled(times_s: Float) -> Float:
    """Events after the first `SETTLED_S`."""
    return times_s[times_s >= SETTLED_S]


def continuity(found_s: Float, true_s: Float) -> tuple[float, float]:
    """CMLt and AMLt: share of beats in right phase and period, at the true metrical level, and at an allowed one.

    Allowed are the off-beat, double the tempo, and half of it from the first or from the second beat.
    """
    if not len(found_s) and not len(true_s):
        return 1.0, 1.0
    if len(found_s) < 2 or len(true_s) < 2:
        return 0.0, 0.0
    doubled = np.interp(np.arange(0, len(true_s) - 0.5, 0.5), np.arange(len(true_s)), true_s)
    levels = (true_s, doubled[1::2], doubled, true_s[::2], true_s[1::2])
    scores = [_continuous(found_s, level_s) for level_s in levels]
    return scores[0], max(scores)


def _continuous(found_s: Float, true_s: Float) -> float:
    """Share of beats that lie on a true one, as far from the beat before as the true one is from its own."""
    if len(true_s) < 2:
        return 0.0
    used = np.zeros(len(true_s), np.bool_)
    for number, at_s in enumerate(found_s):
        nearest = int(np.argmin(np.abs(true_s - at_s)))
        looks_ahead = number == 0 or nearest == 0
        span_s = _step(found_s, number, ahead=looks_ahead)
        true_span_s = _step(true_s, nearest, ahead=looks_ahead)
        phase = abs(at_s - true_s[nearest]) / true_span_s
        period = abs(1 - span_s / true_span_s)
        used[nearest] |= phase < _CONTINUITY and period < _CONTINUITY
    return float(used.sum()) / max(len(found_s), len(true_s))


def _step(times_s: Float, number: int, *, ahead: bool) -> float:
    """From an event to the next, or from the one before; the other where there is none."""
    to = min(number + 1, len(times_s) - 1) if ahead else number
    return float(times_s[to] - times_s[to - 1])


def octave_is_right(found_s: Float, true_s: Float) -> bool:
    """Whether the tempo is nearer to the true one than to its half, double or triple."""
    if len(found_s) < 2 or len(true_s) < 2:
        return len(found_s) == len(true_s)
    ratio = float(np.median(np.diff(true_s)) / np.median(np.diff(found_s)))
    return abs(float(np.log2(ratio))) < _OCTAVE
