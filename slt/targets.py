"""Targets: the trained network that a ticket has to match, as exact float64 matrices."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, UnsupportedModuleError

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]

SUPPORTED = "Linear, ReLU, Flatten (from dimension 1), Dropout, Identity and nested Sequential"


@final
@dataclass(frozen=True, eq=False)
class Layer:
    """``x -> weight @ x + bias``, then a ReLU if ``relu``.

    ``weight`` has shape (outputs, inputs), ``bias`` (outputs,) or is None; both hold the module's values exactly.
    ``weight_id`` and ``bias_id`` number distinct parameters: layers that share a parameter share its number, so it
    is approximated once.
    """

    name: str
    weight: FloatArray
    bias: FloatArray | None
    relu: bool
    weight_id: int
    bias_id: int | None

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[0])

    @property
    def inputs(self) -> int:
        return int(self.weight.shape[1])


@final
@dataclass(frozen=True, eq=False)
class Target:
    """A fully connected ReLU network. ``input_relu``: a ReLU comes before the first layer; ``flatten``: inputs are
    flattened from dimension 1 on."""

    layers: tuple[Layer, ...]
    input_relu: bool = False
    flatten: bool = False

    @property
    def inputs(self) -> int:
        return self.layers[0].inputs

    @property
    def outputs(self) -> int:
        return self.layers[-1].outputs

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the inputs that a domain speaks of."""
        return (self.inputs,)

    @property
    def weights(self) -> int:
        """How many numbers are to be approximated, each distinct parameter once."""
        distinct: dict[int, int] = {}
        for layer in self.layers:
            distinct[layer.weight_id] = layer.weight.size
            if layer.bias is not None and layer.bias_id is not None:
                distinct[layer.bias_id] = layer.bias.size
        return sum(distinct.values())

    @staticmethod
    def of(model: nn.Module | Target) -> Target:
        """Reads a torch module; a Target passes through.

        Raises UnsupportedModuleError (the module's path, its type, the supported list) and InputError (NaN, shapes
        that do not fit, no linear layer).
        """
        return model if isinstance(model, Target) else _Reader().read(model)

    @staticmethod
    def from_arrays(weights: list[Any], biases: list[Any] | None = None) -> Target:
        """A network from matrices, shape (outputs, inputs) each, a ReLU after every layer but the last."""
        biases = [None] * len(weights) if biases is None else biases
        if len(biases) != len(weights):
            raise InputError(
                f"{len(weights)} weight matrices were given with {len(biases)} biases; give one each, or None"
            )
        layers = []
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            layers.append(
                Layer(
                    name=f"layer {i}",
                    weight=np.array(weight, dtype=np.float64),
                    bias=None if bias is None else np.array(bias, dtype=np.float64),
                    relu=i < len(weights) - 1,
                    weight_id=2 * i,
                    bias_id=None if bias is None else 2 * i + 1,
                )
            )
        return checked_chain(layers, input_relu=False, flatten=False)

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Outputs in float64, shape (count, outputs), for inputs of shape (count, ...)."""
        x = np.asarray(inputs, dtype=np.float64)
        x = x.reshape(len(x), -1)
        if self.input_relu:
            x = np.maximum(x, 0.0)
        for layer in self.layers:
            x = x @ layer.weight.T
            if layer.bias is not None:
                x = x + layer.bias
            if layer.relu:
                x = np.maximum(x, 0.0)
        return x


class _Reader:
    """Walks a module tree once; numbers the parameters by identity (storage, shape and strides)."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []
        self.input_relu = False
        self.flatten = False
        self.numbers: dict[tuple[Any, ...], int] = {}

    def read(self, model: nn.Module) -> Target:
        from torch import nn

        if not isinstance(model, nn.Module):
            raise InputError(f"a torch module or an slt Target is needed as target; {type(model).__name__} was given")
        self._visit(model, "")
        return checked_chain(self.layers, self.input_relu, self.flatten)

    def _visit(self, module: nn.Module, path: str) -> None:
        from torch import nn

        kind = type(module)
        refuse_altered(module, path)
        if kind is nn.Sequential:
            for name, child in _children(module):
                self._visit(child, f"{path}.{name}" if path else name)
        elif isinstance(module, nn.Linear) and kind is nn.Linear:
            self._linear(module, path)
        elif kind is nn.ReLU:
            if self.layers:
                last = self.layers[-1]
                self.layers[-1] = Layer(last.name, last.weight, last.bias, True, last.weight_id, last.bias_id)
            else:
                self.input_relu = True
        elif kind is nn.Flatten:
            if module.start_dim != 1 or module.end_dim != -1:
                raise UnsupportedModuleError(
                    f"reading the target: module {path or '(root)'} is Flatten(start_dim={module.start_dim}, "
                    f"end_dim={module.end_dim}); only Flatten(1, -1), all but the batch dimension, is supported"
                )
            if self.layers:
                return  # outputs of a linear layer are flat already
            self.flatten = True
        elif kind in (nn.Dropout, nn.Identity):
            return  # as in eval mode
        else:
            raise UnsupportedModuleError(
                f"reading the target: module {path or '(root)'} is a {kind.__module__}.{kind.__qualname__}, which no "
                f"construction supports; supported are {SUPPORTED}. Replace it, or prune the supported parts one by one"
            )

    def _linear(self, module: nn.Linear, path: str) -> None:
        weight, bias = module.weight, module.bias
        self.layers.append(
            Layer(
                name=path or "linear",
                weight=exact(weight, f"{path or 'linear'}.weight"),
                bias=None if bias is None else exact(bias, f"{path or 'linear'}.bias"),
                relu=False,
                weight_id=self._number(weight),
                bias_id=None if bias is None else self._number(bias),
            )
        )

    def _number(self, tensor: torch.Tensor) -> int:
        identity = (tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype)
        return self.numbers.setdefault(identity, len(self.numbers))


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Children with repeats: ``named_children`` leaves out a module's second use."""
    return [(name, child) for name, child in module._modules.items() if child is not None]


def refuse_altered(module: nn.Module, path: str) -> None:
    """UnsupportedModuleError for a module that need not compute what its class says: a forward method of its own,
    forward hooks, parametrizations."""
    from torch.nn.utils import parametrize

    if "forward" in vars(module):
        raise UnsupportedModuleError(
            f"reading the target: module {path or '(root)'} has a forward method of its own; give it a class"
        )
    if any(getattr(module, h, None) for h in ("_forward_hooks", "_forward_pre_hooks")):
        raise UnsupportedModuleError(
            f"reading the target: module {path or '(root)'} has forward hooks, whose effect is unknown; remove them"
        )
    if parametrize.is_parametrized(module):
        raise UnsupportedModuleError(
            f"reading the target: module {path or '(root)'} is a parametrized {type(module).__bases__[0].__name__}; "
            "call torch.nn.utils.parametrize.remove_parametrizations on it first"
        )


def exact(tensor: torch.Tensor, name: str) -> FloatArray:
    """The values of a parameter in float64, without rounding. InputError for other types and the meta device."""
    import torch

    if tensor.dtype not in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        raise InputError(
            f"reading the target: {name} has dtype {tensor.dtype}; float16, bfloat16, float32 or float64 is needed"
        )
    if tensor.is_meta:
        raise InputError(f"reading the target: {name} is on the meta device and has no values; load the weights first")
    # every one of the four formats embeds in float64 without rounding
    return np.array(tensor.detach().to("cpu", torch.float64).numpy(), dtype=np.float64)


def checked_chain(layers: list[Layer], input_relu: bool, flatten: bool) -> Target:
    """The chain of these layers. InputError for NaN and for shapes that do not fit."""
    if not layers:
        raise InputError("reading the target: no Linear layer was found; at least one is needed")
    for layer in layers:
        for name, array, dimensions in (("weight", layer.weight, 2), ("bias", layer.bias, 1)):
            if array is None:
                continue
            if array.ndim != dimensions or array.size == 0:
                raise InputError(
                    f"reading the target: {layer.name}.{name} has shape {array.shape}; "
                    f"a non-empty array of {dimensions} dimensions is needed"
                )
            if not np.all(np.isfinite(array)):
                bad = int(np.count_nonzero(~np.isfinite(array)))
                raise InputError(
                    f"reading the target: {layer.name}.{name} has {bad} NaN or infinite of {array.size} values; "
                    "finite weights are needed. Was the training stable?"
                )
        if layer.bias is not None and layer.bias.shape != (layer.outputs,):
            raise InputError(
                f"reading the target: {layer.name} has {layer.outputs} outputs but a bias of shape {layer.bias.shape}"
            )
    for before, after in itertools.pairwise(layers):
        if before.outputs != after.inputs:
            raise InputError(
                f"reading the target: {before.name} has {before.outputs} outputs but {after.name} "
                f"takes {after.inputs} inputs; they must agree"
            )
    for layer in layers:
        layer.weight.setflags(write=False)
        if layer.bias is not None:
            layer.bias.setflags(write=False)
    return Target(tuple(layers), input_relu, flatten)
