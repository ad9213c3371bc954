"""Comparisons: a measured side, a predicted side, and whether the relation between them is settled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final


class Relation(ABC):
    """What a claim says of measured and predicted numbers."""

    symbol: ClassVar[str]

    @abstractmethod
    def exactly(self, measured: Any, predicted: Any) -> bool:
        """Whether it holds between two exact numbers."""

    @abstractmethod
    def between(self, low: float, high: float, predicted: float, tolerance: float) -> bool | None:
        """Whether it holds of a number known to lie in [low, high], up to the factor 1 + ``tolerance`` of the
        prediction; None where the band leaves it open."""

    @property
    @abstractmethod
    def flipped(self) -> Relation:
        """The opposite, for tests of the checks."""


@final
@dataclass(frozen=True)
class AtMost(Relation):
    """measured <= predicted."""

    symbol: ClassVar[str] = "<="

    def exactly(self, measured: Any, predicted: Any) -> bool:
        return bool(measured <= predicted)

    def between(self, low: float, high: float, predicted: float, tolerance: float) -> bool | None:
        limit = predicted + abs(predicted) * tolerance
        return True if high <= limit else False if low > limit else None

    @property
    def flipped(self) -> Relation:
        return AtLeast()


@final
@dataclass(frozen=True)
class AtLeast(Relation):
    """measured >= predicted."""

    symbol: ClassVar[str] = ">="

    def exactly(self, measured: Any, predicted: Any) -> bool:
        return bool(measured >= predicted)

    def between(self, low: float, high: float, predicted: float, tolerance: float) -> bool | None:
        limit = predicted - abs(predicted) * tolerance
        return True if low >= limit else False if high < limit else None

    @property
    def flipped(self) -> Relation:
        return AtMost()


@final
@dataclass(frozen=True)
class Equal(Relation):
    """measured == predicted; of bands: within the tolerance of it, as far as the band can tell."""

    symbol: ClassVar[str] = "="

    def exactly(self, measured: Any, predicted: Any) -> bool:
        return bool(measured == predicted)

    def between(self, low: float, high: float, predicted: float, tolerance: float) -> bool | None:
        slack = abs(predicted) * tolerance
        bottom, top = predicted - slack, predicted + slack
        if bottom <= low and high <= top:
            return True
        return False if high < bottom or low > top else None

    @property
    def flipped(self) -> Relation:
        return Different()


@final
@dataclass(frozen=True)
class Different(Relation):
    """measured != predicted."""

    symbol: ClassVar[str] = "!="

    def exactly(self, measured: Any, predicted: Any) -> bool:
        return bool(measured != predicted)

    def between(self, low: float, high: float, predicted: float, tolerance: float) -> bool | None:
        found = Equal().between(low, high, predicted, tolerance)
        return None if found is None else not found

    @property
    def flipped(self) -> Relation:
        return Equal()


@final
@dataclass(frozen=True)
class Comparison:
    """One row of a verdict: ``holds`` None where it is open. Sides are shown as text; ``of`` compares exact numbers,
    ``of_band`` a measured band."""

    label: str
    measured: str
    relation: Relation
    predicted: str
    holds: bool | None

    @staticmethod
    def of(label: str, measured: Any, relation: Relation, predicted: Any) -> Comparison:
        """Of two exact numbers (int, Fraction), or of floats where rounding cannot matter."""
        return Comparison(label, _shown(measured), relation, _shown(predicted), relation.exactly(measured, predicted))

    @staticmethod
    def of_band(
        label: str, low: float, high: float, relation: Relation, predicted: float, tolerance: float = 0.0
    ) -> Comparison:
        """Of a number that lies in [low, high] at the level that the evidence states."""
        said = f"{predicted:.4g}" + (f" within {_percent(tolerance)}" if tolerance else "")
        found = relation.between(low, high, predicted, tolerance)
        return Comparison(label, f"{low:.4g} .. {high:.4g}", relation, said, found)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"  # 0.0001% is not 0%


def _shown(value: Any) -> str:
    from fractions import Fraction

    if isinstance(value, Fraction):
        text = str(value)
        return text if len(text) <= 24 else f"{float(value):.10g}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
