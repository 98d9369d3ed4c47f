"""What is made over HTTP: renders in a queue that outlives the server, previews, stills, estimates, events."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from fastapi.testclient import TestClient
from PIL import Image

from beatwalk import api
from beatwalk.api import OwnCrew
from beatwalk.core import Rendered, Reporter, WorkerStatus, WorkFolder, read_json
from beatwalk.errors import PlanError
from beatwalk.jobs import Cluster
from beatwalk.models import ModelKeeper
from beatwalk.models.fake import FakeGenerator
from beatwalk.perception import Pictures
from beatwalk.plan import read_plan
from beatwalk.preflight import FINISHING
from beatwalk.video import read_frames
from beatwalk.web import queue as queues
from beatwalk.web.frames import Growth, Strip
from beatwalk.web.hub import Hub
from beatwalk.web.problems import NotThereError
from beatwalk.web.projects import Projects
from beatwalk.web.queue import Job, Queue
from tests.helpers import decoded
from tests.web.conftest import client_of, make_known

KNOWN = "/api/projects/known"
PATIENCE_S = 120.0
CHOICES = {"device": "auto"}


def until(reached: Callable[[], Any]) -> Any:
    """Wait for something, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := reached()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def jobs(client: TestClient) -> list[dict[str, Any]]:
    """The queue."""
    found: list[dict[str, Any]] = client.get("/api/jobs").json()
    return found


class SlowGenerator(FakeGenerator):
    """Takes its time over every picture, so that a test can stop it."""

    def decode(self, latents: Any, *, size: tuple[int, int], **more: Any) -> Pictures:
        """Pictures, later."""
        time.sleep(0.02 * len(latents))
        return super().decode(latents, size=size, **more)


def test_a_render_ends_with_video_report_and_cues(known: TestClient, tmp_path: Path) -> None:
    """The queue's video is the command line's, frame by frame; everything may be downloaded."""
    known.patch(KNOWN, json={"excerpt": [2.0, 5.0]})
    job = known.post(f"{KNOWN}/renders", json={}).json()
    assert (job["file"], job["facts"]["frames"], job["status"]) == ("known-1.mp4", 24, "queued")
    done = until(lambda: [job for job in jobs(known) if job["checked"]])[0]
    assert (done["status"], done["progress"], done["done"], done["message"]) == ("done", 1.0, 24, "")
    (video,) = known.get(f"{KNOWN}/videos").json()
    assert (video["file"], video["start_s"], video["duration_s"]) == ("known-1.mp4", 2.0, 3.0)
    assert video["report"]["frames"] == 24
    assert len(video["files"]) == 6
    for name in [video["file"], *video["files"]]:
        answer = known.get(f"{KNOWN}/videos/{name}?download=1")
        assert answer.status_code == 200
        assert "attachment" in answer.headers["content-disposition"]
    assert Image.open(io.BytesIO(known.get(f"/api/jobs/{job['id']}/frame").content)).format == "JPEG"
    assert known.get(f"/api/jobs/{job['id']}/frame?time_s=3").status_code == 204  # the video has it now
    assert known.get("/api/jobs/nonsense/frame").status_code == 404
    videos = tmp_path / "projects" / "known" / "videos"
    api.render(
        read_plan(videos / "known-1.plan.json", trust_paths=True), tmp_path / "typed.mp4", generator=FakeGenerator()
    )
    assert (decoded(videos / "known-1.mp4") == decoded(tmp_path / "typed.mp4")).all()


@pytest.mark.slow
def test_jobs_are_rendered_in_the_order_that_people_choose(tmp_path: Path) -> None:
    """The last one moved before the second; a queued one cancelled; one that fails does not stop the next."""
    folder = make_known(tmp_path / "projects")
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    ended: list[str] = []
    queue = Queue(projects, Hub(), ModelKeeper.holding(FakeGenerator()), lambda _, job: ended.append(job.file))
    plan = project.plan_of(project.state)
    for number in range(4):
        queue.add(project, plan, {"n": number}, CHOICES)
    first, second, third, fourth = (job["id"] for job in queue.jobs())
    queue.move(fourth, second)
    queue.cancel(third)
    (folder / "videos" / "known-2.plan.json").write_text("{}")
    queue.start()
    until(lambda: len(ended) == 2 and all(job["status"] != "running" for job in queue.jobs()))
    queue.close()
    assert ended == ["known-1.mp4", "known-4.mp4"]
    status = {job["id"]: job["status"] for job in queue.jobs()}
    assert status == {first: "done", fourth: "done", second: "failed", third: "cancelled"}
    assert next(job for job in queue.jobs() if job["id"] == second)["message"]


def test_a_cancelled_render_keeps_its_frames_and_resumes(tmp_path: Path) -> None:
    """Cancelled after a segment, resumed: the frames of the finished segment are not made again."""
    make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    projects, slow = Projects(tmp_path / "projects", Hub()), SlowGenerator()
    project = projects.get("known")
    queue = Queue(projects, Hub(), ModelKeeper.holding(slow))
    job = queue.add(project, project.plan(), {}, CHOICES)
    work = WorkFolder(project.videos / job.file)
    queue.start()
    until(lambda: work.has_segments)
    queue.cancel(job.id)
    until(lambda: job.status == "cancelled")
    assert work.has_segments
    _check_frames_kept(queue, job, work)
    queue.resume(job.id)
    until(lambda: job.status == "done")
    queue.close()
    assert read_json(project.videos / f"{job.file}.beatwalk.json", PlanError, "x")["report"]["frames_reused"] > 0


def _check_frames_kept(queue: Queue, job: Job, work: WorkFolder) -> None:
    """Each moment of the finished segments is shown by its own frame; nothing else is."""
    whole = np.concatenate([frames for n in range(work.n_segments) for frames in read_frames(work.frames_file(n))])
    assert job.done == len(whole)
    for frame in (0, 7, len(whole) - 1):  # 8 frames a second
        shown = np.asarray(Image.open(io.BytesIO(queue.picture(job.id, time_s=frame / 8) or b"")))
        distance = np.abs(whole.astype(float) - shown).mean(axis=(1, 2, 3))
        assert int(distance.argmin()) == frame
    assert [queue.picture(job.id, time_s=time_s) for time_s in (job.done / 8, 19.9, 25.0)] == [None] * 3


def test_pictures_that_pass_are_thinned() -> None:
    """The nearest is shown; of a long render at most two thousand are kept; the latest always is."""
    strip = Strip(100_000)
    assert strip.near(5) is None
    for frame in range(7, 100_000, 8):
        strip.add(frame, str(frame).encode())
    assert strip.latest == (99_999, b"99999")
    kept = {strip.near(frame) for frame in range(0, 100_000, 5)}
    assert 1500 < len(kept) <= 2000
    assert strip.near(0) == (7, b"7")
    assert abs((strip.near(50_000) or (0,))[0] - 50_000) <= 56
    strip.clear()
    assert (strip.near(7), strip.latest) == (None, (99_999, b"99999"))


def test_pictures_of_several_workers_come_in_any_order() -> None:
    """The nearest one is shown, whichever came last."""
    strip = Strip(100)
    for frame in (40, 10, 41, 11, 39):
        strip.add(frame, str(frame).encode())
    assert strip.latest == (39, b"39")
    assert [strip.near(frame) for frame in (0, 20, 30, 39, 99)] == [
        (10, b"10"), (11, b"11"), (39, b"39"), (39, b"39"), (41, b"41"),
    ]  # fmt: skip


def test_growth_joins_segments_that_touch(tmp_path: Path) -> None:
    """Segments that several workers make at once are ranges of their own until they meet."""
    make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    project = Projects(tmp_path / "projects", Hub()).get("known")
    plan = project.plan()
    growth, (first, second, third) = Growth(plan, tmp_path / "none.mp4"), plan.segments
    assert growth.spans() == []

    def made(index: int, count: int) -> int:
        event = Rendered(
            done=1, total=160, reused=0, segment=index, in_segment=count, in_leg=count, progress=0.1, left_s=None
        )
        return growth.see(event)

    assert made(1, 4) == second.first + 3
    assert made(0, 2) == 1
    assert growth.spans() == [(0, 2), (second.first, second.first + 4)]
    made(0, first.n_frames)
    made(2, third.n_frames)
    assert growth.whole == 2
    assert growth.spans() == [(0, second.first + 4), (third.first, third.last)]


def test_frames_of_an_unfinished_render_have_their_effects(tmp_path: Path) -> None:
    """Exposure, zoom and trails, as in the video that is made of them in the end."""
    folder = make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    look = "[color]\nexposure = 0.7\n[trails]\namount = 0.5\n[safety]\nallow_flashes = true\n[camera]\nzoom = 0.3\n"
    (folder / "preset.toml").write_text('[video]\nfps = 8\nsize = "64x48"\ncrf = 1\n' + look)
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    queue = Queue(projects, Hub(), ModelKeeper.holding(SlowGenerator()))
    job = queue.add(project, project.plan(), {}, CHOICES)
    work = WorkFolder(project.videos / job.file)
    queue.start()
    until(lambda: work.has_segments)
    queue.cancel(job.id)
    until(lambda: job.status == "cancelled")
    frames = (0, 7, job.done - 1)
    shown = [_pixels(queue.picture(job.id, time_s=frame / 8)) for frame in frames]
    bare = next(read_frames(work.frames_file(0)))[0]
    queue.resume(job.id)
    until(lambda: job.status == "done")
    queue.close()
    video = decoded(project.videos / job.file)
    for picture, frame in zip(shown, frames, strict=True):
        assert np.abs(video[frame].astype(float) - picture).mean() < 4  # levels; a JPEG and H.264 lie between
    assert np.abs(bare.astype(float) - shown[0]).mean() > 15


def _pixels(picture: bytes | None) -> Any:
    assert picture is not None
    return np.asarray(Image.open(io.BytesIO(picture)), float)


class CrewOfTwo(OwnCrew):
    """Says what two workers would, and renders alone."""

    def __init__(self, cluster: Cluster) -> None:
        assert cluster.workers == 2
        super().__init__(ModelKeeper.holding(SlowGenerator()))

    def __enter__(self) -> CrewOfTwo:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def prepare(self, request: api.RenderRequest, tell: Reporter) -> Any:
        """Tell of a worker that renders, and of one that is lost."""
        for worker, state, segment in ((2, "starting", None), (1, "working", 3), (2, "lost", None)):
            tell(WorkerStatus(worker=worker, state=state, node="here", device="cpu", segment=segment, done=0.5))
        return super().prepare(request, tell)


def test_a_render_by_workers_tells_what_each_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each that is there, none for one that was lost, and none once it is over."""
    make_known(tmp_path / "projects")
    monkeypatch.setattr(queues, "RayCrew", CrewOfTwo)
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    queue = Queue(projects, Hub(), ModelKeeper.holding(FakeGenerator()))
    job = queue.add(project, project.plan(), {}, {"device": "cpu", "workers": 2})
    queue.start()
    until(lambda: job.done)
    rows = queue.jobs()[0]["rows"]
    assert [(row["worker"], row["state"], row["segment"], row["done"]) for row in rows] == [(1, "working", 3, 0.5)]
    until(lambda: job.status == "done")
    queue.close()
    assert job.rows == []


@pytest.mark.slow
def test_workers_on_ray_render_a_job(tmp_path: Path) -> None:
    """Two of them share the segments, and say where they are."""
    pytest.importorskip("ray", reason="workers need ray: pip install 'beatwalk[ray]'")
    make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    project.change("in and out", lambda state: replace(state, end_s=6.0))
    queue = Queue(projects, Hub(), ModelKeeper())
    job = queue.add(project, project.plan(), {}, {"device": "cpu", "workers": 2})
    queue.start()
    until(lambda: len(job.rows) == 2 and all(row["device"] == "cpu" for row in job.rows))
    until(lambda: job.status in ("done", "failed"))
    queue.close()
    assert (job.status, job.message) == ("done", "")


def test_what_can_compute_here_is_told(client: TestClient) -> None:
    """The CPU always; workers where Ray is installed."""
    told = client.get("/api/devices").json()
    assert told["devices"][:2] == ["auto", "cpu"]
    assert bool(told["workers"]) == (find_spec("ray") is not None)


def test_moments_that_have_passed_have_pictures(tmp_path: Path) -> None:
    """While a render runs; those ahead have none yet, and a finished video needs none."""
    make_known(tmp_path / "projects")
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    queue = Queue(projects, Hub(), ModelKeeper.holding(SlowGenerator()))
    job = queue.add(project, project.plan(), {}, CHOICES)
    queue.start()
    until(lambda: job.done)
    assert Image.open(io.BytesIO(queue.picture(job.id, time_s=0.0) or b"")).format == "JPEG"
    assert queue.picture(job.id, time_s=19.8) is None
    until(lambda: job.status == "done")
    queue.close()
    assert queue.picture(job.id, time_s=0.0) is None
    with pytest.raises(NotThereError):
        queue.picture("nonsense")


@pytest.mark.slow
def test_the_queue_outlives_its_server(tmp_path: Path) -> None:
    """A job that was running is running again after a restart, and another one still waits."""
    make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    first = Queue(projects, Hub(), ModelKeeper.holding(SlowGenerator()))
    job = first.add(project, project.plan(), {}, CHOICES)
    first.add(project, project.plan(), {}, CHOICES)
    first.start()
    until(lambda: WorkFolder(project.videos / job.file).has_segments)
    first.close()  # as Ctrl-C does; a kill leaves the job as running, which is read as waiting too
    kept = json.loads((tmp_path / "projects" / "queue.json").read_text())
    kept["jobs"][0]["status"] = "running"
    (tmp_path / "projects" / "queue.json").write_text(json.dumps(kept))
    with client_of(tmp_path) as client:
        until(lambda: [one["status"] for one in jobs(client)] == ["done", "done"])
        manifest = read_json(project.videos / f"{job.file}.beatwalk.json", PlanError, "x")
        assert manifest["report"]["frames_reused"] > 0


def test_a_removed_job_leaves_nothing_but_finished_videos(tmp_path: Path) -> None:
    """Unfinished frames and the plan go; a finished video stays; a running job must be cancelled first."""
    make_known(tmp_path / "projects", "@0 a\n@bar 3 b\n@bar 6 c\n")
    projects = Projects(tmp_path / "projects", Hub())
    project = projects.get("known")
    queue = Queue(projects, Hub(), ModelKeeper.holding(SlowGenerator()))
    job = queue.add(project, project.plan(), {}, CHOICES)
    queue.start()
    until(lambda: WorkFolder(project.videos / job.file).has_segments)
    with pytest.raises(Exception, match="cancel it first"):
        queue.remove(job.id)
    queue.cancel(job.id)
    until(lambda: job.status == "cancelled")
    queue.remove(job.id)
    queue.close()
    assert list(project.videos.iterdir()) == []
    assert queue.jobs() == []


def test_stills_are_made_once(known: TestClient) -> None:
    """One for each prompt and seed, told by key; the same question finds them there."""
    body = {"stills": [{"prompt": "a red sea", "seed": seed} for seed in (1, 2)] + [{"prompt": "a wood", "seed": 1}]}
    keys = [one["key"] for one in known.post(f"{KNOWN}/stills", json=body).json()]
    assert len(set(keys)) == 3
    until(lambda: all(one["ready"] for one in known.post(f"{KNOWN}/stills", json=body).json()))
    pictures = [known.get(f"{KNOWN}/stills/{key}").content for key in keys]
    assert len(set(pictures)) == 3
    assert Image.open(io.BytesIO(pictures[0])).size == (256, 192)  # small, of the video's shape
    assert known.get("/api/projects").json()[0]["still"] == keys[0]
    known.patch(KNOWN, json={"settings": {"video": {"size": "48x64"}}})
    assert not known.post(f"{KNOWN}/stills", json=body).json()[0]["ready"]


def test_a_preview_reuses_frames_where_only_effects_change(tmp_path: Path) -> None:
    """Another exposure finishes kept frames again; another pace needs new ones."""
    make_known(tmp_path / "projects")
    with client_of(tmp_path) as client:

        def preview(**settings: Any) -> str:
            body = {"start_s": 1.0, "end_s": 3.0, "settings": settings}

            def asked() -> dict[str, Any]:
                answer = client.post(f"{KNOWN}/preview", json=body)
                assert answer.status_code == 202, answer.text
                return dict(answer.json())

            until(lambda: asked()["ready"])
            return str(asked()["key"])

        plain, bright, quick = preview(), preview(color={"exposure": 1.0}), preview(walk={"pace": 1.2})
        assert plain.split("-")[0] == bright.split("-")[0] != quick.split("-")[0]
        folder = tmp_path / "projects" / "known" / "cache" / "previews"
        mean = {key: decoded(folder / f"{key}.mp4").mean() for key in (plain, bright)}
        assert mean[bright] > mean[plain] + 10
        assert len(decoded(folder / f"{plain}.mp4")) == 24
        assert client.get(f"{KNOWN}/previews/{bright}").headers["content-type"] == "video/mp4"


def test_a_preview_is_not_too_long(known: TestClient) -> None:
    """A minute at most."""
    answer = known.post(f"{KNOWN}/preview", json={"start_s": 0, "end_s": 61})
    assert answer.status_code == 422
    assert "at most 60 s" in answer.json()["error"]


def test_an_estimate_knows_frames_time_and_disk(known: TestClient) -> None:
    """Twice as long takes twice as many frames, and a proportional time once the model is measured."""
    known.patch(KNOWN, json={"excerpt": [0, 5]})
    short = known.post(f"{KNOWN}/estimate", json={}).json()
    known.patch(KNOWN, json={"excerpt": [0, 10]})
    long = known.post(f"{KNOWN}/estimate", json={}).json()
    assert (short["frames"], long["frames"]) == (40, 80)
    assert long["seconds"] == pytest.approx(2 * short["seconds"])
    assert 0 < short["bytes"] < long["bytes"] < long["free_bytes"]
    assert short["size"] == [64, 48]


def test_an_estimate_counts_those_who_render(known: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """More cards take less time, until no segment is left for them; one core takes longer than all of them."""
    monkeypatch.setattr("beatwalk.web.making.os.cpu_count", lambda: 4)
    known.patch(KNOWN, json={"excerpt": [0, 10]})

    def seconds(**who: object) -> float:
        return float(known.post(f"{KNOWN}/estimate", json=who).json()["seconds"])

    alone = seconds()
    assert seconds(workers=1) == pytest.approx(4 * alone / (1 + FINISHING))
    assert seconds(workers=4) >= alone
    cards = []
    for count in (1, 2, 64):
        monkeypatch.setattr("beatwalk.web.making.count_cuda_devices", lambda count=count: count)
        cards.append(seconds(cards="all"))
    assert alone > cards[0] > cards[1] >= cards[2]
    assert known.post(f"{KNOWN}/estimate", json={"workers": 65}).status_code == 422


def test_options_name_what_the_engine_can(client: TestClient) -> None:
    """Every codec, source and curve; targets that exist; the model inside."""
    options = client.get("/api/options").json()
    assert "nano" in [one["name"] for one in options["models"]]
    low = {target["path"]: target["low"] for target in options["targets"]}
    expected = {"walk.speed": 0.02, "color.saturation": -1, "color.exposure": -2, "tile.count": 0, "trails.amount": 0}
    assert {path: low[path] for path in expected} == expected
    assert len({target["name"] for target in options["targets"]}) == len(options["targets"])
    settings = client.get("/api/presets/house").json()
    for target in options["targets"]:
        group, name = target["path"].split(".")
        assert {"level", "rate", "rules"} <= set(settings[group][name])
    modulated = {f"{group}.{name}" for group, table in settings.items() if isinstance(table, dict)
                 for name, value in table.items() if isinstance(value, dict) and "rules" in value}  # fmt: skip
    assert modulated == {target["path"] for target in options["targets"]}


def test_events_tell_of_changes(tmp_path: Path) -> None:
    """A stream greets, then tells of each change with its revision, from whatever thread."""
    import asyncio

    hub = Hub()

    async def follow() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        async for line in hub.listen():
            told.append(json.loads(line.removeprefix("data: ")))
            if told[-1]["kind"] == "hello":
                await asyncio.to_thread(hub.publish, "project", id="x", revision=3)
            else:
                await asyncio.to_thread(hub.close)
        return told

    assert asyncio.run(follow()) == [{"kind": "hello"}, {"kind": "project", "id": "x", "revision": 3}]


def test_the_api_is_documented(client: TestClient) -> None:
    """Every route says what it does, and the description is reachable."""
    described = client.get("/api/openapi.json").json()
    for path, verbs in described["paths"].items():
        for verb, route in verbs.items():
            assert route.get("description"), f"{verb} {path}"


def test_without_a_page_there_is_only_the_api(tmp_path: Path) -> None:
    """`beatwalk serve`."""
    with client_of(tmp_path, page=False) as client:
        assert client.get("/api/projects").status_code == 200
        assert client.get("/").status_code == 404
        assert client.get("/static/js/main.js").status_code == 404
