"""Stills, seeds to choose from, short previews and estimates: small things that people wait for.

They are made one after the other in a thread of their own, with a model of their own, so that they need not wait for
the render queue. What is made is kept in the project's cache under a key of everything that it depends on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from beatwalk import api
from beatwalk.core import Cancel, Event, Rendered, WorkFolder, Working, frames_key, whole_or_nothing
from beatwalk.errors import CancelledError, PlanError
from beatwalk.jobs import estimated_s, picture_seeds, preview_overrides
from beatwalk.models import ModelKeeper, ModelRequest, count_cuda_devices
from beatwalk.plan import merge, settings_from, walk_targets_of
from beatwalk.preflight import FINISHING, needed_bytes, output_bytes, seconds_a_frame
from beatwalk.settings import AFTERWARDS, Settings
from beatwalk.sizes import NamedSize
from beatwalk.web.frames import jpeg_of
from beatwalk.web.hub import Hub
from beatwalk.web.problems import as_json
from beatwalk.web.project import Project
from beatwalk.web.state import check_paths

SIDE = 256  # pixels of a still's or preview's longer side, for the model inside
MAX_PREVIEW_S = 60.0
KEPT_PREVIEWS = 8  # stretches whose frames are kept
MAX_STILLS = 64  # that one request may ask for


class Still(BaseModel):
    """A picture of one prompt from one seed."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(max_length=4000)
    negative: str = Field(default="", max_length=2000)
    seed: int = Field(ge=0, lt=2**63)


class Making:
    """Makes small things in the background."""

    def __init__(self, hub: Hub, models: ModelKeeper) -> None:
        self._hub, self._models = hub, models
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="previews")
        self._awaited: dict[str, tuple[str, Cancel]] = {}  # the preview that each project waits for
        self._failed: dict[str, Exception] = {}  # why the last preview that failed did
        self._pending: set[str] = set()  # keys of stills that are on their way
        self._pace: dict[str, float] = {}  # seconds a frame, by model, device, size and steps
        self._lock = threading.Lock()

    def close(self) -> None:
        """Stop, and begin nothing new."""
        for _, cancel in list(self._awaited.values()):
            cancel.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def stills(self, project: Project, wanted: Sequence[Still]) -> list[dict[str, Any]]:
        """The key of each still and whether it is there; those that are not are made, in this order."""
        settings, model = project.state.settings, project.state.model
        folder = _folder(project, "stills")
        keys = [
            _key("still", one.model_dump(), model, _pictured(settings), _size_of(settings, model)) for one in wanted
        ]
        missing: list[tuple[str, Still]] = []
        with self._lock:
            for key, one in zip(keys, wanted, strict=True):
                if not (folder / f"{key}.jpg").is_file() and f"{project.id}/{key}" not in self._pending:
                    self._pending.add(f"{project.id}/{key}")
                    missing.append((key, one))
        for key, one in missing:
            self._pool.submit(functools.partial(self._make_still, project, key, one, settings, model))
        return [{"key": key, "ready": (folder / f"{key}.jpg").is_file()} for key in keys]

    def _make_still(self, project: Project, key: str, still: Still, settings: Settings, model: str | None) -> None:
        try:
            generator = self._models.of(ModelRequest.from_settings(model, settings.model))
            pictures = picture_seeds(
                generator, still.prompt, [still.seed], size=_size_of(settings, model), negative=still.negative,
                steps=settings.model.steps, guidance=settings.model.guidance,
            )  # fmt: skip
            with whole_or_nothing(_folder(project, "stills") / f"{key}.jpg") as partial:
                partial.write_bytes(jpeg_of(pictures))
            self._hub.publish("still", project=project.id, key=key)
        except Exception as error:
            self._hub.publish("still", project=project.id, key=key, problem=as_json(error))
        finally:
            with self._lock:
                self._pending.discard(f"{project.id}/{key}")

    def preview(self, project: Project, start_s: float, end_s: float, changes: dict[str, Any]) -> dict[str, Any]:
        """Begin a preview of a stretch, instead of an earlier one that is not done; the answer has its key.

        Parameters
        ----------
        changes
            Settings on top of the project's, which are not saved.

        Raises
        ------
        PlanError
            The stretch is too long, or the prompts have a mistake.
        """
        if end_s - start_s > MAX_PREVIEW_S:
            raise PlanError(f"a preview shows at most {MAX_PREVIEW_S:g} s; select less")
        state = project.state
        values = merge(state.settings.model_dump(mode="json"), changes)
        wanted = settings_from(values, where="settings")
        check_paths(wanted, state.settings)
        small = preview_overrides()
        size = _size_of(wanted, state.model)
        small["video"] |= {
            "size": f"{size[0]}x{size[1]}" if size else "auto", "upscale": 1, "upscaler": None, "interpolate": 1,
        }  # fmt: skip
        small["walk"] = {"loop": False}
        settings = settings_from(merge(values, small), where="settings")
        plan = project.plan_of(replace(state, start_s=start_s, end_s=end_s), settings=settings)
        frames = frames_key(plan, walk_targets_of(plan))
        look = {name: settings.model_dump(mode="json")[name] for name in AFTERWARDS}
        key = f"{frames}-{_key(look)}"
        folder = _folder(project, "previews")
        with self._lock:
            if key in self._failed:  # said once to whoever asks again, who may know no events
                raise self._failed.pop(key)
            awaited = self._awaited.get(project.id)
            if awaited is not None and awaited[0] == key:
                return {"key": key, "ready": False}
            if awaited is not None:
                awaited[1].set()
                del self._awaited[project.id]
            if (folder / f"{key}.mp4").is_file():
                return {"key": key, "ready": True}
            cancel = Cancel()
            self._awaited[project.id] = (key, cancel)

        def make() -> None:
            base, made = folder / f"{frames}.mp4", folder / f"{key}.mp4"

            def tell(event: Event) -> None:
                if isinstance(event, Working):
                    told = {"frames": event.done, "total": event.total} if isinstance(event, Rendered) else {}
                    self._hub.publish("preview", project=project.id, key=key, progress=event.progress, **told)

            try:
                cancel.check()
                if base.is_file() and WorkFolder(base).has_segments:
                    api.finish(base, made, overrides=[look], overwrite=True, on_event=tell, cancel=cancel)
                else:
                    request = api.RenderRequest(plan=plan, output=base, keep_frames=True, overwrite=True)
                    api.run(request, models=self._models, on_event=tell, cancel=cancel)
                    shutil.copyfile(base, made)
                    _forget(folder)
                self._forget_awaited(project.id, key)
                self._hub.publish("preview", project=project.id, key=key, progress=1.0, ready=True)
            except CancelledError:
                self._hub.publish("preview", project=project.id, key=key, cancelled=True)
            except Exception as error:
                self._failed = {key: error}
                self._hub.publish("preview", project=project.id, key=key, problem=as_json(error))
            finally:
                self._forget_awaited(project.id, key)

        self._pool.submit(make)
        return {"key": key, "ready": False, "frames_kept": (folder / f"{frames}.mp4").is_file()}

    def stop_preview(self, project: str) -> None:
        """Stop the preview of a project."""
        with self._lock:
            if (awaited := self._awaited.pop(project, None)) is not None:
                awaited[1].set()

    def _forget_awaited(self, project: str, key: str) -> None:
        """Nobody waits for a preview any more, unless another one has taken its place."""
        with self._lock:
            if self._awaited.get(project, ("",))[0] == key:
                del self._awaited[project]

    def estimate(
        self, project: Project, device: str, changes: dict[str, Any], *, workers: int = 0, cards: str = ""
    ) -> dict[str, Any]:
        """How long a render takes and how much disk it needs; the model is measured the first time.

        Parameters
        ----------
        workers, cards
            Who renders, as in `Job`.

        Raises
        ------
        BeatwalkError
            The model cannot be loaded, or the plan has a mistake.
        """
        settings = settings_from(merge(project.state.settings.model_dump(mode="json"), changes), where="settings")
        check_paths(settings, project.state.settings)
        plan = project.plan_of(project.state, settings=settings)
        key = _key(
            plan.model,
            device,
            settings.model_dump(mode="json")["model"],
            settings.model_dump(mode="json")["video"]["size"],
        )

        def measure() -> tuple[float, tuple[int, int]]:
            generator = self._models.of(ModelRequest.of(plan, device=device))
            _, walk = api.prepare(plan, generator)
            if key not in self._pace:
                self._pace[key] = seconds_a_frame(walk)
            return self._pace[key], walk.size

        frame_s, size = self._pool.submit(measure).result()
        if cards or workers:
            on_cards = max(1, count_cuda_devices()) if cards else workers
            cores = None if cards else os.cpu_count() or 1
            seconds = estimated_s(plan, frame_s, workers=on_cards, cores=cores)
        else:
            seconds = frame_s * (plan.rendered_frames + FINISHING * plan.timeline.n_frames)
        work = WorkFolder(project.videos / "estimate.mp4")
        frames = plan.timeline.n_frames
        needed = needed_bytes(work, frames, size) + output_bytes(settings.video, frames, size)
        free = shutil.disk_usage(project.folder).free
        return {"seconds": seconds, "bytes": needed, "free_bytes": free, "frames": frames, "size": list(size)}


def cached_file(project: Project, kind: str, key: str, suffix: str) -> Path | None:
    """A file of the cache by its key; None: it is not there."""
    return {one.name: one for one in _folder(project, kind).glob(f"*{suffix}")}.get(f"{key}{suffix}")


def _folder(project: Project, kind: str) -> Path:
    path = project.cache / kind
    path.mkdir(exist_ok=True)
    return path


def _key(*facts: Any) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pictured(settings: Settings) -> dict[str, Any]:
    """The settings on which a single picture depends."""
    return settings.model_dump(mode="json")["model"]  # type: ignore[no-any-return]


def _size_of(settings: Settings, model: str | None) -> tuple[int, int] | None:
    """A small size of the wanted shape; None: the model's own, because other models draw small pictures badly."""
    if model is not None:
        return None
    asked = settings.video.size
    width, height = asked.pixels if isinstance(asked, NamedSize) else asked or (1, 1)
    scale = SIDE / max(width, height)
    return max(64, round(width * scale / 64) * 64), max(64, round(height * scale / 64) * 64)


def _forget(folder: Path) -> None:
    """Delete the previews that were made longest ago."""
    bases = sorted(
        (one for one in folder.glob("*.mp4") if "-" not in one.stem),
        key=lambda one: one.stat().st_mtime,
        reverse=True,
    )
    for base in bases[KEPT_PREVIEWS:]:
        WorkFolder(base).clear()
        for one in folder.glob(f"{base.stem}*"):
            if one.is_file():
                one.unlink(missing_ok=True)
