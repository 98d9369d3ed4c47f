"""The steps of `beatwalk.video.kernels`, by name, for those who must not wait for its compiler.

numba keeps what it compiled until `kernels.py` itself changes; a number that changes here alone has no effect there.
"""

from __future__ import annotations

COLOR, TRAIL, KEEP, GRAIN, VIGNETTE, WHITE, SPLIT = range(7)  # codes
N_PARAMETERS = 32  # of a step, at most
KNEE = 0.6  # linear light above which a raised exposure is rolled off rather than clipped
