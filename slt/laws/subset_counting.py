"""What no choice of subsets beats: a lower bound of the chance that a sum misses, for a random target, by counting.

**Proved here.** A sum that may use n units has 2^n subsets. Let its target be uniform on [-1, 1] and independent of the
units: the targets within e of one subset sum are an interval of length 2 e at most, so that

    P(some subset sum is within e | n) <= min(1, 2^n e).

Nothing about the distribution of the units is used beside how many there are. In a layer the outputs of one coordinate
share its units, and given them their targets are independent; coordinates have units of their own. So all sums of a
layer of `inputs` coordinates and `outputs` outputs hit with probability at most

    (E_n min(1, 2^n e)^outputs)^inputs,

n as `UnitCounts` says; where both signs of an input pose a sum to the same target, n is the smaller of the two numbers.

**Of a network's output.** Let the features that enter its last layer be positive, and H the matrix of what the *target*
has there at `inputs` points, volume = |det H|. A ticket whose choice in the layers before does not depend on the last
layer's target has fixed features there. Each choice of subsets of an output then gives one number a point, and the
targets w with |w h - number| <= e at all points are a parallelepiped of volume (2 e)^inputs / |det H|. Hence

    P(every output is within e at every point) <= E min(1, 2^N e^inputs / volume)^outputs,

N the number of units of all coordinates. It bounds what is measured at these points, whatever norm of outputs.

Both are theorems for the random targets they name, up to the lattice on which those are drawn; of one given target they
say nothing. `lower_bound` is the same idea with all prunable weights counted and no law of n.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError
from slt.laws.arguments import count, positive, probability_of
from slt.laws.no_miss import smallest_width
from slt.laws.unit_counts import SIGN_OPTIMAL, UnitCounts

Array = NDArray[np.float64]
_MOST_WIDTH: Final = 1 << 16


def counting_hit_bound(
    error: float,
    width: int,
    inputs: int = 1,
    outputs: int = 1,
    units: UnitCounts = SIGN_OPTIMAL,
    branches: int = 1,
    volume: float | None = None,
) -> float:
    """At least that unlikely: an upper bound of P(all sums of a layer are within `error`), the head of this file.

    `error` > 0 in units of the targets' range, that is divided by h for targets uniform on [-h, h]; `width` >= 0;
    `branches` 2 where inputs take both signs. With `volume` > 0, `branches` 1 and `error` the one of the outputs
    divided by h: the bound of a network's output at `inputs` points. A theorem. Raises `InputError`.
    """
    doing = "counting bound"
    log_error = float(np.log2(positive("error", error, doing)))
    n = int(count("width", width, doing))
    d, rows = (int(count(name, v, doing, least=1)) for name, v in (("inputs", inputs), ("outputs", outputs)))
    if branches not in (1, 2):
        raise InputError(f"{doing}: {branches} branches were given; 1 or 2 is needed.")
    if volume is None:
        # groups are independent, and each of them poses a sum to every target
        return min(
            float(_hits(counts.min(axis=1) + log_error, rows) @ chances) ** d
            for counts, chances in units.usable(n, branches)
        )
    if branches != 1:
        raise InputError(f"{doing}: with a volume the inputs are positive; {branches} branches were given.")
    log_volume = float(np.log2(positive("volume", volume, doing)))
    ((counts, chances),) = units.usable(n, 1)
    # chances of each number of units from the fewest likely on; of the total by convolution
    each = np.zeros(int(counts.max() - counts.min()) + 1)
    each[counts[:, 0] - counts.min()] = chances
    total = np.ones(1)
    for _ in range(d):
        total = np.convolve(total, each)
    sizes = d * int(counts.min()) + np.arange(total.size, dtype=np.float64)
    return min(1.0, float(_hits(sizes + d * log_error - log_volume, rows) @ total))


def necessary_width(
    probability: float,
    error: float,
    inputs: int = 1,
    outputs: int = 1,
    units: UnitCounts = SIGN_OPTIMAL,
    branches: int = 1,
    volume: float | None = None,
) -> int:
    """The smallest width at which `counting_hit_bound` allows all sums to hit with `probability`: narrower sources fail
    more often than 1 - `probability`, however their subsets are chosen.

    The other arguments as there. A theorem, necessary and not sufficient. Raises `InputError`, and `LimitError` beyond
    a width of 65536.
    """
    doing = "necessary width"
    wanted = float(probability_of("probability", probability, doing))

    def log_chance(width: int) -> float:
        bound = counting_hit_bound(error, width, inputs, outputs, units, branches, volume)
        return float(np.log(max(bound, 1e-300)))

    return smallest_width(log_chance, wanted, min(_MOST_WIDTH, units.most_width), doing, "; allow more error")


def _hits(log_shares: ArrayLike, outputs: int) -> Array:
    """min(1, share)^outputs of base-2 logarithms of shares."""
    return np.asarray(np.exp2(outputs * np.minimum(log_shares, 0.0)))
