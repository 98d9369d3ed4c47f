"""Who renders, as the options of `scaling` ask for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from beatwalk.api import Crew


@contextlib.contextmanager
def crew_of(choices: dict[str, Any]) -> Iterator[Crew | None]:
    """The workers that the choices ask for, as long as they are needed; None: this process renders.

    Raises
    ------
    click.UsageError
        Options of workers do not fit together.
    """
    address, devices, workers = choices["ray"], choices["devices"], choices["workers"]
    sizes = {name: choices[name] for name in ("worker_gpus", "worker_cpus") if choices[name] is not None}
    if address is None and devices is None:
        if sizes or workers or choices["ray_storage"]:
            raise click.UsageError("--workers, their sizes and --ray-storage need --ray, such as --ray local")
        yield None
        return
    if address is not None and devices is not None:
        raise click.UsageError("--devices takes cards of this machine, and --ray a cluster; give one of them")
    if devices is not None and workers:
        raise click.UsageError("--devices has one worker a card; leave --workers out")
    if ":" in choices["device"]:
        raise click.UsageError(f"--device {choices['device']} is one card; name several with --devices")
    from beatwalk.jobs import Cluster, RayCrew

    places = {"storage": choices["ray_storage"], **sizes}
    if address is None:
        cluster = Cluster.of_cards(str(devices), **places)
    else:
        cluster = Cluster(address=address, workers=workers, **places)
    with RayCrew(cluster) as crew:
        yield crew
