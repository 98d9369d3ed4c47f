"""``python -m beatwalk.training.ears``: compose, render, train and export the ears with one command."""

from __future__ import annotations

import argparse
from pathlib import Path

from beatwalk.training.ears.net import SHAPES

STAGES = ("render", "train", "export", "all")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="training time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished weights")
    parser.add_argument("--work", type=Path, required=True, help="clips, checkpoint, log")
    parser.add_argument("--clips", type=int, default=900, help="performances to compose and render")
    parser.add_argument("--clip-seconds", type=float, default=40.0)
    parser.add_argument(
        "--soundfont",
        type=Path,
        action="append",
        default=[],
        help="General MIDI .sf2 for FluidSynth, may be given again; without: own synthesis only",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --work")
    parser.add_argument("--stage", choices=STAGES, default="all")
    parser.add_argument("--size", choices=sorted(SHAPES), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after so many steps instead of minutes")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the chosen stages in order."""
    args = parse(argv)
    import torch

    from beatwalk.training.ears.clips import write_set
    from beatwalk.training.ears.export import export
    from beatwalk.training.ears.train import Job, train

    torch.set_num_threads(args.threads)
    if args.stage in ("render", "all"):
        write_set(args.work / "set", args.clips, args.seed, args.soundfont, args.clip_seconds)
    if args.stage in ("train", "all"):
        train(
            Job(
                work=args.work,
                minutes=args.minutes,
                seed=args.seed,
                shape=args.size,
                resume=args.resume,
                steps=args.steps,
                crop_s=min(24.0, args.clip_seconds / 1.2),
            )
        )
    if args.stage in ("export", "all"):
        export(args.work, args.out)


if __name__ == "__main__":
    main()
