"""The golden-ratio construction: its greedy, the bound from the draws, its source."""

from __future__ import annotations

import numpy as np
import pytest

import slt
from slt.constructions import Logarithmic
from slt.errors import LatticeError
from slt.subset_sum import Problem, golden_ratio
from tests.constructions.conformance import Conformance, random_chain


class TestConformance(Conformance):
    widths = (40, 160)
    nested = False

    def construction(self):
        return Logarithmic()

    def model(self, seed):
        return random_chain(seed)


def test_its_source_is_hyperbolic_unless_a_law_is_given():
    model = random_chain(0)
    ticket = slt.find_ticket(model, width=40, construction=Logarithmic(2.0**-5))
    assert ticket.source_network.law == slt.Hyperbolic(2.0**-5)
    assert slt.find_ticket(model, width=40, construction=Logarithmic(), law=slt.Uniform()).source_network.law == (
        slt.Uniform()
    )
    with pytest.raises(LatticeError, match="smallest in"):
        Logarithmic(1.5)
    for wrong in ("x", None, np.nan, [0.5]):
        with pytest.raises(LatticeError, match="smallest in"):
            Logarithmic(wrong)


def test_no_residual_is_beyond_what_the_filled_bins_promise():
    """The proved bound g**bins of the target's size, from the draws alone."""
    model = random_chain(1, (3, 6), biases=False)
    ticket = slt.find_ticket(model, width=200, inputs=slt.Box(0.0, 1.0), construction=Logarithmic())
    source = ticket.source_network
    (part,) = source.distinct_parts.values()
    first = source.first(part)
    items = (source.second(part, slice(None)) * first).reshape(-1, 200)
    usable = np.broadcast_to(first > 0, (6, 3, 200)).reshape(-1, 200)
    exponent = 2 * source.law.exponent
    targets = np.rint(np.ldexp(model.layers[0].weight, exponent)).astype(np.int64).ravel()
    promise = golden_ratio(Problem.of(items, targets, usable, lattice=exponent))
    residuals = np.abs(ticket.residuals().parts["layer 0/weight"].positive).ravel()
    bound = np.ldexp(promise.bound.astype(np.float64), -exponent)
    assert np.all(residuals <= bound + 2.0**-exponent)
    assert np.median(bound) < 0.05  # and it says something


def test_it_reads_digits_in_time_linear_in_the_width():
    """No limit of items, as no search is exact: far beyond what sums take. Its smallest products are 2**-12."""
    ticket = slt.find_ticket(random_chain(2), width=3000, construction=Logarithmic())
    assert float(np.quantile(ticket.residuals().errors, 0.9)) < 5e-4
