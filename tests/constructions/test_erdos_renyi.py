"""Sources that are random graphs: absent edges are absent, locked ones stay, the graph is nested, laws hold."""

from __future__ import annotations

import re

import numpy as np
import pytest

import slt
from slt import laws
from slt.constructions import ErdosRenyi, FixedSize, RandomGraph, ReplicatedRows, TwoLayerSum
from slt.errors import InputError, MaskError, NoUsableItemError
from slt.masks import Mask
from slt.tickets import Ticket
from slt.weights import Key
from tests.constructions.conformance import Conformance, random_chain


class TestConformance(Conformance):
    widths = (24, 40)

    def construction(self):
        return ErdosRenyi(0.7)

    def model(self, seed):
        return random_chain(seed)


class TestFrozen(Conformance):
    """Removed and locked edges: a locked one that a width adds moves every sum, so errors may grow."""

    widths = (24, 40)
    nested = False

    def construction(self):
        return TwoLayerSum(frozen=RandomGraph(0.8, 0.15))

    def model(self, seed):
        return random_chain(seed)


def test_the_graph_is_a_function_of_the_key_and_nested_in_width_and_density():
    key, shape = Key(3) / "x", (4, 5, 60)
    graph = RandomGraph(0.4, 0.5)
    whole = graph.present(key, shape)
    assert np.array_equal(whole, graph.present(key, shape, plain=True))
    assert np.array_equal(whole[1:3, 2:, 10:50], graph.present(key, (2, 3, 40), (1, 2, 10)))
    assert np.array_equal(whole[[0, 3], [1, 4]], graph.present_rows(key, [0, 3], [1, 4], 60))
    assert np.all(RandomGraph(0.6).present(key, shape)[whole])
    locked = graph.locked_edges(key, shape)
    assert np.all(whole[locked])
    # 1,200 edges, level 1e-6 two-sided: 4.9 standard deviations
    for share, count in ((0.4, whole.sum()), (0.2, locked.sum())):
        assert abs(count - 1200 * share) <= 4.9 * np.sqrt(1200 * share * (1 - share))


def test_absent_edges_are_zero_in_the_source_and_kept_nowhere():
    model = random_chain(0)
    ticket = slt.find_ticket(model, width=30, construction=ErdosRenyi(0.5))
    dense = slt.find_ticket(model, width=30, construction=TwoLayerSum())
    source = ticket.source_network
    edges = 0
    for name in source.tensor_shapes:
        there = source.draw(name) != 0
        edges += int(there.sum())
        assert np.array_equal(np.where(there, dense.source_network.draw(name), 0), source.draw(name))
        assert not np.any(source.dense_mask(name, ticket.mask) & ~there)
    assert source.weights == edges < dense.source_network.weights


def test_locked_edges_are_in_every_mask_and_counted_by_the_sums():
    ticket = slt.find_ticket(random_chain(1), width=20, construction=TwoLayerSum(frozen=RandomGraph(1.0, 0.3)))
    source = ticket.source_network
    for name, part in source.distinct_parts.items():
        assert np.all(ticket.mask[name].unpack()[source.locked(part, slice(None))])
    # exact: brute force over the free units of one sum
    part = next(iter(source.distinct_parts.values()))
    first, kept = source.first(part)[0], ticket.mask[part.name].unpack()[0, 0]
    items = source.second(part, slice(0, 1))[0, 0].astype(object) * first.astype(object)
    locked = source.locked(part, slice(0, 1))[0, 0]
    free = [i for i in range(20) if first[i] > 0 and not locked[i]]
    start = sum(int(items[i]) for i in range(20) if locked[i] and first[i] > 0)
    goal = int(np.rint(np.ldexp(ticket.target.layers[0].weight[0, 0], 46)))
    best = min(
        abs(start + sum(int(items[i]) for b, i in enumerate(free) if s >> b & 1) - goal) for s in range(2 ** len(free))
    )
    got = sum(int(items[i]) for i in range(20) if kept[i] and first[i] > 0)
    assert abs(got - goal) == best


def test_masks_that_break_the_graph_are_refused():
    ticket = slt.find_ticket(random_chain(1), width=20, construction=TwoLayerSum(frozen=RandomGraph(0.7, 0.3)))
    name = "layer 0/weight"
    for bits in (np.ones((4, 3, 20), dtype=bool), np.zeros((4, 3, 20), dtype=bool)):
        with pytest.raises(MaskError, match="random graph"):
            Ticket(ticket.source_network, {**ticket.mask, name: Mask.of(bits)}, ticket.domain)


def test_medians_follow_the_law_of_thinned_sums():
    """One weight, 400 seeds: the median residual over that of the binomial law (P17 with products, p = density**2 / 2)
    within 0.55 .. 1.45."""
    model = slt.Target.from_arrays([[[0.3]]])
    for density in (0.6, 0.8):
        errors = [
            slt.find_ticket(
                model, width=24, seed=s, inputs=slt.Box(0.0, 1.0), construction=ErdosRenyi(density)
            ).residuals().errors.item()
            for s in range(400)
        ]  # fmt: skip
        law = float(laws.thinned_quantile(0.5, 24, density**2 / 2, 0.3, laws.UNIFORM_PRODUCT))
        assert 0.55 <= np.median(errors) / law <= 1.45


@pytest.mark.parametrize(("density", "locked"), [(0.0, 0.0), (1.1, 0.0), (0.5, 1.0), (0.5, -0.1), (True, 0.0)])
def test_shares_outside_their_range_are_refused(density, locked):
    with pytest.raises(InputError, match="a random graph"):
        RandomGraph(density, locked)


def test_other_kinds_of_options_are_refused():
    with pytest.raises(InputError, match="frozen must be"):
        TwoLayerSum(frozen=0.5)
    with pytest.raises(InputError, match="selection must be"):
        TwoLayerSum(selection="fewest")
    with pytest.raises(InputError, match="size must be"):
        FixedSize(0)


def test_the_needed_width_of_a_random_graph_is_the_smallest_without_a_miss():
    """By trying every width; a coordinate needs an edge of the first layer, not one to every output."""
    model = random_chain(4, (2, 3), biases=False, size=0.3)

    def missed(width, seed, construction):
        try:
            return slt.find_ticket(model, width, seed, tolerance=0.1, construction=construction).findings.missed
        except NoUsableItemError:
            return -1

    for construction in (ErdosRenyi(0.5), ReplicatedRows(density=0.6), TwoLayerSum()):
        for seed in range(6):
            needed = slt.find_ticket(model, 30, seed, tolerance=0.1, construction=construction).findings.needed_width
            least = next((w for w in range(1, 31) if missed(w, seed, construction) == 0), None)
            assert needed == least, (construction, seed)
    locked = TwoLayerSum(frozen=RandomGraph(1.0, 0.1))
    assert slt.find_ticket(model, 40, tolerance=0.3, construction=locked).findings.needed_width is None


def test_the_width_that_leaves_no_coordinate_out_counts_missing_edges():
    """Of 200 seeds at the named width none fails, at level 1 - 1e-3 a seed by its own words: at most 3."""
    model, construction = random_chain(4, (3, 2), biases=False), ErdosRenyi(0.3)
    with pytest.raises(NoUsableItemError, match=r"Raise width; \d+ leaves") as error:
        slt.find_ticket(model, 2, construction=construction)
    enough = int(re.search(r"Raise width; (\d+) leaves", str(error.value)).group(1))
    failed = 0
    for seed in range(200):
        try:
            slt.find_ticket(model, enough, seed, max_items=1, construction=construction)
        except NoUsableItemError:
            failed += 1
    assert failed <= 3 and enough > 30
