"""Random neurons that match target neurons by chance: probabilities as fractions, whatever the targets overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import comb, factorial, prod
from typing import Any, final

Numbers = tuple[Fraction, ...]


@final
@dataclass(frozen=True)
class Layer:
    """``targets``: the parameters of each target neuron, as many of each; ``width`` random neurons with parameters
    uniform on [-1, 1]; a match is within ``error`` in all parameters."""

    targets: tuple[Numbers, ...]
    error: Fraction
    width: int

    @property
    def chances(self) -> list[Fraction]:
        """That a random neuron matches each target."""
        return [self._all_of((target,)) for target in self.targets]

    def served(self) -> Fraction:
        """P(every target has a match of its own), by all numbers of neurons that match each set of targets."""
        patterns = {p: chance for p, chance in self._patterns().items() if chance}
        total = Fraction(0)
        for counts in _compositions(self.width, len(patterns)):
            found = dict(zip(patterns, counts, strict=True))
            if self._distinct(found):
                ways = factorial(self.width) // prod(map(factorial, counts))
                total += ways * prod(patterns[p] ** n for p, n in found.items())
        return total

    def bound(self, distinct: bool) -> Fraction:
        """1 - sum over i of P(fewer than i matches), targets from the likeliest match down to the rarest needing
        1, 2, ..; if not ``distinct`` all need 1, as printed. In either case at least 0."""
        chances = sorted(self.chances)
        missed = [self._fewer(p, i if distinct else 1) for i, p in enumerate(chances, 1)]
        return max(Fraction(0), 1 - sum(missed))

    def apart(self) -> bool:
        """No random neuron can match two targets."""
        return not any(self._all_of(pair) for pair in combinations(self.targets, 2))

    def plain(self) -> dict[str, Any]:
        """In JSON's terms."""
        targets = [[str(a) for a in target] for target in self.targets]
        return {"targets": targets, "error": str(self.error), "width": self.width}

    @staticmethod
    def of(stored: Mapping[str, Any]) -> Layer:
        """From ``plain``."""
        targets = tuple(tuple(map(Fraction, target)) for target in stored["targets"])
        return Layer(targets, Fraction(stored["error"]), int(stored["width"]))

    def _fewer(self, p: Fraction, i: int) -> Fraction:
        return sum((comb(self.width, j) * p**j * (1 - p) ** (self.width - j) for j in range(i)), Fraction(0))

    def _all_of(self, targets: tuple[Numbers, ...]) -> Fraction:
        """That one random neuron matches all of these."""
        chance = Fraction(1)
        for values in zip(*targets, strict=True):
            low, high = max(-1, max(values) - self.error), min(1, min(values) + self.error)
            chance *= max(Fraction(0), high - low) / 2
        return chance

    def _patterns(self) -> dict[frozenset[int], Fraction]:
        """That a random neuron matches these targets and no other."""
        n = len(self.targets)
        sets = [frozenset(s) for size in range(n + 1) for s in combinations(range(n), size)]
        least = {s: self._all_of(tuple(self.targets[i] for i in s)) if s else Fraction(1) for s in sets}
        return {s: sum((-1) ** len(t - s) * least[t] for t in sets if s <= t) for s in sets}

    def _distinct(self, found: Mapping[frozenset[int], int]) -> bool:
        """Hall: any set of targets is matched by as many neurons at least."""
        n = len(self.targets)
        return all(
            sum(count for pattern, count in found.items() if pattern & set(wanted)) >= size
            for size in range(1, n + 1)
            for wanted in combinations(range(n), size)
        )


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    if parts == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


def layers(widths: tuple[int, ...], apart: bool = False) -> list[Layer]:
    """Two and three targets with one and two parameters, equal, near, apart; each with every width."""
    f = Fraction
    cases = [
        ((f(0),), (f(0),)),
        ((f(0),), (f(1, 20),)),
        ((f(1, 2),), (f(-1, 2),)),
        ((f(0), f(1, 4)), (f(0), f(1, 4))),
        ((f(0), f(1, 4)), (f(1, 10), f(1, 4))),
        ((f(0),), (f(0),), (f(1, 10),)),
    ]
    found = [Layer(targets, e, n) for n in widths for e in (f(1, 10), f(2, 5)) for targets in cases]
    return [layer for layer in found if layer.apart()] if apart else found
