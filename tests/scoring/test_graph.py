"""Scores of convolutional and residual tickets against rational arithmetic: certified above, sampled below."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.collapsed_graph import CollapsedGraph
from slt.domains import Ball, Box
from slt.errors import InputError
from slt.graph_nodes import Convolution, Input, MaxPool
from slt.graph_target import GraphTarget
from slt.scoring import Kind, ascend, certified, graph, graph_sampled, sampled
from slt.scoring.graph_pair import GraphPair
from slt.scoring.graph_sampled import GraphNetwork
from slt.targets import Target
from tests.scoring.graph_twins import ExactGraph, near, rational


class Residual(nn.Module):
    """A block with a projection, and one without."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 3, 3, padding=1, stride=2)
        self.second = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.project = nn.Conv2d(2, 3, 1, stride=2, bias=False)
        self.third = nn.Conv2d(3, 3, 1)
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))) + self.project(x))
        x = torch.relu(self.third(x) + x)
        return self.last(functional.adaptive_avg_pool2d(x, 1).flatten(1))


class Shortcut(nn.Module):
    """Every second pixel, and channels of zeros."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 3, stride=2, padding=1)

    def forward(self, x):
        return self.layer(x) + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 1))


MODELS = {
    "convolution": ((2, 3, 4), lambda: nn.Sequential(nn.Conv2d(2, 3, 2))),
    "strides and dilation": (
        (1, 5, 7),
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, (2, 3), stride=(1, 2), padding=(2, 0), dilation=(2, 1)), nn.ReLU(), nn.Conv2d(2, 1, 1)
        ),
    ),
    "groups": (
        (4, 3, 3),
        lambda: nn.Sequential(nn.Conv2d(4, 6, 2, groups=2), nn.ReLU(), nn.Conv2d(6, 6, 2, groups=6, padding=1)),
    ),
    "max-pool": (
        (2, 5, 5),
        lambda: nn.Sequential(
            nn.Conv2d(2, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2), nn.Flatten(), nn.Linear(2, 2)
        ),
    ),
    "overlapping max-pool": (
        (1, 5, 5),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(2, 2, 1)),
    ),
    "average-pool": (
        (1, 4, 5),
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 2), nn.AvgPool2d(2, 2, 1, ceil_mode=True), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 1))
        ),
    ),
    "average-pool without padding": (
        (1, 4, 4),
        lambda: nn.Sequential(nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.ReLU(), nn.Conv2d(1, 2, 2)),
    ),
    "residual": ((2, 4, 4), Residual),
    "shortcut": ((1, 4, 4), Shortcut),
    "linear": ((3,), lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))),
}
DOMAINS = {
    "unit box": lambda d: Box(0.0, 1.0),
    "signed box": lambda d: Box(-1.0, 1.0),
    "mixed box": lambda d: Box(tuple([-1.0, 0.0, 0.5, -2.0][i % 4] for i in range(d)), (1.0,) * d),
    "ball": lambda d: Ball(1.5),
}


def target_of(name, seed=0):
    torch.manual_seed(seed)
    shape, made = MODELS[name]
    model = made().double()
    return model, GraphTarget.of(model, shape)


def bad_inputs(ticket, target, domain, rng, count=1, steps=3):
    x = domain.sample(int(np.prod(target.input_shape)), count, rng)
    return np.concatenate([x, ascend(ticket, target, domain, x, steps=steps)])


@pytest.fixture(params=["affine", "plain"])
def way(request, monkeypatch):
    """Both kinds of enclosures."""
    if request.param == "plain":
        monkeypatch.setattr(graph, "AFFINE", 0)
    return request.param


PAIRS = [(name, list(DOMAINS)[(i + k) % len(DOMAINS)]) for i, name in enumerate(MODELS) for k in (0, 2)]


@pytest.mark.parametrize(("name", "domain_name"), PAIRS)
def test_certified_and_sampled_hold_the_real_error(name, domain_name, monkeypatch):
    rng = np.random.default_rng([len(name), len(domain_name)])
    _, target = target_of(name)
    d = int(np.prod(target.input_shape))
    domain = DOMAINS[domain_name](d)
    coarse = len(name) % 2 == 0
    ticket = near(target, rng, 0.5 if coarse else 0.02, signed=domain_name != "signed box")
    points = bad_inputs(ticket, target, domain, rng)
    exact = ExactGraph(ticket, target)
    differences = [exact.difference(rational(x.reshape(target.input_shape))) for x in points]
    real, squares = max(map(max, differences)), max(sum(v * v for v in values) for values in differences)
    for affine in (2**22, 0):
        monkeypatch.setattr(graph, "AFFINE", affine)
        upper, upper_2 = certified(ticket, target, domain), certified(ticket, target, domain, order=2)
        assert upper.kind is Kind.CERTIFIED_UPPER
        assert np.isfinite(upper.value)
        assert upper.value <= upper_2.value * (1 + 1e-12)
        assert Fraction(upper.value) >= real
        assert Fraction(upper_2.value) ** 2 >= squares
    lower, lower_2 = (sampled(ticket, target, points, order=order) for order in (np.inf, 2))
    assert Fraction(lower.value) <= real <= Fraction(lower.value) * Fraction(1 + 1e-9) + Fraction(1e-13)
    assert Fraction(lower_2.value) ** 2 <= squares


@pytest.mark.parametrize(("name", "domain_name"), PAIRS[1::2])
def test_every_enclosure_on_the_way_holds(name, domain_name, way):
    """At inputs of the domain, in rational arithmetic: values within bounds, remainders within their box and ball."""
    rng = np.random.default_rng([1, len(name), len(domain_name)])
    _, target = target_of(name, 1)
    d = int(np.prod(target.input_shape))
    domain = DOMAINS[domain_name](d)
    ticket = near(target, rng, 0.2)
    region, states = graph.states(GraphPair.of(ticket, target), domain, keep=True)
    exact = ExactGraph(ticket, target)
    for x in bad_inputs(ticket, target, domain, rng):
        u = [] if len(region.centre) == 0 else list(rational(x) - rational(region.centre))
        for state, (h1, h2) in zip(states, exact.trace(rational(x.reshape(target.input_shape))), strict=True):
            holds(state.values, u, h2.reshape(-1))
            holds(state.ticket, u, h1.reshape(-1))
            holds(state.difference, u, (h1 - h2).reshape(-1))


def holds(enclosure, u, values):
    assert all(Fraction(a) <= v <= Fraction(b) for a, v, b in zip(enclosure.least, values, enclosure.most, strict=True))
    n = [v - Fraction(c) for v, c in zip(values, enclosure.centre, strict=True)]
    if u:
        n = [
            a - sum(b * c for b, c in zip(row, u, strict=True))
            for a, row in zip(n, rational(enclosure.linear), strict=True)
        ]
    assert all(Fraction(a) <= v <= Fraction(b) for a, v, b in zip(enclosure.low, n, enclosure.high, strict=True))
    assert sum(v * v for v in n) <= Fraction(enclosure.radius) ** 2
    assert sum(v * v for v in values) <= Fraction(enclosure.reach) ** 2


@pytest.mark.parametrize("domain", [Box(0.0, 1.0), Box(-1.0, 1.0), Ball(1.5)], ids=str)
def test_a_chain_of_linear_layers_has_the_certificate_of_a_chain(domain):
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 3)).double()
    chain, target = Target.of(model), GraphTarget.of(model, (5,))
    ticket = near(target, np.random.default_rng(3))
    layers = [
        CollapsedLayer(m.positive, m.negative, m.bias, a.relu)
        for m, a in zip(ticket.maps.values(), chain.layers, strict=True)
    ]
    for order in (2, np.inf):
        assert (
            certified(ticket, target, domain, order).value
            == certified(CollapsedNetwork(tuple(layers)), chain, domain, order).value
        )


@pytest.mark.parametrize("low", [0.0, -1.0, -0.25])
def test_one_convolution_is_certified_to_the_last_digits(low, way):
    """Without a ReLU the error is separable: its sup lies at a corner, or at 0 in a coordinate that changes sign."""
    rng = np.random.default_rng(5)
    _, target = target_of("convolution", 5)
    ticket = near(target, rng)
    (map_,) = ticket.maps.values()
    node, weight, bias = target.nodes[1], *target.parameters.values()
    above, below = map_.positive - weight, map_.negative - weight
    ends = np.stack([np.zeros_like(above), above, low * (above if low > 0 else below)])
    sums = (
        (map_.bias - bias) + ends.max(axis=0).sum(axis=(1, 2, 3)),
        (map_.bias - bias) + ends.min(axis=0).sum(axis=(1, 2, 3)),
    )
    real = max(sums[0].max(), -sums[1].min())
    upper = certified(ticket, target, Box(low, 1.0)).value
    assert isinstance(node, Convolution)
    assert real * (1 - 1e-12) <= upper <= real * (1 + 1e-12)


def test_a_deep_residual_net_by_boxes_and_balls(monkeypatch):
    """Seven convolutions with skip connections; the bound is some 430 times the largest error found."""
    monkeypatch.setattr(graph, "AFFINE", 0)
    torch.manual_seed(7)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = (nn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))

        def forward(self, x):
            return torch.relu(x + self.second(torch.relu(self.first(x))))

    blocks = [Block() for _ in range(3)]
    last = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)]
    target = GraphTarget.of(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), *blocks, *last), (3, 16, 16))
    ticket = near(target, np.random.default_rng(8), 1e-4, signed=False)
    domain = Box(0.0, 1.0)
    upper = certified(ticket, target, domain)
    assert "boxes and balls" in upper.text
    lower = sampled(ticket, target, domain.sample(768, 8, np.random.default_rng(9)))
    assert 0 < lower.value <= upper.value < 1000 * lower.value


def test_a_pool_of_equal_pixels_and_one_of_sure_winners(way):
    """Where the largest pixel is known in both networks, the difference is that pixel's own."""
    target = GraphTarget.of(nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.MaxPool2d(2)).double(), (1, 2, 2))
    ticket = near(target, np.random.default_rng(0), 0.1)
    (map_,), (weight,) = ticket.maps.values(), target.parameters.values()
    size = float(np.abs(map_.positive - weight).item())
    sign = np.sign(weight.item())
    low, high = np.sort(sign * np.array([[0.0, 0.0, 0.0, 0.9], [0.1, 0.1, 0.1, 1.0]]), axis=0)
    if sign > 0:
        upper = certified(ticket, target, Box(tuple(low), tuple(high))).value
        assert size <= upper <= size * (1 + 1e-9)
    assert certified(ticket, target, Box(0.5, 0.5)).value <= 0.5 * max(size, abs(map_.negative - weight).item()) * 1.001


def test_weights_known_up_to_a_rounding_only(way):
    """Every tap and the bias may be off by 1/8, at inputs of size 1."""
    model = nn.Conv2d(2, 1, 2).double()
    target = GraphTarget.of(model, (2, 2, 2))
    ticket = near(target, np.random.default_rng(0), 0.0, rounding=0.125)
    upper = certified(ticket, target, Box(-1.0, 1.0)).value
    assert 9 / 8 <= upper <= 9 / 8 + 1e-12
    assert sampled(ticket, target, np.ones((1, 2, 2, 2))).value == 0


def test_overflow_gives_an_infinite_bound_and_says_so(way):
    _, target = target_of("residual")
    huge = GraphTarget(target.nodes, {k: v * 1e150 for k, v in target.parameters.items()}, target.input_shape)
    ticket = near(huge, np.random.default_rng(0))
    score = certified(ticket, huge, Box(0.0, 1e100))
    assert score.value == np.inf
    assert "overflowed" in str(score)
    assert sampled(ticket, huge, np.full((2, 2, 4, 4), 1e100)).value == 0


def test_how_many_inputs_at_a_time_does_not_matter(monkeypatch):
    model, target = target_of("residual")
    ticket = near(target, np.random.default_rng(0))
    x = Box(-1.0, 1.0).sample(32, 9, np.random.default_rng(1)).reshape(-1, 2, 4, 4)
    whole = sampled(ticket, model, x)
    assert whole.value == pytest.approx(sampled(ticket, target, x.reshape(9, -1), batch=2).value, rel=1e-9)
    monkeypatch.setattr(graph_sampled, "GATHERED", 1)
    assert whole.value == pytest.approx(sampled(ticket, target, x).value, rel=1e-9)
    # the same network with its input's shape taken from the inputs
    unknown = CollapsedGraph(ticket.nodes, ticket.maps)
    assert whole.value == pytest.approx(sampled(unknown, model, torch.tensor(x)).value, rel=1e-9)


def test_the_error_bound_of_float64_holds_in_rational_arithmetic():
    """Of the target alone, at inputs of mixed sizes; what the bound gives away is small."""
    for name in MODELS:
        _, target = target_of(name, 3)
        ticket = near(target, np.random.default_rng(4), 0.3)
        pair = GraphPair.of(ticket, target)
        x = np.random.default_rng(5).standard_normal(pair.shape) * 10.0 ** np.random.default_rng(6).integers(
            -6, 6, pair.shape
        )
        exact = [value.reshape(-1) for value in ExactGraph(ticket, target).trace(rational(x))[-1]]
        for network, real in zip(GraphNetwork.both(pair, torch.device("cpu")), exact, strict=True):
            value, error = (t.numpy()[0] for t in network.forward_with_error(torch.tensor(x.reshape(1, -1))))
            assert np.array_equal(value, network.forward(torch.tensor(x.reshape(1, -1))).numpy()[0])
            assert all(abs(Fraction(v) - r) <= Fraction(e) for v, r, e in zip(value, real, error, strict=True))
            assert error.max() < 1e-6


def test_what_cannot_be_scored():
    model, target = target_of("max-pool")
    ticket = near(target, np.random.default_rng(0))
    other_model, other = target_of("groups")
    box, x = Box(0.0, 1.0), np.ones((1, 2, 5, 5))
    unknown = CollapsedGraph(ticket.nodes, ticket.maps)
    first = ticket.maps[1]
    pool = replace(target.nodes[3], kernel=(3, 3), padding=(1, 1))
    padded = replace(target, nodes=(*target.nodes[:3], pool, *target.nodes[4:]))
    assert certified(ticket, model, box) == certified(ticket, target, box)
    for given, against, words in (
        (unknown, model, "shape of the inputs is not known"),
        (ticket, padded, "node 3 is MaxPool"),
        (ticket, other, "7 nodes, the model 4"),
        (ticket, Target.from_arrays([np.eye(2)]), "model is a Target"),
        (replace(ticket, maps={1: first}), target, "has no collapsed map"),
        (replace(ticket, maps={**ticket.maps, 1: replace(first, bias=np.zeros(7))}), target, r"\(7,\)"),
        (replace(ticket, maps={**ticket.maps, 1: replace(first, rounding=-1.0)}), target, "rounding of -1"),
        (replace(ticket, maps={**ticket.maps, 1: replace(first, bias=np.full(2, np.nan))}), target, "2 NaN"),
    ):
        with pytest.raises(InputError, match=words):
            certified(given, against, box)
    with pytest.raises(InputError, match=r"2 coordinates.*50"):
        certified(ticket, target, Box(0.0, (1.0, 1.0)))
    with pytest.raises(InputError, match="str was given"):
        certified(ticket, target, "box")
    with pytest.raises(InputError, match="order 1"):
        certified(ticket, target, box, order=1)
    with pytest.raises(InputError, match="cannot take values of shape"):
        sampled(unknown, other_model, x)
    with pytest.raises(InputError, match="have 5 numbers each"):
        sampled(ticket, target, np.ones((1, 5)))
    with pytest.raises(InputError, match="keys, values and a mask are of attention"):
        sampled(ticket, target, x, keys=x)
    # a window that lies in the padding alone
    lost = GraphTarget(
        (Input(), Convolution(0, "w", None, 1, 1, (1, 1)), MaxPool(1, (2, 2), (1, 1), (1, 1), (3, 3))),
        {"w": np.ones((1, 1, 1, 1))},
        (1, 2, 2),
    )
    with pytest.raises(InputError, match="sees no pixel"):
        certified(near(lost, np.random.default_rng(0)), lost, box)
