"""Listening: `analyze(audio) -> Analysis`, and analyses as files that a person can edit."""

from __future__ import annotations

from beatwalk.analysis.bars import find_bars
from beatwalk.analysis.beats import track_beats
from beatwalk.analysis.curves import song_curves
from beatwalk.analysis.features import extract_features
from beatwalk.analysis.onsets import find_onsets
from beatwalk.analysis.sections import find_drop, find_sections
from beatwalk.analysis.serialize import (
    analysis_from_json,
    analysis_to_json,
    as_stored,
    read_analysis,
    write_analysis,
)
from beatwalk.audio import song_of
from beatwalk.types import Analysis, Audio

__all__ = ["analysis_from_json", "analysis_to_json", "analyze", "as_stored", "read_analysis", "write_analysis"]


def analyze(audio: Audio) -> Analysis:
    """Beats, bars, onsets, sections and curves of a song.

    Raises
    ------
    AudioError
        The file has vanished or changed since it was opened.
    """
    song = song_of(audio)
    features = extract_features(audio)
    beats = track_beats(features)
    bars = find_bars(features, beats.times_s)
    onsets = find_onsets(features)
    curves = song_curves(features)
    sections = find_sections(features, curves, bars.downbeats_s)
    return Analysis(
        song=song,
        tempo_bpm=beats.tempo_bpm,
        tempo_curve=beats.tempo_curve,
        beats_s=beats.times_s,
        beat_confidence=beats.confidence,
        downbeats_s=bars.downbeats_s,
        beats_per_bar=bars.beats_per_bar,
        onsets_s=onsets.times_s,
        onset_strength=onsets.strength,
        sections=sections,
        drop_s=find_drop(sections, curves["energy"]),
        curves=curves,
    )
