"""The source of the attention construction: multi-head attention whose key and value dimensions are random and large.

Merging what attention multiplies, head h has logits x A_h y^T and answers with y C_h. A_h is a product of the random
query and key matrices, C_h of the random value and output matrices (``slt.tickets.products``). Keys and values are the
structured sides by default: their masks do not depend on the target, so that groups of heads, or all of them, may share
one random key and value matrix.

The theorem draws queries and keys from U[-n**(1/4), n**(1/4)], n the random key dimension, and divides logits by
sqrt(n). The two factors n**(1/4) cancel 1 / sqrt(n) exactly: here the weights stay on (-1, 1), where float32 holds
them, and the module multiplies logits by 1.

Biases come from a coordinate that is always 1: a random row more on the side of the queries, and ``width`` random units
more on the side of the values. Attention weights sum to 1, so that what these units answer passes through unchanged:
the module adds it once, behind the heads. A key bias adds the same to every logit of a query and needs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.attention_target import AttentionTarget, dropout_rate
from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.merged_attention import MergedAttention
from slt.tickets.blocks import whole
from slt.tickets.products import Product, Side
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]
QUERY_KEY, VALUE_OUTPUT, BIAS = "query-key", "value-output", "bias"
SCALES = {QUERY_KEY: "logit_scale.factor", VALUE_OUTPUT: "output_scale.factor", BIAS: "bias.scale.factor"}


@final
@dataclass(frozen=True)
class AttentionSource(Source):
    """Tensors ``query.weight`` (and ``.bias``), ``key.weight``, ``value.weight``, ``output.weight``, and, if ``bias``,
    ``bias.first.bias`` and ``bias.second.weight``; masks ``query-key``, ``value-output`` and ``bias``.

    heads, groups       groups of heads share a structured side
    queries, keys, values, outputs   d_q, d_k, d_v, d_out
    query_constant      queries have a coordinate that is always 1
    bias                there is an output bias
    structured_queries, structured_outputs   these, in the place of keys and values, are the structured sides
    query_key_scale, value_output_scale, bias_scale   exponents of the powers of two that the ticket carries, 0: none
    batch_first         layout of the module's inputs, as in torch
    dropout             rate at which the module drops attention weights in train mode, in [0, 1)
    """

    kind: ClassVar[str] = "attention"

    key: Key
    law: WeightLaw
    width: int
    heads: int
    groups: int
    queries: int
    keys: int
    values: int
    outputs: int
    query_constant: bool
    bias: bool
    structured_queries: bool = False
    structured_outputs: bool = False
    query_key_scale: int = 0
    value_output_scale: int = 0
    bias_scale: int = 0
    batch_first: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "heads", "groups", "queries", "keys", "values", "outputs"):
            value = getattr(self, name)
            if not whole(value, 1):
                raise InputError(f"an attention source needs a whole number >= 1 of {name}; {value!r} was given")
            object.__setattr__(self, name, int(value))  # a NumPy integer would not go into a file
        for name in ("query_constant", "bias", "structured_queries", "structured_outputs", "batch_first"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} must be true or false; {getattr(self, name)!r} was given")
        object.__setattr__(self, "dropout", dropout_rate("an attention source", self.dropout))
        _ = self.products  # checks the rest

    # -- layout ----------------------------------------------------------------------------------------------------

    @cached_property
    def products(self) -> dict[str, Product]:
        """By the name of their mask."""
        query, key = Side("query", self.queries, self.query_constant), Side("key", self.keys)
        value, output = Side("value", self.values), Side("output", self.outputs, outputs=True)
        left = (key, query) if self.structured_queries else (query, key)
        right = (value, output) if self.structured_outputs else (output, value)
        found = [
            self._product(QUERY_KEY, *left, self.heads, self.groups, self.query_key_scale),
            self._product(VALUE_OUTPUT, *right, self.heads, self.groups, self.value_output_scale),
        ]
        if self.bias:
            ends = Side("bias.second", self.outputs, outputs=True), Side("bias.first", 0, constant=True)
            found.append(self._product(BIAS, *ends, 1, 1, self.bias_scale))
        return {product.name: product for product in found}

    def _product(self, name: str, summed: Side, structured: Side, heads: int, groups: int, scale: int) -> Product:
        return Product(name, summed, structured, heads, groups, self.width, scale, self.key, self.law)

    def turned(self, name: str) -> bool:
        """Whether the entries of a product are the transposed ones of ``MergedAttention``: its rows are the summed
        side."""
        return {QUERY_KEY: self.structured_queries, VALUE_OUTPUT: not self.structured_outputs, BIAS: True}[name]

    def wanted(self, target: AttentionTarget) -> dict[str, FloatArray]:
        """What each product is to compute, by the name of its mask, as ``MergedAttention`` has it; the bias (1, 1,
        d_out). InputError for a target of another shape."""
        merged = target.merged()
        given = (merged.heads, merged.queries, merged.keys, merged.values, merged.outputs, merged.query_constant)
        made_for = (self.heads, self.queries, self.keys, self.values, self.outputs, self.query_constant)
        if given != made_for or (bool(merged.bias.any()) and not self.bias):
            raise InputError(
                f"the ticket was made for attention with (heads, d_q, d_k, d_v, d_out, query bias) = {made_for} and "
                f"{'a' if self.bias else 'no'} bias, the target has {given}; pass the model that the ticket was made "
                "for"
            )
        found = {QUERY_KEY: merged.query_key, VALUE_OUTPUT: merged.value_output}
        return found | ({BIAS: merged.bias[None, None]} if self.bias else {})

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: product.mask_shape for name, product in self.products.items()}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: shape for p in self.products.values() for name, (_, shape) in p.tensors.items()}

    @property
    def carried(self) -> tuple[Carried, ...]:
        return tuple(Carried(SCALES[n], 2.0**p.scale) for n, p in self.products.items() if p.scale)

    def _of(self, tensor: str) -> Product:
        return next(product for product in self.products.values() if tensor in product.tensors)

    # -- random weights and masks ----------------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        return self._of(name).draw(name, self.law.draw, slice(None))

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        return self._of(name).draw(name, self.law.draw_plain, rows)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        product = self._of(name)
        return product.dense_mask(name, masks[product.name])

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        product = self._of(name)
        return product.kept(name, masks[product.name])

    def masked(self, name: str, masks: Mapping[str, Mask]) -> IntArray:
        product = self._of(name)
        return product.masked(name, masks[product.name])

    # -- what it computes ------------------------------------------------------------------------------------------

    def _sums(self, masks: Mapping[str, Mask]) -> dict[str, npt.NDArray[np.int64]]:
        """In the orientation of ``MergedAttention``."""
        sums = {name: product.sums(masks[name]) for name, product in self.products.items()}
        return {name: s.swapaxes(1, 2) if self.turned(name) else s for name, s in sums.items()}

    def collapsed(self, masks: Mapping[str, Mask]) -> MergedAttention:
        matrices, rounding = {}, 0.0
        for name, sums in self._sums(masks).items():
            exponent = self.products[name].exponent
            matrices[name] = np.ldexp(sums.astype(np.float64), -exponent)
            largest = int(np.abs(sums).max(initial=0))
            if largest > 2**53:
                rounding = max(rounding, float(np.ldexp(float(largest), -exponent - 52)))
        bias = matrices[BIAS][0, 0] if self.bias else np.zeros(self.outputs)
        return MergedAttention(
            matrices[QUERY_KEY], matrices[VALUE_OUTPUT], bias, query_constant=self.query_constant, rounding=rounding
        )

    def target(self, model: Any) -> AttentionTarget:
        return AttentionTarget.of(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: AttentionTarget) -> Residuals:
        wanted, sums = self.wanted(target), self._sums(masks)
        return Residuals(
            {n: PartResiduals.of(wanted[n], p.exponent, {"any": (sums[n], None)}) for n, p in self.products.items()}
        )

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.tickets.attention_module import RandomAttention

        return RandomAttention(self, weights).eval()

    def collapsed_module(self, masks: Mapping[str, Mask], dtype: torch.dtype) -> nn.Module:
        from slt.tickets.attention_module import CollapsedAttention

        return CollapsedAttention(self.collapsed(masks), self.batch_first, dtype, self.dropout).eval()

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in _FIELDS}
        key = {"seed": self.key.seed, "path": list(self.key.path)}
        return {"kind": self.kind, **key, "law": self.law.name, **fields}

    @staticmethod
    def from_header(header: dict[str, Any]) -> AttentionSource:
        if not isinstance(header["path"], list):
            raise InputError(f"the path of the key must be a list of strings; {header['path']!r} was given")
        key = Key(header["seed"], tuple(header["path"]))
        fields = {name: header[name] for name in _FIELDS if name != "dropout"}
        # files written before the rate was recorded have none
        return AttentionSource(key, named_law(header["law"]), **fields, dropout=header.get("dropout", 0.0))


_FIELDS = tuple(name for name in AttentionSource.__dataclass_fields__ if name not in ("kind", "key", "law"))
