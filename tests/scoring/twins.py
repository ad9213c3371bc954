"""Plain twins of the scores: both networks in rational numbers, at a point and over a box, without any rounding."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product
from math import isqrt

import numpy as np

from slt.collapsed import CollapsedLayer, CollapsedNetwork
from slt.targets import Layer, Target


def rational(array):
    """Nested lists of Fractions with exactly the values of an array."""
    array = np.asarray(array, dtype=np.float64)
    return [rational(a) for a in array] if array.ndim > 1 else [Fraction(float(a)) for a in array]


def relu(values):
    return [max(v, Fraction(0)) for v in values]


def affine(matrix, x, bias):
    return [sum((w * v for w, v in zip(row, x, strict=True)), b) for row, b in zip(matrix, bias, strict=True)]


class Exact:
    """The real functions of a pair of networks."""

    def __init__(self, network: CollapsedNetwork, target: Target) -> None:
        self.blocks = [(rational(b.positive), rational(b.negative), rational(b.bias), b.relu) for b in network.layers]
        biases = [np.zeros(a.outputs) if a.bias is None else a.bias for a in target.layers]
        self.layers = [
            (rational(a.weight), rational(bias), a.relu) for a, bias in zip(target.layers, biases, strict=True)
        ]
        self.input_relu = network.input_relu, target.input_relu

    def trace(self, x):
        """The pairs (ticket's values, target's values) before the first layer and behind every layer."""
        h1, h2 = (relu(x) if bend else list(x) for bend in self.input_relu)
        yield h1, h2
        for (P, N, b, bent), (W, w, _) in zip(self.blocks, self.layers, strict=True):
            right, left = relu(h1), relu([-v for v in h1])
            h1 = [p - n for p, n in zip(affine(P, right, b), affine(N, left, [Fraction(0)] * len(b)), strict=True)]
            h2 = affine(W, h2, w)
            h1, h2 = (relu(h1), relu(h2)) if bent else (h1, h2)
            yield h1, h2

    def difference(self, x):
        *_, (h1, h2) = self.trace(x)
        return [abs(a - b) for a, b in zip(h1, h2, strict=True)]

    def error(self, x) -> Fraction:
        return max(self.difference(x))

    def squared_error(self, x) -> Fraction:
        return sum((v * v for v in self.difference(x)), Fraction(0))

    def interval_bound(self, low, high) -> Fraction:
        """An upper bound of the sup error over a box: plain interval arithmetic on both networks apart."""
        ticket, target = ([relu(low), relu(high)] if bend else [list(low), list(high)] for bend in self.input_relu)
        for (P, N, b, bent), (W, w, _) in zip(self.blocks, self.layers, strict=True):
            zero = [Fraction(0)] * len(b)
            right = _interval(P, relu(ticket[0]), relu(ticket[1]), b)
            left = _interval(N, relu([-v for v in ticket[1]]), relu([-v for v in ticket[0]]), zero)
            ticket = [
                [p - q for p, q in zip(right[0], left[1], strict=True)],
                [p - q for p, q in zip(right[1], left[0], strict=True)],
            ]
            target = _interval(W, target[0], target[1], w)
            if bent:
                ticket, target = [relu(v) for v in ticket], [relu(v) for v in target]
        return max(max(a - d, c - b) for a, b, c, d in zip(ticket[1], ticket[0], target[1], target[0], strict=True))


def _interval(matrix, low, high, bias):
    ends = [[sorted((w * a, w * b)) for w, a, b in zip(row, low, high, strict=True)] for row in matrix]
    return [[sum((pair[side] for pair in row), b) for row, b in zip(ends, bias, strict=True)] for side in (0, 1)]


def corners(low, high):
    """Every corner of a box, and every point with some coordinates at 0 instead where the box holds 0."""
    choices = [
        sorted({Fraction(float(a)), Fraction(float(b))} | ({Fraction(0)} if a < 0 < b else set()))
        for a, b in zip(low, high, strict=True)
    ]
    yield from product(*choices)


def root_below(x: Fraction) -> Fraction:
    """At most the square root of x, by 1e-30 of it."""
    shift = 4 ** max(0, 120 - x.numerator.bit_length() + x.denominator.bit_length()) if x else 1
    return Fraction(isqrt(x.numerator * shift // x.denominator), isqrt(shift))


def random_pair(
    rng, widths, relu_last=False, bias=True, signed=True, error=0.05, scale=1.0, relus=True, input_relu=False
):
    """A target of the given widths and a ticket for it whose weights are off by up to ``error`` of their size.

    ``signed=False``: a ticket for non-negative inputs, without negative branch.
    """
    layers, blocks = [], []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):

        def near(w):
            return w + scale * error * rng.uniform(-1, 1, w.shape)

        weight = scale * rng.standard_normal((outputs, inputs)) / np.sqrt(inputs)
        shift = scale * rng.standard_normal(outputs) * 0.3 if bias else None
        last = i == len(widths) - 2
        bent = relu_last if last else relus
        layers.append(Layer(f"layer {i}", weight, shift, bent, 2 * i, 2 * i + 1 if bias else None))
        blocks.append(
            CollapsedLayer(
                near(weight),
                near(weight) if signed else np.zeros_like(weight),
                np.zeros(outputs) if shift is None else near(shift),
                bent,
            )
        )
    return CollapsedNetwork(tuple(blocks), input_relu), Target(tuple(layers), input_relu)
