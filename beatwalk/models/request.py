"""What to load: one value that names a model, where it computes and what is added to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from beatwalk.models.addons import AddOns

if TYPE_CHECKING:
    from beatwalk.settings import ModelSettings
    from beatwalk.types import Storyboard


class LoadOptions(TypedDict, total=False):
    """The part of a request that no plan and no preset holds; see `ModelRequest`."""

    device: str
    dtype: str | None
    model_config: Path | None
    allow_pickle: bool


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """Which model to load, onto which device, with which add-ons."""

    model: str | None = None  # a diffusers folder, a checkpoint file or a hub id ("owner/name"); None: nano
    device: str = "auto"  # auto, cpu, cuda, cuda:N, mps
    dtype: str | None = None  # float32, float16, bfloat16; None: what suits the device
    # For a checkpoint file: a diffusers folder whose configuration and tokenizer are used. None: those of the
    # standard model of its kind, from the hub's cache or the hub.
    model_config: Path | None = None
    allow_pickle: bool = False  # accept weights that are not safetensors
    batch: int | None = None  # pictures at a time; None: by device and memory
    addons: AddOns = field(default_factory=AddOns)

    @classmethod
    def of(cls, plan: Storyboard, **options: Unpack[LoadOptions]) -> ModelRequest:
        """The model of a plan, with the add-ons and the batch size of its settings."""
        return cls.from_settings(plan.model, plan.settings.model, **options)

    @classmethod
    def from_settings(
        cls, model: str | None, settings: ModelSettings, **options: Unpack[LoadOptions]
    ) -> ModelRequest:
        """A model by name, with the add-ons and the batch size of settings."""
        return cls(model=model, batch=settings.batch, addons=AddOns.of(settings), **options)
