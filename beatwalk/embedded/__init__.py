"""The model that ships inside the package. This module only knows where it is, and imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

__all__ = ["nano_path"]


def nano_path() -> Path:
    """The folder of nano's weights, in diffusers layout."""
    return Path(__file__).resolve().parent / "nano"
