"""Habits are read from configurations; sizes are covered; devices and precisions are chosen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.errors import ModelError
from beatwalk.models.configs import check_size, covering_size, native_multiple, preferences, vae_scale
from beatwalk.models.devices import MAX_BATCH, pick_batch, pick_device, pick_dtype
from beatwalk.models.families import FAMILIES, call_arguments

(
    SD, SDXL, LCM, SANA, PIXART, SD3, FLUX, KLEIN, ZIMAGE, LUMINA, SPRINT, FLUX2, CHROMA, QWEN, COGVIEW, AURA, KANDIN,
) = (
    FAMILIES[f"{name}Pipeline"]
    for name in (
        "StableDiffusion",
        "StableDiffusionXL",
        "LatentConsistencyModel",
        "Sana",
        "PixArtSigma",
        "StableDiffusion3",
        "Flux",
        "Flux2Klein",
        "ZImage",
        "Lumina2",
        "SanaSprint",
        "Flux2",
        "Chroma",
        "QwenImage",
        "CogView4",
        "AuraFlow",
        "Kandinsky5T2I",
    )
)  # fmt: skip
KL8 = {"block_out_channels": [128, 256, 512, 512]}
DC32 = {"encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024]}
EULER = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}
TRAILING = {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "epsilon"}


@pytest.mark.parametrize(
    ("family", "denoiser", "scheduler", "vae", "expected"),
    [
        (SD, {"sample_size": 64}, {"_class_name": "PNDMScheduler"}, KL8, (25, 7.5, (512, 512))),
        (SD, {"sample_size": 96}, {"_class_name": "DDIMScheduler"}, KL8, (25, 7.5, (768, 768))),
        (SD, {"sample_size": 64}, TRAILING, KL8, (1, 1.0, (512, 512))),  # SD-Turbo
        (SDXL, {"sample_size": 128}, EULER, KL8, (25, 5.0, (1024, 1024))),
        (SDXL, {"sample_size": 64}, TRAILING | {"_class_name": "EulerAncestralDiscreteScheduler"}, KL8,
         (1, 1.0, (512, 512))),  # SDXL-Turbo
        (SDXL, {"sample_size": 128}, TRAILING | {"prediction_type": "v_prediction"}, KL8, (25, 5.0, (1024, 1024))),
        (SDXL, {"sample_size": 128}, TRAILING | {"rescale_betas_zero_snr": True}, KL8, (25, 5.0, (1024, 1024))),
        (SD, {"sample_size": 64}, {"_class_name": "LCMScheduler"}, KL8, (4, 1.0, (512, 512))),  # LCM-LoRA, merged
        (SDXL, {"sample_size": 128, "time_cond_proj_dim": 256}, {"_class_name": "LCMScheduler"}, KL8,
         (4, 8.5, (1024, 1024))),
        (LCM, {"sample_size": 96, "time_cond_proj_dim": 256}, {"_class_name": "LCMScheduler"}, KL8,
         (4, 8.5, (768, 768))),
        (SANA, {"sample_size": 32}, {"_class_name": "DPMSolverMultistepScheduler"}, DC32, (20, 4.5, (1024, 1024))),
        (PIXART, {"sample_size": 128}, {}, KL8, (20, 4.5, (1024, 1024))),
        (SD3, {"sample_size": 128, "patch_size": 2}, {}, KL8, (28, 7.0, (1024, 1024))),
        (FLUX, {"guidance_embeds": False}, {}, KL8, (4, 1.0, (1024, 1024))),  # schnell
        (FLUX, {"guidance_embeds": True}, {}, KL8, (28, 3.5, (1024, 1024))),  # dev
        (KLEIN, {}, {}, KL8, (50, 4.0, (1024, 1024))),
        (ZIMAGE, {}, {}, KL8, (9, 1.0, (1024, 1024))),
        (LUMINA, {"sample_size": 128}, {}, KL8, (30, 4.0, (1024, 1024))),
        (SPRINT, {"sample_size": 32, "guidance_embeds": True}, {"_class_name": "SCMScheduler"}, DC32,
         (2, 4.5, (1024, 1024))),
        (FLUX2, {"guidance_embeds": True}, {}, KL8, (28, 4.0, (1024, 1024))),
        (CHROMA, {}, {}, KL8, (35, 5.0, (1024, 1024))),
        (QWEN, {"guidance_embeds": False}, {}, {"dim_mult": [1, 2, 4, 4]}, (50, 4.0, (1024, 1024))),
        (COGVIEW, {"sample_size": 128}, {}, KL8, (50, 5.0, (1024, 1024))),
        (AURA, {"sample_size": 64}, {}, KL8, (50, 3.5, (1024, 1024))),  # its files name a smaller size
        (KANDIN, {"patch_size": [1, 2, 2]}, {}, KL8, (50, 3.5, (1024, 1024))),
        (SD, {"sample_size": [48, 64]}, {}, KL8, (25, 7.5, (512, 384))),  # height comes first
        (SD, {}, {}, {}, (25, 7.5, (512, 512))),
    ],
)  # fmt: skip
def test_habits_of_well_known_configurations(
    family: Any, denoiser: dict[str, Any], scheduler: dict[str, Any], vae: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    """Steps, guidance and size, as the files of published models have them."""
    likes = preferences(family, {family.denoiser: denoiser, "scheduler": scheduler, "vae": vae})
    assert (likes.steps, likes.guidance, likes.size) == expected


def test_scale_and_multiple_come_from_the_autoencoder_and_the_patches() -> None:
    """8 and 32 pixels a cell; patches of two cells need 16; Sana's pipeline insists on 32."""
    assert (vae_scale(KL8), vae_scale(DC32)) == (8, 32)
    assert native_multiple(SD, {"vae": KL8, "unet": {}}) == 8
    assert native_multiple(PIXART, {"vae": KL8, "transformer": {"patch_size": 2}}) == 16
    assert [native_multiple(family, {"vae": KL8, "transformer": {"patch_size": 1}}) for family in (FLUX, KLEIN)] == [
        16
    ] * 2
    assert preferences(KLEIN, {"pipeline": {"is_distilled": True}}).steps == 4
    assert native_multiple(KANDIN, {"vae": KL8, "transformer": {"patch_size": [1, 2, 2]}}) == 16
    assert native_multiple(QWEN, {"vae": {"dim_mult": [1, 2, 4, 4]}, "transformer": {"patch_size": 2}}) == 16
    assert native_multiple(SANA, {"vae": {"encoder_block_out_channels": [8] * 5}, "transformer": {}}) == 32


@given(st.integers(1, 4096), st.integers(1, 4096), st.sampled_from([8, 16, 32, 64]))
def test_the_covering_size_is_the_smallest_that_covers(width: int, height: int, multiple: int) -> None:
    """Divisible, not smaller, and less than one multiple larger."""
    for covering, side in zip(covering_size((width, height), multiple), (width, height), strict=True):
        assert covering % multiple == 0
        assert side <= covering < side + multiple


@given(st.tuples(st.integers(-50, 5000), st.integers(-50, 5000)))
def test_sizes_named_in_a_refusal_are_accepted(size: tuple[int, int]) -> None:
    """Whatever is refused, what is proposed instead works."""
    try:
        check_size(size)
    except ModelError as error:
        for proposed in str(error).rpartition("try ")[2].split(" or "):
            width, height = map(int, proposed.split("x"))
            check_size((width, height))
    else:
        assert all(side > 0 and side % 8 == 0 for side in size)


def test_records_name_what_pipelines_have() -> None:
    """Every argument in a record exists in the class's own signature."""
    import inspect

    import diffusers

    for family in FAMILIES.values():
        cls = getattr(diffusers, family.pipeline)
        call, encode = (set(inspect.signature(f).parameters) for f in (cls.__call__, cls.encode_prompt))
        outputs = {name for name in family.outputs if name}
        assert family.masks <= outputs
        assert {*family.renamed} <= outputs
        taken = {family.renamed.get(name, name) for name in outputs} | ({family.lengths} - {None})
        ours = {*call_arguments(family, steps=3, guidance=1.0), "latents", "generator", "output_type"}
        assert {*taken, *ours} <= call
        assert set(family.encode_arguments) <= encode
        if family.has_negative:
            assert {f"negative_{name}" for name in taken} <= call


def test_a_device_is_picked_by_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA before Apple before processor."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert str(pick_device("auto")) == "cuda:0"
    assert str(pick_device("CUDA:1")) == "cuda:1"
    assert str(pick_device("cuda")) == "cuda:0"
    with pytest.raises(Exception, match="only cuda:0 to cuda:1"):
        pick_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert str(pick_device("auto")) == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert str(pick_device("auto")) == "cpu"


def test_precision_suits_device_and_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half on a GPU, brain floats where the family needs them or the processor has them."""
    cpu, cuda, mps = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert pick_dtype(None, cuda, SD) is torch.float16
    assert pick_dtype(None, cuda, SANA) is torch.bfloat16
    assert pick_dtype(None, mps, SD) is torch.float16
    assert pick_dtype(None, mps, SANA) is torch.float32
    monkeypatch.setattr("beatwalk.models.devices.cpu_multiplies_bfloat16", lambda: True)
    assert pick_dtype(None, cpu, SD) is torch.bfloat16
    monkeypatch.setattr("beatwalk.models.devices.cpu_multiplies_bfloat16", lambda: False)
    assert pick_dtype(None, cpu, SD) is torch.float32
    assert pick_dtype("float16", cpu, SD) is torch.float16


def test_batches_follow_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight on a processor; on a GPU more where more is free, never none, never too many."""
    assert pick_batch(torch.device("cpu"), (512, 512)) == 8
    cuda = torch.device("cuda", 0)
    batches = []
    for gigabytes in (0.1, 4, 8, 140):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=gigabytes: (int(free * 1e9), 0))
        batches.append(pick_batch(cuda, (512, 512)))
    assert batches == [1, 2, 5, MAX_BATCH]
