"""``python -m beatwalk.training.ears.bars``: gather examples, train and export the bar network; it resumes.

``--work`` is the folder that `beatwalk.training.ears` rendered its clips in.
"""

from __future__ import annotations

import argparse

from beatwalk.training.ears.__main__ import add_arguments
from beatwalk.training.ears.bars.net import SHAPES

STAGES = ("gather", "train", "export", "all")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears.bars", description=__doc__)
    add_arguments(parser, STAGES, SHAPES)
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
