"""What exact claims are measured with, against plainer ways to the same numbers."""

from __future__ import annotations

import importlib
import sys
import types
from fractions import Fraction
from itertools import permutations, product
from math import comb
from pathlib import Path

import numpy as np
import pytest

from slt import laws

PACKAGE = "slt_exact_helpers"  # of its own, so that it does not matter which claims are loaded


@pytest.fixture(scope="module")
def helper():
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(Path(__file__).parents[2] / "proofs_check")]
    sys.modules[PACKAGE] = package
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    for name in [m for m in sys.modules if m.split(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("targets", "width"), [(((0,), (0,)), 3), (((0,), (1,)), 3), (((0, 1), (1, 1)), 2), (((0,), (0,), (1,)), 3)]
)
def test_chances_of_distinct_matches_are_those_of_all_networks_of_cells(helper, targets, width):
    """Targets in cells of 1/3, an error of two cells."""
    cells, reach = 3, 2
    layer = helper("_neuron_matches").Layer(
        tuple(tuple(Fraction(a, cells) for a in target) for target in targets), Fraction(reach, cells), width
    )
    neurons = list(product(range(-cells, cells), repeat=len(targets[0])))
    matches = [
        [all(t - reach <= a < t + reach for a, t in zip(x, target, strict=True)) for target in targets] for x in neurons
    ]
    served = total = 0
    for network in product(matches, repeat=width):
        total += 1
        served += any(
            all(network[chosen][i] for i, chosen in enumerate(order))
            for order in permutations(range(width), len(targets))
        )
    assert layer.served() == Fraction(served, total)


def test_bounds_of_matches_are_the_laws(helper):
    for layer in helper("_neuron_matches").layers((1, 3, 10)):
        parameters = [len(target) for target in layer.targets]
        arguments = float(layer.error), parameters, layer.width
        assert float(layer.bound(True)) == pytest.approx(laws.matched_layer_probability(*arguments), abs=1e-12)
        assert float(layer.bound(False)) == pytest.approx(laws.matched_layer_published(*arguments), abs=1e-12)


def test_a_convolution_is_its_plain_sum(helper):
    rng = np.random.default_rng(0)
    image, kernel = rng.integers(-9, 9, (2, 4, 5)), rng.integers(-9, 9, (3, 2, 2, 3))
    plain = np.zeros((3, 3, 3), dtype=np.int64)
    for o, h, w, c, a, b in product(range(3), range(3), range(3), range(2), range(2), range(3)):
        plain[o, h, w] += image[c, h + a, w + b] * kernel[o, c, a, b]
    assert np.array_equal(helper("_channel_sums").convolve(image, kernel), plain)


@pytest.mark.parametrize("dimension", [1, 2])
def test_shares_of_boxes_are_those_of_counted_cells(helper, dimension):
    module = helper("few_subnetworks_cover_few_targets")
    rng = np.random.default_rng(dimension)
    step = module.ONE // 8
    low = rng.integers(-12, 9, (6, dimension))
    high = low + rng.integers(-1, 7, (6, dimension))
    cells = np.array(list(product(range(-8, 8), repeat=dimension)))
    inside = ((low[None] <= cells[:, None]) & (cells[:, None] < high[None])).all(axis=2).any(axis=1)
    assert module.share(low * step, high * step) == Fraction(int(inside.sum()), len(cells))


def test_densities_of_sums_of_uniform_numbers(helper):
    density = helper("irwin_hall_bounds").density
    known = {(2, "1/3"): "5/12", (2, "0"): "1/2", (3, "0"): "3/8", (3, "1"): "1/4", (4, "0"): "1/3", (4, "2"): "1/12"}
    for (n, x), value in known.items():
        assert density(n, Fraction(x)) == Fraction(value)


def test_the_exact_bound_of_binomials_is_what_it_says(helper):
    claim = helper("entropy_bound_of_binomials").CLAIM
    for n, k in ((2, 1), (9, 2), (20, 10)):
        entropy = -(k / n) * np.log2(k / n) - (1 - k / n) * np.log2(1 - k / n)
        bound = np.sqrt(n / (8 * k * (n - k))) * 2 ** (n * entropy)
        assert float(claim._squared(n, k)) == pytest.approx((comb(n, k) / bound) ** 2, rel=1e-12)
