"""A survey as plain data, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from beatwalk.walk.arc import ArcMap
from beatwalk.walk.latent_preview import Sketcher
from beatwalk.walk.noise import NoiseRoute, NoiseState
from beatwalk.walk.segment_path import Course
from beatwalk.walk.survey import Survey


def survey_to_json(found: Survey) -> dict[str, Any]:
    """A survey as plain data."""
    return {
        "scale": found.scale,
        "probes": found.n_probes,
        "cost": found.cost,
        "sketcher": found.sketcher and found.sketcher.weights.tolist(),
        "courses": [
            {
                "origin": course.route.start.origin,
                "position": course.route.start.position,
                "hops": course.route.hops,
                "pinned": course.route.pinned,
                "change_share": course.change_share,
                "short_of": course.short_of,
                "alphas": course.arc.alphas.tolist(),
                "lengths": course.arc.lengths.tolist(),
            }
            for course in found.courses
        ],
    }


def survey_from_json(data: dict[str, Any]) -> Survey:
    """A survey from `survey_to_json`'s data; KeyError, TypeError or ValueError where it is not."""
    courses = tuple(
        Course(
            route=NoiseRoute(
                start=NoiseState(origin=int(row["origin"]), position=float(row["position"])),
                hops=float(row["hops"]),
                pinned=None if row["pinned"] is None else int(row["pinned"]),
            ),
            change_share=float(row["change_share"]),
            arc=ArcMap(alphas=np.array(row["alphas"], float), lengths=np.array(row["lengths"], float)),
            short_of=float(row["short_of"]),
        )
        for row in data["courses"]
    )
    weights = data["sketcher"]
    return Survey(
        scale=data["scale"],
        courses=courses,
        n_probes=int(data["probes"]),
        cost=float(data["cost"]),
        sketcher=None if weights is None else Sketcher(weights=np.array(weights, np.float32)),
    )
