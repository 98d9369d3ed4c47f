"""Text files that people write come from every editor and shell; all of them are read by one reader."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from beatwalk.core import decode_text, read_json
from beatwalk.errors import BeatwalkError, InputError, PlanError, PromptError, SettingsError
from beatwalk.jobs.setlist import read_setlist
from beatwalk.listen import read_taps
from beatwalk.plan.presets import load_preset
from beatwalk.plan.prompts import read_prompts

AS_SAVED: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "utf-16 (PowerShell)": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16, big end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "utf-16, big end first, without a mark": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "windows": lambda text: text.replace("\n", "\r\n").encode(),
    "windows with a mark": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "powershell": lambda text: text.replace("\n", "\r\n").encode("utf-16"),
    "old mac": lambda text: text.replace("\n", "\r").encode(),
}
PRESET = "seed = 7\n[walk]\npace = 0.5\n"
SET_LIST = 'folder = "night"\n[[songs]]\nsong = "größer.wav"\nprompts = "a.txt"\n'
PROMPTS = "ein schöner Wald\n@0:10 a sea :: seed=3\n"


@pytest.mark.parametrize("saved", AS_SAVED)
def test_every_kind_of_file_in_every_encoding(tmp_path: Path, saved: str) -> None:
    """Presets, set lists, prompts, taps and JSON are the same however they were saved."""
    path, write = tmp_path / "here" / "file.toml", AS_SAVED[saved]
    path.write_bytes(write(PRESET))
    assert load_preset(str(path)) == {"seed": 7, "walk": {"pace": 0.5}}
    path.write_bytes(write(SET_LIST))
    assert read_setlist(path).songs[0].song == "größer.wav"
    path.write_bytes(write(PROMPTS))
    assert [line.prompt for line in read_prompts(path).lines] == ["ein schöner Wald", "a sea"]
    path.write_bytes(write("0.5\n1.0\n1.5\n0:02\n"))
    assert read_taps(path).tolist() == [0.5, 1.0, 1.5, 2.0]
    path.write_bytes(write(json.dumps({"prompt": "größer"}, indent=1)))
    assert read_json(path, PlanError, "a plan") == {"prompt": "größer"}


@pytest.mark.parametrize(
    ("read", "error"),
    [(load_preset, SettingsError), (read_setlist, InputError), (read_prompts, PromptError), (read_taps, InputError)],
)
def test_what_is_no_text(tmp_path: Path, read: Callable[..., object], error: type[BeatwalkError]) -> None:
    """Latin-1, half a letter of UTF-16 and a directory get one line each, with the place."""
    path = tmp_path / "here" / "file.toml"
    given = str(path) if read is load_preset else path
    path.write_bytes("# fine\n# schön\n\x00".encode("latin-1"))
    with pytest.raises(error, match=r":2:6: found byte 0xf6, which is not UTF-8"):
        read(given)
    path.write_bytes(codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"c")
    with pytest.raises(BeatwalkError, match="UTF-16"):
        read(given)
    path.unlink()
    path.mkdir()
    with pytest.raises(BeatwalkError, match=r"directory|no such preset"):
        read(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed = 1\n[walk]\ninit = “cover.png”\n", r":3:8: found a typographic quote \(“\), expected a plain"),
        ("[walk]\ninit = ‘cover.png’\n", r":2:8: found a typographic quote \(‘\)"),
        ("seed\u00a0= 1\n", r":1:5: found a special space, expected a plain space"),
        ("seed = –1\n", r":1:8: found a dash \(–\), expected a plain -"),
        ("seed ＝ 1\n", r":1:6: found a wide equals sign"),
        ("se\u200bed = 1\n", r":1:3: found an invisible character, expected nothing"),
        ("seed = \n", r"not valid TOML: Invalid value \(at line 1, column 8\)"),
    ],
)
def test_characters_that_look_like_others(tmp_path: Path, text: str, said: str) -> None:
    """Word processors and web pages put them in: they are named where they are a mistake, and allowed in words."""
    path = tmp_path / "here" / "file.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        load_preset(str(path))
    with pytest.raises(InputError, match=said):
        read_setlist(path)
    path.write_text('x = "a “quoted” word"\n', encoding="utf-8")
    assert load_preset(str(path)) == {"x": "a “quoted” word"}


def test_typographic_quotes_in_prompts(tmp_path: Path) -> None:
    """In words they are words; around a setting they are quotes."""
    path = tmp_path / "here" / "walk.txt"
    path.write_text("a “neon” city\na sea :: negative=“text, watermark”\n", encoding="utf-8")
    assert read_prompts(path).lines[1].negative == "text, watermark"
    path.write_text("a “neon” city\n", encoding="utf-8")
    assert read_prompts(path).lines[0].prompt == "a “neon” city"


@pytest.mark.parametrize(
    "text",
    [
        "0.5\t0.5\t1\n1.0\t1.0\t2\n1.5\t1.5\tdrop here\n2.0\t2.0\t4\n",  # Audacity
        "0.500000\t0.600000\t\n\\\t100.0\t200.0\n1\t1.1\t\n1.5\t1.6\t\n2.0\t2.1\t#4\n",  # … regions, frequencies
        "0,5\t0,5\t1\n1,0\t1,0\t2\n1,5\t1,5\t3\n2,0\t2,0\t4\n",  # … where a comma is the decimal point
        "time,frame,kind,label\n0.5,12,beat,\n1.0,24,beat,\n1.5,36,beat,\n2.0,48,beat,\n",  # our cue sheets
        '"time";"label"\n"0.5";"x"\n1.0;y\n1.5;z\n2.0;z\n',
        "0.5 1\n1.0 2\n1.5 3\n0:02.0 4\n",
        "0.5, New point\n1.0, New point\n1.5, New point\n2.0, New point\n",  # Sonic Visualiser
    ],
)
def test_taps_of_other_programs(tmp_path: Path, text: str) -> None:
    """Of columns the first one counts."""
    path = tmp_path / "here" / "labels.txt"
    path.write_text(text, encoding="utf-8")
    assert read_taps(path).tolist() == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5\n1,5\n2\n3\n", r':2: "1,5" is not a time'),
        ("beat 1\n2\n3\n4\n", r':1: "beat" is not a time'),
        ("one\ttwo\n1\n2\n3\n", r':1: "one" is not a time'),
    ],
)
def test_taps_that_are_not_plain(tmp_path: Path, text: str, said: str) -> None:
    """What could mean two things is refused, with its line."""
    path = tmp_path / "here" / "taps.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_taps(path)


def test_any_bytes_are_text_or_named() -> None:
    """Nothing but `NotTextError` comes out, in no time."""
    chance = np.random.default_rng(0)
    for size in (0, 1, 2, 3, 7, 400, 100_000):
        for head in (b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE):
            try:
                assert "\r" not in decode_text(head + chance.bytes(size))
            except ValueError as error:
                assert "UTF-8 text" in str(error)
