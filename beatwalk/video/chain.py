"""What an effect is: geometry, which says where the view looks, or a grade, which changes colours where they are.

To add one, write a class below one of these, put it into `beatwalk.video.effects.CHAIN` at its place, and give it
settings and targets (CONTRIBUTING.md has the list of places). Without a kernel it runs in torch, on the
CPU too, and then all other effects of the chain do.

Conventions
-----------
- Points are pixels from the picture's centre, x to the right, y **down**; a tensor of them has shape (2, …).
- A geometry pulls: it takes a point of the view to the point of the picture that is seen there.
- Pictures are float32 in torch, shape (n, 3, height, width), encoded sRGB, 0-1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from beatwalk.settings import MAX_TRAILS
from beatwalk.types import Float, Targets

if TYPE_CHECKING:
    from torch import Tensor

NOTHING = 1e-9  # a smaller movement or change is skipped

Indices = NDArray[np.int64]


class Effect(ABC):
    """One effect of one video.

    Parameters
    ----------
    targets
        The targets of every frame.
    size
        Width, height of the frames.

    Raises
    ------
    ValueError
        A target that it uses is not a finite number.
    """

    uses: ClassVar[tuple[str, ...]] = ()  # keys of the targets that it follows

    def __init__(self, targets: Targets, size: tuple[int, int]) -> None:
        self.size = size
        self.curves = {key: np.asarray(targets[key], np.float64) for key in self.uses}
        if not all(np.isfinite(curve).all() for curve in self.curves.values()):
            raise ValueError("targets hold values that are not finite numbers")

    @property
    @abstractmethod
    def active(self) -> NDArray[np.bool_]:
        """Which frames it changes, shape (n_frames,)."""


class Geometry(Effect):
    """An effect that moves what is seen. All geometries of a chain are composed, and the picture is sampled once.

    Its methods are asked for frames in which it is active.
    """

    def matrix(self, frame: int) -> Float | None:
        """Give the map of one frame from view to picture, homogeneous, shape (3, 3); None where it is not affine."""
        return None

    def shrink(self, frame: int) -> float:
        """How many times smaller the view shows things; what is smaller is softened against shimmer."""
        matrix = self.matrix(frame)
        return 1.0 if matrix is None else float(np.sqrt(np.abs(np.linalg.det(matrix[:2, :2]))))

    @abstractmethod
    def seen(self, points: Tensor, frame: int) -> Tensor:
        """Take points of the view to those of the picture."""

    @abstractmethod
    def shown(self, points: Tensor, frame: int) -> Tensor:
        """Take points of the picture to where the view shows them; trails ask this of the frame before."""


class Affine(Geometry):
    """A geometry with a matrix for every frame."""

    matrices: Float  # shape (n_frames, 3, 3), view → picture, pixels from the centre

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames whose matrix is not the identity."""
        moving: NDArray[np.bool_] = np.abs(self.matrices - np.eye(3)).max(axis=(1, 2)) > NOTHING
        return moving

    def matrix(self, frame: int) -> Float | None:
        """Give the frame's matrix."""
        matrix: Float = self.matrices[frame]
        return matrix

    def seen(self, points: Tensor, frame: int) -> Tensor:
        """Apply the matrix."""
        return mapped(self.matrices[frame], points)

    def shown(self, points: Tensor, frame: int) -> Tensor:
        """Apply the inverse."""
        return mapped(np.linalg.inv(self.matrices[frame]), points)


def mapped(matrix: Float, points: Tensor) -> Tensor:
    """Apply an affine map, shape (3, 3), to points."""
    import torch

    x, y = points
    return torch.stack([x * float(row[0]) + y * float(row[1]) + float(row[2]) for row in matrix[:2]])


class Grade(Effect):
    """An effect that changes every pixel for itself."""

    kernel: ClassVar[int | None] = None  # code of its step in `beatwalk.video.kernels`

    @abstractmethod
    def apply(self, pictures: Tensor, frames: Indices) -> Tensor:
        """Change pictures, where they lie; `frames` are their indices, all of them active."""

    def parameters(self, frame: int) -> Float:
        """Give what the kernel's step needs for a frame, shape (at most N_PARAMETERS,)."""
        raise NotImplementedError("an effect with a kernel gives its parameters")


class Trails(Effect):
    """How much of the frame before stays. Grades before it leave trails; those after it do not."""

    uses = ("trails.amount",)

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames that keep something of the one before."""
        return self.share > NOTHING

    @property
    def share(self) -> Float:
        """The part of the frame before that stays, shape (n_frames,)."""
        return np.clip(self.curves["trails.amount"], 0, MAX_TRAILS)
