"""Random weights: known answers, golden values, one value for each address in every way of computing it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from slt.errors import InputError, LatticeError
from slt.philox import philox4x32
from slt.weights import Key, SignedConstant, Uniform, named_law

LAWS = [Uniform(), Uniform(1), Uniform(30), Uniform(31), Uniform(32), Uniform(33), Uniform(52), SignedConstant(0.5)]

# Random123's kat_vectors for philox4x32 with 10 rounds
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_its_published_answers(counter, key, answer):
    assert tuple(int(w[0]) for w in philox4x32(tuple(np.array([c], dtype=np.int64) for c in counter), key)) == answer
    assert philox4x32(counter, key) == answer  # on Python integers, where nothing wraps


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_compiled_numpy_and_torch_give_the_same_bits(law):
    key = Key(7) / "layer 3" / "head 1"
    for shape, start in [
        ((3, 5, 13), (1, 2, 3)),
        ((1, 1, 1), (2**32 - 1, 2**32 - 1, 2**32 - 1)),
        ((2, 0, 4), (0, 0, 0)),
    ]:
        compiled = law.draw(key, shape, start)
        plain = law.draw_plain(key, shape, start)
        assert compiled.shape == plain.shape == shape
        assert np.array_equal(compiled, plain)
        assert np.array_equal(law.draw_torch(key, shape, start).numpy(), plain)


def test_golden_values():
    """Every ticket ever saved depends on these: a change of them is a change of the file format."""
    key = Key(7) / "layer 3" / "head 1"
    assert str(key) == "seed 7 / layer 3 / head 1"
    assert key.words == (616693943, 270051929)
    assert Uniform().draw(key, (1, 1, 3), (1, 2, 3)).tolist() == [[[-1093243, 3452063, -2533955]]]
    fine = [[[-586930429739465, 1853312301285813, -1360407103182351]]]
    assert Uniform(52).draw(key, (1, 1, 3), (1, 2, 3)).tolist() == fine
    assert SignedConstant(0.5).draw(key, (1, 1, 3), (1, 2, 3)).tolist() == [[[-4194304, 4194304, -4194304]]]


@given(st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(1, 6)] * 3), st.sampled_from(LAWS))
def test_a_draw_does_not_depend_on_what_else_is_drawn(start, shape, law):
    key = Key(3) / "x"
    whole = law.draw(key, (10, 10, 10))
    window = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
    assert np.array_equal(law.draw(key, shape, start), whole[window])


def test_keys_are_addresses():
    paths = [Key(1), Key(1) / "a", Key(1) / "a" / "b", Key(1) / "a / b", Key(1) / "ab", Key(2) / "a", Key(1) / "é"]
    assert len({key.words for key in paths}) == len(paths)
    assert Key(1) / "a" / 3 == Key(1, ("a", "3"))
    assert Key(np.int64(5)).seed == 5


def test_uniform_values_are_odd_symmetric_and_uniform():
    """Kolmogorov-Smirnov at level 0.001 on 200,000 draws, and the exact range."""
    for law in (Uniform(), Uniform(52)):
        k = law.draw(Key(11), (200, 10, 100)).ravel()
        assert np.all(k & 1 == 1)
        assert np.abs(k).max() < 2**law.exponent
        x = k.astype(np.float64) * 2.0**-law.exponent
        assert stats.kstest(x, stats.uniform(-1, 2).cdf).pvalue > 0.001
        serial = np.corrcoef(x[:-1], x[1:])[0, 1]
        assert abs(serial) < 3.3 / np.sqrt(x.size)


def test_every_value_of_a_small_lattice_appears():
    assert set(Uniform(3).draw(Key(0), (1, 1, 1000)).ravel().tolist()) == {-7, -5, -3, -1, 1, 3, 5, 7}
    assert set(SignedConstant(1.0).draw(Key(0), (1, 1, 100)).ravel().tolist()) == {-(2**23), 2**23}


def test_network_weights_are_exact_in_float32():
    k = Uniform().draw(Key(1), (10, 10, 10))
    assert np.array_equal((k.astype(np.float32) * np.float32(2.0**-23)).astype(np.float64), k / 2**23)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_names_of_laws_are_invertible(law):
    assert named_law(law.name) == law


@pytest.mark.parametrize("name", ["normal", "uniform/x", "uniform/99", "signed-constant/", "signed-constant/0", ""])
def test_unknown_laws_are_refused(name):
    with pytest.raises(InputError):
        named_law(name)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "3", None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(InputError, match="integer seed"):
        Key(seed)


def test_bad_laws_and_addresses_are_refused():
    for value in (0.0, 1.5, -0.5, 0.1, float("nan"), float("inf")):
        with pytest.raises(LatticeError):
            SignedConstant(value)
    for lattice in (0, 53, -1):
        with pytest.raises(LatticeError):
            Uniform(lattice)
    for shape, start in [
        ((1, 1, 2), (0, 0, 2**32 - 1)),
        ((1, 1, 1), (-1, 0, 0)),
        ((1, -1, 1), (0, 0, 0)),
        ((1, 1), (0, 0)),
    ]:
        for draw in (Uniform().draw, Uniform().draw_plain, Uniform().draw_torch):
            with pytest.raises(InputError):
                draw(Key(0), shape, start)
    with pytest.raises(InputError, match="one common length"):
        Uniform().draw_rows(Key(0), [1, 2], [1], 4)
    with pytest.raises(InputError):
        Uniform().draw_rows(Key(0), [-1], [1], 4)
