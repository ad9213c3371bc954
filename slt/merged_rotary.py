"""Rotary attention with its matrices merged: the function that targets and tickets of rotary attention both compute.

Plane m of a head holds two dimensions of queries and keys. Position t turns it by the angle theta_m t, so that with
x at position i, y at position j, d = j - i and a = theta_m d

    R(theta_m i) q . R(theta_m j) k = (q1 k1 + q2 k2) cos a + (q2 k1 - q1 k2) sin a,

where q1 = x W_q1, ... are the two coordinates in the plane. So the logits are

    sum_m x A_m y^T cos(theta_m d) + x B_m y^T sin(theta_m d),
    A_m = (W_q1 W_k1^T + W_q2 W_k2^T) / sqrt(d_K),    B_m = (W_q2 W_k1^T - W_q1 W_k2^T) / sqrt(d_K).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.collapsed_transformer import causal_mask
from slt.errors import InputError
from slt.merged_attention import softmax

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class MergedRotary:
    """Self-attention of tokens of one dimension with rotary positions, H heads and M planes a head.

    cosine, sine   (H, M, d, d) float64: A_m and B_m, the 1 / sqrt(d_K) included
    frequencies    (M,) float64: theta_m, in radians a position
    value_output   (H, d, d_out) float64
    causal         a token attends to itself and those before it
    rounding       how far an entry of the matrices may be from the real number it stands for

    Raises InputError for shapes that do not fit.
    """

    cosine: FloatArray
    sine: FloatArray
    frequencies: FloatArray
    value_output: FloatArray
    causal: bool = False
    rounding: float = 0.0

    def __post_init__(self) -> None:
        A, B, C = (np.array(m, dtype=np.float64) for m in (self.cosine, self.sine, self.value_output))
        theta = np.array(self.frequencies, dtype=np.float64)
        d = C.shape[1] if C.ndim == 3 else 0
        if not (A.size and C.size) or A.shape != B.shape or A.shape != (len(C), len(theta), d, d) or theta.ndim != 1:
            raise InputError(
                f"merged rotary attention: cosine {A.shape}, sine {B.shape}, frequencies {theta.shape} and "
                f"value_output {C.shape} were given; (heads, planes, d, d) twice, (planes,) and (heads, d, d_out) are "
                "needed"
            )
        for name, array in (("cosine", A), ("sine", B), ("frequencies", theta), ("value_output", C)):
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def heads(self) -> int:
        return len(self.value_output)

    @property
    def planes(self) -> int:
        """M, planes of a head."""
        return len(self.frequencies)

    @property
    def size(self) -> int:
        """d, coordinates of a token."""
        return int(self.value_output.shape[1])

    @property
    def outputs(self) -> int:
        return int(self.value_output.shape[2])

    def forward(self, tokens: Any, mask: Any = None, positions: Any = None) -> FloatArray:
        """Outputs in float64, shape (..., T, d_out), for tokens (..., T, d).

        ``mask`` (..., T, T) bool, True where a token may attend; ``positions`` (T,), 0 .. T - 1 by default.
        """
        x = np.asarray(tokens, dtype=np.float64)
        if x.ndim < 2 or x.shape[-1] != self.size or not x.shape[-2]:
            raise InputError(f"rotary attention: tokens of shape {x.shape} were given; (..., T, {self.size}) is needed")
        allowed = causal_mask(self.causal, x.shape[-2], mask)
        angles = relative_angles(self.frequencies, x.shape[-2], positions)
        out = np.zeros(self.outputs)
        for A, B, C in zip(self.cosine, self.sine, self.value_output, strict=True):
            y = x.swapaxes(-1, -2)
            parts = [
                x @ a @ y * np.cos(angle) + x @ b @ y * np.sin(angle) for a, b, angle in zip(A, B, angles, strict=True)
            ]
            out = out + softmax(np.sum(parts, axis=0), allowed) @ (x @ C)
        return np.asarray(out)


def relative_angles(frequencies: FloatArray, tokens: int, positions: Any = None) -> FloatArray:
    """theta_m (j - i) for queries i and keys j, shape (M, T, T)."""
    at = np.arange(tokens, dtype=np.float64) if positions is None else np.asarray(positions, dtype=np.float64)
    if at.shape != (tokens,):
        raise InputError(f"rotary attention: positions of shape {at.shape} were given for {tokens} tokens")
    return np.asarray(frequencies[:, None, None] * (at - at[:, None]))
