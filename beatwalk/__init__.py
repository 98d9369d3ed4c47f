"""beatwalk: music videos that move with the music."""

__version__ = "0.1.0"
