"""Render a plan on two slow workers of this machine, as a process that can be killed.

python -m tests.jobs.ray.drive PLAN.json OUTPUT.mp4
"""

from __future__ import annotations

import sys
from pathlib import Path

from beatwalk import api
from beatwalk.jobs.ray import Cluster
from beatwalk.plan import read_plan
from tests.jobs.ray.conftest import crew_of
from tests.jobs.ray.fake_worker import SlowWorker


def main(plan: str, output: str) -> None:
    """Render, and print how many frames were there already."""
    with crew_of(Cluster(workers=2), SlowWorker) as crew:
        request = api.RenderRequest(plan=read_plan(Path(plan), trust_paths=True), output=Path(output))
        result = api.run(request, crew=crew)
    print(result.manifest["report"]["frames_reused"])


if __name__ == "__main__":
    main(*sys.argv[1:])
