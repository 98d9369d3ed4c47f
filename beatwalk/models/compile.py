"""torch.compile where a render is long enough to gain from it; on CUDA as CUDA graphs; and what it gained.

The decision must not depend on measured speed: a resumed render must decide the same way, for compiled networks round
a little differently. So the number of frames alone decides.

A CUDA graph launches all of a network's kernels at once. Without it, where pictures are few or small, Python and the
driver need longer between kernels than the kernels themselves take. A graph needs shapes that never change: batches
are filled up to one size. The kernels are those of torch.compile without graphs, and so are the pictures: a render
does not depend on whether graphs could be recorded.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beatwalk.models.compat import map_tensors, plain_call, set_compiled_call

if TYPE_CHECKING:
    from beatwalk.models.diffusers_backend import DiffusionGenerator

_log = logging.getLogger(__name__)
# Frames from which compiling saves time, with a margin. On a processor it may never: batches filled up to one size
# cost more than it saves (nano, 512x512, two cores: 4.3 frames/s without, 3.0 with).
MIN_FRAMES = {"cuda": 2000}


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What compiling cost and saved, measured."""

    seconds: float  # that compiling took
    before_s: float  # seconds a picture
    after_s: float
    graphs: bool = False  # whether as CUDA graphs

    @property
    def pays_from(self) -> float:
        """Frames after which compiling has saved what it cost; infinite where it saves nothing."""
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


def compile_options(graphs: bool) -> dict[str, Any]:
    """Arguments of torch.compile."""
    return {"dynamic": False, "mode": "reduce-overhead"} if graphs else {"dynamic": False}


def compile_network(network: Any, options: dict[str, Any] | None) -> None:
    """Compile a network as torch's own `Module.compile` does, but let it return copies.

    A CUDA graph writes its output where its next run will write the next one, and schedulers keep outputs for several
    steps.

    Parameters
    ----------
    network
        A module.
    options
        For torch.compile; None: as if it had never been compiled.
    """
    import torch

    if options is None:
        set_compiled_call(network, None)
        return
    call = torch.compile(plain_call(network), **options)
    if "mode" not in options:
        set_compiled_call(network, call)
        return

    def replay(*args: Any, **kwargs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return map_tensors(torch.clone, call(*args, **kwargs))

    set_compiled_call(network, replay)


def should_compile(choice: str, frames: int, device: str) -> bool:
    """Whether to compile for a render of this many frames.

    Parameters
    ----------
    choice
        On, off or auto.
    device
        Such as "cpu" or "cuda:0".
    """
    if choice != "auto":
        return choice == "on"
    return frames >= MIN_FRAMES.get(device.partition(":")[0], math.inf)


def compile_measured(
    generator: DiffusionGenerator,
    pictures: int,
    size: tuple[int, int],
    seconds_a_picture: Callable[[], float],
    *,
    graphs: bool = True,
) -> Compiled | None:
    """Compile a generator and measure the gain; None, and the generator is as before, where torch cannot.

    Parameters
    ----------
    pictures, size
        How many are requested at a time; their width and height.
    seconds_a_picture
        measures; called before and after.
    graphs
        On CUDA, record CUDA graphs. Where that fails, a warning says so and they are left out.
    """
    before_s = seconds_a_picture()
    for with_graphs in (True, False) if graphs and generator.info.device.startswith("cuda") else (False,):
        begin = time.perf_counter()
        generator.compile(pictures, size, graphs=with_graphs)
        try:
            first = seconds_a_picture()  # compiles
            compile_s = time.perf_counter() - begin
            after_s = min(first, seconds_a_picture())
        except Exception as error:  # inductor and the compilers that it calls raise many kinds
            generator.compile(None)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            failed = "CUDA graphs cannot be recorded of this model here, and it is compiled without"
            if not with_graphs:
                failed = "torch cannot compile this model here, and it runs uncompiled"
            _log.warning("%s: %s", failed, reason[:200])
            continue
        return Compiled(seconds=compile_s, before_s=before_s, after_s=after_s, graphs=with_graphs)
    return None
