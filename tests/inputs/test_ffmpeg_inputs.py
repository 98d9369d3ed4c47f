"""What reaches ffmpeg: a sound or a video, never a script that names other files, and never the network."""

from __future__ import annotations

import ast
import socket
import subprocess
from pathlib import Path

import pytest

import beatwalk
from beatwalk import api
from beatwalk.core import ffmpeg
from beatwalk.errors import BeatwalkError
from beatwalk.video import mux, probe, read_frames
from beatwalk.video.reading import read_averages, read_sound
from tests.inputs.wrong import refuses, survives
from tests.songs import click_song

SECRET = "secret.wav"
SCRIPTS: dict[str, str] = {
    "ffconcat": "ffconcat version 1.0\nfile secret.wav\n",
    "concat": "file 'secret.wav'\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.wav\n#EXT-X-ENDLIST\n",
    "hls from the net": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    '<Period><AdaptationSet><Representation id="1"><BaseURL>http://127.0.0.1:{port}/a.mp4</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:09,000\nsecret\n",
    "metadata": ";FFMETADATA1\ntitle=secret\n",
    "imf": '<?xml version="1.0"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM"/>',
    "vobsub": "# VobSub index file, v7\nid: en, index: 0\n",
}
NAMES = ["song.mp4", "song.mkv", "song.m3u8", "song.wav", "song%03d.png", "concat:secret.wav", "http:x.mp4"]


@pytest.fixture
def listener() -> socket.socket:
    """A port that nobody may call."""
    server = socket.create_server(("127.0.0.1", 0))
    server.setblocking(False)
    return server


@pytest.mark.parametrize("kind", SCRIPTS)
def test_scripts_are_not_followed(tmp_path: Path, kind: str, listener: socket.socket) -> None:
    """By no way in: as a song, as a video to be checked, as frames, as sound, as what is muxed."""
    here = tmp_path / "here"
    click_song(here / SECRET, duration_s=2.0)
    with listener:
        for name in NAMES:
            path = here / name
            try:
                path.write_text(SCRIPTS[kind].replace("{port}", str(listener.getsockname()[1])))
            except OSError:
                continue
            refuses(lambda path=path: probe(path))  # type: ignore[misc]
            refuses(lambda path=path: list(read_frames(path)))  # type: ignore[misc]
            refuses(lambda path=path: list(read_averages(path, (4, 4))))  # type: ignore[misc]
            refuses(lambda path=path: api.analyze(path))  # type: ignore[misc]
            assert len(read_sound(path, 8000)) == 0
            path.unlink()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_script_is_not_muxed(tmp_path: Path) -> None:
    """The song of a video is decoded under the same lists."""
    here = tmp_path / "here"
    click_song(here / SECRET, duration_s=2.0)
    (here / "song.wav").write_text(SCRIPTS["ffconcat"])
    status, _, said = ffmpeg.run(["-f", "lavfi", "-i", "testsrc=size=16x16:rate=8:duration=1", str(here / "v.mp4")])
    assert status == 0, said
    given = {"start_s": 0.0, "duration_s": 1.0, "whole_song": True}
    refuses(lambda: mux(here / "v.mp4", here / "song.wav", here / "o.mp4", **given))  # type: ignore[arg-type]
    assert not (here / "o.mp4").exists()


def test_a_refusal_is_short_and_says_what_it_is(tmp_path: Path) -> None:
    """Not the whole list of formats."""
    path = tmp_path / "here" / "a.mp4"
    path.write_text(SCRIPTS["ffconcat"])
    error = survives(lambda: probe(path))
    assert isinstance(error, BeatwalkError)
    assert "play list" in str(error)
    assert len(str(error)) - len(str(path)) < 200


def test_every_input_has_its_lists() -> None:
    """Whoever starts ffmpeg; a format that is given by name is the only one allowed."""
    guarded = ffmpeg._guarded(["-i", "a", "-f", "ffmetadata", "-i", "b", "-i", "c", "-f", "null", "-"])
    lists = [guarded[i + 1] for i, word in enumerate(guarded) if word == "-format_whitelist"]
    assert lists == [ffmpeg.FORMATS, "ffmetadata", ffmpeg.FORMATS]
    assert guarded.count("-protocol_whitelist") == guarded.count("-i") == 3
    assert [guarded[i + 1] for i, word in enumerate(guarded) if word == "-i"] == ["a", "b", "c"]


def test_ffmpeg_is_started_in_one_place_only() -> None:
    """Nothing else in the package starts a process; moviepy's merging is given our own files."""
    found = set()
    for path in sorted(Path(beatwalk.__file__).parent.rglob("*.py")):
        if "training" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            started = (
                [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
            )
            if any(ast.unparse(each).startswith(("subprocess.", "os.system", "os.exec")) for each in started):
                found.add(path.name)
    assert found == {"ffmpeg.py"}


def test_the_lists_name_formats_that_this_ffmpeg_has() -> None:
    """A name with a typing error would shut out a format in silence."""
    listed = subprocess.run(
        [ffmpeg.executable(), "-hide_banner", "-demuxers"], capture_output=True, text=True, check=True
    )
    known = {
        name for line in listed.stdout.splitlines() if line.startswith(" D") for name in line.split()[1].split(",")
    }
    assert set(ffmpeg.FORMATS.split(",")) - known <= {"m4a", "3gp"}
