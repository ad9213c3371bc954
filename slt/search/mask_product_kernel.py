"""Masked weights and the gradient of their scores, one pass each: compiled and for the processor.

Every number is rounded as in the plain twins: products first, from left to right, then the choice.
"""

from __future__ import annotations

import numba as nb
import numpy as np


@nb.njit(cache=True)
def masked(scores, values, value_, index, scale_, absolute, out):  # type: ignore[no-untyped-def]
    """``values * scale`` where the cutoff (value, index) keeps the score, +0.0 elsewhere; (n,) float32 each."""
    # the rule for ties changes at the index, so that neither half needs to know where it is
    upto = max(min(index[()] + 1, scores.size), 0)
    value, scale = value_[()], scale_[()]
    if absolute:
        _absolute_at_least(scores[:upto], values[:upto], value, scale, out[:upto])
        _absolute_above(scores[upto:], values[upto:], value, scale, out[upto:])
    else:
        _at_least(scores[:upto], values[:upto], value, scale, out[:upto])
        _above(scores[upto:], values[upto:], value, scale, out[upto:])


@nb.njit(cache=True)
def _at_least(scores, values, value, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if scores[i] >= value else np.float32(0.0)


@nb.njit(cache=True)
def _above(scores, values, value, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if scores[i] > value else np.float32(0.0)


@nb.njit(cache=True)
def _absolute_at_least(scores, values, value, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if abs(scores[i]) >= value else np.float32(0.0)


@nb.njit(cache=True)
def _absolute_above(scores, values, value, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        product = values[i] * scale
        out[i] = product if abs(scores[i]) > value else np.float32(0.0)


@nb.njit(cache=True)
def score_gradient(gradient, scores, slopes, scale_, absolute, out):  # type: ignore[no-untyped-def]
    """``(gradient * slopes) * scale``, times ``sign(scores)`` if ``absolute``, sign(0) = 0; (n,) float32 each."""
    if absolute:
        _absolute_gradient(gradient, scores, slopes, scale_[()], out)
    else:
        _gradient(gradient, slopes, scale_[()], out)


@nb.njit(cache=True)
def _gradient(gradient, slopes, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = (gradient[i] * slopes[i]) * scale


@nb.njit(cache=True)
def _absolute_gradient(gradient, scores, slopes, scale, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        sign = np.float32(scores[i] > 0) - np.float32(scores[i] < 0)
        out[i] = ((gradient[i] * slopes[i]) * scale) * sign
