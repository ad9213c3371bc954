"""What a search masks in a module, and what it sets aside: every parameter and buffer gets one role."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from slt.errors import UnsupportedModuleError

if TYPE_CHECKING:
    import torch

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


@final
@dataclass(frozen=True)
class Maskable:
    """A parameter whose values come from the random source: its name, shape, and how many inputs an output sums over
    (``fan_in``) and the other way round (``fan_out``). An embedding's output sums over one row: its ``fan_in`` is 1."""

    name: str
    shape: tuple[int, ...]
    fan_in: int
    fan_out: int

    @property
    def size(self) -> int:
        """How many weights."""
        return math.prod(self.shape)


@final
@dataclass(frozen=True)
class Fixed:
    """A parameter that is filled with one value: a bias with 0, the weight of a norm with 1."""

    name: str
    shape: tuple[int, ...]
    value: float
    norm: bool


@final
@dataclass(frozen=True)
class Roles:
    """The parameters of a model by role. ``ties`` are (other name, name) of parameters that are one tensor."""

    maskable: tuple[Maskable, ...]
    fixed: tuple[Fixed, ...]
    ties: tuple[tuple[str, str], ...]

    @staticmethod
    def of(model: nn.Module) -> Roles:
        """Reads a model. UnsupportedModuleError where a parameter has no role, or where nothing can be masked."""
        maskable: list[Maskable] = []
        fixed: list[Fixed] = []
        first: dict[int, str] = {}
        ties = []
        known = {id(t) for t in (*model.parameters(), *model.buffers())}
        for path, module in model.named_modules():
            _refuse(path or "the model", module)
            _refuse_hidden(path or "the model", module, known)
            for own, parameter in module._parameters.items():
                if parameter is None:
                    continue
                name = f"{path}.{own}" if path else own
                if id(parameter) in first:
                    if first[id(parameter)] != name:
                        ties.append((name, first[id(parameter)]))
                    continue
                first[id(parameter)] = name
                role = _role(module, own, name, parameter)
                if isinstance(role, Maskable):
                    maskable.append(role)
                else:
                    fixed.append(role)
        if not maskable:
            raise UnsupportedModuleError(
                f"searching a mask: the {type(model).__qualname__} has no weights to mask (parameters of two "
                "dimensions or more, as in Linear, Conv and Embedding layers); give a model that has some"
            )
        return Roles(tuple(maskable), tuple(fixed), tuple(ties))


def _role(module: nn.Module, own: str, name: str, parameter: torch.Tensor) -> Maskable | Fixed:
    shape = tuple(parameter.shape)
    if parameter.is_meta:
        raise UnsupportedModuleError(f"searching a mask: {name} is on the meta device; make the model on a real one")
    if 0 in shape or not parameter.is_floating_point():
        raise UnsupportedModuleError(
            f"searching a mask: {name} has shape {shape}, dtype {parameter.dtype}; real, non-empty ones are needed"
        )
    if isinstance(module, NORMS):
        return Fixed(name, shape, 0.0 if "bias" in own else 1.0, norm=True)
    if isinstance(module, nn.PReLU):
        return Fixed(name, shape, 0.25, norm=False)  # its slope at the start
    # biases, also bias_ih_l0 of recurrent layers and the (1, 1, d) bias_k of attention
    if own.startswith("bias") or own.endswith("_bias"):
        return Fixed(name, shape, 0.0, norm=False)
    if len(shape) < 2:
        raise UnsupportedModuleError(
            f"searching a mask: {name} of shape {shape} in a {type(module).__qualname__} is neither a weight of two "
            "dimensions or more nor a bias nor part of a norm, so its value is unknown: make it a buffer, which is "
            "carried as it is"
        )
    return Maskable(name, shape, *_fans(module, shape))


def _refuse(path: str, module: nn.Module) -> None:
    """UnsupportedModuleError for modules whose parameters are not what they compute with."""
    from torch.jit import ScriptModule
    from torch.nn.modules.lazy import LazyModuleMixin
    from torch.nn.utils import parametrize
    from torch.nn.utils.prune import BasePruningMethod

    remedy = None
    if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():  # type: ignore[misc]
        remedy = "has shapes that are not known yet; call the model once, on one batch"
    elif hasattr(module, "_orig_mod"):
        remedy = "is compiled; give the module from before torch.compile (its _orig_mod)"
    elif isinstance(module, ScriptModule):
        remedy = "is a script; give the module from before torch.jit"
    elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        remedy = "is spread over devices; give its .module"
    elif parametrize.is_parametrized(module):
        remedy = "is parametrized; call torch.nn.utils.parametrize.remove_parametrizations on it first"
    elif isinstance(module, EMBEDDINGS) and module.max_norm is not None:
        remedy = "shortens its own weights in place when it is called (max_norm); make it with max_norm=None"
    else:
        hooks = module._forward_pre_hooks.values()
        # the classes behind torch's weight_norm and spectral_norm are not public
        if any(type(h).__name__ in ("WeightNorm", "SpectralNorm") or isinstance(h, BasePruningMethod) for h in hooks):
            remedy = "computes its weights from others by a hook; call torch.nn.utils.remove_weight_norm (or the like)"
    if remedy is not None:
        raise UnsupportedModuleError(f"searching a mask: {path}, a {type(module).__name__}, {remedy}")


def _refuse_hidden(path: str, module: nn.Module, known: set[int]) -> None:
    """UnsupportedModuleError for numbers in plain attributes: the network would compute with them as they are, and no
    ticket would declare them. ``known``: the ids of all parameters and buffers."""
    from slt.tree_checks import OF_TORCH

    for name, value in vars(module).items():
        # recurrent layers list their parameters once more, and after a call with other weights those
        if name in OF_TORCH or (name == "_flat_weights" and isinstance(module, nn.RNNBase)):
            continue
        if _holds_others(value, known, 4):
            raise UnsupportedModuleError(
                f"searching a mask: {path}, a {type(module).__name__}, keeps numbers in its attribute {name!r}, where "
                "torch sees neither parameter nor buffer, so they would be used as they are and declared nowhere; "
                "register them (register_buffer, ModuleList, ParameterList), or remove what a call left there"
            )


def _holds_others(value: Any, known: set[int], depth: int) -> bool:
    """Whether tensors that are not ``known``, or arrays of numbers, are found in a value, to some depth."""
    import torch

    if isinstance(value, torch.Tensor):
        return id(value) not in known
    if isinstance(value, nn.Module):
        return any(id(t) not in known for t in (*value.parameters(), *value.buffers()))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc"
    if not depth or isinstance(value, (str, bytes, type, types.ModuleType, types.FunctionType)):
        return False
    inner: Any
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = value
    elif isinstance(value, functools.partial):
        inner = (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, types.MethodType):
        inner = (value.__self__,)
    else:
        inner = getattr(value, "__dict__", {}).values()
    return any(_holds_others(v, known, depth - 1) for v in inner)


def _fans(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    if isinstance(module, EMBEDDINGS):
        return 1, shape[1]
    taps = math.prod(shape[2:])
    if isinstance(module, _ConvTransposeNd):
        # its weight is (inputs, outputs / groups, *taps)
        return shape[0] // module.groups * taps, shape[1] * taps
    if isinstance(module, _ConvNd):
        return shape[1] * taps, shape[0] // module.groups * taps
    return shape[1] * taps, shape[0] * taps


def prepared(model: nn.Module) -> nn.Module:
    """The model, changed in place, without what it has learnt beside its parameters: running statistics start anew.
    Gradients of embeddings are dense."""
    for module in model.modules():
        if isinstance(module, _NormBase):
            module.reset_running_stats()
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
            module.sparse = False  # the same gradients, of the form that every operator here takes
    return model
