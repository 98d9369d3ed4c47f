"""How quick the page is, in a real browser: first paint, beats seen, frames a second, curves, stills and previews.

    python -m tests.benchmarks.page [MINUTES]

It starts `beatwalk ui` with a folder of its own, and drives Chromium as the tests of the page do. The song is the
example's, repeated to four minutes or to as many as are given. Each figure is printed as a line of a Markdown table,
the median of several where it is quick to repeat. Run it on an idle machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import imageio_ffmpeg

from tests.processes import ROOT
from tests.web.browser import DESKTOP, Served, open_browser, project_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLAYED_S = 5.0
TRIES = 9
PROMPTS = """\
a calm ocean at dawn
a glowing violet jellyfish
a swirling galaxy of stars
an endless neon tunnel
emerald northern lights
a lone tree at dusk
"""

# Counts frames and the longest time between two of them while the song plays.
COUNT = """(seconds) => new Promise((done) => {
  const from = performance.now();
  let last = from, frames = 0, longest = 0;
  const tick = (now) => {
    frames += 1;
    longest = Math.max(longest, now - last);
    last = now;
    if (now - from < 1000 * seconds) requestAnimationFrame(tick);
    else done([1000 * frames / (now - from), longest]);
  };
  requestAnimationFrame(tick);
})"""
# Moves the slider of the target speed a little, and waits until the new speed is drawn.
SLIDE = """async (step) => {
  const { store } = await import('/static/js/store.js');
  const slider = document.querySelector("[data-name='Speed level']");
  const shown = (done) => requestAnimationFrame(() => requestAnimationFrame(done));
  const drawn = new Promise((done) => store.addEventListener('curves', () => shown(done), { once: true }));
  const from = performance.now();
  slider.value = Number(slider.value) + step;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  await drawn;
  return performance.now() - from;
}"""


def tell(what: str, value: str) -> None:
    """Print a line of the table."""
    print(f"| {what} | {value} |", flush=True)


def repeated(path: Path, seconds: float) -> Path:
    """The example's song, again and again."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    source = str(ROOT / "examples" / "demo.ogg")
    command = [
        ffmpeg,
        "-v",
        "error",
        "-stream_loop",
        "-1",
        "-i",
        source,
        "-t",
        str(seconds),
        "-c:a",
        "libvorbis",
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def took(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def first_paint(page: Page) -> float:
    """Milliseconds from the request to the first picture of the page, the median of several visits."""
    found = []
    for _ in range(TRIES):
        page.reload()
        painted = page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        found.append(painted.json_value())
    return float(statistics.median(found))


def drop(page: Page, song: Path, prompts: Path) -> None:
    """Choose a song and its prompts on the start page, and wait for the blocks that lie on its beats."""
    page.set_input_files("#song-file", [song, prompts])
    page.wait_for_selector(".block >> nth=5")


def playing(page: Page, what: str) -> None:
    """Frames a second while the timeline plays, all of it in view and zoomed in, where the view turns pages."""
    for zoom, name in ((0, "all of it in view"), (8, "eight steps zoomed in")):
        page.click("#fit")
        for _ in range(zoom):
            page.click("#zoom-in")
        page.focus("#timeline")
        page.keyboard.press("Home")
        page.keyboard.press(" ")
        page.wait_for_timeout(500)
        rate, longest = page.evaluate(COUNT, PLAYED_S)
        page.keyboard.press(" ")
        tell(f"{what}, {name}", f"{rate:.0f} frames/s, the longest {longest:.0f} ms")


def look(page: Page) -> None:
    """Curves after a slider moved, stills, and previews."""
    page.click("#tab-look")
    page.wait_for_selector("[data-name='Speed level']")
    moves = [page.evaluate(SLIDE, 0.01 * (-1) ** n) for n in range(TRIES)]
    tell(
        "a slider moves: the target speed is drawn",
        f"{statistics.median(moves):.0f} ms, the slowest {max(moves):.0f} ms",
    )
    page.evaluate("document.querySelector(\"[data-name='Speed level']\").dispatchEvent(new Event('change'))")
    page.wait_for_selector("#saved:text-is('saved')")


def previews(page: Page) -> None:
    """A new stretch, and the same one when only effects change."""
    page.click("#fit")

    def made() -> None:
        page.click("#preview")
        page.wait_for_function("() => document.getElementById('stage-badge').textContent === 'preview'")

    tell("a preview of four bars, 8 s (256×256)", f"{took(made):.1f} s")
    source = page.get_attribute("#film", "src")
    page.click("[data-name='add-color.hue']")
    page.wait_for_selector("#saved:text-is('saved')")

    def again() -> None:
        page.click("#preview")
        page.wait_for_function("(old) => document.getElementById('film').getAttribute('src') !== old", arg=source)

    tell("the same, where only an effect changed", f"{took(again):.1f} s")


def taps(page: Page) -> None:
    """The grid, decoded again from six taps: from the question to the whole answer."""
    page.click("#fit")
    page.focus("#timeline")
    page.keyboard.press(" ")
    with page.expect_response("**/grid") as answered:
        for _ in range(6):
            page.wait_for_timeout(500)
            page.keyboard.press("t")
    answered.value.finished()
    page.keyboard.press(" ")
    tell("six taps: the rest is decoded again", f"{answered.value.request.timing['responseEnd'] / 1000:.1f} s")


def stills(page: Page) -> None:
    """The pictures of all keyframes."""
    shown = "() => new Set([...document.querySelectorAll('.thumb img')].map((one) => one.src)).size === 6"
    tell(
        "all stills of six prompts, from when they are asked for",
        f"{took(lambda: page.wait_for_function(shown)):.1f} s",
    )


def measure(page: Page, served: Served, root: Path) -> None:
    """Everything, in one window."""
    prompts = root / "prompts.txt"
    prompts.write_text(PROMPTS, encoding="utf-8")
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 4
    song = repeated(root / "song.ogg", 60 * minutes)
    page.set_default_timeout(600_000)
    page.goto(served.address)
    tell("first paint of the start page", f"{first_paint(page):.0f} ms")
    tell(f"{minutes:g} minutes of song dropped: beats seen", f"{took(lambda: drop(page, song, prompts)):.1f} s")
    stills(page)
    tell("first paint of the project", f"{first_paint(page):.0f} ms")
    page.wait_for_selector(".block >> nth=5")
    taps(page)
    playing(page, f"the timeline, {len(project_of(page)['heard']['beats'])} beats, plays")
    look(page)
    previews(page)


def main() -> None:
    """Start the page and a browser, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        served = Served(root / "projects", root / "state")
        served.start()
        try:
            for browser in open_browser():
                measure(browser.new_page(viewport=DESKTOP), served, root)  # type: ignore[arg-type]
        finally:
            served.kill()


if __name__ == "__main__":
    main()
