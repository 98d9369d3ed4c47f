"""Where the time of one render goes, as a picture: with nano, and with a model that takes no time.

    python -m tests.benchmarks.render_profile profile.png [--seconds 20]

It calls `beatwalk bench` twice. Nano's bars are the wall time of its stages, which overlap; those of the model that
takes no time are the wall time and the CPU time of each part.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LEAST_MS = 0.05  # parts below this are not drawn


def figures(*options: str) -> dict[str, Any]:
    """What `beatwalk bench` measures."""
    command = [sys.executable, "-m", "beatwalk", "bench", *options, "--quiet", "--json", "-"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def bars(seconds: str) -> dict[str, dict[str, float]]:
    """Milliseconds a frame, by bar and by part."""
    nano = figures("--seconds", seconds)
    instant = figures("--ceiling", "--seconds", seconds)
    stages = {name: 1000 * stage["seconds"] / nano["frames"] for name, stage in nano["stages"].items()}
    inside = ("denoise", "decode", "effects", "flashes", "copy", "encode", "mux", "listen", "text")
    parts = instant["parts"]
    return {
        f"nano, wall\n{nano['frames_per_s']:.1f} frames/s": {name: stages[name] for name in inside},
        f"no model, wall\n{instant['frames_per_s']:.0f} frames/s": {n: p["wall_ms"] or 0.0 for n, p in parts.items()},
        "no model, CPU\nof all threads": {name: part["cpu_ms"] for name, part in parts.items()},
    }


def draw(found: dict[str, dict[str, float]], path: Path) -> None:
    """One panel a bar, because nano takes ten times as long as all the rest."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(found), figsize=(13, 4.2), layout="constrained")
    for panel, (title, parts) in zip(panels, found.items(), strict=True):
        shown = {name: ms for name, ms in sorted(parts.items(), key=lambda item: item[1]) if ms >= LEAST_MS}
        drawn = panel.barh(list(shown), list(shown.values()), color="#e08a3c")
        panel.bar_label(drawn, fmt="%.1f", padding=3)
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_xlabel("ms a frame")
        panel.margins(x=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seconds", default="20", help="length of the test song")
    args = parser.parse_args()
    draw(bars(args.seconds), args.picture)


if __name__ == "__main__":
    main()
