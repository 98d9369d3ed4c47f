"""What a network was trained to predict: the noise (epsilon), or the velocity (v), down to zero signal or not.

A diffusers folder says so in its scheduler's configuration. A checkpoint file has no configuration; trainers mark v
by a tensor named `v_pred`, and a schedule that ends in pure noise (zero terminal SNR, Lin et al. 2023) by one named
`ztsnr`. Settings may say it too (`model.prediction`), for files without marks, and win over them.
"""

from __future__ import annotations

import inspect
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from beatwalk.errors import ModelError

PREDICTIONS: Mapping[str, str] = {"epsilon": "epsilon", "v": "v_prediction"}  # our names, and diffusers'
ZERO_SNR = "rescale_betas_zero_snr"


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a checkpoint file says about its network; the default says nothing."""

    velocity: bool = False
    zero_snr: bool = False


def marks_of(names: Container[str]) -> Marks:
    """The marks of a checkpoint, from the names of its tensors."""
    return Marks(velocity="v_pred" in names, zero_snr="ztsnr" in names)


def set_prediction(pipeline: Any, marks: Marks, chosen: str | None) -> None:
    """Give a pipeline the scheduler of what its network predicts.

    Parameters
    ----------
    marks
        Of the checkpoint file.
    chosen
        A name of `PREDICTIONS`, which wins over the marks; None: nothing is chosen.

    Raises
    ------
    ModelError
        The model predicts something else by its nature.
    """
    wanted = chosen or ("v" if marks.velocity else None)
    if wanted is None:
        return
    scheduler = pipeline.scheduler
    has = scheduler.config.get("prediction_type")
    if has not in (*PREDICTIONS.values(), "sample"):
        raise ModelError(
            f"model.prediction={wanted} does not go with this model, which is trained by {has or 'flow matching'}; "
            "leave it out"
        )
    cls = type(scheduler)
    changes: dict[str, Any] = {"prediction_type": PREDICTIONS[wanted]}
    if wanted == "v" and marks.zero_snr:
        cls = cls if takes_zero_snr(cls) else _euler()
        changes |= {ZERO_SNR: True, "timestep_spacing": "trailing"}
    pipeline.scheduler = cls.from_config(scheduler.config, **changes)


def takes_zero_snr(scheduler: type) -> bool:
    """Whether a class of scheduler can start from pure noise."""
    return ZERO_SNR in inspect.signature(scheduler).parameters


def _euler() -> Any:
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler
