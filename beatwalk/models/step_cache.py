"""Steps at which the network is not asked, but what it would say is foretold from what it said before.

Diffusers' TaylorSeer: the output of the network's last layer goes on as it went over the last two steps at which all
of it was computed, or stays as it was. Of its kin that diffusers has (FirstBlockCache, MagCache, …) this one skips by
a fixed schedule. So every picture of a walk skips the same steps: none depends on its neighbours in the batch, and
none jumps against the next, as where each decides for itself. It also works with any network, for only layers' names
are needed: they are in `beatwalk.models.families`.

Measured with nano at 24 steps, 256x256, mean difference from the picture of all steps, in levels of 255:

    network asked               24     13     10      8 times
    fewer steps, guidance 1      0    3.0    4.2    5.2
    step cache, guidance 1       0    0.7    1.4    2.3
    fewer steps, guidance 4      0    7.5   13.2   19.6
    step cache, guidance 4       0    2.3    3.2    4.3
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from beatwalk.models.families import Family

FIRST_STEPS = 3  # that are always computed: a picture's outlines are decided there
HOOK = "taylorseer_cache"  # as diffusers calls it


@contextmanager
def step_cached(denoiser: Any, family: Family, every: int | None, *, guided: bool) -> Iterator[None]:
    """While a pipeline is called once, compute its network at every so-many-th step only.

    What is kept between steps is thrown away at the end: nothing goes from one batch to the next.

    Parameters
    ----------
    every : after the first steps, one of so many is computed; None: all are
    guided : with a second pass. Guidance multiplies what a straight line foretells wrong, so there the last output
        stays as it was.
    """
    if every is None:
        yield
        return
    from diffusers.hooks import HookRegistry, TaylorSeerCacheConfig, apply_taylorseer_cache
    from diffusers.hooks.hooks import CacheContext, _set_cache_context

    config = TaylorSeerCacheConfig(
        cache_interval=every,
        disable_cache_before_step=FIRST_STEPS,
        max_order=0 if guided else 1,
        taylor_factors_dtype=denoiser.dtype,
        skip_predict_identifiers=[family.layers],
        cache_identifiers=[family.last_layer],
    )

    def say_which(*_: Any) -> None:  # both passes of guidance are one batch, with one past
        _set_cache_context(denoiser, CacheContext("both passes"))

    hooks = HookRegistry.check_if_exists_or_initialize(denoiser)
    apply_taylorseer_cache(denoiser, config)
    hooks.invalidate_child_registries_cache()
    handle = denoiser.register_forward_pre_hook(say_which)
    try:
        yield
    finally:
        handle.remove()
        hooks.remove_hook(HOOK, recurse=True)
        hooks.invalidate_child_registries_cache()
