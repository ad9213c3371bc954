"""Monomials as exponentials of sums of logarithms, in one sparse ReLU network."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from slt.arguments import is_number, numbers
from slt.constructions.basis import Basis
from slt.constructions.interpolant import PiecewiseLinear, joined
from slt.domains import Box
from slt.errors import InputError
from slt.laws import product_bound
from slt.targets import Target

FloatArray = npt.NDArray[np.float64]


def logarithm_block(knots: int = 10) -> PiecewiseLinear:
    """x -> -log((1 + x) / 2) >= 0 on [0, 1], with ``knots`` intervals; error at most 1 / (8 knots^2)."""
    return PiecewiseLinear.of(lambda x: -np.log((1 + x) / 2), 0.0, 1.0, knots)


def exponential_block(
    degree: float, knots: int = 40, margin: float = 0.07, equidistributed: bool = False
) -> PiecewiseLinear:
    """z -> exp(-z) on [0, degree ln 2 + margin], with ``knots`` intervals of width h; error at most h^2 / 8, or about
    1 / (2 knots^2) at most whatever the degree with ``equidistributed`` knots."""
    for what, value in (("degree", degree), ("margin", margin)):
        if not is_number(value):
            raise InputError(f"interpolating exp(-z): {what} must be a finite number; {value!r} was given")
    high = degree * math.log(2) + margin
    return PiecewiseLinear.of(lambda z: np.exp(-z), 0.0, high, knots, equidistributed=equidistributed)


def monomials(
    exponents: Any,
    log_knots: int = 10,
    exp_knots: int = 40,
    degree: float | None = None,
    margin: float = 0.07,
    equidistributed: bool = False,
) -> Basis:
    """The basis prod_j ((1 + x_j) / 2)^r_j on [0, 1]^d for every row r of ``exponents`` (F, d), numbers >= 0, as
    exp(-sum_j r_j y_j), y_j = -log((1 + x_j) / 2) >= 0 (Burkholz, Laha, Mukherjee, Gotovos, "On the existence of
    universal lottery tickets", ICLR 2022, and their released code).

    Four layers: d logarithms of ``log_knots`` units (d to d log_knots to d; the ReLU behind lets y >= 0 pass), and F
    exponentials of ``exp_knots`` units (d to F exp_knots to F), into whose inner weights the exponents are merged.

    degree           exponentials reach to degree ln 2 + margin; by default each to its own total degree, which is the
                     most its argument can be; a number, at least the largest, for one interval for all
    equidistributed  knots of the exponentials, as in ``PiecewiseLinear.of``; of use for large degrees

    Error of a feature: at most the larger of two, what the logarithms leave (``slt.laws.product_bound``) and the
    largest gap between exp(-z) and its chords, at most h^2 / 8 on intervals of width h: they have different signs.
    """
    r = numbers(exponents, "making a basis of monomials: exponents")
    r = r[:, None] if r.ndim == 1 else r
    if r.ndim != 2 or not r.size or not np.all(np.isfinite(r)) or np.any(r < 0) or not np.all(_in_range(r)):
        raise InputError(
            "making a basis of monomials: exponents must be finite numbers >= 0 of shape (features, variables), each "
            f"row with one above 0 (the constant is a matter of the read-out); {r.tolist()} were given"
        )
    total = r.sum(axis=1)
    if degree is not None and not (is_number(degree) and degree >= total.max()):
        raise InputError(
            f"making a basis of monomials: degree must be a number, at least the largest total degree, "
            f"{total.max():g}; {degree!r} was given"
        )
    if not (is_number(margin) and margin >= 0):
        raise InputError(f"making a basis of monomials: margin must be a number >= 0; {margin!r} was given")
    d = r.shape[1]
    exponentials = [
        exponential_block(q if degree is None else degree, exp_knots, margin, equidistributed) for q in total.tolist()
    ]
    lower, upper = joined([logarithm_block(log_knots)] * d, np.eye(d)), joined(exponentials, r)
    layers = [*lower.layers, *upper.layers]
    return Basis(
        # the ReLU between the halves lets y >= 0 pass
        target=Target.from_arrays([layer.weight for layer in layers], [layer.bias for layer in layers]),
        names=tuple(_name(row) for row in r),
        domain=Box((0.0,) * d, (1.0,) * d),
        law=np.array([_bound(row, log_knots, block) for row, block in zip(r, exponentials, strict=True)]),
        function=lambda x: np.exp(np.log((1 + x) / 2) @ r.T),
    )


def _bound(exponents: FloatArray, log_knots: int, block: PiecewiseLinear) -> float:
    """The error of one feature of ideal blocks."""
    a, width = block.knots[:-1], np.diff(block.knots)
    # exp(-z) is farthest below its chord where it has the chord's slope, -exp(-a) s; s is never 0, where exp(-a) may be
    s = -np.expm1(-width) / width
    gap = np.exp(-a) * (1 + s * np.log(s) - s)
    return max(product_bound(exponents.tolist(), log_knots, len(a)).logarithm, float(gap.max()))


def _in_range(exponents: FloatArray) -> npt.NDArray[np.bool_]:
    """Which rows have a total degree above 0 that is a number."""
    with np.errstate(over="ignore"):
        total = exponents.sum(axis=1)
    return np.asarray((total > 0) & np.isfinite(total))


def _name(row: FloatArray) -> str:
    return " ".join(f"((1+x{j})/2)^{power:g}" for j, power in enumerate(row.tolist()) if power)
