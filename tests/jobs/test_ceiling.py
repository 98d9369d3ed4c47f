"""The ceiling renders with a model of no cost; its parts are those of a render."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from beatwalk.cli import main
from beatwalk.jobs.ceiling import WARM_UP_S, Ceiling, CeilingReport, InstantGenerator, measure_ceiling
from beatwalk.perception import reduce_frames, successive_change

SIZE = (384, 256)  # small ones are encoded in less time than the system counts


@pytest.fixture(scope="module")
def report() -> CeilingReport:
    """Two seconds of a small video."""
    return measure_ceiling(Ceiling(seconds=2.0, size=SIZE, overrides=({"video": {"hardware": False}},)))


def test_pictures_of_the_instant_model_change_as_latents_do() -> None:
    """The nearer the latents, the nearer the pictures; the same latents give the same picture."""
    generator = InstantGenerator(SIZE)
    ends = np.stack([generator.start_noise(seed, SIZE) for seed in (1, 2)])
    between = np.stack([ends[0] + (ends[1] - ends[0]) * share for share in (0, 0.03, 0.3)])
    frames = generator.decode(between.astype(np.float32), size=SIZE).host()
    assert frames.shape == (3, SIZE[1], SIZE[0], 3)
    assert frames.std() > 20
    near, far = successive_change(reduce_frames(frames))
    assert 0 < near < far
    np.testing.assert_array_equal(frames[1:], generator.decode(between[1:].astype(np.float32), size=SIZE).host())


def test_every_part_of_a_render_is_there(report: CeilingReport) -> None:
    """Parts have CPU time, some wall time too; the sum and the rate follow from them."""
    assert report.frames == 48
    assert report.frames_per_s == pytest.approx(48 / report.wall_s)
    assert {"model", "walk, measuring", "effects", "flash limiter", "segment files", "encoder"} <= set(report.cpu)
    assert all(seconds >= 0 for seconds in report.cpu.values())
    assert report.cpu["effects"] > 0
    assert report.cpu["encoder"] > 0
    assert 0 < report.wall["effects"] < report.wall_s
    assert report.wall["model"] < report.wall_s
    assert (report.codec, report.encoder) == ("h264", "libx264")


def test_the_report_says_it_for_people_and_programs(report: CeilingReport) -> None:
    """Milliseconds a frame of every part, in both forms."""
    figures, text = report.to_json(), report.to_text()
    assert figures["frames"] == 48
    assert set(figures["parts"]) == set(report.cpu)
    assert figures["parts"]["effects"]["cpu_ms"] == pytest.approx(1e3 * report.cpu["effects"] / 48, abs=0.001)
    assert figures["parts"]["encoder"]["wall_ms"] is None
    assert all(f"  {name} " in text for name in report.cpu)
    assert f"{report.frames_per_s:.1f} frames/s" in text


def test_the_command_measures_a_codec_and_a_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Preset, codec and size are those that were asked for."""
    wanted = ["--ceiling", "--size", "64x64", "--seconds", "1", "--codec", "hap", "--preset", "house"]
    main(["bench", *wanted, "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert (figures["codec"], figures["encoder"], figures["preset"]) == ("hap", "hap", "house")
    assert figures["size"] == [64, 64]
    assert "frames/s, if the model took no time" in capsys.readouterr().out


def test_a_song_as_long_as_the_warm_up_is_measured_apart_from_it() -> None:
    """The model costs nearly nothing; effects that are off, and another codec, are what is measured."""
    overrides = ({"video": {"codec": "ffv1"}, "effects": False},)
    report = measure_ceiling(Ceiling(seconds=WARM_UP_S, size=(48, 32), overrides=overrides))
    assert (report.frames, report.size, report.codec) == (24, (48, 32), "ffv1")
    assert report.cpu["effects"] == 0
    assert report.cpu["model"] < 0.2 * sum(report.cpu.values())
