"""Are two machines of one mind? Versions that change pictures, and what a worker says of its model."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from beatwalk._version import __version__
from beatwalk.api import ModelFacts

LIBRARIES = ("torch", "diffusers", "transformers", "numpy")


def versions_here() -> dict[str, str]:
    """Versions of what makes pictures; a build for another device (+cpu, +cu128) is the same version."""
    found = {"beatwalk": __version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "none"
    return found


def other_versions(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """What differs, for people; empty if nothing does."""
    names = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name, 'none')} instead of {ours[name]}" for name in names)


def other_pictures(theirs: ModelFacts, ours: ModelFacts) -> str:
    """Why a worker would make other pictures than the first one, for people; empty if it makes the same."""
    one, other = theirs.info, ours.info
    named = {
        "other weights": one.fingerprint != other.fingerprint,
        f"the precision {one.dtype} instead of {other.dtype}": one.dtype != other.dtype,
        f"the device {one.device} instead of {other.device}": _kind(one.device) != _kind(other.device),
        "another size": theirs.size != ours.size,
    }
    return ", ".join(name for name, differs in named.items() if differs)


def _kind(device: str) -> str:
    return device.partition(":")[0]
