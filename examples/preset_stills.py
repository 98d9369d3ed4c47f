"""Draw the small pictures by which the page shows presets: `python examples/preset_stills.py`.

Each preset renders the bar after the example's drop, and its picture is the frame with the most colour and movement.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import beatwalk
from beatwalk.plan import list_presets
from beatwalk.video import read_frames

HERE = Path(__file__).parent
FOLDER = HERE.parent / "beatwalk" / "web" / "static" / "presets"
SIDE = 176  # pixels, twice as many as the page shows
PROMPTS = ["a swirling galaxy of stars, magenta and gold", "an endless neon tunnel"]


def still(preset: str, folder: Path) -> Image.Image:
    """One frame of a short render with a preset."""
    video = {"video": {"fps": 12, "size": "256x256"}, "walk": {"loop": False}}
    song = HERE / "demo.ogg"
    plan = beatwalk.plan(song, PROMPTS, preset=preset, overrides=[video], start_s=8.1, end_s=10.2)
    beatwalk.render(plan, folder / f"{preset}.mp4", overwrite=True)
    frames = np.concatenate(list(read_frames(folder / f"{preset}.mp4")))
    before = np.abs(np.diff(frames.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    return Image.fromarray(frames[int(np.argmax(before)) + 1]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> None:
    """Draw all presets that ship."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for preset, path in list_presets().items():
            if path.parent.name == "presets" and HERE.parent in path.parents:
                still(preset, Path(folder)).save(FOLDER / f"{preset}.jpg", quality=82)


if __name__ == "__main__":
    main()
