"""Learning rates over time, as factors of the first."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from slt.search.moment import Moment


class Rate(ABC):
    """What the learning rate is multiplied by."""

    @abstractmethod
    def factor(self, moment: Moment) -> float:
        """For the step of this moment."""


@final
@dataclass(frozen=True)
class ConstantRate(Rate):
    """1."""

    def factor(self, moment: Moment) -> float:
        return 1.0


@final
@dataclass(frozen=True)
class CosineEpochs(Rate):
    """(1 + cos(pi epoch / epochs)) / 2, changed between epochs, so never 0, as edge-popup's code has it."""

    def factor(self, moment: Moment) -> float:
        return 0.5 * (1 + math.cos(math.pi * moment.epoch / moment.epochs))


@final
@dataclass(frozen=True)
class CosineSteps(Rate):
    """The same from step to step, after the share ``warm_up`` of linear growth; the last step has the factor
    ``least``."""

    warm_up: float = 0.0
    least: float = 0.0

    def factor(self, moment: Moment) -> float:
        last = max(1, moment.steps - 1)
        warm = self.warm_up * moment.steps
        if moment.step < warm:
            return (moment.step + 1) / (warm + 1)
        done = (moment.step - warm) / max(1.0, last - warm)
        return self.least + (1 - self.least) * 0.5 * (1 + math.cos(math.pi * done))


@final
@dataclass(frozen=True)
class Exponential(Rate):
    """``base`` to the power progress / ``share``, continuously (the signed supermask: 0.9 every 10 of 100 epochs)."""

    base: float = 0.9
    share: float = 0.1

    def factor(self, moment: Moment) -> float:
        return float(self.base ** (moment.progress / self.share))


@final
@dataclass(frozen=True)
class Drop(Rate):
    """1, and ``to`` from the share ``at`` of all steps on."""

    at: float = 0.88
    to: float = 0.1

    def factor(self, moment: Moment) -> float:
        return 1.0 if moment.progress < self.at else self.to
