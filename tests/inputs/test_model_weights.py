"""Weights by side doors: pickles behind indexes, files outside the folder, configurations that ask for too much."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beatwalk.models import ModelRequest, load_model
from beatwalk.models.addons import AddOns
from beatwalk.models.sources import find_model
from tests.inputs.test_model_code import edit
from tests.inputs.wrong import refuses
from tests.models.single_file import write_checkpoint
from tests.models.tiny import PIPELINES, save, stable_diffusion

WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}


class _Evil:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self) -> Any:
        return (open, ("evil-was-here", "w"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small models as they should be."""
    folder = tmp_path_factory.mktemp("whole")
    file = write_checkpoint(stable_diffusion(), folder / "a.safetensors")
    return {"file": file, **{kind: save(kind, folder / kind) for kind in ("sd", "pixart", "sd3", "z-image")}}


@pytest.fixture
def copy(tmp_path: Path, whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A copy that a test may spoil; an unpickled file would leave its mark beside it."""
    monkeypatch.chdir(tmp_path / "here")
    return lambda kind: Path(shutil.copytree(whole[kind], tmp_path / "here" / "m"))


def sharded(part: Path, name: str, shard: str) -> None:
    """Say in an index that all weights lie in a shard, and take the plain file away."""
    plain = part / f"{name}.safetensors"
    target = part / "moved.safetensors"
    plain.rename(target)
    (part / f"{name}.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": {"a.weight": shard, "b.weight": "moved.safetensors"}})
    )


SHARDS = ["evil.bin", "../evil.bin", "../unet/moved.safetensors", "/dev/zero", "/etc/passwd", "pipe.safetensors",
          "device.safetensors", "gone.safetensors", "..", "", "a\\b.safetensors", "C:a.safetensors", ".x.safetensors",
          "sub/x.safetensors", "a\0.safetensors", "evil.ckpt", "evil.safetensors/"]  # fmt: skip


@pytest.mark.parametrize("part", WEIGHTS)
@pytest.mark.parametrize("shard", SHARDS)
def test_shards_are_plain_safetensors_in_the_folder(copy: Callable[[str], Path], part: str, shard: str) -> None:
    """No pickle, no other folder, no device and no pipe behind an index."""
    model = copy("sd")
    for place in (model / part, model):
        (place / "evil.bin").write_bytes(pickle.dumps(_Evil()))
    if os.name == "posix":
        os.mkfifo(model / part / "pipe.safetensors")
        (model / part / "device.safetensors").symlink_to("/dev/zero")
    sharded(model / part, WEIGHTS[part], shard)
    refuses(lambda: find_model(str(model)))
    refuses(lambda: load_model(ModelRequest(model=str(model), device="cpu")))
    assert not Path("evil-was-here").exists()


@pytest.mark.skipif(os.name == "nt", reason="this system has no pipes in folders")
@pytest.mark.parametrize(
    "name", ["unet/config.json", "tokenizer/vocab.json", "tokenizer/chat_template.jinja", "unet/notes.txt"]
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_every_file_of_a_component_is_regular(copy: Callable[[str], Path], name: str, kind: str) -> None:
    """A pipe would wait for ever, a device would never end."""
    model = copy("sd")
    (model / name).unlink(missing_ok=True)
    os.mkfifo(model / name) if kind == "pipe" else (model / name).symlink_to("/dev/zero")
    refuses(lambda: find_model(str(model)))


@pytest.mark.parametrize("suffix", ["", ".bin", ".pt"])
def test_add_ons_are_files_or_folders_without_pickles(copy: Callable[[str], Path], suffix: str) -> None:
    """An embedding or a LoRA that is a folder with a pickle in it; an autoencoder whose index names one."""
    model = copy("sd")
    place = Path("here" + suffix)
    if suffix:
        place.write_bytes(pickle.dumps(_Evil()))
    else:
        place.mkdir()
        for name in ("learned_embeds.bin", "pytorch_lora_weights.bin", "diffusion_pytorch_model.bin"):
            (place / name).write_bytes(pickle.dumps(_Evil()))
        edit(
            place / "diffusion_pytorch_model.safetensors.index.json", weight_map={"a": "diffusion_pytorch_model.bin"}
        )
        edit(place / "config.json", latent_channels=4)
    name = str(place)
    for addons in (AddOns(embeddings=(name,)), AddOns(loras=(name,)), AddOns(vae=name), AddOns(tiny_vae=name)):
        refuses(lambda addons=addons: load_model(ModelRequest(model=str(model), device="cpu", addons=addons)))  # type: ignore[misc]
    assert not Path("evil-was-here").exists()


HUGE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wide": ("sd", "unet", {"block_out_channels": [32 * 2**8, 32 * 2**8]}),
    "deep": ("sd", "unet", {"layers_per_block": 10**6}),
    "deep transformer": ("pixart", "transformer", {"num_layers": 10**9}),
    "wide vae": ("sd", "vae", {"block_out_channels": [2**15, 2**15]}),
    "deep vae": ("sd", "vae", {"layers_per_block": 10**8}),
    "words": ("sd", "text_encoder", {"vocab_size": 10**9}),
    "positions": ("sd", "text_encoder", {"max_position_embeddings": 10**9}),
    "layers": ("sd", "text_encoder", {"num_hidden_layers": 10**9}),
    "feed-forward": ("z-image", "text_encoder", {"intermediate_size": 10**9}),
    "table of positions": ("pixart", "transformer", {"sample_size": 10**5}),
    "table of sd3": ("sd3", "transformer", {"pos_embed_max_size": 10**5}),
    "axes": ("z-image", "transformer", {"axes_lens": [10**9, 64, 64]}),
    "steps": ("sd", "scheduler", {"num_train_timesteps": 10**12}),
}


@pytest.mark.parametrize("kind", HUGE)
def test_what_a_configuration_asks_for_is_compared_with_its_files(copy: Callable[[str], Path], kind: str) -> None:
    """A few hundred kilobytes of weights cannot make a network of billions of parameters."""
    import resource

    family, part, changes = HUGE[kind]
    model = copy(family)
    config = "scheduler_config.json" if part == "scheduler" else "config.json"
    edit(model / part / config, **changes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refuses(lambda: load_model(ModelRequest(model=str(model), device="cpu")))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20, "it took a gigabyte"


@pytest.mark.parametrize("kind", [kind for kind in HUGE if HUGE[kind][0] == "sd"])
def test_a_model_config_is_compared_with_its_checkpoint(
    copy: Callable[[str], Path], whole: dict[str, Path], kind: str
) -> None:
    """The same where configuration and weights come from two places."""
    _, part, changes = HUGE[kind]
    model = copy("sd")
    edit(model / part / ("scheduler_config.json" if part == "scheduler" else "config.json"), **changes)
    refuses(lambda: load_model(ModelRequest(model=str(whole["file"]), model_config=model, device="cpu")))


def test_long_texts_and_headers_are_refused(copy: Callable[[str], Path]) -> None:
    """A sparse file says that it has gigabytes; nobody reads them."""
    model = copy("sd")
    for name, n_bytes in (
        ("unet/config.json", 2**33), ("tokenizer/tokenizer.json", 2**33), ("model_index.json", 2**33),
        ("vae/diffusion_pytorch_model.safetensors", 2**33),
    ):  # fmt: skip
        path = model / name
        kept = path.read_bytes()
        with path.open("r+b") as file:
            if name.endswith("safetensors"):
                file.write((2**33 - 8).to_bytes(8, "little"))
            file.truncate(n_bytes)
        refuses(lambda: find_model(str(model)))
        path.write_bytes(kept)
    find_model(str(model))


@pytest.mark.parametrize("kind", PIPELINES)
def test_no_family_is_refused_for_its_size(tmp_path: Path, kind: str) -> None:
    """Every family's own configuration fits its own files."""
    folder = save(kind, tmp_path / "here" / "m")
    assert load_model(ModelRequest(model=str(folder), device="cpu")).info.family
