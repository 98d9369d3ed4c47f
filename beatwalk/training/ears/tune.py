"""The decoder's parameters, chosen on the validation set alone by a script.

``python -m beatwalk.training.ears.tune --set FOLDER [--network FILE]`` looks at one parameter of
`Decoding` after the other, keeps the value that scores best, and goes round again until nothing changes. It prints
every setting that it looked at, so that the card can say how many those were.

Conventions
-----------
- The **score** of a setting is the mean over pieces of beat F, CMLt and downbeat F, less one for each false beat a
  minute in music without a beat; percent.
- A setting must win by `MARGIN` to be taken: the set is small, and what ships stays unless there is reason.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from beatwalk.listen import (
    DECODING,
    Activations,
    Beats,
    Decoding,
    Features,
    Network,
    Pulse,
    Rhythm,
    find_pulse,
    run_network,
    track_beats,
    with_bars,
)
from beatwalk.training.ears.evaluate import Scores, add_arguments, features_of, onset_f, score_rhythm, table
from beatwalk.training.ears.validation import Played, read_set

MARGIN = 0.15
_LEAST_ODDS = tuple(np.arange(-4.0, 2.1, 0.5).tolist())
ROUNDS = 2
_FREE = (9.0, 4.0, 0.0, 8.0, 8.0, 8.0)
GRID: dict[str, tuple[Any, ...]] = {
    "evidence": (0.0, 0.15, 0.3, 0.6, 1.0),
    "downbeat": (0.0, 0.25, 0.5, 0.75, 1.0),
    "bars": (0.25, 0.5, 0.75, 1.0, 1.4),
    "metre_costs": (
        _FREE,
        (12.0, 2.0, 0.0, 12.0, 14.0, 14.0),
        (20.0, 8.0, 0.0, 16.0, 30.0, 20.0),
        (14.0, 4.0, 0.0, 8.0, 8.0, 8.0),
        (5.0, 4.0, 0.0, 8.0, 8.0, 8.0),
        (9.0, 4.0, 0.0, 5.0, 8.0, 5.0),
        (9.0, 2.0, 0.0, 8.0, 8.0, 8.0),
    ),
    "metre_change": (10.0, 16.0, 25.0, 50.0),
    "short_bar": (7.0, 12.0, 20.0, 40.0),
    "low_bpm": (30.0, 40.0, 55.0),
    "tracker_odds": (0.0, 0.35, 0.7, 1.5),
    "centre_bpm": (85.0, 100.0, 120.0),
    "pulse_bonus": (0.5, 1.0, 2.0, 3.0),
    "prior_gain": (0.0, 0.25, 0.5, 1.0),
    "envelope_odds": (0.0, 0.125, 0.25, 0.5),
    "network": (0.7, 1.0, 1.4, 2.0),
    "high_bpm": (215.0, 250.0),
    "change": (0.018, 0.025, 0.035, 0.05),
    "jump_cost": (8.0, 14.0, 20.0),
    "least_level_odds": (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf),
}


BAR_FIELDS = ("metre_costs", "metre_change", "short_bar", "downbeat", "bars", "evidence")


@dataclass(frozen=True, eq=False)
class Heeded:
    """A piece that is ready to be decoded again and again."""

    piece: Played
    features: Features
    activations: Activations
    other: Beats  # of the tracker without a network
    bar_networks: Sequence[Network]
    level_networks: Sequence[Network]
    pulses: dict[Decoding, Pulse]  # beats found before, by setting

    def rhythm(self, decoding: Decoding) -> Rhythm:
        """Beats and bars under a setting; beats are found again only where it changes them."""
        key = replace(decoding, **{name: getattr(DECODING, name) for name in BAR_FIELDS})
        if key not in self.pulses:
            self.pulses[key] = find_pulse(
                self.features,
                self.activations,
                None,
                decoding,
                self.other,
                self.bar_networks,
                self.level_networks,
            )
        return with_bars(self.pulses[key], decoding)


def decoded(songs: Sequence[Heeded], decoding: Decoding) -> list[Scores]:
    """The scores of each piece under a setting."""
    return [score_rhythm(song.piece, song.rhythm(decoding)) for song in songs]


def total(scores: Sequence[Scores]) -> float:
    """What a setting is judged by."""
    mean = Scores.mean(scores)
    false_beats = 0.0 if np.isnan(mean.false_beats) else mean.false_beats
    return (mean.beat_f + mean.cmlt + mean.downbeat_f) / 3 - 0.01 * false_beats


def tune(
    songs: Sequence[Heeded], start: Decoding = DECODING, rounds: int = ROUNDS, names: Sequence[str] = tuple(GRID)
) -> tuple[Decoding, int]:
    """The best setting that coordinate descent over `names` finds, and how many settings it looked at."""
    best, best_total, looked = start, total(decoded(songs, start)), 1
    print(f"{best_total:7.2f}  as it ships", flush=True)
    for _ in range(rounds):
        before = best
        for name in names:
            for value in GRID[name]:
                if value == getattr(best, name):
                    continue
                tried = replace(best, **{name: value})
                reached = total(decoded(songs, tried))
                looked += 1
                taken = reached > best_total + MARGIN
                print(f"{reached:7.2f}  {name} = {value}{'  taken' if taken else ''}", flush=True)
                if taken:
                    best, best_total = tried, reached
        if best == before:
            break
    return best, looked


def tune_onsets(songs: Sequence[Heeded]) -> float:
    """The log odds that an onset must exceed, by the mean F of pieces that have onsets."""
    reached = {least: _onset_f(songs, least) for least in _LEAST_ODDS}
    print("  ".join(f"{least:g}: {f:.1f}" for least, f in reached.items()), "  onset", flush=True)
    return max(reached, key=reached.__getitem__)


def _onset_f(songs: Sequence[Heeded], least: float) -> float:
    found = np.array([onset_f(song.piece, song.features, song.activations, least) for song in songs])
    return float(np.nanmean(found)) if not np.isnan(found).all() else 0.0


def main(argv: list[str] | None = None) -> None:
    """Choose the decoder's parameters and the threshold of onsets, and print what they change."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.tune", description=main.__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--bars", action="store_true", help="look at the parameters of bars alone, which is quick")
    args = parser.parse_args(argv)
    songs = []
    for piece in read_set(*args.set)[:: args.every]:
        features = features_of(piece)
        activations, other = run_network(features, args.network), track_beats(features)
        songs.append(Heeded(piece, features, activations, other, args.bar_network, args.level_network, {}))
    if not args.bars:
        print(f"least odds of onsets: {tune_onsets(songs)}")
    best, looked = tune(songs, rounds=args.rounds, names=BAR_FIELDS if args.bars else tuple(GRID))
    changed = [f"{field.name} = {getattr(best, field.name)}" for field in fields(best)]
    print(f"{looked} settings on {len(songs)} pieces\n" + "\n".join(changed))
    print(table([song.piece for song in songs], decoded(songs, best)))


if __name__ == "__main__":
    main()
