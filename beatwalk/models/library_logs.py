"""Keep log messages and progress bars of the model libraries off the terminal while they load or run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from beatwalk.models.turns import TURNS


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Let the model libraries log errors only and show no progress bars; restore their settings afterwards.

    All threads share these settings, so no other thread computes meanwhile.

    Their FutureWarnings are for the author of the model's files, not for a person who makes a video. The hub warns of
    attempts before it reports the result, and peft warns of a second LoRA, which the person wanted.
    """
    with TURNS.alone(), _silenced():
        yield


@contextmanager
def _silenced() -> Iterator[None]:
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
