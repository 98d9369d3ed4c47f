"""A calibration picture as bytes, for another process or machine, and back: an archive of arrays, nothing pickled."""

from __future__ import annotations

import io
import zipfile

import numpy as np

from beatwalk.walk.calibration import CalibrationPicture, Cost

NAMES = ("latents", "picture", "nudged", "previewed")


def picture_to_bytes(picture: CalibrationPicture) -> bytes:
    """Write a picture, exactly."""
    cost, kept = picture.cost, io.BytesIO()
    arrays = {name: getattr(picture, name) for name in NAMES}
    np.savez(kept, probes=np.array(cost.n_probes), frames=np.array(cost.frames), **arrays)
    return kept.getvalue()


def picture_from_bytes(data: bytes) -> CalibrationPicture:
    """Read a picture from the bytes of `picture_to_bytes`.

    Raises
    ------
    ValueError
        The bytes are something else, or damaged.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            cost = Cost(n_probes=int(arrays["probes"]), frames=float(arrays["frames"]))
            return CalibrationPicture(cost=cost, **{name: arrays[name] for name in NAMES})
    except (KeyError, EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"these are not the bytes of a calibration picture: {error}") from None
