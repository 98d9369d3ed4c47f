"""Pictures from strangers: only plain kinds are opened, nothing is run, and every kind of pixel is read right."""

from __future__ import annotations

import ast
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import beatwalk
from beatwalk.core import check_picture, load_picture
from beatwalk.core.keyframe_images import FORMATS, MAX_PIXELS
from beatwalk.core.picture_modes import to_srgb
from tests.inputs.wrong import refuses

SIZE = (16, 16)
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\n%%EndComments\n"
    b"(evil-was-here) (w) file closefile\nshowpage\n%%EOF\n"
)
OTHERS: dict[str, bytes] = {  # kinds that Pillow would open by itself
    "eps": EPS,
    "eps in a dos frame": struct.pack("<IIIIIIIH", 0xC6D3D0C5, 32, len(EPS), 0, 0, 0, 0, 0) + bytes(2) + EPS,
    "photoshop": b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 16, 16, 8, 3) + bytes(4 * 3 + 2 + 768),
    "fits": b"SIMPLE  =                    T".ljust(80) + b"BITPIX  =                    8".ljust(2800),
    "wmf": b"\xd7\xcd\xc6\x9a\x00\x00" + bytes(16) + b"\x01\x00\x09\x00" + bytes(20),
    "icns": b"icns" + struct.pack(">I", 8),
    "xpm": b'/* XPM */\nstatic char *a[] = {\n"1 1 1 1",\n"a c #ff0000",\n"a"};\n',
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".eps"])
def test_only_plain_pictures_are_opened(
    tmp_path: Path, name: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PostScript program named cover.png reaches no interpreter; no suffix and no content opens another kind."""
    here, programs = tmp_path / "here", tmp_path / "here" / "bin"
    programs.mkdir()
    for program in ("gs", "gswin32c", "gswin64c"):
        (programs / program).write_text(f"#!/bin/sh\ntouch '{here}/evil-was-here'\n")
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    picture = here / f"cover{suffix}"
    picture.write_bytes(OTHERS[name])
    refuses(lambda: check_picture(picture))
    refuses(lambda: load_picture(picture, SIZE))
    assert not (here / "evil-was-here").exists()


def test_pillow_is_told_which_kinds_to_open() -> None:
    """Every call of `Image.open` in the package names the kinds that it opens; the page opens its own JPEGs."""
    found = []
    for path in sorted(Path(beatwalk.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open"):
                found.append((path.name, [word.arg for word in node.keywords]))
    assert found == [("keyframe_images.py", ["formats"]), ("frames.py", ["formats"])]


def _png(width: int, height: int) -> bytes:
    """A PNG whose head promises a size, with a few bytes of pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(64))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(12_000, 10_001), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_pixels_are_counted_before_they_are_loaded(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that promises more than the limit is enough to refuse; no memory is taken for the pixels."""
    assert size[0] * size[1] > MAX_PIXELS
    path = tmp_path / "here" / "a.png"
    path.write_bytes(_png(*size))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was loaded"))
    refuses(lambda: check_picture(path))


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "link to a device", "socket"])
def test_what_is_no_file_is_no_picture(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe would wait for ever; all of these are refused at once."""
    path = tmp_path / "here" / "a.png"
    if kind == "folder":
        path.mkdir()
    elif os.name == "nt":
        pytest.skip("this system has no such files")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        import socket

        monkeypatch.chdir(path.parent)  # names of sockets are short
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    else:
        path = Path("/dev/zero")
    refuses(lambda: check_picture(path))


def test_broken_exif_is_one_line_or_nothing(tmp_path: Path) -> None:
    """A camera's note that is damaged spoils neither the picture nor the program."""
    path = tmp_path / "here" / "a.jpg"
    for note in (
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff",
    ):
        Image.new("RGB", SIZE, "red").save(path, exif=note)
        try:
            assert load_picture(path, SIZE).shape == (1, 16, 16, 3)
        except beatwalk.BeatwalkError as error:
            assert "\n" not in str(error)


def _of_mode(mode: str) -> Image.Image:
    """Half bright and half dark, in one of Pillow's modes."""
    ramp = np.repeat(np.array([[0.25, 0.75]]), 16, 0).repeat(8, 1)
    match mode:
        case "I;16":
            return Image.fromarray(np.round(ramp * 65_535).astype(np.uint16))
        case "I":
            return Image.fromarray(np.round(ramp * 65_535).astype(np.int32))
        case "F":
            return Image.fromarray(ramp.astype(np.float32))
        case "LAB":
            grey = Image.fromarray(np.round(ramp * 255).astype(np.uint8)).convert("RGB")
            srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
            made = ImageCms.profileToProfile(grey, srgb, lab, outputMode="LAB")
            assert made is not None
            return made
        case "P":
            return Image.fromarray(np.round(ramp * 255).astype(np.uint8)).convert("RGB").quantize(4)
        case "PA":
            return _of_mode("P").convert("PA")
        case "La" | "RGBa":
            return _of_mode("RGB").convert("LA" if mode == "La" else "RGBA").convert(mode)
        case _:
            return Image.fromarray(np.round(ramp * 255).astype(np.uint8)).convert("RGB").convert(mode)


FILES = {
    "L": "png", "LA": "png", "RGB": "png", "RGBA": "png", "P": "png", "I;16": "png", "I": "tiff", "F": "tiff",
    "CMYK": "tiff", "LAB": "tiff", "YCbCr": "jpg", "RGBX": "tiff",
}  # fmt: skip


def _looks_right(seen: np.ndarray) -> bool:
    return bool(np.abs(seen[:, :6] - 64).max() <= 6 and np.abs(seen[:, 10:] - 191).max() <= 6)


@pytest.mark.parametrize(("mode", "suffix"), FILES.items())
def test_every_kind_of_pixel_is_read_as_it_looks(tmp_path: Path, mode: str, suffix: str) -> None:
    """Deep greys and floats are scaled, not clipped to white; Lab, CMYK and palettes become the same greys."""
    path = tmp_path / "here" / f"a.{suffix}"
    _of_mode(mode).save(path)
    assert _looks_right(load_picture(path, SIZE)[0].astype(int))


@pytest.mark.parametrize("mode", [*FILES, "PA", "La", "RGBa", "HSV"])
def test_every_mode_of_pillow_has_its_place_in_the_table(mode: str) -> None:
    """Also those that no file of the list holds today."""
    assert _looks_right(np.asarray(to_srgb(_of_mode(mode))).astype(int))


def test_floats_beyond_one_and_numbers_that_are_none(tmp_path: Path) -> None:
    """The largest value chooses the scale; what is not a number is black."""
    path = tmp_path / "here" / "a.tiff"
    for white in (1.0, 255.0, 65_535.0, 1e9):
        values = np.full((16, 16), white, np.float32)
        values[:, :8] = np.nan
        Image.fromarray(values).save(path)
        seen = load_picture(path, SIZE)[0]
        assert (seen[:, :6] == 0).all()
        assert (seen[:, 10:] == 255).all()


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "I;16"])
def test_one_clear_colour_is_black(tmp_path: Path, mode: str) -> None:
    """A PNG may name a colour that is transparent instead of holding an alpha channel."""
    path = tmp_path / "here" / "a.png"
    white = 65_535 if mode == "I;16" else 255
    made = Image.new("RGB" if mode == "P" else mode, SIZE, (255,) * 3 if mode in ("RGB", "P") else white)
    made = made.quantize(2) if mode == "P" else made
    made.save(path, transparency={"P": made.getpixel((0, 0)), "RGB": (255,) * 3}.get(mode, white))
    assert (load_picture(path, SIZE) == 0).all()


def test_embedded_profiles_become_srgb(tmp_path: Path) -> None:
    """A profile whose red is sRGB's green shows green; one that is broken or of other pixels counts as none."""
    path = tmp_path / "here" / "a.png"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    green, red = (0, 255, 0), (255, 0, 0)
    for profile, expected in ((srgb, red), (swapped, green), (b"not a profile", red), (other, red)):
        Image.new("RGBA", SIZE, (*red, 255)).save(path, icc_profile=profile)
        assert np.abs(load_picture(path, SIZE)[0, 8, 8].astype(int) - expected).max() <= 2


def test_a_large_jpeg_is_decoded_small(tmp_path: Path) -> None:
    """What covers the frame twice over is enough; the middle and the colours stay."""
    path = tmp_path / "here" / "a.jpg"
    Image.new("RGB", (2000, 1000), (200, 100, 50)).save(path, quality=95)
    assert np.abs(load_picture(path, (40, 20))[0].astype(int) - [200, 100, 50]).max() <= 3


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_promised_can_be_read(tmp_path: Path, kind: str) -> None:
    """Every kind of the list that this Pillow was built with."""
    path = tmp_path / "here" / "a"
    try:
        Image.new("RGB", SIZE, (255, 0, 0)).save(path, format=kind)
    except (OSError, KeyError):
        pytest.skip("this Pillow was built without it")
    assert np.abs(load_picture(path, SIZE)[0, 8, 8].astype(int) - [255, 0, 0]).max() <= 6
