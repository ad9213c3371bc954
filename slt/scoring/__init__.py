"""Scores of a ticket: lower bounds by sampling, upper bounds certified over a whole domain, differences measured."""

from slt.scoring.ascent import ascend
from slt.scoring.attention import AttentionBounds, attention_bounds
from slt.scoring.certified import certified
from slt.scoring.closed_gap import ClosedGap, closed_gap
from slt.scoring.difference import Difference, difference
from slt.scoring.sampled import sampled
from slt.scoring.score import Kind, Score

__all__ = [
    "AttentionBounds",
    "ClosedGap",
    "Difference",
    "Kind",
    "Score",
    "ascend",
    "attention_bounds",
    "certified",
    "closed_gap",
    "difference",
    "sampled",
]
