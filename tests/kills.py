"""Kill renders in every phase, and see that the next call ends with the same video.

python -m tests.kills --kills 200        (half with the model that ships inside, half with the fake)

Each render runs in a forked process, which is killed as `kill -9` does: somewhere within a phase, drawn by chance. It
reports its phases through a pipe, so the phase of each kill is known. The next call, in this process, must end with
the frames of an uninterrupted render and leave nothing behind. Ctrl-C ends the run and prints what was found so far.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from beatwalk import api
from beatwalk.api import rendering
from beatwalk.core import Event, Muxing, Rendered, Surveying, manifest_path, write_manifest
from beatwalk.models import Generator, load_model
from beatwalk.models.fake import FakeGenerator
from beatwalk.models.request import ModelRequest
from beatwalk.types import Frames, Plan
from tests.helpers import decoded, known_analysis, names
from tests.songs import click_song

PHASES = ("survey", "render", "finish", "mux", "publish")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of render that is killed again and again."""

    name: str
    plan: Plan
    generator: Generator
    wanted: Frames
    lasts_s: dict[str, float]  # by phase, of an uninterrupted render


def phase_of(event: Event) -> str | None:
    """The phase that an event begins; None where it begins none."""
    if isinstance(event, Surveying):
        return "survey"
    if isinstance(event, Rendered):
        return "render" if event.done < event.total else "finish"
    # Frames are finished while others are rendered, so finishing begins with the last rendered one.
    return "mux" if isinstance(event, Muxing) else None


def rendered(plan: Plan, output: Path, generator: Generator, enter: Callable[[str], object]) -> None:
    """Render, and tell every phase once, when it begins."""
    seen: set[str] = set()

    def told(phase: str | None) -> None:
        if phase is not None and phase not in seen:
            seen.add(phase)
            enter(phase)

    def publishing(*given: Any, **options: Any) -> dict[str, Any]:
        told("publish")
        return write_manifest(*given, **options)

    with mock.patch.object(rendering, "write_manifest", publishing):
        api.render(plan, output, generator=generator, on_event=lambda event: told(phase_of(event)))


def case_of(name: str, folder: Path, generator: Generator, size: str, *, loop: bool) -> Case:
    """Render once without a kill, for the frames that are wanted and the time that each phase takes."""
    song = folder / "song.wav"
    changes = {"video": {"fps": 6, "size": size}, "walk": {"change_every": "1 beat", "loop": loop}}
    analysis = known_analysis(3.0, path=song)
    plan = api.plan(song, [f"picture {i}" for i in range(4)], overrides=[changes], analysis=analysis)
    entered: list[tuple[str, float]] = []
    output = folder / "whole.mp4"
    for _ in range(2):  # the first render loads libraries
        entered.clear()
        output.unlink(missing_ok=True)
        rendered(plan, output, generator, lambda phase: entered.append((phase, time.monotonic())))
        entered.append(("end", time.monotonic()))
    wanted = decoded(output)
    output.unlink()
    manifest_path(output).unlink()
    lasts_s = {phase: after - at for (phase, at), (_, after) in itertools.pairwise(entered)}
    return Case(name=name, plan=plan, generator=generator, wanted=wanted, lasts_s=lasts_s)


def killed_in(case: Case, output: Path, phase: str, after_s: float) -> str | None:
    """Kill a render `after_s` after it enters a phase; return the phase that it was in, None where it was faster."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            rendered(case.plan, output, case.generator, lambda phase: os.write(writing, phase[:1].encode()))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    entered = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while not entered.endswith(phase[:1].encode()) and (one := pipe.read(1)):
            entered += one
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        entered += pipe.read() or b""
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0, "the render failed before it was killed"
        return None
    last = entered[-1:].decode()
    return next((name for name in PHASES if name[0] == last), "start")


def check_after(case: Case, folder: Path, output: Path) -> None:
    """The next call ends the same, and nothing is left."""
    if output.exists():
        np.testing.assert_array_equal(decoded(output), case.wanted)
        assert manifest_path(output).exists(), "a video without its manifest"
        shutil.rmtree(folder / "out.mp4.beatwalk", ignore_errors=True)  # what `clean` does
    else:
        api.render(case.plan, output, generator=case.generator)
        np.testing.assert_array_equal(decoded(output), case.wanted)
    assert names(folder) == {"song.wav", "out.mp4", "out.mp4.beatwalk.json"}, names(folder)


def run(cases: list[Case], folder: Path, kills: int, seed: int, found: Counter[tuple[str, str]]) -> None:
    """Kill until there are `kills` of them, in turn by case and phase; `found` counts those that left no trace."""
    chance, output, number = random.Random(seed), folder / "out.mp4", 0
    while found.total() < kills:
        case, phase = cases[number % len(cases)], PHASES[number // len(cases) % len(PHASES)]
        number += 1
        hits: Counter[tuple[str, str]] = Counter()
        for _ in range(chance.randint(1, 2)):  # some are killed twice before they may end
            hit = killed_in(case, output, phase, chance.random() * case.lasts_s.get(phase, 0.0))
            if hit is not None:
                hits[(case.name, hit)] += 1
            if output.exists():
                break
        check_after(case, folder, output)
        found += hits
        output.unlink()
        manifest_path(output).unlink()


def cases_in(folder: Path) -> list[Case]:
    """The fake and the model that ships inside, each as a walk and as a loop."""
    click_song(folder / "song.wav", duration_s=3.0)
    fake, nano = FakeGenerator(), load_model(ModelRequest(device="cpu"))
    return [
        case_of("fake", folder, fake, "128x128", loop=False),
        case_of("nano", folder, nano, "128x128", loop=False),
        case_of("fake, loop", folder, fake, "128x128", loop=True),
        case_of("nano, loop", folder, nano, "128x128", loop=True),
    ]


def table(found: Counter[tuple[str, str]]) -> list[str]:
    """How many kills hit which phase."""
    phases = ("start", *PHASES)
    lines = [f"{'':<12}" + "".join(f"{phase:>9}" for phase in phases)]
    for name in dict.fromkeys(name for name, _ in found):
        lines.append(f"{name:<12}" + "".join(f"{found[(name, phase)]:>9}" for phase in phases))
    sums = "".join(f"{sum(n for (_, hit), n in found.items() if hit == phase):>9}" for phase in phases)
    return [*lines, f"{'all':<12}{sums}", f"{found.total()} kills, each followed by the same frames"]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="kills-") as place, contextlib.suppress(KeyboardInterrupt):
        run(cases_in(Path(place)), Path(place), given.kills, given.seed, found)
    print("\n".join(table(found)))
    sys.exit(found.total() < given.kills)


if __name__ == "__main__":
    main()
