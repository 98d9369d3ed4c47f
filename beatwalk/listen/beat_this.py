"""Beat This! (Foscarin, Schlüter & Widmer, 2024) instead of our own tracker, where a person has installed it."""

from __future__ import annotations

import numpy as np

from beatwalk.errors import MissingExtraError, ModelError
from beatwalk.listen.bars import METERS, Bars, bar_lengths
from beatwalk.listen.beats import Beats
from beatwalk.listen.tracking import Rhythm
from beatwalk.types import Audio, frozen_array

_CHECKPOINT = "final0"  # the package's name for its default; it downloads it once
_NEAR_S = 0.02  # a downbeat this close to a beat is that beat


def track_with_beat_this(audio: Audio) -> Rhythm:
    """Track beats and bars with the beat_this package.

    Raises
    ------
    MissingExtraError
        The package is not installed.
    ModelError
        Its weights cannot be loaded.
    """
    try:
        from beat_this.inference import File2Beats
    except ImportError:
        raise MissingExtraError("--tracker beat-this needs beat_this", "beat-this") from None
    try:
        tracker = File2Beats(checkpoint_path=_CHECKPOINT, device="cpu", dbn=False)
    except Exception as error:  # whatever downloading and reading a checkpoint may raise
        reason = f"its weights cannot be loaded ({error})"
        raise ModelError(f"--tracker beat-this: {reason}; use --tracker beatwalk") from error
    times_s, downbeats_s = (np.asarray(part, float) for part in tracker(str(audio.path)))
    times_s = times_s[(times_s >= 0) & (times_s < audio.duration_s)]
    beats = Beats.at(times_s, np.ones(len(times_s)))
    near = np.abs(times_s[:, None] - downbeats_s[None]).min(axis=1, initial=np.inf) < _NEAR_S
    downbeats = np.flatnonzero(near)
    lengths = bar_lengths(downbeats, len(times_s), METERS[0])
    return Rhythm(
        beats=beats,
        bars=Bars(downbeats_s=frozen_array(times_s[downbeats]), beats_per_bar=frozen_array(lengths, np.int64)),
    )
