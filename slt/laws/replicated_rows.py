"""Replicated rows: networks of L + 1 layers for targets of L (Burkholz 2022), every target neuron built many times.

The first target layer is a two-layer sum as in `two_layer_sums`. Every hidden neuron of the target is built `copies`
(rho) times by independent rows, so that behind it a weight is a subset sum of rho single weights, uniform on [-1, 1],
one for each copy of the neuron it comes from: one bit a copy (P14), and no further layer. It is posed rho times, once
in the last layer, whose outputs are built once. Biases are sums of products b v over constant units with b > 0.

    P(no miss) = P(no miss of the first layer, its rows rho times) * prod over later weights (1 - p_rho(w))^copies

Epistemic status: p_n is `random_subset_sum.miss_probability`, a heuristic. Sums of later layers share no item, so their
misses are independent; those of the first layer and of biases share units, of which only the number is accounted for.
Burkholz 2022, "Most activation functions can win the lottery without excessive depth", proves depth L + 1 with
rho = C N_t^(1 + gamma) log(1 / min(error, failure))^(1 + gamma) (recalled, constants unverified).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from slt.errors import InputError
from slt.laws.arguments import count, probability_of
from slt.laws.no_miss import log_no_miss, smallest_error, smallest_width
from slt.laws.sum_laws import SUMS_OF_PRODUCTS, SUMS_OF_UNIFORMS
from slt.laws.two_layer_sums import LayerSums, checked
from slt.laws.unit_counts import EVERY_UNIT, SIGN_OPTIMAL, ThinnedUnits, UnitCounts


def replicated_sum_count(copies: int, layers: Sequence[LayerSums]) -> int:
    """How many subset sums are posed: biases and the first layer's branches counted, every layer but the last `copies`
    times. Exact. Raises `InputError`."""
    rho, network = int(count("copies", copies, "sums of replicated rows", least=1)), _some(layers)
    return sum(
        sizes.size * (branches if i == 0 else 1) * (rho if i < len(network) - 1 else 1)
        for i, layer in enumerate(network)
        for sizes, branches in layer.groups()
    )


def replicated_no_miss_probability(
    error: float,
    copies: int,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    density: float = 1.0,
    first_units: int | None = None,
) -> float:
    """P(every sum of every layer and copy is within `error`), the law in the head of this file.

    `copies` rho >= 1. `first_units`: hidden units a coordinate of the first block, and constant units of a layer that
    has biases; 2 rho if not given. Of those, `split` says which serve. `density`: the chance that an edge of the source
    is there (P17); a product needs both its edges, a single weight one. `max_items` caps the items of a sum.
    Branches count in the first layer only: later inputs come out of one activation. Heuristic. Raises `InputError`.
    """
    limit, rho, cap = checked(error, copies, max_items)
    network = _Network(layers, split, cap, density)
    return math.exp(network.log_no_miss(limit, rho, _first_units(rho, first_units)))


def replicated_error_quantile(
    probability: float,
    copies: int,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    density: float = 1.0,
    first_units: int | None = None,
) -> float:
    """The error that the largest error over all sums and copies stays within with `probability`.

    One bit a copy for the later layers (P14; `density` bits in a random graph), once copies are many enough that all
    weights are within reach. With `first_units` = 2 copies the first block falls by one bit a copy at last, too, but by
    0.83 (`worst_error_slope`) before, and decides. Arguments as above. Heuristic. Raises `InputError`.
    """
    wanted = float(probability_of("probability", probability, "largest error of replicated rows"))
    _, rho, cap = checked(1.0, copies, max_items)
    network, units = _Network(layers, split, cap, density), _first_units(rho, first_units)
    return smallest_error(lambda error: network.log_no_miss(error, rho, units), wanted, network.largest)


def needed_copies(
    probability: float,
    error: float,
    layers: Sequence[LayerSums],
    split: UnitCounts = SIGN_OPTIMAL,
    max_items: int | None = None,
    density: float = 1.0,
    units_a_copy: int = 2,
) -> int:
    """The smallest rho with which no sum misses `error` with at least `probability`, `first_units` being
    `units_a_copy` times rho. Heuristic. Raises `InputError`, and `LimitError` when 4096 copies are not enough.
    """
    doing = "needed copies of replicated rows"
    wanted = float(probability_of("probability", probability, doing))
    limit, _, cap = checked(error, 1, max_items)
    factor = int(count("units_a_copy", units_a_copy, doing, least=1))
    network = _Network(layers, split, cap, density)
    found = smallest_width(
        lambda rho: network.log_no_miss(limit, rho, factor * rho),
        wanted, SUMS_OF_UNIFORMS.most_width, doing, f" for error {limit}; allow more items or error",
    )  # fmt: skip
    return max(found, 1)


@final
class _Network:
    """The layers of a target, and what the source is like; `log_no_miss` is the law."""

    def __init__(self, layers: Sequence[LayerSums], split: UnitCounts, cap: int, density: float) -> None:
        self.layers, self.cap = _some(layers), cap
        self.largest = max(float(sizes.max()) for layer in self.layers for sizes, _ in layer.groups())
        thin = density != 1.0
        self.products = ThinnedUnits(split, density, density) if thin else split
        self.singles: UnitCounts = ThinnedUnits(EVERY_UNIT, 1.0, density) if thin else EVERY_UNIT

    def log_no_miss(self, error: float, copies: int, first_units: int) -> float:
        """ln P(no sum misses `error`)."""
        total = 0.0
        for i, layer in enumerate(self.layers):
            rows = copies if i < len(self.layers) - 1 else 1
            for group, (sizes, branches) in enumerate(layer.groups()):
                if i == 0 or group == 1:  # biases are the second group
                    units, sums, width = self.products, SUMS_OF_PRODUCTS, first_units
                else:
                    units, sums, width, branches = self.singles, SUMS_OF_UNIFORMS, copies, 1
                total += log_no_miss(error, width, sizes, branches, units, sums, self.cap, rows)
        return total


def _first_units(copies: int, given: int | None) -> int:
    return 2 * copies if given is None else int(count("first_units", given, "law of replicated rows"))


def _some(layers: Sequence[LayerSums]) -> list[LayerSums]:
    if not layers:
        raise InputError("law of replicated rows: no layer was given; give at least one LayerSums.")
    return list(layers)
