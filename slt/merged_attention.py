"""Multi-head attention with its matrices merged: the function that targets and tickets of attention both compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class MergedAttention:
    """Sum over heads h of softmax(x A_h y^T ; mask) z C_h, plus a bias, for queries x, keys y and values z.

    query_key     (H, d_q + query_constant, d_k + key_constant) float64: A_h, the 1 / sqrt(d_K) included
    value_output  (H, d_v + key_constant, d_out) float64: C_h
    bias          (d_out,) float64
    query_constant, key_constant  whether a coordinate that is always 1 is appended to queries, to keys and values.
                  Biases need the first alone: what a key bias adds to a row of logits is the same for every key, which
                  softmax does not see, and attention weights sum to 1, so that a value bias is an output bias
    rounding      how far an entry may be from the real number it stands for; 0.0: all are exact

    Raises InputError for shapes that do not fit.
    """

    query_key: FloatArray
    value_output: FloatArray
    bias: FloatArray
    query_constant: bool = False
    key_constant: bool = False
    rounding: float = 0.0

    def __post_init__(self) -> None:
        a, c, b = (np.array(m, dtype=np.float64) for m in (self.query_key, self.value_output, self.bias))
        if a.ndim != 3 or c.ndim != 3 or len(a) != len(c) or b.shape != c.shape[2:] or not (a.size and c.size):
            raise InputError(
                f"merged attention: query_key {a.shape}, value_output {c.shape} and bias {b.shape} were given; "
                "(heads, d_q, d_k), (heads, d_v, d_out) and (d_out,) are needed"
            )
        for name, array in (("query_key", a), ("value_output", c), ("bias", b)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def heads(self) -> int:
        return len(self.query_key)

    @property
    def queries(self) -> int:
        """d_q, without the constant coordinate."""
        return int(self.query_key.shape[1]) - self.query_constant

    @property
    def keys(self) -> int:
        """d_k, without the constant coordinate."""
        return int(self.query_key.shape[2]) - self.key_constant

    @property
    def values(self) -> int:
        """d_v, without the constant coordinate."""
        return int(self.value_output.shape[1]) - self.key_constant

    @property
    def outputs(self) -> int:
        return int(self.value_output.shape[2])

    def forward(self, queries: Any, keys: Any = None, mask: Any = None, values: Any = None) -> FloatArray:
        """Outputs in float64, shape (..., T, d_out).

        ``queries`` (..., T, d_q); ``keys`` (..., S, d_k), None for self-attention; ``values`` (..., S, d_v), None where
        they are the keys; ``mask`` (..., T, S) bool, True where a query may attend, None for everywhere. Raises
        InputError for other shapes and for a mask that hides every key from a query.
        """
        x = _tokens("queries", queries, self.queries)
        y = _tokens("keys", queries if keys is None else keys, self.keys)
        z = _tokens("values", (queries if keys is None else keys) if values is None else values, self.values)
        if y.shape[-2] != z.shape[-2]:
            raise InputError(f"attention: {y.shape[-2]} keys with {z.shape[-2]} values were given; one each is needed")
        allowed = None if mask is None else attendable(mask, x.shape[-2], y.shape[-2])
        x, y, z = _extended(x, self.query_constant), _extended(y, self.key_constant), _extended(z, self.key_constant)
        out = np.zeros(self.outputs)
        # head by head: one matrix of logits at a time
        for a, c in zip(self.query_key, self.value_output, strict=True):
            out = out + softmax(x @ a @ y.swapaxes(-1, -2), allowed) @ (z @ c)
        return np.asarray(out + self.bias)


def attendable(mask: Any, queries: int, keys: int) -> BoolArray:
    """A mask as it was given, (..., queries, keys) bool, True where a query may attend; InputError for another shape or
    type, or if it hides every key from a query."""
    allowed = np.asarray(mask)
    if allowed.dtype != bool or allowed.ndim < 2 or allowed.shape[-2:] != (queries, keys):
        raise InputError(
            f"attention: the mask has shape {allowed.shape} and dtype {allowed.dtype}; booleans of shape "
            f"(..., {queries}, {keys}) are needed, True where a query may attend"
        )
    refuse_hidden(np.argwhere(~allowed.any(axis=-1)))
    return allowed


def refuse_hidden(hidden: npt.NDArray[np.int64]) -> None:
    """InputError that names the queries from which a mask hides every key; ``hidden``: their indices, one a row."""
    if len(hidden):
        rows = [index[0] if len(index) == 1 else tuple(index) for index in hidden.tolist()]
        shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
        raise InputError(
            f"attention: the masks hide every key from {len(rows)} queries (index {shown}), whose attention weights "
            "are 0 / 0; let each query attend at least one key, or leave these queries out"
        )


def softmax(logits: FloatArray, allowed: BoolArray | None) -> FloatArray:
    """Over the last axis, among the allowed entries."""
    if allowed is not None:
        logits = np.where(allowed, logits, -np.inf)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _tokens(name: str, given: Any, size: int) -> FloatArray:
    tokens = np.asarray(given, dtype=np.float64)
    if tokens.ndim < 2 or tokens.shape[-1] != size or not tokens.shape[-2]:
        raise InputError(f"attention: {name} of shape {tokens.shape} were given; (..., tokens, {size}) is needed")
    return tokens


def _extended(tokens: FloatArray, constant: bool) -> FloatArray:
    return np.concatenate([tokens, np.ones((*tokens.shape[:-1], 1))], axis=-1) if constant else tokens
