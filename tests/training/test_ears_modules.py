"""Tracker modules: which rows are beats, what is taken of a song, and what a clip says of it."""

from __future__ import annotations

import ctypes.util
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from beatwalk.listen import NETWORK_INPUTS
from beatwalk.training.ears.clips import (
    UNKNOWN,
    Clip,
    Truth,
    hear_module,
    is_known,
    make_clip,
    read_clip,
    write_clip,
)
from beatwalk.training.ears.modules import Module, read_modules, rows_per_beat, steady
from beatwalk.training.ears.net import HEADS, SHAPES, Ears, loss_of
from beatwalk.training.ears.openmpt import Row
from beatwalk.training.ears.sources import Sources, gathered, is_apart
from beatwalk.training.ears.synth import RATE_HZ
from beatwalk.training.ears.train import measure, targets_of
from beatwalk.training.ears.validation import read_set, write_set
from beatwalk.types import Float

PATTERN = 64
KICK, SNARE, HAT = 1, 2, 3


def row_of(at_s: float, number: int, ticks: int, tempo: int, struck: set[int]) -> Row:
    """A row whose notes begin with it."""
    return Row(at_s, number, ticks, tempo, frozenset(struck), frozenset({0} if struck else ()))


def song(
    n_patterns: int = 8,
    ticks: int = 6,
    tempo: int = 125,
    struck: dict[int, set[int]] | None = None,
    pattern: int = PATTERN,
    begin_s: float = 0.0,
) -> list[Row]:
    """Rows of patterns that are all alike; `struck` says what sounds on which row of every 16."""
    sounds = struck if struck is not None else {row: {KICK} for row in range(0, 16, 4)}
    row_s = ticks * 2.5 / tempo
    return [
        row_of(begin_s + row_s * row, row % pattern, ticks, tempo, sounds.get(row % pattern % 16, set()))
        for row in range(n_patterns * pattern)
    ]


def bpm_of(rows: list[Row]) -> float:
    """Beats a minute of what is taken."""
    taken = steady(rows, rows[-1].at_s + 0.1)
    assert taken is not None
    return 60 / float(np.median(np.diff(taken.beats_s)))


@pytest.mark.parametrize(("ticks", "tempo", "bpm"), [(6, 125, 125.0), (3, 140, 140.0), (5, 125, 150.0)])
def test_beats_are_where_trackers_show_them(ticks: int, tempo: int, bpm: float) -> None:
    """Every fourth row at speeds 5 and 6, every eighth at 3."""
    assert bpm_of(song(16, ticks, tempo)) == pytest.approx(bpm)


@pytest.mark.parametrize(
    ("ticks", "snare", "hat", "bpm"),
    [
        (9, {4, 12}, {1, 3, 5, 7}, 125 * 24 / 36),
        (8, {4, 12}, {2, 6, 10, 14}, 125 * 24 / 32),  # hats between the beats are no backbeat of faster ones
        (4, {8}, {0, 4, 8, 12}, 125 * 24 / 32),
        (4, {4, 12}, {0, 2, 4}, 125 * 24 / 16),
    ],
)
def test_a_backbeat_tells_the_beats(ticks: int, snare: set[int], hat: set[int], bpm: float) -> None:
    """The slowest one that an instrument plays."""
    struck = {
        row: {n for n, rows in ((KICK, {0, 5}), (SNARE, snare), (HAT, hat)) if row in rows} for row in range(16)
    }
    assert bpm_of(song(12, ticks, struck=struck)) == pytest.approx(bpm)


def test_without_a_backbeat_other_speeds_are_in_doubt() -> None:
    """At four ticks a row, 94 and 188 beats a minute are as likely."""
    assert rows_per_beat(song(ticks=4), PATTERN) is None
    assert steady(song(16, ticks=4), 100.0) is None


@pytest.mark.parametrize(("ticks", "rows"), [(8, 3), (4, 6), (2, 12), (6, None)])
def test_patterns_in_thirds(ticks: int, rows: int | None) -> None:
    """48 rows are four bars of thirds where so many rows are 24 ticks and hold the strokes."""
    step = rows or 6
    thirds = [
        row_of(0.1 * n, n % 48, ticks, 125, {KICK} if n % step == 0 else {HAT} if n % 16 == 4 else set())
        for n in range(480)
    ]
    assert rows_per_beat(thirds, 48) == rows
    fours = [row_of(0.1 * n, n % 48, ticks, 125, {KICK} if n % (2 * step // 3) == 0 else set()) for n in range(480)]
    assert rows_per_beat(fours, 48) is None


def test_bars_begin_with_patterns() -> None:
    """Four beats each; patterns of other lengths are left out."""
    taken = steady(song(8), 61.44)
    assert taken is not None
    assert np.diff(taken.downbeats_s) == pytest.approx(4 * 0.48)
    assert set(taken.downbeats_s) <= set(taken.beats_s)
    assert steady(song(12, pattern=40), 57.6) is None


def test_the_longest_stretch_at_one_speed_is_taken() -> None:
    """A slow opening is left out, and a song that changes all the time as well."""
    rows = [*song(1, tempo=100), *song(8, begin_s=PATTERN * 0.15)]
    taken = steady(rows, 71.04)
    assert taken is not None
    assert taken.begin_s == pytest.approx(9.6)
    assert taken.end_s == pytest.approx(71.04)
    changing = [row for n in range(8) for row in song(1, tempo=100 + 5 * n, begin_s=9.6 * n)]
    assert steady(changing, 77.0) is None
    assert steady([], 0.0) is None


def test_there_are_no_beats_in_silence() -> None:
    """A held note is none, however long ago it began."""
    taken = steady(song(8), 61.44)
    assert taken is not None
    samples = np.full(round(61.44 * RATE_HZ), 0.5, np.float32)
    samples[: 10 * RATE_HZ] = 0.0
    samples[30 * RATE_HZ : 40 * RATE_HZ] = 0.4
    kept = taken.where_heard(samples)
    assert kept.beats_s.min() >= 10
    assert np.diff(kept.beats_s) == pytest.approx(0.48)
    assert set(kept.downbeats_s) == {at_s for at_s in taken.downbeats_s if at_s >= 10}


def test_late_notes_are_onsets_where_they_sound() -> None:
    """Two ticks after their row."""
    rows = [replace(row, late=frozenset({2} if row.struck else ())) for row in song(8)]
    taken = steady(rows, 61.44)
    assert taken is not None
    assert taken.onsets_s - taken.beats_s == pytest.approx(0.04)


def test_what_nobody_knows_is_neither_learned_nor_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of drums is 0, whatever the network says of them, and plain peaks are counted of the others alone."""
    events = (np.array([0.5]), np.array([0.5]), np.array([0.5]), UNKNOWN, UNKNOWN, UNKNOWN)
    targets = torch.from_numpy(targets_of(events, 0, 100)[None])
    losses = loss_of(torch.full((1, len(HEADS), 100), 3.0), targets)
    assert losses[:3].min() > 0
    assert losses[3:].tolist() == [0.0, 0.0, 0.0]
    path = tmp_path / "00031.npz"
    write_clip(path, Clip(np.zeros((200, NETWORK_INPUTS), np.float16), Truth.of(events), "module bb"))
    measured: list[float] = []

    def matched(_: Float, true_s: Float, __: float) -> int:
        measured.extend(true_s.tolist())
        return 0

    monkeypatch.setattr("beatwalk.training.ears.train.n_matched", matched)
    measure(Ears(SHAPES["toy"]), [path])
    assert measured == [0.5, 0.5, 0.5]
    assert [is_known(times_s) for times_s in read_clip(path).truth.events] == [True] * 3 + [False] * 3


def write_mod(path: Path, n_orders: int = 5, effects: tuple[tuple[int, int], ...] = ((0, 0),)) -> None:
    """A ProTracker module of four channels: a click on every fourth row, a shorter one on every second.

    The clicks have these effects, each with its argument, in turn.
    """
    names = [("click", 400), ("tick", 60)] + [("", 0)] * 29
    samples = b"".join(
        name.encode().ljust(22, b"\0") + struct.pack(">HBBHH", length // 2, 0, 64 if length else 0, 0, 1)
        for name, length in names
    )
    rows = bytearray(PATTERN * 4 * 4)
    for row in range(PATTERN):
        for channel, (step, sample, period) in enumerate(((4, 1, 428), (2, 2, 214))):
            if row % step == 0:
                at = 16 * row + 4 * channel
                effect, argument = effects[row // 4 % len(effects)] if sample == 1 else (0, 0)
                rows[at : at + 4] = bytes([period >> 8, period & 0xFF, sample << 4 | effect, argument])
    header = b"song".ljust(20, b"\0") + samples + bytes([n_orders, 127]) + bytes(128) + b"M.K."
    sounds = b"".join(
        bytes(int(100 * np.exp(-4 * i / n)) * (1 if i % 8 < 4 else -1) & 0xFF for i in range(n)) for n in (400, 60)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + bytes(rows) + sounds)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A package for training and one kept apart, and a song that lies three times in them."""
    write_mod(tmp_path / "pingus-data" / "a.mod")
    write_mod(tmp_path / "bb" / "b.MOD", 6)
    write_mod(tmp_path / "bb" / "copies" / "c.mod", 6)
    write_mod(tmp_path / "pingus-data" / "z.mod", 6)
    return tmp_path


def test_each_song_is_read_once_and_packages_are_split(library: Path) -> None:
    """Whatever its ending looks like."""
    assert [(module.collection, module.path.name) for module in read_modules(library)] == [
        ("bb", "b.MOD"),
        ("pingus-data", "a.mod"),
    ]
    assert not is_apart("bb")
    assert is_apart("pingus-data")
    assert [module.collection for module in gathered(modules=library).modules] == ["bb"]
    assert [module.collection for module in gathered(modules=library, apart=True).modules] == ["pingus-data"]
    with pytest.raises(FileNotFoundError, match=r"nothing to play \(PACKAGE/\*\.mod"):
        read_modules(library / "pingus-data")


needs_libopenmpt = pytest.mark.skipif(ctypes.util.find_library("openmpt") is None, reason="needs libopenmpt")


@needs_libopenmpt
def test_a_module_is_heard_where_its_rows_say(library: Path) -> None:
    """Clicks begin at its beats to four milliseconds; drums are unknown."""
    heard = hear_module(np.random.default_rng(1), Module(library / "bb" / "b.MOD", "bb"), 20.0, varied=False)
    assert heard is not None
    samples, truth = heard
    assert len(samples) / RATE_HZ == pytest.approx(20.0, abs=0.01)
    assert np.diff(truth.beats_s) == pytest.approx(0.48, abs=0.004)
    assert np.isnan(truth.kicks_s).all()
    loud = np.abs(samples) > 0.5 * np.abs(samples).max()
    begins_s = np.flatnonzero(loud) / RATE_HZ
    begins_s = begins_s[np.diff(begins_s, prepend=-1.0) > 0.1]
    for beat_s in truth.beats_s[1:-1]:
        assert np.abs(begins_s - beat_s).min() < 0.004
    assert len(truth.onsets_s) == pytest.approx(2 * len(truth.beats_s), abs=2)


@needs_libopenmpt
def test_modules_are_played_at_other_tempi_and_thinner(library: Path) -> None:
    """Truth goes with the tempo, and without the ticks there are half of the onsets."""
    module = Module(library / "bb" / "b.MOD", "bb")
    intervals_s, densities = set(), set()
    for seed in range(24):
        heard = hear_module(np.random.default_rng(seed), module, 20.0)
        if heard is not None:
            intervals_s.add(round(float(np.median(np.diff(heard[1].beats_s))), 2))
            densities.add(round(len(heard[1].onsets_s) / len(heard[1].beats_s)))
    assert len(intervals_s) > 3
    assert min(intervals_s) > 0.48 * 0.8
    assert max(intervals_s) < 0.48 * 1.25
    assert {1, 2} <= densities


@needs_libopenmpt
def test_only_notes_that_sound_are_onsets(tmp_path: Path) -> None:
    """A glide, a silent note and one that is delayed beyond its row are none; one delayed by two ticks is late."""
    effects = ((0, 0), (3, 8), (0xC, 0), (0xE, 0xD2), (0xE, 0xDF))
    path = tmp_path / "a.mod"
    write_mod(path, 5, effects)
    data = bytearray(path.read_bytes())
    cells = 1084 + 4 + 16 * np.arange(PATTERN)  # of the second channel, which is silent now
    for at in cells:
        data[at : at + 4] = bytes(4)
    path.write_bytes(bytes(data))
    played = Module(path, "x").perform()
    assert played is not None
    onsets_s = played[1].onsets_s[played[1].onsets_s < 0.48 * 16 - 0.01]  # one pattern
    expected = [0.48 * beat + (0.04 if beat % 5 == 3 else 0) for beat in range(16) if beat % 5 in (0, 3)]
    assert onsets_s == pytest.approx(expected, abs=0.004)


@needs_libopenmpt
def test_some_clips_are_modules(library: Path) -> None:
    """Nobody knows the drums of those; those of the others are known."""
    sources = Sources(modules=gathered(modules=library).modules)
    clips = [make_clip(number, 3, sources, 8.0) for number in range(12)]
    modules = [clip for clip in clips if clip.genre == "module bb"]
    assert 0 < len(modules) < len(clips)
    assert not any(is_known(clip.truth.hats_s) for clip in modules)
    assert all(is_known(clip.truth.hats_s) for clip in clips if clip not in modules)
    assert all(len(clip.truth.beats_s) > 10 for clip in modules)


@needs_libopenmpt
def test_the_validation_set_may_hold_modules(library: Path, tmp_path: Path) -> None:
    """Those that are kept apart; one in doubt leaves its number out, and what lay there is gone."""
    out = tmp_path / "set"
    sources = gathered(modules=library, apart=True)
    write_set(out, sources, seconds=10.0)
    (piece,) = [piece for piece in read_set(out) if piece.kind == "modules"]
    assert piece.style == "pingus-data: a.mod"
    assert not is_known(piece.truth.kicks_s)
    assert np.diff(piece.truth.beats_s) == pytest.approx(0.48, abs=0.004)
    write_mod(library / "pingus-data" / "a.mod", 1)  # too short to be taken
    (out / f"{piece.song.stem}.json").write_text(
        (out / f"{piece.song.stem}.json").read_text().replace("pingus-data", "other"), encoding="utf-8"
    )
    write_set(out, sources, seconds=10.0)
    assert "modules" not in [piece.kind for piece in read_set(out)]


@needs_libopenmpt
def test_what_is_no_module_is_refused(tmp_path: Path) -> None:
    """With its name."""
    path = tmp_path / "x.mod"
    path.write_bytes(b"no module at all")
    with pytest.raises(ValueError, match=r"x\.mod: libopenmpt cannot read it"):
        Module(path, "x").perform()
