"""The widths that the theorems of attention ask for, as functions of the error, with their constant as a parameter.

Source: Otsuka, Chijiwa, Okoshi, Fujiki, Takeuchi, Motomura, "The strong lottery ticket hypothesis for multi-head
attention" (AAAI 2026; arXiv 2511.04217v1), theorems 3 (= 9), 11 and 14 (= 6). Hidden units are per head and in all, so
a width of this package is n / d1. `error` is also the failure probability there. The universal constant C is not given;
1 / ln 2, the default, is what the exponent of `typical_scale` suggests, without its square-root factor and its reach,
and unverified. Target matrices have spectral norm at most 1, tokens Euclidean norm at most `radius` >= sqrt(d).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, final

from slt.errors import InputError
from slt.laws.arguments import count, positive

CONSTANT: Final = 1 / math.log(2)
"""C, unverified."""
SHRINKAGE: Final = 32.0
"""The factor in eps_b of theorem 14. The paper has 16, with which its last block gives eps/2 + eps/(8 beta^2)
(lemma 13's proof ends with a factor 2 that its statement lacks); with 32 the sum closes."""


@final
@dataclass(frozen=True, slots=True)
class AttentionWidths:
    """Hidden units a head: n_K of queries and keys, n_V of values and outputs; real numbers, to be rounded up."""

    key: float
    value: float


@final
@dataclass(frozen=True, slots=True)
class BlockWidths:
    """Hidden units of one transformer block: n_MHA a head, n_FC a layer; `error` is its share of the error, 0.0
    where that is below float64."""

    attention: float
    feed_forward: float
    error: float


def attention_widths(
    error: float,
    coordinates: int,
    outputs: int | None = None,
    heads: int = 1,
    radius: float | None = None,
    constant: float = CONSTANT,
) -> AttentionWidths:
    """Theorem 3: n_K = d1 C ln(8 H alpha^3 d1^(3/2) / eps), n_V = d1 C ln(2 H alpha d1 sqrt(d2) / eps).

    `coordinates` d1, `outputs` d2 (d1 by default), `radius` alpha (max(sqrt d1, sqrt d2) by default, the smallest that
    the theorem takes). Independent of the length of the sequence, of d_K and d_V, and of the mask.
    Raises `InputError`.
    """
    d1, d2, H, alpha, C = _checked(coordinates, outputs, heads, radius, constant)
    eps = float(positive("error", error, "widths of attention"))
    return AttentionWidths(
        key=_units(d1, C, 8 * H * alpha**3 * d1**1.5 / eps),
        value=_units(d1, C, 2 * H * alpha * d1 * math.sqrt(d2) / eps),
    )


def block_widths(
    error: float,
    coordinates: int,
    heads: int = 1,
    layers: int = 1,
    radius: float | None = None,
    constant: float = CONSTANT,
) -> BlockWidths:
    """Theorem 11, one block without normalisation, `layers` L linear maps in its feed-forward part:

    n_MHA = d1 C ln(32 alpha^3 H d1^(3/2) / eps), n_FC = d1 C ln(24 alpha L H d1^(5/2) / eps). Raises `InputError`.
    """
    d1, _, H, alpha, C = _checked(coordinates, None, heads, radius, constant)
    eps = float(positive("error", error, "widths of a block"))
    return _block(math.log(eps), math.log(alpha), d1, H, int(count("layers", layers, "widths of a block", least=1)), C)


def transformer_widths(
    error: float,
    blocks: int,
    coordinates: int,
    heads: int = 1,
    layers: int = 1,
    radius: float | None = None,
    constant: float = CONSTANT,
    shrinkage: float = SHRINKAGE,
) -> list[BlockWidths]:
    """Theorem 14, `blocks` B >= 2 without normalisation, first block first: the recursion of its proof.

    beta_1 = alpha, beta_b = alpha (2 (H sqrt d1 + 1))^(b - 1) bounds what enters block b;
    eps_b = eps / (2^(B - b + 1) prod_{j > b} s H sqrt(d1) beta_j^2), with 2^(B - 1) in the first, s = `shrinkage`; the
    widths are those of `block_widths` at error eps_b and radius beta_1, or 2 beta_b from the second block on. They
    shrink from block to block and grow with the square of B. Raises `InputError`.
    """
    d1, _, H, alpha, C = _checked(coordinates, None, heads, radius, constant)
    doing = "widths of a transformer"
    B, L = int(count("blocks", blocks, doing, least=2)), int(count("layers", layers, doing, least=1))
    eps, s = float(positive("error", error, doing)), float(positive("shrinkage", shrinkage, doing))
    root = math.sqrt(d1)
    log_beta = [math.log(alpha) + b * math.log(2 * (H * root + 1)) for b in range(B)]
    found = []
    for b in range(B):
        halvings = B - b if b else B - 1
        later = sum(math.log(s * H * root) + 2 * size for size in log_beta[b + 1 :])
        log_error = math.log(eps) - halvings * math.log(2) - later
        found.append(_block(log_error, log_beta[b] + (math.log(2) if b else 0.0), d1, H, L, C))
    return found


def _block(log_error: float, log_radius: float, d1: int, H: int, L: int, C: float) -> BlockWidths:
    # in logarithms: the errors of many blocks leave float64
    return BlockWidths(
        attention=d1 * C * max(math.log(32 * H * d1**1.5) + 3 * log_radius - log_error, 0.0),
        feed_forward=d1 * C * max(math.log(24 * L * H * d1**2.5) + log_radius - log_error, 0.0),
        error=math.exp(log_error),
    )


def _units(d1: int, C: float, inverse: float) -> float:
    return d1 * C * max(math.log(inverse), 0.0)


def _checked(
    coordinates: int, outputs: int | None, heads: int, radius: float | None, constant: float
) -> tuple[int, int, int, float, float]:
    doing = "widths of the theorems of attention"
    d1 = int(count("coordinates", coordinates, doing, least=1))
    d2 = d1 if outputs is None else int(count("outputs", outputs, doing, least=1))
    H = int(count("heads", heads, doing, least=1))
    least = math.sqrt(max(d1, d2))
    alpha = least if radius is None else float(positive("radius", radius, doing))
    if alpha < least * (1 - 1e-12):
        raise InputError(f"{doing}: radius = {alpha} was given; the theorems take at least sqrt(d) = {least:.6g}.")
    return d1, d2, H, alpha, float(positive("constant", constant, doing))
