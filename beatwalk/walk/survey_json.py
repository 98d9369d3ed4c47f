"""A survey as plain data, and back. The keys are those that earlier versions wrote."""

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
        "sketcher": found.preview and found.preview.weights.tolist(),
        "courses": [
            {
                "origin": path.noise.start.origin,
                "position": path.noise.start.travel,
                "hops": path.noise.travel,
                "pinned": path.noise.pinned,
                "change_share": path.change_share,
                "short_of": path.short_of,
                "alphas": path.arc.alphas.tolist(),
                "lengths": path.arc.distances.tolist(),
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
                start=NoisePosition(origin=int(row["origin"]), travel=float(row["position"])),
                travel=float(row["hops"]),
                pinned=None if row["pinned"] is None else int(row["pinned"]),
            ),
            change_share=float(row["change_share"]),
            arc=ArcMap(alphas=np.array(row["alphas"], float), distances=np.array(row["lengths"], float)),
            short_of=float(row["short_of"]),
        )
        for row in data["courses"]
    )
    weights = data["sketcher"]
    return Survey(
        scale=data["scale"],
        paths=paths,
        n_probes=int(data["probes"]),
        cost=float(data["cost"]),
        preview=None if weights is None else LatentPreview(weights=np.array(weights, np.float32)),
    )
