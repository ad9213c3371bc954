"""Upper bounds of the error of an attention ticket over all sequences: any number of tokens, any mask, over the reals.

Per head let E and F be the exact residuals (ticket minus target) of the merged matrices, C the target's values times
outputs, x a query, y and z keys and values, all in a ball of radius alpha, p and p' the attention weights of target and
ticket. The outputs differ by the sum over heads of

    sum_s (p'_s - p_s) z_s C  +  sum_s p'_s z_s F,

or the same with C of the ticket and p in the second sum. The first sum sees E through x E y only, and only through
its range over the keys: with |x E y| <= e the weights move by sum |p' - p| <= 2 tanh(e / 2), an inequality that two
clusters of keys attain. Constant coordinates of keys and values drop out of it, since neither softmax nor weights that
add up to 1 see them. The paper's chain is Otsuka et al., "The strong lottery ticket hypothesis for multi-head
attention" (AAAI 2026), lemma 8 and the proof of theorem 9; the rest was derived for this project.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import numpy.typing as npt

from slt.domains import Domain
from slt.merged_attention import MergedAttention
from slt.scoring.attention_pair import AttentionPair, Model
from slt.scoring.networks import checked_domain
from slt.scoring.norms import FUNCTION_ERROR, moved_mass, norm_of, product_of, radius_of, root_of, sum_of
from slt.scoring.rounding import UNIT, norm_up, sum_up, upward
from slt.scoring.score import Kind, Score, checked_order

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class AttentionBounds:
    """Three certified upper bounds of one error, each at most the next.

    certified  from spectral norms and columns of the residual matrices; what ``slt.certified`` returns
    entrywise  from the largest residual entries, with 2 tanh(e / 2) in place of lemma 8
    paper      from the largest residual entries as in the paper: lemma 8 and the proof of theorem 9, with the spectral
               norm of C where the paper has 1, its bound
    """

    certified: Score
    entrywise: Score
    paper: Score


def attention_bounds(
    ticket: MergedAttention,
    model: nn.Module | Model,
    domain: Domain,
    order: float = np.inf,
) -> AttentionBounds:
    """Bounds of the largest ||ticket - model|| of one output token, over all sequences of tokens in ``domain``.

    Queries, keys and values each are any tokens of the domain, any number of them, under any mask that leaves every
    query a key. ``order``: np.inf or 2, the norm of an output token's difference; the last two bounds are of the
    Euclidean norm in either case. The values are inf if float64 overflows. Raises InputError.
    """
    order = checked_order(order)
    checked_domain(domain, "certifying an attention ticket")
    pair = AttentionPair.of(ticket, model)
    reach = _Reach.of(pair, domain)
    with np.errstate(all="ignore"):
        paper, entrywise = _by_entries(pair, reach)
        certified = _by_norms(pair, reach, order)
    # each is a bound on its own: the smaller of two keeps their order where rounding alone tells them apart
    entrywise = float(np.fmin(entrywise, paper))
    values = (float(np.fmin(certified, entrywise)), entrywise, paper)
    texts = ("certified", "certified by largest entries", "certified as in the paper")
    scores = [_score(v, order, f"{t} over sequences in {domain}") for v, t in zip(values, texts, strict=True)]
    return AttentionBounds(*scores)


def _score(value: float, order: float, text: str) -> Score:
    finite = bool(np.isfinite(value))
    text = text if finite else f"{text}, float64 overflowed"
    return Score(value if finite else np.inf, Kind.CERTIFIED_UPPER, norm=order, text=text)


@final
@dataclass(frozen=True)
class _Reach:
    """Upper bounds of the norms of tokens, without the constant coordinate (query, key, value) and with it."""

    query: float
    key: float
    value: float
    query_full: float
    key_full: float
    value_full: float

    @staticmethod
    def of(pair: AttentionPair, domain: Domain) -> _Reach:
        sizes = [radius_of(domain, d) for d in (pair.queries, pair.keys, pair.values)]
        ones = (pair.query_constant, pair.key_constant, pair.key_constant)
        full = [float(norm_up(np.array([size, 1.0 if one else 0.0]))) for size, one in zip(sizes, ones, strict=True)]
        return _Reach(*sizes, *full)


def _residuals(pair: AttentionPair) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Differences of the merged matrices, each rounded once, and how far the entries' own roundings can move them."""
    E, F, slip = (
        getattr(pair.ticket, name) - getattr(pair.target, name) for name in ("query_key", "value_output", "bias")
    )
    return E, F, slip, float(upward(pair.ticket.rounding + pair.target.rounding))


def _by_entries(pair: AttentionPair, reach: _Reach) -> tuple[float, float]:
    """The paper's bound, and the same from largest entries with the tight softmax inequality; Euclidean norm."""
    E, F, slip, unknown = _residuals(pair)
    paper = tight = norm_of(slip, unknown)
    (p, q), (r, outputs) = E.shape[1:], F.shape[1:]
    for e, f, c in zip(E, F, pair.target.value_output, strict=True):
        key_entry, value_entry = (float(upward(upward(np.abs(a).max()) + unknown)) for a in (e, f))
        logit = product_of(reach.query_full, reach.key_full, root_of(p * q), key_entry)
        norm = norm_of(c, pair.target.rounding)
        growth = float(upward(np.expm1(2.0 * logit) * (1 + FUNCTION_ERROR)))
        first = product_of(root_of(r), reach.value_full, growth, norm)
        second = product_of(reach.value_full, float(r), root_of(outputs), value_entry)
        paper = sum_of(paper, first, second)
        first = product_of(2.0, reach.value_full, moved_mass(logit), norm)
        second = product_of(reach.value_full, root_of(r * outputs), value_entry)
        tight = sum_of(tight, first, second)
    return paper, tight


def _by_norms(pair: AttentionPair, reach: _Reach, order: float) -> float:
    """The bound from spectral norms; of single outputs too, from columns, for the infinity norm."""
    E, F, slip, unknown = _residuals(pair)
    moved = np.array([2.0 * moved_mass(_logit_error(e[:, : pair.keys], pair, reach, unknown)) for e in E])
    moved = upward(moved * reach.value)
    steady = np.full(len(E), reach.value)
    ends = [(heads.value_output[:, : pair.values], heads.rounding) for heads in (pair.target, pair.ticket)]
    values, constants = F[:, : pair.values], F[:, pair.values :]
    # what the constant coordinate of values adds is the same for all sequences: summed up before its norm is taken
    shift = np.abs(constants.sum(axis=(0, 1)) + slip)
    terms = len(E) * constants.shape[1] + 1
    size = sum_up(np.abs(np.concatenate([constants.reshape(-1, slip.size), slip[None]])), axis=0)
    shift = upward(shift + upward(upward(2.0 * terms * UNIT * size) + terms * unknown))

    columns = np.min([_columns(C, u, moved) for C, u in ends], axis=0)
    columns = upward(upward(columns + _columns(values, unknown, steady)) + shift)
    whole = min(_whole(C, u, moved) for C, u in ends)
    euclidean = min(sum_of(whole, _whole(values, unknown, steady), float(norm_up(shift))), float(norm_up(columns)))
    return euclidean if order == 2 else min(euclidean, float(columns.max()))


def _logit_error(E: FloatArray, pair: AttentionPair, reach: _Reach, unknown: float) -> float:
    """At least |x E y| for all queries and keys; E (p, keys) holds the rows of the constant coordinate of queries, not
    its column for keys, which shifts all logits of a query alike."""
    if not pair.query_constant:
        return product_of(reach.query, reach.key, norm_of(E, unknown))
    apart = sum_of(
        product_of(reach.query, norm_of(E[: pair.queries], unknown)),
        *(norm_of(row, unknown) for row in E[pair.queries :]),
    )
    return product_of(min(apart, product_of(reach.query_full, norm_of(E, unknown))), reach.key)


def _whole(matrices: FloatArray, unknown: float, sizes: FloatArray) -> float:
    """At least ||sum_h w_h M_h|| over all row vectors with ||w_h|| <= sizes[h]; matrices (H, r, outputs)."""
    apart = sum_of(*(product_of(size, norm_of(m, unknown)) for m, size in zip(matrices, sizes.tolist(), strict=True)))
    together = product_of(float(norm_up(sizes)), norm_of(matrices.reshape(-1, matrices.shape[2]), unknown))
    return min(apart, together)


def _columns(matrices: FloatArray, unknown: float, sizes: FloatArray) -> FloatArray:
    """The same bound for every output alone, (outputs,)."""
    heads, r, outputs = matrices.shape
    norms = norm_up(matrices.transpose(0, 2, 1).reshape(-1, r), axis=1).reshape(heads, outputs)
    norms = upward(upward(norms * (1.0 + 4.0 * UNIT)) + product_of(unknown, root_of(r)))
    return sum_up(upward(norms * sizes[:, None]), axis=0)
