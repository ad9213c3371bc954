"""Draws docs/figures/data_flow.svg: what becomes of a target, and of data (`python docs/figures/data_flow.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slt.plots import GREY, PALETTE, new_figure, save

BLUE, VERMILION, GREEN, PURPLE, _, SKY = PALETTE
FOLDER = Path(__file__).parent
HEIGHT = 0.62

BOXES = {
    # name: (x, y, width, text, small print, colour)
    "target": (0.0, 4.0, 1.5, "target", "a trained model", GREY),
    "construction": (2.1, 4.0, 1.8, "construction", "one theorem as code", BLUE),
    "problems": (4.5, 4.0, 2.1, "subset-sum problems", "integers, one a weight", BLUE),
    "solver": (7.2, 4.0, 1.6, "solver", "optimum, or a tolerance", BLUE),
    "seed": (2.1, 2.7, 1.8, "seed, weight law", "counter-based draws", BLUE),
    "source": (4.5, 2.7, 2.1, "random source", "fixed, never trained", BLUE),
    "mask": (7.2, 2.7, 1.6, "mask", "which weights stay", BLUE),
    "ticket": (9.4, 2.7, 1.7, "ticket", "source x mask, verified", BLUE),
    "data": (0.0, 1.4, 1.5, "data, model", "its architecture alone", GREY),
    "search": (2.1, 1.4, 1.8, "search", "a method, axis by axis", PURPLE),
    "scores": (4.5, 1.4, 2.1, "scores", "gradient steps on these", PURPLE),
    "reading": (7.2, 1.4, 1.6, "selector", "scores make a mask", PURPLE),
    "sampled": (4.5, 0.1, 2.1, "sampled error", "lower bound", VERMILION),
    "certified": (7.2, 0.1, 1.6, "certified error", "upper bound", GREEN),
    "law": (9.4, 0.1, 1.7, "law", "of the construction", GREY),
    "verdict": (9.4, -1.2, 1.7, "verdict", "holds, violated, open", GREY),
    "figure": (7.2, -1.2, 1.6, "figure", "drawn from records", GREY),
}
ARROWS = [
    ("target", "construction"),
    ("construction", "problems"),
    ("problems", "solver"),
    ("solver", "mask"),
    ("seed", "source"),
    ("construction", "seed"),
    ("source", "problems"),
    ("mask", "ticket"),
    ("data", "search"),
    ("search", "scores"),
    ("scores", "reading"),
    ("reading", "mask"),
    ("source", "scores"),
    ("law", "verdict"),
    ("verdict", "figure"),
]


def main() -> list[Path]:
    figure, panels = new_figure(width=11.4, height=6.0)
    axes = panels[0, 0]
    axes.set_axis_off()
    axes.set_xlim(-0.15, 11.25)
    axes.set_ylim(-1.75, 4.55)
    for x, y, width, text, small, colour in BOXES.values():
        box(axes, x, y, width, text, small, colour)
    for start, end in ARROWS:
        arrow(axes, *joined(start, end))
    # the source is also the other factor of the ticket, and the ticket is what scores speak of
    bent(axes, [(6.6, 2.58), (6.9, 2.58), (6.9, 2.12), (10.25, 2.12), (10.25, 2.7 - HEIGHT / 2)], GREY)
    bent(axes, [(10.7, 2.7 - HEIGHT / 2), (10.7, 0.78), (5.55, 0.78), (5.55, 0.1 + HEIGHT / 2)], GREY)
    bent(axes, [(8.0, 0.78), (8.0, 0.1 + HEIGHT / 2)], GREY)
    bent(axes, [(5.55, 0.1 - HEIGHT / 2), (5.55, -0.55), (10.25, -0.55)], GREY, head=False)
    bent(axes, [(8.0, 0.1 - HEIGHT / 2), (8.0, -0.55)], GREY, head=False)
    axes.text(0.0, 4.47, "constructions: prune towards a target", color=BLUE, fontsize=9)
    axes.text(0.0, 1.87, "searches: prune on data", color=PURPLE, fontsize=9)
    legend(axes)
    return save(figure, FOLDER / "data_flow")


def box(axes: Any, x: float, y: float, width: float, text: str, small: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x, y - HEIGHT / 2),
            width,
            HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.09",
            linewidth=1.4,
            edgecolor=colour,
            facecolor=tint(colour),
        )
    )
    axes.text(x + width / 2, y + 0.1, text, ha="center", va="center", fontsize=11, color="black")
    axes.text(x + width / 2, y - 0.16, small, ha="center", va="center", fontsize=7.6, color="#444444")


def tint(colour: str) -> tuple[float, float, float]:
    """A pale shade of it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (0.9 + 0.1 * part for part in parts)
    return red, green, blue


def joined(start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """From the border of a box to that of another, which lies beside, above or below it."""
    x, y, width, *_ = BOXES[start]
    u, v, other, *_ = BOXES[end]
    if y == v:
        return ((x + width, y), (u, v)) if x < u else ((x, y), (u + other, v))
    middle = x + width / 2 if abs((x + width / 2) - (u + other / 2)) < 0.2 else (x + u + other) / 2
    sign = 1 if v > y else -1
    return (middle, y + sign * HEIGHT / 2), (middle, v - sign * HEIGHT / 2)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": GREY, "shrinkA": 0, "shrinkB": 0, "lw": 1.3}
    )


def bent(axes: Any, points: list[tuple[float, float]], colour: str, head: bool = True) -> None:
    """A line with corners, and an arrowhead at its end."""
    axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, solid_joinstyle="round")
    if head:
        arrow(axes, points[-2], points[-1])


def legend(axes: Any) -> None:
    rows = (
        (BLUE, "proved and exact"),
        (GREEN, "certified"),
        (VERMILION, "sampled"),
        (PURPLE, "optimised"),
        (GREY, "given, predicted, judged"),
    )
    for row, (colour, text) in enumerate(rows):
        y = 0.4 - 0.3 * row
        axes.plot([0.05, 0.3], [y, y], color=colour, linewidth=5, solid_capstyle="butt")
        axes.text(0.45, y, text, va="center", fontsize=8.5, color="#333333")


if __name__ == "__main__":
    main()
