"""The camera: zoom, rotation and pan."""

from __future__ import annotations

import numpy as np

from beatwalk.types import Float, Targets
from beatwalk.video.chain import Affine


class Camera(Affine):
    """Zoom and rotation turn about the middle of the view; pan moves that middle over the picture."""

    uses = ("camera.zoom", "camera.rotate", "camera.pan_x", "camera.pan_y")

    def __init__(self, targets: Targets, size: tuple[int, int]) -> None:
        super().__init__(targets, size)
        self.matrices = camera_matrices(targets, size)


def camera_matrices(targets: Targets, size: tuple[int, int]) -> Float:
    """Compute for every frame the affine map from a point of the view to the point of the picture seen there.

    Pan is in picture widths and heights, whatever the zoom.

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
