"""A batch of subset-sum problems: integers on one power-of-two lattice, with floats at the edge only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LatticeError

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LARGEST = 2**63 - 1  # the sum of |items| plus |target| must stay within it, so that no solver can overflow


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """N instances of n items each, struct of arrays.

    items     (N, n) int64, or (1, n) when all instances share them: item = items / 2**exponent
    targets   (N,) int64 on the same lattice: what the usable items are to sum to, locked ones subtracted already
    usable    (N, n) or (1, n) bool: the items a solver may choose from
    exponent  the lattice is 2**-exponent
    rounding  (N,) float64: target on the lattice minus target given
    locked    (N, n) or (1, n) bool: items that are in whatever happens, None if there are none. Solvers need not look:
              ``targets`` and ``usable`` count them, and ``Result.of`` puts them into the masks
    """

    items: Int64Array
    targets: Int64Array
    usable: BoolArray
    exponent: int
    rounding: FloatArray
    locked: BoolArray | None = None

    @property
    def count(self) -> int:
        return len(self.targets)

    @property
    def n(self) -> int:
        return int(self.items.shape[1])

    def usable_counts(self) -> Int64Array:
        """How many usable items each instance has, shape (N,)."""
        return np.broadcast_to(self.usable.sum(axis=1, dtype=np.int64), (self.count,))

    def rows(self, rows: Int64Array) -> Problem:
        """The instances ``rows`` alone, in that order."""
        if len(rows) == self.count and bool((rows == np.arange(self.count)).all()):
            return self
        return Problem(
            items=self.items if len(self.items) == 1 else self.items[rows],
            targets=self.targets[rows],
            usable=self.usable if len(self.usable) == 1 else self.usable[rows],
            exponent=self.exponent,
            rounding=self.rounding[rows],
            locked=self.locked if self.locked is None or len(self.locked) == 1 else self.locked[rows],
        )

    @staticmethod
    def of(items: Any, targets: Any, usable: Any = None, lattice: int | None = None, locked: Any = None) -> Problem:
        """Checks the arguments of ``solve`` and puts them on a lattice.

        Integers are taken as they are (lattice 2**0, or 2**-lattice if given). Floats get the coarsest lattice that
        holds every item exactly, finer if the targets need it and the sums allow it; a target off the lattice is
        rounded to it and the rounding kept. Arrays of contiguous int64 are not copied: leave them as they are while the
        problem is in use.
        """
        x, t = _numbers("items", items), _numbers("targets", targets)
        if t.ndim == 0:
            t = t[None]
        if x.ndim == 1:
            x = x[None, :]
        if x.ndim != 2 or t.ndim != 1 or x.shape[0] not in (1, len(t)):
            raise InputError(
                f"subset sum: items of shape {np.shape(items)} with targets of shape {np.shape(targets)}; needed are "
                "items (N, n), or (n,) shared by all, and targets (N,)"
            )
        mask = flags_of("usable", True if usable is None else usable, len(t), x.shape[1])
        kept = None if locked is None else flags_of("locked", locked, len(t), x.shape[1])
        if lattice is not None and (type(lattice) is bool or not isinstance(lattice, (int, np.integer))):
            raise InputError(f"subset sum: lattice must be an integer k, for 2**-k; {lattice!r} was given")
        if lattice is not None and abs(lattice) > 2000:
            raise LatticeError(
                f"subset sum: lattice {_lattice(lattice)} is beyond every float; give k within 2000 of 0"
            )
        if x.dtype.kind in "iu" and t.dtype.kind in "iu":
            exponent = 0 if lattice is None else int(lattice)
            xi, ti, rounding = _int64(x, "items"), _int64(t, "targets"), np.zeros(len(t))
        else:
            xi, ti, exponent, rounding = _on_lattice(_float64(x, "items"), _float64(t, "targets"), lattice)
        _check_range(xi, ti, exponent)
        if kept is not None:
            # no overflow: sum |items| + |target| stays within 63 bits, whatever is moved over
            ti = ti - np.where(kept, xi, 0).sum(axis=1)
            mask = mask & ~kept
        return Problem(
            np.ascontiguousarray(xi), np.ascontiguousarray(ti), np.ascontiguousarray(mask), exponent, rounding, kept
        )


def flags_of(name: str, given: Any, count: int, n: int) -> BoolArray:
    """``given`` as (count, n) or (1, n) bool; True stands for all."""
    if given is True:
        return np.ones((1, n), dtype=np.bool_)
    flags = np.asarray(given)
    if flags.ndim == 1:
        flags = flags[None, :]
    if flags.dtype != bool or flags.ndim != 2 or flags.shape[0] not in (1, count) or flags.shape[1] != n:
        raise InputError(
            f"subset sum: {name} has shape {np.shape(given)} and dtype {flags.dtype}; needed is a boolean array of "
            f"shape ({count}, {n}) or ({n},)"
        )
    return np.ascontiguousarray(flags)


def _numbers(name: str, given: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"subset sum: {name} make no array; are their rows of different lengths?") from error
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise InputError(
            f"subset sum: {name} must be integers or floats of up to 64 bits; dtype {array.dtype} was given"
        )
    return array


def _lattice(k: int) -> str:
    """How messages name a lattice."""
    return f"2**-{k}" if k > 0 else f"2**{-k}"


def _int64(x: npt.NDArray[Any], name: str) -> Int64Array:
    if x.dtype == np.uint64 and x.size and int(x.max()) > LARGEST:
        raise LatticeError(f"subset sum: {name} hold {int(x.max())}, beyond 64-bit signed integers")
    return x.astype(np.int64, copy=False)


def _float64(x: npt.NDArray[Any], name: str) -> FloatArray:
    y = x.astype(np.float64, copy=False)
    # the integers themselves: 2**53 + 1 has become 2**53 in y
    if x.dtype.kind in "iu" and x.size and max(int(x.max()), -int(x.min())) > 2**53:
        raise LatticeError(
            f"subset sum: integer {name} above 2**53 cannot be mixed with floats; give integers for both"
        )
    if not np.all(np.isfinite(y)):
        bad = int(np.count_nonzero(~np.isfinite(y)))
        raise InputError(f"subset sum: {name} hold {bad} NaN or infinite of {y.size} values; all must be finite")
    return y


def finest_bit(values: FloatArray) -> int | None:
    """The smallest k such that every value is a multiple of 2**-k; None if all are zero."""
    nonzero = values[values != 0]
    if not nonzero.size:
        return None
    mantissa, exponent = np.frexp(nonzero)
    integer = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.log2((integer & -integer).astype(np.float64)).astype(np.int64)
    return int((53 - exponent - trailing).max())


def _on_lattice(x: FloatArray, t: FloatArray, lattice: int | None) -> tuple[Int64Array, Int64Array, int, FloatArray]:
    needed = finest_bit(x)
    with np.errstate(over="ignore"):
        reach = float((np.abs(x).sum(axis=1) + np.abs(t)).max()) if len(t) else float(np.abs(x).sum(initial=0.0))
    # 2**62 leaves room for the rounding of this very estimate
    fits = 62 - int(np.frexp(reach)[1]) if reach > 0 else 1000
    if not np.isfinite(reach):
        raise LatticeError("subset sum: the sum of the items overflows float64; scale items and targets down")
    if lattice is not None:
        exponent = int(lattice)
        if needed is not None and needed > exponent:
            raise LatticeError(
                f"subset sum: the items need lattice {_lattice(needed)} to be exact, lattice={exponent} was given; "
                f"round them to multiples of {_lattice(exponent)} first, or leave lattice out"
            )
        if reach > 0 and exponent > fits:
            raise LatticeError(
                f"subset sum: on lattice {_lattice(exponent)} sums up to {reach:.6g} leave 64 bits; "
                f"{_lattice(fits)} is the finest"
            )
    else:
        wanted = max((k for k in (needed, finest_bit(t)) if k is not None), default=0)
        exponent = min(wanted, fits)
        if needed is not None and needed > fits:
            raise LatticeError(
                f"subset sum: the items need lattice {_lattice(needed)} to be exact, but with sums up to {reach:.6g} "
                f"{_lattice(fits)} is the finest that 64-bit integers hold. Round the items to it first: "
                f"np.ldexp(np.rint(np.ldexp(items, {fits})), {-fits})"
            )
    xi = np.ldexp(x, exponent).astype(np.int64)
    ti = np.rint(np.ldexp(t, exponent)).astype(np.int64)
    return xi, ti, exponent, np.asarray(np.ldexp(ti.astype(np.float64), -exponent) - t)


def _check_range(x: Int64Array, t: Int64Array, exponent: int) -> None:
    """Raises LatticeError unless sum |items| + |target| <= 2**63 - 1 for every instance, exactly."""
    if not t.size:
        return
    smallest = np.iinfo(np.int64).min
    # high and low halves apart: neither sum can overflow for n < 2**31
    lowest = bool((x == smallest).any() or (t == smallest).any())
    size, wanted = np.abs(x), np.abs(t)
    high = (size >> 31).sum(axis=1) + (wanted >> 31)
    low = (size & (2**31 - 1)).sum(axis=1) + (wanted & (2**31 - 1))
    if lowest or bool(((high + (low >> 31)) > 2**32 - 1).any()):
        raise LatticeError(
            f"subset sum: the sum of |items| plus |target| must stay below 2**63 on lattice {_lattice(exponent)}, so "
            "that no sum overflows; use a coarser lattice, smaller values or fewer items"
        )
