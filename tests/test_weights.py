"""Random weights: known answers, golden values, one value for each address in every way of computing it."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest
import torch
from scipy import stats

import slt
from slt.errors import InputError, LatticeError, TicketFileError, UnknownLawError, VerificationError
from slt.philox import philox4x32
from slt.search import RandomTensors
from slt.weights import (
    Hyperbolic,
    Key,
    Normal,
    SignedConstant,
    SymmetricLaw,
    Uniform,
    WeightLaw,
    named_law,
)
from tests.weight_law_conformance import Conformance

AFFINE = [Uniform(), Uniform(1), Uniform(30), Uniform(31), Uniform(32), Uniform(33), Uniform(52), SignedConstant(0.5)]
SYMMETRIC = [Normal(), Normal(1), Normal(26), Normal(27), Normal(52), Hyperbolic(2**-10), Hyperbolic(0.3, 52)]
LAWS = [*AFFINE, *SYMMETRIC]


class TestLaws(Conformance):
    @pytest.fixture(params=LAWS, ids=lambda law: law.name)
    def law(self, request):
        return request.param


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


def test_golden_values():
    """Every ticket ever saved depends on these: a change of them is a change of the file format."""
    key = Key(7) / "layer 3" / "head 1"
    assert str(key) == "seed 7 / layer 3 / head 1"
    assert key.words == (616693943, 270051929)
    assert Uniform().draw(key, (1, 1, 3), (1, 2, 3)).tolist() == [[[-1093243, 3452063, -2533955]]]
    fine = [[[-586930429739465, 1853312301285813, -1360407103182351]]]
    assert Uniform(52).draw(key, (1, 1, 3), (1, 2, 3)).tolist() == fine
    assert SignedConstant(0.5).draw(key, (1, 1, 3), (1, 2, 3)).tolist() == [[[-4194304, 4194304, -4194304]]]


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
        k = law.integers(np.array([0, 2**52 - 1, 2**52, 2**53 - 1]))
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


# -- laws of callers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Steps(WeightLaw):
    """Odd numbers in a window, of three random bits, with a field that files write as a float."""

    shift: float = 0.0
    exponent: int = 20
    answer: str = "good"

    @property
    def largest(self):
        return 7 << 12

    def integers(self, m):
        k = (2 * (m >> 50) - 7) << 12
        return {"good": k, "floats": k / 2, "large": 100 * k, "short": k.ravel()[:1]}[self.answer]


@dataclass(frozen=True)
class Cubes(SymmetricLaw):
    scale: float = 1.0
    exponent: int = 20

    def size(self, p):
        return self.scale * (1 - p) ** 3


def test_a_law_of_one_s_own_needs_three_members_and_a_symmetric_one_two():
    assert Steps().kind == "steps" and Steps().name == "steps"
    assert set(Steps().draw(Key(0), (1, 1, 500)).ravel().tolist()) == {k << 12 for k in (-7, -5, -3, -1, 1, 3, 5, 7)}
    assert Cubes().largest == 2**20 - 1 and Cubes(0.5).largest == 2**19 - 1
    assert named_law("cubes/0.25") == Cubes(0.25) and Cubes(0.25, 18).name == "cubes/0.25/18"
    assert named_law("steps/2/19") == Steps(2.0, 19)


class TestSteps(Conformance):
    def weight_law(self):
        return Steps()


class TestCubes(Conformance):
    def weight_law(self):
        return Cubes(1.0)


@pytest.mark.parametrize(("answer", "said"), [("floats", "float64"), ("large", "largest is"), ("short", "shape")])
def test_integers_that_are_none_are_refused(answer, said):
    law = Steps(answer=answer)
    for draw in (law.draw, law.draw_plain):
        with pytest.raises(InputError, match=said):
            draw(Key(0), (2, 2, 2))


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf"), 1e30])
def test_sizes_that_are_none_are_refused(scale):
    law = Cubes(scale)
    with pytest.raises(InputError, match=r"size\(\) returned|naming"):
        law.draw(Key(0), (2, 2, 2))


def symmetric(called, size, **members):
    return dataclass(frozen=True)(type(called, (SymmetricLaw,), {"exponent": 20, "size": size, **members}))()


def test_a_size_that_is_none_is_told_by_the_first_place():
    law = symmetric("Negative", lambda self, p: np.where(p < 0.25, 1.0, -0.5))
    with pytest.raises(InputError, match=r"size\(\) returned -0\.5 for p = 0\.25; a number in \[0, 2\*\*42\)") as told:
        law.draw(Key(0), (1, 1, 5000))
    assert len(str(told.value)) < 200
    with pytest.raises(InputError, match=r"size\(\) returned numbers of shape \(\) for"):
        symmetric("Single", lambda self, p: 0.5).draw(Key(0), (1, 1, 2))


@pytest.mark.parametrize(
    ("called", "size"),
    [
        ("Quantile", lambda self, p: 1 - np.sqrt(1 - p)),
        ("Humped", lambda self, p: 4 * p * (1 - p)),
        ("Late", lambda self, p: np.where(p > 1 - 2.0**-40, 1.0, 0.5)),
        ("Early", lambda self, p: np.where(p < 2.0**-40, 0.4, 0.5)),
    ],
)
def test_sizes_that_rise_are_refused(called, size):
    law = symmetric(called, size)
    for use in (lambda: law.largest, lambda: law.draw_plain(Key(0), (1, 1, 1)), lambda: _ticket(law)):
        with pytest.raises(InputError, match=r"rises in p, from .* at p = .* to .* at p = .* 1 - p for p"):
            use()


def test_sizes_that_fall_stay_or_step_are_laws_and_looked_at_once():
    asked = []

    def size(self, p):
        asked.append(p.size)
        return 1 - np.sqrt(p)

    law = symmetric("Counted", size)
    for _ in range(3):
        law.draw(Key(0), (1, 1, 1))
    assert sum(n > 1 for n in asked) == 1
    constant = symmetric("Constant", lambda self, p: np.full(p.shape, 0.5))
    assert set(constant.draw(Key(0), (1, 1, 100)).ravel().tolist()) == {2**19 + 1, -(2**19) - 1}
    two = symmetric("TwoSizes", lambda self, p: np.where(p < 0.5, 0.75, 0.25))
    assert np.unique(two.draw(Key(0), (1, 1, 100))).size == 4
    rounded = symmetric("Rounded", lambda self, p: 0.5 + 1e-15 * np.sin(1 / p))
    assert rounded.draw(Key(0), (1, 1, 10)).shape == (1, 1, 10)
    unhashable = dataclass(type("Unhashable", (SymmetricLaw,), {"exponent": 20, "size": lambda self, p: 1 - p}))()
    assert unhashable.draw(Key(0), (1, 1, 10)).shape == (1, 1, 10)


@pytest.mark.parametrize(
    ("law", "most"),
    [(Uniform(52), 23), (Normal(22), 20), (Cubes(1.0, 52), 23), (Cubes(5.0, 23), 21), (Cubes(2.0, 24), 23)],
)
def test_a_lattice_too_fine_for_networks_is_told_with_one_that_would_do(law, most):
    with pytest.raises(InputError, match=rf"float32 .*smaller exponent, {most} at most"):
        _ticket(law)
    named = type(law)
    coarser = named(law.scale, most) if named is Cubes else named(most)
    assert coarser.largest <= 2**24
    assert _ticket(coarser).verify()


def test_small_weights_on_a_lattice_too_fine_for_products_are_refused_too():
    law = Cubes(0.01, 30)
    assert law.largest < 2**24
    with pytest.raises(InputError, match=r"may leave 64 bits; .* exponent of 23"):
        _ticket(law)


def test_the_suite_finds_a_law_that_cuts_its_sizes():
    law = symmetric("Cut", lambda self, p: 1 - np.sqrt(p), largest=2**18 - 1)
    with pytest.raises(AssertionError, match=r"size\(0\.1\) is no size exceeded with probability 0\.1"):
        Conformance().test_its_sizes_are_exceeded_with_their_probability(law)


def test_of_two_classes_of_one_name_the_last_defined_is_taken_and_verify_notices(tmp_path):
    members = {"__qualname__": "Redefined", "kind": "redefined"}
    first = symmetric("Redefined", lambda self, p: 1 - np.sqrt(p), **members)
    path = _ticket(first).save(tmp_path / "t.slt")
    same = symmetric("Redefined", lambda self, p: 1 - np.sqrt(p), **members)
    assert type(slt.load(path).source_network.law) is type(same)
    assert slt.load(path).verify()
    other = symmetric("Redefined", lambda self, p: 1 - p, **members)
    assert type(slt.load(path).source_network.law) is type(other)
    with pytest.raises(VerificationError, match="the law redefined is another class than it was"):
        slt.load(path).verify()
    # the last defined, whatever its base
    last = dataclass(frozen=True)(type("Redefined", (Cubes,), members))
    based = dataclass(frozen=True)(type("Redefined", (Steps,), members))
    assert type(named_law("redefined")) is based
    again = dataclass(frozen=True)(type("Redefined", (SymmetricLaw,), {**members, "exponent": 20, "size": Cubes.size}))
    assert type(named_law("redefined")) is again and last is not again


def test_kinds_are_words_of_one_class():
    with pytest.raises(InputError, match=r"slt\.weights\.Uniform 'uniform' already.*kind = 'my-uniform'"):
        type("Uniform", (SymmetricLaw,), {"size": lambda self, p: p})
    for kind in ("", "a/b", 3):
        with pytest.raises(InputError, match="word without a slash"):
            type("Strange", (SymmetricLaw,), {"kind": kind})
    one = dataclass(frozen=True)(type("Twice", (Steps,), {"kind": "twice"}))
    assert type(named_law("twice")) is one
    again = dataclass(frozen=True)(type("Twice", (Steps,), {"kind": "twice"}))
    assert type(named_law("twice")) is again  # a cell that was run again
    other = type("Thrice", (Steps,), {"kind": "twice"})
    with pytest.raises(UnknownLawError, match=r"Thrice and .*Twice.*kind of its own"):
        named_law("twice")
    assert other.kind == "twice"
    # copies of one class in several modules are one law, others are not
    one = symmetric("Copied", lambda self, p: 1 - p, kind="copied", __module__="one", __qualname__="Copied")
    two = symmetric("Copied", lambda self, p: 1 - p, kind="copied", __module__="two", __qualname__="Copied")
    assert type(named_law("copied")) in (type(one), type(two))
    three = symmetric("Copied", lambda self, p: 1 - p**2, kind="copied", __module__="three", __qualname__="Copied")
    with pytest.raises(UnknownLawError, match=r"one\.Copied and three\.Copied and two\.Copied"):
        named_law(three.name)


def _ticket(law):
    return slt.find_ticket(slt.Target.from_arrays([[[0.5]]]), width=16, law=law, max_items=8)


def test_a_file_whose_law_is_not_there_says_what_to_do(tmp_path, monkeypatch):
    path = _ticket(Cubes()).save(tmp_path / "t.slt")
    assert slt.load(path).source_network.law == Cubes()
    monkeypatch.setattr(Cubes, "kind", "cubes-no-more")
    with pytest.raises(TicketFileError, match=r"called 'cubes'.*known are .*uniform.*import its module first"):
        slt.load(path)


def test_a_law_that_its_name_does_not_bring_back_is_not_saved(tmp_path):
    class Plain(SymmetricLaw):  # no dataclass: what made it is in no field
        exponent = 20

        def __init__(self, scale=1.0):
            self.scale = scale

        def size(self, p):
            return self.scale * (1 - p)

    for law, said in [
        (Plain(0.5), "draws other weights; make its class a frozen dataclass"),
        (Steps(shift="far"), "files name laws by whole numbers"),
    ]:
        with pytest.raises(InputError, match=said):
            _ticket(law).save(tmp_path / "t.slt")
    assert not list(tmp_path.iterdir())


def test_a_ticket_of_a_class_that_was_defined_again_is_saved(tmp_path):
    def defined():
        return dataclass(frozen=True)(type("Again", (Cubes,), {"__qualname__": "Again"}))()

    first, second = defined(), defined()
    path = _ticket(first).save(tmp_path / "t.slt")
    assert first != second and type(slt.load(path).source_network.law) is type(second)


def test_a_class_in_the_place_of_a_law_is_told():
    with pytest.raises(InputError, match=r"an object, Cubes\(\.\.\.\)"):
        _ticket(Cubes)


@pytest.mark.parametrize("deviation", [0.0, -1.0, float("nan"), float("inf")])
def test_a_deviation_is_a_positive_number(deviation):
    law = dataclass(frozen=True)(type("Wide", (Cubes,), {"deviation": deviation, "kind": "wide"}))()
    with pytest.raises(InputError, match=r"deviation of the law wide.* positive number"):
        RandomTensors(law)


@pytest.mark.parametrize("field", [float("nan"), float("inf"), True, None, "1", (1,)])
def test_fields_that_are_no_numbers_have_no_name(field):
    with pytest.raises(InputError, match=r"Steps\.shift is .* fields such numbers"):
        _ = Steps(shift=field, exponent=19).name
