"""Pairings: which two dimensions of a head rotary positions turn together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError


class Pairing(ABC):
    """The two conventions in use; they differ by a permutation of dimensions, which trained weights follow."""

    name: ClassVar[str]

    @abstractmethod
    def dimensions(self, planes: int) -> npt.NDArray[np.int64]:
        """The dimensions of each plane, shape (planes, 2)."""


@final
@dataclass(frozen=True)
class Interleaved(Pairing):
    """Dimensions 2 m and 2 m + 1: Su et al., RoFormer (2021)."""

    name: ClassVar[str] = "interleaved"

    def dimensions(self, planes: int) -> npt.NDArray[np.int64]:
        return np.arange(2 * planes, dtype=np.int64).reshape(planes, 2)


@final
@dataclass(frozen=True)
class Halves(Pairing):
    """Dimensions m and planes + m: "rotate half", as in GPT-NeoX and Llama."""

    name: ClassVar[str] = "halves"

    def dimensions(self, planes: int) -> npt.NDArray[np.int64]:
        return np.arange(2 * planes, dtype=np.int64).reshape(2, planes).T


PAIRINGS: dict[str, Pairing] = {pairing.name: pairing for pairing in (Interleaved(), Halves())}


def pairing_of(pairing: Pairing | str) -> Pairing:
    """The pairing of that name; a Pairing passes through. InputError for unknown names."""
    if isinstance(pairing, Pairing):
        return pairing
    if pairing not in PAIRINGS:
        raise InputError(f"no pairing is called {pairing!r}; there are {', '.join(map(repr, PAIRINGS))}")
    return PAIRINGS[pairing]


def default_frequencies(planes: int, base: float = 10000.0) -> npt.NDArray[np.float64]:
    """base**(-m / planes), m = 0 .. planes - 1: those of RoFormer for a head of 2 * planes dimensions."""
    return np.asarray(base ** (-np.arange(planes, dtype=np.float64) / planes))
