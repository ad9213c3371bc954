"""Residuals: ticket weight minus target weight, exactly, for every sum that the domain needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from slt.counted import counted
from slt.errors import InputError

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

PARTS_SHOWN = 20  # how many parts the text of residuals names


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
    """One sum beyond a tolerance, on the inputs that ``branch`` names.

    index  of the sum, as in the part's residuals: row and column of the matrix of sums. A convolution's weight
           (outputs, inputs / groups, height, width) is the matrix (outputs / groups * taps, inputs)
    entry  index in the target's own tensor: (output, input, row, column) for a convolution's weight
    """

    part: str
    index: tuple[int, ...]
    branch: str
    wanted: float
    got: float
    entry: tuple[int, ...] = ()

    @property
    def output(self) -> int:
        """The row of a matrix."""
        return self.index[-2]

    @property
    def coordinate(self) -> int:
        """The column of a matrix."""
        return self.index[-1]

    @property
    def error(self) -> float:
        return abs(self.got - self.wanted)


@final
@dataclass(frozen=True, eq=False)
class Branch:
    """The sums that serve some inputs: ``residual`` float64, NaN where no input needs the sum; ``units`` the same in
    exact lattice integers, without the rounding of the target."""

    name: str
    residual: FloatArray
    units: Int64Array


@final
@dataclass(frozen=True, eq=False, repr=False)
class PartResiduals:
    """One parameter of the target, ``wanted``, and its branches, all of one shape.

    ``exponent``: the lattice of the units; ``rounding``: lattice target minus target, float64; ``entries``: flat index
    of each number in the target's own tensor, and that tensor's shape, where it is not the shape of ``wanted``.
    """

    wanted: FloatArray
    exponent: int
    rounding: FloatArray
    branches: tuple[Branch, ...]
    entries: tuple[Int64Array, tuple[int, ...]] | None = None

    @staticmethod
    def of(
        wanted: FloatArray,
        exponent: int,
        branches: Mapping[str, tuple[Int64Array, BoolArray | None]],
        entries: tuple[Int64Array, tuple[int, ...]] | None = None,
    ) -> PartResiduals:
        """``branches``: by name what the ticket sums to, in units of 2**-exponent, and where it is needed (None:
        everywhere; else it broadcasts)."""
        integers, rounding = on_lattice(wanted, exponent)
        found = []
        for name, (sums, needed) in branches.items():
            units = sums - integers
            residual = np.ldexp(units.astype(np.float64), -exponent) + rounding
            if needed is not None:
                residual = np.where(needed, residual, np.nan)
            found.append(Branch(name, np.asarray(residual), units))
        return PartResiduals(wanted, exponent, rounding, tuple(found), entries)

    @property
    def positive(self) -> FloatArray:
        """Residuals on positive inputs of the coordinate."""
        return self._branch("positive")

    @property
    def negative(self) -> FloatArray:
        """Residuals on negative inputs of the coordinate."""
        return self._branch("negative")

    @property
    def errors(self) -> FloatArray:
        """Absolute residuals of all sums that are needed, one flat array."""
        flat = np.concatenate([np.abs(branch.residual).ravel() for branch in self.branches])
        return np.asarray(flat[~np.isnan(flat)])

    def entry(self, index: tuple[int, ...]) -> tuple[int, ...]:
        """Where in the target's own tensor the number is that ``wanted`` has at ``index``."""
        if self.entries is None:
            return index
        flat, shape = self.entries
        return tuple(int(i) for i in np.unravel_index(flat[index], shape))

    def __repr__(self) -> str:
        return f"<residuals of shape {self.wanted.shape}: {_told(self.errors)}>"

    def _branch(self, name: str) -> FloatArray:
        for branch in self.branches:
            if branch.name == name:
                return branch.residual
        raise InputError(f"these sums have no {name} branch, but {', '.join(b.name for b in self.branches)}")


@final
@dataclass(frozen=True, eq=False, repr=False)
class Residuals:
    """By part name; ``sums`` counts the subset sums that the domain needs. Printed are counts, medians and largest."""

    parts: Mapping[str, PartResiduals]

    @property
    def errors(self) -> FloatArray:
        """Absolute residuals of all sums, one flat array."""
        return np.concatenate([part.errors for part in self.parts.values()])

    @property
    def sums(self) -> int:
        return int(self.errors.size)

    def beyond(self, tolerance: float) -> list[Unreached]:
        """The sums with an error above ``tolerance``, worst first."""
        found = []
        for name, part in self.parts.items():
            within = allowed(tolerance, part.rounding, part.exponent)
            for branch in part.branches:
                for index in np.argwhere((np.abs(branch.units) > within) & ~np.isnan(branch.residual)).tolist():
                    place = tuple(index)
                    wanted = float(part.wanted[place])
                    got = wanted + float(branch.residual[place])
                    found.append(Unreached(name, place, branch.name, wanted, got, part.entry(place)))
        return sorted(found, key=lambda u: -u.error)

    def __repr__(self) -> str:
        lines = [f"residuals, {_told(self.errors)}"]
        lines += [f"  {name}: {_told(part.errors)}" for name, part in list(self.parts.items())[:PARTS_SHOWN]]
        left = [part.errors.max(initial=0.0) for part in list(self.parts.values())[PARTS_SHOWN:]]
        if left:
            lines.append(f"  {len(left):,} more parts: largest {max(left):.3g}")
        return "\n".join(lines)


def _told(errors: FloatArray) -> str:
    if not errors.size:
        return "no sums"
    return f"{counted(errors.size, 'sum')}: median {np.median(errors):.3g}, largest {errors.max():.3g}"
