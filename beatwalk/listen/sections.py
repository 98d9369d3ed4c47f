"""Sections: verse, chorus, drop, without these names.

Conventions
-----------
- Sections are half-open and tile [0, duration_s) exactly. Their boundaries are downbeats where there are beats.
- Labels are A, B, C and so on, in order of first appearance; a label returns where the music does.
- The song is cut into **cells**: bars where there are downbeats, else pieces of about two seconds. A cell has one row
  of descriptors. Over the song a descriptor has mean 0, and the mean squared length of rows is 1.
- The first and the last cell are described as their neighbours: a pickup, a fade and the silence after the last note
  are no sections, and would be all that a song varies by.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from beatwalk.listen.features import TEXTURE_RATE_HZ, Features
from beatwalk.types import Curve, Float, Section

MIN_SECTION_S = 4.0  # a section is shorter only where the song is no longer than two of them
MAX_SECTION_S = 120.0  # a longer one is cut, so that a drone has sections too

_CELL_S = 2.0  # length of a cell where there are no bars
# Chosen on songs of made-up forms, by band styles that the ears train on (`beatwalk.training.ears.forms --trained`).
# The card of the ears has what they are worth on other styles.
_SECTION_COST = 1.2  # variance that a section must explain, in cells
_ODD_COST = 0.5  # added for an odd number of bars
_HALF_COST = 0.2  # added for an even number that is not a multiple of four
_SAME_DISTANCE = 0.5  # sections whose mean descriptors are closer share a label
_FLOOR_DB = -70.0  # of timbre; lower is silence
_N_CEPSTRUM = 13
_LEVELS = ("energy", "bass", "mid", "high")
_TIMBRE_WEIGHT, _CHROMA_WEIGHT, _LEVEL_WEIGHT = 1.0, 0.4, 1.0
_FEW_CELLS = 6  # as many or fewer tell nothing of the ends
_MIN_RISE = 0.08  # of mean energy from one section to the next, for a drop
_DROP_SHARE = 0.6  # least energy of the drop's section, as a share of the loudest section's


def find_sections(features: Features, curves: Mapping[str, Curve], downbeats_s: Float) -> tuple[Section, ...]:
    """Cut the song where its sound changes for long, and label the parts by how alike they are."""
    boundaries_s = _cell_boundaries(features.duration_s, downbeats_s)
    descriptors = _descriptors(features, curves, boundaries_s)
    cuts = _segment(descriptors, boundaries_s, by_bars=len(downbeats_s) >= 2)
    labels = _labels(descriptors, cuts)
    return tuple(
        Section(start_s=float(boundaries_s[first]), end_s=float(boundaries_s[last]), label=label)
        for first, last, label in zip(cuts[:-1], cuts[1:], labels, strict=True)
    )


def find_drop(sections: tuple[Section, ...], energy: Curve) -> float | None:
    """Find the start of the section after the largest rise in energy; None where nothing rises clearly."""
    times_s = np.arange(len(energy.values)) / energy.rate_hz
    means = np.array([_mean_between(energy.values, times_s, section) for section in sections])
    if len(means) < 2:
        return None
    rises = np.diff(means)
    rises[means[1:] < _DROP_SHARE * means.max()] = 0.0
    best = int(np.argmax(rises))
    return sections[best + 1].start_s if rises[best] >= _MIN_RISE else None


def _mean_between(values: Float, times_s: Float, section: Section) -> float:
    inside = values[(times_s >= section.start_s) & (times_s < section.end_s)]
    return float(inside.mean()) if len(inside) else 0.0


def _cell_boundaries(duration_s: float, downbeats_s: Float) -> Float:
    """Collect 0, downbeats and duration, gaps filled evenly and slivers at the ends joined; shape (n + 1,)."""
    usual_s = float(np.median(np.diff(downbeats_s))) if len(downbeats_s) >= 2 else _CELL_S
    inner = downbeats_s[(downbeats_s > usual_s / 3) & (downbeats_s < duration_s - usual_s / 3)]
    fixed = np.concatenate([[0.0], inner if len(downbeats_s) >= 2 else [], [duration_s]])
    pieces = [
        np.linspace(start, end, max(1, round((end - start) / usual_s)) + 1)[:-1]
        for start, end in itertools.pairwise(fixed)
    ]
    return np.append(np.concatenate(pieces), duration_s)


def _descriptors(features: Features, curves: Mapping[str, Curve], boundaries_s: Float) -> Float:
    """Describe timbre, harmony and level of each cell, shape (n_cells, n_descriptors)."""
    from scipy.fft import dct

    timbre = np.maximum(features.timbre.astype(np.float64), _FLOOR_DB) - _FLOOR_DB
    cepstrum = dct(timbre, axis=1, norm="ortho")[:, :_N_CEPSTRUM]
    norm = features.chroma.sum(axis=1, keepdims=True)
    chroma = np.where(norm > 1e-7, features.chroma / np.maximum(norm, 1e-7), 0.0)
    levels = np.stack([curves[name].at(np.arange(len(timbre)) / TEXTURE_RATE_HZ) for name in _LEVELS], axis=1)
    parts = (
        (_cell_means(cepstrum[:, 1:], boundaries_s), _TIMBRE_WEIGHT),
        (np.sqrt(_cell_means(chroma, boundaries_s)), _CHROMA_WEIGHT),
        (_cell_means(levels, boundaries_s), _LEVEL_WEIGHT),
    )
    scaled = [
        weight * _unit_variance(rows, floor) for (rows, weight), floor in zip(parts, (2.0, 0.05, 0.05), strict=True)
    ]
    return np.asarray(np.concatenate(scaled, axis=1) / np.sqrt(sum(weight**2 for _, weight in parts)))


def _cell_means(rows: Float, boundaries_s: Float) -> Float:
    """Average the texture rows in each cell, shape (n_cells, n); the ends are as their neighbours."""
    at_rows = np.rint(boundaries_s * TEXTURE_RATE_HZ).astype(np.int64)
    first = np.clip(at_rows[:-1], 0, len(rows) - 1)
    last = np.maximum(np.clip(at_rows[1:], 0, len(rows)), first + 1)
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0, dtype=np.float64)])
    means = np.asarray((sums[last] - sums[first]) / (last - first)[:, None])
    if len(means) > _FEW_CELLS:
        means[0], means[-1] = means[1], means[-2]
    return means


def _unit_variance(rows: Float, floor: float) -> Float:
    """Scale to mean 0 and root mean square row length 1, or less where the song varies by less than `floor`."""
    centred = rows - rows.mean(axis=0)
    length = float(np.sqrt(np.square(centred).sum(axis=1).mean()))
    return np.asarray(centred / max(length, floor))


def _segment(descriptors: Float, boundaries_s: Float, by_bars: bool) -> NDArray[np.int64]:
    """Find the cells at which sections begin and the last ends: the least sum of scatter and costs of sections.

    Optimal partitioning (Jackson et al., 2005) over prefix sums; quadratic only within `MAX_SECTION_S`.
    """
    n_cells = len(descriptors)
    sums = np.concatenate([np.zeros((1, descriptors.shape[1])), np.cumsum(descriptors, axis=0)])
    squares = np.append(0.0, np.cumsum(np.square(descriptors).sum(axis=1)))
    shortest_s = min(MIN_SECTION_S, boundaries_s[-1] / 2)
    best = np.full(n_cells + 1, np.inf)
    best[0] = 0.0
    came_from = np.zeros(n_cells + 1, np.int64)
    for end in range(1, n_cells + 1):
        starts = np.arange(end)
        spans_s = boundaries_s[end] - boundaries_s[starts]
        starts = starts[(spans_s >= shortest_s - 1e-9) & (spans_s <= max(MAX_SECTION_S, 2 * _CELL_S))]
        if not len(starts):
            continue
        lengths = end - starts
        scatter = squares[end] - squares[starts] - np.square(sums[end] - sums[starts]).sum(axis=1) / lengths
        total = best[starts] + scatter + _SECTION_COST + (_length_cost(lengths) if by_bars else 0.0)
        choice = int(np.argmin(total))
        best[end], came_from[end] = total[choice], starts[choice]
    if not np.isfinite(best[n_cells]):
        return np.array([0, n_cells])
    cuts = [n_cells]
    while cuts[-1] > 0:
        cuts.append(int(came_from[cuts[-1]]))
    return np.array(cuts[::-1])


def _length_cost(lengths: NDArray[np.int64]) -> Float:
    """Music is built of 4, 8 and 16 bars."""
    return np.where(lengths % 2 == 1, _ODD_COST, np.where(lengths % 4 != 0, _HALF_COST, 0.0))


def _labels(descriptors: Float, cuts: NDArray[np.int64]) -> list[str]:
    """Label sections by clusters of mean descriptors, joined while the clusters' means are close."""
    from scipy.cluster.hierarchy import fcluster, linkage

    means = np.array([descriptors[first:last].mean(axis=0) for first, last in itertools.pairwise(cuts)])
    if len(means) == 1:
        return ["A"]
    groups = fcluster(linkage(means, "average"), _SAME_DISTANCE, "distance")
    order: dict[int, str] = {}
    for group in groups:
        order.setdefault(int(group), _letters(len(order)))
    return [order[int(group)] for group in groups]


def _letters(number: int) -> str:
    """The label with this index: A … Z, AA, AB and so on."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
