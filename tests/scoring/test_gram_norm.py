"""Norms by squarings against singular values, of convolutions against their matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from slt.scoring.gram_norm import SQUARINGS, convolution_norm_up, gram_norm_up, quick_norm_up


@pytest.mark.parametrize("shape", [(4, 5, 3), (3, 2, 7), (1, 40, 30)], ids=str)
@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1.0, 1e20, 1e150])
@pytest.mark.parametrize("complex_", [False, True])
def test_squarings_hold_the_singular_values(shape, scale, complex_):
    rng = np.random.default_rng(shape)
    M = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_ else 0)
    bound, real = gram_norm_up(M * scale), np.linalg.norm(M, 2, axis=(1, 2)) * scale
    assert np.all(bound >= real * (1 - 1e-13))
    assert np.all(bound <= real * min(shape[1:]) ** 2.0 ** -(SQUARINGS + 1) * (1 + 1e-9))


def test_matrices_whose_norm_is_known():
    zero, one = np.zeros((1, 3, 4)), np.eye(5)[None]
    assert gram_norm_up(zero)[0] == 0
    assert 1 <= gram_norm_up(one)[0] <= 5 ** (2.0 ** -(SQUARINGS + 1)) * (1 + 1e-12)
    # 3**2 + 4**2 = 5**2: an outer product of one row is exact up to rounding
    assert 5 <= gram_norm_up(np.array([[[3.0, 4.0], [0.0, 0.0]]]))[0] <= 5 * (1 + 1e-12)
    assert gram_norm_up(np.zeros((0, 2, 2))).shape == (0,)
    large = np.random.default_rng(0).standard_normal((150, 140))
    assert np.linalg.norm(large, 2) * (1 - 1e-13) <= quick_norm_up(large) <= 1.4 * np.linalg.norm(large, 2)
    assert quick_norm_up(np.full((150, 140), np.inf)) == np.inf


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(*(st.integers(1, 3) for _ in range(4))),
    st.tuples(st.integers(3, 7), st.integers(3, 7)),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(0, 2),
    st.integers(0, 2**32),
)
def test_no_matrix_of_a_convolution_has_a_larger_norm(shape, image, stride, dilation, padding, seed):
    kernel = np.random.default_rng(seed).standard_normal(shape)
    size = shape[1] * image[0] * image[1]
    inputs = torch.eye(size, dtype=torch.float64).reshape(size, shape[1], *image)
    if any(i + 2 * padding < dilation * (k - 1) + 1 for i, k in zip(image, shape[2:], strict=True)):
        return
    outputs = functional.conv2d(inputs, torch.tensor(kernel), stride=stride, padding=padding, dilation=dilation)
    real = np.linalg.norm(outputs.reshape(size, -1).numpy(), 2)
    assert real <= convolution_norm_up(kernel) * (1 + 1e-12)


def test_a_convolution_on_a_large_image_comes_near_its_norm():
    """3 % are what the frequencies between the grid and the squarings cost; the image's edge takes another few."""
    kernel = np.random.default_rng(1).standard_normal((2, 3, 3, 3))
    inputs = torch.eye(3 * 144, dtype=torch.float64).reshape(-1, 3, 12, 12)
    matrix = functional.conv2d(inputs, torch.tensor(kernel), padding=1).reshape(len(inputs), -1).numpy()
    real = np.linalg.norm(matrix, 2)
    assert real <= convolution_norm_up(kernel) <= 1.12 * real


def test_convolutions_whose_norm_is_known():
    shift = np.zeros((1, 1, 3, 3))
    shift[0, 0, 0, 2] = -2.0
    assert 2 <= convolution_norm_up(shift) <= 2.05
    # a difference of neighbours doubles the fastest wave, which lies on the grid
    assert 2 <= convolution_norm_up(np.array([[[[1.0, -1.0]]]])) <= 2.03
    assert 0 <= convolution_norm_up(np.zeros((2, 3, 3, 3))) < 1e-300
    assert convolution_norm_up(np.full((1, 1, 2, 2), np.nan)) == np.inf
    assert 5 <= convolution_norm_up(np.array([3.0, 4.0]).reshape(1, 2, 1, 1)) <= 5 * (1 + 1e-12)
