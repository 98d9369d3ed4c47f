"""Mutations of every kind of file that people give: each is read, or refused in one line, in bounded time and memory.

python -m tests.inputs.fuzz --cases 3000 --seed 0        (prints one line a kind, and what it came to)

A case is a file that was whole, changed by one to three mutations. It fails where anything but one of beatwalk's own
errors comes out, where it computes for too long, where memory grows too much, and where a file appears or changes
that is not the case's own.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.inputs.fuzz_kinds import Kind, kinds_in
from tests.inputs.wrong import WRONG, changed, leaves, survives, without

MAX_GROWTH_BYTES = 1024 * 2**20  # of memory, by one case; a child of ffmpeg's may take as much
_MIB = 2**20
_TOKENS = (
    b"\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"../../", b"[" * 2000, b'{"a":' * 500, b"9" * 400, b"-1",
    b"1e999", b"NaN", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\x1b[2J", b'"', b"#", b"\\", b"%n", b"a" * 5000,
    b"null", b"true",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    kind: str
    cases: int
    refused: int
    seconds: float
    slowest_s: float
    growth_bytes: int
    problems: tuple[str, ...]  # one line each, with the case's seed


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a file in one to three places; small files in small ones, and every other JSON file in one value."""
    if data[:1] == b"{" and chance.random() < 0.5:
        values = json.loads(data)
        place = chance.choice(list(leaves(values)))
        wrong = (
            without(values, place)
            if place and chance.random() < 0.2
            else changed(values, place, chance.choice(WRONG))
        )
        return json.dumps(wrong).encode()
    found = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        end = min(len(found), at + min(chance.choice((1, 1, 2, 4, 16, 256, 4096)), 1 + len(found) // 8))
        match chance.choice((0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 7)):
            case 0 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 1:
                found[at:end] = chance.randbytes(end - at)
            case 2:
                found[at:end] = bytes([chance.choice((0, 0x7F, 0x80, 0xFF))]) * (end - at)
            case 3:
                del found[at:end]
            case 4:
                found[at:at] = found[at:end] * chance.choice((1, 1, 2, 50))
            case 5:
                found[at:at] = chance.choice(_TOKENS)
            case 6:
                token = chance.choice(_TOKENS)
                found[at : at + len(token)] = token
            case _:
                del found[at:]
    return bytes(found)


def run_kind(kind: Kind, here: Path, cases: int, seed: int) -> Outcome:
    """Try mutations of one kind of file in a folder of its own."""
    for whole in kind.whole:  # libraries are loaded here, before a case is timed
        kind.path.write_bytes(whole)
        if (said := survives(lambda: kind.read(kind.path))) is not None:
            raise AssertionError(f"{kind.name}: the whole file is refused: {said}")
    begin, slowest_s, growth, refused, problems = time.monotonic(), 0.0, 0, 0, []
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    for number in range(cases):
        chance = random.Random(f"{kind.name} {seed} {number}")
        source = chance.choice(kind.whole)
        kind.path.write_bytes(mutated(source, chance))
        memory, started = _peak_bytes(), time.process_time()
        try:
            refused += survives(lambda: kind.read(kind.path)) is not None
        except AssertionError as error:
            problems.append(f"{kind.name}, seed {seed}, case {number}: {' '.join(str(error).split())[:300]}")
        slowest_s = max(slowest_s, time.process_time() - started)
        grown = max(0, _peak_bytes() - memory)
        growth = max(growth, grown)
        if grown > MAX_GROWTH_BYTES:
            problems.append(f"{kind.name}, seed {seed}, case {number}: memory grew by {grown // _MIB} MiB")
        after = {path: path.stat().st_mtime_ns for path in here.rglob("*") if path != kind.path}
        if changed := [str(path) for path in after if before.get(path) != after[path] and not path.is_dir()]:
            problems.append(f"{kind.name}, seed {seed}, case {number}: files appeared or changed: {changed[:3]}")
            before |= after
    kind.path.write_bytes(kind.whole[0])  # the next kind may be a part of the same whole
    return Outcome(
        kind=kind.name, cases=cases, refused=refused, seconds=time.monotonic() - begin, slowest_s=slowest_s,
        growth_bytes=growth, problems=tuple(problems),
    )  # fmt: skip


def _peak_bytes() -> int:
    """The most memory that this process, or the largest of its children, has taken so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    both = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return unit * sum(both)


def run(cases: int, seed: int, say: Callable[[str], object] = lambda line: None) -> list[Outcome]:
    """Spread `cases` over all kinds, by their weight; every kind has a folder of its own."""
    found = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        outside = Path(place) / "outside.txt"
        outside.write_text("untouched")
        kinds = kinds_in(Path(place) / "here")
        total = sum(kind.weight for kind in kinds)
        for kind in kinds:
            share = -(-cases * kind.weight // total)
            found.append(run_kind(kind, kind.path.parent, share, seed))
            say(_line(found[-1]))
        assert sorted(path.name for path in Path(place).iterdir()) == ["here", "outside.txt"], "files outside"
        assert outside.read_text() == "untouched"
    return found


def _line(outcome: Outcome) -> str:
    figures = f"{outcome.cases:4d} cases, {outcome.refused:4d} refused, {outcome.seconds:5.1f} s"
    worst = f"slowest {outcome.slowest_s:.2f} s, memory +{outcome.growth_bytes // _MIB} MiB"
    return f"{outcome.kind:<21} {figures}, {worst}, {len(outcome.problems)} problems"


def last_line(found: list[Outcome], seed: int) -> str:
    """What a whole run came to."""
    cases, problems = sum(each.cases for each in found), sum(len(each.problems) for each in found)
    slowest, largest = max(found, key=lambda each: each.slowest_s), max(found, key=lambda each: each.growth_bytes)
    return (
        f"fuzz: {cases} cases of {len(found)} kinds in {sum(each.seconds for each in found):.0f} s, "
        f"{sum(each.refused for each in found)} refused, {problems} problems, slowest {slowest.slowest_s:.2f} s "
        f"({slowest.kind}), memory +{largest.growth_bytes // _MIB} MiB ({largest.kind}), seed {seed}"
    )


def main() -> None:
    """Run from the command line; the status is 1 where there are problems."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = run(given.cases, given.seed, print)
    problems = [problem for each in found for problem in each.problems]
    print("\n".join([*problems, last_line(found, given.seed)]))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
