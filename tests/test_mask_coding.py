"""Mask coding: round trips, size against the entropy bound, and data that code no mask."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from slt.errors import InputError, MaskError
from slt.mask_coding import LARGEST, CodedMask, decode_mask, encode_mask, log2_binomial, within
from slt.masks import Mask

BITS = arrays(bool, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=20))


@settings(max_examples=80, deadline=None)
@given(BITS, st.sampled_from([1.0, 0.3, 0.02]), st.booleans(), st.integers(0, 9))
def test_masks_survive_their_code(bits, share, inverted, seed):
    bits = bits & (np.random.default_rng(seed).random(bits.shape) < share)
    mask = Mask.of(~bits if inverted else bits)
    coded = encode_mask(mask)
    assert decode_mask(coded, mask.shape) == mask
    assert coded.kept == mask.kept and coded.data.size <= mask.packed.size


@settings(max_examples=80, deadline=None)
@given(BITS, st.sampled_from([0.9, 0.3, 0.02]), st.integers(0, 9))
def test_masks_within_others_survive_their_code(bits, share, seed):
    superset = Mask.of(bits)
    mask = Mask.of(bits & (np.random.default_rng(seed).random(bits.shape) < share))
    coded = encode_mask(mask, superset)
    assert decode_mask(coded, mask.shape, superset) == mask
    assert coded.data.size <= (superset.kept + 7) // 8
    assert within(mask, superset).shape == (superset.kept,)


@pytest.mark.parametrize("density", [0.01, 0.05, 0.1, 0.2, 0.5, 0.9, 0.99])
def test_the_code_is_near_the_entropy(density):
    """One draw of 200,000 entries at each density; Golomb codes of geometric gaps lose less than 1.5 % here."""
    mask = Mask.of(np.random.default_rng(11).random(200_000) < density)
    assert mask.entropy_bits <= 8 * encode_mask(mask).data.size <= 1.015 * mask.entropy_bits + 64


def test_bits_are_packed_where_gaps_do_not_pay():
    mask = Mask.of(np.random.default_rng(1).random(10_000) < 0.5)
    assert encode_mask(mask).parameter == 0
    sparse = Mask.of(np.arange(1000) % 50 == 0)
    assert encode_mask(sparse).parameter > 0 and encode_mask(sparse, gaps=False).parameter == 0
    assert encode_mask(Mask.of(np.arange(1000) % 50 != 0)).parameter < 0


@pytest.mark.parametrize("kept", [True, False])
def test_uniform_masks_take_no_bytes(kept):
    mask = Mask.of(np.full((300, 200), kept))
    coded = encode_mask(mask)
    assert coded.data.size == 0 and decode_mask(coded, (300, 200)) == mask


def test_entropy_is_that_of_masks():
    mask = Mask.of(np.random.default_rng(2).random(500) < 0.3)
    assert log2_binomial(500, mask.kept) == mask.entropy_bits
    assert log2_binomial(7, 0) == 0 and abs(log2_binomial(7, 3) - np.log2(35)) < 1e-12


def test_masks_beyond_their_superset_are_refused():
    with pytest.raises(MaskError, match="other drops"):
        encode_mask(Mask.of(np.array([True, True])), Mask.of(np.array([True, False])))
    with pytest.raises(MaskError, match="another shape"):
        encode_mask(Mask.of(np.ones((1, 2), bool)), Mask.of(np.ones(2, bool)))


@pytest.mark.parametrize(
    ("kept", "parameter", "data", "size", "text"),
    [
        (9, 0, [255], 8, "cannot be"),
        (-1, 0, [255], 8, "kept -1"),
        (True, 0, [128], 8, "kept True"),
        (8, 0.0, [255], 8, "parameter 0.0"),
        (8, 2**49, [255], 8, "parameter"),
        (7, 0, [255], 8, "8 kept weights were found"),
        (8, 0, [255, 0], 8, "packs into"),
        (7, 0, [255], 7, "padded"),
        (2, 1, [0b11111011, 0b11000000], 8, "go on to 11"),
        (2, 1, [0b11111011], 8, "end before"),
        (1, 1, [0b11111111, 0], 8, "larger than 7"),
        (6, -1, [0b11111011, 0b11000000], 8, "go on to"),
        (1, 1, [0], 0, "cannot be"),
        (0, 1, [0], 8, "0 are needed"),
        (0, 1, [], LARGEST + 1, "at most"),
        (LARGEST, 3, [], LARGEST, "do not hold"),
    ],
)
def test_data_that_code_no_mask_are_refused(kept, parameter, data, size, text):
    with pytest.raises(InputError, match=text):
        decode_mask(CodedMask(kept, parameter, np.array(data, dtype=np.uint8)), (size,))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=30), st.integers(-40, 40), st.integers(0, 300), st.integers(0, 300))
def test_any_bytes_are_a_mask_or_refused(data, parameter, kept, size):
    coded = CodedMask(kept, parameter, np.frombuffer(data, dtype=np.uint8))
    try:
        mask = decode_mask(coded, (size,))
    except InputError:
        return
    assert mask.kept == kept and mask.size == size
