"""Where in a search we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Moment:
    """Step ``step`` (from 0, over all epochs) of ``epochs * steps_per_epoch``; ``training`` is False when a mask is
    read off for evaluation."""

    step: int
    steps_per_epoch: int
    epochs: int
    training: bool = True

    @property
    def epoch(self) -> int:
        """From 0."""
        return self.step // self.steps_per_epoch

    @property
    def steps(self) -> int:
        """Of the whole search."""
        return self.epochs * self.steps_per_epoch

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return self.step / max(1, self.steps)

    @property
    def starts_epoch(self) -> bool:
        return self.step % self.steps_per_epoch == 0
