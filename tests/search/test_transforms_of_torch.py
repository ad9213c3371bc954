"""A step of a search under the transforms of torch: many seeds at once, and compiled as one graph."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from slt.search import EdgePopup, fit
from slt.search.cutoffs import top_cutoff
from slt.search.estimators import ScaledForward
from slt.search.mask_product import mask_product
from tests.search.search_models import KINDS

KIND = KINDS["mlp"]
SEEDS = (1, 2, 3)
DENSITY, RATE = 0.4, 0.1
NAMES = ("0.weight", "3.weight", "5.weight")


def _starts() -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    """(weights, scores) of each seed."""
    networks = [fit(KIND.model(), KIND.batches(), EdgePopup(DENSITY), epochs=0, seed=s).network for s in SEEDS]
    return (
        [{x.name: x.weights for x in n.layers} for n in networks],
        [{x.name: x.scores.detach() for x in n.layers} for n in networks],
    )


def _loss_of(model: nn.Module, inputs: Tensor, targets: Tensor) -> Callable[..., Tensor]:
    fixed = {n: torch.zeros_like(p) for n, p in model.named_parameters() if n.endswith("bias")}

    def loss(scores: dict[str, Tensor], weights: dict[str, Tensor]) -> Tensor:
        made = {}
        for name, s in scores.items():
            count = round(DENSITY * s.numel())
            cutoff = top_cutoff(s, count, True)
            scale = torch.tensor((s.numel() / count) ** 0.5)
            w = weights[name]
            made[name] = mask_product(s, w, w, cutoff.value, cutoff.index, scale, True)
        return nn.functional.cross_entropy(functional_call(model, {**made, **fixed}, (inputs,)), targets)

    return loss


def _stepped(scores: dict[str, Tensor], gradients: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n: s - RATE * gradients[n] for n, s in scores.items()}


def test_many_seeds_at_once() -> None:
    model, (inputs, targets) = KIND.model().eval(), KIND.batches(1)[0]
    loss = _loss_of(model, inputs, targets)
    weights, scores = _starts()
    stack = {n: torch.stack([w[n] for w in weights]) for n in NAMES}
    together = {n: torch.stack([s[n] for s in scores]) for n in NAMES}
    for _ in range(3):
        together = _stepped(together, vmap(grad(loss))(together, stack))
        scores = [_stepped(s, grad(loss)(s, w)) for s, w in zip(scores, weights, strict=True)]
        for n in NAMES:
            apart = torch.stack([s[n] for s in scores])
            # batched matrix products round in their own way
            assert torch.allclose(together[n], apart, rtol=1e-5, atol=1e-7)
    assert not torch.equal(together["0.weight"][0], together["0.weight"][1])


def test_one_seed_is_what_autograd_gives() -> None:
    model, (inputs, targets) = KIND.model().eval(), KIND.batches(1)[0]
    loss = _loss_of(model, inputs, targets)
    weights, scores = _starts()
    leaves = {n: s.clone().requires_grad_() for n, s in scores[0].items()}
    loss(leaves, weights[0]).backward()
    functional = grad(loss)(scores[0], weights[0])
    for n in NAMES:
        assert leaves[n].grad is not None and torch.equal(functional[n], leaves[n].grad)


def test_a_scale_that_gradients_do_not_see() -> None:
    x, scale = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([2.0, 3.0, 0.5])

    def total(row: Tensor, factor: Tensor) -> Tensor:
        return (ScaledForward.apply(row, factor) ** 2).sum() / 2  # type: ignore[no-untyped-call,no-any-return]

    found = vmap(grad(total))(x, scale)
    assert torch.equal(found, x * scale[:, None])  # d/dp of p**2 / 2 at p = scale x, once


def test_a_step_is_one_graph() -> None:
    # test_mask_product compiles one to machine code
    model, (inputs, targets) = KIND.model().eval(), KIND.batches(1)[0]
    loss = _loss_of(model, inputs, targets)
    weights, scores = _starts()
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    found = []
    for function in (loss, compiled):
        leaves = {n: s.clone().requires_grad_() for n, s in scores[0].items()}
        value = function(leaves, weights[0])
        value.backward()
        found.append((value.detach(), leaves))
    (plain, a), (fast, b) = found
    assert torch.allclose(plain, fast, rtol=1e-5)
    for n in NAMES:
        first, second = a[n].grad, b[n].grad
        assert first is not None and second is not None and torch.allclose(first, second, rtol=1e-4, atol=1e-7)
    torch._dynamo.reset()
