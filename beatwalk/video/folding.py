"""Geometry that repeats the picture: a kaleidoscope, tiles, and large pixels.

None of them is affine, so that the points of a view are computed one by one. Trails ask where a point of the picture
was shown: in the first of its copies.
"""

from __future__ import annotations

from math import tau
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.types import Float
from beatwalk.video.chain import Geometry

if TYPE_CHECKING:
    from torch import Tensor


class Mirror(Geometry):
    """A kaleidoscope: segments about the middle, every second one mirrored; one segment mirrors left and right."""

    uses = ("mirror.segments",)

    @property
    def segments(self) -> Float:
        """How many there are, shape (n_frames,); 0: the picture is whole."""
        return np.rint(self.curves["mirror.segments"])

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames that are mirrored."""
        return self.segments >= 1

    def seen(self, points: Tensor, frame: int) -> Tensor:
        """Fold the angle, clockwise from above, into half a segment to the right of it."""
        import torch

        x, y = points
        angle, radius = torch.atan2(x, -y), torch.hypot(x, y)
        segment = tau / float(self.segments[frame])
        folded = (angle - segment * torch.round(angle / segment)).abs()
        return torch.stack([radius * torch.sin(folded), -radius * torch.cos(folded)])

    def shown(self, points: Tensor, frame: int) -> Tensor:
        """The half segment that is folded is where it was."""
        return points


class Tile(Geometry):
    """The picture several times beside and above each other, smaller, none mirrored."""

    uses = ("tile.count",)

    @property
    def count(self) -> Float:
        """How many there are along each side, shape (n_frames,)."""
        return np.rint(self.curves["tile.count"])

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames with more than one."""
        return self.count > 1

    def shrink(self, frame: int) -> float:
        """As many times as there are tiles along a side."""
        return float(self.count[frame])

    def seen(self, points: Tensor, frame: int) -> Tensor:
        """Enlarge, and begin again beyond each edge."""
        import torch

        count = float(self.count[frame])
        sides = zip(points, self.size, strict=True)
        return torch.stack([((values + side / 2) * count).remainder(side) - side / 2 for values, side in sides])

    def shown(self, points: Tensor, frame: int) -> Tensor:
        """In the tile in the middle, or the one to the right and below it."""
        import torch

        count = float(self.count[frame])
        before = count // 2  # tiles
        sides = zip(points, self.size, strict=True)
        return torch.stack([(values + side / 2 + before * side) / count - side / 2 for values, side in sides])


class Pixelate(Geometry):
    """Large pixels: every cell shows the colour in its middle, softened."""

    uses = ("pixelate.amount",)

    @property
    def side(self) -> Float:
        """Width and height of a cell in pixels, shape (n_frames,)."""
        return np.maximum(self.curves["pixelate.amount"] * min(self.size), 1.0)

    @property
    def active(self) -> NDArray[np.bool_]:
        """The frames whose cells are larger than pixels."""
        return self.side > 1

    def shrink(self, frame: int) -> float:
        """As many times as pixels fit along a cell."""
        return float(self.side[frame])

    def seen(self, points: Tensor, frame: int) -> Tensor:
        """Take points to the middle of their cell; a cell begins in the middle of the picture."""
        side = float(self.side[frame])
        return ((points / side).floor() + 0.5) * side

    def shown(self, points: Tensor, frame: int) -> Tensor:
        """Where they are."""
        return points
