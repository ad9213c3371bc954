"""Bases of monomials and of sines: networks, their laws of interpolation, and their tickets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slt
from slt.constructions import exponential_block, fourier_features, logarithm_block, monomials
from slt.errors import AssumptionError, InputError


def grid(d, count):
    axis = np.linspace(0, 1, count)
    return np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)


def plain_monomials(x, exponents, log_knots, exp_knots, degree):
    """exp of the sum of logs, by ``np.interp`` alone."""
    knots = np.linspace(0, 1, log_knots + 1)
    logs = np.interp(x, knots, np.log((1 + knots) / 2))
    found = []
    for r in exponents:
        places = np.linspace(-((sum(r) if degree is None else degree) * np.log(2) + 0.07), 0, exp_knots + 1)
        found.append(np.interp(logs @ np.array(r, dtype=float), places, np.exp(places)))
    return np.stack(found, axis=1)


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2).filter(any), min_size=1, max_size=4),
    st.integers(2, 8),
    st.integers(2, 12),
    st.booleans(),
)
def test_the_network_is_the_exponential_of_the_sum_of_logarithms(exponents, log_knots, exp_knots, common):
    degree = 6 if common else None
    basis = monomials(exponents, log_knots, exp_knots, degree)
    x = grid(2, 13)
    wanted = plain_monomials(x, exponents, log_knots, exp_knots, degree)
    np.testing.assert_allclose(basis.ideal(x), wanted, atol=1e-12)
    assert np.all(np.abs(basis.ideal(x) - basis.exact(x)) <= basis.law + 1e-12)
    np.testing.assert_allclose(basis.exact(x), [[np.prod(((1 + p) / 2) ** r) for r in exponents] for p in x])
    count, units = len(exponents), len(exponents) * exp_knots
    shapes = [layer.weight.shape for layer in basis.target.layers]
    assert shapes == [(2 * log_knots, 2), (2, 2 * log_knots), (units, 2), (count, units)]


def test_powers_have_the_errors_of_the_released_run():
    """Exponents 1 .. 4, 10 and 40 knots; of the released code, run again: 5.98e-4, 5.83e-4, 9.09e-4, 1.11e-3, its
    sums of random weights included."""
    x = np.linspace(0, 1, 20001)[:, None]
    basis = monomials([1, 2, 3, 4], degree=4)
    found = np.abs(basis.ideal(x) - basis.exact(x)).max(axis=0)
    np.testing.assert_allclose(found, [5.98e-4, 5.83e-4, 9.09e-4, 1.11e-3], rtol=0.08)
    assert np.all(found <= basis.law)
    # each on its own interval is no worse
    own = monomials([1, 2, 3, 4])
    assert np.all(own.law <= basis.law + 1e-15)


@pytest.mark.parametrize(("log_knots", "exp_knots", "wanted"), [(10, 40, 8.7e-4), (20, 80, 2.2e-4), (40, 160, 5.4e-5)])
def test_products_of_three_are_within_their_bound(log_knots, exp_knots, wanted):
    basis = monomials([[1, 1, 1]], log_knots, exp_knots)
    x = np.concatenate([grid(3, 11), np.random.default_rng(0).random((20000, 3)), np.repeat(grid(1, 2001), 3, axis=1)])
    error = np.abs(basis.ideal(x) - basis.exact(x)).max()
    assert error == pytest.approx(wanted, rel=0.15) and error <= basis.law[0]
    bound = slt.laws.product_bound([1, 1, 1], log_knots, exp_knots, margin=0.07)
    assert basis.law[0] <= bound.total < bound.published


def test_equidistributed_exponentials_serve_large_degrees():
    x = grid(2, 41)
    even, placed = (monomials([[9, 6], [12, 0]], 30, 20, equidistributed=e) for e in (False, True))
    errors = [np.abs(basis.ideal(x) - basis.exact(x)).max(axis=0) for basis in (even, placed)]
    assert np.all(errors[1] <= placed.law) and np.all(errors[0] <= even.law)
    assert np.all(placed.law < even.law / 2)
    assert np.all(placed.law < 1.2 / (2 * 20**2))


@pytest.mark.parametrize("equidistributed", [False, True])
@pytest.mark.parametrize("q", [700, 1070, 1075, 1100, 1500, 5000])
def test_the_law_holds_where_exponentials_underflow(q, equidistributed):
    x = np.concatenate([np.linspace(0, 1, 20001), 1 - np.geomspace(1e-7, 0.5, 20001)])[:, None]
    basis = monomials([q], 10, 40, equidistributed=equidistributed)
    error = np.abs(basis.ideal(x) - basis.exact(x)).max()
    assert np.isfinite(basis.law[0]) and 0.005 < error <= basis.law[0] * (1 + 1e-12)
    # the first chord alone, by search
    block = exponential_block(q, 40, equidistributed=equidistributed)
    z = np.linspace(0, block.knots[1], 200001)
    gap = (block.interpolated(z)[0] - np.exp(-z)).max()
    assert gap <= basis.law[0] * (1 + 1e-12)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_sines_are_within_their_law(features, d, knots, seed):
    rng = np.random.default_rng(seed)
    n, c = rng.integers(-2, 3, (features, d)).astype(float), rng.uniform(-1, 1, features)
    n[:, 0] = np.where(n.any(axis=1), n[:, 0], 1.0)
    box = slt.Box(-0.5, (1.0,) * d)
    basis = fourier_features(n, c, box, knots)
    x = box.sample(d, 300, rng)
    np.testing.assert_allclose(basis.exact(x), np.sin(2 * np.pi * (x @ n.T + c)), atol=1e-12)
    assert np.all(np.abs(basis.ideal(x) - basis.exact(x)) <= basis.law + 1e-9)


def test_one_sine_is_the_univariate_block():
    basis = fourier_features([[1.0]], [0.0], slt.Box((0.0,), (1.0,)), 21)
    assert basis.target.layers[0].outputs == 21 and basis.law[0] == pytest.approx(0.01119, abs=5e-6)
    assert basis.names == ("sin(2 pi (+1 x0 +0))",)


def test_a_combination_is_the_polynomial():
    basis = monomials([[1, 0], [0, 2], [1, 1]])
    c = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 0.0]])
    x = grid(2, 9)
    np.testing.assert_allclose(
        basis.combination(c, [1.0, -1.0]).forward(x), basis.ideal(x) @ c.T + [1.0, -1.0], atol=1e-12
    )
    with pytest.raises(InputError, match="coefficients"):
        basis.combination([[1.0, 2.0]])
    with pytest.raises(InputError, match="coefficients"):
        basis.combination([[1.0, 2.0, np.nan]])


@pytest.mark.parametrize(
    "basis",
    [
        monomials([[1, 0], [2, 1]], log_knots=4, exp_knots=6),
        fourier_features([[1.0, 0.0], [1.0, -1.0]], [0.0, 0.25], slt.Box((0.0, 0.0), (1.0, 1.0)), 6),
    ],
    ids=["monomials", "fourier"],
)
def test_one_ticket_holds_a_whole_basis(basis, tmp_path):
    """Total error <= interpolation + the certified part of the sums."""
    ticket = slt.find_ticket(basis.target, width=48, seed=1, inputs=basis.domain, construction=slt.TwoLayerSum())
    again = slt.load(ticket.save(tmp_path / "basis.slt"))
    again.verify()
    x = grid(2, 21)
    certified = slt.certified(ticket, basis.target, basis.domain).value
    assert certified < 0.02
    assert np.all(np.abs(again.collapsed().forward(x) - basis.exact(x)) <= basis.law + certified)
    # the same source serves another member of the family of the same shapes
    other = slt.find_ticket(basis.target, width=48, seed=1, inputs=basis.domain, tolerance=0.01)
    assert other.verify().source_digest == ticket.verify().source_digest


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: monomials([[0, 0]]), InputError, "exponents"),
        (lambda: monomials([[1, -1]]), InputError, "exponents"),
        (lambda: monomials([[1, np.nan]]), InputError, "exponents"),
        (lambda: monomials([]), InputError, "exponents"),
        (lambda: monomials([[1, 2]], degree=2), InputError, "degree"),
        (lambda: monomials([1], margin=-1), InputError, "margin"),
        (lambda: monomials("a"), InputError, "exponents must be real numbers"),
        (lambda: monomials([[1, 2], [3]]), InputError, "exponents.*equal length"),
        (lambda: monomials([[1e308, 1e308]]), InputError, "exponents"),
        (lambda: monomials([1], degree="x"), InputError, "degree"),
        (lambda: monomials([1], margin=None), InputError, "margin"),
        (lambda: exponential_block("a"), InputError, "degree"),
        (lambda: fourier_features("a", [0], slt.Box(0, 1)), InputError, "frequencies"),
        (lambda: fourier_features([[1], [1, 2]], [0, 0], slt.Box(0, 1)), InputError, "frequencies.*equal length"),
        (lambda: fourier_features([[1]], ["0"], slt.Box(0, 1)), InputError, "phases"),
        (lambda: monomials([1], log_knots=1), InputError, r"\[0.0, 1.0\]: knots"),
        (lambda: monomials([1], exp_knots=1), InputError, "knots"),
        (lambda: fourier_features([[1.0]], [0.0, 1.0], slt.Box(0, 1)), InputError, "phases"),
        (lambda: fourier_features([[np.inf]], [0.0], slt.Box(0, 1)), InputError, "frequencies"),
        (lambda: fourier_features([[1.0]], [0.0], slt.Box(0, 1), 1), InputError, "knots"),
        (lambda: fourier_features([[1.0]], [0.0], slt.Ball(1)), AssumptionError, "Box"),
        (lambda: fourier_features([[0.0, 0.0]], [0.0], slt.Box(0, 1)), AssumptionError, "feature 0 must vary"),
        (lambda: monomials([[1, 1]]).ideal([[0.5, 1.5]]), AssumptionError, r"\(0.0, 0.0\) to \(1.0, 1.0\).*1.5"),
        (lambda: monomials([[1, 1]]).exact([[0.5, np.nan]]), AssumptionError, "outside"),
        (lambda: monomials([[1, 1]]).exact([[0.5]]), InputError, "shape"),
    ],
)  # fmt: skip
def test_bad_bases_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_blocks_are_what_they_say():
    x = np.linspace(0, 1, 11)
    np.testing.assert_allclose(logarithm_block(10).at(x)[0], -np.log((1 + x) / 2), atol=1e-15)
    block = exponential_block(2, 30)
    assert block.high == pytest.approx(2 * np.log(2) + 0.07)
    np.testing.assert_allclose(block.at(x)[0], np.exp(-x))
