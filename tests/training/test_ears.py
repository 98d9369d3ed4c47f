"""The ears' recipe at toy size: truth that can be heard, a network that learns, weights that listen alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from beatwalk.listen import network
from beatwalk.listen.features import NETWORK_BANDS, NETWORK_INPUTS
from beatwalk.listen.network import EVENT_WEIGHTS, read_network
from beatwalk.training import store
from beatwalk.training.ears import drums
from beatwalk.training.ears.__main__ import main
from beatwalk.training.ears.augment import _CODECS, amplified, through_codec
from beatwalk.training.ears.clicks import clicks
from beatwalk.training.ears.clips import (
    FUSED_S,
    NOTHING,
    Clip,
    Truth,
    make_clip,
    merged,
    onsets_of,
    perform,
    read_clip,
    write_clip,
    write_set,
)
from beatwalk.training.ears.compose import compose
from beatwalk.training.ears.genres import GENRES
from beatwalk.training.ears.net import EXACT, HEADS, SHAPES, Ears, Shape, loss_of, widen
from beatwalk.training.ears.score import HAT, KICK, RIDE, SHAKER, SNARE, Hit, Note, draw_tempo, rescaled
from beatwalk.training.ears.soundfont import midi
from beatwalk.training.ears.sources import Sources
from beatwalk.training.ears.speech import speech
from beatwalk.training.ears.synth import RATE_HZ, Kit, Sound
from beatwalk.training.ears.train import KEPT_APART, Library, masked, stretched, targets_of

OWN = Sources()


@pytest.fixture(scope="module")
def clip() -> Clip:
    """A short performance of the recipe's own composing."""
    return make_clip(1, 0, OWN, clip_s=8.0)


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
    first, again, other = (make_clip(number, 5, OWN, clip_s=4.0) for number in (1, 1, 2))
    assert np.array_equal(first.ears, again.ears)
    assert not np.array_equal(first.ears[: len(other.ears)], other.ears[: len(first.ears)])
    write_set(tmp_path, range(1, 2), 5, OWN, 4.0)
    stored = read_clip(tmp_path / "00001.npz")
    assert np.array_equal(stored.ears, first.ears)
    assert all(np.array_equal(a, b) for a, b in zip(stored.truth.events, first.truth.events, strict=True))


def test_drums_are_onsets(clip: Clip) -> None:
    """Every stroke of kick, snare and hi-hat is an onset, and there are some."""
    clips = [clip, *(make_clip(number, 0, OWN, clip_s=8.0) for number in (3, 4))]
    strokes = [times_s for c in clips for times_s in (c.truth.kicks_s, c.truth.snares_s, c.truth.hats_s)]
    assert sum(map(len, strokes)) > 0
    for c in clips:
        for times_s in (c.truth.kicks_s, c.truth.snares_s, c.truth.hats_s):
            assert all(np.abs(c.truth.onsets_s - at_s).min() <= FUSED_S + 0.001 for at_s in times_s)


def test_onsets_are_where_sound_begins() -> None:
    """Energy rises at the truth's onsets, far more than elsewhere."""
    n_bands = (NETWORK_INPUTS - 12) // 2
    for number in (1, 3, 4):
        clip = make_clip(number, 0, OWN, clip_s=8.0)
        rise = clip.ears[:, n_bands : 2 * n_bands].astype(float).sum(axis=1)
        frames = np.rint(clip.truth.onsets_s * 90).astype(int)
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


def test_an_amplifier_holds_notes_up() -> None:
    """A plucked string fades far more slowly, and begins when it began."""
    t = np.arange(RATE_HZ) / RATE_HZ
    plucked = np.concatenate([np.zeros(RATE_HZ // 2), np.sin(2 * np.pi * 110 * t) * np.exp(-5 * t)]).astype(
        np.float32
    )

    def level(samples: NDArray[np.float32], at_s: float) -> float:
        return float(np.sqrt(np.square(samples[int(at_s * RATE_HZ) :][: RATE_HZ // 20]).mean()))

    for seed in range(5):
        loud = amplified(np.random.default_rng(seed), plucked)
        assert len(loud) == len(plucked)
        assert level(loud, 0.3) < 0.02 * level(loud, 0.6)
        assert level(loud, 1.0) / level(loud, 0.6) > 2 * level(plucked, 1.0) / level(plucked, 0.6)
        first = int(np.argmax(np.abs(loud) > 0.2 * np.abs(loud).max()))
        assert abs(first / RATE_HZ - 0.5) < 0.01


def test_chords_of_some_bands_are_on_distorted_guitars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bands that have chords, and where it is asked for; the bass stays clean."""
    played: list[tuple[set[str], dict[str, int]]] = []

    def render(sounds: list[Sound], programs: Mapping[str, int], seconds: float, *_: object) -> NDArray[np.float32]:
        played.append(({sound.voice for sound in sounds}, dict(programs)))
        return np.zeros(int(seconds * RATE_HZ), np.float32)

    monkeypatch.setattr("beatwalk.training.ears.soundfont.render", render)
    rng = np.random.default_rng(0)
    font = [Path("font.sf2")]
    programs = {"bass 0": 33, "chords 0": 4}
    notes = [Note(float(at), 1.0, 40, 90, voice) for at in range(8) for voice in programs]
    score = replace(compose(rng, "rock", 120.0, 4.0), programs=programs, notes=notes, electronic=False)
    tempo = draw_tempo(rng, 120.0, score.n_beats, 0.0)
    perform(np.random.default_rng(3), score, tempo, 4.0, font, amplified_share=1.0)
    (clean, _), (loud, sounds) = played
    assert clean == {"bass 0", "drums"}
    assert loud == {"chords 0"}
    assert sounds["bass 0"] == 33
    assert 27 <= sounds["chords 0"] <= 30
    solo = replace(score, programs={"tune 0": 40}, notes=[])
    for seed in range(8):
        played.clear()
        perform(np.random.default_rng(seed), score, tempo, 4.0, font)
        perform(np.random.default_rng(seed), solo, tempo, 4.0, font, amplified_share=1.0)
        assert all(sounds in (programs, solo.programs) for _, sounds in played)


def test_tempo_maps_run_forward() -> None:
    """However loosely it is played, beats come one after another; a new tempo begins where it should."""
    for seed in range(20):
        tempo = draw_tempo(np.random.default_rng(seed), 120.0, 64, 1.0)
        spans = np.diff(tempo.beats_s)
        assert (spans > 0.3).all()
        faster = np.diff(rescaled(tempo, 10, 2.0).beats_s)
        np.testing.assert_allclose(faster[:10], spans[:10])
        np.testing.assert_allclose(faster[10:], spans[10:] / 2)


def test_what_is_written_at_one_moment_is_one_onset() -> None:
    """A choir's chord spread over 90 ms has its onset in the middle; a sixteenth later is another one."""
    written = np.array([4.0, 4.25, 0.0, 0.0, 0.05, 0.0, 0.0, 8.0])
    heard_s = np.array([2.0, 2.09, 0.04, 0.1, 0.07, 0.01, 0.05, 4.0])
    assert onsets_of(written, heard_s).tolist() == [0.05, 2.0, 2.09, 4.0]
    # unless both are heard together
    assert onsets_of(written, np.where(heard_s == 2.09, 2.04, heard_s)).tolist() == [0.05, 2.0, 4.0]
    assert not len(onsets_of(np.zeros(0), np.zeros(0)))


def test_players_who_sound_together_are_one_onset(tmp_path: Path) -> None:
    """A chord spread over 45 ms is one, a sixteenth later is another; sets of before are read so, too."""
    times_s = np.array([1.0, 1.026, 1.045, 1.08, 2.0])
    truth = NOTHING.mapped({"onsets_s": times_s, "kicks_s": times_s})
    assert truth.fused.onsets_s.tolist() == [1.0, 1.08, 2.0]
    assert truth.fused.kicks_s is truth.kicks_s
    write_clip(tmp_path / "0.npz", Clip(np.zeros((4, NETWORK_INPUTS), np.float16), truth, "x"))
    assert read_clip(tmp_path / "0.npz").truth.onsets_s.tolist() == [1.0, 1.08, 2.0]


def test_clicks_are_beats() -> None:
    """Something on every beat and nothing between; bars where there is an accent, and only there."""
    kinds = set()
    for seed in range(40):
        score, bpm = clicks(np.random.default_rng(seed), 10.0)
        events: list[Hit | Note] = [*score.hits, *score.notes]
        velocities = {event.at: event.velocity for event in events}
        assert sorted(velocities) == list(range(score.n_beats))
        assert score.n_beats >= 10 * bpm / 60
        loud = {at for at, velocity in velocities.items() if velocity == 112}
        if score.downbeats:
            assert set(score.downbeats) == loud
            assert len(set(np.diff(score.downbeats).tolist())) == 1
        kinds.add((bool(score.hits), bool(score.downbeats)))
    assert len(kinds) == 4


def test_speech_begins_often_and_never_in_time() -> None:
    """Sound rises at the syllables, they are no grid, and the same seed speaks alike."""
    samples, begins_s = speech(np.random.default_rng(4), 12.0)
    again, _ = speech(np.random.default_rng(4), 12.0)
    assert np.array_equal(samples, again)
    assert np.abs(samples).max() == pytest.approx(1.0)
    assert len(samples) == 12 * RATE_HZ
    spans = np.diff(begins_s)
    assert 2 < len(begins_s) / 12 < 9
    assert spans.std() > 0.25 * spans.mean()
    loud = np.array([np.abs(samples[int(at_s * RATE_HZ) :][: RATE_HZ // 8]).mean() for at_s in begins_s])
    assert (loud > 0.01).mean() > 0.9
    gaps = np.flatnonzero(spans > 0.6)
    before = [np.abs(samples[int((begins_s[i + 1] - 0.1) * RATE_HZ) :][: RATE_HZ // 12]).mean() for i in gaps]
    assert max(before, default=0.0) < loud.mean()


def low_share(samples: NDArray[np.float32]) -> float:
    """Share of the energy below 3.5 kHz."""
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    power = np.square(np.abs(np.fft.rfft(samples)))
    return float(power[hz < 3500].sum() / power.sum())


@pytest.mark.parametrize("seed", range(5))
def test_what_keeps_time_can_be_told_apart(seed: int) -> None:
    """A shaker swells, a ride pings and hums on, a hat does neither: only strokes of a hat are called so."""
    kit = Kit(np.random.default_rng(seed))
    hat, shaker, ride = kit(HAT), kit(SHAKER), kit(RIDE)
    early_s = 0.004
    early = [float(np.square(x[: int(early_s * RATE_HZ)]).sum() / np.square(x).sum()) for x in (hat, shaker)]
    assert early[0] > 0.08 > 0.01 > early[1]
    assert low_share(ride) > 0.3 > 0.1 > low_share(hat)
    assert len(ride) > 4 * len(hat)


@pytest.mark.parametrize(("one", "other"), [(35, KICK), (40, SNARE), (59, RIDE), (82, SHAKER)])
def test_second_drums_sound_like_the_first(one: int, other: int) -> None:
    """Books of strokes name two kicks and two snares; both are kicks and snares to the ear."""
    kit = Kit(np.random.default_rng(1))
    assert kit(one) is kit(other)


def test_merged() -> None:
    """Notes of a chord are one onset."""
    assert merged(np.array([0.0, 0.01, 0.02, 0.5]), 0.025).tolist() == [0.0, 0.5]


def test_midi_begins_with_its_header() -> None:
    """One track, a tick a millisecond; drums on channel ten."""
    data = midi([Sound(0.5, 0.2, 36, 100, "drums")], {"bass": 33}, {"bass": 90, "drums": 100})
    assert data.startswith(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x03\xe8MTrk")
    assert b"\x00\xb0\x07\x5a" in data  # the bass at 90 of 127
    assert b"\x83\x74\x99\x24\x64" in data  # after 500 ms, note on, channel 10, kick


def test_targets_stand_at_their_frames(clip: Clip) -> None:
    """One at an event, a half beside it, nothing elsewhere."""
    n = 300
    targets = targets_of(clip.truth.events, 0, n)
    wanted = np.zeros((len(HEADS), n + 2))
    for row, times_s in enumerate(clip.truth.events):
        frames = np.rint(times_s * 45).astype(int) + 1
        frames = frames[frames < n + 2]
        for beside in (frames - 1, frames + 1):
            wanted[row, beside[beside < n + 2]] = 0.5
        wanted[row, frames] = 1
    for row, times_s in enumerate(clip.truth.events):
        frames = np.rint(times_s * 45).astype(int) + 1
        wanted[row, frames[frames < n + 2]] = 1
    np.testing.assert_array_equal(targets, wanted[:, 1:-1])


@pytest.mark.parametrize("faster", [0.87, 1.0, 1.15])
def test_sound_and_truth_are_stretched_alike(clip: Clip, faster: float) -> None:
    """What is heard at an event stands at its target."""
    rings = np.zeros_like(clip.ears)
    frames = np.rint(clip.truth.beats_s * 90).astype(int)
    for offset in (-1, 0, 1):  # straight lines between frames must not lose it
        rings[np.clip(frames + offset, 0, len(rings) - 1)] = 1
    first, n = 60, 200
    heard = stretched(rings, first, 2 * n, faster)[::2, 0] > 0.4
    targets = targets_of(clip.truth.events, first // 2, n, faster)[0, : len(heard)]
    assert targets.max() == 1
    assert heard[targets == 1].all()
    assert not heard[targets == 0].any()


def test_masked_bands_are_neighbours() -> None:
    """The same few bands fall silent in energy and rise, and pitch classes are left."""
    widths = set()
    for seed in range(30):
        heard = masked(np.random.default_rng(seed), np.ones((5, NETWORK_INPUTS), np.float32))
        assert (heard == heard[0]).all()
        energy, rise, pitch = np.split(heard[0], [NETWORK_BANDS, 2 * NETWORK_BANDS])
        silent = np.flatnonzero(energy == 0)
        assert list(silent) == list(range(silent[0], silent[-1] + 1))
        assert (energy == rise).all()
        assert (pitch == 1).all()
        widths.add(len(silent))
    assert len(widths) > 5
    assert max(widths) < NETWORK_BANDS / 2


def test_the_loss_forgives_one_frame() -> None:
    """A sure answer on the event's frame or the next costs almost nothing, two frames away it costs twice."""
    targets = torch.zeros(1, len(HEADS), 9)
    targets[:, :, 3:6] = torch.tensor([0.5, 1.0, 0.5])

    def cost(frame: int) -> float:
        logits = torch.full((1, len(HEADS), 9), -20.0)
        logits[:, :, frame] = 20.0
        return float(loss_of(logits, targets)[0])

    assert cost(4) < 1e-3
    assert cost(5) < 1e-3
    assert cost(6) == pytest.approx((20 * EVENT_WEIGHTS[0] + 20) / 9, rel=1e-3)


def test_two_onsets_are_two() -> None:
    """A single answer between two onsets satisfies the loss of beats, not that of onsets."""
    targets = torch.zeros(1, len(HEADS), 9)
    targets[:, :, 2:7] = torch.tensor([0.5, 1.0, 0.5, 1.0, 0.5])
    between, both = torch.full((1, len(HEADS), 9), -20.0), torch.full((1, len(HEADS), 9), -20.0)
    between[:, :, 4] = 20.0
    both[:, :, [3, 5]] = 20.0
    beat, onset = HEADS.index("beat"), HEADS.index("onset")
    assert loss_of(between, targets)[beat] < 1e-3
    missed = EXACT * 20 * (2 * EVENT_WEIGHTS[onset] + 0.5) / 9
    assert loss_of(between, targets)[onset] == pytest.approx(missed, rel=1e-3)
    assert loss_of(both, targets).max() < 1e-3


@pytest.mark.parametrize(("pattern", "parts"), [(drums.compound, 6), (drums.bell, 3)])
@pytest.mark.parametrize("meter", [2, 3, 4])
def test_compound_time_has_three_parts(pattern: drums.Pattern, parts: int, meter: int) -> None:
    """All strokes lie on thirds of a beat, or halves of them, within the bar, and most patterns have some between."""
    between = 0
    for seed in range(20):
        places = np.array([at for at, _, _ in pattern(np.random.default_rng(seed), meter)]) * parts
        np.testing.assert_allclose(places, np.rint(places), atol=1e-9)
        assert places.min() >= 0
        assert places.max() < meter * parts
        between += bool((np.rint(places) % parts).any())
    assert between > 10


@pytest.mark.parametrize("meter", [3, 4])
def test_a_sketch_has_its_strokes_on_beats_alone(meter: int) -> None:
    """Every beat has one."""
    for seed in range(20):
        assert {at for at, _, _ in drums.pulse(np.random.default_rng(seed), meter)} == set(range(meter))


def test_a_wider_network_begins_where_the_smaller_one_stood() -> None:
    """Its first heads answer alike, and its new weights can learn."""
    small, large = Ears(SHAPES["toy"]).eval(), Ears(Shape(16, (1, 4, 2))).eval()
    weights = {name: tensor for name, tensor in small.state_dict().items() if not name.startswith("heads")}
    heads = small.state_dict()
    weights |= {name: heads[name][:3] for name in ("heads.weight", "heads.bias")}
    widen(large, weights)
    ears = torch.rand(1, 60, NETWORK_INPUTS)
    torch.testing.assert_close(large(ears)[:, :3], small(ears)[:, :3])
    torch.autograd.backward(loss_of(large(ears), torch.zeros(1, len(HEADS), 30)).sum())
    parameters = dict(large.named_parameters())
    for name in ("stem.weight", "blocks.0.mix.weight", "blocks.2.mix.weight", "heads.weight"):
        grown = parameters[name]
        assert grown.grad is not None
        assert float(grown.grad.abs().max()) > 0


def test_some_performances_are_kept_apart(clip: Clip, tmp_path: Path) -> None:
    """They are measured on and never drawn; files that vanish while training runs do not stop it."""
    short = replace(clip, truth=NOTHING)
    for number in (0, 1, KEPT_APART - 1):
        write_clip(tmp_path / f"{number:05d}.npz", short)
    library = Library(tmp_path)
    assert [path.stem for path in library.apart] == [f"{KEPT_APART - 1:05d}"]
    assert [path.stem for path in library.trained] == ["00000", "00001"]
    (tmp_path / "00000.npz").unlink()
    rng = np.random.default_rng(0)
    assert all(len(library.draw(rng).ears) for _ in range(8))


def test_truth_keeps_its_order() -> None:
    """The heads' order is the truth's."""
    times_s = [np.array([float(i)]) for i in range(len(HEADS))]
    truth = Truth.of(times_s)
    assert [float(event[0]) for event in truth.events] == list(range(len(HEADS)))
    assert float(truth.kicks_s[0]) == HEADS.index("kick")


def test_the_recipe_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One command plays, trains, resumes and exports; the numpy ears give the torch network's numbers."""
    command = ["--minutes", "1", "--size", "toy", "--clips", "2", "--clip-seconds", "4"]
    folders = ["--work", str(tmp_path), "--out", str(tmp_path / "out")]
    small = Ears(SHAPES["toy"]).state_dict()
    save_file(small, tmp_path / "small.safetensors")
    main([*command, *folders, "--steps", "3", "--start", str(tmp_path / "small.safetensors")])
    main([*command, *folders, "--steps", "5"])
    state = store.load(tmp_path / "ears.pt")
    assert state is not None
    assert state["step"] == 5
    net = Ears(SHAPES["toy"]).eval()
    net.load_state_dict({name: tensor.half().float() for name, tensor in state["average"].items()})
    ears = np.random.default_rng(0).random((101, NETWORK_INPUTS)).astype(np.float32)
    with torch.no_grad():
        wanted = net(torch.from_numpy(ears)[None])[0].numpy().T
    listening = read_network(str(tmp_path / "out" / "ears.safetensors"))
    for stretch in (65536, 32):  # in one go, and in four that overlap
        monkeypatch.setattr(network, "_STRETCH", stretch)
        np.testing.assert_allclose(listening(ears), wanted, atol=1e-4)


def test_nothing_trained_is_said(tmp_path: Path) -> None:
    """Export and training name the stage that is missing."""
    rest = ["--minutes", "1", "--work", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(FileNotFoundError, match="train first"):
        main([*rest, "--stage", "export"])
    with pytest.raises(FileNotFoundError, match="render them first"):
        main([*rest, "--stage", "train"])
