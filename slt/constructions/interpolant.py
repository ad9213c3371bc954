"""Piecewise-linear interpolants of functions of one variable, as explicit ReLU networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.arguments import is_number, numbers
from slt.errors import AssumptionError, InputError
from slt.targets import Target

FloatArray = npt.NDArray[np.float64]
Function = Callable[[FloatArray], Any]
DENSE = 2**14  # intervals of the grid on which second derivatives are measured


@final
@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """The interpolant of a function at ``knots`` t_0 < ... < t_N, as the network c + sum_i a_i relu(p_i (x - t_i)) on
    [t_0, t_N], one unit for each of the N intervals (Fischer and Burkholz, "Plant 'n' Seek", ICLR 2022, appendix A.4;
    Burkholz, Laha, Mukherjee, Gotovos, "On the existence of universal lottery tickets", ICLR 2022).

    ``values``    (outputs, N + 1): the function at the knots
    ``signs``     (N,) of +1 and -1, the first +1: p_i, on which side of its knot a unit answers
    ``function``  what was interpolated; ``Univariate`` asks it again at the knots that a source realises. None: the
                  interpolant stands for it

    With slopes m_i of the intervals the coefficients are a_i = m_i - m_(i-1) for i >= 1, and for the first unit
    m_0 + sum over p_j = -1 of a_j: left of its knot a unit with p_j = -1 has slope -a_j. (As printed in the paper the
    correction is missing.)
    """

    knots: FloatArray
    values: FloatArray
    signs: FloatArray
    function: Function | None = None

    def __post_init__(self) -> None:
        for name in ("knots", "values", "signs"):
            array = numbers(getattr(self, name), f"a piecewise-linear function: its {name}").copy()
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if self.function is not None and not callable(self.function):
            raise InputError(
                f"a piecewise-linear function: function must be callable, or None; {self.function!r} was given"
            )
        n = self.knots.size - 1
        if self.knots.ndim != 1 or n < 2 or not np.all(np.isfinite(self.knots)) or np.any(np.diff(self.knots) <= 0):
            raise InputError(
                f"a piecewise-linear function needs at least 3 finite, increasing knots (2 intervals); "
                f"{self.knots!r} were given"
            )
        if self.values.ndim != 2 or self.values.shape[1] != n + 1 or not self.values.shape[0]:
            raise InputError(
                f"values of a piecewise-linear function have shape (outputs, {n + 1}) here; {self.values.shape} was "
                "given"
            )
        _check_finite(self.values, self.knots)
        if self.signs.shape != (n,) or np.any(np.abs(self.signs) != 1) or self.signs[0] != 1:
            raise InputError(f"signs are {n} numbers +1 or -1 here, the first +1; {self.signs!r} were given")

    @staticmethod
    def of(
        function: Function,
        low: float,
        high: float,
        knots: int,
        signs: Any = None,
        equidistributed: bool = False,
    ) -> PiecewiseLinear:
        """The interpolant of ``function`` on [low, high] with ``knots`` intervals (N, so N + 1 points).

        function         takes float64 of shape (count,); returns (count,), or (outputs, count)
        equidistributed  places the knots so that every interval has the same integral of sqrt|f''|, measured on a fine
                         grid, in the place of equal widths; f'' of the first output

        Error: at most max|f''| (high - low)^2 / (8 N^2); equidistributed about (integral of sqrt|f''|)^2 / (8 N^2).

        Raises InputError (knots < 2, no interval), AssumptionError (f not finite there).
        """
        if not callable(function):
            raise InputError(
                f"interpolating: a function that takes an array of points is needed; {function!r} was given"
            )
        if isinstance(knots, bool) or not isinstance(knots, (int, np.integer)) or knots < 2:
            raise InputError(f"interpolating on [{low}, {high}]: knots must be a whole number >= 2; {knots!r} given")
        if not (is_number(low) and is_number(high) and low < high):
            raise InputError(f"interpolating: an interval needs finite low < high; [{low!r}, {high!r}] was given")
        points = np.linspace(float(low), float(high), int(knots) + 1)
        if equidistributed:
            points = _equidistributed(function, points)
        return PiecewiseLinear(
            points, evaluated(function, points), np.ones(int(knots)) if signs is None else signs, function
        )

    @property
    def low(self) -> float:
        return float(self.knots[0])

    @property
    def high(self) -> float:
        return float(self.knots[-1])

    @property
    def outputs(self) -> int:
        return int(self.values.shape[0])

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the inputs that a domain speaks of: one variable."""
        return (1,)

    @property
    def slopes(self) -> FloatArray:
        """(outputs, N): the slope of each interval."""
        return np.asarray(np.diff(self.values, axis=1) / np.diff(self.knots))

    @property
    def coefficients(self) -> FloatArray:
        """(outputs, N): a_i of each unit, the first one corrected for the units with p_j = -1."""
        found = self.slopes
        found[:, 1:] -= self.slopes[:, :-1]
        found[:, 0] += found[:, self.signs < 0].sum(axis=1)
        return found

    @property
    def constant(self) -> FloatArray:
        """(outputs,): c, the interpolant at t_0 less what units with p_j = -1 answer there."""
        left = self.signs < 0
        return np.asarray(self.values[:, 0] - self.coefficients[:, left] @ (self.knots[:-1][left] - self.knots[0]))

    @property
    def magnitudes(self) -> FloatArray:
        """(N,): inner weights of the balanced split, the root of the largest |a_i| over the outputs."""
        return np.asarray(np.sqrt(np.abs(self.coefficients).max(axis=0)))

    def at(self, x: Any) -> FloatArray:
        """The function at x (count,), or the interpolant where there is none: (outputs, count). AssumptionError where
        it is not finite."""
        x = np.asarray(x, dtype=np.float64)
        return self.interpolated(x) if self.function is None else evaluated(self.function, x)

    def interpolated(self, x: Any) -> FloatArray:
        """The interpolant at x (count,), by ``np.interp``: (outputs, count)."""
        return np.stack([np.interp(np.asarray(x, dtype=np.float64), self.knots, row) for row in self.values])

    def target(self) -> Target:
        """The network: Linear (1 to N) with weights p_i sqrt|a_i|, ReLU, Linear (N to outputs), both with biases."""
        inner = self.magnitudes
        outer = self.coefficients / np.where(inner > 0, inner, 1.0)
        first = self.signs * inner
        return Target.from_arrays([first[:, None], outer], [-first * self.knots[:-1], self.constant])


def piecewise_linear(
    function: Function, low: float, high: float, knots: int, signs: Any = None, equidistributed: bool = False
) -> Target:
    """The interpolant of a function as a target; ``PiecewiseLinear.of`` explains the arguments."""
    return PiecewiseLinear.of(function, low, high, knots, signs, equidistributed).target()


def joined(blocks: Sequence[PiecewiseLinear], directions: FloatArray, phases: Any = 0.0) -> Target:
    """Functions side by side, each of u = direction . x + phase, as one network of two layers; ``directions``
    (blocks, d), ``phases`` (blocks,) or one number. The linear maps are merged into the inner weights."""
    from scipy.linalg import block_diag

    weights, biases, outer = [], [], []
    for block, direction, phase in zip(blocks, directions, np.broadcast_to(phases, len(blocks)), strict=True):
        first, second = block.target().layers
        weights.append(first.weight * direction)
        biases.append(first.bias + first.weight[:, 0] * phase)
        outer.append(second.weight)
    constants = np.concatenate([block.constant for block in blocks])
    return Target.from_arrays([np.concatenate(weights), block_diag(*outer)], [np.concatenate(biases), constants])


def evaluated(function: Function, x: FloatArray) -> FloatArray:
    """``function`` at x (count,) as (outputs, count). InputError for other shapes, AssumptionError where not finite."""
    with np.errstate(all="ignore"):
        found = np.atleast_2d(numbers(function(x), "interpolating: what the function returns"))
    if found.ndim != 2 or found.shape[1] != x.size:
        raise InputError(
            f"interpolating: at {x.size} points the function returned shape {found.shape}; ({x.size},) or "
            f"(outputs, {x.size}) is needed"
        )
    _check_finite(found, x)
    return found


def _check_finite(values: FloatArray, x: FloatArray) -> None:
    bad = ~np.isfinite(values).all(axis=0)
    if bad.any():
        raise AssumptionError(
            f"interpolating on [{x.min():.6g}, {x.max():.6g}]: the function must be finite on the whole interval; at "
            f"x = {x[bad][0]:.6g} it is {values[:, bad][0, 0]}. Give an interval on which it is"
        )


def _equidistributed(function: Function, points: FloatArray) -> FloatArray:
    grid = np.linspace(points[0], points[-1], DENSE + 1)
    bend = np.sqrt(np.abs(np.diff(evaluated(function, grid)[0], n=2)))
    # a thousandth of the mean everywhere: straight pieces get knots too, so that these increase
    share = np.concatenate([[bend[0]], (bend[1:] + bend[:-1]) / 2, [bend[-1]]]) if bend.size > 1 else bend
    share = share + (1e-3 * share.mean() if share.any() else 1.0)
    done = np.concatenate([[0.0], np.cumsum(share)])
    inner = np.interp(np.linspace(0, done[-1], points.size)[1:-1], done, np.linspace(points[0], points[-1], done.size))
    return np.concatenate([points[:1], inner, points[-1:]])
