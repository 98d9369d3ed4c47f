"""Any diffusers text-to-image model behind the `Generator` seam. Importing this loads neither torch nor diffusers."""

from beatwalk.diffusion.families import FAMILIES, Family, check_size
from beatwalk.diffusion.generator import DiffusionGenerator
from beatwalk.diffusion.listing import ModelListing, list_models
from beatwalk.diffusion.loading import load_generator
from beatwalk.diffusion.plain import plain_pictures
from beatwalk.diffusion.stopwatch import TimedGenerator

__all__ = [
    "FAMILIES",
    "DiffusionGenerator",
    "Family",
    "ModelListing",
    "TimedGenerator",
    "check_size",
    "list_models",
    "load_generator",
    "plain_pictures",
]
