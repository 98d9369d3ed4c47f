"""The tokenizer alone of a processor that also takes pictures: text to image needs no more, and no torchvision.

Flux 2 and Kandinsky 5 have text encoders that can see (Mistral 3, Qwen 2.5-VL), so their tokenizer is a part of a
processor. transformers builds such a processor only where torchvision is installed, for pictures and videos that are
never given to it here. Its folder holds the tokenizer's own files, which are all that is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beatwalk.models.sources import components, read_index

PROCESSORS = frozenset({"PixtralProcessor", "Qwen2VLProcessor", "Qwen2_5_VLProcessor"})


def load_tokenizers(folder: Path, shown: str) -> dict[str, Any]:
    """The tokenizers of a diffusers folder that its index names as processors, by component; mostly none.

    Parameters
    ----------
    folder
        Of the model.
    shown
        The model's name, for messages.
    """
    from transformers import PreTrainedTokenizerFast

    return {
        name: PreTrainedTokenizerFast.from_pretrained(str(folder / name), local_files_only=True)
        for name, library, cls in components(read_index(folder, shown))
        if library == "transformers" and cls in PROCESSORS
    }
