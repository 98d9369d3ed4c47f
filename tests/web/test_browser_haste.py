"""The page under hands that are quicker than the server's answers: nothing is lost, and nothing is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from tests.web.browser import PATIENCE_MS, Open, Served, project_of, typed, until
from tests.web.conftest import in_known

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser


def held_back(page: Page) -> Callable[[int], Route]:
    """Hold back what the server is asked about settings; the function waits for question number `n`, from 0."""
    asked: list[Route] = []
    page.route("**/settings/check", lambda route: asked.append(route))

    def question(n: int) -> Route:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while len(asked) <= n:
            assert time.monotonic() < deadline, f"{len(asked)} questions were asked"
            page.wait_for_timeout(20)
        return asked[n]

    return question


def first_change_held_back(page: Page) -> list[Route]:
    """Hold back the first change of the project `known`; it is in the list once it was asked for."""
    awaited: list[Route] = []
    page.route(
        "**/projects/known",
        lambda route: awaited.append(route) if route.request.method == "PATCH" and not awaited else route.continue_(),
    )
    return awaited


def known(served: Served, window: Open) -> tuple[Page, Path]:
    """A window with the project `known`, its three blocks drawn, and the project's folder."""
    folder = in_known(served)
    page = window("project=known")
    page.wait_for_selector(".block >> nth=2")
    return page, folder


def with_a_rule(served: Served, window: Open) -> Page:
    """A window with the look of the project `known`, in which the beat pans the picture."""
    page, _ = known(served, window)
    page.click("#tab-look")
    page.click("[data-name='add-camera.pan_x']")
    until(page, "project.settings.camera.pan_x.rules.length === 1")
    return page


def test_a_refusal_is_shown_however_late_it_comes(served: Served, window: Open) -> None:
    """Rows are drawn again while an answer is awaited: a field keeps its text, and says what is wrong with it."""
    page = with_a_rule(served, window)
    rule, attack = "project.settings.camera.pan_x.rules[0]", "[data-name='Pan x 1 attack ms']"
    question = held_back(page)
    typed(page, attack, "99999")
    typed(page, "[data-name='Pan x 1 release ms']", "100")
    question(1).continue_()
    until(page, f"{rule}.release_ms === 100")
    assert page.input_value(attack) == "99999"
    # The next answer comes while somebody types: nothing is drawn again until they leave the field.
    page.fill("[data-name='Pan x base']", "0.25")
    question(0).continue_()
    page.wait_for_timeout(300)
    assert page.input_value("[data-name='Pan x base']") == "0.25"
    page.keyboard.press("Tab")
    page.wait_for_selector("text=expected a number of at most 10000, found 99999")
    assert page.get_attribute(attack, "aria-invalid") == "true"
    question(2).continue_()
    until(page, "project.settings.camera.pan_x.level === 0.25")
    assert page.input_value(attack) == "99999"


def test_of_two_answers_the_later_text_counts(served: Served, window: Open) -> None:
    """Answers come in any order. What was right before a mistake is kept, and the mistake is told of."""
    page = with_a_rule(served, window)
    rule, attack = "project.settings.camera.pan_x.rules[0]", "[data-name='Pan x 1 attack ms']"
    question = held_back(page)
    typed(page, attack, "40")
    typed(page, attack, "50")
    question(1).continue_()
    until(page, f"{rule}.attack_ms === 50")
    with page.expect_response("**/settings/check"):
        question(0).continue_()
    page.wait_for_timeout(100)
    assert page.input_value(attack) == "50"
    until(page, f"{rule}.attack_ms === 50")
    page.fill(attack, "60")
    page.keyboard.press("Enter")  # the focus stays
    question(2)
    page.fill(attack, "99999")
    question(2).continue_()
    until(page, f"{rule}.attack_ms === 60")
    page.keyboard.press("Tab")
    question(3).continue_()
    page.wait_for_selector("text=expected a number of at most 10000, found 99999")
    assert page.input_value(attack) == "99999"


def test_a_hand_is_quicker_than_an_answer(served: Served, window: Open) -> None:
    """Rows that are drawn again take no selected number, no open choice and no pressed button out of a hand."""
    page = with_a_rule(served, window)
    rule, attack = "project.settings.camera.pan_x.rules[0]", "[data-name='Pan x 1 attack ms']"
    question = held_back(page)
    typed(page, attack, "40")  # Tab selects the number in the next field
    question(0).continue_()
    until(page, f"{rule}.attack_ms === 40")
    page.keyboard.type("90")
    page.keyboard.press("Tab")
    question(1).continue_()
    until(page, f"{rule}.release_ms === 90")
    page.fill(attack, "50")
    page.hover("[data-name='Pan x 1 curve']")
    choice = page.query_selector("[data-name='Pan x 1 curve']")
    assert choice is not None
    opened_s = time.monotonic()
    page.mouse.down()
    page.mouse.up()
    question(2).continue_()
    until(page, f"{rule}.attack_ms === 50")
    # A choice that nobody touches for ten seconds is taken to be closed.
    assert choice.evaluate("choice => choice.isConnected") or time.monotonic() - opened_s > 9
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(page, f"{rule}.curve !== 'linear'")
    page.fill(attack, "60")
    page.hover("[aria-label='Remove beat from Pan x']")
    page.mouse.down()
    question(3).continue_()
    until(page, f"{rule}.attack_ms === 60")
    page.mouse.up()
    until(page, "project.settings.camera.pan_x.rules.length === 0")
    page.wait_for_selector("[data-name='add-camera.pan_x']")


def test_a_slider_that_comes_back_lets_the_look_be_drawn(served: Served, window: Open) -> None:
    """Some browsers tell of no change then; the panel would stand still."""
    page, _ = known(served, window)
    page.click("#tab-look")
    page.wait_for_selector("[data-name=pace]")
    page.eval_on_selector(
        "[data-name=pace]", "one => ['input', 'pointerup'].forEach((name) => one.dispatchEvent(new Event(name)))"
    )
    page.click("[data-name='add-camera.pan_x']")
    page.wait_for_selector("[data-name='Pan x 1 attack ms']")


def test_a_script_that_is_left_early_keeps_its_last_words(served: Served, window: Open) -> None:
    """The answer to what was typed first comes when more was typed, and does not take that back."""
    page, folder = known(served, window)
    page.click("#as-text")
    awaited = first_change_held_back(page)
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.fill("#script", "a red sea")
    page.focus("#script")
    page.keyboard.press("End")
    page.keyboard.type(" at night")
    awaited[0].continue_()
    page.click("#tab-look")
    until(page, "project.prompts.trim() === 'a red sea at night'")
    assert page.input_value("#script").strip() == "a red sea at night"
    assert (folder / "prompts.txt").read_text().strip() == "a red sea at night"


def test_a_drag_keeps_what_was_typed_before_it(served: Served, window: Open) -> None:
    """A block is pressed while its text is still being typed; when it is let go it has a new place and the text."""
    page, _ = known(served, window)
    page.click("#tab-prompts")
    before = page.evaluate("document.querySelectorAll('.block')[1].getBoundingClientRect().x")
    page.fill("[data-name=prompt-1]", "a silver moon")
    box = page.locator(".block >> nth=1").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    until(page, "project.blocks[1].prompt === 'a silver moon'")
    page.mouse.move(box["x"] + 130, box["y"] + 20, steps=6)
    page.mouse.up()
    page.wait_for_function(f"document.querySelectorAll('.block')[1].getBoundingClientRect().x > {before} + 50")
    page.wait_for_function("!document.querySelector('.block.dragging')")
    until(page, "project.blocks[1].time_s > 8.5")
    assert project_of(page)["blocks"][1]["prompt"] == "a silver moon"


def test_a_prompt_that_is_refused_can_be_put_right(served: Served, window: Open) -> None:
    """Its text stays where it was typed."""
    page, _ = known(served, window)
    page.click("#tab-prompts")
    typed(page, "[data-name=prompt-1]", "a silver moon #neon")
    page.wait_for_selector(".toast.bad")
    page.wait_for_timeout(100)
    assert page.input_value("[data-name=prompt-1]") == "a silver moon #neon"
    assert project_of(page)["blocks"][1]["prompt"] == "a blue wood"
    typed(page, "[data-name=prompt-1]", "a silver moon")
    until(page, "project.blocks[1].prompt === 'a silver moon'")
    assert page.input_value("[data-name=prompt-1]") == "a silver moon"


def test_a_prompt_that_is_refused_on_the_timeline_can_be_put_right(served: Served, window: Open) -> None:
    """Its text is there when the block is opened again, and in the list; who clears it there has the prompt again."""
    page, _ = known(served, window)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.dblclick(".block >> nth=1")
    page.fill(".block-editor", "a silver moon #neon")
    page.keyboard.press("Enter")
    page.wait_for_selector(".toast.bad")
    page.wait_for_timeout(100)
    page.dblclick(".block >> nth=1")
    assert page.input_value(".block-editor") == "a silver moon #neon"
    page.keyboard.press("Enter")  # nothing was changed, so nothing is asked
    page.click("#tab-prompts")
    assert page.input_value("[data-name=prompt-1]") == "a silver moon #neon"
    assert project_of(page)["blocks"][1]["prompt"] == "a blue wood"
    assert sent.count("PATCH") == 1
    typed(page, "[data-name=prompt-1]", "")
    page.wait_for_function("document.querySelector('[data-name=prompt-1]').value === 'a blue wood'")


def test_a_block_that_is_opened_before_the_answer_takes_nothing_back(served: Served, window: Open) -> None:
    """Its editor shows the old prompt; who leaves it as it is has changed nothing."""
    page, _ = known(served, window)
    awaited = first_change_held_back(page)
    page.dblclick(".block >> nth=1")
    page.fill(".block-editor", "a silver moon")
    page.keyboard.press("Enter")
    page.dblclick(".block >> nth=1")
    assert page.input_value(".block-editor") == "a blue wood"
    page.wait_for_timeout(50)
    awaited[0].continue_()
    until(page, "project.blocks[1].prompt === 'a silver moon'")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    assert project_of(page)["blocks"][1]["prompt"] == "a silver moon"


def test_a_block_is_deleted_once_and_the_next_one_stays(served: Served, window: Open) -> None:
    """It is deleted although its new place is not known yet; then the space bar plays, and deletes nothing."""
    page, _ = known(served, window)
    awaited = first_change_held_back(page)
    page.focus(".block >> nth=2")
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")
    page.keyboard.press("Delete")
    awaited[0].continue_()
    until(page, "project.blocks.length === 2 && store.saving === 0")
    assert [block["prompt"] for block in project_of(page)["blocks"]] == ["a red sea", "a blue wood"]
    page.keyboard.press("Control+z")
    until(page, "project.blocks.length === 3")
    page.click("#tab-prompts")
    page.click(".card >> nth=1 >> textarea")
    page.click(".card >> nth=1 >> text=Delete")
    until(page, "project.blocks.length === 2 && store.saving === 0")
    page.wait_for_timeout(100)
    page.keyboard.press("Space")
    page.wait_for_timeout(300)
    assert len(project_of(page)["blocks"]) == 2


def test_blocks_are_not_laid_over_a_mistake(served: Served, window: Open) -> None:
    """A block that was held while the text got a mistake would take the whole text with it."""
    page, folder = known(served, window)
    page.click("#as-text")
    page.fill("#script", "a red sea\n@bar 999 nowhere")
    until(page, "project.blocks.length === 0")
    done = page.evaluate("async () => (await import('/static/js/store.js')).store.lay((blocks) => blocks)")
    assert done is False
    page.wait_for_selector(".toast.bad >> text=mistake")
    assert "a red sea" in (folder / "prompts.txt").read_text()


def test_a_render_has_what_was_typed_last(served: Served, window: Open) -> None:
    """Render is clicked from the field itself, whose text the project does not have yet."""
    page = with_a_rule(served, window)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url.rsplit('/', 1)[-1]}"))
    question = held_back(page)
    page.fill("[data-name='Pan x base']", "0.25")
    with page.expect_request("**/renders"):
        page.click("#render-now")
        page.wait_for_timeout(100)
        assert "POST renders" not in asked
        question(0).continue_()
    assert project_of(page)["settings"]["camera"]["pan_x"]["level"] == 0.25
    assert asked.index("PATCH known") < asked.index("POST renders")


def test_parts_of_a_spring_are_typed_one_after_the_other(served: Served, window: Open) -> None:
    """The second is typed before the first is taken, and does not take it back."""
    page = with_a_rule(served, window)
    spring = "project.settings.camera.pan_x.rules[0].smooth"
    page.click("[data-name='Pan x 1 conditions']")
    page.check("[data-name='Pan x 1 smooth']")
    until(page, f"{spring}?.hz === 1")
    question = held_back(page)
    typed(page, "[data-name='Pan x 1 hz']", "2")
    page.keyboard.type("0.5")
    question(0).continue_()
    until(page, f"{spring}.hz === 2")
    page.keyboard.press("Tab")
    question(1).continue_()
    until(page, f"{spring}.damping === 0.5")
    assert project_of(page)["settings"]["camera"]["pan_x"]["rules"][0]["smooth"]["hz"] == 2
    # The focus stays where it was when the answer draws the row again, and the space bar presses what has it.
    typed(page, "[data-name='Pan x 1 amount']", "0.1")
    assert page.evaluate("document.activeElement.dataset.name") == "Pan x 1 remove"
    question(2).continue_()
    until(page, "project.settings.camera.pan_x.rules[0].amount === 0.1")
    page.wait_for_timeout(100)
    page.keyboard.press("Space")
    until(page, "project.settings.camera.pan_x.rules.length === 0")
