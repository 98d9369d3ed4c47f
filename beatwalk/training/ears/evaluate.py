"""How well a network and the decoder hear the validation set.

``python -m beatwalk.training.ears.evaluate --set FOLDER [--network FILE]`` prints a table by
kind of music, of several takes together where `--set` is given again.

Conventions
-----------
- Scores are percent; a row of the table is the mean over the pieces of a kind.
- Features are computed once and kept beside the set, in `features/`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.core import whole_or_nothing
from beatwalk.listen import (
    Activations,
    Features,
    Network,
    Rhythm,
    drum_strokes,
    extract_features,
    find_onsets,
    open_audio,
    read_network,
    run_network,
    track_rhythm,
)
from beatwalk.training.ears.clips import is_known
from beatwalk.training.ears.metrics import ONSET_S, continuity, f_measure, octave_is_right, settled
from beatwalk.training.ears.validation import PIECE_S, Played, read_set

FEW_STROKES = 8
Decoder = Callable[[Features, Activations], Rhythm]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one piece, or the mean of several; percent, but for false beats."""

    beat_f: float
    cmlt: float
    amlt: float
    downbeat_f: float
    onset_f: float
    kick_f: float  # of drums: where a piece has at least `FEW_STROKES`; else NaN
    snare_f: float
    hat_f: float
    octave: float
    false_beats: float  # a minute where there is no beat; NaN where there is one

    @classmethod
    def mean(cls, scores: Iterable[Scores]) -> Scores:
        """Of each measure over the pieces that have it; NaN where none has."""
        rows = np.array([[getattr(score, field.name) for field in fields(cls)] for score in scores], np.float64)
        known = ~np.isnan(rows)
        sums, counts = np.where(known, rows, 0.0).sum(axis=0), known.sum(axis=0)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return cls(**{field.name: float(mean) for field, mean in zip(fields(cls), means, strict=True)})


def features_of(piece: Played) -> Features:
    """What the rest of the analysis listens to, from the cache where it was computed before."""
    path = piece.song.parent / "features" / f"{piece.song.stem}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as data:
            held = {field.name: data[field.name] for field in fields(Features)}
            return Features(**held | {"duration_s": float(held["duration_s"])})
    features = extract_features(open_audio(piece.song))
    path.parent.mkdir(exist_ok=True)
    arrays: dict[str, Any] = {field.name: getattr(features, field.name) for field in fields(Features)}
    with whole_or_nothing(path) as partial:
        np.savez(partial, **arrays)
    return features


def score_piece(
    piece: Played, features: Features, activations: Activations, decode: Decoder = track_rhythm
) -> Scores:
    """What was found in a piece, against its truth."""
    scores = score_rhythm(piece, decode(features, activations))
    if not len(piece.truth.beats_s):
        return scores
    drums = {f"{name}_f": drum_f(piece, features, activations, name) for name in activations.drums}
    return replace(scores, onset_f=onset_f(piece, features, activations), **drums)


def onset_f(piece: Played, features: Features, activations: Activations, least: float | None = None) -> float:
    """F of the onsets, percent; NaN where a piece has none."""
    true_s = piece.truth.onsets_s
    if not len(true_s):
        return float("nan")
    return 100 * f_measure(find_onsets(features, activations, least).times_s, true_s, ONSET_S)


def drum_f(piece: Played, features: Features, activations: Activations, name: str) -> float:
    """F of one drum's strokes, percent; NaN where a piece has few of them, or none."""
    true_s = getattr(piece.truth, f"{name}s_s")
    if not is_known(true_s) or len(true_s) < FEW_STROKES:
        return float("nan")
    return 100 * f_measure(drum_strokes(features, activations, name).times_s, true_s, ONSET_S)


def score_rhythm(piece: Played, rhythm: Rhythm) -> Scores:
    """Beats and bars against their truth; onsets are not known."""
    truth = piece.truth
    beats_s, true_s = settled(rhythm.beats.times_s), settled(truth.beats_s)
    if not len(truth.beats_s):
        false_beats = len(rhythm.beats.times_s) / (PIECE_S / 60)
        return Scores(**dict.fromkeys(_names(), np.nan) | {"false_beats": false_beats})
    cmlt, amlt = continuity(beats_s, true_s)
    return Scores(
        beat_f=100 * f_measure(beats_s, true_s),
        cmlt=100 * cmlt,
        amlt=100 * amlt,
        downbeat_f=100 * f_measure(settled(rhythm.bars.downbeats_s), settled(truth.downbeats_s)),
        onset_f=np.nan,
        kick_f=np.nan,
        snare_f=np.nan,
        hat_f=np.nan,
        octave=100.0 * octave_is_right(beats_s, true_s),
        false_beats=np.nan,
    )


def _names() -> list[str]:
    return [field.name for field in fields(Scores)]


def evaluate(
    played: Sequence[Played], network: Network | None = None, decode: Decoder = track_rhythm
) -> list[Scores]:
    """The scores of each piece; the network that ships inside unless another one is given."""
    scores = []
    for piece in played:
        features = features_of(piece)
        scores.append(score_piece(piece, features, run_network(features, network), decode))
    return scores


def table(played: Sequence[Played], scores: Sequence[Scores]) -> str:
    """A row for each kind of music, then all."""
    names = {
        "beat_f": "beat F",
        "cmlt": "CMLt",
        "amlt": "AMLt",
        "downbeat_f": "downbeat F",
        "onset_f": "onset F",
        "kick_f": "kick F",
        "snare_f": "snare F",
        "hat_f": "hi-hat F",
        "octave": "octave right",
        "false_beats": "false beats a minute",
    }
    lines = [f"| kind | pieces | {' | '.join(names.values())} |", "|---" * (2 + len(names)) + "|"]
    kinds = sorted({piece.kind for piece in played})
    for kind in [*kinds, ""]:
        chosen = [score for piece, score in zip(played, scores, strict=True) if kind in ("", piece.kind)]
        mean = Scores.mean(chosen)
        cells = " | ".join(_cell(getattr(mean, name)) for name in names)
        lines.append(f"| {kind or 'all'} | {len(chosen)} | {cells} |")
    return "\n".join(lines)


def _cell(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1f}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask for what is listened to, and by which networks."""
    parser.add_argument(
        "--set", type=Path, action="append", required=True, help="folder that beatwalk.training.ears.validation made"
    )
    parser.add_argument("--network", type=read_network, help="weights. Default: those that ship inside")
    for kind in ("bar", "level"):
        parser.add_argument(
            f"--{kind}-network",
            type=read_network,
            action="append",
            default=[],
            help="may be given again. Default: what ships inside",
        )
    parser.add_argument("--every", type=int, default=1, help="listen to every Nth piece only")


def main(argv: list[str] | None = None) -> None:
    """Print the table of a network."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.evaluate", description=main.__doc__)
    add_arguments(parser)
    parser.add_argument("--pieces", action="store_true", help="print a line for each piece as well")
    args = parser.parse_args(argv)
    played = read_set(*args.set)[:: args.every]
    decode = partial(track_rhythm, bar_networks=args.bar_network, level_networks=args.level_network)
    scores = evaluate(played, args.network, decode)
    if args.pieces:
        for piece, score in zip(played, scores, strict=True):
            cells = "  ".join(f"{_cell(getattr(score, name)):>5}" for name in _names())
            about = f"{piece.metre:12} {piece.changes:13} {piece.kind}: {piece.style}"
            print(f"{piece.song.parent.name} {piece.song.stem} {cells}  {about}")
    print(table(played, scores))


if __name__ == "__main__":
    main()
