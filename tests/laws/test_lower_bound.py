"""The lower bound for every pruning (P28): where it is exact, where it holds by enumeration, and its inverse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from slt.errors import InputError
from slt.laws import (
    approximable_share,
    median_error,
    needed_parameters,
    pruning_error_bound,
    published_error_bound,
    two_layer_parameters,
)
from tests.laws.brute_force import all_sums


def test_halves_of_a_grid_attain_it() -> None:
    """D = 1: items 1, 1/2, 1/4 .. shifted by -1 reach a grid of 2^m points, whose balls tile [-1, 1] exactly."""
    for m in range(1, 8):
        sums = all_sums(2.0 ** -np.arange(m)[None]).ravel() - 1 + 2.0**-m
        error = 2.0**-m
        targets = np.linspace(-1, 1, 4001)
        assert np.abs(targets[:, None] - sums).min(axis=1).max() <= error * (1 + 1e-12)
        assert approximable_share(error, m, 1) == pytest.approx(1)
        assert approximable_share(error / 2, m, 1) == pytest.approx(0.5)


@pytest.mark.parametrize(("shape", "width"), [((1, 1), 6), ((2, 1), 2), ((1, 2), 2)])
def test_no_random_network_beats_it(shape: tuple[int, int], width: int) -> None:
    """Two-layer sources of linear units, all subnetworks of both layers enumerated, 40 draws of 100 uniform targets in
    the largest-entry norm: the share within an error is below 2^m error^D (99.9 %: plus 0.03)."""
    rng = np.random.default_rng(8)
    outputs, inputs = shape
    hidden = inputs * width
    m = hidden * (inputs + outputs)
    assert m == two_layer_parameters(inputs, outputs, width)
    masks = np.array(list(itertools.product((0, 1), repeat=m)), float)
    d = inputs * outputs
    nearest = []
    for _ in range(40):
        first = masks[:, : hidden * inputs].reshape(-1, hidden, inputs) * rng.uniform(-1, 1, (hidden, inputs))
        second = masks[:, hidden * inputs :].reshape(-1, outputs, hidden) * rng.uniform(-1, 1, (outputs, hidden))
        found = np.einsum("soh,shi->soi", second, first).reshape(len(masks), d)
        targets = rng.uniform(-1, 1, (100, d))
        away = np.abs(targets[:, None] - np.unique(found, axis=0)[None]).max(axis=2)
        nearest.append(away.min(axis=1))
    errors = np.concatenate(nearest)
    for error in (0.2, 0.05, float(pruning_error_bound(m, d)), 2e-3):
        assert (errors <= error).mean() <= float(approximable_share(error, m, d)) + 0.03
    assert np.median(errors) > pruning_error_bound(m, d) > published_error_bound(m, d)


def test_the_operator_norm_by_enumeration() -> None:
    """Diagonal subnetworks of 2 x 2 in the operator norm: 2,000 W uniform on its unit ball, by rejection."""
    rng = np.random.default_rng(9)
    w = rng.uniform(-1, 1, (12_000, 2, 2))
    w = w[np.linalg.norm(w, 2, axis=(1, 2)) <= 1][:2000]
    assert len(w) == 2000
    found = all_sums(rng.uniform(-1, 1, (1, 8, 2, 2)))[0]
    nearest = np.array([np.linalg.norm(found - one, 2, axis=(1, 2)).min() for one in w])
    for error in (0.05, 0.1, 0.2):
        assert (nearest <= error).mean() <= float(approximable_share(error, 8, 4)) + 0.02
    assert np.median(nearest) > pruning_error_bound(8, 4)


def test_subset_sums_are_near_it() -> None:
    """One weight, D = 1: n items against a median of about 0.38 sqrt(n) 2^-n."""
    n = np.array([8, 16, 32])
    ratio = median_error(n, 0.05) / pruning_error_bound(n, 1)
    np.testing.assert_allclose(ratio, 0.38 * np.sqrt(n) * 2, rtol=0.05)


def test_inverse_and_constants() -> None:
    for d in (1, 9, 25):
        for error in (0.1, 1e-3):
            m = needed_parameters(error, d)
            assert pruning_error_bound(m, d) <= error < pruning_error_bound(m - 1, d)
    assert published_error_bound(99, 25) == pytest.approx(0.5 * 2.0**-4) == pruning_error_bound(99, 25) / 2
    assert pruning_error_bound(0, 1, 0.25) == pytest.approx(0.25) == approximable_share(0.25, 0, 1)
    assert needed_parameters(0.9, 1) == 0
    assert needed_parameters(0.01, 4, 0.9) >= needed_parameters(0.01, 4, 0.1)
    assert two_layer_parameters(3, 2, [1, 4]).tolist() == [15, 60]
    assert two_layer_parameters(3, 2, 4, chosen=True) == 24


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: pruning_error_bound(-1, 1), "parameters = -1.0"),
        (lambda: pruning_error_bound(1, 0), "dimension = 0.0"),
        (lambda: pruning_error_bound(1, 1, 1.0), "probability = 1.0"),
        (lambda: needed_parameters(0.0, 1), "error = 0.0"),
        (lambda: two_layer_parameters(0, 1, 3), "inputs = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
