"""Which device to compute on, in which precision, with how many pictures at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beatwalk.errors import DeviceError
from beatwalk.models.compat import cpu_multiplies_bfloat16
from beatwalk.models.families import Family

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "float16", "bfloat16")
BYTES_PER_PIXEL = 6_000  # of one picture at the peak (decoding), measured for SD and SDXL autoencoders, rounded up
MAX_BATCH = 32
CPU_BATCH = 8


def pick_device(name: str) -> torch.device:
    """`auto`, `cpu`, `mps`, `cuda` or `cuda:N` → an existing device. ROCm devices are named cuda.

    Raises
    ------
    DeviceError
        The device does not exist.
    """
    import torch

    kind, _, index = name.strip().lower().partition(":")
    if kind not in ("auto", "cpu", "mps", "cuda") or (index and (kind != "cuda" or not index.isdecimal())):
        raise DeviceError(f"unknown device '{name}'; use auto, cpu, cuda, cuda:1 or mps")
    if kind == "cuda":
        count = count_cuda_devices()
        if count == 0:
            raise DeviceError(
                f"device '{name}' requested, but torch finds no CUDA or ROCm device here; use auto or cpu"
            )
        if index and int(index) >= count:
            raise DeviceError(f"device '{name}' requested, but there are only cuda:0 to cuda:{count - 1}")
        return torch.device("cuda", int(index or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' requested, but this is not a Mac with Apple silicon; use auto or cpu")
    if kind == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        kind = "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device(kind)


def count_cuda_devices() -> int:
    """Number of cards that torch can use here; ROCm devices are named cuda."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def list_devices() -> list[str]:
    """Names of the devices that torch can use here, auto first; several cards also one by one."""
    import torch

    cards = count_cuda_devices()
    one_by_one = [f"cuda:{card}" for card in range(cards)] if cards > 1 else []
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return ["auto", "cpu", *(["cuda"] if cards else []), *one_by_one, *apple]


def use_threads(count: int) -> None:
    """Let torch compute with this many threads on a processor."""
    import torch

    torch.set_num_threads(count)


def pick_dtype(name: str | None, device: torch.device, family: Family) -> torch.dtype:
    """The named precision, or the one that suits device and family.

    Raises
    ------
    DeviceError
        The precision is unknown.
    """
    import torch

    if name is not None:
        if name not in DTYPES:
            raise DeviceError(f"unknown precision '{name}'; use one of {', '.join(DTYPES)}")
        named: torch.dtype = getattr(torch, name)
        return named
    if device.type == "cpu":
        return torch.bfloat16 if cpu_multiplies_bfloat16() else torch.float32
    if family.half == "bfloat16":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return torch.float16


def pick_batch(device: torch.device, size: tuple[int, int]) -> int:
    """Pictures at a time: 8 on a processor; on a GPU as many as free memory should hold, at least 1."""
    import torch

    if device.type != "cuda":
        return CPU_BATCH
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(MAX_BATCH, int(free // (BYTES_PER_PIXEL * size[0] * size[1]))))


def fitting_pictures(size: tuple[int, int]) -> int:
    """How many pictures fit, while they are decoded, into half of the machine's memory, free or not."""
    import psutil

    return int(psutil.virtual_memory().total / 2 // (BYTES_PER_PIXEL * size[0] * size[1]))
