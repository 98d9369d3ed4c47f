"""What the decoder's detail is asked to be."""

from __future__ import annotations

import torch

from beatwalk.training.decoder import cosines, energy_loss

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
