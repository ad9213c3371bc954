"""The two-layer construction: optimal sums over its own random products, honest about what it cannot reach."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.constructions import Paper, SignOptimal, TwoLayerSum, find_ticket
from slt.errors import AssumptionError, InputError, LatticeError, LimitError, NoUsableItemError, UnreachedError
from slt.tickets.verification import source_digest

SPLITS = [SignOptimal(), Paper()]


def linear(outputs: int, inputs: int, seed: int = 0, bias: bool = True) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(inputs, outputs, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("split", SPLITS, ids=lambda s: s.name)
def test_every_weight_is_the_optimum_of_its_own_sum(split):
    """Against all subsets, from the float weights of the unpruned module: nothing but its own numbers is summed."""
    model = linear(3, 2)
    width = 16 if isinstance(split, SignOptimal) else 28
    ticket = find_ticket(model, width=width, seed=3, construction=TwoLayerSum(split))
    state = {n: t.double().numpy() for n, t in ticket.source().state_dict().items()}
    units = np.arange(width)
    for r, j, sign in itertools.product(range(3), range(3), (1, -1)):
        block = slice(j * width, (j + 1) * width)
        first = state["block0.first.weight"][block, j] if j < 2 else state["block0.first.bias"][block]
        right = first * sign > 0
        if isinstance(split, Paper):
            right &= units % 2 == (0 if sign > 0 else 1)
        products = (state["block0.second.weight"][r, block] * first)[right][:24]
        wanted = float(model.weight[r, j]) if j < 2 else float(model.bias[r])
        if j == 2 and sign < 0:
            continue
        sums = np.array([sum(c) for c in itertools.product(*((0.0, p) for p in products))])
        part = ticket.residuals().parts["layer 0/weight" if j < 2 else "layer 0/bias"]
        found = (part.positive if sign > 0 else part.negative)[r, j if j < 2 else 0]
        assert abs(found) == pytest.approx(np.abs(sums - wanted).min(), abs=1e-13)


def test_the_source_knows_nothing_of_the_target():
    """Same architecture, other weights: the same random network to the bit, and the same number of numbers carried."""
    a, b = find_ticket(linear(4, 3, seed=1), width=12), find_ticket(linear(4, 3, seed=2), width=12)
    assert source_digest(a.source_network) == source_digest(b.source_network)
    assert a.mask != b.mask and a.carried == b.carried == ()


def test_the_answer_does_not_depend_on_batches(monkeypatch):
    import slt.constructions.part_masks as module

    model = nn.Sequential(linear(7, 5), nn.ReLU(), linear(3, 7))
    whole = find_ticket(model, width=14)
    monkeypatch.setattr(module, "BATCH", 1)
    assert find_ticket(model, width=14).mask == whole.mask


def test_a_tolerance_stops_early_and_uses_all_units():
    model = nn.Sequential(linear(20, 10), nn.ReLU(), linear(5, 20))
    ticket = find_ticket(model, width=70, inputs=slt.Box(0, 1), tolerance=0.01)
    assert ticket.findings.missed == 0 and ticket.unreached(0.01) == []
    assert ticket.residuals().errors.max() <= 0.01
    needed = ticket.findings.needed_width
    assert needed < 70
    # exactly that width is enough, and one less is not
    again = find_ticket(model, width=needed, inputs=slt.Box(0, 1), tolerance=0.01)
    assert again.findings.missed == 0 and again.findings.kept == ticket.findings.kept
    fewer = find_ticket(model, width=needed - 1, inputs=slt.Box(0, 1), tolerance=0.01)
    assert fewer.findings.missed > 0 and fewer.findings.needed_width is None
    assert len(fewer.unreached(0.01)) == fewer.findings.missed


@pytest.mark.parametrize("split", SPLITS, ids=lambda s: s.name)
def test_a_wider_source_is_never_worse(split):
    model = linear(4, 3)
    errors = [
        find_ticket(model, width=w, max_items=44, construction=TwoLayerSum(split)).residuals().errors
        for w in range(20, 44, 6)
    ]
    for a, b in itertools.pairwise(errors):
        assert np.all(b <= a)


def test_unreached_weights_are_returned_at_their_best_and_listed():
    model = linear(6, 4)
    ticket = find_ticket(model, width=14, tolerance=1e-4)
    listed = ticket.unreached(1e-4)
    assert len(listed) == ticket.findings.missed > 0
    assert [u.error for u in listed] == sorted((u.error for u in listed), reverse=True)
    best = find_ticket(model, width=14, max_items=44)
    for u in listed:
        part = best.residuals().parts[u.part]
        optimum = (part.positive if u.branch == "positive" else part.negative)[u.output, u.coordinate]
        assert u.error == pytest.approx(abs(optimum), abs=1e-13)
        assert u.wanted == (model.weight[u.output, u.coordinate] if "weight" in u.part else model.bias[u.output])
    with pytest.raises(UnreachedError, match=rf"{len(listed)} of 54 sums are farther than 0.0001 .* Raise width"):
        find_ticket(model, width=14, tolerance=1e-4, require=1e-4)
    assert find_ticket(model, width=60, tolerance=1e-4, require=1e-4).unreached(1e-4) == []


def test_a_coordinate_without_a_usable_unit_is_an_error():
    with pytest.raises(
        NoUsableItemError, match=r"at width 1 with seed 0 .* of 30 coordinates have none .* Raise width"
    ):
        find_ticket(linear(2, 30), width=1)
    # where a sign cannot occur its units are not needed
    quiet = slt.Box((0.0,) * 2, (0.0,) * 2)
    assert find_ticket(linear(2, 2, bias=False), width=1, inputs=quiet).findings.sums == 0


def test_signed_constants_are_sources_too():
    """Products of two constants +-1/2 are +-1/4: a weight is matched to within 1/8, by the fewest units that do."""
    ticket = find_ticket(linear(3, 4), width=40, law=slt.SignedConstant(0.5))
    assert ticket.residuals().errors.max() <= 0.125
    ticket.verify()


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"width": 0}, InputError, "width"),
        ({"width": 2.5}, InputError, "width"),
        ({"width": 2**16}, InputError, "64 bits"),
        ({"seed": -1}, InputError, "seed"),
        ({"seed": 0.5}, InputError, "seed"),
        ({"inputs": 1.0}, InputError, "domain"),
        ({"inputs": slt.Box((0, 0, 0), 1)}, InputError, "3 coordinates, the inputs have 2"),
        ({"tolerance": -0.1}, InputError, "tolerance"),
        ({"tolerance": float("nan")}, InputError, "tolerance"),
        ({"tolerance": "0.1"}, InputError, "tolerance"),
        ({"law": "uniform"}, InputError, "law"),
        ({"require": float("inf")}, InputError, "require"),
        ({"max_items": 0}, InputError, "max_items"),
        ({"max_items": 45}, LimitError, "at most 44"),
        ({"construction": "sums"}, InputError, "TwoLayerSum"),
        ({"law": slt.Uniform(52)}, InputError, "smaller exponent"),
    ],
)
def test_bad_requests_are_refused(kwargs, error, text):
    with pytest.raises(error, match=text):
        find_ticket(linear(2, 2), **kwargs)


def test_bad_targets_and_splits_are_refused():
    with pytest.raises(AssumptionError, match=r"module 1 is a .*Tanh"):
        find_ticket(nn.Sequential(linear(2, 2), nn.Tanh()), construction=TwoLayerSum())
    with pytest.raises(InputError, match="'sign_optimal', 'paper'"):
        TwoLayerSum(split="halves")
    huge = linear(2, 2)
    with torch.no_grad():
        huge.weight.fill_(1e30)
    ticket = find_ticket(huge, width=40)
    assert ticket.carried[0].value == 2.0**100 and ticket.residuals().errors.max() < 1e28
    with pytest.raises((InputError, LatticeError)):
        ticket.residuals(nn.Linear(2, 3))


def test_progress_is_reported():
    seen = []
    find_ticket(linear(3, 2), width=12, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (15, 15) and [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_a_tolerance_is_in_the_units_of_the_target_whatever_the_scale():
    """Weights up to 6 are divided by 8 inside; the tolerance is too, so no weight is farther than asked."""
    model = linear(4, 3)
    model.weight[0, 0] = 6.0
    for tolerance in (0.5, 1e-3):
        ticket = find_ticket(model, width=90, tolerance=tolerance, require=tolerance)
        errors = ticket.residuals().errors
        assert errors.max() <= tolerance
        assert errors.max() > tolerance / 50  # and it is used, not undercut by the scale


def test_a_tolerance_counts_the_rounding_of_the_target():
    """A target off the lattice 2**-46 by a third of a unit, and a tolerance below that: never said to be reached."""
    model = slt.Target.from_arrays([[[0.25 + 2.0**-46 / 3]]])
    ticket = find_ticket(model, width=60, inputs=slt.Box(0, 1), tolerance=2.0**-48)
    assert ticket.findings.missed == 1 and ticket.findings.needed_width is None
    assert len(ticket.unreached(2.0**-48)) == 1


def test_zero_weights_need_no_unit_and_width_one_at_least():
    ticket = find_ticket(slt.Target.from_arrays([[[0.0]]]), width=5, inputs=slt.Box(0, 1), tolerance=0.1)
    first = ticket.source_network.first(ticket.source_network.distinct_parts["layer 0/weight"])[0]
    assert ticket.findings.kept == 0 and ticket.findings.needed_width == np.argmax(first > 0) + 1


def test_blocks_that_share_a_parameter_share_its_scale():
    """A chain of ties: 0 and 1 share a weight, 1 and 2 a bias; block 2 alone is large."""
    torch.manual_seed(4)
    a, b, c = (nn.Linear(3, 3).requires_grad_(False) for _ in range(3))
    b.weight, c.bias = a.weight, b.bias
    c.weight.mul_(20)
    ticket = find_ticket(nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c), width=48, max_items=44)
    assert len({carried.value for carried in ticket.carried}) == 1 and len(ticket.carried) == 3
    assert ticket.residuals().errors.max() < 1e-2
    ticket.verify()


def test_needed_width_counts_coordinates_whose_sums_are_empty():
    """All weights are within the tolerance of 0, but every coordinate must have a usable unit all the same."""
    model = slt.Target.from_arrays([np.full((1, 20), 0.001)])
    ticket = find_ticket(model, width=40, inputs=slt.Box(0, 1), tolerance=0.1)
    needed = ticket.findings.needed_width
    assert ticket.findings.kept == 0 and needed > 1
    assert find_ticket(model, width=needed, inputs=slt.Box(0, 1), tolerance=0.1).findings.needed_width == needed
    with pytest.raises(NoUsableItemError):
        find_ticket(model, width=needed - 1, inputs=slt.Box(0, 1), tolerance=0.1)


def test_sums_of_more_than_44_units_claim_no_needed_width():
    """The only units that reach a large target lie beyond the 44th, where the search is not exhaustive."""
    model = slt.Target.from_arrays([[[1.0]]])
    law = slt.SignedConstant(2.0**-4)  # products of 2**-8: 44 of one sign reach 0.17 at most
    ticket = find_ticket(model, width=1500, inputs=slt.Box(0, 1), tolerance=1e-3, law=law)
    assert ticket.findings.missed == 0 and ticket.findings.needed_width is None


def test_weights_beyond_float32_are_refused():
    with pytest.raises(InputError, match="float32"):
        find_ticket(slt.Target.from_arrays([[[1e39]]]), width=20)
