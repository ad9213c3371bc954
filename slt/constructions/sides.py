"""Sides: which of two random matrices that are multiplied is structured, and which carries the subset sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final


class Sides(ABC):
    """The error depends on the width alone, units a coordinate of the structured side: its random dimension is
    coordinates * width."""

    @abstractmethod
    def queries(self, queries: int, keys: int) -> bool:
        """Are queries, not keys, structured? Given their coordinates, constant ones included."""

    @abstractmethod
    def outputs(self, outputs: int, values: int) -> bool:
        """Are outputs, not values, structured?"""


@final
@dataclass(frozen=True)
class KeysAndValues(Sides):
    """Keys and values, as in the theorem."""

    def queries(self, queries: int, keys: int) -> bool:
        return False

    def outputs(self, outputs: int, values: int) -> bool:
        return False


@final
@dataclass(frozen=True)
class QueriesAndOutputs(Sides):
    """The other two."""

    def queries(self, queries: int, keys: int) -> bool:
        return True

    def outputs(self, outputs: int, values: int) -> bool:
        return True


@final
@dataclass(frozen=True)
class SmallerSides(Sides):
    """Whichever has fewer coordinates, keys and values where they are as many: the same error with a smaller random
    dimension. With one output, half the dimension of the theorem's for two values."""

    def queries(self, queries: int, keys: int) -> bool:
        return queries < keys

    def outputs(self, outputs: int, values: int) -> bool:
        return outputs < values
