"""Two models in one process: one is used while the other is loaded, in another precision."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from beatwalk.models import DiffusionGenerator, ModelRequest, load_model
from beatwalk.models.turns import Turns
from beatwalk.types import Float32

SIZE = (64, 64)
LOADS = 6


def model_parts(generator: DiffusionGenerator) -> list[torch.nn.Module]:
    """The networks of a model."""
    return [part for part in generator.pipeline.components.values() if isinstance(part, torch.nn.Module)]


def painted(generator: DiffusionGenerator) -> Float32:
    """What a model makes of a prompt that it has not read yet: text, latents, pictures."""
    generator.encode([f"a sea {time.monotonic()}"])  # otherwise the last prompt's text would be taken again
    text = generator.encode(["a red sea"])
    noise = generator.start_noise(3, SIZE)[None]
    latents = generator.latents(noise, text, None, size=SIZE, steps=2, guidance=1.0)
    assert generator.decode(latents, size=SIZE).dtype == np.uint8
    return latents


def test_models_are_used_and_loaded_at_the_same_time(
    saved: Callable[[str], Path], loaded: Callable[[str], DiffusionGenerator]
) -> None:
    """Every picture is the one that it is alone, and each model has the precision that was asked for."""
    generator, folder = loaded("sd"), str(saved("sdxl"))
    wanted, types = painted(generator), {"bfloat16": torch.bfloat16, "float32": torch.float32}

    def load(dtype: str) -> set[torch.dtype]:
        found = set()
        for _ in range(LOADS):
            model = load_model(ModelRequest(model=folder, device="cpu", dtype=dtype))
            found |= {parameter.dtype for part in model_parts(model) for parameter in part.parameters()}
            assert painted(model).dtype == np.float32
        return found

    with ThreadPoolExecutor(2) as pool:
        loading = {dtype: pool.submit(load, dtype) for dtype in types}
        made = [painted(generator) for _ in range(LOADS)]
        found = {dtype: loaded.result() for dtype, loaded in loading.items()}
    for latents in made:
        np.testing.assert_array_equal(latents, wanted)
    assert found == {dtype: {expected} for dtype, expected in types.items()}
    assert torch.get_default_dtype() == torch.float32


def test_work_is_shared_and_changes_are_alone() -> None:
    """Threads that load, work, and load in the middle of their work, many times."""
    turns, seen, lock = Turns(), {"working": 0, "alone": 0}, threading.Lock()
    together, wrong = [], []

    def note(kind: str, by: int) -> None:
        with lock:
            seen[kind] += by
            together.append(seen["working"])
            if seen["alone"] > 1 or (seen["alone"] and seen["working"]):
                wrong.append(dict(seen))

    def work() -> None:
        for _ in range(50):
            with turns.working(), turns.working():
                note("working", 1)
                time.sleep(0.0005)
                note("working", -1)
                with turns.alone(), turns.alone(), turns.working():
                    note("alone", 1)
                    time.sleep(0.0001)
                    note("alone", -1)
                note("working", 1)
                note("working", -1)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert max(together) > 1


def test_who_wants_to_be_alone_does_not_starve() -> None:
    """Though there is always somebody at work."""
    turns, end = Turns(), threading.Event()

    def work() -> None:
        while not end.is_set():
            with turns.working():
                time.sleep(0.001)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    begin = time.monotonic()
    for _ in range(20):
        with turns.alone():
            pass
    end.set()
    assert time.monotonic() - begin < 30
