"""Module trees as targets: every linear map of someone else's network, and everything else, which stays in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.errors import InputError, UnsupportedModuleError
from slt.targets import exact
from slt.tree_checks import (
    ATTENTION,
    LINEAR,
    OF_TORCH,
    SUPPORTED,
    check_kind,
    holds_tensors,
    modules_of,
    outline_of,
    outlines,
    refuse_changed,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "out_proj")


@final
@dataclass(frozen=True, eq=False)
class LinearParameter:
    """One distinct weight, or bias, of the linear maps.

    ``name``      where it is used first, such as "layers.0.query.weight"
    ``values``    (outputs, inputs), a bias (outputs, 1), float32 or float64, the module's values exactly
    ``constant``  it is a bias: the column of a coordinate that is always 1
    """

    name: str
    values: npt.NDArray[Any]
    constant: bool

    @property
    def negative(self) -> bool:
        """Whether inputs of the map can be negative: all but the constant's may, since what runs before a linear map
        in somebody's forward cannot be known."""
        return not self.constant

    @property
    def matrix(self) -> FloatArray:
        return self.values.astype(np.float64)


@final
@dataclass(frozen=True)
class LinearPlace:
    """One linear map of the tree: the path of its module (a projection of attention has its own), and the names of its
    parameters."""

    path: str
    weight: str
    bias: str | None


@final
@dataclass(frozen=True, eq=False)
class TreeTarget:
    """A network as its linear maps and the rest.

    ``parameters``  the distinct weights and biases to be approximated; tied ones once
    ``places``      where they are used
    ``attentions``  paths of ``nn.MultiheadAttention``, whose packed matrices are taken apart into four maps
    ``carried``     all other tensors: norms, embeddings, convolutions, buffers, plain tensor attributes
    ``ties``        (linear parameter, carried tensor) that share their numbers in the target, such as an output layer
                    tied to an embedding. The tie is not kept: the linear map is approximated, the other carried
    ``modules``     path, and kind and settings, of all modules (``slt.tree_checks.modules_of``)
    ``skeleton``    a copy of the tree without the values of its linear maps; it is architecture

    What a module does with a Linear besides calling it (``F.linear(x, layer.weight)``) cannot be seen from outside:
    the ticket's module refuses it when it runs, since its ``weight`` is no tensor. Code that asks what its children
    are (``isinstance(child, nn.Linear)``, ``self.parameters()``) gets other answers from the ticket's module, and
    what a closure holds is neither seen nor carried.
    """

    parameters: tuple[LinearParameter, ...]
    places: tuple[LinearPlace, ...]
    attentions: tuple[str, ...]
    carried: tuple[CarriedTensor, ...]
    ties: tuple[tuple[str, str], ...]
    modules: tuple[tuple[str, str], ...]
    skeleton: nn.Module

    @staticmethod
    def of(model: nn.Module | TreeTarget) -> TreeTarget:
        """Reads a tree of torch modules; a TreeTarget passes through.

        Raises UnsupportedModuleError (path, type, the supported list) and InputError (NaN, no linear map).
        """
        if isinstance(model, TreeTarget):
            return model
        return _Reader(model).read()

    @property
    def outline(self) -> str:
        """Digest of ``modules``."""
        return outline_of(self.modules)

    @property
    def outlines(self) -> tuple[str, str]:
        """The digests that a file may have for it, now and before."""
        return outlines(self.skeleton)

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """No domain speaks of the inputs of a tree, which may be tokens."""
        return ()

    @property
    def weights(self) -> int:
        """How many numbers are to be approximated, each distinct parameter once."""
        return sum(p.values.size for p in self.parameters)

    @property
    def carried_count(self) -> int:
        """How many numbers stay as they are."""
        return sum(c.count for c in self.carried)

    @property
    def replaced_fraction(self) -> float:
        """The share of the target's own numbers that a ticket replaces by random weights times a mask; the rest is
        carried."""
        return self.weights / (self.weights + self.carried_count)


class _Reader:
    """Walks a module tree once, every module at its first path; parameters are known by where their numbers lie."""

    def __init__(self, model: Any) -> None:
        from torch import nn

        if not isinstance(model, nn.Module):
            raise InputError(f"a torch module or a TreeTarget is needed as target; {type(model).__name__} was given")
        self.model = model
        self.parameters: dict[tuple[Any, ...], LinearParameter] = {}
        self.places: list[LinearPlace] = []
        self.attentions: list[str] = []
        self.carried: list[CarriedTensor] = []
        self.homes: list[tuple[tuple[Any, ...], str]] = []  # where the carried numbers lie
        self.placeholders: dict[int, Any] = {}
        self.seen: set[int] = set()

    def read(self) -> TreeTarget:
        from torch import nn

        inside: set[int] = set()  # projections of an attention, which are read with it
        for path, module in self.model.named_modules():
            if id(module) in inside:
                continue
            check_kind(module, path)
            if isinstance(module, nn.Linear):
                self._linear(module, path)
            elif isinstance(module, nn.MultiheadAttention):
                inside.add(id(module.out_proj))
                self._attention(module, path)
            else:
                self._rest(module, path, dict(module.named_parameters(recurse=False)))
        if not self.places:
            raise InputError(
                f"reading the target: {type(self.model).__name__} has no linear map; supported is {SUPPORTED}"
            )
        parameters = tuple(self.parameters.values())
        names = {home: p.name for home, p in self.parameters.items()}
        ties = tuple((names[home], name) for home, name in self.homes if home in names)
        # sorted, so that a file gives them back in the same order
        carried = tuple(sorted(self.carried, key=lambda c: c.name))
        places, attentions = tuple(self.places), tuple(self.attentions)
        return TreeTarget(parameters, places, attentions, carried, ties, modules_of(self.model), self._skeleton())

    def _linear(self, module: nn.Linear, path: str) -> None:
        refuse_changed(module, path, LINEAR)
        self._place(path, module.weight, module.bias)
        for parameter in (module.weight, module.bias):
            if parameter is not None:
                self._forget(parameter)

    def _attention(self, module: nn.MultiheadAttention, path: str) -> None:
        refuse_changed(module, path, ATTENTION)
        refuse_changed(module.out_proj, f"{path}.out_proj" if path else "out_proj", LINEAR)
        packed = module.in_proj_weight
        if packed is not None:
            weights = list(packed.detach().chunk(3))
            self._forget(packed)
        else:
            weights = [module.q_proj_weight, module.k_proj_weight, module.v_proj_weight]
            for parameter in weights:
                self._forget(parameter)
        biases: list[Any] = [None] * 3
        if module.in_proj_bias is not None:
            biases = list(module.in_proj_bias.detach().chunk(3))
            self._forget(module.in_proj_bias)
        self.attentions.append(path)
        for parameter in (module.out_proj.weight, module.out_proj.bias):
            if parameter is not None:
                self._forget(parameter)
        places = zip(PROJECTIONS, [*weights, module.out_proj.weight], [*biases, module.out_proj.bias], strict=True)
        for name, weight, bias in places:
            self._place(f"{path}.{name}" if path else name, weight, bias)
        added = {n: getattr(module, n) for n in ("bias_k", "bias_v") if getattr(module, n) is not None}
        self._rest(module, path, added)

    def _place(self, path: str, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        start = f"{path}." if path else ""
        self.places.append(
            LinearPlace(
                path,
                self._parameter(f"{start}weight", weight),
                None if bias is None else self._parameter(f"{start}bias", bias),
            )
        )

    def _parameter(self, name: str, tensor: torch.Tensor) -> str:
        import torch

        values = exact(tensor, name)
        if values.size == 0 or not np.all(np.isfinite(values)):
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise InputError(
                f"reading the target: {name} of shape {values.shape} has {bad} NaN or infinite values; "
                "finite weights are needed, at least one. Was the training stable?"
            )
        constant = values.ndim == 1
        values = values[:, None] if constant else values
        if tensor.dtype != torch.float64:
            values = values.astype(np.float32)  # exact: it came from there, or from fewer bits
        home = _home(tensor)
        before = self.parameters.get(home)
        if before is None:
            values.setflags(write=False)
            self.parameters[home] = LinearParameter(name, values, constant)
            return name
        return before.name

    def _forget(self, parameter: torch.Tensor) -> None:
        """The skeleton gets no values for a parameter of a linear map."""
        import torch

        empty = torch.empty_like(parameter, device="meta")
        self.placeholders[id(parameter)] = torch.nn.Parameter(empty, requires_grad=False)

    def _rest(self, module: nn.Module, path: str, parameters: dict[str, Any]) -> None:
        """Parameters that no linear map owns, buffers, and tensors that are plain attributes."""
        import torch

        tensors = parameters | dict(module.named_buffers(recurse=False))
        tensors |= {name: value for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
        for name, tensor in tensors.items():
            if id(tensor) not in self.seen:
                self.seen.add(id(tensor))
                full = f"{path}.{name}" if path else name
                self.carried.append(CarriedTensor.of(full, tensor))
                self.homes.append((_home(tensor), full))
        for name, value in vars(module).items():
            if name not in OF_TORCH and holds_tensors(value, 4):
                raise UnsupportedModuleError(
                    f"reading the target: module {path or '(root)'} keeps tensors or modules in its plain attribute "
                    f"{name!r}, where torch does not see them; register them (register_buffer, ParameterList, "
                    "ModuleList, ModuleDict)"
                )

    def _skeleton(self) -> nn.Module:
        import copy

        # what is carried too, a tied embedding, keeps its values
        memo = {i: p for i, p in self.placeholders.items() if i not in self.seen}
        try:
            return copy.deepcopy(self.model, memo).requires_grad_(False).eval()
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"reading the target: {type(self.model).__name__} cannot be copied (copy.deepcopy): {error}. Detach "
                "tensors that are part of a graph, and keep what cannot be copied out of the module"
            ) from error


def _home(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype
