"""A set list rendered: checked first, a bad song left behind, frames shared, resumed where it stopped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from beatwalk import api
from beatwalk.cli import main
from beatwalk.core import Event, VideoEnded
from beatwalk.core.workfolder import manifest_path
from beatwalk.errors import OutputError
from beatwalk.jobs.setlist import Job
from beatwalk.jobs.setlist_run import check_places, render_set, seconds_of, summary, table
from beatwalk.listen import store, write_analysis
from beatwalk.models import ModelKeeper, ModelRequest
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import frozen_array
from beatwalk.video import probe
from tests.helpers import NIGHT, a_night, jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A night's songs, prompts and set list."""
    a_night(tmp_path)
    return tmp_path


def statuses(made: list[Job]) -> list[str]:
    """How it went."""
    return [job.status for job in made]


def test_one_bad_song_does_not_stop_the_night(folder: Path) -> None:
    """The others are made, with their cues; the report says how it went, and is there after every video."""
    planned = jobs(folder)
    reports: list[dict[str, Any] | None] = []
    check_places(planned, resume=False, overwrite=False)
    assert seconds_of(planned, models=ModelKeeper.holding(FakeGenerator())) > 0
    report = folder / "night" / "set-report.json"

    peak = planned[3]

    class Breaks(FakeGenerator):
        def decode(self, *given: Any, **options: Any) -> Any:
            if peak.status == "waiting" and planned[1].status == "done":
                raise RuntimeError("out of\nluck")
            return super().decode(*given, **options)

    def told_of(event: Event) -> None:
        if isinstance(event, VideoEnded):
            reports.append(json.loads(report.read_text()) if report.exists() else None)

    render_set(planned, report, models=ModelKeeper.holding(Breaks()), on_event=told_of)
    assert statuses(planned) == ["done", "done", "failed", "failed", "done"]
    assert "RuntimeError: out of luck" in planned[3].problem
    told = json.loads(report.read_text())
    assert (told["done"], told["failed"], told["there"]) == (3, 2, 0)
    assert len(list(table(planned))) == 5
    assert probe(folder / "night" / "one-wall.mov").codec == "hap"
    assert (folder / "night" / "one-wall.mov.cues.json").exists()
    assert reports[1] is not None
    assert reports[1]["done"] == 1


def test_a_model_is_loaded_once_and_anew_with_other_add_ons(folder: Path) -> None:
    """Steps do not change what is loaded; a LoRA does."""
    first, second, third = [job for job in jobs(folder) if job.plan is not None][:3]
    for job, changes in ((second, {"steps": 3}), (third, {"lora": ("style.safetensors",)})):
        assert job.plan is not None
        model = job.plan.settings.model.model_copy(update=changes)
        job.plan = replace(job.plan, settings=job.plan.settings.model_copy(update={"model": model}))
    loaded: list[ModelRequest] = []

    def load(request: ModelRequest) -> FakeGenerator:
        loaded.append(request)
        return FakeGenerator()

    seconds_of([first, second, third], models=ModelKeeper(load))
    assert [request.addons.loras for request in loaded] == [(), ("style.safetensors",)]


def test_resume_skips_what_is_whole_and_goes_on(folder: Path) -> None:
    """Nothing is made twice; a video of other settings is not passed off as this one."""
    planned = jobs(folder)
    check_places(planned, resume=True, overwrite=False)
    report = folder / "night" / "set-report.json"
    render_set(planned[:2], report, models=ModelKeeper.holding(FakeGenerator()))
    again, generator = jobs(folder), FakeGenerator()
    check_places(again, resume=True, overwrite=False)
    assert statuses(again) == ["there", "there", "failed", "waiting", "waiting"]
    render_set(again, report, models=ModelKeeper.holding(generator))
    assert statuses(again) == ["there", "there", "failed", "done", "done"]
    assert summary(again, 1.0)["there"] == 2
    (folder / "night.toml").write_text(NIGHT.replace("pace = 0.2", "pace = 0.3"))
    changed = jobs(folder)
    check_places(changed, resume=True, overwrite=False)
    assert statuses(changed) == ["there", "there", "failed", "failed", "failed"]
    assert "differs in walk" in changed[3].problem
    fresh = jobs(folder)
    check_places(fresh, resume=False, overwrite=False)
    assert statuses(fresh) == ["failed"] * 5
    assert "--overwrite" in fresh[0].problem


def test_a_video_without_a_manifest_does_not_count(folder: Path) -> None:
    """Nothing is known of it."""
    planned = jobs(folder)[:1]
    planned[0].path.parent.mkdir()
    planned[0].path.touch()
    check_places(planned, resume=True, overwrite=False)
    assert "exists and has no manifest, so it cannot be compared;" in planned[0].problem


def test_the_disk_is_looked_at_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room for the longest video is said before the first frame."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 10))
    with pytest.raises(OutputError, match="longest one's frames"):
        check_places(jobs(folder), resume=False, overwrite=False)


def test_frames_are_rendered_once_for_every_output(folder: Path) -> None:
    """Videos that differ in what comes after rendering are finished from the same frames, and are what they'd be."""
    text = NIGHT.replace('size = "32x32"', "crf = 30").replace('outputs = ["web"]', 'outputs = ["wall", "web"]')
    (folder / "night.toml").write_text(text)
    planned, generator = jobs(folder), FakeGenerator()
    planned = [job for job in planned if job.plan is not None]
    check_places(planned, resume=False, overwrite=False)
    report = folder / "night" / "set-report.json"
    render_set(planned, report, models=ModelKeeper.holding(generator))
    assert [job.frames_of for job in planned] == [
        "", "one-wall.mov", "", "peak-house-wall.mov", "", "peak-ambient-wall.mov",
    ]  # fmt: skip
    assert not list((folder / "night").glob("*.beatwalk"))
    alone = FakeGenerator()
    assert planned[1].plan is not None
    api.render(planned[1].plan, folder / "alone.mp4", generator=alone)
    assert generator.decoded == pytest.approx(3 * alone.decoded, rel=0.1)  # decoded samples differ a little
    assert (folder / "alone.mp4").read_bytes() == planned[1].path.read_bytes()
    told = json.loads(manifest_path(planned[1].path).read_text())
    assert told["settings"] == json.loads(manifest_path(folder / "alone.mp4").read_text())["settings"]
    again = jobs(folder)
    check_places(again, resume=True, overwrite=False)
    assert statuses(again) == ["there", "there", "failed", "failed", "there", "there", "there", "there"]


@pytest.mark.parametrize("size", ["auto", "16:9"])
def test_frames_of_a_size_that_the_model_decides_are_shared(folder: Path, size: str) -> None:
    """The kept plan says which one it was, the others' do not."""
    text = NIGHT.replace('size = "32x32"', "crf = 30").replace('size = "64x48"', f'size = "{size}"')
    (folder / "night.toml").write_text(text)
    planned = [job for job in jobs(folder)[:2] if job.plan is not None]
    check_places(planned, resume=False, overwrite=False)
    render_set(planned, folder / "report.json", models=ModelKeeper.holding(FakeGenerator()))
    assert [(job.status, job.frames_of) for job in planned] == [("done", ""), ("done", "one-wall.mov")]
    assert probe(planned[1].path).size == ((64, 64) if size == "auto" else (1920, 1080))


def test_kept_frames_outlast_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that fails leaves the frames; with --resume the video is finished from them, then they go."""
    (folder / "night.toml").write_text(NIGHT.replace('size = "32x32"', "crf = 30"))
    planned, report = jobs(folder)[:2], folder / "night" / "set-report.json"
    check_places(planned, resume=False, overwrite=False)
    with monkeypatch.context() as patched:

        def breaks(*given: Any, **options: Any) -> None:
            raise OutputError("out.mp4: the encoder stopped: no luck")

        patched.setattr("beatwalk.api.finish", breaks)
        render_set(planned, report, models=ModelKeeper.holding(FakeGenerator()))
    assert statuses(planned) == ["done", "failed"]
    kept = folder / "night" / "one-wall.mov.beatwalk"
    assert list(kept.glob("segment-*.npz"))
    again, generator = jobs(folder)[:2], FakeGenerator()
    check_places(again, resume=True, overwrite=False)
    render_set(again, report, models=ModelKeeper.holding(generator))
    assert (statuses(again), again[1].frames_of) == (["there", "done"], "one-wall.mov")
    assert generator.decoded == 0
    assert not kept.exists()


def test_frames_of_another_model_are_not_finished(folder: Path) -> None:
    """Nor is a video of another model, another excerpt or other beats taken for this one."""
    (folder / "night.toml").write_text(NIGHT.replace('size = "32x32"', "crf = 30"))
    planned, report = jobs(folder)[:1], folder / "night" / "set-report.json"
    check_places(planned, resume=False, overwrite=False)
    assert planned[0].plan is not None
    api.render(planned[0].plan, planned[0].path, generator=FakeGenerator(), keep_frames=True)
    again, generator = jobs(folder)[:2], FakeGenerator()
    check_places(again, resume=True, overwrite=False, fingerprint=lambda plan: "another")
    assert (again[0].status, "differs in model;" in again[0].problem) == ("failed", True)
    again[0].status = "there"
    render_set(again, report, models=ModelKeeper(lambda request: generator, lambda request: "another"))
    assert generator.decoded

    def problem_with(text: str, *, rising: bool = False) -> str:
        (folder / "night.toml").write_text(text)
        found = jobs(folder)[:1]
        plan = found[0].plan
        assert plan is not None
        if rising:
            energy = plan.analysis.curves["energy"]
            changed = replace(energy, values=frozen_array(np.linspace(0, 1, len(energy.values))))
            curves = {**plan.analysis.curves, "energy": changed}
            found[0].plan = replace(plan, analysis=replace(plan.analysis, curves=curves))
        check_places(found, resume=True, overwrite=False)
        return found[0].problem

    assert problem_with(NIGHT) == ""
    assert "differs in excerpt or length" in problem_with(NIGHT.replace("end = 1.0", "start = 0.5\nend = 1.5"))
    assert "differs in what is heard in the song;" in problem_with(NIGHT, rising=True)


def test_a_reworded_preset_keeps_what_is_whole(folder: Path) -> None:
    """Another description of the same preset changes no picture, so nothing is rendered again."""
    mine = folder / "mine.toml"
    (folder / "night.toml").write_text(NIGHT.replace('presets = ["house"]', f'presets = ["{mine.as_posix()}"]'))

    def first(description: str) -> Job:
        mine.write_text(f'description = "{description}"\n[walk]\npace = 0.3\n')
        found = jobs(folder)[:1]
        check_places(found, resume=True, overwrite=False)
        return found[0]

    render_set([first("calm")], folder / "night" / "set-report.json", models=ModelKeeper.holding(FakeGenerator()))
    assert (first("calm and slow").status, first("calm and slow").problem) == ("there", "")


def test_a_changed_seed_is_noticed(folder: Path) -> None:
    """A line's own seed, and what it should not be, make another video; frames between do not stop the night."""
    settings = NIGHT.replace("fps = 8,", "fps = 8, interpolate = 2,").replace('"hap"', '"h264"')
    (folder / "night.toml").write_text(settings)

    def first() -> Job:
        found = jobs(folder)[:1]
        check_places(found, resume=True, overwrite=False)
        return found[0]

    (folder / "walk.txt").write_text("a red sea :: seed=42\na blue wood\n")
    made = [first()]
    render_set(made, folder / "night" / "set-report.json", models=ModelKeeper.holding(FakeGenerator()))
    assert (statuses(made), made[0].problem) == (["done"], "")
    assert first().status == "there"
    (folder / "walk.txt").write_text("a red sea :: seed=43\na blue wood\n")
    assert "differs in seeds;" in first().problem
    (folder / "walk.txt").write_text("a red sea :: seed=42 negative=rain\na blue wood\n")
    assert "differs in prompts;" in first().problem


def test_a_changed_picture_is_noticed(folder: Path) -> None:
    """The same name with something else in it makes another video; one that is gone does not stop the night."""
    Image.new("RGB", (64, 48), "red").save(folder / "a.png")
    (folder / "walk.txt").write_text(f"a red sea :: image={folder / 'a.png'} strength=0.5\na blue wood\n")
    planned = jobs(folder)[:2]
    check_places(planned, resume=False, overwrite=False)
    render_set(planned, folder / "night" / "set-report.json", models=ModelKeeper.holding(FakeGenerator()))
    assert statuses(planned) == ["done", "done"]
    again = jobs(folder)[:2]
    check_places(again, resume=True, overwrite=False)
    assert statuses(again) == ["there", "there"]
    Image.new("RGB", (64, 48), "blue").save(folder / "a.png")
    changed = jobs(folder)[:2]
    check_places(changed, resume=True, overwrite=False)
    assert "differs in pictures;" in changed[0].problem
    (folder / "a.png").unlink()
    for job in changed:
        job.status = "waiting"
    render_set(
        changed, folder / "night" / "set-report.json", overwrite=True, models=ModelKeeper.holding(FakeGenerator())
    )
    assert statuses(changed) == ["failed", "failed"]


def test_what_was_stored_beside_a_song_is_heard(folder: Path) -> None:
    """Beats put right by hand count for the night too."""
    heard = store.analyze(folder / "one.wav")
    write_analysis(replace(heard, tempo_bpm=77.0), store.stored_path(folder / "one.wav"))
    plan = jobs(folder)[0].plan
    assert plan is not None
    assert plan.analysis.tempo_bpm == 77.0


def test_a_dry_run_makes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """It plans, estimates and says what is wrong."""
    monkeypatch.setattr("beatwalk.models.keeper.load_model", lambda request: FakeGenerator())
    with pytest.raises(SystemExit) as stop:
        main(["set", str(folder / "night.toml"), "--dry-run"])
    assert stop.value.code == 1
    out, err = capsys.readouterr()
    assert "5 videos, 4 to make: 32 frames" in err
    assert out.count("waiting") == 4
    assert "bad.wav" in out
    assert list((folder / "night").iterdir()) == []
