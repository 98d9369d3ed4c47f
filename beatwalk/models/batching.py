"""Many pictures, shared out: into batches that fit memory, and on a processor among threads.

On a processor one picture's operations are too small to keep several cores busy: the threads of an operation wait for
each other at its end, hundreds of times a step, and longest where another program, the encoder say, wants a core. So
cores work on different pictures: each thread has a scheduler of its own and its share of the cores, and all share
the weights.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from beatwalk.errors import DeviceError
from beatwalk.models.devices import fitting_pictures, pick_batch

if TYPE_CHECKING:
    import torch

Made = TypeVar("Made")
MAX_CREW = 4  # threads that make pictures; more cores work within their operations
Make = Callable[[slice, Any], Made]  # rows, and the pipeline to make them with; None for the one there is


class Batches:
    """Runs rows through a pipeline, as many at a time as are known to fit.

    Parameters
    ----------
    pipeline : loaded, on `device`
    batch : pictures at a time; None picks by device and memory
    alone : one thread only, for the network keeps something from step to step that others must not touch meanwhile
    """

    def __init__(self, pipeline: Any, device: torch.device, batch: int | None, *, alone: bool = False) -> None:
        self._pipeline, self._device, self._batch, self._alone = pipeline, device, batch, alone
        self._limits: dict[tuple[int, int], int] = {}  # batch that fits, by size, learnt from running out of memory
        self._full: int | None = None  # rows of every call, where that is fixed
        self._crew: _Crew | None = None

    def limit(self, size: tuple[int, int]) -> int:
        """Pictures of a size that are made at a time."""
        fits = self._limits.setdefault(size, self._batch or pick_batch(self._device, size))
        return fits if self._full is None else min(fits, self._full)

    @property
    def fixed(self) -> bool:
        """Whether all calls have the same number of rows."""
        return self._full is not None

    def fix(self, pictures: int | None, size: tuple[int, int]) -> None:
        """From now on every call has as many rows as each thread's share of so many, or as fit; None: no longer."""
        self._full = None
        if pictures is not None:
            share = -(-pictures // self._crew_for(size).size)
            self._full = max(1, min(share, self.limit(size)))

    def filled(self, count: int, size: tuple[int, int]) -> NDArray[np.int64] | None:
        """Rows that make a call of `count` a full one, the last again and again; None: it is as it should be."""
        full = count if self._full is None else self.limit(size)
        return np.minimum(np.arange(full), count - 1) if full > count else None

    def run(self, count: int, size: tuple[int, int], make: Make[Made]) -> list[Made]:
        """What `make` makes of all rows, in order; half as large a batch each time memory runs out.

        Parameters
        ----------
        size : width, height that are made, pixels

        Raises
        ------
        DeviceError : not even one picture fits into memory
        """
        import torch

        made: list[Made] = []
        done = 0
        while done < count:
            crew = self._crew_for(size)
            rows = shared_out(done, count, self.limit(size), crew.size)
            # What torch compiled is for a number of cores as well: there a part by itself has as many as another.
            lone = len(rows) == 1 and self._full is None
            for part, outcome in zip(rows, crew.run(rows, self._pipeline, make, lone=lone), strict=True):
                try:
                    made.append(outcome())
                    done = part.stop
                except torch.OutOfMemoryError as error:
                    tried = part.stop - part.start if self._full is None else self.limit(size)
                    if tried == 1:
                        where = f"{size[0]}x{size[1]} on {self._device}"
                        raise DeviceError(
                            f"out of memory for one picture of {where}; try a smaller --size"
                        ) from error
                    self._limits[size] = tried // 2
                    break
            else:
                continue
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        return made

    def _crew_for(self, size: tuple[int, int]) -> _Crew:
        """Threads for pictures of a size: one on a GPU, and where the scheduler draws from numbers shared by all."""
        import torch

        wanted = 1
        if self._device.type == "cpu" and not self._alone and _draws_alone(self._pipeline):
            wanted = max(1, min(MAX_CREW, torch.get_num_threads(), fitting_pictures(size)))
        if self._crew is None or self._crew.size != wanted:
            if self._crew is not None:
                self._crew.close()
            self._crew = _Crew(wanted, max(1, torch.get_num_threads() // wanted))
        return self._crew


def shared_out(first: int, last: int, limit: int, crew: int) -> list[slice]:
    """The next rows for each of a crew, as even as can be, none of more than `limit`.

    In all they are what the rest takes in as few rounds as possible: nobody waits long for the others.
    """
    left = last - first
    rounds = -(-left // (limit * crew))
    parts = min(left, rounds * crew)
    borders = [first + left * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(borders[: crew + 1])]


class _Crew:
    """Threads, each with its share of the cores; a crew of one works in the caller's own thread."""

    def __init__(self, size: int, threads: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size, "pictures", initializer=_use_threads, initargs=(threads,))

    def run(self, rows: list[slice], pipeline: Any, make: Make[Made], *, lone: bool) -> list[Callable[[], Made]]:
        """Start on parts of the rows; what comes back waits for each of them, and raises what it raised.

        Parameters
        ----------
        lone : one part by itself, which the caller's own thread makes with all cores
        """
        if self.size == 1 or lone:
            return [lambda part=part: make(part, None) for part in rows]  # type: ignore[misc]
        import torch

        before = torch.get_num_threads()
        futures: list[Future[Made]] = [self._pool.submit(make, part, own_state(pipeline)) for part in rows]
        for future in futures:  # none may still be at work when its neighbour's failure is dealt with
            future.exception()
        torch.set_num_threads(before)  # what a thread chose for itself became the default of new ones
        return [future.result for future in futures]

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)


def own_state(pipeline: Any) -> Any:
    """The same pipeline and weights, with a scheduler and flags of its own."""
    shell = copy.copy(pipeline)
    shell.scheduler = copy.deepcopy(pipeline.scheduler)
    return shell


def _use_threads(count: int) -> None:
    import torch

    torch.get_num_threads()  # a thread takes the default at its first question, and must have done so before
    torch.set_num_threads(count)


def _draws_alone(pipeline: Any) -> bool:
    """Whether all noise between steps comes from generators that the pipeline hands its scheduler.

    What draws from torch's own random numbers cannot be repeated while others do.
    """
    if hasattr(pipeline, "prepare_extra_step_kwargs"):
        return True
    step = inspect.signature(pipeline.scheduler.step).parameters
    return "generator" not in step or not pipeline.scheduler.config.get("stochastic_sampling", True)
