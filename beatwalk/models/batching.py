"""Many pictures, split into batches that fit memory and, on a processor, among worker threads.

On a processor one picture's operations are too small to keep several cores busy: the threads of an operation wait for
each other at its end, hundreds of times a step, and longest where another program, such as the encoder, needs a core.
So cores work on different pictures: each worker has its own scheduler and its share of the cores, and all workers
share the weights.
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
from beatwalk.models.seam import proceed

if TYPE_CHECKING:
    import torch

Made = TypeVar("Made")
MAX_WORKERS = 4  # threads that make pictures; further cores work inside their operations
Make = Callable[[slice, Any], Made]  # rows, and the pipeline that makes them; None: the caller's own


class Batches:
    """Runs rows through a pipeline, as many at a time as fit into memory.

    Parameters
    ----------
    pipeline
        Loaded, on `device`.
    batch
        Pictures at a time; None picks by device and memory.
    single_thread
        Use one worker, because the network keeps something from step to step.
    """

    def __init__(
        self, pipeline: Any, device: torch.device, batch: int | None, *, single_thread: bool = False
    ) -> None:
        self._pipeline, self._device, self._batch = pipeline, device, batch
        self._single_thread = single_thread
        self._limits: dict[tuple[int, int], int] = {}  # batch that fits, by size; halved when memory runs out
        self._full: int | None = None  # rows of every call, where their number is fixed
        self._workers: _Workers | None = None

    def limit(self, size: tuple[int, int]) -> int:
        """How many pictures of a size are made at a time."""
        fits = self._limits.setdefault(size, self._batch or pick_batch(self._device, size))
        return fits if self._full is None else min(fits, self._full)

    @property
    def fixed(self) -> bool:
        """Whether all calls have the same number of rows."""
        return self._full is not None

    def fix(self, pictures: int | None, size: tuple[int, int]) -> None:
        """Give every call the same number of rows from now on: a worker's share of `pictures`, or what fits.

        Parameters
        ----------
        pictures
            How many are requested at a time; None: calls may differ again.
        size
            Width, height of the pictures.
        """
        self._full = None
        if pictures is not None:
            share = -(-pictures // self._workers_for(size).size)
            self._full = max(1, min(share, self.limit(size)))

    def filled(self, count: int, size: tuple[int, int]) -> NDArray[np.int64] | None:
        """Row numbers that fill a call of `count` rows up by repeating the last; None: it needs no filling."""
        full = count if self._full is None else self.limit(size)
        return np.minimum(np.arange(full), count - 1) if full > count else None

    def run(
        self, count: int, size: tuple[int, int], make: Make[Made], check: Callable[[], None] = proceed
    ) -> list[Made]:
        """What `make` returns for all rows, in order; the batch is halved each time memory runs out.

        Parameters
        ----------
        size
            Width, height of the pictures in pixels.
        check
            Called before every round of batches; what it raises ends the work.

        Raises
        ------
        DeviceError
            Not even one picture fits into memory.
        """
        import torch

        made: list[Made] = []
        done = 0
        while done < count:
            check()
            workers = self._workers_for(size)
            rows = split_rows(done, count, self.limit(size), workers.size)
            # torch compiles for a number of cores, so a single part gets all cores only where nothing is compiled.
            whole_machine = len(rows) == 1 and self._full is None
            for part, outcome in zip(
                rows, workers.run(rows, self._pipeline, make, whole_machine=whole_machine), strict=True
            ):
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

    def _workers_for(self, size: tuple[int, int]) -> _Workers:
        """Workers for a size: one on a GPU, and where the scheduler uses torch's global random numbers."""
        import torch

        wanted = 1
        if self._device.type == "cpu" and not self._single_thread and _takes_generators(self._pipeline):
            wanted = max(1, min(MAX_WORKERS, torch.get_num_threads(), fitting_pictures(size)))
        if self._workers is None or self._workers.size != wanted:
            if self._workers is not None:
                self._workers.close()
            self._workers = _Workers(wanted, max(1, torch.get_num_threads() // wanted))
        return self._workers


def split_rows(first: int, last: int, limit: int, workers: int) -> list[slice]:
    """The next rows of each worker, as even as possible, none of more than `limit`.

    All rows together take as few rounds as possible, and their parts differ by at most one row: no worker waits long.
    """
    left = last - first
    rounds = -(-left // (limit * workers))
    parts = min(left, rounds * workers)
    boundaries = [first + left * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(boundaries[: workers + 1])]


class _Workers:
    """Threads, each with its share of the cores; a single worker is the caller's own thread."""

    def __init__(self, size: int, threads: int) -> None:
        self.size = size
        self._pool = ThreadPoolExecutor(size, "pictures", initializer=_limit_threads, initargs=(threads,))

    def run(
        self, rows: list[slice], pipeline: Any, make: Make[Made], *, whole_machine: bool
    ) -> list[Callable[[], Made]]:
        """Start on parts of the rows; each function that comes back waits for its part, and raises what it raised.

        Parameters
        ----------
        whole_machine
            Make the single part in the caller's own thread, with all cores.
        """
        if self.size == 1 or whole_machine:
            return [lambda part=part: make(part, None) for part in rows]  # type: ignore[misc]
        import torch

        before = torch.get_num_threads()
        futures: list[Future[Made]] = [self._pool.submit(make, part, with_own_state(pipeline)) for part in rows]
        for future in futures:  # all must have ended before one's failure is handled
            future.exception()
        torch.set_num_threads(before)  # a worker's own number became the default of new threads
        return [future.result for future in futures]

    def close(self) -> None:
        """End the threads once their work is done."""
        self._pool.shutdown(wait=False)


def with_own_state(pipeline: Any) -> Any:
    """A copy of a pipeline that shares its weights and has its own scheduler and flags."""
    shell = copy.copy(pipeline)
    shell.scheduler = copy.deepcopy(pipeline.scheduler)
    return shell


def _limit_threads(count: int) -> None:
    import torch

    torch.get_num_threads()  # a thread reads the default at its first call, which would undo the next line
    torch.set_num_threads(count)


def _takes_generators(pipeline: Any) -> bool:
    """Whether all noise between steps comes from generators that the pipeline passes to its scheduler.

    torch's global random numbers cannot be repeated while several threads draw from them.
    """
    if hasattr(pipeline, "prepare_extra_step_kwargs"):
        return True
    step = inspect.signature(pipeline.scheduler.step).parameters
    return "generator" not in step or not pipeline.scheduler.config.get("stochastic_sampling", True)
