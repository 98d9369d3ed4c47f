"""The model card that lies beside the weights."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beatwalk.training.export import Figures


def card(figures: Figures, sums: dict[str, str]) -> str:
    """Text of the card in Markdown."""
    lines = [f"| {s} | {figures.minutes[s]:.0f} | {figures.steps[s]} |" for s in figures.minutes]
    rows = "\n".join(lines)
    table = "\n".join(f"| `{name}` | `{digest}` |" for name, digest in sums.items())
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers"))
    steps = "distilled to 4 steps without guidance" if figures.distilled else "not distilled yet"
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# nano

A small text-to-image latent diffusion model: the one that beatwalk uses when no other is named.
It loads with `diffusers.DiffusionPipeline.from_pretrained(folder)` as a `SanaPipeline`.

## What it is
- Autoencoder `AutoencoderDC`: 16 pixels a side per latent pixel, 16 channels.
- Transformer `SanaTransformer2DModel`: linear attention, patches of 2 by 2 latents, rectified flow; {steps}.
- Text encoder `Gemma2Model`: small, trained here from nothing on the captions alone; byte-level tokenizer.
- Native size 512 by 512; other multiples of 32 from 256 up work. Weights in half precision, safetensors only.

Call it with `num_inference_steps=4, guidance_scale=1.0, use_resolution_binning=False,
complex_human_instruction=None`; `beatwalk.json` holds these defaults for programs.

## Data
{figures.pictures} pictures drawn by the project's own painter (`beatwalk.training.painter`), most of them 512 by 512,
others wide or tall, with captions worded from what each picture shows. No photograph, no scraped text, no other
model's weights went in. Some words of the captions are a selection from WordNet 3.0 (Princeton University; its
licence stands in `beatwalk/training/painter/synonyms.toml`).

## Recipe
`python -m beatwalk.training --minutes M --device cpu|cuda --out FOLDER` trains it again.
This checkpoint, on two shared CPU cores without a GPU, in bfloat16:

| stage | minutes | steps |
|---|---|---|
{rows}

Versions: {libraries}.

## Limits
It knows the painter's subjects, colours, moods and styles and their synonyms. People as silhouettes alone, no
text, no photographs. English captions only. In beatwalk, a reader words people's prompts as captions first
(`words.json`, made by `python -m beatwalk.training.vocabulary`; English, nine other languages, pictographs):
unknown words are left out, and where nothing is known the text's hash chooses a mood. Given to diffusers directly,
other words sway the picture.
The training was short: fine detail is softer than the painter's, and rare combinations of words may be ignored.

## Licence
Apache-2.0, as the project.

## SHA-256
| file | sum |
|---|---|
{table}
"""
