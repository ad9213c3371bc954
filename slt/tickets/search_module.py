"""The module of a searched ticket: the network itself, its parameters set to what the ticket says."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import nn

from slt.errors import InputError
from slt.tree_checks import outlines

if TYPE_CHECKING:
    from slt.carried import CarriedTensor
    from slt.tickets.constant import Constant
    from slt.tickets.search_source import SearchSource


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter and buffer by its first name, each once; buffers that ``state_dict`` leaves out are there too."""
    return {name: p.detach() for name, p in model.named_parameters()} | dict(model.named_buffers())


def ties_of(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """(first name, other name) of every tensor that the model holds under several names."""
    first: dict[int, str] = {}
    ties = []
    for name, tensor in _all_names(model):
        known = first.setdefault(id(tensor), name)
        if known != name:
            ties.append((known, name))
    return tuple(ties)


def _all_names(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def build(source: SearchSource, skeleton: nn.Module, weights: Mapping[str, torch.Tensor]) -> nn.Module:
    """A copy of ``skeleton`` with all its parameters and buffers set, frozen and in eval mode. Floating-point tensors
    take the precision of the weights, and all their device; tied tensors stay tied."""
    tree = copy.deepcopy(skeleton)
    held = dict(_all_names(tree))
    for name, value in _values(source, weights):
        # as data, so that all who share the tensor have it
        held[name].data = value
    return tree.requires_grad_(False).eval()


def hold(source: SearchSource, weights: Mapping[str, torch.Tensor]) -> nn.Module:
    """The same tensors under the same names in empty modules: what is left of a network whose code is not at hand.

    InputError for names that no module's tensors have.
    """
    root = nn.Module()
    held: dict[str, torch.Tensor] = {}
    try:
        for name, value in _values(source, weights):
            held[name] = nn.Parameter(value, requires_grad=False) if name in weights else value
            _register(root, name, held[name])
        for name, alias in source.ties:
            _register(root, alias, held[name])
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the source names tensors as no module can: {error!r}") from error
    return root.eval()


def skeleton_like(source: SearchSource, model: nn.Module) -> nn.Module:
    """A copy of the model, checked: InputError unless it has the names, shapes, ties, kinds and settings that the
    source declares."""
    if not isinstance(model, nn.Module):
        raise InputError(f"like: a torch module is needed; {type(model).__name__} was given")
    own = {part.name: part.shape for part in source.parts}
    given = {name: tuple(tensor.shape) for name, tensor in tensors_of(model).items()}
    differ = sorted(n for n in {*own, *given} if own.get(n) != given.get(n))
    if differ:
        first = differ[0]
        raise InputError(
            f"the model's tensors are not those of the ticket; {len(differ)} differ, first {first}: "
            f"{given.get(first, 'absent')} in the model, {own.get(first, 'absent')} in the ticket. Give a model of the "
            "architecture that the ticket was made for"
        )
    if set(ties_of(model)) != set(source.ties):
        raise InputError(
            f"the model has the tensors of the ticket, but ties others together: {ties_of(model)}, in the ticket "
            f"{source.ties}. Give a model of the architecture that the ticket was made for"
        )
    if source.outline not in outlines(model):
        raise InputError(
            "the model has the tensors of the ticket, but other kinds of modules or other settings (strides, heads, "
            "order of norms, activation), which the file knows by their digest alone. Give a model of the architecture "
            "that the ticket was made for; what its classes are called does not count"
        )
    return copy.deepcopy(model)


def _values(source: SearchSource, weights: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every declared tensor with its value, on the device of the weights and in their precision if it has any."""
    like = next(iter(weights.values()))
    yield from weights.items()
    declared: tuple[Constant | CarriedTensor, ...] = (*source.constants, *source.state)
    for part in declared:
        value = part.tensor()
        dtype = value.dtype
        if value.is_floating_point() or value.is_complex():
            dtype = like.dtype.to_complex() if value.is_complex() else like.dtype
        yield part.name, value.to(like.device, dtype)


def _register(root: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Puts a tensor at a path, empty modules made on the way."""
    path, _, last = name.rpartition(".")
    module = root
    for step in path.split(".") if path else ():
        if step not in module._modules:
            module.add_module(step, nn.Module())
        module = module.get_submodule(step)
    if isinstance(tensor, nn.Parameter):
        module.register_parameter(last, tensor)
    else:
        module.register_buffer(last, tensor)
