"""Write the lock files from pyproject.toml and constraints.txt: `make lock`. It needs uv and a package index.

The versions are those of constraints.txt; the libraries of torch's CUDA build have the versions that torch names.
Every file of a version is listed with its SHA-256, as the index publishes it, so the locks hold on every system.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / ".locks"
CUDA = re.compile(r"(torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")
PYTHON = "3.11.5"  # the oldest that the documentation's packages take
PACKAGES = """\
# Everything but torch, with the SHA-256 of every published file, for every system.
# Made by `make lock`; see CONTRIBUTING.md.
"""
TORCH = """\
# torch from PyPI and, on Linux, the CUDA libraries that it needs, with the SHA-256 of every published file.
# For Linux without an NVIDIA card take torch-cpu.txt instead. Made by `make lock`; see CONTRIBUTING.md.
"""


def locked() -> list[str]:
    """Resolve; one entry of several lines for each package."""
    command = ["uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--extra", "docs", "--extra", "ray"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--constraint", "constraints.txt"]
    command += ["--universal", "--python-version", PYTHON]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return re.findall(r"^\S.*(?:\n .*)*\n", printed, re.MULTILINE)


def main() -> None:
    """Write both files."""
    entries = [entry for entry in locked() if "sys_platform == 'emscripten'" not in entry]  # no browser runs torch
    torch = [entry for entry in entries if CUDA.match(entry)]
    packages = [entry for entry in entries if not CUDA.match(entry)]
    (LOCKS / "packages.txt").write_text(PACKAGES + "".join(packages), encoding="utf-8")
    (LOCKS / "torch.txt").write_text(TORCH + "".join(torch), encoding="utf-8")


if __name__ == "__main__":
    main()
