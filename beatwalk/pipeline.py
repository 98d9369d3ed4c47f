"""The old name of `beatwalk.api`; it goes with the next release."""

from beatwalk.api import RenderResult, analyze, check, finish, plan, prepare, remarks_on, render

__all__ = ["RenderResult", "analyze", "check", "finish", "plan", "prepare", "remarks_on", "render"]
