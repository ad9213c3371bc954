"""Evidence: what kind of reason a verdict has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final


class Evidence(ABC):
    """``kind`` as the table names it; ``text`` with its numbers."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def text(self) -> str:
        """One line."""


@final
@dataclass(frozen=True)
class Exact(Evidence):
    """Integers, fractions, balls or intervals rounded outward; no rounding error without a bound decides. ``cases``:
    what was gone through."""

    kind: ClassVar[str] = "exact"

    arithmetic: str
    cases: str

    @property
    def text(self) -> str:
        return f"{self.arithmetic}: {self.cases}"


@final
@dataclass(frozen=True)
class Certificate(Evidence):
    """A dual solution, whoever proposed it, verified again in exact arithmetic. ``gap``: upper over lower bound."""

    kind: ClassVar[str] = "certificate"

    proposed_by: str
    gap: float

    @property
    def text(self) -> str:
        return f"proposed by {self.proposed_by}, verified in exact arithmetic, upper over lower bound {self.gap:.4g}"


@final
@dataclass(frozen=True)
class AdversarialSearch(Evidence):
    """A seeded search for counterexamples. That it finds none proves nothing; one that it finds is one."""

    kind: ClassVar[str] = "adversarial search"

    tries: int
    method: str

    @property
    def text(self) -> str:
        return f"{self.tries:,} tries of {self.method}"


@final
@dataclass(frozen=True)
class Statistics(Evidence):
    """Seeded draws, never retried. ``level``: the chance that all bands hold together; each of the ``tests`` bands has
    the level 1 - (1 - level) / tests (Bonferroni)."""

    kind: ClassVar[str] = "statistics"

    draws: int
    tests: int
    level: float = 0.99

    @property
    def each(self) -> float:
        """The level of one band."""
        return 1 - (1 - self.level) / self.tests

    @property
    def text(self) -> str:
        return f"{self.draws:,} draws, {self.tests} bands of joint level {self.level:g}"
