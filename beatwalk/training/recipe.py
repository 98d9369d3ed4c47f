"""Which stages are trained, in which order, and for how long.

A module of its own because training processes find `train` by its module's name, which `__main__` does not have in
them.
"""

from __future__ import annotations

import argparse

from beatwalk.training.autoencoder import train_autoencoder
from beatwalk.training.decoder import train_decoder
from beatwalk.training.few import train_few
from beatwalk.training.flow import train_flow
from beatwalk.training.models import SIZES
from beatwalk.training.stage import Job
from beatwalk.training.words import train_words

SHARES = {"autoencoder": 0.25, "words": 0.03, "flow": 0.5, "few": 0.14, "decoder": 0.08}  # of the minutes


def job(args: argparse.Namespace, stage: str) -> Job:
    """What a stage is told, with its part of the minutes."""
    share = 1.0 if args.stage == stage else SHARES.get(stage, 0.0)
    return Job(
        work=args.work,
        minutes=(args.minutes or 0.0) * share,
        device=args.device,
        size=SIZES[args.size],
        seed=args.seed,
        compile=not args.no_compile,
        resume=args.resume,
        steps=args.steps if args.stage == stage else None,
    )


def train(args: argparse.Namespace) -> None:
    """The stages that several processes share."""
    for stage, run in (
        ("autoencoder", train_autoencoder),
        ("words", train_words),
        ("flow", train_flow),
        ("few", train_few),
        ("decoder", train_decoder),
    ):
        if args.stage in (stage, "all"):
            run(job(args, stage))
