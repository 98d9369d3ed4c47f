"""Compiled networks make the same pictures; when, and whether it paid, is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk import preflight
from beatwalk.models import (
    Compiled,
    DiffusionGenerator,
    ModelRequest,
    TimedGenerator,
    compile_measured,
    load_model,
    should_compile,
)
from beatwalk.models.addons import AddOns
from beatwalk.models.compile import MIN_FRAMES
from beatwalk.walk.walk import Walk
from tests.helpers import known_plan
from tests.models.small_memory import SmallMemory
from tests.models.test_diffusers_backend import LEVELS, PROMPTS, apart, pictures
from tests.models.tiny import Loaded, on_cpu


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile without its compiler: the same graphs, run as they are."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call, *, dynamic: compile_(call, dynamic=dynamic, backend="eager"))


def calls_of(generator: DiffusionGenerator, monkeypatch: pytest.MonkeyPatch, room: int = 99) -> list[int]:
    """Batches of all later calls of its pipeline, on a device that holds `room` pictures at a time."""
    memory, cls = SmallMemory(room), type(generator.pipeline)
    monkeypatch.setattr(cls, "__call__", memory.limit(cls.__call__, "latents"))
    return memory.tried


@pytest.mark.parametrize("kind", ["sd", "sana"])
def test_batches_are_filled_up_to_one_size(
    kind: str, saved: Callable[[str], Path], loaded: Loaded, interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same pictures as without, whatever their number; the network sees one batch size alone."""
    generator = on_cpu(saved(kind))
    wanted = {count: pictures(generator, tuple(range(count)), (PROMPTS * 3)[:count]) for count in (1, 4, 6)}
    assert generator.decoding_steps > 0  # counted once, one picture at a time
    seen = calls_of(generator, monkeypatch)
    generator.compile(4)
    for count, expected in wanted.items():
        assert apart(pictures(generator, tuple(range(count)), (PROMPTS * 3)[:count]), expected) <= LEVELS
    assert set(seen) == {4}
    assert generator.info.dtype == "float32, compiled"
    generator.compile(None)
    assert generator.info.dtype == "float32"


def test_a_compiled_batch_that_does_not_fit_is_halved(
    saved: Callable[[str], Path], interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And filled up to what fits; another size is as it was, and so is all once it is not compiled."""
    generator = on_cpu(saved("sd"))
    expected = pictures(generator, tuple(range(6)), PROMPTS * 3)
    tried = calls_of(generator, monkeypatch, room=3)
    generator.compile(4, (64, 64))
    assert apart(pictures(generator, tuple(range(6)), PROMPTS * 3), expected) <= LEVELS
    assert tried == [1, 4, 2, 2, 2]  # one to count operations
    assert generator._batches.limit((128, 64)) == 4
    generator.compile(None)
    assert generator._batches.limit((128, 64)) > 4


def test_length_alone_decides() -> None:
    """Long renders are compiled on CUDA; a choice overrides; other devices never by themselves."""
    for kind, frames in MIN_FRAMES.items():
        assert should_compile("auto", frames, kind)
        assert not should_compile("auto", frames - 1, kind)
        assert not should_compile("off", frames, kind)
        assert should_compile("on", 2, kind)
    for kind in ("mps", "cpu"):
        assert not should_compile("auto", 10**6, kind)
        assert should_compile("on", 2, kind)
    assert should_compile("auto", 10**6, "cuda:1")


def test_the_break_even_is_told() -> None:
    """Seconds spent by seconds saved a picture."""
    paying = Compiled(seconds=50, before_s=0.12, after_s=0.1)
    assert paying.pays_from == 2500
    assert "pays from 2500 frames" in paying.to_text()
    slower = Compiled(seconds=50, before_s=0.1, after_s=0.12)
    assert slower.pays_from == math.inf
    assert "does not pay" in slower.to_text()
    assert slower.to_json()["pays_from_frames"] is None
    assert "CUDA graphs" in Compiled(seconds=5, before_s=0.2, after_s=0.1, graphs=True).to_text()


def test_what_cannot_be_compiled_is_used_as_it_is(
    saved: Callable[[str], Path], loaded: Loaded, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning, and the same pictures as before."""
    generator = on_cpu(saved("sd"))
    calls: list[Any] = []

    def measure() -> float:
        calls.append(generator.info.dtype)
        if len(calls) == 2:
            raise RuntimeError("no compiler\nat all")
        return 1.0

    assert compile_measured(generator, 4, (64, 64), measure) is None
    assert calls == ["float32", "float32, compiled"]
    assert caplog.messages == ["torch cannot compile this model here, and it runs uncompiled: no compiler"]
    assert np.array_equal(pictures(generator), pictures(loaded("sd")))


class Asked:
    """A generator on a device that is not here, which notes how it is to be compiled."""

    def __init__(self, device: str) -> None:
        self.info = type("Info", (), {"device": device})
        self.asked: list[tuple[int | None, bool]] = []

    def compile(self, pictures: int | None, size: object = None, *, graphs: bool = False) -> None:
        """Note it."""
        self.asked.append((pictures, graphs))


@pytest.mark.parametrize(
    ("device", "wanted", "fails", "asked"),
    [("cuda:0", True, 0, [(12, True)]), ("cuda:0", False, 0, [(12, False)]), ("cpu", True, 0, [(12, False)]),
     ("mps", True, 0, [(12, False)]), ("cuda:0", True, 1, [(12, True), (None, False), (12, False)]),
     ("cuda:1", True, 2, [(12, True), (None, False), (12, False), (None, False)])],
)  # fmt: skip
def test_cuda_graphs_where_there_is_cuda(
    device: str, wanted: bool, fails: int, asked: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Unless it is said otherwise; where they cannot be recorded, compiled without, and where that fails too, not."""
    generator = Asked(device)

    def measure() -> float:
        if generator.asked and sum(pictures is not None for pictures, _ in generator.asked) <= fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        return 1.0

    made = compile_measured(generator, 12, (64, 64), measure, graphs=wanted)  # type: ignore[arg-type]
    assert generator.asked == asked
    assert (made is None) == (fails == 2)
    assert made is None or made.graphs == asked[-1][1]
    says = ["CUDA graphs cannot be recorded of this model here", "torch cannot compile this model here"]
    assert [message.split(", and")[0] for message in caplog.messages] == says[:fails]


def replaying(call: Any, *, dynamic: bool, mode: str) -> Any:
    """A network as a CUDA graph is one: what it makes lies where it made the last."""
    assert (dynamic, mode) == (False, "reduce-overhead")
    places: list[torch.Tensor] = []

    def turn(*args: Any, **kwargs: Any) -> Any:
        made = call(*args, **kwargs)
        tensor = made[0] if isinstance(made, tuple) else made
        if not places or places[-1].shape != tensor.shape:
            places.append(tensor.clone())
        places[-1].copy_(tensor)
        return (places[-1],) if isinstance(made, tuple) else places[-1]

    return turn


def test_each_video_of_a_set_has_its_own_choice(
    saved: Callable[[str], Path], interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was compiled for one video stays so for the next that asks for it, and goes back for another."""
    generator = on_cpu(saved("sd"))
    measured: list[int] = []

    def a_second(walk: Walk, block: int) -> float:
        measured.append(block)
        return 1.0

    monkeypatch.setattr(preflight, "seconds_a_frame", a_second)
    kinds = []
    for choice in ("on", "on", "off", "on"):
        plan = known_plan(n_frames=24, model={"compile": choice})
        compiled = preflight.compile_if_worth(plan, Walk.of(plan=plan, generator=generator, size=(64, 64)))
        kinds.append((compiled is not None, generator.compiled, generator.info.dtype))
    on, off = "float32, compiled", "float32"
    assert kinds == [(True, True, on), (False, True, on), (False, False, off), (True, True, on)]
    assert len(measured) == 2 * 3


@pytest.mark.parametrize("scheduler", ["dpm++", "pndm", "ddim"])
def test_what_a_graph_made_is_not_overwritten(
    scheduler: str, saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schedulers that look back keep what the network said, while it says the next."""
    generator = on_cpu(saved("sd"), addons=AddOns(scheduler=scheduler))
    expected = pictures(generator, steps=6)
    assert generator.decoding_steps > 0
    monkeypatch.setattr(torch, "compile", replaying)
    generator.compile(2, graphs=True)
    assert apart(pictures(generator, steps=6), expected) <= LEVELS


def test_a_clock_stands_outside_of_what_is_compiled(
    saved: Callable[[str], Path], interpreted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled once, timed or not; the network is as it was afterwards."""
    generator = on_cpu(saved("sd"))
    timed = TimedGenerator(generator)
    assert generator.decoding_steps > 0
    generator.compile(2)
    expected = pictures(generator)
    compiled = generator.denoiser._compiled_call_impl
    torch._dynamo.utils.counters.clear()
    assert apart(pictures(timed), expected) <= LEVELS  # type: ignore[arg-type]
    assert timed.stages["denoise"] > 0
    assert generator.denoiser._compiled_call_impl is compiled
    assert not torch._dynamo.utils.counters["stats"], "compiled anew"


def test_with_a_step_cache_the_decoder_alone_is_compiled(saved: Callable[[str], Path], interpreted: None) -> None:
    """The cache changes the network at every call."""
    generator = on_cpu(saved("sd"), addons=AddOns(step_cache=2))
    expected = pictures(generator, steps=8)
    generator.compile(2)
    assert generator.denoiser._compiled_call_impl is None
    assert generator.pipeline.vae.decoder._compiled_call_impl is not None
    assert apart(pictures(generator, steps=8), expected) <= LEVELS


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["sd", "sdxl", "sana"])
def test_cuda_graphs_make_the_same_pictures(kind: str, saved: Callable[[str], Path]) -> None:
    """On a GPU: with graphs, without, and not compiled at all."""
    generator = load_model(ModelRequest(model=str(saved(kind)), device="cuda", dtype="float32"))
    made = [pictures(generator, steps=6)]
    for graphs in (False, True):
        generator.compile(None)
        generator.compile(2, graphs=graphs)
        made += [pictures(generator, steps=6) for _ in range(3)]
    assert all(apart(picture, made[0]) <= LEVELS for picture in made[1:])
    assert np.array_equal(made[3], made[6])
