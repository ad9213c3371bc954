"""Exact hits: the chance that a subset sum meets its target exactly, with items that give way or on whole numbers."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError, LimitError
from slt.laws.arguments import count, finite, probability_of
from slt.laws.item_laws import UNIFORM, ItemLaw
from slt.laws.reach import reach_tail
from slt.laws.tails import poisson_mixture

Array = NDArray[np.float64]
_MOST_ITEMS: Final = 4096


def perturbed_exact_probability(
    n: ArrayLike,
    relative: float = 0.0,
    absolute: float = 0.0,
    target: ArrayLike = 0.0,
    items: ItemLaw = UNIFORM,
) -> Array:
    """P(some subset meets the target exactly when every item x may be moved by relative |x| + absolute): P19.

    (1 - E_u exp(-2^n n (absolute + relative E|x|) phi_sigma(target - sigma u))) (1 - reach): a subset meets the target
    if its sum is within the sum of its slacks, on average n/2 times that of one item; the reach (P5), not in the table,
    with that slack. `n` >= 1 and `target` broadcast; at target exactly 0 it speaks of non-empty subsets.
    Saves about log2(n / 2) items beside an error of the same size. The published bound (Xiong, Liao, Kyrillidis 2023,
    recalled) is of another form. Heuristic, derived for this project.
    By enumeration (target 0.3, 4,000 draws, n = 5 .. 12) `absolute` agrees within 0.04, `relative` is up to 0.08 too
    large, for products of normals 0.15: subsets near the target are made of smaller items, which give way less.
    Below n = 5 it is off by up to 0.2.
    Raises `InputError` for bad input, and where both slacks are 0.
    """
    doing = "exact hits of perturbed items"
    sizes, z = count("n", n, doing, least=1), finite("target", target, doing)
    a, r = float(finite("absolute", absolute, doing)), float(finite("relative", relative, doing))
    if a < 0 or r < 0 or a + r == 0:
        raise InputError(f"{doing}: absolute = {a}, relative = {r} were given; none below 0 and one above is needed.")
    sigma = np.sqrt(sizes * items.second_moment / 4)
    slack = sizes * (a + r * items.mean_abs)
    log_rate = sizes * math.log(2) + np.log(slack / sigma) - 0.5 * math.log(2 * math.pi)
    hits = 1 - poisson_mixture(log_rate, z / sigma)
    return np.asarray(hits * (1 - reach_tail(slack / 2, sizes, z, items)))


def needed_perturbed_items(
    probability: float = 0.5,
    relative: float = 0.0,
    absolute: float = 0.0,
    target: float = 0.0,
    items: ItemLaw = UNIFORM,
) -> int:
    """The smallest n whose `perturbed_exact_probability` is at least `probability`; same arguments (P19).

    Heuristic. Raises `InputError` for bad input, `LimitError` when 4096 items are not enough.
    """
    wanted = float(probability_of("probability", probability, "needed perturbed items"))
    sizes = np.arange(1, _MOST_ITEMS + 1)
    enough = perturbed_exact_probability(sizes, relative, absolute, target, items) >= wanted
    if not enough.any():
        raise LimitError(f"needed perturbed items: more than {_MOST_ITEMS}; allow larger perturbations.")
    return int(sizes[np.argmax(enough)])


def quantised_exact_probability(n: ArrayLike, levels: ArrayLike, target: ArrayLike = 0.0) -> Array:
    """P(some non-empty subset of n whole numbers, uniform on -levels .. levels, sums to the target exactly): P20.

    1 - E_u exp(-2^n phi_s(target - s u)) with s^2 = n levels (levels + 1) / 12, as E x^2 = levels (levels + 1) / 3 (the
    predictions table has levels^2, too small by a factor 1 + 1/levels), but at most 1 - reach (P5).
    `n` >= 1, `levels` M >= 1 and whole `target` broadcast. Parity obstructs nothing here, other than in partitioning.
    Heuristic, derived for this project after
    Kumar and Natale 2025 and Borgs, Chayes, Pittel 2001.
    By enumeration (n = 4 .. 13, target about M/2, 4,000 to 20,000 draws): within 0.015 for M >= 32; for M <= 8 up to
    0.07 too large, as sums coincide.
    Raises `InputError` for bad input.
    """
    doing = "exact hits of whole numbers"
    sizes, most = count("n", n, doing, least=1), count("levels", levels, doing, least=1)
    z = finite("target", target, doing)
    s = np.sqrt(sizes * most * (most + 1.0) / 12)
    log_rate = sizes * math.log(2) - np.log(s) - 0.5 * math.log(2 * math.pi)
    # half a step of error: whole numbers that stay below the target stay one below
    short = reach_tail(0.5 / most, sizes, z / most, UNIFORM)
    return np.asarray(1 - np.maximum(poisson_mixture(log_rate, z / s), short))


def needed_quantised_items(levels: int, probability: float = 0.5, target: float = 0.0) -> int:
    """The smallest n whose `quantised_exact_probability` is at least `probability` (P20): about
    log2 levels + log2(pi n / 6) / 2. Heuristic. Raises `InputError` for bad input, `LimitError` beyond 4096 items."""
    wanted = float(probability_of("probability", probability, "needed quantised items"))
    sizes = np.arange(1, _MOST_ITEMS + 1)
    enough = quantised_exact_probability(sizes, levels, target) >= wanted
    if not enough.any():
        raise LimitError(f"needed quantised items: more than {_MOST_ITEMS}; ask for fewer levels.")
    return int(sizes[np.argmax(enough)])
