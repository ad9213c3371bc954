"""Saliencies against their formulas, worked out weight by weight; pruning by them, at once and in rounds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import pytest
import torch
from torch import nn

import slt
from slt.architectures.bias_column import biased
from slt.errors import InputError, NonFiniteError
from slt.search import Adam, Batches, Global, LayerWise, kaiming_normal
from slt.search.given_masks import found_of_masks
from slt.search.masked_training import train_masked
from slt.search.prune import Pruning, prune
from slt.search.saliency import Grasp, Looked, Magnitude, RandomSaliency, Saliency, Snip, SynFlow, Tensors
from slt.weights import Key

SALIENCIES = (Magnitude(), Snip(), Grasp(), SynFlow(), RandomSaliency())


def linear(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b, bias=False), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def looked(widths: tuple[int, ...] = (3, 4, 2), removed: float = 0.0) -> Looked:
    """A small smooth network, two batches of unequal size; float64 so that differences are exact enough."""
    model = linear(*widths).double()
    generator = torch.Generator().manual_seed(5)
    weights = {n: torch.randn(p.shape, generator=generator, dtype=torch.float64) for n, p in model.named_parameters()}
    weights = {n: torch.where(torch.rand(w.shape, generator=generator) < removed, 0.0, w) for n, w in weights.items()}
    batches = [
        (torch.randn(n, widths[0], generator=generator, dtype=torch.float64), torch.arange(n) % widths[-1])
        for n in (5, 3)
    ]
    return Looked(
        weights,
        lambda x, w: torch.func.functional_call(model, dict(w), (x,)),
        batches,
        nn.functional.cross_entropy,
        Key(3),
    )


def mean_loss(seen: Looked, weights: Tensors) -> float:
    total = sum(float(seen.loss(seen.call(x, weights), y)) * len(y) for x, y in seen.batches)
    return total / sum(len(y) for _, y in seen.batches)


def moved(seen: Looked, name: str, place: int, step: float) -> Tensors:
    weights = {n: w.clone() for n, w in seen.weights.items()}
    weights[name].reshape(-1)[place] += step
    return weights


def slopes(seen: Looked, weights: Tensors, step: float = 1e-4) -> dict[tuple[str, int], float]:
    """The gradient at ``weights`` by central differences."""
    at = Looked(weights, seen.call, seen.batches, seen.loss, seen.key)
    return {
        (n, i): (mean_loss(at, moved(at, n, i, step)) - mean_loss(at, moved(at, n, i, -step))) / (2 * step)
        for n, w in weights.items()
        for i in range(w.numel())
    }


def flat(scores: Tensors) -> dict[tuple[str, int], float]:
    return {(n, i): float(v) for n, s in scores.items() for i, v in enumerate(s.reshape(-1))}


def test_snip_is_the_weight_times_the_slope_of_the_loss() -> None:
    seen = looked(removed=0.2)
    wanted = {
        k: abs(g * float(seen.weights[k[0]].reshape(-1)[k[1]])) for k, g in slopes(seen, dict(seen.weights)).items()
    }
    assert flat(Snip().scores(seen)) == pytest.approx(wanted, rel=1e-5, abs=1e-10)


def test_grasp_is_the_weight_times_hessian_times_gradient() -> None:
    """H g is half the gradient of |g|^2: slopes of the squared slopes, weight by weight."""
    seen = looked(removed=0.2)

    def squared(weights: Tensors) -> float:
        leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
        total = sum(seen.loss(seen.call(x, leaves), y) * len(y) for x, y in seen.batches) / 8
        return float(sum(g.square().sum() for g in torch.autograd.grad(total, list(leaves.values()))))

    step, wanted = 1e-5, {}
    for name, w in seen.weights.items():
        for i in range(w.numel()):
            rise = squared(moved(seen, name, i, step)) - squared(moved(seen, name, i, -step))
            wanted[name, i] = float(w.reshape(-1)[i]) * rise / (4 * step)
    assert flat(Grasp().scores(seen)) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def relu_chain() -> Looked:
    model = nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.ReLU(),
                          nn.Linear(4, 2, bias=False))  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    weights = {n: torch.randn(p.shape, generator=generator) for n, p in model.named_parameters()}
    return Looked(
        weights,
        lambda x, w: torch.func.functional_call(model, dict(w), (x,)),
        [(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))],
        nn.functional.cross_entropy,
        Key(0),
    )


def test_synflow_counts_the_paths_through_a_weight() -> None:
    """With an input of ones a score is the sum over all paths through the weight of the product of their sizes."""
    seen = relu_chain()
    a, b, c = (w.abs().double() for w in seen.weights.values())
    wanted = torch.einsum("ji,kj,lk->jikl", a, b, c)
    scores = list(SynFlow().scores(seen).values())
    torch.testing.assert_close(scores[0], wanted.sum((2, 3)))
    torch.testing.assert_close(scores[1], torch.einsum("ji,kj,lk->kj", a, b, c))
    torch.testing.assert_close(scores[2], torch.einsum("ji,kj,lk->lk", a, b, c))


def test_synflow_is_conserved() -> None:
    """What flows into a hidden unit flows out, and every layer has the whole."""
    scores = list(SynFlow().scores(relu_chain()).values())
    for before, after in itertools.pairwise(scores):
        torch.testing.assert_close(before.sum(1), after.sum(0))
    assert all(float(s.sum()) == pytest.approx(float(scores[0].sum())) for s in scores)


def layers_of_forward(model: nn.Sequential, weights: Tensors, x: torch.Tensor) -> torch.Tensor:
    """The network that is pruned, written out: no biases, batch norms that divide by sqrt(1 + eps) alone."""
    for number, module in enumerate(model):
        w = weights.get(f"{number}.weight")
        if isinstance(module, nn.Linear):
            x = x @ w.T
        elif isinstance(module, nn.Conv2d):
            patches = x.unfold(2, 3, 1).unfold(3, 3, 1)
            x = torch.einsum("bihwxy,oixy->bohw", patches, w)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            x = x / (1 + module.eps) ** 0.5
        else:
            x = module(x)
    return x


NORMED = (
    (lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)), (3,)),
    (lambda: nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)), (3,)),
    (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2), nn.BatchNorm1d(2)
        ),
        (2, 4, 4),
    ),
)


@final
@dataclass(frozen=True)
class Kept(Saliency):
    """Hands on what another saliency saw and gave, in float64."""

    inner: Saliency
    seen: list[tuple[Looked, Tensors]]
    name: ClassVar[str] = "kept"

    def scores(self, looked: Looked) -> Tensors:
        self.seen.append((looked, self.inner.scores(looked)))
        return self.seen[-1][1]


@pytest.mark.parametrize("saliency", [SynFlow(), Snip(), Grasp()], ids=lambda s: s.name)
@pytest.mark.parametrize(("make", "shape"), NORMED, ids=["biases", "norm of vectors", "norm of pictures"])
def test_biases_and_norms_are_as_they_start(make, shape, saliency: Saliency) -> None:
    """Scores of networks with biases and batch norms, against the formula on the network written out without them."""
    generator = torch.Generator().manual_seed(3)
    model = make()
    with torch.no_grad():  # what a user's model learnt is not looked at
        for parameter in (*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())):
            parameter.fill_(-3.0)
    batches = [(torch.randn(n, *shape, generator=generator), torch.arange(n) % 2) for n in (5, 3)]
    seen: list[tuple[Looked, Tensors]] = []
    found = prune(model, batches, Pruning(Kept(saliency, seen), 0.4, 2), seed=6)
    found.verify()
    assert len(seen) == 2
    for looked_at, scores in seen:
        weights = {n: w.double() for n, w in looked_at.weights.items()}
        if isinstance(saliency, SynFlow):
            leaves = {n: w.abs().requires_grad_() for n, w in weights.items()}
            total = layers_of_forward(model, leaves, torch.ones(1, *shape, dtype=torch.float64)).sum()
            slope = torch.autograd.grad(total, list(leaves.values()))
            wanted = {n: (w.abs() * g).detach() for (n, w), g in zip(weights.items(), slope, strict=True)}
            assert all(s.dtype == torch.float64 for s in scores.values())
        else:
            leaves = {n: w.clone().requires_grad_() for n, w in weights.items()}
            losses = [
                nn.functional.cross_entropy(layers_of_forward(model, leaves, x.double()), y) * len(y)
                for x, y in batches
            ]
            slope = torch.autograd.grad(sum(losses) / 8, list(leaves.values()), create_graph=True)
            if isinstance(saliency, Snip):
                wanted = {n: (w * g).abs().detach() for (n, w), g in zip(weights.items(), slope, strict=True)}
            else:
                half = sum(g.square().sum() for g in slope) / 2
                turned = torch.autograd.grad(half, list(leaves.values()))
                wanted = {n: (w * h).detach() for (n, w), h in zip(weights.items(), turned, strict=True)}
        exact = isinstance(saliency, SynFlow)
        for name, score in scores.items():
            largest = float(wanted[name].abs().max())
            assert largest > 0
            torch.testing.assert_close(
                score.double(), wanted[name], rtol=1e-12 if exact else 1e-4, atol=(1e-14 if exact else 1e-5) * largest
            )
    # and the network's own state is untouched
    assert all(t.dtype == torch.float32 for t in found.network.fixed.values())
    assert all(t.dtype in (torch.float32, torch.int64) for t in found.network.buffers.values())


def test_synflow_refuses_networks_that_ones_cannot_enter() -> None:
    tokens = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3))
    batches = [(torch.zeros(4, 2, dtype=torch.int64), torch.zeros(4, dtype=torch.int64))]
    with pytest.raises(InputError, match="one input of ones in float64"):
        prune(tokens, batches, Pruning(SynFlow(), 0.5))
    alone = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 3))
    with pytest.raises(InputError, match="more than 1 value"):
        prune(alone, data(), Pruning(SynFlow(), 0.5))


def test_grasp_of_attention_and_of_weights_without_a_part_in_the_loss() -> None:
    """Fused attention has no second derivative; a loss that is linear in the weights has none but 0."""
    attention = nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), nn.Flatten(), nn.Linear(8, 3))
    x = torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(0))
    found = prune(attention, [(x, torch.arange(8) % 3)], Pruning(Grasp(), 0.3))
    found.verify()
    seen = looked()
    straight = Looked(
        {**seen.weights, "unused": torch.ones(2, 2, dtype=torch.float64)},
        lambda x, w: x @ w["0.weight"].T,
        seen.batches,
        lambda outputs, targets: outputs.mean(),
        Key(0),
    )
    assert all(not bool(s.any()) for s in Grasp().scores(straight).values())


# -- pruning -----------------------------------------------------------------------------------------------------------


def data(classes: int = 3) -> Batches:
    generator = torch.Generator().manual_seed(2)
    return Batches(torch.randn(48, 4, generator=generator), torch.arange(48) % classes, batch=16)


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("saliency", SALIENCIES, ids=lambda s: s.name)
def test_pruning_keeps_exact_counts_and_has_a_ticket(saliency: Saliency, rounds: int, tmp_path) -> None:
    model = biased(4, 8, 3)
    found = prune(model, data(), Pruning(saliency, 0.3, rounds), seed=4)
    kept = sum(int(m.count_nonzero()) for m in found.last.masks.values())
    assert kept == round(0.3 * (8 * 5 + 3 * 9))
    found.verify()
    loaded = slt.load(found.ticket.save(tmp_path / "pruned.slt"))
    loaded.verify()
    state = loaded.module(like=model).state_dict()
    for name, weight in found.module().state_dict().items():
        assert torch.equal(weight, state[name])
    again = prune(model, data(), Pruning(saliency, 0.3, rounds), seed=4)
    assert found.ticket.mask == again.ticket.mask


def test_rounds_remove_what_is_lowest_then() -> None:
    """The masks of a pruning in rounds, worked out again round by round on the weights that are left."""
    model, batches = biased(4, 8, 3), data()
    found = prune(model, batches, Pruning(Snip(), 0.2, 3), seed=1)
    weights = found_of_masks(
        model,
        {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.named_parameters()},
        "all",
        kaiming_normal(),
        1,
    ).network.unpruned()
    call = lambda x, w: torch.func.functional_call(model, dict(w), (x,))  # noqa: E731
    total = sum(w.numel() for w in weights.values())
    alive = np.ones(total, dtype=bool)
    for r in (1, 2, 3):
        masks = dict(
            zip(weights, torch.from_numpy(alive.copy()).split([w.numel() for w in weights.values()]), strict=True)
        )
        now = {n: torch.where(masks[n].reshape(w.shape), w, 0.0) for n, w in weights.items()}
        scores = Snip().scores(Looked(now, call, list(batches.batches(0)), nn.functional.cross_entropy, Key(0)))
        values = np.where(alive, torch.cat([s.reshape(-1) for s in scores.values()]).numpy(), -np.inf)
        alive = np.zeros(total, dtype=bool)
        alive[np.argsort(-values, kind="stable")[: round(0.2 ** (r / 3) * total)]] = True
    got = np.concatenate([found.last.masks[n].numpy().reshape(-1) for n in weights])
    np.testing.assert_array_equal(got, alive)


def test_budgets_share_among_layers() -> None:
    found = prune(biased(4, 8, 3), data(), Pruning(Magnitude(), 0.3, budget=LayerWise()), seed=4)
    assert [int(m.sum()) for m in found.last.masks.values()] == [round(0.3 * 40), round(0.3 * 27)]
    source = found.network.layers[0].weights.abs().reshape(-1)
    mask = found.last.masks["0.weight"].reshape(-1).bool()
    assert float(source[mask].min()) >= float(source[~mask].max())


def test_training_under_a_mask_moves_kept_weights_alone() -> None:
    batches = data()
    found = prune(biased(4, 8, 3), batches, Pruning(SynFlow(), 0.4, 10), seed=0)
    before = {n: t.clone() for n, t in found.network.unpruned().items()}
    trained = train_masked(found, batches, epochs=30, optimiser=Adam(1e-2))
    for name, mask in found.last.masks.items():
        gone = trained.weights[name][mask == 0]
        assert torch.equal(gone.view(torch.int32), torch.zeros_like(gone).view(torch.int32))
        assert bool((trained.weights[name] != before[name])[mask != 0].any())
    assert trained.losses[-1] < 0.8 * trained.losses[0]
    assert trained.evaluate(batches).loss < found.evaluate(batches).loss
    # the search's own network is as it was
    found.verify()
    assert all(torch.equal(t, before[n]) for n, t in found.network.unpruned().items())


def test_training_for_no_epochs_is_the_ticket() -> None:
    found = prune(biased(4, 8, 3), data(), Pruning(RandomSaliency(), 0.4), seed=0)
    module = train_masked(found, data(), epochs=0).module()
    assert all(torch.equal(p, module.state_dict()[n]) for n, p in found.module().state_dict().items())


def test_rounds_with_training_read_the_mask_on_random_weights() -> None:
    batches = data()
    found = prune(biased(4, 8, 3), batches, Pruning(Magnitude(), 0.2, 3, training=2, optimiser=Adam(0.1)), seed=0)
    found.verify()
    still = prune(biased(4, 8, 3), batches, Pruning(Magnitude(), 0.2, 3), seed=0)
    assert found.ticket.mask != still.ticket.mask


def test_trained_norms_are_trained_on() -> None:
    model = biased(4, 8, 3).append(nn.BatchNorm1d(3))
    method = slt.search.EdgePopup(0.5).method()
    from dataclasses import replace

    found = slt.search.fit(model, data(), replace(method, norms=slt.search.TrainedAffine()), epochs=1)
    carried = {n: t.clone() for n, t in found.last.trained.items()}
    trained = train_masked(found, data(), epochs=2, optimiser=Adam(0.1))
    state = trained.module().state_dict()
    assert all(not torch.equal(state[n], t) for n, t in carried.items())
    assert all(torch.equal(found.ticket.module().state_dict()[n], t) for n, t in carried.items())


@final
@dataclass(frozen=True)
class Broken(Saliency):
    name: ClassVar[str] = "broken"

    def scores(self, looked: Looked) -> Tensors:
        return {n: w * torch.nan for n, w in looked.weights.items()}


def test_bad_requests_are_refused() -> None:
    for wrong in ({"density": 0.0}, {"density": 30}, {"rounds": 0}, {"rounds": 1.5}, {"training": -1}):
        with pytest.raises(InputError):
            Pruning(Magnitude(), **wrong)
    for name, value in (("saliency", "snip"), ("budget", "x"), ("weights", "normal"), ("optimiser", "adam")):
        with pytest.raises(InputError, match=rf"pruning: {name} must be an object such as .*{value}"):
            Pruning(**{name: value})
    for arguments, text in (
        (("model", data(), Pruning()), "torch module"),
        ((biased(4, 8, 3), data(), "snip"), "settings"),
        ((biased(4, 8, 3), 3, Pruning()), "loader"),
    ):
        with pytest.raises(InputError, match=text):
            prune(*arguments)
    with pytest.raises(InputError, match="not finite"):
        prune(biased(4, 8, 3), data(), Pruning(Broken(), 0.3))
    with pytest.raises(InputError, match="keeps none"):
        prune(biased(4, 8, 3), data(), Pruning(Magnitude(), 1e-9, budget=Global()))
    with pytest.raises(InputError, match="no batches"):
        prune(biased(4, 8, 3), [], Pruning(Magnitude(), 0.5))
    found = prune(biased(4, 8, 3), data(), Pruning(Magnitude(), 0.5))
    with pytest.raises(NonFiniteError, match="step 0"):
        train_masked(found, [(torch.full((2, 4), torch.inf), torch.zeros(2, dtype=torch.int64))], epochs=1)
    with pytest.raises(InputError):
        train_masked(found, data(), epochs=-1)
    shapes = {n: torch.ones_like(p, dtype=torch.bool) for n, p in biased(4, 8, 3).named_parameters()}
    with pytest.raises(InputError, match="keep nothing"):
        found_of_masks(biased(4, 8, 3), {n: ~m for n, m in shapes.items()}, "none", kaiming_normal(), 0)
    with pytest.raises(InputError, match="shapes"):
        found_of_masks(biased(4, 7, 3), shapes, "other", kaiming_normal(), 0)
