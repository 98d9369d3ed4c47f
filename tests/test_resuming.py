"""Nothing is lost: killed, stopped, crashed, out of memory, out of disk, started twice, cleaned up."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beatwalk import api, preflight
from beatwalk.cli import main
from beatwalk.core import Event, Finishing, Rendered, ffmpeg
from beatwalk.core.workfolder import WorkFolder, manifest_path
from beatwalk.errors import BeatwalkError, OutputError
from beatwalk.jobs.leftovers import leftovers, remove
from beatwalk.models.fake import FakeGenerator
from beatwalk.types import Frames, Plan
from tests import processes
from tests.helpers import decoded, names
from tests.songs import click_song

SMALL: dict[str, Any] = {"video": {"fps": 12, "size": "64x48"}, "walk": {"change_every": "1 beat"}}
# A render as a process of its own: argument 1 is the song, 2 the video, 3 the size, 4 frames a second; 5 a file: once
# the second segment is finished, no frame is made while it is there.
RENDER = """
import signal
import sys
import time
from pathlib import Path
from beatwalk import api, preflight
from beatwalk.models.fake import FakeGenerator
from beatwalk.core.workfolder import WorkFolder
from tests.test_resuming import planned_for
song, output, size, fps, hold = sys.argv[1:6]
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs of a shell's background ignore it
class Held(FakeGenerator):
    def decode(self, *given, **options):
        while Path(hold).is_file() and (WorkFolder(Path(output)).path / "segment-0001.npz").exists():
            time.sleep(0.01)
        return super().decode(*given, **options)
result = api.render(planned_for(Path(song), size, int(fps)), output, generator=Held())
print(result.manifest["report"]["frames_reused"])
"""


def planned_for(song: Path, size: str = "64x48", fps: int = 12) -> Plan:
    """Four seconds, eight prompts, always the same."""
    prompts = [f"picture {i}" for i in range(8)]
    changes = {"video": {"fps": fps, "size": size}, "walk": {"change_every": "1 beat"}}
    return api.plan(song, prompts, overrides=[changes], analysis=_analysis(song))


def _analysis(song: Path) -> Any:
    from tests.helpers import known_analysis

    return known_analysis(4.0, path=song)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A song of four seconds."""
    click_song(tmp_path / "song.wav", duration_s=4.0)
    return tmp_path / "song.wav"


def start(
    song: Path, output: Path, size: str = "64x48", fps: int = 12, hold: Path | None = None
) -> subprocess.Popen[bytes]:
    """A render in a process of its own; where `hold` is there, it stands still after two segments."""
    return processes.start("-c", RENDER, song, output, size, str(fps), str(hold or ""))


def whole(song: Path, folder: Path) -> Frames:
    """What an uninterrupted render gives."""
    api.render(planned_for(song), folder / "whole.mp4", generator=FakeGenerator())
    return decoded(folder / "whole.mp4")


@pytest.mark.slow
def test_killed_at_twenty_moments(song: Path, tmp_path: Path) -> None:
    """kill -9 while surveying, rendering, encoding, joining, writing: it goes on and ends the same, 20 times."""
    begin = time.monotonic()
    first = start(song, tmp_path / "whole.mp4", "256x256", 12)
    _, errors = first.communicate()
    assert first.returncode == 0, errors.decode()
    lasts_s, wanted = time.monotonic() - begin, decoded(tmp_path / "whole.mp4")
    chance, output, kills, late = random.Random(7), tmp_path / "out.mp4", 0, 0
    while kills < 20:
        process = start(song, output, "256x256", 12)
        # The later half of a run is finishing and publishing; every other kill falls there.
        time.sleep(lasts_s * (chance.uniform(0.15, 0.55) if kills % 2 else chance.uniform(0.3, 1.05)))
        late += (WorkFolder(output).path / "segment-0007.npz").exists()
        kills += processes.kill(process)
        assert names(tmp_path) <= {
            "song.wav", "whole.mp4", "whole.mp4.beatwalk.json",
            "out.mp4", "out.mp4.beatwalk", "out.mp4.beatwalk.json",
        }  # fmt: skip
        if output.exists():
            np.testing.assert_array_equal(decoded(output), wanted)
            assert manifest_path(output).exists()
            for left in leftovers(tmp_path):
                remove(left)
            output.unlink()
            manifest_path(output).unlink()
    process = start(song, output, "256x256", 12)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    np.testing.assert_array_equal(decoded(output), wanted)
    assert WorkFolder(output).path.exists() is False
    assert late > 0


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_before_every_rename(song: Path, tmp_path: Path) -> None:
    """kill -9 before each file gets its name, manifest and video too: the next call ends with the same frames."""
    wanted, output, told = whole(song, tmp_path), tmp_path / "out.mp4", tmp_path / "renamed.txt"
    assert not processes.killed_in_fork(partial(_render_until_rename, song, output, "", told))
    renamed = dict.fromkeys(told.read_text().split())
    assert {"segment-0000.npz", "pictures.mp4", "whole.mp4", "out.mp4.beatwalk.json", "out.mp4"} <= set(renamed)
    assert len(renamed) > 20
    for name in renamed:
        for path in (told, output, manifest_path(output)):
            path.unlink()
        assert processes.killed_in_fork(partial(_render_until_rename, song, output, name, told))
        assert not output.exists(), "a video before its time"
        api.render(planned_for(song), output, generator=FakeGenerator())
        np.testing.assert_array_equal(decoded(output), wanted)
        assert names(tmp_path) == {
            "song.wav",
            "renamed.txt",
            *(f"{n}{e}" for n in ("whole", "out") for e in (".mp4", ".mp4.beatwalk.json")),
        }


def _render_until_rename(song: Path, output: Path, name: str, told: Path) -> None:
    """In a process of its own: killed before a file gets this name; notes the names before.

    Two threads rename, so the order differs from run to run; files elsewhere are numba's.
    """
    replace = os.replace

    def deadly(source: Any, target: Any) -> None:
        if Path(target).is_relative_to(output.parent):
            with told.open("a") as file:
                file.write(f"{Path(target).name}\n")
            if Path(target).name == name:
                os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = deadly  # type: ignore[assignment]
    api.render(planned_for(song), output, generator=FakeGenerator())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
def test_ctrl_c_and_on(song: Path, tmp_path: Path) -> None:
    """Stopped by hand in another process, the next call goes on from its segments."""
    output, hold = tmp_path / "out.mp4", tmp_path / "hold"
    hold.touch()
    process = start(song, output, "256x256", 24, hold)
    processes.wait_until((WorkFolder(output).path / "segment-0001.npz").exists, process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert not output.exists()
    process = start(song, output, "256x256", 24)
    assert int(process.communicate()[0]) >= 24
    assert len(decoded(output)) == 96


@pytest.mark.parametrize("error", [MemoryError, OutputError])
def test_out_of_memory_and_on(song: Path, tmp_path: Path, error: type[Exception]) -> None:
    """A model that fails once the third segment is finished: it and what was made meanwhile are kept."""
    wanted = whole(song, tmp_path)

    class Failing(FakeGenerator):
        def decode(self, *given: Any, **options: Any) -> Frames:
            if list(WorkFolder(tmp_path / "out.mp4").path.glob("segment-0002.npz")):
                raise error("no more")
            return super().decode(*given, **options)

    with pytest.raises(error):
        api.render(planned_for(song), tmp_path / "out.mp4", generator=Failing())
    assert not (tmp_path / "out.mp4").exists()
    result = api.render(planned_for(song), tmp_path / "out.mp4", generator=FakeGenerator())
    assert result.manifest["report"]["frames_reused"] in (18, 24)
    np.testing.assert_array_equal(decoded(tmp_path / "out.mp4"), wanted)


@pytest.mark.parametrize("when", ["segment", "pictures"])
def test_a_crash_of_the_encoder_and_on(
    song: Path, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ffmpeg killed while it writes a segment, or the video: one line, and the next call goes on."""
    wanted, begun, encoders = whole(song, tmp_path), ffmpeg.start, []
    output = tmp_path / "out.mp4"

    def noted(arguments: Any, **pipes: Any) -> Any:
        process = begun(arguments, **pipes)
        if when in arguments[-1]:
            encoders.append(process)
        return process

    def crash(event: Event) -> None:
        if isinstance(event, Rendered) and event.segment == 2:  # two segments of six frames are complete
            encoders[-1].kill()

    monkeypatch.setattr(ffmpeg, "start", noted)
    with pytest.raises(OutputError, match="encoder stopped"):
        api.render(planned_for(song), output, generator=FakeGenerator(), on_event=crash)
    monkeypatch.setattr(ffmpeg, "start", begun)
    assert names(tmp_path) == {"song.wav", "whole.mp4", "whole.mp4.beatwalk.json", "out.mp4.beatwalk"}
    result = api.render(planned_for(song), output, generator=FakeGenerator())
    assert result.manifest["report"]["frames_reused"] >= 12
    np.testing.assert_array_equal(decoded(output), wanted)


def test_a_removed_folder(song: Path, tmp_path: Path) -> None:
    """The output folder vanishes while rendering: one line, no traceback; made again, it goes through."""
    folder = tmp_path / "videos"
    folder.mkdir()

    def vanish(event: Event) -> None:
        if isinstance(event, Rendered) and event.done > 20:
            shutil.rmtree(folder, ignore_errors=True)

    with pytest.raises(BeatwalkError) as caught:
        api.render(planned_for(song), folder / "out.mp4", generator=FakeGenerator(), on_event=vanish)
    assert "\n" not in str(caught.value)
    folder.mkdir(exist_ok=True)
    api.render(planned_for(song), folder / "out.mp4", generator=FakeGenerator())
    np.testing.assert_array_equal(decoded(folder / "out.mp4"), whole(song, tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is made with tmpfs")
def test_a_full_disk_and_on(song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small disk fills up while rendering: one line; with room again the render goes on."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        monkeypatch.setattr("beatwalk.api.rendering.check_space", lambda *_: None)  # it would have said so beforehand
        (disk / "others").write_bytes(bytes(2_700_000))
        with pytest.raises(OutputError, match=r"[Nn]o space"):
            api.render(planned_for(song, "256x256", 24), disk / "out.mp4", generator=FakeGenerator())
        assert not (disk / "out.mp4").exists()
        (disk / "others").unlink()
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        api.render(planned_for(song, "256x256", 24), disk / "out.mp4", generator=FakeGenerator())
        api.render(planned_for(song, "256x256", 24), tmp_path / "whole.mp4", generator=FakeGenerator())
        np.testing.assert_array_equal(decoded(disk / "out.mp4"), decoded(tmp_path / "whole.mp4"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_second_process_says_so_and_stops(song: Path, tmp_path: Path) -> None:
    """While one renders, another of the same video is told; the first is not disturbed."""
    output = tmp_path / "out.mp4"
    told: list[tuple[str, int]] = []

    def meanwhile(event: Event) -> None:
        if isinstance(event, Rendered) and not told:
            second = start(song, output)
            told.append((second.communicate()[1].decode(), second.returncode))

    api.render(planned_for(song), output, generator=FakeGenerator(), on_event=meanwhile)
    assert told[0][1] != 0
    assert "another beatwalk is making it now" in told[0][0]
    assert names(tmp_path) == {"song.wav", "out.mp4", "out.mp4.beatwalk.json"}


def stopped(song: Path, output: Path, stage: type[Rendered | Finishing] = Rendered, after: int = 20) -> None:
    """A render that is stopped half way."""

    def stop(event: Event) -> None:
        if isinstance(event, stage) and event.done > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.render(planned_for(song), output, generator=FakeGenerator(), on_event=stop)


def test_changes_are_named_before_the_model_is_loaded(
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other prompts, another rate, another model: said in one line, with nothing loaded and nothing mixed."""
    output = tmp_path / "out.mp4"
    stopped(song, output)
    monkeypatch.setattr("beatwalk.models.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    with pytest.raises(OutputError, match="differs in frame rate or length, model, prompts, size"):
        api.render(planned_for(song, "32x32", 24), output)
    with pytest.raises(OutputError, match="differs in model;"):
        api.render(planned_for(song), output)
    (tmp_path / "walk.txt").write_text("something else\n")
    with pytest.raises(SystemExit):
        main([str(song), str(tmp_path / "walk.txt"), "-o", str(output)])
    assert "an unfinished render differs in" in capsys.readouterr().err


def test_other_steps_and_guidance_are_named_before_the_model_is_loaded(song: Path, tmp_path: Path) -> None:
    """Where they are given; what the model would take by itself (four steps) may be said or not."""
    output, plan = tmp_path / "out.mp4", planned_for(song)
    stopped(song, output)

    def again(**model: Any) -> None:
        settings = plan.settings.model_copy(update={"model": plan.settings.model.model_copy(update=model)})
        preflight.check_resumable(replace(plan, settings=settings), output, overwrite=False)

    again(steps=4)
    again(guidance=1)
    for model, differing in (({"steps": 2}, "steps"), ({"guidance": 3.0, "steps": 2}, "guidance, steps")):
        with pytest.raises(OutputError, match=f"differs in {differing};"):
            again(**model)


def test_work_lies_in_one_place_and_can_be_cleaned(
    song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever stage is stopped, only the work folder is there; clean shows it, and removes it when told to."""
    for stage, after in ((Rendered, 20), (Finishing, 20)):
        stopped(song, tmp_path / "out.mp4", stage, after)
        assert names(tmp_path) == {"song.wav", "out.mp4.beatwalk"}
    work = WorkFolder(tmp_path / "out.mp4").path
    (work / ".x.partial.d").mkdir()
    (work / ".x.partial.d" / "pictures.mp4").write_bytes(bytes(100))
    (tmp_path / ".song-0123abcd.77.partial.json").write_bytes(b"x")
    (tmp_path / "notes.beatwalk").mkdir()
    main(["clean", str(tmp_path)])
    shown = capsys.readouterr().out
    assert "unfinished" in shown
    assert "finished segments" in shown
    assert "scrap" in shown
    assert "notes" not in shown
    assert work.exists()
    (work / "mine.txt").write_text("not beatwalk's")
    main(["clean", str(tmp_path), "--remove"])
    assert names(work) == {"mine.txt"}
    assert names(tmp_path) == {"song.wav", "out.mp4.beatwalk", "notes.beatwalk"}


def test_clean_keeps_what_was_kept(song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The frames of a finished video go only when that is asked for."""
    output = tmp_path / "out.mp4"
    api.render(planned_for(song), output, generator=FakeGenerator(), keep_frames=True)
    main(["clean", str(tmp_path), "--remove"])
    assert WorkFolder(output).path.exists()
    main(["clean", str(tmp_path), "--remove", "--kept"])
    assert not WorkFolder(output).path.exists()
    assert output.exists()
    assert "kept" in capsys.readouterr().out
