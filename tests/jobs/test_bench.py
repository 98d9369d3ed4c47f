"""The bench measures a real render: its parts fit together."""

from __future__ import annotations

import dataclasses
import json
import time
import wave
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk.cli import main
from beatwalk.jobs.bench import Bench, BenchReport, run_bench
from beatwalk.jobs.song import write_song
from beatwalk.models import DiffusionGenerator, TimedGenerator, diffusers_backend
from tests.models import tiny
from tests.models.tiny import on_cpu


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SD on disk."""
    return tiny.save("sd", tmp_path_factory.mktemp("bench") / "tiny")


@pytest.fixture(scope="module", autouse=True)
def _few_cells_are_counted() -> Iterator[None]:
    """As for all tiny models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diffusers_backend, "COUNTED_SIDE", tiny.COUNTED_SIDE)
        yield


class Watched:
    """What a generator was really asked for: rows and seconds by method."""

    def __init__(self, generator: DiffusionGenerator) -> None:
        self.rows: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        for name in ("latents", "decode"):
            setattr(generator, name, self.watched(name, getattr(generator, name)))

    def watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, counted and timed."""

        def run(rows: Any, *args: Any, **kwargs: Any) -> Any:
            begin = time.perf_counter()
            made = call(rows, *args, **kwargs)
            self.seconds[name] += time.perf_counter() - begin
            self.rows[name] += len(rows)
            return made

        return run


@pytest.fixture(scope="module")
def bench(model: Path) -> tuple[BenchReport, Watched]:
    """Two seconds at 8 frames/s, with the diffusers baseline; and what the model really did."""
    generator = on_cpu(model)
    watched = Watched(generator)
    asked = Bench(seconds=2.0, size=(32, 32), fps=Fraction(8), steps=2)
    return run_bench(asked, generator, load_s=1.0, plain=on_cpu(model)), watched


@pytest.fixture(scope="module")
def measured(bench: tuple[BenchReport, Watched]) -> BenchReport:
    """The report alone."""
    return bench[0]


def test_rates_follow_from_frames_and_seconds(measured: BenchReport) -> None:
    """Known answers: 20 frames in 8 s are 2.5 a second, half of the baseline's 5, whatever else was measured."""
    known = dataclasses.replace(
        measured, frames=20, pictures=24, wall_s=8.0, generation_s=3.0, encoding_s=6.4, plain={"frames_per_s": 5.0}
    )
    data = known.to_json()
    names = ("frames_per_s", "images_per_s", "wall_over_longest", "speedup_vs_plain")
    assert [data[name] for name in names] == [2.5, 8.0, 1.25, 0.5]
    assert dataclasses.replace(known, generation_s=8.0).wall_over_longest == 1


def test_what_the_model_did_is_counted_and_timed(bench: tuple[BenchReport, Watched]) -> None:
    """Latents, pictures and seconds are those of its own calls."""
    report, watched = bench
    assert (report.denoised, report.pictures) == (watched.rows["latents"], watched.rows["decode"])
    assert report.stages["denoise"] == pytest.approx(watched.seconds["latents"], rel=0.1, abs=0.1)
    assert report.stages["decode"] == pytest.approx(watched.seconds["decode"], rel=0.1, abs=0.1)


def test_a_report_has_what_programs_rely_on(measured: BenchReport) -> None:
    """Every figure is there and finite, and parts fit into the whole."""
    data = json.loads(json.dumps(measured.to_json(), allow_nan=False))
    assert data["frames"] == 16
    assert data["pictures"] >= 16
    assert data["denoised"] > 0
    assert data["size"] == [32, 32]
    assert data["steps"] == 2
    assert data["load_s"] == 1
    assert data["peak_mb"] > 100
    assert data["peak_device_mb"] is None
    assert {"listen", "text", "denoise", "decode", "render", "encode", "mux"} <= set(data["stages"])
    parts = sum(data["stages"][name]["seconds"] for name in ("denoise", "decode"))
    assert parts == pytest.approx(data["generation_s"], abs=0.01)
    assert data["generation_s"] < data["stages"]["render"]["seconds"] < data["wall_s"]


def test_the_plain_way_is_measured_too(measured: BenchReport) -> None:
    """Its own frames, its own stages; the table says how they compare."""
    assert measured.plain is not None
    assert measured.plain["frames"] == 16
    assert set(measured.plain["stages"]) == {"generate", "png", "moviepy"}
    assert f"{measured.speedup_vs_plain:.2f} times as fast" in measured.to_text()


def test_the_best_of_several_runs_counts(measured: BenchReport) -> None:
    """Beside what the machine does of a common convolution."""
    slower = dataclasses.replace(measured, wall_s=2 * measured.wall_s)
    best = BenchReport.best_of([slower, measured, slower])
    assert best.frames_per_s == measured.frames_per_s
    assert best.to_json()["runs"] == [round(r.frames_per_s, 3) for r in (slower, measured, slower)]
    assert f"best of 3: {slower.frames_per_s:.2f}" in best.to_text()
    assert 0.1 < measured.reference_gflops < 1e6
    assert "GFLOP/s" in measured.to_text()


def test_a_timed_generator_makes_the_same_pictures(model: Path) -> None:
    """And counts them, and their latents."""
    generator = on_cpu(model)
    timed = TimedGenerator(generator)
    text, noise = timed.encode(["a"]), timed.start_noise(1, (16, 16))[None]
    options: dict[str, Any] = {"size": (16, 16), "steps": 1, "guidance": 1.0}
    assert np.array_equal(
        timed.generate(noise, text, None, **options), generator.generate(noise, text, None, **options)
    )
    assert (timed.denoised, timed.pictures) == (1, 1)
    assert timed.stages["text"] > 0


@pytest.mark.slow
def test_compiling_is_measured_apart(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it cost, what it brought, and from how many frames it pays; its time is in no other figure."""
    import torch

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda call, **_: compile_(call, dynamic=False, backend="eager"))
    generator = on_cpu(model)
    overrides = ({"model": {"compile": "on"}, "feedback": {"enabled": False}},)
    asked = Bench(seconds=1.0, size=(16, 16), fps=Fraction(8), steps=1, overrides=overrides)
    found = run_bench(asked, generator)
    assert found.compiled is not None
    assert found.compiled.seconds > 0
    assert "compiled  " in found.to_text()
    assert "float32, compiled" in found.to_text()
    assert found.to_json()["compiled"]["cuda_graphs"] is False
    assert found.stages["denoise"] > 0


def test_the_song_is_as_long_as_asked(tmp_path: Path) -> None:
    """Also where it is longer than a block, and the beat is in it."""
    with wave.open(str(write_song(tmp_path / "a.wav", 12.5)), "rb") as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(12.5)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    loud = np.abs(sound.reshape(-1, 2205)).mean(axis=1)  # a tenth of a second each
    assert loud[80:125:5].mean() > 1.5 * loud[83:125:5].mean()


def test_the_verb_writes_pure_json(
    model: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As programs call it."""
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    main(["bench", "--model", str(model), "--device", "cpu", "--seconds", "2", "--size", "16x16", "--fps", "4",
          "--steps", "1", "--json", "-", "-q"])  # fmt: skip
    data = json.loads(capfd.readouterr().out)
    assert data["frames"] == 8
    assert data["plain"] is None
    assert data["speedup_vs_plain"] is None
    assert list(tmp_path.iterdir()) == []
