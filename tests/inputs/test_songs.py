"""Songs that are cut, flipped, overwritten, or something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from beatwalk.listen import store
from tests.inputs.wrong import FORMATS, survives
from tests.songs import click_song

DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "empty": lambda data, _: b"",
    "half": lambda data, _: data[: len(data) // 2],
    "head only": lambda data, _: data[:60],
    "nearly all": lambda data, _: data[:-7],
    "no head": lambda data, _: data[200:],
    "zeros in front": lambda data, _: bytes(64) + data[64:],
    "doubled": lambda data, _: data + data,
    "random": lambda data, chance: chance.bytes(len(data)),
    "random behind": lambda data, chance: data[:2000] + chance.bytes(len(data)),
    **{f"flips {i}": lambda data, chance, i=i: _flipped(data, chance, 4**i) for i in range(5)},  # type: ignore[misc]
    "flipped head": lambda data, chance: _flipped(data[:120], chance, 12) + data[120:],
}


def _flipped(data: bytes, chance: np.random.Generator, count: int) -> bytes:
    array = np.frombuffer(data, np.uint8).copy()
    at = chance.integers(0, len(array), count)
    array[at] ^= (1 << chance.integers(0, 8, count)).astype(np.uint8)
    return array.tobytes()


@pytest.fixture(scope="module", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Libraries are loaded, and compile what they compile at their first use, before a case is timed."""
    song = tmp_path_factory.mktemp("warm") / "song.wav"
    click_song(song, duration_s=2.0, rate=22_050)
    store.analyze(song)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_songs(songs: dict[str, bytes], tmp_path: Path, kind: str, damage: str) -> None:
    """Cut, flipped, overwritten: read as far as it goes, or one line."""
    chance = np.random.default_rng(FORMATS.index(kind) * 100 + list(DAMAGES).index(damage))
    path = tmp_path / "here" / f"song.{kind}"
    path.write_bytes(DAMAGES[damage](songs[kind], chance))

    def listen() -> None:
        for block in store.open_song(path).blocks():
            assert np.isfinite(block).all()

    survives(listen)


@pytest.mark.parametrize("kind", FORMATS)
def test_songs_under_a_false_name(songs: dict[str, bytes], tmp_path: Path, kind: str) -> None:
    """The ending lies; what is in it counts, or one line is said; and a damaged one is analysed to the end."""
    for i, other in enumerate(FORMATS):
        path = tmp_path / "here" / f"song{i}.{other}"
        path.write_bytes(songs[kind])
        survives(lambda path=path: [len(block) for block in store.open_song(path).blocks()])  # type: ignore[misc]
    broken = tmp_path / "here" / f"broken.{kind}"
    broken.write_bytes(_flipped(songs[kind], np.random.default_rng(3), 40))
    survives(lambda: store.analyze(broken))
