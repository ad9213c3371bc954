"""Constructions: theorems as code."""

from slt.constructions.construction import Construction, Findings, find_ticket
from slt.constructions.splits import Paper, SignOptimal, Split
from slt.constructions.two_layer_sum import TwoLayerSum

__all__ = ["Construction", "Findings", "Paper", "SignOptimal", "Split", "TwoLayerSum", "find_ticket"]
