"""Band styles that people wrote: grooves of MMA's library, played over chord charts.

MMA (Musical MIDI Accompaniment, Debian package `mma`, GPL-2+) ships hundreds of grooves for bands. The recipe
compiles them over its own charts and reads the notes back; nothing of the library goes anywhere but into rendered
clips.

Conventions
-----------
- A **groove** is a pattern of the library; a **style** is the file that holds it. Styles, not grooves, are split
  between training and validation, since grooves of one file share their patterns.
- MMA counts a bar in quarter notes; the tactus of 6/8 is a dotted quarter, of 12/8 the quarter that it is written in,
  but a dotted one in `_TWELVE_IN_SIX` and `_SIX_IN_THREE`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from beatwalk.listen import MidiNote, read_midi
from beatwalk.training.ears.bands import Chart, usual_bpm
from beatwalk.training.ears.score import Score, add_midi

_TIMEOUT_S = 60
_SKIPPED = ("metronome", "none", "count", "ending", "intro", "ballad68", "blues34", "quando")  # no music, or no metre
# Kick, stick, kick and snare fall on 1, 2.5, 4 and 5.5 of its six, and three halves lie between them: twelve eighths.
_TWELVE_IN_SIX = frozenset({"casio/68ballad"})
# Some patterns of a drum machine are headed 3/4, and have the backbeat and every accent of their cymbals on 1 and
# 2.5: six eighths. No other groove in three has a snare in the middle of its bar and none elsewhere.
_SIX_IN_THREE = frozenset({"zoom/rock34"})
_UNLIKE_ITS_FILE = frozenset({"BALD05"})  # the same, in a file whose other groove is in three
_ELECTRONIC = ("tech", "trance", "house", "rave", "dance", "dnb", "ambient", "hip", "electric", "digital", "trip")


@dataclass(frozen=True)
class Style:
    """A file of the library whose grooves share a metre."""

    name: str  # path below the library without its ending, as MMA's `Groove` takes it
    grooves: tuple[str, ...]
    bar: int  # quarter notes of MMA's
    beats: int  # of the tactus in a bar
    metre: str  # as it would be printed

    @property
    def bpm(self) -> tuple[float, float]:
        """The tempi at which it is usually played."""
        return usual_bpm(self.name)

    @property
    def compound(self) -> bool:
        """Whether beats have three parts."""
        return self.metre.endswith("/8")

    @property
    def electronic(self) -> bool:
        """Whether machines play it."""
        return any(word in self.name for word in _ELECTRONIC)

    def play(self, grooves: tuple[str, ...], chart: Chart, n_bars: int) -> Score:
        """`n_bars` of some of its grooves, one after the other, over a chart."""
        lines = ["Tempo 120", f"Transpose {chart.steps}"]
        for bar in range(n_bars):
            if bar % chart.section == 0:
                lines.append(f"Groove {self.name}:{grooves[(bar // chart.section) % len(grooves)]}")
            chords = chart.chords(bar)
            middle = f" {chords[1]}@3" if len(chords) > 1 and self.bar == 4 else ""
            lines.append(f"{bar + 1} {chords[0]}{middle}")
        return to_score(compile_mma("\n".join(lines) + "\n"), self, n_bars)


def read_styles(library: Path) -> list[Style]:
    """All styles of the library that have a known metre, in order of their names.

    Raises
    ------
    FileNotFoundError
        There is no such library.
    """
    if not library.is_dir():
        raise FileNotFoundError(f"{library}: no folder of MMA's styles; the Debian package mma has one, mma/lib")
    styles = [_style_of(path, library) for path in sorted(library.rglob("*.mma"))]
    return [style for style in styles if style is not None]


def _style_of(path: Path, library: Path) -> Style | None:
    name = path.relative_to(library).with_suffix("").as_posix()
    if any(word in path.stem.lower() for word in _SKIPPED):
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    grooves = tuple(re.findall(r"^\s*defgroove\s+(\S+)", text, re.IGNORECASE | re.MULTILINE))
    times = re.findall(r"^\s*time\s+(\d+)", text, re.IGNORECASE | re.MULTILINE)
    sign = re.search(r"^\s*timesig\s+(\d+)\s*[/ ]\s*(\d+)", text, re.IGNORECASE | re.MULTILINE)
    bar = int(times[-1]) if times else 4
    in_eighths = bar == 6 or (sign is not None and sign.group(2) == "8")
    in_twelve = name in _TWELVE_IN_SIX
    in_eighths |= name in _SIX_IN_THREE
    beats = 4 if in_twelve else 2 if in_eighths else bar
    metre = "12/8" if in_twelve or "128" in name else "6/8" if in_eighths else f"{bar}/4"
    grooves = tuple(g for g in grooves if not re.search(r"intro|end|fill|metronome", g, re.IGNORECASE))
    grooves = tuple(g for g in grooves if g not in _UNLIKE_ITS_FILE)
    return Style(name, grooves, bar, beats, metre) if grooves else None


def compile_mma(text: str) -> list[MidiNote]:
    """The notes that MMA makes of a file.

    Raises
    ------
    FileNotFoundError
        MMA is not installed.
    RuntimeError
        MMA refuses the file.
    """
    if shutil.which("mma") is None:
        raise FileNotFoundError("MMA is needed to play its styles; install the Debian package mma")
    with tempfile.TemporaryDirectory() as folder:
        source, song = Path(folder) / "song.mma", Path(folder) / "song.mid"
        # MMA plays with chance; the same file shall give the same notes.
        source.write_text(f"RndSeed {zlib.crc32(text.encode())}\n{text}", encoding="utf-8")
        command = ["mma", "-f", str(song), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        if done.returncode or not song.exists():
            raise RuntimeError(f"mma: {done.stdout.strip()[-300:]}")
        return read_midi(song).notes


def to_score(notes: list[MidiNote], style: Style, n_bars: int) -> Score:
    """A score in beats of the tactus; each program of each channel becomes a voice."""
    quarters = style.bar / style.beats  # a beat
    score = Score(
        n_beats=n_bars * style.beats,
        downbeats=[bar * style.beats for bar in range(n_bars)],
        programs={},
        genre=style.name,
        loose=0.1 if style.electronic else 0.5,
        electronic=style.electronic,
    )
    add_midi(score, notes, quarters)
    return score
