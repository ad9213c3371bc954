"""Read-outs: linear maps on features that stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import slt
from slt.constructions import monomials
from slt.errors import InputError
from slt.readout import features, fit_readout, linear_fit, one_hot

BASIS = monomials([[1, 0], [0, 1], [1, 1]], log_knots=4, exp_knots=6)


@pytest.fixture(scope="module")
def ticket():
    return slt.find_ticket(BASIS.target, width=40, seed=0, inputs=BASIS.domain, tolerance=0.005)


def points(count, seed=0):
    return np.random.default_rng(seed).random((count, 2))


def test_the_ticket_is_not_touched(ticket):
    before = ticket.verify()
    packed = {name: mask.packed.copy() for name, mask in ticket.mask.items()}
    state = {name: value.clone() for name, value in ticket.module().state_dict().items()}
    x = points(300)
    readout = fit_readout(ticket, x, BASIS.exact(x)[:, :1] * 3)
    readout.predict(x)
    assert ticket.verify() == before
    assert all(np.array_equal(packed[name], ticket.mask[name].packed) for name in packed)
    assert all(torch.equal(value, state[name]) for name, value in ticket.module().state_dict().items())
    # what is trained is counted, and the ticket carries none of it
    assert readout.count == 3 + 1 and "4 trained numbers" in str(readout)
    assert all("scale" in c.name for c in ticket.carried)


def test_one_basis_serves_every_linear_combination_of_its_features(ticket):
    x, fresh = points(200), points(200, 1)
    c = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
    readout = fit_readout(ticket, x, BASIS.exact(x) @ c.T + [1.0, 2.0])
    allowed = np.abs(c).sum(axis=1) * (BASIS.law.max() + slt.certified(ticket, BASIS.target, BASIS.domain).value)
    # no worse in squares than the coefficients themselves, so not by more than these would be
    error = readout.predict(x) - (BASIS.exact(x) @ c.T + [1.0, 2.0])
    assert np.all(np.sqrt((error**2).mean(axis=0)) <= allowed)
    assert np.abs(readout.predict(fresh) - (BASIS.exact(fresh) @ c.T + [1.0, 2.0])).max() <= 3 * allowed.max()


def test_features_of_module_and_collapsed_matrices_agree(ticket):
    x = points(50)
    module = features(ticket, x, batch=7)
    np.testing.assert_allclose(module, features(ticket, x, collapsed=True), atol=1e-12)
    with torch.no_grad():
        whole = ticket.module(dtype=torch.float64)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(module, whole, atol=1e-13)
    np.testing.assert_allclose(
        fit_readout(ticket, x, x[:, 0], 1e-6, collapsed=True).weight, fit_readout(ticket, x, x[:, 0], 1e-6).weight,
        rtol=1e-6,
    )  # fmt: skip


@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from([0.0, 1e-3, 0.5]), st.integers(0, 2**32 - 1))
def test_the_fit_is_the_minimum(count, outputs, ridge, seed):
    """The gradient of what is minimised vanishes; with no ridge and exact targets the map comes back."""
    rng = np.random.default_rng(seed)
    b, y = rng.normal(size=(30, count)), rng.normal(size=(30, outputs))
    w, c = linear_fit(b, y, ridge)
    gap = b @ w.T + c - y
    np.testing.assert_allclose(gap.T @ b / 30 + ridge * w, 0, atol=1e-10)
    np.testing.assert_allclose(gap.mean(axis=0), 0, atol=1e-10)
    if not ridge:
        v = rng.normal(size=(outputs, count))
        again, constant = linear_fit(b, b @ v.T + 2, 0.0)
        np.testing.assert_allclose(again, v, atol=1e-10)
        np.testing.assert_allclose(constant, 2, atol=1e-10)


def test_columns_of_classes():
    assert one_hot([1, 0, 2]).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert one_hot([0], 3).shape == (1, 3)
    for bad, text in (
        (([-1],), "labels"),
        (([0.5],), "labels"),
        (([3], 2), "2 classes"),
        (([],), "labels"),
        (([0, 1], "a"), "classes must be"),
        (([0], 0), "classes must be"),
        (([0], True), "classes must"),
        (([0], 1.5), "classes must be"),
        (([[0], [1, 2]],), "labels"),
        ((["a"],), "labels"),
    ):
        with pytest.raises(InputError, match=text):
            one_hot(*bad)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([[0.5, 0.5]], [1.0, 2.0]), "1 inputs"),
        (([[0.5, np.nan]], [1.0]), "finite inputs"),
        ((np.zeros((0, 2)), []), "finite inputs"),
        (([[0.5, 0.5]], [np.inf]), "finite targets"),
        (([[0.5, 0.5, 0.5]], [1.0]), r"inputs of shape \(1, 3\).*fails"),
        (([[0.5]], [1.0], 0.0, True), r"inputs of shape \(1, 1\).*fails"),
        (("a", [1.0]), "inputs must be real numbers"),
        (([["0.5", "0.5"]], [1.0]), "inputs must be real numbers"),
        (([[0.5, 0.5], [0.5]], [1.0, 1.0]), "inputs must be real numbers"),
        (([[0.5, 0.5]], ["1"]), "targets must be real numbers"),
        (([[0.5, 0.5]], [1.0], -1.0), "ridge"),
        (([[0.5, 0.5]], [1.0], "much"), "ridge"),
    ],
)
def test_bad_fits_are_refused(ticket, arguments, text):
    with pytest.raises(InputError, match=text):
        fit_readout(ticket, *arguments)


def test_what_is_no_ticket_and_what_does_not_fit_one_are_refused(ticket):
    x = points(20)
    with pytest.raises(InputError, match="a Ticket is needed; a int"):
        fit_readout(3, x, x)
    readout = fit_readout(ticket, x, x[:, 0])
    for wrong in (x[:, :1], np.ones((4, 3))):
        with pytest.raises(InputError, match="fails on them"):
            readout.predict(wrong)
