"""Targets of transformers without normalisation: blocks of attention and feed-forward networks, with shortcuts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.attention_target import AttentionTarget
from slt.collapsed_transformer import causal_mask
from slt.errors import InputError, UnsupportedModuleError
from slt.targets import Target, refuse_altered

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class BlockTarget:
    """x -> F(y) + y with y = Attn(x) + x, tokens of one dimension throughout.

    Raises InputError for dimensions that do not agree.
    """

    attention: AttentionTarget
    feed_forward: Target

    def __post_init__(self) -> None:
        # tokens of a stack are (count, T, size)
        object.__setattr__(self, "attention", replace(self.attention, batch_first=True))
        sizes = {*self.attention.token_sizes, self.attention.outputs, self.feed_forward.inputs}
        if len(sizes | {self.feed_forward.outputs}) > 1 or self.feed_forward.flatten:
            raise InputError(
                f"reading a transformer block: attention takes tokens of {self.attention.token_sizes} coordinates and "
                f"answers {self.attention.outputs}, its feed-forward network takes {self.feed_forward.inputs} "
                f"{'after Flatten ' if self.feed_forward.flatten else ''}and answers {self.feed_forward.outputs}; "
                "the shortcuts need one dimension throughout, and no Flatten"
            )

    @property
    def size(self) -> int:
        """Coordinates of a token."""
        return self.feed_forward.inputs


@final
@dataclass(frozen=True, eq=False)
class TransformerTarget:
    """A stack of blocks; ``causal``: a token attends to itself and those before it.

    This is the network of theorems 11 and 14 of Otsuka et al., "The strong lottery ticket hypothesis for multi-head
    attention" (AAAI 2026): no normalisation, no embedding, no positions.
    """

    blocks: tuple[BlockTarget, ...]
    causal: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if not self.blocks or len({block.size for block in self.blocks}) > 1:
            raise InputError(
                f"reading a transformer: blocks with tokens of {[block.size for block in self.blocks]} coordinates "
                "were given; one block at least, and one dimension, is needed"
            )

    @property
    def size(self) -> int:
        """Coordinates of a token."""
        return self.blocks[0].size

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the inputs that a domain speaks of."""
        return (self.size,)

    @property
    def weights(self) -> int:
        """How many parameters the target has."""
        return sum(block.attention.weights + block.feed_forward.weights for block in self.blocks)

    @staticmethod
    def of(model: nn.Module | TransformerTarget) -> TransformerTarget:
        """Reads an ``slt.transformer_model.PlainTransformer``, as in eval mode; a TransformerTarget passes through.

        Raises UnsupportedModuleError (another type; parts that AttentionTarget and Target do not read) and InputError.
        """
        if isinstance(model, TransformerTarget):
            return model
        from slt.transformer_model import PlainTransformer

        if type(model) is not PlainTransformer:
            kind = type(model)
            raise UnsupportedModuleError(
                f"reading a transformer: a {kind.__module__}.{kind.__qualname__} was given; an "
                "slt.transformer_model.PlainTransformer or a TransformerTarget is needed. slt.find_ticket reads other "
                "transformers as module trees, layer by layer"
            )
        for path, part in model.named_modules():
            refuse_altered(part, path)
        blocks = [BlockTarget(AttentionTarget.of(b.attention), Target.of(b.feed_forward)) for b in model.stack]
        return TransformerTarget(tuple(blocks), model.causal)

    @staticmethod
    def from_parts(
        attentions: Sequence[AttentionTarget], feed_forwards: Sequence[Target], causal: bool = False
    ) -> TransformerTarget:
        """From one attention and one feed-forward network for every block."""
        if len(attentions) != len(feed_forwards):
            raise InputError(
                f"reading a transformer: {len(attentions)} attentions were given with {len(feed_forwards)} "
                "feed-forward networks; one of each a block is needed"
            )
        pairs = zip(attentions, feed_forwards, strict=True)
        return TransformerTarget(tuple(BlockTarget(a, f) for a, f in pairs), causal)

    def forward(self, tokens: Any, mask: Any = None) -> FloatArray:
        """Outputs in float64, shape (..., T, size), for tokens of that shape; ``mask`` (..., T, T) bool, True where a
        token may attend."""
        x = np.asarray(tokens, dtype=np.float64)
        allowed = causal_mask(self.causal, x.shape[-2], mask)
        for block in self.blocks:
            y = block.attention.forward(x, mask=allowed) + x
            x = block.feed_forward.forward(y.reshape(-1, self.size)).reshape(y.shape) + y
        return x
