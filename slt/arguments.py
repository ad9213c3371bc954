"""Numbers that a caller gave, read or refused: what numpy would answer with an error of its own is an InputError."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from slt.errors import InputError


def numbers(value: Any, doing: str) -> npt.NDArray[np.float64]:
    """``value`` as float64 of its shape, NaN and infinity included. InputError, which starts with ``doing``, for text,
    rows of unequal lengths, complex numbers, and all else that no array of real numbers is made of."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            return array.astype(np.float64)
        if array.dtype.kind == "O" and not any(isinstance(v, (str, bytes, type(None))) for v in array.flat):
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(f"{doing} must be real numbers, rows of equal length; {_told(value)} was given") from error
    raise InputError(f"{doing} must be real numbers, rows of equal length; {_told(value)} was given")


def is_number(value: Any) -> bool:
    """Is it one finite real number, and no boolean?"""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return real and bool(abs(value) <= np.finfo(np.float64).max)


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
