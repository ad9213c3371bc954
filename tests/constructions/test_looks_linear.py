"""Looks-linear tickets: one optimal sum a weight over all pairs, linear block by block, and nothing but the source."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import slt
from slt.constructions import LooksLinear, TwoLayerSum, find_ticket
from slt.errors import InputError, LimitError, UnreachedError, VerificationError
from slt.masks import Mask
from slt.tickets import Block, LooksLinearSource, Ticket, TwoLayerSource
from slt.tickets.random_graph import RandomGraph
from tests.constructions.conformance import Conformance, random_chain

WHOLE = 44


class TestConformance(Conformance):
    def construction(self) -> LooksLinear:
        return LooksLinear()

    def model(self, seed: int) -> slt.Target:
        return random_chain(seed)


def chain(*sizes: int, bias: bool = True, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    modules: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        modules += [nn.Linear(inputs, outputs, bias=bias), nn.ReLU()]
    return nn.Sequential(*modules[:-1]).requires_grad_(False)


def looks_linear(model: object, width: int = 8, **kwargs: object) -> Ticket:
    return find_ticket(model, width=width, construction=LooksLinear(), **kwargs)


def halves(tensor: torch.Tensor, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = tensor.chunk(2, dim)
    return first, second


def test_the_source_looks_linear():
    """The unpruned block of the fixed network, biases aside, is the linear map N M: its name."""
    ticket = looks_linear(chain(3, 4, 2), width=5)
    for name, tensor in ticket.source().state_dict().items():
        left, right = halves(tensor, 1 if "second" in name else 0)
        assert torch.equal(left, -right) and not torch.any(left == 0)
    state = looks_linear(chain(3, 4, bias=False), width=5).source(torch.float64)
    first, second = (state[0][k].weight for k in (0, 2))
    x = torch.tensor([[1.0, -2.0, 3.0], [0.0, -1.0, -2.0]], dtype=torch.float64)
    linear = halves(second, 1)[0] @ halves(first, 0)[0]
    assert torch.equal(state(x), x @ linear.T)  # numbers of 46 bits: exact


def test_every_weight_is_the_optimum_over_all_pairs():
    """Against all subsets, from the float weights of the unpruned module: nothing but its own numbers is summed."""
    model, width = nn.Linear(2, 3).requires_grad_(False), 9
    ticket = looks_linear(model, width=width, seed=3)
    state = {n: t.double().numpy() for n, t in ticket.source().state_dict().items()}
    for r, j in itertools.product(range(3), range(3)):
        units = slice(j * width, (j + 1) * width)
        first = state["block0.first.weight"][units, j] if j < 2 else state["block0.first.bias"][units]
        products = state["block0.second.weight"][r, units] * first
        sums = np.array([sum(c) for c in itertools.product(*((0.0, p) for p in products))])
        wanted = float(model.weight[r, j]) if j < 2 else float(model.bias[r])
        part = ticket.residuals().parts["layer 0/weight" if j < 2 else "layer 0/bias"]
        found = part._branch("both")[r, j if j < 2 else 0]
        assert abs(found) == pytest.approx(np.abs(sums - wanted).min(), abs=1e-13)


def test_one_sum_a_weight_on_every_domain():
    model = chain(3, 4, 2)
    for domain in (slt.Ball(1.0), slt.Box(0, 1), slt.Box((-1, 0, -1), (0, 1, 1))):
        ticket = looks_linear(model, inputs=domain)
        assert ticket.findings.sums == ticket.residuals().sums == 3 * 4 + 4 + 4 * 2 + 2
    ball, box = (looks_linear(model, inputs=d).mask for d in (slt.Ball(1.0), slt.Box(0, 1)))
    assert ball == box  # the sign of an input does not matter
    quiet = looks_linear(model, inputs=slt.Box((0.0, -1.0, 0.0), (0.0, 1.0, 0.0)))
    assert quiet.findings.sums == 4 + 4 + 4 * 2 + 2


def test_never_worse_than_two_layer_sums_over_one_half_of_the_same_source():
    """The same M and N: two-layer sums may use the units of one sign for each branch, pairs serve both."""
    model = chain(3, 4, 2)
    for seed in range(5):
        pairs = looks_linear(model, width=18, seed=seed, max_items=WHOLE)
        units = find_ticket(model, width=18, seed=seed, max_items=WHOLE, construction=TwoLayerSum())
        for name, part in pairs.residuals().parts.items():
            best = np.abs(part._branch("both"))
            other = units.residuals().parts[name]
            for branch in (other.positive, other.negative):
                assert np.all((best <= np.abs(branch)) | np.isnan(branch))


def test_a_wider_source_is_never_worse_and_holds_the_narrower_one():
    model = chain(3, 4, 2)
    tickets = [looks_linear(model, width=w, max_items=WHOLE) for w in range(4, 16, 3)]
    for narrow, wide in itertools.pairwise(tickets):
        assert np.all(wide.residuals().errors <= narrow.residuals().errors)
        for part in narrow.source_network.distinct_parts.values():
            half, other = narrow.source_network.half, wide.source_network.half
            assert np.array_equal(half.first(part), other.first(part)[:, : half.width])
            rows = slice(None)
            assert np.array_equal(half.second(part, rows), other.second(part, rows)[..., : half.width])


def test_what_it_computes_is_linear_block_by_block():
    """One block on numbers of few bits: module, collapsed matrices and N M of the kept pairs agree to the bit."""
    model = nn.Linear(3, 2).requires_grad_(False)
    ticket = looks_linear(model, width=7)
    (layer,) = ticket.collapsed().layers
    assert np.array_equal(layer.positive, layer.negative) and layer.rounding == 0.0
    x = torch.tensor(list(itertools.product((-2.0, 0.0, 1.0), repeat=3)), dtype=torch.float64)
    found = ticket.module(torch.float64)(x).numpy()
    assert np.array_equal(found, x.numpy() @ layer.positive.T + layer.bias)
    assert np.array_equal(found, ticket.collapsed().forward(x.numpy()))


@pytest.mark.parametrize("inputs_first", [False, True])
def test_module_and_collapsed_agree_through_relus(inputs_first):
    model = chain(4, 5, 3, 2)
    model = nn.Sequential(nn.ReLU(), *model) if inputs_first else model
    ticket = looks_linear(model, width=9)
    x = torch.linspace(-1, 1, 80, dtype=torch.float64).reshape(20, 4)
    found, collapsed = ticket.module(torch.float64)(x).numpy(), ticket.collapsed()
    np.testing.assert_allclose(found, collapsed.forward(x.numpy()), rtol=0, atol=1e-13)
    for position, layer in enumerate(collapsed.layers):
        one_sided = position > 0 or inputs_first
        assert np.any(layer.negative) != one_sided


def test_the_halves_that_are_pruned_were_silent():
    """Whole pairs everywhere: the same outputs to the bit, with more weights kept."""
    ticket = looks_linear(chain(3, 4, 2), width=6)
    lean, whole = ticket.module(torch.float64), ticket.module(torch.float64)
    source = ticket.source(torch.float64)
    for pruned, full, random in zip(lean.parameters(), whole.parameters(), source.parameters(), strict=True):
        if pruned.dim() == 2 and pruned.shape[0] < pruned.shape[1]:  # a second layer: the mask of either half
            kept = (pruned != 0)[:, : pruned.shape[1] // 2] | (pruned != 0)[:, pruned.shape[1] // 2 :]
            full.data = torch.where(torch.cat([kept, kept], 1), random, 0.0)
        elif pruned.dim() == 1:
            kept = (pruned != 0).chunk(2)
            full.data = torch.where((kept[0] | kept[1]).repeat(2), random, 0.0)
        else:
            kept = (pruned != 0).chunk(2)
            full.data = torch.where((kept[0] | kept[1]).repeat(2, 1), random, 0.0)
    x = torch.linspace(-1, 1, 60, dtype=torch.float64).reshape(20, 3)
    torch.testing.assert_close(lean(x), whole(x), rtol=0, atol=1e-13)
    counts = [sum(int((p != 0).sum()) for p in module.parameters()) for module in (lean, whole)]
    assert counts[0] == ticket.kept == ticket.verify().kept
    assert counts[1] > 1.3 * counts[0]


def test_masked_is_the_source_where_kept():
    source = looks_linear(nn.Sequential(nn.ReLU(), *chain(3, 4, 2)), width=5).source_network
    rng = np.random.default_rng(0)
    masks = {name: Mask.of(rng.random(shape) < 0.5) for name, shape in source.mask_shapes.items()}
    for name, shape in source.tensor_shapes.items():
        plain = np.where(source.dense_mask(name, masks), source.draw(name), 0)
        assert plain.shape == shape and np.array_equal(source.masked(name, masks), plain)
        everything = source.draw(name)
        for start, stop in ((0, 2), (1, shape[0]), (shape[0] // 2 - 1, shape[0] // 2 + 1), (shape[0] - 1, shape[0])):
            assert np.array_equal(source.draw_plain(name, slice(start, stop)), everything[start:stop])


def test_a_mirror_image_that_is_none_is_noticed(monkeypatch):
    ticket = looks_linear(chain(3, 2), width=5)
    source, drawn = ticket.source_network, LooksLinearSource.draw
    for name in source.tensor_shapes:
        draws = source.draw(name)
        assert source.agrees(name, draws)
        image = draws[:, draws.shape[1] // 2 :] if "second" in name else draws[len(draws) // 2 :]
        image[(0,) * image.ndim] += 2
        assert not source.agrees(name, draws)

    def unmirrored(self, name):
        return np.abs(drawn(self, name))

    monkeypatch.setattr(LooksLinearSource, "draw", unmirrored)
    with pytest.raises(VerificationError):
        ticket.verify()


@given(
    powers=st.lists(st.integers(-6, 6), min_size=4, max_size=4),
    seed=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_rescaling_weights_and_biases_only_scales_the_output(powers, seed):
    """Homogeneity, the paper's reason for biases of the size of prod sigma: weights of random layer l times s_l and its
    biases times s_1 .. s_l multiply the output by s_1 .. s_L; to the bit for powers of two."""
    module = looks_linear(chain(2, 3, 2), width=4, seed=seed).module(torch.float64)
    x = torch.tensor([[0.5, -1.25], [-0.75, 0.125], [1.0, 1.0]], dtype=torch.float64)
    before, so_far = module(x), 1.0
    linears = [m for m in module.modules() if isinstance(m, nn.Linear)]
    for linear, power in zip(linears, powers, strict=True):
        so_far *= 2.0**power
        linear.weight.mul_(2.0**power)
        if linear.bias is not None:
            linear.bias.mul_(so_far)
    assert torch.equal(module(x), before * so_far)


def test_files_hold_all_of_it(tmp_path):
    torch.manual_seed(3)
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(3, 1)).requires_grad_(False)
    model[4].weight.mul_(20)
    ticket = looks_linear(model, width=11)
    assert ticket.carried_count == 1 and ticket.carried[0].value >= 8.0
    ticket.save(tmp_path / "pairs.slt")
    back = slt.load(tmp_path / "pairs.slt")
    assert back.source_network == ticket.source_network and back.mask == ticket.mask
    assert back.verify().source_digest == ticket.verify().source_digest
    assert np.array_equal(back.residuals(model).errors, ticket.residuals().errors)


def test_tied_layers_serve_inputs_of_either_kind():
    """A layer used on the inputs and again behind a ReLU: one mask, and each use prunes what is silent there."""
    shared = nn.Linear(3, 3, bias=False).requires_grad_(False)
    ticket = looks_linear(nn.Sequential(shared, nn.ReLU(), shared), width=10)
    assert len(ticket.mask) == 1 and ticket.findings.sums == 9
    first, second = (ticket.source_network.kept(f"block{i}.second.weight", ticket.mask) for i in (0, 1))
    assert first == 2 * second
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(10, 3)
    torch.testing.assert_close(
        ticket.module(torch.float64)(x), torch.tensor(ticket.collapsed().forward(x.numpy())), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("domain", [slt.Ball(1.0), slt.Box(-1, 1), slt.Box(0, 1)])
def test_certified_bounds_sampled(domain):
    model = chain(3, 4, 2)
    ticket = looks_linear(model, width=10, inputs=domain)
    starts = np.random.default_rng(0).uniform(-1, 1, (64, 3))
    points = slt.ascend(ticket, model, domain, domain.project(starts), steps=5)
    low, high = slt.sampled(ticket, model, points), slt.certified(ticket, model, domain)
    assert 0 < float(low) <= float(high) < 0.1


def test_a_tolerance_uses_all_pairs():
    model = chain(6, 5, 3)
    ticket = looks_linear(model, width=60, tolerance=1e-3)
    assert ticket.findings.missed == 0 and ticket.residuals().errors.max() <= 1e-3
    needed = ticket.findings.needed_width
    again, fewer = (looks_linear(model, width=w, tolerance=1e-3) for w in (needed, needed - 1))
    assert again.findings.missed == 0 and fewer.findings.missed > 0


def test_an_error_names_a_width_that_will_do():
    """By the law for pairs: every one usable, one sum for both signs. Two-layer sums need more units, not pairs."""
    model = chain(3, 2)
    enough = []
    for construction in (LooksLinear(), TwoLayerSum()):
        with pytest.raises(UnreachedError, match="should reach all of them") as caught:
            find_ticket(model, width=4, require=1e-2, seed=1, construction=construction)
        enough.append(int(str(caught.value).split("about ")[1].split()[0]))
    widths = [looks_linear(model, width=2 * enough[0], seed=s, tolerance=1e-2).findings.needed_width for s in range(15)]
    assert 0.75 * enough[0] <= np.median(widths) <= enough[0] + 2
    assert enough[0] < enough[1]


def test_other_laws_are_sources_too():
    for law in (slt.SignedConstant(0.5), slt.Normal()):
        ticket = looks_linear(chain(3, 2), width=14, law=law)
        assert ticket.residuals().errors.max() <= 0.125
        ticket.verify()


def test_bad_requests_are_refused():
    with pytest.raises(LimitError, match="at most 44"):
        looks_linear(chain(2, 2), max_items=45)
    with pytest.raises(InputError, match="64 bits"):
        looks_linear(chain(2, 2), width=2**16)
    with pytest.raises(InputError, match="mirrors a TwoLayerSource"):
        LooksLinearSource("half")
    blocks = (Block(1, 1, 0, None, False),)
    with pytest.raises(InputError, match="has all edges"):
        LooksLinearSource(TwoLayerSource(slt.Key(0), slt.Uniform(), 3, blocks, graph=RandomGraph(0.5)))
    other = looks_linear(chain(2, 3))
    with pytest.raises(InputError, match="the model that the ticket was made for"):
        other.residuals(chain(3, 2))
    half = TwoLayerSource(slt.Key(0), slt.Uniform(), 3, blocks)
    with pytest.raises(InputError):
        Ticket(LooksLinearSource(half), {"layer 0/weight": Mask.of(np.ones((1, 1, 6), dtype=np.bool_))})
