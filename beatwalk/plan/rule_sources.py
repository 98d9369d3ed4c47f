"""Which sources the rules and expressions of settings use, and whether the song and its files have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beatwalk.errors import PlanError, PromptError, SettingsError
from beatwalk.expressions import FUNCTIONS, Call, nodes, parse, sources_in
from beatwalk.listen import check_part
from beatwalk.plan.prompts import Script
from beatwalk.settings import Modulated, Settings
from beatwalk.sources import SOURCES, hint, is_name
from beatwalk.targets import TARGETS
from beatwalk.types import Analysis


def used_sources(settings: Settings) -> dict[str, str]:
    """Sources that rules and expressions use, each with the first target that it drives."""
    used: dict[str, str] = {}
    for source, key, _ in _named(settings):
        used.setdefault(source, key)
    return used


def script_sources(script: Script, settings: Settings) -> dict[str, str]:
    """Sources that the conditions of prompts use, each with its line.

    Raises
    ------
    PromptError
        There is no such source.
    """
    used: dict[str, str] = {}
    for line in script.lines:
        if line.place is not None and line.place.kind == "when":
            for source, _, _ in _inside(line.place.condition, ""):
                if problem := source_problem(source, settings):
                    found = f"@when {line.place.condition}"
                    raise PromptError(
                        script.path, line.line, line.column, found, f"sources that are there ({problem})"
                    )
                used.setdefault(source, f"line {line.line}")
    return used


def used_parts(sources: Mapping[str, str]) -> dict[str, str]:
    """Curves and drums of the analysis that sources need, each with what uses it first."""
    used: dict[str, str] = {}
    for source, key in sources.items():
        for name in SOURCES[source].parts if source in SOURCES else ():
            used.setdefault(name, key)
    return used


def check_sources(settings: Settings, where: str) -> None:
    """Check that every source that is used is one of the song, or of the files under `sources`.

    Raises
    ------
    SettingsError
        One is neither; the message names the target that it should drive, and the column in an expression.
    """
    for source, key, column in _named(settings):
        if problem := source_problem(source, settings):
            place = f"column {column}: " if column else ""
            raise SettingsError(f"{where}: {key}: {place}{problem}")


def check_labels(settings: Settings, analysis: Analysis, where: str) -> None:
    """Check that the song has every section that expressions name; a part of it, such as a loop, need not.

    Raises
    ------
    PlanError
        It has not; the message names the target, and the sections that the song has.
    """
    for expression, key in _expressions(settings):
        if problem := unknown_label(expression, analysis):
            raise PlanError(f"{where}: {key}: {problem}")


def unknown_label(expression: str, analysis: Analysis) -> str:
    """Why an expression asks for a section that the song has not; "" where it does not."""
    labels = {section.label for section in analysis.sections}
    for node in nodes(parse(expression)):
        if isinstance(node, Call) and node.function == "section":
            asked = node.texts["label"]
            if asked.casefold() not in {label.casefold() for label in labels}:
                return f"section {asked!r}: the song has none; its sections are {', '.join(sorted(labels))}"
    return ""


def source_problem(source: str, settings: Settings) -> str:
    """Why there is no such source, and which one may be meant; "" where there is one."""
    if source in SOURCES:
        return ""
    files = settings.sources
    known = [*SOURCES, *files.curves, *(f"{name}.energy" for name in files.stems), *(f"{m}.36" for m in files.midi)]
    try:
        check_part(files, source)
    except ValueError as error:
        if source in FUNCTIONS:
            return f"{source!r} is a function; write {source}()"
        return str(error) if ";" in str(error) else f"{error}; {hint(source, known)}"
    return ""


def _named(settings: Settings) -> Iterator[tuple[str, str, int]]:
    """Every source, the target that it drives, and its column in an expression (0: it is a rule's source)."""
    for key, spec in TARGETS.items():
        modulated: Modulated = getattr(getattr(settings, spec.group), spec.setting)
        for rule in modulated.rules:
            if is_name(rule.source):
                yield rule.source, key, 0
    for expression, key in _expressions(settings):
        yield from _inside(expression, key)


def _expressions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every expression, and the target that it drives."""
    for key, spec in TARGETS.items():
        modulated: Modulated = getattr(getattr(settings, spec.group), spec.setting)
        for rule in modulated.rules:
            found = (rule.when,) if is_name(rule.source) else (rule.source, rule.when)
            yield from ((expression, key) for expression in found if expression)
        if modulated.expression:
            yield modulated.expression, key


def _inside(expression: str, key: str) -> Iterator[tuple[str, str, int]]:
    if expression:
        yield from ((name.name, key, name.column) for name in sources_in(parse(expression)))
