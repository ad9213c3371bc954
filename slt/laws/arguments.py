"""Checks of the arguments that the laws share: each raises `InputError` saying what was given and what was needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from slt.errors import InputError


def finite(name: str, value: ArrayLike, doing: str) -> NDArray[np.float64]:
    """`value` as float64; raises where it is not a finite number."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{doing}: {name} = {value!r} is not numeric; give finite numbers.") from problem
    if not np.all(np.isfinite(array)):
        raise InputError(f"{doing}: {name} holds NaN or infinity; give finite numbers.")
    return array


def positive(name: str, value: ArrayLike, doing: str) -> NDArray[np.float64]:
    """`value` as float64; raises where it is not finite and above zero."""
    array = finite(name, value, doing)
    if np.any(array <= 0):
        raise InputError(f"{doing}: {name} = {array.min()!s} was given; it has to be above 0.")
    return array


def probability_of(name: str, value: ArrayLike, doing: str) -> NDArray[np.float64]:
    """`value` as float64; raises where it is not strictly between 0 and 1."""
    array = finite(name, value, doing)
    bad = array[(array <= 0) | (array >= 1)]
    if bad.size:
        raise InputError(f"{doing}: {name} = {bad.flat[0]!s} was given; it has to lie strictly between 0 and 1.")
    return array


def count(name: str, value: ArrayLike, doing: str, least: int = 0) -> NDArray[np.int64]:
    """`value` as int64; raises where it is not a whole number of at least `least`."""
    array = finite(name, value, doing)
    if np.any(array != np.floor(array)) or np.any(array < least):
        bad = array[(array != np.floor(array)) | (array < least)].flat[0]
        raise InputError(f"{doing}: {name} = {bad!s} was given; it has to be a whole number >= {least}.")
    return array.astype(np.int64)
