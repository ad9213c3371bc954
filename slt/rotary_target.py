"""Targets of attention with rotary positions, as exact float64 matrices, one a head."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.collapsed_transformer import causal_mask
from slt.errors import InputError, UnsupportedModuleError
from slt.merged_attention import softmax
from slt.merged_rotary import MergedRotary
from slt.pairings import Interleaved, Pairing, pairing_of
from slt.targets import exact, refuse_altered

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
_MATRICES = ("query", "key", "value", "output")


@final
@dataclass(frozen=True, eq=False)
class RotaryTarget:
    """Self-attention whose queries and keys are turned by their positions, plane by plane; see ``slt.merged_rotary``.

    H heads share G pairs of keys and values, as in ``AttentionTarget``. There are no biases.

    query (H, d, d_K), key (G, d, d_K), value (G, d, d_V), output (H, d_V, d_out)   float64, as given; d_K even
    frequencies (d_K / 2,)   radians a position
    pairing                  which dimensions are a plane
    causal                   a token attends to itself and those before it

    Raises InputError (NaN, shapes that do not fit).
    """

    query: FloatArray
    key: FloatArray
    value: FloatArray
    output: FloatArray
    frequencies: FloatArray
    pairing: Pairing = field(default_factory=Interleaved)
    causal: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairing", pairing_of(self.pairing))
        for name in (*_MATRICES, "frequencies"):
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if not np.all(np.isfinite(array)) or not array.size:
                raise InputError(
                    f"reading the rotary target: {name} of shape {array.shape} has NaN or infinite values, or none"
                )
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        shapes = [getattr(self, name).shape for name in _MATRICES]
        if any(len(shape) != 3 for shape in shapes):
            raise InputError(f"reading the rotary target: matrices of shapes {shapes}; one matrix a head is needed")
        (H, d, d_K), (G, _, d_V), outputs = self.query.shape, self.value.shape, self.output.shape[2]
        needed = [(H, d, d_K), (G, d, d_K), (G, d, d_V), (H, d_V, outputs)]
        if shapes != needed or H % G or d_K % 2 or self.frequencies.shape != (d_K // 2,):
            raise InputError(
                f"reading the rotary target: query, key, value and output of shapes {shapes} with frequencies "
                f"{self.frequencies.shape} were given; {needed} with ({d_K // 2},) are needed, an even d_K and "
                "as many query heads for each key-value head"
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
    def size(self) -> int:
        """d, coordinates of a token."""
        return int(self.query.shape[1])

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the inputs that a domain speaks of."""
        return (self.size,)

    @property
    def weights(self) -> int:
        """How many parameters the target has; its frequencies are architecture."""
        return sum(getattr(self, name).size for name in _MATRICES)

    @staticmethod
    def of(model: nn.Module | RotaryTarget) -> RotaryTarget:
        """Reads an ``slt.rotary_model.RotaryAttention``; a RotaryTarget passes through.

        Raises UnsupportedModuleError (another type, hooks) and InputError.
        """
        if isinstance(model, RotaryTarget):
            return model
        from slt.rotary_model import RotaryAttention

        if type(model) is not RotaryAttention:
            kind = type(model)
            raise UnsupportedModuleError(
                f"reading the rotary target: a {kind.__module__}.{kind.__qualname__} was given; an "
                "slt.rotary_model.RotaryAttention or a RotaryTarget is needed"
            )
        for path, part in model.named_modules():
            refuse_altered(part, path)
        H, G, d_K = model.heads, model.groups, model.head_size
        if len(model.frequencies) != d_K // 2 or model.factor != 1 / math.sqrt(d_K):
            raise UnsupportedModuleError("reading the rotary target: this is the module of a ticket, not a target")
        matrices = [exact(getattr(model, name).weight, f"{name}.weight") for name in _MATRICES]
        # torch computes x W^T, heads along the rows of W
        query, key, value = (
            w.reshape(n, -1, w.shape[1]).transpose(0, 2, 1) for w, n in zip(matrices, (H, G, G), strict=False)
        )
        output = matrices[3].T.reshape(H, -1, matrices[3].shape[0])
        theta = exact(model.frequencies, "frequencies")
        return RotaryTarget(query, key, value, output, theta, model.pairing, model.causal)

    def merged(self) -> MergedRotary:
        """The same function with its matrices multiplied out in float64; ``rounding`` bounds what that took off."""
        share, scale = self.heads // self.groups, math.sqrt(self.query.shape[2])
        first, second = self.pairing.dimensions(len(self.frequencies)).T
        key, value = (np.repeat(array, share, axis=0) for array in (self.key, self.value))
        # (H, M, d, 1), so that outer products are matrix products
        q1, q2, k1, k2 = (
            w[:, :, plane].transpose(0, 2, 1)[..., None] for w in (self.query, key) for plane in (first, second)
        )
        k1, k2 = k1.swapaxes(2, 3), k2.swapaxes(2, 3)
        size = max(float((np.abs(q1 * k1) + np.abs(q2 * k2)).max()), float((np.abs(q2 * k1) + np.abs(q1 * k2)).max()))
        value_output = value @ self.output
        size = max(size / scale, float((np.abs(value) @ np.abs(self.output)).max()))
        # Higham 2002, section 3.1: d_V terms, or two of them, a root, a quotient and the bound itself
        terms, unit = self.value.shape[2] + 8, 2.0**-53
        return MergedRotary(
            cosine=(q1 * k1 + q2 * k2) / scale,
            sine=(q2 * k1 - q1 * k2) / scale,
            frequencies=self.frequencies,
            value_output=value_output,
            causal=self.causal,
            rounding=size * terms * unit / (1 - terms * unit) * (1 + 1e-9),
        )

    def forward(self, tokens: Any, mask: Any = None, positions: Any = None) -> FloatArray:
        """Outputs in float64, queries and keys turned one by one; arguments as ``MergedRotary.forward``."""
        x = np.asarray(tokens, dtype=np.float64)
        allowed = causal_mask(self.causal, x.shape[-2], mask)
        at = np.arange(x.shape[-2]) if positions is None else np.asarray(positions)
        out = np.zeros(self.output.shape[2])
        for h in range(self.heads):
            g = h // (self.heads // self.groups)
            q, k = (self._turned(x @ w, at) for w in (self.query[h], self.key[g]))
            logits = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
            out = out + softmax(logits, allowed) @ (x @ self.value[g]) @ self.output[h]
        return np.asarray(out)

    def _turned(self, hidden: FloatArray, positions: npt.NDArray[np.int64]) -> FloatArray:
        angle = positions[:, None] * self.frequencies
        first, second = self.pairing.dimensions(len(self.frequencies)).T
        a, b = hidden[..., first], hidden[..., second]
        turned = np.empty_like(hidden)
        turned[..., first] = a * np.cos(angle) - b * np.sin(angle)
        turned[..., second] = a * np.sin(angle) + b * np.cos(angle)
        return turned
