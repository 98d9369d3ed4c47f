"""Settings as the TOML text of a preset, which the command line reads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from beatwalk.settings import Settings

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def preset_toml(settings: Settings) -> str:
    """The text of a preset that has these settings; what is as usual is left out."""
    values = settings.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    lines = [f"{_key(name)} = {_value(value)}" for name, value in values.items() if not isinstance(value, dict)]
    for name, table in values.items():
        if isinstance(table, dict):
            lines += ["", f"[{_key(name)}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]
    return "\n".join(lines).lstrip("\n") + "\n"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(entry)}" for key, entry in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        if any(isinstance(entry, Mapping) for entry in value):
            return "[\n" + "".join(f"    {_value(entry)},\n" for entry in value) + "]"
        return f"[{', '.join(_value(entry) for entry in value)}]"
    if isinstance(value, str):  # JSON's escapes are TOML's; DEL is the only character that JSON leaves alone
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)
