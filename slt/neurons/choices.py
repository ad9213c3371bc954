"""Choices of neurons: which are kept, given features and values on data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, LimitError
from slt.neurons.moments import Moments
from slt.tickets.blocks import whole
from slt.weights import Key, Uniform

BoolArray = npt.NDArray[np.bool_]
MOST_NEURONS: Final = 16
_AT_ONCE: Final = 2**12
_GAIN: Final = 1e-12  # of the values' mean square: a smaller gain of a flip may be rounding


class NeuronChoice(ABC):
    """One way to choose. The scale behind the kept neurons is always the best one, ``Moments.scale``."""

    @abstractmethod
    def proposals(self, moments: Moments, key: Key) -> BoolArray:
        """Choices of neurons, (proposals, k), one at least; ``key`` addresses what is drawn for them."""

    @final
    def kept(self, moments: Moments, key: Key) -> BoolArray:
        """Which neurons are kept, (k,): the proposal with the least error on the data, the first of equal ones."""
        proposals = self.proposals(moments, key)
        return np.asarray(proposals[int(moments.errors(proposals).argmin())])


@final
@dataclass(frozen=True)
class EverySubset(NeuronChoice):
    """The best of all subsets, up to 16 neurons (LimitError beyond): the oracle. Of equal ones the first, where neuron
    i counts 2**i."""

    def proposals(self, moments: Moments, key: Key) -> BoolArray:
        k = moments.neurons
        if k > MOST_NEURONS:
            raise LimitError(
                f"choosing neurons: all subsets are possible for at most {MOST_NEURONS} neurons; {k} were given. Take "
                "Flips()"
            )
        best, found = np.inf, 0
        for start in range(0, 2**k, _AT_ONCE):
            error = moments.errors(self._bits(np.arange(start, min(start + _AT_ONCE, 2**k)), k))
            here = int(error.argmin())
            if error[here] < best:
                best, found = float(error[here]), start + here
        return self._bits(np.array([found]), k)

    @staticmethod
    def _bits(numbers: npt.NDArray[np.int64], k: int) -> BoolArray:
        return np.asarray((numbers[:, None] >> np.arange(k)) & 1, dtype=np.bool_)


@final
@dataclass(frozen=True)
class Thinning(NeuronChoice):
    """Random features, rounded: a ridge solution with coefficients in [0, c] (so with the signs of the read-out), of
    which neuron i is kept with probability a_i / c. So c times the kept sum has the solution as its mean.

    This is the idea of Malach et al. 2020 (recalled; their numbers of neurons are unverified), with c chosen here: the
    largest coefficient of the unbounded solution, and that halved up to ``halvings`` times, each drawn ``draws`` times;
    the best draw of each c, and to keep none, are proposed.
    """

    penalty: float = 1e-6
    halvings: int = 5
    draws: int = 8

    def __post_init__(self) -> None:
        number = isinstance(self.penalty, (int, float)) and not isinstance(self.penalty, bool)
        if not (number and 0 < self.penalty < np.inf and whole(self.halvings, 0) and whole(self.draws, 1)):
            raise InputError(f"{self!r}: a penalty above 0, halvings from 0 on and draws from 1 on are needed")

    def proposals(self, moments: Moments, key: Key) -> BoolArray:
        a = moments.boxed_ridge(self.penalty, np.inf, np.maximum(moments.ridge(self.penalty), 0.0))
        found = [np.zeros(moments.neurons, dtype=np.bool_)]
        cap = float(a.max(initial=0.0))
        for halving in range(self.halvings + 1 if cap > 0 else 0):
            if halving:
                cap /= 2
                a = moments.boxed_ridge(self.penalty, cap, a)
            # in (0, 1), never an end: a coefficient of 0 is never kept, one of c always
            words = Uniform().draw(key / f"halving {halving}", (1, self.draws, moments.neurons))[0]
            drawn = (words.astype(np.float64) / 2**23 + 1) / 2 < a / cap
            found.append(drawn[int(moments.errors(drawn).argmin())])
        return np.stack(found)


@final
@dataclass(frozen=True)
class Flips(NeuronChoice):
    """From each of ``start``'s proposals on, keeps or removes the one neuron that lowers the error most, until none
    does: local optima, no more."""

    start: NeuronChoice = field(default_factory=Thinning)

    def __post_init__(self) -> None:
        if not isinstance(self.start, NeuronChoice):
            raise InputError(f"Flips: start must be a choice such as Thinning(); {self.start!r} was given")

    def proposals(self, moments: Moments, key: Key) -> BoolArray:
        return self.improved(moments, self.start.proposals(moments, key))

    def improved(self, moments: Moments, proposals: BoolArray) -> BoolArray:
        """The local optimum that is reached from each of ``proposals`` (proposals, k)."""
        return np.stack([self._improved(moments, kept.copy()) for kept in proposals])

    @staticmethod
    def _improved(moments: Moments, kept: BoolArray) -> BoolArray:
        image = moments.gram @ kept  # the kept sum with every feature
        square, cross = float(image[kept].sum()), float(moments.cross[kept].sum())
        error = moments.power - (cross**2 / square if square > 0 else 0.0)
        diagonal = np.diag(moments.gram)
        while True:
            sign = np.where(kept, -1.0, 1.0)
            squares = square + 2 * sign * image + diagonal
            crosses = cross + sign * moments.cross
            usable = squares > _GAIN * diagonal.max(initial=0.0)
            errors = moments.power - np.divide(crosses**2, squares, out=np.zeros_like(crosses), where=usable)
            i = int(errors.argmin())
            if not errors[i] < error - _GAIN * moments.power:
                return kept
            error, square, cross = float(errors[i]), float(squares[i]), float(crosses[i])
            image += sign[i] * moments.gram[i]
            kept[i] = not kept[i]
