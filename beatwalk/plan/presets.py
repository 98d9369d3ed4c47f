"""Presets and settings: find, read, merge, override and check them.

A preset is a TOML file with the keys of `beatwalk.settings.Settings`. The package ships some (`presets/`). A person's
own presets lie in their configuration folder, or are given by path. An unknown key is an error that suggests the
nearest known one.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from beatwalk.core import anchored, model_in, parse_toml, read_text
from beatwalk.errors import SettingsError
from beatwalk.plan.rule_sources import check_sources
from beatwalk.settings import Settings

MAX_PRESET_BYTES = 10**6
DEFAULT_PRESET = "default"
NICKNAMES = {"dnb": "drum-and-bass", "d-b": "drum-and-bass", "drum-n-bass": "drum-and-bass", "hiphop": "hip-hop"}


def preset_folders() -> tuple[Path, ...]:
    """List the folders in which presets are found by name: the user's own first, then the one that ships."""
    import platformdirs

    package = Path(__file__).parent.parent
    # A wheel has the presets inside the package; a checkout has them next to it, where people see them.
    shipped = package / "presets" if (package / "presets").is_dir() else package.parent / "presets"
    return (
        Path(os.path.expanduser("~"), ".config", "beatwalk", "presets"),  # Path.home() fails where there is none
        platformdirs.user_config_path("beatwalk") / "presets",
        shipped,
    )


def list_presets() -> dict[str, Path]:
    """Map names to files of all presets; a user's own preset hides a shipped one of the same name."""
    found: dict[str, Path] = {}
    for folder in preset_folders():
        if folder.is_dir():
            for path in sorted(folder.glob("*.toml")):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_preset(name: str) -> Path:
    """Find the file of a preset by its name or path.

    Raises
    ------
    SettingsError
        There is no such preset; the message suggests or lists others.
    """
    presets = list_presets()
    for known in (name, plain := re.sub(r"[ _&]+", "-", name.strip().lower()), NICKNAMES.get(plain, "")):
        if known in presets:
            return presets[known]
    path = Path(name)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if path.is_file():
            return path
        raise SettingsError(f"{name}: no such preset file")
    near = difflib.get_close_matches(name, presets, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(presets)}"
    raise SettingsError(f"unknown preset {name!r}; {hint}")


def load_preset(name: str) -> dict[str, Any]:
    """Read a preset's keys and values from its file: parsed, not yet checked; file names are absolute."""
    path = find_preset(name)
    return anchored(parse_toml(preset_text(name), str(path), SettingsError), path.parent)


def preset_text(name: str) -> str:
    """Read the TOML text of a preset.

    Raises
    ------
    SettingsError
        There is no such preset, or it cannot be read.
    """
    return read_text(find_preset(name), SettingsError, "a preset")


def parse_override(text: str) -> dict[str, Any]:
    """Parse an override: `walk.change_every="4 bars"` → {"walk": {"change_every": "4 bars"}}.

    The value is TOML. A bare word that is not TOML is taken as text, because the shell removes quotes.
    """
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise SettingsError(f"--set {text!r}: expected KEY=VALUE, such as walk.pace=0.5")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")
        if set(parsed) != {"value"}:
            raise SettingsError(f"--set {text!r}: expected one KEY=VALUE at a time")
        nested: Any = parsed["value"]
    except (ValueError, RecursionError):
        nested = value.strip()
    for part in reversed(parts):
        nested = {part: nested}
    return typing.cast(dict[str, Any], nested)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Put the keys of `over` on top of `base`; tables merge, everything else is replaced.

    A bare number is short for a table with that level, and a bare text for one with that expression, so a table on
    top of one keeps it.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, int | float) and not isinstance(below, bool):
            below = {"level": below}
        if isinstance(below, str) and isinstance(value, Mapping):
            below = {"expression": below}
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def load_settings(preset: str = DEFAULT_PRESET, overrides: Iterable[Mapping[str, Any]] = ()) -> Settings:
    """Load a preset, put overrides on top (later ones win), and check the result.

    File names in a preset count from its folder, those in overrides from the current one.

    Raises
    ------
    SettingsError
        A setting is wrong; the message names the key, what was found and what was expected.
    """
    values: Mapping[str, Any] = load_preset(preset)
    checked(values, where=f"preset {preset}")  # so that a mistake in the preset names its file
    for override in overrides:
        values = merge(values, anchored(override, Path()))
    return settings_from(values, where="settings")


def settings_from(values: Mapping[str, Any], *, where: str) -> Settings:
    """Check plain data (from TOML or JSON) and convert it to `Settings`.

    Raises
    ------
    SettingsError
        A setting is wrong; the message names `where`, the key, what was found and what was expected, one mistake at a
        time.
    """
    settings = checked(values, where=where)
    check_sources(settings, where)
    return settings


def checked(values: Mapping[str, Any], *, where: str) -> Settings:
    """Check plain data that may still lack the files that its rules name; otherwise as `settings_from`."""
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(f"{where}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Explain the first mistake in one line."""
    first = error.errors()[0]
    location = tuple(part for part in first["loc"])
    key = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"unknown key {key!r}; {hint}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    found = first["input"]
    told = "found" in message or message.endswith("?")
    shown = "" if told or isinstance(found, Mapping) else f", found {repr(found)[:80]}"
    return f"{key or 'top level'}: {message}{shown}"


def _keys_at(location: tuple[Any, ...]) -> list[str]:
    """List the field names of the model at a location within `Settings`."""
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue
        model = model_in(model.model_fields[part].annotation) if part in model.model_fields else None
        if model is None:
            return []
    return list(model.model_fields)
