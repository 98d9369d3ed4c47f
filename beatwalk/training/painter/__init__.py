"""The painter: draws pictures of known subjects, colours, moods and styles, in batches, on any device.

A picture is described by :class:`Attributes`; :mod:`~beatwalk.training.painter.captions` puts them into words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from beatwalk.training.painter import (
    beasts,
    buildings,
    circles,
    fields,
    figures,
    garden,
    heavens,
    land,
    life,
    lights,
    music,
    parties,
    roads,
    sky,
    streets,
    swimmers,
    waters,
    wings,
)
from beatwalk.training.painter.canvas import Canvas, Layers
from beatwalk.training.painter.color import PALETTES, ramps
from beatwalk.training.painter.finish import MOODS, PLAIN, STYLES, light_up

__all__ = ["COMPOSITIONS", "MOODS", "PALETTES", "SCENES", "STYLES", "SUBJECTS", "Attributes", "paint"]

ABSTRACT: dict[str, Callable[[Canvas], Layers]] = {
    "spiral": circles.spiral,
    "rings": circles.rings,
    "kaleidoscope": circles.kaleidoscope,
    "tunnel": circles.tunnel,
    "mandala": circles.mandala,
    "spirograph": circles.spirograph,
    "ripples": circles.ripples,
    "plasma": fields.plasma,
    "cells": fields.cells,
    "flow": fields.flow_field,
    "fractal": fields.fractal,
    "ink": fields.ink,
    "smoke": fields.smoke,
    "moire": fields.moire,
    "soundwaves": fields.soundwaves,
    "silk": fields.silk,
    "crystal": fields.crystal,
    "hexagons": fields.hexagons,
    "lightning": lights.lightning,
    "grid": lights.neon_grid,
    "particles": lights.particles,
    "lasers": lights.lasers,
    "bokeh": lights.bokeh,
    "bubbles": lights.bubbles,
}
SCENES: dict[str, Callable[[Canvas], Layers]] = {
    "galaxy": sky.galaxy,
    "nebula": sky.nebula,
    "aurora": sky.aurora,
    "storm": sky.storm,
    "clouds": sky.clouds,
    "planet": sky.planet,
    "blackhole": sky.black_hole,
    "fireworks": sky.fireworks,
    "mountains": land.mountains,
    "ocean": land.ocean,
    "desert": land.desert,
    "city": land.city,
    "forest": land.forest,
    "snow": land.snow,
    "volcano": land.volcano,
    "flower": life.flower,
    "jellyfish": life.jellyfish,
    "eye": life.eye,
    "fire": life.fire,
    "tree": life.tree,
    "underwater": life.underwater,
}
DREAMS: dict[str, Callable[[Canvas], Layers]] = {  # what songs are about
    "moon": heavens.moon,
    "sun": heavens.sun,
    "astronaut": heavens.astronaut,
    "rose": garden.rose,
    "mushrooms": garden.mushrooms,
    "butterfly": wings.butterfly,
    "phoenix": wings.phoenix,
    "feather": wings.feather,
    "wolf": beasts.wolf,
    "stag": beasts.stag,
    "whale": swimmers.whale,
    "koi": swimmers.koi,
    "dancer": figures.dancer,
    "skull": figures.skull,
    "neonstreet": streets.neon_street,
    "alley": streets.alley,
    "car": roads.car,
    "train": roads.train,
    "waterfall": waters.waterfall,
    "lighthouse": buildings.lighthouse,
    "castle": buildings.castle,
    "temple": buildings.temple,
    "ship": waters.ship,
    "vinyl": music.vinyl,
    "headphones": music.headphones,
    "cassette": music.cassette,
    "discoball": parties.disco_ball,
    "crowd": parties.crowd,
}
SUBJECTS = ABSTRACT | SCENES | DREAMS

_CENTRED = {
    *("spiral", "rings", "kaleidoscope", "tunnel", "mandala", "spirograph", "particles", "galaxy", "planet"),
    *("blackhole", "flower", "jellyfish", "eye", "moon", "sun", "rose", "butterfly", "phoenix", "skull", "vinyl"),
    *("headphones", "cassette", "discoball"),
}
_ZOOMED = _CENTRED - {"kaleidoscope"} | {  # which always lies in one place, so that it can be learnt
    *("plasma", "cells", "fractal", "ink", "smoke", "silk", "hexagons", "nebula", "koi"),
}
_SIDEWAYS = {
    "astronaut",
    "feather",
    "wolf",
    "stag",
    "whale",
    "koi",
    "dancer",
    "train",
    "lighthouse",
    "temple",
}  # a mirror cuts them in two
COMPOSITIONS: dict[str, set[str]] = {  # which subjects a word makes sense for
    "close": _ZOOMED,
    "far": _ZOOMED,
    "symmetrical": set(SUBJECTS) - _CENTRED - _SIDEWAYS | {"galaxy", "jellyfish", "planet"},
    "many": _CENTRED - {"kaleidoscope", "tunnel", "particles"},
}


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """What a picture shows; ``None`` leaves it to the subject."""

    subject: str
    palette: str
    second: str | None = None
    mood: str | None = None
    style: str | None = None
    composition: str | None = None


def paint(
    wanted: Sequence[Attributes], height: int, width: int, seed: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw one picture for each entry; all entries must share a subject.

    Parameters
    ----------
    height, width
        Size in pixels.
    seed
        The same entries, size, seed and device give the same pictures.

    Returns
    -------
    Tensor
        uint8, shape (len(wanted), height, width, 3).
    """
    subject = wanted[0].subject
    if any(w.subject != subject for w in wanted):
        raise ValueError(f"pictures of one call must share a subject, got {sorted({w.subject for w in wanted})}")
    generator = torch.Generator(device).manual_seed(seed)
    chance = torch.rand((len(wanted), 1, 1), generator=generator, device=generator.device)
    range_ = {"close": (0.5, 0.68), "far": (1.45, 1.9)}
    bounds = torch.tensor([range_.get(w.composition or "", (0.92, 1.1)) for w in wanted], device=generator.device)
    zoom = bounds[:, 0].view(-1, 1, 1) + chance * (bounds[:, 1] - bounds[:, 0]).view(-1, 1, 1)
    if subject not in _ZOOMED:
        zoom = torch.ones_like(zoom)
    c = Canvas(len(wanted), height, width, generator, zoom)
    layers = SUBJECTS[subject](c)
    layers = _compose(layers, [w.composition for w in wanted])
    first = ramps([w.palette for w in wanted], generator)
    second = ramps([w.second or PALETTES[w.palette].partner or w.palette for w in wanted], generator)
    moods = [MOODS[w.mood] if w.mood else PLAIN for w in wanted]
    image = light_up(c, layers, first, second, moods, [PALETTES[w.palette].spin for w in wanted])
    for style in sorted({w.style for w in wanted if w.style}):
        index = torch.tensor([i for i, w in enumerate(wanted) if w.style == style], device=generator.device)
        part = Canvas(len(index), height, width, generator, zoom[index])
        image[index] = STYLES[style](part, image[index]).to(image.dtype)
    return (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _compose(layers: Layers, words: list[str | None]) -> Layers:
    """Mirror or repeat the pictures whose composition asks for it."""
    if not {"symmetrical", "many"} & set(words):
        return layers

    def apply(image: Tensor) -> Tensor:
        image = image.clone()
        width = image.shape[-1]
        for i, word in enumerate(words):
            if word == "symmetrical":
                half = image[i, :, : (width + 1) // 2]
                image[i] = torch.cat((half, half.flip(-1)[:, width % 2 :]), -1)
            elif word == "many":
                image[i] = _repeat(image[i], 2 + i % 2)
        return image

    return replace(layers, **{name: apply(x) for name, x in vars(layers).items() if x is not None})


def _repeat(image: Tensor, times: int) -> Tensor:
    """The picture (height, width) shrunk and laid ``times`` by ``times``, every other one mirrored."""
    height, width = image.shape
    small = torch.nn.functional.interpolate(
        image[None, None], (-(-height // times), -(-width // times)), mode="bilinear", antialias=True
    )[0, 0]
    rows = []
    for row in range(times):
        line = [small.flip(-1) if (row + col) % 2 else small for col in range(times)]
        rows.append(torch.cat(line, -1))
    return torch.cat(rows, -2)[:height, :width]
