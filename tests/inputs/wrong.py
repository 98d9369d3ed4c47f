"""Wrong values, where to put them, and what it means to survive them."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from beatwalk.errors import BeatwalkError

FORMATS = ["wav", "aiff", "flac", "ogg", "opus", "mp3", "m4a", "mkv"]
PATIENCE_S = 10  # of computing
GIVEN_UP_S = 120  # by the clock
WRONG: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    10**400,
    -1e308,
    float("nan"),
    float("inf"),
    "",
    "x" * 5000,
    "NaN",
    "../../etc",
    "\ud800",
    "a\nb\x00c",
    [],
    [[]],
    [None] * 3,
    {},
    {"a": {"b": 1}},
]
Place = tuple[Any, ...]


def leaves(data: Any, path: Place = ()) -> Iterator[Place]:
    """Where every value of nested data lies; of lists the first two entries."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list) and data and isinstance(data[0], dict | list):
        for i, value in enumerate(data[:2]):
            yield from leaves(value, (*path, i))
    else:
        yield path


def changed(data: Any, path: Place, value: Any) -> Any:
    """A copy with one value replaced."""
    data = copy.deepcopy(data)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


def without(data: Any, path: Place) -> Any:
    """A copy with one key gone."""
    data = copy.deepcopy(data)
    place = data
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return data


def survives(work: Callable[[], object]) -> BeatwalkError | None:
    """It ends, in good time, well or with one line of beatwalk's own, which is returned.

    What counts is the time that this process and the ones it starts spend computing, for a machine may be busy with
    other things; only what does not end at all is given up by the clock.
    """
    said: list[BeatwalkError] = []
    problems: list[BaseException] = []

    def attempt() -> None:
        try:
            work()
        except BeatwalkError as error:
            said.append(error)
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    before = _computed_s()
    thread.start()
    thread.join(GIVEN_UP_S)
    assert not thread.is_alive(), "it hangs"
    took_s = _computed_s() - before
    if problems:
        raise AssertionError(f"{type(problems[0]).__name__}: {problems[0]}") from problems[0]
    assert took_s <= PATIENCE_S, f"it took {took_s:.1f} s"
    if said:
        text = str(said[0]).replace("a\nb", "")  # a name of ours that is spoken of
        assert "\n" not in text, text
    return said[0] if said else None


def refuses(work: Callable[[], object]) -> None:
    """It ends in good time, with one line of beatwalk's own."""
    assert survives(work) is not None, "it was taken"


def _computed_s() -> float:
    """Seconds of computing by this process and its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
