"""The example for Kubernetes says what this version takes; its schema was checked by hand, against KubeRay 1.7."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from packaging.requirements import Requirement

from beatwalk.cli.render import render

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "kuberay"


def test_the_command_of_the_job_is_one_that_beatwalk_takes() -> None:
    """Every option of the entry point exists, and its values are taken."""
    text = (EXAMPLE / "render.yaml").read_text(encoding="utf-8")
    found = re.search(r"^  entrypoint: (.+)$", text, re.MULTILINE)
    assert found
    program, *arguments = shlex.split(found[1])
    assert program == "beatwalk"
    values = render.make_context("render", arguments).params
    assert (values["ray"], values["workers"], values["device"]) == ("auto", 8, "cuda")


def test_the_image_has_the_ray_that_is_tested() -> None:
    """Manifest, image and constraints.txt name one version."""
    pins = [Requirement(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in "#"]
    ray = next(str(pin.specifier) for pin in pins if pin.name == "ray").removeprefix("==")
    manifest, image = ((EXAMPLE / name).read_text(encoding="utf-8") for name in ("render.yaml", "Dockerfile"))
    assert re.findall(r'rayVersion: "(.+)"', manifest) == [ray]
    assert re.findall(r"FROM rayproject/ray:([\d.]+)-", image) == [ray]
