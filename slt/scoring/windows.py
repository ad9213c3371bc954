"""Sliding windows over an image, as index tables: which pixels each output pixel sees."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Pair = tuple[int, int]


def covered(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> int:
    """How many windows fit one dimension, as torch counts them: with ``ceil`` the last one may stick out, as long as it
    starts inside the image or its left padding."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return count


def pixels(shape: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil: bool = False) -> IntArray:
    """(kernel pixels, windows): the flat index of the pixel at each place of each window of an image of that shape,
    height * width where the place lies outside."""
    rows, columns = (
        _line(*sizes, ceil) for sizes in zip(shape, kernel, stride, padding, dilation, strict=True)
    )  # (kernel, windows) each, -1 outside
    row, column = rows[:, None, :, None], columns[None, :, None, :]
    inside = (row >= 0) & (column >= 0)
    index = np.where(inside, row * shape[1] + column, shape[0] * shape[1])
    return index.reshape(kernel[0] * kernel[1], -1)


def _line(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool) -> IntArray:
    windows = np.arange(covered(size, kernel, stride, padding, dilation, ceil))
    place = stride * windows - padding + dilation * np.arange(kernel)[:, None]
    return np.where((place >= 0) & (place < size), place, -1)


def of_channels(index: IntArray, channels: int, count: int) -> IntArray:
    """The table for several images behind each other, (kernel pixels, channels * windows): channel c has pixels
    c * count, ...; places outside become channels * count."""
    shift = np.arange(channels)[:, None] * count
    spread = np.where(index[:, None] == count, channels * count, index[:, None] + shift)
    return spread.reshape(len(index), -1)


def adaptive(shape: Pair, size: Pair) -> IntArray:
    """The same for adaptive pooling to ``size``: window i of n in a dimension of m covers pixels floor(i m / n) up to
    ceil((i + 1) m / n)."""
    lines = []
    for m, n in zip(shape, size, strict=True):
        i = np.arange(n)
        first, end = i * m // n, -(-(i + 1) * m // n)
        place = first + np.arange(int((end - first).max()))[:, None]
        lines.append(np.where(place < end, place, -1))
    row, column = lines[0][:, None, :, None], lines[1][None, :, None, :]
    index = np.where((row >= 0) & (column >= 0), row * shape[1] + column, shape[0] * shape[1])
    return index.reshape(index.shape[0] * index.shape[1], -1)


def sizes(shape: Pair, kernel: Pair, stride: Pair, padding: Pair, counted: Pair, ceil: bool) -> npt.NDArray[np.float64]:
    """(windows,): how many places of each window torch's average pool divides by. ``counted``: the padding where it
    counts, else 0; what sticks out beyond the padding never does."""
    lines = []
    for m, k, s, p, c in zip(shape, kernel, stride, padding, counted, strict=True):
        first = s * np.arange(covered(m, k, s, p, 1, ceil)) - p
        lines.append(np.minimum(first + k, m + c) - np.maximum(first, -c))
    return np.asarray(lines[0][:, None] * lines[1], dtype=np.float64).reshape(-1)


def places(shape: tuple[int, ...], padding: tuple[Pair, ...]) -> IntArray:
    """(outputs,): the flat index of each entry of a padded array, the size of the unpadded one in the padding."""
    count = int(np.prod(shape))
    return np.pad(np.arange(count).reshape(shape), padding, constant_values=count).reshape(-1)
