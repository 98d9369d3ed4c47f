"""The page in a real browser, driven as a person drives it; pictures of its states lie in build/screenshots."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from beatwalk.listen import write_analysis
from tests.helpers import known_analysis
from tests.processes import ROOT
from tests.songs import click_song
from tests.web.browser import (
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Open,
    Served,
    now_s,
    position,
    project_of,
    typed,
    until,
)
from tests.web.conftest import in_known, make_known

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request, Route

pytestmark = pytest.mark.browser

SHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_dropped_song_becomes_a_video(served: Served, window: Open, tmp_path: Path) -> None:
    """Choose a song, see beats, halve, drag a prompt that snaps, undo, preview, render, play, download."""
    click_song(tmp_path / "Night Drive.wav", duration_s=8.0)
    (tmp_path / "walk.txt").write_text("a red sea\na blue wood\n")
    served.start()
    page = window()
    shot(page, "start")
    page.set_input_files("#song-file", [tmp_path / "Night Drive.wav", tmp_path / "walk.txt"])
    page.wait_for_selector(".block >> nth=1")
    beats = project_of(page)["heard"]["beats"]
    assert len(beats) >= 14
    page.click("#tab-beat")
    page.click("[data-name=Halve]")
    until(page, f"project.heard.beats.length <= {len(beats) // 2 + 1}")
    page.click("#undo")
    until(page, f"project.heard.beats.length === {len(beats)}")

    block = page.locator(".block").nth(1)
    before = project_of(page)["blocks"][1]["time_s"]
    box = block.bounding_box()
    assert box is not None
    target = beats[3]
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 30 + position(page, target + 0.06) - position(page, before), box["y"] + 20, steps=6)
    page.mouse.up()
    until(page, f"Math.abs(project.blocks[1].time_s - {target}) < 0.001")
    page.keyboard.press("Control+z")
    until(page, f"Math.abs(project.blocks[1].time_s - {before}) < 0.06")

    page.click("#tab-render")
    page.select_option("[data-name=side]", "256")
    page.select_option("[data-name=fps]", "12")
    until(page, "project.settings.video.fps === '12'")
    page.click("#preview")
    page.wait_for_selector("#film:not([hidden])")
    assert page.inner_text("#stage-badge") == "preview"

    page.click("#panel-render >> [data-name=render]")
    page.wait_for_selector(".job")
    page.wait_for_selector(".figures")
    page.click("text=Watch")
    page.wait_for_function("() => document.getElementById('film').currentTime > 0.3")
    assert page.inner_text("#stage-badge") == "night-drive-1.mp4"
    page.click("#play")
    with page.expect_download() as download:
        page.click("text=Download")
    download.value.save_as(tmp_path / "got.mp4")
    assert (tmp_path / "got.mp4").read_bytes()[4:8] == b"ftyp"
    shot(page, "finished")


def test_everything_can_be_done_by_keyboard(served: Served, window: Open) -> None:
    """Move, play, split, type, nudge, duplicate, delete, undo, in and out, with no pointer at all."""
    in_known(served)
    page = window("project=known")
    page.wait_for_selector(".block >> nth=2")
    page.focus("#timeline")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowRight")
    assert now_s(page) == pytest.approx(2.5, abs=0.01)
    page.keyboard.press("s")
    until(page, "project.blocks.length === 4 && Math.abs(project.blocks[1].time_s - 2.5) < 0.001")
    page.focus(".block >> nth=1")
    page.keyboard.press("ArrowRight")
    until(page, "Math.abs(project.blocks[1].time_s - 3) < 0.001")
    page.keyboard.press("Shift+ArrowRight")
    until(page, "Math.abs(project.blocks[1].time_s - 4) < 0.001")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+a")
    page.keyboard.type("a silver moon, s d i o t")
    page.keyboard.press("Enter")
    until(page, "project.blocks[1].prompt === 'a silver moon, s d i o t'")
    page.keyboard.press("d")
    until(page, "project.blocks.length === 5 && project.blocks[2].prompt === 'a silver moon, s d i o t'")
    page.focus(".block >> nth=2")
    page.keyboard.press("Delete")
    until(page, "project.blocks.length === 4")
    page.keyboard.press("Control+z")
    until(page, "project.blocks.length === 5")
    page.keyboard.press("Control+Shift+z")
    until(page, "project.blocks.length === 4")
    page.focus("#timeline")
    page.keyboard.press("i")
    until(page, "project.start_s === 2.5")
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("o")
    until(page, "project.end_s === 18")
    page.keyboard.press(" ")
    page.wait_for_selector("#play[aria-label=Pause]")
    page.keyboard.press(" ")
    page.wait_for_selector("#play[aria-label=Play]")
    page.keyboard.press("?")
    page.wait_for_selector("#shortcuts[open]")
    page.keyboard.press("Escape")
    page.focus("#tab-prompts")
    for name in ("beat", "look", "render"):
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.id") == f"tab-{name}"
        assert page.is_visible(f"#panel-{name}")


def test_a_beat_is_dragged_and_the_grid_is_tapped(served: Served, window: Open) -> None:
    """An anchor by the pointer; taps by T while the song plays; a marked stretch has its own metre."""
    in_known(served)
    page = window("project=known")
    page.wait_for_selector(".block >> nth=2")
    page.click("#tab-beat")
    page.check("text=Drag beats")
    page.click("#zoom-in")
    box = page.locator("#wave").bounding_box()
    assert box is not None
    beat = project_of(page)["heard"]["beats"][6]
    page.mouse.move(position(page, beat), box["y"] + 60)
    page.mouse.down()
    page.mouse.move(position(page, beat + 0.12), box["y"] + 60, steps=4)
    page.wait_for_timeout(100)
    shot(page, "anchor")
    page.mouse.up()
    until(page, "project.anchors.length === 1 && Math.abs(project.heard.beats[6] - 3.12) < 0.04")
    page.uncheck("text=Drag beats")
    page.click("#fit")
    start, end = position(page, 4.0), position(page, 8.1)
    page.mouse.move(start, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(end, box["y"] + 60, steps=4)
    page.mouse.up()
    page.select_option("[data-name=meter]", "3")
    until(page, "project.undo === 'beats a bar' && new Set(project.heard.beats_per_bar).has(3)")
    page.mouse.click(position(page, 1.0), box["y"] + 60)
    page.select_option("[data-name=tracker]", "librosa")
    until(page, "project.undo === 'listening again' && !project.anchors.length")
    page.keyboard.press(" ")
    for _ in range(6):
        page.wait_for_timeout(450)
        page.keyboard.press("t")
    until(page, "project.undo === 'taps'")
    page.keyboard.press(" ")


def test_a_look_is_chosen_and_changed(served: Served, window: Open) -> None:
    """A preset by its picture, a source added to a target and taken away; the speed is drawn again at once."""
    in_known(served)
    page = window("project=known")
    page.wait_for_selector(".block >> nth=2")
    page.click("#tab-look")
    page.click("[data-name=preset-house]")
    until(page, "project.preset === 'house' && project.settings.walk.speed.rules.length === 2")
    assert project_of(page)["settings"]["video"]["size"] == "64x64"
    page.click("[data-name='more-color.hue']")
    until(page, "project.settings.color.hue.rules.length === 1")
    page.wait_for_timeout(300)
    page.evaluate("document.getElementById('panel-look').scrollTop = 340")
    shot(page, "look")
    page.click("[data-name='Hue 1 conditions']")
    when = page.locator("[data-name='Hue 1 when']")
    when.fill("energy > ")
    when.blur()
    page.wait_for_selector(".rule .problem:not([hidden])")
    assert project_of(page)["settings"]["color"]["hue"]["rules"][0]["when"] == ""
    when.fill("energy > 0.6")
    when.blur()
    until(page, "project.settings.color.hue.rules[0].when === 'energy > 0.6'")
    page.fill("[data-name='Hue 1 gate']", "0.5")
    page.locator("[data-name='Hue 1 gate']").blur()
    page.select_option("[data-name='Hue 1 hold']", "bar")
    until(
        page, "project.settings.color.hue.rules[0].gate === 0.5 && project.settings.color.hue.rules[0].hold === 'bar'"
    )
    assert "when energy > 0.6 · gate 0.5 · held for each bar" in page.inner_text("[data-name='Hue 1 conditions']")
    page.fill("[data-name='Hue 1 gate']", "")
    page.locator("[data-name='Hue 1 gate']").blur()
    until(page, "project.settings.color.hue.rules[0].gate === null")
    shot(page, "conditions")
    page.click("[aria-label='Remove beat from Hue']")
    until(page, "project.settings.color.hue.rules.length === 0")
    _write_expressions(page)
    slider = page.locator("[data-name='Speed level']")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    until(page, "project.settings.walk.speed.level > 0.05")


def _write_expressions(page: Page) -> None:
    """A written source, its offset, kind and spring, and a target's own expression; mistakes are not taken."""
    page.click("[data-name='add-camera.pan_x']")
    until(page, "project.settings.camera.pan_x.rules.length === 1")
    typed(page, "[data-name='Pan x 1 attack ms']", "99999")
    page.wait_for_selector("text=expected a number of at most 10000, found 99999")
    typed(page, "[data-name='Pan x 1 attack ms']", "40")
    page.click("[data-name='Pan x 1 conditions']")
    typed(page, "[data-name='Pan x 1 offset']", "-0.5")
    page.select_option("[data-name='Pan x 1 kind']", "rate")
    page.check("[data-name='Pan x 1 smooth']")
    typed(page, "[data-name='Pan x 1 hz']", "0")
    page.wait_for_selector("text=at least 0.01, found 0")
    typed(page, "[data-name='Pan x 1 hz']", "2")
    rule = "project.settings.camera.pan_x.rules[0]"
    until(page, f"{rule}.attack_ms === 40 && {rule}.offset_beats === -0.5 && {rule}.kind === 'rate'")
    until(page, f"{rule}.smooth?.hz === 2 && {rule}.smooth.damping === 1")
    assert page.inner_text("[data-name='Pan x 1 conditions']") == "a second · 0.5 beats earlier · smooth 2 Hz"
    page.select_option("[data-name='Pan x 1 source']", "=")
    until(page, f"{rule}.source === 'lfo(bars=4)'")
    typed(page, "[data-name='Pan x 1 expression']", "ramp('sectoin')")
    page.wait_for_selector("section[aria-label='Pan x'] .problem:not([hidden]) >> text=section")
    shot(page, "expression")
    typed(page, "[data-name='Pan x 1 expression']", "ramp('section')")
    until(page, f"{rule}.source === \"ramp('section')\"")
    page.click("[data-name='Speed written']")
    typed(page, "[data-name='Speed expression']", "0.1 + 0.6*enrgy**2")
    page.wait_for_selector("text=did you mean 'energy'?")
    typed(page, "[data-name='Speed expression']", "0.1 + 0.6*energy**2")
    until(page, "project.settings.walk.speed.expression === '0.1 + 0.6*energy**2'")
    page.select_option("#source", "beat")


def test_who_renders_is_chosen_where_there_is_a_choice(served: Served, window: Open) -> None:
    """Workers are offered where Ray is; elsewhere nothing is said of them."""
    in_known(served)
    page = window("project=known")
    page.wait_for_selector(".block >> nth=2")
    there = {"devices": ["auto", "cpu"], "cards": 0, "workers": 3}
    page.route("**/api/devices", lambda route: route.fulfill(json=there | {"workers": 0}))
    page.click("#tab-render")
    page.wait_for_function("() => document.querySelector('[data-name=device]').options.length === 2")
    assert page.locator("[data-name=workers]").count() == 0
    page.unroute("**/api/devices")
    page.route("**/api/devices", lambda route: route.fulfill(json=there))
    page.reload()
    page.click("#tab-render")
    page.select_option("[data-name=workers]", "2")
    told = {"id": "one", "project": "known", "file": "known-1.mp4", "status": "running", "stage": "rendering",
            "facts": {"frames": 160}, "done": 40, "frames_per_s": 8.0, "left_s": 15, "progress": 0.2, "spans": [],
            "whole": 0,
            "notes": [], "message": "", "workers": 2, "cards": "", "title": "Known", "checked": False,
            "rows": [{"worker": 1, "state": "working", "node": "here", "device": "cpu", "segment": 0, "done": 0.4,
                      "frames_per_s": 4.25},
                     {"worker": 2, "state": "loading", "node": "here", "device": "", "segment": None, "done": 0,
                      "frames_per_s": None}]}  # fmt: skip
    page.route("**/api/jobs", lambda route: route.fulfill(json=[told]))
    with page.expect_request("**/renders") as asked:
        page.route("**/renders", lambda route: route.fulfill(json=told))
        page.click("[data-name=render]")
    assert asked.value.post_data_json == {"device": "auto", "workers": 2, "cards": ""}
    page.reload()
    page.click("#tab-render")
    page.wait_for_selector(".workers >> text=segment 1 · 4.3 frames/s")
    assert page.inner_text(".workers >> nth=0").split("\n")[-1] == "loading"
    shot(page, "workers")


def test_two_tabs_show_the_same(served: Served, window: Open) -> None:
    """What is changed in one is seen in the other; both at once do not overwrite each other."""
    in_known(served)
    one, two = window("project=known"), window("project=known")
    for page in (one, two):
        page.wait_for_selector(".block >> nth=2")
    one.click("#tab-beat")
    one.click("[data-name=Double]")
    until(two, "project.heard.beats.length === 79")
    two.click("#undo")
    until(one, "project.heard.beats.length === 40")


def test_a_change_is_seen_that_was_made_before_the_tab_could_hear_of_it(served: Served, window: Open) -> None:
    """Between what a tab was given when it opened and its first word from the server."""
    in_known(served)
    one, two = window("project=known"), window()
    held: list[Route] = []
    two.route("**/api/events", lambda route: held.append(route))
    two.goto(one.url)
    two.wait_for_selector(".block >> nth=2")
    while not held:
        two.wait_for_timeout(50)
    one.click("#tab-beat")
    one.click("[data-name=Double]")
    until(one, "project.heard.beats.length === 79")
    assert two.evaluate("async () => (await import('/static/js/store.js')).store.project.heard.beats.length") == 40
    held.pop().continue_()
    until(two, "project.heard.beats.length === 79")


def test_a_change_is_seen_that_was_made_while_one_of_ones_own_failed(served: Served, window: Open) -> None:
    """The tab hears of it while it waits for its own answer, and none comes."""
    in_known(served)
    one, two = window("project=known"), window()
    read: list[Request] = []
    two.on(
        "requestfinished",
        lambda request: read.append(request) if request.url.endswith("/api/projects/known") else None,
    )
    two.goto(one.url)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while len(read) < 2:  # as it opens, and once it hears the server
        assert time.monotonic() < deadline
        two.wait_for_timeout(50)
    held: list[Route] = []
    two.route(
        "**/api/projects/known",
        lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_(),
    )
    two.fill("#project-name", "other")
    two.press("#project-name", "Enter")
    while not held:
        two.wait_for_timeout(50)
    one.click("#tab-beat")
    one.click("[data-name=Double]")
    until(one, "project.heard.beats.length === 79")
    until(two, "store._newest > project.revision")
    two.wait_for_timeout(1000)  # until nothing more happens that would be heard of afterwards
    held[0].fulfill(status=422, json={"error": "no"})
    until(two, "project.heard.beats.length === 79")


def test_a_render_outlives_the_page_and_the_server(served: Served, window: Open) -> None:
    """Reload in the middle, kill the server, start it again: the render goes on; a cancelled one resumes."""
    folder = in_known(served, "@0 a\n@bar 2 b\n@bar 4 c\n@bar 6 d\n", size="160x160")
    page = window("project=known")
    page.wait_for_selector(".block >> nth=3")
    page.click("#render-now")
    page.wait_for_selector(".job img.frame")
    page.click("[data-name=side]", trial=True)
    page.wait_for_function(  # at the playhead, where the render has been already
        "() => document.getElementById('stage-badge').textContent === 'rendered'"
        " && document.getElementById('still').naturalWidth > 0"
    )
    shot(page, "rendering")
    page.reload()
    page.click("#tab-render")
    page.wait_for_selector(".job")
    served.kill()
    status = json.loads((served.root / "queue.json").read_text())["jobs"][0]["status"]
    assert status == "running"
    served.start()
    page.goto(served.address.split("?")[0] + "?project=known")  # the session is still good
    page.click("#tab-render")
    page.wait_for_selector(".figures")
    assert json.loads((served.root / "queue.json").read_text())["jobs"][0]["status"] == "done"
    manifest = json.loads((folder / "videos" / "known-1.mp4.beatwalk.json").read_text())
    assert manifest["frames"] == 160
    page.click("#render-now")
    page.click("text=Cancel")
    page.wait_for_selector("text=Resume")
    page.click("text=Resume")
    page.wait_for_selector(".film >> nth=1")


def test_bad_files_are_said_beside_the_drop(served: Served, window: Open, tmp_path: Path) -> None:
    """No sound, another kind of file, a prompt file alone; nothing is left of them."""
    (tmp_path / "noise.wav").write_bytes(b"RIFF nothing")
    (tmp_path / "virus.exe").write_bytes(b"MZ")
    (tmp_path / "walk.txt").write_text("a\n")
    served.start()
    page = window()
    for name, why in (("noise.wav", "noise.wav"), ("virus.exe", "not a sound file"), ("walk.txt", "prompt file")):
        page.set_input_files("#song-file", tmp_path / name)
        page.wait_for_selector(f"#start-problem:has-text('{why}')")
    shot(page, "refused")
    assert list(served.root.glob("*/project.json")) == []


def test_an_hour_with_ten_thousand_beats_can_be_walked(served: Served, window: Open) -> None:
    """Zoom from the hour to a bar and back, play, and edit; nothing breaks."""
    folder = make_known(served.root)
    long = known_analysis(3600.0, bpm=170.0)
    write_analysis(replace(long, song=replace(long.song, path=folder / "song.wav")), folder / "analysis.json")
    served.start()
    page = window("project=known")
    page.wait_for_selector(".block")
    assert len(project_of(page)["heard"]["beats"]) == 10_200
    for _ in range(14):
        page.click("#zoom-in")
    page.focus("#timeline")
    page.keyboard.press(" ")
    page.wait_for_timeout(500)
    page.keyboard.press(" ")
    shot(page, "hour")
    page.click("#fit")
    page.click("#tab-beat")
    page.click("[data-name=Halve]")
    until(page, "project.heard.beats.length === 5100")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_nothing_is_wider_than_a_phone(served: Served, window: Open, scheme: str) -> None:
    """390 pixels: every tab fits, and the timeline is there."""
    in_known(served)
    page = window("project=known", viewport=PHONE, device_scale_factor=2, color_scheme=scheme)
    page.wait_for_selector(".block >> nth=2")
    for name in ("prompts", "beat", "look", "render"):
        page.click(f"#tab-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], name
    page.click("#tab-prompts")
    page.wait_for_timeout(1000)
    shot(page, f"phone-{scheme}")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_nothing(served: Served, window: Open, scheme: str) -> None:
    """WCAG AA, names, roles and contrast, in every state and both themes."""
    if not AXE.is_file():
        why = "no axe-core: make check-page installs it, where there is npm"
        if os.environ.get("BEATWALK_BROWSER") == "required" and shutil.which("npm"):
            pytest.fail(why)
        pytest.skip(why)
    in_known(served)
    start = window(color_scheme=scheme)
    start.wait_for_selector("#recent-list a")
    found = _violations(start)
    page = window("project=known", color_scheme=scheme, viewport=DESKTOP)
    page.wait_for_selector(".block >> nth=2")
    page.focus(".block >> nth=1")
    for name in ("prompts", "beat", "look", "render"):
        page.click(f"#tab-{name}")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        page.wait_for_timeout(400)
        found += _violations(page)
    page.click("#help")
    found += _violations(page)
    assert not found, "\n".join(sorted(set(found)))


def _violations(page: Page) -> list[str]:
    """What axe finds wrong, each with the element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    report = page.evaluate("(tags) => axe.run(document, { runOnly: tags })", tags)
    return [f"{one['id']}: {node['html'][:160]}" for one in report["violations"] for node in one["nodes"]]
