"""A survey as plain data, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from beatwalk.walk.arc import ArcMap
from beatwalk.walk.latent_preview import LatentPreview
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.survey import Survey


def survey_to_json(found: Survey) -> dict[str, Any]:
    """Write a survey as plain data."""
    return {
        "scale": found.scale,
        "probes": found.n_probes,
        "cost": found.cost,
        "preview": found.preview and found.preview.weights.tolist(),
        "paths": [
            {
                "origin": path.noise.start.origin,
                "start": path.noise.start.travel,
                "travel": path.noise.travel,
                "pinned": path.noise.pinned,
                "change_share": path.change_share,
                "time_ratio": path.time_ratio,
                "alphas": path.arc.alphas.tolist(),
                "distances": path.arc.distances.tolist(),
            }
            for path in found.paths
        ],
    }


def survey_from_json(data: dict[str, Any]) -> Survey:
    """Read a survey from the data of `survey_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    paths = tuple(
        SegmentPath(
            noise=NoisePath(
                start=NoisePosition(origin=int(row["origin"]), travel=float(row["start"])),
                travel=float(row["travel"]),
                pinned=None if row["pinned"] is None else int(row["pinned"]),
            ),
            change_share=float(row["change_share"]),
            arc=ArcMap(alphas=np.array(row["alphas"], float), distances=np.array(row["distances"], float)),
            time_ratio=float(row["time_ratio"]),
        )
        for row in data["paths"]
    )
    weights = data["preview"]
    return Survey(
        scale=data["scale"],
        paths=paths,
        n_probes=int(data["probes"]),
        cost=float(data["cost"]),
        preview=None if weights is None else LatentPreview(weights=np.array(weights, np.float32)),
    )
