"""torch.compile where a render is long enough to pay for it, and what came of it.

Whether it is must not depend on how fast the machine was today: a render that goes on after a stop has to make the
same choice again, for compiled networks round a little differently. So the number of frames alone decides.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beatwalk.diffusion.generator import DiffusionGenerator

_log = logging.getLogger(__name__)
# Frames from which it pays, with a margin. Measured on two CPU cores (nano, 512x512): 50 s, then 124 ms of CPU a
# picture instead of 158, which comes to about 3000 frames.
LONG_ENOUGH = {"cpu": 6000, "cuda": 2000}
COMPILERS = ("c++", "g++", "clang++", "cl")  # inductor builds what it writes for processors with one of them


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What compiling cost and brought, measured."""

    seconds: float  # that it took
    before_s: float  # seconds a picture
    after_s: float

    @property
    def pays_from(self) -> float:
        """Frames after which it has paid; infinite where it made nothing faster."""
        saved = self.before_s - self.after_s
        return round(self.seconds / saved) if saved > 0 else math.inf

    def to_text(self) -> str:
        """One line for people."""
        speeds = f"{1000 * self.before_s:.0f} → {1000 * self.after_s:.0f} ms a picture"
        pays = f"pays from {self.pays_from} frames" if self.pays_from < math.inf else "does not pay (--compile off)"
        return f"{self.seconds:.0f} s · {speeds} · {pays}"


def worth_compiling(choice: str, frames: int, device: str) -> bool:
    """Whether a render of so many frames is to be compiled.

    Parameters
    ----------
    choice : on, off or auto
    device : such as "cpu" or "cuda:0"
    """
    kind = device.partition(":")[0]
    if choice != "auto":
        return choice == "on"
    if kind == "cpu" and not any(shutil.which(name) for name in COMPILERS):
        return False
    return frames >= LONG_ENOUGH.get(kind, math.inf)


def compile_measured(
    generator: DiffusionGenerator, pictures: int, seconds_a_picture: Callable[[], float]
) -> Compiled | None:
    """Compile a generator and see what it brings; None, and all as it was, where torch cannot.

    Parameters
    ----------
    pictures : that are asked for at a time
    seconds_a_picture : measures; called before and after
    """
    before_s = seconds_a_picture()
    begin = time.perf_counter()
    generator.compile(pictures)
    try:
        first = seconds_a_picture()  # compiles
        compile_s = time.perf_counter() - begin
        after_s = min(first, seconds_a_picture())
    except Exception as error:  # inductor and the compilers that it calls raise of all kinds
        generator.compile(None)
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        _log.warning("torch cannot compile this model here, and it is used as it is: %s", reason[:200])
        return None
    return Compiled(seconds=compile_s, before_s=before_s, after_s=after_s)
