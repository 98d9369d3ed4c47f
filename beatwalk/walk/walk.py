"""A plan and a generator, joined: pictures at any position of any segment.

Text is encoded once for the whole plan. The noise of a seed is made once while the walk is near it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from beatwalk.core import load_picture
from beatwalk.errors import ModelError, SettingsError
from beatwalk.models import Array, Generator, MixedText, proceed
from beatwalk.perception import Pictures
from beatwalk.types import Conditioning, Float, ImagePull, Keyframe, Segment, Storyboard
from beatwalk.walk.conditioning import bend_conditioning, mix_conditioning, mix_through
from beatwalk.walk.noise import NoisePath, NoisePosition, noise_along
from beatwalk.walk.segment_path import SegmentPath

NOISES_KEPT = 16  # seeds whose noise is kept in memory; a point of a path needs up to eight


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """Makes the pictures of a plan; `Walk.of` prepares one.

    Noise is cached, but two walks of the same plan give the same pictures.
    """

    plan: Storyboard
    generator: Generator
    size: tuple[int, int]  # width, height in pixels
    steps: int
    guidance: float
    texts: Mapping[str, Conditioning] = field(repr=False)  # prompts and negative prompts, encoded; one row each
    images: Mapping[Path, Array] = field(repr=False)  # latents of picture keyframes
    # What two prompts pass through halfway, where that is not their own mixture; one row each.
    between: Mapping[tuple[str, str], tuple[Conditioning, Conditioning]] = field(default_factory=dict, repr=False)
    # Called between batches; what it raises ends the work.
    check: Callable[[], None] = field(default=proceed, repr=False)
    _noises: OrderedDict[int, Array] = field(default_factory=OrderedDict, init=False, repr=False)

    @classmethod
    def of(cls, *, plan: Storyboard, generator: Generator, size: tuple[int, int]) -> Walk:
        """Encode the prompts and pictures of a plan.

        Parameters
        ----------
        size
            Width, height in pixels, already decided.

        Raises
        ------
        ModelError
            The model cannot make pictures of this size.
        SettingsError
            A video cannot have this size.
        InputError
            The picture of a keyframe cannot be read.
        """
        info, model, keyframes = generator.info, plan.settings.model, plan.keyframes
        check_video_size(size, info.size_multiple, info.name)
        guidance = info.guidance if model.guidance is None else model.guidance
        negatives = [k.negative for k in keyframes] if guidance > 1 else []
        prompts = dict.fromkeys(k.prompt for k in keyframes)
        texts = list(dict.fromkeys([*prompts, *negatives]))
        pairs = dict.fromkeys((a.prompt, b.prompt) for a, b in pairwise(keyframes) if a.prompt != b.prompt)
        between = {pair: halfway for pair in pairs if (halfway := generator.between(*pair)) is not None}
        halfways = [text for halfway in between.values() for text in halfway]
        worded = [generator.worded(text) if text in prompts else text for text in texts]
        encoded = generator.encode([*worded, *halfways])
        rows = [encoded.rows(slice(row, row + 1)) for row in range(len(encoded))]
        images = dict.fromkeys(k.image for k in keyframes if k.image is not None)
        return cls(
            plan=plan,
            generator=generator,
            size=size,
            steps=info.steps if model.steps is None else model.steps,
            guidance=guidance,
            texts=dict(zip(texts, rows[: len(texts)], strict=True)),
            between={
                pair: (rows[len(texts) + 2 * i], rows[len(texts) + 2 * i + 1]) for i, pair in enumerate(between)
            },
            images={image: generator.encode_picture(load_picture(image, size)) for image in images},
        )

    @property
    def probe_steps(self) -> int:
        """Denoising steps of a latent that is previewed and not decoded: the setting's, or half of a frame's."""
        return self.plan.settings.feedback.probe_steps or max(1, self.steps // 2)

    @property
    def bends(self) -> bool:
        """Whether prompts pass keyframes on a spline."""
        return self.plan.settings.walk.spline and self.plan.settings.walk.path != "noise"

    @property
    def change_share(self) -> float:
        """The last share of a segment's path on which the prompt changes, at least; on a spline it never rests."""
        return 1.0 if self.bends else self.plan.settings.walk.change_share

    def looks_alike(self, one: Keyframe, other: Keyframe) -> bool:
        """Whether text and picture are the same at two keyframes, so that only the noise moves between them."""
        negatives = (one.negative, other.negative) if self.guidance > 1 else ("", "")
        texts, pictures = (one.prompt, other.prompt), ((one.image, one.strength), (other.image, other.strength))
        return all(a == b for a, b in (texts, negatives, pictures))

    def prompt_moves(self, segment: Segment) -> bool:
        """Whether text or picture changes within a segment."""
        moves = self.plan.settings.walk.path != "noise"
        return moves and (self.bends or not self.looks_alike(segment.start, segment.end))

    def ends_free(self, segment: Segment) -> bool:
        """Whether a segment need not end anywhere: it is the last one, and nothing but its noise moves."""
        last, moves = segment.index == len(self.plan.segments) - 1, self.plan.settings.walk.path != "prompts"
        return last and moves and segment.end.seed is None and not self.prompt_moves(segment)

    def start(self) -> NoisePosition:
        """Where the noise of the first keyframe lies."""
        return start_of(self.plan)

    def latents_on(self, segment: Segment, path: SegmentPath, alphas: Float) -> Array:
        """Latents at positions `alphas`, shape (n,) → (n, rows, columns, channels)."""
        return self.latents(segment, *self.inputs_on(path, alphas), steps=self.steps)

    def inputs_on(self, path: SegmentPath, alphas: Float) -> tuple[Array, Float]:
        """Noise, shape (n, …), and the progress of the prompt, shape (n,), at positions `alphas`."""
        alphas = path.on_segment(alphas)
        return self.noise_on(path.noise, alphas), path.prompt_progress(alphas)

    def latents(self, segment: Segment, noise: Array, progress: Float, *, steps: int) -> Array:
        """Latents from noise and progress of the prompt, shape (n, rows, columns, channels)."""
        text, negative = self._text(segment, progress)
        return self.generator.latents(
            noise, text, negative, size=self.size, steps=steps, guidance=self.guidance,
            pulls=self._pulls(segment, progress), check=self.check,
        )  # fmt: skip

    def decode(self, latents: Array) -> Pictures:
        """Pictures of latents, on the generator's device."""
        pictures = self.generator.decode(latents, size=self.size, check=self.check)
        if (len(pictures), pictures.size) != (len(latents), self.size):
            raise ModelError(f"{self.generator.info.name} made pictures of {pictures.size}, not {self.size}")
        return pictures

    def _text(self, segment: Segment, progress: Float) -> tuple[MixedText, MixedText | None]:
        """The prompt and, where the model uses it, the negative prompt, at the progress of the prompt."""
        keyframes = self._around(segment) if self.bends else self._ends(segment)
        text = self._mixed([k.prompt for k in keyframes], progress)
        if self.guidance <= 1:
            return text, None
        return text, self._mixed([k.negative for k in keyframes], progress)

    def _mixed(self, texts: Sequence[str], progress: Float) -> MixedText:
        """Mix two texts on a straight line, or four on a spline."""
        if len(texts) == 2:
            start, end = (self.texts[text] for text in texts)
            halfway = self.between.get((texts[0], texts[1]))
            if halfway is not None:
                return mix_through(start, halfway, end, progress)
            return mix_conditioning(start, end, progress)
        before, start, end, after = (self.texts[text] for text in texts)
        return bend_conditioning(before, start, end, after, progress)

    def _around(self, segment: Segment) -> tuple[Keyframe, Keyframe, Keyframe, Keyframe]:
        """The keyframes before, at the start, at the end and after; in a loop, the last comes before the first."""
        keyframes, i = self.plan.keyframes, segment.index
        closed = self.plan.settings.walk.loop
        before = keyframes[i - 1] if i else keyframes[-2 if closed else 0]
        last = i + 2 == len(keyframes)
        after = keyframes[1 if closed else -1] if last else keyframes[i + 2]
        return before, segment.start, segment.end, after

    def _ends(self, segment: Segment) -> tuple[Keyframe, Keyframe]:
        """The keyframes between which a segment's text and pictures change."""
        if self.plan.settings.walk.path == "noise":
            return self.plan.keyframes[0], self.plan.keyframes[0]
        return segment.start, segment.end

    def _pulls(self, segment: Segment, progress: Float) -> list[ImagePull]:
        """Image pulls of the keyframes' pictures, weighted by the progress of the prompt."""
        start, end = self._ends(segment)
        if (start.image, start.strength) == (end.image, end.strength):
            sides = [(start, np.ones(len(progress)))]
        else:
            sides = [(start, 1 - progress), (end, progress)]
        return [
            ImagePull(latents=self.images[side.image], weights=weights, strength=side.strength)
            for side, weights in sides
            if side.image is not None and weights.any()
        ]

    def noise_on(self, path: NoisePath, alphas: Float) -> Array:
        """Noise at positions of a noise path, shape (n, …)."""
        return noise_along(path, alphas, self._noise)

    def _noise(self, seed: int) -> Array:
        if seed not in self._noises:
            self._noises[seed] = self.generator.start_noise(seed, self.size)
            while len(self._noises) > NOISES_KEPT:
                self._noises.popitem(last=False)
        self._noises.move_to_end(seed)
        return self._noises[seed]


def start_of(plan: Storyboard) -> NoisePosition:
    """Where the noise of a plan's first keyframe lies."""
    seed = plan.keyframes[0].seed
    return NoisePosition(origin=plan.settings.seed if seed is None else seed)


def check_video_size(size: tuple[int, int], multiple: int, name: str) -> None:
    """Check that the model can make this width and height and that 4:2:0 video can hold them.

    Raises
    ------
    SettingsError
        The model or the video cannot have this size; the message names the nearest size that works.
    """
    step = int(np.lcm(multiple, 2))
    if any(side < step or side % step for side in size):
        near = "x".join(str(max(step, round(side / step) * step)) for side in size)
        raise SettingsError(f"{name} cannot make {size[0]}x{size[1]}: sides must be multiples of {step}; try {near}")
