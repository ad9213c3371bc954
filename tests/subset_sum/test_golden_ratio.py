"""The golden-ratio greedy against its plain twin, with ``==``, and the theorem: the bound and that it is sharp."""

from __future__ import annotations

import itertools
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.subset_sum import Problem, Status
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.golden_ratio import (
    _FIBONACCI,
    GoldenRatio,
    _reaches,
    golden_power,
    golden_ratio,
    golden_ratio_plain,
)
from tests.subset_sum.conformance import assert_consistent, assert_equal, random_batch

BIG = 2**62


def assert_same(a: GoldenRatio, b: GoldenRatio, context: object = "") -> None:
    assert_equal(a.result, b.result, context)
    assert np.array_equal(a.bins, b.bins) and np.array_equal(a.scale, b.scale)
    assert np.array_equal(a.bound, b.bound)


def assert_within_bound(found: GoldenRatio) -> None:
    assert (np.abs(found.result.residual_lattice) <= found.bound).all()


def in_bins(rng: np.random.Generator, k: int, scale: int) -> list[int]:
    """One item for each of the bins 1 to k: at an edge or anywhere between."""
    edges = [golden_power(i, scale) for i in range(k + 2)]
    lows, highs = [edges[i + 1] + 1 for i in range(1, k + 1)], [edges[i] for i in range(1, k + 1)]
    kinds = rng.integers(0, 3, k)
    between = [int(rng.integers(low, high + 1)) for low, high in zip(lows, highs, strict=True)]
    return [(lows[i], highs[i], between[i])[kinds[i]] for i in range(k)]


def test_equals_the_plain_twin_on_random_instances():
    """6,000 instances with their targets as scales and 6,000 with others; all must agree."""
    rng = np.random.default_rng(20260201)
    for batch in range(100):
        items, targets, usable = random_batch(rng)
        locked = rng.random(items.shape) < 0.2 if rng.random() < 0.3 else None
        if rng.random() < 0.2:
            items, locked = items[0], None
        problem = Problem.of(items, targets, usable, locked=locked)
        wanted = np.abs(problem.targets)
        for scale in (None, wanted + rng.integers(0, 1 + int(rng.choice([1, 100, 10**12])), len(wanted))):
            found = golden_ratio(problem, scale)
            assert_same(golden_ratio_plain(problem, scale), found, f"batch {batch}, {scale is None}")
            assert_consistent(found.result)
            assert_within_bound(found)


def test_equals_the_plain_twin_where_bins_are_filled():
    """Items hyperbolic over 54 octaves, so that most bins hold one: 200 instances of 600 items."""
    rng = np.random.default_rng(1)
    items = np.exp2(rng.uniform(0, 54, (200, 600))).astype(np.int64) * rng.choice([-1, 1], (200, 600))
    targets = rng.integers(-(2**54), 2**54, 200)
    problem = Problem.of(items, targets)
    found = golden_ratio(problem, 2**54)
    assert_same(golden_ratio_plain(problem, 2**54), found)
    assert_within_bound(found)
    assert np.median(found.bins) > 20


@given(st.integers(0, 90), st.integers(0, 2**63 - 1))
def test_powers_of_gamma_are_exact(i, scale):
    """Against 120 decimal digits of gamma."""
    with localcontext() as context:
        context.prec = 120
        gamma = (Decimal(5).sqrt() - 1) / 2
        assert golden_power(i, scale) == int(gamma**i * scale)


@pytest.mark.parametrize("scale", [1, 2, 3, 1597, 10**6, 2**31, 4807526976, 7540113804746346429, 2**63 - 1])
def test_comparisons_with_powers_of_gamma_are_exact(scale):
    """The lattice points beside every edge, of scales that are Fibonacci numbers and that are not."""
    for i in range(1, 93):
        edge = golden_power(i, scale)
        for w in range(max(edge - 2, 1), edge + 4):
            assert _reaches(w, i, scale, _FIBONACCI) == (w > edge)


def test_the_bound_holds_for_every_target():
    """All targets of a small scale, with one item a bin at any edge: 2**6 choices of edges, 1001 targets each."""
    scale = 1000
    edges = [golden_power(i, scale) for i in range(8)]
    targets = np.arange(scale + 1)
    for sides in itertools.product((False, True), repeat=6):
        items = [edges[i] if upper else edges[i + 1] + 1 for i, upper in enumerate(sides, 1)]
        found = golden_ratio(Problem.of(items, targets), scale)
        assert (found.bins == 6).all() and (found.bound == golden_power(6, scale)).all()
        assert_within_bound(found)


@given(st.integers(0, 2**32), st.integers(1, 40), st.lists(st.integers(1, 2**50), max_size=12))
def test_items_beyond_one_a_bin_keep_the_bound(seed, k, more):
    """More items in a bin, above the scale or below the last bin: what is left stays within gamma**k * scale."""
    rng = np.random.default_rng(seed)
    scale = 2**45
    items = [*in_bins(rng, k, scale), *more]
    targets = rng.integers(0, scale + 1, 20)
    targets[:3] = 0, scale, golden_power(k, scale)
    found = golden_ratio(Problem.of(rng.permutation(items), targets), scale)
    assert (found.bins >= k).all()
    assert_within_bound(found)
    assert (np.abs(found.result.residual_lattice) <= golden_power(k, scale)).all()


@pytest.mark.parametrize("k", [1, 2, 5, 10, 20, 40])
def test_the_bound_is_sharp(k):
    """Lower edges and the scale as the target: all items are taken and 0.9999 of the bound is left; one less than the
    last upper edge: nothing fits and more still is left."""
    scale = 2**61
    lower = [golden_power(i + 1, scale) + 1 for i in range(1, k + 1)]
    found = golden_ratio(Problem.of(lower, [scale]), scale)
    left = -int(found.result.residual_lattice[0])
    assert found.bins[0] == k and found.result.mask.all()
    assert 0.9999 * int(found.bound[0]) < left <= int(found.bound[0])
    upper = [golden_power(i, scale) for i in range(1, k + 1)]
    found = golden_ratio(Problem.of(upper, [upper[-1] - 1]), scale)
    assert found.bins[0] == k and int(found.result.residual_lattice[0]) == -(int(found.bound[0]) - 1)


def worst_left(base: Fraction, k: int, scale: int) -> tuple[int, Fraction]:
    """What the greedy leaves of the scale with items at the lower edges of k bins of a rational base, and base**k."""
    items = [-int(-(base ** (i + 1)) * scale // 1) for i in range(1, k + 1)]
    assert all(base ** (i + 1) * scale <= w <= base**i * scale for i, w in enumerate(items, 1))
    found = golden_ratio(Problem.of(items, [scale]))
    return -int(found.result.residual_lattice[0]), base**k * scale


def test_no_smaller_base_has_the_theorem():
    """0.618 is below gamma: 381924 is in bin [0.618**2, 0.618] of the scale 10**6 and leaves 618076 > 618000."""
    assert worst_left(Fraction(618, 1000), 1, 10**6) == (618_076, 618_000)
    for k in range(1, 30):
        left, bound = worst_left(Fraction(618, 1000), k, 10**17)
        assert left > bound
        for larger in (Fraction(63, 100), Fraction(619, 1000)):  # above gamma it holds, but is worth less a bin
            left, bound = worst_left(larger, k, 10**17)
            assert left <= bound


def test_a_missing_bin_ends_the_count():
    scale = 10**6
    items = [golden_power(i, scale) for i in (1, 2, 4, 5)]
    found = golden_ratio(Problem.of(items, [scale]), scale)
    assert found.bins[0] == 2 and found.bound[0] == golden_power(2, scale)
    assert golden_ratio(Problem.of(items[1:], [scale]), scale).bins[0] == 0
    usable = np.array([True, False, True, True])
    assert golden_ratio(Problem.of(items, [scale], usable), scale).bins[0] == 1


def test_only_items_of_the_sign_of_the_target_are_taken():
    found = golden_ratio(Problem.of([9, -9, 4, -5, 0], [13, -14, 0, 3, 100, -100]))
    assert found.result.mask.astype(int).tolist() == [
        [1, 0, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 1, 0, 0], [0, 1, 0, 1, 0]
    ]  # fmt: skip
    assert found.result.residual_lattice.tolist() == [0, 0, 0, -3, -87, 86]
    assert found.result.status.tolist() == [Status.GREEDY] * 4 + [Status.OUT_OF_REACH] * 2


def test_equal_items_are_taken_from_the_first_on_and_zeros_never():
    found = golden_ratio(Problem.of([0, 2, 2, 0, 2, 1], [4, 5, 7]))
    assert found.result.mask.astype(int).tolist() == [[0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 1, 1]]


def test_out_of_reach_is_the_optimum_and_no_item_is_said():
    rng = np.random.default_rng(3)
    for _ in range(60):
        items, targets, usable = random_batch(rng)
        problem = Problem.of(items, targets, usable)
        best, found = brute_force(problem), golden_ratio(problem).result
        for status in (Status.OUT_OF_REACH, Status.NO_ITEMS):
            rows = found.status == status
            assert np.array_equal(best.mask[rows], found.mask[rows])
            assert np.array_equal(best.residual_lattice[rows], found.residual_lattice[rows])
            assert np.array_equal(best.status == status, found.status == status)
        assert (np.abs(found.residual_lattice) >= np.abs(best.residual_lattice)).all()


@pytest.mark.parametrize("shape", [(3, 0), (0, 7), (0, 0)])
def test_nothing_to_do(shape):
    found = golden_ratio(Problem.of(np.zeros(shape, dtype=int), np.arange(shape[0])))
    assert found.result.mask.shape == shape and found.bound.shape == found.bins.shape == (shape[0],)
    assert found.result.status.tolist() == [Status.NO_ITEMS] * shape[0]


def test_values_near_the_overflow_limit():
    for items, target in [([BIG - 1, BIG], 0), ([-BIG, BIG - 1], 0), ([BIG - 1], -BIG), ([2**60] * 4, BIG - 1)]:
        problem = Problem.of(items, [target])
        for scale in (None, 2**63 - 1):
            found = golden_ratio(problem, scale)
            assert_same(golden_ratio_plain(problem, scale), found)
            assert_consistent(found.result)
            assert_within_bound(found)


@given(st.lists(st.integers(-(10**6), 10**6), max_size=12, unique_by=abs), st.integers(-(10**7), 10**7), st.randoms())
def test_order_and_sign_do_not_matter(items, target, random):
    def left(items, target):
        return int(golden_ratio(Problem.of(np.array(items, dtype=int), [target])).result.residual_lattice[0])

    assert left(random.sample(items, len(items)), target) == left(items, target)
    assert left([-x for x in items], -target) == -left(items, target)


@given(st.lists(st.integers(-1000, 1000), max_size=12), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_adding_an_item_never_worsens_the_bound(items, target, item):
    """The residual of a greedy may grow with an item more; what is promised may not."""
    fewer = golden_ratio(Problem.of(np.array(items, dtype=int), [target]), 1000)
    more = golden_ratio(Problem.of(np.array([*items, item], dtype=int), [target]), 1000)
    assert more.bins[0] >= fewer.bins[0] and more.bound[0] <= fewer.bound[0]


def test_the_number_of_threads_does_not_matter():
    import numba

    items = np.random.default_rng(5).integers(-(10**6), 10**6, (500, 40))
    problem = Problem.of(items, items[:, 0] * 3)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        single = golden_ratio(problem)
    finally:
        numba.set_num_threads(before)
    assert_same(single, golden_ratio(problem))


@pytest.mark.parametrize("scale", [1.5, True, [10, 10, 10], "10", 2**63, -1, [[10, 10]]])
def test_scales_that_cannot_be_used(scale):
    with pytest.raises(InputError, match="golden-ratio greedy: "):
        golden_ratio(Problem.of([1, 2], [0, 0]), scale)


def test_a_scale_below_a_target():
    with pytest.raises(InputError, match=r"below 1 of 2 targets, .* give at least 7"):
        golden_ratio(Problem.of([1, 2], [3, -7]), 5)


def test_locked_items_count_off_the_target():
    problem = Problem.of([500, 320, 200, 120], [999], locked=[False, True, False, False])
    found = golden_ratio(problem)  # 679 are left to meet
    assert found.result.mask.tolist() == [[True, True, False, True]] and found.scale[0] == 679
    assert found.result.residual_lattice[0] == -59


def test_floats_are_met_within_the_bound_in_their_own_units():
    rng = np.random.default_rng(8)
    items = np.rint(np.ldexp(rng.uniform(-1, 1, (50, 200)) ** 5, 52)) / 2**52
    targets = rng.uniform(-1, 1, 50)
    found = golden_ratio(Problem.of(items, targets))
    assert (found.result.error <= np.ldexp(found.bound.astype(float), -52) + 2.0**-53).all()
    assert np.allclose((items * found.result.mask).sum(axis=1) - targets, found.result.residual, atol=1e-14, rtol=0)
