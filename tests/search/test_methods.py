"""Every preset against its algorithm written down by hand: a few steps on a network of two layers, compared with ==.

Oracles know torch and the random streams alone: masks by argsort, gradients by the formula of the paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from slt.errors import InputError
from slt.search import (
    BernoulliSupermask,
    Biprop,
    ConcreteTicketSearch,
    EdgePopup,
    Found,
    FrozenSource,
    GemMiner,
    Global,
    IteRand,
    LayerWise,
    MagnitudeAtStart,
    Multicoated,
    NoScale,
    Preset,
    RandomMask,
    ReverseKL,
    SignedSupermask,
    WeightRecycling,
    fit,
    kaiming_normal,
)
from slt.search.moment import Moment
from slt.tensor_draws import draw_tensor
from slt.weights import Key, Normal, SignedConstant, Uniform

SEED = 4
NAMES = ("0.weight", "2.weight")
SHAPES = ((12, 10), (5, 12))
FANS = ((10, 12), (12, 5))
SIZES = (120, 60)
TIMES = {"epochs": 4, "per_epoch": 3}


def _model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 12, bias=False), nn.ReLU(), nn.Linear(12, 5, bias=False))


def _batches() -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 20, 10, generator=generator)
    return [(rows, rows[:, :5].argmax(1)) for rows in x]


def _search(preset: Any, epochs: int = TIMES["epochs"]) -> Found:
    return fit(_model(), _batches(), preset, epochs=epochs, seed=SEED)


def _uniform(path: str, name: str, shape: tuple[int, ...]) -> Tensor:
    """On (0, 1)."""
    key = Key(SEED)
    for part in path.split("/"):
        key = key / part
    k = draw_tensor(Uniform(), key / name, shape).astype(np.float32) * np.float32(2.0 ** -Uniform().exponent)
    return (torch.from_numpy(k) + 1) / 2


@dataclass
class Oracle:
    """Weights, scores and an optimiser; ``mask`` and ``gradient`` are the method."""

    weights: list[Tensor]
    scores: list[Tensor]
    optimiser: torch.optim.Optimizer
    mask: Callable[[Oracle], list[Tensor]]
    scale: Callable[[Tensor, Tensor], Tensor]
    absolute: bool = True
    signs: bool = False
    coats: float = 1.0
    step: int = 0
    epoch: int = 0
    memory: dict[str, Any] = field(default_factory=dict)

    def effective(self) -> tuple[list[Tensor], list[Tensor]]:
        scales, found = [], []
        for m, w in zip(self.mask(self), self.weights, strict=True):
            scales.append(self.scale(m, w))
            found.append(torch.where(m != 0, m * (w.sign() if self.signs else w) * scales[-1], 0.0))
        return found, scales

    def train(self, rate: Callable[[Oracle], float], before: Callable[[Oracle], None] | None = None) -> None:
        for self.epoch in range(TIMES["epochs"]):
            for x, y in _batches():
                if before is not None:
                    before(self)
                self.optimiser.param_groups[0]["lr"] = rate(self)
                found, scales = self.effective()
                leaves = [t.requires_grad_() for t in found]
                outputs = functional.linear(functional.linear(x, leaves[0]).relu(), leaves[1])
                functional.cross_entropy(outputs, y).backward()
                for s, w, leaf, c in zip(self.scores, self.weights, leaves, scales, strict=True):
                    assert leaf.grad is not None
                    # the released biprop multiplies by |w| what already has the sign of w, and by no alpha
                    gradient = leaf.grad * w if self.signs else leaf.grad * w * c
                    s.grad = gradient * self.coats * (s.detach().sign() if self.absolute else 1.0)
                self.optimiser.step()
                self.step += 1


def _start(preset: Any) -> tuple[list[Tensor], list[Tensor]]:
    layers = _search(preset, epochs=0).network.layers
    return [x.weights.clone() for x in layers], [x.scores.detach().clone().requires_grad_() for x in layers]


def _sgd(scores: list[Tensor], rate: float = 0.1, decay: float = 1e-4, nesterov: bool = False) -> torch.optim.Optimizer:
    return torch.optim.SGD(scores, lr=rate, momentum=0.9, weight_decay=decay, nesterov=nesterov, fused=True)


def _top(values: Tensor, count: int) -> Tensor:
    mask = torch.zeros(values.numel())
    mask[values.detach().reshape(-1).argsort(descending=True, stable=True)[:count]] = 1
    return mask.reshape(values.shape)


def _top_of_all(values: list[Tensor], count: int) -> list[Tensor]:
    flat = _top(torch.cat([v.detach().reshape(-1) for v in values]), count)
    return [p.reshape(v.shape) for p, v in zip(flat.split([v.numel() for v in values]), values, strict=True)]


def _root(mask: Tensor, weights: Tensor) -> Tensor:
    kept = int(mask.count_nonzero())
    return torch.tensor(math.sqrt(mask.numel() / max(kept, 1)), dtype=torch.float64).float()


def _cosine(base: float) -> Callable[[Oracle], float]:
    return lambda o: base * (0.5 * (1 + math.cos(math.pi * o.epoch / TIMES["epochs"])))


def _compare(found: Found, oracle: Oracle) -> None:
    for layer, s, w in zip(found.network.layers, oracle.scores, oracle.weights, strict=True):
        assert torch.equal(layer.weights, w), layer.name
        assert torch.equal(layer.scores, s), layer.name
    found.verify()
    effective, _ = oracle.effective()
    state = dict(found.module().named_parameters())
    for name, w in zip(NAMES, effective, strict=True):
        assert torch.equal(state[name], w)
        assert not bool((torch.signbit(state[name]) & (state[name] == 0)).any())


# -- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "law", "variances", "bounds"),
    [
        (EdgePopup(), SignedConstant(), [2 / f for f, _ in FANS], [1 / math.sqrt(f) for f, _ in FANS]),
        (WeightRecycling(), SignedConstant(), [2 / f for f, _ in FANS], [1 / math.sqrt(f) for f, _ in FANS]),
        (IteRand(), SignedConstant(), [2 / f for f, _ in FANS], [math.sqrt(6 / f) for f, _ in FANS]),
        (Biprop(), Normal(), [2 / f for f, _ in FANS], [1 / math.sqrt(f) for f, _ in FANS]),
        (
            SignedSupermask(),
            SignedConstant(),
            [6 / f for f, _ in FANS],
            [math.sqrt(6 / (a + b)) for a, b in FANS],
        ),
        (GemMiner(), SignedConstant(), [2 / f for f, _ in FANS], None),
        (BernoulliSupermask(), SignedConstant(), [2 / (a + b) for a, b in FANS], None),
        (ConcreteTicketSearch(), Normal(), [2 / f for f, _ in FANS], None),
        (FrozenSource(), Uniform(), [2 / f for f, _ in FANS], None),
        (Multicoated(), SignedConstant(), [2 / f for f, _ in FANS], None),
    ],
    ids=lambda p: type(p).__name__ if isinstance(p, Preset) else "",
)
def test_sources_have_the_published_sizes(
    preset: Any, law: Any, variances: list[float], bounds: list[float] | None
) -> None:
    weights, scores = _start(preset)
    for name, shape, w, variance in zip(NAMES, SHAPES, weights, variances, strict=True):
        k = draw_tensor(law, Key(SEED) / "weights" / name, shape).astype(np.float64) * 2.0**-law.exponent
        deviation = {"SignedConstant": law.value if hasattr(law, "value") else 1, "Uniform": 1 / math.sqrt(3)}.get(
            type(law).__name__, 1.0
        )
        assert np.allclose(w.numpy(), k / deviation * math.sqrt(variance), rtol=1e-6, atol=0)
    for s, bound in zip(scores, bounds or (), strict=False):
        # uniform: 60 draws or more come near the bound, and none goes beyond
        assert 0.8 * bound < float(s.detach().abs().max()) < bound


def test_starts_that_are_no_uniform_scores() -> None:
    for s in _start(GemMiner())[1]:
        assert bool(((s > 0) & (s < 1)).all())
    for s in _start(BernoulliSupermask())[1]:
        assert not bool(s.any())
    for s in _start(ConcreteTicketSearch(0.2))[1]:
        assert torch.equal(s, torch.full_like(s, math.log(0.2 / 0.8)))
    for (fan_in, fan_out), name, shape, otsuka, okoshi in zip(
        FANS, NAMES, SHAPES, _start(FrozenSource())[1], _start(Multicoated())[1], strict=True
    ):
        k = draw_tensor(Normal(), Key(SEED) / "scores" / name, shape).astype(np.float64) * 2.0 ** -Normal().exponent
        assert np.allclose(otsuka.detach().numpy(), k * math.sqrt(2 / fan_in), rtol=1e-6, atol=0)
        assert np.allclose(okoshi.detach().numpy(), k * math.sqrt(2 / fan_out), rtol=1e-6, atol=0)


# -- top-k -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0.5, 0.13, 1.0])
def test_edge_popup(density: float) -> None:
    preset = EdgePopup(density)
    weights, scores = _start(preset)
    oracle = Oracle(
        weights, scores, _sgd(scores), lambda o: [_top(s.abs(), round(density * s.numel())) for s in o.scores], _root
    )
    oracle.train(_cosine(0.1))
    _compare(_search(preset), oracle)


def test_global_edge_popup() -> None:
    preset = EdgePopup(0.3, budget=Global())
    weights, scores = _start(preset)
    oracle = Oracle(
        weights, scores, _sgd(scores), lambda o: _top_of_all([s.abs() for s in o.scores], round(0.3 * 180)), _root
    )
    oracle.train(_cosine(0.1))
    _compare(_search(preset), oracle)


def test_biprop() -> None:
    preset = Biprop(0.4)
    weights, scores = _start(preset)

    def mean_size(mask: Tensor, weights: Tensor) -> Tensor:
        total = torch.where(mask != 0, weights.abs(), 0.0).sum(dtype=torch.float64)
        return (total / mask.count_nonzero()).float()

    oracle = Oracle(
        weights,
        scores,
        _sgd(scores),
        lambda o: [_top(s.abs(), round(0.4 * s.numel())) for s in o.scores],
        mean_size,
        signs=True,
    )
    oracle.train(_cosine(0.1))
    _compare(_search(preset), oracle)


def test_iterand() -> None:
    preset = IteRand(0.4, rate=0.3, every=2)
    weights, scores = _start(preset)
    factors = [float(w.abs().max()) for w in weights]
    redrawn = []

    def mask(o: Oracle) -> list[Tensor]:
        return [_top(s, round(0.4 * s.numel())) for s in o.scores]  # signed scores

    def redraw(o: Oracle) -> None:
        if o.step == 0 or o.step % 2:
            return
        number = o.step // 2
        masks = mask(o)
        for i, (name, shape) in enumerate(zip(NAMES, SHAPES, strict=True)):
            chosen = (masks[i] == 0) & (_uniform(f"coins/{number}", name, shape) < 0.3)
            fresh = draw_tensor(SignedConstant(), Key(SEED) / "events" / str(number) / name, shape)
            o.weights[i] = torch.where(chosen, torch.from_numpy(np.sign(fresh)).float() * factors[i], o.weights[i])
            redrawn.append(int(chosen.sum()))

    oracle = Oracle(weights, scores, _sgd(scores, 0.3), mask, _root, absolute=False)
    oracle.train(_cosine(0.3), redraw)
    found = _search(preset)
    _compare(found, oracle)
    assert len(redrawn) == 10 and all(redrawn)
    assert found.ticket.patch_bits > 0


def test_weight_recycling() -> None:
    preset = WeightRecycling(0.4, rate=0.2, every=1)
    weights, scores = _start(preset)
    events = []

    def recycle(o: Oracle) -> None:
        if o.step % TIMES["per_epoch"] or not 0 < o.epoch < TIMES["epochs"] - 1:
            return
        events.append(o.epoch)
        for i, s in enumerate(o.scores):
            order = s.detach().abs().reshape(-1).argsort(stable=True)
            count = int(0.2 * s.numel())
            flat = o.weights[i].reshape(-1).clone()
            flat[order[:count]] = flat[order[-count:]]
            o.weights[i] = flat.reshape(s.shape)

    oracle = Oracle(
        weights, scores, _sgd(scores), lambda o: [_top(s.abs(), round(0.4 * s.numel())) for s in o.scores], _root
    )
    oracle.train(_cosine(0.1), recycle)
    _compare(_search(preset), oracle)
    assert events == [1, 2]  # neither the first epoch nor the last


def test_frozen_source() -> None:
    preset = FrozenSource(0.5, removed=0.25, locked=0.2)
    weights, scores = _start(preset)
    pattern = [x.frozen for x in _search(preset, epochs=0).network.layers]
    for p, size in zip(pattern, SIZES, strict=True):
        assert p is not None
        assert int((p < 0).sum()) == round(0.25 * size) and int((p > 0).sum()) == round(0.2 * size)

    def mask(o: Oracle) -> list[Tensor]:
        barred = [s.detach().abs() for s in o.scores]
        for b, p in zip(barred, pattern, strict=True):
            assert p is not None
            b[p > 0], b[p < 0] = torch.inf, -torch.inf
        return _top_of_all(barred, round(0.5 * 180))

    oracle = Oracle(weights, scores, _sgd(scores), mask, _root)
    oracle.train(_cosine(0.1))
    found = _search(preset)
    _compare(found, oracle)
    for p, name in zip(pattern, NAMES, strict=True):
        assert p is not None
        assert bool(found.last.masks[name][p > 0].all()) and not bool(found.last.masks[name][p < 0].any())


def test_multicoated() -> None:
    densities = (0.5, 0.2, 0.1)
    preset = Multicoated(densities)
    weights, scores = _start(preset)

    def mask(o: Oracle) -> list[Tensor]:
        return [sum((_top(s.abs(), round(d * s.numel())) for d in densities), torch.zeros(())) for s in o.scores]

    oracle = Oracle(weights, scores, _sgd(scores), mask, _root, coats=3.0)
    oracle.train(_cosine(0.1))
    found = _search(preset)
    assert found.last.masks[NAMES[0]].unique().tolist() == [0, 1, 2, 3]
    _compare(found, oracle)


# -- thresholds ------------------------------------------------------------------------------------------------------


def test_signed_supermask() -> None:
    preset = SignedSupermask(fraction=0.3, decay=2e-2, rate=0.05)
    weights, scores = _start(preset)
    zones = [0.3 * s.detach().abs().max() for s in scores]

    def mask(o: Oracle) -> list[Tensor]:
        return [s.detach().sign() * (s.detach().abs() > z) for s, z in zip(o.scores, zones, strict=True)]

    def factor(o: Oracle) -> float:
        return float(0.9 ** (o.step / 12 / 0.1))  # 0.9 every tenth of the search, without stairs

    def rate(o: Oracle) -> float:
        return 0.05 * factor(o)

    def decay(o: Oracle) -> None:
        # before the update, and not times the learning rate; gradients come from the scores before it
        o.memory["left"] = 1.0 - 2e-2 * factor(o)

    optimiser = _sgd(scores, 0.05, 0.0, nesterov=True)
    update = optimiser.step

    oracle = Oracle(weights, scores, optimiser, mask, lambda m, w: torch.ones(()), absolute=False)

    def decayed() -> None:
        with torch.no_grad():
            for s in scores:
                s.mul_(oracle.memory["left"])
        update()

    oracle.optimiser.step = decayed  # type: ignore[assignment,method-assign]
    oracle.train(rate, decay)
    found = _search(preset)
    _compare(found, oracle)
    assert {int(v) for v in found.last.masks[NAMES[0]].unique()} == {-1, 0, 1}


def test_signed_supermask_of_an_exact_density() -> None:
    preset = SignedSupermask(density=0.2, decay=0.0, gain=6.0, scale=NoScale(), budget=LayerWise())
    weights, scores = _start(preset)

    def mask(o: Oracle) -> list[Tensor]:
        return [_top(s.abs(), round(0.2 * s.numel())) * torch.where(s.detach() < 0, -1.0, 1.0) for s in o.scores]

    oracle = Oracle(weights, scores, _sgd(scores, 0.05, 0.0, True), mask, lambda m, w: torch.ones(()), absolute=False)
    oracle.train(lambda o: 0.05 * float(0.9 ** (o.step / 12 / 0.1)))
    found = _search(preset)
    _compare(found, oracle)
    assert [int(m.count_nonzero()) for m in found.last.masks.values()] == [24, 12]


def test_gem_miner() -> None:
    preset = GemMiner(0.2, every=1, penalty=1e-3)
    weights, scores = _start(preset)
    active = [torch.ones_like(s) for s in scores]
    left = []

    def before(o: Oracle) -> None:
        with torch.no_grad():
            for s in o.scores:
                s.clamp_(0, 1)
        if o.step % TIMES["per_epoch"] == 0 and 1 <= o.epoch <= 3:  # int(0.8 * 4) freezes by equal factors
            barred = [torch.where(a > 0, s.detach(), -torch.inf) for a, s in zip(active, o.scores, strict=True)]
            # ties in a random order
            flat = torch.cat([s.reshape(-1) for s in barred])
            order = _uniform(f"ties/{o.epoch}", "all", (180,)).argsort(stable=True)
            kept = torch.zeros(180)
            kept[order] = _top(flat[order], round(0.2 ** (o.epoch / 3) * 180))
            active[:] = [
                p.reshape(s.shape) for p, s in zip(kept.split([s.numel() for s in barred]), barred, strict=True)
            ]
            left.append(sum(int(a.sum()) for a in active))

    def mask(o: Oracle) -> list[Tensor]:
        return [(s.detach() > 0.5) * a for s, a in zip(o.scores, active, strict=True)]

    oracle = Oracle(weights, scores, _sgd(scores, 0.1, 0.0), mask, _root, absolute=False)
    update = oracle.optimiser.step

    def penalised() -> None:
        for s, a in zip(scores, active, strict=True):
            assert s.grad is not None
            s.grad = s.grad * a + 1e-3 * (2 * s.detach())
        update()

    oracle.optimiser.step = penalised  # type: ignore[assignment,method-assign]
    oracle.train(_cosine(0.1), before)
    found = _search(preset)
    assert left == [105, 62, 36]
    for layer, a in zip(found.network.layers, active, strict=True):
        assert torch.equal(layer.memory["active"], a)
    for layer, s in zip(found.network.layers, scores, strict=True):
        # the order of the two summands of a gradient is autograd's
        assert torch.allclose(layer.scores, s, rtol=1e-5, atol=1e-7)
    assert found.density <= 0.2
    found.verify()


def test_ties_are_pruned_evenly() -> None:
    """Scores that all sit at the clamp: every layer loses about the same share, not the last one all of it."""
    layers = _search(GemMiner(0.5), epochs=0).network.layers
    for layer in layers:
        layer.scores.data.fill_(1.0)
    event = next(e for e in GemMiner(0.5).method().events if hasattr(e, "density"))
    event.happen(layers, lambda: [], Moment(3, 1, 5), kaiming_normal(), Key(0))
    assert sum(int(layer.memory["active"].sum()) for layer in layers) == round(0.5 ** (3 / 4) * 180)
    for layer in layers:
        assert 0.4 < float(layer.memory["active"].mean()) < 0.8


def test_gem_miner_needs_time_to_prune() -> None:
    with pytest.raises(InputError, match=r"every 5 epochs.*the search has 4"):
        _search(GemMiner(0.2, every=5))
    with pytest.raises(InputError, match="keeps none of 180"):
        _search(GemMiner(0.001))
    assert _search(GemMiner(0.2, every=5), epochs=0).density > 0.2


# -- draws -----------------------------------------------------------------------------------------------------------


def _bernoulli_oracle(preset: BernoulliSupermask) -> Oracle:
    weights, scores = _start(preset)

    def mask(o: Oracle) -> list[Tensor]:
        if o.step == TIMES["epochs"] * TIMES["per_epoch"]:
            return [(s.detach().sigmoid() > 0.5).float() for s in o.scores]
        return [
            (_uniform(f"samples/{o.step}", n, s.shape) < s.detach().sigmoid()).float()
            for n, s in zip(NAMES, o.scores, strict=True)
        ]

    def rescaled(m: Tensor, w: Tensor) -> Tensor:
        return torch.tensor(m.numel() / int(m.sum()), dtype=torch.float64).float()

    oracle = Oracle(weights, scores, _sgd(scores, 100.0, 0.0), mask, rescaled, absolute=False)
    update = oracle.optimiser.step

    def through_the_sigmoid() -> None:
        for s in scores:
            p = s.detach().sigmoid()
            assert s.grad is not None
            s.grad = s.grad * (1 - p) * p
        update()

    oracle.optimiser.step = through_the_sigmoid  # type: ignore[assignment,method-assign]
    oracle.train(lambda o: 100.0)
    return oracle


def test_bernoulli_supermask() -> None:
    oracle = _bernoulli_oracle(BernoulliSupermask())
    found = _search(BernoulliSupermask())
    _compare(found, oracle)


def test_bernoulli_supermask_that_is_sampled_in_the_end() -> None:
    first, second = _search(BernoulliSupermask()), _search(BernoulliSupermask(sampled=True))
    for name, shape in zip(NAMES, SHAPES, strict=True):
        assert torch.equal(first.scores[name], second.scores[name])
        drawn = _uniform("samples/evaluation 12", name, shape) < second.scores[name].sigmoid()
        assert torch.equal(second.last.masks[name], drawn.to(torch.int8))
    second.verify()


@pytest.mark.parametrize("objective", [None, ReverseKL()], ids=["loss", "kl"])
def test_concrete_ticket_search(objective: ReverseKL | None) -> None:
    density, temperature = 0.1, 2 / 3
    preset = ConcreteTicketSearch(density) if objective is None else ConcreteTicketSearch(density, objective)
    weights, scores = _start(preset)
    adam = torch.optim.AdamW(scores, lr=0.1, weight_decay=0.0, fused=True)
    multiplier, multipliers = None, []
    step = 0
    for _ in range(TIMES["epochs"]):
        for x, y in _batches():
            adam.param_groups[0]["lr"] = 0.1 * (1.0 if step / 12 < 0.88 else 0.1)
            adam.zero_grad()
            masks = [
                (_uniform(f"samples/{step}", n, s.shape).logit() / temperature + s).sigmoid()
                for n, s in zip(NAMES, scores, strict=True)
            ]
            soft = [m * w for m, w in zip(masks, weights, strict=True)]
            outputs = functional.linear(functional.linear(x, soft[0]).relu(), soft[1])
            if objective is None:
                loss = functional.cross_entropy(outputs, y)
            else:
                dense = functional.linear(functional.linear(x, weights[0]).relu(), weights[1]).log_softmax(-1)
                p = outputs.log_softmax(-1)
                loss = (p.exp() * (p - dense)).sum(-1).mean()
            loss.backward()
            gates = [s.detach().sigmoid() for s in scores]
            target = 1.1 * density * 180
            pulls = [100 / target * g * (1 - g) for g in gates]
            gains = [100 * s.grad for s in scores if s.grad is not None]
            size = math.sqrt(sum(float(g.double().square().sum()) for g in gains))
            pull = math.sqrt(sum(float(h.double().square().sum()) for h in pulls))
            wanted = size / pull if sum(float(g.double().sum()) for g in gates) > target else 0.0
            multiplier = wanted if multiplier is None else 0.99 * multiplier + 0.01 * wanted
            multipliers.append(multiplier)
            for s, g, h in zip(scores, gains, pulls, strict=True):
                s.grad = g + multiplier * h
            adam.step()
            step += 1
    found = _search(preset)
    for layer, s in zip(found.network.layers, scores, strict=True):
        # norms are sums in another order
        assert torch.allclose(layer.scores, s, rtol=1e-4, atol=1e-5)
    assert float(found.network.memory["multiplier"]) == pytest.approx(multipliers[-1], rel=1e-4)
    assert torch.equal(
        torch.cat([m.reshape(-1) for m in found.last.masks.values()]),
        torch.cat([m.reshape(-1) for m in _top_of_all([x.scores for x in found.network.layers], 18)]).to(torch.int8),
    )
    found.verify()


# -- baselines -------------------------------------------------------------------------------------------------------


def test_baselines_are_never_trained() -> None:
    told: list[int] = []
    for preset in (RandomMask(0.3), MagnitudeAtStart(0.3)):
        weights, scores = _start(preset)
        found = fit(_model(), _batches(), preset, seed=SEED, progress=lambda done, of: told.append(done))
        for name, s, w in zip(NAMES, scores, weights, strict=True):
            by = s.abs() if isinstance(preset, RandomMask) else w.abs()
            assert torch.equal(found.last.masks[name], _top(by, round(0.3 * s.numel())).to(torch.int8))
        assert found.history == ()
        found.verify()
    assert not told


def test_published_settings() -> None:
    def settings(preset: Preset) -> tuple[float, float, float]:
        optimiser: Any = preset.method().optimiser
        return optimiser.rate, getattr(optimiser, "momentum", 0.0), optimiser.decay

    for preset in (EdgePopup(), Biprop(), WeightRecycling(), FrozenSource(), Multicoated()):
        assert settings(preset) == (0.1, 0.9, 1e-4)
    assert settings(IteRand()) == (0.3, 0.9, 1e-4)
    assert settings(GemMiner()) == (0.1, 0.9, 0.0)
    assert settings(BernoulliSupermask()) == (100.0, 0.9, 0.0)
    assert settings(ConcreteTicketSearch()) == (0.1, 0.0, 0.0)
    assert settings(SignedSupermask())[:2] == (0.05, 0.9)
    assert IteRand().rate == 0.1 and IteRand().every == 300
    assert isinstance(SignedSupermask().method().scale, NoScale) and isinstance(ConcreteTicketSearch().scale, NoScale)
