"""Masks: packing, algebra, and the choice that is no product."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slt.errors import MaskError
from slt.masks import Mask

BOOLEANS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7))


@given(BOOLEANS)
def test_packing_is_invertible(kept):
    mask = Mask.of(kept)
    assert np.array_equal(mask.unpack(), kept)
    assert mask.kept == kept.sum()
    assert mask.density == (kept.mean() if kept.size else 0.0)
    assert mask == Mask.of(kept.copy()) and hash(mask) == hash(Mask.of(kept.copy()))


@given(st.integers(0, 40), st.integers(0, 40))
def test_entropy_bound_is_log2_of_the_binomial(n, k):
    k = min(n, k)
    assert Mask.of(np.arange(n) < k).entropy_bits == pytest.approx(math.log2(math.comb(n, k)), abs=1e-9)


def test_overlap_and_digest():
    a, b = Mask.of(np.array([1, 1, 0, 0], bool)), Mask.of(np.array([1, 0, 1, 0], bool))
    assert a.overlap(b) == 1 / 3 and a.overlap(a) == 1.0
    assert Mask.of(np.zeros(3, bool)).overlap(Mask.of(np.zeros(3, bool))) == 1.0
    assert a.digest != b.digest != Mask.of(np.array([[1, 1], [0, 0]], bool)).digest
    with pytest.raises(MaskError):
        a.overlap(Mask.of(np.zeros(5, bool)))


def test_apply_leaves_no_negative_zero_and_no_nan():
    weights = np.array([-1.0, np.nan, 2.0, -np.inf], dtype=np.float32)
    out = Mask.of(np.array([0, 0, 1, 0], bool)).apply(weights)
    assert out.view(np.int32).tolist() == np.array([0, 0, 2, 0], np.float32).view(np.int32).tolist()


def test_bad_masks_are_refused():
    with pytest.raises(MaskError, match="booleans"):
        Mask.of(np.array([0, 1]))
    with pytest.raises(MaskError, match="packs into 2 bytes"):
        Mask((9,), np.zeros(1, np.uint8))
    with pytest.raises(MaskError, match="padded"):
        Mask((9,), np.array([0, 1], np.uint8))
    with pytest.raises(MaskError, match="does not fit"):
        Mask.of(np.ones(3, bool)).apply(np.ones(4))


def test_masks_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Mask.of(np.ones(8, bool)).packed[0] = 0
