"""Scores: numbers that say what kind of truth they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from typing import final

import numpy as np

from slt.errors import InputError

DIGITS = 3  # significant digits in the text of a score


@final
class Kind(Enum):
    """What a score's value is in relation to the true number."""

    EXACT = "exact"
    CERTIFIED_UPPER = "certified upper bound"
    SAMPLED_LOWER = "sampled lower bound"
    ESTIMATE = "estimate"

    @property
    def relation(self) -> str:
        """The sign between the true number and the value."""
        return _RELATION[self]


_RELATION = {Kind.EXACT: "=", Kind.CERTIFIED_UPPER: "<=", Kind.SAMPLED_LOWER: ">=", Kind.ESTIMATE: "~="}
_ROUNDING = {Kind.CERTIFIED_UPPER: ROUND_CEILING, Kind.SAMPLED_LOWER: ROUND_FLOOR}


@final
@dataclass(frozen=True)
class Score:
    """The sup over inputs of the error of a ticket, or a bound on it.

    value      the number, in the units of the network's outputs; inf: the bound overflowed float64
    kind       what ``value`` says about the true number
    rounding   what float64 rounding took off a sampled bound; 0 for a certified one, which is rounded outward all along
    norm       the error of one input is the infinity norm (np.inf) or the Euclidean norm (2) of the output difference
    text       how the number was found
    """

    value: float
    kind: Kind
    rounding: float = 0.0
    norm: float = np.inf
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "norm", checked_order(self.norm))
        for name in ("value", "rounding"):
            number = float(getattr(self, name))
            if not number >= 0:
                raise InputError(f"a score needs a {name} of at least 0; {number!r} was given")
            object.__setattr__(self, name, number)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        """One line, its digits rounded so that the line stays true: down for a lower, up for an upper bound."""
        name = "sup error" if self.norm == np.inf else "sup Euclidean error"
        digits = shown(self.value, _ROUNDING.get(self.kind, ROUND_HALF_EVEN))
        return f"{name} {self.kind.relation} {digits}" + (f" ({self.text})" if self.text else "")


def shown(value: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """``value`` in three significant digits, rounded as the ``decimal`` module names it."""
    if not math.isfinite(value):
        return str(value)
    digits = Context(prec=DIGITS, rounding=rounding).create_decimal(Decimal(value))
    # a float of three digits prints as these, but not among the smallest floats, which hold fewer
    return f"{float(digits):g}" if abs(value) > 1e-300 or value == 0 else f"{digits:g}"


def checked_order(order: float) -> float:
    """np.inf or 2.0. Raises InputError for any other order."""
    if order in (2, np.inf):
        return float(order)
    raise InputError(
        f"scoring a ticket: order {order!r} was given; give np.inf (largest output difference) or 2 (Euclidean norm)"
    )
