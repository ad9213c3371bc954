"""Directed rounding in plain float64: every function returns a number that is not below the real one.

Sources. A-priori bounds of sums and products: Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition,
chapter 3: |fl(AB) - AB| <= gamma_k |A| |B| with gamma_k = k u / (1 - k u), u = 2**-53, k the inner dimension, whatever
the order of summation and with or without fused multiply-add. Norms by a residual of an approximate decomposition:
Rump, Verified bounds for singular values, BIT 51 (2011).

Underflow: one operation is wrong by at most 2**-1022 more, also on a unit that flushes subnormal numbers to zero. A
sum of k non-negative numbers in float64 is at least (1 - u)**k times the real sum, so 1 + 2 k u times it is an upper
bound as long as k u <= 1/4, which holds for every array that fits a memory. Overflow gives inf, or NaN, which callers
read as "no bound".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

UNIT = 2.0**-53  # u, the largest relative error of one operation
UNDERFLOW = 2.0**-1022  # the largest absolute error that underflow adds to one operation


def upward(x: float | FloatArray) -> FloatArray:
    """The next float64 above: covers the rounding of the one operation that gave ``x``."""
    return np.asarray(np.nextafter(x, np.inf))


def downward(x: float | FloatArray) -> FloatArray:
    """The next float64 below."""
    return np.asarray(np.nextafter(x, -np.inf))


def gamma(k: int) -> float:
    """At least k u / (1 - k u)."""
    return (k + 1) * UNIT * (1.0 + 2.0 * (k + 1) * UNIT)


def sum_up(x: FloatArray, axis: int | None = None) -> FloatArray:
    """At least the sum of non-negative numbers."""
    k = x.size if axis is None else x.shape[axis]
    return upward(np.sum(x, axis=axis) * (1.0 + 2.0 * k * UNIT))


def product_up(A: FloatArray, B: FloatArray) -> FloatArray:
    """At least A @ B for non-negative A (m, k) and B (k,) or (k, n)."""
    k = A.shape[-1]
    return upward(upward((A @ B) * (1.0 + 2.0 * (k + 1) * UNIT)) + 2.0 * k * UNDERFLOW)


def norm_up(x: FloatArray, axis: int | None = None) -> FloatArray:
    """At least the Euclidean norm of a vector, or of each row (axis=1); the Frobenius norm of a matrix (axis=None)."""
    scale = power_above(np.max(np.abs(x), axis=axis, initial=0.0))
    k = x.size if axis is None else x.shape[axis]
    y = x / (scale if axis is None else np.expand_dims(scale, axis))  # exact up to underflow, |y| <= 2
    squares = upward(np.sum(y * y, axis=axis) * (1.0 + 2.0 * (k + 2) * UNIT))
    norms = upward(upward(np.sqrt(upward(squares + 4.0 * k * UNDERFLOW))) * scale)
    return np.where(np.any(x != 0, axis=axis), norms, 0.0)


def power_above(x: FloatArray | float) -> FloatArray:
    """A power of two between x / 2 and 2 x, elementwise; 1 for zero. inf and NaN pass through."""
    x = np.asarray(x, dtype=np.float64)
    exponents = np.frexp(np.where(np.isfinite(x), x, 1.0))[1]
    powers = np.ldexp(1.0, np.minimum(exponents, 1023))
    return np.where(np.isfinite(x), np.where(x == 0, 1.0, powers), x)


def product_error(A: FloatArray, size: FloatArray, spread: float) -> FloatArray:
    """At least |fl(A B) u - A B u|, shape (m,), for A (m, k), B (k, n) and every u with |u_j| <= v_j.

    ``size`` (k,) is at least |B| v, ``spread`` at least sum(v). For a vector in B's place: its absolute value, and 1.
    """
    k = A.shape[1]
    underflow = upward(upward(2.0 * k * UNDERFLOW * spread))
    return upward(upward(gamma(k) * product_up(np.abs(A), size)) + underflow)


def interval_product(A: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bounds of A x, shape (m,), over all x with low <= x <= high, shape (k,) each."""
    middle = low / 2 + high / 2
    half = upward(np.maximum(upward(high - middle), upward(middle - low)))
    size = np.abs(A)
    reach = product_up(size, half)
    reach = upward(reach + upward(gamma(A.shape[1]) * product_up(size, np.abs(middle))))
    reach = upward(reach + A.shape[1] * 2.0 * UNDERFLOW)
    centre = A @ middle
    return downward(centre - reach), upward(centre + reach)


def spectral_norm_up(A: FloatArray) -> float:
    """At least the largest singular value of A, shape (m, k).

    With a computed A ~ U S V: ||A|| <= ||U|| ||S|| ||V|| + ||A - U S V||_F and ||U||**2 <= 1 + ||U^T U - I||_F, the
    rounding of both residuals included. Never above the Frobenius norm, up to rounding; exact up to one rounding for a
    matrix with at most one entry in every row and column.
    """
    size = np.abs(A)
    if not np.all(np.isfinite(A)):
        return float("inf")
    filled = A != 0
    if filled.sum(axis=0).max(initial=0) <= 1 and filled.sum(axis=1).max(initial=0) <= 1:
        return float(size.max(initial=0.0))
    frobenius = float(norm_up(A))
    if min(A.shape) == 1:
        return frobenius
    scale = power_above(float(size.max()))
    B = A / scale  # exact up to underflow, |B| <= 1
    try:
        U, S, V = np.linalg.svd(B, full_matrices=False)
    except np.linalg.LinAlgError:
        return frobenius
    k = len(S)
    SV = S[:, None] * V
    residual = np.abs(B - U @ SV)
    # U @ SV is rounded by gamma_k |U||SV|, SV by u |SV|, the difference by u times itself, B by underflow
    slack = np.abs(U) @ np.abs(SV) * (gamma(k + 4) * (1.0 + 8.0 * (k + 1) * UNIT)) + (4 * k + 4) * UNDERFLOW
    rest = norm_up(upward(upward(residual * (1.0 + 4.0 * UNIT)) + upward(slack)))
    length = _orthogonal_norm_up(U) * _orthogonal_norm_up(V.T)
    bound = float(upward(upward(upward(length) * S.max()) + rest))
    return min(float(upward(bound * scale)), frobenius)


def _orthogonal_norm_up(U: FloatArray) -> float:
    """At least the spectral norm of U, shape (m, k), whose columns are orthonormal up to rounding."""
    m, k = U.shape
    defect = np.abs(U.T @ U - np.eye(k))
    slack = np.abs(U.T) @ np.abs(U) * (gamma(m + 4) * (1.0 + 8.0 * (m + 1) * UNIT)) + 2 * m * UNDERFLOW
    excess = float(norm_up(upward(upward(defect * (1.0 + 4.0 * UNIT)) + upward(slack))))
    return float(upward(np.sqrt(upward(1.0 + excess))))
