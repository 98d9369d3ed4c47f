"""The same networks with fewer ways to memory, on a processor.

Between convolutions every operation writes its whole result down and the next one reads it: in a decoder that takes
about as long as the convolutions, and longest on a machine whose memory others use as well. Two of diffusers' modules
are done here in fewer passes, with their own weights. Nano's decoder takes 18 % less time by it (512x512, two cores
with bfloat16 instructions and busy neighbours: 99 ms a picture before, 81 ms now).
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def make_lean(network: torch.nn.Module) -> None:
    """Let a network's modules be done so, wherever in it they are; weights and names stay."""
    from diffusers.models.autoencoders.autoencoder_dc import DCUpBlock2d
    from diffusers.models.normalization import RMSNorm

    leaner = {RMSNorm: normalised, DCUpBlock2d: enlarged}
    for module in network.modules():
        if (forward := leaner.get(type(module))) is not None:
            module.forward = MethodType(forward, module)


def normalised(norm: Any, values: Tensor) -> Tensor:
    """Root mean square normalisation (Zhang and Sennrich 2019) with one number a pixel in float32, not all of it.

    In bfloat16 that number is rounded, too, and the result errs by 0.24 % where diffusers' errs by 0.17 %; nano's
    pictures are as near to those of float32 as before (rms 0.0020 of -1 to 1). In float16 large values have a scale
    too small for it: that is left to diffusers.

    Parameters
    ----------
    norm : diffusers' RMSNorm
    values : shape (…, channels)
    """
    import torch

    if norm.weight is None or norm.weight.dtype != values.dtype or values.dtype == torch.float16:
        plain: Tensor = type(norm).forward(norm, values)
        return plain
    length = torch.linalg.vector_norm(values, dim=-1, keepdim=True, dtype=torch.float32)
    scale = length.square().div_(values.shape[-1]).add_(norm.eps).rsqrt_()
    unit = values * scale.to(values.dtype)
    return unit * norm.weight if norm.bias is None else torch.addcmul(norm.bias, unit, norm.weight)


def enlarged(block: Any, values: Tensor) -> Tensor:
    """DC-AE's upsampling (Chen et al. 2024): its shortcut is added before pixels are shuffled, not after.

    The sums are the same, and so is the result, to the bit.

    Parameters
    ----------
    block : diffusers' DCUpBlock2d
    values : shape (batch, in channels, rows, columns)

    Returns
    -------
    shape (batch, out channels, 2 rows, 2 columns)
    """
    import torch.nn.functional as F

    if block.interpolate or not block.shortcut:
        plain: Tensor = type(block).forward(block, values)
        return plain
    made: Tensor = block.conv(values)
    made += values.repeat_interleave(block.repeats, dim=1, output_size=made.shape[1])
    return F.pixel_shuffle(made, block.factor)
