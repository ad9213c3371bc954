"""Random weights: known answers, golden values, one value for each address in every way of computing it."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import slt
from slt.errors import InputError, LatticeError
from slt.philox import philox4x32
from slt.weights import Hyperbolic, Key, Normal, SignedConstant, Uniform, named_law

AFFINE = [Uniform(), Uniform(1), Uniform(30), Uniform(31), Uniform(32), Uniform(33), Uniform(52), SignedConstant(0.5)]
SYMMETRIC = [Normal(), Normal(1), Normal(26), Normal(27), Normal(52), Hyperbolic(2**-10), Hyperbolic(0.3, 52)]
LAWS = [*AFFINE, *SYMMETRIC]

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


@pytest.mark.parametrize(
    "name",
    [
        *("uniform/x", "uniform/99", "signed-constant/", "signed-constant/0", "", "/", "normal/20/1"),
        *("hyperbolic", "hyperbolic/0", "hyperbolic/nan", "hyperbolic/0.5/x", "normal/0", "gaussian"),
    ],
)
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
    for lattice in (0, 53, -1, 20.0, True):
        for law in (Uniform, Normal, lambda lattice: Hyperbolic(0.5, lattice)):
            with pytest.raises(LatticeError, match="lattice exponent in 1"):
                law(lattice)
    for smallest in (0.0, 1.0, -0.5, 2.0**-24, float("nan"), float("inf")):
        with pytest.raises(LatticeError, match="smallest"):
            Hyperbolic(smallest)
    for shape, start in [
        ((1, 1, 2), (0, 0, 2**32 - 1)),
        ((1, 1, 1), (-1, 0, 0)),
        ((1, -1, 1), (0, 0, 0)),
        ((1, 1), (0, 0)),
    ]:
        for law in (Uniform(), Normal()):
            for draw in (law.draw, law.draw_plain, law.draw_torch):
                with pytest.raises(InputError):
                    draw(Key(0), shape, start)
    with pytest.raises(InputError, match="one common length"):
        Uniform().draw_rows(Key(0), [1, 2], [1], 4)
    with pytest.raises(InputError):
        Uniform().draw_rows(Key(0), [-1], [1], 4)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_no_weight_exceeds_the_largest(law):
    k = law.draw(Key(2), (20, 20, 50))
    assert np.abs(k.astype(np.int64)).max() <= law.largest
    assert k.dtype == (np.int32 if law.largest < 2**30 else np.int64)


@pytest.mark.parametrize(
    "law", [Normal(), Normal(52), Hyperbolic(2**-10), Hyperbolic(2**-10, 52)], ids=lambda x: x.name
)
def test_normal_and_hyperbolic_weights_have_their_distributions(law):
    """Kolmogorov-Smirnov of the signed weights at level 0.001 and of their signs in a band of that level, 200,000
    draws; never zero, neighbours uncorrelated."""
    k = law.draw(Key(12), (200, 10, 100)).ravel().astype(np.int64)
    assert np.all(k & 1 == 1)
    x = k * 2.0**-law.exponent
    if isinstance(law, Normal):
        distribution = stats.norm.cdf
    else:

        def distribution(x):
            return 0.5 + np.sign(x) * (1 - np.log(np.abs(x)) / np.log(law.smallest)) / 2

    assert stats.kstest(x, distribution).pvalue > 0.001
    assert abs(np.count_nonzero(k > 0) - k.size / 2) < 3.3 * np.sqrt(k.size) / 2
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 3.3 / np.sqrt(x.size)


@pytest.mark.parametrize("law", [Normal(), Normal(52), Hyperbolic(0.01), Hyperbolic(0.01, 40)], ids=lambda x: x.name)
def test_sizes_follow_the_stated_formula(law):
    """Against another inverse distribution function and exact bits: at most one step of the lattice, or a relative
    1e-14, apart."""
    key = Key(4) / "formula"
    bits = Uniform(52).draw(key, (1, 10, 10)).ravel()  # 2 m + 1 - 2**52 of the 52 highest bits
    for k, m in zip(law.draw(key, (1, 10, 10)).ravel().tolist(), ((bits - 1 + 2**52) // 2).tolist(), strict=True):
        assert (k < 0) == (m >= 2**51)
        p = (m % 2**51) / 2**51  # but for the 53rd bit
        ends = [
            -NormalDist().inv_cdf(min(q, 1 - 1e-16) / 2) if isinstance(law, Normal) else law.smallest**q
            for q in (p + 2.0**-52, p + 2.0**-51)
        ]
        x = abs(k) / 2**law.exponent
        assert min(ends) - 2.0**-law.exponent - 1e-14 <= x <= max(ends) + 2.0**-law.exponent + 1e-14


def test_the_extreme_bits_of_a_normal_weight():
    for law in (Normal(), Normal(52)):
        k = law._integers(np.array([0, 2**52 - 1, 2**52, 2**53 - 1]))
        assert k[0] == -k[2] and k[1] == -k[3]
        assert abs(k[0] / 2**law.exponent - 8.2923610758) < 2.0**-law.exponent + 1e-9
        assert k[0] <= law.largest
        assert k[1] == 1


def test_normal_network_weights_are_exact_in_float32():
    assert Normal().largest < 2**24
    k = Normal().draw(Key(1), (10, 10, 10))
    assert np.array_equal((k.astype(np.float32) * np.float32(2.0**-20)).astype(np.float64), k / 2**20)
    with pytest.raises(InputError, match="float32"):
        slt.find_ticket(torch.nn.Linear(1, 1), width=8, seed=0, inputs=slt.Ball(1.0), law=Normal(22))


@pytest.mark.parametrize("law", [Normal(), Hyperbolic(0.01)], ids=lambda x: x.name)
def test_tickets_of_normal_and_hyperbolic_sources(law, tmp_path):
    """Found, verified bit by bit, saved and loaded with the name of the law."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    ticket = slt.find_ticket(model, width=24, seed=3, inputs=slt.Ball(1.0), tolerance=0.05, law=law)
    ticket.verify()
    again = slt.load(ticket.save(tmp_path / "ticket.slt"))
    again.verify()
    assert again.source_network.law == law
    if law == Normal():  # products of hyperbolic weights are small, and 24 too few
        assert len(ticket.unreached(0.05)) == 0
