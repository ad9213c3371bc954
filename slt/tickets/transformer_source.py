"""The source of a transformer: an attention source and a two-layer source for every block, shortcuts around both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from slt.collapsed_transformer import CollapsedTransformer
from slt.domains import Ball, Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.tickets.attention_source import AttentionSource
from slt.tickets.composite_source import CompositeSource
from slt.tickets.source import Source
from slt.tickets.two_layer_source import TwoLayerSource
from slt.transformer_target import TransformerTarget
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    import torch
    from torch import nn

ATTENTION, FEED_FORWARD = "attention", "feed-forward"


def part_key(key: Key, block: int, part: str) -> Key:
    """Where the random weights of a part are: key / "block b" / "attention" or "feed-forward"."""
    return key / f"block {block}" / part


@final
@dataclass(frozen=True)
class TransformerSource(CompositeSource):
    """Parts ``block <b>/attention`` and ``block <b>/feed-forward``, tensors ``blocks.<b>.attention.`` and
    ``blocks.<b>.feed_forward.`` before their own names. The parts lie at ``part_key`` and have the law of the whole;
    their widths may differ."""

    kind: ClassVar[str] = "transformer"

    key: Key
    law: WeightLaw
    blocks: tuple[tuple[AttentionSource, TwoLayerSource], ...]
    causal: bool = False

    def __post_init__(self) -> None:
        if not self.blocks or not isinstance(self.causal, bool):
            raise InputError(
                f"a transformer source needs one block at least, and causal True or False; {len(self.blocks)} blocks "
                f"and causal={self.causal!r} were given"
            )
        sizes = set()
        for b, (attention, feed_forward) in enumerate(self.blocks):
            sizes |= {attention.queries, attention.keys, attention.values, attention.outputs}
            sizes |= {feed_forward.blocks[0].inputs, feed_forward.blocks[-1].outputs}
            for name, part in ((ATTENTION, attention), (FEED_FORWARD, feed_forward)):
                if part.key != part_key(self.key, b, name) or part.law != self.law:
                    raise InputError(
                        f"the {name} source of block {b} lies at {part.key} with law {part.law.name}; "
                        f"{part_key(self.key, b, name)} with {self.law.name} is needed"
                    )
        if len(sizes) > 1:
            raise InputError(f"the parts of a transformer source differ in the size of their tokens: {sorted(sizes)}")

    @property
    def parts(self) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for b, (attention, feed_forward) in enumerate(self.blocks):
            found[f"block {b}/{ATTENTION}"], found[f"block {b}/{FEED_FORWARD}"] = attention, feed_forward
        return found

    def prefix(self, part: str) -> str:
        block, _, name = part.partition("/")
        return f"blocks.{block.removeprefix('block ')}.{name.replace('-', '_')}"

    def domain(self, part: str, domain: Domain) -> Domain:
        return domain_of(part, domain)

    def target(self, model: Any) -> TransformerTarget:
        return TransformerTarget.of(model)

    def targets(self, target: TransformerTarget) -> dict[str, Any]:
        if len(target.blocks) != len(self.blocks) or target.causal != self.causal:
            raise InputError(
                f"the ticket was made for {len(self.blocks)} blocks with causal={self.causal}, the target has "
                f"{len(target.blocks)} with causal={target.causal}; pass the model that the ticket was made for"
            )
        return parts_of(target)

    def collapsed(self, masks: Mapping[str, Mask]) -> CollapsedTransformer:
        blocks = [
            (
                attention.collapsed(self.masks_of(f"block {b}/{ATTENTION}", masks)),
                feed_forward.collapsed(self.masks_of(f"block {b}/{FEED_FORWARD}", masks)),
            )
            for b, (attention, feed_forward) in enumerate(self.blocks)
        ]
        return CollapsedTransformer(tuple(blocks), self.causal)

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        return self._stacked(self.modules(weights))

    def collapsed_module(self, masks: Mapping[str, Mask], dtype: torch.dtype) -> nn.Module:
        from slt.tickets.collapsed_chain import collapsed_chain

        modules = {}
        for b, (attention, feed_forward) in enumerate(self.blocks):
            first, second = f"block {b}/{ATTENTION}", f"block {b}/{FEED_FORWARD}"
            modules[first] = attention.collapsed_module(self.masks_of(first, masks), dtype)
            modules[second] = collapsed_chain(feed_forward.collapsed(self.masks_of(second, masks)), dtype)
        return self._stacked(modules)

    def _stacked(self, modules: Mapping[str, nn.Module]) -> nn.Module:
        from slt.transformer_model import PlainBlock, PlainTransformer

        names = [(f"block {b}/{ATTENTION}", f"block {b}/{FEED_FORWARD}") for b in range(len(self.blocks))]
        return PlainTransformer([PlainBlock(modules[a], modules[f]) for a, f in names], self.causal).eval()

    def header(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.key.seed,
            "path": list(self.key.path),
            "law": self.law.name,
            "causal": self.causal,
            "blocks": [[attention.header(), feed_forward.header()] for attention, feed_forward in self.blocks],
        }

    @staticmethod
    def from_header(header: dict[str, Any]) -> TransformerSource:
        if not isinstance(header["path"], list):
            raise InputError(f"the path of the key must be a list of strings; {header['path']!r} was given")
        blocks = [
            (AttentionSource.from_header(attention), TwoLayerSource.from_header(feed_forward))
            for attention, feed_forward in header["blocks"]
        ]
        key = Key(header["seed"], tuple(header["path"]))
        return TransformerSource(key, named_law(header["law"]), tuple(blocks), header["causal"])


def parts_of(target: TransformerTarget) -> dict[str, Any]:
    """The targets of all parts, by the names of the parts."""
    found: dict[str, Any] = {}
    for b, block in enumerate(target.blocks):
        found[f"block {b}/{ATTENTION}"], found[f"block {b}/{FEED_FORWARD}"] = block.attention, block.feed_forward
    return found


def domain_of(part: str, domain: Domain) -> Domain:
    """The inputs of a part, as far as their signs go: behind an attention, anything."""
    return domain if part == f"block 0/{ATTENTION}" else Ball(1.0)
