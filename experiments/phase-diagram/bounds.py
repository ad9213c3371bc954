"""The lower and the upper law of each system: widths that are necessary, and widths that are enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slt import laws

from .systems import Head, Network, System

Array = npt.NDArray[np.float64]


def necessary_widths(system: System, bits: Sequence[int], probabilities: Sequence[float]) -> list[list[int]]:
    """(E, D): narrower sources fail more often, whatever subsets their sums take; a theorem for the random part of the
    target, ``slt.laws.subset_counting``."""
    return [[_necessary(system, 2.0**-b, 1 - p) for p in probabilities] for b in bits]


def sufficient_widths(system: System, bits: Sequence[int], probabilities: Sequence[float]) -> list[list[int]]:
    """(E, D): widths at which, by the law of single sums, all of them are so near that the output must be within the
    error: targets all as large as they may be, residuals all at their worst at once. Of the two steps the second is
    proved (``sum_error``), the first is the heuristic of ``slt.laws.networks`` or ``slt.laws.attention``."""
    return [[_sufficient(system, 2.0**-b, 1 - p) for p in probabilities] for b in bits]


def _necessary(system: System, error: float, probability: float) -> int:
    part = system.parts[-1]
    if isinstance(system, Network):
        entry, volume = error / system.range, system.volume()
        return laws.necessary_width(probability, entry, part.coordinates, part.rows, volume=volume)
    if isinstance(system, Head):
        # a sequence of one token x is answered with C x, |x| the radius along an axis
        entry = error / (system.domain.radius * system.range)
        return laws.necessary_width(probability, entry, part.coordinates, part.rows, laws.EVERY_UNIT)
    return laws.necessary_width(probability, error / system.range, part.coordinates, part.rows, branches=2)


def _sufficient(system: System, error: float, probability: float) -> int:
    entry = sum_error(system, error)
    if isinstance(system, Head):
        sizes = np.full(sum(part.sums for part in system.parts), system.range)
        return laws.needed_attention_width(probability, entry, sizes)
    fixed = system.fixed() if isinstance(system, Network) else []
    layers = [
        laws.LayerSums(
            fixed[i] if i < len(fixed) else np.full((part.rows, part.coordinates), system.range), len(part.signs)
        )
        for i, part in enumerate(system.parts)
    ]
    return laws.needed_width_quantile(probability, entry, layers)


def sum_error(system: System, error: float) -> float:
    """Residuals of at most that size make an output error of at most ``error``: by norms of matrices, a theorem.

    A linear map on the box adds up the residuals of a row. In the head they move logits by r^2 2 e at most, so outputs
    by 2 tanh(r^2 e) r |C| with |C| <= 1, and then by r 2 e through C itself. In the network each layer adds e sqrt(rows
    coordinates) times the norm of its input, and multiplies what came before by its norm.
    """
    if isinstance(system, Head):
        r = system.domain.radius
        return error / (2 * r * (r * r + 1))
    if not isinstance(system, Network):
        return error / system.parts[0].coordinates
    low, high = 0.0, error
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _propagated(system, middle) <= error else (low, middle)
    return low


def _propagated(system: Network, entry: float) -> float:
    """Spectral norms are at most 1, in the last layer at most range * sqrt(entries)."""
    size, gap = 1.0, 0.0
    for i, part in enumerate(system.parts):
        root = float(np.sqrt(part.rows * part.coordinates))
        norm = 1.0 if i < 2 else system.range * root
        gap = norm * gap + entry * root * (size + gap)
        size = norm * size
    return gap
