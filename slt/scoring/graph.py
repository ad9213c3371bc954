"""Upper bounds of the sup error of a convolutional or residual ticket over a whole domain, over the reals.

The two enclosures of ``certified.py`` go from node to node of the graph: a convolution is a linear map with one kernel
for all places. While the network is small (``AFFINE``) its values stay affine in the input; else they are known by a
box and a ball alone, where the ball uses the norms of the convolutions and so grows much more slowly with depth than
intervals do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.collapsed_graph import CollapsedGraph
from slt.domains import Ball, Domain
from slt.errors import InputError
from slt.graph_nodes import (
    AdaptiveAveragePool,
    Affine,
    AveragePool,
    Convolution,
    Flatten,
    Input,
    MaxPool,
    Node,
    ReLU,
    Sum,
    ZeroPad,
)
from slt.scoring.attention_pair import Model
from slt.scoring.enclosure import Region, enclose, identity, nothing
from slt.scoring.graph_pair import GraphPair, check_alike, graph_target
from slt.scoring.linear_maps import DenseMap, LinearMap
from slt.scoring.networks import checked_domain
from slt.scoring.pooling import passed_max, passed_mean, passed_padding, passed_sum
from slt.scoring.rounding import norm_up
from slt.scoring.score import Kind, Score, checked_order
from slt.scoring.steps import MapPair, State, passed_map, passed_relu
from slt.scoring.window_map import WindowMap
from slt.scoring.windows import adaptive, of_channels, pixels, places, sizes

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, ...]

AFFINE = 2**22  # numbers of the largest layer's values times inputs up to which they stay affine: 32 MiB a matrix


def graph_bound(ticket: CollapsedGraph, model: nn.Module | Model, domain: Domain, order: float = np.inf) -> Score:
    """``slt.certified`` for graphs: a bound of the largest ||ticket(x) - model(x)|| over all x of ``domain``, which
    speaks of the flattened inputs. ``order``: np.inf or 2, the norm of all outputs. inf if float64 overflows."""
    order = checked_order(order)
    checked_domain(domain, "certifying a ticket")
    target = graph_target(model, ticket.input_shape)
    check_alike(ticket, target)
    pair = GraphPair.of(ticket, target)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), np.errstate(all="ignore"):
        region, state = states(pair, domain)
        error = state[-1].difference
        value = max(error.reach, 0.0) if order == 2 else float(np.max(error.largest))
    finite = bool(np.isfinite(value))
    kind = "affine in the input" if len(region.centre) else "by boxes and balls"
    text = f"certified over {domain}, {kind}" + ("" if finite else ", float64 overflowed")
    return Score(value if finite else np.inf, Kind.CERTIFIED_UPPER, norm=order, text=text)


def states(pair: GraphPair, domain: Domain, keep: bool = False) -> tuple[Region, list[State]]:
    """What is known behind every node; only the last is sure to be there unless ``keep``."""
    nodes, shapes = pair.target.nodes, pair.target_shapes
    last = {source: i for i, node in enumerate(nodes) for source in node.sources}
    region, start = _start(domain, math.prod(pair.shape), max(map(math.prod, shapes)))
    walk = _Walk(region, pair)
    found: list[State] = []
    for i, node in enumerate(nodes):
        given = [found[source] for source in node.sources]
        found.append(start if isinstance(node, Input) else walk.behind(i, node, given))
        for source in () if keep else node.sources:
            if last[source] == i:
                found[source] = start  # its memory is not needed any more
    return region, found


def _start(domain: Domain, d: int, largest: int) -> tuple[Region, State]:
    region = replace(Region.of(domain, d, input_relu=False), quick=True)
    if largest * d <= AFFINE:
        x = identity(region)
        return region, State(x, nothing(region, d), x)
    # no coordinate of the input is kept: all that is known of x is its box and its ball
    none = np.zeros(0)
    plain = Region(none, none, None, none, none)
    radius = float(domain.radius) if isinstance(domain, Ball) else float(norm_up(region.half))
    reach = radius if isinstance(domain, Ball) else np.inf
    x = enclose(
        plain, np.zeros((d, 0)), region.centre, -region.half, region.half, radius, region.least, region.most, reach
    )
    return plain, State(x, nothing(plain, d), x)


@final
@dataclass(frozen=True, eq=False)
class _Walk:
    """One step to the next node; values of several dimensions are flattened."""

    region: Region
    pair: GraphPair

    def behind(self, i: int, node: Node, given: Sequence[State]) -> State:
        shape = self.pair.target_shapes[node.sources[0]]
        match node:
            case Affine():
                return passed_map(self.region, given[0], self._maps(i, node, shape))
            case ReLU():
                return passed_relu(self.region, given[0])
            case Sum():
                return passed_sum(self.region, *given)
            case Flatten():
                return given[0]
            case MaxPool():
                c, h, w = shape
                index = pixels((h, w), node.kernel, node.stride, node.padding, node.dilation, node.ceil)
                return passed_max(self.region, given[0], of_channels(index, c, h * w))
            case AveragePool():
                c, h, w = shape
                index = pixels((h, w), node.kernel, node.stride, node.padding, (1, 1), node.ceil)
                padding = node.padding if node.include_padding else (0, 0)
                counts = sizes((h, w), node.kernel, node.stride, node.padding, padding, node.ceil)
                return passed_mean(self.region, given[0], of_channels(index, c, h * w), np.tile(counts, c))
            case AdaptiveAveragePool():
                c, h, w = shape
                index = adaptive((h, w), node.size)
                counts = (index < h * w).sum(axis=0).astype(np.float64)
                return passed_mean(self.region, given[0], of_channels(index, c, h * w), np.tile(counts, c))
            case ZeroPad():
                return passed_padding(given[0], places(shape, (node.channels, node.rows, node.columns)))
        raise InputError(f"certifying a ticket of a graph: node {i}, {node!r}, is of a kind without certificate")

    def _maps(self, i: int, node: Affine, shape: Shape) -> MapPair:
        found = self.pair.ticket.maps[i]
        bias = self.pair.target.bias(node)
        bias = np.zeros(node.outputs) if bias is None else bias
        negative = np.zeros_like(found.positive) if found.negative is None else found.negative
        weight = linear_map(node, self.pair.target.weight(node), shape)
        positive, other = (weight.having(w.reshape(weight.entries.shape)) for w in (found.positive, negative))
        out = self.pair.target_shapes[i]
        channel = np.arange(node.outputs)
        # a convolution's channels come first, a linear layer's outputs last
        spread = np.broadcast_to(channel[:, None, None] if isinstance(node, Convolution) else channel, out).reshape(-1)
        return MapPair(weight, bias[spread], positive, other, found.bias[spread], found.rounding)


def linear_map(node: Affine, weight: FloatArray, shape: Shape) -> LinearMap:
    """The map of an affine node on flattened values of that shape."""
    if isinstance(node, Convolution):
        c, h, w = shape
        index = pixels((h, w), node.kernel, node.stride, node.padding, node.dilation)
        own = c // node.groups
        shift = (np.arange(c) * (h * w)).reshape(node.groups, own, 1, 1)
        seen = np.where(index == h * w, c * h * w, index + shift)  # (groups, channels, pixels, windows)
        return WindowMap(
            weight.reshape(node.groups, node.outputs // node.groups, -1),
            seen.reshape(node.groups, -1, index.shape[1]),
            c * h * w,
            (own, *node.kernel),
        )
    rows = math.prod(shape[:-1])
    if rows == 1:
        return DenseMap(weight, quick=True)
    k = shape[-1]
    index = np.arange(k)[:, None] + k * np.arange(rows)
    return WindowMap(weight[None], index[None], rows * k, (k, 1, 1), windows_first=True)
