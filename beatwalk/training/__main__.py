"""``python -m beatwalk.training``: paint, train, distil and export nano with one command."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from beatwalk.training import parallel
from beatwalk.training.adopt import adopt
from beatwalk.training.export import export
from beatwalk.training.gallery import BLOCK, paint_block
from beatwalk.training.models import SIZES
from beatwalk.training.recipe import job, train

STAGES = ("paint", "autoencoder", "words", "flow", "few", "decoder", "export")


def cache_folder() -> Path:
    """Where pictures and checkpoints lie unless ``--work`` says otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(base) / "beatwalk" / "training"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training", description=__doc__)
    parser.add_argument("--minutes", type=float, help="training time in all stages together")
    parser.add_argument(
        "--steps", type=int, help="of the one stage, instead of minutes: beside other work, minutes say little"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished model")
    parser.add_argument("--work", type=Path, default=cache_folder(), help="pictures, checkpoints, logs, sheets")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in --work")
    parser.add_argument(
        "--start", type=Path, help="go on from this finished model, where --work has no checkpoints (means --resume)"
    )
    parser.add_argument(
        "--stage", choices=[*STAGES, "all"], default="all", help="run one stage; all minutes are its own"
    )
    parser.add_argument("--pictures", type=int, default=10_000, help="pictures to paint, at least")
    parser.add_argument("--size", choices=sorted(SIZES), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-compile", action="store_true", help="skip torch.compile")
    parser.add_argument("--processes", type=int, help="training processes (CPU: one a core, at most 2; CUDA: 1)")
    args = parser.parse_args(argv)
    if args.steps is not None and args.stage not in STAGES[1:-1]:
        parser.error("--steps needs --stage, with a stage that trains")
    if args.minutes is None and args.steps is None and args.stage not in ("paint", "export"):
        parser.error("say how long it may train: --minutes, or --steps with --stage")
    args.resume = args.resume or args.start is not None
    return args


def main(argv: list[str] | None = None) -> None:
    """Run the chosen stages in order."""
    args = parse(argv)
    size = SIZES[args.size]
    if args.start:
        adopt(job(args, "adopt"), args.start)
    if args.stage in ("paint", "all"):
        for number in range(1 + -(-args.pictures // BLOCK)):  # the first block is kept for measuring
            paint_block(args.work / "set", number, size, args.device)
    if args.stage in (*STAGES[1:-1], "all"):
        cores = os.cpu_count() or 1
        processes = args.processes or (min(2, cores) if args.device == "cpu" else 1)
        parallel.launch(processes, max(1, cores // processes), train, args)
    if args.stage in ("export", "all"):
        export(job(args, "export"), args.out)


if __name__ == "__main__":
    main()
