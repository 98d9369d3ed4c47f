"""Loops for VJs: whole bars of a song, exact to the frame, whose end flows into their beginning.

A loop of n bars is planned on a song of its own (`beatwalk.jobs.loop_song`): those n bars repeated, every beat at its
exact place at the loop's tempo, with levels crossfaded at the end. The loop is the second repetition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk import api, preflight
from beatwalk.core import (
    Cancel,
    Note,
    OnEvent,
    Reporter,
    VideoEnded,
    VideoStarted,
    clip_identity,
    read_json,
    read_manifest,
    relative_name,
    whole_or_nothing,
    write_json,
)
from beatwalk.errors import OutputError, PlanError
from beatwalk.jobs.loop_song import (
    bar_lines,
    beat_times,
    exact_rate,
    loop_keyframes,
    odd_bars,
    repeated,
    rounded_tempo,
    whole_windows,
)
from beatwalk.jobs.scout import contact_sheet
from beatwalk.models import LoadOptions, ModelKeeper, ModelRequest
from beatwalk.types import Plan, Timeline
from beatwalk.video import codec_named, mux, read_frames

MAX_CLIPS = 12  # made if no number is given
LIST_FILE, SHEET_FILE = "clips.json", "clips.png"


@dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """One loop to be made."""

    path: Path
    plan: Plan
    bars: int
    beats: int
    bpm: float
    start_s: float  # in the song
    end_s: float

    def identity(self, model: str, sound: bool) -> str:
        """A fingerprint of all that the clip shows or plays; `model` is the model's."""
        return clip_identity(self.plan, model, start_s=self.start_s, end_s=self.end_s, sound=sound)

    def record(self, model: str, sound: bool) -> dict[str, Any]:
        """Entries of the manifest that refer to the real song instead of the repeated bars."""
        song = {"path": str(self.plan.analysis.song.path), "sha256": self.plan.analysis.song.sha256}
        window = {"start": self.start_s, "duration": self.end_s - self.start_s}
        loop = {"bpm": self.bpm, "bars": self.bars, "beats": self.beats, "identity": self.identity(model, sound)}
        return {"song": {**song, **window}, "loop": loop, "analysis": None}


def clips_of(
    plan: Plan,
    folder: Path,
    *,
    bars: int = 8,
    count: int | None = None,
    start_s: float = 0.0,
    bpm: float | None = None,
    on_event: OnEvent | None = None,
) -> list[Clip]:
    """Cut a plan of a whole song into loops.

    Parameters
    ----------
    bars
        Number of bars in each loop.
    count
        Number of loops; if the song has fewer, its bars are used again with other seeds; None: as many as the song
        has, up to 12.
    start_s
        The first loop begins with the first bar after this time, in seconds.
    bpm
        Tempo of the loops; None: the song's.
    on_event
        Told of bars that are left out.

    Raises
    ------
    PlanError
        The song has too few bars.
    """
    analysis = plan.analysis
    bar_lines_s = bar_lines(analysis)
    first = int(np.searchsorted(bar_lines_s, start_s - 0.05))
    broken = odd_bars(analysis, bar_lines_s)
    windows = whole_windows(analysis, bar_lines_s, bars, first, broken)
    if odd := [i for i in broken if i >= first]:
        which = ", ".join(str(i + 1) for i in odd[:5]) + (", …" if len(odd) > 5 else "")
        odd_ones = f"{analysis.song.path}: bar {which} is not as long as the others"
        Reporter(on_event)(Note(text=f"{odd_ones}; no loop is cut across it"))
    if not windows:
        left = max(0, len(bar_lines_s) - 1 - first)
        if left >= bars:
            raise PlanError(
                f"no {bars} bars from {start_s:.1f} s on are equally long; take fewer --bars, or correct the beats"
            )
        raise PlanError(
            f"the song has {left} bars from {start_s:.1f} s on, but a loop takes {bars}; take fewer --bars"
        )
    tempo = rounded_tempo(bpm or analysis.tempo_bpm)
    suffix, stem = codec_named(plan.settings.video.codec).suffixes[0], analysis.song.path.stem[:100]
    clips = []
    for index in range(count or min(len(windows), MAX_CLIPS)):
        begin, end = windows[index % len(windows)]
        beats = int(analysis.beats_per_bar[begin:end].sum())
        name = f"{stem}_{tempo:g}bpm_{bars:02d}bars_{index + 1:02d}{suffix}"
        window = (float(bar_lines_s[begin]), float(bar_lines_s[end]))
        clips.append(_clip(plan, folder / name, window, index, bars, beats, tempo))
    return clips


def _clip(plan: Plan, path: Path, window: tuple[float, float], index: int, bars: int, beats: int, bpm: float) -> Clip:
    fps, n_frames = exact_rate(plan.timeline.fps, beats, bpm)
    length_s = float(n_frames / fps)
    beats_s = beat_times(plan.analysis, window, beats)
    analysis = repeated(plan.analysis, window, beats_s, length_s, beats // bars)
    settings = plan.settings.model_copy(
        update={
            "walk": plan.settings.walk.model_copy(update={"loop": True}),
            "video": plan.settings.video.model_copy(update={"fps": fps}),
        }
    )

    def frame_of(time_s: float) -> int:
        return round(float(np.interp(time_s, beats_s, np.linspace(0, n_frames, len(beats_s)))))

    made = replace(
        plan,
        analysis=analysis,
        settings=settings,
        timeline=Timeline(fps=fps, n_frames=n_frames, start_s=length_s),
        keyframes=loop_keyframes(plan, window, frame_of, n_frames, n_frames // bars, index),
    )
    return Clip(path=path, plan=made, bars=bars, beats=beats, bpm=bpm, start_s=window[0], end_s=window[1])


def render_clips(
    clips: Sequence[Clip],
    *,
    models: ModelKeeper | None = None,
    crew: api.Crew | None = None,
    options: LoadOptions | None = None,
    sound: bool = False,
    overwrite: bool = False,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> list[dict[str, Any]]:
    """Render loops, their list and their contact sheet; loops that exist with the same fingerprint are skipped.

    Parameters
    ----------
    clips
        All in one folder, of one model.
    models
        Gives the model; None: the plans', loaded with `options`.
    crew
        Renders the segments, such as workers on Ray; None: this process does, with `models`.
    sound
        Whether the song's sound, stretched to the loop's tempo, is laid under them.
    on_event
        Told of every clip, when it begins and ends and while it is made.
    cancel
        Stops the run; finished clips stay.

    Raises
    ------
    OutputError
        A file is in the way, or a place cannot be written.
    CancelledError
        `cancel` was set.
    """
    with Reporter(on_event, cancel) as tell:
        crew = crew or api.OwnCrew(models or ModelKeeper())
        return _render_clips(clips, crew, options or {}, sound=sound, overwrite=overwrite, tell=tell)


def _render_clips(
    clips: Sequence[Clip], crew: api.Crew, options: LoadOptions, *, sound: bool, overwrite: bool, tell: Reporter
) -> list[dict[str, Any]]:
    folder, model = clips[0].path.parent, crew.fingerprint(ModelRequest.of(clips[0].plan, **options))
    whole = check_clips(clips, model, sound=sound, overwrite=overwrite)
    known = _listed(folder / LIST_FILE)
    entries: list[dict[str, Any]] = []
    for number, clip in enumerate(clips, 1):
        tell(VideoStarted(output=clip.path, number=number, total=len(clips)))
        if clip.path not in whole:
            request = api.RenderRequest(
                plan=clip.plan, output=clip.path, overwrite=overwrite, sound=_sound_of(clip) if sound else False,
                record=clip.record(model, sound), videos=len(clips), **options,
            )  # fmt: skip
            api.run(request, crew=crew, on_event=tell)
        entries.append(_entry(clip))
        kept = [data for name, data in known.items() if name not in {e["file"] for e in entries}]
        write_json(folder / LIST_FILE, {"version": 1, "clips": [*entries, *kept]})
        status = "there" if clip.path in whole else "done"
        tell(VideoEnded(output=clip.path, number=number, total=len(clips), status=status))
    firsts = np.concatenate([_first_frame(clip.path, clips[0].path) for clip in clips])
    with whole_or_nothing(folder / SHEET_FILE) as partial:
        contact_sheet(firsts, [clip.path.stem[-40:] for clip in clips]).save(partial, format="PNG")
    return entries


def check_clips(clips: Sequence[Clip], model: str, *, sound: bool, overwrite: bool) -> set[Path]:
    """Paths of the loops that exist already; make the folder. Called before a model is loaded.

    Parameters
    ----------
    model
        Fingerprint of the model.
    sound
        As for `render_clips`.

    Raises
    ------
    OutputError
        Another loop has the same name, or unfinished frames of another render exist; the message names what differs.
    """
    folder = clips[0].path.parent
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from None
    whole = set()
    for clip in clips:
        loop = (read_manifest(clip.path) or {}).get("loop") if clip.path.exists() else None
        if isinstance(loop, dict) and loop.get("identity") == clip.identity(model, sound):
            whole.add(clip.path)
        elif clip.path.exists() and not overwrite:
            raise OutputError(f"{clip.path} exists and is another loop; choose another --output, or add --overwrite")
        else:
            preflight.check_resumable(clip.plan, clip.path, overwrite=overwrite, model=lambda: model)
    return whole


def _listed(path: Path) -> dict[str, dict[str, Any]]:
    """Loops of an earlier run by file name; empty if the list is missing or not ours."""
    if not path.is_file():
        return {}
    try:
        rows = read_json(path, OutputError, "a list of clips").get("clips")
    except OutputError:
        return {}
    rows = rows if isinstance(rows, list) else []
    return {str(row["file"]): row for row in rows if isinstance(row, dict) and "file" in row}


def _sound_of(clip: Clip) -> Callable[[Path, Path], None]:
    length_s = clip.plan.timeline.duration_s
    tempo = (clip.end_s - clip.start_s) / length_s

    def lay(pictures: Path, whole: Path) -> None:
        song = clip.plan.analysis.song
        mux(
            pictures, song.path, whole,
            start_s=clip.start_s, duration_s=length_s, whole_song=False, tempo=tempo, track=song.track,
        )  # fmt: skip

    return lay


def _first_frame(path: Path, like: Path) -> Any:
    for frames in read_frames(path, block=1):
        return frames
    raise OutputError(f"{path}: holds no frame")


def _entry(clip: Clip) -> dict[str, Any]:
    timeline = clip.plan.timeline.finer(clip.plan.settings.video.interpolate)
    prompts = list(dict.fromkeys(k.prompt for k in clip.plan.keyframes))
    song = relative_name(clip.plan.analysis.song.path, clip.path.parent)
    return {
        "file": clip.path.name,
        "bpm": clip.bpm,
        "bars": clip.bars,
        "beats": clip.beats,
        "fps": f"{timeline.fps.numerator}/{timeline.fps.denominator}",
        "frames": timeline.n_frames,
        "duration": timeline.duration_s,
        "frames_of_drift": float(math.fabs(timeline.n_frames - 60 * clip.beats / clip.bpm * float(timeline.fps))),
        "song": {"path": song, "start": clip.start_s, "end": clip.end_s},
        "codec": clip.plan.settings.video.codec,
        "prompts": prompts,
        "seed": clip.plan.keyframes[0].seed,
    }
