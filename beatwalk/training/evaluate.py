"""``python -m beatwalk.training.evaluate``: nano against the painter, on prompts and seeds that training never saw.

Prints JSON; every share is 0–1. The painter's own pictures of the same attributes are the mark. Without ``--model``
the painter alone is judged: with what the evaluation asks for, and with all that it can be asked for.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline

from beatwalk.models import PromptReader
from beatwalk.training.__main__ import cache_folder
from beatwalk.training.autoencoder import to_float
from beatwalk.training.classifier import PALETTE_NAMES, SUBJECT_NAMES, Judge, classes, load_judge, shrink, train_judge
from beatwalk.training.gallery import kept, paint_block
from beatwalk.training.measures import HUES, LATTICES, fine_detail, hue_error, lattice, spread
from beatwalk.training.models import HISTORY, SIZES
from beatwalk.training.painter import SUBJECTS, Attributes, paint
from beatwalk.training.painter.captions import NATURAL, caption, draw_attributes, plain
from beatwalk.training.prompts import people
from beatwalk.training.sheet import sheet
from beatwalk.training.stage import Job
from beatwalk.training.strangers import anything, strangers

UNSEEN = 9_000_000  # seeds from here on are never used by the training set
WIDE = ((768, 512), (512, 768), (1024, 512), (1024, 576), (640, 384))  # 640x360 is cut from the last one
WALKS = (
    ("a golden city at night", "a blue ocean at sunset"),
    ("violet galaxy", "red flower"),
    ("green forest, misty", "orange spiral"),
    ("cyan crystals", "fire"),
)
PEOPLE_WALKS = 12  # between prompts in people's manner


class Painter4:
    """The shipped pipeline as prompts → pictures."""

    def __init__(self, folder: Path, steps: int, device: str) -> None:
        # the CPU has fast bfloat16; float16 is only how the weights lie on disk
        self.pipe = DiffusionPipeline.from_pretrained(folder, dtype=torch.bfloat16).to(device)
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.vae.to(memory_format=torch.channels_last)
        self.steps, self.device = steps, device
        history = folder / HISTORY
        told = json.loads(history.read_text(encoding="utf-8")) if history.exists() else {}
        self.subjects: list[str] = told.get("subjects", list(SUBJECTS))  # those that it was trained on

    def encode(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings and masks, padded to a common length."""
        tokens = self.pipe.tokenizer(texts, padding="longest", truncation=True, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            return self.pipe.text_encoder(**tokens)[0], tokens.attention_mask

    def noise(self, seeds: list[int], frame: tuple[int, int] = (512, 512)) -> torch.Tensor:
        """One start per seed for pictures of a height and width."""
        edges = [side // self.pipe.vae_scale_factor for side in frame]
        shape = (self.pipe.transformer.config.in_channels, *edges)
        rows = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
        return torch.stack(rows).to(self.device)

    def paint(self, embeds: torch.Tensor, mask: torch.Tensor, noise: torch.Tensor) -> np.ndarray:
        """uint8 pictures, shape (n, height, width, 3)."""
        out = []
        factor = self.pipe.vae_scale_factor
        for start in range(0, len(noise), 8):
            part = slice(start, start + 8)
            images = self.pipe(
                prompt_embeds=embeds[part],
                prompt_attention_mask=mask[part],
                latents=noise[part],
                height=noise.shape[-2] * factor,
                width=noise.shape[-1] * factor,
                guidance_scale=1.0,
                num_inference_steps=self.steps,
                use_resolution_binning=False,
                complex_human_instruction=None,
                output_type="pt",
            ).images
            out.append((images.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        return np.concatenate(out)


def _judge(judge: Judge, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with torch.inference_mode():
        subject, palette, features = judge(shrink(pictures))
    return subject.argmax(1).numpy(), palette.argmax(1).numpy(), features.numpy()


def _mark_one(wanted: Attributes, number: int) -> np.ndarray:
    return paint([wanted], 512, 512, UNSEEN + number).numpy()


def _mark(wanted: list[Attributes]) -> np.ndarray:
    return np.concatenate([_mark_one(w, i) for i, w in enumerate(wanted)])


def _ask(count: int, seed: int, subjects: list[str]) -> list[Attributes]:
    """What pictures are asked for: a subject, a colour, at times a mood."""
    rng = random.Random(seed)
    wanted = [draw_attributes(subjects[i % len(subjects)], rng) for i in range(count)]
    return [Attributes(subject=w.subject, palette=w.palette, mood=w.mood) for w in wanted]


def painter(judge: Judge, count: int) -> dict[str, Any]:
    """How well the judge knows the painter's pictures, and what it takes for what.

    ``all``: with second colours, styles and compositions too.
    """
    rng = random.Random(UNSEEN + 2)
    names = list(SUBJECTS)
    asked = {
        "asked": _ask(count, UNSEEN, names),
        "all": [draw_attributes(names[i % len(names)], rng) for i in range(count)],
    }
    figures: dict[str, Any] = {}
    for name, wanted in asked.items():
        seen = [_judge(judge, _mark_one(w, i)) for i, w in enumerate(wanted)]
        subjects = [SUBJECT_NAMES[int(s[0])] for s, _, _ in seen]
        palettes = [PALETTE_NAMES[int(p[0])] for _, p, _ in seen]
        for what, found, truth in (
            ("subject", subjects, [w.subject for w in wanted]),
            ("colour", palettes, [w.palette for w in wanted]),
        ):
            pairs = Counter(f"{t} as {f}" for t, f in zip(truth, found, strict=True) if t != f)
            figures[f"{name}_{what}"] = 1 - sum(pairs.values()) / count
            figures[f"{name}_{what}_mistaken"] = dict(pairs.most_common(12))
    return figures


def hits(nano: Painter4, judge: Judge, count: int) -> dict[str, Any]:
    """Asked subject and colour found, fine detail, how much of it is a lattice, and per-subject misses."""
    wanted = _ask(count, UNSEEN, nano.subjects)
    rng = random.Random(UNSEEN)
    texts = [plain(w) if i % 3 == 0 else caption(w, rng, coloured=True) for i, w in enumerate(wanted)]
    made = nano.paint(*nano.encode(texts), nano.noise([UNSEEN + i for i in range(count)]))
    subject, palette, _ = _judge(judge, made)
    mark = _mark(wanted)
    mark_subject, mark_palette, _ = _judge(judge, mark)
    want_s = np.array([SUBJECT_NAMES.index(w.subject) for w in wanted])
    want_p = np.array([PALETTE_NAMES.index(w.palette) for w in wanted])
    missed = sorted({w.subject for w, s, t in zip(wanted, subject, want_s, strict=True) if s != t})
    return {
        "subject": float((subject == want_s).mean()),
        "colour": float((palette == want_p).mean()),
        "painter_subject": float((mark_subject == want_s).mean()),
        "painter_colour": float((mark_palette == want_p).mean()),
        "fine_detail": fine_detail(made) / fine_detail(mark),
        "lattice": {period: lattice(made, period) for period in LATTICES},
        "painter_lattice": {period: lattice(mark, period) for period in LATTICES},
        "subjects_missed": missed,
    }


def frames(nano: Painter4, judge: Judge, count: int) -> dict[str, dict[str, float]]:
    """Asked subject and colour found in pictures that are not square, ``count`` of each size, by width x height."""
    result = {}
    for turn, (width, height) in enumerate(WIDE):
        names = nano.subjects[turn::2]
        wanted = _ask(count, UNSEEN + 10 + turn, names)
        made = nano.paint(
            *nano.encode([plain(w) for w in wanted]), nano.noise([UNSEEN + i for i in range(count)], (height, width))
        )
        subject, palette, _ = _judge(judge, made)
        truth = classes(wanted).numpy()
        result[f"{width}x{height}"] = {
            "subject": float((subject == truth[:, 0]).mean()),
            "colour": float((palette == truth[:, 1]).mean()),
        }
    return result


def variety(nano: Painter4, judge: Judge, seeds: int = 6) -> float:
    """Spread between seeds of the same prompt, as a share of the painter's."""
    ours, theirs = [], []
    for i, (subject, colour) in enumerate(
        (("galaxy", "violet"), ("city", "blue"), ("plasma", "red"), ("flower", "gold"))
    ):
        wanted = [Attributes(subject=subject, palette=colour)] * seeds
        embeds, mask = nano.encode([plain(wanted[0])] * seeds)
        made = nano.paint(embeds, mask, nano.noise([UNSEEN + 100 * i + s for s in range(seeds)]))
        ours.append(spread(_judge(judge, made)[2]))
        mark = paint(wanted, 512, 512, UNSEEN + i).numpy()
        theirs.append(spread(_judge(judge, mark)[2]))
    return float(np.mean(ours) / np.mean(theirs))


def hues(nano: Painter4) -> dict[str, float]:
    """Share of pictures whose mean hue lies within 40 degrees of the word's, for each word and over all."""
    result = {}
    for word in HUES:
        texts = [f"{word} {noun}" for noun in ("galaxy", "mountains", "spiral", "jellyfish", "crystals", "ocean")]
        made = nano.paint(*nano.encode(texts), nano.noise([UNSEEN + i for i in range(len(texts))]))
        result[word] = float(np.mean([hue_error(p, word) <= 40 for p in made]))
    return result | {"all": float(np.mean(list(result.values())))}


def walks(
    nano: Painter4, pairs: Sequence[tuple[str, str]] = WALKS, frames: int = 7
) -> tuple[float, list[np.ndarray]]:
    """Detail in the middle of walks between two prompts as a share of the ends', and the frames."""
    shares: list[float] = []
    strips: list[np.ndarray] = []
    t = torch.linspace(0, 1, frames)
    for i, ends in enumerate(pairs):
        embeds, mask = nano.encode(list(ends))
        noise = nano.noise([UNSEEN + 2 * i, UNSEEN + 2 * i + 1]).float()
        w = t.view(-1, 1, 1).to(embeds)
        between = embeds[:1] * (1 - w) + embeds[1:] * w
        angle = (t * torch.pi / 2).view(-1, 1, 1, 1)
        path = noise[:1] * torch.cos(angle) + noise[1:] * torch.sin(angle)
        both = mask.amax(0, keepdim=True).expand(frames, -1)
        strip = nano.paint(between, both, path)
        middle, last = frames // 2, frames - 1
        shares.append(fine_detail(strip[middle : middle + 1]) / fine_detail(strip[[0, last]]))
        strips.extend(strip)
    return float(np.mean(shares)), strips


def reconstruction(nano: Painter4, work: Path, count: int = 90) -> float:
    """Mean PSNR in dB of the shipped autoencoder on held-out pictures: many, for they differ by 20 dB."""
    paint_block(work / "set", 0, SIZES["full"], nano.device)  # unless the training left it there
    values = []
    for picture in kept(work / "set", count):
        x = to_float(torch.from_numpy(picture[None]), nano.device)
        with torch.inference_mode():
            y = nano.pipe.vae.decode(nano.pipe.vae.encode(x.to(torch.bfloat16)).latent).sample.float()
        values.append(float(-10 * torch.log10((((y.clamp(-1, 1) - x) / 2) ** 2).mean())))
    return float(np.mean(values))


def main(argv: list[str] | None = None) -> None:
    """Measure a finished model folder."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.evaluate", description=__doc__)
    parser.add_argument(
        "--model", type=Path, help="folder of the finished model; without it the painter alone is judged"
    )
    parser.add_argument("--work", type=Path, default=cache_folder(), help="painted pictures and the classifier")
    parser.add_argument("--train-minutes", type=float, default=0.0, help="train the classifier first")
    parser.add_argument("--count", type=int, default=90, help="pictures for the hit rates")
    parser.add_argument(
        "--people", type=int, default=0, help="judge so many prompts in people's manner, nothing else"
    )
    parser.add_argument("--texts", type=int, default=0, help="judge pictures for so many texts of any kind, likewise")
    parser.add_argument(
        "--subjects", help="of people's prompts, with commas. Default: all that the model was trained on"
    )
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument(
        "--sheets", type=Path, help="folder for sheets of 64 prompts, four walks, other sizes and all subjects"
    )
    args = parser.parse_args(argv)
    if args.train_minutes:
        train_judge(Job(work=args.work, minutes=args.train_minutes, device=args.device, size=SIZES["full"]))
    judge = load_judge(args.work)
    if args.model is None:
        print(json.dumps(painter(judge, args.count), indent=2))
        return
    nano = Painter4(args.model, args.steps, args.device)
    if args.people or args.texts:
        print(json.dumps(unplanned(nano, judge, args), indent=2, ensure_ascii=False))
        return
    figures = hits(nano, judge, args.count)
    figures["frames"] = frames(nano, judge, max(8, args.count // 6))
    figures["variety"] = variety(nano, judge)
    figures["hue"] = hues(nano)
    figures["walk_detail"], strips = walks(nano)
    figures["psnr_db"] = reconstruction(nano, args.work)
    print(json.dumps(figures, indent=2))
    if args.sheets:
        sheet(strips, args.sheets / "walks.png", len(strips) // len(WALKS), side=256)
        rng = random.Random(UNSEEN + 1)
        wanted = [draw_attributes(nano.subjects[i % len(nano.subjects)], rng) for i in range(64)]
        texts = [caption(w, rng) for w in wanted]
        made = nano.paint(*nano.encode(texts), nano.noise([UNSEEN + i for i in range(64)]))
        sheet(list(made), args.sheets / "prompts.png", 8, texts, side=256)
        other = [p for i, size in enumerate(WIDE) for p in _row(nano, texts[8 * i : 8 * i + 8], size)]
        sheet(other, args.sheets / "frames.png", 8, texts[: 8 * len(WIDE)], side=256)
        pairs, names = subjects(nano)
        sheet(pairs, args.sheets / "subjects.png", 6, names, side=208)


def unplanned(nano: Painter4, judge: Judge, args: argparse.Namespace) -> dict[str, Any]:
    """What comes of people's own words, and of texts that say nothing."""
    reader = PromptReader.of(args.model)
    if reader is None:
        raise FileNotFoundError(
            f"no words.json in {args.model}: run python -m beatwalk.training.vocabulary --out there"
        )

    def draw(texts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        return nano.paint(*nano.encode(list(texts)), nano.noise(list(seeds)))

    def found(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _judge(judge, pictures)[:2]

    figures: dict[str, Any] = {}
    if args.people:
        names = args.subjects.split(",") if args.subjects else nano.subjects
        figures["people"] = strangers(draw, found, reader, args.people, UNSEEN + 1000, names)
        asked = [reader.read(one.text).text for one in people(2 * PEOPLE_WALKS, UNSEEN + 2000, names)]
        figures["people_walk_detail"], strips = walks(nano, list(zip(asked[::2], asked[1::2], strict=True)))
        if args.sheets:
            sheet(strips, args.sheets / "people-walks.png", len(strips) // PEOPLE_WALKS, side=192)
            typed = people(64, UNSEEN + 3000, names)
            made = draw([reader.read(one.text).text for one in typed], [UNSEEN + i for i in range(64)])
            sheet(list(made), args.sheets / "people.png", 8, [one.text for one in typed], side=256)
    if args.texts:
        figures["texts"] = anything(draw, reader, args.texts, UNSEEN + 5000)
    return figures


def subjects(nano: Painter4) -> tuple[list[np.ndarray], list[str]]:
    """Every subject in its natural colour, the painter's picture and nano's side by side; and what was asked for."""
    wanted = [Attributes(subject=name, palette=NATURAL[name][0]) for name in nano.subjects]
    texts = [plain(w) for w in wanted]
    made = nano.paint(*nano.encode(texts), nano.noise([UNSEEN + i for i in range(len(texts))]))
    return [np.concatenate(pair, axis=1) for pair in zip(_mark(wanted), made, strict=True)], texts


def _row(nano: Painter4, texts: list[str], size: tuple[int, int]) -> list[np.ndarray]:
    """Pictures of a width and height."""
    return list(nano.paint(*nano.encode(texts), nano.noise([UNSEEN + i for i in range(len(texts))], size[::-1])))


if __name__ == "__main__":
    main()
