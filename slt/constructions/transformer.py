"""Transformers without normalisation from random transformers: both theorems block by block, one ticket."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

from slt.constructions.attention import Attention
from slt.constructions.construction import Construction, Findings, Progress, Request
from slt.constructions.two_layer_sum import TwoLayerSum
from slt.errors import InputError
from slt.tickets import AttentionSource, Source, Ticket
from slt.tickets.branches import wanted_parts
from slt.tickets.transformer_source import (
    ATTENTION,
    FEED_FORWARD,
    TransformerSource,
    domain_of,
    part_key,
    parts_of,
)
from slt.transformer_target import TransformerTarget


@final
@dataclass(frozen=True)
class Transformer(Construction):
    """Otsuka et al., strong lottery tickets in multi-head attention (AAAI 2026, arXiv 2511.04217), theorems 11 and 14;
    their constant C is not given.

    Block b of the source is random attention and a random ReLU network of twice the layers, each with a shortcut, at
    key / "block b" / "attention" and "feed-forward"; ``attention`` and ``feed_forward`` prune them to match those of
    the target. Nothing is carried for the composition. The error falls by one bit for each unit of width in attention
    and one for every two in the feed-forward networks, which therefore decide: -ln 2 / (2 d) in n = d * width, the same
    for any number of blocks, whose number shows in the factor alone.

    attention_widths, feed_forward_widths   one for each block, as in theorem 14, whose first blocks are the widest;
                                            empty: the width that is asked for throughout
    """

    theorem: ClassVar[str] = "Otsuka et al. 2026, theorems 11 and 14"
    depth: ClassVar[str] = "2L"
    law: ClassVar[str] = "slt.laws.networks"
    status: ClassVar[str] = "sums exact, tokens certified (loose from 3 blocks on)"

    attention: Attention = field(default_factory=Attention)
    feed_forward: TwoLayerSum = field(default_factory=TwoLayerSum)
    attention_widths: tuple[int, ...] = ()
    feed_forward_widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("attention", Attention), ("feed_forward", TwoLayerSum)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"Transformer: {name} must be {kind.__name__}(...); {getattr(self, name)!r} was given")
        for name in ("attention_widths", "feed_forward_widths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def read(self, model: Any) -> TransformerTarget:
        return TransformerTarget.of(model)

    def lay_out(self, request: Request) -> TransformerSource:
        """The source network for a target: its architecture, weight law and key."""
        requests = self._requests(request)
        blocks = [
            (
                self.attention.lay_out(requests[f"block {b}/{ATTENTION}"]),
                self.feed_forward.lay_out(requests[f"block {b}/{FEED_FORWARD}"]),
            )
            for b in range(len(request.target.blocks))
        ]
        return TransformerSource(request.key, request.law, tuple(blocks), request.target.causal)

    def find(self, request: Request) -> Ticket:
        source = self.lay_out(request)
        requests = self._requests(request)
        total = sum(_sums(source.parts[name], part) for name, part in requests.items())
        tickets: dict[str, Ticket] = {}
        done = 0
        for name, part in requests.items():
            tickets[name] = self._of(name).find(replace(part, progress=_after(done, total, request.progress)))
            done += tickets[name].findings.sums
        masks = {f"{name}/{m}": mask for name, ticket in tickets.items() for m, mask in ticket.mask.items()}
        findings = _together([ticket.findings for ticket in tickets.values()])
        return Ticket(source, masks, request.domain, request.target, findings)

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        if self.attention_widths or self.feed_forward_widths:
            return None
        widths = [self._of(name).enough_width(part, tolerance) for name, part in self._requests(request).items()]
        known = [width for width in widths if width is not None]
        return max(known) if len(known) == len(widths) else None

    def _of(self, part: str) -> Attention | TwoLayerSum:
        return self.attention if part.endswith(f"/{ATTENTION}") else self.feed_forward

    def _requests(self, request: Request) -> dict[str, Request]:
        """What is asked of each part, by its name."""
        target: TransformerTarget = request.target
        found = {}
        for name, wanted in parts_of(target).items():
            block, _, part = name.partition("/")
            b = int(block.removeprefix("block "))
            widths = self.attention_widths if part == ATTENTION else self.feed_forward_widths
            if widths and len(widths) != len(target.blocks):
                raise InputError(
                    f"Transformer: {len(widths)} {part} widths were given for {len(target.blocks)} blocks; one for "
                    "each is needed, or none"
                )
            found[name] = replace(
                request,
                target=wanted,
                width=widths[b] if widths else request.width,
                key=part_key(request.key, b, part),
                domain=domain_of(name, request.domain),
            )
        return found


def _after(done: int, total: int, progress: Progress | None) -> Callable[[int, int], None] | None:
    """The progress of a part as that of the whole."""
    return None if progress is None else lambda here, _: progress(done + here, total)


def _sums(source: Source, request: Request) -> int:
    """How many sums a part poses."""
    if isinstance(source, AttentionSource):
        return sum(math.prod(product.mask_shape[:3]) for product in source.products.values())
    wanted = wanted_parts(request.target, request.domain).values()
    return sum(len(w.matrix) * (int(w.positive.sum()) + int(w.negative.sum())) for w in wanted)


def _together(found: list[Findings]) -> Findings:
    missed = [f.missed for f in found]
    needed = [f.needed_width for f in found]
    return Findings(
        sums=sum(f.sums for f in found),
        missed=None if None in missed else sum(m for m in missed if m is not None),
        needed_width=None if None in needed else max(n for n in needed if n is not None),
        kept=sum(f.kept for f in found),
    )
