"""The pair of attentions that a score compares: a ticket's merged matrices and its target's, laid out alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.activation_target import ActivationTarget
from slt.attention_target import AttentionTarget
from slt.errors import InputError
from slt.graph_target import GraphTarget
from slt.merged_attention import MergedAttention
from slt.merged_rotary import MergedRotary
from slt.rotary_target import RotaryTarget
from slt.targets import Target
from slt.transformer_target import TransformerTarget

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
Model = (
    Target
    | ActivationTarget
    | GraphTarget
    | AttentionTarget
    | MergedAttention
    | RotaryTarget
    | MergedRotary
    | TransformerTarget
)
"""What a ticket is scored against, beside torch modules."""


@final
@dataclass(frozen=True, eq=False)
class Heads:
    """One attention; tokens end with a coordinate that is always 1 wherever either attention of the pair has one.

    query_key     (H, p, q)
    value_output  (H, r, outputs)
    bias          (outputs,)
    rounding      how far an entry may be from the real one
    """

    query_key: FloatArray
    value_output: FloatArray
    bias: FloatArray
    rounding: float


@final
@dataclass(frozen=True, eq=False)
class AttentionPair:
    """``ticket`` and ``target`` as ``Heads`` of equal shapes; queries, keys, values: coordinates of a token without the
    constant one, which ``query_constant`` and ``key_constant`` say is there."""

    ticket: Heads
    target: Heads
    queries: int
    keys: int
    values: int
    query_constant: bool
    key_constant: bool

    @staticmethod
    def of(ticket: MergedAttention, model: nn.Module | Model) -> AttentionPair:
        """Raises InputError for numbers of heads, coordinates or outputs that differ, and for NaN or infinite entries;
        UnsupportedModuleError for a model that is no attention."""
        if isinstance(model, Model) and not isinstance(model, (AttentionTarget, MergedAttention)):
            what = "a chain of layers" if isinstance(model, Target) else f"a {type(model).__name__}"
            raise InputError(
                f"scoring an attention ticket: {what} was given as the model; an nn.MultiheadAttention, an "
                "AttentionTarget or a MergedAttention is needed"
            )
        target = model if isinstance(model, MergedAttention) else AttentionTarget.of(model).merged()
        for name in ("heads", "queries", "keys", "values", "outputs"):
            given, needed = getattr(ticket, name), getattr(target, name)
            if given != needed:
                what = name if name in ("heads", "outputs") else f"coordinates of {name}"
                raise InputError(
                    f"scoring an attention ticket: it has {given} {what}, the model has {needed}; "
                    "give the model that the ticket is for"
                )
        constants = (ticket.query_constant or target.query_constant, ticket.key_constant or target.key_constant)
        return AttentionPair(
            _laid_out(ticket, *constants),
            _laid_out(target, *constants),
            ticket.queries,
            ticket.keys,
            ticket.values,
            *constants,
        )


def _laid_out(attention: MergedAttention, query_constant: bool, key_constant: bool) -> Heads:
    arrays = (attention.query_key, attention.value_output, attention.bias)
    bad = sum(int(np.count_nonzero(~np.isfinite(a))) for a in arrays)
    if bad or not 0 <= attention.rounding < np.inf:
        raise InputError(
            f"scoring an attention ticket: {bad} NaN or infinite entries and a rounding of {attention.rounding} were "
            "given; finite ones are needed, verify the ticket"
        )
    rows, columns = query_constant - attention.query_constant, key_constant - attention.key_constant
    return Heads(
        np.pad(attention.query_key, ((0, 0), (0, rows), (0, columns))),
        np.pad(attention.value_output, ((0, 0), (0, columns), (0, 0))),
        attention.bias,
        attention.rounding,
    )
