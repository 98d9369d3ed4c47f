"""The recipe of the level network at toy size: examples, what is wanted, a network that learns and listens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from beatwalk.listen import N_SIGNALS, PERIODS_S, REPEAT_INPUTS, TAPPED, read_network, with_multiples
from beatwalk.training import store
from beatwalk.training.ears.clips import NOTHING, Clip, write_clip
from beatwalk.training.ears.levels.__main__ import main
from beatwalk.training.ears.levels.examples import Example, arrays_of, example_of, read_example
from beatwalk.training.ears.levels.train import SHAPES, Examples, loss_of, wanted
from beatwalk.training.ears.rows import RowNet, gather
from tests.listen.test_repeats import LOW, first_peak_s, song


def clip_at(path: Path, bpm: float = 120.0, beats_s: np.ndarray | None = None) -> None:
    """A clip of half a minute with rises on its beats."""
    frames, _ = song(bpm, 30.0)
    beats_s = np.arange(0.5, 29.5, 60 / bpm) if beats_s is None else beats_s
    write_clip(path, Clip(frames.astype(np.float16), NOTHING.mapped({"beats_s": beats_s}), "song"))


def test_an_example_tells_its_interval_at_its_speed(tmp_path: Path) -> None:
    """What is heard faster has shorter intervals, and its repeats lie as much nearer."""
    for number in range(6):
        clip_at(tmp_path / f"{number:05d}.npz")
    examples = [example_of(tmp_path / f"{number:05d}.npz") for number in range(6)]
    intervals_s = np.array([example.interval_s for example in examples if example])
    assert len(set(intervals_s.round(3))) > 2
    assert 0.39 < intervals_s.min() <= intervals_s.max() < 0.64
    for example in examples:
        assert example
        rises = example.repeats[:, LOW]  # of the bass, whose kick comes every second beat
        assert first_peak_s(rises) == pytest.approx(2 * example.interval_s, rel=0.08)


def test_music_without_one_tempo_is_no_example(tmp_path: Path) -> None:
    """Few beats, or many that are far from the usual interval; what was gathered is not gathered again."""
    clips, out = tmp_path / "set", tmp_path / "levels"
    clips.mkdir()
    clip_at(clips / "00001.npz")
    clip_at(clips / "00002.npz", beats_s=np.arange(5) * 0.5)
    clip_at(clips / "00003.npz", beats_s=np.concatenate([np.arange(30) * 0.5, 15 + np.arange(10) * 0.8]))
    gather(clips, out, arrays_of)
    assert [path.name for path in out.iterdir()] == ["00001.npz"]
    before = (out / "00001.npz").stat().st_mtime_ns
    gather(clips, out, arrays_of)
    assert (out / "00001.npz").stat().st_mtime_ns == before
    with pytest.raises(FileNotFoundError, match="render them first"):
        gather(tmp_path / "none", out, arrays_of)


def test_the_nearest_periods_are_wanted() -> None:
    """Chances add up to one; a tempo need not be known better than by a row or two."""
    chances = wanted(np.array([0.5, 1.0]))
    assert chances.sum(axis=1) == pytest.approx(1)
    assert PERIODS_S[TAPPED][chances.argmax(axis=1)] == pytest.approx([0.5, 1.0], rel=0.03)
    assert ((chances > 0.05).sum(axis=1) <= 4).all()


def test_only_periods_that_are_tapped_cost_anything() -> None:
    """The loss is least where the logits are the wanted ones, whatever the network says of other periods."""
    chances = torch.from_numpy(wanted(np.array([0.5])))
    logits = torch.zeros(1, len(PERIODS_S))
    logits[:, TAPPED] = chances.log()
    least = loss_of(logits, chances)
    assert float(least) == pytest.approx(float(-(chances * chances.log()).sum()), abs=1e-4)
    logits[:, ~torch.from_numpy(TAPPED)] = 50.0
    assert float(loss_of(logits, chances)) == pytest.approx(float(least))
    assert float(loss_of(torch.zeros(1, len(PERIODS_S)), chances)) > float(least)


def test_examples_apart_are_never_drawn(tmp_path: Path) -> None:
    """Some signals of what is drawn are silent."""
    for number in (0, 1, 31):
        repeats = np.full((len(PERIODS_S), N_SIGNALS), number + 1.0)
        np.savez(tmp_path / f"{number:05d}.npz", repeats=repeats, interval_s=0.5 + number, genre="x")
    examples = Examples(tmp_path)
    assert [example.interval_s for example in examples.apart] == [31.5]
    drawn = [examples.draw(np.random.default_rng(seed)) for seed in range(100)]
    assert {interval_s for _, interval_s in drawn} == {0.5, 1.5}
    silent = np.mean([(repeats == 0).all(axis=0).mean() for repeats, _ in drawn])
    assert 0.02 < silent < 0.1
    with pytest.raises(FileNotFoundError, match="gather them first"):
        Examples(tmp_path / "none")


def test_the_recipe_of_levels_from_end_to_end(tmp_path: Path) -> None:
    """One command gathers, trains, resumes and exports; the numpy network gives the torch network's numbers."""
    (tmp_path / "set").mkdir()
    for number, bpm in ((0, 100.0), (1, 130.0), (31, 110.0)):
        clip_at(tmp_path / "set" / f"{number:05d}.npz", bpm)
    command = ["--minutes", "1", "--size", "toy", "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    main([*command, "--steps", "2"])
    main([*command, "--steps", "8"])
    state = store.load(tmp_path / "levels.pt")
    assert state is not None
    assert state["step"] == 8
    net = RowNet(REPEAT_INPUTS, SHAPES["toy"]).eval()
    net.load_state_dict({name: tensor.half().float() for name, tensor in state["average"].items()})
    example: Example = read_example(tmp_path / "levels" / "00031.npz")
    rows = with_multiples(example.repeats)
    with torch.no_grad():
        wished = net(torch.from_numpy(rows)[None], torch.ones(1, len(rows), dtype=torch.bool))[0].numpy()
    network = read_network(str(tmp_path / "out" / "levels.safetensors"))
    assert network.stride == 1
    np.testing.assert_allclose(network(rows)[:, 0], wished, atol=1e-4)
    assert "apart" in (tmp_path / "levels.jsonl").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"no levels\.pt"):
        main([*command[:-1], str(tmp_path / "out"), "--work", str(tmp_path / "none"), "--stage", "export"])
