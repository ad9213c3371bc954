from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import slt
from slt import pictures, plots
from slt.errors import InputError, RecordError
from slt.pictures import Picture

ITEMS = np.array([0.5, -0.25, 0.125, 1.0])


def test_all_subset_sums_in_the_order_of_their_masks() -> None:
    masks = np.array([m[::-1] for m in product([0, 1], repeat=4)])
    assert (pictures.all_subset_sums(ITEMS) == masks @ ITEMS).all()


def test_the_nearest_sum_is_told() -> None:
    _, axes = plots.new_figure()
    pictures.sums_on_a_line(axes[0, 0], ITEMS, 0.6)
    labels = axes[0, 0].get_legend_handles_labels()[1]
    assert labels == ["all 16 subset sums", "nearest 0.62500", "target 0.6"]


def test_the_walk_ends_at_the_sum() -> None:
    _, axes = plots.new_figure()
    pictures.steps_to_a_sum(axes[0, 0], ITEMS, np.array([True, True, False, True]), 1.3)
    assert axes[0, 0].get_legend_handles_labels()[1] == ["target 1.3", "sum of 3 items 1.25000"]
    assert [t.get_text() for t in axes[0, 0].get_yticklabels()] == ["item 0", "item 1", "item 3"]


def test_units_are_coloured_by_sign_and_filled_where_kept() -> None:
    from matplotlib.colors import to_hex

    _, axes = plots.new_figure()
    pictures.units_by_sign(axes[0, 0], [0.5, -0.5, -1.0], np.array([True, True, False]))
    faces = [to_hex(bar.get_facecolor()).upper() for bar in axes[0, 0].patches]
    assert faces == [plots.PALETTE[0], plots.PALETTE[1], "#FFFFFF"]


def test_a_ticket_shows_every_matrix(tmp_path: Path) -> None:
    ticket = slt.find_ticket(nn.Linear(2, 3, bias=False), width=6, seed=0)
    figure = pictures.ticket_picture(ticket)
    titles = [axes.get_title() for axes in figure.axes]
    for name, weights in ticket.kept_weights().items():
        kept = (weights != 0).double().mean().item()
        assert f"{name}: {weights.shape[0]} x {weights.shape[1]}, {kept:.2g} kept" in titles
    shown = Picture.of(figure)
    assert shown == Picture.of(pictures.ticket_picture(ticket))
    file = tmp_path / "ticket.png"
    file.write_bytes(shown.png)
    assert Picture.read(file) == shown


def test_side_by_side_tells_the_difference() -> None:
    figure = pictures.side_by_side(np.eye(2), np.eye(2) + 0.25, "layer 1")
    assert figure.get_suptitle() == "layer 1"
    assert [axes.get_title() for axes in figure.axes] == [
        "target (up to 1.2)",
        "ticket (up to 1.2)",
        "difference (up to 0.25)",
    ]


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda axes: pictures.all_subset_sums(np.ones(17)), "16 are the most"),
        (lambda axes: pictures.all_subset_sums([np.nan]), "finite numbers of 1 dimension "),
        (lambda axes: pictures.steps_to_a_sum(axes, ITEMS, [1, 0, 1, 0], 0.0), "int64"),
        (lambda axes: pictures.units_by_sign(axes, ITEMS, np.ones(3, bool)), r"\(3,\)"),
        (lambda axes: pictures.matrix_picture(axes, np.zeros((0, 2))), r"\(0, 2\)"),
        (lambda axes: pictures.weights_picture(axes, ITEMS), "2 dimensions"),
        (lambda axes: pictures.side_by_side(np.eye(2), np.eye(3)), "one shape"),
    ],
)
def test_bad_input_is_told(draw: Callable[[Any], Any], told: str) -> None:
    _, axes = plots.new_figure()
    with pytest.raises(InputError, match=told):
        draw(axes[0, 0])


def test_pictures_on_file_are_pngs(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="cannot be read"):
        Picture.read(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(RecordError, match="no PNG"):
        Picture.read(tmp_path / "text.png")


def test_two_masks_are_counted() -> None:
    _, axes = plots.new_figure()
    first, second = np.array([[True, True, False]]), np.array([[False, True, False]])
    pictures.two_masks(axes[0, 0], first, second, ("planted", "found"))
    told = [text.get_text() for text in axes[0, 0].get_legend().get_texts()]
    assert told == ["planted only 1", "found only 0", "both 1"]
    assert axes[0, 0].images[0].get_array().tolist() == [[1, 3, 0]]


def test_classes_lie_on_the_square_from_below() -> None:
    _, axes = plots.new_figure()
    pictures.classes_on_a_square(axes[0, 0], np.array([[0, 1], [2, 3]]), "truth")
    image = axes[0, 0].images[0]
    assert (image.get_extent(), image.origin) == ([-1, 1, -1, 1], "lower")


def test_a_single_match_may_be_none() -> None:
    _, axes = plots.new_figure()
    pictures.singles_on_a_line(axes[0, 0], ITEMS, 0.05)
    labels = axes[0, 0].get_legend_handles_labels()[1]
    assert labels == ["4 products, and 0", "nearest 0.00000", "target 0.05"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.ones((2, 2), bool), np.ones((2, 3), bool)),
        (np.ones((2, 2), bool), np.ones((2, 2))),
        (np.ones(2, bool), np.ones(2, bool)),
    ],
)
def test_what_is_no_pair_of_masks(first: Any, second: Any) -> None:
    _, axes = plots.new_figure()
    with pytest.raises(InputError, match="truth values of one shape"):
        pictures.two_masks(axes[0, 0], first, second)


@pytest.mark.parametrize("classes", [np.zeros((2, 2)), np.array([0, 1]), np.array([[0, 6]]), np.array([[-1]])])
def test_what_are_no_classes(classes: Any) -> None:
    _, axes = plots.new_figure()
    with pytest.raises(InputError, match="drawing classes"):
        pictures.classes_on_a_square(axes[0, 0], classes)
