"""What a render may choose from: models on this machine, sizes, codecs, devices."""

from __future__ import annotations

import os
import typing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from beatwalk.errors import ModelError
from beatwalk.listen import TRACKERS
from beatwalk.models import count_cuda_devices, list_devices, list_models
from beatwalk.settings import Codec
from beatwalk.video import codec_named

NANO = "nano"
MAX_WORKERS = 64
ASPECTS = (("square", 1, 1), ("wide", 16, 9), ("tall", 9, 16), ("classic", 4, 3), ("portrait", 4, 5))


class Models:
    """The models that may be chosen: the one inside, those in the Hugging Face cache, and those in one folder.

    Parameters
    ----------
    folder
        Holds diffusers folders and .safetensors files; None: there is no such folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def listed(self) -> list[dict[str, Any]]:
        """Each model's name, family, native size and steps."""
        found = [
            {
                "name": one.name,
                "family": one.family.removesuffix("Pipeline"),
                "size": list(one.size) if one.size else None,
                "steps": one.steps,
                "bytes": one.n_bytes,
                "licence": one.licence,
            }
            for one in list_models()
            if one.walkable
        ]
        return [*found, *({"name": name, "family": "", "size": None, "steps": None} for name in self._files())]

    def _files(self) -> dict[str, Path]:
        """Models of the folder, by name."""
        if self._folder is None or not self._folder.is_dir():
            return {}
        inside = sorted(self._folder.iterdir())
        return {
            one.name: one
            for one in inside
            if one.suffix == ".safetensors" or (one.is_dir() and (one / "model_index.json").is_file())
        }

    def chosen(self, name: str | None) -> str | None:
        """A listed name as a plan says it: None for the model inside, a path for one of the folder.

        Raises
        ------
        ModelError
            It is not listed.
        """
        if name in (None, "", NANO):
            return None
        files = self._files()
        if name in files:
            return str(files[name].resolve())
        if name in {one["name"] for one in self.listed()}:
            return name
        raise ModelError(
            f"the model {str(name)[:80]!r} is not on this machine; `beatwalk models` lists those that are"
        )

    def shown(self, model: str | None) -> str:
        """A plan's model as it is listed."""
        if model is None:
            return NANO
        return next((name for name, path in self._files().items() if str(path.resolve()) == model), model)


def devices() -> dict[str, Any]:
    """Devices of this machine, and how many processes may share a render: 0 where Ray is not installed."""
    workers = min(os.cpu_count() or 1, MAX_WORKERS) if find_spec("ray") is not None else 0
    return {"devices": list_devices(), "cards": count_cuda_devices(), "workers": workers}


def options(models: Models) -> dict[str, Any]:
    """All that the render tab offers, and the trackers that are installed."""
    codecs = [{"name": name, "suffix": codec_named(name).suffixes[0]} for name in typing.get_args(Codec)]
    return {
        "models": models.listed(),
        "aspects": [{"name": name, "width": width, "height": height} for name, width, height in ASPECTS],
        "codecs": codecs,
        "trackers": [one for one in TRACKERS if one != "beat-this" or find_spec("beat_this") is not None],
        "fps": ["12", "24", "25", "30", "50", "60", "24000/1001", "30000/1001"],
    }
