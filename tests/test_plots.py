from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from slt import plots
from slt.errors import InputError, RecordError

X = np.array([1.0, 2.0, 3.0, 4.0])
MEDIAN = np.array([0.5, 0.25, 0.125, np.inf])
HIGH = np.array([1.0, 0.5, np.inf, np.inf])


def draw(path: Path) -> list[Path]:
    figure, axes = plots.new_figure(columns=2)
    plots.curve_with_band(axes[0, 0], X, MEDIAN, MEDIAN / 2, HIGH, "median of 5 seeds")
    plots.predicted(axes[0, 0], X, 2.0**-X, "law")
    plots.log2_axis(axes[0, 0])
    axes[0, 0].set_ylabel(plots.axis_label("error", "output units", "sampled"))
    plots.legend(axes[0, 0])
    plots.mask_picture(axes[0, 1], np.eye(5, 7, dtype=bool), "layer 1")
    return plots.save(figure, path)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    first = draw(tmp_path / "new" / "error-0.01")
    second = draw(tmp_path / "error-0.01.svg")
    assert [path.name for path in first] == ["error-0.01.png", "error-0.01.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()
    assert first[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in first[1].read_bytes()
    assert b"<dc:date>" not in first[1].read_bytes()
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_global_is_touched(tmp_path: Path) -> None:
    code = (
        "import sys; import slt.plots; assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; matplotlib.rcParams['lines.linewidth'] = 7\n"
        "settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "sys.path.insert(0, sys.argv[1]); import test_plots; from pathlib import Path\n"
        "written = test_plots.draw(Path(sys.argv[2]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules; assert settings() == before"
    )
    there = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", code, there, str(tmp_path / "figure")], check=True)
    # the settings of whoever draws do not show
    (png, _) = draw(tmp_path / "other")
    assert png.read_bytes() == (tmp_path / "figure.png").read_bytes()


def test_curve_shows_every_point() -> None:
    _, axes = plots.new_figure()
    plots.curve_with_band(axes[0, 0], X, MEDIAN, MEDIAN / 2, HIGH, "median")
    median, never, hollow = axes[0, 0].lines
    assert np.array_equal(median.get_ydata(), [0.5, 0.25, 0.125, np.nan], equal_nan=True)
    assert median.get_color() == plots.PALETTE[0]
    assert (never.get_xdata().tolist(), hollow.get_xdata().tolist()) == ([4.0], [3.0])
    plots.predicted(axes[0, 0], X, X, "law")
    assert axes[0, 0].lines[-1].get_linestyle() == "--"
    # nothing finite at all: arrowheads alone
    plots.curve_with_band(axes[0, 0], [1, 2], [np.inf] * 2, [np.inf] * 2, [np.inf] * 2, "never")
    assert axes[0, 0].lines[-1].get_xdata().tolist() == [1.0, 2.0]


def numbers(values: list[float], which: Literal["x", "y"] = "y") -> list[str]:
    """The numbers that an axis of powers of two shows for these values, minor ones."""
    figure, axes = plots.new_figure()
    plots.log2_axis(axes[0, 0], which)
    axes[0, 0].plot(values, values)
    figure.canvas.draw()
    axis = getattr(axes[0, 0], f"{which}axis")
    labels = [label.get_text() for label in axis.get_minorticklabels()]
    shown = list(zip(axis.get_minorticklocs(), labels, strict=True))
    low, high = axis.get_view_interval()
    assert all(low <= at <= high and float(text) == pytest.approx(at) for at, text in shown)
    return [text for _, text in shown]


@pytest.mark.parametrize("which", ["x", "y"])
@pytest.mark.parametrize("octave", [[5.0, 7.5], [3.0, 6.0], [0.00071, 0.00093], [1.000001, 1.000003], [3000.0, 3001.0]])
def test_an_axis_within_an_octave_has_numbers(octave: list[float], which: Literal["x", "y"]) -> None:
    shown = numbers(octave, which)
    assert 2 <= len(shown) == len(set(shown)) <= 7


@pytest.mark.parametrize("values", [[3.0, 9.0], [0.001, 100.0], [4.0, 8.0]])
def test_an_axis_with_two_powers_of_two_has_no_others(values: list[float]) -> None:
    assert numbers(values) == []


def test_what_is_in_view_may_change_after_the_axis_was_made() -> None:
    figure, axes = plots.new_figure()
    plots.log2_axis(axes[0, 0])
    axes[0, 0].plot([1, 2], [5, 7])
    axes[0, 0].set_ylim(7.5, 5)  # upside down
    assert list(axes[0, 0].yaxis.get_minorticklocs())
    axes[0, 0].plot([1, 2], [1, 100])
    axes[0, 0].set_ylim(1, 100)
    assert not list(axes[0, 0].yaxis.get_minorticklocs())
    figure.canvas.draw()


def test_labels() -> None:
    assert plots.axis_label("width", "hidden units per coordinate") == "width (hidden units per coordinate)"
    assert plots.axis_label("sup error", "1", "certified") == "sup error, certified upper bound (no unit)"


def test_bad_input(tmp_path: Path) -> None:
    figure, axes = plots.new_figure()
    with pytest.raises(InputError, match=r"need one shape \(points,\); given: \(4,\), \(3,\)"):
        plots.curve_with_band(axes[0, 0], X, X[:3], X, X, "short")
    with pytest.raises(InputError, match="truth values of shape"):
        plots.mask_picture(axes[0, 0], np.eye(3))
    with pytest.raises(InputError, match="the kind is one of exact, certified"):
        plots.axis_label("error", "1", "guessed")  # type: ignore[arg-type]
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="its folder cannot be made"):
        plots.save(figure, tmp_path / "file" / "figure")
