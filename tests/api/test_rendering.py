"""The parts together, with a generator that needs no model: what is on disk afterwards, and what is refused."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beatwalk import api, preflight
from beatwalk.cli import main
from beatwalk.core import Event, Rendered
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.errors import InputError, OutputError, PlanError, SettingsError, VideoError
from beatwalk.listen import Corrections, correct
from beatwalk.models.fake import FakeGenerator
from beatwalk.plan.plan_json import read_plan
from beatwalk.plan.presets import settings_from
from beatwalk.preflight import output_bytes, remarks_of
from beatwalk.settings import VideoSettings
from beatwalk.types import Plan
from beatwalk.video import probe
from tests.helpers import names
from tests.songs import click_song

SMALL: dict[str, Any] = {"video": {"fps": 8, "size": "64x48"}}


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    """Two seconds of a song in an empty folder, two prompts."""
    click_song(tmp_path / "song.wav", duration_s=4.0)
    return api.plan(tmp_path / "song.wav", ["a red sea", "@0:01 a blue wood"], overrides=[SMALL], end_s=2.0)


def render(plan: Plan, output: Path, **options: Any) -> api.RenderResult:
    """Render with waves instead of a model."""
    return api.render(plan, output, generator=FakeGenerator(), **options)


def test_a_render_leaves_the_video_and_its_manifest(planned: Plan, tmp_path: Path) -> None:
    """And nothing else; the manifest tells every frame."""
    result = render(planned, tmp_path / "out.mp4")
    assert names(tmp_path) == {"song.wav", "out.mp4", "out.mp4.beatwalk.json"}
    assert (result.frames, probe(tmp_path / "out.mp4").n_frames) == (16, 16)
    manifest = json.loads(manifest_path(tmp_path / "out.mp4").read_text(encoding="utf-8"))
    assert manifest["motion"]["position"][8] == 1.0
    assert manifest == result.manifest


@pytest.mark.parametrize("name", ["-i", "夜 'n\" %d: #;$(x)", "a\nb", "\udce9"])
def test_names_of_every_kind_are_names(planned: Plan, tmp_path: Path, name: str) -> None:
    """Options, quotes, line breaks, other scripts, bytes that are no UTF-8: where the system takes the name."""
    song, folder = tmp_path / f"{name}.wav", tmp_path / name
    try:
        shutil.copy(tmp_path / "song.wav", song)
        folder.mkdir()
    except (OSError, ValueError):
        pytest.skip("this system does not take such a name")
    made = api.plan(song, ["a red sea"], overrides=[SMALL], analysis=planned.analysis, end_s=1.0)
    render(made, folder / f"{name}.mp4")
    assert names(folder) == {f"{name}.mp4", f"{name}.mp4.beatwalk.json"}
    assert api.check(folder / f"{name}.mp4", analysis=planned.analysis).sound is not None


def test_a_stopped_render_goes_on(planned: Plan, tmp_path: Path) -> None:
    """Ctrl-C after the first segment: what there is stays, and is not made again."""

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(planned, tmp_path / "out.mp4", on_event=stop)
    assert names(tmp_path) == {"song.wav", "out.mp4.beatwalk"}
    assert render(planned, tmp_path / "out.mp4").manifest["report"]["frames_reused"] == 8
    assert names(tmp_path) == {"song.wav", "out.mp4", "out.mp4.beatwalk.json"}


def test_finishing_under_another_name_leaves_the_first_as_it_was(planned: Plan, tmp_path: Path) -> None:
    """Two versions from the same frames; the second does not inherit what was asked of the first."""
    out = tmp_path / "out.mp4"
    render(planned, out, keep_frames=True)
    kept = WorkFolder(out).plan_file.read_bytes()
    api.finish(out, tmp_path / "a.mp4", overrides=[{"camera": {"zoom": 0.5}}])
    assert WorkFolder(out).plan_file.read_bytes() == kept
    told = json.loads(manifest_path(tmp_path / "a.mp4").read_text(encoding="utf-8"))
    assert told["settings"]["camera"]["zoom"]["level"] == 0.5
    api.finish(out, overrides=[{"effects": False}], overwrite=True)
    assert not read_plan(WorkFolder(out).plan_file).settings.effects
    with pytest.raises(OutputError, match="exists"):
        api.finish(out)
    with pytest.raises(PlanError, match="walk cannot be changed without rendering"):
        api.finish(out, tmp_path / "b.mp4", overrides=[{"walk": {"pace": 1.0}}])
    with pytest.raises(VideoError, match="were not kept"):
        api.finish(tmp_path / "a.mp4", tmp_path / "b.mp4")


def test_a_plan_knows_its_song_from_anywhere(planned: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A song given by a relative name is found from another folder."""
    monkeypatch.chdir(tmp_path)
    made = api.plan("song.wav", ["a red sea"], overrides=[SMALL], analysis=planned.analysis)
    assert made.analysis.song.path == tmp_path / "song.wav"
    assert api.analyze("song.wav").song.path == tmp_path / "song.wav"


def test_the_song_is_never_overwritten(planned: Plan, tmp_path: Path) -> None:
    """Not even with --overwrite."""
    shutil.copy(tmp_path / "song.wav", tmp_path / "clip.mp4")
    made = api.plan(tmp_path / "clip.mp4", ["x"], overrides=[SMALL], analysis=planned.analysis)
    before = (tmp_path / "clip.mp4").read_bytes()
    with pytest.raises(OutputError, match=r"clip.mp4: this is the song itself"):
        render(made, tmp_path / "clip.mp4", overwrite=True)
    assert (tmp_path / "clip.mp4").read_bytes() == before


def test_a_name_too_long_is_said_first(planned: Plan, tmp_path: Path) -> None:
    """A name that only the manifest's would not fit: not a frame is made in vain."""
    generator = FakeGenerator()
    with pytest.raises(OutputError, match="cannot be written there"):
        api.render(planned, tmp_path / ("x" * 240 + ".mp4"), generator=generator)
    assert generator.denoised == []


def test_pictures_that_are_not_there_are_said_before_a_model_is_loaded(planned: Plan, tmp_path: Path) -> None:
    """One line with the name."""
    with pytest.raises(InputError, match=r"a\.png: no such picture"):
        api.plan(tmp_path / "song.wav", ["x :: image=a.png"], overrides=[SMALL], analysis=planned.analysis)


def test_room_is_needed_only_for_what_is_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that are there take no more."""
    work = WorkFolder(tmp_path / "out.mp4")
    work.path.mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 1000))
    with pytest.raises(OutputError, match="free"):
        preflight.check_space(work, 1, (64, 32), VideoSettings())
    work.frames_file(0).write_bytes(bytes(3000))
    preflight.check_space(work, 1, (64, 32), VideoSettings())
    with pytest.raises(OutputError, match="frames and video"):  # ffv1 of the same would take more
        preflight.check_space(work, 1, (64, 32), VideoSettings(codec="ffv1"))


def test_what_is_asked_of_a_file_is_checked_before_it_is_finished(planned: Plan, tmp_path: Path) -> None:
    """Frames between what is transparent are not known; said at once, and nothing is left."""
    alpha = {"video": {**SMALL["video"], "codec": "prores-4444", "alpha": "luma"}}
    settings = settings_from({**planned.settings.model_dump(mode="json"), **alpha}, where="test")
    render(replace(planned, settings=settings), tmp_path / "a.mov", keep_frames=True)
    before = names(tmp_path)
    with pytest.raises(SettingsError, match="--interpolate"):
        api.finish(tmp_path / "a.mov", tmp_path / "b.mov", overrides=[{"video": {"interpolate": 2}}])
    assert names(tmp_path) == before


def test_a_video_may_be_spelt_in_two_ways(planned: Plan, tmp_path: Path) -> None:
    """Onto itself, whatever the path."""
    render(planned, tmp_path / "a.mp4", keep_frames=True)
    (tmp_path / "sub").mkdir()
    made = api.finish(tmp_path / "a.mp4", tmp_path / "sub" / ".." / "a.mp4", overwrite=True)
    assert made == tmp_path / "a.mp4"


def test_room_and_remarks_are_those_of_the_finished_video() -> None:
    """Enlarged pictures and frames between take room; sizes and rates are told as they will be."""
    larger = VideoSettings(upscale=2, interpolate=3)
    assert output_bytes(larger, 100, (64, 32)) == pytest.approx(
        12 * output_bytes(VideoSettings(), 100, (64, 32)), rel=0.01
    )
    assert "scaled to 512x512" in "".join(remarks_of(VideoSettings(codec="dxv"), (520, 520)))
    assert remarks_of(VideoSettings(codec="dxv", upscale=2), (520, 520)) == []
    assert "48 fps" in "".join(remarks_of(VideoSettings(codec="gif", interpolate=2), (64, 64)))


def test_what_was_rendered_is_what_is_measured(planned: Plan, tmp_path: Path) -> None:
    """`check` and `cues` use the grid of the manifest, also where it was never stored and the song is gone."""
    slower = correct(planned.analysis, tmp_path / "song.wav", Corrections(halve=True))
    assert len(slower.beats_s) < len(planned.analysis.beats_s)
    video, cues = tmp_path / "out.mp4", tmp_path / "out.mp4.cues.json"
    made = api.plan(tmp_path / "song.wav", ["a red sea"], overrides=[SMALL], analysis=slower, end_s=2.0)
    render(made, video)
    for _ in range(2):
        report = api.check(video)
        assert report.beats_s is not None
        assert report.beats_s.tolist() == slower.beats_s.tolist()
        main(["cues", str(video), "--overwrite"])
        beats = [row["time"] for row in json.loads(cues.read_text())["markers"] if row["kind"] == "beat"]
        assert len(beats) == (slower.beats_s < 2.0).sum()
        (tmp_path / "song.wav").unlink(missing_ok=True)


def test_an_older_manifest_is_reported_and_the_song_heard(
    planned: Plan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not say which beats it was rendered from."""
    caplog.set_level(logging.WARNING, "beatwalk")  # the command line may have made it quieter
    render(planned, tmp_path / "out.mp4")
    path = manifest_path(tmp_path / "out.mp4")
    old = {key: value for key, value in json.loads(path.read_text()).items() if key != "analysis"}
    path.write_text(json.dumps(old))
    report = api.check(tmp_path / "out.mp4")
    assert report.beats_s is not None
    assert report.beats_s.tolist() == planned.analysis.beats_s.tolist()
    assert "the song is heard again" in caplog.text
