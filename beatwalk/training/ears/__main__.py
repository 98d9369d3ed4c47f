"""``python -m beatwalk.training.ears``: play, train and export the ears with one command, which resumes."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from beatwalk.training.ears.net import SHAPES

STAGES = ("render", "train", "export", "all")


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m beatwalk.training.ears", description=__doc__)
    add_arguments(parser, STAGES, SHAPES)
    parser.add_argument("--device", default="cpu", help="of torch, for training")
    parser.add_argument("--clips", type=int, default=3000, help="performances to play")
    parser.add_argument("--first-clip", type=int, default=0, help="number of the first one, to share the work")
    parser.add_argument("--clip-seconds", type=float, default=40.0)
    parser.add_argument(
        "--soundfont",
        type=Path,
        action="append",
        default=[],
        help="General MIDI SoundFont for FluidSynth, may be given again. Default: own synthesis only",
    )
    parser.add_argument("--tunes", type=Path, help="tunes that corpus, openscore or pop909 read. Default: none")
    parser.add_argument("--improvisor", type=Path, help="folder of Impro-Visor's styles. Default: none")
    parser.add_argument("--groove", type=Path, help="folder of the Groove MIDI Dataset's MIDI files. Default: none")
    add_folders(parser)
    parser.add_argument("--validation", type=Path, help="set that beatwalk.training.ears.validation made, to log by")
    parser.add_argument(
        "--start", type=Path, help="a finished network to begin with, as large or smaller, ears.safetensors"
    )
    return parser.parse_args(argv)


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Ask for the libraries of music of which a part is trained on, and a part kept apart."""
    parser.add_argument("--mma", type=Path, help="folder of MMA's library of styles. Default: none")
    parser.add_argument("--modules", type=Path, help="folder of packages with tracker modules. Default: none")
    parser.add_argument("--songs", type=Path, help="folder of packages with songs in MIDI. Default: none")


def add_arguments(parser: argparse.ArgumentParser, stages: Sequence[str], sizes: Iterable[str]) -> None:
    """Ask for what every training has: time, folders, stage and size."""
    parser.add_argument("--minutes", type=float, required=True, help="training time in all, over all runs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the finished weights")
    parser.add_argument("--work", type=Path, required=True, help="clips, checkpoint and log, outside the repository")
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help="from the checkpoint")
    parser.add_argument("--stage", choices=stages, default="all")
    parser.add_argument("--size", choices=sorted(sizes), default="full")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="stop after N steps instead of minutes")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)


def main(argv: list[str] | None = None) -> None:
    """Run the chosen stages in order."""
    args = parse(argv)
    import torch

    from beatwalk.training.ears.clips import write_set
    from beatwalk.training.ears.corpus import read_tunes
    from beatwalk.training.ears.export import export
    from beatwalk.training.ears.sources import gathered
    from beatwalk.training.ears.train import Job, train

    torch.set_num_threads(args.threads)
    if args.stage in ("render", "all"):
        tunes = read_tunes(args.tunes) if args.tunes else []
        sources = gathered(
            args.soundfont,
            tunes,
            args.mma,
            groove=args.groove,
            improvisor=args.improvisor,
            modules=args.modules,
            songs=args.songs,
        )
        numbers = range(args.first_clip, args.clips)
        write_set(args.work / "set", numbers, args.seed, sources, args.clip_seconds)
    if args.stage in ("train", "all"):
        train(
            Job(
                work=args.work,
                minutes=args.minutes,
                device=args.device,
                seed=args.seed,
                shape=args.size,
                resume=args.resume,
                steps=args.steps,
                rate=args.rate,
                crop_s=min(30.0, args.clip_seconds / 1.2),
                start=args.start,
                validation=args.validation,
            )
        )
    if args.stage in ("export", "all"):
        export(args.work, args.out)


if __name__ == "__main__":
    main()
