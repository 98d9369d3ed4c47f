"""Effects: what the music does to rendered frames.

The order is camera (where the view looks), colour (exposure, then saturation and hue), trails (how much of the frame
before stays), grain. `finishing` applies them once to all frames, in order.

Conventions
-----------
- Sizes are (width, height). Points are pixels from the picture's centre, x to the right, y **down**.
- A camera matrix takes a point of the view to the point of the picture that is seen there: it pulls, never pushes.
- Inside, a frame is float32, shape (3, height, width), encoded sRGB, 0-1. Frames are processed one by one, so that
  the result does not depend on how they were grouped into batches.
- A frame that no target changes stays as it is, bit for bit.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from beatwalk.perception import RGB_TO_CONES, ROOTS_TO_LAB, power, to_linear, to_srgb
from beatwalk.settings import MAX_TRAILS
from beatwalk.types import Float, Frames, Targets
from beatwalk.video.grain import grain

if TYPE_CHECKING:
    from torch import Tensor

KNEE = 0.6  # linear light above which a raised exposure is rolled off rather than clipped
NOTHING = 1e-9  # a smaller movement or change is skipped
MAX_THREADS = 8  # frames processed at once on a CPU
# Colour is processed in pieces that stay in a core's cache and below the size from which torch starts threads of its
# own inside every step: those wait for each other, which is slow on cores that are shared with the encoder.
CACHED_PIXELS = 8192


def camera_matrices(targets: Targets, size: tuple[int, int]) -> Float:
    """Compute for every frame the affine map from a point of the view to the point of the picture seen there.

    Zoom and rotation turn about the middle of the view; pan moves that middle over the picture, in picture widths and
    heights, whatever the zoom.

    Returns
    -------
    Float
        Shape (n_frames, 3, 3), homogeneous, pixels from the centre.
    """
    reach = np.exp2(-targets.zoom)
    angle = np.deg2rad(targets.rotate)
    cosine, sine = reach * np.cos(angle), reach * np.sin(angle)
    matrices = np.zeros((len(reach), 3, 3))
    matrices[:, 0] = np.stack([cosine, -sine, targets.pan_x * size[0]], axis=1)
    matrices[:, 1] = np.stack([sine, cosine, targets.pan_y * size[1]], axis=1)
    matrices[:, 2, 2] = 1
    return matrices


def color_matrices(exposure: float, saturation: float, hue: float) -> tuple[Float, Float]:
    """Compute two matrices that change colour in OKLab: linear sRGB → cones, roots of cones → changed roots of cones.

    Saturation and hue scale and turn OKLab's colour plane at constant lightness. That is linear, so it needs no trip
    through Lab itself; exposure scales light, so it goes into the first matrix.

    Parameters
    ----------
    exposure
        Stops.
    saturation
        Factor; below 0 counts as 0.
    hue
        Degrees.
    """
    angle, strength = np.deg2rad(hue), max(saturation, 0.0)
    turn = np.eye(3)
    turn[1:, 1:] = strength * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.exp2(exposure) * RGB_TO_CONES, np.linalg.inv(ROOTS_TO_LAB) @ turn @ ROOTS_TO_LAB


class Effects:
    """Applies camera, colour, trails and grain of one video; remembers the last finished frame for the trails.

    Parameters
    ----------
    targets
        The targets of every frame.
    size
        Width, height of the frames.
    device
        Where to compute, such as cpu or cuda.
    """

    def __init__(self, targets: Targets, size: tuple[int, int], device: str = "cpu") -> None:
        self.size = size
        self.device = "cpu" if device.startswith("mps") else device  # torch has no bicubic sampling on Apple's GPUs
        self.n_frames = len(targets.zoom)
        self._cameras = camera_matrices(targets, size)
        self._colors = np.stack([targets.exposure, targets.saturation, targets.hue], axis=1)
        self._trails = np.clip(targets.trails, 0, MAX_TRAILS)
        self._noise = np.clip(targets.noise, 0, 1)
        if not all(np.isfinite(part).all() for part in (self._cameras, self._colors, self._trails, self._noise)):
            raise ValueError("targets hold values that are not finite numbers")
        self._moves = np.abs(self._cameras - np.eye(3)).max(axis=(1, 2)) > NOTHING
        self._grades = np.abs(self._colors - [0, 1, 0]).max(axis=1) > NOTHING
        self._trailing = self._trails > NOTHING
        self._grainy = self._noise > NOTHING
        self._busy = self._moves | self._grades | self._trailing | self._grainy
        self._kept = np.append(self._trailing[1:], False)  # the next frame needs this one
        self._next: int | None = None
        self._before: Tensor | None = None

    def apply(self, frames: Frames, first_frame: int) -> Frames:
        """Apply the effects to the next frames; call with successive batches of any length.

        Parameters
        ----------
        frames
            uint8, shape (n, height, width, 3).
        first_frame
            Index of `frames[0]` in the video; the first call may start anywhere, the next one continues there.

        Returns
        -------
        Frames
            The same shape; `frames` itself where nothing changes.
        """
        import torch

        last = first_frame + len(frames)
        if frames.dtype != np.uint8 or frames.shape[1:] != (self.size[1], self.size[0], 3):
            expected = f"uint8 frames of shape (n, {self.size[1]}, {self.size[0]}, 3)"
            raise ValueError(f"expected {expected}, found {frames.dtype} {frames.shape}")
        if first_frame < 0 or last > self.n_frames or self._next not in (None, first_frame):
            due = f"frame {self._next}" if self._next is not None else "a frame"
            raise ValueError(f"expected {due} of {self.n_frames}, found frames {first_frame} to {last - 1}")
        self._next = last
        if not (self._busy[first_frame:last] | self._kept[first_frame:last]).any():
            self._before = None
            return frames
        given = torch.from_numpy(np.require(frames, requirements=["C", "W"])).to(self.device)
        done = given.clone()
        # A few frames at a time; only trails need them in order.
        workers = max(1, min(os.cpu_count() or 1, MAX_THREADS)) if self.device == "cpu" else 1
        with ThreadPoolExecutor(workers, "effects") as pool, torch.inference_mode():
            for at in range(0, len(frames), workers):
                group = range(at, min(at + workers, len(frames)))
                fresh = pool.map(self._fresh, (given[i] for i in group), (first_frame + i for i in group))
                for i, picture in zip(group, fresh, strict=True):
                    self._before = self._trail(picture, first_frame + i, done[i])
        finished: Frames = done.cpu().numpy()
        return finished

    def _fresh(self, given: Tensor, index: int) -> Tensor | None:
        """Apply camera and colour to one frame; None where neither this frame nor the next needs it."""
        import torch

        if not (self._busy[index] or self._kept[index]):
            return None
        with torch.inference_mode():  # holds for one thread
            picture = given.permute(2, 0, 1).contiguous().float().div_(255)
            if self._moves[index]:
                picture = look(picture, self._cameras[index], smooth=True)
            if self._grades[index]:
                picture = grade(picture, *self._colors[index])
            return picture.clamp_(0, 1)

    def _trail(self, picture: Tensor | None, index: int, done: Tensor) -> Tensor | None:
        """Mix in the frame before, write the finished frame to `done`, return what the next frame's trail needs."""
        if picture is None:
            return None
        if self._trailing[index] and self._before is not None:
            # A point seen at p now was seen, a frame ago, where the camera of that frame looked at the same point.
            drift = np.linalg.inv(self._cameras[index - 1]) @ self._cameras[index]
            before = self._before
            if np.abs(drift - np.eye(3)).max() > NOTHING:
                before = look(before, drift, smooth=False)
            picture = picture.lerp_(before, float(self._trails[index]))
        if self._busy[index]:
            shown = picture
            if self._grainy[index]:
                noise = grain(self.size[1], self.size[0], index, str(picture.device))
                shown = picture.add(noise, alpha=float(self._noise[index])).clamp_(0, 1)
            done.copy_((shown * 255).round_().permute(1, 2, 0))
        return picture if self._kept[index] else None


def look(picture: Tensor, camera: Float, *, smooth: bool) -> Tensor:
    """Show the picture as a camera sees it, mirrored beyond its edges.

    Parameters
    ----------
    picture
        Float, shape (3, height, width).
    camera
        Shape (3, 3), view → picture, pixels from the centre.
    smooth
        Bicubic sampling, which stays sharp; else bilinear, which never overshoots and so can be repeated endlessly.
    """
    import torch
    import torch.nn.functional as F

    height, width = picture.shape[-2:]
    halves = np.array([width / 2, height / 2, 1])
    # Without align_corners, -1 and 1 are the outer edges of the picture: half its size is the unit, and identity
    # lands on the centres of the pixels. What a column adds to a point is the same in all rows, and a row in all
    # columns: sums of both take a third of the time of torch's affine_grid, which multiplies matrices.
    to_right, down, middle = torch.tensor(
        (camera * halves / halves[:, None])[:2].T, dtype=torch.float32, device=picture.device
    )
    x, y = ((2 * torch.arange(n, device=picture.device) + 1) / n - 1 for n in (width, height))
    grid = (x[:, None] * to_right + middle) + (y[:, None] * down)[:, None]
    shrink = float(np.sqrt(abs(np.linalg.det(camera[:2, :2]))))
    if smooth and shrink > 1 + NOTHING:
        picture = blur(picture, min(shrink - 1, 1))
    mode = "bicubic" if smooth else "bilinear"
    return F.grid_sample(picture[None], grid[None], mode=mode, padding_mode="reflection", align_corners=False)[0]


def blur(picture: Tensor, amount: float) -> Tensor:
    """Blur over three pixels each way, against shimmer in pictures made smaller; 1 is binomial, 0 changes nothing."""
    import torch.nn.functional as F

    for axis, padding in ((-1, (1, 1, 0, 0)), (-2, (0, 0, 1, 1))):
        length = picture.shape[axis]
        padded = F.pad(picture[None], padding, mode="replicate")[0]
        neighbours = padded.narrow(axis, 0, length) + padded.narrow(axis, 2, length)
        picture = picture.lerp(neighbours / 2, amount / 2)
    return picture


def grade(picture: Tensor, exposure: float, saturation: float, hue: float) -> Tensor:
    """Change exposure (stops, in linear light), saturation (factor) and hue (degrees), both in OKLab.

    Parameters
    ----------
    picture
        sRGB as encoded, 0-1, shape (3, height, width); a little beyond 0-1 counts as 0 or 1.
    """
    import torch

    matrices = (*color_matrices(exposure, saturation, hue), np.linalg.inv(RGB_TO_CONES))
    to_cones, mix, to_light = (torch.tensor(m, dtype=torch.float32, device=picture.device) for m in matrices)
    flat, white = picture.reshape(3, -1), 2.0 ** max(exposure, 0.0)
    done = torch.empty_like(flat)
    piece = CACHED_PIXELS if picture.device.type == "cpu" else flat.shape[1]
    for at in range(0, flat.shape[1], piece):
        part = slice(at, at + piece)
        roots = mix @ power(to_cones @ to_linear(flat[:, part]), 1 / 3)
        done[:, part] = to_srgb(roll_off(to_light @ (roots * roots * roots), white))
    return done.reshape(picture.shape)


def roll_off(light: Tensor, white: float) -> Tensor:
    """Bring linear light from 0..white into 0..1: straight up to the knee, then a curve that reaches 1 at `white`.

    The curve is u / (1 + c u), whose slope at the knee is 1; with white = 1 it is a straight line.
    """
    if white <= 1:
        return light.clamp_(0, 1)
    reach = (white - KNEE) / (1 - KNEE)
    light = light.clamp_(0, white)
    above = (light - KNEE).clamp_(min=0).div_(1 - KNEE)
    bent = above / (1 + (1 - 1 / reach) * above)
    return light.clamp_(max=KNEE).add_(bent, alpha=1 - KNEE)
