from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from slt.architectures import conv, gpt, lenet, resnet20
from slt.errors import InputError

TOKENS = torch.arange(24).reshape(2, 12) % 11


def weights(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (lenet(300, 100), 266_200),
        (lenet(), 266_200),
        (lenet(5, inputs=3, classes=2, bias=True), 3 * 5 + 5 + 5 * 2 + 2),
        # 9 * (3 * 64 + 64 * 64) convolutional, 256 * 64 * 16**2 + 256**2 + 2560 linear, and so on
        (conv(2), 4_300_992),
        (conv(4), 2_425_024),
        (conv(6), 2_261_184),
        (conv(8), 5_275_840),
        (conv(2, channels=1, side=28), 9 * (64 + 64 * 64) + 256 * 64 * 14**2 + 256**2 + 2560),
        # convolutions 9 * (3 * 16 + 6 * 16**2 + 16 * 32 + 5 * 32**2 + 32 * 64 + 5 * 64**2), head 640
        (resnet20(), 268_336),
        (resnet20(projection=True), 268_336 + 16 * 32 + 32 * 64),
        (gpt(11, 16, width=32, heads=4, layers=2), 2 * 11 * 32 + 16 * 32 + 2 * (12 * 32**2 + 2 * 32) + 32),
        (gpt(11, 16, width=32, heads=4, layers=2, tied=True), 11 * 32 + 16 * 32 + 2 * (12 * 32**2 + 2 * 32) + 32),
    ],
)
def test_numbers_of_weights(model: nn.Module, count: int) -> None:
    assert weights(model) == count
    assert all(p.dtype == torch.float32 and p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "inputs", "outputs"),
    [
        (lenet(300, 100), (4, 784), (4, 10)),
        (lenet(7, inputs=5, classes=3), (4, 5), (4, 3)),
        (conv(2, 0.1), (2, 3, 32, 32), (2, 10)),
        (conv(8, 0.05), (2, 3, 32, 32), (2, 10)),
        (conv(8, 0.05, channels=1, side=28, classes=7), (2, 1, 28, 28), (2, 7)),
        (resnet20(0.25), (2, 3, 32, 32), (2, 10)),
        (resnet20(0.25, projection=True), (2, 3, 32, 32), (2, 10)),
        (resnet20(0.25, norm=lambda c: nn.GroupNorm(1, c), channels=1, classes=4), (2, 1, 17, 17), (2, 4)),
    ],
)
def test_shapes(model: nn.Module, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    x = torch.randn(inputs, generator=torch.Generator().manual_seed(0))
    found = model(x)
    assert found.shape == outputs and found.isfinite().all()
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


MAKERS: list[Callable[[int], nn.Module]] = [
    lambda seed: lenet(20, inputs=9, bias=True, seed=seed),
    lambda seed: conv(4, 0.1, bias=True, seed=seed),
    lambda seed: resnet20(0.25, bias=True, seed=seed),
    lambda seed: gpt(11, 12, 16, 2, 2, bias=True, seed=seed),
]


@pytest.mark.parametrize("make", MAKERS)
def test_drawn_from_the_seed_alone(make: Callable[[int], nn.Module]) -> None:
    before = torch.random.get_rng_state()
    one = make(3).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.rand(5)
        two = make(3).state_dict()
    assert all(torch.equal(one[k], two[k]) for k in one)
    other = make(4).state_dict()
    drawn = [k for k in one if one[k].dim() > 1]
    assert drawn and not any(torch.equal(one[k], other[k]) for k in drawn)
    assert all(not one[k].any() for k in one if k.endswith("bias"))


def test_weights_keep_the_size_of_activations() -> None:
    for layer in conv(4, seed=1):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            assert layer.bias is None
            fan_in = layer.weight[0].numel()
            # the deviation of n normal numbers is within 6 / sqrt(2 n) of the law's but for odds below 1e-8
            assert abs(float(layer.weight.detach().std()) * math.sqrt(fan_in / 2) - 1) < 6 / math.sqrt(
                2 * layer.weight.numel()
            )


def test_norms_of_the_residual_network() -> None:
    norms = [m for m in resnet20().modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 19
    assert all(not m.affine and m.track_running_stats for m in norms)
    batch = resnet20(norm=lambda c: nn.BatchNorm2d(c, affine=False, track_running_stats=False))
    assert not list(batch.buffers())
    strides = [m.stride for m in resnet20().modules() if isinstance(m, nn.Conv2d)]
    assert len(strides) == 19 and strides.count((2, 2)) == 2


def test_widths_are_rounded() -> None:
    first = [m.out_channels for m in conv(4, 0.3).modules() if isinstance(m, nn.Conv2d)]
    assert first == [19, 19, 38, 38]
    assert [m.out_features for m in conv(4, 0.3).modules() if isinstance(m, nn.Linear)] == [77, 77, 10]
    assert conv(2, 0.001)(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_decoder_sees_nothing_that_comes_later() -> None:
    model = gpt(11, 12, width=16, heads=2, layers=2, seed=5).eval()
    changed = TOKENS.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % 11
    with torch.inference_mode():
        one, two = model(TOKENS), model(changed)
    assert one.shape == (2, 12, 11)
    assert torch.allclose(one[:, :7], two[:, :7], atol=1e-6)
    assert not torch.allclose(one[:, 7:], two[:, 7:], atol=1e-3)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_decoder_scales_its_logits(scale: float | None) -> None:
    model = gpt(11, 12, width=16, heads=2, layers=1, logit_scale=scale, seed=5)
    attention = model.blocks[0].attention
    x = torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(2)) * 30
    q, k, v = (f(x)[0].unflatten(-1, (2, 8)).transpose(0, 1) for f in (attention.query, attention.key, attention.value))
    logits = q @ k.mT * (8**-0.5 if scale is None else scale)
    weights = logits.masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf).softmax(-1)
    plain = attention.output((weights @ v).transpose(0, 1).flatten(1))
    assert torch.allclose(attention(x)[0], plain, atol=1e-5)


def test_tied_head() -> None:
    model = gpt(11, 12, 16, 2, 1, tied=True)
    assert model.head.weight is model.tokens.weight


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: lenet(300, 0), "784, 300, 0, 10 was given"),
        (lambda: lenet(300.0), "whole numbers"),  # type: ignore[arg-type]
        (lambda: conv(3), "Conv2, Conv4, Conv6 and Conv8 exist; depth 3"),
        (lambda: conv(4, 0), "positive number, 1.0 for the published network; 0"),
        (lambda: conv(4, float("nan")), "nan was given"),
        (lambda: conv(4, float("inf")), "inf was given"),
        (lambda: conv(8, side=15), "a side of 16 is needed, not 15"),
        (lambda: resnet20(-1), "-1 was given"),
        (lambda: resnet20(classes=0), "3, 0 was given"),
        (lambda: gpt(11, 12, width=16, heads=3), "16 is no multiple of 3"),
        (lambda: gpt(11, 12, logit_scale=float("nan")), "finite scale"),
        (lambda: gpt(11, 0), "at least 1"),
        (lambda: gpt(11, 12, 16, 2, 1)(torch.zeros(1, 13, dtype=torch.int64)), r"up to 12 of them; \(1, 13\)"),
        (lambda: gpt(11, 12, 16, 2, 1)(torch.zeros(5, dtype=torch.int64)), r"\(5,\) was given"),
    ],
)
def test_wrong_inputs(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        make()


def test_importing_loads_no_torch() -> None:
    code = "import sys, slt.architectures; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
