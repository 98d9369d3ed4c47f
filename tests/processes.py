"""Python in processes of its own: started, waited for, killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start Python on this checkout, with one thread of torch; its output goes into pipes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)


def output_of(*arguments: str | Path, timeout_s: float | None = None) -> str:
    """Run Python on this checkout to its end and return what it printed; an error is shown."""
    process = start(*arguments)
    try:
        printed, errors = process.communicate(timeout=timeout_s)
    finally:
        kill(process)
    assert process.returncode == 0, errors.decode()[-2000:]
    return printed.decode()


def wait_until(reached: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has reached something; one that ends before has failed."""
    while not reached():
        assert process.poll() is None, f"it ended before: {process.communicate()[1].decode()[-2000:]}"
        time.sleep(0.01)


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill a process as `kill -9` does, and wait for its end; returns whether it was still running."""
    running = process.poll() is None
    process.kill()
    process.communicate()
    return running


def killed_in_fork(work: Callable[[], object]) -> bool:
    """Do `work` in a forked copy of this process; returns whether a signal ended it before it was done."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)
