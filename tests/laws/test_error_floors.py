"""Floors of smooth activations against random blocks, and the moments they rest on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from slt.errors import InputError
from slt.laws.error_floors import gelu_floor_quantile, sigmoid_floor_quantile, tanh_floor_quantile


def test_the_conditional_moments_are_those_of_uniforms():
    """c given s = sum v u: mean E[v^2 u^4] / E[v^2 u^2] s = 3/5 s, rest E[v^2 u^6] - (E[v^2 u^4])^2 / E[v^2 u^2]."""
    square, fourth, sixth = 1 / 9, 1 / 15, 1 / 21
    assert fourth / square == pytest.approx(3 / 5)
    assert sixth - fourth**2 / square == pytest.approx(4 / 525)


def test_floors_scale_as_stated():
    assert tanh_floor_quantile(0.5, 2.0**-8, 0.3, 10) == pytest.approx(tanh_floor_quantile(0.5, 2.0**-4, 0.3, 10) / 256)
    assert sigmoid_floor_quantile(0.9, 0.1, [0.1, 0.2], 7) == pytest.approx(
        tanh_floor_quantile(0.9, 0.1, [0.1, 0.2], 7) / 4
    )
    assert gelu_floor_quantile(0.5, 2.0**12, 10) == pytest.approx(gelu_floor_quantile(0.5, 2.0**10, 10) / 4)
    # many units forget the weight; of a single sure weight the floor is its own
    assert tanh_floor_quantile(0.5, 1.0, 1.0, 1e-9) == pytest.approx(0.2, rel=1e-3)
    # an array is a mixture
    low, high = (tanh_floor_quantile(0.5, 0.1, w, 10) for w in (0.0, 1.0))
    assert low < tanh_floor_quantile(0.5, 0.1, [0.0, 1.0], 10) < high


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_medians_of_random_blocks(activation):
    """2,000 blocks of 12 units whose second weights are moved, as little as can be, so that the sums are 0.

    The median of 2,000 draws has a standard error of about 3 %; 15 % is allowed, as v is no longer uniform.
    """
    rng = np.random.default_rng(5)
    n, blocks = 12, 2000
    u, v = rng.uniform(-1, 1, (2, blocks, n))
    size = np.abs(u) if activation == "gelu" else u
    v = v - size * (np.sum(v * size, axis=1) / np.sum(size * size, axis=1))[:, None]
    if activation == "tanh":
        s = 2.0**-5
        floor = np.abs(np.sum(v * (np.tanh(s * u) / s - u), axis=1))
        told = tanh_floor_quantile(0.5, s, 0.0, n)
    else:
        scale = 2.0**8
        x = np.geomspace(0.02, 8, 60) / scale
        floor = np.abs([np.sum(v * -np.abs(u * z) * ndtr(-scale * np.abs(u * z)), axis=1) for z in x]).max(axis=0)
        told = gelu_floor_quantile(0.5, scale, n)
    assert np.median(floor) == pytest.approx(told, rel=0.15)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: tanh_floor_quantile(0.0, 0.1, 0.1, 3), "probability"),
        (lambda: tanh_floor_quantile(0.5, 0.0, 0.1, 3), "scale"),
        (lambda: tanh_floor_quantile(0.5, 0.1, np.nan, 3), "target"),
        (lambda: tanh_floor_quantile(0.5, 0.1, [], 3), "no target"),
        (lambda: sigmoid_floor_quantile(0.5, 0.1, 0.1, 0), "kept"),
        (lambda: gelu_floor_quantile(0.5, 2.0, 3), "at least 4"),
        (lambda: gelu_floor_quantile(1.0, 8.0, 3), "probability"),
    ],
)
def test_bad_arguments_are_refused(call, text):
    with pytest.raises(InputError, match=text):
        call()
