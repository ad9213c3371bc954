"""Assumptions of theorems: targets that break one are told which construction would do."""

from __future__ import annotations

from typing import Any

from slt.chain_target import read_chain
from slt.errors import AssumptionError, UnsupportedModuleError
from slt.targets import Target

# kinds of modules by their names, so that targets made of arrays do not load torch; the first that is found decides
REMEDIES: dict[str, str] = {
    "MultiheadAttention": "Attention() for the module itself, ModuleTree() for a network that holds it",
    "PlainTransformer": "Transformer()",
    "RotaryAttention": "Rotary()",
    "Conv1d": "ModuleTree(), which carries it",
    "Conv2d": "Convolution()",
    "Tanh": "ReplicatedRows(activation=Tanh())",
    "Sigmoid": "ReplicatedRows(activation=Sigmoid())",
    "LeakyReLU": "ReplicatedRows(activation=LeakyReLU(slope))",
    "GELU": "ReplicatedRows(activation=GELU())",
}


def chain_of(model: Any, construction: str) -> Target:
    """``read_chain(model)`` for a construction whose theorem is of chains of linear layers and ReLUs.

    AssumptionError where a module breaks that, with its path, its kind and what would do; InputError for bad numbers.
    """
    try:
        return read_chain(model)
    except UnsupportedModuleError as error:
        raise no_chain(model, construction, error) from error


def no_chain(model: Any, construction: str, error: UnsupportedModuleError, activation: str = "ReLU") -> AssumptionError:
    """Which module of a model is none of a chain of Linears and of ``activation``, and what would do."""
    assumed = f"find_ticket: {construction} assumes a chain of Linear and {activation} modules"
    for path, module in model.named_modules():
        kind = type(module).__name__
        if kind in REMEDIES and kind != activation:
            return AssumptionError(f"{assumed}; module {path or '(root)'} is a {kind}. What would do: {REMEDIES[kind]}")
    return AssumptionError(
        f"{assumed}; {error}. What would do: ModuleTree(), which approximates the Linears and carries the rest"
    )
