"""Markers as editing programs, players and other tools read them.

Each function returns a file's text. They know the video by its `Reel`, and list what they are given, in order. Rates,
names and times follow each format's own documentation, which its docstring names.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from beatwalk.core import whole_or_nothing
from beatwalk.video.cues import Kind, Marker
from beatwalk.video.reading import probe
from beatwalk.video.timecode import drops_frames, frame_of, srt_clock, timebase, timecode

RESOLVE_COLORS: dict[Kind, str] = {"section": "Red", "prompt": "Blue", "bar": "Green", "beat": "Sky"}
OTIO_COLORS: dict[Kind, str] = {"section": "RED", "prompt": "BLUE", "bar": "GREEN", "beat": "CYAN"}


@dataclass(frozen=True, kw_only=True)
class Reel:
    """The finished video that markers belong to."""

    path: Path
    fps: Fraction
    n_frames: int
    size: tuple[int, int]
    has_sound: bool
    start: int = 0  # frame of the timecode that its first frame has

    @property
    def name(self) -> str:
        """Its name without ending."""
        return self.path.stem


def edl(reel: Reel, found: Sequence[Marker]) -> str:
    """Write DaVinci Resolve's marker list: an edit decision list (CMX 3600) whose comments hold colour and name."""
    count = "DROP FRAME" if drops_frames(reel.fps) else "NON-DROP FRAME"
    lines = [f"TITLE: {_line(reel.name)}", f"FCM: {count}", ""]
    for number, marker in enumerate(found, start=1):
        first, last = (timecode(reel.start + marker.frame + more, reel.fps) for more in (0, 1))
        lines.append(f"{number:03}  001      V     C        {first} {last} {first} {last}")
        name = _line(named(marker)).replace("|", "/")
        lines += [f" |C:ResolveColor{RESOLVE_COLORS[marker.kind]} |M:{name} |D:1", ""]
    return "\n".join(lines)


def fcpxml(reel: Reel, found: Sequence[Marker]) -> str:
    """Write a Final Cut Pro project (FCPXML 1.9) with the video and its markers; times are fractions of a second."""
    frame, length = 1 / reel.fps, reel.n_frames / reel.fps
    start = reel.start / reel.fps
    width, height = map(str, reel.size)
    top = Element("fcpxml", version="1.9")
    resources = SubElement(top, "resources")
    SubElement(resources, "format", id="r1", frameDuration=_seconds(frame), width=width, height=height)
    facts = {"id": "r2", "name": reel.name, "start": "0s", "duration": _seconds(length), "format": "r1"}
    facts |= {"hasVideo": "1"} | (
        {"hasAudio": "1", "audioSources": "1", "audioChannels": "2"} if reel.has_sound else {}
    )
    asset = SubElement(resources, "asset", facts)
    SubElement(asset, "media-rep", kind="original-media", src=reel.path.resolve().as_uri())
    event = SubElement(SubElement(top, "library"), "event", name="beatwalk")
    sequence = SubElement(
        SubElement(event, "project", name=reel.name), "sequence", format="r1", duration=_seconds(length),
        tcStart=_seconds(start), tcFormat="DF" if drops_frames(reel.fps) else "NDF",
    )  # fmt: skip
    clip = SubElement(
        SubElement(sequence, "spine"), "asset-clip", ref="r2", name=reel.name, offset=_seconds(start), start="0s",
        duration=_seconds(length),
    )  # fmt: skip
    for marker in found:
        at = _seconds(marker.frame / reel.fps)
        SubElement(clip, "marker", start=at, duration=_seconds(frame), value=_line(named(marker)), note=marker.kind)
    return _xml(top, "fcpxml")


def premiere(reel: Reel, found: Sequence[Marker]) -> str:
    """Write a Premiere Pro sequence (Final Cut Pro 7's XML, version 5) with the video and its markers."""
    top = Element("xmeml", version="5")
    sequence = SubElement(top, "sequence", id="sequence-1")
    _put(sequence, "name", reel.name)
    _put(sequence, "duration", reel.n_frames)
    _rate(sequence, reel.fps)
    code = SubElement(sequence, "timecode")
    _rate(code, reel.fps)
    _put(code, "string", timecode(reel.start, reel.fps))
    _put(code, "frame", reel.start)
    _put(code, "displayformat", "DF" if drops_frames(reel.fps) else "NDF")
    media = SubElement(sequence, "media")
    video = SubElement(media, "video")
    shape = SubElement(SubElement(video, "format"), "samplecharacteristics")
    _put(shape, "width", reel.size[0])
    _put(shape, "height", reel.size[1])
    file = _clip(SubElement(video, "track"), reel, "clipitem-1")
    _put(file, "name", reel.path.name)
    _put(file, "pathurl", reel.path.resolve().as_uri())
    _put(file, "duration", reel.n_frames)
    _rate(file, reel.fps)
    inside = SubElement(file, "media")
    characteristics = SubElement(SubElement(inside, "video"), "samplecharacteristics")
    _put(characteristics, "width", reel.size[0])
    _put(characteristics, "height", reel.size[1])
    if reel.has_sound:
        _put(SubElement(inside, "audio"), "channelcount", 2)
        track = SubElement(SubElement(media, "audio"), "track")
        _clip(track, reel, "clipitem-2")  # the same file, which is described once
    for marker in found:
        item = SubElement(sequence, "marker")
        _put(item, "name", _line(named(marker)))
        _put(item, "comment", marker.kind)
        _put(item, "in", marker.frame)
        _put(item, "out", -1)  # a moment
    return _xml(top, "xmeml")


def otio(reel: Reel, found: Sequence[Marker]) -> str:
    """Write an OpenTimelineIO timeline (Timeline.1, Clip.2) with the video and its markers."""

    def time_of(frame: int) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(reel.fps), "value": float(frame)}

    def span(first: int, frames: int) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "TimeRange.1", "start_time": time_of(first), "duration": time_of(frames)}

    reference = {
        "OTIO_SCHEMA": "ExternalReference.1", "target_url": reel.path.resolve().as_uri(), "metadata": {}, "name": "",
        "available_range": span(0, reel.n_frames),
    }  # fmt: skip
    rows = [
        {
            "OTIO_SCHEMA": "Marker.2", "name": named(marker), "color": OTIO_COLORS[marker.kind],
            "marked_range": span(marker.frame, 1), "metadata": {"beatwalk": {"kind": marker.kind}},
        }
        for marker in found
    ]  # fmt: skip
    clip = {
        "OTIO_SCHEMA": "Clip.2", "name": reel.name, "source_range": span(0, reel.n_frames), "effects": [],
        "markers": rows, "metadata": {}, "enabled": True, "media_references": {"DEFAULT_MEDIA": reference},
        "active_media_reference_key": "DEFAULT_MEDIA",
    }  # fmt: skip
    track: dict[str, Any] = {
        "OTIO_SCHEMA": "Track.1", "name": "V1", "kind": "Video", "children": [clip], "source_range": None,
        "effects": [], "markers": [], "metadata": {}, "enabled": True,
    }  # fmt: skip
    stack: dict[str, Any] = {
        "OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track], "source_range": None, "effects": [],
        "markers": [], "metadata": {}, "enabled": True,
    }  # fmt: skip
    timeline = {
        "OTIO_SCHEMA": "Timeline.1", "name": reel.name, "global_start_time": time_of(reel.start), "metadata": {},
        "tracks": stack,
    }  # fmt: skip
    return json.dumps(timeline, indent=1, ensure_ascii=False) + "\n"


def audacity(reel: Reel, found: Sequence[Marker]) -> str:
    """Write an Audacity label track: start and end in seconds and the name, between tabs."""
    return "".join(f"{m.time_s:.6f}\t{m.time_s:.6f}\t{_line(named(m))}\n" for m in found)


def reaper(reel: Reel, found: Sequence[Marker]) -> str:
    """Write a table for REAPER's list of regions and markers (CSV)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["#", "Name", "Start", "End", "Length"])
    for number, marker in enumerate(found, start=1):
        minutes, seconds = divmod(marker.time_s, 60)
        writer.writerow([f"M{number}", _line(named(marker)), f"{int(minutes)}:{seconds:06.3f}", "", ""])
    return text.getvalue()


def srt(reel: Reel, found: Sequence[Marker]) -> str:
    """Write the prompts as subtitles (SubRip): each from its arrival to the next one's."""
    prompts = [marker for marker in found if marker.kind == "prompt"]
    end_s = float(reel.n_frames / reel.fps)
    ends = [*(marker.time_s for marker in prompts[1:]), end_s]
    blocks = [
        f"{number}\n{srt_clock(marker.time_s)} --> {srt_clock(until)}\n{_line(marker.label) or '-'}\n"
        for number, (marker, until) in enumerate(zip(prompts, ends, strict=True), start=1)
    ]
    return "\n".join(blocks)


@dataclass(frozen=True, kw_only=True)
class MarkerFile:
    """A format in which markers can be written."""

    ending: str  # after the video's whole name
    write: Callable[[Reel, Sequence[Marker]], str]
    start: str = "00:00:00:00"  # timecode of the first frame, where the program's own timelines begin


MARKER_FILES = {
    "edl": MarkerFile(ending=".markers.edl", write=edl, start="01:00:00:00"),
    "fcpxml": MarkerFile(ending=".fcpxml", write=fcpxml),
    "premiere": MarkerFile(ending=".premiere.xml", write=premiere),
    "otio": MarkerFile(ending=".otio", write=otio),
    "audacity": MarkerFile(ending=".labels.txt", write=audacity),
    "reaper": MarkerFile(ending=".reaper.csv", write=reaper),
    "srt": MarkerFile(ending=".prompts.srt", write=srt),
}


def marker_path(video: Path, name: str) -> Path:
    """Path of the markers of a video in a format, beside it."""
    return video.with_name(f"{video.name}{MARKER_FILES[name].ending}")


def write_markers(
    video: Path, name: str, found: Sequence[Marker], fps: Fraction, *, start: str | None = None
) -> Path:
    """Write markers beside their video in a format of `MARKER_FILES`; return the path.

    Parameters
    ----------
    start
        Timecode of the video's first frame; None: the one at which the program's own timelines begin.

    Raises
    ------
    SettingsError
        `start` is no timecode at this rate.
    OutputError
        The file cannot be written.
    VideoError
        The video cannot be read.
    """
    kind, facts, path = MARKER_FILES[name], probe(video), marker_path(video, name)
    reel = Reel(
        path=video, fps=fps, n_frames=facts.n_frames, size=facts.size, has_sound=facts.has_audio,
        start=frame_of(start or kind.start, fps),
    )  # fmt: skip
    with whole_or_nothing(path) as partial:
        partial.write_text(kind.write(reel, found), encoding="utf-8", newline="")
    return path


def named(marker: Marker) -> str:
    """Name a marker for people: bars and beats have a number, sections a letter."""
    return marker.label if marker.kind == "prompt" else f"{marker.kind} {marker.label}"


def _line(text: str) -> str:
    """A text on one line, without control characters, for which XML has no form."""
    return " ".join("".join(c if c >= " " and c != "\x7f" else " " for c in text).split())


def _seconds(time: Fraction) -> str:
    time = Fraction(time)
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"


def _put(parent: Element, name: str, value: object) -> None:
    SubElement(parent, name).text = str(value)


def _rate(parent: Element, fps: Fraction) -> None:
    rate = SubElement(parent, "rate")
    _put(rate, "timebase", timebase(fps))
    _put(rate, "ntsc", "TRUE" if fps.denominator == 1001 else "FALSE")


def _clip(track: Element, reel: Reel, name: str) -> Element:
    """Put the whole video on a track; returns the element of its file, empty."""
    clip = SubElement(track, "clipitem", id=name)
    _put(clip, "name", reel.path.name)
    _put(clip, "duration", reel.n_frames)
    _rate(clip, reel.fps)
    for word, frame in (("start", 0), ("end", reel.n_frames), ("in", 0), ("out", reel.n_frames)):
        _put(clip, word, frame)
    return SubElement(clip, "file", id="file-1")


def _xml(top: Element, kind: str) -> str:
    ElementTree.indent(top)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE {kind}>\n{ElementTree.tostring(top, "unicode")}\n'
