"""Strobes of known rate are counted, limited to three a second, and harmless pictures are left alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from beatwalk.perception import Pictures
from beatwalk.perception.flashes import MAX_FLASHES, FlashMeter, FlashReport, light_grid, window_frames
from beatwalk.perception.srgb import srgb_bytes
from beatwalk.video import Encoder, read_frames
from beatwalk.video.flash_limiter import FlashLimiter

FPS = Fraction(30)
SIZE = (64, 48)
BLACK, WHITE, RED, BLUE, GREY = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255), (128, 128, 128)


def strobe(
    rate_hz: float,
    on: tuple[int, int, int] = WHITE,
    off: tuple[int, int, int] = BLACK,
    *,
    seconds: float = 3,
    fps: Fraction = FPS,
    part: tuple[slice, slice] = (slice(None), slice(None)),
) -> np.ndarray:
    """A square wave between two colours, in a part of the picture; the rest stays grey."""
    phase = np.arange(round(seconds * fps)) * rate_hz / float(fps)
    frames = np.full((len(phase), SIZE[1], SIZE[0], 3), GREY, np.uint8)
    frames[:, part[0], part[1]] = np.where((phase % 1 < 0.5)[:, None], on, off)[:, None, None, :]
    return frames


def picture(seed: int = 0) -> np.ndarray:
    """A smooth colourful picture, float, 0-1, shape (48, 64, 3)."""
    phases = np.random.default_rng(seed).uniform(0, 6, 3)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] / 20
    return np.asarray(0.5 + 0.4 * np.sin(x[..., None] + 1.3 * y[..., None] + phases))


def measure(frames: np.ndarray, fps: Fraction = FPS, block: int = 7) -> FlashReport:
    """Meter `frames` in blocks."""
    meter = FlashMeter(fps)
    for first in range(0, len(frames), block):
        meter.update(frames[first : first + block])
    return meter.result()


def limit(frames: np.ndarray, fps: Fraction = FPS, block: int = 7) -> tuple[np.ndarray, int]:
    """Limited frames, and how many were touched."""
    limiter = FlashLimiter(fps)
    blocks = [limiter.limit(Pictures(frames[i : i + block])).host() for i in range(0, len(frames), block)]
    return np.concatenate(blocks), limiter.touched


@pytest.mark.parametrize("rate", [1, 2, 3, 5, 6, 10])
@pytest.mark.parametrize("fps", [Fraction(30), Fraction(60), Fraction(60000, 1001)])
def test_general_flashes_are_counted(rate: int, fps: Fraction) -> None:
    """A strobe of n hertz makes n flashes in its worst second, and no red ones."""
    report = measure(strobe(rate, fps=fps), fps)
    assert report.general.max() == rate
    assert report.red.max() == 0
    assert report.passes == (rate <= MAX_FLASHES)


@pytest.mark.parametrize("rate", [2, 5, 6])
def test_red_flashes_are_counted(rate: int) -> None:
    """Saturated red against black, and against a blue of near luminance, where no general flash is."""
    assert measure(strobe(rate, RED, BLACK)).red.max() == rate
    equal = strobe(rate, (160, 0, 0), (0, 30, 255))
    assert (measure(equal).red.max(), measure(equal).general.max()) == (rate, 0)


def test_pale_red_is_not_saturated() -> None:
    """Below four fifths red, only luminance counts."""
    assert measure(strobe(5, (255, 160, 160), (200, 160, 160))).red.max() == 0


@pytest.mark.parametrize(("dark", "bright", "counts"), [(0.30, 0.38, False), (0.30, 0.42, True), (0.82, 1.0, False)])
def test_thresholds_of_luminance(dark: float, bright: float, counts: bool) -> None:
    """A tenth of the maximum counts, less does not, and neither does anything between bright and brighter."""
    levels = srgb_bytes(np.array([dark, bright], np.float32))
    report = measure(strobe(5, (levels[1],) * 3, (levels[0],) * 3))
    assert (report.general.max() == 5) == counts
    assert report.passes != counts


@pytest.mark.parametrize(("side", "counts"), [(0.14, False), (0.19, True), (1, True)])
def test_small_areas_are_ignored(side: float, counts: bool) -> None:
    """A square counts from a quarter of a field on, wherever it lies; a field is a third of each side."""
    height, width = round(SIZE[1] * side), round(SIZE[0] * side)
    for top, left in ((0, 0), (SIZE[1] - height, SIZE[0] - width)):
        part = (slice(top, top + height), slice(left, left + width))
        assert measure(strobe(5, part=part)).passes != counts


def test_slow_fades_and_stills_have_no_flashes() -> None:
    """A fade over the whole video is half a flash at most."""
    fade = np.linspace(0, 255, 90).astype(np.uint8)[:, None, None, None] * np.ones((1, *SIZE[::-1], 3), np.uint8)
    assert measure(fade).worst == 0
    assert measure(np.repeat(fade[:1], 90, 0)).worst == 0
    assert measure(fade[:0]).passes
    assert measure(fade[:1]).worst_s == 0


def test_ramped_flashes_count_like_square_ones() -> None:
    """Five sine swings a second are five flashes, though no single step reaches a tenth."""
    level = srgb_bytes((0.3 + 0.15 * np.sin(2 * np.pi * 5 * np.arange(180) / 60)).astype(np.float32))
    frames = np.broadcast_to(level[:, None, None, None], (180, *SIZE[::-1], 3))
    assert measure(frames, Fraction(60)).general.max() == 5


def test_the_worst_second_is_found() -> None:
    """A burst in the third second of a still is named with its time."""
    frames = np.concatenate([strobe(0, seconds=2), strobe(8, seconds=1), strobe(0, seconds=2)])
    report = measure(frames)
    assert report.worst == 8
    assert report.worst_s == pytest.approx(2.0, abs=0.15)
    assert 0 < report.frames_over <= 2 * window_frames(FPS)


def test_blocks_do_not_matter() -> None:
    """Metering and limiting frame by frame or all at once is the same."""
    frames = strobe(7)
    np.testing.assert_array_equal(measure(frames, block=1).general, measure(frames, block=90).general)
    np.testing.assert_array_equal(limit(frames, block=1)[0], limit(frames, block=90)[0])


@pytest.mark.parametrize(("on", "off"), [(WHITE, BLACK), (RED, BLACK)])
def test_two_hertz_pass_bit_for_bit(on: tuple[int, int, int], off: tuple[int, int, int]) -> None:
    """What is within the limit is not touched, nor copied."""
    for frames in (Pictures(strobe(2, on, off)), on_device(strobe(2, on, off))):
        limiter = FlashLimiter(FPS)
        assert limiter.limit(frames) is frames
        assert limiter.touched == 0


def on_device(frames: np.ndarray) -> Pictures:
    """The frames as another device than the CPU has them."""
    return Pictures(torch.from_numpy(frames.copy()), keep_tensor=True)


def test_pictures_on_a_device_are_limited_alike() -> None:
    """The grids differ by rounding, the softened frames by a step of softening at most."""
    frames = strobe(7)
    limiter = FlashLimiter(FPS)
    limited = limiter.limit(on_device(frames)).host()
    expected, touched = limit(frames)
    assert limiter.touched == touched
    assert np.abs(limited.astype(int) - expected).max() <= 255 / FlashLimiter.STEPS


@pytest.mark.parametrize("rate", [5, 12])
@pytest.mark.parametrize(("on", "off"), [(WHITE, BLACK), (RED, BLACK), ((160, 0, 0), (0, 30, 255)), (BLACK, GREY)])
def test_strobes_are_limited(rate: int, on: tuple[int, int, int], off: tuple[int, int, int]) -> None:
    """Afterwards no second has more than three, measured again; the input is left as it was."""
    frames = strobe(rate, on, off)
    kept = frames.copy()
    limited, touched = limit(frames)
    np.testing.assert_array_equal(frames, kept)
    assert measure(frames).worst == rate
    assert measure(limited).worst <= MAX_FLASHES
    assert touched == np.count_nonzero((limited != frames).any(axis=(1, 2, 3)))
    assert 0 < touched < len(frames)


def test_limited_video_passes_after_the_codec(tmp_path: Path) -> None:
    """H.264 moves levels a little; the margin is for that."""
    light = picture() ** 2.2
    beat = 1 + 1.5 * (np.arange(120) * 6 / 30 % 1 < 0.5)
    frames = srgb_bytes(np.clip(beat[:, None, None, None] * 0.4 * light, 0, 1).astype(np.float32))
    assert measure(frames).worst > MAX_FLASHES
    with Encoder(tmp_path / "a.mp4", SIZE, FPS, crf=28) as writer:
        writer.write(limit(frames)[0])
    assert measure(np.concatenate(list(read_frames(tmp_path / "a.mp4")))).worst <= MAX_FLASHES


def test_softening_keeps_detail_and_movement() -> None:
    """A moving picture under a strobe of brightness still moves; it is dimmed, not blurred with the frame before."""
    moving = np.stack([np.roll(picture(), i, axis=1) for i in range(150)]) ** 2.2
    beat = 1 + 2 * (np.arange(150) * 6 / 30 % 1 < 0.5)
    frames = srgb_bytes((0.3 * beat[:, None, None, None] * moving).astype(np.float32))
    limited, touched = limit(frames)
    assert touched > 100
    assert measure(limited).worst <= MAX_FLASHES
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(frames, limited, strict=True)]
    assert np.mean(np.array(likeness) > 0.99) > 0.85
    assert min(likeness[60:]) > 0.99  # once the first surprise is over


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), fps=st.sampled_from([Fraction(12), Fraction(24000, 1001)]))
def test_nothing_gets_through(seed: int, fps: Fraction) -> None:
    """Whatever the pictures, the output never has a fourth flash in any second."""
    rng = np.random.default_rng(seed)
    tiles = rng.integers(0, 256, (60, *rng.integers(1, 5, 2), 3), dtype=np.uint8)
    frames = tiles.repeat(9, 1).repeat(9, 2)
    assert measure(limit(frames, fps)[0], fps).worst <= MAX_FLASHES


def test_light_is_averaged_in_linear_light() -> None:
    """A cell of black and white pixels is half as bright as a white one; sizes may be odd or tiny."""
    board = (np.indices((192, 192)).sum(0) % 2 * 255).astype(np.uint8)
    np.testing.assert_allclose(light_grid(np.repeat(board[..., None], 3, 2)), 0.5, atol=1e-6)
    for shape in ((1, 1, 3), (5, 7, 3), (97, 191, 3), (1080, 1920, 3)):
        grid = light_grid(np.full(shape, 255, np.uint8))
        assert grid.shape == (min(shape[0], 96), min(shape[1], 96), 3)
        np.testing.assert_allclose(grid, 1, atol=1e-5)


def test_srgb_bytes_inverts_linear_light() -> None:
    """All 256 levels come back."""
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
    np.testing.assert_array_equal(srgb_bytes(light_grid(levels)), levels)
