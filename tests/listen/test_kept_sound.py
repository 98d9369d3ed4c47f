"""Sound is decoded once: blocks are kept while a song is open, and come back as they were."""

from __future__ import annotations

import errno
import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from beatwalk.core import sound
from beatwalk.listen import kept_sound
from beatwalk.listen.audio import open_audio
from beatwalk.listen.kept_sound import KeptSound
from beatwalk.types import Float32

SIZES = (5, 70_000, 1, 3)


def blocks_of(seed: int = 0) -> list[Float32]:
    """Blocks of unlike sizes."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(np.float32) for size in SIZES]


def kept(blocks: list[Float32]) -> KeptSound:
    """Blocks kept."""
    sound_kept = KeptSound()
    for block in blocks:
        sound_kept.keep(block)
    return sound_kept


def test_blocks_come_back_to_the_bit() -> None:
    """In their sizes, as often as is asked for, and to two who read in turn."""
    blocks = blocks_of()
    sound_kept = kept(blocks)
    first, second = sound_kept.blocks(), sound_kept.blocks()
    for block in blocks:
        np.testing.assert_array_equal(next(first), block)
        np.testing.assert_array_equal(next(second), block)
    assert [len(block) for block in sound_kept.blocks()] == list(SIZES)


def test_the_file_goes_with_the_object() -> None:
    """Nobody has to close it."""
    sound_kept = kept(blocks_of())
    assert sound_kept._held is not None
    file = sound_kept._held.file
    assert not file.closed
    del sound_kept
    assert file.closed


def test_too_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All songs together have so much room; who finds none keeps nothing, and what is left is for others."""
    gc.collect()
    size = 4 * sum(SIZES)
    monkeypatch.setattr(kept_sound, "MOST_BYTES", kept_sound._Held._taken + 2 * size - 1)
    first, second = kept(blocks_of()), kept(blocks_of())
    assert (first.whole, second.whole) == (True, False)
    assert list(second.blocks()) == []
    del first
    assert kept(blocks_of()).whole


def test_a_full_disk_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it fills, and where no file can be made at all."""

    class Full:
        left = 100_000

        def write(self, data: memoryview) -> int:
            if not self.left:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = min(self.left, data.nbytes)
            self.left -= written
            return written

        def close(self) -> None:
            pass

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    assert not kept(blocks_of()).whole, "the second block has room for a part"
    monkeypatch.setattr(Full, "left", 0)
    assert not kept(blocks_of()).whole

    def refuse(**_: object) -> None:
        raise FileNotFoundError("no usable temporary folder")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert not kept(blocks_of()).whole


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every song that is decoded from now on."""
    found: list[Path] = []
    decoded = sound._decoded

    def counted(song: sound.Sound, *rest: Any) -> Iterator[Float32]:
        found.append(song.path)
        return decoded(song, *rest)

    monkeypatch.setattr(sound, "_decoded", counted)
    return found


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (22_050, 1), (48_000, 1), (8000, 4)])
def test_a_song_is_decoded_once(
    tmp_path: Path, decodings: list[Path], monkeypatch: pytest.MonkeyPatch, rate_hz: int, channels: int
) -> None:
    """However often it is read; its blocks are those that are decoded anew where nothing is kept."""
    path = tmp_path / "song.wav"
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (5 * rate_hz, channels))
    soundfile.write(path, noise - noise.mean(axis=0), rate_hz, subtype="FLOAT")
    audio = open_audio(path)
    first, second = list(audio.blocks()), list(audio.blocks())
    assert len(decodings) == 1
    monkeypatch.setattr(kept_sound, "MOST_BYTES", 0)
    anew = list(open_audio(path).blocks())
    assert len(decodings) == 3
    assert [len(block) for block in anew] == [len(block) for block in first]
    for block, again, other in zip(first, second, anew, strict=True):
        np.testing.assert_array_equal(block, other)
        np.testing.assert_array_equal(again, other)


@pytest.mark.parametrize("change", ["offset", "quiet", "cancelled", "silent channels"])
def test_what_is_mixed_otherwise_is_decoded_again(tmp_path: Path, decodings: list[Path], change: str) -> None:
    """Songs with an offset, far too quiet, with sides that cancel or channels that carry nothing."""
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (44_100, 4))[:, : 4 if change == "silent channels" else 2]
    wanted = noise.mean(axis=1)
    if change == "offset":
        noise = noise + 0.2
    elif change == "quiet":
        noise *= 1e-3
    elif change == "cancelled":
        noise[:, 1] = -noise[:, 0]
        wanted = noise[:, 0]
    else:
        noise[:, 1:] = 0
        wanted = noise[:, 0]
    path = tmp_path / "song.wav"
    soundfile.write(path, noise, 22_050, subtype="FLOAT")
    heard = np.concatenate(list(open_audio(path).blocks()))
    assert len(decodings) == 2
    heard *= np.sqrt(np.mean(np.square(wanted)) / np.mean(np.square(heard)))
    np.testing.assert_allclose(heard, wanted, atol=0.01)
