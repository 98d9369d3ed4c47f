"""Beat grids of rekordbox: right beats and bars, and a plain line for every library that is not one."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest

from beatwalk.errors import InputError, SettingsError
from beatwalk.listen import Corrections, correct, dj_library, read_rekordbox
from tests.helpers import known_analysis

STEADY = '<TEMPO Inizio="0.250" Bpm="120.00" Metro="4/4" Battito="3"/>'


def library(path: Path, *tracks: tuple[str, str, str], head: str = "") -> Path:
    """A library of tracks, each a location, a title and its grid."""
    rows = "".join(
        f"<TRACK TrackID='{i}' Name={quoteattr(title)} TotalTime='20' Location={quoteattr(place)}>{grid}</TRACK>"
        for i, (place, title, grid) in enumerate(tracks)
    )
    text = f'<?xml version="1.0" encoding="UTF-8"?>{head}<DJ_PLAYLISTS Version="1.0.0">'
    text += f'<PRODUCT Name="rekordbox"/><COLLECTION Entries="{len(tracks)}">{rows}</COLLECTION>'
    text += '<PLAYLISTS><NODE Type="0" Name="ROOT"><NODE Name="a"><TRACK Key="1"/></NODE></NODE></PLAYLISTS>'
    path.write_text(text + "</DJ_PLAYLISTS>", encoding="utf-8")
    return path


def test_a_steady_grid(tmp_path: Path) -> None:
    """From the first marker on at its tempo; `Battito` 3 means that the bar begins two beats later."""
    path = library(
        tmp_path / "lib.xml",
        ("file://localhost/C:/Music/other.mp3", "Other", STEADY),
        ("file://localhost/Users/me/Caf%C3%A9%20%26%20Song.MP3", "Café", STEADY.replace("0.250", "1.5")),
    )
    beats, bars = read_rekordbox(path, Path("/elsewhere/Cafe\u0301 & song.mp3")).within(20.0)  # decomposed
    np.testing.assert_allclose(beats.times_s, 1.5 + 0.5 * np.arange(37))
    assert beats.tempo_bpm == pytest.approx(120)
    np.testing.assert_allclose(bars.downbeats_s, 2.5 + 2.0 * np.arange(9))
    assert set(bars.beats_per_bar.tolist()) == {4}


def test_tempo_and_metre_change(tmp_path: Path) -> None:
    """Each marker begins on its own beat; none of the tempo before lies within half a beat of it."""
    grid = (
        '<TEMPO Inizio="8.1" Bpm="60.0" Metro="3/4" Battito="1"/>'
        '<TEMPO Inizio="0.0" Bpm="120.0" Metro="4/4" Battito="1"/>'
    )
    found = read_rekordbox(library(tmp_path / "a.xml", ("file://x/song.wav", "", grid)), Path("song.wav"))
    beats, bars = found.within(14.0)
    np.testing.assert_allclose(beats.times_s, [*(0.5 * np.arange(16)), *(8.1 + np.arange(6))])
    np.testing.assert_allclose(bars.downbeats_s, [0, 2, 4, 6, 8.1, 11.1])
    assert bars.beats_per_bar.tolist() == [4, 4, 4, 4, 3, 3]


def test_other_tracks_are_no_matter(tmp_path: Path) -> None:
    """One that was not analyzed, one without a location, one whose location is no URL."""
    path = library(
        tmp_path / "a.xml",
        ("file://x/song.wav", "Song", STEADY),
        ("file://x/other.mp3", "Other", STEADY.replace("120.00", "0.00")),
        ("file://[x/another.mp3", "Another", '<TEMPO Inizio="0"/>'),
        ("file://x/stream", "Stream", STEADY.replace("0.250", "3.0")),
    )
    path.write_text(path.read_text(encoding="utf-8").replace('Location="file://x/stream"', ""), encoding="utf-8")
    assert [marker.time_s for marker in read_rekordbox(path, Path("song.wav")).markers] == [0.25]
    first = path.read_text(encoding="utf-8").replace('Location="file://[x/another.mp3"', "")
    path.write_text(first.replace('Location="file://x/other.mp3"', ""), encoding="utf-8")
    assert [marker.time_s for marker in read_rekordbox(path, Path("song.wav")).markers] == [0.25]


@pytest.mark.parametrize(
    "location",
    [
        "file://localhost/C:/My%20Music/100%25%20%231.wav",
        "file://localhost/C:/My Music/100% #1.wav",
        "C:\\My Music\\100% #1.wav",
        "/Users/me/100% #1.wav",
    ],
)
def test_locations_of_any_system(tmp_path: Path, location: str) -> None:
    """Escaped, as rekordbox writes them, or as other programs do."""
    path = library(tmp_path / "a.xml", (location, "", STEADY))
    assert read_rekordbox(path, Path("100% #1.wav")).markers[0].time_s == 0.25


def test_a_grid_ends_before_its_song_does(tmp_path: Path) -> None:
    """A loop of whole bars, whose file is longer by part of a sample; and a grid of another, longer recording."""
    grid = '<TEMPO Inizio="{}" Bpm="174.00" Metro="4/4" Battito="1"/>'
    loop = known_analysis(22.06898)
    for begins, beats in (("0.0", 64), ("0.0001", 64), ("10.0", 35)):
        path = library(tmp_path / "a.xml", ("file://x/song.wav", "", grid.format(begins)))
        found = correct(loop, "song.wav", Corrections(grid=read_rekordbox(path, Path("song.wav"))))
        assert len(found.beats_s) == beats
    path = library(tmp_path / "a.xml", ("file://x/song.wav", "", grid.format("30.0")))
    with pytest.raises(InputError, match=r"grid begins at 30 s, after the song's end at 22.07 s"):
        correct(loop, "song.wav", Corrections(grid=read_rekordbox(path, Path("song.wav"))))


def test_a_title_is_enough(tmp_path: Path) -> None:
    """A song that was converted has another ending; the title or the name without it says which."""
    path = library(tmp_path / "a.xml", ("file://x/aaa.mp3", "My Tune", STEADY), ("file://x/b.flac", "B", STEADY))
    for name in ("my tune.wav", "aaa.ogg"):
        assert read_rekordbox(path, Path(name)).markers[0].time_s == 0.25


def test_of_files_with_one_name_the_folder_says_which(tmp_path: Path) -> None:
    """Many albums have a file `01.wav`."""
    other = STEADY.replace("0.250", "0.750")
    path = library(
        tmp_path / "a.xml",
        ("file://localhost/C:/Music/First%20Album/01.wav", "One", STEADY),
        ("file://localhost/C:/Music/Second%20Album/01.wav", "Another", other),
        ("file://localhost/C:/Music/Second%20Album/b.wav", "01", STEADY.replace("0.250", "3.0")),
    )
    assert read_rekordbox(path, tmp_path / "first album" / "01.wav").markers[0].time_s == 0.25
    assert read_rekordbox(path, tmp_path / "Second Album" / "01.wav").markers[0].time_s == 0.75
    with pytest.raises(InputError, match="2 tracks with different beat grids"):
        read_rekordbox(path, tmp_path / "Third Album" / "01.wav")


def test_the_grid_replaces_what_was_heard(tmp_path: Path) -> None:
    """As a correction, in the whole song or in a range."""
    grid = read_rekordbox(library(tmp_path / "a.xml", ("file://x/song.wav", "", STEADY)), Path("song.wav"))
    before = known_analysis()
    after = correct(before, "song.wav", Corrections(grid=grid))
    np.testing.assert_allclose(after.beats_s, 0.25 + 0.5 * np.arange(40), atol=1e-4)
    assert after.downbeats_s[0] == pytest.approx(1.25)
    part = correct(before, "song.wav", Corrections(grid=grid, from_s=10.0))
    early = before.beats_s < 9.9
    np.testing.assert_allclose(part.beats_s[: early.sum()], before.beats_s[early], atol=1e-4)
    assert 10.25 in np.round(part.beats_s, 4)
    with pytest.raises(SettingsError, match="--grid gives the beats"):
        correct(before, "song.wav", Corrections(grid=grid, anchors_s=(3.0,)))


@pytest.mark.parametrize(
    ("tracks", "head", "message"),
    [
        ((("file://x/a.mp3", "A", STEADY),), "", 'none of its 1 tracks is "song.wav"'),
        ((("file://x/song.wav", "A", ""),), "", '"song.wav" has no beat grid in it'),
        (
            (("file://x/song.wav", "A", STEADY), ("file://y/song.wav", "B", STEADY.replace("120", "121"))),
            "",
            "2 tracks with different beat grids",
        ),
        (
            (("file://x/song.wav", "A", STEADY.replace("120.00", "nan")),),
            "",
            'Bpm is "nan", expected a number from 20',
        ),
        (
            (("file://x/song.wav", "A", STEADY.replace("4/4", "0/4")),),
            "",
            'Metro is "0/4", expected beats such as 4/4',
        ),
        ((), '<!DOCTYPE a [<!ENTITY b "cccc">]>', "document type"),
    ],
)
def test_libraries_that_cannot_be_used(
    tmp_path: Path, tracks: tuple[tuple[str, str, str], ...], head: str, message: str
) -> None:
    """One line names the file, what is wrong and what to do."""
    path = library(tmp_path / "a.xml", *tracks, head=head)
    with pytest.raises(InputError, match=message) as caught:
        read_rekordbox(path, Path("song.wav"))
    assert "\n" not in str(caught.value)
    assert "a.xml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<NML><COLLECTION/></NML>", "it is no rekordbox library, it begins with <NML>"),
        ("<DJ_PLAYLISTS><COLLECTION>", "a.xml:1: it is not XML"),
        ("RIFF", "it is not XML"),
        ('<?xml version="1.0" encoding="shift_jis"?><DJ_PLAYLISTS/>', "encoding that cannot be read"),
        ('<?xml version="1.0" encoding="nonsense"?><DJ_PLAYLISTS/>', "encoding that cannot be read"),
        (None, "No such file"),
    ],
)
def test_files_that_are_no_library(tmp_path: Path, text: str | None, message: str) -> None:
    """Another program's file, half a file, a sound, none."""
    path = tmp_path / "a.xml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_rekordbox(path, Path("song.wav"))


def test_a_library_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused while it is read, before it fills the memory."""
    monkeypatch.setattr(dj_library, "MAX_BYTES", 2**20)
    path = tmp_path / "a.xml"
    path.write_text("<DJ_PLAYLISTS>" + " " * 3 * 2**20 + "</DJ_PLAYLISTS>", encoding="utf-8")
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read_rekordbox(path, Path("song.wav"))


def test_no_entity_is_ever_expanded(tmp_path: Path) -> None:
    """Neither one that grows nor one that names a file."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    entity = f'<!DOCTYPE a [<!ENTITY b SYSTEM "{secret.as_uri()}">]>'
    path = library(tmp_path / "a.xml", ("file://x/song.wav", "&b;", STEADY), head=entity)
    with pytest.raises(InputError, match="document type") as caught:
        read_rekordbox(path, Path("song.wav"))
    assert "secret\n" not in str(caught.value)
