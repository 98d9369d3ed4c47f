"""Stages add up, and memory is seen where it is used."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import psutil
import pytest

from beatwalk.core.timing import CpuTimes, PeakMemory, Stages


def test_stages_add_up_also_where_they_fail() -> None:
    """A stage that is entered twice has both times; an error inside is passed on."""
    stages = Stages()
    stages.add("a", 1.5)
    with stages.time("a"):
        pass
    with pytest.raises(ValueError, match="x"), stages.time("b"):
        raise ValueError("x")
    assert 1.5 <= stages["a"] < 2.5
    assert 0 <= stages["b"] < 1


def test_peak_memory_sees_what_came_and_went() -> None:
    """100 MB that a child process holds for a moment count at the end."""
    with PeakMemory(0.005) as nothing:
        time.sleep(0.02)
    with PeakMemory(0.005) as peak:
        subprocess.run([sys.executable, "-c", "block = b'x' * 100_000_000; import time; time.sleep(0.3)"], check=True)
    assert peak.peak_mb > nothing.peak_mb + 60


def test_stages_know_computing_from_waiting() -> None:
    """A stage that sleeps takes wall time and no CPU time; one that computes takes both."""
    stages = Stages()
    with stages.time("sleep"):
        time.sleep(0.1)
    with stages.time("compute"):
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
    assert stages["sleep"] >= 0.1
    assert stages.cpu["sleep"] < 0.05
    assert stages.cpu["compute"] >= 0.05


def test_a_child_keeps_its_name_while_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command line is empty for a moment before it is gone; its time goes on, and is still its own."""
    commands = [["ffmpeg", "-y"], ["ffmpeg", "-y"], []]

    class Ending:
        pid = 7

        def cpu_times(self) -> SimpleNamespace:
            return SimpleNamespace(user=3.0 - len(commands), system=0.5)

        def cmdline(self) -> list[str]:
            return commands.pop(0)

    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive: [Ending()] if commands else [])
    with CpuTimes(0.005) as times:
        while commands:
            time.sleep(0.005)
    assert times.children == [("ffmpeg -y", 2.5)]


def test_each_thread_and_each_child_has_its_own_time() -> None:
    """A thread is found by its name although it has ended, and a child by its command; both wait to be seen."""
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\ninput()"
    seen = threading.Event()

    def work() -> None:
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        seen.wait(30)

    def of_child() -> float:
        return sum(seconds for line, seconds in times.children if "process_time" in line)

    with CpuTimes(0.02) as times:
        thread = threading.Thread(target=work, name="busy")
        thread.start()
        child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (of_child() < 0.2 or times.threads.get("busy", 0.0) < 0.1):
            time.sleep(0.02)
        seen.set()
        child.communicate(b"\n")
        thread.join()
    assert 0.1 < times.threads["busy"] < 0.5
    assert 0.2 < of_child() < 1
