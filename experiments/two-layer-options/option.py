"""What the options have in common: tickets of one weight, quantiles and shares over seeds with exact bands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.constructions import Construction
from slt.errors import NoUsableItemError
from slt.laws.tails import error_at
from slt.records import Record
from slt.runner import Config

Array = npt.NDArray[np.float64]
WEIGHT = 0.3
LEVEL = 0.95
POSITIVE = slt.Box(0.0, 1.0)  # one sign of the input, so that one sum serves the weight


class Option(ABC):
    """One option of the two-layer construction: its units, its measurement and its panel."""

    name: ClassVar[str]
    title: ClassVar[str]
    law: ClassVar[str]
    """The prediction and its function."""

    @abstractmethod
    def units(self, config: Config) -> list[dict[str, Any]]:
        """Flat configurations, one for each curve."""

    @abstractmethod
    def measure(self, unit: Config) -> Mapping[str, Any]:
        """The curve: ``measured``, [estimate, low, high] for each x, and ``law``, a number for each."""

    @abstractmethod
    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        """The panel."""

    @abstractmethod
    def lines(self, records: Sequence[Record]) -> list[str]:
        """The summary."""

    def legend(self, unit: Config) -> str:
        """How a curve is called."""
        return self.name

    def shared(self, config: Config, **others: Any) -> dict[str, Any]:
        return {"option": self.name, "seed": config["seed"], "seeds": config["seeds"], **others}


def tickets(
    unit: Config, construction: Construction, target: float = WEIGHT, **request: Any
) -> Iterator[slt.Ticket | None]:
    """The tickets of one weight, a source for each seed; None where a source has no unit of the right sign. The first
    of every point is verified."""
    model = slt.Target.from_arrays([[[target]]])
    for i in range(unit["seeds"]):
        key = slt.Key(unit["seed"]) / "two-layer-options" / str(i)
        try:
            ticket = slt.find_ticket(model, seed=key, inputs=POSITIVE, construction=construction, **request)
        except NoUsableItemError:
            yield None
            continue
        if i == 0:
            ticket.verify()
        yield ticket


def error_of(ticket: slt.Ticket | None) -> float:
    """Without a ticket nothing can be kept: the weight itself is missed."""
    return WEIGHT if ticket is None else float(ticket.residuals().errors.item())


def median(values: Sequence[float]) -> list[float]:
    band = laws.quantile_band(values, 0.5, LEVEL)
    return [band.estimate, band.low, band.high]


def share(hits: Sequence[bool]) -> list[float]:
    band = laws.proportion_band(int(np.count_nonzero(hits)), len(hits), LEVEL)
    return [band.estimate, band.low, band.high]


def median_of(tail: Callable[[Array], Array]) -> float:
    """The error at which a tail is 1/2."""
    return float(error_at(tail, 0.5, 1e-12, 10.0))


def curves(axes: Any, option: Option, records: Sequence[Record], xs: Callable[[Config], Any], law: str = "law") -> None:
    """Every measured curve with its band, and its law."""
    for record in records:
        unit, result = record["config"], record["result"]
        x, seen = np.asarray(xs(unit), dtype=np.float64), np.array(result["measured"])
        plots.curve_with_band(axes, x, *seen.T, label=option.legend(unit))
        plots.predicted(axes, x, result["law"], law if record is records[-1] else "_")
    plots.legend(axes)


def ratios(option: Option, records: Sequence[Record]) -> list[str]:
    """Measured over law, and how many bands hold the law, for each curve."""
    lines = []
    for record in records:
        seen, law = np.array(record["result"]["measured"]), np.array(record["result"]["law"])
        held = int(np.count_nonzero((seen[:, 1] <= law) & (law <= seen[:, 2])))
        ratio = seen[:, 0] / law
        lines.append(
            f"  {option.legend(record['config'])}: measured / law {ratio.min():.2f}..{ratio.max():.2f}, "
            f"law in {held} of {len(law)} bands"
        )
    return lines


def differences(option: Option, records: Sequence[Record]) -> list[str]:
    """The same for shares."""
    lines = []
    for record in records:
        seen, law = np.array(record["result"]["measured"]), np.array(record["result"]["law"])
        held = int(np.count_nonzero((seen[:, 1] <= law) & (law <= seen[:, 2])))
        off = seen[:, 0] - law
        lines.append(
            f"  {option.legend(record['config'])}: measured - law {off.min():+.3f}..{off.max():+.3f}, "
            f"law in {held} of {len(law)} bands"
        )
    return lines
