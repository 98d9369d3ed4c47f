"""Song file → `Analysis`: beats, bars, onsets, sections and curves; corrections; analyses stored beside songs."""

from __future__ import annotations

from beatwalk.listen.analysis import TRACKERS, gather_evidence, rhythm_of
from beatwalk.listen.analysis_json import (
    analysis_from_json,
    analysis_to_json,
    grid_to_json,
    read_analysis,
    write_analysis,
)
from beatwalk.listen.audio import ANALYSIS_RATE_HZ, open_audio
from beatwalk.listen.bar_hmm import DECODING, METRES, Decoding
from beatwalk.listen.bar_network import bar_odds, load_bar_networks
from beatwalk.listen.beat_rows import BEAT_PARTS, ROW_INPUTS, bands_of, extract_rows, levelled
from beatwalk.listen.beats import Beats
from beatwalk.listen.click_track import write_click_track
from beatwalk.listen.corrections import MIN_TAPS, Corrections, octave_changes, read_taps, with_rhythm
from beatwalk.listen.dj_library import BeatGrid, read_rekordbox
from beatwalk.listen.drums import CANDIDATE_ODDS, drum_strokes
from beatwalk.listen.features import FRAME_RATE_HZ, NETWORK_BANDS, NETWORK_INPUTS, Features, extract_features
from beatwalk.listen.grid import (
    MIN_SPAN_S,
    grid_as_stored,
    spliced,
    with_beat_moved,
    with_meter_between,
    with_tempo_between,
)
from beatwalk.listen.level_network import TAPPED, load_level_networks, tapped
from beatwalk.listen.librosa_import import import_librosa
from beatwalk.listen.librosa_tracker import track_beats
from beatwalk.listen.midi_file import DRUM_CHANNEL, MidiFile, MidiNote, read_midi
from beatwalk.listen.network import (
    EVENT_WEIGHTS,
    Activations,
    Network,
    activations_of,
    between_frames,
    load_network,
    read_network,
    run_network,
)
from beatwalk.listen.onsets import find_onsets
from beatwalk.listen.peaks import find_maxima
from beatwalk.listen.repeats import N_SIGNALS, PERIODS_S, REPEAT_INPUTS, extract_repeats, with_multiples
from beatwalk.listen.retrack import tracked_again
from beatwalk.listen.source_files import LYRICS, HeardFiles, check_part, files_of, hear_files, lyrics_of, parts_of
from beatwalk.listen.store import (
    PathLike,
    analysis_for,
    analyze,
    correct,
    open_song,
    rendered_analysis,
    stored_analysis,
    stored_path,
    with_parts,
    with_song,
)
from beatwalk.listen.tracking import Evidence, Hint, Pulse, Rhythm, find_pulse, track_rhythm, with_bars

__all__ = [
    "ANALYSIS_RATE_HZ",
    "BEAT_PARTS",
    "CANDIDATE_ODDS",
    "DECODING",
    "DRUM_CHANNEL",
    "EVENT_WEIGHTS",
    "FRAME_RATE_HZ",
    "LYRICS",
    "METRES",
    "MIN_SPAN_S",
    "MIN_TAPS",
    "NETWORK_BANDS",
    "NETWORK_INPUTS",
    "N_SIGNALS",
    "PERIODS_S",
    "REPEAT_INPUTS",
    "ROW_INPUTS",
    "TAPPED",
    "TRACKERS",
    "Activations",
    "BeatGrid",
    "Beats",
    "Corrections",
    "Decoding",
    "Evidence",
    "Features",
    "HeardFiles",
    "Hint",
    "MidiFile",
    "MidiNote",
    "Network",
    "PathLike",
    "Pulse",
    "Rhythm",
    "activations_of",
    "analysis_for",
    "analysis_from_json",
    "analysis_to_json",
    "analyze",
    "bands_of",
    "bar_odds",
    "between_frames",
    "check_part",
    "correct",
    "drum_strokes",
    "extract_features",
    "extract_repeats",
    "extract_rows",
    "files_of",
    "find_maxima",
    "find_onsets",
    "find_pulse",
    "gather_evidence",
    "grid_as_stored",
    "grid_to_json",
    "hear_files",
    "import_librosa",
    "levelled",
    "load_bar_networks",
    "load_level_networks",
    "load_network",
    "lyrics_of",
    "octave_changes",
    "open_audio",
    "open_song",
    "parts_of",
    "read_analysis",
    "read_midi",
    "read_network",
    "read_rekordbox",
    "read_taps",
    "rendered_analysis",
    "rhythm_of",
    "run_network",
    "spliced",
    "stored_analysis",
    "stored_path",
    "tapped",
    "track_beats",
    "track_rhythm",
    "tracked_again",
    "with_bars",
    "with_beat_moved",
    "with_meter_between",
    "with_multiples",
    "with_parts",
    "with_rhythm",
    "with_song",
    "with_tempo_between",
    "write_analysis",
    "write_click_track",
]
