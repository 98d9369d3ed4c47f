"""Every constant of the walk in one place, each with its evidence.

"By hand" means: chosen by hand on nano with the example song, by the evenness of motion (deviation of measured /
target change) and its correlation with the music, not derived. `tests/benchmarks/derive_tuning.py` derives what can
be derived and prints it beside the constant.

Conventions
-----------
- Perceived change, distance and length are in OKLab units, as in `beatwalk.perception.change`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class WalkTuning:
    """Constants of the arc-length map, latent preview, calibration, survey, lookahead, controller, map correction."""

    # Arc-length map
    min_gap: float = 1e-6  # change: two probes that look the same are still in order; far below what 8 bits show
    chord_limit: float = 0.9  # of the farthest: larger chords say only that the path was long; by hand

    # Latent preview
    # Weight of small coefficients against a small error, where pictures leave some undecided. The error is the same
    # from 1e-6 to 1e-2 (nano and a tiny model, derive_tuning), and a tenth larger at 1e-1.
    ridge: float = 1e-3
    # Weight of small changes from the song's coefficients, where a segment's own pictures fit them again. From 4 and
    # from 9 pictures, the error along the segment is the same from 1e-3 to 3e-2, a tenth larger at 1e-1 (3 segments).
    refit_ridge: float = 1e-2

    # Calibration of the song
    # Seeds by which noise is moved to measure its speed: so few that the chord is the arc, so many that rounding does
    # not count. Change a seed is 0.33 from 0.0125 to 0.2 with nano (derive_tuning).
    nudge_travel: float = 0.05
    fitted_part: float = 0.13  # of the cost of all probes goes into pictures that fit the latent preview; by hand
    min_fitted: int = 4  # such pictures; by hand
    max_fitted: int = 16  # such pictures; by hand
    still: float = 1e-4  # change from probe to probe below which nothing moves, so that ratios tell nothing; by hand
    prior_chords: int = 1  # for how many chords the song's ratio counts in a segment's; by hand, from 2

    # Pilot
    # Of the travel that the pilot predicts, this part is fixed by a segment's ends; its survey adds the rest as a
    # detour. What surveys choose is 0.35 to 1.7 times the prediction (36 segments of three songs, nano).
    fixed_travel: float = 0.4
    # Segments whose prompts are previewed together: each chunk costs one preview more than its segments alone, a
    # sixteenth here, and that many can be measured at once elsewhere. It must not depend on who measures.
    chunk: int = 8

    # Survey
    chord: float = 0.015  # length between neighbouring latent previews that is aimed at if they suffice; by hand
    max_unseen: float = 0.5  # of a path, between previews, is believed to be missed at most; by hand
    doubted: int = 4  # comparisons at which half of the missed part is believed: fewer tell little; by hand
    min_previews: int = 9  # of a path; by hand
    fewest_previews: int = 4  # of a path that has few frames; by hand
    frames_a_preview: int = 6  # at least, below `min_previews`, so that short segments are surveyed cheaply; by hand
    first_share: float = 0.35  # of the previews measure the guessed path, where others are left for the next; by hand
    compared_part: float = 0.4  # of the cost of a segment's probes goes into pictures to compare with; by hand
    min_compared: int = 3  # such pictures; fewer are not worth it; by hand
    max_compared: int = 12  # such pictures; by hand
    max_travel_a_frame: float = 0.5  # seeds; beyond this, neighbouring frames have nothing to do with each other
    least_noise: float = 0.5  # of the wanted length is the noise's part on the guessed path, at least; by hand
    max_stretch: float = 2.5  # of a path that is too short, at a time: what a longer one passes is unknown; by hand
    # A path's length by n latent previews has a log error of 7/n²: 0.15 by 7, 0.055 by 12, 0.033 by 16, 0.018 by 20,
    # and not much less by more (36 segments of three songs, nano).
    length_error: float = 7.0
    least_error: float = 0.02  # of a path's length by many previews (the same segments)
    enough_previews: int = 20  # so many see nearly all of a path (the same segments)
    prompt_error: float = 0.15  # log error of the length of a prompt's change, which has 3 or 5 previews; by hand
    speed_error: float = 0.3  # log error of the song's noise speed in a segment; by hand
    # A free end has a path so many times as long as what is walked of it. Lengths found are 0.73 to 1.25 times the
    # real ones (48 segments of four songs, nano), and beyond the end there would be nothing to walk on.
    spare: float = 1.4
    refit: tuple[float, float] = (0.97, 1.03)  # length found / wanted outside which travel is chosen again; by hand

    # Lookahead
    # Change between samples, at least. Halfway between two so far apart, a straight line's picture and a denoised one
    # differ by 0.0018, as at half the distance: that is half precision's rounding (nano, 51 dB; fine detail -0.7 %).
    sample_spacing: float = 0.016
    # By so much the change that samples show of a path, and frames as far apart as samples, is shorter than the path.
    # Measured with an earlier nano and samples half as far apart. Today (derive_tuning, nano) frames lose 0.04 and
    # samples 0.12 in bfloat16, whose rounding counts as a part of the path; in float32 they lose 0.03 and 0.014.
    corner_loss: float = 0.1

    # Controller
    batch: int = 4  # samples are made at least N at a time; by hand
    lead: float = 3.0  # change that samples go ahead: mostly to a segment's end, where memory allows; by hand
    at_a_time: int = 48  # samples or previews at most, so that events and cancelling do not wait long; by hand
    first_samples: int = 16  # before a segment's first frames, so that they do not wait long
    first_frames: int = 4  # those frames; few, because they are placed before the path is known
    growth: int = 4  # times as many samples may be made before the next frames; by hand
    wide: float = 2.5  # times the wanted spacing: there the picture jumps, and a sample between is needed; by hand
    finest: int = 8  # samples a frame, at most, where the picture jumps; by hand
    decoded_spacing: float = 0.1  # change between decoded samples: pictures so near are far from unrelated
    farthest_decoded: float = 0.3  # at most; farther apart, pictures are nearly unrelated
    frames_a_decoded: int = 12  # at least, because decoding is expensive: at most a twelfth more pictures are decoded
    doubt: float = 0.5  # at a segment's beginning, of a length that contradicts the map; by hand, from 0.2
    memory: float = 2.5  # frames after which, at gain 1, two thirds of the present ratio are learned; by hand, from 4
    mean_memory: float = 25.0  # the same for the mean ratio; by hand, from 30
    fade: float = 0.05  # change after which the present deviation has faded to a third; by hand, from 0.15
    newton: int = 6  # steps of the inverse, which is smooth and nearly straight: exact to 1e-6 (tested)

    # Map correction
    max_correction: float = 4.0  # a length or change that is wrong by a larger factor is not believed; by hand
    common: float = 0.01  # deviation of a map's log error that holds for the whole segment; by hand, from 0.05
    local: float = 0.2  # deviation of a map's log error from position to position; by hand
    noise: float = 0.1  # deviation of the log error of a measured step; by hand
    reach: float = 0.7  # spacings of the map's points over which the local part fades; by hand
    remembered: int = 48  # steps whose errors count, a bound on the cost; by hand
    ahead_points: int = 25  # of the corrected map over four reaches, where the correction bends it; by hand


TUNING = WalkTuning()
