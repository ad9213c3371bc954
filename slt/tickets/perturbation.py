"""Perturbations: how far the kept weights of a ticket may be moved."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

Int64Array = npt.NDArray[np.int64]
LARGEST = 2**24  # float32 holds no larger odd integer


@final
@dataclass(frozen=True)
class Perturbation:
    """A weight w may be moved by up to relative |w| + absolute, along the lattice of its law; both numbers >= 0, in
    units of weights, and one of them above. Xiong, Liao and Kyrillidis 2023 move weights by up to ``absolute``."""

    relative: float = 0.0
    absolute: float = 0.0

    def __post_init__(self) -> None:
        for name in ("relative", "absolute"):
            value = getattr(self, name)
            number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
            if not number or not np.isfinite(value) or value < 0:
                raise InputError(f"a perturbation: {name} must be a finite number >= 0; {value!r} was given")
            object.__setattr__(self, name, float(value))
        if not self.relative and not self.absolute:
            raise InputError("a perturbation: relative and absolute are both 0, so nothing moves; leave it out")

    def most_steps(self, weights: npt.NDArray[Any], exponent: int) -> Int64Array:
        """How many lattice steps each weight, an integer over 2**exponent, may be moved: floor(relative |k| + absolute
        2**exponent), exactly, but no farther than 2**24, so that float32 holds what it becomes."""
        size = np.abs(weights.astype(np.int64))
        share, beside = Fraction(self.relative), Fraction(self.absolute) * 2**exponent
        if share:
            # products leave 64 bits, so Python integers
            whole = share.denominator * beside.denominator
            each = size.astype(object) * (share.numerator * beside.denominator)
            steps = (each + beside.numerator * share.denominator) // whole
        else:
            steps = np.full(size.shape, beside.numerator // beside.denominator, dtype=object)
        return np.asarray(np.minimum(steps, np.maximum(LARGEST - size, 0).astype(object)), dtype=np.int64)
