"""Where the walk of a leg stands between two blocks of frames, and that as arrays for a file.

A walk that resumes from its state makes the same frames, bit for bit. All numbers are kept as they are; what lies on
the generator's device comes back there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from beatwalk.models import Array, host, like
from beatwalk.types import Float
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.calibration import Calibration
from beatwalk.walk.controller import DecodedSample, PaceController
from beatwalk.walk.lookahead import Lookahead

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentState:
    """All that the next frames of a leg depend on, beside its job."""

    done: int  # frames of the segment, from its first one on
    last: Array  # the last of them, as `Pictures.reduced` gives it, shape (rows, columns, 3)
    controller: PaceController | None  # None without feedback

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state by names, without what `from_arrays` takes from the job."""
        arrays = {"done": np.array(self.done), "last": host(self.last)}
        if (controller := self.controller) is None:
            return arrays
        lookahead, calibration = controller.lookahead, controller.calibration
        arrays |= {
            "counts": np.array([controller.blocks, controller.fresh, controller.made]),
            "calibration": np.array([calibration.now, calibration.mean, controller.distance]),
            "alphas": lookahead.alphas,
            "latents": host(lookahead.latents),
            "colors": host(lookahead.colors),
            "distances": lookahead.distances,
            "log_ratios": lookahead.log_ratios,
        }
        if (decoded := controller.decoded) is not None:
            arrays |= {
                "decoded": np.array([decoded.alpha, decoded.distance]),
                "decoded_colors": host(decoded.colors),
                "decoded_picture": host(decoded.picture),
            }
        return arrays

    @classmethod
    def from_arrays(
        cls,
        arrays: Arrays,
        *,
        latent: Array,
        reduced: Array,
        arc: ArcMap | None = None,
        progress: Float | None = None,
        begin: int = 0,
        memory_bytes: float = np.inf,
        walked: float | None = None,
    ) -> SegmentState:
        """The state that `arrays` gave.

        Parameters
        ----------
        latent, reduced
            An array of the kind of latents, and one of the kind of reduced pictures, for their place.
        arc, progress, memory_bytes, walked
            As `PaceController.begin` takes them; without feedback there are none.
        begin
            First frame of the leg, counted from the segment's first.

        Raises
        ------
        KeyError, TypeError, ValueError
            The arrays are something else.
        """
        done, last = int(arrays["done"]), like(arrays["last"], reduced)
        if arc is None or progress is None:
            return cls(done=done, last=last, controller=None)
        latents, colors = like(arrays["latents"], latent), like(arrays["colors"], latent)
        begun = PaceController.begin(arc, progress, latents[:1], colors[:1], memory_bytes, walked)
        blocks, fresh, made = (int(value) for value in arrays["counts"])
        now, mean, distance = (float(value) for value in arrays["calibration"])
        decoded = None
        if "decoded" in arrays:
            alpha, at = (float(value) for value in arrays["decoded"])
            decoded = DecodedSample(
                alpha=alpha, distance=at, colors=like(arrays["decoded_colors"], latent),
                picture=like(arrays["decoded_picture"], reduced),
            )  # fmt: skip
        controller = replace(
            begun,
            lookahead=Lookahead(
                alphas=arrays["alphas"], latents=latents, colors=colors, distances=arrays["distances"],
                log_ratios=arrays["log_ratios"],
            ),
            done=done - begin,
            blocks=blocks,
            fresh=fresh,
            made=made,
            calibration=Calibration(now=now, mean=mean),
            distance=distance,
            decoded=decoded,
        )  # fmt: skip
        return cls(done=done, last=last, controller=controller)
