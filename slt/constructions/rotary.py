"""Attention with rotary positions from random attention with rotary positions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from slt.constructions.attention import solve_product
from slt.constructions.construction import Construction, Request
from slt.constructions.sums import Tally, check_items, scale_of
from slt.errors import InputError, LimitError
from slt.masks import Mask
from slt.rotary_target import RotaryTarget
from slt.tickets import Ticket
from slt.tickets.rotary_source import VALUE_OUTPUT, RotarySource
from slt.weights import Uniform


@final
@dataclass(frozen=True)
class Rotary(Construction):
    """Every plane of the target from ``width`` random planes of its frequency a coordinate; the derivation is in
    ``slt.tickets.rotary_source``. It extends the attention of Otsuka et al. (AAAI 2026), which has no positions.

    Half of the random keys, k2 of every plane, is pruned, and one weight of each k1 kept. Then the masks of q1 and q2
    make the cosine and the sine part of the logits independently. The error falls by ln 2 for each unit of width, by
    ln 2 / (d d_K) for each of the n_K = d d_K width dimensions of the random keys. What is carried: the frequencies.

    shared_keys  one random pair of keys and values for all heads, in the place of as many as the target has
    scaled       where a merged matrix has entries above 1 its targets are divided by a power of two, which the ticket
                 carries; False: the sums then may not reach them
    """

    theorem: ClassVar[str] = "derived for this project, after Otsuka et al. 2026, theorem 3"
    depth: ClassVar[str] = "L"
    law: ClassVar[str] = "slt.laws.attention"
    status: ClassVar[str] = "sums exact, tokens certified"

    shared_keys: bool = False
    scaled: bool = True

    def __post_init__(self) -> None:
        for name in ("shared_keys", "scaled"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"Rotary: {name} must be true or false; {getattr(self, name)!r} was given")

    def read(self, model: Any) -> RotaryTarget:
        return RotaryTarget.of(model)

    def lay_out(self, request: Request) -> RotarySource:
        """The source network for a target: its architecture, weight law and key."""
        target: RotaryTarget = request.target
        merged = target.merged()
        sizes = {
            "the logits' matrix": max(float(np.abs(m).max()) for m in (merged.cosine, merged.sine)),
            VALUE_OUTPUT: float(np.abs(merged.value_output).max()),
        }
        logits, values = (scale_of(name, size) if self.scaled else 0 for name, size in sizes.items())
        return RotarySource(
            key=request.key,
            law=request.law,
            width=request.width,
            heads=merged.heads,
            groups=1 if self.shared_keys else target.groups,
            size=merged.size,
            outputs=merged.outputs,
            frequencies=tuple(merged.frequencies.tolist()),
            pairing=target.pairing.name,
            causal=target.causal,
            query_key_scale=logits,
            value_output_scale=values,
        )

    def find(self, request: Request) -> Ticket:
        check_items(request)
        source = self.lay_out(request)
        wanted = source.wanted(request.target)
        tally = Tally(sum(w.size for w in wanted.values()), request)
        masks = {n: Mask.of(solve_product(p, wanted[n], tally)) for n, p in source.products.items()}
        return Ticket(source, masks, request.domain, request.target, tally.findings())

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        from slt.laws.attention import needed_attention_width

        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        source = self.lay_out(request)
        # the coarser resolution of the two kinds of sums for both
        scale = 2.0 ** max(source.query_key_scale, source.value_output_scale)
        sizes = [
            np.abs(matrices).ravel() / 2.0 ** source.products[name].scale
            for name, matrices in source.wanted(request.target).items()
        ]
        try:
            return needed_attention_width(0.5, tolerance / scale, np.concatenate(sizes))
        except LimitError:
            return None
