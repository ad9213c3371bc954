"""What a module tree may hold: checks of single modules."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from slt.errors import UnsupportedModuleError
from slt.targets import refuse_altered

if TYPE_CHECKING:
    from torch import nn

SUPPORTED = (
    "any tree of modules whose linear maps are nn.Linear or nn.MultiheadAttention (so nn.TransformerEncoderLayer, "
    "nn.TransformerEncoder and their decoders too); everything else is left in place and carried over"
)
LINEAR = frozenset({"weight", "bias"})
ATTENTION = frozenset(
    {
        "in_proj_weight",
        "in_proj_bias",
        "q_proj_weight",
        "k_proj_weight",
        "v_proj_weight",
        "bias_k",
        "bias_v",
        "out_proj",
    }
)

# what torch itself keeps in a module's plain attributes
OF_TORCH = frozenset(
    name
    for kind in ("forward", "forward_pre", "backward", "backward_pre", "state_dict", "state_dict_pre")
    for name in (f"_{kind}_hooks", f"_{kind}_hooks_with_kwargs", f"_{kind}_hooks_always_called")
) | {
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
}


def holds_tensors(value: Any, depth: int) -> bool:
    """Whether a plain attribute keeps numbers that torch does not see: tensors, modules or arrays in containers,
    partial functions or plain objects, to some depth. What a closure holds cannot be seen."""
    import functools

    import torch

    if isinstance(value, (torch.nn.Module, np.ndarray)):
        return True
    if not depth:
        return False
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner = value
    elif isinstance(value, functools.partial):
        inner = (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, types.MethodType):
        inner = (value.__self__,)
    elif not isinstance(value, (torch.Tensor, type, types.ModuleType, types.FunctionType)):
        inner = getattr(value, "__dict__", {}).values()
    return any(isinstance(v, torch.Tensor) or holds_tensors(v, depth - 1) for v in inner)


def modules_of(model: nn.Module) -> tuple[tuple[str, str], ...]:
    """(path, kind and settings) of every module. The kind is the nearest class of torch's own: what somebody calls a
    class, and in which file it is, does not count. Settings are those of torch's layers that the shapes do not tell:
    strides, paddings, heads, order of the norms, activation."""
    return tuple(
        (path, _described(module, torch_class(type(module))))
        for path, module in model.named_modules(remove_duplicate=False)
    )


def torch_class(kind: type) -> type:
    """The nearest class of torch's own that ``kind`` is or is made from; ``nn.Module`` for most of somebody's."""
    return next((base for base in kind.__mro__ if base.__module__.startswith("torch.")), kind)


def _described(module: nn.Module, kind: type[Any]) -> str:
    from torch import nn

    said = [f"{kind.__module__}.{kind.__qualname__}"]
    if isinstance(module, nn.MultiheadAttention):
        said += [str(module.num_heads), str(module.batch_first), str(module.add_zero_attn)]
    if isinstance(module, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
        activation: Any = module.activation
        said += [str(module.norm_first), getattr(activation, "__name__", torch_class(type(activation)).__qualname__)]
    if kind.__module__.startswith("torch.nn.") and not module._modules:
        said.append(kind.extra_repr(module))  # strides, paddings, slopes, eps
    return " ".join(said)


def outline(model: nn.Module) -> str:
    """SHA-256 over ``modules_of``."""
    return outline_of(modules_of(model))


def outline_of(modules: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over paths, kinds and settings."""
    import hashlib

    return hashlib.sha256("\n".join(f"{path} {text}" for path, text in modules).encode()).hexdigest()


def outlines(model: nn.Module) -> tuple[str, str]:
    """The digests that a ticket's file may have for this architecture: ``outline``, and the one of earlier files, over
    the names of all classes and where they are. Where all classes are torch's own, they are the same."""
    before = []
    for path, module in model.named_modules(remove_duplicate=False):
        before.append((path, _described(module, type(module))))
    return outline(model), outline_of(before)


def check_kind(module: nn.Module, path: str) -> None:
    """Raises UnsupportedModuleError for modules that hold linear maps which cannot be taken out."""
    import torch
    from torch import nn
    from torch.nn.modules.lazy import LazyModuleMixin

    kind = type(module)
    remedy = None
    if isinstance(module, torch.jit.ScriptModule):
        remedy = "give the module from before torch.jit"
    elif hasattr(module, "_orig_mod"):
        remedy = "give the module from before torch.compile (its _orig_mod)"
    elif isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        remedy = "give its .module"
    elif isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():  # type: ignore[misc]
        remedy = "call the model once, so that its shapes are known"
    elif "quantized" in kind.__module__:
        remedy = "give the model from before quantisation"
    elif isinstance(module, (nn.Bilinear, nn.RNNBase, nn.RNNCellBase)):
        remedy = "its linear maps are no nn.Linear; write them as such"
    elif isinstance(module, nn.Linear) and kind.forward is not nn.Linear.forward:
        remedy = "it is an nn.Linear with a forward of its own; write it as a module that calls an nn.Linear"
    elif isinstance(module, nn.MultiheadAttention) and kind.forward is not nn.MultiheadAttention.forward:
        remedy = "it is an nn.MultiheadAttention with a forward of its own; write it with separate nn.Linear"
    if remedy is not None:
        raise UnsupportedModuleError(
            f"reading the target: module {path or '(root)'} is a {kind.__module__}.{kind.__qualname__}, which cannot "
            f"be taken apart: {remedy}. Supported is {SUPPORTED}"
        )


def refuse_changed(module: nn.Module, path: str, parts: frozenset[str]) -> None:
    """UnsupportedModuleError for a linear map or an attention that may compute something else than its class says, or
    that has parameters, buffers, tensors or modules beyond ``parts``: they would be lost where it is replaced."""
    import torch

    refuse_altered(module, path)
    plain = {name for name, value in vars(module).items() if isinstance(value, torch.Tensor)}
    more = (plain | set(module._parameters) | set(module._buffers) | set(module._modules)) - parts
    if more:
        raise UnsupportedModuleError(
            f"reading the target: module {path or '(root)'} is a {type(module).__qualname__} with parts of its own, "
            f"{', '.join(sorted(more))}, whose effect is unknown; put them into a module around it"
        )
