"""A worker: an actor that holds a model, and surveys and renders the segments that it is given.

What it is told and what it answers are JSON, bytes of files, and numbers. A worker reads JSON with the checks of the
files on disk, and pictures as pictures; it unpickles nothing that a user made. (Ray itself pickles the arguments of
calls; both ends of these are beatwalk.)
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from beatwalk.api import ModelFacts, preview_of
from beatwalk.core import Denoised, Event, Surveying, WorkFolder, record_file, scratch_folder
from beatwalk.jobs.ray.model_copies import Listing, copies_folder, copy, kept_copy, listings_from_json
from beatwalk.jobs.ray.pieces import fetched, pieces_in, pieces_of, written
from beatwalk.jobs.ray.storage import Storage
from beatwalk.jobs.ray.versions import versions_here
from beatwalk.models import Generator, LoadOptions, ModelRequest, is_here, load_model, use_threads, with_copies
from beatwalk.preflight import compile_if_worth, seconds_a_frame
from beatwalk.types import Storyboard
from beatwalk.walk import (
    Grain,
    Pilot,
    SegmentJob,
    Walk,
    calibration_picture,
    cost_to_json,
    fitted_song,
    picture_from_bytes,
    picture_to_bytes,
    pilot_from_json,
    preview_prompts,
    previews_to_json,
    render_grains,
    song_from_json,
    song_to_json,
    state_from_bytes,
    storyboard_from_json,
    survey_from_json,
    survey_to_json,
)

Item = tuple[str, Any]  # what happened, and its data: of plain types
ITEMS_AHEAD = 8  # of a segment wait for the network before the model waits as well


class Abandoned(Exception):  # noqa: N818 - not an error: nobody waits for the segment any more
    """The driver no longer takes what this worker makes."""


class SegmentWorker:
    """Holds one model and the walk of one video.

    Parameters
    ----------
    threads
        Of torch on a processor; None: torch's own choice.
    storage
        URL and job of the `Storage` through which segments and models travel; None: segments travel through Ray's
        object store, and this machine has the model.
    """

    def __init__(self, threads: int | None = None, storage: tuple[str, str] | None = None) -> None:
        self._threads = threads
        self._storage = None if storage is None else Storage(*storage)
        self._loaded: tuple[ModelRequest, Generator] | None = None
        self._walk: Walk | None = None
        self._pilot: tuple[bytes, Pilot] | None = None
        self._held = contextlib.ExitStack()  # as long as this worker lives; Ray may kill it at any moment
        self._folder = self._held.enter_context(scratch_folder("beatwalk-worker-"))

    def load(self, request: ModelRequest) -> Generator:
        """Load a model."""
        return load_model(request)

    def introduce(self) -> str:
        """Name and versions of this worker's machine, as JSON."""
        return json.dumps({"node": platform.node(), "process": os.getpid(), "versions": versions_here()})

    def prepare(
        self, score: bytes, options: str, pictures: Mapping[str, Sequence[Any]], videos: int, parts: str
    ) -> str:
        """Load the model of a video, and encode its prompts and pictures.

        Parameters
        ----------
        score
            The storyboard as JSON; its pictures are named by the keys of `pictures`.
        options
            `LoadOptions` as JSON.
        pictures
            Files of keyframes, each as references to its pieces.
        videos
            See `RenderRequest`.
        parts
            `Listing`s of what the driver has of the model, as JSON.

        Returns
        -------
        `ModelFacts` as JSON; or {"lacks": names} of parts that have to be uploaded for this machine first.
        """
        if self._storage is not None:
            self._storage.check()
        if self._threads is not None:
            use_threads(self._threads)
        storyboard = self._with_pictures(storyboard_from_json(json.loads(score)), pictures)
        request = ModelRequest.of(storyboard, **_options_of(options))
        pickles = request.allow_pickle
        absent = [each for each in listings_from_json(parts) if not is_here(each.named, allow_pickle=pickles)]
        copies = {listing.named: self._copy_of(listing) for listing in absent}
        if lacks := [named for named, path in copies.items() if path is None]:
            return json.dumps({"lacks": lacks})
        request = with_copies(request, {named: path for named, path in copies.items() if path is not None})
        if self._loaded is None or self._loaded[0] != request:
            self._loaded = self._walk = None  # before the next one needs the memory
            self._loaded = (request, self.load(request))
        generator = self._loaded[1]
        info, video = generator.info, storyboard.settings.video
        size = storyboard.size or video.rendered_size(info.size, info.size_multiple)
        self._walk = walk = Walk.of(plan=storyboard, generator=generator, size=size)
        self._pilot = None
        compile_if_worth(storyboard, walk, videos)
        told = dataclasses.asdict(ModelFacts.of(walk))
        told["info"]["name"] = next((each.shown for each in absent if each.named == storyboard.model), info.name)
        return json.dumps(told)

    def measure(self) -> Iterator[Item]:
        """Measure the seconds that a frame takes."""
        yield "seconds a frame", seconds_a_frame(self._ready())

    def picture(self, index: int) -> Iterator[Item]:
        """Make one of the pictures that the song is calibrated with.

        Yields
        ------
        What happens, and ("picture", bytes) in pieces; none where the song has no more than `index`.
        """

        def work(say: Callable[[str, Any], None]) -> None:
            if (made := calibration_picture(self._ready(), index)) is not None:
                for piece in pieces_in(picture_to_bytes(made)):
                    say("picture", piece)

        yield from _streamed(work)

    def fit(self, pictures: Sequence[Sequence[Any]]) -> Iterator[Item]:
        """Calibrate the song with its pictures, each given as references to its pieces.

        Yields
        ------
        ("song", JSON): its calibration, and what that has cost.
        """

        def work(say: Callable[[str, Any], None]) -> None:
            song, cost = fitted_song(self._ready(), [picture_from_bytes(fetched(one)) for one in pictures])
            say("song", json.dumps({**song_to_json(song), **cost_to_json(cost)}))

        yield from _streamed(work)

    def preview(self, song: bytes, chunk: int) -> Iterator[Item]:
        """Preview the prompts of a chunk of segments, given the song's calibration.

        Yields
        ------
        What happens, and at last ("previews", JSON).
        """

        def work(say: Callable[[str, Any], None]) -> None:
            calibration, tell = song_from_json(json.loads(song)), _telling(say)
            made = preview_prompts(self._ready(), calibration, chunk, lambda: tell(Surveying(segment=0, done=0.0)))
            say("previews", json.dumps(previews_to_json(made)))

        yield from _streamed(work)

    def survey(self, pilot: bytes, job: bytes) -> Iterator[Item]:
        """Survey a segment, for its legs or because its frames are there already.

        Yields
        ------
        What happens, and at last ("survey", JSON).
        """

        def work(say: Callable[[str, Any], None]) -> None:
            made = self._job(pilot, job).surveyed(self._ready(), _telling(say))
            say("survey", json.dumps(survey_to_json(made)))

        yield from _streamed(work)

    def render(self, pilot: bytes, job: bytes, kept: Sequence[Any], previews: bool) -> Iterator[Item]:
        """Survey a segment, where that is not done, and render what is left of it or of one of its legs.

        Parameters
        ----------
        kept
            References to pieces of the state to resume from; empty: it is made from its first frame on.

        Yields
        ------
        What happens: ("survey", JSON), ("rendered", number of frames and a preview). For each grain come its files as
        ("frames", bytes), ("record", bytes) and, but for the last, ("state", bytes), all in pieces, and at last
        ("grain", its first frame). Frames that lie in the storage come as ("stored", name).
        """
        walk, work = self._ready(), WorkFolder(self._folder / "segment.mp4")

        def work_on(say: Callable[[str, Any], None]) -> None:
            todo, tell = self._job(pilot, job), _telling(say)
            todo = replace(todo, survey=todo.surveyed(walk, tell))
            say("survey", json.dumps(todo.survey and survey_to_json(todo.survey)))

            def made(block: Any) -> None:
                say("rendered", (len(block.frames), preview_of(block.frames.host()) if previews else None))

            def finished(grain: Grain, state: Path | None) -> None:
                files = {"record": record_file(grain.path), "state": state}
                if self._storage is None:
                    files = {"frames": grain.path, **files}
                else:
                    name = f"segment-{todo.segment.index:04d}-{grain.first:05d}"
                    say("stored", self._storage.put(grain.path, name))
                for kind, file in files.items():
                    for piece in () if file is None else pieces_of(file):
                        say(kind, piece)
                say("grain", grain.first)
                grain.path.unlink()

            arrays = state_from_bytes(fetched(kept)) if kept else None
            render_grains(walk, todo, work, kept=arrays, made=made, finished=finished, tell=tell)

        work.path.mkdir(exist_ok=True)
        try:
            yield from _streamed(work_on)
        finally:
            shutil.rmtree(work.path, ignore_errors=True)

    def _job(self, pilot: bytes, job: bytes) -> SegmentJob:
        """A leg's job; the pilot, which all segments of a video share, is read once."""
        if self._pilot is None or self._pilot[0] != pilot:
            self._pilot = (pilot, pilot_from_json(json.loads(pilot)))
        data = json.loads(job)
        plan = self._ready().plan
        return SegmentJob(
            segment=plan.segments[int(data["segment"])],
            part=next(part for part in plan.parts if part.key == (int(data["segment"]), int(data["leg"]))),
            steps=np.array(data["steps"], np.float64),
            pilot=self._pilot[1],
            survey=data["survey"] and survey_from_json(data["survey"]),
        )

    def _copy_of(self, listing: Listing) -> Path | None:
        """The copy of a part on this machine, made now where the driver has uploaded it; None: it has not."""
        kept = kept_copy(listing, copies_folder())
        if kept is not None or self._storage is None or not listing.files:
            return kept
        return copy(listing, self._storage, copies_folder())

    def _with_pictures(self, storyboard: Storyboard, pictures: Mapping[str, Sequence[Any]]) -> Storyboard:
        """The storyboard with its pictures in files of this machine."""
        files = {Path(name): written(self._folder / name, pieces) for name, pieces in pictures.items()}
        keyframes = [replace(k, image=k.image and files[k.image]) for k in storyboard.keyframes]
        return replace(storyboard, keyframes=tuple(keyframes))

    def _ready(self) -> Walk:
        if self._walk is None:
            raise RuntimeError("this worker has no model yet")
        return self._walk


def _options_of(text: str) -> LoadOptions:
    data = json.loads(text)
    config = data["model_config"]
    return {
        "device": data["device"],
        "dtype": data["dtype"],
        "model_config": config and Path(config),
        "allow_pickle": bool(data["allow_pickle"]),
    }


def _telling(say: Callable[[str, Any], None]) -> Callable[[Event], None]:
    """Say what is told of a survey and of samples; how far frames are is counted by who receives them."""

    def tell(event: Event) -> None:
        if isinstance(event, Surveying):
            say("surveying", event.done)
        elif isinstance(event, Denoised):
            say("denoised", (event.position, event.samples))

    return tell


def _streamed(work: Callable[[Callable[[str, Any], None]], None]) -> Iterator[Item]:
    """Do `work` in a thread, and yield what it says while it goes on."""
    items: queue.Queue[Item | None] = queue.Queue(ITEMS_AHEAD)
    abandoned = threading.Event()

    def put(item: Item | None) -> None:
        while not abandoned.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=1.0)
                return
        raise Abandoned

    def say(kind: str, data: Any) -> None:
        put((kind, data))

    def run() -> None:
        try:
            work(say)
        finally:
            with contextlib.suppress(Abandoned):
                put(None)

    with ThreadPoolExecutor(1, "segment") as pool:
        running = pool.submit(run)
        try:
            while (item := items.get()) is not None:
                yield item
            running.result()
        finally:
            abandoned.set()
