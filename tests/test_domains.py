"""Domains: bounds, signs, projections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt.domains import Ball, Box
from slt.errors import InputError


@given(st.integers(1, 6), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_samples_and_projections_stay_inside(d, radius, seed):
    rng = np.random.default_rng(seed)
    ball, box = Ball(radius), Box(-radius, 2 * radius)
    for points in (ball.sample(d, 20, rng), ball.project(rng.normal(size=(20, d)) * 10 * radius)):
        assert np.all(np.linalg.norm(points, axis=1) <= radius)
    for points in (box.sample(d, 20, rng), box.project(rng.normal(size=(20, d)) * 10 * radius)):
        assert np.all((points >= -radius) & (points <= 2 * radius))
    inside = box.sample(d, 20, rng)
    assert np.array_equal(box.project(inside), inside)


def test_signs_decide_branches():
    assert Box(0, 1).positive(3).all() and not Box(0, 1).negative(3).any()
    mixed = Box((-1, 0, -2, 0), (0, 1, 2, 0))
    assert mixed.positive(4).tolist() == [False, True, True, False]
    assert mixed.negative(4).tolist() == [True, False, True, False]
    assert Ball(2.0).positive(2).all() and Ball(2.0).negative(2).all()


def test_boxes_compare_and_hash_by_value():
    assert Box([0, 1], np.array([1, 2])) == Box((0.0, 1.0), (1.0, 2.0))
    assert len({Box(0, 1), Box(0.0, 1.0), Ball(1), Ball(1.0)}) == 2


@pytest.mark.parametrize("radius", [0, -1, float("nan"), float("inf")])
def test_bad_balls_are_refused(radius):
    with pytest.raises(InputError, match="radius"):
        Ball(radius)


@pytest.mark.parametrize(
    ("low", "high"), [(1, 0), (float("nan"), 1), (0, float("inf")), ((0, 0), (1, 1, 1)), (((0,),), 1), ((0, 2), (1, 1))]
)
def test_bad_boxes_are_refused(low, high):
    with pytest.raises(InputError):
        Box(low, high)


def test_a_box_of_another_dimension_is_refused():
    with pytest.raises(InputError, match="2 coordinates, the inputs have 3"):
        Box((0, 0), 1).bounds(3)


@pytest.mark.parametrize("bound", ["a", None, [1, [2, 3]], ("0", "1")])
def test_bounds_that_are_no_numbers_are_refused(bound):
    with pytest.raises(InputError, match="a box: its low bounds must be real numbers"):
        Box(bound, 1.0)
