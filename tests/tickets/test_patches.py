"""Patches: what they make of a tensor, their cheapest kind, their bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt.errors import InputError, MaskError
from slt.masks import Mask
from slt.tickets.patches import (
    Copies,
    Flips,
    Redraws,
    cheapest,
    check_kept,
    decode_patch,
    encode_patch,
    patches_of,
)

DRAWS = np.arange(1, 25, dtype=np.int32).reshape(4, 6)


def redraw(event, indices):
    return (100 * event + indices).astype(np.int32)


@st.composite
def patches(draw):
    """(patch, mask that keeps its weights and others)"""
    indices = np.array(sorted(draw(st.sets(st.integers(0, 23)))), dtype=np.int64)
    kept = np.zeros(24, dtype=bool)
    kept[indices] = True
    kept[list(draw(st.sets(st.integers(0, 23))))] = True
    numbers = np.array(draw(st.lists(st.integers(0, 23), min_size=indices.size, max_size=indices.size)), dtype=np.int64)
    kind = draw(st.sampled_from([Copies, Redraws, Flips]))
    return kind.of_numbers("w", indices, numbers), Mask.of(kept.reshape(4, 6))


@settings(max_examples=80, deadline=None)
@given(patches())
def test_patches_survive_their_code(case):
    patch, kept = case
    entry, data = encode_patch(patch, kept)
    assert decode_patch(entry, np.frombuffer(data, dtype=np.uint8), kept) == patch
    check_kept(patch, kept)


def test_what_patches_make_of_a_tensor():
    flat = DRAWS.reshape(-1).copy()
    assert Copies("w", [2, 5], [5, 0]).patched(DRAWS, redraw).reshape(-1)[[2, 5]].tolist() == [flat[5], flat[0]]
    assert Redraws("w", [2, 5, 7], [3, 1, 3]).patched(DRAWS, redraw).reshape(-1)[[2, 5, 7]].tolist() == [302, 105, 307]
    flipped = Flips("w", [0, 23]).patched(DRAWS, redraw)
    assert flipped[0, 0] == -1 and flipped[-1, -1] == -24 and np.array_equal(flipped[1:3], DRAWS[1:3])
    assert np.array_equal(DRAWS.reshape(-1), flat)


def test_the_cheapest_kind():
    kept = Mask.of(np.ones((4, 6), bool))
    signs = np.where(np.arange(24) % 3 == 0, -7, 7).reshape(4, 6)
    copies = Copies("w", [0, 1, 2], [3, 3, 3])
    assert cheapest(copies, kept, DRAWS, redraw) == copies
    assert cheapest(copies, kept, signs, redraw) == Flips("w", [1, 2])  # 0 and 3 have one sign
    assert cheapest(Copies("w", [0], [3]), kept, signs, redraw) is None
    some = np.ones((4, 6), bool)
    some[0, 1] = False
    assert cheapest(copies, Mask.of(some), signs, redraw) == Flips("w", [2])
    assert cheapest(Redraws("w", [1, 2], [1, 9]), Mask.of(some), DRAWS, redraw) == Redraws("w", [2], [9])


def test_patches_from_what_a_search_recorded():
    kept = Mask.of(np.arange(24).reshape(4, 6) % 2 == 0)
    origins = np.arange(24)
    origins[[1, 4, 6]] = 9
    assert patches_of("w", kept, origins=origins.reshape(4, 6)) == [Copies("w", [4, 6], [9, 9])]
    events = np.zeros((4, 6), dtype=np.int32)
    events[0, 1], events[0, 2] = 3, 4
    assert patches_of("w", kept, events=events) == [Redraws("w", [2], [4])]
    assert patches_of("w", kept, events=np.zeros((4, 6), np.int32)) == patches_of("w", kept) == []
    with pytest.raises(InputError, match="both copied and redrew"):
        patches_of("w", kept, origins, events)
    with pytest.raises(InputError, match="numbers were given for 24"):
        patches_of("w", kept, origins[:5])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Copies("w", [1, 1], [0, 0]), "rise"),
        (lambda: Copies("w", [2, 1], [0, 0]), "rise"),
        (lambda: Copies("w", [-1], [0]), "rise"),
        (lambda: Copies("w", [1.5], [0]), "whole numbers"),
        (lambda: Copies("w", [[1]], [0]), "one dimension"),
        (lambda: Copies("w", [1], [0, 1]), "one from 0 on"),
        (lambda: Copies("w", [1], [-1]), "one from 0 on"),
        (lambda: Redraws("w", [1], [0]), "one from 1 on"),
        (lambda: Redraws("w", [1], [2**31]), "below"),
        (lambda: Copies("w", [1], [24]).fits(24), "origins go up to 24"),
        (lambda: Flips("w", [24]).fits(24), "indices go up to 24"),
    ],
)
def test_patches_that_are_none_are_refused(make, text):
    with pytest.raises(InputError, match=text):
        make()


def test_patches_of_dropped_weights_are_refused():
    kept = Mask.of(np.arange(24).reshape(4, 6) > 3)
    with pytest.raises(MaskError, match="1 of 2 weights"):
        check_kept(Flips("w", [3, 4]), kept)
    with pytest.raises(MaskError, match="other drops"):
        encode_patch(Flips("w", [3, 4]), kept)


def test_a_patch_cannot_be_changed_later():
    indices = np.array([1, 2])
    patch = Flips("w", indices)
    indices[0] = 0
    assert patch.indices.tolist() == [1, 2] and len({patch, Flips("w", [1, 2])}) == 1
    with pytest.raises(ValueError, match="read-only"):
        patch.indices[0] = 0
    assert patch != Flips("v", [1, 2]) and patch != Copies("w", [1, 2], [1, 2]) and patch != 3


def test_more_weights_than_bytes_can_tell_are_refused():
    """A forged count must not make gigabytes of a few bytes."""
    kept = Mask.of(np.ones(2**18, dtype=bool))
    with pytest.raises(InputError, match="no patch of a search"):
        decode_patch(["flips", "w", 2**18, -1, 0, 0, 0], np.zeros(0, dtype=np.uint8), kept)
