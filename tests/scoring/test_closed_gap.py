"""Gaps closed by splitting: against the exact supremum on a line, a mixed-integer program, and the certificate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slt
from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.domains import Ball, Box
from slt.errors import InputError
from slt.scoring import ClosedGap, Kind, certified, closed_gap, sampled
from slt.targets import Target
from tests.scoring.twins import Exact, random_pair


def supremum_on_a_line(network, target, low, high):
    """Exact, for one input and one hidden layer: a piecewise linear error is largest at a kink or an end."""
    first = network.layers[0]
    kinks = {Fraction(low), Fraction(high), Fraction(0)}
    biases = (target.layers[0].bias, first.bias, first.bias)
    for weights, shifts in zip((target.layers[0].weight, first.positive, first.negative), biases, strict=True):
        for w, b in zip(weights[:, 0], shifts, strict=True):
            if w != 0:
                kinks.add(-Fraction(float(b)) / Fraction(float(w)))
    exact = Exact(network, target)
    return max(exact.error([x]) for x in kinks if Fraction(low) <= x <= Fraction(high))


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([(-1.0, 1.0), (0.0, 2.0), (-3.0, 0.5)]))
def test_it_encloses_the_exact_supremum_on_a_line(seed, units, ends):
    network, target = random_pair(np.random.default_rng(seed), [1, units, 1])
    found = closed_gap(network, target, Box(*ends), ratio=1.15, most_boxes=60)
    true = supremum_on_a_line(network, target, *ends)
    assert Fraction(found.lower.value) <= true <= Fraction(found.upper.value)
    assert found.closed and found.ratio <= 1.15 and found.boxes <= 60
    assert (found.lower.kind, found.upper.kind) == (Kind.SAMPLED_LOWER, Kind.CERTIFIED_UPPER)


@pytest.mark.parametrize("order", [np.inf, 2])
@pytest.mark.parametrize("widths", [[2, 6, 2], [3, 5, 1], [2, 4, 3, 2]], ids=str)
def test_it_encloses_errors_anywhere_and_narrows_with_the_ratio(widths, order):
    rng = np.random.default_rng([*widths])
    network, target = random_pair(rng, widths)
    box = Box(-1.0, 1.0)
    wide, narrow = (closed_gap(network, target, box, ratio=r, most_boxes=200, order=order) for r in (1.7, 1.3))
    assert narrow.closed and narrow.upper.value <= wide.upper.value and narrow.boxes >= wide.boxes
    exact = Exact(network, target)
    points = box.sample(widths[0], 40, rng)
    errors = [exact.error(list(map(Fraction, map(float, x)))) for x in points]
    assert max(errors) <= Fraction(narrow.upper.value)  # the largest entry is at most the Euclidean norm
    here = sampled(network, target, narrow.inputs[None], order=order)
    assert here.value == narrow.lower.value and np.all(np.abs(narrow.inputs) <= 1)


def test_one_box_is_the_certificate_and_more_are_never_worse():
    network, target = random_pair(np.random.default_rng(3), [3, 12, 1], error=0.2)
    box = Box(-1.0, 1.0)
    bounds = [closed_gap(network, target, box, ratio=1.001, most_boxes=n) for n in (1, 9, 22)]
    assert bounds[0].upper.value == certified(network, target, box).value
    assert [b.boxes for b in bounds] == [1, 9, 21]  # two at a time
    assert not bounds[0].closed
    uppers, lowers = [b.upper.value for b in bounds], [b.lower.value for b in bounds]
    assert uppers == sorted(uppers, reverse=True) and lowers == sorted(lowers)
    assert bounds[2].lower.value <= bounds[2].upper.value < bounds[0].upper.value
    again = closed_gap(network, target, box, ratio=1.001, most_boxes=22)
    assert (again.lower, again.upper, again.boxes) == (bounds[2].lower, bounds[2].upper, bounds[2].boxes)


def test_a_mixed_integer_program_agrees():
    rng = np.random.default_rng(11)
    for trial in range(2):
        network, target = random_pair(rng, [2, 3, 1], error=0.3)
        x, value = mixed_integer(network, target, 1.0)
        at_x = sampled(network, target, x[None]).value  # the program's floats prove nothing, its input does
        assert at_x == pytest.approx(value, rel=1e-6)
        found = closed_gap(network, target, Box(-1.0, 1.0), ratio=1.1, most_boxes=300)
        assert found.closed, trial
        assert found.lower.value <= value * (1 + 1e-6) and value <= found.upper.value * (1 + 1e-6)
        assert at_x <= found.upper.value


def mixed_integer(network, target, radius):
    """The largest difference of outputs over a box of ``radius``, two inputs, one hidden layer, and where (HiGHS)."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    first, last = network.layers
    d, n, big = 2, len(first.bias), 50.0
    # variables: x+ and x-, their indicator, then hidden values of ticket and target, and their indicators
    count = 3 * d + 4 * n
    plus, minus, side = (np.arange(d) + k * d for k in range(3))
    ticket, model, on, lit = (3 * d + np.arange(n) + k * n for k in range(4))
    rows, lows, highs = [], [], []

    def add(entries, low, high):
        row = np.zeros(count)
        for columns, values in entries:
            row[columns] += values
        rows.append(row)
        lows.append(low)
        highs.append(high)

    for j in range(d):
        add([(plus[j], 1.0), (side[j], -radius)], -np.inf, 0.0)
        add([(minus[j], 1.0), (side[j], radius)], -np.inf, radius)
    W, w = target.layers[0].weight, target.layers[0].bias
    for values, flags, right, left, bias in (
        (ticket, on, first.positive, -first.negative, first.bias),
        (model, lit, W, -W, w),
    ):
        for i in range(n):
            reads = [(plus, -right[i]), (minus, -left[i])]
            add([(values[i], 1.0), *reads], bias[i], np.inf)
            add([(values[i], 1.0), *reads, (flags[i], big)], -np.inf, bias[i] + big)
            add([(values[i], 1.0), (flags[i], -big)], -np.inf, 0.0)
    shift = last.bias[0] - target.layers[1].bias[0]
    best, where = -np.inf, np.zeros(d)
    integral = np.zeros(count)
    integral[np.concatenate([side, on, lit])] = 1
    upper = np.full(count, big)
    upper[np.concatenate([plus, minus])] = radius
    upper[np.concatenate([side, on, lit])] = 1.0
    for sign in (1.0, -1.0):
        cost = np.zeros(count)
        cost[ticket], cost[model] = -sign * last.positive[0], sign * target.layers[1].weight[0]
        constraints = LinearConstraint(np.array(rows), lows, highs)
        found = milp(cost, constraints=constraints, integrality=integral, bounds=Bounds(0.0, upper))
        value = -found.fun + sign * shift
        if value > best:
            best, where = value, found.x[plus] - found.x[minus]
    return np.clip(where, -radius, radius), best


def test_a_box_of_one_point_has_no_gap_to_close():
    network, target = random_pair(np.random.default_rng(5), [2, 3, 1])
    found = closed_gap(network, target, Box((0.3, -0.2), (0.3, -0.2)), ratio=1.01)
    assert found.boxes == 1 and found.lower.value <= found.upper.value


def test_equal_networks_end_at_the_number_of_boxes():
    target = Target.from_arrays([np.array([[0.5, -0.25]]), np.array([[1.0]])], [np.zeros(1), np.zeros(1)])
    layers = [
        CollapsedLayer(layer.weight, layer.weight, np.zeros(1), layer.relu) for layer in target.layers
    ]  # the target itself
    found = closed_gap(CollapsedNetwork(tuple(layers)), target, Box(-1.0, 1.0), most_boxes=7)
    assert found.lower.value == 0 and found.upper.value < 1e-12
    assert found.closed == (found.upper.value == 0) and found.ratio == (1.0 if found.closed else float("inf"))


def test_a_ticket_of_two_layers_with_its_gap_closed():
    rng = np.random.default_rng(2)
    target = Target.from_arrays([rng.standard_normal((30, 2)) / 6, rng.standard_normal((1, 30)) / 6])
    box = Box(-1.0, 1.0)
    found = closed_gap(slt.find_ticket(target, width=16, inputs=box), target, box, ratio=1.3)
    assert isinstance(found, ClosedGap) and found.closed and found.upper.value <= 1.3 * found.lower.value


def test_what_it_refuses():
    network, target = random_pair(np.random.default_rng(0), [2, 3, 1])
    with pytest.raises(InputError, match="Box"):
        closed_gap(network, target, Ball(1.0))
    for ratio in (1.0, 0.5, np.inf, np.nan):
        with pytest.raises(InputError, match="ratio"):
            closed_gap(network, target, Box(), ratio=ratio)
    for boxes in (0, True, 2.5):
        with pytest.raises(InputError, match="most_boxes"):
            closed_gap(network, target, Box(), most_boxes=boxes)
    with pytest.raises(InputError, match="order"):
        closed_gap(network, target, Box(), order=1)
    with pytest.raises(InputError, match="coordinates"):
        closed_gap(network, target, Box((0.0,) * 3, (1.0,) * 3))
    other = Target.from_arrays([np.ones((3, 3)), np.ones((1, 3))])
    with pytest.raises(InputError, match="inputs"):
        closed_gap(network, other, Box())
