"""The convolutions and the small network, their tickets, their errors, and what the laws say of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import slt
from slt.domains import Domain
from slt.errors import NoUsableItemError
from slt.graph_nodes import Convolution, Flatten, Input, Linear, MaxPool, Node, ReLU, Sum
from slt.laws.needed_width import quantile_band
from slt.laws.networks import network_error_quantile
from slt.laws.two_layer_sums import SIGN_OPTIMAL, LayerSums, weight_miss_probability
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]
PROBABILITIES = (0.1, 0.5, 0.9)
LEVEL = 0.95
DOMAINS: Mapping[str, Domain] = {"nonnegative": slt.Box(0.0, 1.0), "signed": slt.Box(-1.0, 1.0)}
NODES: Mapping[str, tuple[Node, ...]] = {
    # 54 taps
    "3x3": (Input(), Convolution(0, "weight", None, 3, 2, (3, 3), padding=(1, 1))),
    # two inputs, so that the middle tap of the identity is two numbers
    "identity": (Input(), Convolution(0, "weight", None, 2, 2, (3, 3), padding=(1, 1))),
    "residual": (
        Input(),
        Convolution(0, "first", "first bias", 2, 1, (3, 3), padding=(1, 1)),
        ReLU(1),
        Convolution(2, "second", "second bias", 2, 2, (3, 3), padding=(1, 1)),
        Sum(2, 3),
        ReLU(4),
        MaxPool(5, (2, 2), (2, 2)),
        Flatten(6),
        Linear(7, "third", None, 2, 8),
    ),
}
INPUTS: Mapping[str, tuple[int, ...]] = {"3x3": (2, 4, 4), "identity": (2, 4, 4), "residual": (1, 5, 4)}


def target_network(name: str, seed: int) -> slt.GraphTarget:
    """Taps uniform on (-1/2, 1/2), biases on (-1/4, 1/4), on a lattice, so the same on every machine; or the identity,
    whose taps are 0 and 1."""
    key = slt.Key(seed) / "convolution-law" / f"target {name}"
    shapes: dict[str, tuple[int, ...]] = {}
    for node in NODES[name]:
        if isinstance(node, Convolution | Linear):
            shapes[node.weight] = node.weight_shape
            if node.bias is not None:
                shapes[node.bias] = (node.outputs,)
    parameters = {}
    for parameter, shape in shapes.items():
        drawn = slt.Uniform().draw(key / parameter, (1, 1, math.prod(shape))).reshape(shape).astype(np.float64)
        parameters[parameter] = np.ldexp(drawn, -LATTICE - (2 if "bias" in parameter else 1))
    if name == "identity":
        parameters["weight"] = np.zeros(shapes["weight"])
        parameters["weight"][[0, 1], [0, 1], 1, 1] = 1.0
    return slt.GraphTarget(NODES[name], parameters, INPUTS[name])


def measured(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Quantiles over source seeds, with bands of level 0.95, beside the law's. A source without a unit of the right
    sign for some channel makes no ticket; its errors count as infinite."""
    target, domain = target_network(unit["network"], unit["seed"]), DOMAINS[unit["inputs"]]
    tickets = [_ticket(unit, target, domain, seed) for seed in range(unit["seeds"])]
    result: dict[str, Any] = {
        "without_ticket": sum(t is None for t in tickets),
        "law": _predicted(target, domain, unit),
    }
    errors = np.array([_weight_errors(t) for t in tickets])
    for i, name in enumerate(("typical_weight", "largest_weight")):
        result[name] = bands(errors[:, i])
    if unit["network"] == "identity":
        # the same tickets on inputs of both signs
        result["on_both_signs"] = bands(np.array([_identity_error(t, target) for t in tickets]))
    if unit["network"] == "residual":
        size = math.prod(INPUTS["residual"])
        drawn = slt.Uniform().draw(slt.Key(unit["seed"]) / "convolution-law" / "inputs", (1, unit["points"], size))
        points = np.abs(np.ldexp(drawn[0].astype(np.float64), -LATTICE))
        points[::2] = np.rint(points[::2])  # corners
        pairs = np.array([_sup_errors(t, target, domain, points, unit["steps"]) for t in tickets])
        result["sampled"], result["certified"] = bands(pairs[:, 0]), bands(pairs[:, 1])
        result["certified_below_sampled"] = int(np.count_nonzero(pairs[:, 1] < pairs[:, 0]))
        found = np.isfinite(pairs).all(axis=1)
        result["certified_over_sampled"] = bands(pairs[found, 1] / pairs[found, 0])
    return result


def bands(sample: Array) -> list[list[float]]:
    """(estimate, low, high) of each quantile."""
    found = [quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[band.estimate, band.low, band.high] for band in found]


def _ticket(unit: Mapping[str, Any], target: slt.GraphTarget, domain: Domain, seed: int) -> slt.Ticket | None:
    try:
        return slt.find_ticket(
            target,
            width=unit["width"],
            seed=slt.Key(unit["seed"]) / "convolution-law" / unit["network"] / f"source {seed}",
            inputs=domain,
            max_items=44,
        )
    except NoUsableItemError:
        return None


def _weight_errors(ticket: slt.Ticket | None) -> tuple[float, float]:
    """Median and largest."""
    if ticket is None:
        return math.inf, math.inf
    errors = ticket.residuals().errors
    return float(np.median(errors)), float(errors.max())


def _identity_error(ticket: slt.Ticket | None, target: slt.GraphTarget) -> float:
    """The largest error of an output pixel over all inputs in [-1, 1]: of each tap the worse sign, all added up."""
    if ticket is None:
        return math.inf
    found = ticket.collapsed().maps[1]
    weight = target.parameters["weight"]
    worse = np.maximum(np.abs(found.positive - weight), np.abs(found.negative - weight))
    return float(worse.sum(axis=(1, 2, 3)).max())


def _sup_errors(
    ticket: slt.Ticket | None, target: slt.GraphTarget, domain: Domain, points: Array, steps: int
) -> tuple[float, float]:
    """Sampled and certified."""
    if ticket is None:
        return math.inf, math.inf
    worst = slt.ascend(ticket, target, domain, points.reshape(-1, *INPUTS["residual"]), steps=steps)
    sampled = slt.sampled(ticket, target, worst)
    return float(sampled), float(slt.certified(ticket, target, domain))


def _predicted(target: slt.GraphTarget, domain: Domain, unit: Mapping[str, Any]) -> dict[str, Any]:
    """The median over all sums of their errors, and quantiles of the largest (P26: P12 and P15 with the taps of a
    channel as outputs)."""
    layers: Sequence[LayerSums] = slt.Convolution().law_layers(target, domain)
    sizes = np.concatenate([np.repeat(np.abs(layer.weights).ravel(), layer.branches) for layer in layers])
    width = unit["width"]
    typical = _where(
        lambda error: 1 - float(weight_miss_probability(error, width, sizes, SIGN_OPTIMAL, 1, 44).mean()),
        0.5, 2.0**-60, float(sizes.max()),
    )  # fmt: skip
    largest = [network_error_quantile(p, width, layers, SIGN_OPTIMAL, 44) for p in PROBABILITIES]
    return {"typical_weight": typical, "largest_weight": [float(e) for e in largest]}


def _where(chance: Callable[[float], float], probability: float, low: float, high: float) -> float:
    """The error in [low, high] at which ``chance``, which increases, is ``probability``; 1e-3 relative."""
    from scipy.optimize import brentq

    if chance(low) >= probability:
        return low
    return math.exp(brentq(lambda x: chance(math.exp(x)) - probability, math.log(low), math.log(high), xtol=1e-3))
