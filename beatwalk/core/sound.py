"""The one decoder of songs: what is analysed and what is laid under the pictures are these samples.

Conventions
-----------
- A chunk is float32, shape (n, channels), with at most `MAX_CHANNELS` channels; full scale is 1.
- Second 0 is the first sample that a player plays: encoder delay (MP3, AAC, Opus) is cut off, and silence precedes
  sound that starts late in a video file. Gaps are filled with silence.
- A file whose rate or channels change midway is converted to the highest rate and the most channels in it.
- `open_sound` decodes the file once without keeping it. That counts its length (headers of compressed files lie) and
  finds bad samples at once. **Truncated files**: the song is what can be decoded, as in a player.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, cast

import numpy as np

from beatwalk.core import ffmpeg
from beatwalk.core.joined_files import second_file_at
from beatwalk.core.opening import open_regular
from beatwalk.core.text import near_name
from beatwalk.errors import AudioError, OutputError
from beatwalk.types import Float, Float32

MAX_CHANNELS = 8  # more are mixed down to two
_MOST_CHANNELS = 64  # a header that claims more is garbage
_MIN_RATE_HZ, _MAX_RATE_HZ = 2_000, 1_000_000  # at 1 Hz, 300 kB last for days
_MAX_DURATION_S = 24 * 3600.0
_CHUNK_FRAMES = 1 << 16  # sample frames of the file decoded at a time
_IN_USE = 1e-4  # a channel whose power is a smaller part of the loudest one's carries nothing
_LOUDEST = 2.0  # encoders take this much; samples beyond it are an error of one program or another
_FEW, _FEW_SHARE = 16, 1e-4  # samples beyond a limit that are taken for errors: so many, and this part of the song
# A file beyond these is in whole numbers of 16, 24 or 32 bits that somebody stored as floats.
_INTEGER_SCALES = (2.0**15, 2.0**23, 2.0**31)
_LIMITS = tuple(2.0**n for n in (*range(1, 9), 15, 23, 31))
# No gaps: their times are guessed from the first rate, or begin anew where two files were joined.
_UNTIMED = frozenset({"aac", "ac3", "dts", "eac3", "flac", "truehd"})
_BEHIND_TAGS = (b"RIFF", b"RF64", b"riff", b"FORM", b"caff", b".snd")  # not looked for behind an ID3 tag by ffmpeg
_AU_FLOAT32 = 6  # the encoding number of big-endian float32 in a Sun AU header
_AU_HEADER_BYTES = 24
_TRACK = re.compile(r"^  Stream #0:\d+(?:\[\w+\])?(?:\((\w+)\))?: Audio: ([^,\n]*)(.*)$", re.MULTILINE)
_CHANGED = re.compile(r"audio parameters changed to (\d+) Hz, (.*), \w+$", re.MULTILINE)
_CUT = re.compile(r"(Channel|Sample rate) change is not supported")
_CHANNELS = {"mono": 1, "stereo": 2, "downmix": 2, "quad": 4, "hexagonal": 6, "octagonal": 8, "cube": 8}


@dataclass(frozen=True, kw_only=True)
class Track:
    """One sound of a file."""

    language: str
    codec: str
    default: bool
    timed: bool  # whether its container says when samples are played


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A song's sound, as it is analysed and as it is played."""

    path: Path
    track: int  # counted from 0
    codec: str
    rate_hz: int
    layout: str  # ffmpeg's name of the decoded channels
    n_frames: int
    remarks: tuple[str, ...] = ()  # what people should know about it, one sentence each
    converted_to: tuple[int, str] | None = None  # rate and layout of a file in which they change
    timed: bool = True  # whether there may be gaps
    starts_s: Fraction = Fraction(0)  # when the sound begins: silence before it, or what is cut off if negative
    scale: float = 1.0
    clipped: bool = False  # whether it has samples beyond _LOUDEST
    mix: tuple[tuple[float, ...], tuple[float, ...]] | None = (
        None  # of the decoded channels to two; None: as they are
    )

    @property
    def channels(self) -> int:
        """Number of channels in a chunk."""
        return 2 if self.mix else channels_of(self.layout) or 2

    @property
    def plain(self) -> bool:
        """Whether the samples are the file's own, unchanged."""
        return self.converted_to is None and self.mix is None and self.scale == 1 and not self.clipped

    @property
    def duration_s(self) -> float:
        """Length in seconds, counted."""
        return self.n_frames / self.rate_hz

    def chunks(self) -> Iterator[Float32]:
        """Decode the song from its beginning."""
        matrix = None if self.mix is None else np.array(self.mix, np.float32).T
        left = self.n_frames
        for raw in _decoded(self):
            chunk = np.clip(raw * np.float32(self.scale), -_LOUDEST, _LOUDEST)[:left]
            yield np.ascontiguousarray(chunk if matrix is None else chunk @ matrix, np.float32)
            left -= len(raw)
            if left <= 0:
                return


def open_sound(
    path: Path, track: int | None = None, hear: Callable[[Float32, int], None] = lambda chunk, rate_hz: None
) -> Sound:
    """Open the sound of a file and check it from end to end.

    Parameters
    ----------
    track
        Which of several sounds, counted from 1; None: the one that players choose.
    hear
        Called with every chunk as it is decoded, and its rate. These are the chunks of a sound that is `plain`, so it
        need not be decoded once more to be measured.

    Raises
    ------
    AudioError
        The file is missing, a directory or empty; it has no sound, no such track, or an unknown codec; or samples are
        not numbers.
    """
    require_file(path)
    tracks = _tracks(path)
    number, remarks = _chosen(path, tracks, track)
    sound = _begin(path, number, tracks[number])
    levels, formats = _scan(sound, hear)
    if len(formats) > 1:
        best = max(rate for rate, _ in formats), max((layout for _, layout in formats), key=_count)
        remarks += (f"sound changes midway ({_named(formats)}); all of it is converted to {_named([best])}",)
        sound = replace(sound, converted_to=best, rate_hz=best[0], layout=best[1])
        levels, _ = _scan(sound, lambda chunk, rate_hz: None)
    if levels.cut:
        ends = f"channels or sample rate change at {levels.n_frames / sound.rate_hz:.1f} s"
        remarks += (f"{ends}, and the rest cannot be decoded and is left out; convert the song to WAV or FLAC",)
    if (at := second_file_at(path)) is not None:
        remarks += (f"a second file begins {at / 1e6:.1f} MB into it and is left out; join songs in an editor",)
    scale, said = levels.scale(path)
    mix, mixed = _mix(sound.layout, levels.power)
    sound = replace(sound, n_frames=levels.n_frames, scale=scale, clipped=bool(levels.beyond[0]), mix=mix)
    return replace(sound, remarks=remarks + said + mixed)


def require_file(path: Path) -> None:
    """Refuse anything but a readable, non-empty file."""
    if path.is_dir():
        raise AudioError(f"{path}: is a directory; give a song file (many songs are a set list)")
    try:
        with open_regular(path) as file:
            if not file.read(1):
                raise AudioError(f"{path}: the file is empty; export or download the song again")
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file{near_name(path) or '; check its name and folder'}") from None
    except OSError as error:
        raise AudioError(f"{path}: cannot be read ({error.strerror or error})") from error


def channels_of(layout: str) -> int | None:
    """Count the channels in one of ffmpeg's layout names: "stereo" → 2, "5.1(side)" → 6, "8 channels" → 8."""
    if ambisonic := re.match(r"ambisonic (\d+)", layout):
        return (int(ambisonic[1]) + 1) ** 2
    digits = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", layout)
    if digits:
        return sum(int(part) for part in digits.groups() if part)
    return _CHANNELS.get(layout)


def _count(layout: str) -> int:
    return channels_of(layout) or 2


def _named(formats: list[tuple[int, str]]) -> str:
    return ", ".join(f"{rate} Hz {layout}" for rate, layout in formats)


def _input(path: Path) -> list[str]:
    """ffmpeg's arguments that name the song."""
    return ["-i", ffmpeg.name(path.resolve(), _tag_bytes(path))]


def _tag_bytes(path: Path) -> int:
    """Length of the ID3 tags in front of a WAV, AIFF, CAF or AU file, which no decoder expects there; else 0."""
    with path.open("rb") as file:
        at = 0
        while (head := file.read(10))[:3] == b"ID3" and len(head) == 10:
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
            at += 10 + size + 10 * bool(head[5] & 0x10)  # and a footer
            file.seek(at)
        return at if head[:4] in _BEHIND_TAGS else 0


def _tracks(path: Path) -> list[Track]:
    """List the sounds of a file.

    Raises
    ------
    AudioError
        There is none.
    """
    with tempfile.TemporaryFile() as messages:
        process = _start(path, ["-loglevel", "info", *_input(path)], messages)
        cast(IO[bytes], process.stdout).read()  # it writes nothing, and its end is watched
        process.wait()
        ffmpeg.stop(process)
        text = _read(messages)
        container = re.search(r"^Input #0, (\w+)", text, re.MULTILINE)
        timed = container is None or container[1] not in _UNTIMED
        found = [
            Track(language=match[1] or "", codec=match[2].split(" ")[0], default="(default)" in match[3], timed=timed)
            for match in _TRACK.finditer(text)
        ]
        if not found:
            raise AudioError(f"{path}: {_explain(path, process, text, readable='Input #0' in text)}")
    return found


def _chosen(path: Path, tracks: list[Track], track: int | None) -> tuple[int, tuple[str, ...]]:
    """The track to take, counted from 0, and a remark where there are others."""
    if track is not None:
        if not 1 <= track <= len(tracks):
            raise AudioError(f"{path}: has no sound track {track}; it has {len(tracks)}, counted from 1")
        return track - 1, ()
    number = next((i for i, each in enumerate(tracks) if each.default), 0)
    if len(tracks) == 1:
        return 0, ()
    listed = ", ".join(f"{i} {each.language or 'unnamed'} {each.codec}" for i, each in enumerate(tracks, 1))
    kind = "the default one" if tracks[number].default else "the first one"
    return number, (f"has {len(tracks)} sound tracks ({listed}); {kind}, {number + 1}, is used (--track N: another)",)


def _begin(path: Path, number: int, chosen: Track) -> Sound:
    """Decode the first samples: their rate, their channels, and when they are played."""
    with tempfile.TemporaryFile() as messages:
        wanted = ["-map", f"0:a:{number}", "-frames:a", "1", "-f", "framecrc", "pipe:1"]
        process = _start(path, [*_input(path), *wanted], messages)
        output = cast(IO[bytes], process.stdout).read().decode("utf-8", "replace")
        process.wait()
        ffmpeg.stop(process)
        facts = dict(re.findall(r"^#(\w+) 0: (.*)$", output, re.MULTILINE))
        first = re.search(r"^0,\s*-?\d+,\s*(-?\d+)", output, re.MULTILINE)
        layout = facts.get("channel_layout_name", "").strip()
        if first is None or not facts.get("sample_rate", "").isdigit() or not int(facts["sample_rate"]):
            raise AudioError(f"{path}: {_explain(path, process, _read(messages))}")
    if not 0 < (channels_of(layout) or 0) <= _MOST_CHANNELS:
        raise AudioError(f"{path}: its sound has unusual channels ({layout}); convert the song to stereo WAV or FLAC")
    rate_hz, starts_s = int(facts["sample_rate"]), int(first[1]) * Fraction(facts["tb"])
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        raise AudioError(f"{path}: {rate_hz} samples a second are not music; export the song again")
    _check_length(path, float(abs(starts_s)))
    return Sound(
        path=path, track=number, codec=chosen.codec, rate_hz=rate_hz, layout=layout,
        n_frames=2**62, timed=chosen.timed, starts_s=starts_s,
    )  # fmt: skip


def _decoded(sound: Sound, said: list[str] | None = None) -> Iterator[Float32]:
    """Decode all samples as they are; `said` is given ffmpeg's messages at the end."""
    arguments = ["-nostats", "-loglevel", "info", *_input(sound.path), "-map", f"0:a:{sound.track}", "-vn", "-sn"]
    arguments += ["-dn", "-af", ffmpeg.GAPS_FILLED if sound.timed else "anull"]
    if sound.converted_to is not None:
        arguments += ["-ar", str(sound.converted_to[0]), *layout_option(sound.converted_to[1])]
    # An AU header is 24 fixed bytes with rate and channels: nothing to guess from ffmpeg's messages.
    arguments += ["-c:a", "pcm_f32be", "-f", "au", "pipe:1"]
    with tempfile.TemporaryFile() as messages:  # a pipe that nobody reads would block ffmpeg
        process = _start(sound.path, arguments, messages)
        pipe = cast(IO[bytes], process.stdout)
        try:
            header = pipe.read(_AU_HEADER_BYTES)
            if len(header) < _AU_HEADER_BYTES or header[:4] != b".snd":
                raise AudioError(f"{sound.path}: {_explain(sound.path, process, _read(messages))}")
            offset, _, encoding, rate_hz, channels = np.frombuffer(header[4:], ">u4").tolist()
            if (encoding, rate_hz, channels) != (_AU_FLOAT32, sound.rate_hz, channels_of(sound.layout)):
                unexpected = "ffmpeg decodes it to something unexpected; convert the song to WAV or FLAC"
                raise AudioError(f"{sound.path}: {unexpected}")
            pipe.read(max(0, offset - _AU_HEADER_BYTES))
            late = round(sound.starts_s * rate_hz)
            if late > 0:
                yield from _silence(late, channels)
            while data := pipe.read(_CHUNK_FRAMES * channels * 4):
                samples = np.frombuffer(data[: len(data) // (4 * channels) * (4 * channels)], ">f4")
                chunk = samples.astype(np.float32).reshape(-1, channels)
                early, late = min(len(chunk), max(0, -late)), min(0, late + len(chunk))
                if early < len(chunk):
                    yield chunk[early:]
        finally:
            ffmpeg.stop(process)
        if process.went_silent:
            raise AudioError(f"{sound.path}: {ffmpeg.SILENCE}; convert the song to WAV or FLAC")
        if said is not None:
            said.append(_read(messages))


def _silence(n_frames: int, channels: int) -> Iterator[Float32]:
    for first in range(0, n_frames, _CHUNK_FRAMES):
        yield np.zeros((min(_CHUNK_FRAMES, n_frames - first), channels), np.float32)


def layout_option(layout: str) -> list[str]:
    """ffmpeg's option for a layout; one without a name is taken for the usual one with as many channels."""
    return ["-ac", layout.split()[0]] if layout.endswith("channels") else ["-ch_layout", layout]


@dataclass
class _Levels:
    """What one pass over the samples finds."""

    n_frames: int
    power: Float  # of each channel, its sum, shape (channels,)
    beyond: Float  # number of samples beyond each of _LIMITS, shape (n,)
    channels: int
    cut: bool = False  # whether more follows that cannot be decoded

    def scale(self, path: Path) -> tuple[float, tuple[str, ...]]:
        """The factor that brings samples to a full scale of 1, and what should be known of it.

        Raises
        ------
        AudioError
            They have no scale.
        """
        few = max(_FEW, _FEW_SHARE * self.n_frames * self.channels)
        limit = next((limit for limit, count in zip(_LIMITS, self.beyond, strict=True) if count <= few), None)
        if limit is None:
            raise AudioError(f"{path}: its samples are far beyond any scale; export the song again")
        if limit > _LOUDEST:
            known = limit in _INTEGER_SCALES
            what = f"in the scale ±{limit:.0f}" if known else f"up to {limit:.0f} times full scale"
            return 1 / limit, (f"its samples are {what}, not ±1, so they are divided by {limit:.0f}",)
        if clipped := int(self.beyond[0]):
            return 1.0, (f"{clipped} samples are beyond {_LOUDEST:g} times full scale and are clipped there",)
        return 1.0, ()


def _scan(sound: Sound, hear: Callable[[Float32, int], None]) -> tuple[_Levels, list[tuple[int, str]]]:
    """Decode once: count, measure, and refuse NaN and infinity."""
    channels = channels_of(sound.layout) or 2
    found = _Levels(0, np.zeros(channels), np.zeros(len(_LIMITS)), channels)
    said: list[str] = []
    for chunk in _decoded(sound, said):
        size = np.abs(chunk)
        loudest = float(size.max())  # NaN and infinity are louder than any limit
        if not np.isfinite(loudest):
            time_s = (found.n_frames + int(np.argmin(np.isfinite(chunk).all(axis=1)))) / sound.rate_hz
            reason = f"the sample at {time_s:.3f} s is not a number (NaN or infinity)"
            raise AudioError(f"{sound.path}: {reason}; export the song again")
        hear(chunk, sound.rate_hz)
        found.n_frames += len(chunk)
        _check_length(sound.path, found.n_frames / sound.rate_hz)
        found.power += [np.dot(channel, channel) for channel in chunk.T.astype(np.float64)]
        if loudest > _LIMITS[0]:
            found.beyond += [np.count_nonzero(size > limit) for limit in _LIMITS]
    text = "".join(said)
    found.cut = _CUT.search(text) is not None
    changes = [(int(match[1]), match[2]) for match in _CHANGED.finditer(text)]
    return found, list(dict.fromkeys([(sound.rate_hz, sound.layout), *(c for c in changes if channels_of(c[1]))]))


def _check_length(path: Path, duration_s: float) -> None:
    if duration_s > _MAX_DURATION_S:
        hours = _MAX_DURATION_S / 3600
        raise AudioError(f"{path}: more than {hours:g} hours of sound are too many; cut the file into songs")


def _mix(layout: str, power: Float) -> tuple[tuple[tuple[float, ...], tuple[float, ...]] | None, tuple[str, ...]]:
    """How more channels than the codecs take, or ambisonic ones, become two; and a remark.

    Channels that carry nothing are left out. Of the others, even ones go to the left, odd ones to the right; a
    single one goes to both.
    """
    count = len(power)
    if layout.startswith("ambisonic"):  # W is the sound from everywhere, Y is left minus right
        left, right = [1.0] + [0.0] * (count - 1), [1.0] + [0.0] * (count - 1)
        if count > 1:
            left[1], right[1] = 0.5, -0.5
        return (tuple(left), tuple(right)), (f"its {layout} sound is played in stereo",)
    if count <= MAX_CHANNELS:
        return None, ()
    used = np.flatnonzero(power > _IN_USE * max(power.max(), 1e-30))
    sides = (used[::2], used[1::2] if len(used) > 1 else used)
    mix = tuple(tuple(1 / len(side) if i in side else 0.0 for i in range(count)) for side in sides)
    remark = f"of its {count} channels, {len(used)} carry sound; they are mixed to two"
    return cast(tuple[tuple[float, ...], tuple[float, ...]], mix), (remark,)


def _start(path: Path, arguments: list[str], messages: IO[bytes]) -> ffmpeg.Process:
    try:
        return ffmpeg.start(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
    except OutputError as error:
        raise AudioError(f"{path}: cannot be decoded: {error}") from error


def _read(messages: IO[bytes]) -> str:
    messages.seek(0)
    return messages.read().decode("utf-8", "replace")


def _explain(path: Path, process: ffmpeg.Process, text: str, *, readable: bool = False) -> str:
    """Explain ffmpeg's messages to the person who gave the file."""
    if process.went_silent:
        return f"{ffmpeg.SILENCE}; convert the song to WAV or FLAC"
    if readable or "matches no streams" in text:
        return "there is no sound in this file; give a song, or a video with sound"
    if any(said in text for said in ("Decoder not found", "no decoder found", "Unknown decoder", "Decoder (codec")):
        return "its sound has a codec that cannot be decoded; convert the song to WAV or FLAC"
    with path.open("rb") as file:
        is_mp4 = file.read(8)[4:] == b"ftyp"
    if is_mp4:
        return "the end of the file is missing, and without it nothing can be decoded; copy or export it again"
    return "not a sound file that can be decoded; use WAV, FLAC, AIFF, Ogg, Opus, MP3, M4A or a video with sound"
