"""Every family makes pictures that depend on its noise and text, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk.errors import DeviceError, ModelError
from beatwalk.models import DiffusionGenerator, stacked
from beatwalk.models.latent_layout import LAYOUTS, from_patches, from_tokens, to_grid, to_patches, to_tokens
from beatwalk.models.text_encoding import fit_length, repeat_tokens
from beatwalk.types import Conditioning, Frames
from beatwalk.walk.conditioning import mix_conditioning
from beatwalk.walk.noise import slerp
from tests.models.small_memory import SmallMemory
from tests.models.tiny import PIPELINES, Loaded, on_cpu

KINDS = sorted(PIPELINES)
LEVELS = 2  # of 255: what float32 rounding may do to a picture when it is made in another batch
LONGEST = (
    "chroma",
    "kandinsky5",
    "lumina2",
    "qwen-image",
    "z-image",
)  # a prompt's length is that of the longest beside it
PROMPTS = ("a neon city in the rain", "calm ocean")


def pictures(
    generator: DiffusionGenerator, seeds: tuple[int, ...] = (1, 2), prompts: tuple[str, ...] = PROMPTS, **changes: Any
) -> Frames:
    """Pictures of 24x16, three steps, no guidance."""
    options: dict[str, Any] = {"size": (24, 16), "steps": 3, "guidance": 1.0} | changes
    noise = np.stack([generator.start_noise(seed, options["size"]) for seed in seeds])
    negative = options.pop("negative", None)
    return generator.generate(noise, generator.encode(prompts), negative, **options)


def apart(a: Frames, b: Frames) -> int:
    """Largest difference in levels."""
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_have_the_size_asked_for_and_are_not_blank(kind: str, loaded: Loaded) -> None:
    """Eight-bit pictures, height before width, that vary."""
    made = pictures(loaded(kind))
    assert made.shape == (2, 16, 24, 3)
    assert made.dtype == np.uint8
    assert made.std(axis=(1, 2, 3)).min() > 5


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_picture(kind: str, loaded: Loaded) -> None:
    """A second call gives the same bytes, and leaves the global random numbers alone."""
    generator = loaded(kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        before = torch.random.get_rng_state()
        first = pictures(generator)
        assert torch.equal(before, torch.random.get_rng_state())
        torch.manual_seed(6)
        assert np.array_equal(first, pictures(generator))


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_depend_on_seed_and_text(kind: str, loaded: Loaded) -> None:
    """Another seed gives another picture; so does another prompt."""
    generator = loaded(kind)
    one = pictures(generator, (1,), PROMPTS[:1])
    assert apart(one, pictures(generator, (2,), PROMPTS[:1])) > 8
    steps = 1 if "turbo" in kind else 3
    texts = [pictures(generator, (1,), (prompt,), steps=steps) for prompt in PROMPTS]
    assert apart(*texts) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_batch_makes_what_its_pictures_make_alone(kind: str, guidance: float, loaded: Loaded) -> None:
    """Eight at once and one by one agree up to rounding, also where noise is added between steps."""
    generator = loaded(kind)
    prompts = PROMPTS * 4
    text = generator.encode(prompts)
    options: dict[str, Any] = {"size": (24, 16), "steps": 3, "guidance": guidance}
    noise = np.stack([generator.start_noise(seed, (24, 16)) for seed in range(8)])
    together = generator.generate(noise, text, None, **options)
    for i in range(8):
        alone = generator.generate(noise[i : i + 1], text.rows(slice(i, i + 1)), None, **options)
        assert apart(alone[0], together[i]) <= LEVELS


@pytest.mark.parametrize("kind", KINDS)
def test_conditioning_is_float32_and_interpolates(kind: str, loaded: Loaded) -> None:
    """Half-way between two prompts is a picture of its own; the ends are the prompts' own pictures."""
    generator = loaded(kind)
    text = generator.encode(PROMPTS)
    assert len(text) == 2
    assert all(tensor.dtype == torch.float32 for tensor in text.tensors.values())
    noise = stacked([generator.start_noise(1, (24, 16))] * 3)
    shares = np.array([0.0, 0.5, 1.0], np.float32)

    def between(tensor: np.ndarray) -> np.ndarray:
        share = shares.reshape(-1, *[1] * (tensor.ndim - 1))
        return np.asarray((1 - share) * np.asarray(tensor[:1]) + share * np.asarray(tensor[1:]))

    joined = {name: np.repeat(mask[:1] | mask[1:], 3, axis=0) for name, mask in text.masks.items()}
    walk = Conditioning(tensors={name: between(tensor) for name, tensor in text.tensors.items()}, masks=joined)
    start, middle, end = generator.generate(noise, walk, None, size=(24, 16), steps=3, guidance=1.0)
    alone = [
        generator.generate(noise[:1], text.rows(slice(i, i + 1)), None, size=(24, 16), steps=3, guidance=1.0)[0]
        for i in (0, 1)
    ]
    assert apart(start, alone[0]) <= LEVELS
    assert apart(end, alone[1]) <= LEVELS
    assert apart(middle, start) > 0
    assert apart(middle, end) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_a_walk_leads_from_one_prompt_to_the_other(kind: str, guidance: float, loaded: Loaded) -> None:
    """Text mixed, noise slerped, in batches of three and two: the ends are their own pictures, steps are small."""
    generator = loaded(kind)
    text, ends = generator.encode(PROMPTS), [generator.start_noise(seed, (24, 16)) for seed in (1, 2)]
    shares = np.array([0.0, 0.01, 0.5, 0.99, 1.0])
    mixed = mix_conditioning(text.rows(slice(0, 1)), text.rows(slice(1, 2)), shares)
    noise = slerp(ends[0], ends[1], shares)
    assert np.abs(noise.std(axis=(1, 2, 3)) - 1).max() < 0.2
    options: dict[str, Any] = {"size": (24, 16), "steps": 2, "guidance": guidance}
    walk = np.concatenate(
        [generator.generate(noise[rows], mixed.rows(rows), None, **options) for rows in (slice(0, 3), slice(3, 5))]
    )
    for i, end in enumerate((0, -1)):
        alone = generator.generate(ends[i][None], text.rows(slice(i, i + 1)), None, **options)
        assert apart(walk[end][None], alone) <= LEVELS
    moved = np.abs(np.diff(walk.astype(float), axis=0)).mean(axis=(1, 2, 3))
    whole = np.abs(walk[0].astype(float) - walk[-1]).mean()
    assert 0 < max(moved[0], moved[-1]) < 0.2 * whole
    assert min(moved[1], moved[2]) > 0.2 * whole


@pytest.mark.parametrize("kind", ["sana", "pixart"])
def test_filling_with_own_tokens_keeps_the_picture(kind: str, loaded: Loaded) -> None:
    """A prompt repeated over the padding makes the picture that its mask would make: whole repeats weigh the same."""
    generator = loaded(kind)
    prompt = "a neon city in the rain"  # with <bos> seven tokens; "calm ocean" is three, which divides 24
    for text, levels in (("calm ocean", LEVELS), (prompt, 4)):
        embeds, mask = generator.pipeline.encode_prompt(
            [text], do_classifier_free_guidance=False, max_sequence_length=24
        )[:2]
        masked = Conditioning(
            tensors={"prompt_embeds": embeds.detach().numpy()}, masks={"prompt_attention_mask": mask.numpy()}
        )
        noise = generator.start_noise(1, (24, 16))[None]
        plain = generator.generate(noise, masked, None, size=(24, 16), steps=3, guidance=1.0)
        assert apart(plain, pictures(generator, (1,), (text,))) <= levels


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_makes_a_picture(kind: str, loaded: Loaded) -> None:
    """As turbo models have it; where a pipeline cannot, it makes as few as it can."""
    assert pictures(loaded(kind), steps=1).std(axis=(1, 2, 3)).min() > 2


@pytest.mark.parametrize("kind", KINDS)
def test_latents_are_a_grid_that_moves_as_pictures_do(kind: str, loaded: Loaded) -> None:
    """Few cells, several channels; other noise gives other latents, the same noise the same; decoding has a cost."""
    generator = loaded(kind)
    options: dict[str, Any] = {"size": (64, 64), "steps": 2, "guidance": 1.0}
    noise = np.stack([generator.start_noise(seed, (64, 64)) for seed in (1, 2)])
    latents = generator.latents(noise, generator.encode(PROMPTS), None, **options)
    assert latents.dtype == torch.float32
    batch, rows, columns, channels = latents.shape
    assert batch == 2
    assert rows == columns < 64
    assert channels >= 4
    assert (latents[0] - latents[1]).abs().max() > 0
    np.testing.assert_array_equal(latents, generator.latents(noise, generator.encode(PROMPTS), None, **options))
    assert generator.decoding_steps > 0


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_those_of_the_pipeline_itself(kind: str, loaded: Loaded) -> None:
    """Latents decoded here are what the pipeline shows when it is left to decode them."""
    generator = loaded(kind)
    side = int(np.lcm(generator._multiple, 8))
    options: dict[str, Any] = {"size": (2 * side, side), "steps": 2, "guidance": 1.0}
    noise, text = generator.start_noise(1, options["size"])[None], generator.encode(PROMPTS[:1])
    shown = np.asarray(generator.call_pipeline(noise, text, **options, output_type="pil")[0])
    assert apart(generator.generate(noise, text, None, **options)[0], shown) <= 1


def test_packed_latents_become_a_grid_again() -> None:
    """Patches, rows of tokens and a video's frame, wide and high."""
    grid = torch.arange(2 * 3 * 4 * 6).reshape(2, 3, 4, 6)
    assert torch.equal(from_patches(to_patches(grid)), grid)
    for layout in LAYOUTS.values():
        if layout is not LAYOUTS["patches"]:  # pipelines that take patches return tokens
            assert torch.equal(to_grid(layout(grid), (48, 32)), grid)
    upright = grid.reshape(2, 3, 6, 4)
    assert torch.equal(from_tokens(to_tokens(upright), (32, 48)), upright)


def test_repeated_tokens_go_round_in_order() -> None:
    """Tokens 0 1 2 fill five places as 0 1 2 0 1; a row without tokens is left alone."""
    embeds = np.arange(10, dtype=np.float32).reshape(2, 5, 1)
    mask = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]])
    assert repeat_tokens(embeds, mask)[..., 0].tolist() == [[0, 1, 2, 0, 1], [5, 6, 7, 8, 9]]


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_unit_gaussian_and_depends_on_seed_and_size_alone(kind: str, loaded: Loaded) -> None:
    """Same seed, same noise; mean 0 and deviation 1 over many cells."""
    generator = loaded(kind)
    noise = generator.start_noise(7, (256, 256))
    assert noise.dtype == torch.float32
    assert np.array_equal(noise, generator.start_noise(7, (256, 256)))
    assert abs(float(noise.mean())) < 0.03
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert not np.array_equal(noise, generator.start_noise(8, (256, 256)))


def test_noise_is_scaled_by_the_pipeline_and_not_twice(loaded: Loaded) -> None:
    """What the first step sees of Euler's noise has the deviation that the scheduler asks for."""
    generator = loaded("sdxl")
    seen: list[torch.Tensor] = []
    scale = generator.pipeline.scheduler.scale_model_input

    def spying(sample: torch.Tensor, timestep: torch.Tensor) -> Any:
        seen.append(sample)
        return scale(sample, timestep)

    generator.pipeline.scheduler.scale_model_input = spying
    try:
        pictures(generator, (1,), PROMPTS[:1], size=(96, 96), steps=1)
    finally:
        del generator.pipeline.scheduler.scale_model_input
    assert float(seen[0].std()) == pytest.approx(float(generator.pipeline.scheduler.init_noise_sigma), rel=0.06)


def test_sizes_between_the_models_own_are_cut_from_the_middle(loaded: Loaded) -> None:
    """40x24 is the middle of 64x32, which Sana can make."""
    generator = loaded("sana")
    whole, part = (64, 32), (40, 24)
    noise = generator.start_noise(3, part)[None]
    assert np.array_equal(noise[0], generator.start_noise(3, whole))
    text = generator.encode(PROMPTS[:1])
    large, small = (generator.generate(noise, text, None, size=s, steps=2, guidance=1.0) for s in (whole, part))
    top, left = (whole[1] - part[1]) // 2, (whole[0] - part[0]) // 2
    assert np.array_equal(small, large[:, top : top + part[1], left : left + part[0]])


@pytest.mark.parametrize("size", [(20, 16), (16, 0), (-8, 16)])
def test_impossible_sizes_name_possible_ones(size: tuple[int, int], loaded: Loaded) -> None:
    """One line with the nearest sizes that work."""
    with pytest.raises(ModelError, match=r"divisible by 8; try \d+x\d+"):
        loaded("sd").start_noise(1, size)


def fresh(generator: DiffusionGenerator) -> DiffusionGenerator:
    """The same pipeline in a generator that has not learnt yet how many pictures fit."""
    return DiffusionGenerator(
        generator.pipeline, generator._family, generator.info, multiple=generator._multiple, scale=generator._scale
    )


def test_out_of_memory_halves_the_batch_and_loses_nothing(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight pictures where three fit: the same pictures, and the smaller batch is remembered."""
    generator, memory = fresh(loaded("sd")), SmallMemory(room=3)
    monkeypatch.setattr(generator, "call_pipeline", memory.limit(generator.call_pipeline))
    seeds, prompts = tuple(range(8)), PROMPTS * 4
    made = pictures(generator, seeds, prompts)
    assert apart(made, pictures(loaded("sd"), seeds, prompts)) <= LEVELS
    assert memory.tried == [8, 4, 2, 2, 2, 2]
    memory.tried.clear()
    pictures(generator, seeds, prompts)
    assert memory.tried == [2, 2, 2, 2]


def test_out_of_memory_for_one_picture_is_said(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even one fits there is nothing left to halve."""
    generator = fresh(loaded("sd"))
    monkeypatch.setattr(generator, "call_pipeline", SmallMemory(room=0).limit(generator.call_pipeline))
    with pytest.raises(DeviceError, match="out of memory for one picture of 24x16"):
        pictures(generator)


def test_a_decoder_out_of_memory_counts_too(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its batch is halved as a denoiser's is."""
    generator = loaded("sana")
    expected, memory, vae = pictures(generator), SmallMemory(room=1), generator.pipeline.vae
    monkeypatch.setattr(vae, "decode", memory.limit(vae.decode))
    assert apart(pictures(fresh(generator)), expected) <= LEVELS
    assert memory.tried == [2, 1, 1]


def test_batches_are_even_and_no_larger_than_asked(saved: Callable[[str], Any], monkeypatch: Any) -> None:
    """Nine pictures, at most four at a time, go as three threes."""
    generator = on_cpu(saved("sd"), batch=4)
    sizes: list[int] = []
    call = generator.call_pipeline

    def spying(noise: Any, *args: Any, **kwargs: Any) -> Any:
        sizes.append(len(noise))
        return call(noise, *args, **kwargs)

    monkeypatch.setattr(generator, "call_pipeline", spying)
    pictures(generator, tuple(range(9)), PROMPTS[:1] * 9, steps=1)
    assert sizes == [3, 3, 3]


def test_no_numbers_make_no_picture(loaded: Loaded) -> None:
    """A model that overflows is told of, not shown as black."""
    generator = loaded("sd")
    text = generator.encode(PROMPTS)
    broken = replace(text, tensors={name: np.full_like(t, np.nan) for name, t in text.tensors.items()})
    noise = np.stack([generator.start_noise(seed, (24, 16)) for seed in (1, 2)])
    with pytest.raises(ModelError, match="not numbers"):
        generator.generate(noise, broken, None, size=(24, 16), steps=1, guidance=1.0)


def test_what_the_pipeline_refuses_is_one_line(loaded: Loaded) -> None:
    """An LCM has only so many steps in it."""
    with pytest.raises(ModelError, match="cannot make this picture") as caught:
        pictures(loaded("lcm"), steps=200)
    assert "\n" not in str(caught.value)


def test_no_text_is_zeros_for_sdxl_where_its_configuration_says_so(loaded: Loaded) -> None:
    """An empty prompt is what the model was trained to see as none."""
    generator = loaded("sdxl")
    text = generator.encode(["", "calm ocean"])
    assert all(not tensor[0].any() and tensor[1].any() for tensor in text.tensors.values())


def test_text_does_not_depend_on_its_company(loaded: Loaded) -> None:
    """A prompt encodes to the same bytes alone and among others."""
    for kind in sorted({*KINDS} - {*LONGEST}):
        together, alone = loaded(kind).encode(PROMPTS), loaded(kind).encode(PROMPTS[1:])
        for name, tensor in alone.tensors.items():
            assert np.array_equal(together.rows(slice(1, 2)).tensors[name], tensor)


def test_text_is_read_once(saved: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same prompts again cost nothing: the estimate before a render reads them first."""
    generator = on_cpu(saved("sd"))
    read: list[str] = []
    encode = generator.pipeline.encode_prompt

    def spying(prompt: list[str], **kwargs: Any) -> Any:
        read.extend(prompt)
        return encode(prompt, **kwargs)

    monkeypatch.setattr(generator.pipeline, "encode_prompt", spying)
    for prompts in (PROMPTS, PROMPTS, PROMPTS[:1]):
        assert len(generator.encode(prompts)) == len(prompts)
    assert read == [*PROMPTS, PROMPTS[0]]


@pytest.mark.parametrize("kind", LONGEST)
def test_where_text_weighs_by_its_length_only_shorter_prompts_are_filled(kind: str, loaded: Loaded) -> None:
    """The longest is itself; a shorter one begins as itself and goes round, as long as the longest."""
    generator = loaded(kind)
    together = generator.encode(PROMPTS).tensors["prompt_embeds"]
    long, short = (generator.encode([prompt]).tensors["prompt_embeds"] for prompt in PROMPTS)
    assert short.shape[1] < long.shape[1] == together.shape[1]
    assert np.array_equal(together[0], long[0])
    assert np.array_equal(together[1], fit_length(short, long.shape[1])[0])


def test_flux_latents_are_packed_as_its_own_pipelines_pack_them(loaded: Loaded) -> None:
    """Tokens as FluxPipeline and QwenImagePipeline make them, patches as Flux2KleinPipeline does."""
    latents = torch.arange(2 * 4 * 4 * 6).reshape(2, 4, 4, 6).float()
    assert torch.equal(to_tokens(latents), loaded("flux").pipeline._pack_latents(latents, 2, 4, 4, 6))
    assert torch.equal(to_tokens(latents), loaded("qwen-image").pipeline._pack_latents(latents, 2, 4, 4, 6))
    assert torch.equal(to_patches(latents), loaded("klein").pipeline._patchify_latents(latents))


def test_a_prompt_too_long_is_said_once(saved: Callable[[str], Any], caplog: pytest.LogCaptureFixture) -> None:
    """The log names the words that the model does not read."""
    generator = on_cpu(saved("sana"))
    generator.encode(["calm " * 23])
    assert not caplog.records
    for _ in range(2):
        generator.encode(["calm " * 23 + "neon forest"])
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["neon forest"]


def test_what_a_pipeline_says_itself_takes_room(
    saved: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Flux 2 reads a message before every prompt, and marks around both."""
    generator = on_cpu(saved("flux2"))
    message = generator.pipeline.tokenizer(generator.pipeline.system_message, add_special_tokens=False)["input_ids"]
    room = 512 - len(message) - generator._family.marks - 1  # the tokenizer's own beginning
    generator.encode(["calm " * room])
    assert not caplog.records
    generator.encode(["calm " * room + "neon forest"])
    assert caplog.records[0].getMessage().endswith("left out: neon forest")


@pytest.mark.parametrize("kind", KINDS)
def test_every_family_works_in_bfloat16(kind: str, saved: Callable[[str], Any]) -> None:
    """Half precision from text to picture, with guidance."""
    generator = on_cpu(saved(kind), dtype="bfloat16")
    assert pictures(generator, guidance=4.0).std(axis=(1, 2, 3)).min() > 5


@pytest.mark.parametrize(("kind", "expected"), [("sd", torch.float16), ("sdxl", torch.float32)])
def test_only_autoencoders_that_overflow_in_float16_are_used_in_float32(
    kind: str, expected: torch.dtype, saved: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As diffusers' own pipelines do it, although both configurations say the same; all weights are float16 again."""
    generator = on_cpu(saved(kind), dtype="float16")
    vae, seen = generator.pipeline.vae, []
    assert vae.config.force_upcast
    decode = vae.decode

    def spying(latents: torch.Tensor, **options: Any) -> Any:
        seen.append(latents.dtype)
        return decode(latents, **options)

    monkeypatch.setattr(vae, "decode", spying)
    generator.decode(np.zeros((1, 8, 12, 4), np.float32), size=(24, 16))
    assert seen == [expected]
    assert {weight.dtype for weight in vae.parameters()} == {torch.float16}


def test_bfloat16_makes_nearly_the_same_picture(saved: Callable[[str], Any], loaded: Loaded) -> None:
    """Half precision moves a tiny model's picture by a few levels on average."""
    half = on_cpu(saved("sana"), dtype="bfloat16")
    assert half.info.dtype == "bfloat16"
    difference = pictures(half).astype(int) - pictures(loaded("sana"))
    assert np.abs(difference).mean() < 6


def test_convolutions_are_channels_last(loaded: Loaded) -> None:
    """The layout in which they are fast."""
    for part in (loaded("sd").pipeline.unet.conv_in, loaded("sana").pipeline.vae.decoder.conv_out):
        assert part.weight.is_contiguous(memory_format=torch.channels_last)
