"""Models that lie about themselves, would run code, or lead out of their folder."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from beatwalk.models import ModelRequest, load_model
from tests.inputs.wrong import refuses
from tests.models.tiny import save


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """The libraries are loaded before a case is timed."""
    load_model(ModelRequest(device="cpu"))


class _Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, ("evil-was-here", "w"))


def _safetensors(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + body


LYING: dict[str, bytes] = {
    "empty": b"",
    "short": b"\x01\x02",
    "huge": struct.pack("<Q", 2**63),
    "too long": _safetensors({}, length=10**9),
    "no json": _safetensors(b"{{{"),
    "list": _safetensors([1]),
    "number": _safetensors(b"1"),
    "null": _safetensors(b"null"),
    "deep": _safetensors(b"[" * 50_000),
    "beyond": _safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 99]}}),
    "negative": _safetensors({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [-16, 0]}}),
    "no offsets": _safetensors({"a": {"dtype": "F32", "shape": [1]}}),
    "text offsets": _safetensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": ["0", "4"]}}, bytes(4)),
    "nan": _safetensors(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, NaN]}}', bytes(4)),
    "shape lies": _safetensors({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4]}}, bytes(4)),
    "type lies": _safetensors({"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "overlap": _safetensors({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)),
    "pickle": pickle.dumps(_Evil()),
    "latin": _safetensors(b'{"\xff": 1}'),
    "strange": _safetensors({"a": 1, "b": []}),
}


@pytest.mark.parametrize("kind", LYING)
def test_safetensors_that_lie(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a single file, and inside a model folder: one line, nothing run, nothing large allocated."""
    here = tmp_path / "here"
    monkeypatch.chdir(here)
    (here / "m.safetensors").write_bytes(LYING[kind])
    (here / "m" / "unet").mkdir(parents=True)
    (here / "m" / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(LYING[kind])
    (here / "m" / "unet" / "config.json").write_text("{}")
    index = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}
    (here / "m" / "model_index.json").write_text(json.dumps(index))
    for model in ("m.safetensors", "m"):
        refuses(lambda model=model: load_model(ModelRequest(model=str(here / model), device="cpu")))  # type: ignore[misc]
    assert not (here / "evil-was-here").exists()


INDEXES: dict[str, Any] = {
    "text": "x",
    "list": [],
    "none": {},
    "class is a list": {"_class_name": ["a"]},
    "class is a path": {"_class_name": "../x"},
    "code": {"_class_name": "Custom", "unet": ["my_module", "Evil"]},
    "builtin": {"_class_name": "os.system", "unet": ["os", "system"]},
    "outside": {"_class_name": "StableDiffusionPipeline", "../../unet": ["diffusers", "UNet2DConditionModel"]},
    "absolute": {"_class_name": "StableDiffusionPipeline", "/etc": ["diffusers", "UNet2DConditionModel"]},
    "missing": {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "UNet2DConditionModel"]},
    "numbers": {"_class_name": "StableDiffusionPipeline", "unet": [1, 2]},
    "deep": {"_class_name": "StableDiffusionPipeline", "unet": [[[["x"]]]]},
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("weights", ["none", "pickle", "link", "loop"])
def test_hostile_model_folders(tmp_path: Path, kind: str, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickles, links that lead out or nowhere, classes that are code: refused in one line; nothing is run."""
    here = tmp_path / "here"
    monkeypatch.chdir(here)
    (here / "m" / "unet").mkdir(parents=True)
    (here / "m" / "model_index.json").write_text(json.dumps(INDEXES[kind]))
    (here / "m" / "unet" / "my_module.py").write_text("open('evil-was-here', 'w')")
    place = here / "m" / "unet" / "diffusion_pytorch_model"
    try:
        if weights == "pickle":
            place.with_suffix(".bin").write_bytes(pickle.dumps(_Evil()))
        elif weights == "link":
            place.with_suffix(".safetensors").symlink_to(Path(__file__))
        elif weights == "loop":
            place.with_suffix(".safetensors").symlink_to(place.with_suffix(".safetensors"))
    except OSError:
        pytest.skip("no links here")
    refuses(lambda: load_model(ModelRequest(model=str(here / "m"), device="cpu")))
    assert not (here / "evil-was-here").exists()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model as it should be."""
    return save("sd", tmp_path_factory.mktemp("whole") / "m")


def _other_shape(part: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = next(part.glob("*.safetensors"))
    tensors = load_file(path)
    name = sorted(tensors)[len(tensors) // 2]
    tensors[name] = tensors[name].repeat(*[2] * tensors[name].ndim)
    save_file(tensors, path)


def _negative_sizes(part: Path) -> None:
    config = json.loads((part / "config.json").read_text())
    numbers = {key: -7 for key, value in config.items() if isinstance(value, int) and not isinstance(value, bool)}
    (part / "config.json").write_text(json.dumps(config | numbers))


def _gone(part: Path) -> None:
    next(part.glob("*.safetensors")).unlink()


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("spoil", [_other_shape, _negative_sizes, _gone])
def test_models_that_do_not_hold_together(
    tmp_path: Path, whole: Path, part: str, spoil: Callable[[Path], None]
) -> None:
    """Wrong shapes, sizes below zero, missing weights: one line that names the model, and the next one loads well."""
    model = tmp_path / "here" / "m"
    shutil.copytree(whole, model)
    spoil(model / part)
    refuses(lambda: load_model(ModelRequest(model=str(model), device="cpu")))
    assert torch.get_default_dtype() == torch.float32, "diffusers left its own behind"
