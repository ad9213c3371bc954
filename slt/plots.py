"""Plots: one look for every figure, drawn from records and written whole.

Colours are Okabe and Ito's (2008), which colour-blind readers tell apart. A measured curve is a coloured median with
its band; a prediction is dashed grey; an axis says its quantity, what kind of truth it is and its unit. Figures are
made without pyplot, so nothing global is touched, and the same data give the same bytes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, RecordError
from slt.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Kind = Literal["exact", "certified", "sampled", "measured", "predicted"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Blue, vermilion, green, purple, orange, sky blue."""
GREY = "#555555"
KINDS = {
    "exact": "exact",
    "certified": "certified upper bound",
    "sampled": "sampled lower bound",
    "measured": "measured",
    "predicted": "predicted",
}
SUFFIXES = (".png", ".svg")


def new_figure(
    rows: int = 1, columns: int = 1, width: float = 5.0, height: float = 3.6
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """A figure and its axes, shape (rows, columns); ``width`` and ``height`` of each panel in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, np.asarray(figure.subplots(rows, columns, squeeze=False))


def axis_label(quantity: str, unit: str, kind: Kind | None = None) -> str:
    """``quantity, kind (unit)``; a unit of "1" says that the quantity has none."""
    if kind is not None and kind not in KINDS:
        raise InputError(f"labelling {quantity!r}: the kind is one of {', '.join(KINDS)}; {kind!r} was given")
    return f"{quantity}{f', {KINDS[kind]}' if kind else ''} ({'no unit' if unit == '1' else unit})"


def log2_axis(axes: Axes, which: Literal["x", "y", "both"] = "y") -> None:
    """Powers of two along the axis, and plain numbers between where fewer than two powers are in view."""
    if which in ("x", "both"):
        axes.set_xscale("log", base=2)
        _number_short_views(axes.xaxis)
    if which in ("y", "both"):
        axes.set_yscale("log", base=2)
        _number_short_views(axes.yaxis)


def _number_short_views(axis: Axis) -> None:
    """Minor ticks with numbers, as long as fewer than two powers of two are in view."""
    from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator

    class Between(Locator):
        """Asked whenever the axis is drawn: what is in view may change until then."""

        def __call__(self) -> list[float]:
            low, high = sorted(axis.get_view_interval())
            return self.tick_values(low, high)

        def tick_values(self, low: float, high: float) -> list[float]:
            if not 0 < low < high < np.inf or np.floor(np.log2(high)) > np.ceil(np.log2(low)):
                return []
            ticks = MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)
            return [float(t) for t in ticks if low <= t <= high and np.log2(t) % 1 != 0]

    axis.set_minor_locator(Between())
    axis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def curve_with_band(
    axes: Axes, x: Any, median: Any, low: Any, high: Any, label: str, colour: str | None = None
) -> None:
    """A measured median over ``x`` with its band from ``low`` to ``high``; all of shape (points,), NaN for a gap.

    Infinities, such as a width that was never enough, are arrowheads at the top: a full one for an infinite median, a
    hollow one where only the band's upper end is infinite. ``colour``: the next of the palette without it.
    """
    x, median, low, high = (np.asarray(values, dtype=np.float64) for values in (x, median, low, high))
    if x.ndim != 1 or not x.shape == median.shape == low.shape == high.shape:
        shapes = ", ".join(str(values.shape) for values in (x, median, low, high))
        raise InputError(f"drawing {label!r}: x, median, low and high need one shape (points,); given: {shapes}")
    values = np.concatenate([median, low, high])
    top = values[np.isfinite(values)].max(initial=-np.inf)
    with style():
        (line,) = axes.plot(x, np.where(np.isinf(median), np.nan, median), "o-", label=label, color=colour)
        shade = line.get_color()
        if np.isfinite(top):
            axes.fill_between(x, np.minimum(low, top), np.minimum(high, top), color=shade, alpha=0.2, linewidth=0)
        for where, face in ((median == np.inf, shade), ((high == np.inf) & (median != np.inf), "white")):
            if where.any():
                axes.plot(
                    x[where],
                    np.ones(where.sum()),
                    "^",
                    color=shade,
                    markerfacecolor=face,
                    transform=axes.get_xaxis_transform(),
                    clip_on=False,
                )


def predicted(axes: Axes, x: Any, y: Any, label: str, dashes: Any = "--") -> None:
    """What a law predicts: a dashed grey line, over what was measured where they meet.

    ``dashes``: a line style of matplotlib, to tell several laws apart.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    with style():
        axes.plot(x, y, linestyle=dashes, color=GREY, label=label, zorder=3)


def legend(axes: Axes) -> None:
    """The legend, where it covers least."""
    with style():
        axes.legend()


def legend_below(figure: Figure, axes: Axes, columns: int = 5) -> None:
    """One legend for all panels, under them, in ``columns`` at most: what ``axes``, one of them, shows."""
    handles, labels = axes.get_legend_handles_labels()
    with style():
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), columns))


def mask_picture(axes: Axes, mask: Any, title: str = "") -> None:
    """A mask of shape (rows, columns), dark where a weight is kept, with its density."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != np.bool_ or not mask.size:
        raise InputError(
            f"drawing a mask: truth values of shape (rows, columns) are needed; {mask.dtype} of {mask.shape} was given"
        )
    from matplotlib.colors import ListedColormap

    with style():
        axes.imshow(mask, cmap=ListedColormap(["white", PALETTE[0]]), vmin=0, vmax=1, interpolation="nearest")
        axes.grid(False)
        axes.spines[:].set_visible(True)
        axes.set_xticks([])
        axes.set_yticks([])
        said = f"{mask.shape[0]} x {mask.shape[1]}, density {mask.mean():.3g}"
        axes.set_title(f"{title} ({said})" if title else said)


def save(figure: Figure, path: str | os.PathLike[str]) -> list[Path]:
    """Write ``path`` with the suffixes .png and .svg, each whole or not at all; the two paths.

    The folder is made if needed. The files hold no time of day, so equal figures give equal bytes.
    """
    path = Path(path)
    stem = path.name[: -len(path.suffix)] if path.suffix in SUFFIXES else path.name
    metadata: dict[str, dict[str, Any]] = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    drawn = {}
    with style():
        for suffix in SUFFIXES:
            with io.BytesIO() as buffer:
                figure.savefig(buffer, format=suffix[1:], metadata=metadata[suffix])
                drawn[suffix] = buffer.getvalue()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(
            f"writing the figure {path}: its folder cannot be made ({error.strerror}); choose another"
        ) from error
    return [write_whole(path.with_name(stem + suffix), content, error=RecordError) for suffix, content in drawn.items()]


@contextmanager
def style() -> Iterator[None]:
    """The style sheet, over matplotlib's defaults, for what is drawn inside; the settings before come back after."""
    import matplotlib.style
    from cycler import cycler

    sheet = {
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlesize": "medium",
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "font.size": 10,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "lines.markersize": 4,
        "savefig.dpi": 160,
        "svg.hashsalt": "slt",
    }
    with matplotlib.style.context(sheet, after_reset=True):
        yield
