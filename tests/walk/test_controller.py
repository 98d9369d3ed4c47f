"""Frames placed on a lookahead: even, monotone, and exactly at the end, whatever the path is like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.types import Float, Float32
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.calibration import Calibration
from beatwalk.walk.controller import PaceController
from beatwalk.walk.lookahead import FrameProgress, Lookahead
from beatwalk.walk.tuning import TUNING

Shape = Callable[[Float], Float]  # position → distance on a straight line that colours go along


def samples(path: Shape, alphas: Float) -> tuple[Float32, Float32]:
    """Latents of one cell and their colours, as far apart as the path has them in terms of `preview_change`."""
    distances = path(np.asarray(alphas)).astype(np.float32)
    return distances[:, None, None, None], (distances / np.sqrt(3)).astype(np.float32)[:, None]


def straight(length: float) -> Shape:
    """A path of that length whose distance is proportional to the position."""
    return lambda alphas: length * alphas


def pictures(distances: Float) -> Float32:
    """Reduced pictures whose change is that of the distances."""
    return np.asarray(distances, np.float32)[:, None, None, None] * np.array([1, 0, 0], np.float32)


def walk(
    path: Shape,
    progress: Float,
    arc: ArcMap,
    *,
    block: int = 12,
    ratio: Shape = np.ones_like,
    gain: float = 0.7,
    shown: Shape | None = None,
    walked: float | None = None,
) -> tuple[Float, Float, Float]:
    """Positions and distances of all frames, and samples; frames change by `ratio` times what the lookahead says.

    With `shown`, distance → distance in pictures, samples are decoded as they are in a render.
    """
    controller = PaceController.begin(arc, progress, *samples(path, np.zeros(1)), walked=walked)
    alphas: list[float] = []
    distances: list[float] = []
    made = [0.0]
    while (first := len(alphas)) < len(progress) - 1:
        count = controller.next_block(block)
        for _ in range(1000):
            if len(new := controller.missing_samples(count)):
                made.extend(new)
                controller = controller.with_samples(new, *samples(path, new))
            elif shown is not None and len(index := controller.to_decode()):
                decoded = controller.lookahead.latents[index].ravel().astype(np.float64)
                controller = controller.with_decoded(pictures(shown(decoded)))
            else:
                break
        found, latents = controller.frames(count)
        alphas.extend(found)
        distances.extend(latents.ravel())
        steps = np.abs(np.diff(distances[-count - 1 :])) if first else np.abs(np.diff(distances, prepend=np.nan))
        controller = controller.advanced(steps * ratio(np.array(distances[-count:])), gain)
    return np.array(alphas), np.array(distances), np.array(made)


def even(n_frames: int) -> Float:
    """Progress of a steady target."""
    return np.linspace(0, 1, n_frames + 1)


def bumpy(alphas: Float) -> Float:
    """A path of about 2 whose speed varies by a factor of nine, faster than its map can show."""
    turns = 2 * np.pi * 25
    return 2 * (alphas - 0.8 * np.sin(turns * alphas) / turns)


def test_frames_are_even_on_a_path_that_its_map_does_not_know() -> None:
    """A straight map of a bumpy path: steps vary by a few percent, where even positions vary by more than half."""
    straight = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 2, 9))
    _, distances, _ = walk(bumpy, even(240), straight)
    steps, plain = np.diff(distances), np.diff(bumpy(even(240)))
    assert plain.std() / plain.mean() > 0.5
    assert steps.std() / steps.mean() < 0.05


def test_frames_follow_their_target() -> None:
    """Speeds of 1 and 20 by turns."""
    wanted = np.where(np.arange(240) % 60 < 30, 1.0, 20.0)
    progress = np.concatenate([[0.0], np.cumsum(wanted)]) / wanted.sum()
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 2, 9))
    _, distances, _ = walk(bumpy, progress, arc)
    ratio = np.diff(np.append(distances, 2.0)) / wanted
    assert np.corrcoef(np.log(ratio * wanted), np.log(wanted))[0, 1] > 0.99


@pytest.mark.parametrize("found", [0.75, 1.0, 1.25])
def test_towards_a_free_end_frames_are_as_quick_as_asked(found: float) -> None:
    """However wrong the length found is, and hardly any sample is made beyond the last frame."""
    length = TUNING.spare / found
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, TUNING.spare, 9))
    alphas, distances, made = walk(straight(length), even(120), arc, walked=1.0)
    steps = np.diff(distances)
    assert steps.mean() == pytest.approx(1 / 120, rel=0.05)
    assert steps[24:].std() < 0.02 * steps.mean()
    assert made.max() <= 1.2 * alphas[-1]


def test_a_path_that_ends_before_its_free_end_is_walked_to_its_end() -> None:
    """More slowly than asked, and evenly."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, TUNING.spare, 9))
    alphas, distances, _ = walk(straight(0.7), even(120), arc, walked=1.0)
    assert alphas[-1] == pytest.approx(1, abs=0.02)
    assert np.diff(distances)[24:].std() < 0.05 * np.diff(distances).mean()


def test_a_path_is_known_after_its_first_frames() -> None:
    """A map that is a third too long shows in four frames, then all samples are there; of a long path, some are."""
    wrong = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 4 / 3, 9))
    _, distances, _ = walk(lambda a: a, even(120), wrong)
    steps = np.diff(distances)
    first = TUNING.first_frames
    assert steps[:first].mean() == pytest.approx(steps[-12:].mean(), rel=0.3)
    assert steps[first : first + 12].mean() == pytest.approx(steps[-12:].mean(), rel=0.02)
    length = 4 * TUNING.lead
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, length, 9))
    controller = PaceController.begin(arc, even(2000), *samples(lambda a: length * a, np.zeros(1)))
    for count in (4, 12, 12):
        while len(new := controller.missing_samples(count)):
            controller = controller.with_samples(new, *samples(lambda a: length * a, new))
        reached = controller.lookahead.length
        controller = controller.advanced(np.full(count, length / 2000), 0.7)
    assert TUNING.lead / 2 < reached < 1.2 * TUNING.lead


def test_the_first_frames_wait_for_few_samples() -> None:
    """At most 16 for the first four frames; then four times as many before each block, until all are there."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 4, 9))
    controller = PaceController.begin(arc, even(400), *samples(straight(4), np.zeros(1)))
    counts, made = [], []
    while controller.done < 100:
        count = controller.next_block(12)
        before = controller.made
        while len(new := controller.missing_samples(count)):
            controller = controller.with_samples(new, *samples(straight(4), new))
        counts.append(count)
        made.append(controller.made - before)
        controller = controller.advanced(np.full(count, 0.01), 0.7)
    assert counts[:3] == [4, 12, 12]
    assert made[0] <= TUNING.first_samples
    assert made[1] <= TUNING.first_samples * TUNING.growth
    assert sum(made[:3]) > 0.7 * TUNING.lead / TUNING.sample_spacing


def test_samples_stay_within_their_memory() -> None:
    """With room for 40 samples there are never more, but frames that are due have theirs; the walk still arrives."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 4, 9))
    latents, colors = samples(straight(4), np.zeros(1))
    for room in (40, 1):
        memory = room * (latents.nbytes + colors.nbytes)
        controller = PaceController.begin(arc, even(300), latents, colors, memory)
        most, alphas = 0, list[float]()
        while count := controller.next_block(12):
            while len(new := controller.missing_samples(count)):
                assert len(new) <= TUNING.at_a_time
                controller = controller.with_samples(new, *samples(straight(4), new))
            most = max(most, len(controller.lookahead.alphas))
            alphas.extend(controller.frames(count)[0])
            controller = controller.advanced(np.full(count, 4 / 300), 0.7)
        assert most <= max(room, 2 * 12 + 1)
        np.testing.assert_allclose(alphas, even(300)[:-1], atol=0.005)


def test_slow_frames_share_samples() -> None:
    """Samples are not nearer than the eye can tell, and hardly more than frames where frames are quick."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 0.4, 9))
    slow = walk(straight(0.4), even(400), arc)[2]
    assert len(slow) == pytest.approx(0.4 / TUNING.sample_spacing, rel=0.15)
    fast = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 4, 9))
    assert len(walk(straight(4), even(100), fast)[2]) <= 110


def test_a_jump_gets_samples_of_its_own() -> None:
    """Where the picture flips, samples gather, and no two frames are the whole flip apart."""

    def flip(alphas: Float) -> Float:
        return np.asarray(alphas + 0.25 * (1 + np.tanh(2000 * (alphas - 0.4))))

    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 1, 9))
    _, distances, made = walk(flip, even(100), arc)
    assert np.sort(np.diff(np.sort(made)))[:3].max() < 0.003
    assert np.diff(distances).max() < 0.05


def test_what_frames_show_corrects_distances() -> None:
    """Predicted change is by turns too small and too large, four times along the path; the loop evens it out."""

    def ratio(distances: Float) -> Float:
        return 1 + 0.5 * np.sin(4 * np.pi * distances)

    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 2, 9))
    variation = {}
    for gain in (0.0, 0.7):
        _, distances, _ = walk(straight(2), even(240), arc, ratio=ratio, gain=gain, block=6)
        steps = np.diff(distances) * ratio(distances[1:])
        variation[gain] = steps.std() / steps.mean()
    assert variation[0.7] < 0.75 * variation[0.0]


def test_decoded_samples_calibrate_distances_before_a_frame_is_made() -> None:
    """Pictures change up to three times as much in one half as in the other: steps are even all the same.

    This holds for a path that is known at once and for one that is too long for it. Nothing is learned from frames.
    """

    def shown(distances: Float) -> Float:
        return distances + 0.5 * np.sin(np.pi * distances) / np.pi  # by turns 1.5 and 0.5 times as far

    for length in (2.0, 3 * TUNING.lead):
        arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, length, 9))
        n_frames = round(length / 0.01)
        variation = {}
        for decoded in (shown, None):
            _, distances, made = walk(straight(length), even(n_frames), arc, gain=0, shown=decoded)
            steps = np.diff(shown(distances))
            variation[decoded] = steps.std() / steps.mean()
            assert made.max() == 1
        assert variation[shown] < 0.1 < 0.3 < variation[None]


def test_few_samples_are_decoded() -> None:
    """One for each `decoded_spacing` of the path, from its first sample nearly to its last; on a shorter path, none.

    Quick frames have fewer, for the cost, and the quickest none, for decoded samples would be unrelated pictures.
    """
    for length, n_frames, expected in (
        (1.0, 200, 11),
        (TUNING.decoded_spacing / 3, 200, 0),
        (2.0, 100, 9),
        (4.0, 100, 0),
    ):
        arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, length, 9))
        controller = PaceController.begin(arc, even(n_frames), *samples(straight(length), np.zeros(1)))
        controller = replace(controller, blocks=4)  # so many that all samples may be made
        while len(new := controller.missing_samples(12)):
            controller = controller.with_samples(new, *samples(straight(length), new))
        index = controller.to_decode()
        assert len(index) == pytest.approx(expected, abs=1)
        distances = controller.lookahead.distances[index]
        assert not len(index) or (
            distances[0] == 0 and controller.lookahead.length - distances[-1] <= 0.51 * controller.spacing
        )


lengths = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(lengths, lengths, st.lists(st.floats(0.02, 3), min_size=2, max_size=60), st.integers(1, 12), st.floats(0, 3))
def test_whatever_the_path_is_like_frames_go_forwards_and_arrive(
    true: list[float], mapped: list[float], targets: list[float], block: int, ratio: float
) -> None:
    """Absurd maps and absurd frames cannot make the walk step back, or miss where it begins and ends."""
    whole = np.concatenate([[0.0], np.cumsum(true)])
    distances = np.linspace(0, 1, len(whole))
    arc = ArcMap.from_changes(np.linspace(0, 1, len(mapped) + 1), np.array(mapped))
    progress = np.concatenate([[0.0], np.cumsum(targets)]) / np.sum(targets)
    progress[-1] = 1.0
    alphas, _, made = walk(
        lambda a: np.interp(a, distances, whole),
        progress,
        arc,
        block=block,
        ratio=lambda x: np.full_like(x, ratio),
        shown=lambda x: np.sin(9 * ratio * x),
    )
    assert len(alphas) == len(targets)
    assert alphas[0] == 0
    assert (np.diff(alphas) >= 0).all()
    assert alphas.max() <= made.max() <= 1


def test_the_lookahead_ends_on_the_next_keyframe() -> None:
    """Its last sample is at exactly 1, and the last frame a frame's step before it."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 1, 9))
    alphas, _, made = walk(lambda a: a, even(90), arc)
    assert made.max() == 1
    assert 1 - alphas[-1] == pytest.approx(1 / 90, rel=0.1)


def test_what_is_kept_does_not_grow() -> None:
    """Of a long segment, only samples ahead stay in memory, and the colours of one."""
    arc = ArcMap(alphas=np.linspace(0, 1, 9), distances=np.linspace(0, 12, 9))

    def path(alphas: Float) -> Float:
        return 12 * alphas

    controller = PaceController.begin(arc, even(1200), *samples(path, np.zeros(1)))
    for _ in range(60):
        while len(new := controller.missing_samples(12)):
            controller = controller.with_samples(new, *samples(path, new))
        controller = controller.advanced(np.full(12, 0.01), 0.7)
        assert len(controller.lookahead.alphas) <= 1.3 * TUNING.lead / TUNING.sample_spacing + 12
        assert len(controller.lookahead.colors) == 1


def test_between_samples_latents_go_on_straight_lines() -> None:
    """Half way in distance is half way in position and latents; beyond the ends lie the ends."""
    lookahead = Lookahead.begin(*samples(lambda a: a, np.zeros(1)))
    lookahead = lookahead.with_samples(np.array([0.5, 1.0]), *samples(lambda a: 4 * a, np.array([0.5, 1.0])))
    np.testing.assert_allclose(lookahead.distances, [0, 2, 4], rtol=1e-6)
    alphas, latents = lookahead.at(np.array([-1.0, 1.0, 3.0, 9.0]))
    np.testing.assert_allclose(alphas, [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(latents.ravel(), [0, 1, 3, 4], rtol=1e-6)
    between = lookahead.with_samples(np.array([0.25]), *samples(lambda a: 4 * a, np.array([0.25])))
    np.testing.assert_allclose(between.distances, [0, 1, 2, 4], rtol=1e-6)


@given(st.floats(-1, 1), st.floats(-1, 1), st.lists(st.floats(0, 5), min_size=1, max_size=9))
def test_a_calibration_has_an_exact_inverse(now: float, mean: float, ahead: list[float]) -> None:
    """Both directions agree and increase; nearby the present ratio holds, far away the mean."""
    calibration, x = Calibration(now=now, mean=mean), np.sort(ahead)
    real = calibration.real(x)
    assert (np.diff(real) >= 0).all()
    np.testing.assert_allclose(calibration.previewed(real), x, atol=1e-6)
    assert calibration.real(np.array([1e-6]))[0] == pytest.approx(1e-6 * np.exp(now), rel=1e-3)


def test_quick_frames_have_farther_to_go() -> None:
    """They cut corners: progress still ends at one, and slow frames show all of their distance."""
    steps = np.array([0.0, 0.001, 0.001, 0.02, 0.02, 0.001])
    progress = np.cumsum(steps) / steps.sum()
    frames = FrameProgress.of(progress, float(steps.sum()))
    assert frames.progress[-1] == 1
    assert frames.seen[1] > 0.98 > 0.91 > frames.seen[3]
    parts = np.diff(frames.progress)
    assert parts[2] / parts[0] > 1.05 * steps[3] / steps[1]
    assert all(a < b for a, b in pairwise(frames.progress))
