"""Effects on the CPU, compiled by numba: each frame is painted row by row, in one pass over memory.

A row is sampled, or read, into a buffer that stays in the first-level cache. Every step works on that buffer, and
the finished row is written as bytes. The steps of a frame are a list of codes with parameters (see
`beatwalk.video.chain`). Compiled code is kept on disk by numba, so that only the first render of an installation
waits for it.

Conventions
-----------
- A source is float32, shape (height, width, 4): encoded sRGB of 0-1, and a fourth value that fills the vector.
- A row is float32, shape (3, width). Maps take a point of the view to a point of the source; both are indices of
  pixels, so that (0, 0) is the middle of the first pixel.
- Beyond its edges, a source is mirrored.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numba
import numpy as np

from beatwalk.perception import compiled
from beatwalk.types import Float, Float32, Frames
from beatwalk.video.chain import Indices
from beatwalk.video.steps import COLOR, KEEP, KNEE, SPLIT, TRAIL, VIGNETTE, WHITE

# Parts of a kernel need no way in from Python, whose compilation takes as long as theirs.
_part = numba.njit(fastmath=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_f32, _i32 = np.float32, np.int32
Value = Any  # a float32, of which numba keeps the type where numpy's stubs do not

# Weights of four neighbours in bicubic sampling with a = -0.75, torch's: row k has the coefficients of t^k, and every
# weight stands four times, once for each value of a pixel.
_CUBIC = np.repeat(
    np.array([[0, 1, 0, 0], [-0.75, 0, 0.75, 0], [1.5, -2.25, 1.5, -0.75], [-0.75, 1.25, -1.25, 0.75]], np.float32),
    4,
    axis=1,
)
# Minimax polynomials: ((x + 0.055) / 1.055)^2.4 of x from 0.04045 to 1, at most 6e-6 off; and 1.055 q^(5/3) - 0.055
# of q = l^(1/4), l from 0.0031308 to 1, at most 0.002 levels of 255 off.
_LIGHT = (0.00090960937, 0.033245422, 0.51068628, 0.71949244, -0.43859601, 0.22987393, -0.055617269)
_LIGHT0, _LIGHT1, _LIGHT2, _LIGHT3, _LIGHT4, _LIGHT5, _LIGHT6 = (_f32(c) for c in _LIGHT)
_CODE = (-0.061340291, 0.16202705, 1.2554014, -0.57747728, 0.2895283, -0.068145774)
_CODE0, _CODE1, _CODE2, _CODE3, _CODE4, _CODE5 = (_f32(c) for c in _CODE)
_ROOT_BITS = 709921077  # of the first guess at a cube root: a third of the exponent


@compiled
def as_source(frame: Frames, source: Float32) -> None:
    """Convert a frame to a source."""
    bytes_, values = frame.reshape(-1), source.reshape(-1)
    for i in range(frame.shape[0] * frame.shape[1]):
        values[4 * i] = bytes_[3 * i] * _f32(1 / 255)
        values[4 * i + 1] = bytes_[3 * i + 1] * _f32(1 / 255)
        values[4 * i + 2] = bytes_[3 * i + 2] * _f32(1 / 255)
        values[4 * i + 3] = _f32(0)  # what happens to lie there may be slow to compute with


@compiled
def blurred(source: Float32, amount: float) -> Float32:
    """Blur over three pixels each way, against shimmer in pictures made smaller; 1 is binomial, 0 changes nothing."""
    height, width, _ = source.shape
    side, centre = _f32(amount / 4), _f32(1 - amount / 2)
    across, both = np.empty_like(source), np.empty_like(source)
    for y in range(height):
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            for k in range(4):
                across[y, x, k] = centre * source[y, x, k] + side * (source[y, left, k] + source[y, right, k])
    for y in range(height):
        above, below = across[max(y - 1, 0)].reshape(-1), across[min(y + 1, height - 1)].reshape(-1)
        here, into = across[y].reshape(-1), both[y].reshape(-1)
        for i in range(4 * width):
            into[i] = centre * here[i] + side * (above[i] + below[i])
    return both


@compiled
def paint(
    frame: Frames,
    source: Float32,
    seen: Float,
    places: Float32,
    codes: Indices,
    parameters: Float32,
    before: Float32,
    drift: Float,
    drift_places: Float32,
    pattern: Float32,
    now: Float32,
    out: Frames,
    first: int,
    last: int,
) -> None:
    """Paint the rows from `first` to `last` of one frame.

    Parameters
    ----------
    frame
        The frame as it was made; read where `source` is empty.
    source
        The same as a source; empty where the view shows every pixel at its own place.
    seen
        Shape (2, 3): the map of the view.
    places
        The same as points, shape (2, height, width); empty where `seen` says it.
    codes
        The steps, in order.
    parameters
        Of every step, shape (n, N_PARAMETERS).
    before
        The last frame, as `now` was; read by TRAIL.
    drift, drift_places
        Map from this view to the last one.
    pattern
        Noise, read by GRAIN.
    now
        A source that KEEP writes.
    out
        The finished frame.
    """
    height, width, _ = frame.shape
    row, other = np.empty((3, width), np.float32), np.empty((3, width), np.float32)
    x_of, y_of = np.empty(width, np.float32), np.empty(width, np.float32)
    corner, along = np.empty(width, np.int64), np.empty(width, np.float32)
    down, taps = np.empty((4, width), np.float32), np.empty(16, np.float32)
    for y in range(first, last):
        if source.size:
            _points(seen, places, y, x_of, y_of)
            _bicubic(source, x_of, y_of, corner, along, down, taps, row)
        else:
            _read(frame[y], row)
        for i in range(len(codes)):
            code, own = codes[i], parameters[i]
            if code == COLOR:
                _color(row, own)
            elif code == TRAIL:
                _points(drift, drift_places, y, x_of, y_of)
                _bilinear(before, x_of, y_of, corner, along, down, taps, other)
                share = own[0]
                for c in range(3):
                    for x in range(width):
                        row[c, x] += share * (other[c, x] - row[c, x])
            elif code == KEEP:
                for x in range(width):
                    now[y, x, 0], now[y, x, 1], now[y, x, 2], now[y, x, 3] = row[0, x], row[1, x], row[2, x], _f32(0)
            elif code == VIGNETTE:
                _vignette(row, own, y, height)
            elif code == WHITE:
                _white(row, own)
            elif code == SPLIT:
                _split(row, own, other)
            else:
                _grain(row, own, pattern, y, height)
        _write(row, out[y])


@functools.cache
def prepare() -> None:
    """Compile the kernels, or load what an earlier run has compiled, by painting a frame of one pixel."""
    blurred(np.zeros((1, 1, 4), np.float32), 1.0)
    frame, source, still = np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 4), np.float32), np.eye(3)
    as_source(frame, source)
    nowhere, codes, parameters = np.empty((2, 0, 0), np.float32), np.zeros(0, np.int64), np.zeros((0, 1), np.float32)
    paint(
        frame, source, still, nowhere, codes, parameters, source, still, nowhere, source[..., 0], source, frame, 0, 1
    )


@_part
def _points(matrix: Float, places: Float32, y: int, x_of: Float32, y_of: Float32) -> None:
    """Find where a row of the view looks."""
    if places.size:
        for x in range(len(x_of)):
            x_of[x], y_of[x] = places[0, y, x], places[1, y, x]
        return
    right, into_x = _f32(matrix[0, 0]), _f32(matrix[0, 1] * y + matrix[0, 2])
    down, into_y = _f32(matrix[1, 0]), _f32(matrix[1, 1] * y + matrix[1, 2])
    for x in range(len(x_of)):
        x_of[x] = right * _f32(x) + into_x
        y_of[x] = down * _f32(x) + into_y


@_part
def _mirrored(index: int, size: int) -> int:
    """Mirror an index about the outer edges of the first and the last pixel."""
    if index < 0 or index >= size:
        index = index % (2 * size)
    return index if index < size else 2 * size - 1 - index


@_part
def _bicubic(
    source: Float32,
    x_of: Float32,
    y_of: Float32,
    corner: Indices,
    along: Float32,
    down: Float32,
    taps: Float32,
    row: Float32,
) -> None:
    """Sample a row; four neighbours of four values each are one vector of 16."""
    height, width, _ = source.shape
    values, stride = source.reshape(-1), 4 * width
    red, green, blue = row[0], row[1], row[2]
    w0, w1, w2, w3 = down[0], down[1], down[2], down[3]
    c0, c1, c2, c3 = _CUBIC[0], _CUBIC[1], _CUBIC[2], _CUBIC[3]
    for x in range(len(x_of)):
        left, top = math.floor(x_of[x]), math.floor(y_of[x])
        along[x], t = _f32(x_of[x] - left), _f32(y_of[x] - top)
        w0[x] = _f32(-0.75) * t + _f32(1.5) * t * t - _f32(0.75) * t * t * t
        w1[x] = _f32(1) - _f32(2.25) * t * t + _f32(1.25) * t * t * t
        w2[x] = _f32(0.75) * t + _f32(1.5) * t * t - _f32(1.25) * t * t * t
        w3[x] = _f32(-0.75) * t * t + _f32(0.75) * t * t * t
        i, j = _i32(left), _i32(top)
        inside = (i >= 1) & (i < width - 2) & (j >= 1) & (j < height - 2)
        corner[x] = (j - 1) * stride + (i - 1) * 4 if inside else -1
    for x in range(len(x_of)):
        p, t = corner[x], along[x]
        if p >= 0:
            r0, r1 = values[p : p + 16], values[p + stride : p + stride + 16]
            r2, r3 = values[p + 2 * stride : p + 2 * stride + 16], values[p + 3 * stride : p + 3 * stride + 16]
            a, b, c, d = w0[x], w1[x], w2[x], w3[x]
            for k in range(16):
                weight = ((c3[k] * t + c2[k]) * t + c1[k]) * t + c0[k]
                taps[k] = weight * (a * r0[k] + b * r1[k] + c * r2[k] + d * r3[k])
        else:
            i, j = _i32(math.floor(x_of[x])), _i32(math.floor(y_of[x]))
            top, upper = _mirrored(j - 1, height) * stride, _mirrored(j, height) * stride
            lower, bottom = _mirrored(j + 1, height) * stride, _mirrored(j + 2, height) * stride
            for n in range(4):
                q = 4 * _mirrored(i - 1 + n, width)
                r0, r1 = values[top + q : top + q + 4], values[upper + q : upper + q + 4]
                r2, r3 = values[lower + q : lower + q + 4], values[bottom + q : bottom + q + 4]
                weight = ((c3[4 * n] * t + c2[4 * n]) * t + c1[4 * n]) * t + c0[4 * n]
                for k in range(4):
                    taps[4 * n + k] = weight * (w0[x] * r0[k] + w1[x] * r1[k] + w2[x] * r2[k] + w3[x] * r3[k])
        red[x] = min(max(taps[0] + taps[4] + taps[8] + taps[12], _f32(0)), _f32(1))
        green[x] = min(max(taps[1] + taps[5] + taps[9] + taps[13], _f32(0)), _f32(1))
        blue[x] = min(max(taps[2] + taps[6] + taps[10] + taps[14], _f32(0)), _f32(1))


@_part
def _bilinear(
    source: Float32,
    x_of: Float32,
    y_of: Float32,
    corner: Indices,
    along: Float32,
    down: Float32,
    taps: Float32,
    row: Float32,
) -> None:
    """Sample a row without ever overshooting, so that it can be repeated endlessly."""
    height, width, _ = source.shape
    values, stride = source.reshape(-1), 4 * width
    red, green, blue, below = row[0], row[1], row[2], down[0]
    for x in range(len(x_of)):
        left, top = math.floor(x_of[x]), math.floor(y_of[x])
        along[x], below[x] = _f32(x_of[x] - left), _f32(y_of[x] - top)
        i, j = _i32(left), _i32(top)
        inside = (i >= 0) & (i < width - 1) & (j >= 0) & (j < height - 1)
        corner[x] = j * stride + i * 4 if inside else -1
    for x in range(len(x_of)):
        p, t, b = corner[x], along[x], below[x]
        if p >= 0:
            r0, r1 = values[p : p + 8], values[p + stride : p + stride + 8]
            for k in range(8):
                taps[k] = r0[k] + b * (r1[k] - r0[k])
        else:
            i, j = _i32(math.floor(x_of[x])), _i32(math.floor(y_of[x]))
            top, bottom = _mirrored(j, height) * stride, _mirrored(j + 1, height) * stride
            for n in range(2):
                at = 4 * _mirrored(i + n, width)
                for k in range(3):
                    taps[4 * n + k] = values[top + at + k] + b * (values[bottom + at + k] - values[top + at + k])
        red[x] = taps[0] + t * (taps[4] - taps[0])
        green[x] = taps[1] + t * (taps[5] - taps[1])
        blue[x] = taps[2] + t * (taps[6] - taps[2])


@_part
def _read(line: Frames, row: Float32) -> None:
    """Read a row of a frame."""
    values = line.reshape(-1)
    red, green, blue = row[0], row[1], row[2]
    for x in range(row.shape[1]):
        red[x] = values[3 * x] * _f32(1 / 255)
        green[x] = values[3 * x + 1] * _f32(1 / 255)
        blue[x] = values[3 * x + 2] * _f32(1 / 255)


@_part
def _write(row: Float32, line: Frames) -> None:
    """Round a row to bytes."""
    values = line.reshape(-1)
    red, green, blue = row[0], row[1], row[2]
    for x in range(row.shape[1]):
        values[3 * x] = np.uint8(red[x] * _f32(255) + _f32(0.5))
        values[3 * x + 1] = np.uint8(green[x] * _f32(255) + _f32(0.5))
        values[3 * x + 2] = np.uint8(blue[x] * _f32(255) + _f32(0.5))


@_part
def _grain(row: Float32, own: Float32, pattern: Float32, y: int, height: int) -> None:
    """Add noise of the strength own[0].

    own[1] and own[2] are top and left of its part of the pattern; own[3] and own[4] say whether that is mirrored
    vertically and horizontally.
    """
    width = row.shape[1]
    strength, left = own[0], int(own[2])
    line = pattern[int(own[1]) + (height - 1 - y if own[3] else y)]
    for c in range(3):
        values = row[c]
        if own[4]:
            for x in range(width):
                values[x] = min(max(values[x] + strength * line[left + width - 1 - x], _f32(0)), _f32(1))
        else:
            for x in range(width):
                values[x] = min(max(values[x] + strength * line[left + x], _f32(0)), _f32(1))


@_part
def _vignette(row: Float32, own: Float32, y: int, height: int) -> None:
    """Take away the part own[0] of the corners' light, and less towards the middle."""
    width = row.shape[1]
    down = _f32(y + 0.5 - height / 2)
    scale = _f32(4 / (width * width + height * height))
    for x in range(width):
        across = _f32(x + 0.5 - width / 2)
        away = (across * across + down * down) * scale
        left = _f32(1) - own[0] * away * away * (_f32(3) - _f32(2) * away)
        for c in range(3):
            row[c, x] = _encoded(_linear(row[c, x]) * left)


@_part
def _white(row: Float32, own: Float32) -> None:
    """Mix in the part own[0] of white, in linear light."""
    for c in range(3):
        for x in range(row.shape[1]):
            light = _linear(row[c, x])
            row[c, x] = min(_encoded(light + own[0] * (_f32(1) - light)), _f32(1))


@_part
def _split(row: Float32, own: Float32, other: Float32) -> None:
    """Move red to the left and blue to the right by half of own[0], in widths; edges are mirrored."""
    width = row.shape[1]
    away = own[0] * _f32(width) / _f32(2)
    first = _i32(math.floor(away))
    share = _f32(away - first)
    for c in range(0, 3, 2):
        sign = 1 - c
        for x in range(width):
            other[c, x] = row[c, x]
        for x in range(width):
            near = other[c, _mirrored(x + sign * first, width)]
            row[c, x] = near + share * (other[c, _mirrored(x + sign * (first + 1), width)] - near)


@_part
def _linear(code: Value) -> Value:
    """sRGB of 0-1 → linear light."""
    x = _f32(code)
    curved = _LIGHT0 + x * (_LIGHT1 + x * (_LIGHT2 + x * (_LIGHT3 + x * (_LIGHT4 + x * (_LIGHT5 + x * _LIGHT6)))))
    return curved if x > _f32(0.04045) else x * _f32(1 / 12.92)


@_part
def _encoded(light: Value) -> Value:
    """Linear light of 0-1 → sRGB."""
    q = math.sqrt(math.sqrt(light))
    curved = _CODE0 + q * (_CODE1 + q * (_CODE2 + q * (_CODE3 + q * (_CODE4 + q * _CODE5))))
    return curved if light > _f32(0.0031308) else light * _f32(12.92)


@_part
def _root(value: Value) -> Value:
    """Cube root of a number from 0: a guess by its bits and two steps of Halley's.

    The second step takes the error from 2e-5, which strong colours show as two levels, to rounding.
    """
    x = max(_f32(value), _f32(1e-20))  # of 0 itself, the second step would be 0 / 0
    guess = _i32(_i32(_f32(_f32(x).view(np.int32)) * _f32(1 / 3)) + _ROOT_BITS)
    y = _i32(guess).view(np.float32)
    cube = y * y * y
    y = y * (cube + x + x) / (cube + cube + x)
    cube = y * y * y
    return y * (cube + x + x) / (cube + cube + x)


@_part
def _color(row: Float32, own: Float32) -> None:
    """Change exposure, saturation and hue.

    own[:27] are three matrices: to cones, of their roots, and to light. own[27] is the white that light reaches.
    """
    red, green, blue = row[0], row[1], row[2]
    a0, a1, a2, a3, a4, a5, a6, a7, a8 = own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7], own[8]
    b0, b1, b2, b3, b4, b5, b6, b7, b8 = (
        own[9],
        own[10],
        own[11],
        own[12],
        own[13],
        own[14],
        own[15],
        own[16],
        own[17],
    )
    c0, c1, c2, c3, c4, c5, c6, c7, c8 = (
        own[18],
        own[19],
        own[20],
        own[21],
        own[22],
        own[23],
        own[24],
        own[25],
        own[26],
    )
    knee, above, white = _f32(KNEE), _f32(1 - KNEE), own[27]
    bend = _f32(1) - above / (white - knee)  # see `beatwalk.video.color.roll_off`
    for x in range(row.shape[1]):
        r, g, b = _linear(red[x]), _linear(green[x]), _linear(blue[x])
        u, v, w = _root(a0 * r + a1 * g + a2 * b), _root(a3 * r + a4 * g + a5 * b), _root(a6 * r + a7 * g + a8 * b)
        i, j, k = b0 * u + b1 * v + b2 * w, b3 * u + b4 * v + b5 * w, b6 * u + b7 * v + b8 * w
        i, j, k = i * i * i, j * j * j, k * k * k
        r = min(max(c0 * i + c1 * j + c2 * k, _f32(0)), white)
        g = min(max(c3 * i + c4 * j + c5 * k, _f32(0)), white)
        b = min(max(c6 * i + c7 * j + c8 * k, _f32(0)), white)
        u, v, w = (max(r - knee, _f32(0)) / above, max(g - knee, _f32(0)) / above, max(b - knee, _f32(0)) / above)
        red[x] = min(_encoded(min(r, knee) + above * u / (_f32(1) + bend * u)), _f32(1))
        green[x] = min(_encoded(min(g, knee) + above * v / (_f32(1) + bend * v)), _f32(1))
        blue[x] = min(_encoded(min(b, knee) + above * w / (_f32(1) + bend * w)), _f32(1))
