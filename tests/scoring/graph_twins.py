"""Plain twins of the scores of graphs: both networks in rational numbers, node by node, by loops over pixels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from slt.collapsed_graph import CollapsedGraph, CollapsedMap
from slt.graph_nodes import (
    AdaptiveAveragePool,
    Affine,
    Convolution,
    Flatten,
    Input,
    Linear,
    MaxPool,
    ReLU,
    Sum,
    ZeroPad,
)
from slt.graph_target import GraphTarget

ZERO = Fraction(0)


def rational(array):
    """An object array of Fractions with exactly the values of an array."""
    return np.vectorize(lambda v: Fraction(float(v)), otypes=[object])(np.asarray(array, dtype=np.float64))


def apply(node, x, weight):
    """An affine node's linear map, in any numbers."""
    if isinstance(node, Linear):
        return x @ weight.T
    (sy, sx), (py, px), (dy, dx), groups = node.geometry
    channels, h, w = x.shape
    rows, columns = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip((h, w), node.padding, node.dilation, node.kernel, node.stride, strict=True)
    )
    out = np.full((node.outputs, rows, columns), ZERO, dtype=object)
    for r, i, j in np.ndindex(*out.shape):
        first = r // (node.outputs // groups) * (channels // groups)
        for t, a, b in np.ndindex(*weight.shape[1:]):
            y, z = i * sy - py + a * dy, j * sx - px + b * dx
            if 0 <= y < h and 0 <= z < w:
                out[r, i, j] += weight[r, t, a, b] * x[first + t, y, z]
    return out


def starts(size, kernel, stride, padding, dilation, ceil):
    """Where the windows begin along one dimension, as torch has them."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = -(-room // stride) + 1 if ceil else room // stride + 1
    if ceil and (count - 1) * stride >= size + padding:
        count -= 1
    return [i * stride - padding for i in range(count)]


def pooled(node, x):
    channels, h, w = x.shape
    if isinstance(node, AdaptiveAveragePool):
        rows, columns = (
            [(i * m // n, -(-(i + 1) * m // n)) for i in range(n)] for m, n in zip((h, w), node.size, strict=True)
        )
        parts = [
            [x[:, a:b, c:d].reshape(channels, -1).sum(axis=1) / ((b - a) * (d - c)) for c, d in columns]
            for a, b in rows
        ]
        return np.moveaxis(np.array(parts, dtype=object), 2, 0)
    dilation = node.dilation if isinstance(node, MaxPool) else (1, 1)
    lines = [
        starts(n, k, s, p, d, node.ceil)
        for n, k, s, p, d in zip((h, w), node.kernel, node.stride, node.padding, dilation, strict=True)
    ]
    out = np.empty((channels, len(lines[0]), len(lines[1])), dtype=object)
    for i, top in enumerate(lines[0]):
        for j, left in enumerate(lines[1]):
            rows = [top + a * dilation[0] for a in range(node.kernel[0])]
            columns = [left + b * dilation[1] for b in range(node.kernel[1])]
            seen = [(y, z) for y in rows for z in columns if 0 <= y < h and 0 <= z < w]
            for c in range(channels):
                values = [x[c, y, z] for y, z in seen]
                if isinstance(node, MaxPool):
                    out[c, i, j] = max(values)
                else:
                    (py, px) = node.padding if node.include_padding else (0, 0)
                    counted = sum(-py <= y < h + py for y in rows) * sum(-px <= z < w + px for z in columns)
                    out[c, i, j] = sum(values, ZERO) / counted
    return out


class ExactGraph:
    """The real functions of a pair of graphs."""

    def __init__(self, ticket: CollapsedGraph, target: GraphTarget) -> None:
        self.nodes, self.target = target.nodes, target
        self.maps = {
            i: (
                rational(m.positive),
                rational(np.zeros_like(m.positive) if m.negative is None else m.negative),
                rational(m.bias),
            )
            for i, m in ticket.maps.items()
        }
        self.parameters = {name: rational(values) for name, values in target.parameters.items()}

    def trace(self, x):
        """Of every node the pair (ticket's value, target's value), for x an object array of the input's shape."""
        found = []
        for i, node in enumerate(self.nodes):
            found.append(
                tuple(self._value(i, node, side, [found[s][side] for s in node.sources], x) for side in (0, 1))
            )
        return found

    def _value(self, i, node, side, given, x):
        if isinstance(node, Input):
            return x
        if isinstance(node, Affine):
            spread = (slice(None), None, None) if isinstance(node, Convolution) else slice(None)
            if side == 1:
                y = apply(node, given[0], self.parameters[node.weight])
                return y if node.bias is None else y + self.parameters[node.bias][spread]
            P, N, b = self.maps[i]
            return apply(node, np.maximum(given[0], ZERO), P) - apply(node, np.maximum(-given[0], ZERO), N) + b[spread]
        if isinstance(node, ReLU):
            return np.maximum(given[0], ZERO)
        if isinstance(node, Sum):
            return given[0] + given[1]
        if isinstance(node, Flatten):
            return given[0].reshape(-1)
        if isinstance(node, ZeroPad):
            return np.pad(given[0], (node.channels, node.rows, node.columns), constant_values=ZERO)
        return pooled(node, given[0])

    def difference(self, x):
        ticket, target = self.trace(x)[-1]
        return [abs(v) for v in (ticket - target).reshape(-1)]


def near(target: GraphTarget, rng, error=0.05, signed=True, rounding=0.0):
    """A collapsed ticket for a target whose weights are off by up to ``error``; ``signed=False``: without negative
    parts."""
    maps = {}
    for i, node in enumerate(target.nodes):
        if isinstance(node, Affine):
            weight, bias = target.weight(node), target.bias(node)
            off = [w + error * rng.uniform(-1, 1, w.shape) for w in (weight, weight)]
            shift = np.zeros(node.outputs) if bias is None else bias + error * rng.uniform(-1, 1, bias.shape)
            maps[i] = CollapsedMap(off[0], off[1] if signed else None, shift, rounding)
    return CollapsedGraph(target.nodes, maps, target.input_shape)
