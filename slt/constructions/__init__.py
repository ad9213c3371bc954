"""Constructions: theorems as code."""

from slt.constructions.attention import Attention
from slt.constructions.construction import Construction, Findings, find_ticket
from slt.constructions.module_tree import ModuleTree
from slt.constructions.rotary import Rotary
from slt.constructions.sides import KeysAndValues, QueriesAndOutputs, Sides, SmallerSides
from slt.constructions.splits import Paper, SignOptimal, Split
from slt.constructions.transformer import Transformer
from slt.constructions.two_layer_sum import TwoLayerSum

CONSTRUCTIONS: tuple[type[Construction], ...] = (
    TwoLayerSum,
    ModuleTree,
    Attention,
    Rotary,
    Transformer,
)
"""All of them, in the order of ``slt list constructions``."""

__all__ = [
    "CONSTRUCTIONS",
    "Attention",
    "Construction",
    "Findings",
    "KeysAndValues",
    "ModuleTree",
    "Paper",
    "QueriesAndOutputs",
    "Rotary",
    "Sides",
    "SignOptimal",
    "SmallerSides",
    "Split",
    "Transformer",
    "TwoLayerSum",
    "find_ticket",
]
