"""Words with a weight, as in "(golden:1.3) light", and prompts longer than a text encoder reads at once.

compel encodes both; it splits long prompts at sentences and encodes the parts one after the other. Only prompts that
need compel are given to it: all others are encoded by the pipeline itself.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from beatwalk.errors import MissingExtraError

log = logging.getLogger(__name__)
WEIGHT = re.compile(r"\(([^():]+):\s*([0-9]+(?:\.[0-9]+)?)\)")
# compel's class for a family of pipelines; LCM has SD's text encoder.
WRAPPERS: Mapping[str, str] = {
    "StableDiffusionPipeline": "CompelForSD",
    "LatentConsistencyModelPipeline": "CompelForSD",
    "StableDiffusionXLPipeline": "CompelForSDXL",
}


def is_weighted(prompt: str) -> bool:
    """Whether a prompt has a weight such as "(word:1.3)"."""
    return WEIGHT.search(prompt) is not None


def unweighted(prompt: str) -> str:
    """The prompt without weights: "(golden:1.3) light" → "golden light"."""
    return WEIGHT.sub(r"\1", prompt)


def to_compel(prompt: str) -> str:
    """The prompt in compel's syntax; its other parentheses are escaped."""
    out, end = [], 0
    for found in WEIGHT.finditer(prompt):
        out += [_escape(prompt[end : found.start()]), f"({_escape(found[1])}){found[2]}"]
        end = found.end()
    return "".join([*out, _escape(prompt[end:])])


def _escape(text: str) -> str:
    text = re.sub(r'(?<!\\)([()"])', r"\\\1", text)
    return re.sub(r"([+-]+)(?=\s|$)", lambda found: " " + found[1], text)  # compel reads "word+" as more weight


def encode_weighted(pipeline: Any, family: str, prompt: str) -> dict[str, Any]:
    """Embeddings of one weighted or long prompt: named tensors of one row each.

    Raises
    ------
    MissingExtraError
        Compel is not installed.
    """
    try:
        import compel
    except ImportError:
        raise MissingExtraError("weights in prompts need compel", "prompts") from None
    words = compel.DiffusersTextualInversionManager(pipeline)
    wrapper = getattr(compel, WRAPPERS[family])(pipeline, textual_inversion_manager=words)
    made = wrapper(to_compel(prompt))
    named = {"prompt_embeds": made.embeds}
    return named if made.pooled_embeds is None else named | {"pooled_prompt_embeds": made.pooled_embeds}


def has_compel() -> bool:
    """Whether compel is installed."""
    from importlib.util import find_spec

    return find_spec("compel") is not None
