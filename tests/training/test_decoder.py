"""What the decoder's detail is asked to be."""

from __future__ import annotations

import pytest
import torch

from beatwalk.training.decoder import (
    CELLS,
    COARSE,
    PERIODS,
    cosines,
    detail_loss,
    energy_loss,
    judged,
    lattice_energy,
    lattice_loss,
)

DEVIATION = 0.2


def test_patterns_are_fine_and_tell_each_other_apart() -> None:
    """An orthonormal set without what is coarser than a quarter of Nyquist: a slope has nothing of them."""
    patterns = cosines().flatten(1)
    torch.testing.assert_close(patterns @ patterns.T, torch.eye(len(patterns)), atol=1e-5, rtol=0)
    slope = torch.linspace(0, 1, 8).expand(8, 8).reshape(-1)
    assert (patterns @ slope).norm() < 0.1 * slope.norm()


def test_grain_is_answered_by_other_grain_and_not_by_a_lattice() -> None:
    """All of the same energy: where the grains lie is not asked, in which frequencies they are is."""
    chance = torch.Generator().manual_seed(0)
    asked, grain = (torch.randn((2, 1, 64, 64), generator=chance).expand(2, 3, 64, 64) * DEVIATION for _ in range(2))
    lattice = torch.zeros(2, 3, 64, 64)
    lattice[..., ::4, ::4] = 1
    lattice = (lattice - lattice.mean()) / lattice.std() * DEVIATION
    checkerboard = torch.ones(2, 3, 64, 64)
    checkerboard[..., ::2, 1::2] = checkerboard[..., 1::2, ::2] = -1
    losses = [
        energy_loss(x, asked) for x in (grain, grain / 2, lattice, checkerboard * DEVIATION, torch.zeros_like(grain))
    ]
    assert losses == sorted(losses)
    assert losses[0] < 0.5 < losses[1] < 2 < losses[2]


def test_what_is_missing_on_the_whole_costs_wherever_it_lies() -> None:
    """Half of the places without their grain: more grain elsewhere is nearer, though no place is as asked."""
    chance = torch.Generator().manual_seed(0)
    asked, grain = (torch.randn((2, 1, 64, 64), generator=chance).expand(2, 3, 64, 64) * DEVIATION for _ in range(2))
    half = torch.zeros_like(grain)
    half[..., :32] = grain[..., :32]
    assert energy_loss(half * 2**0.5, asked) < energy_loss(half, asked)


def lattice(period: int) -> torch.Tensor:
    """A dot in every cell, deviation 0.1, shape (1, 3, 128, 128)."""
    dots = torch.zeros(1, 3, 128, 128)
    dots[..., ::period, ::period] = 1
    return (dots - dots.mean()) / dots.std() * 0.1


def test_a_lattice_is_told_from_grain_and_from_the_pictures_own() -> None:
    """Dots at the same place of every cell cost; as much energy of chance does not, nor dots that were asked for."""
    chance = torch.Generator().manual_seed(0)
    grain, other = (torch.randn((1, 3, 128, 128), generator=chance) * 0.1 for _ in range(2))
    for period in (2, 4, *PERIODS):
        dots = lattice(period)
        assert lattice_loss(grain, other) < 0.4
        assert lattice_loss(grain + dots, other) > 1.5
        assert lattice_loss(grain + dots, other + dots) < 0.4
        assert lattice_loss(other, grain + dots) == 0  # less of it than the picture has is no fault
        assert detail_loss(grain + dots, other) > detail_loss(grain * 2**0.5, other) + 0.5  # of the same energy


def test_what_differs_from_cell_to_cell_is_averaged_away() -> None:
    """Energy of a lattice is that of its pattern; of grain, a part in as many as a field has cells."""
    grain = torch.randn((4, 3, 128, 128), generator=torch.Generator().manual_seed(1)) * 0.1
    slope = torch.linspace(-1, 1, 128).expand(1, 3, 128, 128)
    for period, fields in zip(PERIODS, (2, 1), strict=True):
        assert lattice_energy(grain, period).mean() == pytest.approx(0.01 / CELLS**2, rel=0.15)
        assert lattice_energy(lattice(4), period).mean() == pytest.approx(0.01, rel=0.15)
        assert lattice_energy(grain, period).shape == (4, 3, fields, fields)
        assert lattice_energy(slope, period).max() < 1e-6


def test_the_critic_is_shown_fine_light_alone() -> None:
    """Neither the output's coarse colours nor its fine ones count; what is fine in its light does."""
    chance = torch.Generator().manual_seed(0)
    picture, output = (torch.rand((2, 3, 64, 64), generator=chance) for _ in range(2))
    shown = judged(output, picture)
    red_and_green = torch.tensor([0.59, -0.3, 0.0]).view(1, 3, 1, 1)  # of no luminance
    coloured = output + red_and_green * torch.rand((2, 1, 64, 64), generator=chance)
    torch.testing.assert_close(judged(coloured, picture), shown)
    torch.testing.assert_close(judged(output + torch.tensor([0.1, 0.2, -0.3]).view(1, 3, 1, 1), picture), shown)
    grain = torch.randn((2, 1, 64, 64), generator=chance) * 0.1
    change = judged(output + grain, picture) - shown
    assert (change - change.mean(1, keepdim=True)).abs().max() < 1e-6
    kept = torch.nn.functional.cosine_similarity(change.mean(1).flatten(), grain.flatten(), dim=0)
    assert kept > 0.95
    whole, own = (
        torch.nn.functional.avg_pool2d(x, COARSE)[..., 1:-1, 1:-1] for x in (judged(picture, picture), picture)
    )
    assert (whole - own).abs().mean() < 0.02
