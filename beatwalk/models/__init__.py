"""Any diffusers text-to-image model behind the `Generator` seam. Importing this loads neither torch nor diffusers."""

from __future__ import annotations

from beatwalk.models.arrays import Array, column, host, joined, like, mixed, stacked, with_edges
from beatwalk.models.checkup import run_checkup, write_map
from beatwalk.models.compile import Compiled, compile_measured, should_compile
from beatwalk.models.devices import count_cuda_devices, list_devices, use_threads
from beatwalk.models.diffusers_backend import DiffusionGenerator
from beatwalk.models.keeper import ModelKeeper
from beatwalk.models.listing import list_models
from beatwalk.models.loading import fingerprint_of, load_model
from beatwalk.models.mixed_text import MixedText, Text
from beatwalk.models.parts import (
    ModelPart,
    check_copied,
    fingerprint_below,
    is_here,
    is_plain,
    parts_of,
    with_copies,
)
from beatwalk.models.prompt_reader import GROUPS as PROMPT_GROUPS
from beatwalk.models.prompt_reader import PromptReader, inside_reader
from beatwalk.models.request import LoadOptions, ModelRequest
from beatwalk.models.seam import Generator, proceed
from beatwalk.models.sources import must_download
from beatwalk.models.timed import TimedGenerator, reference_gflops
from beatwalk.models.upscaling import check_upscaler, load_upscaler

__all__ = [
    "PROMPT_GROUPS",
    "Array",
    "Compiled",
    "DiffusionGenerator",
    "Generator",
    "LoadOptions",
    "MixedText",
    "ModelKeeper",
    "ModelPart",
    "ModelRequest",
    "PromptReader",
    "Text",
    "TimedGenerator",
    "check_copied",
    "check_upscaler",
    "column",
    "compile_measured",
    "count_cuda_devices",
    "fingerprint_below",
    "fingerprint_of",
    "host",
    "inside_reader",
    "is_here",
    "is_plain",
    "joined",
    "like",
    "list_devices",
    "list_models",
    "load_model",
    "load_upscaler",
    "mixed",
    "must_download",
    "parts_of",
    "proceed",
    "reference_gflops",
    "run_checkup",
    "should_compile",
    "stacked",
    "use_threads",
    "with_copies",
    "with_edges",
    "write_map",
]
