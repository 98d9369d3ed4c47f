"""Sizes by name: the nearest that a model makes, then exactly what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beatwalk.cli.console import describe_plan
from beatwalk.errors import SettingsError
from beatwalk.plan import settings_from
from beatwalk.preflight import remarks_of
from beatwalk.settings import VideoSettings
from beatwalk.sizes import NamedSize, parse_named
from tests.helpers import known_plan


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("9:16", (1080, 1920)),
        ("16:9", (1920, 1080)),
        ("1:1", (1080, 1080)),
        ("square", (1080, 1080)),
        ("4:5", (1080, 1350)),
        ("720p", (1280, 720)),
        ("1080P", (1920, 1080)),
        ("1440p", (2560, 1440)),
        ("4K", (3840, 2160)),
    ],
)
def test_names_stand_for_pixels(name: str, pixels: tuple[int, int]) -> None:
    """Shapes have a shorter side of 1080; every side is even."""
    named = parse_named(name)
    assert named is not None
    assert named.pixels == pixels
    video = VideoSettings(size=name)  # type: ignore[arg-type]
    assert (video.exact_size, video.enlarged((64, 64))) == (None, pixels)
    assert video.model_dump(mode="json")["size"] == name.lower()


@pytest.mark.parametrize(
    ("name", "native", "multiple", "rendered"),
    [
        ("9:16", (512, 512), 8, (384, 680)),
        ("16:9", (1024, 1024), 64, (1344, 768)),
        ("square", (512, 512), 8, (512, 512)),
        ("720p", (2048, 2048), 16, (1280, 720)),  # never more than asked for
        ("4k", (256, 256), 64, (320, 192)),
    ],
)
def test_a_model_makes_the_nearest(
    name: str, native: tuple[int, int], multiple: int, rendered: tuple[int, int]
) -> None:
    """Of its own number of pixels, in the shape that was asked for."""
    video = VideoSettings(size=name)  # type: ignore[arg-type]
    assert video.rendered_size(native, multiple) == rendered


@given(
    st.integers(1, 400), st.integers(1, 400), st.sampled_from([(256, 256), (512, 512), (1024, 1024), (1360, 768)]),
    st.sampled_from([8, 16, 32, 64]),
)  # fmt: skip
def test_shape_and_content_are_near(width: int, height: int, native: tuple[int, int], multiple: int) -> None:
    """Any shape that can be made is met within a step, and the number of pixels within a third."""
    try:
        named = parse_named(f"{width}:{height}")
    except ValueError:
        assert max(width, height) > 4 * min(width, height)
        return
    assert named is not None
    found = named.nearest(native, multiple)
    assert all(side % multiple == 0 and side > 0 for side in found)
    low, high = (found[0] - multiple) / (found[1] + multiple), (found[0] + multiple) / (found[1] - multiple)
    assert low < named.width / named.height < high
    if native[0] >= 512 and multiple <= 32:
        assert 0.7 < found[0] * found[1] / (native[0] * native[1]) < 1.4


def test_one_line_says_both() -> None:
    """What is rendered and what becomes of it; a plan says what was asked for."""
    said = remarks_of(VideoSettings(size="9:16"), (384, 680))  # type: ignore[arg-type]
    assert said == ["rendered in 384x680 and scaled to 1080x1920 (9:16)"]
    assert remarks_of(VideoSettings(size=(512, 512)), (512, 512)) == []
    plan = known_plan(video={"size": "4:5"})
    assert any("4:5: 1080x1350" in line for line in describe_plan(plan))


@pytest.mark.parametrize("size", ["9:0", "1:5", "1080", "8k", "16x999999", "-16x16", 3, [1, 2, 3], ["a", 2], True])
def test_other_sizes_are_refused(size: Any) -> None:
    """In one line that names the setting."""
    with pytest.raises(SettingsError, match=r"^x: video.size: ") as caught:
        settings_from({"video": {"size": size}}, where="x")
    assert "\n" not in str(caught.value)


def test_a_later_size_replaces_an_earlier_one() -> None:
    """A name and pixels are one setting."""
    assert settings_from({"video": {"size": "512x256"}}, where="x").video.size == (512, 256)
    assert isinstance(settings_from({"video": {"size": "16:9"}}, where="x").video.size, NamedSize)
    assert settings_from({"video": {"size": "auto"}}, where="x").video.size is None
