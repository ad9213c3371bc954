"""What a method must reach for its implementation to count as sound: bands of the test accuracy, last epoch.

They were guessed from single runs with another implementation, before any run of this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from slt.records import Record


@final
@dataclass(frozen=True)
class Band:
    """The median over the seeds lies in [``low``, ``high``], at a median density of at most ``density``."""

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    low: float = 0.0
    high: float = 1.0
    density: float = 1.0

    def of(self, records: Sequence[Record]) -> list[Record]:
        """The records that it speaks of."""
        wanted = {"method": self.method, **self.settings}
        return [r for r in records if wanted == {k: r["config"].get(k) for k in wanted}]

    def holds(self, accuracy: float, density: float) -> bool:
        """Whether these medians are inside."""
        return self.low <= accuracy <= self.high and density <= self.density

    def __str__(self) -> str:
        told = ", ".join(f"{k} {v}" for k, v in self.settings.items() if v is not None)
        limits = [f"at least {self.low:.1%}"] * (self.low > 0) + [f"at most {self.high:.1%}"] * (self.high < 1)
        limits += [f"density at most {self.density:g}"] * (self.density < 1)
        return f"{self.method}{f' ({told})' if told else ''}: {', '.join(limits)}"


BANDS = (
    Band("edge-popup", {"density": 0.1, "scale": None}, low=0.973),
    Band("edge-popup", {"density": 0.1, "scale": "none"}, high=0.93),
    Band("signed-supermask", {"density": None}, low=0.97, density=0.04),
    Band("bernoulli", {"sampled": False, "pixels": "unit"}, low=0.97),
    Band("concrete", {"density": 0.1, "scale": None}, low=0.958),
)
