"""What of a model is copied to another machine: all that loading reads, and nothing that could run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from beatwalk.embedded import nano_path
from beatwalk.errors import ModelError
from beatwalk.models import ModelRequest, check_copied, fingerprint_of, is_here, parts_of, with_copies
from beatwalk.models.addons import AddOns
from beatwalk.models.parts import fingerprint_below
from tests.models import tiny
from tests.models.tiny import Saved


def copied(request: ModelRequest, folder: Path) -> ModelRequest:
    """The request on a machine that has nothing but copies."""
    copies = {}
    for number, part in enumerate(parts_of(request)):
        root = folder / str(number) / part.name if part.is_folder else folder / str(number)
        for name in part.files:
            check_copied(name)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(part.root / name, root / name)
        assert fingerprint_below(root, part.files) == part.fingerprint
        copies[part.named] = folder / str(number) / part.name
    return with_copies(request, copies)


@pytest.fixture
def model(saved: Saved, tmp_path: Path) -> Path:
    """A folder as it comes from the hub, with more in it than is loaded."""
    folder = tmp_path / "given" / "model"
    shutil.copytree(saved("sd"), folder)
    (folder / "README.md").write_text("read me")
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"pickle")
    (folder / "vae" / ".hidden").write_text("mine")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"other")
    return folder


@pytest.mark.parametrize("change", [{}, {"safety_checker": True}, {"scheduler": "euler", "vae": "vae"}])
def test_a_copy_is_the_same_model(model: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    """Its fingerprint is, and what is not loaded stays behind."""
    if "vae" in change:
        change = {**change, "vae": str(model / "vae")}
    request = ModelRequest(model=str(model), device="cpu", dtype="float32", addons=AddOns(**change))
    copy = copied(request, tmp_path / "copies")
    assert copy.model == str(tmp_path / "copies" / "0" / "model")
    assert fingerprint_of(copy) == fingerprint_of(request)
    found = {path.name for path in (tmp_path / "copies").rglob("*")}
    assert not found & {"README.md", "diffusion_pytorch_model.bin", ".hidden", "model.onnx"}
    assert "tokenizer_config.json" in found


def test_a_copy_loads(model: Path, tmp_path: Path) -> None:
    """All that loading reads is there."""
    request = ModelRequest(model=str(model), device="cpu", dtype="float32")
    copy = copied(request, tmp_path / "copies")
    shutil.rmtree(model)
    generator = tiny.on_cpu(Path(str(copy.model)))
    assert generator.info.name == "model"


def test_weights_in_halves_and_in_shards(model: Path, tmp_path: Path) -> None:
    """The variant that is loaded is copied alone; an index of weights brings all of its files."""
    for name in ("unet", "vae", "text_encoder"):
        for plain in (model / name).glob("*.safetensors"):
            shutil.copyfile(plain, plain.with_name(f"{plain.stem}.fp16.safetensors"))
    shards = {"weight_map": {"one": "diffusion_pytorch_model.safetensors"}}
    (model / "vae" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(shards))
    request = ModelRequest(model=str(model), device="cpu", dtype="float16")
    copy = copied(request, tmp_path / "copies")
    assert fingerprint_of(copy) == fingerprint_of(request)
    weights = sorted(path.name for path in (tmp_path / "copies").rglob("*.safetensors"))
    half = ["diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.safetensors"]
    assert weights == [*half, "diffusion_pytorch_model.safetensors", "model.fp16.safetensors"]


def test_a_file_with_its_configuration_and_add_ons(model: Path, tmp_path: Path) -> None:
    """Each is a part of its own, and a LoRA keeps its scale."""
    for name in ("checkpoint", "style", "word"):
        save_file({name: torch.zeros(4)}, tmp_path / f"{name}.safetensors")
    names = {name: str(tmp_path / f"{name}.safetensors") for name in ("checkpoint", "style", "word")}
    request = ModelRequest(
        model=names["checkpoint"],
        model_config=model,
        device="cpu",
        addons=AddOns(loras=(f"{names['style']}:0.5",), embeddings=(names["word"],)),
    )
    copy = copied(request, tmp_path / "copies")
    assert fingerprint_of(copy) == fingerprint_of(request)
    assert copy.addons.loras == (f"{tmp_path / 'copies' / '2' / 'style.safetensors'}:0.5",)
    assert copy.model_config == tmp_path / "copies" / "1" / "model"
    assert not list((tmp_path / "copies" / "1").rglob("*.safetensors"))


def test_the_model_inside_is_no_part(tmp_path: Path) -> None:
    """It is on every machine; a folder of the same files is one."""
    assert parts_of(ModelRequest()) == []
    shutil.copytree(nano_path(), tmp_path / "mine")
    (part,) = parts_of(ModelRequest(model=str(tmp_path / "mine"), device="cpu"))
    assert {"beatwalk.json", "words.json"} <= set(part.files)
    assert "README.md" not in part.files


def test_a_pickle_is_not_copied(model: Path) -> None:
    """Though it is allowed on this machine, it is among the files, and refused by its name."""
    (model / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    request = ModelRequest(model=str(model), device="cpu", allow_pickle=True)
    (part,) = parts_of(request)
    (pickle,) = [name for name in part.files if name.endswith(".bin")]
    with pytest.raises(ModelError, match=r"unet/diffusion_pytorch_model\.bin' is not copied .* a pickle can run"):
        check_copied(pickle)
    with pytest.raises(ModelError, match="a pickle can run"):
        parts_of(replace(request, allow_pickle=False))


@pytest.mark.parametrize(
    "name",
    [
        "../a.json", "/a.json", "a/../../b.json", "a/b/c.json", "./a.json", "a//b.json", "", ".json", ".hidden.json",
        "unet/.hidden.json", "a\\b.json", "C:a.json", "a\n.json", "a.bin", "a.ckpt", "a.PT", "a.pth", "a.pkl",
        "a.py", "a.so", "a", "a.safetensors/..", "a.json\0", "../../.ssh/a.txt",
    ],
)  # fmt: skip
def test_other_kinds_and_names_that_leave_the_folder_are_refused(name: str) -> None:
    """Whoever sends them."""
    with pytest.raises(ModelError, match="is not copied to another machine"):
        check_copied(name)


@pytest.mark.parametrize(
    "name", ["model_index.json", "unet/model-00001-of-00002.safetensors", "My style (2) ü.safetensors", "t/a.model"]
)
def test_names_as_models_have_them(name: str) -> None:
    """They are copied."""
    check_copied(name)


def test_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that exists, in the home folder too; not a hub model outside the cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    for named, expected in (("~/mine", True), (str(tmp_path), True), ("~/other", False), ("owner/no-such", False)):
        assert is_here(named, allow_pickle=False) is expected
