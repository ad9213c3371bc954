"""What a transformer ticket computes: the merged attention and the collapsed feed-forward network of every block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.collapsed import CollapsedNetwork
from slt.merged_attention import MergedAttention, attendable

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class CollapsedTransformer:
    """Blocks x -> F(y) + y with y = Attn(x) + x, each as (attention, feed-forward network)."""

    blocks: tuple[tuple[MergedAttention, CollapsedNetwork], ...]
    causal: bool = False

    def forward(self, tokens: Any, mask: Any = None) -> FloatArray:
        """Outputs in float64, shape (..., T, size), for tokens of that shape; ``mask`` (..., T, T) bool, True where a
        token may attend."""
        x = np.asarray(tokens, dtype=np.float64)
        allowed = causal_mask(self.causal, x.shape[-2], mask)
        for attention, feed_forward in self.blocks:
            y = attention.forward(x, mask=allowed) + x
            x = feed_forward.forward(y.reshape(-1, y.shape[-1])).reshape(y.shape) + y
        return x


def causal_mask(causal: bool, tokens: int, mask: Any) -> npt.NDArray[np.bool_] | None:
    """Which tokens may be attended, (..., tokens, tokens), by a mask and, if ``causal``, none that come later; None for
    all. InputError for a mask of another shape or type."""
    given = None if mask is None else attendable(mask, tokens, tokens)
    if not causal:
        return given
    earlier = np.tri(tokens, dtype=np.bool_)
    return earlier if given is None else np.asarray(given & earlier)
