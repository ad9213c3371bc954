"""The figure of the demo: one weight, all weights, all outputs, and the law."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slt import plots

if TYPE_CHECKING:
    from slt.demo import Demo


def draw(demo: Demo, path: Path) -> list[Path]:
    """Four panels; the paths of the PNG and the SVG."""
    figure, axes = plots.new_figure(2, 2, width=5.2, height=3.7)
    with plots.style():
        _one_weight(axes[0, 0], demo)
        _all_weights(axes[0, 1], demo)
        _outputs(axes[1, 0], demo)
        _law(axes[1, 1], demo)
    return plots.save(figure, path)


def _one_weight(axes: Any, demo: Demo) -> None:
    """The products that could serve one weight of the first layer, and the few that are summed."""
    source: Any = demo.ticket.source_network
    part = source.distinct_parts["layer 0/weight"]
    wanted = demo.ticket.residuals().parts[part.name].wanted
    kept = demo.ticket.mask[part.name].unpack()
    # a weight that takes four products: few enough to see, enough to be a sum
    few = kept.sum(axis=2) == min(4, int(kept.sum(axis=2).max()))
    r, j = np.unravel_index(np.argmax(np.where(few, np.abs(wanted), -1.0)), wanted.shape)
    products = (source.second(part, slice(r, r + 1))[0, j] * source.first(part)[j]) / 2.0 ** (2 * source.law.exponent)
    usable = source.first(part)[j] > 0
    units = np.arange(source.width)
    axes.vlines(units[usable], 0, products[usable], color=plots.GREY, linewidth=1, label="random products, unused")
    taken = kept[r, j]
    axes.vlines(units[taken], 0, products[taken], color=plots.PALETTE[0], linewidth=3, label="kept by the mask")
    total = products[taken].sum()
    axes.axhline(wanted[r, j], color=plots.PALETTE[1], linestyle="--", label=f"trained weight {wanted[r, j]:.4f}")
    axes.plot([source.width + 1], [total], "o", color=plots.PALETTE[0], clip_on=False, label=f"their sum {total:.4f}")
    axes.set_title(f"one weight: hidden unit {r}, pixel {j}")
    axes.set_xlabel(plots.axis_label("random hidden unit of the pixel", "index"))
    axes.set_ylabel(plots.axis_label("product of two random weights", "1"))
    axes.set_ylim(top=max(products[usable].max(), wanted[r, j], 0.1) * 1.7)
    axes.legend(fontsize=8, ncols=2, loc="upper center")


def _all_weights(axes: Any, demo: Demo) -> None:
    errors = np.maximum(demo.errors, 1e-12)
    axes.hist(errors, bins=np.geomspace(demo.tolerance * 1e-4, demo.tolerance, 61), color=plots.PALETTE[0], log=True)
    axes.axvline(demo.tolerance, color=plots.PALETTE[1], linestyle="--", label=f"tolerance {demo.tolerance:g}")
    axes.set_xscale("log")
    axes.set_xlim(demo.tolerance * 1e-4, demo.tolerance * 3)
    axes.set_title(f"all {errors.size:,} weights: {demo.missed} beyond the tolerance")
    axes.set_xlabel(plots.axis_label("|ticket weight - target weight|", "1", "exact"))
    axes.set_ylabel("weights (count a bin)")
    axes.legend(loc="upper left")


def _outputs(axes: Any, demo: Demo) -> None:
    target, ticket = (x.ravel() for x in demo.logits)
    axes.hist2d(target, ticket, bins=160, norm="log", cmap="cividis", rasterized=True)
    ends = [min(target.min(), ticket.min()), max(target.max(), ticket.max())]
    axes.plot(ends, ends, color=plots.PALETTE[1], linestyle="--", linewidth=1, label="equal")
    axes.set_title(f"test outputs; accuracy {demo.ticket_accuracy:.2%} (target {demo.target_accuracy:.2%})")
    axes.set_xlabel(plots.axis_label("output of the trained target", "1"))
    axes.set_ylabel(plots.axis_label("of the pruned random network", "1"))
    axes.legend(loc="upper left")


def _law(axes: Any, demo: Demo) -> None:
    plots.predicted(axes, demo.law_widths, demo.law_no_miss, "law: chance that no weight is missed")
    needed = demo.ticket.findings.needed_width
    if needed is not None:
        axes.axvline(needed, color=plots.PALETTE[0], label=f"this seed: {needed} units, none missed")
    axes.set_ylim(0, 1.02)
    axes.set_title("how wide must it be?")
    axes.set_xlabel(plots.axis_label("width", "hidden units a coordinate"))
    axes.set_ylabel(plots.axis_label("probability", "1", "predicted"))
    axes.legend(loc="lower right", fontsize=8)
