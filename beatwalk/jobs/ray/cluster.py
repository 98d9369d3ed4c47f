"""Where workers run: on this machine, or on a Ray cluster that somebody has started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from beatwalk.errors import DeviceError, MissingExtraError, WorkerError
from beatwalk.models import count_cuda_devices

STORE_BYTES = 192 * 2**20  # of Ray's object store on this machine; pieces pass through it and do not stay
WAITING_PIECES = 8  # that one worker may leave in the object store before it waits


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Which cluster, and how much of it one worker takes."""

    address: str = "local"  # local: this machine; auto: the cluster that this machine is in; or host:port of one
    workers: int | None = None  # None: as many as the cluster has room for, also later on
    worker_gpus: float = 1.0  # GPUs of a worker, such as 0.5 for two on one card; where the cluster has GPUs
    worker_cpus: int = 1  # cores of a worker, and its threads where it computes on them
    cards: tuple[int, ...] = ()  # of this machine, which alone are used; empty: all
    storage: str | None = None  # URL through which segments and models travel; None: segments through Ray, no models

    @classmethod
    def of_cards(cls, text: str, **options: Any) -> Cluster:
        """One worker for each card that is named: "cuda:0,cuda:1", or "all".

        Raises
        ------
        DeviceError
            There is no such card.
        """
        count = count_cuda_devices()
        if not count:
            raise DeviceError(
                f"--devices {text}: torch finds no CUDA or ROCm device here; use --ray local for the CPU"
            )
        if text.strip().lower() == "all":
            return cls(cards=tuple(range(count)), workers=count, **options)
        cards = []
        for name in text.lower().split(","):
            kind, _, index = name.strip().partition(":")
            if kind != "cuda" or not index.isdecimal() or int(index) >= count or int(index) in cards:
                raise DeviceError(
                    f"--devices {text}: '{name.strip()}' is not another one of this machine's cards, cuda:0 to "
                    f"cuda:{count - 1}; write them as cuda:0,cuda:1, or all"
                )
            cards.append(int(index))
        return cls(cards=tuple(cards), workers=len(cards), **options)

    def connect(self) -> bool:
        """Connect to the cluster, or start one on this machine.

        Returns
        -------
        Whether this call connected, so that `ray.shutdown` has to follow; False where the process already was.

        Raises
        ------
        MissingExtraError
            Ray is not installed.
        WorkerError
            There is no cluster at this address.
        """
        try:
            import ray
        except ImportError:
            raise MissingExtraError("workers need ray", "ray") from None
        if ray.is_initialized():
            return False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        _keep_quiet()
        quiet = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if self.address.startswith("ray://"):
            raise WorkerError(
                f"{self.address}: frames cannot be streamed through Ray's client; run beatwalk on a machine of the "
                "cluster with --ray auto, or give the address of its head as host:port"
            )
        try:
            if self.address == "local":
                ray.init(address="local", **self._own_resources(), **quiet)
            else:
                ray.init(address=self.address, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise WorkerError(
                f"no Ray cluster can be used at '{self.address}': {reason}; start one with: ray start --head; if it "
                "asks for a token, set RAY_AUTH_MODE=token"
            ) from error
        return True

    def _own_resources(self) -> dict[str, Any]:
        """What a cluster on this machine alone has: at least room for all workers that were asked for."""
        room: dict[str, Any] = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
        if self.workers is not None:
            room["num_cpus"] = max(os.cpu_count() or 1, self.workers * self.worker_cpus)
        if self.cards:
            visible = os.environ.get("CUDA_VISIBLE_DEVICES")
            names = visible.split(",") if visible else [str(card) for card in range(max(self.cards) + 1)]
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names[card] for card in self.cards)
            room["num_gpus"] = len(self.cards)
        return room

    def resources(self, device: str) -> dict[str, float]:
        """What one worker takes of the cluster, for models on `device`."""
        gpus = self.worker_gpus if self.computes_on_gpus(device) else 0
        return {"num_cpus": self.worker_cpus, "num_gpus": gpus}

    def computes_on_gpus(self, device: str) -> bool:
        """Whether workers take GPUs: where `device` asks for them, or leaves it open and the cluster has some."""
        kind = device.partition(":")[0].lower()
        if kind != "auto":
            return kind == "cuda"
        import ray

        has_some: bool = ray.cluster_resources().get("GPU", 0) > 0
        return has_some

    def room(self, device: str) -> int:
        """Workers that the cluster has room for now, those at work included."""
        import ray

        takes = self.resources(device)
        return sum(
            int(min(node["Resources"].get(name, 0) / takes[key] for name, key in _NAMES.items() if takes[key]))
            for node in ray.nodes()
            if node["Alive"]
        )


def _keep_quiet() -> None:
    """Keep Ray's remarks out of the terminal, and out of stdout, which may hold one JSON object a line.

    What concerns the video is told as an event. Ray has no option against printing what its daemons report.
    """
    import logging

    from ray._private import worker

    logging.getLogger("ray").setLevel(logging.ERROR)
    if hasattr(worker, "print_to_stdstream"):
        worker.print_to_stdstream = lambda *given, **options: None


_NAMES = {"CPU": "num_cpus", "GPU": "num_gpus"}
