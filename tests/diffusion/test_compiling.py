"""Compiled networks make the same pictures; when, and whether it paid, is said."""

from __future__ import annotations

import inspect
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.diffusion import Compiled, compile_measured, load_generator, worth_compiling
from beatwalk.diffusion.compiling import COMPILERS, LONG_ENOUGH
from tests.diffusion.test_generator import LEVELS, PROMPTS, Loaded, apart, pictures


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile without its compiler: the same graphs, run as they are."""
    import torch

    compile_ = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **k: compile_(self, backend="eager", **k))


@pytest.mark.parametrize("kind", ["sd", "sana"])
def test_batches_are_filled_up_to_one_size(
    kind: str, saved: Callable[[str], Path], loaded: Loaded, interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pictures as without, whatever their number; the network sees one batch size alone."""
    generator = load_generator(str(saved(kind)), device="cpu", dtype="float32")
    wanted = {count: pictures(generator, tuple(range(count)), (PROMPTS * 3)[:count]) for count in (1, 4, 6)}
    assert generator.decoding_steps > 0  # counted once, one picture at a time
    seen: list[int] = []
    cls = type(generator.pipeline)
    call = cls.__call__

    def spying(pipeline: Any, *, latents: Any, **given: Any) -> Any:
        seen.append(len(latents))
        return call(pipeline, latents=latents, **given)

    spying.__signature__ = inspect.signature(call)  # type: ignore[attr-defined]
    monkeypatch.setattr(cls, "__call__", spying)
    generator.compile(4)
    for count, expected in wanted.items():
        assert apart(pictures(generator, tuple(range(count)), (PROMPTS * 3)[:count]), expected) <= LEVELS
    assert set(seen) == {4}
    assert generator.info.dtype == "float32, compiled"
    generator.compile(None)
    assert generator.info.dtype == "float32"


def test_length_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long renders are compiled where there is a compiler; a choice overrides; other devices never by themselves."""
    monkeypatch.setattr(shutil, "which", lambda name: name if name == COMPILERS[0] else None)
    for kind, frames in LONG_ENOUGH.items():
        assert worth_compiling("auto", frames, kind)
        assert not worth_compiling("auto", frames - 1, kind)
        assert not worth_compiling("off", frames, kind)
        assert worth_compiling("on", 2, kind)
    assert not worth_compiling("auto", 10**6, "mps")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not worth_compiling("auto", 10**6, "cpu")
    assert worth_compiling("auto", 10**6, "cuda:1")


def test_the_break_even_is_told() -> None:
    """Seconds spent by seconds saved a picture."""
    paying = Compiled(seconds=50, before_s=0.12, after_s=0.1)
    assert paying.pays_from == 2500
    assert "pays from 2500 frames" in paying.to_text()
    slower = Compiled(seconds=50, before_s=0.1, after_s=0.12)
    assert slower.pays_from == math.inf
    assert "does not pay" in slower.to_text()


def test_what_cannot_be_compiled_is_used_as_it_is(
    saved: Callable[[str], Path], loaded: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and the same pictures as before."""
    generator = load_generator(str(saved("sd")), device="cpu", dtype="float32")
    calls: list[Any] = []

    def measure() -> float:
        calls.append(generator.info.dtype)
        if len(calls) == 2:
            raise RuntimeError("no compiler\nat all")
        return 1.0

    assert compile_measured(generator, 4, measure) is None
    assert calls == ["float32", "float32, compiled"]
    assert caplog.messages == ["torch cannot compile this model here, and it is used as it is: no compiler"]
    assert np.array_equal(pictures(generator), pictures(loaded("sd")))
