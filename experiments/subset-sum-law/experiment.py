"""The error of the best subset against the number of items, and its tail, beside the laws of random subset sums."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from slt import plots
from slt.laws.item_laws import UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.needed_width import proportion_band, quantile_band
from slt.laws.random_subset_sum import (
    average_miss_probability,
    error_quantile,
    geometric_mean_error,
    miss_probability,
    mixture_tail,
    near_zero_tail,
)
from slt.laws.reach import reach_tail
from slt.records import Record
from slt.runner import Config, Experiment
from slt.subset_sum import solve
from slt.weights import Key, Uniform

LATTICE = 52
LAWS: dict[str, ItemLaw] = {"uniform": UNIFORM, "product": UNIFORM_PRODUCT}
NAMES = {"uniform": "uniform items", "product": "products of two uniforms"}
PROBABILITIES = (0.1, 0.5, 0.9, 0.99)
LEVEL = 0.99
FEWEST = 10  # below, the summary reports the ratios apart
ENOUGH = 16  # from here on it counts the bands that hold the law

Array = npt.NDArray[np.float64]


class SubsetSumLaw(Experiment):
    name = "subset-sum-law"
    claim = (
        "The error of the best of all 2^n subsets of n random items falls like sqrt(n) 2^-n: its geometric mean (P1), "
        "its quantiles (P2) and its tail (P4, P5, mixture) follow the laws of slt.laws without a fitted constant."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "items": ["uniform", "product"],
        "targets": [0.05, 0.5, 1.0],
        "uniform_targets": True,
        "sizes": [4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28],
        "draws": 20000,
    }
    smoke_config: ClassVar[Config] = {"sizes": [4, 10, 14], "draws": 2000, "targets": [0.5]}

    def units(self, config: Config) -> Sequence[Config]:
        targets = [*config["targets"], *([None] if config["uniform_targets"] else [])]
        return [
            {"items": items, "target": target, "n": n, "draws": config["draws"], "seed": config["seed"]}
            for items in config["items"]
            for target in targets
            for n in config["sizes"]
        ]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles and geometric mean of the errors, with bands of level 0.99, and how many errors exceed 2^(k - n).

        Items are the first n of one sequence for each draw, so sizes and targets share their draws.
        """
        n, draws = unit["n"], unit["draws"]
        key = Key(unit["seed"]) / self.name / unit["items"]
        target = _targets(key, unit["target"], draws)
        error = solve(_items(key, unit["items"], draws, n), target, lattice=LATTICE).error
        # an exact hit counts as half a step of the lattice, so that logarithms stay finite
        logs = np.log(np.maximum(error, 2.0 ** -(LATTICE + 1)))
        half = float(2.5758293035489004 * logs.std(ddof=1) / np.sqrt(draws))
        centre = float(logs.mean())
        limits = np.exp2(np.arange(-4.0, n + 1) - n)
        return {
            "quantiles": [_band(error, p) for p in PROBABILITIES],
            "geometric_mean": [float(np.exp(centre + side * half)) for side in (0, -1, 1)],
            "exact_hits": int(np.count_nonzero(error == 0)),
            "beyond": [[float(t), int(np.count_nonzero(error > t))] for t in limits],
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*_draw_quantiles(records, folder), *_draw_ratios(records, folder), *_draw_tails(records, folder)]

    def summary(self, records: Sequence[Record]) -> str:
        lines = [f"measured / predicted, over n; {_size_text(records)}"]
        for items, target in _cases(records):
            n, measured, law = _compared(records, items, target)
            ratio = measured[:, :, 0] / law
            for few, text in ((True, f"n < {FEWEST}"), (False, f"n >= {FEWEST}")):
                here = (n < FEWEST) == few
                if here.any():
                    ranges = [
                        f"{name} {ratio[here, i].min():.3f}..{ratio[here, i].max():.3f}"
                        for i, name in enumerate(_QUANTITIES)
                    ]
                    lines.append(f"{NAMES[items]}, {_target_text(target)}, {text}: " + ", ".join(ranges))
        return "\n".join([*lines, _verdict(records), *_tail_text(records), _held_text(records)])


_QUANTITIES = ("geometric mean", "10 %", "median", "90 %", "99 %")


def _items(key: Key, items: str, draws: int, n: int) -> npt.NDArray[np.int64]:
    """Integers over 2**52, shape (draws, n): uniform, or the exact products of two uniforms over 2**26."""
    if items == "uniform":
        return Uniform(LATTICE).draw(key / "items", (draws, 1, n))[:, 0]
    first, second = (
        Uniform(LATTICE // 2).draw(key / name, (draws, 1, n))[:, 0].astype(np.int64) for name in ("first", "second")
    )
    return np.asarray(first * second)


def _targets(key: Key, target: float | None, draws: int) -> npt.NDArray[np.int64]:
    """Integers over 2**52, shape (draws,): uniform on (-1, 1) for None."""
    if target is None:
        return Uniform(LATTICE).draw(key / "targets", (draws, 1, 1))[:, 0, 0]
    return np.full(draws, round(target * 2**LATTICE), dtype=np.int64)


def _band(error: Array, probability: float) -> list[float]:
    band = quantile_band(error, probability, LEVEL)
    return [band.estimate, band.low, band.high]


def _cases(records: Sequence[Record]) -> list[tuple[str, float | None]]:
    return list(dict.fromkeys((r["config"]["items"], r["config"]["target"]) for r in records))


def _of(records: Sequence[Record], items: str, target: float | None) -> list[Record]:
    """The records of one case, in the order of n."""
    found = [r for r in records if (r["config"]["items"], r["config"]["target"]) == (items, target)]
    return sorted(found, key=lambda r: r["config"]["n"])


def _compared(
    records: Sequence[Record], items: str, target: float | None
) -> tuple[npt.NDArray[np.int64], Array, Array]:
    """n (S,); measured (S, 5, 3): estimate, low, high of ``_QUANTITIES``; the law's (S, 5)."""
    case = _of(records, items, target)
    n = np.array([r["config"]["n"] for r in case])
    measured = np.array([[r["result"]["geometric_mean"], *r["result"]["quantiles"]] for r in case])
    return n, measured, _predicted(items, target, tuple(n.tolist()))


@cache
def _predicted(items: str, target: float | None, sizes: tuple[int, ...]) -> Array:
    """What the laws say about ``_QUANTITIES``, shape (S, 5)."""
    n, law = np.array(sizes), LAWS[items]
    # P1 holds the square of the target in the exponent, whose mean over uniform targets is 1/3
    mean = geometric_mean_error(n, np.sqrt(1 / 3) if target is None else target, law)
    return np.column_stack([mean, *(_law_quantile(p, n, target, law) for p in PROBABILITIES)])


def _law_quantile(probability: float, n: npt.NDArray[np.int64], target: float | None, law: ItemLaw) -> Array:
    """P2 at a target, or for targets uniform on [-1, 1]: the error whose average chance of a miss is the rest."""
    if target is not None:
        return error_quantile(probability, n, target, law)
    low, high = np.full(n.shape, -60.0), np.zeros(n.shape)
    for _ in range(40):
        middle = (low + high) / 2
        missing = average_miss_probability(np.exp2(middle), n, law) > 1 - probability
        low, high = np.where(missing, middle, low), np.where(missing, high, middle)
    return np.asarray(np.exp2(high))


def _target_text(target: float | None) -> str:
    return "uniform targets" if target is None else f"target {target:g}"


def _size_text(records: Sequence[Record]) -> str:
    draws = sorted({r["config"]["draws"] for r in records})
    return f"{' or '.join(f'{d:,}' for d in draws)} draws, bands of level {LEVEL}"


def _verdict(records: Sequence[Record]) -> str:
    """How far the laws are off at worst, from ``FEWEST`` items on, and where."""
    parts = []
    for i, name in enumerate(_QUANTITIES):
        worst, where = 0.0, ""
        for items, target in _cases(records):
            n, measured, law = _compared(records, items, target)
            off = np.where(n >= FEWEST, np.abs(np.log(measured[:, i, 0] / law[:, i])), 0.0)
            if off.max() > worst:
                k = int(off.argmax())
                worst = float(off[k])
                where = f"{np.exp(np.log(measured[k, i, 0] / law[k, i])):.2f} ({NAMES[items]}, " + (
                    f"{_target_text(target)}, n = {n[k]})"
                )
        parts.append(f"{name} {where}")
    return f"farthest from 1, n >= {FEWEST}: " + "; ".join(parts)


def _held_text(records: Sequence[Record]) -> str:
    """How many bands hold the law, by item law and quantity."""
    parts = []
    for items in dict.fromkeys(items for items, _ in _cases(records)):
        held = []
        for target in [target for kind, target in _cases(records) if kind == items]:
            n, measured, law = _compared(records, items, target)
            inside = (measured[:, :, 1] <= law) & (law <= measured[:, :, 2])
            held.append(inside[n >= ENOUGH])
        table = np.concatenate(held)
        counts = [f"{name} {int(table[:, i].sum())}" for i, name in enumerate(_QUANTITIES)]
        parts.append(f"{NAMES[items]}: {', '.join(counts)} of {len(table)}")
    return f"bands of level {LEVEL} that hold the law, n >= {ENOUGH}, all targets: " + "; ".join(parts)


def _tail_text(records: Sequence[Record]) -> list[str]:
    """Measured over predicted P(error > t) for fixed targets, by size of the proportion; 100 draws beyond t at least.

    Beside the quantiles, since these leap where the reach makes the tail flat: there a small error of the law in
    probability is a large one in the quantile.
    """
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for record in records:
        case = record["config"]
        if case["target"] is None or case["n"] < FEWEST:
            continue
        t, counts = np.array([row for row in record["result"]["beyond"] if row[1] >= 100]).T
        law = miss_probability(t, case["n"], case["target"], LAWS[case["items"]])
        for often in (True, False):
            here = (counts > case["draws"] / 2) == often
            ratios[often] += (counts[here] / case["draws"] / law[here]).tolist()
    return [
        f"P(error > t) measured / predicted, n >= {FEWEST}, {text} 1/2: {min(found):.2f}..{max(found):.2f}, "
        f"middle half {np.quantile(found, 0.25):.3f}..{np.quantile(found, 0.75):.3f} of {len(found)}"
        for often, text in ((True, "above"), (False, "up to"))
        if (found := ratios[often])
    ]


def _draw_quantiles(records: Sequence[Record], folder: Path) -> list[Path]:
    """Quantiles of the error against n, for uniform targets or else the first target there is."""
    kinds = list(dict.fromkeys(items for items, _ in _cases(records)))
    figure, axes = plots.new_figure(1, len(kinds), width=4.2, height=3.8)
    for panel, items in zip(axes[0], kinds, strict=True):
        targets = [target for kind, target in _cases(records) if kind == items]
        target = None if None in targets else targets[0]
        n, measured, law = _compared(records, items, target)
        for i in (4, 3, 2, 1):
            plots.curve_with_band(panel, n, *measured[:, i].T, label=_QUANTITIES[i])
            plots.predicted(panel, n, law[:, i], "law (P2)" if i == 1 else "_")
        plots.log2_axis(panel)
        panel.set_title(f"{NAMES[items]},\n{_target_text(target)}")
        panel.set_xlabel(plots.axis_label("items n", "1"))
        panel.set_ylabel(plots.axis_label("error quantile, measured", "units of the items"))
        plots.legend(panel)
    return plots.save(figure, folder / "quantiles")


def _draw_ratios(records: Sequence[Record], folder: Path) -> list[Path]:
    """Measured over predicted: geometric mean, median and 99 % quantile in rows, the item laws in columns."""
    kinds = list(dict.fromkeys(items for items, _ in _cases(records)))
    figure, axes = plots.new_figure(3, len(kinds), width=4.2, height=2.5)
    rows = ((0, "geometric mean / P1"), (2, "median / P2"), (4, "99 % quantile / P2"))
    for column, items in enumerate(kinds):
        for panel, (i, name) in zip(axes[:, column], rows, strict=True):
            for target in [target for kind, target in _cases(records) if kind == items]:
                n, measured, law = _compared(records, items, target)
                ratio = measured[:, i] / law[:, i, None]
                plots.curve_with_band(panel, n, *ratio.T, label=_target_text(target))
            plots.predicted(panel, n, np.ones(n.shape), "_")
            plots.log2_axis(panel)
            panel.set_ylim(0.5, 2.0)
            panel.set_yticks([0.5, 0.7, 1.0, 1.4, 2.0], ["0.5", "0.7", "1", "1.4", "2"])
            panel.set_ylabel(plots.axis_label(name, "1"))
        axes[0, column].set_title(f"{NAMES[items]},\nmeasured / predicted")
        axes[-1, column].set_xlabel(plots.axis_label("items n", "1"))
    plots.legend_below(figure, axes[0, 0])
    return plots.save(figure, folder / "ratios")


def _draw_tails(records: Sequence[Record], folder: Path) -> list[Path]:
    """P(error > t) at the size nearest to 14, a panel for each item law and fixed target."""
    cases = [(items, target) for items, target in _cases(records) if target is not None]
    kinds = list(dict.fromkeys(items for items, _ in cases))
    if not cases:
        return []
    columns = max(sum(kind == items for kind, _ in cases) for items in kinds)
    figure, axes = plots.new_figure(len(kinds), columns, width=3.4, height=3.1)
    for row, items in enumerate(kinds):
        for panel, target in zip(axes[row], [t for kind, t in cases if kind == items], strict=False):
            record = min(_of(records, items, target), key=lambda r: abs(r["config"]["n"] - 14))
            _draw_tail(panel, record, LAWS[items], float(target))  # type: ignore[arg-type]
            panel.set_title(f"{NAMES[items]},\nn = {record['config']['n']}, {_target_text(target)}")
        axes[row, 0].set_ylabel(plots.axis_label("P(error > t)", "1"))
    for panel in axes[-1]:
        panel.set_xlabel(plots.axis_label("t", "units of the items"))
    plots.legend_below(figure, axes[0, 0])
    return plots.save(figure, folder / "tails")


def _draw_tail(panel: Any, record: Record, law: ItemLaw, target: float) -> None:
    n, draws = record["config"]["n"], record["config"]["draws"]
    seen = [(t, proportion_band(count, draws, LEVEL)) for t, count in record["result"]["beyond"] if count]
    plots.curve_with_band(
        panel,
        [t for t, _ in seen],
        [b.estimate for _, b in seen],
        [b.low for _, b in seen],
        [b.high for _, b in seen],
        label="measured",
    )
    t = np.geomspace(2.0 ** -(n + 4), 1.0, 200)
    lines = (
        ("mixture and reach", miss_probability(t, n, target, law), "--"),
        ("mixture alone", mixture_tail(t, n, target, law), "-."),
        ("reach alone (P5)", reach_tail(t, n, target, law), ":"),
        ("near 0 (P4)", near_zero_tail(t, n, law), (0, (1, 4))),
    )
    for label, chance, dashes in lines:
        plots.predicted(panel, t, np.where(chance > 0, chance, np.nan), label, dashes)
    panel.set_xscale("log", base=2)
    panel.set_yscale("log")
    panel.set_ylim(0.3 / draws, 1.5)


EXPERIMENT = SubsetSumLaw()
