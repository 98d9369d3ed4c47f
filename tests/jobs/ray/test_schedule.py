"""Which segment comes next, which machines are of one mind, and what the command line makes of its options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from beatwalk.api import ModelFacts
from beatwalk.cli import cli
from beatwalk.errors import DeviceError, WorkerError
from beatwalk.jobs.ray import Cluster
from beatwalk.jobs.ray.crew import reason_of
from beatwalk.jobs.ray.pieces import PIECE_BYTES, pieces_of
from beatwalk.jobs.ray.schedule import estimated_s, next_segment, time_of
from beatwalk.jobs.ray.versions import other_pictures, other_versions, versions_here
from beatwalk.models.fake import FakeGenerator
from beatwalk.preflight import FINISHING
from tests.benchmarks.ray_scaling import Costs, efficiency, simulated
from tests.jobs.ray.conftest import small_plan


def test_segments_start_in_order_and_a_long_one_before_it_holds_the_end() -> None:
    """Ten segments of 10 and one of 40 at the end: with two workers it can wait, with eight it cannot."""
    frames = [10] * 10 + [40]
    assert next_segment(frames, 1) == 0
    assert next_segment(frames, 8) == 10
    assert next_segment([10, 10], 8) == 0


def test_no_straggler_holds_the_end() -> None:
    """In order, the long segment at the end would begin at 40 and end at 120; it begins at once."""
    frames = [10] * 16 + [80]
    assert simulated(Costs(frames=frames, tasks=frames), 4) == pytest.approx(80, abs=1)


def test_a_set_of_equal_segments_keeps_workers_busy() -> None:
    """709 segments, a prompt every four bars of a 90-minute set, and a pilot that all workers share."""
    pilot = [[1.75] * 16, [0.0], [4.25] * 89]
    costs = Costs(frames=[183] * 709, tasks=[183 * 1.15] * 709, pilot=pilot)
    assert efficiency(costs, 64) > 0.9
    assert efficiency(costs, 256) > 0.75
    assert efficiency(costs.with_serial_pilot, 256) < 0.7


@pytest.mark.parametrize(("n_segments", "n_frames", "n_legs"), [(355, 366, 2), (178, 732, 4)])
def test_long_segments_in_legs_keep_workers_busy(n_segments: int, n_frames: int, n_legs: int) -> None:
    """A prompt every eight or sixteen bars of the same set: each segment is surveyed, and then come its legs."""
    tasks = list[tuple[float, float, int | None]]()
    for _ in range(n_segments):
        survey, leg = 0.15 * n_frames, n_frames / n_legs
        tasks.extend([(survey + leg, survey, None), *[(leg, leg, len(tasks))] * n_legs])
    frames, each, after = zip(*tasks, strict=True)
    costs = Costs(frames=frames, tasks=each, after=after, pilot=[[1.75] * 16, [0.0], [4.25] * (n_segments // 8)])
    assert efficiency(costs, 64) > 0.9
    assert efficiency(costs, 256) > 0.75
    whole = Costs(frames=[n_frames] * n_segments, tasks=[1.15 * n_frames] * n_segments, pilot=costs.pilot)
    assert efficiency(whole, 256) < 0.75


def test_a_task_waits_for_what_it_builds_on() -> None:
    """Four legs after one survey: two workers need the survey's time and two legs' each; others begin meanwhile."""
    after = [None, 0, 0, 0, 0]
    assert time_of([3, 10, 10, 10, 10], 2, after=after) == 23
    assert time_of([3, 10, 10, 10, 10], 8, after=after) == 13
    assert time_of([3, 10, 10, 10, 10, 20], 2, after=[*after, None]) == 33


def test_an_estimate_counts_workers_and_what_they_share(tmp_path: Path) -> None:
    """Cards are each as fast as one; cores are shared with each other and with the driver."""
    plan = small_plan(tmp_path)
    frames = [part.n_frames for part in plan.parts]
    assert (sum(frames), max(frames)) == (24, 8)
    assert estimated_s(plan, 1.0, workers=1, cores=None) == pytest.approx(24)
    assert estimated_s(plan, 1.0, workers=2, cores=None) == pytest.approx(time_of(frames, 2))
    assert estimated_s(plan, 1.0, workers=50, cores=None) == pytest.approx(8)  # the longest segment
    assert estimated_s(plan, 1.0, workers=1, cores=4) == pytest.approx(4 * 24)  # one core of four
    everything = 24 * (1 + FINISHING)
    assert estimated_s(plan, 1.0, workers=2, cores=2) == pytest.approx(max(everything, 2 * time_of(frames, 2)))
    assert estimated_s(plan, 1.0, workers=64, cores=2) >= everything  # no more than the machine can do


def test_versions_differ_by_more_than_the_build() -> None:
    """A build for cards and one for processors are the same version; the message names what is not."""
    ours = versions_here()
    assert not other_versions(ours, ours)
    assert "+" not in ours["torch"]
    assert other_versions({**ours, "torch": "1.0"}, ours) == f"torch 1.0 instead of {ours['torch']}"
    assert other_versions({"beatwalk": ours["beatwalk"]}, ours).startswith("torch none instead of")


def test_pictures_differ_by_weights_precision_and_kind_of_device() -> None:
    """Two cards of one machine make the same pictures."""
    info = FakeGenerator().info
    ours = ModelFacts(info=info, size=(64, 64), steps=4, guidance=1.0, decoding_steps=4.0)
    card = replace(info, device="cuda:0")
    for theirs, why in (
        (info, ""),
        (replace(info, fingerprint="other"), "other weights"),
        (replace(info, dtype="float16"), "the precision float16 instead of float32"),
        (card, "the device cuda:0 instead of cpu"),
    ):
        assert other_pictures(replace(ours, info=theirs), ours) == why
    assert not other_pictures(replace(ours, info=replace(card, device="cuda:1")), replace(ours, info=card))


def test_a_file_is_its_pieces(tmp_path: Path) -> None:
    """In order, none larger than the bound."""
    file, content = tmp_path / "file", bytes(range(256)) * (PIECE_BYTES // 200)
    file.write_bytes(content)
    pieces = list(pieces_of(file))
    assert b"".join(pieces) == content
    assert len(pieces) == 2
    assert max(map(len, pieces)) == PIECE_BYTES


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--workers", "2"], "--workers, their sizes and --ray-storage need --ray"),
        (["--worker-gpus", "0.5"], "--workers, their sizes and --ray-storage need --ray"),
        (["--ray-storage", "s3://bucket"], "--workers, their sizes and --ray-storage need --ray"),
        (["--ray", "local", "--devices", "all"], "give one of them"),
        (["--devices", "all", "--workers", "2"], "leave --workers out"),
        (["--ray", "local", "--device", "cuda:1"], "name several with --devices"),
    ],
)
@pytest.mark.parametrize("verb", ["render", "loops", "set"])
def test_options_that_do_not_fit_are_usage_errors(tmp_path: Path, verb: str, options: list[str], told: str) -> None:
    """Before anything is listened to."""
    song, prompts, night = tmp_path / "song.wav", tmp_path / "prompts.txt", tmp_path / "night.toml"
    song.write_bytes(b"")
    prompts.write_text("a red sea\n")
    night.write_text('[[songs]]\nsong = "song.wav"\nprompts = "prompts.txt"\n')
    files = [night] if verb == "set" else [song, prompts]
    result = CliRunner().invoke(cli, [verb, *map(str, files), *options])
    assert result.exit_code == 2, result.output
    assert told in " ".join(result.output.split())


def test_cards_are_named_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards that a machine has; one that has none says so."""
    monkeypatch.setattr("beatwalk.jobs.ray.cluster.count_cuda_devices", lambda: 0)
    with pytest.raises(DeviceError, match="finds no CUDA or ROCm device"):
        Cluster.of_cards("all")
    monkeypatch.setattr("beatwalk.jobs.ray.cluster.count_cuda_devices", lambda: 3)
    assert Cluster.of_cards("all") == Cluster(cards=(0, 1, 2), workers=3)
    assert Cluster.of_cards("cuda:2, cuda:0") == Cluster(cards=(2, 0), workers=2)
    for wrong in ("cuda:3", "cuda:0,cuda:0", "cpu", "cuda:", "2"):
        with pytest.raises(DeviceError, match="not another one of this machine's cards"):
            Cluster.of_cards(wrong)


def test_a_client_address_is_refused() -> None:
    """Ray's client cannot stream; the message says what can."""
    pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    with pytest.raises(WorkerError, match=r"ray://head:10001: .*--ray auto"):
        Cluster(address="ray://head:10001").connect()


def test_a_worker_that_cannot_start_says_why() -> None:
    """The last line of what Ray tells, without the colours of a terminal."""
    told = (
        "The actor died because of an error raised in its creation task, \x1b[36mray::SegmentWorker.__init__()\x1b[0m"
        "\n  File \"worker.py\", line 1\nImportError: cannot import name 'Grain'"
    )
    assert reason_of(RuntimeError(told)) == "it cannot start: ImportError: cannot import name 'Grain'"
