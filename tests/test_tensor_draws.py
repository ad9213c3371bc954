"""Random tensors by key: addresses, nesting, and three generators that agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slt
from slt.errors import InputError
from slt.tensor_draws import draw_tensor, draw_tensor_at, draw_tensor_at_plain, draw_tensor_plain, draw_tensor_torch

LAWS = [slt.Uniform(), slt.SignedConstant(0.5), slt.Normal(), slt.Hyperbolic(0.01)]
KEY = slt.Key(7) / "weights" / "features.0.weight"


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("shape", [(), (1,), (9,), (4, 6), (3, 5, 2), (3, 2, 3, 4), (0, 4), (4, 0), (2, 3, 0), (0,)])
def test_the_three_generators_agree(law, shape):
    drawn = draw_tensor(law, KEY, shape)
    assert drawn.shape == shape and drawn.flags.c_contiguous
    rows = slice(0, 2)
    plain = draw_tensor_plain(law, KEY, shape, rows)
    assert np.array_equal(plain, drawn[rows] if shape else drawn)
    assert np.array_equal(draw_tensor_torch(law, KEY, shape).numpy(), drawn)


def test_every_weight_is_the_laws_own_draw_at_its_address():
    drawn = draw_tensor(slt.Uniform(), KEY, (3, 4, 2, 5))
    for o, i, y, x in np.ndindex(drawn.shape):
        assert drawn[o, i, y, x] == slt.Uniform().draw_plain(KEY, (1, 1, 1), (5 * y + x, o, i)).item()


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(1, 6)] * 2), st.tuples(*[st.integers(0, 3)] * 2), st.integers(1, 3))
def test_a_tensor_is_the_corner_of_every_wider_one(shape, more, taps):
    small = draw_tensor(slt.Uniform(), KEY, (*shape, taps))
    large = draw_tensor(slt.Uniform(), KEY, (shape[0] + more[0], shape[1] + more[1], taps))
    assert np.array_equal(small, large[: shape[0], : shape[1]])


def test_a_vector_is_the_first_row_of_a_matrix():
    assert np.array_equal(draw_tensor(slt.Uniform(), KEY, (8,)), draw_tensor(slt.Uniform(), KEY, (3, 8))[0])


@pytest.mark.parametrize("shape", [(-1,), (2, 2.5), (2, "a"), (True, 2)])
def test_shapes_that_are_none_are_refused(shape):
    with pytest.raises(InputError, match="drawing a random tensor"):
        draw_tensor(slt.Uniform(), KEY, shape)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([(7,), (5, 4), (3, 4, 2), (2, 3, 2, 2)]), st.data())
def test_weights_at_indices_are_those_of_the_tensor(shape, data):
    indices = np.array(data.draw(st.lists(st.integers(0, int(np.prod(shape)) - 1))), dtype=np.int64)
    drawn = draw_tensor_at(slt.Uniform(), KEY, shape, indices)
    assert np.array_equal(drawn, draw_tensor(slt.Uniform(), KEY, shape).reshape(-1)[indices])
    assert draw_tensor_at_plain(slt.Uniform(), KEY, shape, indices) == drawn.tolist()


@pytest.mark.parametrize("index", [-1, 12])
def test_indices_outside_are_refused(index):
    with pytest.raises(InputError, match="outside"):
        draw_tensor_at(slt.Uniform(), KEY, (3, 4), np.array([0, index]))


def test_rows_with_steps_are_refused():
    with pytest.raises(InputError, match="step 1"):
        draw_tensor_plain(slt.Uniform(), KEY, (4, 4), slice(0, 4, 2))
