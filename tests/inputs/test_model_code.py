"""Models that bring their own code: no class beyond the list is built, nothing is imported, nobody is asked."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beatwalk.models import ModelRequest, load_model
from beatwalk.models.sources import find_model
from tests.inputs.wrong import refuses
from tests.models.single_file import write_checkpoint
from tests.models.tiny import save, stable_diffusion

MARK = "evil_was_here"
CODE = f"import sys\nsys.modules[{MARK!r}] = sys\n"
Spoil = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder as it should be, and a checkpoint of the same family."""
    folder = tmp_path_factory.mktemp("whole")
    save("sd", folder / "sd")
    return {"sd": folder / "sd", "file": write_checkpoint(stable_diffusion(), folder / "a.safetensors")}


@pytest.fixture
def model(tmp_path: Path, whole: dict[str, Path]) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(whole["sd"], tmp_path / "here" / "m"))


@pytest.fixture(autouse=True)
def nobody_is_asked(model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A question would be answered with yes; the folder of the model, and what is in it, could be imported."""
    asked: list[str] = []

    def answer(question: str = "") -> str:
        asked.append(question)
        return "y"

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setenv("HF_MODULES_CACHE", str(model.parent / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(model.parent / "modules"))
    monkeypatch.syspath_prepend(str(model))
    (model / "innocent.py").write_text(CODE)
    yield
    assert not asked
    assert MARK not in sys.modules
    assert "innocent" not in sys.modules


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file, which may be new."""
    path.parent.mkdir(exist_ok=True)
    data = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(data | changes))


def index(**changes: Any) -> Spoil:
    """Name other classes in the index."""
    return lambda model: edit(model / "model_index.json", **changes)


def asking(name: str, entry: list[str], file: str, **changes: Any) -> Spoil:
    """A component of another class, whose configuration names code beside it."""

    def spoil(model: Path) -> None:
        edit(model / "model_index.json", **{name: entry})
        edit(model / name / file, **changes)
        (model / name / "evil.py").write_text(CODE)

    return spoil


AUTO = {
    "AutoProcessor": "evil.Evil",
    "AutoModel": "evil.Evil",
    "AutoConfig": "evil.Evil",
    "AutoTokenizer": "evil.Evil",
}
PROCESSOR = ["transformers", "CLIPProcessor"]
SPOILT: dict[str, Spoil] = {
    "a processor": asking("feature_extractor", PROCESSOR, "preprocessor_config.json", auto_map=AUTO),
    "a processor as a tokenizer": asking("tokenizer", PROCESSOR, "processor_config.json", auto_map=AUTO),
    "an auto class": asking("text_encoder", ["transformers", "AutoModel"], "config.json", auto_map=AUTO),
    "an auto tokenizer": asking(
        "tokenizer", ["transformers", "AutoTokenizer"], "tokenizer_config.json", auto_map=AUTO
    ),
    "a new component": asking("extra", PROCESSOR, "processor_config.json", auto_map=AUTO),
    "a pipeline in a pipeline": index(unet=["diffusers", "StableDiffusionPipeline"]),
    "a module of ours": index(scheduler=["innocent", "Evil"]),
    "a module of python": index(scheduler=["antigravity", "webbrowser"]),
    "a dotted name": index(scheduler=["diffusers.utils.dynamic_modules_utils", "get_class_from_dynamic_module"]),
    "a pipeline module": index(unet=["stable_diffusion", "StableDiffusionPipeline"]),
    "another role": index(scheduler=["diffusers", "UNet2DConditionModel"]),
    "no class": index(scheduler=["diffusers", "utils"]),
    "three names": index(scheduler=["diffusers", "DDIMScheduler", "x"]),
    "half a pair": index(scheduler=["diffusers", None]),
    "a dictionary": index(scheduler={"diffusers": "DDIMScheduler"}),
    "an image encoder": index(image_encoder=["innocent", "Evil"]),
    "a checker": index(safety_checker=["innocent", "Evil"]),
    "a custom pipeline": index(_class_name=["innocent", "Evil"]),
    "an attribute": index(_class_name="utils"),
    "python beside the weights": lambda m: (m / "unet" / "diffusers.py").write_text(CODE),
    "generate": lambda m: (m / "text_encoder" / "custom_generate").mkdir(),
    "auto_map": lambda m: edit(m / "text_encoder" / "config.json", auto_map=AUTO),
    "auto_map deep": lambda m: edit(m / "tokenizer" / "tokenizer_config.json", a=[{"auto_map": AUTO}]),
    "auto_map of unet": lambda m: edit(m / "unet" / "config.json", auto_map=AUTO),
    "an adapter": lambda m: edit(m / "text_encoder" / "adapter_config.json", base_model_name_or_path="/etc"),
    "a kernel": lambda m: edit(m / "text_encoder" / "config.json", attn_implementation="evil/kernel"),
    "a kernel inside": lambda m: edit(m / "text_encoder" / "config.json", _attn_implementation_internal="a/b@main"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_no_code_of_a_model_folder_is_run(model: Path, kind: str) -> None:
    """Refused in one line, before anything is loaded: as `plan` sees it, and as loading does."""
    SPOILT[kind](model)
    refuses(lambda: load_model(ModelRequest(model=str(model), device="cpu")))
    if "custom pipeline" not in kind and kind != "an attribute":
        refuses(lambda: find_model(str(model)))


@pytest.mark.parametrize("kind", SPOILT)
def test_no_code_of_a_model_config_is_run(model: Path, whole: dict[str, Path], kind: str) -> None:
    """`--model-config` imports nothing that its index names."""
    SPOILT[kind](model)
    refuses(lambda: load_model(ModelRequest(model=str(whole["file"]), model_config=model, device="cpu")))


def test_a_config_of_another_family_is_refused(model: Path, whole: dict[str, Path]) -> None:
    """Before its components are read."""
    edit(model / "model_index.json", _class_name="SanaPipeline")
    refuses(lambda: load_model(ModelRequest(model=str(whole["file"]), model_config=model, device="cpu")))


def test_whole_models_still_load(model: Path, whole: dict[str, Path]) -> None:
    """Python beside the components belongs to nobody, and nobody runs it."""
    for request in (
        ModelRequest(model=str(model), device="cpu"),
        ModelRequest(model=str(whole["file"]), model_config=model, device="cpu"),
    ):
        assert load_model(request).info.family == "StableDiffusionPipeline"
