"""The recipe of the bar network at toy size: examples, bars made of others, a network that learns and listens."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from beatwalk.listen import NETWORK_BANDS, NETWORK_INPUTS, ROW_INPUTS, bands_of, levelled, read_network
from beatwalk.training import store
from beatwalk.training.ears.bars import variations
from beatwalk.training.ears.bars.__main__ import main
from beatwalk.training.ears.bars.examples import Example, arrays_of, examples_of, read_example
from beatwalk.training.ears.bars.net import SHAPES, loss_of
from beatwalk.training.ears.bars.train import Examples, draw_batch
from beatwalk.training.ears.bars.variations import in_other_bars, recoloured, slipped, together
from beatwalk.training.ears.clips import NOTHING, Clip, write_clip
from beatwalk.training.ears.rows import RowNet, gather


def song(metre: int = 4, bars: int = 12, genre: str = "song") -> Example:
    """Beat b of every bar has energy b + 1 everywhere; the bar's number is the pitch class."""
    positions = np.tile(np.arange(metre), bars)
    rows = np.zeros((len(positions), ROW_INPUTS), np.float32)
    for kind in bands_of(rows):
        kind[...] = ((positions + 1) / 8)[:, None, None]
    rows[np.arange(len(rows)), ROW_INPUTS - 24 + np.arange(len(rows)) // metre % 12] = 1.0
    return Example(rows, positions == 0, genre)


def positions_of(example: Example) -> list[int]:
    """Where each beat of `song` comes from in its bar."""
    energy, _ = bands_of(example.rows)
    return [round(float(value)) for value in 8 * energy[:, 0, 0] - 1]


def clip_at(path: Path, metre: int = 4, seconds: float = 20.0) -> None:
    """A clip of 120 beats a minute whose bars begin with a rise in the bass."""
    beats_s = np.arange(0.25, seconds - 0.5, 0.5)
    frames = np.zeros((int(seconds * 90), NETWORK_INPUTS), np.float16)
    frames[np.rint(90 * beats_s[::metre]).astype(int), NETWORK_BANDS : NETWORK_BANDS + 4] = 1.0
    truth = NOTHING.mapped({"beats_s": beats_s, "downbeats_s": beats_s[::metre]})
    write_clip(path, Clip(frames, truth, "bass"))


def test_an_example_tells_which_beats_begin_a_bar(tmp_path: Path) -> None:
    """Beats lie beside the true ones as found ones would; the rise that begins each bar is in its first part."""
    clip_at(tmp_path / "00001.npz", metre=3)
    (example,) = examples_of(tmp_path / "00001.npz").values()
    assert example.metre == 3
    assert np.flatnonzero(example.begins).tolist() == list(range(0, len(example.begins), 3))
    _, rise = bands_of(example.rows)
    np.testing.assert_array_equal(rise[:, 0, 0] > 0.5, example.begins)
    assert not rise[:, 1:-1].any()


def test_every_second_beat_is_an_example_where_bars_begin_on_them(tmp_path: Path) -> None:
    """Bars of four have two of them, after an upbeat as well; bars of three, short ones and bars of two have none."""
    beats_s = np.arange(0.25, 39.5, 0.5)
    firsts = {"four": np.arange(3, 78, 4), "three": np.arange(0, 78, 3), "two": np.arange(0, 78, 2)}
    firsts["short"] = np.concatenate([np.arange(0, 20, 4), np.arange(23, 78, 4)])
    halved = {}
    for number, (name, at) in enumerate(firsts.items()):
        truth = NOTHING.mapped({"beats_s": beats_s, "downbeats_s": beats_s[at]})
        frames = np.zeros((3600, NETWORK_INPUTS), np.float16)
        write_clip(tmp_path / f"{number}.npz", Clip(frames, truth, name))
        halved[name] = examples_of(tmp_path / f"{number}.npz").get("-half")
    half = halved.pop("four")
    assert half is not None
    assert half.metre == 2
    assert half.begins[1]
    assert len(half.begins) == 39
    assert set(halved.values()) == {None}


def test_music_without_bars_is_no_example(tmp_path: Path) -> None:
    """Speech, drones and what is shorter than a few bars are left out; what was gathered is not gathered again."""
    clips, out = tmp_path / "set", tmp_path / "bars"
    clips.mkdir()
    write_clip(clips / "00000.npz", Clip(np.zeros((900, NETWORK_INPUTS), np.float16), NOTHING, "speech"))
    clip_at(clips / "00001.npz", seconds=5.0)
    clip_at(clips / "00002.npz")
    gather(clips, out, arrays_of)
    assert sorted(path.name for path in out.iterdir()) == ["00002-half.npz", "00002.npz"]
    before = (out / "00002.npz").stat().st_mtime_ns
    gather(clips, out, arrays_of)
    assert (out / "00002.npz").stat().st_mtime_ns == before
    held, made = read_example(out / "00002.npz"), examples_of(clips / "00002.npz")[""]
    np.testing.assert_allclose(held.rows, made.rows, atol=1e-3)
    assert held.genre == "bass"
    with pytest.raises(FileNotFoundError, match="render them first"):
        gather(tmp_path / "none", out, arrays_of)


@pytest.mark.parametrize("metre", [2, 3, 4])
def test_bars_of_other_lengths_are_made_of_whole_beats(metre: int) -> None:
    """All bars of a song get the same number of beats, and the same beats of their bars."""
    lengths = set()
    for seed in range(60):
        made = in_other_bars(np.random.default_rng(seed), song(metre, bars=40))
        assert made is not None
        firsts = np.flatnonzero(made.begins)
        (length,) = set(np.diff([*firsts, len(made.begins)]).tolist())
        bars = np.array(positions_of(made)).reshape(-1, length)
        assert (bars == bars[0]).all()
        assert firsts[0] == 0
        lengths.add(length)
    assert lengths == set(range(2, 8))


def test_bars_come_in_their_order_or_stay() -> None:
    """Bars of seven from four take two bars each, or all parts from one."""
    pitches = set()
    for seed in range(80):
        made = in_other_bars(np.random.default_rng(seed), song(bars=12))
        assert made is not None
        if made.metre != 7:
            continue
        numbers = made.rows[:7, -24:-12].argmax(axis=1)
        pitches.add(len(set(numbers.tolist())))
        assert (np.diff(numbers) >= 0).all()
    assert pitches == {1, 2} or pitches == {1, 2, 3}


def test_irregular_bars_are_left_as_they_are() -> None:
    """A medley, an odd metre and a few bars make no others."""
    rng = np.random.default_rng(0)
    medley = Example(np.zeros((40, ROW_INPUTS), np.float32), np.arange(40) % 7 < 1, "x")
    short = song(bars=4)
    mixed = np.zeros(40, np.bool_)
    mixed[[0, 4, 8, 11, 14, 18]] = True
    assert in_other_bars(rng, medley) is None
    assert in_other_bars(rng, short) is None
    assert in_other_bars(rng, Example(medley.rows, mixed, "x")) is None


def test_a_slip_leaves_one_to_three_beats_out() -> None:
    """Somewhere inside; a short example is left alone."""
    missing = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        left = positions_of(slipped(rng, song()))
        jumps = [(after - before) % 4 for before, after in itertools.pairwise(left)]
        assert sum(jump != 1 for jump in jumps) == 1
        missing.add(48 - len(left))
    assert missing == {1, 2, 3}
    assert len(slipped(np.random.default_rng(0), song(bars=5)).begins) == 20


def test_two_pieces_sound_together_bar_on_bar() -> None:
    """From a first beat on, in the bars of the one; high bands of the other, or the louder of both."""
    one, other = song(), song()
    for kind in bands_of(other.rows):
        kind += 0.5
    kinds = set()
    for seed in range(20):
        both = together(np.random.default_rng(seed), one, other)
        assert both is not None
        assert both.metre == 4
        assert both.begins[0]
        energy, rise = bands_of(both.rows)
        least, most = bands_of(one.rows)[0][: len(energy)], bands_of(other.rows)[0][: len(energy)]
        assert (rise <= most + 1e-6).all()
        if (energy[0, 0] > most[0, 0]).all():
            kinds.add("sum")
        else:
            assert ((energy >= least - 1e-6) & (energy <= most + 1e-6)).all()
            kinds.add("crossover")
    assert kinds == {"sum", "crossover"}
    assert together(np.random.default_rng(0), one, song(bars=5)) is None


def test_colours_change_and_rhythm_stays() -> None:
    """Bands keep their course up to a factor, or fall silent; pitch classes turn all by the same interval."""
    silent = []
    for seed in range(30):
        rows = recoloured(np.random.default_rng(seed), song().rows.copy())
        for kind, before in zip(bands_of(rows), bands_of(song().rows), strict=True):
            factors = kind / before
            np.testing.assert_allclose(factors, np.broadcast_to(factors[:1, :1], factors.shape), rtol=1e-4)
        silent.append(int((bands_of(rows)[0][0, 0] == 0).sum()))
        pitch, before = rows[:, -24:-12], song().rows[:, -24:-12]
        turned = [np.allclose(pitch, np.roll(before, steps, axis=1)) for steps in range(12)]
        assert any(turned) or np.allclose(pitch, 1 / np.sqrt(12))
    assert 0 < sum(n > 0 for n in silent) < 20
    assert max(silent) < NETWORK_BANDS / 2


def test_a_batch_is_heard_where_there_are_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of it lies in an example; past its end there is nothing, and nothing to learn."""
    monkeypatch.setattr(variations, "_MASKED_SHARE", 0.0)
    for number in range(3):
        example = song(bars=6 + 10 * number)
        np.savez(tmp_path / f"{number:05d}.npz", rows=example.rows, begins=example.begins, genre=example.genre)
    examples = Examples(tmp_path)
    rows, begins, heard = draw_batch(np.random.default_rng(0), examples, 32, 64)
    lengths = heard.sum(dim=1)
    assert lengths.min() >= 16
    assert lengths.max() <= 64
    assert not rows[~heard].any()
    assert not begins[~heard].any()
    assert 0.1 < float(begins[heard].mean()) < 0.4
    np.savez(tmp_path / "00004-half.npz", rows=example.rows, begins=example.begins, genre="half")
    np.savez(tmp_path / "00031-half.npz", rows=example.rows, begins=example.begins, genre="apart")
    drawn = [Examples(tmp_path).draw(np.random.default_rng(seed)).genre for seed in range(400)]
    assert 10 < drawn.count("half") < 70
    assert "apart" not in drawn
    with pytest.raises(FileNotFoundError, match="gather them first"):
        Examples(tmp_path / "none")


def test_what_is_not_heard_changes_nothing() -> None:
    """A stretch and nothing after it have the logits of the stretch alone."""
    torch.manual_seed(0)
    net = RowNet(ROW_INPUTS, SHAPES["toy"]).eval()
    for block in net.blocks:
        torch.nn.init.normal_(block.mix.bias)  # type: ignore[union-attr, arg-type]
    rows, heard = torch.rand(1, 40, ROW_INPUTS), torch.ones(1, 40, dtype=torch.bool)
    heard[:, 25:] = False
    with torch.no_grad():
        np.testing.assert_allclose(net(rows, heard)[0, :25], net(rows[:, :25], heard[:, :25])[0], atol=1e-5)
        begins = torch.zeros(1, 40)
        whole = loss_of(net(rows, heard), begins, heard)
        assert float(whole) == pytest.approx(
            float(loss_of(net(rows[:, :25], heard[:, :25]), begins[:, :25], heard[:, :25]))
        )


def test_the_recipe_of_bars_from_end_to_end(tmp_path: Path) -> None:
    """One command gathers, trains, resumes and exports; the numpy network gives the torch network's numbers."""
    for number in (0, 1, 31):
        (tmp_path / "set").mkdir(exist_ok=True)
        clip_at(tmp_path / "set" / f"{number:05d}.npz", metre=3 + number % 2)
    command = ["--minutes", "1", "--size", "toy", "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    main([*command, "--steps", "3"])
    main([*command, "--steps", "60"])
    state = store.load(tmp_path / "bars.pt")
    assert state is not None
    assert state["step"] == 60
    net = RowNet(ROW_INPUTS, SHAPES["toy"]).eval()
    net.load_state_dict({name: tensor.half().float() for name, tensor in state["average"].items()})
    example = read_example(tmp_path / "bars" / "00031.npz")
    rows = levelled(example.rows)
    with torch.no_grad():
        wanted = net(torch.from_numpy(rows)[None], torch.ones(1, len(rows), dtype=torch.bool))[0].numpy()
    network = read_network(str(tmp_path / "out" / "bars.safetensors"))
    assert network.stride == 1
    np.testing.assert_allclose(network(rows)[:, 0], wanted, atol=1e-4)
    assert wanted[example.begins].mean() > wanted[~example.begins].mean()
    log = (tmp_path / "bars.jsonl").read_text(encoding="utf-8")
    assert "apart" in log
    with pytest.raises(FileNotFoundError, match=r"no bars\.pt"):
        main([*command[:-1], str(tmp_path / "out"), "--work", str(tmp_path / "none"), "--stage", "export"])
