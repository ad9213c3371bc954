"""Splits: which random units serve the positive inputs of a coordinate, and which the negative ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt import laws
from slt.errors import InputError

BoolArray = npt.NDArray[np.bool_]


class Split(ABC):
    """``first``: first-layer weights, integers of shape (coordinates, width); masks of the same shape come back.

    A unit with weight u answers relu(u x): nothing unless x has the sign of u. So the two branches never share one.
    """

    name: ClassVar[str]
    law: ClassVar[laws.Split]
    """What the laws know of it."""

    @abstractmethod
    def positive(self, first: npt.NDArray[Any]) -> BoolArray:
        """Units usable on positive inputs."""

    @abstractmethod
    def negative(self, first: npt.NDArray[Any]) -> BoolArray:
        """Units usable on negative inputs."""


@final
@dataclass(frozen=True)
class SignOptimal(Split):
    """Every unit with u > 0 serves positive inputs, every unit with u < 0 negative ones: half of them each."""

    name: ClassVar[str] = "sign_optimal"
    law: ClassVar[laws.Split] = laws.SIGN_OPTIMAL

    def positive(self, first: npt.NDArray[Any]) -> BoolArray:
        return np.asarray(first > 0)

    def negative(self, first: npt.NDArray[Any]) -> BoolArray:
        return np.asarray(first < 0)


@final
@dataclass(frozen=True)
class Paper(Split):
    """Even units are set aside for positive inputs, odd ones for negative inputs, and those of the wrong sign pruned: a
    quarter each. The paper's proof (Pensia et al. 2020, lemma 1; statement recalled, not verified) sets the first and
    the last half aside; even and odd are as many, and stay nested in width."""

    name: ClassVar[str] = "paper"
    law: ClassVar[laws.Split] = laws.PAPER

    def positive(self, first: npt.NDArray[Any]) -> BoolArray:
        return np.asarray((first > 0) & (np.arange(first.shape[-1]) % 2 == 0))

    def negative(self, first: npt.NDArray[Any]) -> BoolArray:
        return np.asarray((first < 0) & (np.arange(first.shape[-1]) % 2 == 1))


SPLITS: dict[str, Split] = {split.name: split for split in (SignOptimal(), Paper())}


def split_of(split: Split | str) -> Split:
    """The split of that name; a Split passes through. InputError for unknown names."""
    if isinstance(split, Split):
        return split
    if split not in SPLITS:
        raise InputError(f"no split is called {split!r}; there are {', '.join(map(repr, SPLITS))}")
    return SPLITS[split]
