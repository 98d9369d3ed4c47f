"""``python -m beatwalk.training.ears.bars``: gather examples, train and export the bar network; it resumes."""

from __future__ import annotations

import argparse
from pathlib import Path

from beatwalk.training.ears.bars.net import SHAPES

STAGES = ("gather", "train", "export", "all")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.bars", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, over all runs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished weights")
    parser.add_argument("--work", type=Path, required=True, help="that of beatwalk.training.ears, with its clips")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help="from the checkpoint")
    parser.add_argument("--stage", choices=STAGES, default="all")
    parser.add_argument("--size", choices=sorted(SHAPES), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after N steps instead of minutes")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the chosen stages in order."""
    args = parse(argv)
    import torch

    from beatwalk.training.ears.bars.examples import gather
    from beatwalk.training.ears.bars.train import Job, train
    from beatwalk.training.ears.export import export_as

    torch.set_num_threads(args.threads)
    if args.stage in ("gather", "all"):
        gather(args.work / "set", args.work / "bars")
    if args.stage in ("train", "all"):
        train(
            Job(
                work=args.work,
                minutes=args.minutes,
                seed=args.seed,
                shape=args.size,
                resume=args.resume,
                steps=args.steps,
                rate=args.rate,
            )
        )
    if args.stage in ("export", "all"):
        export_as("bars", args.work, args.out, SHAPES, {"stride": "1"})


if __name__ == "__main__":
    main()
