"""Pictures of small cases: sums on a line, units by their sign, matrices side by side, the masks of a ticket.

Drawn into axes of ``slt.plots.new_figure``; ``Picture`` is what a notebook shows.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, RecordError
from slt.plots import GREY, PALETTE, axis_label, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_SUMS = 16  # items whose 2**n sums are drawn: more are a blur


@final
@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows as it is; ``png``: its bytes."""

    png: bytes = field(repr=False)

    @staticmethod
    def of(figure: Figure, resolution: int = 110) -> Picture:
        """The figure, at ``resolution`` dots an inch."""
        with style(), io.BytesIO() as buffer:
            figure.savefig(buffer, format="png", dpi=resolution, metadata={"Software": None})
            return Picture(buffer.getvalue())

    @staticmethod
    def read(path: str | os.PathLike[str]) -> Picture:
        """A PNG on file, such as the committed figure of an experiment. RecordError for anything else."""
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise RecordError(f"showing the picture {path}: it cannot be read ({error.strerror})") from error
        if not content.startswith(b"\x89PNG"):
            raise RecordError(f"showing the picture {path}: it is no PNG; give a file that is")
        return Picture(content)

    def _repr_png_(self) -> bytes:
        return self.png


def all_subset_sums(items: Any) -> npt.NDArray[np.float64]:
    """The sums of all subsets of (n,) items, in the order of their masks; InputError beyond 16 items."""
    items = _numbers("items", items, 1)
    if len(items) > MOST_SUMS:
        raise InputError(
            f"all subset sums of {len(items)} items are too many to draw; {MOST_SUMS} are the most: take the first ones"
        )
    sums = np.zeros(1)
    for item in items:
        sums = np.concatenate([sums, sums + item])
    return sums


def sums_on_a_line(axes: Axes, items: Any, target: float) -> None:
    """Every subset sum of (n,) items as a stroke, the target, and the sum nearest to it."""
    sums = all_subset_sums(items)
    nearest = sums[np.argmin(np.abs(sums - target))]
    with style():
        axes.vlines(sums, 0, 1, color=PALETTE[5], linewidth=0.8, label=f"all {len(sums):,} subset sums")
        axes.vlines([nearest], 0, 1.25, color=PALETTE[0], linewidth=2, label=f"nearest {nearest:.5f}")
        axes.plot([target], [1.35], "v", color=PALETTE[1], markersize=8, label=f"target {target:g}")
        axes.set_ylim(0, 2.1)
        axes.set_yticks([])
        axes.grid(False)
        axes.set_xlabel(axis_label("sum of a subset", "units of the items", "exact"))
        axes.legend(loc="upper right", ncols=3, fontsize=8)


def steps_to_a_sum(axes: Axes, items: Any, chosen: Any, target: float) -> None:
    """(n,) items as arrows laid end to end, those of ``chosen``, (n,) truth values, alone: a walk to the target."""
    items, chosen = _numbers("items", items, 1), np.asarray(chosen)
    if chosen.shape != items.shape or chosen.dtype != np.bool_:
        raise InputError(
            f"drawing a sum: truth values of shape {items.shape} say what is chosen; {chosen.dtype} of {chosen.shape} "
            "was given"
        )
    kept, reached = np.flatnonzero(chosen), 0.0
    with style():
        for row, index in enumerate(kept):
            colour = _sign_colour(items[index])
            axes.annotate(
                "", (reached + items[index], row), (reached, row), arrowprops={"arrowstyle": "-|>", "color": colour}
            )
            reached += items[index]
            axes.plot([reached, reached], [row, row + 1], color=GREY, linewidth=0.6)
        ends = np.concatenate([[0.0, target], np.cumsum(items[kept])])
        margin = 0.06 * max(float(np.ptp(ends)), 1e-9)
        axes.set_xlim(ends.min() - margin, ends.max() + margin)
        axes.axvline(target, color=PALETTE[1], linestyle="--", label=f"target {target:g}")
        axes.plot([reached], [len(kept)], "o", color=PALETTE[0], label=f"sum of {len(kept)} items {reached:.5f}")
        axes.set_ylim(len(kept) + 0.5, -0.5)
        axes.set_yticks(range(len(kept)), [f"item {index}" for index in kept])
        axes.set_xlabel(axis_label("sum so far", "units of the items", "exact"))
        axes.legend(fontsize=8)


def units_by_sign(axes: Axes, values: Any, kept: Any, title: str = "") -> None:
    """(units,) numbers as bars, coloured by sign, filled where ``kept``, (units,) truth values, and else hollow."""
    values, kept = _numbers("values", values, 1), np.asarray(kept)
    if kept.shape != values.shape or kept.dtype != np.bool_:
        raise InputError(
            f"drawing units: truth values of shape {values.shape} say which are kept; {kept.dtype} of {kept.shape} was "
            "given"
        )
    from matplotlib.ticker import MaxNLocator

    colours = [_sign_colour(value) for value in values]
    faces = [colour if k else "white" for colour, k in zip(colours, kept, strict=True)]
    with style():
        axes.bar(np.arange(len(values)), values, color=faces, edgecolor=colours, linewidth=1.2)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_title(f"{title} ({kept.sum()} of {len(kept)} kept)" if title else f"{kept.sum()} of {len(kept)} kept")
        axes.set_xlabel(axis_label("hidden unit", "index"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def matrix_picture(axes: Axes, matrix: Any, title: str = "", largest: float | None = None) -> None:
    """A matrix of shape (rows, columns), vermilion below zero and blue above; the colours end at ``largest``, that of
    the matrix without it, and small matrices of up to four columns show their numbers too."""
    matrix = _numbers("matrix", matrix, 2)
    end = float(np.abs(matrix).max()) if largest is None else float(largest)
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("signs", [PALETTE[1], "white", PALETTE[0]])
    with style():
        axes.imshow(matrix, cmap=colours, vmin=-end or -1.0, vmax=end or 1.0, interpolation="nearest")
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{title} (up to {end:.2g})" if title else f"up to {end:.2g}")
        if matrix.size <= 36 and matrix.shape[1] <= 4:
            for (row, column), value in np.ndenumerate(matrix):
                dark = abs(value) > 0.6 * end
                axes.text(column, row, f"{value:.2g}", ha="center", va="center", size=8, color="w" if dark else "k")


def side_by_side(target: Any, ticket: Any, title: str = "") -> Figure:
    """A target's matrix, a ticket's of the same shape in the same colours, and their difference in its own."""
    target, ticket = _numbers("target", target, 2), _numbers("ticket", ticket, 2)
    if target.shape != ticket.shape:
        raise InputError(
            f"drawing matrices side by side: one shape is needed; {target.shape} and {ticket.shape} were given"
        )
    largest = max(float(np.abs(target).max()), float(np.abs(ticket).max()))
    rows, columns = target.shape
    figure, axes = new_figure(columns=3, width=3.2, height=float(np.clip(2.5 * rows / columns, 0.6, 2.5)) + 0.6)
    if title:
        figure.suptitle(title, size="medium")
    matrix_picture(axes[0, 0], target, "target", largest)
    matrix_picture(axes[0, 1], ticket, "ticket", largest)
    matrix_picture(axes[0, 2], ticket - target, "difference")
    return figure


def weights_picture(axes: Axes, weights: Any, title: str = "") -> None:
    """A pruned matrix of shape (rows, columns): kept weights coloured by sign, pruned ones white, and the density."""
    weights = _numbers("weights", weights, 2)
    from matplotlib.colors import ListedColormap

    with style():
        axes.imshow(
            np.sign(weights), cmap=ListedColormap([PALETTE[1], "white", PALETTE[0]]), vmin=-1, vmax=1, aspect="auto",
            interpolation="nearest",
        )  # fmt: skip
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.set_xticks([])
        axes.set_yticks([])
        said = f"{weights.shape[0]} x {weights.shape[1]}, {np.count_nonzero(weights) / weights.size:.2g} kept"
        axes.set_title(f"{title}: {said}" if title else said, size="small")


def ticket_picture(ticket: Any, columns: int = 2) -> Figure:
    """Every random matrix of a small ``slt.Ticket``, kept weights coloured by sign, pruned ones white."""
    kept = {name: np.asarray(weights) for name, weights in ticket.kept_weights().items()}
    kept = {name: np.atleast_2d(weights) for name, weights in kept.items() if weights.ndim <= 2}
    if not kept:
        raise InputError("drawing a ticket: none of its random tensors is a matrix")
    columns = min(columns, len(kept))
    figure, _ = new_figure(-(-len(kept) // columns), columns, width=4.6, height=1.9)
    for place in figure.axes[len(kept) :]:
        place.set_axis_off()
    for place, (name, weights) in zip(figure.axes, kept.items(), strict=False):
        weights_picture(place, weights, name)
    return figure


def two_masks(axes: Axes, first: Any, second: Any, names: tuple[str, str] = ("first", "second")) -> None:
    """Two masks of one shape (rows, columns), truth values: what both keep, what one of them keeps, and how much."""
    first, second = np.asarray(first), np.asarray(second)
    booleans = first.dtype == second.dtype == np.bool_
    if not booleans or first.ndim != 2 or first.shape != second.shape or not first.size:
        raise InputError(
            f"drawing two masks: truth values of one shape (rows, columns) are needed; {first.dtype} of {first.shape} "
            f"and {second.dtype} of {second.shape} were given"
        )
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    colours = (PALETTE[5], PALETTE[4], "black")
    counts = (int((first & ~second).sum()), int((second & ~first).sum()), int((first & second).sum()))
    told = [f"{name} {count:,}" for name, count in zip((*(f"{n} only" for n in names), "both"), counts, strict=True)]
    with style():
        axes.imshow(
            first + 2 * second.astype(np.int64), cmap=ListedColormap(["white", *colours]), vmin=0, vmax=3,
            aspect="auto", interpolation="nearest",
        )  # fmt: skip
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.set_xticks([])
        axes.set_yticks([])
        patches = [Patch(facecolor=colour, label=label) for colour, label in zip(colours, told, strict=True)]
        axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, fontsize=8)


def classes_on_a_square(axes: Axes, classes: Any, title: str = "") -> None:
    """Whole numbers 0 .. 5 at the points of a grid over [-1, 1]^2, (rows, columns), the first row at the bottom: the
    class that a network gives each point."""
    classes = np.asarray(classes)
    if classes.ndim != 2 or classes.dtype.kind not in "iu" or not classes.size:
        raise InputError(
            f"drawing classes: whole numbers of shape (rows, columns) are needed; {classes.dtype} of {classes.shape} "
            "was given"
        )
    if classes.min() < 0 or classes.max() >= len(PALETTE):
        raise InputError(
            f"drawing classes: there are colours for 0 to {len(PALETTE) - 1}; {classes.min()} to {classes.max()} were "
            "given"
        )
    from matplotlib.colors import ListedColormap

    with style():
        axes.imshow(
            classes, cmap=ListedColormap(PALETTE), vmin=0, vmax=len(PALETTE) - 1, origin="lower",
            extent=(-1, 1, -1, 1), interpolation="nearest",
        )  # fmt: skip
        axes.grid(False)
        axes.set_title(title)
        axes.set_xlabel(axis_label("x1", "1"))
        axes.set_ylabel(axis_label("x2", "1"))


def singles_on_a_line(axes: Axes, items: Any, target: float) -> None:
    """(n,) items as strokes, the target, and the item nearest to it, or 0 for none: what a single match chooses from.
    Scales as in ``sums_on_a_line``."""
    items = np.append(_numbers("items", items, 1), 0.0)
    nearest = items[np.argmin(np.abs(items - target))]
    with style():
        axes.vlines(items, 0, 1, color=PALETTE[5], linewidth=0.8, label=f"{len(items) - 1:,} products, and 0")
        axes.vlines([nearest], 0, 1.25, color=PALETTE[0], linewidth=2, label=f"nearest {nearest:.5f}")
        axes.plot([target], [1.35], "v", color=PALETTE[1], markersize=8, label=f"target {target:g}")
        axes.set_ylim(0, 2.1)
        axes.set_yticks([])
        axes.grid(False)
        axes.set_xlabel(axis_label("product", "units of the items", "exact"))
        axes.legend(loc="upper right", ncols=3, fontsize=8)


def _sign_colour(value: float) -> str:
    return PALETTE[0] if value >= 0 else PALETTE[1]


def _numbers(name: str, values: Any, dimensions: int) -> npt.NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != dimensions or not numbers.size or not np.isfinite(numbers).all():
        raise InputError(
            f"drawing {name}: finite numbers of {dimensions} dimension{'s' * (dimensions > 1)} are needed; shape "
            f"{numbers.shape} was given"
        )
    return numbers
