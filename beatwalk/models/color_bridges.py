"""The colour between two others: a walk from red to cyan passes through violet, not through grey.

Mixtures of text turn opposite colours into grey, as mixtures of paint do. Where two prompts name one colour each and
these lie on opposite sides of the colour circle, the walk passes through a third colour that lies beside both.

`COLORS` are the mean hues and chromas in OKLab of nano's pictures of silk, a galaxy and an ocean in each colour
(256x256, seeds 0 to 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

COLORS: Mapping[str, tuple[float, float]] = MappingProxyType(  # hue in degrees, chroma
    {
        "red": (20.3, 0.116), "crimson": (10.1, 0.097), "copper": (40.5, 0.059), "orange": (55.4, 0.075),
        "amber": (72.1, 0.066), "gold": (86.2, 0.067), "yellow": (110.5, 0.084), "lime": (126.0, 0.093),
        "green": (148.1, 0.102), "emerald": (162.8, 0.077), "teal": (189.3, 0.061), "cyan": (208.8, 0.062),
        "azure": (246.6, 0.082), "blue": (266.5, 0.147), "indigo": (284.2, 0.125), "violet": (294.4, 0.147),
        "purple": (308.1, 0.142), "magenta": (327.8, 0.153), "pink": (353.4, 0.065),
    }
)  # fmt: skip
_GREY = 0.5  # a mixture is grey where its chroma falls below this part of the weaker end's


def color_between(one: str, other: str) -> str | None:
    """Choose the colour through which to go from one to another; None where the straight way stays colourful."""
    if one not in COLORS or other not in COLORS:
        return None
    straight = _least_chroma(one, other)
    if straight >= _GREY * min(COLORS[one][1], COLORS[other][1]):
        return None
    through = {name: min(_least_chroma(one, name), _least_chroma(name, other)) for name in COLORS}
    best = max(through, key=lambda name: through[name])
    return best if through[best] > straight else None


def _least_chroma(one: str, other: str) -> float:
    """The least chroma on the straight line between two colours: its distance from grey."""
    a, b = (COLORS[name][1] * np.exp(1j * np.deg2rad(COLORS[name][0])) for name in (one, other))
    along = b - a
    if abs(along) < 1e-9:
        return float(abs(a))
    t = float(np.clip(-(a * np.conj(along)).real / abs(along) ** 2, 0, 1))
    return float(abs(a + t * along))
