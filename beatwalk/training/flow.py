"""Stage 3: the transformer learns a rectified flow from noise to latents.

Convention: x_t = (1 - t) x + t noise, t from 0 (picture) to 1 (noise); the network predicts noise - x.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import Gemma2Model, PreTrainedTokenizerFast

from beatwalk.training import parallel
from beatwalk.training.autoencoder import load_autoencoder
from beatwalk.training.latents import Latents, Part, prepare_latents
from beatwalk.training.models import LATENT_CHANNELS, build_transformer
from beatwalk.training.painter.captions import caption
from beatwalk.training.sheet import sheet
from beatwalk.training.stage import Job, Stage, need
from beatwalk.training.text import load_or_build
from beatwalk.training.words import TOKENS, load_words, new_text_encoder, tokens

EMPTY = 0.1  # share of captions left empty
OFTEN = {"kaleidoscope": 12}  # times a round: mirrors are the hardest to learn
LOW_UNTIL = 0.55  # share of the time spent on small pictures: four times cheaper, enough for layout and words
ANY_KERNEL = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
GUIDED_STEPS, GUIDANCE = 12, 3.0  # of the sheets that are drawn while training
PEEK = (
    *("a spiral galaxy", "red mountains at dawn", "ocean at sunset, orange", "neon city at night"),
    *("green forest, misty", "blue jellyfish", "violet crystals", "golden spiral", "fire", "aurora over a lake"),
    *("magenta flower, close-up", "rainbow kaleidoscope", "teal flow field", "black hole", "watercolour tree"),
    "cyan neon grid",
)


class Painterly(nn.Module):
    """Text encoder and transformer as one module, so that both are trained, averaged and kept together."""

    def __init__(self, text: Gemma2Model, transformer: SanaTransformer2DModel) -> None:
        super().__init__()
        self.text = text
        self.transformer = transformer

    def encode(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Conditioning of token ids, shape (batch, tokens, width)."""
        states: Tensor = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
        return states

    def velocity(self, x: Tensor, t: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """Predicted noise - picture for latents at times t (0–1, shape (batch,))."""
        # on a CPU the plain formula is faster than the fused one, whose backward pass is slow with a mask
        kernels = [SDPBackend.MATH] if x.device.type == "cpu" else ANY_KERNEL
        with sdpa_kernel(kernels):
            out: Tensor = self.transformer(
                x, encoder_hidden_states=states, encoder_attention_mask=mask, timestep=t * 1000, return_dict=False
            )[0]
        return out


def build(job: Job, tokenizer: PreTrainedTokenizerFast) -> Painterly:
    """Both networks, untrained; the seed decides their weights."""
    model = Painterly(new_text_encoder(job, tokenizer), build_transformer(job.size))
    nn.init.zeros_(model.transformer.proj_out.weight)
    nn.init.zeros_(model.transformer.proj_out.bias)
    return model.to(job.device)


@torch.no_grad()
def wordless(job: Job, model: Painterly) -> tuple[Tensor, Tensor]:
    """Conditioning of an empty caption and its mask, each with a batch axis of 1."""
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    ids, mask = (x.to(job.device) for x in tokens(tokenizer, [""], min(TOKENS, job.size.tokens)))
    return model.encode(ids, mask).float(), mask


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Training examples on the device."""

    x: Tensor  # latents, float32, shape (batch, channels, height, width)
    ids: Tensor  # token ids, shape (batch, TOKENS)
    mask: Tensor  # 1 where a token is real, shape (batch, TOKENS)
    seen: Tensor  # 1 where the transformer may look: real tokens and some of the padding


def rounds(parts: Sequence[Part], count: int, rng: random.Random) -> Iterator[tuple[Part, list[int]]]:
    """Endless lists of ``count`` pictures of one shape; each comes once a round (`OFTEN`), or early in the next."""
    waiting: list[list[int]] = [[] for _ in parts]
    turns = [[i for i, one in enumerate(part.shown) for _ in range(OFTEN.get(one.subject, 1))] for part in parts]
    while True:
        order = []
        for part, line, turn in zip(parts, waiting, turns, strict=True):
            line += rng.sample(turn, len(turn))
            while len(line) >= count:
                order.append((part, line[:count]))
                del line[:count]
        rng.shuffle(order)
        yield from order


def batches(job: Job, latents: Latents, tokenizer: PreTrainedTokenizerFast, seed: int, count: int) -> Iterator[Batch]:
    """Endless batches in a seeded order, each of one shape, each picture with a new wording."""
    rng = random.Random(seed)
    length = min(TOKENS, job.size.tokens)
    for part, index in rounds(latents.parts, count, rng):
        texts = ["" if rng.random() < EMPTY else caption(part.shown[i], rng) for i in index]
        ids, mask = tokens(tokenizer, texts, length)
        # walks between prompts of different lengths let the transformer see padding: it must not mind
        extra = torch.tensor([0 if rng.random() < 0.5 else rng.randrange(length) for _ in index])[:, None]
        seen = torch.maximum(mask, (torch.arange(length) < mask.sum(1, keepdim=True) + extra).long())
        yield Batch(
            x=part.x[index].float().to(job.device),
            ids=ids.to(job.device),
            mask=mask.to(job.device),
            seen=seen.to(job.device),
        )


def train_flow(job: Job) -> Painterly:
    """Train until the minutes are spent; returns the averaged networks in evaluation mode."""
    latents = prepare_latents(job, low=True)
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    model = build(job, tokenizer)
    model.text.requires_grad_(False)
    if job.compile and job.device != "cpu":  # block by block; on a CPU it gains nothing here
        for block in model.transformer.transformer_blocks:
            block.compile()  # not for one shape only: there are several
    plain = ("patch_embed", "proj_out", "time_embed", "scale_shift")
    extra = {"scale": latents.scale}
    stage = Stage(job, "flow", model, plain=plain, peak=2e-3, decay=0.998, warm=100, extra=extra)
    keep_text(stage, model, load_words(job, tokenizer))

    def loss_of(batch: Batch, noise: Tensor, t: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(job.device, torch.bfloat16):
            states = model.encode(batch.ids, batch.mask).float()
        tt = t.view(-1, 1, 1, 1)
        with torch.autocast(job.device, torch.bfloat16):
            v = model.velocity((1 - tt) * batch.x + tt * noise, t, states, batch.seen)
        return ((v.float() - (noise - batch.x)) ** 2).mean()

    look = partial(peek, stage, GUIDED_STEPS, GUIDANCE)
    low, stream = None, None
    while (done := stage.done()) < 1:
        fresh = low != (done < LOW_UNTIL)
        if fresh or stream is None:
            low = done < LOW_UNTIL
            latents = prepare_latents(job, low)
            count = max(1, job.size.batch_flow * (2 if low else 1) // parallel.world())
            stream = batches(job, latents, tokenizer, stage.seed + stage.step, count)
        batch = next(stream)
        t = torch.sigmoid(torch.randn(len(batch.x), generator=stage.generator, device=job.device) * 1.1 + 0.2)
        noise = torch.randn(batch.x.shape, generator=stage.generator, device=job.device)
        stage.learn(partial(loss_of, batch, noise, t), fresh)
        stage.tend(look)
    stage.finish(look)
    return load_flow(job)


def keep_text(stage: Stage, model: Painterly, text: Gemma2Model) -> None:
    """Put in the frozen text encoder, also where a checkpoint was made with an older one."""
    model.text.load_state_dict(text.state_dict())
    stage.average.weights |= {f"text.{name}": value.clone() for name, value in model.text.state_dict().items()}


def load_flow(job: Job, name: str = "flow") -> Painterly:
    """The averaged networks of a checkpoint, in evaluation mode."""
    state = need(job, name)
    model = build(job, load_or_build(job.work / "tokenizer", job.size))
    model.load_state_dict(state["average"])
    return model.eval()


@torch.inference_mode()
def sample(
    model: Painterly,
    states: Tensor,
    mask: Tensor,
    noise: Tensor,
    steps: int,
    guidance: float = 1.0,
    empty: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Latents by Euler steps on an even grid from noise, shape of ``noise``; guidance needs ``empty`` states."""
    x = noise
    for i in range(steps):
        t = torch.full((len(x),), 1 - i / steps, device=x.device)
        v = model.velocity(x, t, states, mask).float()
        if guidance != 1 and empty is not None:
            u = model.velocity(x, t, empty[0].expand(len(x), -1, -1), empty[1].expand(len(x), -1)).float()
            v = u + guidance * (v - u)
        x = x - v / steps
    return x


@torch.inference_mode()
def peek(stage: Stage, steps: int, guidance: float) -> None:
    """Write a sheet of pictures for prompts that are the same each time."""
    job = stage.job
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    model = build(job, tokenizer)
    model.load_state_dict(stage.average.weights)
    model.eval()
    side, scale = job.size.picture, stage.extra["scale"]
    autoencoder = load_autoencoder(job)
    texts: list[str] = []
    pictures: list[np.ndarray] = []
    for frame, asked in (((side, side), PEEK), *((frame, PEEK[:2]) for frame in job.size.frames)):
        texts += asked
        made = render(job, model, autoencoder, tokenizer, list(asked), scale, steps, guidance, frame)
        pictures.extend(made)
    path = job.work / "sheets" / f"{stage.name}-{stage.step:06d}.png"
    sheet(pictures, path, 4, texts, side=min(side, 256))


@torch.inference_mode()
def render(
    job: Job,
    model: Painterly,
    autoencoder: AutoencoderDC,
    tokenizer: PreTrainedTokenizerFast,
    texts: list[str],
    scale: float,
    steps: int,
    guidance: float,
    frame: tuple[int, int],
    seed: int = 1,
) -> np.ndarray:
    """Pictures for prompts, uint8, shape (len(texts), *frame, 3), straight from the training networks."""
    length = min(TOKENS, job.size.tokens)
    out = []
    generator = torch.Generator(job.device).manual_seed(seed)
    with torch.autocast(job.device, torch.bfloat16):
        ids, mask = tokens(tokenizer, ["", *texts], length)
        ids, mask = ids.to(job.device), mask.to(job.device)
        states = model.encode(ids, mask).float()
        for start in range(0, len(texts), 8):
            part = slice(1 + start, 1 + min(start + 8, len(texts)))
            shape = (len(texts[start : start + 8]), LATENT_CHANNELS, *(side // job.size.factor for side in frame))
            noise = torch.randn(shape, generator=generator, device=job.device)
            z = sample(model, states[part], mask[part], noise, steps, guidance, (states[:1], mask[:1]))
            y = autoencoder.decode(z / scale).sample.float()
            out.append(((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(out)
