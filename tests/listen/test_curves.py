"""Curves are 0–1 over the whole song, 0 in silence and louder where the song is."""

from __future__ import annotations

import numpy as np
import pytest

from beatwalk.listen.curves import song_curves
from beatwalk.listen.features import extract_features
from beatwalk.sources import CURVES
from beatwalk.types import Curve
from tests.songs import RATE_HZ, Samples, audio_of


def curves_of(samples: Samples, block: int = 50_000) -> dict[str, Curve]:
    """Curves of `samples`."""
    return dict(song_curves(extract_features(audio_of(samples, block=block))))


def sine(hz: float, gain: float, duration_s: float = 5.0) -> Samples:
    """A steady tone."""
    return gain * np.sin(2 * np.pi * hz * np.arange(int(duration_s * RATE_HZ)) / RATE_HZ)


@pytest.mark.parametrize("level", [1.0, 0.05, 30_000.0])
def test_verse_stays_quieter_than_the_drop(level: float) -> None:
    """20 dB less is a quarter as loud (10 ** -0.6), whatever the level of the master."""
    quiet, loud = sine(440, 0.05), sine(440, 0.5)
    energy = curves_of(level * np.concatenate([quiet, loud, quiet]))["energy"]
    assert energy.at(np.array([7.5]))[0] == pytest.approx(1.0, abs=0.02)
    assert energy.at(np.array([2.5]))[0] == pytest.approx(10**-0.6, abs=0.03)
    assert energy.at(np.array([12.5]))[0] == pytest.approx(10**-0.6, abs=0.03)


def test_silence_is_exactly_zero() -> None:
    """All curves are 0 in a silent song, and in the silent part of another; never NaN."""
    for samples in (
        np.zeros(5 * RATE_HZ),
        np.r_[np.zeros(5 * RATE_HZ), sine(99, 0.5)],
    ):
        curves = curves_of(samples)
        assert list(curves) == list(CURVES)
        for curve in curves.values():
            assert np.isfinite(curve.values).all()
            assert not curve.at(np.linspace(0, 4.4, 100)).any()


@pytest.mark.parametrize(("hz", "band"), [(60, "bass"), (600, "mid"), (6000, "high")])
def test_tone_lies_in_its_band(hz: float, band: str) -> None:
    """A tone fills its own band and leaves the others low."""
    curves = curves_of(sine(hz, 0.5))
    means = {name: curves[name].values[20:-20].mean() for name in ("bass", "mid", "high")}
    assert means.pop(band) > 0.95
    assert max(means.values()) < 0.3


def test_brightness_rises_with_pitch() -> None:
    """A higher tone is brighter."""
    means = [curves_of(sine(hz, 0.5))["brightness"].values[20:-20].mean() for hz in (200, 800, 3000)]
    assert means[0] < means[1] - 0.2 < means[2] - 0.4


def test_curves_span_the_song_and_do_not_depend_on_blocks() -> None:
    """Values come at an even rate to the end; the size of blocks changes nothing."""
    samples = np.random.default_rng(0).standard_normal(int(3.3 * RATE_HZ)) * 0.1
    whole, pieces = curves_of(samples, block=len(samples)), curves_of(samples, block=777)
    for name in CURVES:
        np.testing.assert_allclose(whole[name].values, pieces[name].values, atol=1e-3)
        rate_hz = whole[name].rate_hz
        assert (len(whole[name].values) - 1) / rate_hz == pytest.approx(3.3, abs=1.5 / rate_hz)
        assert whole[name].values.min() >= 0
        assert whole[name].values.max() <= 1
