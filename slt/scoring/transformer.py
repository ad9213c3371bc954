"""Upper bounds of the error of a transformer ticket over all sequences: any number of tokens, any mask, over the reals.

Block by block go at least the largest norm of a token in the target and in the ticket, and at least the largest norm
of the difference of the two. For a map G of the target and G' of the ticket on tokens x and x',

    G'(x') - G(x) = [G'(x') - G(x')] + [G(x') - G(x)] = [G'(x') - G'(x)] + [G'(x) - G(x)],

and the better of the two is taken: the error of a part on equal inputs, which the bounds of attention
(``attention.py``) and of chains of layers (``certified.py``) give on a ball, and how far one network moves when its
tokens do. Attention with matrices A and C moves as its logits do: by x' A y' - x A y = (x' - x) A y' + x A (y' - y),

    ||sum_s p'_s y'_s C - sum_s p_s y_s C|| <= (R sum_s |p'_s - p_s| + e) ||C|| <= (2 R tanh(l / 2) + e) ||C||

where all ||x' - x|| <= e and |x' A y' - x A y| <= l: lemma 12 of Otsuka et al., "The strong lottery ticket hypothesis
for multi-head attention" (AAAI 2026), with the tight inequality in the place of its factor sqrt(d) and its exponential.
Shortcuts add norms. Derived for this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedNetwork
from slt.collapsed_transformer import CollapsedTransformer
from slt.domains import Ball, Domain
from slt.errors import InputError
from slt.merged_attention import MergedAttention
from slt.scoring.attention import attention_bounds
from slt.scoring.attention_pair import AttentionPair, Heads, Model
from slt.scoring.networks import checked_domain
from slt.scoring.norms import moved_mass, norm_of, product_of, radius_of, root_of, sum_of
from slt.scoring.score import Kind, Score, checked_order
from slt.targets import Target
from slt.transformer_target import BlockTarget, TransformerTarget

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class Spread:
    """Between two parts: at least the norms of a token in the target and in the ticket, and of their difference."""

    target: float
    ticket: float
    apart: float


def transformer_bound(
    ticket: CollapsedTransformer, model: nn.Module | Model, domain: Domain, order: float = np.inf
) -> Score:
    """A bound of the largest ||ticket - model|| of one output token, over all sequences of tokens in ``domain``.

    ``order``: np.inf or 2; the bound is of the Euclidean norm in either case. The value is inf if float64 overflows.
    Raises InputError.
    """
    order = checked_order(order)
    bound = block_spreads(ticket, model, domain)[-1].apart
    finite = bool(np.isfinite(bound))
    text = f"certified over sequences in {domain}" + ("" if finite else ", float64 overflowed")
    return Score(bound if finite else np.inf, Kind.CERTIFIED_UPPER, norm=order, text=text)


def block_spreads(ticket: CollapsedTransformer, model: nn.Module | Model, domain: Domain) -> list[Spread]:
    """The bounds before the first block and behind every block."""
    checked_domain(domain, "certifying a transformer ticket")
    target = checked_transformers(ticket, model)
    radius = radius_of(domain, target.size)
    found = [Spread(radius, radius, 0.0)]
    with np.errstate(all="ignore"):
        for b, ((attention, feed_forward), block) in enumerate(zip(ticket.blocks, target.blocks, strict=True)):
            inner = _attended(attention, block, found[-1], domain if b == 0 else None)
            found.append(_fed_forward(feed_forward, block.feed_forward, inner))
    return found


def checked_transformers(ticket: CollapsedTransformer, model: nn.Module | Model) -> TransformerTarget:
    """The target, where its blocks correspond to the ticket's; else InputError."""
    if isinstance(model, Model) and not isinstance(model, TransformerTarget):
        raise InputError("scoring a transformer ticket: the model is no transformer; give the model that it is for")
    target = TransformerTarget.of(model)
    if len(ticket.blocks) != len(target.blocks) or ticket.causal != target.causal:
        raise InputError(
            f"scoring a transformer ticket: it has {len(ticket.blocks)} blocks and causal={ticket.causal}, the model "
            f"{len(target.blocks)} and causal={target.causal}; give the model that the ticket is for"
        )
    return target


def _attended(merged: MergedAttention, block: BlockTarget, before: Spread, domain: Domain | None) -> Spread:
    pair = AttentionPair.of(merged, block.attention)

    def same_inputs(radius: float) -> float:
        if not np.isfinite(radius):
            return np.inf
        inputs = _ball(radius) if domain is None else domain
        return float(attention_bounds(merged, block.attention, inputs, 2).certified)

    apart = sum_of(
        before.apart,
        min(
            sum_of(same_inputs(before.ticket), _shifted(pair, pair.target, before)),
            sum_of(same_inputs(before.target), _shifted(pair, pair.ticket, before)),
        ),
    )
    target = sum_of(before.target, _largest(pair, pair.target, before.target))
    ticket = sum_of(before.ticket, _largest(pair, pair.ticket, before.ticket))
    return _closed(target, ticket, apart)


def _ball(radius: float) -> Ball:
    """A ball of at least this radius, which may be 0."""
    return Ball(max(radius, 2.0**-200))


def _closed(target: float, ticket: float, apart: float) -> Spread:
    """Each norm is at most the other plus the difference, the difference at most their sum."""
    return Spread(
        min(target, sum_of(ticket, apart)), min(ticket, sum_of(target, apart)), min(apart, sum_of(target, ticket))
    )


def _shifted(pair: AttentionPair, heads: Heads, before: Spread) -> float:
    """At least how far the outputs of one attention are apart on the tokens of target and ticket."""
    if before.apart == 0:
        return 0.0
    R, found = min(before.target, before.ticket), 0.0
    for A, C in zip(heads.query_key[:, :, : pair.keys], heads.value_output[:, : pair.values], strict=True):
        whole = norm_of(A[: pair.queries], heads.rounding)
        constant = sum_of(*(norm_of(row, heads.rounding) for row in A[pair.queries :]))
        logit = product_of(before.apart, sum_of(product_of(whole, sum_of(before.target, before.ticket)), constant))
        slip = sum_of(product_of(2.0, R, moved_mass(logit)), before.apart)
        found = sum_of(found, product_of(norm_of(C, heads.rounding), slip))
    return found


def _largest(pair: AttentionPair, heads: Heads, radius: float) -> float:
    """At least the norm of an output of attention: each head answers with a mean of values times C."""
    values, constants = heads.value_output[:, : pair.values], heads.value_output[:, pair.values :]
    shift = constants.sum(axis=(0, 1)) + heads.bias
    terms = np.concatenate([constants.reshape(-1, shift.size), heads.bias[None]])
    # each entry of the shift is a rounded sum of as many terms
    off = product_of(2.0 * len(terms) * 2.0**-53, float(np.abs(terms).sum()) * (1 + 1e-9))
    apart = sum_of(*(norm_of(C, heads.rounding) for C in values))
    stacked = norm_of(values.reshape(-1, values.shape[2]), heads.rounding)
    together = product_of(root_of(len(values)), stacked)
    return sum_of(product_of(radius, min(apart, together)), norm_of(shift, product_of(len(terms), heads.rounding)), off)


def _fed_forward(network: CollapsedNetwork, target: Target, before: Spread) -> Spread:
    from slt.scoring.certified import certified

    def same_inputs(radius: float) -> float:
        return float(certified(network, target, _ball(radius), 2)) if np.isfinite(radius) else np.inf

    steep, steep_ticket = 1.0, 1.0
    size, size_ticket = before.target, before.ticket
    for block, layer in zip(network.layers, target.layers, strict=True):
        W = norm_of(layer.weight, 0.0)
        b = 0.0 if layer.bias is None else norm_of(layer.bias, 0.0)
        steep, size = product_of(steep, W), sum_of(product_of(W, size), b)
        # x -> W' x + Q |x|: halves of sums and differences, rounded once each
        half = norm_of(block.positive / 2 + block.negative / 2, block.rounding)
        bend = norm_of(block.positive / 2 - block.negative / 2, block.rounding)
        V = product_of(sum_of(half, bend), 1 + 2.0**-40)
        steep_ticket = product_of(steep_ticket, V)
        size_ticket = sum_of(product_of(V, size_ticket), norm_of(block.bias, block.rounding))
    apart = sum_of(
        before.apart,
        min(
            sum_of(same_inputs(before.ticket), product_of(steep, before.apart)),
            sum_of(same_inputs(before.target), product_of(steep_ticket, before.apart)),
        ),
    )
    return _closed(sum_of(before.target, size), sum_of(before.ticket, size_ticket), apart)
