"""Random transformers without normalisation, pruned to stacks of one to four blocks: error against width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import slt
from slt import laws, plots
from slt.collapsed_transformer import CollapsedTransformer
from slt.errors import NoUsableItemError
from slt.records import Record
from slt.runner import Config, Experiment
from slt.scoring.transformer import block_spreads
from slt.transformer_target import TransformerTarget

from .networks import gains, predicted_errors, sequences, transformer

DOMAIN = slt.Ball(1.0)
PROBABILITIES = (0.1, 0.5, 0.9)
MEDIAN = 1
LEVEL = 0.95
WIDE = 40  # from here on four blocks are out of the reach-limited widths
MEASURES = ("attention", "feed_forward", "sampled", "certified")
LABELS = {
    "attention": "largest residual, attention",
    "feed_forward": "largest residual, feed-forward",
    "sampled": "output error, sampled",
    "certified": "output error, certified",
}

Array = npt.NDArray[np.float64]


class TransformerLaw(Experiment):
    name = "transformer-law"
    claim = (
        "A pruned random transformer without normalisation comes nearer to its target by one bit for every two units "
        "of width, -ln 2 / (2 d) in n = d * width, once no weight is out of reach: the feed-forward sums decide. The "
        "slope is the same for one to four blocks, whose number shows in the factor alone."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "seeds": 200,
        "certified_seeds": 50,
        "dimensions": [2, 3],
        "blocks": 4,
        "widths": [12, 16, 20, 24, 32, 40, 48, 56, 64],
        "max_items": 32,
        "sequences": 16,
        "tokens": 8,
        "draws": 4000,
    }
    smoke_config: ClassVar[Config] = {
        "seeds": 6,
        "certified_seeds": 6,
        "dimensions": [2],
        "blocks": 2,
        "widths": [12, 16, 20],
        "max_items": 16,
        "sequences": 3,
        "tokens": 4,
        "draws": 200,
    }

    def units(self, config: Config) -> Sequence[Config]:
        names = ("seed", "seeds", "certified_seeds", "blocks", "max_items", "sequences", "tokens", "draws")
        shared = {name: config[name] for name in names}
        return [{"d": d, "width": w, **shared} for d in config["dimensions"] for w in config["widths"]]

    def measure(self, unit: Config) -> dict[str, Any]:
        """Quantiles over source seeds with bands of level 0.95, a row for each number of blocks.

        attention, feed_forward: the largest residual of such a sum, exact; sampled: the largest Euclidean error of an
        output token at fixed sequences; certified: over all sequences in the unit ball, for the first
        ``certified_seeds`` sources. Tickets of fewer blocks are the first blocks of one ticket. A source without a unit
        of the right sign for some coordinate makes no ticket: its errors count as infinite.
        """
        key = slt.Key(unit["seed"]) / self.name
        target = transformer(unit["d"], unit["blocks"], key / "target")
        x = sequences(unit["d"], unit["sequences"], unit["tokens"], DOMAIN.radius, key / "sequences")
        certified = unit["certified_seeds"]
        table = np.array(
            [_errors(_ticket(unit, target, seed), target, x, seed < certified) for seed in range(unit["seeds"])]
        )
        stacks = [TransformerTarget(target.blocks[:b]) for b in range(1, unit["blocks"] + 1)]
        law = [
            np.quantile(
                predicted_errors(s, gains(s, x), unit["width"], unit["max_items"], unit["draws"]), PROBABILITIES
            )
            for s in stacks
        ]
        return {
            **{m: [_bands(table[:, b, i]) for b in range(unit["blocks"])] for i, m in enumerate(MEASURES[:3])},
            "certified": [_bands(table[:certified, b, 3]) for b in range(unit["blocks"])],
            "certified_below_sampled": int(np.count_nonzero(table[:certified, :, 3] < table[:certified, :, 2])),
            "without_ticket": int(np.count_nonzero(np.isinf(table[:, 0, 0]))),
            "law": np.array(law).tolist(),
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*_draw_errors(records, folder), *_draw_parts(records, folder)]

    def summary(self, records: Sequence[Record]) -> str:
        wrong = sum(r["result"]["certified_below_sampled"] for r in records)
        none = sum(r["result"]["without_ticket"] for r in records)
        seeds = max(r["config"]["seeds"] for r in records)
        lines = [
            f"{seeds} source seeds a width; {none} sources had no ticket; the certified error was below the sampled "
            f"one {wrong} times"
        ]
        for d in _dimensions(records):
            lines += _slope_text(records, d)
        return "\n".join(lines)


def _ticket(unit: Config, target: TransformerTarget, seed: int) -> slt.Ticket | None:
    """The ticket in one source; None if that has no unit of the right sign somewhere."""
    try:
        return slt.find_ticket(
            target,
            width=unit["width"],
            seed=slt.Key(unit["seed"]) / TransformerLaw.name / f"source {seed}",
            inputs=DOMAIN,
            max_items=unit["max_items"],
        )
    except NoUsableItemError:
        return None


def _errors(ticket: slt.Ticket | None, target: TransformerTarget, x: Array, certify: bool) -> Array:
    """(blocks, ``MEASURES``) of one ticket and of the first blocks of it, infinite where there is none, NaN where no
    error is certified."""
    blocks = len(target.blocks)
    if ticket is None:
        return np.full((blocks, len(MEASURES)), np.inf)
    collapsed, residuals = ticket.collapsed(), ticket.residuals()
    spreads = block_spreads(collapsed, target, DOMAIN) if certify else None
    found = np.zeros((blocks, len(MEASURES)))
    for b in range(blocks):
        first = CollapsedTransformer(collapsed.blocks[: b + 1])
        sampled = slt.sampled(first, TransformerTarget(target.blocks[: b + 1]), x, order=2)
        names = ("attention", "feed-forward")
        largest = [_largest(residuals, f"block {b}/{name}/") for name in names]
        before = found[b - 1, :2] if b else np.zeros(2)
        found[b] = [*np.maximum(before, largest), sampled.value, spreads[b + 1].apart if spreads else np.nan]
    return found


def _largest(residuals: Any, prefix: str) -> float:
    parts = [part for name, part in residuals.parts.items() if name.startswith(prefix)]
    return max(float(np.nanmax(np.abs(branch.residual))) for part in parts for branch in part.branches)


def _bands(sample: Array) -> list[list[float]]:
    found = [laws.quantile_band(sample, p, LEVEL) for p in PROBABILITIES]
    return [[b.estimate, b.low, b.high] for b in found]


def _dimensions(records: Sequence[Record]) -> list[int]:
    return sorted({r["config"]["d"] for r in records})


def _compared(records: Sequence[Record], d: int) -> tuple[Array, dict[str, Array], Array]:
    """widths (W,); by measure (W, blocks, 3 quantiles, 3: estimate, low, high); the law (W, blocks, 3 quantiles)."""
    case = sorted((r for r in records if r["config"]["d"] == d), key=lambda r: r["config"]["width"])
    width = np.array([r["config"]["width"] for r in case], dtype=np.float64)
    measured = {name: np.array([r["result"][name] for r in case], dtype=np.float64) for name in MEASURES}
    return width, measured, np.array([r["result"]["law"] for r in case], dtype=np.float64)


def _slope(width: Array, error: Array) -> float:
    """Bits a unit of width, by least squares."""
    return float(np.polyfit(width, np.log2(error), 1)[0])


def _slope_text(records: Sequence[Record], d: int) -> list[str]:
    width, measured, law = _compared(records, d)
    wide = width >= WIDE if np.count_nonzero(width >= WIDE) > 1 else np.ones(len(width), dtype=bool)
    lines = [
        f"d {d}, slopes of medians in bits a unit of width (times ln 2 / {d} for nats a unit of n), asymptote -0.500",
        f"  widths {width[wide][0]:g}..{width[-1]:g}, and all of {width[0]:g}..{width[-1]:g} in brackets:",
    ]
    for b in range(law.shape[1]):
        parts = []
        for name in ("sampled", "certified"):
            median = measured[name][:, b, MEDIAN, 0]
            parts.append(f"{name} {_slope(width[wide], median[wide]):+.3f} ({_slope(width, median):+.3f})")
        told = law[:, b, MEDIAN]
        parts.insert(1, f"law {_slope(width[wide], told[wide]):+.3f} ({_slope(width, told):+.3f})")
        ratio = measured["sampled"][:, b, MEDIAN, 0] / told
        bands = measured["sampled"][:, b, MEDIAN]
        held = np.count_nonzero((bands[:, 1] <= told) & (told <= bands[:, 2]))
        loose = measured["certified"][:, b, MEDIAN, 0] / measured["sampled"][:, b, MEDIAN, 0]
        lines.append(
            f"  B = {b + 1}: {', '.join(parts)}; sampled / law {ratio.min():.2f}..{ratio.max():.2f}, the law in {held} "
            f"of {len(width)} bands; certified / sampled {loose.min():.1f}..{loose.max():.1f}"
        )
    last = measured["sampled"][-1, :, MEDIAN, 0]
    told = ", ".join(f"{e:.2g}" for e in last)
    lines.append(
        f"  sampled error at width {width[-1]:g} for B = 1..{len(last)}: {told}; the factor of B is {_times(last)}"
    )
    return lines


def _times(error: Array) -> str:
    return ", ".join(f"{e / error[0]:.2f}" for e in error)


def _draw_errors(records: Sequence[Record], folder: Path) -> list[Path]:
    dimensions = _dimensions(records)
    figure, axes = plots.new_figure(1, len(dimensions), width=4.6, height=4.6)
    for panel, d in zip(axes[0], dimensions, strict=True):
        width, measured, law = _compared(records, d)
        for b in range(law.shape[1]):
            plots.curve_with_band(panel, width, *measured["sampled"][:, b, MEDIAN].T, label=f"B = {b + 1}")
            plots.predicted(panel, width, law[:, b, MEDIAN], "law" if b == 0 else "_")
        end = measured["sampled"][-1, 0, MEDIAN, 0] / 2
        plots.predicted(panel, width, end * 2.0 ** ((width[-1] - width) / 2), "one bit for two units", ":")
        plots.log2_axis(panel)
        panel.set_title(f"tokens of {d} coordinates")
        panel.set_xlabel(plots.axis_label("width", f"units a coordinate, n / {d}"))
        panel.set_ylabel(plots.axis_label("median output error", "output", "sampled"))
    plots.legend_below(figure, axes[0, 0], columns=3)
    return plots.save(figure, folder / "errors")


def _draw_parts(records: Sequence[Record], folder: Path) -> list[Path]:
    """The whole stack: residuals of both kinds, sampled and certified errors."""
    dimensions = _dimensions(records)
    figure, axes = plots.new_figure(1, len(dimensions), width=4.6, height=4.6)
    for panel, d in zip(axes[0], dimensions, strict=True):
        width, measured, _ = _compared(records, d)
        for name in ("certified", "sampled", "feed_forward", "attention"):
            plots.curve_with_band(panel, width, *measured[name][:, -1, MEDIAN].T, label=LABELS[name])
        plots.log2_axis(panel)
        panel.set_title(f"{measured['sampled'].shape[1]} blocks, tokens of {d} coordinates")
        panel.set_xlabel(plots.axis_label("width", f"units a coordinate, n / {d}"))
        panel.set_ylabel(plots.axis_label("median error", "output or weight"))
    plots.legend_below(figure, axes[0, 0], columns=2)
    return plots.save(figure, folder / "parts")


EXPERIMENT = TransformerLaw()
