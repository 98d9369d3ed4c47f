"""Pilot and surveys as plain data, and back."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np

from beatwalk.types import Float32
from beatwalk.walk.arc import ArcMap
from beatwalk.walk.calibration import Cost, SongCalibration
from beatwalk.walk.latent_preview import LatentPreview
from beatwalk.walk.noise import NoisePath, NoisePosition
from beatwalk.walk.pilot import Pilot, PromptPreviews
from beatwalk.walk.segment_path import SegmentPath
from beatwalk.walk.survey import SegmentSurvey


def pilot_to_json(pilot: Pilot) -> dict[str, Any]:
    """Write a pilot as plain data."""
    song = pilot.song and song_to_json(pilot.song)
    noise = [_noise_to_json(path) for path in pilot.noise]
    return {"scale": pilot.scale, "song": song, "noise": noise, **cost_to_json(pilot.cost)}


def pilot_from_json(data: Mapping[str, Any]) -> Pilot:
    """Read a pilot from the data of `pilot_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    return Pilot(
        scale=data["scale"],
        song=data["song"] and song_from_json(data["song"]),
        noise=tuple(_noise_from_json(path) for path in data["noise"]),
        cost=cost_from_json(data),
    )


def song_to_json(song: SongCalibration) -> dict[str, Any]:
    """Write a song's calibration as plain data."""
    return {
        "preview": _array_to_json(song.preview.weights),
        "ratio": song.ratio,
        "noise_speed": song.noise_speed,
    }


def song_from_json(data: Mapping[str, Any]) -> SongCalibration:
    """Read a song's calibration from the data of `song_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    return SongCalibration(
        preview=LatentPreview(weights=_array_from_json(data["preview"])),
        ratio=float(data["ratio"]),
        noise_speed=float(data["noise_speed"]),
    )


def previews_to_json(previews: PromptPreviews) -> dict[str, Any]:
    """Write what a chunk's previews show as plain data."""
    return {"changes": list(previews.changes.items()), "farthest": previews.farthest, **cost_to_json(previews.cost)}


def previews_from_json(data: Mapping[str, Any]) -> PromptPreviews:
    """Read what a chunk's previews show from the data of `previews_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    return PromptPreviews(
        changes={int(index): tuple(map(float, found)) for index, found in data["changes"]},
        farthest=float(data["farthest"]),
        cost=cost_from_json(data),
    )


def survey_to_json(survey: SegmentSurvey) -> dict[str, Any]:
    """Write a segment's survey as plain data."""
    path = survey.path
    return {
        "noise": _noise_to_json(path.noise),
        "change_share": path.change_share,
        "time_ratio": path.time_ratio,
        "walked": path.walked,
        "alphas": path.arc.alphas.tolist(),
        "distances": path.arc.distances.tolist(),
        "preview": survey.preview and _array_to_json(survey.preview.weights),
        **cost_to_json(survey.cost),
    }


def survey_from_json(data: Mapping[str, Any]) -> SegmentSurvey:
    """Read a segment's survey from the data of `survey_to_json`.

    Raises
    ------
    KeyError, TypeError, ValueError
        The data is something else.
    """
    arc = ArcMap(alphas=np.array(data["alphas"], float), distances=np.array(data["distances"], float))
    path = SegmentPath(
        noise=_noise_from_json(data["noise"]),
        change_share=float(data["change_share"]),
        arc=arc,
        time_ratio=float(data["time_ratio"]),
        walked=None if data["walked"] is None else float(data["walked"]),
    )
    preview = data["preview"] and LatentPreview(weights=_array_from_json(data["preview"]))
    return SegmentSurvey(path=path, cost=cost_from_json(data), preview=preview)


def _noise_to_json(path: NoisePath) -> dict[str, Any]:
    start = path.start
    return {
        "origin": start.origin, "start": start.travel, "travel": path.travel, "number": path.number,
        "pinned": path.pinned, "detour": path.detour,
    }  # fmt: skip


def _noise_from_json(data: Mapping[str, Any]) -> NoisePath:
    return NoisePath(
        start=NoisePosition(origin=int(data["origin"]), travel=float(data["start"])),
        travel=float(data["travel"]),
        number=int(data["number"]),
        detour=float(data["detour"]),
        pinned=None if data["pinned"] is None else int(data["pinned"]),
    )


def cost_to_json(cost: Cost) -> dict[str, Any]:
    """Write a cost as plain data."""
    return {"probes": cost.n_probes, "cost": cost.frames}


def cost_from_json(data: Mapping[str, Any]) -> Cost:
    """Read a cost from the data of `cost_to_json`."""
    return Cost(n_probes=int(data["probes"]), frames=float(data["cost"]))


def _array_to_json(array: Float32) -> dict[str, Any]:
    """Numbers as base64 of little-endian float32: a third of the size that digits take, and exact."""
    return {"shape": list(array.shape), "float32": b64encode(array.astype("<f4").tobytes()).decode("ascii")}


def _array_from_json(data: Mapping[str, Any]) -> Float32:
    values = np.frombuffer(b64decode(data["float32"], validate=True), "<f4")
    array: Float32 = values.reshape(data["shape"]).astype(np.float32)
    return array
