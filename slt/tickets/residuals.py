"""Residuals: ticket weight minus target weight, exactly, for every sum that the domain needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets.branches import Wanted, wanted_parts
from slt.tickets.source import Source
from slt.tickets.two_layer_source import TwoLayerSource

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def on_lattice(matrix: FloatArray, exponent: int) -> tuple[Int64Array, FloatArray]:
    """The lattice integers nearest to a matrix, and lattice minus matrix. InputError beyond 2**(62 - exponent)."""
    if float(np.abs(matrix).max(initial=0.0)) >= 2.0 ** (62 - exponent):
        raise InputError(
            f"targets up to {np.abs(matrix).max():.6g} do not fit lattice 2**-{exponent} in 64 bits; scale them down"
        )
    integers = np.rint(np.ldexp(matrix, exponent)).astype(np.int64)
    return integers, np.asarray(np.ldexp(integers.astype(np.float64), -exponent) - matrix)


def allowed(tolerance: float, rounding: FloatArray, exponent: int) -> Int64Array:
    """A tolerance in lattice units, what rounding the target took off already; -1 where nothing is left."""
    number = isinstance(tolerance, (int, float, np.integer, np.floating)) and not isinstance(tolerance, bool)
    if not (number and np.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"a tolerance must be a finite number >= 0; {tolerance!r} was given")
    units = np.minimum(np.ldexp(float(tolerance), exponent), 2.0**62)
    return np.asarray(np.maximum(np.floor(units - np.ldexp(np.abs(rounding), exponent)), -1), dtype=np.int64)


@final
@dataclass(frozen=True)
class Unreached:
    """One sum beyond a tolerance: target entry ``weight[output, coordinate]`` on inputs of the given sign."""

    part: str
    output: int
    coordinate: int
    branch: str
    wanted: float
    got: float

    @property
    def error(self) -> float:
        return abs(self.got - self.wanted)


@final
@dataclass(frozen=True, eq=False)
class PartResiduals:
    """``positive`` and ``negative``: (outputs, coordinates) float64, NaN where the branch is not needed.

    ``units_*`` and ``rounding``: the same in exact lattice integers, and lattice target minus target.
    """

    wanted: Wanted
    exponent: int
    positive: FloatArray
    negative: FloatArray
    units_positive: Int64Array
    units_negative: Int64Array
    rounding: FloatArray


@final
@dataclass(frozen=True, eq=False)
class Residuals:
    """By part name; ``sums`` counts the subset sums that the domain needs."""

    parts: Mapping[str, PartResiduals]

    @staticmethod
    def of(source: Source, masks: Mapping[str, Mask], domain: Domain, target: Target) -> Residuals:
        if not isinstance(source, TwoLayerSource):
            raise InputError(f"a ticket in a {source.kind} source has no residuals weight by weight")
        wanted = wanted_parts(target, domain)
        parts = source.distinct_parts
        if set(wanted) != set(parts) or any(
            wanted[n].matrix.shape != (p.outputs, p.coordinates) for n, p in parts.items()
        ):
            raise InputError(
                f"residuals: the ticket was made for parts {sorted(parts)}, the target has {sorted(wanted)}, "
                "or their shapes differ; pass the model that the ticket was made for"
            )
        found = {}
        for name, part in parts.items():
            exponent = 2 * source.law.exponent - part.scale
            integers, rounding = on_lattice(wanted[name].matrix, exponent)
            units = [sums - integers for sums in source.sums(part, masks[name])]
            views = [np.ldexp(u.astype(np.float64), -exponent) + rounding for u in units]
            for view, needed in zip(views, (wanted[name].positive, wanted[name].negative), strict=True):
                view[:, ~needed] = np.nan
            found[name] = PartResiduals(wanted[name], exponent, views[0], views[1], units[0], units[1], rounding)
        return Residuals(found)

    @property
    def errors(self) -> FloatArray:
        """Absolute residuals of all sums, one flat array."""
        flat = np.concatenate([np.abs(v).ravel() for p in self.parts.values() for v in (p.positive, p.negative)])
        return np.asarray(flat[~np.isnan(flat)])

    @property
    def sums(self) -> int:
        return int(self.errors.size)

    def beyond(self, tolerance: float) -> list[Unreached]:
        """The sums with an error above ``tolerance``, worst first."""
        found = []
        for name, part in self.parts.items():
            within = allowed(tolerance, part.rounding, part.exponent)
            branches = (
                ("positive", part.positive, part.units_positive),
                ("negative", part.negative, part.units_negative),
            )
            for branch, view, units in branches:
                for r, j in np.argwhere((np.abs(units) > within) & ~np.isnan(view)).tolist():
                    wanted = float(part.wanted.matrix[r, j])
                    found.append(Unreached(name, r, j, branch, wanted, wanted + float(view[r, j])))
        return sorted(found, key=lambda u: -u.error)
