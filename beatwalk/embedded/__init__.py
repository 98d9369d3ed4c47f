"""The model that ships inside the package: only its place is known here, nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

__all__ = ["nano_path"]


def nano_path() -> Path:
    """Folder of nano's weights in diffusers layout."""
    return Path(__file__).resolve().parent / "nano"
