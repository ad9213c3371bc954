"""Single matches: the nearest product, against brute force; the exponent of its error."""

from __future__ import annotations

import re

import numpy as np
import pytest

import slt
from slt.constructions import NearestItem, SingleMatch
from slt.errors import UnreachedError
from slt.subset_sum import Problem, Status
from tests.constructions.conformance import Conformance, random_chain


class TestConformance(Conformance):
    widths = (12, 48)

    def construction(self):
        return SingleMatch()

    def model(self, seed):
        return random_chain(seed)


class TestPaperSplit(TestConformance):
    def construction(self):
        return SingleMatch(split="paper")


def nearest_plain(items, usable, target, allowed):
    """One item or none, in Python integers."""
    best, at, prefix = abs(target), None, len(items)
    if allowed is not None and best <= allowed:
        return None, -target, 0
    for i, (x, u) in enumerate(zip(items, usable, strict=True)):
        if u and abs(x - target) < best:
            best, at = abs(x - target), i
        if allowed is not None and u and abs(x - target) <= allowed:
            return i, x - target, i + 1
    return at, (0 if at is None else items[at]) - target, prefix


@pytest.mark.parametrize("tolerant", [False, True])
def test_the_nearest_item_is_that_of_brute_force(tolerant):
    rng = np.random.default_rng(3)
    items = rng.integers(-20, 21, (400, 6))
    usable = rng.random((400, 6)) < 0.7
    targets = rng.integers(-25, 26, 400)
    allowed = rng.integers(-1, 4, 400) if tolerant else None
    problem = Problem.of(items, targets, usable)
    found = NearestItem().solve(problem, allowed)
    for i in range(400):
        limit = None if allowed is None else int(allowed[i])
        at, residual, prefix = nearest_plain(items[i].tolist(), usable[i].tolist(), int(targets[i]), limit)
        mask = np.zeros(6, dtype=bool)
        if at is not None:
            mask[at] = True
        assert np.array_equal(found.mask[i], mask) and found.residual_lattice[i] == residual
        assert found.prefix[i] == prefix
        if limit is not None:
            assert (found.status[i] == Status.WITHIN_TOLERANCE) == (abs(residual) <= limit)


def test_without_items_nothing_is_kept():
    problem = Problem.of(np.zeros((2, 0), dtype=np.int64), np.array([3, 0]))
    for allowed in (None, np.array([1, 1])):
        found = NearestItem().solve(problem, allowed)
        assert found.mask.shape == (2, 0) and found.residual_lattice.tolist() == [-3, 0]


def test_each_weight_keeps_one_product_at_most():
    ticket = slt.find_ticket(random_chain(0), width=30, construction=SingleMatch())
    branches = 1 + np.array([True, False])  # both signs of the inputs, then one
    for layer, most in zip(("layer 0/weight", "layer 1/weight"), branches, strict=True):
        assert ticket.mask[layer].unpack().sum(axis=2).max() <= most


def test_the_error_falls_as_one_over_width_and_that_of_sums_faster():
    """Medians over 40 seeds and 32 weights each: 16 times the width, an error 1/16 within the factor 1.6."""
    model = random_chain(5, (4, 8), biases=False, size=0.9)
    box = slt.Box(0.0, 1.0)

    def median(width):
        errors = [
            slt.find_ticket(model, width=width, seed=s, inputs=box, construction=SingleMatch()).residuals().errors
            for s in range(40)
        ]
        return float(np.median(np.concatenate(errors)))

    ratio = median(32) / median(512)
    assert 16 / 1.6 <= ratio <= 16 * 1.6


def test_the_width_that_an_error_names_is_enough():
    """Over 40 seeds the named width reaches all sums in about half; level 1e-6 from below (binomial 40, 1/2: 6)."""
    model, tolerance = random_chain(2, (2, 3), biases=False), 0.02
    with pytest.raises(UnreachedError, match=r"about \d+ should reach") as error:
        slt.find_ticket(model, width=8, tolerance=tolerance, require=tolerance, construction=SingleMatch())
    enough = int(re.search(r"about (\d+) should", str(error.value)).group(1))
    hits = [
        slt.find_ticket(model, enough, seed=s, tolerance=tolerance, construction=SingleMatch()).findings.missed == 0
        for s in range(40)
    ]
    assert sum(hits) > 6 and enough > 20
