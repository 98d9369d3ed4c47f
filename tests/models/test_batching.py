"""Rows shared out among threads make what they make one batch after another."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from beatwalk.core import timing
from beatwalk.errors import DeviceError
from beatwalk.models import DiffusionGenerator, TimedGenerator
from beatwalk.models.batching import MAX_WORKERS, split_rows
from tests.models.small_memory import SmallMemory
from tests.models.test_diffusers_backend import KINDS, LEVELS, PROMPTS, apart, pictures
from tests.models.tiny import Loaded, on_cpu

EIGHT = tuple(range(8))


@pytest.fixture
def two_cores() -> Iterator[None]:
    """As on a machine of two."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("left", "limit", "workers"), [(12, 8, 2), (9, 8, 2), (1, 8, 2), (24, 8, 2), (5, 1, 3), (7, 3, 1)]
)
def test_rows_are_shared_evenly_in_as_few_rounds_as_possible(left: int, limit: int, workers: int) -> None:
    """Every row once, in order; none has two more than another, in no round either."""
    first, sizes, rounds = 3, [], 0
    while first < 3 + left:
        rows = split_rows(first, 3 + left, limit, workers)
        assert rows[0].start == first
        assert len(rows) <= workers
        assert all(a.stop == b.start for a, b in itertools.pairwise(rows))
        sizes += [part.stop - part.start for part in rows]
        first, rounds = rows[-1].stop, rounds + 1
    assert sum(sizes) == left
    assert max(sizes) <= limit
    assert max(sizes) - min(sizes) <= 1
    assert rounds == -(-left // (limit * workers))


@pytest.mark.parametrize("kind", KINDS)
def test_two_threads_make_what_one_makes(
    kind: str, loaded: Loaded, saved: Callable[[str], Path], two_cores: None
) -> None:
    """Also where noise is added between steps; the same bytes again and again, and the caller's threads stay."""
    generator = on_cpu(saved(kind))
    state = torch.random.get_rng_state()
    made = pictures(generator, EIGHT, PROMPTS * 4)
    assert torch.get_num_threads() == 2
    assert torch.equal(state, torch.random.get_rng_state())
    assert np.array_equal(made, pictures(generator, EIGHT, PROMPTS * 4))
    torch.set_num_threads(1)
    assert apart(made, pictures(loaded(kind), EIGHT, PROMPTS * 4)) <= LEVELS


def test_threads_are_used(saved: Callable[[str], Path], two_cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both cores have pictures to make, each a part; a scheduler that draws for itself has one thread."""
    generator = on_cpu(saved("sd"))
    assert used_by(generator, monkeypatch) == {"pictures_0": 4, "pictures_1": 4}
    flux = on_cpu(saved("flux"))
    assert len(used_by(flux, monkeypatch)) == 2
    flux.pipeline.scheduler.register_to_config(stochastic_sampling=True)
    assert used_by(flux, monkeypatch) == {threading.current_thread().name: 8}
    assert MAX_WORKERS >= 2


def used_by(generator: DiffusionGenerator, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Rows by thread."""
    used: dict[str, int] = {}
    call, meet = generator.call_pipeline, threading.Barrier(2)

    def spying(noise: Any, *args: Any, **kwargs: Any) -> Any:
        used[threading.current_thread().name] = len(noise)
        if len(noise) < 8:
            meet.wait(20)  # so that neither thread can take both parts
        return call(noise, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(generator, "call_pipeline", spying)
        pictures(generator, EIGHT, PROMPTS * 4, steps=1)
    return used


def test_one_picture_by_itself_has_all_cores(
    saved: Callable[[str], Path], two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, each has one; the single one is made by the caller, and is the same picture.

    Not where torch has compiled for a number of cores.
    """
    generator = on_cpu(saved("sd"))
    call, cores = generator.call_pipeline, []

    def spying(*args: Any, **kwargs: Any) -> Any:
        cores.append(torch.get_num_threads())
        return call(*args, **kwargs)

    monkeypatch.setattr(generator, "call_pipeline", spying)
    both = pictures(generator, EIGHT[:2], PROMPTS)
    alone = pictures(generator, EIGHT[:1], PROMPTS[:1])
    assert cores == [1, 1, 2]
    generator._batches.fix(2, (64, 64))
    pictures(generator, EIGHT[:1], PROMPTS[:1])
    assert cores[3:] == [1]
    assert apart(both[:1], alone) <= LEVELS


def test_memory_that_runs_out_in_a_thread_halves_the_batch(
    saved: Callable[[str], Path], loaded: Loaded, two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made before stays, the rest comes in smaller parts; where nothing fits, that is said."""
    generator = on_cpu(saved("sd"))
    memory = SmallMemory(room=2)
    monkeypatch.setattr(generator, "call_pipeline", memory.limit(generator.call_pipeline))
    made = pictures(generator, EIGHT, PROMPTS * 4)
    assert memory.tried == [4, 4, 2, 2, 2, 2]
    memory.room = 0
    with pytest.raises(DeviceError, match="out of memory for one picture"):
        pictures(generator)
    torch.set_num_threads(1)
    assert apart(made, pictures(loaded("sd"), EIGHT, PROMPTS * 4)) <= LEVELS


def test_stages_of_threads_are_the_time_that_passed(
    saved: Callable[[str], Path], two_cores: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that denoise for three seconds at once and decode for two take five in all, not ten."""
    clock, generator = Clock(), on_cpu(saved("sd"))
    monkeypatch.setattr(timing, "time", clock)
    together(generator, "call_pipeline", lambda: clock.pass_by(3.0), monkeypatch)
    together(generator, "_decode", lambda: clock.pass_by(2.0), monkeypatch)
    timed = TimedGenerator(generator)
    pictures(timed, EIGHT, PROMPTS * 4)  # type: ignore[arg-type]
    assert timed.stages == {"text": 0.0, "denoise": 3.0, "decode": 2.0}
    assert timed.generation_s == clock.now == 5.0
    assert (timed.denoised, timed.pictures) == (8, 8)


class Clock:
    """Stands in for the module `time`: its seconds pass only when a test says so."""

    now = 0.0

    def perf_counter(self) -> float:
        """The time."""
        return self.now

    def thread_time(self) -> float:
        """What a thread was computing: all the time."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let seconds pass, for all threads."""
        self.now += seconds


def together(
    generator: DiffusionGenerator, name: str, meanwhile: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let two threads be in a method at the same time, and do something once while they are."""
    call, meet = getattr(generator, name), threading.Barrier(2, action=meanwhile)

    def waiting(*args: Any, **kwargs: Any) -> Any:
        meet.wait(60)
        return call(*args, **kwargs)

    monkeypatch.setattr(generator, name, waiting)
