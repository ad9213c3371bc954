"""Constructions: theorems as code."""

from slt.constructions.attention import Attention
from slt.constructions.basis import Basis
from slt.constructions.construction import Construction, Findings, find_ticket
from slt.constructions.convolution import Convolution
from slt.constructions.erdos_renyi import ErdosRenyi
from slt.constructions.fourier import fourier_features
from slt.constructions.interpolant import PiecewiseLinear, piecewise_linear
from slt.constructions.logarithmic import Logarithmic
from slt.constructions.looks_linear import LooksLinear
from slt.constructions.module_tree import ModuleTree
from slt.constructions.polynomials import exponential_block, logarithm_block, monomials
from slt.constructions.replicated_rows import ReplicatedRows
from slt.constructions.rotary import Rotary
from slt.constructions.selections import FewestItems, FixedSize, Greedy, NearestItem, NearestSum, Selection
from slt.constructions.sides import KeysAndValues, QueriesAndOutputs, Sides, SmallerSides
from slt.constructions.single_match import SingleMatch
from slt.constructions.splits import Paper, SignOptimal, Split
from slt.constructions.transformer import Transformer
from slt.constructions.two_layer_construction import TwoLayerConstruction
from slt.constructions.two_layer_sum import TwoLayerSum
from slt.constructions.univariate import Univariate
from slt.tickets.perturbation import Perturbation
from slt.tickets.random_graph import RandomGraph

CONSTRUCTIONS: tuple[type[Construction], ...] = (
    SingleMatch,
    Logarithmic,
    TwoLayerSum,
    LooksLinear,
    ErdosRenyi,
    ReplicatedRows,
    Univariate,
    Convolution,
    ModuleTree,
    Attention,
    Rotary,
    Transformer,
)
"""All of them, in the order of ``slt list constructions``."""

__all__ = [
    "CONSTRUCTIONS",
    "Attention",
    "Basis",
    "Construction",
    "Convolution",
    "ErdosRenyi",
    "FewestItems",
    "Findings",
    "FixedSize",
    "Greedy",
    "KeysAndValues",
    "Logarithmic",
    "LooksLinear",
    "ModuleTree",
    "NearestItem",
    "NearestSum",
    "Paper",
    "Perturbation",
    "PiecewiseLinear",
    "QueriesAndOutputs",
    "RandomGraph",
    "ReplicatedRows",
    "Rotary",
    "Selection",
    "Sides",
    "SignOptimal",
    "SingleMatch",
    "SmallerSides",
    "Split",
    "Transformer",
    "TwoLayerConstruction",
    "TwoLayerSum",
    "Univariate",
    "exponential_block",
    "find_ticket",
    "fourier_features",
    "logarithm_block",
    "monomials",
    "piecewise_linear",
]
