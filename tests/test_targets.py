"""Targets: what torch modules hold, exactly, and what is refused by its path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from slt.errors import InputError, UnsupportedModuleError
from slt.targets import Target


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_is_read_exactly(dtype):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(5, 3).to(dtype), nn.ReLU(), nn.Linear(3, 2, bias=False).to(dtype))
    target = Target.of(module)
    for layer, linear in zip(target.layers, (module[0], module[2]), strict=True):
        assert np.array_equal(layer.weight, linear.weight.detach().double().numpy())
    assert target.layers[1].bias is None and [x.relu for x in target.layers] == [True, False]
    assert target.weights == 15 + 3 + 6


def test_nested_modules_compute_the_same():
    torch.manual_seed(1)
    module = nn.Sequential(
        nn.Flatten(),
        nn.Identity(),
        nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(12, 7), nn.Dropout(0.5)), nn.ReLU(), nn.ReLU()),
        nn.Linear(7, 5),
        nn.Flatten(),
        nn.Linear(5, 4),
        nn.ReLU(),
    ).double()
    target = Target.of(module)
    x = torch.randn(9, 3, 4, dtype=torch.float64)
    assert target.flatten and target.input_relu
    assert [layer.name for layer in target.layers] == ["2.1.0", "3", "5"]
    assert np.allclose(target.forward(x.numpy()), module.eval()(x).detach().numpy(), atol=1e-14)


def test_shared_modules_and_tied_weights_are_numbered_once():
    torch.manual_seed(2)
    shared, other, third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
    other.weight = shared.weight
    third.bias = shared.bias
    target = Target.of(nn.Sequential(shared, nn.ReLU(), shared, other, nn.ReLU(), third))
    a, b, c, d = target.layers
    assert a.weight_id == b.weight_id == c.weight_id != d.weight_id
    assert a.bias_id == b.bias_id == d.bias_id != c.bias_id
    assert target.weights == 2 * 16 + 2 * 4
    # one storage read in two ways is no tie
    transposed = nn.Linear(4, 4)
    transposed.weight = nn.Parameter(shared.weight.detach().T)
    assert transposed.weight.data_ptr() == shared.weight.data_ptr()
    assert Target.of(nn.Sequential(shared, transposed)).weights == 2 * 20
    row = nn.Linear(4, 1)
    row.weight = nn.Parameter(shared.weight.detach()[:1])
    assert Target.of(nn.Sequential(shared, row)).weights == 20 + 5
    # the same numbers in other memory are no tie
    twin = nn.Linear(4, 4)
    twin.load_state_dict(shared.state_dict())
    assert Target.of(nn.Sequential(shared, twin)).weights == 2 * 20


def test_a_bare_linear_and_arrays_are_targets_too():
    linear = nn.Linear(3, 2)
    assert Target.of(linear).layers[0].name == "linear"
    target = Target.from_arrays([np.eye(3), np.ones((2, 3))], [None, [1, 2]])
    assert Target.of(target) is target
    assert target.forward(np.array([[1.0, -2.0, 3.0]])).tolist() == [[5.0, 6.0]]


def test_the_module_is_not_touched_and_the_target_cannot_be_changed():
    linear = nn.Linear(3, 2)
    target = Target.of(linear)
    with torch.no_grad():
        linear.weight.zero_()
    assert target.layers[0].weight.any()
    with pytest.raises(ValueError, match="read-only"):
        target.layers[0].weight[0, 0] = 1


@pytest.mark.parametrize(
    ("module", "path"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.GELU())), r"1\.1"),
        (nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU()), "1"),
        (nn.Sequential(nn.Conv2d(1, 1, 1)), "0"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)), "0"),
        (nn.Conv1d(1, 1, 1), r"\(root\)"),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)), "0"),
    ],
)
def test_unsupported_modules_are_named_by_their_path(module, path):
    with pytest.raises(UnsupportedModuleError, match=f"module {path} is"):
        Target.of(module)


def test_subclasses_hooks_and_parametrizations_are_not_read_as_plain_layers():
    class Odd(nn.Linear):
        def forward(self, x):
            return super().forward(x) ** 2

    with pytest.raises(UnsupportedModuleError, match="Odd"):
        Target.of(nn.Sequential(Odd(2, 2)))
    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *_: None)
    early = nn.Linear(2, 2)
    early.register_forward_pre_hook(lambda *_: None)
    whole = nn.Sequential(nn.Linear(2, 2))
    whole.register_forward_hook(lambda *_: None)
    for module in (hooked, early, whole):
        with pytest.raises(UnsupportedModuleError, match="hooks"):
            Target.of(nn.Sequential(module))
    with pytest.raises(UnsupportedModuleError, match="arametrized"):
        Target.of(nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))))


def test_bad_targets_are_refused():
    broken = nn.Linear(2, 2)
    with torch.no_grad():
        broken.weight[0, 0] = float("nan")
    for module, text in [
        (broken, "1 NaN or infinite of 4"),
        (nn.Sequential(), "no Linear"),
        (nn.Sequential(nn.ReLU()), "no Linear"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 2)), "3 outputs but 1 takes 2 inputs"),
        (nn.Linear(2, 2, dtype=torch.complex64), "dtype"),
        ("model", "str was given"),
    ]:
        with pytest.raises(InputError, match=text):
            Target.of(module)
    for weights, biases in [
        ([np.ones(3)], None),
        ([np.ones((2, 3))], [np.ones(3)]),
        ([np.ones((2, 3))], []),
        ([], None),
    ]:
        with pytest.raises(InputError):
            Target.from_arrays(weights, biases)
