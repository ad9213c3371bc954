"""Scores of a ticket: lower bounds found by sampling, upper bounds certified over a whole domain."""

from slt.scoring.ascent import ascend
from slt.scoring.attention import AttentionBounds, attention_bounds
from slt.scoring.certified import certified
from slt.scoring.closed_gap import ClosedGap, closed_gap
from slt.scoring.sampled import sampled
from slt.scoring.score import Kind, Score

__all__ = [
    "AttentionBounds",
    "ClosedGap",
    "Kind",
    "Score",
    "ascend",
    "attention_bounds",
    "certified",
    "closed_gap",
    "sampled",
]
