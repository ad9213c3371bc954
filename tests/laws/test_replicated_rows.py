"""Replicated rows (P14) against simulated networks of depth L + 1, every sum by enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt.errors import InputError, LimitError
from slt.laws import (
    EVERY_UNIT,
    PAPER,
    SUMS_OF_UNIFORMS,
    LayerSums,
    miss_probability,
    needed_copies,
    network_no_miss_probability,
    replicated_error_quantile,
    replicated_no_miss_probability,
    replicated_sum_count,
)
from tests.laws.brute_force import best_errors

LAYERS = [
    LayerSums(np.array([[0.2, -0.1], [0.15, 0.3]]), 2, np.array([0.1, -0.2])),
    LayerSums(np.array([[0.25, -0.2]]), 1, np.array([0.15])),
]


def _simulated(draws: int, copies: int, first_units: int, density: float) -> np.ndarray:
    """The largest error of every draw, over all sums of ``LAYERS``."""
    rng = np.random.default_rng(13)
    worst = np.zeros(draws)

    def there(*shape: int) -> np.ndarray:
        return rng.random((draws, *shape)) < density

    def solve(items: np.ndarray, target: float) -> None:
        worst[:] = np.maximum(worst, best_errors(items, target))

    def products(neurons: np.ndarray, rows: int, u: np.ndarray) -> None:
        for target in neurons:
            for _ in range(rows):
                solve(u * rng.uniform(-1, 1, (draws, first_units)) * there(first_units), target)

    for layer, rows in zip(LAYERS, (copies, 1), strict=True):
        if layer is LAYERS[0]:
            for j in range(2):
                u = rng.uniform(-1, 1, (draws, first_units)) * there(first_units)
                products(layer.weights[:, j], rows, np.maximum(u, 0))
                products(layer.weights[:, j], rows, np.minimum(u, 0))
        else:
            for target in layer.weights.ravel():
                solve(rng.uniform(-1, 1, (draws, copies)) * there(copies), target)
        b = rng.uniform(-1, 1, (draws, first_units)) * there(first_units)
        assert layer.biases is not None
        products(layer.biases, rows, np.maximum(b, 0))
    return worst


@pytest.mark.parametrize(("copies", "first_units", "density"), [(5, 11, 1.0), (9, 9, 0.9)])
def test_largest_error_by_enumeration(copies: int, first_units: int, density: float) -> None:
    """150 networks: chances of no miss within 0.17 (four standard errors), the median within a factor 1.3."""
    worst = _simulated(150, copies, first_units, density)
    arguments = {"density": density, "first_units": first_units}
    for error in (0.1, 0.2):
        law = replicated_no_miss_probability(error, copies, LAYERS, **arguments)
        assert abs((worst <= error).mean() - law) < 0.17
    ratio = np.median(worst) / replicated_error_quantile(0.5, copies, LAYERS, **arguments)
    assert 1 / 1.3 < ratio < 1.3


def test_parts_multiply() -> None:
    """Later layers are single weights, posed once a copy and exactly independent; one layer is a two-layer sum."""
    one = replicated_no_miss_probability(0.05, 7, LAYERS[:1], first_units=14)
    assert one == pytest.approx(network_no_miss_probability(0.05, 14, LAYERS[:1]))
    first, second, third = LayerSums(np.array([[0.4]])), LayerSums(np.full((1, 1), 0.3)), LayerSums(np.array([[0.2]]))
    whole = replicated_no_miss_probability(0.05, 6, [first, second, third], first_units=200)
    middle, last = (1 - float(miss_probability(0.05, 6, w)) for w in (0.3, 0.2))
    assert whole == pytest.approx(middle**6 * last, rel=1e-3)
    bare = network_no_miss_probability(0.05, 6, [third], EVERY_UNIT, sums=SUMS_OF_UNIFORMS)
    assert whole == pytest.approx(middle**6 * bare, rel=1e-3)


def test_defaults_and_needed_copies() -> None:
    rho = needed_copies(0.5, 0.1, LAYERS)
    assert replicated_no_miss_probability(0.1, rho, LAYERS) >= 0.5
    assert replicated_no_miss_probability(0.1, rho - 1, LAYERS, first_units=2 * rho - 2) < 0.5
    assert needed_copies(0.5, 0.1, LAYERS, units_a_copy=1) > rho
    with pytest.raises(LimitError, match="4096 is not enough"):
        needed_copies(0.5, 1e-4, LAYERS, max_items=2)


@pytest.mark.parametrize("density", [1.0, 0.5])
def test_a_bit_a_copy(density: float) -> None:
    """P14, P17: behind a wide first block `density` bits a copy, less for the worst of many in a random graph."""
    layers = [LayerSums(np.array([[0.3], [-0.3]])), LayerSums(np.array([[0.4, -0.4]]))]
    copies = np.array([28, 36]) / density
    errors = [replicated_error_quantile(0.5, int(c), layers, density=density, first_units=400) for c in copies]
    slope = math.log2(errors[1] / errors[0]) / (copies[1] - copies[0])
    assert -1.03 * density < slope < (-0.94 if density == 1 else math.log2(0.75) * 0.95)


def test_sums_are_counted() -> None:
    """2-2-1 with biases: 2 branches of 4 weights and 2 biases, 5 times; then 2 weights and a bias."""
    assert replicated_sum_count(5, LAYERS) == 5 * (8 + 2) + 3
    assert replicated_sum_count(5, LAYERS[1:]) == 3


def test_zero_targets_and_splits() -> None:
    assert replicated_error_quantile(0.5, 3, [LayerSums(np.zeros((2, 2)))]) == 0
    sides = [replicated_no_miss_probability(0.1, 8, LAYERS, s) for s in (PAPER, EVERY_UNIT)]
    assert sides[0] < replicated_no_miss_probability(0.1, 8, LAYERS) < sides[1]


def test_bad_input_is_named() -> None:
    for call, text in (
        (lambda: replicated_no_miss_probability(0.1, 4, []), "no layer was given"),
        (lambda: replicated_no_miss_probability(0.1, 4, LAYERS, density=1.2), "density = 1.2"),
        (lambda: replicated_error_quantile(0.5, 4, LAYERS, first_units=-1), "first_units = -1.0"),
        (lambda: needed_copies(0.5, 0.1, LAYERS, units_a_copy=0), "units_a_copy = 0.0"),
        (lambda: needed_copies(1.5, 0.1, LAYERS), "probability = 1.5"),
        (lambda: replicated_sum_count(0, LAYERS), "copies = 0.0"),
    ):
        with pytest.raises(InputError, match=text):
            call()
