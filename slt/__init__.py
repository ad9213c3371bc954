"""slt: strong lottery tickets. A random network, pruned and never trained, that matches any target.

Everything public is here; torch, numba, cvxpy and matplotlib load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from slt import errors
from slt.domains import Ball, Box
from slt.errors import SltError
from slt.weights import Hyperbolic, Key, Normal, SignedConstant, Uniform

if TYPE_CHECKING:
    from slt import laws, neurons, scoring, search, subset_sum
    from slt.attention_target import AttentionTarget
    from slt.constructions import (
        Attention,
        Convolution,
        ErdosRenyi,
        Logarithmic,
        LooksLinear,
        ModuleTree,
        PiecewiseLinear,
        ReplicatedRows,
        Rotary,
        SingleMatch,
        Transformer,
        TwoLayerSum,
        Univariate,
        find_ticket,
    )
    from slt.graph_target import GraphTarget
    from slt.masks import Mask
    from slt.readout import fit_readout
    from slt.rotary_target import RotaryTarget
    from slt.scoring import ascend, certified, difference, sampled
    from slt.targets import Target
    from slt.tickets import Ticket, load
    from slt.transformer_target import TransformerTarget
    from slt.tree_target import TreeTarget

__version__ = "0.1.0"

_HOMES = {
    "Attention": "slt.constructions",
    "AttentionTarget": "slt.attention_target",
    "Convolution": "slt.constructions",
    "ErdosRenyi": "slt.constructions",
    "GraphTarget": "slt.graph_target",
    "Logarithmic": "slt.constructions",
    "LooksLinear": "slt.constructions",
    "Mask": "slt.masks",
    "ModuleTree": "slt.constructions",
    "PiecewiseLinear": "slt.constructions",
    "ReplicatedRows": "slt.constructions",
    "Rotary": "slt.constructions",
    "RotaryTarget": "slt.rotary_target",
    "SingleMatch": "slt.constructions",
    "Target": "slt.targets",
    "Ticket": "slt.tickets",
    "Transformer": "slt.constructions",
    "TransformerTarget": "slt.transformer_target",
    "TreeTarget": "slt.tree_target",
    "TwoLayerSum": "slt.constructions",
    "Univariate": "slt.constructions",
    "ascend": "slt.scoring",
    "certified": "slt.scoring",
    "difference": "slt.scoring",
    "find_ticket": "slt.constructions",
    "fit_readout": "slt.readout",
    "load": "slt.tickets",
    "sampled": "slt.scoring",
}
_MODULES = ("constructions", "laws", "neurons", "scoring", "search", "subset_sum", "tickets")

__all__ = [
    "Attention",
    "AttentionTarget",
    "Ball",
    "Box",
    "Convolution",
    "ErdosRenyi",
    "GraphTarget",
    "Hyperbolic",
    "Key",
    "Logarithmic",
    "LooksLinear",
    "Mask",
    "ModuleTree",
    "Normal",
    "PiecewiseLinear",
    "ReplicatedRows",
    "Rotary",
    "RotaryTarget",
    "SignedConstant",
    "SingleMatch",
    "SltError",
    "Target",
    "Ticket",
    "Transformer",
    "TransformerTarget",
    "TreeTarget",
    "TwoLayerSum",
    "Uniform",
    "Univariate",
    "ascend",
    "certified",
    "difference",
    "errors",
    "find_ticket",
    "fit_readout",
    "laws",
    "load",
    "neurons",
    "sampled",
    "scoring",
    "search",
    "subset_sum",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"slt.{name}")
    raise AttributeError(f"module 'slt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
