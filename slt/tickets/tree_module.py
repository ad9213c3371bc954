"""The module of a tree's ticket: the target's own tree with its linear maps replaced."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from slt.tickets.split_attention import SplitAttention
from slt.tree_target import PROJECTIONS

if TYPE_CHECKING:
    from slt.carried import CarriedTensor
    from slt.tickets.tree_source import TreeSource


class RandomMap(nn.Module):
    """``x -> second @ relu(first @ x)``, times 2**scale: the random network of one parameter, materialised.

    It stands where the target had the parameter, so it answers for its shape, dtype and device; it is no tensor.
    """

    scale: torch.Tensor

    def __init__(self, first: torch.Tensor, second: torch.Tensor, scale: int) -> None:
        super().__init__()
        self.first = nn.Parameter(first, requires_grad=False)
        self.second = nn.Parameter(second, requires_grad=False)
        if scale:
            self.register_buffer("scale", torch.tensor(2.0**scale, dtype=second.dtype, device=second.device))
        self.scaled = bool(scale)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.linear(functional.relu(functional.linear(x, self.first)), self.second)
        return y * self.scale if self.scaled else y

    def at_one(self) -> torch.Tensor:
        """Its answer to the constant 1, for a bias."""
        return self.forward(self.first.new_ones(1))

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.second.shape[0], self.first.shape[1]))

    @property
    def dtype(self) -> torch.dtype:
        return self.second.dtype

    @property
    def device(self) -> torch.device:
        return self.second.device


class CollapsedMap(nn.Module):
    """``x -> positive @ relu(x) - negative @ relu(-x)``; without ``negative`` the inputs are never below zero."""

    def __init__(self, positive: torch.Tensor, negative: torch.Tensor | None) -> None:
        super().__init__()
        self.positive = nn.Parameter(positive, requires_grad=False)
        self.negative = None if negative is None else nn.Parameter(negative, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.linear(functional.relu(x), self.positive)
        return y if self.negative is None else y - functional.linear(functional.relu(-x), self.negative)

    def at_one(self) -> torch.Tensor:
        """Its answer to the constant 1, for a bias."""
        return self.positive[:, 0]

    @property
    def shape(self) -> torch.Size:
        return self.positive.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.positive.dtype

    @property
    def device(self) -> torch.device:
        return self.positive.device


class LinearMap(nn.Module):
    """In the place of an ``nn.Linear``: its weight is a module, and so is its bias."""

    def __init__(self, weight: nn.Module, bias: nn.Module | None) -> None:
        super().__init__()
        self.weight = weight
        self.bias = bias
        self.out_features, self.in_features = weight.shape  # type: ignore[misc]

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.weight(input)
        return y if self.bias is None else y + self.bias.at_one()  # type: ignore[operator]

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def build(source: TreeSource, skeleton: nn.Module, maps: Mapping[str, nn.Module], like: torch.Tensor) -> nn.Module:
    """The tree of ``skeleton`` with ``maps`` (by unit) in the place of its linear maps and the source's carried tensors
    in their places; floating-point tensors take the precision of ``like``, and all its device. Frozen, in eval mode.

    The fast paths of torch's own transformer layers read weights past the modules that hold them, so they are switched
    off. Positions that padding hides are left as those layers compute them without it (the fast path sets them to 0).
    """
    tree = copy.deepcopy(skeleton)
    modules = dict(tree.named_modules(remove_duplicate=False))
    linear = {p.path: LinearMap(maps[p.weight], None if p.bias is None else maps[p.bias]) for p in source.places}
    replaced: dict[int, nn.Module] = {}
    for path in source.attentions:
        start = f"{path}." if path else ""
        attention = modules[path]
        assert isinstance(attention, nn.MultiheadAttention)
        replaced[id(attention)] = SplitAttention(attention, *(linear.pop(start + name) for name in PROJECTIONS))
    replaced |= {id(modules[path]): linear_map for path, linear_map in linear.items()}
    for module in list(tree.modules()):
        for name, child in module._modules.items():
            if id(child) in replaced:
                module._modules[name] = replaced[id(child)]
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False
    tree = replaced.get(id(tree), tree)
    modules = dict(tree.named_modules())
    for carried in source.tensors:
        path, _, name = carried.name.rpartition(".")
        # as data, so that all who share the tensor have it
        getattr(modules[path], name).data = _value(carried, like)
    return tree.requires_grad_(False).eval()


def hold(source: TreeSource, maps: Mapping[str, nn.Module], like: torch.Tensor) -> nn.Module:
    """The same tensors under the same names in empty modules: what is left of a tree whose code is not at hand."""
    root: nn.Module = nn.Module()
    for place in source.places:
        linear_map = LinearMap(maps[place.weight], None if place.bias is None else maps[place.bias])
        if not place.path:
            root = linear_map
        else:
            path, _, name = place.path.rpartition(".")
            _made(root, path).add_module(name, linear_map)
    for carried in source.tensors:
        path, _, name = carried.name.rpartition(".")
        _made(root, path).register_buffer(name, _value(carried, like))
    return root.requires_grad_(False).eval()


def _made(root: nn.Module, path: str) -> nn.Module:
    """The module at a path, empty ones made on the way."""
    module = root
    for name in path.split(".") if path else ():
        if name not in module._modules:
            module.add_module(name, nn.Module())
        module = module.get_submodule(name)
    return module


def _value(carried: CarriedTensor, like: torch.Tensor) -> torch.Tensor:
    """A carried tensor on the device of ``like``, in its precision if it has any."""
    value = carried.tensor()
    dtype = value.dtype
    if value.is_floating_point() or value.is_complex():
        dtype = like.dtype.to_complex() if value.is_complex() else like.dtype
    return value.to(like.device, dtype)
