"""Loops: whole bars to the frame, on the beat when they repeat, without a seam, and listed."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import api
from beatwalk.core import Event, Rendered, VideoEnded
from beatwalk.core.workfolder import manifest_path
from beatwalk.errors import InputError, OutputError, PlanError
from beatwalk.jobs.loop_song import exact_rate
from beatwalk.jobs.loops import check_clips, clips_of, render_clips
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
from beatwalk.perception.change import reduce_frames, successive_change
from beatwalk.plan import moment_s, targets_of
from beatwalk.types import Plan
from beatwalk.video import probe, read_frames, read_sound
from beatwalk.video.cues import cues_of
from tests.helpers import known_analysis
from tests.songs import click_song

SMALL = {"video": {"fps": 24, "size": "64x48", "codec": "hap"}}


def planned(folder: Path, *, bpm: float = 120.0, fps: int = 24, duration_s: float = 20.0, **more: Any) -> Plan:
    """A plan of a whole song with a beat, in the preset for loops, with `more` settings."""
    click_song(folder / "song.wav", duration_s=duration_s, bpm=bpm)
    analysis = known_analysis(duration_s, bpm, folder / "song.wav")
    overrides: list[dict[str, Any]] = [SMALL, {"video": {"fps": fps}}, more]
    prompts = ["a red sea", "a blue wood", "@0:06 a cave"]
    return api.plan(folder / "song.wav", prompts, preset="vj-loop", overrides=overrides, analysis=analysis)


@pytest.mark.parametrize("bpm", [128.0, 87.3, 174.0, 120.0, 99.99, 133.33])
@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30), Fraction(60), Fraction(30000, 1001)])
@pytest.mark.parametrize("beats", [4, 16, 32])
def test_four_rounds_stay_within_a_frame(bpm: float, fps: Fraction, beats: int) -> None:
    """And the frame rate moves by less than half a frame in the loop, if at all."""
    rate, n_frames = exact_rate(fps, beats, bpm)
    played_s, beaten_s = 4 * n_frames / rate, 4 * 60 * beats / Fraction(str(bpm))
    assert abs(played_s - beaten_s) * rate <= 1
    assert abs(rate / fps - 1) <= Fraction(1, 2 * n_frames) + Fraction(1, 10**6)


def test_a_clip_is_its_bars(tmp_path: Path) -> None:
    """Two bars of the song at 120: 96 frames, from one bar line to the next but one; the tempo can be another."""
    plan = planned(tmp_path)
    clips = clips_of(plan, tmp_path / "loops", bars=2, start_s=4.1)
    assert [(clip.start_s, clip.end_s) for clip in clips] == [(6.0, 10.0), (10.0, 14.0), (14.0, 18.0)]
    assert {clip.plan.timeline.n_frames for clip in clips} == {96}
    assert [clip.path.name for clip in clips] == [f"song_120bpm_02bars_{i:02d}.mov" for i in (1, 2, 3)]
    assert clips[0].plan.keyframes[0].prompt == "a cave"
    faster = clips_of(plan, tmp_path, bars=2, bpm=128.0, count=6)
    assert len(faster) == 6
    assert {clip.plan.timeline.n_frames for clip in faster} == {90}
    assert len({clip.plan.keyframes[0].seed for clip in faster}) == 6
    with pytest.raises(PlanError, match="loop takes 40"):
        clips_of(plan, tmp_path, bars=40)


def test_beats_are_at_their_frames(tmp_path: Path) -> None:
    """In the clip's own song every beat lies where its tempo has it, and rounds follow without a gap."""
    clip = clips_of(planned(tmp_path, bpm=118.7), tmp_path, bars=2, bpm=125.0)[0]
    length_s = clip.plan.timeline.duration_s
    np.testing.assert_allclose(np.diff(clip.plan.analysis.beats_s), 60 / 125, atol=0.01 / 8)
    assert clip.plan.analysis.duration_s == pytest.approx(3 * length_s)
    energy = clip.plan.analysis.curves["energy"]
    assert abs(energy.at(np.array([length_s]))[0] - energy.at(np.array([2 * length_s - 1e-3]))[0]) < 0.05


def test_a_loop_lies_in_its_own_section(tmp_path: Path) -> None:
    """What a preset does in section B alone happens in the loops of section B, and in no other."""
    plan = planned(tmp_path, duration_s=24.0, color={"hue": {"level": 0.0, "expression": "section('B')"}})
    clips = clips_of(plan, tmp_path, bars=1)
    asked = [targets_of(clip.plan).hue for clip in clips]
    starts_s = [clip.start_s for clip in clips]
    assert len(clips) >= 10
    for start_s, hue in zip(starts_s, asked, strict=True):
        assert set(hue.tolist()) == ({1.0} if 8 <= start_s < 16 else {0.0})


def test_places_to_begin(tmp_path: Path) -> None:
    """As in prompt files."""
    analysis = known_analysis(21.0)
    assert moment_s("drop", analysis, "--from") == 7.0
    assert moment_s("bar 3", analysis, "--from") == 4.0
    assert moment_s("section B", analysis, "--from") == 7.0
    assert moment_s("0:05.5", analysis, "--from") == 5.5


def test_clips_loop_and_are_listed(tmp_path: Path) -> None:
    """The seam is no larger than the median change, four rounds stay on the beat, and nothing is made twice."""
    plan = planned(tmp_path, bpm=127.0)
    clips = clips_of(plan, tmp_path / "loops", bars=1, count=2)
    generator = FakeGenerator()
    models = ModelKeeper.holding(generator)
    render_clips(clips, models=models)
    names = {path.name for path in (tmp_path / "loops").iterdir()}
    videos = {"song_127bpm_01bars_01.mov", "song_127bpm_01bars_02.mov"}
    assert names == {*videos, *(f"{name}.beatwalk.json" for name in videos), "clips.json", "clips.png"}
    listed = json.loads((tmp_path / "loops" / "clips.json").read_text())["clips"]
    for clip, row in zip(clips, listed, strict=True):
        info = probe(clip.path)
        assert not info.has_audio
        assert (info.n_frames, info.codec, row["bpm"], row["bars"]) == (row["frames"], "hap", 127.0, 1)
        beaten = 4 * 60 * 4 / 127.0
        assert abs(4 * info.duration_s - beaten) * float(info.fps) <= 1
        frames = np.concatenate(list(read_frames(clip.path)))
        changes = successive_change(reduce_frames(frames))
        assert successive_change(reduce_frames(frames[[-1, 0]]))[0] <= np.median(changes)
    made = len(generator.denoised)
    told: list[Event] = []
    render_clips(clips, models=models, on_event=told.append)
    ended = [event.status for event in told if isinstance(event, VideoEnded)]
    assert (len(generator.denoised), ended) == (made, ["there", "there"])
    others = clips_of(planned(tmp_path, bpm=127.0, fps=25), tmp_path / "loops", bars=1, count=1)
    with pytest.raises(OutputError, match="another loop"):
        render_clips(others, models=models)
    for model, sound in (("another", False), (generator.info.fingerprint, True)):
        with pytest.raises(OutputError, match="another loop"):
            check_clips(clips, model, sound=sound, overwrite=False)
    assert check_clips(clips, generator.info.fingerprint, sound=False, overwrite=False) == {c.path for c in clips}


def test_a_stopped_clip_goes_on_and_a_changed_one_is_named(tmp_path: Path) -> None:
    """As any render: finished segments are not made again, nor mixed with others."""
    clips = clips_of(planned(tmp_path), tmp_path / "loops", bars=1, count=1)

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_clips(clips, models=ModelKeeper.holding(FakeGenerator()), on_event=stop)
    assert not clips[0].path.exists()
    changed = clips_of(planned(tmp_path, fps=30), tmp_path / "loops", bars=1, count=1)
    with pytest.raises(OutputError, match="unfinished render differs in frame rate or length"):
        check_clips(changed, FakeGenerator().info.fingerprint, sound=False, overwrite=False)
    with pytest.raises(OutputError, match="unfinished render differs in model;"):
        check_clips(clips, "another", sound=False, overwrite=False)
    render_clips(clips, models=ModelKeeper.holding(FakeGenerator()))
    manifest = json.loads(manifest_path(clips[0].path).read_text())
    assert manifest["report"]["frames_reused"] > 0
    assert manifest["song"]["path"] == "../song.wav"
    assert (manifest["song"]["start"], manifest["song"]["duration"]) == (clips[0].start_s, 2.0)
    assert manifest["loop"]["bpm"] == 120.0


def test_a_clip_can_be_checked_and_cued(tmp_path: Path) -> None:
    """Its motion against what it was to be, its beats at its own tempo, whatever the song's."""
    clip = clips_of(planned(tmp_path), tmp_path / "loops", bars=2, count=1, bpm=150.0)[0]
    render_clips([clip], models=ModelKeeper.holding(FakeGenerator()))
    report = api.check(clip.path)
    assert report.tracking is not None
    assert report.sound is None
    cues_of(clip.path, None, lambda song, track: pytest.fail("a loop's beats are known"))
    told = json.loads((tmp_path / "loops" / "song_150bpm_02bars_01.mov.cues.json").read_text())["markers"]
    beats = [row["frame"] for row in told if row["kind"] == "beat"]
    assert beats == [round(i * 0.4 * 24 + 1e-9) for i in range(8)]
    assert [row["frame"] for row in told if row["kind"] == "bar"] == beats[::4]
    manifest = json.loads(manifest_path(clip.path).read_text())
    manifest_path(clip.path).write_text(json.dumps({**manifest, "loop": {"bpm": -1}}))
    with pytest.raises(InputError, match="manifest is incomplete"):
        cues_of(clip.path, None, lambda song, track: known_analysis())


def test_sound_is_stretched_with_the_pictures(tmp_path: Path) -> None:
    """Asked for, it is as long as the loop, and its beats are at the loop's tempo."""
    clips = clips_of(planned(tmp_path), tmp_path / "loops", bars=2, count=1, bpm=100.0)
    render_clips(clips, models=ModelKeeper.holding(FakeGenerator()), sound=True)
    sound = np.abs(read_sound(clips[0].path, 8000))
    assert len(sound) / 8000 == pytest.approx(8 * 0.6, abs=0.05)
    for beat in range(1, 8):
        at = round(beat * 0.6 * 8000)
        assert sound[at : at + 800].max() > 2 * sound[at - 1200 : at - 400].max()
