"""Keep the chatter of the model libraries off the terminal, only while it would be made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Errors only from the model libraries, no progress bars of theirs; what was set before returns.

    Their FutureWarnings speak to whoever wrote the model's files, not to whoever makes a video with it; the hub's
    warnings of attempts that failed are followed by what came of them; peft's of a second LoRA was asked for.
    """
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging as transformers_logging

    with_bars = (diffusers_logging, transformers_logging)
    libraries = (*with_bars, hub_logging)
    levels = [library.get_verbosity() for library in libraries]
    bars = [library.is_progress_bar_enabled() for library in with_bars]
    try:
        for library in libraries:
            library.set_verbosity_error()
        for library in with_bars:
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            for module in ("peft", "huggingface_hub"):
                warnings.filterwarnings("ignore", category=UserWarning, module=module)
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
        for library, bar in zip(with_bars, bars, strict=True):
            if bar:
                library.enable_progress_bar()
