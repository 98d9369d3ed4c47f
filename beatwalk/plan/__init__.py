"""Prompts, preset and `Analysis` → `Plan`, and the targets: what the music asks of every frame."""

from __future__ import annotations

from beatwalk.plan.lyric_prompts import TEMPLATE, check_lyrics, needs_lyrics
from beatwalk.plan.modulation import compute_targets, shaped_source
from beatwalk.plan.placement import init_of, moment_s, place_prompts, place_times_s, resolve_model_path
from beatwalk.plan.plan_json import check_plan, check_song_named, plan_to_json, read_plan
from beatwalk.plan.presets import (
    DEFAULT_PRESET,
    find_preset,
    list_presets,
    load_preset,
    load_settings,
    merge,
    parse_override,
    preset_text,
    settings_from,
)
from beatwalk.plan.prompts import Script, parse_prompts, read_prompts
from beatwalk.plan.rule_sources import check_labels, script_sources, source_problem, used_parts, used_sources
from beatwalk.plan.settings_help import commented, described_settings
from beatwalk.plan.sharing import SHORTEST_S
from beatwalk.plan.targets import targets_of, walk_targets_of

__all__ = [
    "DEFAULT_PRESET",
    "SHORTEST_S",
    "TEMPLATE",
    "Script",
    "check_labels",
    "check_lyrics",
    "check_plan",
    "check_song_named",
    "commented",
    "compute_targets",
    "described_settings",
    "find_preset",
    "init_of",
    "list_presets",
    "load_preset",
    "load_settings",
    "merge",
    "moment_s",
    "needs_lyrics",
    "parse_override",
    "parse_prompts",
    "place_prompts",
    "place_times_s",
    "plan_to_json",
    "preset_text",
    "read_plan",
    "read_prompts",
    "resolve_model_path",
    "script_sources",
    "settings_from",
    "shaped_source",
    "source_problem",
    "targets_of",
    "used_parts",
    "used_sources",
    "walk_targets_of",
]
