"""Guidance's two passes as one batch, where a pipeline asks for one after the other.

Most pipelines of diffusers put the text and what it should not be into one batch. Those of Flux 2 Klein and Lumina 2
call the denoiser for either of them, which leaves a GPU half idle where a batch is small. There the first call makes
both halves, and the second is given its own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# What the second pass is given instead: the denoiser's argument, and the pipeline's.
SECOND_TEXT = {
    "encoder_hidden_states": "negative_prompt_embeds",
    "encoder_attention_mask": "negative_prompt_attention_mask",
}


def with_joined_passes(pipeline: Any, arguments: Mapping[str, Any]) -> Any:
    """A copy of a pipeline for one call with `arguments`, whose denoiser is asked once a step for both passes.

    It shares weights and state with `pipeline`, which stays as it is: other threads may be using it. Text and
    negative must be of one length.
    """
    shell = copy.copy(pipeline)
    # past the pipeline's own way to set a component, which would write the stand-in's class into its configuration
    shell.__dict__["transformer"] = _BothPasses(pipeline.transformer, arguments)
    return shell


class _BothPasses:
    """Stands in for a denoiser that is called twice a step with the same latents."""

    def __init__(self, denoiser: Any, arguments: Mapping[str, Any]) -> None:
        self._denoiser = denoiser
        self._second = {ours: arguments[theirs] for ours, theirs in SECOND_TEXT.items() if theirs in arguments}
        self._kept: tuple[torch.Tensor, torch.Tensor] | None = None  # a step's latents, and their second half

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def __call__(self, **inputs: Any) -> tuple[torch.Tensor]:
        """The pass that is asked for, as a tuple of one."""
        import torch

        latents = inputs["hidden_states"]
        if self._kept is not None and self._kept[0] is latents:
            unwanted, self._kept = self._kept[1], None
            return (unwanted,)
        both = {
            name: torch.cat((value, self._second.get(name, value))) if isinstance(value, torch.Tensor) else value
            for name, value in inputs.items()
        }
        wanted, unwanted = self._denoiser(**both)[0].chunk(2)
        self._kept = (latents, unwanted)
        return (wanted,)
