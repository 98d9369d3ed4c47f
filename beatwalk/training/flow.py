"""Stage 2: text encoder and transformer learn a rectified flow from noise to latents.

Convention: x_t = (1 - t) x + t noise, t from 0 (picture) to 1 (noise); the network predicts noise - x.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderDC, SanaTransformer2DModel
from torch import Tensor, nn
from transformers import Gemma2Model, PreTrainedTokenizerFast

from beatwalk.training import parallel, store
from beatwalk.training.autoencoder import CHECK, Job, load_autoencoder
from beatwalk.training.latents import Latents, prepare_latents
from beatwalk.training.models import LATENT_CHANNELS, build_text_encoder, build_transformer
from beatwalk.training.optim import Average, Muon, rate
from beatwalk.training.painter.captions import caption
from beatwalk.training.sheet import sheet
from beatwalk.training.text import load_or_build

TOKENS = 40  # tokens of a training caption; the tokenizer's own limit is larger
EMPTY = 0.1  # share of captions left empty
LOW_UNTIL = 0.62  # share of the time spent on small pictures: four times cheaper, enough for layout and words
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
        out: Tensor = self.transformer(
            x, encoder_hidden_states=states, encoder_attention_mask=mask, timestep=t * 1000, return_dict=False
        )[0]
        return out


def build(job: Job, tokenizer: PreTrainedTokenizerFast) -> Painterly:
    """Both networks, untrained; the seed decides their weights."""
    torch.manual_seed(job.seed)
    text = build_text_encoder(
        job.size, len(tokenizer), tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id
    )
    model = Painterly(text, build_transformer(job.size))
    nn.init.zeros_(model.transformer.proj_out.weight)
    nn.init.zeros_(model.transformer.proj_out.bias)
    return model.to(job.device)


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Training examples on the device."""

    x: Tensor  # latents, float32, shape (batch, channels, height, width)
    ids: Tensor  # token ids, shape (batch, TOKENS)
    mask: Tensor  # 1 where a token is real, shape (batch, TOKENS)
    seen: Tensor  # 1 where the transformer may look: real tokens and some of the padding


def tokens(tokenizer: PreTrainedTokenizerFast, texts: list[str], length: int) -> tuple[Tensor, Tensor]:
    """Padded ids and mask."""
    out = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return out["input_ids"], out["attention_mask"]


def batches(
    job: Job, latents: Latents, tokenizer: PreTrainedTokenizerFast, low: bool, seed: int, count: int
) -> Iterator[Batch]:
    """Endless batches in a seeded order, each picture with a new wording."""
    rng = random.Random(seed)
    order: list[int] = []
    source = latents.low if low else latents.full
    length = min(TOKENS, job.size.tokens)
    while True:
        while len(order) < count:
            fresh = list(range(len(latents.shown)))
            rng.shuffle(fresh)
            order += fresh
        index, order = order[:count], order[count:]
        texts = ["" if rng.random() < EMPTY else caption(latents.shown[i], rng) for i in index]
        ids, mask = tokens(tokenizer, texts, length)
        # walks between prompts of different lengths let the transformer see padding: it must not mind
        extra = torch.tensor([0 if rng.random() < 0.5 else rng.randrange(length) for _ in index])[:, None]
        seen = torch.maximum(mask, (torch.arange(length) < mask.sum(1, keepdim=True) + extra).long())
        yield Batch(
            x=source[index].float().to(job.device),
            ids=ids.to(job.device),
            mask=mask.to(job.device),
            seen=seen.to(job.device),
        )


def train_flow(job: Job) -> Painterly:
    """Train until the minutes are spent; returns the averaged networks in evaluation mode."""
    path, journal = job.work / "flow.pt", job.work / "flow.jsonl"
    latents = prepare_latents(job)
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    model = build(job, tokenizer)
    plain = ("embed", "patch_embed", "proj_out", "time_embed", "scale_shift")
    optimiser = Muon(model.named_parameters(), lr=1e-3, plain=plain)
    average = Average(model, 0.998)
    step, clock = 0, store.Clock(job.minutes)
    state = store.load(path) if job.resume else None
    if state:
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        average.weights = {k: v.to(job.device) for k, v in state["average"].items()}
        step, clock = state["step"], store.Clock(job.minutes, state["spent_s"])
    generator = torch.Generator(job.device).manual_seed(job.seed + step + 77 * parallel.rank())

    def loss_of(x: Tensor, noise: Tensor, t: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        tt = t.view(-1, 1, 1, 1)
        with torch.autocast(job.device, torch.bfloat16):
            v = model.velocity((1 - tt) * x + tt * noise, t, states, mask)
        return ((v.float() - (noise - x)) ** 2).mean((1, 2, 3))

    run: Any = torch.compile(loss_of) if job.compile else loss_of
    recent, low, stream, begin = 1.0, None, None, step
    while (done := job.done(step, clock)) < 1:
        if low != (done < LOW_UNTIL) or stream is None:
            low, begin = done < LOW_UNTIL, step
            count = max(1, job.size.batch_flow * (2 if low else 1) // parallel.world())
            stream = batches(job, latents, tokenizer, low, job.seed + step + 77 * parallel.rank(), count)
        batch = next(stream)
        t = torch.sigmoid(torch.randn(len(batch.x), generator=generator, device=job.device) * 1.1 + 0.2)
        noise = torch.randn(batch.x.shape, generator=generator, device=job.device)
        for group in optimiser.param_groups:
            group["lr"] = rate(step, done, 2e-3, warm=100)

        def work(batch: Batch = batch, noise: Tensor = noise, t: Tensor = t) -> Tensor:
            with torch.autocast(job.device, torch.bfloat16):
                states = model.encode(batch.ids, batch.mask)
            loss: Tensor = run(batch.x, noise, t, states.float(), batch.seen).mean()
            loss.backward()
            return loss.detach()

        loss = parallel.first_alone(step - begin, work)
        parallel.share_gradients(model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        average.update(model, step)
        step += 1
        recent += (float(loss) - recent) * max(0.02, 1 / step)
        if parallel.rank():
            continue
        if clock.due("log", 30):
            store.log(journal, stage="flow", step=step, minutes=clock.spent_s / 60, loss=recent, low=low)
        if clock.due("save", CHECK):
            _save(path, model, optimiser, average, step, clock, latents.scale)
        if clock.due("sheet", 2 * CHECK):
            peek(job, average, latents.scale, f"flow-{step:06d}")
    if parallel.rank() == 0:
        _save(path, model, optimiser, average, step, clock, latents.scale)
        peek(job, average, latents.scale, f"flow-{step:06d}")
    parallel.agreed(0.0)  # the others wait until the file is there
    return load_flow(job)


def _save(
    path: Any, model: Painterly, optimiser: Muon, average: Average, step: int, clock: store.Clock, scale: float
) -> None:
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "average": average.weights}
    store.save(path, state | {"step": step, "spent_s": clock.spent_s, "scale": scale})


def load_flow(job: Job, name: str = "flow.pt") -> Painterly:
    """The averaged networks of a checkpoint, in evaluation mode."""
    state = store.load(job.work / name)
    if state is None:
        raise FileNotFoundError(f"no {name} in {job.work}: train that stage first")
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
def peek(job: Job, average: Average, scale: float, name: str, steps: int = 12, guidance: float = 3.0) -> None:
    """Write a sheet of pictures for prompts that are the same each time."""
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    model = build(job, tokenizer)
    model.load_state_dict(average.weights)
    model.eval()
    texts = list(PEEK)
    pictures = render(job, model, load_autoencoder(job), tokenizer, texts, scale, steps, guidance, job.size.picture)
    sheet(list(pictures), job.work / "sheets" / f"{name}.png", 4, texts, side=min(job.size.picture, 256))


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
    side: int,
    seed: int = 1,
) -> np.ndarray:
    """Pictures for prompts, uint8, shape (len(texts), side, side, 3), straight from the training networks."""
    length = min(TOKENS, job.size.tokens)
    out = []
    generator = torch.Generator(job.device).manual_seed(seed)
    with torch.autocast(job.device, torch.bfloat16):
        ids, mask = tokens(tokenizer, ["", *texts], length)
        ids, mask = ids.to(job.device), mask.to(job.device)
        states = model.encode(ids, mask).float()
        for start in range(0, len(texts), 8):
            part = slice(1 + start, 1 + min(start + 8, len(texts)))
            shape = (len(texts[start : start + 8]), LATENT_CHANNELS, side // job.size.factor, side // job.size.factor)
            noise = torch.randn(shape, generator=generator, device=job.device)
            z = sample(model, states[part], mask[part], noise, steps, guidance, (states[:1], mask[:1]))
            y = autoencoder.decode(z / scale).sample.float()
            out.append(((y.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(out)
