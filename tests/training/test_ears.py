"""The ears' recipe at toy size: truth that can be heard, a network that learns, weights that listen alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from beatwalk.listen.features import NETWORK_INPUTS
from beatwalk.listen.network import read_network
from beatwalk.training.ears.__main__ import main
from beatwalk.training.ears.augment import _CODECS, through_codec
from beatwalk.training.ears.clips import make_clips, merged, read_clips, write_set
from beatwalk.training.ears.compose import compose
from beatwalk.training.ears.genres import GENRES
from beatwalk.training.ears.score import draw_tempo
from beatwalk.training.ears.soundfont import midi
from beatwalk.training.ears.synth import Sound
from beatwalk.training.ears.train import stretched, targets_of


@pytest.mark.parametrize("name", sorted(GENRES))
def test_every_genre_composes(name: str) -> None:
    """Bars tile the beats, notes lie within the piece and in MIDI's range."""
    score = compose(np.random.default_rng(3), name, 120.0, 12.0)
    spans = np.diff(score.downbeats)
    assert len(set(spans.tolist())) == 1
    assert spans[0] in GENRES[name].meters
    assert score.notes or score.hits
    assert all(0 <= note.at < score.n_beats + 1 and 0 <= note.pitch < 128 for note in score.notes)
    assert all(1 <= hit.velocity <= 127 for hit in score.hits)


def test_a_clip_is_its_number(tmp_path: Path) -> None:
    """The same seed and number give the same clip, from memory or from its file; another number another."""
    first, again, other = (make_clips(number, 5, clip_s=4.0)[0] for number in (1, 1, 2))
    assert np.array_equal(first.ears, again.ears)
    assert not np.array_equal(first.ears[: len(other.ears)], other.ears[: len(first.ears)])
    write_set(tmp_path, 2, 5, (), 4.0)
    stored = read_clips(tmp_path / "00001.npz")[0]
    assert np.array_equal(stored.ears, first.ears)
    assert np.array_equal(stored.beats_s, first.beats_s)


def test_onsets_are_where_sound_begins() -> None:
    """Energy rises at the truth's onsets, far more than elsewhere."""
    n_bands = (NETWORK_INPUTS - 12) // 2
    for number in (1, 3, 4):
        clip = make_clips(number, 0, clip_s=8.0)[0]
        rise = clip.ears[:, n_bands : 2 * n_bands].astype(float).sum(axis=1)
        frames = np.rint(clip.onsets_s * 90).astype(int)
        frames = frames[(frames > 2) & (frames < len(rise) - 3)]
        near = rise[frames[:, None] + np.arange(-1, 4)].max(axis=1)
        assert near.mean() > 1.5 * rise.mean()


def test_codecs_lose_no_time() -> None:
    """Each codec gives back as many samples, and a click where it was."""
    samples = np.zeros(22050, np.float32)
    samples[11025:11325] = np.sin(np.arange(300))
    for codec in range(len(_CODECS)):
        rng = np.random.default_rng(
            next(s for s in range(99) if np.random.default_rng(s).integers(len(_CODECS)) == codec)
        )
        heard = through_codec(rng, samples)
        assert len(heard) == len(samples)
        assert abs(int(np.abs(heard).argmax()) - 11175) < 250


def test_tempo_maps_run_forward() -> None:
    """However loosely it is played, beats come one after another."""
    for seed in range(20):
        beats_s = draw_tempo(np.random.default_rng(seed), 120.0, 64, 1.0).beats_s
        assert (np.diff(beats_s) > 0.3).all()


def test_merged() -> None:
    """Notes of a chord are one onset."""
    assert merged(np.array([0.0, 0.01, 0.02, 0.5])).tolist() == [0.0, 0.5]


def test_midi_begins_with_its_header() -> None:
    """One track, a tick a millisecond; drums on channel ten."""
    data = midi([Sound(0.5, 0.2, 36, 100, "drums")], {"bass": 33}, {"bass": 90, "drums": 100})
    assert data.startswith(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x03\xe8MTrk")
    assert b"\x00\xb0\x07\x5a" in data  # the bass at 90 of 127
    assert b"\x83\x74\x99\x24\x64" in data  # after 500 ms, note on, channel 10, kick


def test_targets_stand_at_their_frames() -> None:
    """One at an event, a half beside it, nothing elsewhere."""
    clip = make_clips(1, 0, clip_s=4.0)[0]
    targets = targets_of(clip, 0, 180)
    wanted = np.zeros((3, 182))
    for row, times_s in enumerate((clip.beats_s, clip.downbeats_s, clip.onsets_s)):
        frames = np.rint(times_s[times_s < 3.99] * 45).astype(int) + 1
        for beside in (frames - 1, frames + 1):
            wanted[row, beside] = 0.5
        wanted[row, frames] = 1
    np.testing.assert_array_equal(targets, wanted[:, 1:-1])


@pytest.mark.parametrize("faster", [0.87, 1.0, 1.15])
def test_sound_and_truth_are_stretched_alike(faster: float) -> None:
    """What is heard at an event stands at its target."""
    clip = make_clips(1, 0, clip_s=8.0)[0]
    rings = np.zeros_like(clip.ears)
    frames = np.rint(clip.beats_s * 90).astype(int)
    for offset in (-1, 0, 1):  # straight lines between frames must not lose it
        rings[np.clip(frames + offset, 0, len(rings) - 1)] = 1
    first, n = 60, 200
    heard = stretched(rings, first, 2 * n, faster)[::2, 0] > 0.4
    targets = targets_of(clip, first // 2, n, faster)[0, : len(heard)]
    assert targets.max() == 1
    assert heard[targets == 1].all()
    assert not heard[targets == 0].any()


def test_the_recipe_from_end_to_end(tmp_path: Path) -> None:
    """One command composes, trains, resumes and exports; the numpy ears give the torch network's numbers."""
    import torch

    from beatwalk.training import store
    from beatwalk.training.ears.net import SHAPES, Ears

    command = ["--minutes", "1", "--size", "toy", "--clips", "2", "--clip-seconds", "4", "--resume"]
    folders = ["--work", str(tmp_path), "--out", str(tmp_path / "out")]
    main([*command, *folders, "--steps", "3"])
    main([*command, *folders, "--steps", "5"])
    state = store.load(tmp_path / "ears.pt")
    assert state is not None
    assert state["step"] == 5
    net = Ears(SHAPES["toy"]).eval()
    net.load_state_dict({name: tensor.half().float() for name, tensor in state["average"].items()})
    ears = np.random.default_rng(0).random((101, NETWORK_INPUTS)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(ears)[None])[0].numpy().T
    heard = read_network(str(tmp_path / "out" / "ears.safetensors"))(ears)
    np.testing.assert_allclose(heard, wanted, atol=1e-4)


def test_nothing_trained_is_said(tmp_path: Path) -> None:
    """Export and training name the stage that is missing."""
    rest = ["--minutes", "1", "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(FileNotFoundError, match="train first"):
        main([*rest, "--stage", "export"])
    with pytest.raises(FileNotFoundError, match="render them first"):
        main([*rest, "--stage", "train"])
