"""Pictures that stay on the device where they were made until somebody needs them on the host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np

from beatwalk.perception.averages import area_weights, averages_on_device
from beatwalk.perception.change import GRID, reduce_frames
from beatwalk.perception.flashes import light_grid, light_grids_on_device
from beatwalk.perception.oklab import oklab_on_device
from beatwalk.types import Float32, Frames

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch of pictures, as an array on the CPU or as a tensor on another device.

    Parameters
    ----------
    data
        uint8 sRGB, shape (n, height, width, 3). A tensor on the CPU becomes a numpy view of the same memory.
    keep_tensor
        Leave a tensor on the CPU a tensor, so that it takes the way of other devices; for tests of that way.

    Raises
    ------
    ValueError
        `data` has another type or shape.
    """

    data: Frames | Tensor
    keep_tensor: InitVar[bool] = False

    def __post_init__(self, keep_tensor: bool) -> None:
        data = self.data
        shape = tuple(data.shape)
        if str(data.dtype).removeprefix("torch.") != "uint8" or len(shape) != 4 or shape[3] != 3:
            raise ValueError(f"expected uint8 pictures of shape (n, height, width, 3), found {data.dtype} {shape}")
        if is_tensor(data) and data.device.type == "cpu" and not keep_tensor:
            object.__setattr__(self, "data", data.numpy())

    @classmethod
    def joined(cls, parts: Sequence[Pictures]) -> Pictures:
        """One batch of several, all of one size on one device; at least one."""
        if len(parts) == 1:
            return parts[0]
        first = parts[0].data
        if is_tensor(first):
            import torch

            return cls(torch.cat([cast("Tensor", part.data) for part in parts]), keep_tensor=True)
        return cls(np.concatenate([cast(Frames, part.data) for part in parts]))

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, rows: slice) -> Pictures:
        """Some of the pictures, without a copy."""
        return Pictures(self.data[rows], keep_tensor=True)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels."""
        return int(self.data.shape[2]), int(self.data.shape[1])

    @property
    def device(self) -> str:
        """Where they lie, such as cpu or cuda:0."""
        return str(self.data.device) if is_tensor(self.data) else "cpu"

    def reduced(self, grid: tuple[int, int] = (GRID, GRID)) -> Float32 | Tensor:
        """OKLab of averages of areas, shape (n, rows, columns, 3), on the same device; see `reduce_frames`."""
        if not is_tensor(self.data):
            return reduce_frames(cast(Frames, self.data), grid)
        return oklab_on_device(averages_on_device(self.data.float(), grid, area_weights).div_(255))

    def light_grid(self) -> Float32 | Tensor:
        """Mean linear light, shape (n, rows, columns, 3), where they lie; see `beatwalk.perception.light_grid`."""
        if not is_tensor(self.data):
            return np.stack([light_grid(frame) for frame in cast(Frames, self.data)])
        return light_grids_on_device(self.data)

    def host(self) -> Frames:
        """The pictures as an array on the host; from another device they are copied once, however often it is called.

        The call waits for the copy. `start_copy` begins it earlier.
        """
        if not is_tensor(self.data):
            return cast(Frames, self.data)
        copied, finished = self._copy
        if finished is not None:
            finished.synchronize()
        frames: Frames = copied.numpy()
        return frames

    def start_copy(self) -> None:
        """Begin to copy the pictures to the host, and do not wait."""
        if is_tensor(self.data):
            _ = self._copy

    @cached_property
    def _copy(self) -> tuple[Tensor, Any]:
        """The pictures on the host, and what says that they have arrived there; None where they have."""
        import torch

        data = cast("Tensor", self.data)
        if data.device.type != "cuda":
            return data.cpu(), None
        pinned = torch.empty(data.shape, dtype=torch.uint8, pin_memory=True)
        pinned.copy_(data, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
        arrived.record(torch.cuda.current_stream(data.device))
        return pinned, arrived


def is_tensor(array: object) -> TypeGuard[Tensor]:
    """Whether this is a tensor of torch, which need not have been loaded."""
    return type(array).__module__.partition(".")[0] == "torch"
