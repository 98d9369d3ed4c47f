"""Projects over HTTP: files that the command line reads, revisions, undo, prompts as blocks, the grid, the look."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from fastapi.testclient import TestClient
from PIL import Image

from beatwalk import api
from beatwalk.core import write_json
from beatwalk.errors import AudioError
from beatwalk.listen import Corrections, Evidence, analyze, gather_evidence, read_analysis
from beatwalk.plan import load_settings, plan_to_json, read_plan
from beatwalk.settings import Settings
from beatwalk.types import Audio
from beatwalk.web import hearing
from beatwalk.web import project as project_files
from beatwalk.web.hub import Hub
from beatwalk.web.projects import Projects
from beatwalk.web.toml_text import preset_toml
from tests.songs import click_song
from tests.web.conftest import client_of

KNOWN = "/api/projects/known"


def view_of(client: TestClient, **change: Any) -> dict[str, Any]:
    """The project `known`, after a change."""
    answer = client.patch(KNOWN, json=change) if change else client.get(KNOWN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def corrected(client: TestClient, **correction: Any) -> dict[str, Any]:
    """The project `known`, after a correction of its grid."""
    answer = client.post(f"{KNOWN}/grid", json=correction)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_dropped_song_is_heard(tmp_path: Path, client: TestClient) -> None:
    """Upload, wait, and beats half a second apart are there; the waveform is as long as the song."""
    click_song(tmp_path / "My Song.wav", duration_s=8.0)
    name = client.post("/api/projects", json={"name": "My Song"}).json()["id"]
    assert name == "my-song"
    sent = client.put(
        f"/api/projects/{name}/song?filename=My Song.wav", content=(tmp_path / "My Song.wav").read_bytes()
    )
    assert sent.status_code == 200, sent.text
    deadline = time.monotonic() + 60
    while (view := client.get(f"/api/projects/{name}").json())["heard"] is None:
        assert view["problem"] is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    beats = np.array(view["heard"]["beats"])
    assert np.median(np.diff(beats)) == pytest.approx(0.5, abs=0.01)
    wave = client.get(f"/api/projects/{name}/waveform")
    assert len(wave.content) / 2 / float(wave.headers["x-rate-hz"]) == pytest.approx(8.0, abs=0.05)
    assert np.frombuffer(wave.content, np.int8).max() > 60
    assert client.get(f"/api/projects/{name}/sound", headers={"range": "bytes=0-99"}).status_code == 206
    assert client.get("/api/projects").json()[0]["song"] == "My Song.wav"


def test_the_command_line_reads_what_the_page_wrote(tmp_path: Path) -> None:
    """Prompts, preset, grid and excerpt: planned from the files, the plan is the page's, to the last number."""
    from tests.web.conftest import make_known

    folder = make_known(tmp_path / "projects")
    with client_of(tmp_path) as client:
        corrected(client, action="shift", by=1)
        view_of(client, preset="house", settings={"walk": {"pace": 0.7}})
        view = view_of(client, settings={"color": {"hue": {"rules": [{"source": "beat", "amount": 20.0}]}}})
        blocks = view["blocks"]
        blocks[1]["time_s"] = 6.25
        view_of(client, blocks=blocks, excerpt=[2.0, 12.0])
    page = read_plan(folder / "plan.json")
    typed = api.plan(
        folder / "song.wav", folder / "prompts.txt", preset=str(folder / "preset.toml"),
        analysis=read_analysis(folder / "analysis.json"), start_s=2.0, end_s=12.0,
    )  # fmt: skip
    ours, theirs = plan_to_json(page), plan_to_json(typed)
    for data in (ours, theirs):  # the song was made for this test, and its analysis is of another
        data["analysis"]["song"] = None
    assert ours == theirs
    assert "@0:06.25 a blue wood" in (folder / "prompts.txt").read_text()


def test_two_tabs_do_not_overwrite_each_other(known: TestClient) -> None:
    """A change from an older revision is refused with 409 and changes nothing."""
    first = view_of(known)
    second = view_of(known, revision=first["revision"], prompts="one\n")
    answer = known.patch(KNOWN, json={"revision": first["revision"], "prompts": "two\n"})
    assert answer.status_code == 409
    assert "another tab" in answer.json()["error"]
    assert view_of(known)["prompts"] == "one\n"
    assert view_of(known)["revision"] == second["revision"]
    assert known.post(f"{KNOWN}/grid", json={"revision": first["revision"], "action": "halve"}).status_code == 409
    assert known.post(f"{KNOWN}/undo", json={"revision": first["revision"]}).status_code == 409


@pytest.mark.slow
def test_a_hundred_changes_can_be_undone_and_done_again(known: TestClient) -> None:
    """Text, grid and look, in order; a new change forgets what was undone."""
    start = view_of(known)
    for number in range(120):
        view_of(known, prompts=f"prompt {number}\n")
    corrected(known, action="halve")
    for _ in range(121):
        view = known.post(f"{KNOWN}/undo", json={}).json()
    assert view["prompts"] == start["prompts"]
    assert view["heard"] == start["heard"]
    assert view["undo"] is None
    for _ in range(121):
        view = known.post(f"{KNOWN}/redo", json={}).json()
    assert view["prompts"] == "prompt 119\n"
    assert len(view["heard"]["beats"]) == len(start["heard"]["beats"]) // 2
    known.post(f"{KNOWN}/undo", json={})
    assert view_of(known, prompts="new\n")["redo"] is None


def test_a_gesture_is_one_step(known: TestClient) -> None:
    """What a slider sends while it moves is undone together."""
    before = view_of(known)["settings"]["walk"]["pace"]
    for pace in (0.5, 0.6, 0.7):
        view_of(known, settings={"walk": {"pace": pace}}, gesture="pace")
    view = known.post(f"{KNOWN}/undo", json={}).json()
    assert view["settings"]["walk"]["pace"] == before


def test_a_project_is_there_after_a_restart(tmp_path: Path) -> None:
    """Everything but the history."""
    from tests.web.conftest import make_known

    make_known(tmp_path / "projects")
    with client_of(tmp_path) as client:
        corrected(client, action="anchor", beat=4, time_s=2.05)
        before = view_of(client, name="Rain", prompts="@bar 2 fog\n", excerpt=[1.0, 9.0], settings={"seed": 7})
    with client_of(tmp_path) as client:
        after = view_of(client)
    for left in ("undo", "redo", "grid_revision"):
        del before[left], after[left]
    assert before == after
    assert after["anchors"] == [2.05]


def test_a_project_changes_while_its_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long plan takes seconds to write; a change meanwhile is made at once, and written after it."""
    from tests.web.conftest import make_known

    folder = make_known(tmp_path / "projects")
    project = Projects(tmp_path / "projects", Hub()).get("known")
    written: list[Path] = []
    other = ThreadPoolExecutor(1)

    def slowly(path: Path, data: Any) -> None:
        if path.name == "plan.json" and not written:
            written.append(path)
            changing = other.submit(project.change, "prompts", lambda state: replace(state, prompts="fog\n"))
            changing.result(timeout=30)
        write_json(path, data)

    monkeypatch.setattr(project_files, "write_json", slowly)
    project.save_large()
    project.save_large()
    other.shutdown()
    assert json.loads((folder / "plan.json").read_text())["keyframes"][0]["prompt"] == "fog"


def test_blocks_become_lines_that_say_what_is_meant(known: TestClient) -> None:
    """On a bar, on a beat, in between; with seed, negative and picture; in order of time."""
    view = view_of(known)
    assert [block["place"] for block in view["blocks"]] == ["bar 1", "bar 5"]  # sections of 6.7 s are too short
    view = view_of(
        known,
        blocks=[
            {"time_s": 8.0, "prompt": "c", "negative": 'say "no"'},
            {"time_s": 0.0, "prompt": "a", "seed": 3},
            {"time_s": 4.5, "prompt": "b\nb"},
            {"time_s": 61.0 / 10, "prompt": "d"},
        ],
    )
    assert view["prompts"].splitlines() == [
        "@bar 1 a :: seed=3", "@beat 10 b b", "@0:06.1 d", "@bar 5 c :: negative='say \"no\"'",
    ]  # fmt: skip
    assert view["prompt_problem"] is None
    assert [block["time_s"] for block in view["blocks"]] == [0.0, 4.5, pytest.approx(6.1, abs=0.07), 8.0]


@pytest.mark.parametrize(("prompt", "why"), [("", "is empty"), ("a # b", "comment"), ("a ::b", "setting")])
def test_a_block_that_a_prompt_file_cannot_say_is_refused(known: TestClient, prompt: str, why: str) -> None:
    """The error says where, and nothing is changed."""
    before = view_of(known)["prompts"]
    answer = known.patch(KNOWN, json={"blocks": [{"time_s": 4.0, "prompt": prompt}]})
    assert answer.status_code == 422
    assert why in answer.json()["error"]
    assert "bar 3" in answer.json()["error"]
    assert view_of(known)["prompts"] == before


def test_a_mistake_in_the_text_is_kept_and_said(known: TestClient) -> None:
    """In the engine's own words, with line and column, beside the text that somebody is typing."""
    view = view_of(known, prompts="a sea\n@bar x fog\n")
    assert view["prompts"] == "a sea\n@bar x fog\n"
    assert view["prompt_problem"]["line"] == 2
    assert "a number after @bar" in view["prompt_problem"]["error"]
    assert view["blocks"] == []
    assert known.get(f"{KNOWN}/plan").status_code == 422


def test_corrections_keep_prompts_where_they_are(known: TestClient) -> None:
    """Bars and beats are counted again when the grid is halved, doubled or shifted."""
    view_of(known, prompts="@bar 1 a\n@bar 5 b\n@beat 23 c\n@drop d\n")
    before = [block["time_s"] for block in view_of(known)["blocks"]]
    for correction in (
        {"action": "halve"},
        {"action": "double"},
        {"action": "shift", "by": 1},
        {"action": "meter", "meter": 3},
    ):
        view = corrected(known, **correction)
        assert [block["time_s"] for block in view["blocks"]] == pytest.approx(before), correction
        assert view["prompt_problem"] is None


def test_an_anchor_moves_its_beat_and_those_around_it(known: TestClient) -> None:
    """Alone it moves the whole grid; between two others only what lies between them."""
    view = corrected(known, action="anchor", beat=0, time_s=0.1)
    assert view["heard"]["beats"][:3] == pytest.approx([0.1, 0.6, 1.1])
    corrected(known, action="anchor", beat=20, time_s=10.1)
    view = corrected(known, action="anchor", beat=10, time_s=5.2)
    beats = view["heard"]["beats"]
    assert [beats[i] for i in (0, 5, 10, 15, 20, 30)] == pytest.approx([0.1, 2.65, 5.2, 7.65, 10.1, 15.1])
    assert view["anchors"] == [0.1, 5.2, 10.1]
    refused = known.post(f"{KNOWN}/grid", json={"action": "anchor", "beat": 10, "time_s": 11.0})
    assert refused.status_code == 422
    assert "past an anchor" in refused.json()["error"]
    assert corrected(known, action="unanchor", time_s=5.2)["anchors"] == [0.1, 10.1]


def test_a_range_has_a_metre_and_a_tempo_of_its_own(known: TestClient) -> None:
    """Threes from 4 s to 8 s; 240 beats a minute from 10 s to 12 s; the rest stays."""
    view = corrected(known, action="meter", meter=3, start_s=4.0, end_s=8.0)
    assert view["heard"]["downbeats"][:6] == pytest.approx([0.0, 2.0, 4.0, 5.5, 7.0, 8.0])
    view = corrected(known, action="range_tempo", tempo_bpm=240.0, start_s=10.0, end_s=12.0)
    beats = np.array(view["heard"]["beats"])
    assert len(beats[(beats >= 10) & (beats < 12)]) == 8
    assert len(beats[beats < 10]) == 20
    assert len(beats[beats >= 12]) == 16


@pytest.mark.slow
def test_taps_set_the_beat_of_the_rest(known: TestClient) -> None:
    """Taps on every second beat make the song half as fast; in a marked stretch, that stretch alone."""
    taps = [2.0 + i for i in range(8)]
    view = corrected(known, action="taps", taps_s=taps, start_s=2.0, end_s=10.0)
    beats = np.array(view["heard"]["beats"])
    assert np.median(np.diff(beats[(beats > 2) & (beats < 10)])) == pytest.approx(1.0, abs=0.03)
    assert np.diff(beats[beats > 10.5]) == pytest.approx(0.5)
    beats = np.array(corrected(known, action="taps", taps_s=taps)["heard"]["beats"])
    near = np.abs(beats[:, None] - np.array(taps)[None]).min(axis=0)
    assert near.max() < 0.08
    assert np.median(np.diff(beats)) == pytest.approx(1.0, abs=0.03)
    answer = known.post(f"{KNOWN}/grid", json={"action": "taps", "taps_s": [1.0, 2.0]})
    assert answer.status_code == 422
    assert "too few" in answer.json()["error"]


def test_what_listening_gathered_is_kept_for_taps(
    known: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of song is heard once, not again for the first taps; a failure is not kept."""
    heard: list[str] = []

    def gather(audio: Audio) -> Evidence:
        heard.append(audio.path.name)
        if len(heard) == 1:
            raise AudioError("the disk hiccupped")
        return gather_evidence(audio)

    monkeypatch.setattr(hearing, "gather_evidence", gather)
    project = Projects(tmp_path / "projects", Hub()).get("known")
    ears = hearing.Hearing(Hub())
    with pytest.raises(AudioError, match="hiccupped"):
        ears.warm(project).result()
    ears.begin(project)
    ears.warm(project).result()
    again = ears.track(project, project.analysis(), [2.0 + i for i in range(8)], Corrections())
    assert np.median(np.diff(again.beats_s)) == pytest.approx(1.0, abs=0.03)
    assert heard == ["song.wav", "song.wav"]


def test_nobody_waits_for_what_closing_has_prevented(
    known: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taps on two songs are waiting behind a third one when the page is closed; neither wait goes on for ever."""
    begun, go_on = Event(), Event()

    def gather(audio: Audio) -> Evidence:
        begun.set()
        assert go_on.wait(60)
        raise AudioError("it was cut off")

    monkeypatch.setattr(hearing, "gather_evidence", gather)
    project = Projects(tmp_path / "projects", Hub()).get("known")
    ears = hearing.Hearing(Hub())
    waits: list[Future[Evidence]] = []
    for _ in range(3):
        os.utime(project.audio.path, (len(waits), len(waits)))  # another song, for what is kept
        waits.append(ears.warm(project))
        assert begun.wait(60)
    ears.close()
    go_on.set()
    assert isinstance(waits[0].exception(60), AudioError)
    assert all(one.cancelled() for one in waits[1:])


def test_halving_a_marked_part_begins_with_its_first_bar(known: TestClient) -> None:
    """Bars of three from 1.5 s on: the whole song, halved, leaves out the first beat of every second one."""
    corrected(known, action="meter", meter=3)
    heard = corrected(known, action="halve", start_s=4.5, end_s=9.0)["heard"]
    assert [beat for beat in heard["beats"] if 4.5 <= beat < 9] == pytest.approx([4.5, 5.5, 6.5, 7.5, 8.5])
    assert heard["downbeats"][3:6] == pytest.approx([4.5, 7.5, 9.0])


def test_another_tracker_listens_as_analyze_does(known: TestClient, tmp_path: Path) -> None:
    """The beats of `beatwalk analyze --tracker`; of the song, or of a stretch alone; an unknown one is refused."""
    corrected(known, action="halve")
    beats = np.array(corrected(known, action="listen", tracker="librosa", start_s=0.0, end_s=10.0)["heard"]["beats"])
    assert np.median(np.diff(beats[beats < 9])) == pytest.approx(0.5, abs=0.03)
    assert np.diff(beats[beats > 11]) == pytest.approx(1.0)
    song = tmp_path / "projects" / "known" / "song.wav"
    for tracker in ("librosa", "beatwalk"):
        heard, typed = corrected(known, action="listen", tracker=tracker)["heard"], analyze(song, tracker=tracker)
        assert heard["beats"] == typed.beats_s.tolist()
        assert heard["downbeats"] == typed.downbeats_s.tolist()
    answer = known.post(f"{KNOWN}/grid", json={"action": "listen", "tracker": "ears"})
    assert answer.status_code == 422
    assert "known are beatwalk, librosa" in answer.json()["error"]


def test_a_section_is_named_and_its_prompts_follow(known: TestClient) -> None:
    """`@section B` becomes `@section Chorus`; of two A one may change alone."""
    view_of(known, prompts="a\n@section B b\n")
    answer = known.patch(f"{KNOWN}/sections", json={"index": 1, "label": " Chorus "})
    assert answer.json()["prompts"] == "a\n@section Chorus b\n"
    assert [part["label"] for part in answer.json()["heard"]["sections"]] == ["A", "Chorus", "A"]
    assert answer.json()["prompt_problem"] is None
    refused = known.patch(f"{KNOWN}/sections", json={"index": 0, "label": "Verse 1"})
    assert refused.status_code == 422
    assert known.patch(f"{KNOWN}/sections", json={"index": 9, "label": "X"}).status_code == 404


def test_curves_follow_settings_that_are_not_saved(known: TestClient) -> None:
    """Speed at a constant level, and a rule on energy: 0.2 in the quiet section, 0.9 in the loud one."""
    body = {
        "settings": {"walk": {"speed": {"level": 0.25, "rules": []}}},
        "rules": [{"source": "energy", "amount": 3.0}, {"source": "beat", "amount": 1.0}],
    }
    found = known.post(f"{KNOWN}/curves", json=body).json()
    rate = found["rate_hz"]
    assert found["speed"] == pytest.approx([0.25] * len(found["speed"]))
    assert [found["shaped"][0][round(t * rate)] for t in (3.0, 10.0)] == pytest.approx([0.2, 0.9], abs=0.02)
    assert sum(found["shaped"][1]) == pytest.approx(40)
    assert view_of(known)["settings"]["walk"]["speed"]["level"] != 0.25


def test_curves_show_conditions(known: TestClient) -> None:
    """Beats count in the loud section alone; a gate makes energy 0 or 1; a mistake is refused."""
    rules = [
        {"source": "beat", "when": "energy > 0.6"},
        {"source": "energy", "gate": 0.6},
        {"source": "beat", "hold": "section"},
    ]
    found = known.post(f"{KNOWN}/curves", json={"rules": rules}).json()
    beats, gate, held = (np.array(values) for values in found["shaped"])
    times_s = np.arange(len(gate)) / found["rate_hz"]
    loud = (times_s > 6.8) & (times_s < 13.2)
    quiet = (times_s < 6.5) | (times_s > 13.5)
    assert beats[loud].sum() == pytest.approx(13)
    assert beats[quiet].sum() == 0
    assert set(gate[loud]) == {1.0}
    assert set(gate[quiet]) == {0.0}
    assert (np.diff(held) != 0).sum() <= 3
    wrong = {"walk": {"speed": {"rules": [{"source": "beat", "when": "energy > "}]}}}
    answer = known.post(f"{KNOWN}/curves", json={"settings": wrong})
    assert answer.status_code == 422
    assert "when" in answer.json()["error"]


def test_a_preset_keeps_what_belongs_to_the_render(known: TestClient) -> None:
    """Size and rate stay; the look changes; the own preset that is saved from it can be chosen again."""
    view = view_of(known, preset="house")
    assert view["settings"]["video"]["size"] == "64x48"
    assert view["settings"]["walk"]["change_every"] == "8 bars"
    assert known.post("/api/presets", json={"name": "House", "project": "known"}).status_code == 422
    assert any(one["name"] == "house" and one["description"] for one in known.get("/api/presets").json())


def test_an_own_preset_reads_as_it_was(known: TestClient, tmp_path: Path) -> None:
    """Saved under a plain name, in the folder for own presets."""
    view_of(
        known, preset="drum-and-bass", settings={"description": 'Müde "Katze"\\n', "walk": {"speed": {"rules": []}}}
    )
    saved = known.post("/api/presets", json={"name": "My  own / look", "project": "known"})
    assert saved.json() == {"name": "my-own-look"}
    settings = load_settings(str(tmp_path / "presets" / "my-own-look.toml"))
    assert json.loads(settings.model_dump_json()) == view_of(known)["settings"]


@pytest.mark.parametrize(
    "preset", ["ambient", "cinematic", "default", "drum-and-bass", "hip-hop", "house", "rock", "vj-loop"]
)
def test_settings_survive_their_toml(preset: str, tmp_path: Path) -> None:
    """Every shipped preset, written and read again, is the same."""
    settings = load_settings(preset)
    (tmp_path / "again.toml").write_text(preset_toml(settings), encoding="utf-8")
    assert load_settings(str(tmp_path / "again.toml")) == settings
    assert preset_toml(Settings()) == "\n"


def test_a_picture_becomes_a_keyframe(known: TestClient, tmp_path: Path) -> None:
    """It gets a name of our own, the block names it, and another kind of file is refused."""
    Image.new("RGB", (8, 8), "red").save(tmp_path / "Cover Art.png")
    data = (tmp_path / "Cover Art.png").read_bytes()
    made = known.put(f"{KNOWN}/pictures?filename=Cover Art.png", content=data)
    assert made.json() == {"image": "pictures/cover-art.png"}
    assert (
        known.put(f"{KNOWN}/pictures?filename=Cover Art.png", content=data).json()["image"]
        == "pictures/cover-art-2.png"
    )
    blocks = [{"time_s": 0.0, "prompt": "a"}, {"time_s": 8.0, "prompt": "b", "image": "pictures/cover-art.png"}]
    view = view_of(known, blocks=blocks)
    assert view["prompt_problem"] is None
    assert view["blocks"][1]["image"] == "pictures/cover-art.png"
    assert known.get(f"{KNOWN}/pictures/cover-art.png").content == data
    assert known.put(f"{KNOWN}/pictures?filename=x.svg", content=b"<svg/>").status_code == 422
    assert known.put(f"{KNOWN}/pictures?filename=x.png", content=b"no picture").status_code == 422
    assert not (tmp_path / "projects" / "known" / "pictures" / "x.png").exists()


def test_what_is_not_understood_is_refused(known: TestClient) -> None:
    """Unknown keys, settings out of range, an excerpt that ends before it begins, numbers that are none."""
    for body in (
        {"nonsense": 1},
        {"settings": {"walk": {"pace": -1}}},
        {"settings": {"walk": {"paec": 1}}},
        {"excerpt": [5, 3]},
        {"blocks": [{"time_s": -1, "prompt": "a"}]},
    ):
        answer = known.patch(KNOWN, json=body)
        assert answer.status_code == 422, body
        assert answer.json()["error"]
    assert "did you mean" in known.patch(KNOWN, json={"settings": {"walk": {"paec": 1}}}).json()["error"]


def test_only_a_project_without_a_song_is_removed(known: TestClient) -> None:
    """What the user made stays."""
    name = known.post("/api/projects", json={"name": "empty"}).json()["id"]
    assert known.delete(f"/api/projects/{name}").status_code == 204
    assert known.get(f"/api/projects/{name}").status_code == 404
    assert known.delete(KNOWN).status_code == 409


@pytest.mark.slow
def test_an_hour_with_ten_thousand_beats(tmp_path: Path) -> None:
    """Blocks, curves and corrections of a long song hold together."""
    from beatwalk.listen import write_analysis
    from tests.helpers import known_analysis
    from tests.web.conftest import make_known

    folder = make_known(tmp_path / "projects")
    long = known_analysis(3600.0, bpm=170.0)
    write_analysis(replace(long, song=replace(long.song, path=folder / "song.wav")), folder / "analysis.json")
    with client_of(tmp_path) as client:
        view = view_of(client)
        assert len(view["heard"]["beats"]) == 10_200
        curves = client.post(f"{KNOWN}/curves", json={}).json()
        assert len(curves["speed"]) == 3600 * curves["rate_hz"] <= 15_000
        assert len(corrected(client, action="double")["heard"]["beats"]) == 20_399
