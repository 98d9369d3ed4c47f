"""Listens to songs in the background, and tracks beats again from taps or a tempo within a second.

Tracking again needs what the network said of the song. That takes seconds to compute, half a minute for an hour of
music; it is kept from listening, so that it is there when somebody has tapped along.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from beatwalk.errors import BeatwalkError, SettingsError
from beatwalk.listen import (
    MIN_TAPS,
    Corrections,
    Evidence,
    analyze,
    gather_evidence,
    import_librosa,
    rhythm_of,
    tracked_again,
    with_rhythm,
)
from beatwalk.types import Analysis, Audio
from beatwalk.web.hub import Hub
from beatwalk.web.problems import as_json
from beatwalk.web.project import Project
from beatwalk.web.waveform import write_waveform

LOAD_AFTER_S = 1.0


class Hearing:
    """Listens to one song at a time."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="listening")
        self._evidence: tuple[str, Future[Evidence]] | None = None  # of the song with this path and time
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._loading: threading.Thread | None = None

    def get_ready(self) -> None:
        """Load librosa in the background, once: its import takes seconds, for which songs and taps would wait.

        It begins a little later, so that a page that is opening just now comes first.
        """
        with self._lock:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, name="librosa", daemon=True)
                self._loading.start()

    def _load(self) -> None:
        if not self._closing.wait(LOAD_AFTER_S):
            import_librosa()

    def begin(self, project: Project) -> None:
        """Listen to a project's song in the background, unless that happens already."""
        with project.lock:
            if project.listening or project.song is None:
                return
            project.listening, project.problem = True, None
        self._pool.submit(self._listen, project)

    def _listen(self, project: Project) -> None:
        try:
            audio = project.audio
            write_waveform(audio, project.cache / "waveform.bin")
            self._hub.publish("waveform", id=project.id)
            evidence, _ = self._evidence_of(audio)
            _gather(audio, evidence)
            found = analyze(audio, evidence=evidence.result())
            project.listening = False
            project.take_analysis(found)
        except BeatwalkError as error:
            project.problem = as_json(error)
        except Exception as error:  # a bug must not leave the page waiting for ever
            project.problem = as_json(error)
            raise
        finally:
            project.listening = False
            self._hub.publish("project", id=project.id, revision=project.revision)

    def warm(self, project: Project) -> Future[Evidence]:
        """Get ready to track a project's song again; what this takes is kept."""
        audio = project.audio
        future, new = self._evidence_of(audio)
        if new:
            gathering = self._pool.submit(_gather, audio, future)
            gathering.add_done_callback(lambda _: future.cancel())  # nobody must wait for what was not begun
        return future

    def _evidence_of(self, audio: Audio) -> tuple[Future[Evidence], bool]:
        """What is known of a song, or will be, and whether nobody asked before; a failure is forgotten."""
        key = f"{audio.path}:{audio.path.stat().st_mtime_ns}"
        with self._lock:
            if self._evidence is not None and self._evidence[0] == key:
                known = self._evidence[1]
                if not known.done() or known.exception() is None:
                    return known, False
            self._evidence = (key, Future())
            return self._evidence[1], True

    def track(
        self, project: Project, analysis: Analysis, taps_s: list[float] | None, corrections: Corrections
    ) -> Analysis:
        """Track the beats again, as a person hints, in the range that the corrections name.

        Raises
        ------
        SettingsError
            The taps are too few, or the tempo cannot be meant.
        """
        taps = None if taps_s is None else np.unique(np.round(np.array(taps_s, float), 4))
        if taps is not None and len(taps) < MIN_TAPS:
            raise SettingsError(f"{len(taps)} taps are too few; tap along for at least {MIN_TAPS} beats")
        return tracked_again(analysis, self.warm(project).result(), replace(corrections, taps_s=taps))

    def listen_again(self, project: Project, analysis: Analysis, tracker: str) -> Analysis:
        """Track the beats again with one of the trackers of `beatwalk analyze`.

        Raises
        ------
        SettingsError
            There is no such tracker.
        MissingExtraError, ModelError
            It belongs to another package, which is not installed or has no weights.
        """
        rhythm = rhythm_of(project.audio, self.warm(project).result(), tracker)
        return with_rhythm(analysis, rhythm.beats, rhythm.bars)

    def close(self) -> None:
        """Begin nothing new."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _gather(audio: Audio, future: Future[Evidence]) -> None:
    """Gather the evidence in a song, unless that was done or is no longer wanted."""
    if future.done() or not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(gather_evidence(audio))
    except BaseException as error:
        future.set_exception(error)
