"""Camera, colour and trails: known movements of known pictures, and what must not change."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from beatwalk.perception import Pictures
from beatwalk.perception.srgb import to_linear, to_srgb
from beatwalk.settings import MAX_TRAILS
from beatwalk.targets import TARGETS, key_of
from beatwalk.types import Frames, Targets
from beatwalk.video import effects, frames_before, kernels, with_effects
from beatwalk.video.camera import Camera, camera_matrices
from beatwalk.video.chain import Geometry, Grade, Trails
from beatwalk.video.color import roll_off
from beatwalk.video.effects import CHAIN, Effects
from beatwalk.video.grain import Grain
from beatwalk.video.sampling import bicubic, blur, grids, sample

SIZE = (96, 64)  # width, height
ONE_LEVEL = 1  # of 255: what rounding may do
SUB_PIXEL = 0.05  # pixels: torch's bicubic kernel (a = -0.75) does not keep the centre of mass exactly


def asking(n: int, **curves: object) -> Targets:
    """Targets that ask for nothing but `curves`; each a number or n of them."""
    still = {spec.name: np.full(n, spec.neutral) for spec in TARGETS.values()}
    changes = {name: np.broadcast_to(np.asarray(values, float), (n,)) for name, values in curves.items()}
    return Targets({str(key_of(name)): values for name, values in (still | changes).items()})


def noise(n: int, size: tuple[int, int] = SIZE, seed: int = 0) -> Frames:
    """Pictures without any structure."""
    return np.random.default_rng(seed).integers(0, 256, (n, size[1], size[0], 3), dtype=np.uint8)


def blob(x: float, y: float, size: tuple[int, int] = SIZE, radius: float = 3.0) -> Frames:
    """A soft white dot, its centre `x` right of and `y` below the middle of a black picture."""
    at_y, at_x = np.mgrid[: size[1], : size[0]]
    far = (at_x + 0.5 - size[0] / 2 - x) ** 2 + (at_y + 0.5 - size[1] / 2 - y) ** 2
    dot = np.round(255 * np.exp(-far / (2 * radius**2)))
    return np.repeat(dot[None, :, :, None], 3, axis=3).astype(np.uint8)


def centre(frame: NDArray[np.uint8]) -> tuple[float, float]:
    """Centre of mass, from the middle of the picture."""
    mass = frame.astype(float).sum(axis=2)
    y, x = np.mgrid[: mass.shape[0], : mass.shape[1]]
    middle_x = (x * mass).sum() / mass.sum() + 0.5 - mass.shape[1] / 2
    middle_y = (y * mass).sum() / mass.sum() + 0.5 - mass.shape[0] / 2
    return float(middle_x), float(middle_y)


def finished(frames: Frames, **curves: object) -> Frames:
    """All frames through effects that ask for `curves`."""
    size = (frames.shape[2], frames.shape[1])
    return Effects(CHAIN, asking(len(frames), **curves), size).apply(Pictures(frames), 0).host()


def on_device(frames: Frames) -> Pictures:
    """The frames as another device than the CPU has them."""
    return Pictures(torch.from_numpy(frames.copy()), keep_tensor=True)


# ------------------------------------------------------------------------------------------------ what stays as it is


def test_nothing_asked_returns_the_very_frames() -> None:
    """Identity costs nothing and copies nothing."""
    frames = noise(3)
    for pictures in (Pictures(frames), on_device(frames)):
        assert Effects(CHAIN, asking(3), SIZE).apply(pictures, 0) is pictures


def test_frames_at_rest_between_moving_ones_stay_bit_for_bit() -> None:
    """Only the frames that a target touches change."""
    frames = noise(4)
    done = finished(frames, zoom=[0, 0.3, 0, 0], hue=[0, 0, 0, 40])
    changed = [bool((done[i] != frames[i]).any()) for i in range(4)]
    assert changed == [False, True, False, True]


def test_a_movement_of_nearly_nothing_changes_nearly_nothing() -> None:
    """Sampling lands on the centres of pixels: there is no jump between still and just moving."""
    frames = noise(1)
    for name in ("zoom", "rotate", "pan_x", "pan_y", "exposure", "hue"):
        done = finished(frames, **{name: 1e-6})
        assert np.abs(done.astype(int) - frames).max() <= ONE_LEVEL, name


def test_the_given_frames_are_not_touched() -> None:
    """Read-only input is taken without a word and left alone."""
    frames = noise(2)
    frames.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finished(frames, zoom=0.2, trails=0.5)
    assert (frames == noise(2)).all()


# ------------------------------------------------------------------------------------------------------------- camera


@pytest.mark.parametrize("shift", [0.25, 3.5, -7.75])
def test_pan_moves_the_view_by_parts_of_a_pixel(shift: float) -> None:
    """The view moves to the right and down, so the picture moves left and up, by as much."""
    x, y = centre(finished(blob(4, -2), pan_x=shift / SIZE[0], pan_y=shift / 2 / SIZE[1])[0])
    assert x == pytest.approx(4 - shift, abs=SUB_PIXEL)
    assert y == pytest.approx(-2 - shift / 2, abs=SUB_PIXEL)


@pytest.mark.parametrize(("degrees", "expected"), [(90, (0, -20)), (30, (20 * 0.8660, -10)), (-180, (-20, 0))])
def test_rotation_is_counter_clockwise_and_keeps_lengths(degrees: float, expected: tuple[float, float]) -> None:
    """A dot to the right goes up; in a picture that is not square it stays as far from the middle."""
    x, y = centre(finished(blob(20, 0, radius=2), rotate=degrees)[0])
    assert (x, y) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("octaves", [1.0, 0.5, -0.5])
def test_zoom_in_octaves(octaves: float) -> None:
    """One octave closer is twice as far from the middle, and twice as large."""
    before, done = blob(6, 4), finished(blob(6, 4), zoom=octaves)
    scale = 2.0**octaves
    assert centre(done[0]) == pytest.approx((6 * scale, 4 * scale), abs=0.1)
    assert done.sum() / before.sum() == pytest.approx(scale**2, rel=0.02)


def test_pan_is_measured_in_the_picture_whatever_the_zoom() -> None:
    """A tenth of the picture at one octave is a fifth of the view."""
    x, _ = centre(finished(blob(9.6, 0), pan_x=0.05, zoom=1)[0])
    assert x == pytest.approx(2 * (9.6 - 4.8), abs=0.05)


def test_sub_pixel_movement_is_smooth() -> None:
    """A slow zoom moves a dot by the same small step each frame, never by whole pixels."""
    n = 40
    done = finished(np.repeat(blob(25, 10, radius=2), n, axis=0), zoom=np.linspace(0, 0.1, n))
    x = np.array([centre(frame)[0] for frame in done])
    assert x == pytest.approx(25 * 2 ** np.linspace(0, 0.1, n), abs=SUB_PIXEL)


@given(zoom=st.floats(-1, 1.5), rotate=st.floats(-400, 400), pan_x=st.floats(-1.2, 1.2), pan_y=st.floats(-1.2, 1.2))
@settings(max_examples=40, deadline=None)
def test_no_black_borders_anywhere(zoom: float, rotate: float, pan_x: float, pan_y: float) -> None:
    """A plain picture stays plain wherever the camera looks: beyond the border is the mirrored picture."""
    frames = np.full((1, 32, 48, 3), (200, 120, 40), np.uint8)
    done = finished(frames, zoom=zoom, rotate=rotate, pan_x=pan_x, pan_y=pan_y)
    assert np.abs(done.astype(int) - frames).max() <= ONE_LEVEL


def test_beyond_the_border_is_the_mirrored_picture() -> None:
    """Half a width to the right, the second half of the view is the mirror of the first."""
    done = finished(noise(1), pan_x=0.5)[0].astype(int)
    assert np.abs(done - done[:, ::-1]).max() <= ONE_LEVEL


@pytest.mark.parametrize("octaves", [-0.5, -0.7, -1.0])
def test_smaller_pictures_do_not_shimmer(octaves: float) -> None:
    """The finest checker board fades towards grey when it is made smaller; it does not become a coarser board."""
    y, x = np.mgrid[:64, :64]
    board = np.repeat((((x + y) % 2) * 255).astype(np.uint8)[None, :, :, None], 3, axis=3)
    assert finished(board, zoom=octaves).std() < 0.25 * board.std()


def test_bluring_keeps_brightness() -> None:
    """A blur spreads light and loses none of it, the edges included."""
    spot = torch.zeros(2, 3, 9, 9)
    spot[:, :, 4, 4] = 1
    whole, none = blur(spot, torch.tensor([1.0, 0.0]))
    assert float(whole[0].sum()) == pytest.approx(1)
    assert whole[0, 4, 3:6].tolist() == pytest.approx([0.125, 0.25, 0.125])
    assert torch.equal(none, spot[1])
    assert torch.allclose(blur(torch.ones(1, 3, 5, 5), torch.tensor([0.7])), torch.ones(1, 3, 5, 5))
    source = np.zeros((9, 9, 4), np.float32)
    source[4, 4] = 1
    np.testing.assert_allclose(kernels.blurred(source, 1.0)[..., 0], whole[0], atol=1e-7)


def test_camera_matrix_of_no_movement_is_identity() -> None:
    """Nothing asked is exactly no movement."""
    assert (camera_matrices(asking(2), SIZE) == np.eye(3)).all()


# ------------------------------------------------------------------------------------------------------------- colour


def test_srgb_curves_undo_each_other_and_pass_known_points() -> None:
    """IEC 61966-2-1: 0.5 encodes 0.2140; the straight part is /12.92."""
    ramp = torch.linspace(0, 1, 1001)
    light = to_linear(ramp)
    assert float(light[500]) == pytest.approx(0.21404, abs=1e-5)
    assert float(light[20]) == pytest.approx(0.02 / 12.92, abs=1e-6)
    assert float(light[0]) == pytest.approx(0, abs=1e-6)
    assert float(light[-1]) == pytest.approx(1, abs=1e-6)
    assert torch.allclose(to_srgb(light), ramp, atol=1e-5)


def test_exposure_is_in_stops_of_linear_light() -> None:
    """One stop doubles the light of a dark grey and halves it again."""
    frames = np.full((1, 8, 8, 3), 60, np.uint8)
    light = ((60 / 255 + 0.055) / 1.055) ** 2.4
    for stops in (1.0, -1.0):
        expected = 255 * (1.055 * (light * 2**stops) ** (1 / 2.4) - 0.055)
        assert finished(frames, exposure=stops) == pytest.approx(expected, abs=ONE_LEVEL)


def test_highlights_roll_off_without_clipping() -> None:
    """Raised by two stops, different bright greys stay different, in order, and white stays white."""
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, None, :, None], 3, axis=3)
    done = finished(np.repeat(greys, 4, axis=1), exposure=2)[0, 0, :, 0].astype(int)
    assert (np.diff(done) >= 0).all()
    assert len(np.unique(done[128:])) > 20
    assert done[0] == 0
    assert done[-1] == 255


@given(white=st.floats(1, 64), a=st.floats(0, 1), b=st.floats(0, 1))
def test_roll_off_rises_from_zero_to_one(white: float, a: float, b: float) -> None:
    """Monotone, below the straight line, 1 at `white`."""
    low, high = sorted((a * white, b * white))
    out = roll_off(torch.tensor([0.0, low, high, white], dtype=torch.float64), torch.tensor(white).double())
    assert out[0] == 0
    assert out[1] <= out[2] + 1e-12
    assert out[2] <= high + 1e-12
    assert float(out[3]) == pytest.approx(1)


def test_saturation_of_zero_is_grey_of_the_same_lightness() -> None:
    """No colour is left, light colours stay lighter than dark ones, and grey stays grey at any saturation."""
    yellow_and_blue = np.zeros((1, 8, 8, 3), np.uint8)
    yellow_and_blue[:, :4] = (255, 220, 0)
    yellow_and_blue[:, 4:] = (20, 30, 140)
    done = finished(yellow_and_blue, saturation=0)[0].astype(int)
    assert np.ptp(done, axis=2).max() <= ONE_LEVEL
    assert done[0, 0, 0] > done[7, 0, 0] + 60
    grey = np.full((1, 8, 8, 3), 130, np.uint8)
    assert np.abs(finished(grey, saturation=2.5).astype(int) - 130).max() <= ONE_LEVEL


def test_hue_turns_in_oklab() -> None:
    """Hue moves by the angle asked for, lightness and chroma stay; a whole turn is none."""
    frames = np.full((1, 8, 8, 3), (170, 120, 130), np.uint8)
    before, after = oklab(frames[0, 0, 0]), oklab(finished(frames, hue=70)[0, 0, 0])
    turned = np.rad2deg(np.angle((after[1] + 1j * after[2]) / (before[1] + 1j * before[2])))
    assert turned == pytest.approx(70, abs=3)
    assert after[0] == pytest.approx(before[0], abs=0.005)
    assert np.hypot(*after[1:]) == pytest.approx(np.hypot(*before[1:]), rel=0.04)
    assert np.abs(finished(noise(1), hue=360).astype(int) - noise(1)).max() <= ONE_LEVEL


def oklab(color: NDArray[np.uint8]) -> NDArray[np.float64]:
    """OKLab of one colour by the published two-step formula, apart from the code under test."""
    encoded = color / 255
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    r, g, b = light
    long = np.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    medium = np.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = np.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return np.array(
        [
            0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
        ]
    )


# ------------------------------------------------------------------------------------------------------------- trails


def test_trails_are_a_running_mean() -> None:
    """y[i] = (1 - t) x[i] + t y[i - 1], with y[0] = x[0]; kept finer than 8 bits."""
    frames, share = noise(6), 0.7
    expected = frames[0].astype(float)
    done = finished(frames, trails=share)
    for given_frame, got in zip(frames, done, strict=True):
        expected = (1 - share) * given_frame + share * expected
        assert np.abs(got - expected).max() <= 0.51


def test_trails_keep_the_light_of_a_still_picture() -> None:
    """A picture that stands still is not changed by its own trail, however long."""
    frames = np.repeat(noise(1), 30, axis=0)
    assert (finished(frames, trails=MAX_TRAILS) == frames).all()


def test_trails_move_with_the_camera() -> None:
    """A still picture under a moving camera has no ghost: the trail is where the picture has gone."""
    n = 12
    frames = np.repeat(blob(14, 6, radius=4), n, axis=0)
    moves = {"rotate": np.linspace(0, 33, n), "zoom": np.linspace(0, 0.3, n), "pan_x": np.linspace(0, 0.05, n)}
    bare, trailing = finished(frames, **moves), finished(frames, **moves, trails=0.8)
    assert centre(trailing[-1]) == pytest.approx(centre(bare[-1]), abs=0.1)
    assert np.abs(trailing[-1].astype(int) - bare[-1]).max() < 25  # a little softer, since sampled again and again


def test_one_frame_has_what_earlier_ones_leave_in_it() -> None:
    """Its trails are followed back until they cannot be seen, and no further."""
    frames = np.random.default_rng(4).integers(0, 256, (60, SIZE[1], SIZE[0], 3), np.uint8)
    share = np.where(np.arange(60) < 50, 0.6, 0.0)
    whole, targets = finished(frames, trails=share, exposure=0.2), asking(60, trails=share, exposure=0.2)
    assert [frames_before(targets, frame) for frame in (0, 3, 40, 55)] == [0, 3, 10, 0]
    for frame in (0, 3, 40, 55):
        first = frame - frames_before(targets, frame)
        alone = with_effects(frames[first : frame + 1], first, targets)[-1]
        assert np.abs(alone.astype(int) - whole[frame]).max() <= 2
    assert frames_before(asking(60, trails=0.95), 59) == 24


def test_trails_begin_with_the_frame_before() -> None:
    """Trails that set in later find the untouched frame before them."""
    frames = noise(3)
    done = finished(frames, trails=[0, 0, 0.5])
    assert (done[1] == frames[1]).all()
    assert done[2] == pytest.approx((frames[1].astype(float) + frames[2]) / 2, abs=0.51)


@pytest.mark.parametrize("level", [0, 255])
def test_the_ends_of_the_scale_leave_clean_trails(level: int) -> None:
    """Black and white stay numbers through all steps: what is none would stay in the trails for ever."""
    frames = np.concatenate([np.full((3, SIZE[1], SIZE[0], 3), level, np.uint8), noise(3)])
    curves = {"exposure": 0.3, "saturation": 1.3, "hue": 20.0, "zoom": 0.1, "trails": 0.5}
    done = finished(frames, **curves)
    expected = Effects(CHAIN, asking(6, **curves), SIZE).apply(on_device(frames), 0).host()
    assert np.abs(done[:3].astype(int) - level).max() <= ONE_LEVEL
    assert np.abs(done.astype(int) - expected).max() <= ONE_LEVEL


def test_a_trail_never_grows() -> None:
    """Even noise, warped again and again at the longest trail, fades towards what is given."""
    n = 60
    frames = np.concatenate([noise(1), np.zeros((n - 1, SIZE[1], SIZE[0], 3), np.uint8)])
    done = finished(frames, trails=1.0, rotate=np.arange(n) * 1.7, zoom=np.sin(np.arange(n) / 9) / 3)
    assert (np.diff(done.reshape(n, -1).mean(axis=1)) <= 0.01).all()
    assert done[-1].mean() < 0.1 * done[0].mean()


# -------------------------------------------------------------------------------------------------- batches and order


@given(cuts=st.lists(st.integers(1, 11), max_size=5, unique=True), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_batches_do_not_matter(cuts: list[int], seed: int) -> None:
    """However the frames are grouped, the pictures are the same to the bit."""
    n, rng = 12, np.random.default_rng(seed)
    frames = noise(n, (40, 24), seed)
    # Effects that come and go, so that every shortcut is taken.
    spread = {"zoom": 0.3, "rotate": 20, "exposure": 0.5, "hue": 50, "trails": 0.4}
    curves = {name: (rng.random(n) < 0.6) * rng.normal(0, sd, n) for name, sd in spread.items()}
    targets = asking(n, **curves)
    for pictures in (Pictures(frames), on_device(frames)):
        whole = Effects(CHAIN, targets, (40, 24)).apply(pictures, 0).host()
        effects, boundaries = Effects(CHAIN, targets, (40, 24)), [0, *sorted(cuts), n]
        parts = [effects.apply(pictures[a:b], a).host() for a, b in itertools.pairwise(boundaries)]
        assert (np.concatenate(parts) == whole).all()


def test_frames_out_of_order_are_refused() -> None:
    """A skipped, repeated or surplus frame is a mistake of the caller."""
    effects = Effects(CHAIN, asking(4, trails=0.5), SIZE)
    effects.apply(Pictures(noise(2)), 0)
    with pytest.raises(ValueError, match="expected frame 2 of 4, found frames 3 to 3"):
        effects.apply(Pictures(noise(1)), 3)
    with pytest.raises(ValueError, match="found frames 2 to 4"):
        effects.apply(Pictures(noise(3)), 2)


def test_other_sizes_and_wild_targets_are_refused() -> None:
    """Wrong shape or numbers that are none end in a clear message."""
    with pytest.raises(ValueError, match=r"expected frames of \(96, 64\), found \(64, 96\)"):
        Effects(CHAIN, asking(1), SIZE).apply(Pictures(noise(1, (64, 96))), 0)
    for name in ("zoom", "hue", "trails", "noise"):
        with pytest.raises(ValueError, match="not finite"):
            Effects(CHAIN, asking(2, **{name: [0, np.nan]}), SIZE)


# -------------------------------------------------------------------------------------------------------------- grain


def test_grain_has_its_deviation_and_no_colour_and_is_new_every_frame() -> None:
    """0.04 of full scale on grey; two frames have nothing in common."""
    grey = np.full((2, 128, 128, 3), 128, np.uint8)
    first, second = finished(grey, noise=0.04).astype(float)
    assert np.ptp(first, axis=2).max() == 0
    assert first.std() == pytest.approx(0.04 * 255, rel=0.05)
    assert abs(first.mean() - 128) < 0.5
    assert abs(np.corrcoef(first[..., 0].ravel(), second[..., 0].ravel())[0, 1]) < 0.05


def test_grain_is_the_same_in_every_run_and_batch() -> None:
    """Frame 3 has its own, whichever frames come with it."""
    frames = noise(5)
    together = finished(frames, noise=0.1)
    effects = Effects(CHAIN, asking(5, noise=0.1), SIZE)
    apart = np.concatenate([effects.apply(Pictures(frames[i : i + 1]), i).host() for i in range(5)])
    np.testing.assert_array_equal(together, apart)


def test_grain_does_not_trail() -> None:
    """What stays of a frame is the frame without its grain: else trails would pile it up and blur it."""
    grey = np.full((6, 64, 64, 3), 128, np.uint8)
    np.testing.assert_array_equal(finished(grey, noise=0.05), finished(grey, noise=0.05, trails=0.9))


# ----------------------------------------------------------------------------------------------- one chain, two ways


ASKED: dict[str, dict[str, Any]] = {
    "camera": {"zoom": 0.2, "rotate": 11.0, "pan_x": 0.3},
    "smaller": {"zoom": -0.6, "rotate": 40.0},
    "far away": {"zoom": -3.0, "pan_x": 2.7, "pan_y": -1.6},
    "color": {"exposure": 0.7, "saturation": 1.6, "hue": 40.0},
    "dark": {"exposure": -2.0, "saturation": 0.2},
    "trails": {"trails": 0.6, "rotate": [0, 2, 5, 6, 8, 11], "zoom": [0, 0.1, 0.1, 0.3, 0.2, 0]},
    "grain": {"noise": 0.08},
    "mirror": {"segments": [0, 1, 2, 5, 6, 6], "rotate": 20.0, "trails": 0.4},
    "tiles": {"count": [1, 2, 3, 3, 2, 1], "zoom": 0.2, "trails": 0.3},
    "large pixels": {"pixelate": [0, 0.02, 0.1, 0.3, 0.05, 0], "pan_x": 0.1},
    "light": {"vignette": [0, 0.3, 0.6, 1, 0.5, 0], "strobe": [0.2, 0, 0, 0.7, 0, 1]},
    "aberration": {"aberration": [0, 0.001, 0.01, 0.02, 0.1, 0.2]},
    "all": {
        "zoom": 0.1,
        "exposure": 0.3,
        "hue": [0, 9, 0, 0, 80, 3],
        "trails": [0.5, 0, 0, 0.7, 0.7, 0],
        "noise": 0.03,
    },
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("size", [SIZE, (301, 77)])
def test_the_cpu_and_other_devices_paint_alike(asked: str, size: tuple[int, int]) -> None:
    """Compiled code and torch differ by rounding: one level, in few pixels, and no drift over many frames."""
    frames = noise(6, size)
    compiled = Effects(CHAIN, asking(6, **ASKED[asked]), size).apply(Pictures(frames), 0).host()
    batched = Effects(CHAIN, asking(6, **ASKED[asked]), size).apply(on_device(frames), 0).host()
    away = np.abs(compiled.astype(int) - batched)
    assert away.max() <= ONE_LEVEL
    assert away.mean() < 0.02
    assert (compiled != frames).any()


def test_rows_painted_by_several_threads_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moved, graded, with a trail: every row has the same bytes whoever paints it."""
    frames, asked = noise(4), {"zoom": [0.1, 0.2, 0.3, 0.4], "hue": 40.0, "trails": 0.5, "noise": 0.03}
    alone = finished(frames, **asked)
    monkeypatch.setattr(effects, "THREAD_PIXELS", SIZE[0] * SIZE[1] // 4)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    together = Effects(CHAIN, asking(4, **asked), SIZE)
    assert len(together._parts) == 4
    np.testing.assert_array_equal(together.apply(Pictures(frames), 0).host(), alone)


def test_bicubic_by_gathering_is_torchs_own() -> None:
    """What Apple's GPUs lack is replaced by the same sampling."""
    picture = torch.rand(2, 3, 20, 31, generator=torch.Generator().manual_seed(0))
    matrices = camera_matrices(asking(2, zoom=[-0.7, 0.4], rotate=[20, 190], pan_x=[0.9, -0.2]), (31, 20))
    grid = grids(matrices, (31, 20), "cpu")
    torch.testing.assert_close(bicubic(picture, grid), sample(picture, grid, smooth=True), atol=2e-5, rtol=0)


class Mirror(Geometry):
    """The left half of the picture, and its mirror image: not affine, and without a matrix."""

    uses = ("camera.pan_y",)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Where it is asked for."""
        return np.asarray(self.curves["camera.pan_y"] > 0)

    def seen(self, points: torch.Tensor, frame: int) -> torch.Tensor:
        """Points to the right look to the left."""
        return torch.stack([-points[0].abs(), points[1]]) if self.active[frame] else points

    def shown(self, points: torch.Tensor, frame: int) -> torch.Tensor:
        """Each point is shown where it is."""
        return points


class Turn(Camera):
    """A camera that does not follow the target which the mirror is switched by."""

    def __init__(self, targets: Targets, size: tuple[int, int]) -> None:
        super().__init__(targets, size)
        self.matrices = camera_matrices(asking(len(targets), rotate=targets.rotate, zoom=targets.zoom), size)


class Inverted(Grade):
    """A negative, without a kernel."""

    uses = ("color.hue",)

    @property
    def active(self) -> NDArray[np.bool_]:
        """Where it is asked for."""
        return np.asarray(self.curves["color.hue"] > 0)

    def apply(self, pictures: torch.Tensor, frames: NDArray[np.int64]) -> torch.Tensor:
        """White becomes black."""
        return 1 - pictures


def test_geometries_are_composed_and_sampled_once() -> None:
    """A mirror behind a camera shows the turned picture mirrored, as two passes would but sharper; trails follow."""
    frames = np.repeat(blob(-20, 6, radius=4), 4, axis=0)
    curves = {"rotate": [10.0, 14, 18, 22], "pan_y": 1.0}
    chain = (Turn, Mirror, Trails)
    for pictures in (Pictures(frames), on_device(frames)):
        once = Effects(chain, asking(4, **curves), SIZE).apply(pictures, 0).host()
        turned = finished(frames, rotate=curves["rotate"])
        expected = turned.copy()
        expected[:, :, SIZE[0] // 2 :] = turned[:, :, : SIZE[0] // 2][:, :, ::-1]
        assert np.abs(once.astype(int) - expected).max() <= ONE_LEVEL
        trailing = Effects(chain, asking(4, **curves, trails=0.8), SIZE).apply(pictures, 0).host()
        assert np.abs(trailing.astype(int) - once).max() < 25  # no ghost, a little softer
        still = Effects((Turn, Mirror), asking(4), SIZE).apply(pictures, 0)
        assert still is pictures


def test_a_grade_without_a_kernel_works_everywhere() -> None:
    """The whole chain then runs in torch, with the same result."""
    frames = noise(3)
    curves = {"zoom": 0.2, "hue": [0, 1, 1], "noise": 0.02}
    chain = (Camera, Inverted, Trails, Grain)
    done = [
        Effects(chain, asking(3, **curves), SIZE).apply(pictures, 0).host()
        for pictures in (Pictures(frames), on_device(frames))
    ]
    assert (done[0] == done[1]).all()
    plain = Effects(CHAIN, asking(3, zoom=0.2), SIZE).apply(Pictures(frames), 0).host().astype(int)
    inverted = Effects(chain, asking(3, zoom=0.2, hue=1.0), SIZE).apply(Pictures(frames), 0).host()
    assert np.abs(inverted - (255 - plain)).max() <= ONE_LEVEL


@pytest.mark.gpu
def test_cuda_paints_as_the_cpu_does() -> None:
    """The same chain on a graphics card: one level."""
    frames = noise(6)
    expected = finished(frames, **ASKED["all"])
    effects = Effects(CHAIN, asking(6, **ASKED["all"]), SIZE, "cuda")
    done = effects.apply(Pictures(torch.from_numpy(frames).cuda()), 0)
    assert done.device.startswith("cuda")
    assert np.abs(done.host().astype(int) - expected).max() <= ONE_LEVEL
