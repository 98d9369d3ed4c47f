"""Several processes that train one model on parts of each batch.

On a shared machine two single-threaded processes get more done than two threads of one: they meet once a step,
not once an operation, so neither waits long while the other's core is taken away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn


def rank() -> int:
    """Number of this process; 0 writes logs and checkpoints."""
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    """Processes in all."""
    return dist.get_world_size() if dist.is_initialized() else 1


def share_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over all processes."""
    if world() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= world()
    start = 0
    for g in gradients:
        g.copy_(flat[start : start + g.numel()].view_as(g))
        start += g.numel()


def agreed(value: float) -> float:
    """The first process's value, so that all stop and switch in the same step."""
    if world() == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(box, 0)
    return float(box)


def first_alone(step: int, work: Callable[[], Any]) -> Any:
    """Let process 0 do ``work`` of the first step before the others: they then find its compiled code."""
    if world() == 1 or step > 0:
        return work()
    if rank() > 0:
        dist.barrier()
    result = work()
    if rank() == 0:
        dist.barrier()
    return result


def _enter(
    index: int, processes: int, threads: int, meeting: str, work: Callable[..., None], args: tuple[Any, ...]
) -> None:
    torch.set_num_threads(threads)
    dist.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=index, world_size=processes, timeout=timedelta(hours=2)
    )
    try:
        work(*args)
    finally:
        dist.destroy_process_group()


def launch(processes: int, threads: int, work: Callable[..., None], *args: Any) -> None:
    """Call ``work(*args)`` in several processes that form one group (in this one if ``processes`` is 1)."""
    if processes == 1:
        torch.set_num_threads(threads)
        work(*args)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = (Path(folder) / "meeting").as_posix()
        arguments = (processes, threads, meeting, work, args)
        spawn(_enter, arguments, nprocs=processes)
