"""Certified upper bounds against errors in rational arithmetic: at corners, at bad inputs, and by enclosure."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from torch import nn

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.domains import Ball, Box
from slt.errors import InputError
from slt.scoring import Kind, ascend, certified, sampled
from slt.scoring.certified import _start, _step
from slt.targets import Target
from tests.scoring.twins import Exact, corners, random_pair, rational

DOMAINS = {
    "unit box": lambda d: Box(0.0, 1.0),
    "signed box": lambda d: Box(-1.0, 1.0),
    "negative box": lambda d: Box(-2.0, -0.5),
    "mixed box": lambda d: Box(tuple([-1.0, 0.0, 0.5, -2.0][i % 4] for i in range(d)), (1.0,) * d),
    "one point": lambda d: Box(tuple(0.3 * i - 0.7 for i in range(d)), tuple(0.3 * i - 0.7 for i in range(d))),
    "partly flat box": lambda d: Box(-0.4, tuple(-0.4 if i % 2 else 0.9 for i in range(d))),
    "ball": lambda d: Ball(1.5),
}
SHAPES = ([3, 2], [1, 1], [4, 6, 3], [2, 5, 1], [3, 5, 4, 2], [3, 4, 4, 4, 2], [1, 3, 1, 2])


def bad_inputs(network, target, domain, rng, count=7):
    d = target.inputs
    starts = domain.sample(d, count, rng)
    return np.concatenate([starts, ascend(network, target, domain, starts, steps=5)])


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_certified_is_not_below_the_real_error(widths, name):
    rng = np.random.default_rng([len(name), *widths])
    domain = DOMAINS[name](widths[0])
    for trial in range(7):
        network, target = random_pair(
            rng,
            widths,
            relu_last=trial % 2 == 1,
            bias=trial % 4 < 2,
            signed=trial % 3 > 0,
            error=(0.01, 0.3, 2.0)[trial % 3],
            relus=trial != 5,
            input_relu=trial in (2, 3),
        )
        if trial == 3:  # only one of the two networks has an input ReLU
            network = replace(network, input_relu=False)
        if trial == 6:
            network = replace(network, layers=tuple(replace(b, rounding=1e-3) for b in network.layers))
        x = bad_inputs(network, target, domain, rng)
        upper, upper_2 = certified(network, target, domain), certified(network, target, domain, order=2)
        exact = Exact(network, target)
        differences = [exact.difference(rational(p)) for p in x]
        assert Fraction(upper.value) >= max(map(max, differences))
        assert Fraction(upper_2.value) ** 2 >= max(sum(v * v for v in values) for values in differences)
        assert upper.value >= sampled(network, target, x).value
        assert upper_2.value >= sampled(network, target, x, order=2).value
        assert upper.value <= upper_2.value * (1 + 1e-12)
        assert upper.kind is Kind.CERTIFIED_UPPER


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("signed", [True, False])
def test_every_enclosure_on_the_way_holds(name, signed):
    """At inputs of the domain, in rational arithmetic: values within bounds, remainders within their box and ball."""
    rng = np.random.default_rng([7, len(name), signed])
    for widths in SHAPES:
        domain = DOMAINS[name](widths[0])
        network, target = random_pair(rng, widths, signed=signed, error=0.2, relu_last=signed)
        region, state = _start(network, target, domain)
        states = [state]
        for block, layer in zip(network.layers, target.layers, strict=True):
            states.append(_step(region, states[-1], block, layer))
        exact = Exact(network, target)
        for x in map(rational, bad_inputs(network, target, domain, rng, count=4)):
            u = [a - c for a, c in zip(x, rational(region.centre), strict=True)]
            for state, (h1, h2) in zip(states, exact.trace(x), strict=True):
                holds(state.values, u, h2)
                holds(state.ticket, u, h1)
                holds(state.difference, u, [a - b for a, b in zip(h1, h2, strict=True)])


def holds(enclosure, u, values):
    remainder = []
    for i, value in enumerate(values):
        assert Fraction(enclosure.least[i]) <= value <= Fraction(enclosure.most[i])
        row = rational(enclosure.linear[i])
        n = value - sum((a * b for a, b in zip(row, u, strict=True)), Fraction(enclosure.centre[i]))
        assert Fraction(enclosure.low[i]) <= n <= Fraction(enclosure.high[i])
        remainder.append(n)
    assert sum(n * n for n in remainder) <= Fraction(enclosure.radius) ** 2
    assert sum(v * v for v in values) <= Fraction(enclosure.reach) ** 2


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("low", [0.0, -1.0, -0.25])
def test_one_layer_is_certified_to_the_last_digits(low, bias):
    """Without a ReLU the error is separable: its sup lies at a corner, or at 0 in a coordinate that changes sign."""
    rng = np.random.default_rng([11, bias])
    for _ in range(20):
        network, target = random_pair(rng, [4, 3], bias=bias)
        exact = Exact(network, target)
        real = max(exact.error(x) for x in corners([low] * 4, [1.0] * 4))
        upper = Fraction(certified(network, target, Box(low, 1.0)).value)
        assert real <= upper <= real * Fraction(1 + 1e-12)


def test_hidden_layers_certified_against_every_corner_and_plain_intervals():
    rng = np.random.default_rng(13)
    ratios = []
    for trial in range(40):
        network, target = random_pair(rng, [4, 8, 2], signed=trial % 2 == 0, error=0.02)
        low = -1.0 if trial % 2 == 0 else 0.0
        exact = Exact(network, target)
        real = max(exact.error(x) for x in corners([low] * 4, [1.0] * 4))
        upper = certified(network, target, Box(low, 1.0)).value
        assert Fraction(upper) >= real
        assert Fraction(upper) <= exact.interval_bound(rational([low] * 4), rational([1.0] * 4)) * Fraction(1 + 1e-9)
        ratios.append(upper / float(real))
    assert np.median(ratios) < 3  # as tight as it was when written, with room


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e-30, 1e-8, 1e6, 1e15])
@pytest.mark.parametrize("widths", [[3, 2], [3, 4, 2], [2, 3, 3, 2]], ids=str)
def test_huge_and_tiny_weights(scale, widths):
    rng = np.random.default_rng(17)
    for size in (1e-30, 1.0, 1e15):
        domain = Box(-size, size)
        network, target = random_pair(rng, widths, scale=scale, error=0.1)
        x = bad_inputs(network, target, domain, rng, count=4)
        exact = Exact(network, target)
        real = max(exact.error(rational(p)) for p in x)
        upper, lower = certified(network, target, domain).value, sampled(network, target, x).value
        assert Fraction(lower) <= real <= Fraction(upper)
        assert np.isfinite(upper)


def test_overflow_gives_an_infinite_bound_and_says_so():
    network, target = random_pair(np.random.default_rng(0), [3, 4, 4, 2], scale=1e150)
    score = certified(network, target, Box(0.0, 1e100))
    assert score.value == np.inf
    assert "overflowed" in str(score)
    assert sampled(network, target, np.full((2, 3), 1e100)).value == 0


def test_zero_matrices():
    zero = np.zeros((2, 3))
    network = CollapsedNetwork((CollapsedLayer(zero, zero, np.zeros(2), False),))
    assert certified(network, Target.from_arrays([zero]), Box(-1.0, 1.0)).value <= 1e-300
    # the ticket is zero, the target is not: x -> x1 + x2 + x3 and 0, largest at a corner
    target = Target.from_arrays([[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]])
    assert 3.0 <= certified(network, target, Box(-1.0, 1.0)).value <= 3.0 + 1e-12
    assert np.sqrt(3) <= certified(network, target, Ball(1.0)).value <= np.sqrt(3) + 1e-12


@pytest.mark.parametrize("name", DOMAINS)
@pytest.mark.parametrize("widths", SHAPES, ids=str)
def test_a_network_equal_to_its_target(widths, name):
    network, target = random_pair(np.random.default_rng(5), widths, error=0.0)
    score = certified(network, target, DOMAINS[name](widths[0]))
    assert 0 <= score.value < 1e-12


def test_a_ticket_for_positive_inputs_on_a_signed_domain():
    """Without a negative branch the ticket computes W max(x, 0), so -1 is worth an error of 1."""
    network = CollapsedNetwork((CollapsedLayer(np.eye(2), np.zeros((2, 2)), np.zeros(2), False),))
    target = Target.from_arrays([np.eye(2)])
    assert certified(network, target, Box(0.0, 1.0)).value <= 1e-14
    assert 1.0 <= certified(network, target, Box(-1.0, 1.0)).value <= 1.0 + 1e-14
    assert 0.5 <= certified(network, target, Box(-0.5, 1.0)).value <= 0.5 + 1e-14


def test_what_float64_cannot_hold_is_counted():
    """(P + N) / 2 rounds to W here, so its error is the slack of the layer and nothing else."""
    last = 2.0**-52
    one = np.ones((1, 1))
    network = CollapsedNetwork((CollapsedLayer(one, one + last, np.zeros(1), False),))
    assert last <= certified(network, Target.from_arrays([one]), Box(-1.0, 1.0)).value <= 100 * last


def test_weights_known_up_to_a_rounding_only():
    """Three weights and a bias may each be off by 1/8, at inputs of size 1."""
    one = np.ones((1, 3))
    network = CollapsedNetwork((CollapsedLayer(one, one, np.zeros(1), False, rounding=0.125),))
    target = Target.from_arrays([one])
    for low in (-1.0, 1.0):
        assert 0.5 <= certified(network, target, Box(low, 1.0)).value <= 0.5 + 1e-12
    assert 0.125 * (1 + np.sqrt(3)) <= certified(network, target, Ball(1.0)).value <= 0.125 * (1 + np.sqrt(3)) + 1e-12


def test_a_larger_domain_has_no_smaller_bound():
    rng = np.random.default_rng(23)
    for widths in SHAPES:
        network, target = random_pair(rng, widths)
        for domains in (
            [Box(0.0, r) for r in (0.1, 0.5, 1.0, 2.0)],
            [Box(-r, r) for r in (0.1, 0.5, 1.0, 2.0)],
            [Ball(r) for r in (0.1, 0.5, 1.0, 2.0)],
        ):
            bounds = [certified(network, target, domain).value for domain in domains]
            assert bounds == sorted(bounds)
        # a ball lies in the box around it
        ball, box = (certified(network, target, domain).value for domain in (Ball(1.0), Box(-1.0, 1.0)))
        assert ball <= box * (1 + 1e-9)


def test_a_certificate_is_within_its_ratio_of_bad_inputs_on_a_random_pair():
    """The shape of two small layers as they come out of a construction; 10 is about twice what was measured."""
    rng = np.random.default_rng(29)
    weights = [rng.normal(0, 0.1, (100, 144)), rng.normal(0, 0.1, (10, 100))]
    blocks = [
        CollapsedLayer(w + rng.uniform(-0.01, 0.01, w.shape), np.zeros_like(w), np.zeros(len(w)), i == 0)
        for i, w in enumerate(weights)
    ]
    network, target = CollapsedNetwork(tuple(blocks)), Target.from_arrays(weights)
    domain = Box(0.0, 1.0)
    upper = certified(network, target, domain)
    x = ascend(network, target, domain, domain.sample(144, 32, rng), steps=30)
    lower = sampled(network, target, x)
    assert lower.value <= upper.value < 10 * lower.value


def test_a_torch_module_and_a_ticket_are_taken():
    import torch

    class Ticket:
        def __init__(self, network):
            self.network = network

        def collapsed(self):
            return self.network

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    blocks = [CollapsedLayer(a.weight + 0.01, a.weight, np.array(a.bias), a.relu) for a in Target.of(model).layers]
    ticket = Ticket(CollapsedNetwork(tuple(blocks)))
    score = certified(ticket, model, Box(0.0, 1.0))
    assert score == certified(ticket.network, Target.of(model), Box(0.0, 1.0))
    assert 0 < sampled(ticket, model, torch.ones(1, 4)).value <= score.value


def test_what_cannot_be_certified():
    rng = np.random.default_rng(0)
    network, target = random_pair(rng, [3, 4, 2])
    deep, _ = random_pair(rng, [3, 4, 4, 2])
    other, _ = random_pair(rng, [3, 5, 2])
    straight, _ = random_pair(rng, [3, 4, 2], relus=False)
    wide, _ = random_pair(rng, [4, 4, 2])
    tall, _ = random_pair(rng, [3, 4, 3])
    box = Box(0.0, 1.0)
    for ticket, domain, words in (
        (deep, box, "3 blocks.*2 linear"),
        (other, box, r"\(5, 3\).*\(4, 3\)"),
        (straight, box, "relu=False.*relu=True"),
        (wide, box, "4 inputs, the model has 3"),
        (tall, box, "3 outputs, the model has 2"),
        (network, "box", "str was given.*Box"),
        (network, Box(0.0, (1.0, 1.0)), "2 coordinates.*3"),
        ("ticket", box, "str was given.*CollapsedNetwork"),
        (CollapsedNetwork(()), box, "no layer"),
    ):
        with pytest.raises(InputError, match=words):
            certified(ticket, target, domain)
    with pytest.raises(InputError, match="order 1"):
        certified(network, target, box, order=1)
    broken = replace(network.layers[0], bias=np.array([0.0, np.nan, 0.0, np.inf]))
    with pytest.raises(InputError, match="layer 0 has 2 NaN"):
        certified(CollapsedNetwork((broken, network.layers[1])), target, box)
    with pytest.raises(InputError, match="rounding of -1"):
        certified(CollapsedNetwork((replace(network.layers[0], rounding=-1.0), network.layers[1])), target, box)
