"""Sources, tickets, what they compute, and their files."""

from slt.tickets.attention_source import AttentionSource
from slt.tickets.blocks import Block, Part
from slt.tickets.constant import Constant
from slt.tickets.graph_source import GraphSource
from slt.tickets.looks_linear_source import LooksLinearSource
from slt.tickets.moves import Moves
from slt.tickets.patches import Copies, Flips, Patch, Redraws
from slt.tickets.perturbation import Perturbation
from slt.tickets.perturbed_source import PerturbedSource
from slt.tickets.replicated_source import ReplicatedSource
from slt.tickets.rotary_source import RotarySource
from slt.tickets.search_source import SearchSource
from slt.tickets.search_tensor import SearchTensor
from slt.tickets.source import Carried, Source
from slt.tickets.storage import load
from slt.tickets.ticket import Ticket
from slt.tickets.transformer_source import TransformerSource
from slt.tickets.tree_source import TreeSource
from slt.tickets.two_layer_source import TwoLayerSource

__all__ = [
    "AttentionSource",
    "Block",
    "Carried",
    "Constant",
    "Copies",
    "Flips",
    "GraphSource",
    "LooksLinearSource",
    "Moves",
    "Part",
    "Patch",
    "Perturbation",
    "PerturbedSource",
    "Redraws",
    "ReplicatedSource",
    "RotarySource",
    "SearchSource",
    "SearchTensor",
    "Source",
    "Ticket",
    "TransformerSource",
    "TreeSource",
    "TwoLayerSource",
    "load",
]
