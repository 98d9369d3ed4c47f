"""The report of `beatwalk check`, for programs and for people."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beatwalk.check.scores import Sync, Tracking
from beatwalk.check.sound import SoundMatch
from beatwalk.perception import MAX_FLASHES, FlashReport
from beatwalk.types import Float
from beatwalk.video import VideoInfo

IN_TIME, PARTLY = 0.9, 0.5  # shares of beats that are hit from which the verdict says so, by hand
FOLLOWS = 0.8  # correlation from which motion follows; plain walks have 0.35 to 0.4, steered ones 0.93 and more


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckReport:
    """Everything that was measured; what could not be measured is None."""

    path: Path
    info: VideoInfo
    frames_expected: int | None  # says the manifest
    end_gap_ms: float | None  # end of the sound minus end of the pictures; None without sound
    frozen_frames: int
    blank_frames: int
    changes: Float = field(repr=False)  # shape (n_frames,)
    flashes: FlashReport = field(repr=False)
    beats_s: Float | None = field(repr=False)  # in the video's time
    peaks: Float | None = field(repr=False)  # frames
    target: Float | None = field(repr=False)  # shape (n_frames,), in the scale of `changes`
    sync: Sync | None
    tracking: Tracking | None
    sound: SoundMatch | None

    @property
    def end_gap_frames(self) -> float | None:
        """The gap at the end in frames."""
        return None if self.end_gap_ms is None else self.end_gap_ms / 1000 * float(self.info.fps)

    def to_json(self) -> dict[str, Any]:
        """Convert to plain data for `json.dumps`, without NaN."""
        info, flashes = self.info, self.flashes
        return {
            "video": self.path.name,
            "fps": f"{info.fps.numerator}/{info.fps.denominator}",
            "frames": info.n_frames,
            "frames_expected": self.frames_expected,
            "size": list(info.size),
            "duration": info.duration_s,
            "sound_duration": info.audio_duration_s,
            "end_gap_ms": _rounded(self.end_gap_ms),
            "end_gap_frames": _rounded(self.end_gap_frames),
            "frozen_frames": self.frozen_frames,
            "blank_frames": self.blank_frames,
            "flashes": {
                "general": int(flashes.general.max(initial=0)),
                "red": int(flashes.red.max(initial=0)),
                "limit": MAX_FLASHES,
                "worst_second": _rounded(flashes.worst_s),
                "passes": flashes.passes,
            },
            "sync": _plain(self.sync),
            "tracking": _plain(self.tracking),
            "sound": _plain(self.sound),
            "change": [None if math.isnan(value) else round(float(value), 6) for value in self.changes],
        }

    def to_text(self) -> str:
        """Summarise in a few lines for people."""
        return "\n".join(_lines(self))


def verdict(report: CheckReport) -> str:
    """Say in one line whether a video is in time, moves with the music and is harmless; "" where nothing is known."""
    said, sync, tracking = [], report.sync, report.tracking
    if sync is not None and sync.n_beats:
        hit = round(sync.recall * sync.n_beats)
        words = "in time" if sync.recall >= IN_TIME else "partly in time" if sync.recall >= PARTLY else "not in time"
        said.append(f"{words}: {hit} of {sync.n_beats} beats are hit within 1.5 frames")
    if tracking is not None and math.isfinite(tracking.correlation):
        said.append(followed(tracking))
    if said and not report.flashes.passes:
        said.append("flashes could harm")
    return "; ".join(said)


def followed(tracking: Tracking) -> str:
    """Say whether motion follows the music."""
    follows = "follows" if tracking.correlation >= FOLLOWS else "hardly follows"
    return f"motion {follows} the music ({tracking.correlation:.2f} of 1)"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _plain(scores: Sync | Tracking | SoundMatch | None) -> dict[str, Any] | None:
    """Convert a dataclass of figures to plain data."""
    if scores is None:
        return None

    def tidy(value: Any) -> Any:
        if isinstance(value, float):
            return _rounded(value)
        if isinstance(value, tuple | list):
            return [tidy(item) for item in value]
        return {key: tidy(item) for key, item in value.items()} if isinstance(value, dict) else value

    plain: dict[str, Any] = tidy(dataclasses.asdict(scores))
    return plain


def _lines(report: CheckReport) -> Iterator[str]:
    info, flashes, sync, tracking, sound = report.info, report.flashes, report.sync, report.tracking, report.sound
    width, height = info.size
    yield f"{report.path}"
    if said := verdict(report):
        yield f"  verdict   {said}"
    expected = f" (expected {report.frames_expected})" if report.frames_expected not in (None, info.n_frames) else ""
    yield f"  picture   {info.n_frames} frames{expected}, {info.duration_s:.3f} s at {info.fps} fps, {width}x{height}"
    if info.audio_duration_s is None:
        yield "  sound     none"
    else:
        channels = f"{info.audio_channels} channel{'' if info.audio_channels == 1 else 's'}"
        yield (
            f"  sound     {info.audio_duration_s:.3f} s, {info.audio_codec}, {channels}, "
            f"ends {report.end_gap_ms:+.1f} ms ({report.end_gap_frames:+.2f} frames) from the picture"
        )
    if sound is not None:
        offset = "" if sound.offset_ms is None else f", {sound.offset_ms:+.1f} ms off"
        yield f"  song      the sound begins at its {sound.start_s:.3f} s{offset} (likeness {sound.likeness:.2f})"
    yield f"  stills    {report.frozen_frames} frames without change, {report.blank_frames} of one colour"
    if sync is not None:
        lag = "no match" if sync.median_lag_ms is None else f"median lag {sync.median_lag_ms:+.1f} ms"
        yield (
            f"  sync      F {sync.f_measure:.3f}, {lag}, precision {sync.precision:.3f}, recall {sync.recall:.3f} "
            f"({sync.n_peaks} peaks, {sync.n_beats} beats), largest peak {sync.pulse:.1f} x median"
        )
    if tracking is not None:
        pure = "" if tracking.variation_pure is None else f" (pure frames {tracking.variation_pure:.3f})"
        yield (
            f"  motion    correlation {tracking.correlation:.3f}, variation {tracking.variation:.3f}{pure}, "
            f"99th percentile {tracking.p99:.2f}, frozen {tracking.frozen}"
        )
        if tracking.sections:
            speeds = ", ".join(f"{s.label} {s.start_s:.0f}-{s.end_s:.0f} s: {s.ratio:.2f}" for s in tracking.sections)
            yield f"  sections  speed by target: {speeds}"
    general, red = int(flashes.general.max(initial=0)), int(flashes.red.max(initial=0))
    worst = f", worst second from {flashes.worst_s:.2f} s" if flashes.worst else ""
    judged = "within" if flashes.passes else "OVER"
    yield f"  flashes   {general} general, {red} red in a second{worst}: {judged} the limit of {MAX_FLASHES}"
