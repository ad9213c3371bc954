"""The density asked for, as a function of time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from slt.errors import InputError
from slt.search.moment import Moment


def check_density(density: object, what: str = "the density") -> None:
    """InputError unless ``density`` is a fraction in (0, 1]."""
    if isinstance(density, bool) or not isinstance(density, (int, float)) or not 0 < density <= 1:
        raise InputError(
            f"{what} is the fraction of weights kept, a number in (0, 1]; {density!r} was given"
            + (". Did you mean a percentage?" if isinstance(density, (int, float)) and density > 1 else "")
        )


class Schedule(ABC):
    """The fraction of weights to keep at each moment; ``final`` is what the ticket has."""

    final: float

    @abstractmethod
    def density(self, moment: Moment) -> float:
        """In (0, 1]."""


@final
@dataclass(frozen=True)
class Constant(Schedule):
    """The same from the first step to the last."""

    final: float

    def __post_init__(self) -> None:
        check_density(self.final)

    def density(self, moment: Moment) -> float:
        return self.final


@dataclass(frozen=True)
class _Ramp(Schedule):
    final: float
    start: float = 1.0
    until: float = 0.5

    def __post_init__(self) -> None:
        check_density(self.final)
        check_density(self.start, "the density at the start")
        check_density(self.until, "the share of the steps until the final density is reached")

    def density(self, moment: Moment) -> float:
        done = min(1.0, moment.progress / self.until) if moment.training else 1.0
        return self.final + (self.start - self.final) * self._left(done)

    def _left(self, done: float) -> float:
        raise NotImplementedError


@final
@dataclass(frozen=True)
class Linear(_Ramp):
    """From ``start`` in a straight line to ``final`` after the share ``until`` of all steps (Huang et al. 2022)."""

    def _left(self, done: float) -> float:
        return 1.0 - done


@final
@dataclass(frozen=True)
class Cubic(_Ramp):
    """From ``start`` to ``final``, (1 - t)**3 of the way left at the share t of the ramp (Zhu and Gupta 2017)."""

    def _left(self, done: float) -> float:
        return (1.0 - done) ** 3


@final
@dataclass(frozen=True)
class Geometric(_Ramp):
    """From ``start`` to ``final`` by equal factors."""

    def density(self, moment: Moment) -> float:
        done = min(1.0, moment.progress / self.until) if moment.training else 1.0
        return float(self.start * (self.final / self.start) ** done) if done < 1 else self.final
