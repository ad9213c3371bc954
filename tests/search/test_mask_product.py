"""The fused product against its plain twin, to the bit, and under torch's transforms."""

from __future__ import annotations

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import grad, vmap

from slt.errors import InputError
from slt.search.cutoffs import Cutoff, top_cutoff
from slt.search.mask_product import StraightThroughProduct, mask_product, mask_product_plain, straight_through_product


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same_bits(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.numpy().tobytes() == b.numpy().tobytes()


def both(
    scores: Tensor, values: Tensor, slopes: Tensor, cutoff: Cutoff, scale: float, absolute: bool, upstream: Tensor
):
    """(effective, gradient) of the fused product and of its twin."""
    found = []
    for product in mask_product, mask_product_plain:
        s = scores.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        effective = product(s, values, slopes, cutoff.value, cutoff.index, torch.tensor(scale), absolute)
        effective.backward(upstream)
        found += [effective.detach().contiguous(), s.grad.contiguous()]
    return found


dyadic = st.sampled_from([0.0, -0.0, 0.25, -0.5, 1.0, -1.0, 2.0, -3.0])


@given(st.data(), st.integers(0, 9), st.booleans())
def test_the_same_bits_as_the_plain_twin_on_dyadic_numbers(data, n, absolute):
    scores, values, slopes, upstream = (
        torch.tensor(data.draw(st.lists(dyadic, min_size=n, max_size=n)), dtype=torch.float32) for _ in range(4)
    )
    cutoff = top_cutoff(scores, data.draw(st.integers(0, n)), absolute)
    effective, gradient, plain, plain_gradient = both(scores, values, slopes, cutoff, 1.5, absolute, upstream)
    assert same_bits(effective, plain)
    # sign(0) times a gradient may be a zero of either sign; equal all the same
    assert torch.equal(gradient, plain_gradient)
    kept = cutoff.keeps(scores, absolute)
    assert same_bits(effective, torch.where(kept, values * 1.5, torch.zeros(n)))


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("shape", [(1,), (1003,), (50, 41), (8, 4, 3, 3)])
def test_the_same_bits_on_random_numbers(shape, absolute):
    scores, values, slopes, upstream = torch.randn(4, *shape, generator=random(0)).unbind()
    for ties in scores, scores.round():
        cutoff = top_cutoff(ties, ties.numel() // 3, absolute)
        for source in slopes, values:
            effective, gradient, plain, plain_gradient = both(ties, values, source, cutoff, 0.7, absolute, upstream)
            assert same_bits(effective, plain) and torch.equal(gradient, plain_gradient)
            assert not (effective.signbit() & (effective == 0)).any()
            expected = upstream * source * torch.tensor(0.7)
            assert torch.equal(gradient, expected * ties.sign() if absolute else expected)


def test_other_layouts_are_read_in_the_order_of_indices():
    draws = torch.randn(3, 4, 6, 3, 5, generator=random(0))
    scores, values, upstream = (t.contiguous(memory_format=torch.channels_last) for t in draws.round())
    cutoff = top_cutoff(scores, 100, True)
    plain = both(draws[0].round(), draws[1].round(), draws[1].round(), cutoff, 0.7, True, draws[2].round())
    for a, b in zip(both(scores, values, values, cutoff, 0.7, True, upstream), plain, strict=True):
        assert torch.equal(a, b)


def test_a_gradient_that_is_expanded_or_transposed():
    scores, values = torch.randn(2, 4, 4, generator=random(0)).unbind()
    cutoff = top_cutoff(scores, 5, True)
    for upstream in torch.tensor(2.0).expand(4, 4), torch.arange(16.0).reshape(4, 4).T:
        found = both(scores, values, values, cutoff, 0.5, True, upstream)
        assert torch.equal(found[1], found[3])


def test_nan_in_the_cutoff_keeps_nothing():
    cutoff = Cutoff(torch.tensor(torch.nan), torch.tensor(-1))
    scores, values = torch.randn(2, 9, generator=random(0)).unbind()
    effective, _, plain, _ = both(scores, values, values, cutoff, 1.0, True, values)
    assert same_bits(effective, torch.zeros(9)) and same_bits(plain, torch.zeros(9))


def test_everything_is_kept_down_to_minus_infinity():
    scores = torch.tensor([1.0, -torch.inf, 0.0])
    cutoff = top_cutoff(scores, 3, False)
    effective, *_ = both(scores, torch.ones(3), torch.ones(3), cutoff, 2.0, False, torch.ones(3))
    assert effective.tolist() == [2.0] * 3


def test_only_scores_get_gradients():
    leaves = [t.requires_grad_() for t in torch.randn(3, 6, generator=random(0)).unbind()]
    scale = torch.tensor(2.0, requires_grad=True)
    cutoff = top_cutoff(leaves[0], 3, True)
    mask_product(*leaves, cutoff.value, cutoff.index, scale, True).sum().backward()
    assert leaves[0].grad is not None and [t.grad for t in (*leaves[1:], scale)] == [None] * 3


def test_without_gradients_there_is_no_graph():
    scores, values = torch.randn(2, 6, generator=random(0)).unbind()
    cutoff = top_cutoff(scores, 3, True)
    rest = (cutoff.value, cutoff.index, torch.tensor(1.0), True)
    assert not mask_product(scores, values, values, *rest).requires_grad
    with torch.no_grad():
        assert not mask_product(scores.requires_grad_(), values, values, *rest).requires_grad
    with torch.inference_mode():
        assert same_bits(mask_product(scores, values, values, *rest), mask_product_plain(scores, values, values, *rest))


def test_float64_has_its_own_precision():
    scores, values, upstream = torch.randn(3, 30, generator=random(0), dtype=torch.float64).unbind()
    cutoff = top_cutoff(scores, 11, True)
    s = scores.clone().requires_grad_()
    scale = torch.tensor(0.3, dtype=torch.float64)
    effective = mask_product(s, values, values, cutoff.value, cutoff.index, scale, True)
    effective.backward(upstream)
    assert torch.equal(effective, torch.where(cutoff.keeps(scores, True), values * scale, 0.0))
    assert torch.equal(s.grad, upstream * values * scale * scores.sign())


def test_gradients_of_gradients_are_those_of_the_plain_twin():
    found = []
    for product in mask_product, mask_product_plain:
        scores, values = torch.randn(2, 12, generator=random(0)).unbind()
        scores.requires_grad_()
        cutoff = top_cutoff(scores, 5, True)
        effective = product(scores, values, values, cutoff.value, cutoff.index, torch.tensor(2.0), True)
        (first,) = torch.autograd.grad((effective**3).sum(), scores, create_graph=True)
        found.append(torch.autograd.grad((first**2).sum(), scores)[0])
    assert torch.equal(*found) and found[0].abs().sum() > 0


def loss(scores: Tensor, values: Tensor, x: Tensor, product=mask_product) -> Tensor:
    cutoff = top_cutoff(scores, 20, True)
    weights = product(scores, values, values, cutoff.value, cutoff.index, torch.tensor(1.5), True)
    return (x @ weights.T).square().sum()


@pytest.fixture
def problem() -> tuple[Tensor, Tensor, Tensor]:
    """Seven scores, values and inputs; whole numbers, so that no order of additions matters."""
    return tuple(torch.randint(-4, 5, shape, generator=random(0)).float() for shape in ((7, 6, 8), (6, 8), (5, 8)))


def test_under_grad_and_vmap_each_seed_is_as_alone(problem):
    scores, values, x = problem
    alone = []
    for s in scores:
        leaf = s.clone().requires_grad_()
        loss(leaf, values, x).backward()
        alone.append(leaf.grad)
        assert torch.equal(grad(loss)(s, values, x), leaf.grad)
        assert torch.equal(grad(lambda s: loss(s, values, x, mask_product_plain))(s), leaf.grad)
    expected = torch.stack(alone)
    assert torch.equal(vmap(grad(loss), (0, None, None))(scores, values, x), expected)
    assert torch.equal(vmap(grad(loss), (2, 0, None))(scores.permute(1, 2, 0), values.expand(7, 6, 8), x), expected)
    sources = torch.stack((values, -values))
    nested = vmap(vmap(grad(loss), (0, None, None)), (None, 0, None))(scores, sources, x)
    assert torch.equal(nested, torch.stack((expected, expected)))


def test_autograd_through_vmap(problem):
    scores, values, x = problem
    leaf = scores.clone().requires_grad_()
    vmap(loss, (0, None, None))(leaf, values, x).sum().backward()
    assert torch.equal(leaf.grad, vmap(grad(loss), (0, None, None))(scores, values, x))


def test_traced_whole_by_the_compiler(problem):
    scores, values, x = problem
    leaf = scores[0].clone().requires_grad_()
    torch.compile(loss, backend="aot_eager", fullgraph=True)(leaf, values, x).backward()
    assert torch.equal(leaf.grad, grad(loss)(scores[0], values, x))


@pytest.mark.full  # the first C++ of a machine takes half a minute; tracing is tested above
@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled(problem):
    scores, values, _ = problem

    def step(scores: Tensor) -> Tensor:
        cutoff = top_cutoff(scores, 20, True)
        return mask_product(scores, values, values, cutoff.value, cutoff.index, torch.tensor(0.7), True)

    found = []
    for function in step, torch.compile(step, fullgraph=True):
        leaf = scores[0].clone().requires_grad_()
        weights = function(leaf)
        weights.backward(values * 0.3)
        found.append((weights.detach(), leaf.grad))
    assert same_bits(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])


def test_fake_tensors_get_a_shape():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        scores, values = torch.randn(4, 5, requires_grad=True), torch.randn(4, 5)
        cutoff = top_cutoff(scores, 3, True)
        effective = mask_product(scores, values, values, cutoff.value, cutoff.index, torch.tensor(1.0), True)
        effective.sum().backward()
        assert effective.shape == scores.grad.shape == (4, 5)


@pytest.mark.parametrize("masks", [(0.0, 1.0), (-1.0, 0.0, 1.0), (0.0, 1.0, 2.0, 3.0)])
def test_straight_through_with_signs_and_levels(masks):
    soft, values, slopes, upstream = torch.randn(4, 40, generator=random(0)).unbind()
    hard = torch.tensor(masks)[torch.randint(0, len(masks), (40,), generator=random(1))]
    scale = torch.tensor(0.7)
    soft.requires_grad_()
    effective = straight_through_product(soft, hard, values, slopes, scale)
    effective.backward(upstream)
    expected = [h * v * scale if h != 0 else torch.tensor(0.0) for h, v in zip(hard, values, strict=True)]
    assert same_bits(effective.detach(), torch.stack(expected))
    assert torch.equal(soft.grad, upstream * slopes * scale)
    batched = vmap(grad(lambda s, h: (StraightThroughProduct.apply(s, h, values, slopes, scale) * upstream).sum()))
    assert torch.equal(batched(soft.detach()[None], hard[None])[0], soft.grad)


def test_what_does_not_fit_is_refused():
    good, cutoff = torch.ones(4), top_cutoff(torch.ones(4), 2, True)
    rest = (cutoff.value, cutoff.index, torch.tensor(1.0))
    with pytest.raises(InputError, match=r"values are torch\.float32 of \(3,\)"):
        mask_product(good, torch.ones(3), good, *rest, True)
    with pytest.raises(InputError, match=r"slopes are torch\.float64"):
        mask_product(good, good, good.double(), *rest, True)
    with pytest.raises(InputError, match=r"hard are .* of \(5,\)"):
        straight_through_product(good, torch.ones(5), good, good, rest[2])
