"""Figure 6 of the paper: stacks of transformer blocks without normalisation, an untrained target of one head."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import slt
from slt.attention_target import AttentionTarget
from slt.collapsed_transformer import CollapsedTransformer
from slt.constructions.attention import Attention
from slt.constructions.transformer import Transformer
from slt.errors import NoUsableItemError
from slt.transformer_target import TransformerTarget
from slt.weights import LATTICE

Array = npt.NDArray[np.float64]
TOLERANCE = 2.0**-16  # of a weight: all units serve, and errors far below the scale of the figure are not resolved


def stack(blocks: int, d: int, keys: int, key: slt.Key) -> TransformerTarget:
    """Weights as appendix B.1 says of targets: queries and keys U[-k^(1/4), k^(1/4)], k = ``keys``, the rest U[-1, 1];
    one linear map for each feed-forward part."""
    attentions, feeds = [], []
    for b in range(blocks):

        def uniform(name: str, *shape: int, b: int = b) -> Array:
            draws = slt.Uniform().draw(key / f"block {b}" / name, (*shape, 1))[:, :, 0]
            return np.asarray(np.ldexp(draws.astype(np.float64), -LATTICE))

        query, of_keys = (keys**0.25 * uniform(name, d, keys) for name in ("query", "key"))
        value, output = uniform("value", d, keys), uniform("output", keys, d)
        attentions.append(AttentionTarget.from_arrays(query[None], of_keys[None], value[None], output[None]))
        feeds.append(slt.Target.from_arrays([uniform("feed-forward", d, d)]))
    return TransformerTarget.from_parts(attentions, feeds)


def errors(target: TransformerTarget, width: int, key: slt.Key, tokens: Array) -> list[float]:
    """Mean |difference| over all outputs of all tokens, for the first one, two .. blocks of one ticket; NaN if a
    coordinate has no unit of the right sign, so that there is none."""
    construction = Transformer(attention=Attention(scaled=False))
    try:
        ticket: Any = slt.find_ticket(
            target, width=width, seed=key, inputs=slt.Ball(1.0), tolerance=TOLERANCE, construction=construction
        )
    except NoUsableItemError:
        return [np.nan] * len(target.blocks)
    found = ticket.collapsed().blocks
    gaps = []
    for b in range(1, len(target.blocks) + 1):
        gap = CollapsedTransformer(found[:b]).forward(tokens) - TransformerTarget(target.blocks[:b]).forward(tokens)
        gaps.append(float(np.abs(gap).mean()))
    return gaps
