"""Index tables of windows against torch's own layers, and window maps against the matrices they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional

from slt.graph_nodes import Convolution, Linear
from slt.scoring.graph import linear_map
from slt.scoring.linear_maps import DenseMap
from slt.scoring.windows import adaptive, of_channels, pixels, places, sizes

PAIR = st.tuples(st.integers(1, 3), st.integers(1, 3))
IMAGE = st.tuples(st.integers(3, 8), st.integers(3, 8))


def image(channels, shape, seed=0):
    return np.random.default_rng(seed).integers(-50, 50, (channels, *shape)).astype(np.float64)


@settings(max_examples=40, deadline=None)
@given(IMAGE, PAIR, PAIR, st.tuples(st.integers(0, 1), st.integers(0, 1)), PAIR, st.booleans())
def test_windows_are_those_of_torch_pools(shape, kernel, stride, padding, dilation, ceil):
    assume(all(2 * p <= k for p, k in zip(padding, kernel, strict=True)))
    assume(all(n + 2 * p >= d * (k - 1) + 1 for n, p, d, k in zip(shape, padding, dilation, kernel, strict=True)))
    x = image(2, shape)
    flat, tensor = x.reshape(-1), torch.tensor(x)
    index = of_channels(pixels(shape, kernel, stride, padding, dilation, ceil), 2, shape[0] * shape[1])
    largest = np.append(flat, -np.inf)[index].max(axis=0)
    assert np.array_equal(largest, functional.max_pool2d(tensor, kernel, stride, padding, dilation, ceil).reshape(-1))
    index = of_channels(pixels(shape, kernel, stride, padding, (1, 1), ceil), 2, shape[0] * shape[1])
    sums = np.append(flat, 0.0)[index].sum(axis=0)
    for include in (True, False):
        counts = np.tile(sizes(shape, kernel, stride, padding, padding if include else (0, 0), ceil), 2)
        mean = functional.avg_pool2d(tensor, kernel, stride, padding, ceil, include).reshape(-1).numpy()
        assert np.allclose(sums / counts, mean, rtol=1e-14, atol=1e-13)


@settings(max_examples=20, deadline=None)
@given(IMAGE, st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_windows_are_those_of_adaptive_pools(shape, size):
    x = image(1, shape)
    index = adaptive(shape, size)
    mean = np.append(x.reshape(-1), 0.0)[index].sum(axis=0) / (index < x.size).sum(axis=0)
    assert np.allclose(mean, functional.adaptive_avg_pool2d(torch.tensor(x), size).reshape(-1), rtol=1e-14, atol=1e-13)


def test_places_of_padding():
    x = image(2, (3, 4))
    padding = ((1, 0), (0, 2), (1, 1))
    assert np.array_equal(np.append(x.reshape(-1), 0.0)[places(x.shape, padding)], np.pad(x, padding).reshape(-1))


CONVOLUTIONS = (
    ((2, 4, 5), Convolution(0, "w", None, 3, 2, (2, 3), (1, 2), (1, 0))),
    ((4, 5, 3), Convolution(0, "w", None, 6, 4, (3, 1), (2, 1), (2, 1), (2, 1), 2)),
    ((3, 3, 3), Convolution(0, "w", None, 3, 3, (2, 2), padding=(1, 1), groups=3)),
    ((2, 3, 4), Linear(0, "w", None, 5, 4)),
    ((7,), Linear(0, "w", None, 5, 7)),
)


@pytest.mark.parametrize(("shape", "node"), CONVOLUTIONS, ids=str)
def test_a_map_is_its_matrix(shape, node):
    rng = np.random.default_rng(3)
    weight = rng.integers(-9, 9, node.weight_shape).astype(np.float64)
    size = int(np.prod(shape))
    made = linear_map(node, weight, shape)
    matrix = made.apply(np.eye(size))
    x = image(1, (size,))[0]
    real = node.apply(torch.tensor(x.reshape(1, *shape)), torch.tensor(weight)).reshape(-1).numpy()
    assert np.array_equal(made.apply(x), real)  # small integers: exact in any order
    assert np.array_equal(matrix @ x, real)

    dense, low = DenseMap(matrix), x - rng.random(size)
    assert made.norm() >= dense.norm() * (1 - 1e-12)
    assert np.all(made.row_norms() >= dense.row_norms() * (1 - 1e-12))
    other = weight + rng.standard_normal(weight.shape)
    below = made.having(other.reshape(made.entries.shape))
    for ours, plain in (
        (made.interval(low, x), dense.interval(low, x)),
        (made.ends(below.entries, low, x), dense.ends(below.apply(np.eye(size)), low, x)),
        ([made.having(np.abs(made.entries)).product_up(np.abs(x))], [DenseMap(np.abs(matrix)).product_up(np.abs(x))]),
    ):
        for a, b in zip(ours, plain, strict=True):
            assert np.allclose(a, b, rtol=1e-12, atol=1e-9)
    error = made.product_error(np.abs(x), 1.0)
    assert np.all((error > 0) & (error < 1e-10))


def test_flags_count_by_whole_channels():
    node = CONVOLUTIONS[1][1]
    made = linear_map(node, np.zeros(node.weight_shape), (4, 5, 3))
    flags = np.ones((4, 5, 3), dtype=bool)
    flags[2, 4, 1] = False
    found = np.broadcast_to(made.where(flags.reshape(-1)), made.entries.shape).reshape(2, 3, 2, 3)
    assert np.array_equal(found[:, 0, :, 0], [[True, True], [False, True]])
    assert np.array_equal(found, np.broadcast_to(found[:, :1, :, :1], found.shape))
