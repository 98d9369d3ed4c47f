"""Effects: what the music does to rendered frames.

The order is geometry (where the view looks: camera, mirror, tiles, large pixels), colour (exposure, then saturation
and hue), aberration, trails (how much of the frame before stays), vignette, strobe, grain. `finishing` applies them
once to all frames, in order: on a CPU by compiled code, frame by frame (`beatwalk.video.kernels`), elsewhere by
torch, in batches. Both give the same pictures to within a level.

Conventions
-----------
- Sizes are (width, height).
- The result does not depend on how frames are grouped into batches.
- A frame that no target changes stays as it is, bit for bit.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from beatwalk.perception import Pictures, is_tensor
from beatwalk.types import Float, Float32, Frames, Targets
from beatwalk.video.camera import Camera
from beatwalk.video.chain import NOTHING, Effect, Geometry, Grade, Indices, Trails
from beatwalk.video.color import Color
from beatwalk.video.folding import Mirror, Pixelate, Tile
from beatwalk.video.grain import Grain, pattern
from beatwalk.video.light import Aberration, Strobe, Vignette
from beatwalk.video.steps import GRAIN, KEEP, N_PARAMETERS, TRAIL

Mask = NDArray[np.bool_]

if TYPE_CHECKING:
    from torch import Tensor

# In the order in which they are applied. Geometries work on views, so that the last one is nearest to the eye.
CHAIN: tuple[type[Effect], ...] = (
    Camera, Mirror, Tile, Pixelate, Color, Aberration, Trails, Vignette, Strobe, Grain,
)  # fmt: skip
MAX_THREADS = 8  # that paint one frame on a CPU
THREAD_PIXELS = 2**17  # least part of a frame that is worth a thread
_NO_PLACES: Float32 = np.empty((2, 0, 0), np.float32)
_NO_SOURCE: Float32 = np.empty((0, 0, 4), np.float32)
_NO_PATTERN: Float32 = np.empty((0, 0), np.float32)


class Effects:
    """Applies the effects of one video; remembers the last finished frame for the trails.

    Parameters
    ----------
    chain
        The effects, in order.
    targets
        The targets of every frame.
    size
        Width, height of the frames.
    device
        Where to compute, such as cpu or cuda:0; frames that lie on the CPU are brought there.
    """

    def __init__(
        self, chain: Sequence[type[Effect]], targets: Targets, size: tuple[int, int], device: str = "cpu"
    ) -> None:
        self.size, self.n_frames, self.device = size, len(targets), device
        made = [effect(targets, size) for effect in chain]
        self._geometry = [(effect, effect.active) for effect in made if isinstance(effect, Geometry)]
        self._trails = next((effect for effect in made if isinstance(effect, Trails)), None)
        at = made.index(self._trails) if self._trails is not None else len(made)
        # Grades that leave trails, and those that come after them.
        self._grades, self._shown = (
            [(effect, effect.active) for effect in part if isinstance(effect, Grade)]
            for part in (made[:at], made[at:])
        )
        self._compiled = device == "cpu" and all(
            grade.kernel is not None for grade, _ in (*self._grades, *self._shown)
        )
        none = np.zeros(self.n_frames, bool)
        self._moves = np.logical_or.reduce([none, *(active for _, active in self._geometry)])
        self._trailing = none if self._trails is None else self._trails.active
        self._share = np.zeros(self.n_frames) if self._trails is None else self._trails.share
        self._busy = np.logical_or.reduce([none, *(effect.active for effect in made)])
        self._kept = np.append(self._trailing[1:], False)  # the next frame needs this one
        if self._compiled and (self._busy | self._kept).any():
            _prepare()
        self._next: int | None = None
        self._before: Float32 | Tensor | None = None
        workers = min(os.cpu_count() or 1, MAX_THREADS, max(1, size[0] * size[1] // THREAD_PIXELS))
        self._pool = ThreadPoolExecutor(workers, "effects") if workers > 1 else None
        rows = np.linspace(0, size[1], workers + 1).astype(int)
        self._parts = [(int(first), int(last)) for first, last in itertools.pairwise(rows)]

    def apply(self, frames: Pictures, first_frame: int) -> Pictures:
        """Apply the effects to the next frames; call with successive batches of any length.

        Parameters
        ----------
        frames
            The pictures, on any device.
        first_frame
            Index of the first of them in the video; the first call may start anywhere, the next one continues there.

        Returns
        -------
        Pictures
            The same number on the same device; `frames` itself where nothing changes.
        """
        last = first_frame + len(frames)
        if frames.size != self.size:
            raise ValueError(f"expected frames of {self.size}, found {frames.size}")
        if first_frame < 0 or last > self.n_frames or self._next not in (None, first_frame):
            due = f"frame {self._next}" if self._next is not None else "a frame"
            raise ValueError(f"expected {due} of {self.n_frames}, found frames {first_frame} to {last - 1}")
        self._next = last
        touched = self._busy[first_frame:last] | self._kept[first_frame:last]
        if not touched.any():
            self._before = None
            return frames
        if is_tensor(frames.data):
            return Pictures(self._on_device(frames.data, first_frame, touched), keep_tensor=True)
        if self._compiled:
            return Pictures(self._on_cpu(frames.host(), first_frame, touched))
        import torch

        given = torch.from_numpy(np.require(frames.host(), requirements=["C", "W"])).to(self.device)
        return Pictures(self._on_device(given, first_frame, touched))

    def _view(self, index: int) -> Float | None:
        """Compose the geometries of a frame, shape (3, 3); None where one of them is not affine."""
        composed: Float = np.eye(3)
        for geometry in self._moving(index):
            if (matrix := geometry.matrix(index)) is None:
                return None
            composed = composed @ matrix
        return composed

    def _moving(self, index: int) -> list[Geometry]:
        """List the geometries that change a frame."""
        return [geometry for geometry, active in self._geometry if active[index]]

    def _shrink(self, index: int) -> float:
        """Give how many times smaller than in the picture things are in the view."""
        return math.prod(geometry.shrink(index) for geometry in self._moving(index))

    def _drift(self, index: int) -> Float | None:
        """Give the map from a frame's view to the one before: where a point that is seen now was seen."""
        before, now = self._view(index - 1), self._view(index)
        return None if before is None or now is None else np.linalg.inv(before) @ now

    def _places(self, index: int, device: str, *, drift: bool = False) -> Tensor:
        """Give the points that a view shows, or where the view before showed them, shape (2, height, width)."""
        from beatwalk.video.sampling import view_points

        points = view_points(self.size, device)
        for geometry in reversed(self._moving(index)):
            points = geometry.seen(points, index)
        for geometry in self._moving(index - 1) if drift else ():
            points = geometry.shown(points, index - 1)
        return points

    # ------------------------------------------------------------------------------------------------- compiled, CPU

    def _on_cpu(self, frames: Frames, first: int, touched: Mask) -> Frames:
        """Apply the effects frame by frame."""
        done = np.empty_like(frames, order="C")
        for i, frame in enumerate(frames):
            if touched[i]:
                self._paint(np.require(frame, requirements=["C", "W"]), first + i, done[i])
            else:
                done[i], self._before = frame, None
        return done

    def _paint(self, frame: Frames, index: int, done: Frames) -> None:
        from beatwalk.video import kernels

        source, seen, places = _NO_SOURCE, np.eye(3), _NO_PLACES
        if self._moves[index]:
            source, seen, places = self._source(frame, index)
        before, drift, drift_places = _NO_SOURCE, np.eye(3), _NO_PLACES
        steps = [(grade.kernel, grade.parameters(index)) for grade, active in self._grades if active[index]]
        if self._trailing[index] and isinstance(self._before, np.ndarray):
            before = self._before
            steps.append((TRAIL, np.array([self._share[index]])))
            drift, drift_places = self._pixels(self._drift(index), index, drift=True)
        now = _NO_SOURCE
        if self._kept[index]:
            now = np.empty((self.size[1], self.size[0], 4), np.float32)
            steps.append((KEEP, np.zeros(0)))
        steps += [(grade.kernel, grade.parameters(index)) for grade, active in self._shown if active[index]]
        codes = np.array([code for code, _ in steps], np.int64)
        noise = pattern(self.size[1], self.size[0]) if GRAIN in codes else _NO_PATTERN
        parameters = np.zeros((len(steps), N_PARAMETERS), np.float32)
        for row, (_, values) in zip(parameters, steps, strict=True):
            row[: len(values)] = values

        def part(rows: tuple[int, int]) -> None:
            kernels.paint(
                frame, source, seen, places, codes, parameters, before, drift, drift_places, noise, now, done, *rows
            )

        if self._pool is None:
            part(self._parts[0])
        else:
            list(self._pool.map(part, self._parts))
        self._before = now if self._kept[index] else None

    def _source(self, frame: Frames, index: int) -> tuple[Float32, Float, Float32]:
        """Convert a frame that will be sampled; return it with the map of the view and its points."""
        from beatwalk.video import kernels
        from beatwalk.video.sampling import softening

        source = np.empty((*frame.shape[:2], 4), np.float32)
        kernels.as_source(frame, source)
        if (amount := float(softening(np.array(self._shrink(index))))) > 0:
            source = kernels.blurred(source, amount)
        return source, *self._pixels(self._view(index), index)

    def _pixels(self, matrix: Float | None, index: int, *, drift: bool = False) -> tuple[Float, Float32]:
        """Give a map between pixels' indices, or the indices of all points where it is not affine."""
        middle = np.array(self.size) / 2 - 0.5
        if matrix is None:
            points = self._places(index, "cpu", drift=drift).numpy()
            return np.eye(3), np.ascontiguousarray(points + middle[:, None, None], np.float32)
        moved = matrix.copy()
        moved[:2, 2] += middle - matrix[:2, :2] @ middle
        return moved, _NO_PLACES

    # ------------------------------------------------------------------------------------------------- torch, batches

    def _on_device(self, frames: Tensor, first: int, touched: Mask) -> Tensor:
        """Apply the effects to a batch; only trails take one frame after the other."""
        import torch

        within = np.flatnonzero(touched)
        indices = first + within
        with torch.inference_mode():
            rows = torch.from_numpy(within).to(frames.device)
            pictures = frames[rows].permute(0, 3, 1, 2).contiguous().float().div_(255)
            pictures = self._graded(self._sampled(pictures, indices), indices, self._grades).clamp_(0, 1)
            self._trail(pictures, indices)
            shown = self._graded(pictures, indices, self._shown)
            busy = torch.from_numpy(self._busy[indices]).to(frames.device)
            done = frames.clone()
            done[rows[busy]] = (shown[busy] * 255).round_().to(torch.uint8).permute(0, 2, 3, 1)
        return done

    def _sampled(self, pictures: Tensor, indices: Indices) -> Tensor:
        """Look through all geometries at once."""
        import torch

        from beatwalk.video.sampling import blur, grid_of, grids, sample, softening

        if not (moving := np.flatnonzero(self._moves[indices])).size:
            return pictures
        device, views = str(pictures.device), [self._view(int(index)) for index in indices[moving]]
        rows = torch.from_numpy(moving).to(pictures.device)
        chosen = pictures[rows]
        matrices = np.stack([np.eye(3) if view is None else view for view in views])
        shrinks = np.array([self._shrink(int(index)) for index in indices[moving]])
        if (amounts := softening(shrinks)).any():
            chosen = blur(chosen, torch.from_numpy(amounts.astype(np.float32)).to(pictures.device))
        grid = grids(matrices, self.size, device)
        for n, view in enumerate(views):
            if view is None:
                grid[n] = grid_of(self._places(int(indices[moving[n]]), device))[0]
        pictures[rows] = sample(chosen, grid, smooth=True)
        return pictures

    def _graded(self, pictures: Tensor, indices: Indices, grades: Sequence[tuple[Grade, Mask]]) -> Tensor:
        """Apply grades to those pictures that they change; leave the given ones alone."""
        import torch

        for grade, active in grades:
            if (chosen := np.flatnonzero(active[indices])).size:
                rows = torch.from_numpy(chosen).to(pictures.device)
                pictures = pictures.index_copy(0, rows, grade.apply(pictures[rows], indices[chosen]))
        return pictures

    def _trail(self, pictures: Tensor, indices: Indices) -> None:
        """Mix into every picture, in place, the one before it as its view showed it."""
        from beatwalk.video.sampling import grid_of, grids, sample

        for picture, index in zip(pictures, indices.tolist(), strict=True):
            before = self._before if index and self._kept[index - 1] else None
            if self._trailing[index] and before is not None and not isinstance(before, np.ndarray):
                drift, device = self._drift(index), str(pictures.device)
                if drift is None:
                    before = sample(before[None], grid_of(self._places(index, device, drift=True)), smooth=False)[0]
                elif np.abs(drift - np.eye(3)).max() > NOTHING:
                    before = sample(before[None], grids(drift[None], self.size, device), smooth=False)[0]
                picture.lerp_(before, float(self._share[index]))
            self._before = picture if self._kept[index] else None
        if self._before is not None and not isinstance(self._before, np.ndarray):
            self._before = self._before.clone()  # a view would keep the whole batch in memory


def _prepare() -> None:
    """Load the compiled code, or compile it in the first run: here, so that no frame waits for it."""
    from beatwalk.video import kernels

    kernels.prepare()
