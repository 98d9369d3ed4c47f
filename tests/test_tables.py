"""The tables of sources and targets: whoever adds one and forgets a place is told here."""

from __future__ import annotations

import importlib.util
import re
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.expressions import FUNCTIONS
from beatwalk.listen.analysis_json import analysis_to_json
from beatwalk.listen.drums import BANDS_HZ
from beatwalk.perception import Pictures
from beatwalk.plan.evaluation import IMPLEMENTED
from beatwalk.plan.modulation import shaped_source
from beatwalk.plan.rule_sources import used_parts, used_sources
from beatwalk.plan.source_values import DERIVED, EVENTS
from beatwalk.settings import AFTERWARDS, Modulated, Rule, Settings
from beatwalk.sources import ANALYSIS_VERSION, CURVES, SOURCES, check_source
from beatwalk.targets import EFFECT_GROUPS, TARGETS, TargetSpec, key_of
from beatwalk.types import Targets, Timeline
from beatwalk.video.effects import CHAIN, Effects
from tests.helpers import known_analysis

ROOT = Path(__file__).parent.parent
FIRST_CURVES = {"energy", "bass", "mid", "high", "brightness"}  # of files of version 1, which exist
EFFECTS = [spec for spec in TARGETS.values() if not spec.needs_render]


def script(name: str) -> ModuleType:
    """A module of `docs/`."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_new_curve_makes_a_new_version_of_the_file() -> None:
    """A file of version 1 has these curves; a later one needs a higher `since`, so that its lack is noticed."""
    assert {spec.name for spec in SOURCES.values() if spec.kind == "curve" and spec.since == 1} == FIRST_CURVES
    assert analysis_to_json(known_analysis())["version"] == ANALYSIS_VERSION == max(s.since for s in SOURCES.values())


def test_every_source_has_its_function() -> None:
    """Events and what is derived are computed; what something is derived from is a curve that is as old."""
    kinds = {kind: {s.name for s in SOURCES.values() if s.kind == kind} for kind in ("event", "derived")}
    assert kinds == {"event": set(EVENTS), "derived": set(DERIVED)}
    assert {s.name for s in SOURCES.values() if s.kind == "drum"} == set(BANDS_HZ)
    assert set(IMPLEMENTED) == set(FUNCTIONS)
    for spec in SOURCES.values():
        assert set(spec.needs) <= set(CURVES)
        assert all(SOURCES[name].since <= spec.since for name in spec.needs)


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_can_drive_a_target(name: str) -> None:
    """It has a value from 0 to 1 for every frame, and is not the same everywhere, but for `constant`."""
    values = shaped_source(Rule(source=name), known_analysis(), Timeline.spanning(20.0, Fraction(24)))
    assert values.shape == (480,)
    assert 0 <= values.min() <= values.max() <= 1
    assert (values.min() < values.max()) == (name != "constant")


def test_a_rule_says_which_curves_it_needs() -> None:
    """The first target that needs a curve is named; a section needs energy."""
    settings = Settings.model_validate(
        {
            "walk": {"speed": {"rules": [{"source": "section"}]}},
            "color": {"hue": {"rules": [{"source": "energy"}, {"source": "bass"}, {"source": "beat"}]}},
        }
    )
    assert used_parts(used_sources(settings)) == {"energy": "walk.speed", "bass": "color.hue"}


@given(st.text(max_size=12))
def test_a_name_can_be_a_source_or_is_refused(name: str) -> None:
    """The message is one line and names what was found; parts are joined by dots."""
    try:
        assert check_source(name) == name.replace(":", ".")
    except ValueError as error:
        assert repr(name) in str(error)
        assert name not in SOURCES


def modulations(settings: Settings) -> dict[str, Modulated]:
    """Every setting that the music can drive, by its key."""
    groups = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        f"{group}.{name}": getattr(values, name)
        for group, values in groups.items()
        for name in getattr(type(values), "model_fields", ())
        if isinstance(getattr(values, name), Modulated)
    }


def test_every_target_is_a_setting_and_every_modulated_setting_a_target() -> None:
    """Neither is forgotten, and `finish` may change a whole table of settings or none of it."""
    assert set(modulations(Settings())) == set(TARGETS)
    assert set(EFFECT_GROUPS) == {spec.group for spec in EFFECTS} <= set(AFTERWARDS)
    assert not set(EFFECT_GROUPS) & {spec.group for spec in TARGETS.values() if spec.needs_render}
    assert set(AFTERWARDS) <= set(Settings.model_fields)


def test_forms_have_what_they_need() -> None:
    """An angle has its period, a swing the setting of its range, a share its limits; nothing else has them."""
    for key, spec in TARGETS.items():
        assert (spec.period is not None) == (spec.form == "angle"), key
        ranged = f"{spec.setting}_range" in type(getattr(Settings(), spec.group)).model_fields
        assert ranged == (spec.form == "swing"), key
        assert spec.form != "share" or (spec.low, spec.neutral) == (0, 0), key
        assert spec.form != "share" or spec.high <= 1, key
        assert spec.form == "speed" or spec.low <= spec.neutral <= spec.high, key
        assert key_of(spec.name) == key


def something_else(spec: TargetSpec) -> float:
    """A value of a target that shows."""
    away = 3.0 if spec.form == "whole" else 0.1 * (spec.period or 3.0)
    return float(np.clip(spec.neutral + away, spec.low, spec.high))


@pytest.mark.parametrize("spec", EFFECTS, ids=lambda spec: spec.key)
def test_every_effect_is_drawn(spec: TargetSpec) -> None:
    """A target away from rest changes the finished frames; at rest nothing does, bit for bit."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)
    still = {key: np.full(2, each.neutral) for key, each in TARGETS.items()}
    assert (Effects(CHAIN, Targets(still), (64, 48)).apply(Pictures(frames), 0).host() == frames).all()
    asked = Targets({**still, spec.key: np.full(2, something_else(spec))})
    assert (Effects(CHAIN, asked, (64, 48)).apply(Pictures(frames), 0).host() != frames).any()


def test_every_target_has_one_effect_that_follows_it() -> None:
    """An effect that is not in the chain, or names no target, is noticed."""
    used = [key for effect in CHAIN for key in effect.uses]
    assert sorted(used) == sorted(spec.key for spec in EFFECTS)
    assert all(effect.uses for effect in CHAIN)


def test_targets_are_found_by_key_and_by_name() -> None:
    """Both give the same curve; a wrong set of curves is refused."""
    curves = {key: np.full(3, float(i)) for i, key in enumerate(TARGETS)}
    found = Targets(curves)
    assert len(found) == 3
    for key, spec in TARGETS.items():
        assert found[key] is getattr(found, spec.name) is curves[key]
    with pytest.raises(AttributeError, match="no target 'zoomm'"):
        found.zoomm  # noqa: B018
    with pytest.raises(ValueError, match=r"missing or unknown: camera\.zoom"):
        Targets({key: curve for key, curve in curves.items() if key != "camera.zoom"})
    with pytest.raises(ValueError, match="differ in length"):
        Targets({**curves, "color.hue": np.zeros(4)})


def test_the_tables_of_the_documentation_are_current() -> None:
    """If this fails: make format."""
    tables = script("tables")
    pages = tables.pages()
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert tables.current(text) == text, page.name
    found = (ROOT / "docs" / "guide" / "presets.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in found for name in (*SOURCES, *TARGETS))


def test_the_pictures_of_functions_are_current() -> None:
    """If this fails: make format. Last digits may differ between machines."""
    for path, text in script("function_plots").pictures().items():
        kept, drawn = (re.findall(r"-?[\d.]+", each) for each in (path.read_text(encoding="utf-8"), text))
        np.testing.assert_allclose([float(n) for n in kept[-320:]], [float(n) for n in drawn[-320:]], atol=0.11)
        assert len(kept) == len(drawn), path.name
