"""Muxing: pictures and the song → one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from beatwalk.core import Sound, ffmpeg, folder_beside, layout_option, open_sound, printable, whole_or_nothing
from beatwalk.errors import AudioError, OutputError
from beatwalk.video import codecs
from beatwalk.video.moviepy_setup import prepare_moviepy
from beatwalk.video.reading import SOUND, VideoInfo, list_packets, probe
from beatwalk.video.timecode import srt_clock

AAC_BITRATE = "256k"
OPUS_BITRATE = "192k"
NO_TAGS = ("-map_metadata", "-1", "-map_chapters", "-1")
CHAPTERED = (".mp4", ".mov", ".mkv")
SUBTITLED = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "srt"}  # ffmpeg's names of what they hold
# Of one to eight channels, the only layouts that Opus has a place for; channels keep their order.
OPUS_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")


def _index_first(out: Path) -> tuple[str, ...]:
    return ("-movflags", "+faststart") if out.suffix.lower() in codecs.ISO else ()


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a file holds besides pictures and sound; each only where its container has a place for it."""

    chapters: Sequence[tuple[float, str]] = ()  # start in seconds of the video, and title
    subtitles: Sequence[tuple[float, float, str]] = ()  # start and end in seconds of the video, and text
    tags: Mapping[str, str] = field(default_factory=dict)  # such as title and artist

    def __bool__(self) -> bool:
        return bool(self.chapters or self.subtitles or self.tags)

    def inputs(self, folder: Path, out: Path, picture: VideoInfo) -> tuple[list[str], list[str]]:
        """Write them as files into a folder; ffmpeg's inputs behind the first one, and its options of the output."""
        suffix, inputs, options = out.suffix.lower(), list[str](), list[str]()
        if self.chapters and suffix in CHAPTERED:
            inputs += ["-f", "ffmetadata", "-i", str(_chapter_file(self.chapters, folder, picture))]
            options += ["-map_chapters", "1"]
        if self.subtitles and suffix in SUBTITLED:
            options += ["-map", str(len(inputs) // 4 + 1), "-c:s", SUBTITLED[suffix]]
            inputs += ["-f", "srt", "-i", str(_subtitle_file(self.subtitles, folder))]
        for name, text in self.tags.items():
            options += ["-metadata", f"{name}={printable(' '.join(text.split()))}"]
        return inputs, options


@dataclass(frozen=True)
class _Kind:
    """The sound that a container takes."""

    codec: str  # ffmpeg's name
    suffix: str  # of a file that holds this sound alone
    options: tuple[str, ...] = ()


_KINDS = {
    ".mp4": _Kind("aac", ".m4a", ("-b:a", AAC_BITRATE, "-f", "ipod")),
    ".mov": _Kind("pcm_s16le", ".mov"),
    ".avi": _Kind("pcm_s16le", ".wav"),
    ".webm": _Kind("libopus", ".mka", ("-b:a", OPUS_BITRATE)),
}


def mux(
    video: Path,
    song: Path,
    out: Path,
    *,
    start_s: float,
    duration_s: float,
    whole_song: bool,
    tempo: float = 1.0,
    track: int | None = None,
    extras: Extras | None = None,
    fades_s: tuple[float, float] = (0.0, 0.0),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Add the song to a video.

    The sound becomes exactly as long as the pictures: it is cut at the sample, or padded with silence.

    Parameters
    ----------
    video
        The pictures, in the same kind of container as `out`.
    song
        Any file with sound; a cover picture is left out.
    start_s, duration_s
        The part of the song that the video shows, in seconds.
    tempo
        Factor by which the sound plays faster; its pitch stays.
    track
        Which of the song's sounds, counted from 1; None: the one that players choose.
    extras
        What the file holds besides.
    fades_s
        How long the sound fades in and out, in seconds.
    whole_song
        Whether the video shows the whole song; a song in AAC is then copied as it is.
    check
        Called every few seconds of sound; what it raises stops the work and leaves no file.

    Raises
    ------
    AudioError
        The song has no sound that can be decoded.
    VideoError
        The video cannot be read.
    OutputError
        `out` cannot be written.
    """
    video, song, out = Path(video), Path(song), Path(out)
    picture = probe(video)
    length = min(Fraction(duration_s), picture.n_frames / picture.fps) if duration_s > 0 else Fraction(0)
    with whole_or_nothing(out) as partial, folder_beside(out) as folder:
        kind = _KINDS.get(out.suffix.lower(), _KINDS[".mp4"])
        sound, merged = folder / f"sound{kind.suffix}", folder / f"merged{out.suffix}"
        heard = open_sound(song, track)
        copies = whole_song and kind.codec == heard.codec == "aac" and not any(fades_s)
        if not (copies and _copy_sound(heard, sound, picture)):
            _encode_sound(
                heard, sound, kind,
                start_s=start_s, audible_s=length, picture=picture, tempo=tempo, fades_s=fades_s, check=check,
            )  # fmt: skip
        check()
        _merge(video, sound, merged)
        _write_index_first(merged, partial, out, (extras or Extras()).inputs(folder, out, picture))


def add_extras(video: Path, out: Path, extras: Extras) -> None:
    """Copy a video without sound, with what it holds besides; the parameters are those of `mux`.

    Raises
    ------
    VideoError
        The video cannot be read.
    OutputError
        `out` cannot be written.
    """
    picture = probe(video)
    with whole_or_nothing(out) as partial, folder_beside(out) as folder:
        _write_index_first(video, partial, out, extras.inputs(folder, out, picture))


def _copy_sound(song: Sound, place: Path, picture: VideoInfo) -> bool:
    """Copy a song in AAC; False where more must be done, or it would not end within half a frame of the pictures."""
    with song.path.open("rb") as file:
        cuts_delay = file.read(8)[4:] == b"ftyp"  # others cannot say how much encoder delay a copy must cut off
    if not song.plain or song.starts_s != 0 or not cuts_delay:
        return False
    arguments = ["-i", ffmpeg.name(song.path), "-map", f"0:a:{song.track}", "-c", "copy", *NO_TAGS, "-f", "ipod"]
    status, _, _ = ffmpeg.run([*arguments, ffmpeg.name(place)])
    if status != 0:
        return False
    copied = list_packets(place, SOUND)
    return bool(copied) and abs(copied[0].end_s - picture.n_frames / picture.fps) * picture.fps <= Fraction(1, 2)


def _encode_sound(
    song: Sound,
    place: Path,
    kind: _Kind,
    *,
    start_s: float,
    audible_s: Fraction,
    picture: VideoInfo,
    tempo: float,
    fades_s: tuple[float, float],
    check: Callable[[], None],
) -> None:
    """Cut the song, resample it where the codec needs that, pad it to the length of the pictures, and encode it."""
    opus = kind.codec == "libopus"
    rate = 44_100 if song.rate_hz % 11_025 == 0 and not opus else 48_000
    first, n = round(start_s * song.rate_hz), round(audible_s * Fraction(tempo) * song.rate_hz)
    total = round(picture.n_frames / picture.fps * rate)
    filters = [
        f"atrim=start_sample={first}:end_sample={first + n}",
        "asetpts=N/SR/TB",
        *([f"atempo={tempo:.9f}"] if tempo != 1 else []),
        f"aresample={rate}",
        f"apad=whole_len={total}",
        f"atrim=end_sample={total}",
        *_fades(fades_s, total / rate),
    ]
    # Family 0 is what every player knows, and holds two channels; family 1 has named channels, up to eight.
    family = ["-mapping_family", "0" if song.channels <= 2 else "1"] if opus else []
    layout = OPUS_LAYOUTS[song.channels - 1] if opus else "stereo" if song.mix else song.layout
    raw = ["-f", "f32le", "-ar", str(song.rate_hz), *layout_option(layout), "-i", "pipe:0"]
    encoding = ["-c:a", kind.codec, *kind.options, *family, ffmpeg.name(place)]

    def samples() -> Iterator[memoryview]:
        for chunk in song.chunks():
            check()
            yield chunk.astype("<f4").data.cast("B")

    status, said = ffmpeg.feed([*raw, "-af", ",".join(filters), *NO_TAGS, *encoding], samples())
    if status != 0:
        where = f"{song.path}: its sound cannot be encoded"
        raise AudioError(f"{where}: {said}; is the file whole, and is there free space?")


def _fades(fades_s: tuple[float, float], length_s: float) -> list[str]:
    """ffmpeg's filters that fade a sound in and out."""
    in_s, out_s = (min(seconds, length_s) for seconds in fades_s)
    found = [f"afade=t=in:st=0:d={in_s:.6f}"] if in_s else []
    return [*found, *([f"afade=t=out:st={length_s - out_s:.6f}:d={out_s:.6f}"] if out_s else [])]


def _merge(video: Path, sound: Path, merged: Path) -> None:
    """Copy both streams into one file."""
    prepare_moviepy()
    from moviepy.video.io.ffmpeg_tools import ffmpeg_merge_video_audio

    try:
        ffmpeg_merge_video_audio(ffmpeg.name(video), str(sound), str(merged), logger=None)
    except OSError as error:
        said = ffmpeg.complaint(str(error).encode())
        raise OutputError(f"{merged.parent.parent}: pictures and sound cannot be merged there: {said}") from error


def _chapter_file(chapters: Sequence[tuple[float, str]], folder: Path, picture: VideoInfo) -> Path:
    """Write chapters as ffmpeg reads them."""
    end_ms = round(1000 * picture.n_frames / picture.fps)
    begins = [min(round(1000 * begin_s), end_ms) for begin_s, _ in chapters]
    lines = [";FFMETADATA1"]
    for begin, end, (_, title) in zip(begins, [*begins[1:], end_ms], chapters, strict=True):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={begin}", f"END={end}", f"title={_escaped(title)}"]
    path = folder / "chapters.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return path


def _subtitle_file(subtitles: Sequence[tuple[float, float, str]], folder: Path) -> Path:
    """Write subtitles as ffmpeg reads them (SubRip)."""
    blocks = [
        f"{number}\n{srt_clock(start_s)} --> {srt_clock(end_s)}\n{printable(text)}\n"
        for number, (start_s, end_s, text) in enumerate(subtitles, start=1)
    ]
    path = folder / "subtitles.srt"
    path.write_text("\n".join(blocks), encoding="utf-8", newline="\n")
    return path


def _escaped(title: str) -> str:
    """A title as ffmpeg's metadata files have it.

    Half a character cannot be written as UTF-8. A backslash before the end of a line joins the next line to it, also
    where it is escaped, so a space follows it.
    """
    text = re.sub(r"([=;#\\])", r"\\\1", printable(" ".join(title.split())))
    return text + " " if text.endswith("\\") else text


def _write_index_first(merged: Path, partial: Path, out: Path, extras: tuple[list[str], list[str]]) -> None:
    """Copy the merged file with its index first, so that a player can start while it loads."""
    inputs, options = extras
    tail = ["-map", "0", "-c", "copy", *options, *_index_first(partial), ffmpeg.name(partial)]
    arguments = ["-i", ffmpeg.name(merged), *inputs, *tail]
    status, _, said = ffmpeg.run(arguments)
    if status != 0:
        raise OutputError(f"{out}: cannot be written: {said}; check free space and the file's ending")
