"""Multi-head attention from random multi-head attention: every merged matrix entry a subset sum of random products."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.attention_target import AttentionTarget
from slt.constructions.construction import Construction, Request
from slt.constructions.sides import KeysAndValues, Sides
from slt.constructions.sums import BATCH, Tally, check_items, scale_of, solve_batch
from slt.errors import InputError, LimitError
from slt.masks import Mask
from slt.tickets import Ticket
from slt.tickets.attention_source import BIAS, QUERY_KEY, VALUE_OUTPUT, AttentionSource
from slt.tickets.products import Product
from slt.tickets.residuals import on_lattice
from slt.weights import Uniform

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True)
class Attention(Construction):
    """Otsuka, Chijiwa, Okoshi, Fujiki, Takeuchi, Motomura, strong lottery tickets in multi-head attention (AAAI 2026,
    arXiv 2511.04217), theorem 3; its constant C is not given.

    For each head, entry (i, j) of the merged W_Q W_K^T / sqrt(d_K) is a subset sum of ``width`` products q_ik k_jk, and
    entry (j, i) of W_V W_O one of v_jk o_ki, over the units k of coordinate j. Units serve both signs of an input, as
    no ReLU stands between. The key dimension of the random network is coordinates * width, and the error falls by a
    factor 2 for each unit of width, up to the square root of the width. Any mask, cross-attention and sequence length.

    sides        which matrices are structured: ``KeysAndValues()`` as in the theorem, or another of
                 ``slt.constructions.sides``
    shared_keys  one random structured pair for all heads, keys and values by default, in the place of as many as the
                 target has: the same errors, with fewer random weights
    scaled       where a merged matrix has entries above 1 its targets are divided by a power of two, which the ticket
                 carries; False: as in the theorem, whose sums then may not reach them
    """

    theorem: ClassVar[str] = "Otsuka et al. 2026, theorem 3"
    depth: ClassVar[str] = "L"
    law: ClassVar[str] = "slt.laws.attention"
    status: ClassVar[str] = "sums exact, tokens certified"

    sides: Sides = field(default_factory=KeysAndValues)
    shared_keys: bool = False
    scaled: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.sides, Sides):
            raise InputError(f"Attention: sides must be an object such as KeysAndValues(); {self.sides!r} was given")
        for name in ("shared_keys", "scaled"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"Attention: {name} must be true or false; {getattr(self, name)!r} was given")

    def read(self, model: Any) -> AttentionTarget:
        return AttentionTarget.of(model)

    def lay_out(self, request: Request) -> AttentionSource:
        """The source network for a target: its architecture, weight law and key."""
        target: AttentionTarget = request.target
        merged = target.merged()
        bias = target.output_bias is not None or target.value_bias is not None
        scales = {QUERY_KEY: merged.query_key, VALUE_OUTPUT: merged.value_output, BIAS: merged.bias}
        found = {n: scale_of(n, float(np.abs(m).max())) if self.scaled else 0 for n, m in scales.items()}
        return AttentionSource(
            key=request.key,
            law=request.law,
            width=request.width,
            heads=merged.heads,
            groups=1 if self.shared_keys else target.groups,
            queries=merged.queries,
            keys=merged.keys,
            values=merged.values,
            outputs=merged.outputs,
            query_constant=merged.query_constant,
            bias=bias,
            structured_queries=self.sides.queries(merged.queries + merged.query_constant, merged.keys),
            structured_outputs=self.sides.outputs(merged.outputs, merged.values),
            query_key_scale=found[QUERY_KEY],
            value_output_scale=found[VALUE_OUTPUT],
            bias_scale=found[BIAS],
            batch_first=target.batch_first,
            dropout=target.dropout,
        )

    def find(self, request: Request) -> Ticket:
        check_items(request)
        source = self.lay_out(request)
        wanted = source.wanted(request.target)
        tally = Tally(sum(w.size for w in wanted.values()), request)
        masks = {}
        for name, product in source.products.items():
            matrices = wanted[name].swapaxes(1, 2) if source.turned(name) else wanted[name]
            masks[name] = Mask.of(solve_product(product, matrices, tally))
        return Ticket(source, masks, request.domain, request.target, tally.findings())

    def enough_width(self, request: Request, tolerance: float) -> int | None:
        from slt.laws import needed_attention_width

        if not (isinstance(request.law, Uniform) and tolerance > 0):
            return None
        source = self.lay_out(request)
        wanted, products = source.wanted(request.target), source.products
        # all of them within as likely as not
        each = 0.5 ** (1 / len(products))
        try:
            return max(
                needed_attention_width(each, tolerance / 2.0**p.scale, _coarse(wanted[n]) / 2.0**p.scale)
                for n, p in products.items()
            )
        except LimitError:
            return None


def _coarse(wanted: FloatArray) -> FloatArray:
    """Sizes of the entries; where they are many rounded up to few different ones, as the law looks at each."""
    sizes = np.abs(wanted).ravel()
    step = float(sizes.max(initial=0.0)) / 256
    return sizes if sizes.size <= 4096 or step == 0 else np.ceil(sizes / step) * step


def solve_product(product: Product, wanted: FloatArray, tally: Tally) -> BoolArray:
    """The mask of a product that is to compute ``wanted``, shape (heads, summed.rows, structured.rows)."""
    targets, rounding = on_lattice(wanted, product.exponent)
    usable = np.ones((product.structured.rows, product.width), dtype=np.bool_)
    if tally.request.tolerance is None:
        usable[:, tally.request.max_items :] = False
    mask = np.zeros(product.mask_shape, dtype=np.bool_)
    step = max(1, BATCH // product.units)
    for head in range(product.heads):
        first = product.first(product.group(head))
        for start in range(0, product.summed.rows, step):
            rows = slice(start, min(start + step, product.summed.rows))
            items = product.second(head, rows) * first
            mask[head, rows] = solve_batch(
                items, targets[head, rows], rounding[head, rows], usable, product.scale, tally
            )
    return mask
