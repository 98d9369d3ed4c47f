"""Make the example's video from the page, by clicks and keys alone, and say what was done when.

    python examples/page_tour.py /usr/bin/chromium docs/assets

It starts `beatwalk ui` with a folder of its own, and leaves six pictures. It needs beatwalk[dev] and Chromium. The
video is small, 256 pixels and 12 frames a second, so that the tour takes two minutes on two idle cores.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE_MS = 300_000
ARGUMENTS = ["--mute-audio", "--autoplay-policy=no-user-gesture-required", "--no-sandbox"]


class Tour:
    """A visit to the page.

    Parameters
    ----------
    page
        A window.
    pictures
        The folder for pictures of it.
    """

    def __init__(self, page: Page, pictures: Path) -> None:
        self.page, self._pictures, self._begin = page, pictures, time.monotonic()
        page.set_default_timeout(PATIENCE_MS)

    def say(self, what: str) -> None:
        """Print what was done, with the seconds since the beginning."""
        print(f"{time.monotonic() - self._begin:6.1f} s  {what}", flush=True)

    def picture(self, name: str) -> None:
        """Keep a picture of the page."""
        self.page.wait_for_timeout(1000)
        self.page.screenshot(path=self._pictures / f"page-{name}.jpg", type="jpeg", quality=85)

    def drag(self, start: tuple[float, float], end: tuple[float, float], picture: str = "") -> None:
        """Drag the pointer; the picture is taken before it is let go."""
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*end, steps=5)
        if picture:
            self.picture(picture)
        self.page.mouse.up()

    def hear(self) -> None:
        """From the start page to the example's beats and stills."""
        self.page.wait_for_selector("#try-example")
        self.picture("start")
        self.page.click("#try-example")
        self.page.wait_for_selector(".block >> nth=5")
        self.say("The example is open: its beats, bars, sections and six prompts lie on the timeline.")
        self.page.click(".card textarea >> nth=1")
        self.page.wait_for_selector(".seeds img >> nth=7")
        self.page.wait_for_selector(".block >> nth=5 >> img:not([hidden])")
        self.picture("timeline")
        self.page.click("[data-name=seed-6]")
        self.say("The second prompt has another seed, chosen from eight stills.")

    def correct(self) -> None:
        """Put a beat in place, and take that back."""
        self.page.click("#tab-beat")
        self.page.check("text=Drag beats")
        for _ in range(2):
            self.page.click("#zoom-in")
        wave = self.page.locator("#wave").bounding_box()
        assert wave is not None
        beat = wave["x"] + 266.0, wave["y"] + 70.0  # the seventh of the example, in a window of this size
        self.drag(beat, (beat[0] + 9, beat[1]), picture="beat")
        self.page.wait_for_selector(".chip >> text=×")
        self.page.click("#undo")
        self.page.uncheck("text=Drag beats")
        self.page.click("#fit")
        self.say("A beat was dragged, its neighbours followed, and undo took it back.")

    def look(self) -> None:
        """Choose a preset, and let the music move one thing more."""
        self.page.click("#tab-look")
        self.page.click("[data-name=preset-house]")
        self.page.wait_for_selector("[data-name=preset-house][aria-pressed=true]")
        self.page.click("[data-name='Zoom 1 conditions']")
        self.page.fill("[data-name='Zoom 1 when']", "energy > 0.5")
        self.page.keyboard.press("Tab")
        self.page.wait_for_selector("text=when energy > 0.5")
        self.page.click("[data-name='more-color.hue']")
        self.page.select_option("[data-name='Hue 1 source']", label="expression")
        self.page.fill("[data-name='Hue 1 expression']", "lfo(bars=4, shape='triangle')")
        self.page.keyboard.press("Tab")
        self.page.wait_for_selector("#saved:text-is('saved')")
        hue = self.page.locator("section[aria-label=Hue]").bounding_box()
        assert hue is not None
        self.page.hover("#panel-look")
        self.page.mouse.wheel(0, hue["y"] - 480)  # as far as it stands in the lower half
        self.picture("look")
        self.say("The preset is house. Its zoom counts in loud parts alone, and a slow triangle turns the hue.")

    def render(self) -> None:
        """Render the song, watch it and download it."""
        self.page.click("#tab-render")
        self.page.select_option("[data-name=side]", "256")
        self.page.select_option("[data-name=fps]", "12")
        self.page.wait_for_selector(".estimate >> text=256×256")
        self.say(f"256 pixels at 12 frames a second are chosen; the page says {self.page.inner_text('.estimate b')}.")
        self.page.click("[data-name=render]")
        self.page.wait_for_selector("#stage-badge:has-text('rendered')")
        self.page.wait_for_function("() => document.querySelector('.job progress').value > 0.3")
        self.picture("render")
        self.page.wait_for_selector(".figures")
        told = self.page.inner_text(".figures").replace("\n", " ")
        self.say(f"The video is finished and measured: {told}.")
        self.page.click("text=Watch")
        self.page.wait_for_function("() => document.getElementById('film').currentTime > 1")
        with self.page.expect_download() as download:
            self.page.click("text=Download")
        self.say(f"{download.value.suggested_filename} was watched and downloaded.")


def visit(browser: Browser, address: str, pictures: Path) -> None:
    """Make the video in one window, and look at the project on a phone."""
    page = browser.new_page(viewport=DESKTOP, color_scheme="dark")  # type: ignore[arg-type]
    page.goto(address)
    tour = Tour(page, pictures)
    for step in (tour.hear, tour.correct, tour.look, tour.render):
        step()
    phone = Tour(browser.new_page(viewport=PHONE, color_scheme="dark"), pictures)  # type: ignore[arg-type]
    phone.page.goto(address)
    phone.page.click("#recent-list a")
    phone.page.wait_for_selector(".thumb img >> nth=5", state="attached")
    phone.picture("phone")


def main() -> None:
    """Start the page and a browser, and visit it."""
    from playwright.sync_api import sync_playwright

    chromium, pictures = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        command = [sys.executable, "-m", "beatwalk", "ui", folder, "--no-open"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = next(line.strip() for line in server.stdout if line.startswith("http"))
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            visit(browser, address, pictures)
            browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
