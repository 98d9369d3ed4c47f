"""How kernels for the CPU are compiled, in every room that has some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function with numba; the code is kept on disk, where numba finds a folder that it may write.

    It keeps code beside the function's file or in the user's cache. In a container that has neither, it refuses, and
    the function is compiled again in every run.
    """
    import numba

    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return cast(Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast(Function, numba.njit(**options)(function))
