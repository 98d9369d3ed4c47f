"""The weights that ship inside: what the card says, no pickle, loadable, and good for a picture."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open

from beatwalk.embedded import nano_path
from tests import processes

LARGEST_MB = 40
PLAIN_FILES = {".json", ".md", ".safetensors"}
CALL = {
    "guidance_scale": 1.0,
    "num_inference_steps": 4,
    "use_resolution_binning": False,
    "complex_human_instruction": None,
}


@pytest.fixture(scope="module")
def pipe() -> Iterator[Any]:
    """The shipped pipeline in full precision, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pipe = DiffusionPipeline.from_pretrained(nano_path())
    pipe.to(dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    yield pipe
    torch.set_num_threads(threads)


def test_the_place_is_known_without_heavy_imports() -> None:
    """Asking for the folder imports neither torch nor diffusers."""
    code = "import sys; from beatwalk.embedded import nano_path; nano_path(); print('torch' in sys.modules)"
    assert processes.output_of("-c", code).strip() == "False"


def test_weights_are_what_the_card_says() -> None:
    """Every safetensors file is listed in the card with its SHA-256, and nothing else is listed."""
    card = (nano_path() / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"\| `([\w/.]+\.safetensors)` \| `([0-9a-f]{64})` \|", card))
    found = {
        path.relative_to(nano_path()).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in nano_path().rglob("*.safetensors")
    }
    assert listed == found
    assert len(found) == 3


def test_there_is_no_pickle_and_it_is_small() -> None:
    """Only text and safetensors, all weights in half precision, within the promised size."""
    files = [path for path in nano_path().rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= PLAIN_FILES
    assert sum(path.stat().st_size for path in files) < LARGEST_MB * 1e6
    for path in nano_path().rglob("*.safetensors"):
        with safe_open(path, "pt") as weights:
            assert all(weights.get_slice(key).get_dtype() == "F16" for key in weights.keys()), path.name  # noqa: SIM118


def test_hints_for_programs_are_there() -> None:
    """Steps, guidance and native size."""
    hints = json.loads((nano_path() / "beatwalk.json").read_text(encoding="utf-8"))
    assert hints == {"steps": 4, "guidance": 1.0, "size": [512, 512]}


def test_it_paints_from_embeddings_and_latents(pipe: Any) -> None:
    """The way beatwalk calls it: a picture that is neither blank nor noise, and the same each time."""
    ids = pipe.tokenizer(["a blue galaxy"], return_tensors="pt")
    with torch.inference_mode():
        embeds = pipe.text_encoder(**ids)[0]
    latents = torch.randn((1, 16, 16, 16), generator=torch.Generator().manual_seed(3))
    pictures = [
        pipe(
            prompt_embeds=embeds,
            prompt_attention_mask=ids.attention_mask,
            latents=latents.clone(),
            height=256,
            width=256,
            output_type="pt",
            **CALL,
        ).images
        for _ in range(2)
    ]
    assert torch.equal(pictures[0], pictures[1])
    picture = pictures[0][0].numpy()
    assert picture.shape == (3, 256, 256)
    assert picture.std() > 0.04
    neighbours = np.corrcoef(picture[:, :, 1:].ravel(), picture[:, :, :-1].ravel())[0, 1]
    assert neighbours > 0.8  # noise has none


@pytest.mark.parametrize("prompt", ["", "火山", "zzxqj", "a calm ocean " * 60])
def test_any_prompt_gives_a_picture(pipe: Any, prompt: str) -> None:
    """No words, other scripts, no words at all, far too many words; and sizes that are not square."""
    latents = torch.randn((1, 16, 16, 24), generator=torch.Generator().manual_seed(0))
    pictures = pipe(prompt, latents=latents, height=256, width=384, output_type="np", **CALL).images
    assert pictures.shape == (1, 256, 384, 3)
    assert np.isfinite(pictures).all()
    assert pictures.std() > 0.01
