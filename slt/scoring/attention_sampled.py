"""Lower bounds of the error of an attention ticket, from sequences, with a running error analysis as in ``evaluation``.

The computed weights of a softmax are those of logits that are off by at most ``delta``, so each differs from the real
one by at most expm1(2 delta) times itself; products and sums are bounded as in Higham, Accuracy and Stability of
Numerical Algorithms, 2nd edition, sections 3.1 and 3.5. The one assumption about a library: exp is within 8 units in
the last place, far more than NumPy's, SLEEF's and CUDA's documentation states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.merged_attention import attendable
from slt.scoring.attention_pair import AttentionPair, Heads
from slt.scoring.evaluation import device_of
from slt.scoring.rounding import UNDERFLOW, UNIT, gamma
from slt.scoring.score import Kind, Score, shown
from slt.scoring.sure import Sure, sure_difference

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LOGITS = 2**20  # logits evaluated at a time, 8 MiB; about a dozen arrays of that size are held


def sampled_attention(
    pair: AttentionPair, tokens: tuple[Any, Any, Any], mask: Any, device: Any, batch: int, order: float
) -> Score:
    """``slt.sampled`` for attention; ``tokens``: queries, keys and values, (count, tokens, coordinates) each."""
    import torch

    queries, keys, values, allowed = _sequences(pair, tokens, mask)
    place = device_of(device)
    networks = [_Network.of(heads, place) for heads in (pair.ticket, pair.target)]
    best = Sure(0.0, 0.0)
    rows = max(1, min(queries.shape[1], LOGITS // keys.shape[1]))
    step = max(1, min(batch, LOGITS // (rows * keys.shape[1])))
    first = True
    for several in _slices(len(queries), step):
        y, z = (_extended(a[several], pair.key_constant, place) for a in (keys, values))
        for part in _slices(queries.shape[1], rows):
            x = _extended(queries[several, part], pair.query_constant, place)
            may = None if allowed is None else torch.tensor(allowed[several, part], device=place)
            (a, a_error), (b, b_error) = (network.forward_with_error(x, y, z, may) for network in networks)
            a, a_error, b, b_error = (t.reshape(-1, t.shape[-1]) for t in (a, a_error, b, b_error))
            found = sure_difference(a, a_error, b, b_error, order)
            best = found if first or found.value > best.value else best
            first = False
    text = (
        f"sampled on {len(queries):,} sequences of {queries.shape[1]:,} tokens, float64, "
        f"minus a rounding bound of {shown(best.paid)}"
    )
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)


@final
@dataclass(frozen=True, eq=False)
class _Network:
    """One attention on one device."""

    query_key: torch.Tensor
    value_output: torch.Tensor
    bias: torch.Tensor
    rounding: float

    @staticmethod
    def of(heads: Heads, device: torch.device) -> _Network:
        import torch

        A, C, b = (torch.tensor(a, device=device) for a in (heads.query_key, heads.value_output, heads.bias))
        return _Network(A, C, b, heads.rounding)

    def forward_with_error(
        self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, allowed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs (count, T, outputs) for queries, keys and values (count, tokens, .), and at least their distances to
        the real ones (inf or NaN: no bound)."""
        import torch

        parts = [self._head(h, x, y, z, allowed) for h in range(len(self.query_key))]
        out = sum((part for part, _ in parts), start=torch.zeros_like(parts[0][0])) + self.bias
        error = sum((part for _, part in parts), start=torch.zeros_like(parts[0][0]))
        size = sum((part.abs() for part, _ in parts), start=torch.zeros_like(parts[0][0])) + self.bias.abs()
        error = error + gamma(len(parts) + 4) * size + self.rounding
        error = error * (1 + 8 * (len(parts) + 4) * UNIT)
        return out, torch.where(out.isfinite(), error, torch.inf)

    def _head(
        self, h: int, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, allowed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        A, C = self.query_key[h], self.value_output[h]
        (p, q), r, keys = A.shape, len(C), y.shape[1]
        ones = x.abs().sum(dim=2, keepdim=True) * y.abs().sum(dim=2)[:, None]
        inner = x @ A
        logits = inner @ y.mT
        off = (gamma(p + 4) * (x.abs() @ A.abs()) + 2 * p * UNDERFLOW) @ y.abs().mT
        off = off + gamma(q + 4) * (inner.abs() @ y.abs().mT) + self.rounding * ones + 2 * q * UNDERFLOW
        if allowed is not None:
            logits = torch.where(allowed, logits, -torch.inf)
            off = torch.where(allowed, off, 0.0)
        below = logits - logits.amax(dim=2, keepdim=True)
        weights = torch.exp(below)
        # the subtraction and exp: relative errors of the weights, so absolute ones of the logits
        off = off + UNIT * torch.where(below.isfinite(), below.abs(), 0.0) + 20 * UNIT
        delta = 2 * off.amax(dim=2, keepdim=True) * (1 + 8 * (p + q + 16) * UNIT)
        values = z @ C
        values_off = gamma(r + 4) * (z.abs() @ C.abs()) + 2 * r * UNDERFLOW
        values_off = values_off + self.rounding * z.abs().sum(dim=2, keepdim=True)
        mass = weights.sum(dim=2, keepdim=True)  # at least 1: the largest weight is exp(0)
        out = (weights @ values) / mass
        spread = (weights @ (values.abs() + values_off)) / mass
        # weights that underflow are off by less than 2 UNDERFLOW each
        lost = 4 * keys * UNDERFLOW * (1 + (values.abs() + values_off).amax(dim=1, keepdim=True))
        error = (torch.expm1(delta) + 3 * gamma(keys + 8)) * spread + (weights @ values_off) / mass + lost
        return out, error * (1 + 8 * (keys + p + q + r + 32) * UNIT)


def _sequences(
    pair: AttentionPair, tokens: tuple[Any, Any, Any], mask: Any
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray | None]:
    """Queries, keys and values (count, tokens, coordinates), and which may attend (count, T, S). Raises InputError."""
    queries, keys, values = tokens
    keys = queries if keys is None else keys
    values = keys if values is None else values
    sizes = (pair.queries, pair.keys, pair.values)
    names = ("inputs", "keys", "values")
    x, y, z = (_tokens(*given) for given in zip(names, (queries, keys, values), sizes, strict=True))
    if not len(x) == len(y) == len(z) or y.shape[1] != z.shape[1]:
        raise InputError(
            f"sampling the error: inputs {x.shape}, keys {y.shape} and values {z.shape} were given; "
            "as many sequences of each, and as many keys as values, are needed"
        )
    if mask is None:
        return x, y, z, None
    allowed = attendable(_plain(mask), x.shape[1], y.shape[1])
    try:
        return x, y, z, np.broadcast_to(allowed, (len(x), x.shape[1], y.shape[1]))
    except ValueError:
        raise InputError(
            f"sampling the error: the mask has shape {allowed.shape}; ({x.shape[1]}, {y.shape[1]}) or "
            f"({len(x)}, {x.shape[1]}, {y.shape[1]}) is needed"
        ) from None


def _tokens(name: str, given: Any, size: int) -> FloatArray:
    array = _plain(given)
    if array.dtype.kind not in "biuf" or array.ndim != 3 or array.shape[2] != size or not array.size:
        raise InputError(
            f"sampling the error: {name} of shape {array.shape} and dtype {array.dtype} were given; numbers of shape "
            f"(count, tokens, {size}), at least one token, are needed"
        )
    tokens = array.astype(np.float64)
    bad = int(np.count_nonzero(~np.isfinite(tokens)))
    if bad:
        raise InputError(
            f"sampling the error: {bad} of {tokens.size} numbers of the {name} are NaN or infinite; "
            "finite ones are needed"
        )
    return tokens


def _plain(given: Any) -> npt.NDArray[Any]:
    import torch

    if isinstance(given, torch.Tensor):
        given = given.detach().to("cpu")
        given = given.to(torch.float64) if given.is_floating_point() else given
        return np.asarray(given.numpy())
    return np.asarray(given)


def _extended(tokens: FloatArray, constant: bool, device: torch.device) -> torch.Tensor:
    import torch

    made = torch.tensor(tokens, device=device)
    return torch.nn.functional.pad(made, (0, 1), value=1.0) if constant else made


def _slices(length: int, step: int) -> Iterator[slice]:
    return (slice(i, min(i + step, length)) for i in range(0, length, step))
