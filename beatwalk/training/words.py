"""Stage 2: the text encoder learns what captions mean before it sees a picture.

It reads captions and tells what the painter was asked for (subject, palette, …). That is cheap, it makes every
word that the painter knows land in its own place, and the transformer then starts with conditioning that
already says something. The encoder stays frozen afterwards.
"""

from __future__ import annotations

import random
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Gemma2Model, PreTrainedTokenizerFast

from beatwalk.training.models import build_text_encoder
from beatwalk.training.painter import COMPOSITIONS, MOODS, PALETTES, STYLES, SUBJECTS, Attributes
from beatwalk.training.painter.captions import caption, draw_attributes, roughen
from beatwalk.training.stage import Job, Stage, need
from beatwalk.training.text import load_or_build

TOKENS = 32  # tokens of a training caption; the tokenizer's own limit is larger
ROUGH = 8  # every so many batches has slips of the fingers and unknown words, and is as long as a prompt may be
FIELDS: dict[str, list[str | None]] = {
    "subject": list(SUBJECTS),
    "palette": list(PALETTES),
    "second": [None, *PALETTES],
    "mood": [None, *MOODS],
    "style": [None, *STYLES],
    "composition": [None, *COMPOSITIONS],
}


def tokens(tokenizer: PreTrainedTokenizerFast, texts: list[str], length: int) -> tuple[Tensor, Tensor]:
    """Padded ids and mask, each of shape (len(texts), length)."""
    out = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    return out["input_ids"], out["attention_mask"]


def truth(shown: list[Attributes]) -> Tensor:
    """Class numbers of what was asked for, shape (len(shown), len(FIELDS))."""
    return torch.tensor([[FIELDS[f].index(getattr(s, f)) for f in FIELDS] for s in shown])


class Reader(nn.Module):
    """The text encoder with one linear answer per field, read from the mean state and from the last one."""

    def __init__(self, text: Gemma2Model, width: int) -> None:
        super().__init__()
        self.text = text
        self.heads = nn.ModuleList(nn.Linear(2 * width, len(names)) for names in FIELDS.values())

    def forward(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Logits of each field."""
        states = self.text(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weight = mask[..., None].float()
        mean = (states * weight).sum(1) / weight.sum(1)
        last = states[torch.arange(len(ids), device=ids.device), mask.sum(1) - 1]
        both = torch.cat((mean, last), 1)
        return [head(both) for head in self.heads]


def new_text_encoder(job: Job, tokenizer: PreTrainedTokenizerFast) -> Gemma2Model:
    """Untrained; the job's seed decides its weights."""
    torch.manual_seed(job.seed)
    special = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    return build_text_encoder(job.size, len(tokenizer), *special)


def train_words(job: Job) -> Gemma2Model:
    """Train until the minutes are spent; returns the averaged text encoder, frozen."""
    tokenizer = load_or_build(job.work / "tokenizer", job.size)
    model = Reader(new_text_encoder(job, tokenizer), job.size.width).to(job.device)
    stage = Stage(job, "words", model, plain=("embed", "heads"), peak=2e-3, decay=0.99)
    rng = random.Random(stage.seed)
    names = list(SUBJECTS)

    def loss_of(ids: Tensor, mask: Tensor, answers: Tensor) -> Tensor:
        with torch.autocast(job.device, torch.bfloat16):
            logits = model(ids, mask)
        return torch.stack([F.cross_entropy(x.float(), answers[:, i]) for i, x in enumerate(logits)]).sum()

    while stage.done() < 1:
        shown = [draw_attributes(rng.choice(names), rng) for _ in range(job.size.batch_flow)]
        texts = [caption(s, rng) for s in shown]
        rough = stage.step % ROUGH == 0
        texts = [roughen(text, rng) for text in texts] if rough else texts
        ids, mask = tokens(tokenizer, texts, job.size.tokens if rough else min(TOKENS, job.size.tokens))
        stage.learn(partial(loss_of, ids.to(job.device), mask.to(job.device), truth(shown).to(job.device)))
        stage.tend()
    stage.finish()
    return load_words(job, tokenizer)


def load_words(job: Job, tokenizer: PreTrainedTokenizerFast) -> Gemma2Model:
    """The averaged text encoder of the last checkpoint, frozen, in evaluation mode."""
    state = need(job, "words")
    text = new_text_encoder(job, tokenizer)
    text.load_state_dict({k.removeprefix("text."): v for k, v in state["average"].items() if k.startswith("text.")})
    return text.requires_grad_(False).eval().to(job.device)
