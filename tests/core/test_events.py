"""Events, their JSON form, and the token that stops work."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64decode
from pathlib import Path

import pytest

from beatwalk.core import events
from beatwalk.core.events import Cancel, Cancelled, Done, Event, Failed, Note, Rendered, Reporter, Surveying
from beatwalk.errors import CancelledError, OutputError


def kinds() -> list[type[Event]]:
    """Every class of event."""
    return [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, Event)]


def test_every_event_has_a_json_form() -> None:
    """Names in snake case, no two alike; paths, pictures and unknowns survive a line of JSON."""
    told = Rendered(done=3, total=9, reused=1, segment=0, in_segment=3, preview=b"\xff\xd8", progress=1 / 3)
    line = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert b64decode(line.pop("preview")) == b"\xff\xd8"
    assert line == {
        "event": "rendered", "version": 1, "progress": 0.3333, "left_s": None, "done": 3, "total": 9, "reused": 1,
        "segment": 0, "in_segment": 3, "leg": 0, "in_leg": 0, "frames_per_s": None,
    }  # fmt: skip
    done = Done(output=Path("a b.mp4"), frames=1, reused=0, seconds=2.0, frames_per_s=0.5, softened=0, replaced=0)
    assert (done.to_json()["event"], done.to_json()["output"]) == ("done", "a b.mp4")
    assert len({one.__name__ for one in kinds()}) == len(kinds()) > 15


def test_a_cancelled_work_stops_at_its_next_step() -> None:
    """What is about work raises; notes are still told; and how it ended is told once."""
    told: list[Event] = []
    cancel = Cancel()

    def work() -> None:
        with Reporter(told.append, cancel) as tell:
            tell(Surveying(segment=0, done=0.5))
            cancel.set()
            tell(Note(text="a note"))
            tell(Surveying(segment=0, done=1.0))

    with pytest.raises(CancelledError):
        work()
    assert [type(event) for event in told] == [Surveying, Note, Cancelled]


def test_a_failure_is_told_once() -> None:
    """By the outermost reporter; and not to somebody who failed to listen."""
    told: list[Event] = []
    with pytest.raises(OutputError), Reporter(told.append) as outer, Reporter(outer):
        raise OutputError("out.mp4: no")
    assert told == [Failed(message="out.mp4: no")]

    def deaf(event: Event) -> None:
        told.append(event)
        raise ValueError("cannot hear")

    with pytest.raises(ValueError, match="cannot hear"), Reporter(deaf) as tell:
        tell(Note(text="hello"))
    assert told[1:] == [Note(text="hello")]


def test_events_from_two_threads_come_one_at_a_time() -> None:
    """Whoever listens need not lock."""
    inside, most = 0, 0

    def listen(event: Event) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(1e-4)  # another thread has its turn
        inside -= 1

    tell = Reporter(listen)

    def work() -> None:
        for _ in range(50):
            tell(Note(text="x"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
