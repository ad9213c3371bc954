"""Coarse weight laws: targets on the lattice of products are met exactly, in integers and in what the module says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import slt
from slt.constructions import ErdosRenyi, FewestItems, TwoLayerSum
from slt.weights import Uniform
from tests.constructions.conformance import Conformance

BOX = slt.Box(0.0, 1.0)


def grid_chain(seed: int, bits: int, sizes: tuple[int, ...] = (2, 3, 2)) -> slt.Target:
    """Weights and biases on the lattice 4**-bits, up to 1/2."""
    rng = np.random.default_rng(seed)
    most = 4**bits // 2
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    weights = [rng.integers(-most, most + 1, shape) / 4**bits for shape in shapes]
    return slt.Target.from_arrays(weights, [rng.integers(-most, most + 1, m) / 4**bits for m, _ in shapes])


class TestConformance(Conformance):
    """The law of the caller, three bits."""

    widths = (12, 30)

    def construction(self):
        return TwoLayerSum()

    def model(self, seed):
        return grid_chain(seed, 3)

    def find(self, width, seed, tolerance=None):
        return slt.find_ticket(
            self.model(seed), width, seed, self.domain(), tolerance, width, self.construction(), law=Uniform(3)
        )

    def test_the_source_knows_nothing_of_the_target(self):
        here = self.find(12, 0)
        there = slt.find_ticket(grid_chain(9, 3), 12, 0, self.domain(), law=Uniform(3))
        for name in here.source_network.tensor_shapes:
            assert np.array_equal(here.source_network.draw(name), there.source_network.draw(name))


def units_of(ticket: slt.Ticket) -> np.ndarray:
    """All residuals that are needed, as integers."""
    branches = [b for part in ticket.residuals().parts.values() for b in part.branches]
    return np.concatenate([b.units[~np.isnan(b.residual)] for b in branches])


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_tolerance_0_asks_for_exact_hits_and_counts_them(bits):
    model = grid_chain(1, bits)
    for width in (8, 16, 40):
        ticket = slt.find_ticket(model, width, inputs=BOX, tolerance=0.0, law=Uniform(bits))
        off = np.count_nonzero(units_of(ticket))
        assert (
            ticket.findings.missed == off == len(ticket.unreached(0.0)) == np.count_nonzero(ticket.residuals().errors)
        )
        assert ticket.verify().carried == 0
    assert off == 0
    # the first sum that hits is an optimum
    best = slt.find_ticket(model, 40, inputs=BOX, law=Uniform(bits))
    assert not units_of(best).any() and best.findings.missed is None


def test_the_needed_width_of_exactness_is_exact():
    model = grid_chain(2, 3)
    ticket = slt.find_ticket(model, 60, inputs=BOX, tolerance=0.0, law=Uniform(3))
    needed = ticket.findings.needed_width
    assert ticket.findings.missed == 0 and needed is not None and needed < 60
    assert slt.find_ticket(model, needed, inputs=BOX, tolerance=0.0, law=Uniform(3)).findings.missed == 0
    assert slt.find_ticket(model, needed - 1, inputs=BOX, tolerance=0.0, law=Uniform(3)).findings.missed > 0


def test_an_exact_ticket_computes_the_target_bit_for_bit():
    """Three bits: every product and sum is exact in float32 on inputs of a few bits, so outputs are equal."""
    model = grid_chain(3, 3)
    for domain in (BOX, slt.Ball(1.0)):
        ticket = slt.find_ticket(model, 60, inputs=domain, tolerance=0.0, law=Uniform(3))
        assert ticket.findings.missed == 0
        low = 0 if domain is BOX else -8
        points = np.array(list(itertools.product(range(low, 9, 2), repeat=2))) / 8
        with torch.no_grad():
            got = ticket.module()(torch.from_numpy(points.astype(np.float32))).numpy()
        assert np.array_equal(got.astype(np.float64), model.forward(points))
        collapsed = ticket.collapsed()
        for layer, wanted in zip(collapsed.layers, model.layers, strict=True):
            assert np.array_equal(layer.positive, wanted.weight) and np.array_equal(layer.bias, wanted.bias)


def test_targets_off_the_lattice_are_never_exact_and_those_on_it_are_at_every_scale():
    off = slt.Target.from_arrays([[[0.25 + 2.0**-9]]])
    ticket = slt.find_ticket(off, 40, inputs=BOX, tolerance=0.0, law=Uniform(3))
    assert ticket.findings.missed == 1 and ticket.residuals().errors.item() >= 2.0**-9
    # 3.0 is divided by 4, so the lattice is 4 / 64
    large = slt.Target.from_arrays([[[3.0, -1.0625]]])
    ticket = slt.find_ticket(large, 60, inputs=BOX, tolerance=0.0, law=Uniform(3))
    assert ticket.carried_count == 1 and (ticket.findings.missed == 0) == (not units_of(ticket).any())
    assert ticket.residuals().parts["layer 0/weight"].exponent == 4


def test_sums_have_the_parity_of_their_size():
    """Products of odd numbers: an exact sum of an odd target keeps an odd number of units."""
    model = slt.Target.from_arrays([np.arange(-20, 21)[:, None] / 64])
    ticket = slt.find_ticket(model, 50, inputs=BOX, tolerance=0.0, law=Uniform(3))
    (name,) = ticket.mask
    units = ticket.residuals().parts[name].branches[0].units[:, 0]
    sizes = ticket.mask[name].unpack()[:, 0].sum(axis=1)
    assert np.all(((sizes - np.arange(-20, 21)) % 2 == 0) == (units % 2 == 0)) and np.count_nonzero(units == 0) > 35


def test_other_constructions_and_selections_take_coarse_laws():
    model = grid_chain(4, 2)
    for construction in (ErdosRenyi(0.8), TwoLayerSum(selection=FewestItems())):
        ticket = slt.find_ticket(model, 44, 1, BOX, 0.0, 44, construction, law=Uniform(2))
        assert ticket.findings.missed == np.count_nonzero(units_of(ticket)) <= 1
        ticket.verify()
