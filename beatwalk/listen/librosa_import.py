"""The only way to librosa: one process at a time compiles it.

When librosa is first imported, numba compiles some of its functions and keeps the code on disk. Two processes that
do so at the same time can leave a mixture of their files, which crashes every later process of the installation
(numba issue 10128, open in numba 0.68). So whoever comes second waits, and finds the code finished.
"""

from __future__ import annotations

import functools
import os
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from beatwalk.core import in_turn

_WAIT_S = 300.0  # compiling takes 10 to 60 s


@functools.cache
def import_librosa(*, beat: bool = False) -> ModuleType:
    """Import librosa with what every analysis needs of it, whose import compiles all that is compiled so.

    Only the first call waits for other processes: nothing is compiled once librosa is there.

    Parameters
    ----------
    beat
        Import `librosa.beat` as well: two seconds, since a part of it is compiled every time and kept nowhere.
    """
    with in_turn(_lock_file(), _WAIT_S):
        import librosa.decompose
        import librosa.feature.spectral
        import librosa.filters

        if beat:
            import librosa.beat
    return librosa


def _lock_file() -> Path:
    """Name a file beside the code that numba keeps, so that whoever shares the code shares the lock."""
    spec = find_spec("librosa")
    assert spec is not None
    assert spec.origin is not None
    beside = Path(spec.origin).parent / "__pycache__"
    if kept := os.environ.get("NUMBA_CACHE_DIR"):
        beside = Path(kept)
    elif not os.access(beside.parent, os.W_OK):
        import platformdirs

        beside = platformdirs.user_cache_path("beatwalk")
    return beside / "beatwalk.lock"
