"""Tiny models on disk, made once a session, and no way to the network."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from beatwalk.models import DiffusionGenerator, diffusers_backend
from tests.models import tiny
from tests.models.tiny import on_cpu


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to connect or look up a name fails at once, as on a machine without network."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("the network is blocked in tests")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def _warnings_are_heard() -> None:
    """Also where a test before had the command line be quiet."""
    logging.getLogger("beatwalk").setLevel(logging.WARNING)


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Tiny matrices are faster on one thread, and far faster on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _few_cells_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations are counted on 16x16 cells.

    A tiny model has cells of 2 pixels, so 256 pixels are 128x128 cells, whose attention takes seven seconds.
    """
    monkeypatch.setattr(diffusers_backend, "COUNTED_SIDE", tiny.COUNTED_SIDE)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Kind of pipeline → its folder; not to be written to."""
    root = tmp_path_factory.mktemp("models")
    return cache(lambda kind: tiny.save(kind, root / kind))


@pytest.fixture(scope="session")
def loaded(saved: Callable[[str], Path]) -> Callable[[str], DiffusionGenerator]:
    """Kind of pipeline → a generator in float32 on the processor."""
    return cache(lambda kind: on_cpu(saved(kind)))
