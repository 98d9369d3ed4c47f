"""An hour of music: analysed, planned, its end rendered, stopped and gone on with, in little memory and in time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests import processes
from tests.songs import write_minutes

MINUTES, BPM, RATE = 60, 120.0, 22_050
MAX_BYTES = 2 * 2**30
SCRIPT = """
import json, sys
from pathlib import Path
from beatwalk import api
from beatwalk.core import Rendered
from beatwalk.listen import store
from beatwalk.plan.targets import targets_of
from beatwalk.models.fake import FakeGenerator
from beatwalk.video import probe, read_sound

song, out = Path(sys.argv[1]), Path(sys.argv[2])
analysis = store.analyze(song)
changes = {"video": {"fps": "30000/1001", "size": "256x256"}, "walk": {"change_every": "8 bars"}}
prompts = [f"picture {i}" for i in range(40)]
whole = api.plan(song, prompts, overrides=[changes], analysis=analysis)
targets_of(whole)
start = analysis.duration_s - 60
plan = api.plan(song, prompts, overrides=[changes], analysis=analysis, start_s=start)

def stop(event):
    if isinstance(event, Rendered) and event.done > 900:
        raise KeyboardInterrupt

try:
    api.render(plan, out, generator=FakeGenerator(), on_event=stop)
except KeyboardInterrupt:
    pass
assert not out.exists()
result = api.render(plan, out, generator=FakeGenerator())
try:
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    peak = 1024 * int(peak.split()[1])
except OSError:
    peak = 0  # not told on this system
lags = []
heard, original = read_sound(out, 8000), read_sound(song, 8000)
for begin_s in (1.1, 30.1, 57.1):  # by how many samples the video's sound is later than the song's
    window = heard[round(begin_s * 8000) :][:16000]
    at = round((start + begin_s) * 8000)
    scores = [float(window @ original[at - lag :][:16000]) for lag in range(-400, 401)]
    lags.append(scores.index(max(scores)) - 400)
info = probe(out)
print(json.dumps({
    "peak": peak, "beats": [float(b) for b in analysis.beats_s[-200:]], "tempo": analysis.tempo_bpm,
    "frames": whole.timeline.n_frames, "reused": result.manifest["report"]["frames_reused"],
    "lags": lags, "made": info.n_frames, "sound": info.audio_duration_s, "video": info.duration_s,
}))
"""


@pytest.mark.slow
def test_an_hour(tmp_path: Path) -> None:
    """Under 2 GB; beats of the last minute where they are; what was made is not made again; sound in time."""
    write_minutes(tmp_path / "hour.wav", MINUTES, BPM, RATE)
    found = json.loads(processes.output_of("-c", SCRIPT, tmp_path / "hour.wav", tmp_path / "out.mp4"))
    print({key: found[key] for key in ("peak", "tempo", "frames", "reused", "made", "lags")})
    assert found["peak"] < MAX_BYTES
    assert found["tempo"] == pytest.approx(BPM, rel=0.001)
    assert found["frames"] == round(3600 * 30000 / 1001)
    beats = np.array(found["beats"])
    np.testing.assert_allclose(beats, np.round(beats * 2) / 2, atol=0.035)
    assert found["reused"] > 0
    assert found["made"] == round(60 * 30000 / 1001)
    assert abs(found["sound"] - found["video"]) < 1001 / 30000
    assert max(np.abs(found["lags"])) <= 40  # 5 ms at 8 kHz, at the beginning and at the end
