"""Targets of attention: the multi-head attention that a ticket has to match, as exact float64 matrices, one a head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, UnsupportedModuleError
from slt.merged_attention import MergedAttention, attendable, softmax
from slt.targets import exact, refuse_altered

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
_ARRAYS = ("query", "key", "value", "output", "query_bias", "key_bias", "value_bias", "output_bias")
_TREE = "find its ticket with construction=slt.ModuleTree(), which prunes its four maps one by one"


@final
@dataclass(frozen=True, eq=False)
class AttentionTarget:
    """Head h answers softmax((x Q_h + b) (y K_g + b)^T / sqrt(d_K) ; mask) (y V_g + b) O_h; heads add up, plus a bias.

    H heads share G pairs of keys and values: head h uses g = h // (H / G), so G = H is multi-head, 1 < G < H
    grouped-query and G = 1 multi-query attention. Keys and values may come from different inputs.

    query (H, d_q, d_K), key (G, d_k, d_K), value (G, d_v, d_V), output (H, d_V, d_out)   float64, as given
    query_bias (H, d_K), key_bias (G, d_K), value_bias (G, d_V), output_bias (d_out,)      or None
    batch_first  how torch inputs are laid out, for the module of a ticket
    dropout      rate at which attention weights are dropped in train mode, in [0, 1), for the module of a ticket
    """

    query: FloatArray
    key: FloatArray
    value: FloatArray
    output: FloatArray
    query_bias: FloatArray | None = None
    key_bias: FloatArray | None = None
    value_bias: FloatArray | None = None
    output_bias: FloatArray | None = None
    batch_first: bool = True
    dropout: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "dropout", dropout_rate("reading the attention target", self.dropout))
        for name in _ARRAYS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _finite(name, getattr(self, name)))
        for name in ("query", "key", "value", "output"):
            array = getattr(self, name)
            if array.ndim != 3 or array.size == 0:
                raise InputError(
                    f"reading the attention target: {name} has shape {array.shape}; a non-empty array of 3 dimensions, "
                    "one matrix a head, is needed"
                )
        if self.heads % self.groups:
            raise InputError(
                f"reading the attention target: {self.heads} query heads cannot share {self.groups} key-value heads "
                "evenly; the second number must divide the first"
            )
        (H, _, d_K), (G, _, d_V) = self.query.shape, self.value.shape
        needed = {
            "key": (G, self.key.shape[1], d_K),
            "output": (H, d_V, self.outputs),
            "value": (len(self.key), *self.value.shape[1:]),
            "query_bias": (H, d_K),
            "key_bias": (G, d_K),
            "value_bias": (G, d_V),
            "output_bias": (self.outputs,),
        }
        for name, shape in needed.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise InputError(
                    f"reading the attention target: {name} has shape {array.shape}, {shape} is needed beside query "
                    f"{self.query.shape}, key {self.key.shape}, value {self.value.shape} and output {self.output.shape}"
                )

    @property
    def heads(self) -> int:
        """H, query heads."""
        return len(self.query)

    @property
    def groups(self) -> int:
        """G, key-value heads."""
        return len(self.value)

    @property
    def outputs(self) -> int:
        """d_out."""
        return int(self.output.shape[2])

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the tokens that a domain speaks of: queries, keys, values, each size once."""
        return tuple(dict.fromkeys(int(a.shape[1]) for a in (self.query, self.key, self.value)))

    @property
    def weights(self) -> int:
        """How many parameters the target has."""
        arrays = (getattr(self, name) for name in _ARRAYS)
        return sum(a.size for a in arrays if a is not None)

    @staticmethod
    def of(model: nn.Module | AttentionTarget) -> AttentionTarget:
        """Reads a torch ``nn.MultiheadAttention`` as in eval mode, and its dropout; an AttentionTarget passes through.

        Raises UnsupportedModuleError (another type; bias_k and bias_v, add_zero_attn: keys that come from no input) and
        InputError (NaN, a dropout rate outside [0, 1)).
        """
        if isinstance(model, AttentionTarget):
            return model
        from torch import nn

        if type(model) is not nn.MultiheadAttention:
            kind = type(model)
            inherited = getattr(kind, "forward", None) is nn.MultiheadAttention.forward
            remedy = f", no subclass; {_TREE}" if inherited else ""
            raise UnsupportedModuleError(
                f"reading the attention target: a {kind.__module__}.{kind.__qualname__} was given; "
                f"torch.nn.MultiheadAttention or an AttentionTarget is needed{remedy}"
            )
        for path, part in (("", model), ("out_proj", model.out_proj)):
            refuse_altered(part, path)
        if model.bias_k is not None or model.bias_v is not None or model.add_zero_attn:
            raise UnsupportedModuleError(
                f"reading the attention target: {'add_zero_attn' if model.add_zero_attn else 'bias_k and bias_v'} adds "
                f"a key and a value that come from no input, which merged matrices do not hold; {_TREE}, or leave it "
                "out"
            )
        return _read(model)

    @staticmethod
    def from_arrays(
        query: Any,
        key: Any,
        value: Any,
        output: Any,
        query_bias: Any = None,
        key_bias: Any = None,
        value_bias: Any = None,
        output_bias: Any = None,
        batch_first: bool = True,
        dropout: float = 0.0,
    ) -> AttentionTarget:
        """From anything that NumPy reads, the rest as in the class. Raises InputError (NaN, shapes that do not fit)."""
        biases = query_bias, key_bias, value_bias, output_bias
        return AttentionTarget(query, key, value, output, *biases, batch_first, dropout)

    def merged(self) -> MergedAttention:
        """The same function with its matrices multiplied out in float64; ``rounding`` bounds what that took off.

        A key bias drops out, and the value biases are in the output bias: see ``MergedAttention``.
        """
        share = self.heads // self.groups
        key, value = (np.repeat(array, share, axis=0) for array in (self.key, self.value))
        query = self.query
        if self.query_bias is not None:
            query = np.concatenate([query, self.query_bias[:, None]], axis=1)
        scale = math.sqrt(query.shape[2])
        query_key = query @ key.swapaxes(1, 2) / scale
        value_output = value @ self.output
        bias = np.zeros(self.outputs) if self.output_bias is None else self.output_bias
        sizes = [np.abs(query) @ np.abs(key).swapaxes(1, 2) / scale, np.abs(value) @ np.abs(self.output)]
        if self.value_bias is not None:
            rows = np.repeat(self.value_bias, share, axis=0)[:, None]
            bias = bias + (rows @ self.output).sum(axis=(0, 1))
            sizes.append((np.abs(rows) @ np.abs(self.output)).sum(axis=0) + np.abs(bias))
        # Higham 2002, section 3.1: k terms in any order, and a few roundings of the root, the quotient and the bound
        terms = max(query.shape[2], value.shape[2]) + self.heads + 8
        unit = 2.0**-53
        largest = max(float(size.max()) for size in sizes)
        return MergedAttention(
            query_key=query_key,
            value_output=value_output,
            bias=bias,
            query_constant=self.query_bias is not None,
            rounding=largest * terms * unit / (1 - terms * unit) * (1 + 1e-9),
        )

    def forward(self, queries: Any, keys: Any = None, mask: Any = None, values: Any = None) -> FloatArray:
        """Outputs in float64, head by head from the matrices as given; arguments as ``MergedAttention.forward``."""
        x = np.asarray(queries, dtype=np.float64)
        y = x if keys is None else np.asarray(keys, dtype=np.float64)
        z = y if values is None else np.asarray(values, dtype=np.float64)
        allowed = None if mask is None else attendable(mask, x.shape[-2], y.shape[-2])
        out = np.zeros(self.outputs) if self.output_bias is None else self.output_bias
        for h in range(self.heads):
            g = h // (self.heads // self.groups)
            q, k, v = x @ self.query[h], y @ self.key[g], z @ self.value[g]
            q = q if self.query_bias is None else q + self.query_bias[h]
            k = k if self.key_bias is None else k + self.key_bias[g]
            v = v if self.value_bias is None else v + self.value_bias[g]
            logits = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
            out = out + softmax(logits, allowed) @ v @ self.output[h]
        return np.asarray(out)


def _read(model: nn.MultiheadAttention) -> AttentionTarget:
    heads, size = model.num_heads, model.embed_dim
    if model.in_proj_weight is not None:
        projections = np.split(exact(model.in_proj_weight, "in_proj_weight"), 3)
    else:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        projections = [exact(getattr(model, name), name) for name in names]
    # torch computes x W^T, heads along the rows of W
    query, key, value = (p.reshape(heads, size // heads, -1).transpose(0, 2, 1) for p in projections)
    output = exact(model.out_proj.weight, "out_proj.weight").T.reshape(heads, size // heads, size)
    biases: dict[str, FloatArray] = {}
    if model.in_proj_bias is not None:
        split = np.split(exact(model.in_proj_bias, "in_proj_bias"), 3)
        names = ("query_bias", "key_bias", "value_bias")
        biases = {name: b.reshape(heads, -1) for name, b in zip(names, split, strict=True)}
    if model.out_proj.bias is not None:
        biases["output_bias"] = exact(model.out_proj.bias, "out_proj.bias")
    return AttentionTarget(query, key, value, output, batch_first=model.batch_first, dropout=model.dropout, **biases)


def dropout_rate(doing: str, given: Any) -> float:
    """A rate in [0, 1); InputError for anything else, which names what was being done."""
    if isinstance(given, bool) or not isinstance(given, (int, float, np.floating)) or not 0 <= given < 1:
        raise InputError(f"{doing}: dropout must be a number in [0, 1); {given!r} was given")
    return float(given)


def _finite(name: str, given: Any) -> FloatArray:
    array = np.array(given, dtype=np.float64, order="C")
    if not np.all(np.isfinite(array)):
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise InputError(
            f"reading the attention target: {name} has {bad} NaN or infinite of {array.size} values; finite weights "
            "are needed. Was the training stable?"
        )
    array.setflags(write=False)
    return array
