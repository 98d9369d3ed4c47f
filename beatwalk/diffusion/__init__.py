"""Any diffusers text-to-image model behind the `Generator` seam. Importing this loads neither torch nor diffusers."""

from beatwalk.diffusion.addons import AddOns
from beatwalk.diffusion.compiling import Compiled, compile_measured, worth_compiling
from beatwalk.diffusion.families import FAMILIES, Family, check_size
from beatwalk.diffusion.generator import DiffusionGenerator
from beatwalk.diffusion.listing import ModelListing, list_models
from beatwalk.diffusion.loading import fingerprint_of, load_generator
from beatwalk.diffusion.plain import plain_pictures
from beatwalk.diffusion.probing import check_model, write_map
from beatwalk.diffusion.stopwatch import TimedGenerator, reference_gflops
from beatwalk.diffusion.upscaling import Upscaler, check_upscaler, load_upscaler

__all__ = [
    "FAMILIES",
    "AddOns",
    "Compiled",
    "DiffusionGenerator",
    "Family",
    "ModelListing",
    "TimedGenerator",
    "Upscaler",
    "check_model",
    "check_size",
    "check_upscaler",
    "compile_measured",
    "fingerprint_of",
    "list_models",
    "load_generator",
    "load_upscaler",
    "plain_pictures",
    "reference_gflops",
    "worth_compiling",
    "write_map",
]
