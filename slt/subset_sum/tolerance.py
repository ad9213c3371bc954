"""Tolerances: numbers in the units of the targets, turned into lattice units without rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from slt.errors import InputError
from slt.subset_sum.problem import LARGEST, Int64Array, Problem


def exact_number(value: Any, doing: str, name: str = "a tolerance") -> Fraction:
    """A finite number >= 0 as the fraction it is. InputError for anything else."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if number and isinstance(value, (np.integer, np.floating)):
        value = int(value) if isinstance(value, np.integer) else float(value)
    if not number or (isinstance(value, float) and not math.isfinite(value)) or value < 0:
        raise InputError(f"{doing}: {name} must be a finite number >= 0; {value!r} was given")
    return Fraction(value)


def lattice_tolerance(problem: Problem, tolerance: float) -> Int64Array:
    """The largest distance on the lattice that is surely within the tolerance of the target as given, (N,) int64.

    That is the tolerance less what rounding the target took off, rounded down; -1 where nothing is left. No distance
    exceeds 2**63 - 1, so neither need the result.
    """
    units = exact_number(tolerance, "subset sum") * Fraction(2) ** problem.exponent
    whole = min(int(units), LARGEST)
    part = units - int(units)
    # the rounding is at most half a unit: it counts against the fraction, and costs one unit where that is smaller
    below = float(part)
    if Fraction(below) > part:
        below = math.nextafter(below, 0.0)
    lost = np.ldexp(np.abs(problem.rounding), problem.exponent)
    return np.where(lost > below, np.int64(whole - 1), np.int64(whole))
