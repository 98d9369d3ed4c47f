"""A part that lacks tensors is refused by name: it would be filled with random numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from beatwalk.errors import ModelError
from beatwalk.models.addons import AddOns
from beatwalk.models.weights_check import check_missing, reason_of
from tests.models.single_file import vae_tensors, write_checkpoint
from tests.models.test_diffusers_backend import LEVELS, apart, pictures
from tests.models.test_loading import refusal
from tests.models.tiny import Loaded, Saved, on_cpu

PARTS = [
    (kind, part)
    for kind, parts in {
        "sd": ("unet", "vae", "text_encoder"),
        "sdxl": ("text_encoder_2",),
        "sana": ("transformer", "vae", "text_encoder"),
        "sd3": ("text_encoder_3", "transformer"),
        "klein": ("vae", "text_encoder"),
    }.items()
    for part in parts
]


def without_some(file: Path, count: int = 1, *, larger: bool = False) -> list[str]:
    """Take tensors out of a file, or make them twice as large along every side; returns their names."""
    tensors = load_file(file)
    middle = len(tensors) // 2
    names = sorted(tensors)[middle : middle + count]
    for name in names:
        tensor = tensors.pop(name)
        if larger:
            tensors[name] = tensor.repeat(*[2] * tensor.ndim)
    save_file(tensors, file, metadata={"format": "pt"})
    return names


@pytest.mark.parametrize(("kind", "part"), PARTS)
def test_a_folder_that_lacks_tensors_is_refused(kind: str, part: str, saved: Saved, tmp_path: Path) -> None:
    """With the part's name, how many, and some of them; so is one in which they have other shapes."""
    for larger, said in ((False, f"its '{part}' lacks 4 tensors ("), (True, f"its '{part}' has tensors of other sh")):
        folder = Path(shutil.copytree(saved(kind), tmp_path / f"my {kind} {larger}"))
        names = without_some(next((folder / part).glob("*.safetensors")), 4, larger=larger)
        message = refusal(folder)
        assert message.startswith(f"my {kind} {larger}: {said}")
        assert names[0] in message
        assert message.endswith("…); copy or download the whole model again")


def test_shared_tensors_may_be_stored_once(saved: Saved, loaded: Loaded, tmp_path: Path) -> None:
    """What a configuration ties is there; an output head, which no embedding reads, may be missing."""
    folder = Path(shutil.copytree(saved("z-image"), tmp_path / "m"))
    file = next((folder / "text_encoder").glob("*.safetensors"))
    tensors = load_file(file)
    tensors.pop("lm_head.weight")
    save_file(tensors, file, metadata={"format": "pt"})
    headless = on_cpu(folder)
    assert apart(pictures(headless), pictures(loaded("z-image"))) <= LEVELS
    config = folder / "text_encoder" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": True}))
    tied = on_cpu(folder)
    assert apart(pictures(tied), pictures(loaded("z-image"))) <= LEVELS


@pytest.mark.parametrize(
    ("begins", "said"),
    [("model.diffusion_model.out.2.", "some of its tensors are missing"),
     ("first_stage_model.decoder.conv_out.", "some of its tensors are missing"),
     ("cond_stage_model.transformer.text_model.final_layer_norm.",
      "its 'text_encoder' lacks 2 tensors (final_layer_norm.bias, final_layer_norm.weight)")],
)  # fmt: skip
def test_a_checkpoint_that_lacks_tensors_is_refused(
    begins: str, said: str, saved: Saved, loaded: Loaded, tmp_path: Path
) -> None:
    """Whatever part they belong to."""
    path = write_checkpoint(loaded("sd").pipeline, tmp_path / "cut.safetensors", without=begins)
    message = refusal(path, model_config=saved("sd"))
    assert said in message
    assert message.startswith(str(path))


@pytest.mark.parametrize("tiny", [False, True])
def test_another_autoencoder_that_lacks_tensors_is_refused(tiny: bool, saved: Saved, tmp_path: Path) -> None:
    """With its folder's name."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    vae = AutoencoderTiny(latent_channels=4) if tiny else AutoencoderKL.from_pretrained(saved("sd") / "vae")
    vae.save_pretrained(tmp_path / "vae")
    names = without_some(tmp_path / "vae" / "diffusion_pytorch_model.safetensors")
    given = {"tiny_vae" if tiny else "vae": str(tmp_path / "vae")}
    with pytest.raises(ModelError) as caught:
        on_cpu(saved("sd"), addons=AddOns(**given))  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{tmp_path / 'vae'}: lacks a tensor ({names[0]})")


@pytest.mark.parametrize("named", ["first_stage_model.", "", None])
def test_another_autoencoder_may_be_one_file(named: str | None, saved: Saved, loaded: Loaded, tmp_path: Path) -> None:
    """As checkpoints name their tensors, with or without what is before them, or as diffusers does (None)."""
    vae = loaded("sd").pipeline.vae
    before = vae.decoder.conv_out.bias
    tensors = vae.state_dict() if named is None else {f"{named}{n}": t for n, t in vae_tensors(vae).items()}
    last = "decoder.conv_out.bias"
    tensors = {n: (t + 0.5 if n.endswith(last) else t).contiguous() for n, t in tensors.items()}
    save_file(tensors, tmp_path / "other.safetensors")
    addons = AddOns(vae=str(tmp_path / "other.safetensors"))
    other = on_cpu(saved("sd"), addons=addons).pipeline.vae
    assert torch.allclose(other.decoder.conv_out.bias, before + 0.5)
    assert torch.equal(other.encoder.conv_in.weight, vae.encoder.conv_in.weight)
    assert other.config.scaling_factor == vae.config.scaling_factor
    without_some(tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"other.safetensors: cannot be loaded .* some of its tensors are missing"):
        on_cpu(saved("sd"), addons=addons)


def test_reasons_are_one_line() -> None:
    """Also where a library gives none."""
    assert reason_of(ValueError("")) == "ValueError"
    assert reason_of(OSError("no\nway")) == "no (OSError)"
    check_missing(["lm_head.weight", "bn.num_batches_tracked"], "m: its 'vae'")
