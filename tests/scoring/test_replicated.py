"""Certificates of tickets that build every hidden neuron several times."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slt
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.dense_chain import DenseChain, DenseLayer
from slt.errors import InputError
from slt.scoring.replicated import passed_copies, repeated
from tests.constructions.conformance import random_chain


def copied(target: slt.Target, copies: int, noise: float, seed: int = 0) -> CollapsedNetwork:
    """The target with every hidden neuron built ``copies`` times, its weights shared out at random among the copies of
    an input, each on the lattice 2**-20, and then moved by up to ``noise``."""
    rng = np.random.default_rng(seed)
    layers = []
    for i, layer in enumerate(target.layers):
        rows, columns = copies if i + 1 < len(target.layers) else 1, copies if i else 1
        shares = np.rint(np.ldexp(rng.uniform(-1, 1, (layer.outputs * rows, layer.inputs, columns)), 20)) / 2**20
        shares[:, :, 0] += np.repeat(layer.weight, rows, axis=0) - shares.sum(axis=2)
        weight = shares.reshape(layer.outputs * rows, -1)
        P, N = (weight + noise * rng.uniform(-1, 1, weight.shape) for _ in range(2))
        bias = np.zeros(layer.outputs) if layer.bias is None else layer.bias
        bias = np.repeat(bias, rows) + noise * rng.uniform(-1, 1, layer.outputs * rows)
        layers.append(CollapsedLayer(P, N if i == 0 else P, bias, layer.relu))
    return CollapsedNetwork(tuple(layers))


def dyadic(target: slt.Target) -> slt.Target:
    return slt.Target.from_arrays(
        [np.rint(layer.weight * 2**10) / 2**10 for layer in target.layers],
        [None if layer.bias is None else np.rint(layer.bias * 2**10) / 2**10 for layer in target.layers],
    )


@pytest.mark.parametrize("order", [np.inf, 2])
@pytest.mark.parametrize("domain", [slt.Ball(1.0), slt.Box(-1, 1), slt.Box(0, 1)], ids=str)
def test_copies_that_share_the_weights_out_exactly_have_no_error(domain, order):
    target = dyadic(random_chain(0, (3, 4, 4, 2)))
    assert slt.certified(copied(target, 5, 0.0), target, domain, order).value < 1e-10


@given(
    st.integers(0, 2**20), st.integers(1, 5), st.sampled_from([1e-3, 1e-1, 1.0]), st.booleans(),
    st.sampled_from([slt.Ball(1.0), slt.Box(-1, 1), slt.Box((0, -1, 0), (1, 1, 0))]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_certified_is_never_below_sampled(seed, copies, noise, biases, domain):
    target = random_chain(seed, (3, 4, 3, 2), biases=biases)
    ticket = copied(target, copies, noise, seed)
    starts = domain.sample(3, 20, np.random.default_rng(seed))
    points = slt.ascend(ticket, target, domain, starts, steps=4)
    for order in (np.inf, 2):
        assert (
            slt.sampled(ticket, target, points, order=order).value <= slt.certified(ticket, target, domain, order).value
        )


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-2])
def test_one_copy_is_bounded_as_without_copies(noise, monkeypatch):
    for seed in range(4):
        target = random_chain(seed, (3, 4, 4, 2))
        ticket = copied(target, 1, noise, seed)
        plain = slt.certified(ticket, target, slt.Ball(1.0)).value
        with monkeypatch.context() as patched:
            # the function of that name hides the module
            module = importlib.import_module("slt.scoring.certified")
            patched.setattr(module, "passed_map", lambda *_: pytest.fail("not by the plain step"))
            patched.setattr(module, "_step", passed_copies)
            assert slt.certified(ticket, target, slt.Ball(1.0)).value == pytest.approx(plain, rel=1e-6, abs=1e-12)


def test_nothing_is_assumed_of_the_ticket():
    """Units in another order, so that copies stand for the wrong neurons: a bound still, but a large one."""
    target = random_chain(1, (3, 4, 2))
    network = copied(target, 3, 1e-6)
    first, last = network.layers
    order = np.random.default_rng(0).permutation(12)
    mixed = CollapsedNetwork(
        (
            CollapsedLayer(first.positive[order], first.negative[order], first.bias[order], True),
            CollapsedLayer(last.positive[:, order], last.negative[:, order], last.bias, False),
        )
    )
    points = slt.Ball(1.0).sample(3, 100, np.random.default_rng(0))
    # the same function as before
    assert np.abs(mixed.forward(points) - network.forward(points)).max() < 1e-12
    low, high = (slt.certified(t, target, slt.Ball(1.0)).value for t in (network, mixed))
    assert slt.sampled(mixed, target, points).value <= low < 1e-3 < high


def test_unknown_roundings_count():
    target = random_chain(2, (3, 4, 2))
    network = copied(target, 3, 1e-6)
    rough = CollapsedNetwork(
        tuple(CollapsedLayer(a.positive, a.negative, a.bias, a.relu, rounding=1e-3) for a in network.layers)
    )
    bounds = [slt.certified(t, target, slt.Ball(1.0)).value for t in (network, rough)]
    assert bounds[1] > bounds[0] + 1e-3


def test_shapes_that_are_no_copies_are_refused():
    target = random_chain(0, (3, 4, 2))
    with pytest.raises(InputError, match="a whole number of copies"):
        slt.certified(copied(random_chain(0, (3, 5, 2)), 1, 0.0), target, slt.Ball(1.0))
    relu = CollapsedNetwork(
        tuple(CollapsedLayer(a.positive, a.negative, a.bias, True) for a in copied(target, 2, 0.0).layers)
    )
    with pytest.raises(InputError, match="relu=True"):
        slt.certified(relu, target, slt.Ball(1.0))


def test_a_repeated_enclosure_encloses_repeated_values():
    from slt.scoring.enclosure import Region, identity

    region = Region.of(slt.Ball(2.0), 3, input_relu=False)
    x = identity(region)
    twice = repeated(x, 4)
    assert twice.reach >= 4.0 and repeated(x, 1) is x
    assert np.array_equal(twice.linear, np.repeat(np.eye(3), 4, axis=0))
    assert np.array_equal(twice.most, np.repeat(x.most, 4))


def test_other_activations_are_sampled_and_not_certified():
    from slt.activations import Tanh

    chain = DenseChain(
        (DenseLayer(np.ones((2, 3)), np.zeros(2), True), DenseLayer(np.ones((1, 2)), np.zeros(1), False)), Tanh()
    )
    from slt.activation_target import ActivationTarget

    target = ActivationTarget(slt.Target.from_arrays([np.ones((2, 3)), np.full((1, 2), 0.5)]), Tanh())
    points = np.array([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]])
    score = slt.sampled(chain, target, points)
    assert score.value == pytest.approx(np.tanh(1.5), abs=1e-12) and score.value < np.tanh(1.5)
    assert slt.sampled(chain, target, points, order=2).value == pytest.approx(np.tanh(1.5), abs=1e-12)
    assert "units in the last place" in score.text
    with pytest.raises(InputError, match=r"activation is Tanh.*slt.sampled and slt.ascend take it"):
        slt.certified(chain, target, slt.Ball(1.0))
    small = ActivationTarget(slt.Target.from_arrays([np.ones((2, 2)), np.ones((1, 2))]), Tanh())
    with pytest.raises(InputError, match="3 inputs and 1 outputs, the model 2 and 1"):
        slt.sampled(chain, small, np.zeros((1, 2)))
