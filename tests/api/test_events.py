"""What a render tells, how it is cancelled, and that two of them do not disturb each other."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from beatwalk import api
from beatwalk.api.progress import Progress
from beatwalk.cli import main
from beatwalk.core import (
    Cancel,
    Cancelled,
    Checking,
    Done,
    Event,
    Failed,
    Finishing,
    Kept,
    Listening,
    LoadingModel,
    Muxing,
    Note,
    Prepared,
    Rendered,
    Surveying,
    Working,
)
from beatwalk.errors import CancelledError, PlanError
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Plan
from tests.helpers import decoded, names
from tests.songs import click_song

SMALL = {"video": {"fps": 12, "size": "64x48"}}


@pytest.fixture
def planned(tmp_path: Path) -> Plan:
    """Four seconds of two prompts, in two segments or more."""
    song = tmp_path / "song.wav"
    click_song(song, duration_s=4.0)
    return api.plan(song, ["a red sea", "@2 a blue wood"], overrides=[SMALL])


def of_type(told: list[Event], kind: type[Event]) -> list[Any]:
    """The events of one kind."""
    return [event for event in told if isinstance(event, kind)]


def test_a_render_tells_what_happens_in_order(planned: Plan, tmp_path: Path) -> None:
    """From the first check to the end; progress never goes back; the last frame and the preview are told."""
    told: list[Event] = []
    request = api.RenderRequest(plan=planned, output=tmp_path / "out.mp4", previews=True)
    models = ModelKeeper(lambda request: FakeGenerator(), lambda request: "fake-1")
    result = api.run(request, models=models, on_event=told.append)
    assert [type(event) for event in told[:3]] == [Checking, LoadingModel, Prepared]
    assert isinstance(told[-1], Done)
    assert (told[-1].frames, told[-1].reused) == (result.frames, 0) == (planned.timeline.n_frames, 0)
    assert {Surveying, Rendered, Finishing, Muxing} <= {type(event) for event in told}
    at = [event.progress for event in of_type(told, Working)]
    assert at == sorted(at)
    assert 0 <= at[0] < 0.2
    assert at[-1] > 0.99
    rendered = of_type(told, Rendered)
    assert [event.done for event in rendered] == sorted(event.done for event in rendered)
    assert rendered[-1].done == rendered[-1].total == planned.timeline.n_frames
    picture = Image.open(io.BytesIO(rendered[-1].preview))
    assert picture.size == (64, 48)
    last = decoded(tmp_path / "out.mp4")[-1].astype(float)  # finished: effects and codec differ a little
    assert np.abs(np.asarray(picture, float) - last).mean() < 40


def test_cancelled_from_another_thread_a_render_resumes(planned: Plan, tmp_path: Path) -> None:
    """At any stage: nothing but the work folder is there, no thread is left, and the same call ends the same."""
    whole = api.render(planned, tmp_path / "whole.mp4", generator=FakeGenerator())
    for kind in (Checking, Surveying, Rendered, Finishing, Muxing):
        cancel, told = Cancel(), list[Event]()

        def stop(event: Event, kind: type[Event] = kind, cancel: Cancel = cancel, told: list[Event] = told) -> None:
            told.append(event)
            if isinstance(event, kind) and getattr(event, "done", True):
                thread = threading.Thread(target=cancel.set)
                thread.start()
                thread.join()

        with pytest.raises(CancelledError):
            api.render(planned, tmp_path / "out.mp4", generator=FakeGenerator(), on_event=stop, cancel=cancel)
        assert isinstance(told[-1], Cancelled), kind
        assert names(tmp_path) <= {"song.wav", "whole.mp4", "whole.mp4.beatwalk.json", "out.mp4.beatwalk"}, kind
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("finish", "segment"))]
    api.render(planned, tmp_path / "out.mp4", generator=FakeGenerator())
    np.testing.assert_array_equal(decoded(tmp_path / "out.mp4"), decoded(whole.path))


def test_a_failure_is_told_and_raised(planned: Plan, tmp_path: Path) -> None:
    """Once, with the same words."""
    told: list[Event] = []
    planned.analysis.song.path.unlink()
    with pytest.raises(Exception, match="no longer there") as caught:
        api.render(planned, tmp_path / "out.mp4", generator=FakeGenerator(), on_event=told.append)
    assert [event.message for event in of_type(told, Failed)] == [str(caught.value)]


def test_planning_tells_that_it_listens_and_can_be_cancelled(tmp_path: Path) -> None:
    """A song that is known is not listened to; mistakes that cost nothing to find come first."""
    song, told, cancel = tmp_path / "song.wav", list[Event](), Cancel()
    click_song(song, duration_s=2.0)
    with pytest.raises(PlanError):
        api.plan(song, ["x"], on_event=told.append, start_s=500.0)
    assert [type(event) for event in told if not isinstance(event, Note)] == [Listening, Failed]
    cancel.set()
    with pytest.raises(CancelledError):
        api.plan(song, ["x"], cancel=cancel)


def test_two_renders_in_one_process(planned: Plan, tmp_path: Path) -> None:
    """Side by side they make what each makes alone, and each tells of itself only."""
    alone = api.render(planned, tmp_path / "alone.mp4", generator=FakeGenerator())
    told: dict[str, list[Event]] = {"a": [], "b": []}
    threads = [
        threading.Thread(
            target=api.render,
            args=(planned, tmp_path / f"{name}.mp4"),
            kwargs={"generator": FakeGenerator(), "on_event": told[name].append},
        )
        for name in told
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, events in told.items():
        assert isinstance(events[-1], Done)
        assert events[-1].output.name == f"{name}.mp4"
        np.testing.assert_array_equal(decoded(tmp_path / f"{name}.mp4"), decoded(alone.path))


class SlowGenerator(FakeGenerator):
    """Every step of denoising, and all of a decoding, advance a clock; nothing sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def latents(self, noise: Any, *given: Any, **options: Any) -> Any:
        """As the fake's."""
        self.now += len(noise) * options["steps"]
        return super().latents(noise, *given, **options)

    def decode(self, latents: Any, **options: Any) -> Any:
        """As the fake's."""
        self.now += len(latents) * self.decoding_steps
        return super().decode(latents, **options)


@pytest.mark.parametrize("prompts", [["a red sea", "@4 a blue wood", "@9 a white hill"], ["a red sea"]])
def test_the_time_left_is_within_a_fifth_from_a_quarter_on(tmp_path: Path, prompts: list[str]) -> None:
    """By a clock that counts the model's work; and the bar takes no long step."""
    song, generator, told = tmp_path / "song.wav", SlowGenerator(), list[tuple[float, Working]]()
    click_song(song, duration_s=16.0)
    plan, walk = api.prepare(api.plan(song, prompts, overrides=[SMALL]), generator)
    progress = Progress.of(plan, walk.steps, generator.decoding_steps, clock=lambda: generator.now)

    def note(event: Event) -> None:
        if isinstance(event, Working):
            filled = progress.filled(event)
            assert isinstance(filled, Working)
            told.append((generator.now, filled))

    api.render(plan, tmp_path / "out.mp4", generator=generator, on_event=note)
    begin, end = told[0][0], generator.now
    late = [(now, event.left_s) for now, event in told if now - begin > 0.25 * (end - begin)]
    assert len(late) > 20
    for now, left_s in late:
        assert left_s == pytest.approx(end - now, rel=0.2, abs=0.05 * (end - begin))
    assert max(np.diff([event.progress for _, event in told])) < 0.1


def test_the_time_left_of_a_resumed_render_is_of_what_is_left(tmp_path: Path) -> None:
    """Half of a long segment is kept: what this run has to make is foreseen as well as in a run from the start."""
    song, generator, told = tmp_path / "song.wav", SlowGenerator(), list[tuple[float, Working]]()
    click_song(song, duration_s=16.0)
    plan, walk = api.prepare(api.plan(song, ["a red sea"], overrides=[SMALL]), generator)

    def stop(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > plan.timeline.n_frames // 2:
            raise KeyboardInterrupt

    with mock.patch("beatwalk.walk.grains.LEAST_GRAIN_S", 0.0), pytest.raises(KeyboardInterrupt):
        api.render(plan, tmp_path / "out.mp4", generator=generator, on_event=stop)
    progress = Progress.of(plan, walk.steps, generator.decoding_steps, clock=lambda: generator.now)

    def note(event: Event) -> None:
        if isinstance(event, Working):
            filled = progress.filled(event)
            assert isinstance(filled, Working)
            told.append((generator.now, filled))

    result = api.render(plan, tmp_path / "out.mp4", generator=generator, on_event=note)
    assert result.manifest["report"]["frames_reused"] > plan.timeline.n_frames // 4
    begin, end = told[0][0], generator.now
    late = [(now, event.left_s) for now, event in told if end > now > begin + 0.25 * (end - begin)]
    assert len(late) > 10
    for now, left_s in late:
        assert left_s == pytest.approx(end - now, rel=0.2, abs=0.06 * (end - begin))
    assert told[0][1].progress > 0.2


def test_what_is_kept_is_told_when_work_stops(planned: Plan, tmp_path: Path) -> None:
    """Frames that the next run will not make again, and those that it will."""
    told: list[Event] = []

    def stop(event: Event) -> None:
        told.append(event)
        if isinstance(event, Rendered) and event.done > planned.timeline.n_frames - 4:
            cancel.set()

    cancel = Cancel()
    with pytest.raises(CancelledError):
        api.render(planned, tmp_path / "out.mp4", generator=FakeGenerator(), on_event=stop, cancel=cancel)
    (kept,) = (event for event in told if isinstance(event, Kept))
    made = max(event.done for event in told if isinstance(event, Rendered))
    assert kept.frames + kept.lost >= made
    assert kept.total == planned.timeline.n_frames
    result = api.render(planned, tmp_path / "out.mp4", generator=FakeGenerator())
    assert result.manifest["report"]["frames_reused"] == kept.frames


def test_events_as_json(planned: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, from listening to the end, or to the failure."""
    (tmp_path / "prompts.txt").write_text("a red sea\n")
    out = tmp_path / "out.mp4"
    song = str(planned.analysis.song.path)
    small = ["--fps", "4", "--size", "64x64", "--set", "model.steps=1", "--to", "1"]
    begin = time.monotonic()
    main([song, str(tmp_path / "prompts.txt"), "-o", str(out), "--json-events", *small])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines[:4]] == ["listening", "checking", "loading_model", "prepared"]
    assert lines[-1]["event"] == "done"
    assert lines[-1]["output"] == str(out)
    assert 0 <= lines[0]["at_s"] <= lines[-1]["at_s"] <= time.monotonic() - begin
    with pytest.raises(SystemExit):
        main([song, str(tmp_path / "prompts.txt"), "-o", str(out), "--json-events", *small])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "failed"
    assert "--overwrite" in json.loads(line)["message"]
