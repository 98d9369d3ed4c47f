"""Pictures on the CPU and on another device: the same figures by two ways, and as few copies as there can be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from beatwalk.perception import Pictures, change, light_grid, oklab, reduce_frames, successive_change
from beatwalk.types import Frames

LAB = 2e-5  # what float32 sums in another order may differ by, in OKLab: black's cube root is steep
LIGHT = 1e-6  # the same of linear light, 0-1
SIZES = [(96, 64), (131, 97), (512, 512), (1000, 400)]  # width, height


def noise(n: int, size: tuple[int, int], seed: int = 0) -> Frames:
    """Pictures without any structure, one row black and one white."""
    pictures = np.random.default_rng(seed).integers(0, 256, (n, size[1], size[0], 3), dtype=np.uint8)
    pictures[:, 0], pictures[:, -1] = 0, 255
    return pictures


def on_device(frames: Frames) -> Pictures:
    """The pictures as another device has them."""
    return Pictures(torch.from_numpy(frames.copy()), keep_tensor=True)


def test_a_tensor_on_the_cpu_is_seen_by_numpy_without_a_copy() -> None:
    """What is written to the tensor is in the pictures."""
    tensor = torch.zeros(2, 4, 5, 3, dtype=torch.uint8)
    pictures = Pictures(tensor)
    tensor[1, 2, 3, 0] = 7
    assert pictures.host()[1, 2, 3, 0] == 7
    assert pictures.device == "cpu"


@pytest.mark.parametrize(
    "data", [np.zeros((4, 5, 3), np.uint8), np.zeros((1, 4, 5, 4), np.uint8), np.zeros((1, 4, 5, 3))]
)
def test_what_is_no_batch_of_pictures_is_refused(data: Frames) -> None:
    """One picture alone, alpha, floats."""
    with pytest.raises(ValueError, match="expected uint8 pictures of shape"):
        Pictures(data)
    with pytest.raises(ValueError, match="expected uint8 pictures of shape"):
        Pictures(torch.from_numpy(data))


@pytest.mark.parametrize("kept", [True, False])
def test_parts_are_views_and_join_to_the_whole(kept: bool) -> None:
    """Length, size, slices and joining; nothing changes kind."""
    frames = noise(5, (40, 24))
    pictures = Pictures(torch.from_numpy(frames), keep_tensor=kept)
    assert (len(pictures), pictures.size) == (5, (40, 24))
    first, rest = pictures[:2], pictures[2:]
    assert isinstance(first.data, torch.Tensor) == kept
    assert np.shares_memory(first.host(), frames)
    joined = Pictures.joined([first, rest])
    assert isinstance(joined.data, torch.Tensor) == kept
    np.testing.assert_array_equal(joined.host(), frames)
    assert Pictures.joined([first]) is first


@pytest.mark.parametrize("size", SIZES)
def test_both_ways_reduce_alike(size: tuple[int, int]) -> None:
    """The grid of OKLab on a device is that of the CPU, and so is the change between pictures."""
    frames = noise(3, size)
    plain, other = Pictures(frames).reduced((24, 24)), on_device(frames).reduced((24, 24))
    assert isinstance(plain, np.ndarray)
    assert isinstance(other, torch.Tensor)
    np.testing.assert_allclose(other.numpy(), plain, atol=LAB)
    np.testing.assert_array_equal(plain, reduce_frames(frames, (24, 24)))
    np.testing.assert_allclose(successive_change(other).numpy(), successive_change(plain), rtol=1e-4)
    np.testing.assert_allclose(change(other[:1], other[2:]).numpy(), change(plain[:1], plain[2:]), rtol=1e-4)


def test_averages_are_by_area_and_exact() -> None:
    """Cells of 1.5 pixels take halves of the pixels between them; the sum of all weights is 1."""
    row = np.array([0, 90, 180], np.uint8)
    frames = np.broadcast_to(row[None, None, :, None], (1, 2, 3, 3))
    expected = oklab(np.array([[30, 30, 30], [150, 150, 150]], np.float32) / np.float32(255))
    np.testing.assert_allclose(Pictures(frames).reduced((1, 2))[0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(on_device(frames).reduced((1, 2))[0, 0], expected, atol=LAB)


@pytest.mark.parametrize("size", [*SIZES, (5, 7), (191, 97), (1920, 1080)])
def test_both_ways_meter_light_alike(size: tuple[int, int]) -> None:
    """The grid of the flash meter, also where not every pixel counts."""
    frames = noise(2, size)
    plain, other = Pictures(frames).light_grid(), on_device(frames).light_grid()
    np.testing.assert_allclose(other, plain, atol=LIGHT)
    np.testing.assert_array_equal(plain[1], light_grid(frames[1]))
    step = max(1, min(size) // 384)
    light = ((frames[:, ::step, ::step] / 255 + 0.055) / 1.055) ** 2.4
    straight = frames[:, ::step, ::step] / 255 / 12.92
    light = np.where(frames[:, ::step, ::step] / 255 <= 0.04045, straight, light)
    edges = [np.linspace(0, n, min(n, 96) + 1).round().astype(int) for n in light.shape[1:3]]
    cell = light[0, edges[0][-2] : edges[0][-1], edges[1][0] : edges[1][1]].mean((0, 1))
    np.testing.assert_allclose(plain[0, -1, 0], cell, atol=LIGHT)


def test_pictures_come_to_the_host_once() -> None:
    """However often they are asked for, and whoever asked first, there is one copy."""
    pictures = on_device(noise(2, (40, 24)))
    pictures.start_copy()
    assert pictures.host() is not None
    assert np.shares_memory(pictures.host(), pictures.host())
    np.testing.assert_array_equal(pictures.host(), noise(2, (40, 24)))
    plain = Pictures(noise(1, (8, 8)))
    assert plain.host() is plain.data


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu() -> None:
    """Grids, light and bytes of pictures that lie on a graphics card."""
    frames = noise(4, (512, 512))
    card = Pictures(torch.from_numpy(frames).cuda())
    assert card.device.startswith("cuda")
    np.testing.assert_allclose(torch.as_tensor(card.reduced()).cpu(), reduce_frames(frames), atol=LAB)
    np.testing.assert_allclose(torch.as_tensor(card.light_grid()).cpu(), Pictures(frames).light_grid(), atol=LIGHT)
    card.start_copy()
    np.testing.assert_array_equal(card.host(), frames)


def test_a_copy_to_the_host_is_made_once() -> None:
    """Begun early or asked for twice, it is the same copy."""
    pictures = on_device(noise(2, (40, 24)))
    pictures.start_copy()
    assert pictures._copy is pictures._copy
    assert np.shares_memory(pictures.host(), pictures.host())
