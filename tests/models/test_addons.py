"""Add-ons change the pictures they should change, by as much as they should, and say why where they cannot."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file, save_file

from beatwalk.errors import ModelError
from beatwalk.models import DiffusionGenerator, diffusers_backend, host
from beatwalk.models.addons import SCHEDULERS, AddOns
from beatwalk.models.loras import split_scale
from beatwalk.models.prompt_weights import to_compel, unweighted
from tests.models import tiny
from tests.models.test_diffusers_backend import LEVELS, PROMPTS, apart, pictures
from tests.models.tiny import Loaded, Saved, on_cpu


def load(folder: Path, **addons: object) -> DiffusionGenerator:
    """On the processor, in float32."""
    return on_cpu(folder, addons=AddOns(**addons))  # type: ignore[arg-type]


@pytest.fixture
def lora(saved: Saved, tmp_path: Path) -> Path:
    """A LoRA of rank 2 on the attention of SD's UNet."""
    peft = pytest.importorskip("peft")
    from diffusers import StableDiffusionPipeline
    from peft.utils import get_peft_model_state_dict

    pipeline = StableDiffusionPipeline.from_pretrained(str(saved("sd")), safety_checker=None)
    unet = pipeline.unet
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_k", "to_v"], init_lora_weights="gaussian"))
        for name, weight in unet.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=2.0)
    StableDiffusionPipeline.save_lora_weights(str(tmp_path), unet_lora_layers=get_peft_model_state_dict(unet))
    return tmp_path / "pytorch_lora_weights.safetensors"


def test_a_lora_counts_by_its_scale(saved: Saved, loaded: Loaded, lora: Path) -> None:
    """At 0 it is not there, at 1 it is; merged, so that no layer of its own is left."""
    plain = pictures(loaded("sd"))
    none, whole = (load(saved("sd"), loras=(f"{lora}{scale}",)) for scale in (":0", ""))
    assert apart(pictures(none), plain) <= LEVELS
    assert apart(pictures(whole), plain) > 8
    assert not any("lora" in name for name, _ in whole.denoiser.named_modules())
    assert len({g.info.fingerprint for g in (none, whole, loaded("sd"))}) == 3


def test_several_loras_add_up(saved: Saved, loaded: Loaded, lora: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Half and half are the whole, more and less are nothing; the libraries say nothing about it."""
    again = Path(shutil.copy(lora, lora.with_name("again.safetensors")))
    gc.collect()
    capfd.readouterr()
    halves, none = (
        load(saved("sd"), loras=(f"{lora}:{first}", f"{again}:{second}"))
        for first, second in ((0.5, 0.5), (0.7, -0.7))
    )
    assert "".join(capfd.readouterr()) == ""
    assert apart(pictures(halves), pictures(load(saved("sd"), loras=(str(lora),)))) <= LEVELS
    assert apart(pictures(none), pictures(loaded("sd"))) <= LEVELS


def test_a_lora_of_another_model_is_refused(saved: Saved, lora: Path) -> None:
    """With its file's name."""
    with pytest.raises(ModelError, match="pytorch_lora_weights"):
        load(saved("pixart"), loras=(str(lora),))


def test_a_lora_that_fits_in_part_says_how_much_does_not(
    saved: Saved, lora: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What fits is merged as if it were alone; a whole one says nothing."""
    tensors = load_file(lora)
    whole = load(saved("sd"), loras=(str(lora),))
    assert not caplog.records
    elsewhere = {name.replace("attentions.0", "attentions.7"): t.clone() for name, t in tensors.items()}
    strangers = {name: t for name, t in elsewhere.items() if name not in tensors}
    save_file(tensors | strangers, lora.with_name("both.safetensors"))
    part = load(saved("sd"), loras=(str(lora.with_name("both.safetensors")),))
    assert apart(pictures(part), pictures(whole)) <= LEVELS
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    count = f"{len(strangers)} of its {len(tensors) + len(strangers)} tensors found no place"
    assert count in said[0]
    assert "both.safetensors" in said[0]


def test_what_kohya_wrote_is_counted_after_its_translation(
    saved: Saved, lora: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Other names and alphas of their own are no reason to say that something is missing."""
    tensors, kohya = load_file(lora), {}
    for name, tensor in tensors.items():
        layer, _, rest = name.removeprefix("unet.").partition(".lora")
        ending = "lora_down.weight" if ("down" in rest or "A" in rest) else "lora_up.weight"
        kohya[f"lora_unet_{layer.replace('.', '_')}.{ending}"] = tensor
        kohya[f"lora_unet_{layer.replace('.', '_')}.alpha"] = torch.tensor(2.0)
    save_file(kohya, lora.with_name("kohya.safetensors"))
    made = load(saved("sd"), loras=(str(lora.with_name("kohya.safetensors")),))
    assert apart(pictures(made), pictures(load(saved("sd"), loras=(str(lora),)))) <= LEVELS
    assert not caplog.records


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"lora_unet_mid_block_attentions_0.hada_w1_a": (4, 2)}, "it is a LoHa (Hadamard products)"),
        ({"lora_unet_mid_block_attentions_0.lokr_w1": (4, 4)}, "it is a LoKr (Kronecker products)"),
        ({"lora_unet_mid_block_attentions_0.oft_blocks": (4, 4)}, "it is an OFT (orthogonal finetuning)"),
        ({"unet.mid_block.attentions.9.to_k.lora_A.weight": (2, 32),
          "unet.mid_block.attentions.9.to_k.lora_B.weight": (32, 2)}, "a LoRA for this model"),
    ],
)  # fmt: skip
def test_relatives_of_lora_are_named(
    tensors: dict[str, tuple[int, ...]], said: str, saved: Saved, tmp_path: Path
) -> None:
    """They change a model in other ways; the message says which."""
    pytest.importorskip("peft")
    save_file({name: torch.ones(shape) for name, shape in tensors.items()}, str(tmp_path / "style.safetensors"))
    with pytest.raises(ModelError, match=r"style\.safetensors: ") as caught:
        load(saved("sd"), loras=(str(tmp_path / "style.safetensors"),))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a.safetensors", ("a.safetensors", 1.0)), ("a:0.5", ("a", 0.5)), ("C:\\a", ("C:\\a", 1.0)),
     ("C:\\a:-2", ("C:\\a", -2.0))],
)  # fmt: skip
def test_scales_are_told_from_paths(given: str, expected: tuple[str, float]) -> None:
    """A drive's colon is no scale."""
    assert split_scale(given) == (Path(expected[0]), expected[1])


def test_no_number_is_said() -> None:
    """With what is expected."""
    with pytest.raises(ModelError, match="FILE:scale"):
        split_scale("a.safetensors:strong")


def test_another_autoencoder_is_the_one_that_decodes(saved: Saved, loaded: Loaded, tmp_path: Path) -> None:
    """By folder; one of another kind of latents is refused."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        other = tiny.vae()
    other.save_pretrained(tmp_path / "other")
    assert apart(pictures(load(saved("sd"), vae=str(tmp_path / "other"))), pictures(loaded("sd"))) > 8
    torch_vae = type(other)(**{**other.config, "latent_channels": 8})
    torch_vae.save_pretrained(tmp_path / "eight")
    with pytest.raises(ModelError, match="8 channels, but the model makes 4"):
        load(saved("sd"), vae=str(tmp_path / "eight"))
    with pytest.raises(ModelError, match="no such file"):
        load(saved("sd"), vae=str(tmp_path / "nothing"))


def test_a_tiny_autoencoder_reads_the_same_latents(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures keep their size; where none is on this disk, or none is known, that is said."""
    AutoencoderTiny(
        latent_channels=4, encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    ).save_pretrained(tmp_path / "tiny")  # fmt: skip
    generator = load(saved("sd"), tiny_vae=str(tmp_path / "tiny"))
    assert type(generator.pipeline.vae) is AutoencoderTiny
    assert pictures(generator).shape == (2, 16, 24, 3)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # else it tries again and again
    with pytest.raises(ModelError, match="taesd: not on this disk, and the model hub cannot be reached"):
        load(saved("sd"), tiny_vae="auto")
    with pytest.raises(ModelError, match="no tiny autoencoder is known for Sana"):
        load(saved("sana"), tiny_vae="auto")


def test_a_learnt_word_changes_what_its_name_means(saved: Saved, loaded: Loaded, tmp_path: Path) -> None:
    """The file's name in a prompt; prompts without it stay as they were."""
    save_file({"emb_params": torch.full((2, 32), 3.0)}, str(tmp_path / "glimmer.safetensors"))
    generator, plain = load(saved("sd"), embeddings=(str(tmp_path / "glimmer.safetensors"),)), loaded("sd")
    for prompt, changes in (("a glimmer of hope", True), ("calm ocean", False)):
        learnt, known = (g.encode([prompt]).tensors["prompt_embeds"] for g in (generator, plain))
        assert np.array_equal(learnt, known) != changes
    with pytest.raises(ModelError, match="takes no textual inversions"):
        load(saved("sana"), embeddings=(str(tmp_path / "glimmer.safetensors"),))


def test_a_learnt_word_of_many_vectors_takes_as_much_room(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixty vectors are sixty of 75 tokens; what is cut off is told by the words that were written."""
    monkeypatch.setattr(diffusers_backend, "has_compel", lambda: False)
    save_file({"emb_params": torch.full((60, 32), 3.0)}, str(tmp_path / "glimmer.safetensors"))
    generator = load(saved("sd"), embeddings=(str(tmp_path / "glimmer.safetensors"),))
    for prompt in ("glimmer calm ocean", "calm city rain"):  # letters are tokens
        generator.encode([prompt])
    assert not caplog.records
    generator.encode(["glimmer calm ocean neon forest glass"])
    generator.encode(["calm ocean neon rain glimmer"])
    lost = [record.getMessage().rpartition("left out: ")[2].replace(" ", "") for record in caplog.records]
    assert lost == ["restglass", "glimmer"]


def test_schedulers_by_short_name_and_class(saved: Saved) -> None:
    """An LCM scheduler means four steps; one of another kind is refused with those that work."""
    generator = load(saved("sd"), scheduler="lcm")
    assert (generator.info.steps, generator.info.guidance) == (4, 1.0)
    assert load(saved("sd"), scheduler="UniPCMultistepScheduler").info.steps == 25
    assert load(saved("sd"), scheduler="dpm++-karras").pipeline.scheduler.config.use_karras_sigmas
    with pytest.raises(ModelError, match=r"does not go with this model; choose from .*ddim"):
        load(saved("sd"), scheduler="flow-euler")


@pytest.mark.parametrize("name", sorted({*SCHEDULERS} - {"flow-euler"}))
def test_every_scheduler_makes_pictures(name: str, saved: Saved) -> None:
    """With one step, as sketches may have, and with several; a batch of one is what it is in a batch of three."""
    generator = load(saved("sd"), scheduler=name)
    for steps in (1, 4):
        three = pictures(generator, (1, 2, 3), PROMPTS[:1] * 3, steps=steps)
        assert three.std(axis=(1, 2, 3)).min() > 2
        assert apart(pictures(generator, (3,), PROMPTS[:1], steps=steps), three[2:]) <= LEVELS


def test_weights_are_written_in_compels_way() -> None:
    """Other parentheses and signs stay what they are."""
    assert to_compel("(golden:1.3) light (soft), 4k++") == r"(golden)1.3 light \(soft\), 4k ++"
    assert unweighted("(golden:1.3) light") == "golden light"


@pytest.mark.parametrize("kind", ["sd", "lcm", "sdxl"])
def test_weighted_words_count_more(kind: str, loaded: Loaded) -> None:
    """A weight of 1 is nearly the plain text; more moves it further; SDXL keeps its pooled text."""
    pytest.importorskip("compel")
    generator = loaded(kind)
    text = generator.encode(
        ["a golden light", "a (golden:1.0) light", "a (golden:1.3) light", "a (golden:1.6) light"]
    )
    plain, one, more, most = host(text.tensors["prompt_embeds"])
    assert np.allclose(plain, one, atol=1e-4)
    assert 0.003 < np.abs(more - plain).mean() < np.abs(most - plain).mean()
    assert ("pooled_prompt_embeds" in generator.encode(["(a:1.2)"]).tensors) == (kind == "sdxl")


def test_long_prompts_are_read_to_the_end(loaded: Loaded) -> None:
    """Words after the 77th token count, and a short prompt beside a long one keeps its picture."""
    pytest.importorskip("compel")
    generator = loaded("sd")
    long = "neon city rain " * 8  # letters are tokens here
    ends = generator.encode([long + "ocean", long + "glass", "calm"])
    embeds = ends.tensors["prompt_embeds"]
    assert embeds.shape[1] > 77
    assert not np.allclose(embeds[0], embeds[1])
    noise = generator.start_noise(1, (24, 16))[None]
    both = [
        generator.generate(noise, text, None, size=(24, 16), steps=2, guidance=4.0)
        for text in (ends.rows(slice(2, 3)), generator.encode(["calm"]))
    ]
    assert apart(*both) <= LEVELS


def test_where_weights_mean_nothing_they_are_left_out(saved: Saved, caplog: pytest.LogCaptureFixture) -> None:
    """And that is said once."""
    generator = load(saved("sana"))
    text, plain = generator.encode(["a (neon:1.3) city"] * 2), generator.encode(["a neon city"])
    assert np.array_equal(text.tensors["prompt_embeds"][0], plain.tensors["prompt_embeds"][0])
    assert len(caplog.records) == 1
    assert "takes no weights" in caplog.records[0].getMessage()
