"""What a processor does in fewer passes is what diffusers does."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_dc import DCUpBlock2d
from diffusers.models.normalization import RMSNorm

from beatwalk.models.cpu_forward import use_cpu_forward
from tests.models.tiny import Loaded, Saved


def seeded(module: torch.nn.Module) -> torch.nn.Module:
    """With weights that change what goes through in every channel differently."""
    random = torch.Generator().manual_seed(3)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random)
    return module.requires_grad_(False)


def is_replaced(module: torch.nn.Module) -> bool:
    """Whether it is done by `cpu_forward`."""
    return "forward" in vars(module)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shortcut", [True, False])
@pytest.mark.parametrize("interpolate", [True, False])
def test_upsampling_is_the_same_to_the_bit(dtype: torch.dtype, shortcut: bool, interpolate: bool) -> None:
    """Fewer passes over memory give the same numbers."""
    block = seeded(DCUpBlock2d(16, 8, interpolate=interpolate, shortcut=shortcut)).to(dtype)
    given = torch.randn(2, 16, 6, 10, generator=torch.Generator().manual_seed(1)).to(dtype)
    kept = given.clone()
    plain = block(given)
    use_cpu_forward(block)
    assert is_replaced(block)
    assert torch.equal(block(given), plain)
    assert torch.equal(given, kept)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_normalising_errs_about_as_little(dtype: torch.dtype, bias: bool) -> None:
    """At most twice as much as diffusers' own, that is by the precision's rounding."""
    norm = seeded(RMSNorm(48, 1e-5, elementwise_affine=True, bias=bias)).to(dtype)
    given = (5 * torch.randn(4, 9, 9, 48, generator=torch.Generator().manual_seed(1))).to(dtype)
    given[0, 0, 0] = 0  # what has no length keeps none
    values, weight = given.double(), norm.get_parameter("weight").double()
    exact = weight * values / (values.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    exact = exact + norm.get_parameter("bias").double() if bias else exact
    plain = norm(given)
    use_cpu_forward(norm)
    assert is_replaced(norm)
    lean = norm(given)
    assert lean.dtype == dtype
    assert not torch.equal(lean, plain)
    assert (lean - exact).square().mean().sqrt() <= 2 * (plain - exact).square().mean().sqrt()


def test_other_precisions_and_no_weights_are_left_to_diffusers() -> None:
    """What the faster forward does not cover stays as it was."""
    given = torch.randn(3, 5, 8)
    for norm, values in (
        (RMSNorm(8, 1e-5, elementwise_affine=False), given),
        (seeded(RMSNorm(8, 1e-5, elementwise_affine=True)).bfloat16(), given),
        (seeded(RMSNorm(8, 1e-5, elementwise_affine=True)).half(), 30_000 * torch.ones(3, 5, 8).half()),
    ):
        plain = norm(values)
        use_cpu_forward(norm)
        assert torch.equal(norm(values), plain)
        assert norm(values).dtype == plain.dtype


def test_a_model_on_a_processor_is_done_so(loaded: Loaded, saved: Saved) -> None:
    """Loading puts the faster forward in place."""
    from diffusers import AutoencoderDC

    ours = loaded("sana").pipeline.vae
    theirs = AutoencoderDC.from_pretrained(saved("sana"), subfolder="vae").eval()
    parts = [module for module in ours.decoder.modules() if isinstance(module, (RMSNorm, DCUpBlock2d))]
    assert {type(part) for part in parts} == {RMSNorm, DCUpBlock2d}
    assert all(is_replaced(part) for part in parts)
    latents = torch.randn(1, ours.config.latent_channels, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = theirs.decode(latents).sample
        torch.testing.assert_close(ours.decode(latents).sample, expected, rtol=1e-4, atol=1e-5)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
