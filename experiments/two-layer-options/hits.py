"""Options whose law is a probability: fewest items, perturbed and quantised weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import slt
from slt import laws, plots
from slt.constructions import FewestItems, Perturbation, TwoLayerSum
from slt.records import Record
from slt.runner import Config
from slt.weights import Uniform

from .option import WEIGHT, Option, curves, differences, median, share, tickets

HALF_A_STEP = 2.0**-24  # of the lattice of the weights: as near as a perturbed sum is brought


class Fewest(Option):
    name = "fewest items"
    title = "as few units as the tolerance allows (P27)"
    law = "P27, slt.laws.fewest_items_tail"

    def units(self, config: Config) -> list[dict[str, Any]]:
        shared = {"width": config["width"], "tolerance": config["tolerance"]}
        return [self.shared(config, n=n, **shared) for n in config["n"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        n = unit["n"]
        found = tickets(
            unit, TwoLayerSum(selection=FewestItems()), width=unit["width"], max_items=n, tolerance=unit["tolerance"]
        )
        kept = np.array([t.findings.kept if t is not None and not t.findings.missed else np.inf for t in found])
        tail = laws.fewest_items_tail(unit["tolerance"], n, WEIGHT, laws.UNIFORM_PRODUCT)
        sizes = range(1, min(n, 9))
        return {
            "sizes": list(sizes),
            "measured": [share(list(kept <= k)) for k in sizes],
            "law": [float(1 - tail[k]) for k in sizes],
            "median": median(kept.tolist()),
        }

    def legend(self, unit: Config) -> str:
        return f"n = {unit['n']}"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        axes.set_xlabel(plots.axis_label("k", "units"))
        axes.set_ylabel(plots.axis_label("P(at most k units suffice)", "1", "measured"))
        for record in records:
            unit, result = record["config"], record["result"]
            plots.curve_with_band(axes, result["sizes"], *np.array(result["measured"]).T, label=self.legend(unit))
            plots.predicted(axes, result["sizes"], result["law"], "law" if record is records[-1] else "_")
        plots.legend(axes)

    def lines(self, records: Sequence[Record]) -> list[str]:
        medians = ", ".join(f"{r['result']['median'][0]:g} of {r['config']['n']}" for r in records)
        return [
            *differences(self, records),
            f"  median number of units within {records[0]['config']['tolerance']:g}: {medians}",
        ]


class Perturbed(Option):
    name = "perturbed"
    title = "units needed, weights moved by eps (P19)"
    law = "P19, slt.laws.needed_perturbed_items; without moves slt.laws.needed_items"

    def units(self, config: Config) -> list[dict[str, Any]]:
        shared = {"width": config["width"], "slacks": config["slacks"], "most": config["most"]}
        return [self.shared(config, moved=moved, **shared) for moved in (True, False)]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        seen, law = [], []
        for eps in unit["slacks"]:
            if unit["moved"]:
                needed = self._needed(unit, eps)
                # a product u v gives way by |u| eps, on average half of it
                law.append(laws.needed_perturbed_items(0.5, 0.0, eps / 2, WEIGHT, laws.UNIFORM_PRODUCT))
            else:
                found = tickets(unit, TwoLayerSum(), width=unit["width"], tolerance=eps)
                needed = [_used(ticket) for ticket in found]
                law.append(laws.needed_items(eps, 0.5, WEIGHT, laws.UNIFORM_PRODUCT))
            seen.append(median(needed))
        return {"measured": seen, "law": law}

    @staticmethod
    def _needed(unit: Config, eps: float) -> list[float]:
        """For every seed the least n whose first n usable units meet the weight, moved: as sums of a prefix are sums
        of a longer one, n can be halved in on."""
        construction = TwoLayerSum(perturbation=Perturbation(absolute=eps))
        low = np.zeros(unit["seeds"], dtype=np.int64)
        high = np.full(unit["seeds"], unit["most"] + 1)
        while np.any(high - low > 1):
            middle = (low + high) // 2
            for i in np.flatnonzero(high - low > 1).tolist():
                one = {**unit, "seeds": 1, "start": i}
                (ticket,) = _one(one, construction, width=unit["width"], max_items=int(middle[i]))
                hit = ticket is not None and ticket.residuals().errors.item() <= HALF_A_STEP
                low[i], high[i] = (low[i], middle[i]) if hit else (middle[i], high[i])
        return np.where(high > unit["most"], np.inf, high).tolist()

    def legend(self, unit: Config) -> str:
        return "met within 2^-24, each weight moved by up to eps" if unit["moved"] else "within eps, nothing moved"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        axes.set_xscale("log")
        axes.invert_xaxis()
        axes.set_xlabel(plots.axis_label("eps", "1"))
        axes.set_ylabel(plots.axis_label("median needed, measured", "usable units"))
        curves(axes, self, records, lambda unit: unit["slacks"])

    def lines(self, records: Sequence[Record]) -> list[str]:
        lines = []
        needed = {}
        for record in records:
            unit, result = record["config"], record["result"]
            needed[unit["moved"]] = [m[0] for m in result["measured"]]
            pairs = ", ".join(
                f"{eps:g} {m[0]:g} ({told})"
                for eps, m, told in zip(unit["slacks"], result["measured"], result["law"], strict=True)
            )
            lines.append(f"  {self.legend(unit)}: median number of units, law in brackets: {pairs}")
        if len(needed) == 2:
            saved = np.array(needed[False]) - np.array(needed[True])
            lines.append(f"  moves save {saved.min():g} to {saved.max():g} units beside plain sums within eps")
        return lines


class Quantised(Option):
    name = "quantised"
    title = "met exactly, weights of b bits (P20)"
    law = "P20, slt.laws.exact_hit_probability"

    def units(self, config: Config) -> list[dict[str, Any]]:
        return [self.shared(config, n=n, width=config["width"], bits=config["bits"]) for n in config["n"]]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        n, seen, law = unit["n"], [], []
        for bits in unit["bits"]:
            target = round(WEIGHT * 4**bits) / 4**bits
            found = tickets(unit, TwoLayerSum(), target, width=unit["width"], max_items=n, law=Uniform(bits))
            seen.append(share([t is not None and _exact(t) for t in found]))
            law.append(float(laws.exact_hit_probability(n, bits, target)))
        return {"measured": seen, "law": law}

    def legend(self, unit: Config) -> str:
        return f"n = {unit['n']}"

    def draw(self, axes: Any, records: Sequence[Record]) -> None:
        axes.set_xlabel(plots.axis_label("b", "bits a weight"))
        axes.set_ylabel(plots.axis_label("P(exact)", "1", "measured"))
        curves(axes, self, records, lambda unit: unit["bits"])

    def lines(self, records: Sequence[Record]) -> list[str]:
        return differences(self, records)


def _exact(ticket: slt.Ticket) -> bool:
    """In integers."""
    (part,) = ticket.residuals().parts.values()
    return int(part.branches[0].units.item()) == 0


def _used(ticket: slt.Ticket | None) -> float:
    """How many usable units the needed width holds."""
    if ticket is None or ticket.findings.needed_width is None:
        return np.inf
    source = ticket.source_network
    (part,) = source.distinct_parts.values()
    return float(np.count_nonzero(source.first(part)[0, : ticket.findings.needed_width] > 0))


def _one(unit: Config, construction: Any, **request: Any) -> Any:
    """The ticket of one seed."""
    model = slt.Target.from_arrays([[[WEIGHT]]])
    key = slt.Key(unit["seed"]) / "two-layer-options" / str(unit["start"])
    return (slt.find_ticket(model, seed=key, inputs=slt.Box(0.0, 1.0), construction=construction, **request),)
