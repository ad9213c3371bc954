"""The invariant, and that a ticket's three faces (module, collapsed maps, residuals) tell one story."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.errors import InputError, MaskError, VerificationError
from slt.masks import Mask
from slt.targets import Target
from slt.tickets import Block, Ticket, TwoLayerSource
from slt.tickets.branches import wanted_parts
from slt.tickets.residuals import on_lattice
from slt.tickets.verification import source_digest


@pytest.fixture(params=["sign_optimal", "paper"])
def ticket(request, target, domain):
    return slt.find_ticket(target, width=48, seed=5, inputs=domain, construction=slt.TwoLayerSum(split=request.param))


def test_every_weight_is_source_times_mask(ticket):
    """The invariant, re-derived here without ``verify``: bit patterns of the module against the whole random source."""
    pruned, full = ticket.module().state_dict(), ticket.source().state_dict()
    declared = {c.name for c in ticket.carried}
    assert set(pruned) - declared == set(full) - declared == set(ticket.source_network.tensor_shapes)
    for name, shape in ticket.source_network.tensor_shapes.items():
        random, weights = full[name].numpy(), pruned[name].numpy()
        assert random.shape == weights.shape == shape
        assert np.all(random != 0)  # so a pruned weight cannot be mistaken for a kept one
        kept = ticket.source_network.dense_mask(name, ticket.mask)
        assert np.array_equal(weights.view(np.int32), np.where(kept, random, np.float32(0)).view(np.int32))
    report = ticket.verify()
    assert report.weights == sum(t.numel() for n, t in full.items() if n not in declared)
    assert report.kept == ticket.kept == sum(int((t != 0).sum()) for n, t in pruned.items() if n not in declared)
    assert all(not p.requires_grad for p in ticket.module().parameters())


def test_module_and_collapsed_maps_agree_to_rounding(ticket, domain, rng):
    x = domain.sample(3, 64, rng)
    collapsed = ticket.collapsed().forward(x)
    module = ticket.module(torch.float64)(torch.from_numpy(x)).numpy()
    size = 1 + np.abs(collapsed).max()
    assert np.abs(collapsed - module).max() < 1e-13 * size
    single = ticket.module()(torch.from_numpy(x).float()).numpy()
    assert np.abs(collapsed - single).max() < 1e-4 * size


def test_residuals_are_ticket_minus_target(ticket, target):
    residuals = ticket.residuals()
    layers = Target.of(target).layers
    for block, layer, map_ in zip(ticket.source_network.blocks, layers, ticket.collapsed().layers, strict=True):
        part = residuals.parts[f"layer {block.weight}/weight"]
        for found, matrix in ((part.positive, map_.positive), (part.negative, map_.negative)):
            needed = ~np.isnan(found)
            assert np.allclose(found[needed], (matrix - layer.weight)[needed], rtol=0, atol=2.0**-44)
        if layer.bias is not None:
            bias = residuals.parts[f"layer {block.bias}/bias"].positive[:, 0]
            assert np.allclose(bias, map_.bias - layer.bias, rtol=0, atol=2.0**-40)


def test_the_branches_that_inputs_cannot_take_cost_nothing(ticket, domain):
    """Where the domain keeps a coordinate non-negative, no unit of the negative branch is kept, and vice versa."""
    source = ticket.source_network
    if source.blocks[0].weight != 0 or source.input_relu:
        return
    part = source.distinct_parts["layer 0/weight"]
    kept = ticket.mask[part.name].unpack().any(axis=0)
    first = source.first(part)
    assert not (kept & (first > 0))[~domain.positive(3)].any()
    assert not (kept & (first < 0))[~domain.negative(3)].any()


def test_a_collapsed_map_is_the_exact_sum():
    """One block by hand, in fractions, from the module's own weights."""
    ticket = slt.find_ticket(nn.Linear(2, 3), width=12, seed=1)
    state = {n: t.double().numpy() for n, t in ticket.module().state_dict().items()}
    layer = ticket.collapsed().layers[0]
    for r in range(3):
        for j in range(2):
            for sign, matrix in ((1, layer.positive), (-1, layer.negative)):
                total = Fraction(0)
                for h in range(36):
                    u, v = Fraction(state["block0.first.weight"][h, j]), Fraction(state["block0.second.weight"][r, h])
                    total += v * u if u * sign > 0 else 0
                assert total == Fraction(matrix[r, j])
        bias = sum(
            Fraction(state["block0.second.weight"][r, h]) * max(Fraction(state["block0.first.bias"][h]), Fraction(0))
            for h in range(36)
        )
        assert bias == Fraction(layer.bias[r])


def test_narrower_sources_are_prefixes_of_wider_ones():
    narrow = slt.find_ticket(nn.Linear(3, 2), width=10, seed=9).source().state_dict()
    wide = slt.find_ticket(nn.Linear(3, 2), width=17, seed=9).source().state_dict()
    for name in narrow:
        axis = 1 if "second" in name else 0
        a = narrow[name].numpy().reshape(*(2,) * axis, 4, 10, *(3,) * (name == "block0.first.weight"))
        b = wide[name].numpy().reshape(*(2,) * axis, 4, 17, *(3,) * (name == "block0.first.weight"))
        assert np.array_equal(a, b.take(np.arange(10), axis=axis + 1))


def test_the_plain_generator_is_an_independent_witness(ticket):
    source = ticket.source_network
    for name, shape in source.tensor_shapes.items():
        full = source.draw(name)
        for rows in (slice(0, 1), slice(shape[0] // 2, shape[0]), slice(3, 3)):
            assert np.array_equal(source.draw_plain(name, rows), full[rows])


def test_verification_notices_foreign_weights(monkeypatch):
    ticket = slt.find_ticket(nn.Sequential(nn.Linear(3, 2)), width=16, seed=2)
    build = TwoLayerSource.module

    def with_change(change):
        def module(self, weights):
            made = build(self, weights)
            change(made)
            return made

        monkeypatch.setattr(TwoLayerSource, "module", module)
        with pytest.raises(VerificationError):
            ticket.verify()

    def negative_zero(made):
        weight = made.block0.second.weight
        weight[tuple((weight == 0).nonzero()[0])] = -0.0

    def kept_weight(made):
        weight = made.block0.second.weight
        weight[tuple((weight != 0).nonzero()[0])] *= 1 + 2**-20

    def revived(made):
        weight = made.block0.first.weight
        weight[tuple((weight == 0).nonzero()[0])] = 0.5

    plain = slt.Uniform.draw_plain
    monkeypatch.setattr(slt.Uniform, "draw_plain", lambda self, *where: plain(self, *where) + 2)
    with pytest.raises(VerificationError, match="disagree"):
        ticket.verify()
    monkeypatch.setattr(slt.Uniform, "draw_plain", plain)
    ticket.verify()

    for change in (
        negative_zero,
        kept_weight,
        revived,
        lambda made: made.register_buffer("smuggled", torch.zeros(1)),
        lambda made: made.block0.first.weight.requires_grad_(True),
    ):
        with_change(change)


def test_scales_are_declared_and_counted():
    torch.manual_seed(0)
    linear = nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight[0, 0] = -5.0
    ticket = slt.find_ticket(linear, width=64, seed=0)
    assert [(c.name, c.value) for c in ticket.carried] == [("block0.scale.factor", 8.0)]
    assert ticket.residuals().errors.max() < 1e-3
    assert slt.find_ticket(nn.Linear(3, 2), width=8).carried == ()
    with torch.no_grad():
        linear.weight[0, 0] = 1.0
    assert slt.find_ticket(linear, width=8).carried == ()


def test_masks_that_do_not_fit_are_refused():
    source = TwoLayerSource(slt.Key(0), slt.Uniform(), 4, (Block(2, 3, 0, None, False),))
    with pytest.raises(MaskError, match="needs \\['layer 0/weight'\\]"):
        Ticket(source, {})
    with pytest.raises(MaskError, match=r"shape \(3, 2, 5\), its source needs \(3, 2, 4\)"):
        Ticket(source, {"layer 0/weight": Mask.of(np.ones((3, 2, 5), bool))})


def test_modules_come_in_the_two_exact_precisions():
    ticket = slt.find_ticket(nn.Linear(3, 2), width=8)
    for name, tensor in ticket.module(torch.float64).state_dict().items():
        assert torch.equal(tensor, ticket.module().state_dict()[name].double())
    with pytest.raises(InputError, match="float32 or float64"):
        ticket.module(torch.float16)


def test_a_changed_scale_is_noticed(monkeypatch):
    linear = nn.Linear(3, 2)
    with torch.no_grad():
        linear.weight[0, 0] = -5.0
    ticket = slt.find_ticket(linear, width=32, seed=0)
    build = TwoLayerSource.module

    def module(self, weights):
        made = build(self, weights)
        made.block0.scale.factor *= 2
        return made

    monkeypatch.setattr(TwoLayerSource, "module", module)
    with pytest.raises(VerificationError, match="declared"):
        ticket.verify()


def test_golden_source():
    """Every ticket file depends on these addresses; a change of them is a change of the file format."""
    blocks = (Block(2, 3, 0, 0, True), Block(3, 2, 1, 1, False))
    source = TwoLayerSource(slt.Key(1) / "golden", slt.Uniform(), 3, blocks)
    tensors = {name: source.draw(name) for name in source.tensor_shapes}
    assert source_digest(source) == "a368e3a1ce669ccf35b5f570cf589928b2f663ba706525f6cd3a6895cf234438"
    everything = np.concatenate([t.ravel() for t in tensors.values()])
    assert len(np.unique(everything)) == everything.size  # no number is used twice


def test_sums_too_large_for_float64_say_so():
    """Above 2**53 lattice units a collapsed entry is rounded, and its rounding bound covers that."""
    source = TwoLayerSource(slt.Key(0), slt.Uniform(), 2**13, (Block(1, 1, 0, None, False),))
    (part,) = source.distinct_parts.values()
    products = source.second(part, slice(None)).astype(np.int64) * source.first(part)
    ticket = Ticket(source, {part.name: Mask.of(products > 0)})
    layer = ticket.collapsed().layers[0]
    positive, _ = source.sums(part, ticket.mask[part.name])
    assert positive[0, 0] > 2**53
    assert 0 < layer.rounding < 1e-10
    assert abs(Fraction(layer.positive[0, 0]) - Fraction(int(positive[0, 0]), 2**46)) <= Fraction(layer.rounding)


def test_residuals_of_targets_off_the_lattice_are_exact():
    """A float64 target is rounded to 2**-46 inside; residuals and tolerances count that rounding."""
    wanted = 0.25 + 2.0**-48
    model = Target.from_arrays([[[wanted]]])
    ticket = slt.find_ticket(model, width=30, seed=1, inputs=slt.Box(0, 1))
    exact = Fraction(ticket.collapsed().layers[0].positive[0, 0]) - Fraction(wanted)
    found = ticket.residuals().parts["layer 0/weight"].positive[0, 0]
    assert Fraction(found) == exact
    error = float(abs(exact))
    assert ticket.unreached(error * (1 - 1e-9)) != []
    # the rounding is counted against the tolerance, so this stays on the safe side by at most 2**-46
    assert ticket.unreached(error + 2.0**-46) == []
    on_lattice = slt.find_ticket(Target.from_arrays([[[0.25]]]), width=30, seed=1, inputs=slt.Box(0, 1))
    error = float(on_lattice.residuals().errors[0])
    assert on_lattice.unreached(error) == [] and len(on_lattice.unreached(np.nextafter(error, 0))) == 1


def test_the_ticket_computes_the_target_on_its_whole_domain(target, domain, rng):
    """About 26 usable units a sum: outputs agree, ties and shared modules included (worst here 4e-3, typical 1e-5)."""
    ticket = slt.find_ticket(target, width=52, seed=8, inputs=domain, max_items=44)
    x = domain.sample(3, 200, rng)
    wanted = Target.of(target).forward(x)
    assert np.abs(ticket.collapsed().forward(x) - wanted).max() < 1e-2 * (1 + np.abs(wanted).max())
    upper, lower = slt.certified(ticket, target, domain), slt.sampled(ticket, target, x)
    assert lower.value <= upper.value


def test_a_shared_layer_is_served_for_all_its_uses():
    """First on signed inputs, then after a ReLU: both branches; the other way round too. Biases are always positive."""
    torch.manual_seed(0)
    shared = nn.Linear(3, 3)
    for modules in ([shared, nn.ReLU(), shared], [nn.ReLU(), shared, shared], [shared, nn.ReLU(), shared, nn.ReLU()]):
        wanted = wanted_parts(Target.of(nn.Sequential(*modules)), slt.Ball(1.0))
        assert set(wanted) == {"layer 0/weight", "layer 0/bias"}
        assert wanted["layer 0/weight"].positive.all() and wanted["layer 0/weight"].negative.all()
        assert wanted["layer 0/bias"].positive.all() and not wanted["layer 0/bias"].negative.any()
    after_relu = wanted_parts(Target.of(nn.Sequential(nn.ReLU(), shared, nn.ReLU(), shared)), slt.Ball(1.0))
    assert not after_relu["layer 0/weight"].negative.any()
    box = slt.Box((-1, 0, -1), (0, 1, 1))
    wanted = wanted_parts(Target.of(shared), box)["layer 0/weight"]
    assert wanted.positive.tolist() == [False, True, True] and wanted.negative.tolist() == [True, False, True]
    twice = wanted_parts(Target.of(nn.Sequential(shared, nn.ReLU(), shared)), slt.Box((-1,) * 3, (0,) * 3))
    assert twice["layer 0/weight"].positive.all() and twice["layer 0/weight"].negative.all()


def test_targets_go_to_the_nearest_lattice_point():
    integers, rounding = on_lattice(np.array([[0.25, 0.26, -0.26, 0.374, 0.376]]), 2)
    assert integers.tolist() == [[1, 1, -1, 1, 2]]
    assert rounding.tolist() == [[0.0, 0.25 - 0.26, 0.26 - 0.25, 0.25 - 0.374, 0.5 - 0.376]]
