"""Workers that need no model, and some that fail as real ones do."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from beatwalk.errors import OutputError
from beatwalk.jobs.ray.worker import Item, SegmentWorker
from beatwalk.models import Generator, ModelRequest
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import ModelInfo
from beatwalk.walk import grains


class FakeWorker(SegmentWorker):
    """Makes waves instead of pictures."""

    def load(self, request: ModelRequest) -> Generator:
        """Load nothing."""
        return FakeGenerator()


class FailingWorker(FakeWorker):
    """Fails as the file `TROUBLE` says: {"die": [segments], "full": [segments], "times": n}, each n times."""

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Render, unless this segment is to fail."""
        segment = int(json.loads(job)["segment"])
        trouble = Path(os.environ["BEATWALK_TROUBLE"])
        wanted = json.loads(trouble.read_text())
        for count, item in enumerate(super().render(pilot, job, kept, previews)):
            yield item
            if count == 2 and segment in wanted["die"] + wanted["full"]:
                done = trouble.with_name(f"failed-{segment}")
                times = len(done.read_text()) if done.exists() else 0
                if times < wanted["times"]:
                    done.write_text("x" * (times + 1))
                    if segment in wanted["die"]:
                        os.kill(os.getpid(), signal.SIGKILL)
                    raise OutputError("/tmp: cannot be written (No space left on device); choose another place")


class WaitingWorker(FakeWorker):
    """Stops after its first frames until there is a file named gate beside the file of trouble."""

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Render, and wait."""
        gate = Path(os.environ["BEATWALK_TROUBLE"]).with_name("gate")
        for item in super().render(pilot, job, kept, previews):
            yield item
            while item[0] == "rendered" and not gate.exists():
                time.sleep(0.1)


class OldWorker(FakeWorker):
    """Runs on a machine with another version of torch."""

    def introduce(self) -> str:
        """Name the other version."""
        told = json.loads(super().introduce())
        return json.dumps({**told, "versions": {**told["versions"], "torch": "1.0"}})


class OtherWeightsWorker(FakeWorker):
    """Has another model under the same name."""

    def load(self, request: ModelRequest) -> Generator:
        """Load it."""

        class Other(FakeGenerator):
            @property
            def info(self) -> ModelInfo:
                """Another fingerprint."""
                return replace(super().info, fingerprint="fake-2")

        return Other()


class SlowWorker(FakeWorker):
    """Takes a while for each block, so that something can happen meanwhile."""

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Render slowly."""
        for item in super().render(pilot, job, kept, previews):
            time.sleep(0.3)
            yield item


class SpoilingWorker(FakeWorker):
    """Damages the first segment that lies in the storage."""

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Render, and damage once."""
        for kind, data in super().render(pilot, job, kept, previews):
            if kind == "stored" and self._storage is not None and _is_first():
                self.spoil(Path(self._storage.url.removeprefix("file://"), f"{self._storage.job}-{data}"))
            yield kind, data

    def spoil(self, file: Path) -> None:
        """Change a byte."""
        content = bytearray(file.read_bytes())
        content[500] ^= 1
        file.write_bytes(content)


class ForgetfulWorker(SpoilingWorker):
    """Loses the first segment that lies in the storage."""

    def spoil(self, file: Path) -> None:
        """Delete it."""
        file.unlink()


def _is_first() -> bool:
    done = Path(os.environ["BEATWALK_TROUBLE"]).with_name("failed-once")
    try:
        done.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class CardWorker(FakeWorker):
    """Pretends that its model lies on a card, and notes which one it sees."""

    def load(self, request: ModelRequest) -> Generator:
        """Load nothing, on the only card."""
        folder = Path(os.environ["BEATWALK_CARDS"])
        (folder / f"card-{os.getpid()}").write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "none"))
        return OnCard()


class OnCard(FakeGenerator):
    """Waves that are made on a card."""

    @property
    def info(self) -> ModelInfo:
        """The first card that this process sees."""
        return replace(super().info, device="cuda:0")


class MortalWorker(FakeWorker):
    """Makes small grains, dies once after the first of the second segment, and notes who resumes it."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        grains.GRAIN_FRAMES, grains.LEAST_GRAIN_S = 8, 0.0  # in this process of a worker alone

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Render, and die between two grains."""
        segment, told = int(json.loads(job)["segment"]), 0
        for kind, data in super().render(pilot, job, kept, previews):
            told += data[0] if kind == "rendered" else 0
            yield kind, data
            if (kind, segment) == ("grain", 1) and _is_first():
                time.sleep(1.0)  # so that the driver has it
                os.kill(os.getpid(), signal.SIGKILL)
        if kept:
            Path(os.environ["BEATWALK_TROUBLE"]).with_name(f"resumed-{segment}").write_text(str(told))
