"""Facts for people on stderr, and how songs, plans and times are put into words."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beatwalk.sizes import NamedSize

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

    from beatwalk.core import Prepared
    from beatwalk.plan import Script
    from beatwalk.types import Analysis, Plan


class Console:
    """Writes to stderr.

    Parameters
    ----------
    level
        -1 prints errors only, 0 also facts, 1 also details.
    """

    def __init__(self, level: int = 0) -> None:
        import rich.console

        self.level = level
        self._rich = rich.console.Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    @property
    def terminal(self) -> RichConsole | None:
        """Where moving things may be drawn; None where nobody would see them."""
        return self._rich if self.level >= 0 and self._rich.is_terminal else None

    def say(self, text: str) -> None:
        """Print a fact."""
        if self.level >= 0:
            self._rich.print(text, markup=False)

    def detail(self, text: str) -> None:
        """Print a fact for those who asked for more."""
        if self.level >= 1:
            self._rich.print(text, markup=False, style="dim")

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show a spinner while something takes a while."""
        if self.terminal is None:
            yield
            return
        with self.terminal.status(what):
            yield


def console_for(quiet: bool, verbose: bool) -> Console:
    """A console as talkative as the options ask for; --quiet also hides the package's warnings."""
    logging.getLogger("beatwalk").setLevel(logging.ERROR if quiet else logging.WARNING)
    return Console(-1 if quiet else int(verbose))


def describe_song(analysis: Analysis) -> list[str]:
    """What was heard in a song, in lines for people."""
    tempo = f"{analysis.tempo_bpm:.1f} BPM" if len(analysis.beats_s) else "no beat"
    bars = f"{counted(len(analysis.beats_s), 'beat')}, {counted(len(analysis.downbeats_s), 'bar')}"
    sections = " ".join(f"{s.label} {clock(s.start_s)}" for s in analysis.sections)
    drop = f" · drop at {clock(analysis.drop_s)}" if analysis.drop_s is not None else ""
    return [
        f"song      {analysis.song.path}",
        f"          {clock(analysis.duration_s)} · {tempo} · {bars}{drop}",
        f"sections  {sections}",
    ]


def describe_metre(analysis: Analysis, considered: Sequence[int]) -> str:
    """How many beats the bars have, and which numbers were considered, in one line."""
    counts = Counter(analysis.beats_per_bar.tolist())
    bars = " · ".join(f"{counted(n, 'bar')} of {beats}" for beats, n in counts.most_common(3)) or "no bars"
    return f"metre     {bars}; bars of {considered[0]} to {considered[-1]} beats were considered (--metre N decides)"


def describe_change(before: Analysis, after: Analysis) -> str:
    """What corrections did to beats and bars, in one line."""

    def of(analysis: Analysis) -> dict[str, str]:
        meters = sorted(set(analysis.beats_per_bar.tolist()))
        return {
            "BPM": f"{analysis.tempo_bpm:.1f}",
            "beats": str(len(analysis.beats_s)),
            "bars": str(len(analysis.downbeats_s)),
            "beats a bar": " or ".join(str(n) for n in meters) or "none",
            "first bar": clock_ms(float(analysis.downbeats_s[0])) if len(analysis.downbeats_s) else "none",
            "sections": " ".join(part.label for part in analysis.sections),
        }

    old, new = of(before), of(after)
    changed = [f"{name} {old[name]} → {new[name]}" for name in old if old[name] != new[name]]
    same_times = len(before.beats_s) == len(after.beats_s) and bool((before.beats_s == after.beats_s).all())
    if not changed and not same_times:
        changed = ["beats moved a little"]
    return f"changed   {' · '.join(changed) if changed else 'nothing: it was so already'}"


def octave_remarks(analysis: Analysis) -> list[str]:
    """Sentences on stretches whose tempo is half or twice that of the song."""
    from beatwalk.listen import octave_changes

    song = analysis.tempo_bpm
    return [
        f"from {clock(start_s)} to {clock(end_s)} the beats come at {bpm:.0f} BPM, elsewhere at {song:.0f}; if that "
        f"was heard wrong: --{'double' if bpm < song else 'halve'} --from {clock(start_s)} --to {clock(end_s)}"
        for start_s, end_s, bpm in octave_changes(analysis)
    ]


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 segment, 2 segments."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def clock_ms(seconds: float) -> str:
    """Minutes, seconds and milliseconds: 75.5 → 1:15.500."""
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}:{rest:06.3f}"


def describe_plan(plan: Plan, script: Script) -> list[str]:
    """What a plan asks for, in lines for people."""
    from beatwalk.plan import TEMPLATE

    timeline = plan.timeline
    size = plan.settings.video.size
    if isinstance(size, NamedSize):
        shown = f"{size.name}: {size.width}x{size.height}"
    else:
        shown = f"{plan.size[0]}x{plan.size[1]}" if plan.size else "the model's own size"
    prompts = _prompts_line(len({k.prompt for k in plan.shown_keyframes[:-1]}), len(plan.shown_segments))
    lines = [line for line in script.lines if TEMPLATE not in line.prompt]  # the others are shown as the lyrics say
    asked = {(line.prompt, line.image, line.seed) for line in lines}
    left = len(asked) - len({(k.prompt, k.image, k.seed) for k in plan.shown_keyframes[:-1]} & asked)
    words = {line.prompt for line in lines if line.prompt} - {k.prompt for k in plan.shown_keyframes[:-1]}
    if left and words:
        whole = timeline.start_s == 0 and timeline.end_s >= plan.analysis.duration_s - 0.5
        outside = f"outside {clock(timeline.start_s)} to {clock(timeline.end_s)}"
        why = "where another one takes its place at the same moment" if whole else outside
        prompts += f" · {len(words)} of your {counted(len(lines), 'prompt')} not shown: they arrive {why}"
    return [
        _video_line(timeline.n_frames, float(timeline.fps), shown, timeline.duration_s, timeline.start_s),
        prompts,
        f"model     {plan.model or 'nano (inside)'}",
    ]


def describe_keyframes(plan: Plan) -> list[str]:
    """When each prompt arrives, how long it lasts, and what else is said of it, a line each."""
    lines = []
    for segment in plan.shown_segments:
        k = segment.start
        first, last = max(segment.first, 0), min(segment.last, plan.timeline.n_frames)
        said = [
            f"seed {k.seed}" if k.seed not in (None, plan.settings.seed) else "",
            f"picture {k.image.name} at strength {k.strength:g}" if k.image is not None else "",
            f"without {k.negative}" if k.negative else "",
        ]
        extra = f"  ({', '.join(text for text in said if text)})" if any(said) else ""
        lasts_s = (last - first) / float(plan.timeline.fps)
        lines.append(f"{clock(plan.timeline.time_of(first)):>8}  {lasts_s:>5.1f} s  {k.prompt}{extra}")
    return lines


def early_remarks(plan: Plan, script: Script) -> list[str]:
    """Sentences on prompts with a place that a prompt without one replaces soon."""
    from beatwalk.plan import SHORTEST_S

    placed = {line.prompt for line in script.lines if line.place is not None}
    free = {line.prompt for line in script.lines if line.place is None} - placed
    remarks = []
    for segment in plan.shown_segments:
        lasts_s = segment.n_frames / float(plan.timeline.fps)
        here, after = segment.start.prompt, segment.end.prompt
        if here in placed and after in free and lasts_s < SHORTEST_S and segment.last < plan.timeline.n_frames:
            found = f"{here!r} has a place, but only {lasts_s:.1f} s until {after!r}"
            remarks.append(f"{found}, which has none; give that one a place too, to have it elsewhere")
    return remarks


def describe_prepared(video: Prepared) -> list[str]:
    """What is about to be made, in lines for people."""
    model = f"{video.model} · {video.steps} steps · guidance {video.guidance:g} · {video.device}, {video.dtype}"
    return [
        _video_line(video.frames, video.fps, f"{video.width}x{video.height}", video.duration_s, video.start_s),
        _prompts_line(video.prompts, video.segments),
        f"model     {model}",
    ]


def _video_line(frames: int, fps: float, size: str, duration_s: float, start_s: float) -> str:
    rate = f"{fps:g}" if fps.is_integer() else f"{fps:.3f}"
    excerpt = "" if start_s == 0 else f" from {clock(start_s)}"
    return f"video     {counted(frames, 'frame')} at {rate} fps · {size} · {clock(duration_s)}{excerpt}"


def _prompts_line(prompts: int, segments: int) -> str:
    return f"prompts   {prompts}, in {counted(segments, 'segment')}"


def clock(seconds: float) -> str:
    """Minutes and seconds: 75.5 → 1:15.5."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}"


def duration(seconds: float) -> str:
    """A rough time for estimates: 95 → about 2 min."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def complain(message: str) -> None:
    """Print one line of error on stderr."""
    sys.stderr.write(f"beatwalk: {' '.join(message.split())}\n")
