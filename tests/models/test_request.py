"""A request says which model to load; its fingerprint is known before the model is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from beatwalk.models import ModelRequest, fingerprint_of, load_model
from beatwalk.models.addons import AddOns
from tests.helpers import known_plan
from tests.models.tiny import Saved


def test_a_plan_asks_for_its_model_with_its_settings() -> None:
    """Model, batch and add-ons are the plan's; where to load it is the caller's choice."""
    plan = replace(known_plan(model={"batch": 3, "scheduler": "euler", "step_cache": 2}), model="a folder")
    request = ModelRequest.of(plan, device="cpu", dtype="float16", model_config=Path("sd"), allow_pickle=True)
    assert request == ModelRequest(
        model="a folder",
        device="cpu",
        dtype="float16",
        model_config=Path("sd"),
        allow_pickle=True,
        batch=3,
        addons=AddOns(scheduler="euler", step_cache=2),
    )
    assert ModelRequest.of(known_plan()) == ModelRequest()


@pytest.mark.parametrize("addons", [AddOns(), AddOns(scheduler="euler"), AddOns(step_cache=2)])
def test_the_fingerprint_before_loading_is_that_after_loading(addons: AddOns, saved: Saved) -> None:
    """A resumed render compares them; device, precision and batch are not in it, add-ons are."""
    request = ModelRequest(model=str(saved("sd")), device="cpu", dtype="float32", addons=addons)
    assert fingerprint_of(request) == load_model(request).info.fingerprint
    assert fingerprint_of(replace(request, dtype="bfloat16", batch=2)) == fingerprint_of(request)
    assert (fingerprint_of(replace(request, addons=AddOns())) == fingerprint_of(request)) == (not addons)
