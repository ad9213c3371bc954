"""Convolutional and residual networks as graphs: read as torch computes them, or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

import slt
from slt.architectures.residual import ResidualNetwork, fixed_norm
from slt.errors import InputError, UnsupportedModuleError
from slt.graph_nodes import Convolution, Flatten, Input, Linear, MaxPool, Node, ReLU, Sum
from slt.graph_target import GraphTarget
from slt.node_graph import check_graph, node_of


class Calls(nn.Module):
    """Some layers, and a forward given from outside."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.own = forward

    def forward(self, x):
        return self.own(self, x)


def settled(model: nn.Module) -> nn.Module:
    """Statistics and weights of norms as after a training."""
    generator = torch.Generator().manual_seed(5)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
            if module.affine:
                module.weight.data.normal_(generator=generator)
                module.bias.data.normal_(generator=generator)
    return model


def images(*shape: int) -> torch.Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def assert_alike(model: nn.Module, shape: tuple[int, ...]) -> GraphTarget:
    """The graph computes in float64 what the model does."""
    model = settled(model).double()
    modes = [m.training for m in model.modules()]
    target = GraphTarget.of(model, shape)
    assert [m.training for m in model.modules()] == modes
    x = images(*shape)
    with torch.no_grad():
        expected = model.eval()(x.clone()).numpy()
    got = target.forward(x)
    assert got.shape == expected.shape == (3, *target.shapes()[-1])
    assert np.abs(got - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())
    assert np.array_equal(target.forward(x.reshape(3, -1)), got)
    # what is said of signs holds
    for known, values in zip(target.nonnegative(slt.Box(0, 1)), target.values(x.abs()), strict=True):
        assert not known or values.min() >= 0
    # nodes are data
    assert tuple(node_of(node.entry()) for node in target.nodes) == target.nodes
    return target


def conv(inputs=2, outputs=4, kernel=3, **rest):
    torch.manual_seed(7)
    return nn.Conv2d(inputs, outputs, kernel, **rest)


def both_again(m, x):
    y = m.relu(x)
    return m.conv(x) + m.conv(y)


def added_to_both_names(m, x):
    y = z = m.conv(x)
    y += m.conv(x)
    return y + m.same(z)


def added_to_a_part(m, x):
    y = m.conv(x)
    z = y[:, :, ::2, ::2]
    z += z
    return y


def added_to_a_skip(m, x):
    y = m.conv(x)
    skip = y
    y += m.same(x)
    return y.relu() + skip


def added_to_the_input(m, x):
    skip = x
    x += m.same(x)
    return x + skip


def relu_of_a_copied_part(m, x):
    v = m.conv(x)[:, :, ::2, ::2]
    u = v.contiguous().relu_()
    return v + u


def relu_of_a_part_that_was_copied(m, x):
    v = m.conv(x)[:, :, ::2, ::2]
    u = v.contiguous()
    v.relu_()
    return u.relu()


MODELS = {
    "one convolution": (conv(), (2, 7, 5)),
    "geometry": (
        nn.Sequential(conv(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2)), (4, 9, 8),
    ),
    "depthwise": (nn.Sequential(conv(4, 8, 3, groups=4, bias=False), nn.ReLU()), (4, 5, 6)),
    "same": (nn.Sequential(conv(2, 3, (4, 3), padding="same", dilation=(1, 2)), nn.ReLU()), (2, 7, 6)),
    "valid": (nn.Sequential(conv(padding="valid")), (2, 7, 5)),
    "pools": (
        nn.Sequential(
            conv(padding=2), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.AvgPool2d((3, 2), 1, 1, count_include_pad=False)
        ),
        (2, 9, 8),
    ),
    "more pools": (
        nn.Sequential(
            conv(), nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, 1, dilation=2), nn.AdaptiveAvgPool2d((2, 3))
        ),
        (2, 14, 13),
    ),
    "LeNet": (
        nn.Sequential(
            conv(1, 3, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout2d(), conv(3, 4, 3), nn.ReLU(),
            nn.Flatten(), nn.Dropout(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 3),
        ),
        (1, 12, 12),
    ),
    "residual, padded shortcuts": (ResidualNetwork(3, (4, 6), 2, 5, nn.BatchNorm2d), (3, 8, 8)),
    "residual, projections": (ResidualNetwork(3, (4, 6), 1, 5, nn.BatchNorm2d, projection=True, bias=True), (3, 8, 8)),
    "residual, norms without weights": (ResidualNetwork(3, (4, 6), 1, 5, fixed_norm), (3, 9, 7)),
    "linear residual": (
        Calls(lambda m, x: x + m.mlp(x), mlp=nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 4))), (4,),
    ),
    "norms not behind a convolution": (
        nn.Sequential(nn.BatchNorm2d(2), conv(), nn.ReLU(), nn.BatchNorm2d(4)), (2, 5, 5),
    ),
    "two norms": (nn.Sequential(conv(), nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Flatten()), (2, 5, 5)),
    "norm behind a linear layer": (
        nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU()), (6, 1, 1),
    ),
    "a convolution used before its norm too": (
        Calls(lambda m, x: (y := m.conv(x)) + m.norm(y), conv=conv(), norm=nn.BatchNorm2d(4)), (2, 5, 5),
    ),
    "one convolution, two norms": (
        Calls(lambda m, x: m.a(m.conv(x)) + m.b(m.conv(x)), conv=conv(), a=nn.BatchNorm2d(4), b=nn.BatchNorm2d(4)),
        (2, 5, 5),
    ),
    "called twice, in place between": (
        Calls(lambda m, x: (y := m.conv(x)) + m.relu(y) + m.conv(x), conv=conv(), relu=nn.ReLU(inplace=True)),
        (2, 5, 5),
    ),
    "in place on the input": (Calls(both_again, conv=conv(), relu=nn.ReLU(inplace=True)), (2, 5, 5)),
    "in place sums": (Calls(lambda m, x: (y := m.conv(x)).add_(m.conv(x)) + y, conv=conv()), (2, 5, 5)),
    "augmented sums": (Calls(added_to_both_names, conv=conv(), same=conv(4, 4, 1)), (2, 5, 5)),
    "augmented sums and a skip": (Calls(added_to_a_skip, conv=conv(2, 2, 1), same=conv(2, 2, 1)), (2, 3, 4)),
    "augmented sums of the input": (Calls(added_to_the_input, same=conv(2, 2, 1)), (2, 3, 4)),
    "in place on a copy that is used alone": (
        Calls(lambda m, x: m.conv(x)[:, :, ::2, ::2].contiguous().relu_(), conv=conv()), (2, 7, 7),
    ),
    "functions": (
        Calls(
            lambda m, x: functional.dropout(
                torch.flatten(functional.avg_pool2d(functional.max_pool2d(functional.relu(m.conv(x)), 2), 2), 1),
                training=m.training,
            ),
            conv=conv(),
        ),
        (2, 11, 11),
    ),
    "shapes": (
        Calls(lambda m, x: m.head(m.conv(x).relu().contiguous().view(x.size(0), -1)),
              conv=conv(), head=nn.Linear(36, 2)),
        (2, 5, 5),
    ),
    "more shapes": (
        Calls(lambda m, x: m.head(m.conv(x).reshape(-1, 36)) + m.head(m.conv(x).view(x.shape[0], 36)),
              conv=conv(), head=nn.Linear(36, 2)),
        (2, 5, 5),
    ),
    "means and parts": (
        Calls(
            lambda m, x: m.conv(x).mean((-1, 2), keepdim=True)
            + functional.adaptive_avg_pool2d(functional.pad(m.conv(x)[:, :, ::2, ::3], (1, 0, 2, 1)), 1),
            conv=conv(),
        ),
        (2, 9, 8),
    ),
    "unused": (Calls(lambda m, x: (m.conv(x), m.relu(x))[0], conv=conv(), relu=nn.ReLU()), (2, 5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_graph_computes_what_the_module_does(name):
    assert_alike(*MODELS[name])


def test_parameters_are_the_module_s_and_tied_ones_are_one():
    model, _ = MODELS["geometry"]
    target = GraphTarget.of(model.double())
    assert np.array_equal(target.parameters["0.weight"], model[0].weight.detach().numpy())
    assert target.weights == sum(p.numel() for p in model.parameters())
    twice, _ = MODELS["called twice, in place between"]
    assert set(GraphTarget.of(twice).parameters) == {"conv.weight", "conv.bias"}
    # folded with two norms it is two parameters
    norms, _ = MODELS["one convolution, two norms"]
    assert set(GraphTarget.of(norms).parameters) == {f"conv+{n}.{p}" for n in "ab" for p in ("weight", "bias")}
    # a weight that two convolutions use with other strides is two, in other places one
    first, second, third = conv(2, 2), conv(2, 2, stride=2), conv(2, 2)
    second.weight = third.weight = first.weight
    tied = GraphTarget.of(nn.Sequential(first, third, second))
    assert [n.weight for n in tied.nodes[1:]] == ["0.weight", "0.weight", "2.weight"]


def test_a_folded_norm_is_the_convolution_that_torch_folds():
    model = settled(nn.Sequential(conv(), nn.BatchNorm2d(4))).double().eval()
    target = GraphTarget.of(model)
    fused = torch.nn.utils.fusion.fuse_conv_bn_eval(model[0], model[1])
    for name, parameter in (("weight", fused.weight), ("bias", fused.bias)):
        assert np.allclose(target.parameters[f"0+1.{name}"], parameter.detach().numpy(), rtol=1e-14, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    groups=st.integers(1, 3),
    inputs=st.integers(1, 2),
    outputs=st.integers(1, 3),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    multiple=st.integers(1, 3),
)
def test_weights_as_matrices_and_back(groups, inputs, outputs, kernel, multiple):
    node = Convolution(0, "w", None, outputs * groups, inputs * groups, kernel, groups=groups)
    rng = np.random.default_rng(0)
    weight = rng.normal(size=node.weight_shape)
    matrix = node.to_matrix(weight)
    assert matrix.shape == (node.rows, node.inputs)
    assert np.array_equal(node.from_matrix(matrix), weight)
    for r in range(node.outputs):
        group, within = divmod(r, outputs)
        for t in range(inputs):
            rows = matrix[within * kernel[0] * kernel[1] : (within + 1) * kernel[0] * kernel[1], group * inputs + t]
            assert np.array_equal(rows.reshape(kernel), weight[r, t])
    # the columns of one channel stay together where there are several
    many = np.repeat(matrix, multiple, axis=1)
    assert np.array_equal(node.from_matrix(many), np.repeat(weight, multiple, axis=1))


def test_what_is_known_of_signs():
    target = GraphTarget.of(ResidualNetwork(3, (4, 6), 1, 5, nn.BatchNorm2d), (3, 8, 8))
    kinds = [type(node) for node in target.nodes]
    for domain, inputs in ((slt.Ball(1.0), False), (slt.Box(-1, 1), False), (slt.Box(0, 1), True)):
        known = target.nonnegative(domain)
        assert known[0] is inputs
        for kind, here in zip(kinds[1:], known[1:], strict=True):
            assert here == (kind not in (Convolution, Linear, Sum))
    assert known_of(nn.Sequential(nn.MaxPool2d(2), conv()), slt.Box(0, 1)) == [True, True, False]
    assert known_of(nn.Sequential(nn.MaxPool2d(2), conv()), slt.Ball()) == [False, False, False]
    low = np.zeros(3 * 8 * 8)
    assert target.nonnegative(slt.Box(tuple(low), 1.0))[0]
    low[5] = -1
    assert not target.nonnegative(slt.Box(tuple(low), 1.0))[0]
    with pytest.raises(InputError, match="needs the shape of the inputs"):
        GraphTarget.of(conv()).nonnegative(slt.Box((0.0,) * 50, 1.0))
    with pytest.raises(InputError, match="50 coordinates"):
        target.nonnegative(slt.Box((0.0,) * 50, 1.0))


def known_of(model, domain):
    return list(GraphTarget.of(model).nonnegative(domain))


REFUSED = {
    "an unknown module": (nn.Sequential(conv(), nn.GELU()), "module 1, a .*GELU"),
    "a function": (Calls(lambda m, x: torch.tanh(m.conv(x)), conv=conv()), "the function .*tanh"),
    "a method": (Calls(lambda m, x: m.conv(x).sigmoid(), conv=conv()), "the method sigmoid"),
    "a product": (Calls(lambda m, x: m.conv(x) * 2, conv=conv()), "the function .*mul"),
    "a constant in a sum": (Calls(lambda m, x: m.conv(x) + 1, conv=conv()), "int 1 as a term"),
    "a scaled sum": (Calls(lambda m, x: torch.add(m.conv(x), m.conv(x), alpha=2), conv=conv()), "alpha=2"),
    "a parameter of its own": (
        Calls(lambda m, x: m.conv(x) + m.p, conv=conv(), p=nn.Parameter(torch.ones(1))), "p, used",
    ),
    "values decide": (Calls(lambda m, x: m.conv(x) if x.sum() > 0 else x, conv=conv()), "cannot trace"),
    "a view of a view in place": (
        Calls(lambda m, x: (y := m.conv(x)).flatten(1) + (z := y.relu_().flatten(1)) + z, conv=conv()),
        "in place, on memory",
    ),
    "flattened, then in place": (
        Calls(lambda m, x: m.head(f := (y := m.conv(x)).flatten(1)) + m.head((y.relu_(), f)[1]),
              conv=conv(), head=nn.Linear(36, 2)),
        "in place, on memory",
    ),
    "a part, then in place": (
        Calls(lambda m, x: (f := (y := m.conv(x))[:, :, ::2]) + (f.relu_(), y[:, :, ::2])[1], conv=conv()),
        "in place, on memory",
    ),
    "a part, copied, then in place": (Calls(relu_of_a_copied_part, conv=conv()), "relu_ in place, .* copies or not"),
    "a part in place, after a copy": (Calls(relu_of_a_part_that_was_copied, conv=conv()), "copies or not"),
    "a norm on values of unknown dimensions": (
        nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU()), r"module 1, a BatchNorm1d on values that may",
    ),
    "a part, then an augmented sum": (Calls(added_to_a_part, conv=conv()), "in place, on memory"),
    "padding that is not zero": (nn.Sequential(conv(padding=1, padding_mode="reflect")), "padding_mode='reflect'"),
    "another part": (Calls(lambda m, x: m.conv(x)[:, :2], conv=conv()), "only every k-th pixel"),
    "another mean": (Calls(lambda m, x: m.conv(x).mean((1, 2)), conv=conv()), "over dimensions"),
    "another flattening": (nn.Sequential(conv(), nn.Flatten(2)), "from dimension 2"),
    "another view": (Calls(lambda m, x: m.conv(x).view(-1, 18), conv=conv()), "only to"),
    "a view of another batch": (
        Calls(lambda m, x: m.head(m.conv(x).view(-1, 18)) + m.head(m.conv(x).view(x.size(0), -1)),
              conv=conv(), head=nn.Linear(36, 2)), "only to",
    ),
    "indices": (nn.Sequential(conv(), nn.MaxPool2d(2, return_indices=True)), "return_indices"),
    "a divisor": (nn.Sequential(conv(), nn.AvgPool2d(2, divisor_override=3)), "divisor_override"),
    "dropout all the same": (Calls(lambda m, x: functional.dropout(m.conv(x)), conv=conv()), "random in eval mode"),
    "statistics of the batch": (nn.Sequential(conv(), nn.BatchNorm2d(4, track_running_stats=False)), "without running"),
    "a norm on its own": (nn.Sequential(nn.Flatten(), nn.BatchNorm1d(50), nn.Linear(50, 2)), "BatchNorm1d"),
    "a linear layer on an image": (nn.Sequential(conv(), nn.Linear(3, 2)), "on the last dimension of an image"),
    "a convolution behind a flattening": (nn.Sequential(nn.Flatten(), conv()), "on flattened values"),
    "two outputs": (Calls(lambda m, x: (m.conv(x), x), conv=conv()), "as the output"),
    "a hook": (conv(), "hooks"),
    "a parametrization": (nn.Sequential(parametrizations.weight_norm(conv())), "parametrized"),
    "its own forward": (conv(), "forward method of its own"),
    "three dimensions": (nn.Conv3d(1, 1, 1), "Conv3d"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_graph_holds_is_refused_by_name(name):
    model, message = REFUSED[name]
    if name == "a hook":
        model.register_forward_hook(lambda *_: None)
    if name == "its own forward":
        model.forward = lambda x: x
    with pytest.raises(UnsupportedModuleError, match=message) as caught:
        GraphTarget.of(model)
    if name not in ("a hook", "a parametrization", "its own forward"):
        assert "Conv2d with zero padding" in str(caught.value) and "ModuleTree" in str(caught.value)


class Two(nn.Module):
    def forward(self, x, y):
        return x + y


def test_bad_input():
    with pytest.raises(UnsupportedModuleError, match="a second input, y"):
        GraphTarget.of(Two())
    with pytest.raises(InputError, match="a torch module or a GraphTarget is needed"):
        GraphTarget.of("LeNet")
    with pytest.raises(InputError, match="at least one convolution or linear layer"):
        GraphTarget.of(nn.Sequential(nn.ReLU()))
    broken = conv()
    broken.weight.data[0, 0, 0, 0] = torch.nan
    with pytest.raises(InputError, match=r"0.weight has 1 NaN"):
        GraphTarget.of(broken)
    with pytest.raises(InputError, match="meta device"):
        GraphTarget.of(nn.Conv2d(1, 1, 1, device="meta"))
    model = nn.Sequential(conv(), nn.Flatten(), nn.Linear(36, 2))
    for shape in ((2, 6, 5), (3, 5, 5), (36,), (2, 1, 1)):
        with pytest.raises(InputError, match="node"):
            GraphTarget.of(model, shape)
    for shape in ((), (2, -1, 5), (2.0, 5, 5), "255", 5, (2, 5), (3, 2, 5, 5), (True, 5, 5)):
        with pytest.raises(InputError, match="an input shape is"):
            slt.Convolution(input_shape=shape)
        with pytest.raises(InputError, match="an input shape is"):
            GraphTarget.of(model, shape)
    target = GraphTarget.of(model, (2, 5, 5))
    with pytest.raises(InputError, match="do not fit the input shape"):
        target.forward(np.zeros((1, 5, 5, 2)))  # channels last
    with pytest.raises(InputError, match="equal shapes are needed"):
        GraphTarget.of(Calls(lambda m, x: m.conv(x) + x.mean((2, 3), keepdim=True), conv=conv(2, 2)), (2, 5, 5))
    with pytest.raises(InputError, match=r"give it to .* for example"):
        GraphTarget.of(model).shapes()
    assert GraphTarget.of(target) is target and GraphTarget.of(target, (2, 5, 5)).input_shape == (2, 5, 5)


def test_nodes_that_make_no_graph():
    start = Input()
    good = Convolution(0, "w", "b", 4, 2, (3, 3))
    check_graph((start, good))
    strange: list[tuple[Node, ...]] = [
        (),
        (good,),
        (start,),
        (start, ReLU(0)),
        (start, start, good),
        (start, Convolution(1, "w", "b", 4, 2, (3, 3))),
        (start, Convolution(-1, "w", "b", 4, 2, (3, 3))),
        (start, good, ReLU(0)),  # whose value nobody uses
        (start, Convolution(0, "w", "w", 4, 2, (3, 3))),
        (start, Convolution(0, "", None, 4, 2, (3, 3))),
        (start, Convolution(0, "w", None, 4, 3, (3, 3), groups=2)),
        (start, Convolution(0, "w", None, 4, 2, (3, 0))),
        (start, Convolution(0, "w", None, 4, 2, (3, 3), (1, 1), (-1, 0))),
        (start, Convolution(0, "w", None, True, 2, (3, 3))),
        (start, good, MaxPool(1, (2, 2), (2, 2), (2, 0))),
        (start, good, Convolution(1, "w", "b", 4, 2, (3, 3), stride=(2, 2))),
        (start, Flatten(0), Linear(1, "w", "b", 2, 3), Linear(2, "v", "b", 3, 2)),
    ]
    for nodes in strange:
        with pytest.raises(InputError):
            check_graph(nodes)
    for entry in (None, [], ["gelu", 0], ["relu"], ["relu", 0, 1], "relu"):
        with pytest.raises(InputError):
            node_of(entry)
    with pytest.raises(InputError, match="whose nodes need parameters"):
        GraphTarget((start, good), {"w": np.zeros((4, 2, 3, 3))})


def test_a_norm_behind_a_linear_layer_needs_flat_values():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU())
    assert_alike(model, (5,))
    ticket = slt.find_ticket(model.eval(), width=60, construction=slt.Convolution((5,)))
    assert slt.certified(ticket, model, slt.Box(-1, 1)).value < 1
    with pytest.raises(InputError, match=r"an input shape is .* \(4, 5\) was given"):
        GraphTarget.of(model, (4, 5))  # the norm is of the 4 channels there
    with pytest.raises(UnsupportedModuleError, match="a Linear on the last dimension of an image"):
        GraphTarget.of(model, (3, 4, 5))
    with pytest.raises(InputError, match="a linear layer needs flat values"):
        GraphTarget.of(GraphTarget.of(model, (5,)), (3, 4, 5))


class Sly(nn.Module):
    """Does one thing while it is traced and another one afterwards."""

    def __init__(self, other):
        super().__init__()
        self.conv, self.other = conv(2, 2), other

    def forward(self, x):
        y = self.conv(x)
        return y.relu() if isinstance(x, torch.fx.Proxy) else self.other(y)


def test_a_graph_that_is_not_the_model_is_refused():
    others = {
        "largest difference .*; rounding would explain": lambda y: y,
        "outputs .* shape": lambda y: y.mean((2, 3)),
    }
    for text, other in others.items():
        with pytest.raises(UnsupportedModuleError, match=f"Sly could not be read faithfully: .*{text}"):
            GraphTarget.of(Sly(other), (2, 5, 5))
        GraphTarget.of(Sly(other))  # nothing is known of its inputs
    with pytest.raises(UnsupportedModuleError, match=r"Sly cannot take inputs .*RuntimeError: no"):
        GraphTarget.of(Sly(fails), (2, 5, 5))
    # a difference beyond rounding
    with pytest.raises(UnsupportedModuleError, match="could not be read"):
        GraphTarget.of(Sly(lambda y: y.relu() * (1 + 1e-5)), (2, 5, 5))


def fails(y):
    raise RuntimeError("no")


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_the_comparison_leaves_the_model_as_it_was(kind):
    model = settled(ResidualNetwork(3, (4, 6), 1, 5, nn.BatchNorm2d)).to(kind).train()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    modes, state = [m.training for m in model.modules()], torch.get_rng_state()
    GraphTarget.of(model, (3, 8, 8))
    assert [m.training for m in model.modules()] == modes and torch.equal(torch.get_rng_state(), state)
    after = model.state_dict()
    assert all(
        torch.equal(values, after[name]) and values.dtype == after[name].dtype for name, values in before.items()
    )


def test_values_far_from_one_are_compared_by_their_size():
    for scale in (1e-30, 1e30):
        model = nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)).double()
        settled(model)[1].running_var.mul_(scale**0.5)
        model[0].weight.data *= scale
        model[4].weight.data *= scale
        GraphTarget.of(model, (2, 5, 5))


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_norms_of_an_unstable_training_are_refused(name, value):
    model = nn.Sequential(conv(), nn.BatchNorm2d(4))
    getattr(model[1], name)[2] = value
    with pytest.raises(InputError, match=f"1.{name} has NaN or infinite values"):
        GraphTarget.of(model)


def test_a_read_out_needs_flat_outputs():
    ticket = slt.find_ticket(conv(1, 1, 2).eval(), width=30)
    x = images(1, 4, 4).numpy()
    with pytest.raises(InputError, match=r"outputs have shape \(3, 1, 3, 3\).* Put a Flatten"):
        slt.fit_readout(ticket, x, [0.0, 1.0, 2.0])
