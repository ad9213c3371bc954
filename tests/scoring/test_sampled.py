"""Sampled lower bounds are compared with the error at the same inputs in rational arithmetic."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.domains import Ball, Box
from slt.errors import InputError
from slt.scoring import Kind, ascend, sampled
from slt.targets import Target
from tests.scoring.twins import Exact, corners, random_pair, rational, root_below


@given(
    seed=st.integers(0, 10**6),
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    scale=st.sampled_from([1e-300, 1e-160, 1e-30, 1e-3, 1.0, 1e3, 1e15]),
    size=st.sampled_from([1e-30, 1.0, 1e15]),
    error=st.sampled_from([0.0, 1e-14, 1e-3, 1.0]),
    options=st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans()),
)
def test_sampled_is_not_above_the_real_error_at_the_same_inputs(seed, widths, scale, size, error, options):
    rng = np.random.default_rng(seed)
    relu_last, bias, signed, relus, input_relu = options
    network, target = random_pair(rng, widths, relu_last, bias, signed, error, scale, relus, input_relu)
    x = rng.standard_normal((5, widths[0])) * size
    exact = Exact(network, target)
    real = max(exact.error(rational(p)) for p in x)
    score = sampled(network, target, x, batch=2)
    assert Fraction(score.value) <= real
    assert real <= Fraction(score.value) * Fraction(1 + 1e-12) + 2 * Fraction(score.rounding) + Fraction(1e-300)
    real = root_below(max(exact.squared_error(rational(p)) for p in x)) * (1 + Fraction(1, 10**25))
    assert Fraction(sampled(network, target, x, order=2).value) <= real


def test_weights_known_up_to_a_rounding_only():
    """The real weights may be anywhere within the rounding, so also where the error is smaller by its full effect."""
    one = np.ones((1, 3))
    target = Target.from_arrays([one])
    network = CollapsedNetwork((CollapsedLayer(one * 1.5, one * 1.5, np.zeros(1), False, rounding=0.125),))
    x = np.ones((1, 3))
    # 3 * 0.5 seen; weights and bias could take 0.125 * (3 + 1) of it away
    value = sampled(network, target, x).value
    assert 1.0 - 1e-12 <= value <= 1.0
    assert sampled(replace(network, layers=(replace(network.layers[0], rounding=0.5),)), target, x).value == 0


def test_the_error_of_equal_networks_is_zero():
    network, target = random_pair(np.random.default_rng(0), [6, 5, 4], error=0.0)
    score = sampled(network, target, np.random.default_rng(1).standard_normal((50, 6)))
    assert score.value == 0
    assert 0 < score.rounding < 1e-12


def test_inputs_in_any_form_and_any_batch():
    rng = np.random.default_rng(2)
    network, target = random_pair(rng, [6, 5, 2])
    x = rng.standard_normal((7, 2, 3)).astype(np.float32)
    score = sampled(network, target, x)
    assert score.kind is Kind.SAMPLED_LOWER
    assert score == sampled(network, target, x.reshape(7, 6).astype(np.float64))
    assert score == sampled(network, target, torch.tensor(x, requires_grad=True))
    assert score == sampled(network, target, x.tolist())
    assert np.isclose(score.value, sampled(network, target, x, batch=1).value, rtol=1e-12)
    assert "sampled on 7 inputs, float64, minus a rounding bound of" in str(score)
    x.setflags(write=False)
    assert score == sampled(network, target, x, device="cpu")
    assert sampled(network, target, torch.ones(2, 6, dtype=torch.bfloat16)).value > 0
    assert sampled(network, target, np.ones((2, 6), dtype=np.int64)).value > 0


def test_overflow_is_no_error():
    """Equal networks, one of which overflows to -inf before its ReLU: 0 behind it, where the real value is 1e308."""
    end = np.ones((1, 1))
    weight = np.array([[-1.0] * 128 + [1.0] * 129])
    target = Target.from_arrays([np.eye(1, 257, 256), end])
    first = CollapsedLayer(weight, weight, np.zeros(1), True)
    network = CollapsedNetwork((first, CollapsedLayer(end, end, np.zeros(1), False)))
    assert sampled(network, target, np.full((1, 257), 1e308)).value == 0


def test_what_cannot_be_sampled():
    network, target = random_pair(np.random.default_rng(0), [3, 4, 2])
    good = np.zeros((2, 3))
    for inputs, words in (
        (np.array([[0.0, np.nan, np.inf]]), "2 of 3 numbers.*NaN"),
        (np.zeros((2, 4)), r"shape \(2, 4\).*4 numbers each.*takes 3"),
        (np.zeros(3), r"shape \(3,\).*1 numbers each"),
        (np.zeros((0, 3)), "at least one input"),
        (np.float64(1.0), "at least one input"),
        (np.array([["a", "b", "c"]]), "real numbers"),
        (np.zeros((1, 3), dtype=complex), "complex128.*real numbers"),
    ):
        with pytest.raises(InputError, match=words):
            sampled(network, target, inputs)
        with pytest.raises(InputError, match=words):
            ascend(network, target, Box(), inputs)
    with pytest.raises(InputError, match="batch=0"):
        sampled(network, target, good, batch=0)
    with pytest.raises(InputError, match="order 3"):
        sampled(network, target, good, order=3)
    with pytest.raises(InputError, match="device 'nowhere'"):
        sampled(network, target, good, device="nowhere")
    with pytest.raises(InputError, match="steps=-1"):
        ascend(network, target, Box(), good, steps=-1)
    with pytest.raises(InputError, match=r"list was given.*Box"):
        ascend(network, target, [0, 1], good)


@pytest.mark.parametrize("domain", [Box(0.0, 1.0), Box(-1.0, (1.0, 0.0, -1.0, 2.0, 0.5, 1.0)), Ball(2.0)], ids=str)
@pytest.mark.parametrize("order", [np.inf, 2])
def test_ascent_stays_inside_improves_and_repeats(domain, order):
    rng = np.random.default_rng(4)
    network, target = random_pair(rng, [6, 8, 3])
    starts = rng.standard_normal((9, 6)) * 3
    found = ascend(network, target, domain, starts, steps=20, order=order)
    assert found.shape == (9, 6)
    low, high = domain.bounds(6)
    assert np.all((low <= found) & (found <= high))
    if isinstance(domain, Ball):
        assert all(sum(v * v for v in rational(x)) <= Fraction(domain.radius) ** 2 for x in found)
    assert np.array_equal(found, ascend(network, target, domain, starts, steps=20, order=order))
    inside = domain.project(starts)
    assert np.array_equal(ascend(network, target, domain, starts, steps=0), inside)
    for before, after in zip(inside, found, strict=True):
        first = sampled(network, target, before[None], order=order)
        assert sampled(network, target, after[None], order=order).value >= first.value - 2 * first.rounding
    assert np.array_equal(ascend(network, target, domain, torch.tensor(starts), steps=20, order=order), found)


@pytest.mark.parametrize("domain", [Ball(2.0), Box(-1.0, 0.5)])
def test_an_ascent_without_starts_draws_its_own_from_the_domain(domain):
    network, target = random_pair(np.random.default_rng(3), [4, 5, 2], False, True, True, 0.1, 1.0)
    starts = ascend(network, target, domain, steps=0)
    assert starts.shape == (32, 4) and np.array_equal(starts, domain.project(starts)) and len(np.unique(starts)) > 32
    found = ascend(network, target, domain, steps=3)
    assert np.array_equal(found, ascend(network, target, domain, starts, steps=3))
    assert sampled(network, target, found).value >= sampled(network, target, starts).value


def test_ascent_finds_the_worst_corner_of_small_boxes():
    """Hidden layers make local optima, so of 20 random pairs at least 18 are to be solved, the rest within a tenth."""
    rng = np.random.default_rng(6)
    solved = 0
    for _ in range(20):
        network, target = random_pair(rng, [7, 9, 2], signed=False, error=0.1)
        exact = Exact(network, target)
        grid = np.array([[float(v) for v in x] for x in corners([0.0] * 7, [1.0] * 7)])
        errors = np.abs(network.forward(grid) - target.forward(grid)).max(axis=1)
        worst = float(exact.error(rational(grid[errors.argmax()])))
        found = sampled(network, target, ascend(network, target, Box(), Box().sample(7, 6, rng), steps=40)).value
        assert found >= 0.9 * worst
        solved += found >= worst - 1e-9
    assert solved >= 18


def test_ascent_on_a_ball_finds_the_norm_of_a_linear_error():
    rng = np.random.default_rng(8)
    network, target = random_pair(rng, [5, 3], bias=False)
    network = CollapsedNetwork((replace(network.layers[0], negative=network.layers[0].positive),))
    difference = network.layers[0].positive - target.layers[0].weight
    domain = Ball(1.5)
    starts = domain.sample(5, 8, rng)
    for order, norm in (
        (np.inf, np.linalg.norm(difference, axis=1).max()),
        (2, np.linalg.norm(difference, 2)),
    ):
        found = sampled(network, target, ascend(network, target, domain, starts, steps=60, order=order), order=order)
        assert 1.5 * norm * 0.9999 <= found.value <= 1.5 * norm
