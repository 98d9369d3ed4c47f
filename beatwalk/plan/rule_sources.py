"""Which sources the rules of settings use, and whether the song and its files have them."""

from __future__ import annotations

from beatwalk.errors import SettingsError
from beatwalk.listen import check_part
from beatwalk.settings import Modulated, Settings
from beatwalk.sources import SOURCES, hint
from beatwalk.targets import TARGETS


def used_sources(settings: Settings) -> dict[str, str]:
    """Sources that rules use, each with the first target that it drives."""
    used: dict[str, str] = {}
    for key, spec in TARGETS.items():
        modulated: Modulated = getattr(getattr(settings, spec.group), spec.setting)
        for rule in modulated.rules:
            used.setdefault(rule.source, key)
    return used


def used_curves(settings: Settings) -> dict[str, str]:
    """Curves of the analysis that rules use, each with the first target that it drives."""
    used: dict[str, str] = {}
    for source, key in used_sources(settings).items():
        for name in SOURCES[source].curves if source in SOURCES else ():
            used.setdefault(name, key)
    return used


def check_sources(settings: Settings, where: str) -> None:
    """Check that every source that rules use is one of the song, or of the files under `sources`.

    Raises
    ------
    SettingsError
        One is neither; the message names the target that it should drive.
    """
    files = settings.sources
    known = [*SOURCES, *files.curves, *(f"{name}.energy" for name in files.stems), *(f"{m}.36" for m in files.midi)]
    for source, key in used_sources(settings).items():
        if source not in SOURCES:
            try:
                check_part(files, source)
            except ValueError as error:
                text = str(error) if ";" in str(error) else f"{error}; {hint(source, known)}"
                raise SettingsError(f"{where}: {key}: {text}") from None
