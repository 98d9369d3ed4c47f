"""The example: the committed song is the one that its script makes, and is what the prompts speak of."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from beatwalk.listen import analyze
from beatwalk.listen.audio import open_audio
from beatwalk.plan.placement import place_prompts
from beatwalk.plan.prompts import read_prompts
from beatwalk.settings import Settings

EXAMPLES = Path(__file__).parent.parent / "examples"
SONG, PROMPTS = EXAMPLES / "demo.ogg", EXAMPLES / "demo.txt"
CODEC_NOISE = 0.03  # RMS of Vorbis's own error, of the song's RMS of about 0.25; encoders differ between versions


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_demo_song", EXAMPLES / "make_demo_song.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(script: ModuleType) -> NDArray[np.float64]:
    """The song as the script makes it, before it is encoded, shape (2, n)."""
    sound: NDArray[np.float64] = script.song()
    return sound


@pytest.fixture(scope="module")
def stored() -> NDArray[np.float64]:
    """The committed song, decoded, shape (2, n)."""
    sound: NDArray[np.float64] = soundfile.read(SONG, always_2d=True)[0].T
    return sound


def rms_db(sound: NDArray[np.float64]) -> float:
    """Mean level in decibels of full scale."""
    return float(10 * np.log10(np.mean(sound**2)))


def test_the_file_is_small_stereo_and_of_the_promised_length() -> None:
    """Under a megabyte, 44.1 kHz, long enough to have a form and short enough to render at once."""
    info = soundfile.info(SONG)
    assert (info.samplerate, info.channels, info.subtype) == (44_100, 2, "VORBIS")
    assert 24 <= info.duration <= 28
    assert SONG.stat().st_size < 1_000_000


def test_the_script_makes_the_committed_song(made: NDArray[np.float64], stored: NDArray[np.float64]) -> None:
    """Sample for sample, but for what Vorbis changes."""
    assert made.shape == stored.shape
    assert np.sqrt(np.mean((made - stored) ** 2)) < CODEC_NOISE


def test_another_seed_gives_another_song(script: ModuleType) -> None:
    """Chance comes from the seed alone."""
    first, again, other = (script.riser(np.random.default_rng(seed), 2) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_nothing_clips_and_nothing_is_cut_off(made: NDArray[np.float64], stored: NDArray[np.float64]) -> None:
    """Peaks stay below full scale even after Vorbis; the song begins and ends in silence, without an offset."""
    assert np.abs(made).max() <= 0.76
    assert np.abs(stored).max() < 0.95
    assert np.abs(made[:, [0, -1]]).max() < 1e-3
    assert np.abs(made.mean(axis=1)).max() < 0.002


def test_the_form_can_be_heard(script: ModuleType, made: NDArray[np.float64]) -> None:
    """The quiet part and the intro lie well below the drop, the breath before the drop is nearly silent."""

    def level(first: float, last: float) -> float:
        return rms_db(made[:, script.at(first) : script.at(last)])

    drop = level(script.DROP, script.QUIET)
    assert level(script.QUIET, script.RETURN) < drop - 8
    assert level(0, script.BUILD) < drop - 8
    assert level(script.DROP - 0.4, script.DROP - 0.05) < drop - 25
    assert level(script.RETURN, script.END) == pytest.approx(drop, abs=1.5)


def test_the_prompts_can_be_read() -> None:
    """Plain lines, the drop and a section."""
    places = [line.place.kind if line.place else None for line in read_prompts(PROMPTS).lines]
    assert places.count("drop") == 1
    assert places.count("section") == 1
    assert places.count(None) >= 3


def test_the_song_is_heard_as_it_was_written(script: ModuleType) -> None:
    """Tempo, every beat, the parts and the drop are found, and the prompts fall on the parts that they speak of."""
    analysis = analyze(open_audio(SONG))
    beat_s = 60 / script.BPM
    assert analysis.tempo_bpm == pytest.approx(script.BPM, abs=0.5)
    beats = analysis.beats_s / beat_s
    assert np.abs(beats - beats.round()).max() < 0.1
    assert len(beats) >= script.END - 4
    starts = [(round(section.start_s / beat_s), section.label) for section in analysis.sections]
    expected = [(0, "A"), (script.BUILD, "B"), (script.DROP, "C"), (script.QUIET, "D"), (script.RETURN, "C")]
    assert starts == expected
    assert analysis.drop_s == pytest.approx(script.DROP * beat_s, abs=0.05)
    laid = place_prompts(analysis, read_prompts(PROMPTS), Settings())
    at = {k.prompt.split(",")[0]: round(laid.timeline.time_of(k.frame) / beat_s) for k in laid.keyframes[:-1]}
    assert at["a swirling galaxy of stars"] == script.DROP
    assert at["emerald northern lights"] == script.QUIET
    assert len(at) == len(read_prompts(PROMPTS).lines)
