"""Models come from folders, files and the hub's cache, without network; anything else is refused in one line."""

from __future__ import annotations

import gc
import json
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from beatwalk.errors import BeatwalkError, DeviceError, ModelError
from beatwalk.models import DiffusionGenerator, ModelRequest, load_model
from beatwalk.types import Frames
from tests import processes
from tests.models.single_file import write_checkpoint
from tests.models.tiny import Loaded, Saved

NO_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
NO_MPS = pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an Apple GPU")


def load(model: object, **options: object) -> DiffusionGenerator:
    """On the processor, in float32."""
    return load_model(ModelRequest(model=str(model), **{"device": "cpu", "dtype": "float32"} | options))  # type: ignore[arg-type]


def picture(generator: DiffusionGenerator) -> Frames:
    """One picture of 16x16."""
    noise = generator.start_noise(1, (16, 16))[None]
    return generator.generate(noise, generator.encode(["calm ocean"]), None, size=(16, 16), steps=2, guidance=1.0)


@pytest.fixture
def printed(capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What this test has printed so far; what earlier tests left to the garbage collector is out of the way."""
    gc.collect()
    capfd.readouterr()
    return lambda: "".join(capfd.readouterr())


@pytest.fixture
def copy(saved: Saved, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a model that a test may break."""
    return lambda kind: Path(shutil.copytree(saved(kind), tmp_path / "my model"))


def refusal(model: object, **options: object) -> str:
    """The one line with which a model is refused."""
    with pytest.raises(BeatwalkError) as caught:
        load(model, **options)
    assert isinstance(caught.value, ModelError)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("kind", "family", "steps", "guidance"),
    [
        ("sd", "StableDiffusionPipeline", 25, 7.5),
        ("turbo", "StableDiffusionPipeline", 1, 1.0),
        ("lcm", "LatentConsistencyModelPipeline", 4, 8.5),
        ("sdxl", "StableDiffusionXLPipeline", 25, 5.0),
        ("sana", "SanaPipeline", 20, 4.5),
        ("pixart", "PixArtSigmaPipeline", 20, 4.5),
    ],
)
def test_a_folder_says_how_it_likes_to_be_used(
    kind: str, family: str, steps: int, guidance: float, loaded: Loaded
) -> None:
    """Steps, guidance and size come from the configuration files."""
    info = loaded(kind).info
    assert (info.name, info.family, info.steps, info.guidance) == (kind, family, steps, guidance)
    assert (info.size, info.size_multiple, info.device, info.dtype) == ((16, 16), 8, "cpu", "float32")


def test_a_models_own_file_wins(copy: Callable[[str], Path]) -> None:
    """`beatwalk.json` in the folder overrides what the configuration suggests."""
    folder = copy("sana")
    (folder / "beatwalk.json").write_text('{"steps": 4, "guidance": 1.0, "size": [96, 64]}')
    info = load(folder).info
    assert (info.steps, info.guidance, info.size) == (4, 1.0, (96, 64))
    (folder / "beatwalk.json").write_text('{"steps": "four"}')
    assert "'steps' must be 1 to 200" in refusal(folder)


def test_without_a_name_the_model_inside_is_loaded(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """None asks `beatwalk.embedded` where its model is."""
    inside = types.ModuleType("beatwalk.embedded")
    inside.nano_path = lambda: saved("sana")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "beatwalk.embedded", inside)
    generator = load_model(ModelRequest(device="cpu", dtype="float32"))
    assert generator.info.name == "nano"
    assert picture(generator).std() > 5


def test_a_missing_model_inside_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is not a crash."""
    inside = types.ModuleType("beatwalk.embedded")
    inside.nano_path = lambda: tmp_path  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "beatwalk.embedded", inside)
    with pytest.raises(ModelError, match="ships inside is missing; install beatwalk again"):
        load_model(ModelRequest(device="cpu"))


def test_the_fingerprint_follows_weights_and_configuration(copy: Callable[[str], Path], loaded: Loaded) -> None:
    """A copy has the same; one changed weight or setting gives another."""
    folder = copy("sd")
    prints = [loaded("sd").info.fingerprint, load(folder).info.fingerprint]
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_out.bias"] += 1
    save_file(tensors, weights, metadata={"format": "pt"})
    prints.append(load(folder).info.fingerprint)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    scheduler.write_text(scheduler.read_text().replace("leading", "trailing"))
    prints.append(load(folder).info.fingerprint)
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_the_safety_checker_stays_off(copy: Callable[[str], Path], printed: Callable[[], str]) -> None:
    """A folder that names one is loaded without it, even where its files are missing, and nothing is printed."""
    folder = copy("sd")
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"], "requires_safety_checker": True}
    (folder / "model_index.json").write_text(json.dumps(index))
    generator = load(folder)
    assert generator.pipeline.safety_checker is None
    picture(generator)
    assert printed() == ""


def rename_weights(part: Path, variant: str) -> None:
    """model.safetensors → model.fp16.safetensors."""
    for path in part.rglob("*.safetensors"):
        path.rename(path.with_name(path.name.replace(".safetensors", f".{variant}.safetensors")))


@pytest.mark.parametrize("part", [".", "unet"])
def test_a_half_precision_variant_is_found(part: str, copy: Callable[[str], Path], loaded: Loaded) -> None:
    """A folder whose weights, or some of them, are called model.fp16.safetensors loads as it is."""
    folder = copy("sd")
    rename_weights(folder / part, "fp16")
    generator = load(folder)
    assert np.array_equal(picture(generator), picture(loaded("sd")))
    assert generator.info.fingerprint != loaded("sd").info.fingerprint


def test_of_two_variants_half_precision_is_read_where_it_is_computed_in(copy: Callable[[str], Path]) -> None:
    """Both are there: plain weights for float32, the smaller ones for half precision."""
    folder = copy("sd")
    rename_weights(folder, "fp16")
    for path in list(folder.rglob("*.fp16.safetensors")):
        shutil.copy(path, path.with_name(path.name.replace(".fp16", "")))
    tensors = load_file(folder / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    save_file({n: t * 0 for n, t in tensors.items()}, folder / "vae" / "diffusion_pytorch_model.fp16.safetensors")
    assert picture(load(folder, dtype="float32")).std() > 5
    assert picture(load(folder, dtype="bfloat16")).std() == 0


def test_a_single_checkpoint_makes_the_pictures_of_its_folder(saved: Saved, loaded: Loaded, tmp_path: Path) -> None:
    """The same weights in one file, with configuration and tokenizer of a folder, whatever the file is called."""
    path = write_checkpoint(loaded("sd").pipeline, tmp_path / "xl turbo lcm.safetensors")
    generator = load(path, model_config=saved("sd"))
    assert (generator.info.name, generator.info.family) == (path.name, "StableDiffusionPipeline")
    assert (generator.info.steps, generator.info.guidance, generator.info.size) == (25, 7.5, (16, 16))
    assert np.array_equal(picture(generator), picture(loaded("sd")))


def test_a_single_checkpoint_takes_its_configuration_from_the_cache(
    saved: Saved, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --model-config it is that of the standard model of its kind, from the cache where it is there."""
    path = write_checkpoint(loaded("sd").pipeline, tmp_path / "mine.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    assert "--model-config" in refusal(path)
    cache = hub_cache(tmp_path / "cache", "stable-diffusion-v1-5/stable-diffusion-v1-5", saved("sd"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("diffusers.loaders.single_file_utils.HF_HUB_CACHE", str(cache), raising=False)
    assert np.array_equal(picture(load(path)), picture(loaded("sd")))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"model.diffusion_model.input_blocks.0.0.weight": (32, 9, 3, 3)}, "kind 'inpainting' is not supported"),
        ({"lora_unet_down_blocks_0.lora_up.weight": (4, 4)}, "a LoRA, which changes a model but is not one"),
        ({"lora_unet_mid.hada_w1_a": (4, 4)}, "a LoHa (Hadamard products), which changes a model but is not one"),
        ({"diffusion_model.layers.0.lokr_w1": (4, 4)}, "a LoKr (Kronecker products), which changes a model"),
        ({"encoder.conv_in.weight": (4, 4)}, "not a whole checkpoint but one part"),
        ({"model.diffusion_model.out.0.weight": (4,)}, "has no vae"),
        ({"model.diffusion_model.double_blocks.0.img_attn.norm.key_norm.scale": (4,)}, "kind 'flux-schnell'"),
    ],
)
def test_other_single_files_are_told_apart_by_their_tensors(
    tensors: dict[str, tuple[int, ...]], said: str, tmp_path: Path
) -> None:
    """What is inside counts, not the name."""
    save_file({name: torch.zeros(shape) for name, shape in tensors.items()}, tmp_path / "sd15.safetensors")
    assert said in refusal(tmp_path / "sd15.safetensors")


def test_sdxl_checkpoints_are_known_by_their_tensors(tmp_path: Path) -> None:
    """The second text encoder's tensors make it SDXL."""
    from beatwalk.models.loading import _file_family
    from beatwalk.models.sources import find_model

    names = ["conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias", "first_stage_model.x"]
    tensors = {name: torch.zeros(1) for name in [*names, "model.diffusion_model.out.0.weight"]}
    save_file(tensors, tmp_path / "plain.safetensors")
    family = _file_family(find_model(str(tmp_path / "plain.safetensors")), tensors)
    assert family.pipeline == "StableDiffusionXLPipeline"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("no/such/folder", "no such file or folder"),
        ("missing.safetensors", "no such file or folder"),
        ("owner/missing.safetensors", "no such file or folder"),
        ("sd-turbo", "no such file or folder"),
        ("owner/model", "not on this disk, and the model hub cannot be reached"),
    ],
)
def test_what_is_not_there_is_said(
    model: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: Callable[[], str]
) -> None:
    """One line with what to do, and no chatter around it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    message = refusal(model)
    assert said in message
    assert "give a" in message
    assert printed() == ""


def hub_cache(root: Path, model: str, folder: Path) -> Path:
    """A cache that holds `folder` as the only revision of a hub model."""
    revision = "0" * 40
    repository = root / f"models--{model.replace('/', '--')}"
    shutil.copytree(folder, repository / "snapshots" / revision)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision)
    return root


def test_a_hub_model_in_the_cache_needs_no_network(
    saved: Saved, loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub id that was downloaded before loads with the network blocked."""
    cache = hub_cache(tmp_path, "someone/tiny-turbo", saved("turbo"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    generator = load("someone/tiny-turbo")
    assert generator.info.name == "someone/tiny-turbo"
    assert generator.info.fingerprint == loaded("turbo").info.fingerprint
    assert np.array_equal(picture(generator), picture(loaded("turbo")))


def test_folders_that_are_no_model(tmp_path: Path, copy: Callable[[str], Path]) -> None:
    """Each is refused with a hint at what was meant."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "this folder is not a model (no model_index.json); give a diffusers folder" in refusal(empty)
    save_file({"x": torch.zeros(1)}, empty / "checkpoint.safetensors")
    assert f"give the file: {empty / 'checkpoint.safetensors'}" in refusal(empty)
    folder = copy("sd")
    assert "one component of a model" in refusal(folder / "unet")
    (folder / "model_index.json").write_text("{")
    assert "not valid JSON" in refusal(folder)
    (folder / "model_index.json").write_text('{"_class_name": ["pipeline", "Mine"]}')
    assert "runs no code from a model" in refusal(folder)


def test_broken_folders_say_what_is_missing(copy: Callable[[str], Path]) -> None:
    """Cut short, without weights, without a component."""
    folder = copy("sd")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refusal(folder)
    weights.write_bytes(b"PK\x03\x04 not safetensors at all")
    assert "broken or not safetensors" in refusal(folder)
    weights.unlink()
    assert "its 'unet' has no weights" in refusal(folder)
    shutil.rmtree(folder / "unet")
    assert "its 'unet' (UNet2DConditionModel) is missing" in refusal(folder)


def test_a_configuration_that_does_not_fit_its_weights_is_refused(copy: Callable[[str], Path]) -> None:
    """One line with the part, and some of the tensors."""
    folder = copy("sd")
    config = folder / "unet" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"block_out_channels": [64, 64]}))
    message = refusal(folder)
    assert "my model: its 'unet' has tensors of other shapes than its config.json says" in message
    assert "conv_in.bias [32] instead of [64], conv_in.weight [32, 4, 3, 3] instead of [64, 4, 3, 3]" in message


def test_pickles_are_refused_with_a_reason(copy: Callable[[str], Path], tmp_path: Path) -> None:
    """A checkpoint or a component that is a pickle could run a program."""
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x04.")
    assert "a pickle can run any program hidden in it" in refusal(tmp_path / "model.ckpt")
    folder = copy("sd")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    assert "diffusion_pytorch_model.bin: a pickle can run any program" in refusal(folder)


def test_an_allowed_pickle_loads(copy: Callable[[str], Path], loaded: Loaded) -> None:
    """Who allows it gets the same pictures from it."""
    folder = copy("sd")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    assert np.array_equal(picture(load(folder, allow_pickle=True)), picture(loaded("sd")))


@pytest.mark.parametrize(
    ("pipeline", "why"),
    [
        ("StableDiffusionInpaintPipeline", "starts from a picture"),
        ("DDPMPipeline", "takes no text"),
        ("NoSuchPipeline", "this diffusers has no class NoSuchPipeline"),
        ("HunyuanDiTPipeline", "no record for HunyuanDiTPipeline yet"),
    ],
)
def test_pipelines_that_are_not_supported_say_why(pipeline: str, why: str, copy: Callable[[str], Path]) -> None:
    """The class's own arguments tell."""
    folder = copy("sd")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": pipeline}))
    message = refusal(folder)
    assert why in message
    assert "choose a text-to-image model of" in message


def test_an_inpainting_denoiser_says_why(copy: Callable[[str], Path]) -> None:
    """Nine channels in are not noise alone."""
    from tests.models import tiny

    folder = copy("sd")
    tiny.unet(in_channels=9).save_pretrained(folder / "unet")
    assert "needs 9 channels and noise has 4" in refusal(folder)


def test_image_to_image_is_played_as_text_to_image(copy: Callable[[str], Path], loaded: Loaded) -> None:
    """The same parts, another task."""
    folder = copy("sd")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusionImg2ImgPipeline"}))
    assert np.array_equal(picture(load(folder)), picture(loaded("sd")))


def test_code_in_a_model_is_not_run(copy: Callable[[str], Path], tmp_path: Path) -> None:
    """A component that brings its own module is refused before anything is imported."""
    folder = copy("sd")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"unet": ["mine", "Mine"]}))
    (folder / "unet" / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "'unet' needs its own code" in refusal(folder)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("tpu", "unknown device 'tpu'"),
        ("cuda:x", "unknown device 'cuda:x'"),
        ("cpu:1", "unknown device 'cpu:1'"),
        pytest.param("cuda", "finds no CUDA or ROCm device", marks=NO_CUDA),
        pytest.param("mps", "not a Mac", marks=NO_MPS),
    ],
)
def test_devices_that_are_not_there(device: str, said: str, saved: Saved) -> None:
    """One line, before the model is loaded."""
    with pytest.raises(DeviceError, match=said):
        load(saved("sd"), device=device)


def test_an_unknown_precision_is_refused(saved: Saved) -> None:
    """Names of precisions are a short list."""
    with pytest.raises(DeviceError, match="unknown precision 'int8'; use one of float32"):
        load(saved("sd"), dtype="int8")


def test_loading_prints_nothing_and_restores_the_libraries(saved: Saved, printed: Callable[[], str]) -> None:
    """Progress bars and log levels are as they were."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    levels = [diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()]
    load(saved("turbo"))
    assert printed() == ""
    assert [diffusers_logging.get_verbosity(), transformers_logging.get_verbosity()] == levels
    assert diffusers_logging.is_progress_bar_enabled()


def test_nothing_heavy_is_imported_with_the_package() -> None:
    """`beatwalk.models` itself loads neither torch nor diffusers."""
    code = "import sys, beatwalk.models; print({'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    assert processes.output_of("-c", code).strip() == "set()"
