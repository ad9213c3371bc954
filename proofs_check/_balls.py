"""Balls of python-flint, and their ends as floats rounded outward."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from slt.errors import MissingExtraError

BITS = 128


@contextmanager
def balls() -> Iterator[Any]:
    """The type ``arb`` at 128 bits. MissingExtraError without python-flint."""
    try:
        from flint import arb, ctx
    except ImportError as error:
        raise MissingExtraError("checking a claim with balls: pip install python-flint, or slt[claims]") from error
    before = ctx.prec
    ctx.prec = BITS
    try:
        yield arb
    finally:
        ctx.prec = before


def ends(x: Any) -> tuple[float, float]:
    """Floats around the ball ``x``."""
    return math.nextafter(float(x.lower()), -math.inf), math.nextafter(float(x.upper()), math.inf)
