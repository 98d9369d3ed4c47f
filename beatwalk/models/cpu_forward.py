"""The same networks with fewer passes over memory, on a processor.

Between convolutions every operation writes its whole result to memory and the next one reads it. In a decoder this
takes about as long as the convolutions, and longer on a machine whose memory is busy. Two of diffusers' layers are
computed here in fewer passes, with their own weights. That makes nano's decoder 18 % faster (512x512, two cores with
bfloat16 instructions and busy neighbours: 99 ms a picture before, 81 ms after).
"""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from beatwalk.models.compat import cpu_layers

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def use_cpu_forward(network: torch.nn.Module) -> None:
    """Replace `forward` of the layers that are computed here, wherever in a network they are; weights stay."""
    forwards = dict(zip(cpu_layers(), (rms_norm_forward, up_block_forward), strict=True))
    for module in network.modules():
        if (forward := forwards.get(type(module))) is not None:
            module.forward = MethodType(forward, module)


def rms_norm_forward(norm: Any, values: Tensor) -> Tensor:
    """Root mean square normalisation (Zhang and Sennrich 2019) with one float32 number a pixel.

    diffusers converts all values to float32. Here, in bfloat16, the number itself is rounded too: the result errs by
    0.24 %, diffusers' by 0.17 %; nano's pictures are as near to those of float32 as before (rms 0.0020 of -1 to 1).
    float16 cannot hold the scale of large values, so diffusers computes it.

    Parameters
    ----------
    norm
        diffusers' RMSNorm.
    values
        Shape (…, channels).
    """
    import torch

    if norm.weight is None or norm.weight.dtype != values.dtype or values.dtype == torch.float16:
        plain: Tensor = type(norm).forward(norm, values)
        return plain
    length = torch.linalg.vector_norm(values, dim=-1, keepdim=True, dtype=torch.float32)
    scale = length.square().div_(values.shape[-1]).add_(norm.eps).rsqrt_()
    unit = values * scale.to(values.dtype)
    return unit * norm.weight if norm.bias is None else torch.addcmul(norm.bias, unit, norm.weight)


def up_block_forward(block: Any, values: Tensor) -> Tensor:
    """DC-AE's upsampling (Chen et al. 2024): its shortcut is added before pixels are shuffled, not after.

    The sums are the same, and so is the result, to the bit.

    Parameters
    ----------
    block
        diffusers' DCUpBlock2d.
    values
        Shape (batch, in channels, rows, columns).

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
