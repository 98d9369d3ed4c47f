"""Plan a video: which prompt arrives when, and how fast the picture changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from beatwalk.core import Cancel, Listening, Note, OnEvent, Reporter, check_below, lyrics_in, picture_in
from beatwalk.listen import (
    PathLike,
    analyze,
    files_of,
    hear_files,
    open_song,
    stored_analysis,
    stored_path,
    with_parts,
    with_song,
)
from beatwalk.plan import (
    DEFAULT_PRESET,
    Script,
    check_labels,
    check_lyrics,
    check_plan,
    find_preset,
    load_preset,
    load_settings,
    needs_lyrics,
    parse_prompts,
    place_prompts,
    read_prompts,
    resolve_model_path,
    script_sources,
    used_parts,
    used_sources,
)
from beatwalk.preflight import check_pictures, check_text
from beatwalk.types import Analysis, Audio, Plan
from beatwalk.video import check_choices


def plan(
    song: PathLike | Audio,
    prompts: PathLike | Iterable[str],
    *,
    preset: str = DEFAULT_PRESET,
    overrides: Iterable[Mapping[str, Any]] = (),
    analysis: Analysis | None = None,
    model: str | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    track: int | None = None,
    trust_paths: bool = False,
    on_event: OnEvent | None = None,
    cancel: Cancel | None = None,
) -> Plan:
    """Plan which prompt arrives when, and how fast the picture changes.

    Cheap mistakes are found before the song is listened to.

    Parameters
    ----------
    song
        A sound file, or a video with sound.
    prompts
        A prompt file, or its lines.
    preset
        Name of a preset, or a TOML file.
    overrides
        Settings on top of the preset's, such as {"video": {"fps": 30}}.
    analysis
        Of the song; None: the one stored beside the song, otherwise the song is analysed.
    model
        A diffusers folder, a .safetensors file or a hub id; None: the model that ships inside.
    start_s, end_s
        The part of the song to show, in seconds; None: to its end.
    track
        Which of several sounds of a file, counted from 1; None: the one of `analysis`, otherwise the one that players
        choose.
    trust_paths
        Whether pictures that a prompt file or a preset names may lie outside its folder.
    on_event
        Told when the song is listened to, and what people should know.
    cancel
        Stops between two of these steps.

    Raises
    ------
    BeatwalkError
        The song, the prompts or the settings are wrong; the message says which.
    CancelledError
        `cancel` was set.
    """
    with Reporter(on_event, cancel) as tell:
        settings = load_settings(preset, overrides)
        video = settings.video
        check_choices(video.codec, intra=video.intra, alpha=bool(video.alpha), fps=video.fps)
        script = read_prompts(Path(prompts)) if isinstance(prompts, str | Path) else parse_prompts("\n".join(prompts))
        lyrics = settings.sources.lyrics is not None
        check_lyrics(script, given=lyrics)
        check_text(settings, lyrics=lyrics)
        if not trust_paths:
            _check_pictures_named(preset, script, prompts)
        for remark in script.remarks:
            tell(Note(text=remark))
        check_pictures(script, settings, song.path if isinstance(song, Audio) else Path(song))
        files_of(settings.sources)
        if lyrics and settings.subtitles.mode == "off" and not needs_lyrics(script):
            tell(Note(text="no prompt and no subtitles use the lyrics; --subtitles burn shows them"))
        sources = {**used_sources(settings), **script_sources(script, settings)}
        if analysis is None:
            tell(Listening(song=song.path if isinstance(song, Audio) else Path(song)))
        if isinstance(song, Audio):
            audio = song
        else:
            audio = open_song(song, track or (analysis.song.track if analysis else None))
            for remark in audio.remarks:
                tell(Note(text=f"{song}: {remark}"))
        analysis = _heard(audio, tell) if analysis is None else with_song(analysis, audio)
        if missing := [name for name in used_parts(sources) if analysis.lacks(name)]:
            text = (
                f"the analysis lacks {', '.join(missing)}, which is heard again; to keep it: beatwalk analyze --save"
            )
            tell(Note(text=text))
            analysis = with_parts(analysis, audio, missing)
        heard = hear_files(analysis, audio, settings.sources, sources, video.fps)
        for text in heard.remarks:
            tell(Note(text=text))
        tell.check()
        model = resolve_model_path(model)
        made = place_prompts(heard.analysis, script, settings, model=model, start_s=start_s, end_s=end_s)
        made = replace(made, files=heard.files)
        check_plan(made)
        check_labels(settings, made.analysis, "settings")
        return made


def _check_pictures_named(preset: str, script: Script, prompts: PathLike | Iterable[str]) -> None:
    """Check that the pictures that a prompt file and a preset name lie below their folders."""
    if isinstance(prompts, str | Path):
        images = [line.image.absolute() for line in script.lines if line.image is not None]
        check_below(images, Path(prompts).parent, "the prompt file")
    of_preset = load_preset(preset)
    shown = [name for name in (picture_in(of_preset), lyrics_in(of_preset)) if name is not None]
    if shown:
        check_below(shown, find_preset(preset).parent, "the preset")


def _heard(audio: Audio, tell: Reporter) -> Analysis:
    """The analysis that is stored beside the song, or a new one."""
    if (stored := stored_analysis(audio)) is not None:
        tell(Note(text=f"the analysis is {stored_path(audio.path)} (stored; delete it to listen again)"))
        return stored
    return analyze(audio)
