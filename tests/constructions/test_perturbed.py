"""Perturbed two-layer sums: moves are declared, counted and bounded, and sums end where the lattice lets them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slt
from slt import laws
from slt.constructions import FixedSize, Perturbation, RandomGraph, TwoLayerSum
from slt.errors import InputError, LimitError, MaskError, TicketFileError, VerificationError
from slt.tickets import Moves, PerturbedSource, Ticket
from tests.constructions.conformance import Conformance, random_chain
from tests.tickets.ticket_files import rewritten

BOX = slt.Box(0.0, 1.0)


def find(model, width=16, seed=0, absolute=0.01, relative=0.0, **others):
    construction = TwoLayerSum(perturbation=Perturbation(relative, absolute))
    return slt.find_ticket(model, width=width, seed=seed, inputs=BOX, construction=construction, **others)


class TestConformance(Conformance):
    """Nested but for half a lattice step, below."""

    widths = (14, 20)
    nested = False

    def construction(self):
        return TwoLayerSum(perturbation=Perturbation(absolute=0.005))

    def model(self, seed):
        return random_chain(seed)

    def test_every_weight_is_the_source_s_where_kept_and_zero_elsewhere(self):
        """With its declared moves, and without them it is not; bit for bit."""
        ticket = self.find(14, 0)
        source, plain = ticket.source_network, ticket.source_network.base
        report = ticket.verify()
        assert report.patched == report.carried == ticket.carried_count == sum(m.steps.size for m in source.moves) > 0
        state = {name: value.numpy() for name, value in ticket.module().state_dict().items()}
        differ = 0
        for name in source.tensor_shapes:
            drawn = source.draw_plain(name, slice(None)).astype(np.int64)
            moved = drawn.copy()
            if name.endswith("second.weight"):
                position = int(name[5])
                parts = [f"layer {position}/weight", f"layer {position}/bias"]
                steps = []
                for part in parts:
                    dense = np.zeros(ticket.mask[part].shape, dtype=np.int64)
                    for patch in source.moves:
                        if patch.name == part:
                            dense.reshape(-1)[patch.indices] = patch.steps
                    steps.append(dense.reshape(len(dense), -1))
                moved = moved + np.concatenate(steps, axis=1)
                assert np.abs(moved - drawn).max() <= int(Fraction(0.005) * 2**23)
            expected = np.where(source.dense_mask(name, ticket.mask), moved / 2**23, 0.0).astype(np.float32)
            assert np.array_equal(state[name].view(np.int32), expected.view(np.int32))
            differ += int(np.count_nonzero(state[name] != plain.kept_values(name, ticket.mask)))
        assert differ == ticket.carried_count


class TestFrozen(Conformance):
    """Beside removed and locked edges, and two numbers."""

    widths = (24, 30)
    nested = False

    def construction(self):
        return TwoLayerSum(frozen=RandomGraph(0.8, 0.1), perturbation=Perturbation(0.001, 0.001))

    def model(self, seed):
        return random_chain(seed, (2, 3, 1))

    def test_every_weight_is_the_source_s_where_kept_and_zero_elsewhere(self):
        ticket = self.find(24, 0)
        ticket.verify()
        for patch in ticket.source_network.moves:
            part = ticket.source_network.distinct_parts[patch.name]
            locked = ticket.source_network.base.locked(part, slice(None)).reshape(-1)
            assert not np.any(locked[patch.indices])


def test_reached_sums_are_within_half_a_step_of_a_weight():
    """2**-24 for Uniform, of products up to 1, and mostly less than half of it; those beyond lack the slack."""
    model = random_chain(4, (6, 8), biases=False)
    ticket = find(model, width=24)
    source = ticket.source_network
    (part,) = source.distinct_parts.values()
    kept, first = ticket.mask[part.name].unpack(), source.base.first(part)
    slack = np.where(kept & (first > 0), first, 0).sum(axis=2) * int(Fraction(0.01) * 2**23)
    before, _ = source.base.sums(part, ticket.mask[part.name])
    after, _ = source.sums(part, ticket.mask[part.name])
    goal = np.rint(np.ldexp(model.layers[0].weight, 46)).astype(np.int64)
    short = np.maximum(np.abs(before - goal) - slack, 0)
    assert np.all(np.abs(after - goal) <= short + 2**22)
    assert np.mean(short == 0) > 0.9
    residual = ticket.residuals()
    assert np.array_equal(residual.parts[part.name].branches[0].units, after - goal)
    assert np.mean(residual.errors <= 2**-24) > 0.9


def test_a_width_more_never_takes_more_than_half_a_step():
    model = random_chain(5, (3, 4), biases=False)
    errors = [find(model, width=w, seed=1, absolute=0.001).residuals().errors for w in (10, 14, 20)]
    for small, large in itertools.pairwise(errors):
        assert np.all(large <= small + 2.0**-24)


def test_wider_moves_need_fewer_units_and_none_are_made_where_none_are_needed():
    model = random_chain(6, (4, 4), biases=False)
    counts = [find(model, width=16, absolute=e).findings.kept for e in (0.1, 0.01, 0.001)]
    assert counts[0] < counts[1] < counts[2]
    # a target that a plain sum meets
    half = slt.Target.from_arrays([[[0.0]]])
    ticket = find(half)
    assert ticket.source_network.moves == () and ticket.carried_count == 0 and ticket.verify().patched == 0


def test_findings_count_what_is_beyond_the_tolerance():
    model = random_chain(7, (4, 5), biases=False)
    ticket = find(model, width=6, absolute=0.01, tolerance=1e-4)
    assert 0 < ticket.findings.missed == len(ticket.unreached(1e-4)) < ticket.findings.sums == 20
    assert ticket.findings.needed_width is None


def test_scales_ties_and_two_signs():
    """A layer used twice, weights beyond 1, inputs of both signs."""
    import torch
    from torch import nn

    torch.manual_seed(3)
    layer = nn.Linear(3, 3)
    layer.weight.data.clamp_(-0.5, 0.5).mul_(3.0)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    ticket = slt.find_ticket(model, width=40, construction=TwoLayerSum(perturbation=Perturbation(absolute=0.01)))
    report = ticket.verify()
    assert report.carried == report.patched + sum(c.count for c in ticket.carried) > report.patched
    points = slt.Ball(1.0).sample(3, 50, np.random.default_rng(0))
    low, high = slt.sampled(ticket, model, points).value, slt.certified(ticket, model, slt.Ball(1.0)).value
    assert low <= high
    # half a step, times the scale of 2
    assert np.median(ticket.residuals().errors) <= 2.0 * 2**-24


def test_files_hold_the_moves(tmp_path):
    ticket = find(random_chain(1), width=18)
    again = slt.load(ticket.save(tmp_path / "a.slt"))
    assert again.source_network == ticket.source_network and again.verify() == ticket.verify()
    assert again.save(tmp_path / "b.slt").read_bytes() == (tmp_path / "a.slt").read_bytes()
    for change in (
        lambda h, b: h["source"].update(perturbation=[0.0, 1e-4]),  # moves beyond it
        lambda h, b: h["source"].update(perturbation=[0.0]),
        lambda h, b: h["source"].update(perturbation=["a", 0.1]),
        lambda h, b: h["patches"].pop(),
        lambda h, b: h["patches"][0].__setitem__(0, "flips"),
        lambda h, b: h["patches"][0].__setitem__(1, "layer 9/weight"),
        lambda h, b: h["source"].update(kind="two-layer"),
    ):
        ticket.save(tmp_path / "a.slt")
        with pytest.raises(TicketFileError, match="makes no ticket"):
            slt.load(rewritten(tmp_path / "a.slt", change))


def test_moves_that_break_the_rules_are_refused():
    ticket = find(random_chain(0, (2, 3), biases=False), width=12)
    source, masks = ticket.source_network, ticket.mask
    (patch,) = source.moves
    steps = patch.steps.copy()
    steps[0] = int(0.01 * 2**23) + 1
    with pytest.raises(MaskError, match=r"1 of .* go beyond"):
        Ticket(source.with_moves((Moves(patch.name, patch.indices, steps),)), masks)
    away = int(np.flatnonzero(~masks[patch.name].unpack())[0])
    with pytest.raises(MaskError, match="not kept"):
        Ticket(source.with_moves((Moves(patch.name, np.array([away]), np.array([5])),)), masks)
    for moves, text in (
        ((patch, patch), "at most one patch"),
        ((Moves("layer 7/weight", patch.indices, patch.steps),), "no parts of the source"),
        ((Moves(patch.name, np.array([10**6]), np.array([1])),), "below"),
    ):
        with pytest.raises(InputError, match=text):
            source.with_moves(moves)
    with pytest.raises(InputError, match="needs a TwoLayerSource"):
        PerturbedSource(source, source.perturbation)


def test_verification_finds_weights_that_are_not_as_declared(monkeypatch):
    """Another move in the module, one that is not declared, and a limit that the moves exceed."""
    ticket = find(random_chain(0, (2, 3), biases=False), width=12)
    source = ticket.source_network
    (patch,) = source.moves
    other = Moves(patch.name, patch.indices, patch.steps - np.sign(patch.steps) * (np.abs(patch.steps) > 1))
    for moved in (source.with_moves((other,)), source.with_moves(())):
        wrong = moved.module({n: ticket._tensor(moved.kept_values(n, ticket.mask), None, None) for n in
                              source.tensor_shapes})  # fmt: skip
        with monkeypatch.context() as patched:
            patched.setattr(PerturbedSource, "module", lambda self, weights, wrong=wrong: wrong)
            with pytest.raises(VerificationError, match="are not source times mask"):
                ticket.verify()
    narrow = replace(source, perturbation=Perturbation(absolute=1e-5))
    object.__setattr__(ticket, "source_network", narrow)
    with pytest.raises(VerificationError, match="go beyond Perturbation"):
        ticket.verify()


@given(
    st.integers(-(2**24), 2**24),
    st.floats(0, 2, allow_subnormal=False),
    st.floats(1e-9, 3, allow_subnormal=False),
    st.integers(1, 23),
)
def test_the_number_of_steps_is_exact(weight, relative, absolute, exponent):
    steps = int(Perturbation(relative, absolute).most_steps(np.array([weight]), exponent)[0])
    limit = Fraction(relative) * abs(weight) + Fraction(absolute) * 2**exponent
    assert steps == min(limit.numerator // limit.denominator, 2**24 - abs(weight))


@given(st.lists(st.integers(-(2**25), 2**25).filter(bool), min_size=1, max_size=30))
def test_moves_are_their_numbers(steps):
    moves = Moves("x", np.arange(len(steps)), np.array(steps))
    assert moves.numbers.min() >= 0
    assert Moves.of_numbers("x", moves.indices, moves.numbers) == moves


@pytest.mark.parametrize(
    ("steps", "text"),
    [([0, 1], "1 .. 2"), ([1], "one whole number"), ([1.0, 2.0], "one whole number"), ([2**25 + 1, 1], "1 .. 2")],
)
def test_steps_that_are_none(steps, text):
    with pytest.raises(InputError, match=text):
        Moves("x", np.array([0, 1]), np.array(steps))


@pytest.mark.parametrize("numbers", [(0.0, 0.0), (-0.1, 0.1), (0.1, np.nan), ("1", 0.1), (True, 0.1), (0.1, np.inf)])
def test_perturbations_that_are_none(numbers):
    with pytest.raises(InputError, match="a perturbation: "):
        Perturbation(*numbers)


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="perturbation must be"):
        TwoLayerSum(perturbation=0.01)
    with pytest.raises(InputError, match="Leave one of the two out"):
        TwoLayerSum(selection=FixedSize(2), perturbation=Perturbation(absolute=0.1))
    with pytest.raises(LimitError, match="at most 44"):
        find(random_chain(0), width=60, max_items=60, tolerance=0.1)


def test_hits_follow_the_law_of_perturbed_sums():
    """One weight 0.3, 300 seeds, the first 8 units of the right sign: the share within half a step of a weight is that
    of P19 for products with half the slack, E|u| = 1/2, within 0.12 (2.9 standard deviations are 0.084)."""
    model = slt.Target.from_arrays([[[0.3]]])
    for absolute in (0.003, 0.001):
        hits = [find(model, 40, seed, absolute, max_items=8).residuals().errors.item() <= 2**-24 for seed in range(300)]
        law = laws.perturbed_exact_probability(8, absolute=absolute / 2, target=0.3, items=laws.UNIFORM_PRODUCT)
        assert abs(np.mean(hits) - float(law)) < 0.12
