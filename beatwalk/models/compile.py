"""torch.compile where a render is long enough to pay for it, on CUDA as CUDA graphs, and what came of it.

Whether it is must not depend on how fast the machine was today: a render that goes on after a stop has to make the
same choice again, for compiled networks round a little differently. So the number of frames alone decides.

A CUDA graph plays all of a network's kernels at once, without Python or the driver between them, which takes longer
than the kernels themselves where pictures are few or small. It needs what is the case here once batches are filled up
to one size: shapes that never change. The kernels are those of torch.compile without graphs, and so are the pictures:
whether graphs could be recorded is no part of what a render depends on.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beatwalk.models.diffusers_backend import DiffusionGenerator

_log = logging.getLogger(__name__)
# Frames from which it pays, with a margin. On a processor it may never: batches filled up to one size cost more than
# it brings (nano, 512x512, two cores: 4.3 frames/s without, 3.0 with).
LONG_ENOUGH = {"cuda": 2000}


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What compiling cost and brought, measured."""

    seconds: float  # that it took
    before_s: float  # seconds a picture
    after_s: float
    graphs: bool = False  # whether as CUDA graphs

    @property
    def pays_from(self) -> float:
        """Frames after which it has paid; infinite where it made nothing faster."""
        saved = self.before_s - self.after_s
        return round(self.seconds / saved) if saved > 0 else math.inf

    def to_text(self) -> str:
        """One line for people."""
        speeds = f"{1000 * self.before_s:.0f} → {1000 * self.after_s:.0f} ms a picture"
        pays = f"pays from {self.pays_from} frames" if self.pays_from < math.inf else "does not pay (--compile off)"
        return f"{self.seconds:.0f} s{' · CUDA graphs' if self.graphs else ''} · {speeds} · {pays}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "seconds": round(self.seconds, 2),
            "before_s": round(self.before_s, 5),
            "after_s": round(self.after_s, 5),
            "cuda_graphs": self.graphs,
            "pays_from_frames": None if self.pays_from == math.inf else int(self.pays_from),
        }


def options_for(graphs: bool) -> dict[str, Any]:
    """What torch.compile is asked for."""
    return {"dynamic": False, "mode": "reduce-overhead"} if graphs else {"dynamic": False}


def compile_network(network: Any, options: dict[str, Any] | None) -> None:
    """As torch's own `Module.compile`, but what comes out is a copy.

    What a CUDA graph makes lies where its next turn will make the next, and schedulers keep what came out for several
    steps.

    Parameters
    ----------
    network : a module
    options : for torch.compile; None: as if it had never been compiled
    """
    import torch

    if options is None:
        network._compiled_call_impl = None
        return
    call = torch.compile(network._call_impl, **options)
    if "mode" not in options:
        network._compiled_call_impl = call
        return
    from torch.utils._pytree import tree_map_only

    def replay(*args: Any, **kwargs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return tree_map_only(torch.Tensor, torch.clone, call(*args, **kwargs))

    network._compiled_call_impl = replay


def worth_compiling(choice: str, frames: int, device: str) -> bool:
    """Whether a render of so many frames is to be compiled.

    Parameters
    ----------
    choice : on, off or auto
    device : such as "cpu" or "cuda:0"
    """
    if choice != "auto":
        return choice == "on"
    return frames >= LONG_ENOUGH.get(device.partition(":")[0], math.inf)


def compile_measured(
    generator: DiffusionGenerator,
    pictures: int,
    size: tuple[int, int],
    seconds_a_picture: Callable[[], float],
    *,
    graphs: bool = True,
) -> Compiled | None:
    """Compile a generator and see what it brings; None, and all as it was, where torch cannot.

    Parameters
    ----------
    pictures, size : that are asked for at a time; their width and height
    seconds_a_picture : measures; called before and after
    graphs : on CUDA, as CUDA graphs where they can be recorded; without, a warning says so, and it goes on without
    """
    before_s = seconds_a_picture()
    for with_graphs in (True, False) if graphs and generator.info.device.startswith("cuda") else (False,):
        begin = time.perf_counter()
        generator.compile(pictures, size, graphs=with_graphs)
        try:
            first = seconds_a_picture()  # compiles
            compile_s = time.perf_counter() - begin
            after_s = min(first, seconds_a_picture())
        except Exception as error:  # inductor and the compilers that it calls raise of all kinds
            generator.compile(None)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            failed = "CUDA graphs cannot be recorded of this model here, and it is compiled without"
            if not with_graphs:
                failed = "torch cannot compile this model here, and it is used as it is"
            _log.warning("%s: %s", failed, reason[:200])
            continue
        return Compiled(seconds=compile_s, before_s=before_s, after_s=after_s, graphs=with_graphs)
    return None
