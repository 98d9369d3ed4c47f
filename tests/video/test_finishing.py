"""Segments become one video: every frame once, effects where wanted, its part of the song; or nothing at all."""

from __future__ import annotations

import dataclasses
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from beatwalk import video
from beatwalk.core import ffmpeg
from beatwalk.core.files import PARTIAL_GLOB
from beatwalk.errors import AudioError, BeatwalkError, OutputError, PlanError, VideoError
from beatwalk.perception.flashes import FlashMeter
from beatwalk.settings import SafetySettings, Settings
from beatwalk.types import Frames, Lyric, Plan, Song, Targets, Timeline
from beatwalk.video.finishing import Finisher, FinishReport, finish_segments
from tests.helpers import decoded as frames_of
from tests.helpers import known_plan
from tests.video.test_effects import asking

N_FRAMES = 48
SIZE = (64, 48)  # of `known_plan`
RATE = 48_000


def ramp(n: int = N_FRAMES) -> Frames:
    """Plain frames whose brightness counts: 2 levels a frame from 40 on, with a red left half."""
    frames = np.empty((n, SIZE[1], SIZE[0], 3), np.uint8)
    frames[:] = (40 + 2 * np.arange(n))[:, None, None, None]
    frames[:, :, : SIZE[0] // 2, 0] += 60
    return frames


def strobe(n: int = N_FRAMES) -> Frames:
    """Black and white, changing every other frame: six flashes a second at 24 fps."""
    frames = np.zeros((n, SIZE[1], SIZE[0], 3), np.uint8)
    frames[np.arange(n) // 2 % 2 == 1] = 255
    return frames


def song(folder: Path, duration_s: float = 20.0) -> Path:
    """A song whose loudness tells the second: 0.02 more each."""
    path, t = folder / "song.wav", np.arange(round(duration_s * RATE)) / RATE
    soundfile.write(path, 0.02 * (1 + np.floor(t)) * np.sin(2 * np.pi * 440 * t), RATE, subtype="FLOAT")
    return path


def plan_for(folder: Path, **changes: Any) -> Plan:
    """Two seconds at 24 fps of a song that exists; settings without any movement unless given."""
    plan = known_plan(n_frames=N_FRAMES, **changes)
    there = Song(path=song(folder), sha256="0" * 64, duration_s=20.0, sample_rate=RATE, channels=1)
    return dataclasses.replace(plan, analysis=dataclasses.replace(plan.analysis, song=there))


def segments(folder: Path, frames: Frames, cuts: tuple[int, ...] = (20,)) -> list[Path]:
    """The frames in lossless files."""
    paths = []
    for i, part in enumerate(np.split(frames, cuts)):
        paths.append(folder / f"segment-{i:04d}.mkv")
        with video.LosslessWriter(paths[-1], (frames.shape[2], frames.shape[1]), Fraction(24)) as writer:
            writer.write(part)
    return paths


def decoded(path: Path) -> NDArray[np.int64]:
    """All frames of a video."""
    return frames_of(path).astype(int)


def leftovers(folder: Path) -> list[Path]:
    """Unfinished files and folders."""
    return list(folder.glob(PARTIAL_GLOB))


def test_every_frame_arrives_once_and_in_order(tmp_path: Path) -> None:
    """Frames of three segments come back in order, near to what they were, at the plan's rate and length."""
    frames, plan, told = ramp(), plan_for(tmp_path), []
    report = finish_segments(
        segments(tmp_path, frames, (1, 20)), asking(N_FRAMES), plan, tmp_path / "out.mp4",
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    info = video.probe(tmp_path / "out.mp4")
    assert (info.fps, info.n_frames, info.size, info.has_audio) == (Fraction(24), N_FRAMES, SIZE, True)
    assert np.abs(decoded(tmp_path / "out.mp4").mean(axis=(1, 2)) - frames.mean(axis=(1, 2))).max() < 3
    assert report == FinishReport(frames=N_FRAMES, seconds=report.seconds, softened=0, encoder="h264")
    assert report.seconds > 0
    assert told[0] == (1, N_FRAMES)
    assert told[-1] == (N_FRAMES, N_FRAMES)
    assert sorted(told) == told
    assert not leftovers(tmp_path)


def test_effects_are_applied_where_wanted(tmp_path: Path) -> None:
    """Half a turn exchanges left and right; with effects off nothing moves."""
    targets, paths = asking(N_FRAMES, rotate=180), segments(tmp_path, ramp())
    finish_segments(paths, targets, plan_for(tmp_path), tmp_path / "on.mp4")
    finish_segments(paths, targets, plan_for(tmp_path, effects=False), tmp_path / "off.mp4")
    on, off = (decoded(tmp_path / f"{name}.mp4")[10, 24, [8, 56], 0] for name in ("on", "off"))
    assert on[1] - on[0] > 40
    assert off[0] - off[1] > 40


def test_effects_cross_the_boundaries_of_segments(tmp_path: Path) -> None:
    """Trails of one segment reach into the next: where frames are cut changes nothing."""
    frames = ramp()
    frames[24:] = 255 - frames[24:]
    targets, plan = asking(N_FRAMES, trails=0.8), plan_for(tmp_path)
    for name, cuts in (("a", (24,)), ("b", (5, 40))):
        folder = tmp_path / name
        folder.mkdir()
        finish_segments(segments(folder, frames, cuts), targets, plan, folder / "out.mp4")
    assert (decoded(tmp_path / "a" / "out.mp4") == decoded(tmp_path / "b" / "out.mp4")).all()


def test_flashes_are_softened_unless_allowed(tmp_path: Path) -> None:
    """A strobe comes out limited and counted; `allow_flashes` leaves it alone."""
    paths, plan = segments(tmp_path, strobe()), plan_for(tmp_path)
    safe = finish_segments(paths, asking(N_FRAMES), plan, tmp_path / "safe.mp4")
    wild_settings = plan.settings.model_copy(update={"safety": SafetySettings(allow_flashes=True)})
    wild = dataclasses.replace(plan, settings=wild_settings)
    unsafe = finish_segments(paths, asking(N_FRAMES), wild, tmp_path / "unsafe.mp4")
    assert safe.softened > 5
    assert unsafe.softened == 0
    reports = []
    for name in ("safe", "unsafe"):
        meter = FlashMeter(Fraction(24))
        meter.update(decoded(tmp_path / f"{name}.mp4").astype(np.uint8))
        reports.append(meter.result())
    assert reports[0].passes
    assert reports[1].worst == 6


def test_an_overlay_is_drawn_on_finished_frames(tmp_path: Path) -> None:
    """It gets every frame once, with its index, after effects and limiter, and what it returns is encoded."""
    seen: list[int] = []

    def white_corner(frames: Frames, first: int) -> Frames:
        seen.extend(range(first, first + len(frames)))
        frames = frames.copy()
        frames[:, :16, :16] = 255
        return frames

    paths, plan = segments(tmp_path, ramp(), (10, 30)), plan_for(tmp_path)
    finish_segments(paths, asking(N_FRAMES, exposure=-1), plan, tmp_path / "out.mp4", overlay=white_corner)
    assert seen == list(range(N_FRAMES))
    assert decoded(tmp_path / "out.mp4")[:, 4:12, 4:12].min() > 245


def test_a_plan_without_a_size_takes_that_of_the_frames(tmp_path: Path) -> None:
    """Where the size is left to the model, it is that of the rendered frames."""
    plan = dataclasses.replace(plan_for(tmp_path), size=None)
    frames = np.zeros((N_FRAMES, 16, 32, 3), np.uint8)
    finish_segments(segments(tmp_path, frames), asking(N_FRAMES, zoom=0.1), plan, tmp_path / "out.mp4")
    assert video.probe(tmp_path / "out.mp4").size == (32, 16)
    with pytest.raises(PlanError, match="no rendered frames"):
        finish_segments([], asking(N_FRAMES), plan, tmp_path / "none.mp4")


def test_the_excerpt_carries_its_own_part_of_the_song(tmp_path: Path) -> None:
    """From 7 s on, the sound is that of the song's eighth and ninth second."""
    plan = dataclasses.replace(
        plan_for(tmp_path), timeline=Timeline(fps=Fraction(24), n_frames=N_FRAMES, start_s=7.0)
    )
    finish_segments(segments(tmp_path, ramp()), asking(N_FRAMES), plan, tmp_path / "out.mp4")
    sound = video.read_sound(tmp_path / "out.mp4", RATE)
    first, second = (np.abs(sound[int((i + 0.2) * RATE) : int((i + 0.8) * RATE)]).max() for i in (0, 1))
    assert (first, second) == (pytest.approx(0.16, abs=0.01), pytest.approx(0.18, abs=0.01))
    assert len(sound) / RATE == pytest.approx(2.0, abs=1 / 24)


def with_lyrics(plan: Plan) -> Plan:
    """The plan of a song with two lines."""
    lyrics = (Lyric(start_s=0.5, end_s=1.0, text="over the <3 river"), Lyric(start_s=1.0, end_s=1.5, text="{again}"))
    return dataclasses.replace(plan, analysis=dataclasses.replace(plan.analysis, lyrics=lyrics))


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_subtitle_track_and_tags_stand_beside_the_pictures(tmp_path: Path, kind: str, sound: bool) -> None:
    """ffmpeg reads back words and times, title and artist, and chapters as before; pictures have no letters."""
    settings = {"subtitles": {"mode": "track"}, "card": {"title": "A=B; \\", "artist": "Née", "seconds": 0}}
    plan = with_lyrics(plan_for(tmp_path, video={"sound": sound}, **settings))
    out, plain = tmp_path / f"out.{kind}", tmp_path / f"plain.{kind}"
    paths = segments(tmp_path, ramp())
    finish_segments(paths, asking(N_FRAMES), plan, out)
    finish_segments(paths, asking(N_FRAMES), plan_for(tmp_path, video={"sound": sound}), plain)
    status, told, _ = ffmpeg.run(["-i", str(out), "-map", "0:s:0", "-f", "srt", "-"])
    assert (status, told.decode().split("\n\n")[:2]) == (
        0,
        ["1\n00:00:00,500 --> 00:00:01,000\nover the <3 river", "2\n00:00:01,000 --> 00:00:01,500\n{again}"],
    )
    _, tags, _ = ffmpeg.run(["-i", str(out), "-f", "ffmetadata", "-"])
    head, *others = tags.decode().split("[CHAPTER]")
    assert {"title=a\\=b\\; \\\\", "artist=née"} <= set(head.lower().splitlines())  # Matroska's are in capitals
    assert len(others) == 2  # one for each prompt
    assert video.probe(out).has_audio == sound
    assert (decoded(out) == decoded(plain)).all()


def test_text_is_written_in_the_size_of_the_finished_video(tmp_path: Path) -> None:
    """Sharp letters on pictures that are enlarged; the frames that are kept have none."""
    plan = with_lyrics(plan_for(tmp_path, video={"upscale": 4, "crf": 10}, subtitles={"mode": "burn"}))
    paths = segments(tmp_path, ramp())
    finish_segments(paths, asking(N_FRAMES), plan, tmp_path / "out.mp4")
    frames = decoded(tmp_path / "out.mp4")
    assert frames.shape == (N_FRAMES, 4 * SIZE[1], 4 * SIZE[0], 3)
    spread = np.ptp(frames[:, 100:], axis=(1, 2)).max(axis=1)  # of the lower half
    assert np.flatnonzero(spread > 120).tolist() == list(range(12, 36))
    assert np.ptp(frames_of(paths[0]), axis=(1, 2)).max() <= 60


@pytest.mark.parametrize("name", ["1:1", "9:16"])
@pytest.mark.parametrize("text", [False, True])
def test_a_named_size_is_met_exactly(tmp_path: Path, name: str, text: bool) -> None:
    """Pictures are scaled until they cover it, and cut; whether ffmpeg does it or the letters need it."""
    frames = ramp()
    frames[:, :, : SIZE[0] // 2] = 200
    frames[:, :, SIZE[0] // 2 :] = 40
    more = {"subtitles": {"mode": "burn"}} if text else {}
    plan = with_lyrics(plan_for(tmp_path, video={"size": name, "hardware": False}, **more))
    finish_segments(segments(tmp_path, frames), asking(N_FRAMES), plan, tmp_path / "out.mp4")
    info = video.probe(tmp_path / "out.mp4")
    assert info.size == ((1080, 1080) if name == "1:1" else (1080, 1920))
    first = next(iter(video.read_frames(tmp_path / "out.mp4", block=1)))[0].astype(int)
    assert np.abs(first[:100, [300, 800], 0] - [200, 40]).max() < 6
    assert abs(int(np.argmax(first[5, :, 0] < 120)) - 540) < 20  # the middle stays in the middle


@pytest.mark.parametrize(
    ("sound", "start_s", "faded"), [("auto", 7.0, True), ("auto", 0.0, False), ("off", 7.0, False)]
)
def test_sound_fades_where_an_excerpt_cuts_the_song(tmp_path: Path, sound: str, start_s: float, faded: bool) -> None:
    """A song fades by itself; what is cut out of it does not."""
    plan = plan_for(tmp_path, fades={"in_s": 1.0, "sound": sound})
    plan = dataclasses.replace(plan, timeline=dataclasses.replace(plan.timeline, start_s=start_s))
    finish_segments(segments(tmp_path, ramp()), asking(N_FRAMES), plan, tmp_path / "out.mp4")
    heard = video.read_sound(tmp_path / "out.mp4", RATE)
    early, late = (np.abs(heard[int(a * RATE) : int((a + 0.1) * RATE)]).max() for a in (0.05, 0.85))
    assert (early < 0.3 * late) == faded
    assert decoded(tmp_path / "out.mp4")[0].max() <= 2


def fails(
    folder: Path, kind: type[BeatwalkError], match: str, paths: list[Path], plan: Plan, targets: Targets
) -> None:
    """Finishing fails with one clear line, keeps the video that was there, and leaves nothing behind."""
    out = folder / "out.mp4"
    out.write_bytes(b"the video of before")
    with pytest.raises(kind, match=match) as caught:
        finish_segments(paths, targets, plan, out)
    assert "\n" not in str(caught.value)
    assert out.read_bytes() == b"the video of before"
    assert not leftovers(folder)


def test_too_few_and_too_many_frames(tmp_path: Path) -> None:
    """The number of frames is the plan's, or there is no video."""
    plan, targets = plan_for(tmp_path), asking(N_FRAMES)
    fails(tmp_path, PlanError, "47 rendered frames, but the plan has 48", segments(tmp_path, ramp(47)), plan, targets)
    fails(tmp_path, PlanError, "more rendered frames than the plan's 48", segments(tmp_path, ramp(49)), plan, targets)


def test_frames_of_another_size_or_other_targets(tmp_path: Path) -> None:
    """Segments and targets of another plan are noticed."""
    plan, other = plan_for(tmp_path), np.zeros((N_FRAMES, 16, 32, 3), np.uint8)
    fails(tmp_path, PlanError, "frames are 32x16, but the plan says 64x48", segments(tmp_path, other), plan,
          asking(N_FRAMES))  # fmt: skip
    fails(tmp_path, PlanError, "targets for 3 frames", segments(tmp_path, ramp()), plan, asking(3))


def test_missing_and_damaged_segments(tmp_path: Path) -> None:
    """A segment that is not there, or not whole, is named."""
    plan, targets, paths = plan_for(tmp_path), asking(N_FRAMES), segments(tmp_path, ramp())
    fails(tmp_path, VideoError, "nowhere.mkv", [paths[0], tmp_path / "nowhere.mkv"], plan, targets)
    data = paths[1].read_bytes()
    paths[1].write_bytes(data[: len(data) // 2])
    fails(tmp_path, VideoError, "segment-0001.mkv", paths, plan, targets)


def test_missing_song(tmp_path: Path) -> None:
    """Without its song there is no video, and that is said before any work."""
    plan, paths = plan_for(tmp_path), segments(tmp_path, ramp())
    Path(plan.analysis.song.path).unlink()
    fails(tmp_path, AudioError, "song.wav: no such file", paths, plan, asking(N_FRAMES))


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that is not there, and a folder where the video should be."""
    plan, paths = plan_for(tmp_path), segments(tmp_path, ramp())
    with pytest.raises(OutputError, match="does not exist"):
        finish_segments(paths, asking(N_FRAMES), plan, tmp_path / "none" / "out.mp4")
    with pytest.raises(OutputError, match="is a folder"):
        finish_segments(paths, asking(N_FRAMES), plan, tmp_path)


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle: no video, no temporary files, no thread that hangs."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish_segments(
            segments(tmp_path, ramp()), asking(N_FRAMES), plan_for(tmp_path), tmp_path / "out.mp4", progress=interrupt
        )
    assert not (tmp_path / "out.mp4").exists()
    assert not leftovers(tmp_path)


def test_settings_are_those_of_the_plan(tmp_path: Path) -> None:
    """A higher crf makes a smaller file."""
    frames = np.random.default_rng(0).integers(0, 255, (N_FRAMES, 48, 64, 3), dtype=np.uint8)
    paths = segments(tmp_path, frames)
    for crf in (10, 40):
        settings = Settings.model_validate({"video": {"crf": crf}})
        plan = dataclasses.replace(plan_for(tmp_path), settings=settings)
        finish_segments(paths, asking(N_FRAMES), plan, tmp_path / f"{crf}.mp4")
    assert (tmp_path / "40.mp4").stat().st_size < 0.5 * (tmp_path / "10.mp4").stat().st_size


def test_frames_just_made_give_the_video_that_their_files_give(tmp_path: Path) -> None:
    """Finished in a thread, from arrays and files in turn, with trails across their boundaries."""
    frames, plan, targets = ramp(), plan_for(tmp_path), asking(N_FRAMES, trails=0.8)
    paths = segments(tmp_path, frames, (7, 30))
    finish_segments(paths, targets, plan, tmp_path / "files.mp4")
    with Finisher(lambda source: finish_segments(source, targets, plan, tmp_path / "made.mp4")) as finisher:
        finisher.add(frames[:5])
        finisher.add(frames[5:7])
        finisher.add(paths[1])
        finisher.add(frames[30:])
        assert not (tmp_path / "made.mp4").exists()
        report = finisher.report()
    assert report.frames == N_FRAMES
    assert np.array_equal(decoded(tmp_path / "made.mp4"), decoded(tmp_path / "files.mp4"))


def test_a_render_that_stops_leaves_no_video(tmp_path: Path) -> None:
    """The thread ends with it."""
    plan, threads = plan_for(tmp_path), threading.active_count()

    def render() -> None:
        with Finisher(
            lambda source: finish_segments(source, asking(N_FRAMES), plan, tmp_path / "out.mp4")
        ) as finisher:
            finisher.add(ramp()[:10])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render()
    assert threading.active_count() == threads
    assert not (tmp_path / "out.mp4").exists()
    assert not leftovers(tmp_path)


def add_all(finisher: Finisher) -> None:
    """Give it far more frames than its plan has."""
    for _ in range(100):
        finisher.add(ramp())


def test_a_finish_that_fails_stops_the_render(tmp_path: Path) -> None:
    """Too many frames are refused while the next are made, not at the end."""
    plan = plan_for(tmp_path)
    with Finisher(lambda source: finish_segments(source, asking(N_FRAMES), plan, tmp_path / "out.mp4")) as finisher:
        with pytest.raises(PlanError, match="more rendered frames"):
            add_all(finisher)
        with pytest.raises(PlanError, match="more rendered frames"):
            finisher.report()
    assert not leftovers(tmp_path)
