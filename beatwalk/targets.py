"""The table of targets: what the music can drive, and how each of them behaves.

`TARGETS` is the only list of them. Modulation, loops, what `finish` may change and the tables of the documentation
follow from it. A target's key is the path of its setting, such as camera.zoom; the setting is a `Modulation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Literal

Form = Literal["speed", "level", "swing", "angle", "share", "whole"]


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """One target.

    The form says what constants, rules and loops make of it:

    - speed: how fast the walk is; it does not accumulate, and a loop ends quietly;
    - level: a quantity that may accumulate, and comes back in a loop;
    - swing: what accumulates turns back within the setting KEY_range;
    - angle: looks the same again after `period`, so that a loop may end whole periods further;
    - share: a part of something, from 0 to `high`;
    - whole: a number of things, rounded.
    """

    key: str
    form: Form
    unit: str  # as a person reads it; what 1 is
    neutral: float = 0.0  # where a picture stays as it is; settings are added to it
    low: float = -inf
    high: float = inf
    period: float | None = None  # of an angle
    needs_render: bool = False  # frames depend on it: `finish` cannot change it

    @property
    def group(self) -> str:
        """The table of settings that it belongs to."""
        return self.key.partition(".")[0]

    @property
    def setting(self) -> str:
        """Its name within that table."""
        return self.key.partition(".")[2]

    @property
    def name(self) -> str:
        """A short name: that of the setting, or of the table where the setting is only an amount."""
        return self.group if self.setting == "amount" else self.setting


_ALL = (
    TargetSpec(
        key="walk.speed",
        form="speed",
        unit="relative; `walk.pace` says how much perceived change a second speed 1 is",
        low=0.02,  # a walk at speed 0 never arrives
        needs_render=True,
    ),
    TargetSpec(key="camera.zoom", form="swing", unit="octaves; above 0 is closer", low=-8.0, high=8.0),
    TargetSpec(key="camera.rotate", form="angle", unit="degrees, counter-clockwise", period=360.0),
    # A picture that is reflected twice is the same again.
    TargetSpec(key="camera.pan_x", form="angle", unit="picture widths; above 0 looks to the right", period=2.0),
    TargetSpec(key="camera.pan_y", form="angle", unit="picture heights; above 0 looks down", period=2.0),
    TargetSpec(key="color.exposure", form="level", unit="stops", low=-16.0, high=16.0),  # all black to all white
    TargetSpec(key="color.saturation", form="level", unit="added to a factor of 1", neutral=1.0, low=0.0),
    TargetSpec(key="color.hue", form="angle", unit="degrees", period=360.0),
    TargetSpec(
        key="mirror.segments", form="whole", unit="about the middle; 1 mirrors left and right", low=0, high=64
    ),
    TargetSpec(key="tile.count", form="whole", unit="along each side", neutral=1.0, low=1.0, high=32.0),
    TargetSpec(
        key="pixelate.amount", form="share", unit="side of a cell; 1 is the picture's shorter side", low=0.0, high=0.5
    ),
    TargetSpec(
        key="aberration.amount", form="share", unit="between red and blue, in picture widths", low=0.0, high=0.2
    ),
    TargetSpec(
        key="trails.amount",
        form="share",
        unit="the part of the frame before that stays, 0 to 0.95",
        low=0.0,
        high=0.95,  # a larger part would hardly ever fade
    ),
    TargetSpec(key="vignette.amount", form="share", unit="of the corners' light that is lost", low=0.0, high=1.0),
    TargetSpec(key="strobe.amount", form="share", unit="of white that is mixed in", low=0.0, high=1.0),
    TargetSpec(
        key="grain.noise", form="share", unit="deviation, in sRGB of 0 to 1; 0.05 is strong", low=0.0, high=1.0
    ),
)
TARGETS: Mapping[str, TargetSpec] = MappingProxyType({spec.key: spec for spec in _ALL})
# Tables of settings whose targets change finished pictures but not rendered frames.
EFFECT_GROUPS = tuple(dict.fromkeys(spec.group for spec in _ALL if not spec.needs_render))
_KEYS = MappingProxyType({spec.name: spec.key for spec in _ALL})


def key_of(name: str) -> str | None:
    """The key of a target by its short name, such as zoom; None if there is no such target."""
    return _KEYS.get(name)
