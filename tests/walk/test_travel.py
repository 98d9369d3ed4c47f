"""The length of a segment's path, predicted from the paths that were measured."""

from __future__ import annotations

import pytest

from beatwalk.walk.travel import MeasuredPath, TravelModel


def path(travel: float, length: float, n_previews: int = 20) -> MeasuredPath:
    """A path that was measured well, or less well."""
    return MeasuredPath(travel=travel, length=length, n_previews=n_previews)


def test_lengths_add_like_the_sides_of_a_right_triangle() -> None:
    """A triangle of 3, 4 and 5 at 2 a seed; a prompt that is too long leaves no room for noise."""
    model = TravelModel(prompt=3.0, speed=2.0)
    assert model.length(2) == pytest.approx(5)
    assert model.travel(5) == pytest.approx(2)
    assert model.travel(1) == 0


def test_measured_paths_decide_against_what_was_expected() -> None:
    """Two paths lie on a line of their own: it is found within 5 %, though the song said something else."""
    truth = TravelModel(prompt=0.3, speed=0.15)
    model = TravelModel.fitted(0.35, 0.25, [path(travel, truth.length(travel)) for travel in (1.0, 3.0)])
    assert model.prompt == pytest.approx(0.3, rel=0.05)
    assert model.length(2.5) == pytest.approx(truth.length(2.5), rel=0.02)


def test_a_path_counts_by_its_previews() -> None:
    """Nine previews miss a part of the path, twenty see nearly all of it, so these are believed more."""
    both = TravelModel.fitted(0.0, 0.2, [path(2.0, 0.3, n_previews=9), path(2.0, 0.4, n_previews=20)])
    assert 0.375 < both.length(2.0) < 0.4


def test_nothing_measured_leaves_what_was_expected() -> None:
    """And where no prompt changes, noise is all there is."""
    model = TravelModel.fitted(0.3, 0.2, [])
    assert (model.prompt, model.speed) == pytest.approx((0.3, 0.2))
    assert TravelModel.fitted(0.0, 0.2, [path(2.0, 0.3)]).prompt == 0


def test_a_path_no_longer_than_its_prompt_does_not_stop_the_noise() -> None:
    """Measured as short as the prompt alone, its noise seems not to count; it still has a speed."""
    model = TravelModel.fitted(0.4, 0.2, [path(0.5, 0.38)])
    assert 0 < model.travel(0.5) < 10
