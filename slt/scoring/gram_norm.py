"""Upper bounds of spectral norms without singular values: of many matrices at once, of large ones, of convolutions.

A matrix M has ||M||**2 = ||M^H M||, so a few squarings and a Frobenius norm bound it from above (Delattre et al.,
Efficient bound of Lipschitz constant for convolutional layers by Gram iteration, ICML 2023, section 3); after k
squarings of a matrix of n columns the bound is at most n ** (2 ** -(k + 1)) times too large. Rounding is counted here.

A convolution with zero padding is a part of the convolution on the infinite grid, which is no larger: the inputs are
those that vanish outside the image, the outputs those that the stride picks. That one has the norm sup ||K(w)|| of the
kernel's Fourier transform over all frequencies w, and dilation only moves these. For unit u, ||K(w) u||**2 is a
trigonometric polynomial of degree kernel - 1 in each frequency. Such a polynomial of degree d exceeds its largest value
at m > 2 d equally spaced points by a factor of at most 1 / cos(pi d / m) (M. Riesz; Ehlich and Zeller 1964).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from slt.scoring.rounding import UNDERFLOW, UNIT, gamma, norm_up, power_above, spectral_norm_up, upward

FloatArray = npt.NDArray[np.float64]

SQUARINGS = 6
QUICK = 3  # of one large matrix
POINTS = 16  # frequencies in a dimension for each degree: what lies between costs 1 % in each
SMALL = 128  # up to here singular values take no time
CHUNK = 2**22  # entries of a batch of matrices handled at a time


def gram_norm_up(matrices: npt.NDArray[Any], squarings: int = SQUARINGS) -> FloatArray:
    """At least the largest singular value of each of the real or complex matrices (n, rows, columns), shape (n,)."""
    if matrices.shape[1] < matrices.shape[2]:
        matrices = matrices.transpose(0, 2, 1)
    if matrices.size == 0:
        return np.zeros(len(matrices))
    step = max(1, CHUNK // (matrices.shape[1] * matrices.shape[2]))
    return np.concatenate([_gram_norm_up(matrices[i : i + step], squarings) for i in range(0, len(matrices), step)])


def quick_norm_up(matrix: FloatArray) -> float:
    """At least the largest singular value: ``spectral_norm_up`` for a small matrix, a few squarings for a large one."""
    if min(matrix.shape) <= SMALL:
        return spectral_norm_up(matrix)
    if not np.all(np.isfinite(matrix)):
        return math.inf
    return min(float(gram_norm_up(matrix[None], QUICK)[0]), float(norm_up(matrix)))


def _gram_norm_up(M: npt.NDArray[Any], squarings: int) -> FloatArray:
    filled = np.any(M != 0, axis=(1, 2))
    rows, columns = M.shape[1:]
    M, first = _scaled(M)
    scales, errors = [], []
    for _ in range(squarings):
        k = 2 * M.shape[1]  # a complex product is two real ones
        square = M.conj().transpose(0, 2, 1) @ M
        # |fl(M^H M) - M^H M| <= 2 gamma |M|^T |M| in every entry, whose Frobenius norm is at most ||M||_F ** 2
        length = _frobenius(M)
        errors.append(upward(upward(2.0 * gamma(k) * upward(length * length)) + 8.0 * k * columns * UNDERFLOW))
        M, scale = _scaled(square)
        scales.append(scale)
    bound = _frobenius(M)
    for scale, error in zip(reversed(scales), reversed(errors), strict=True):
        bound = upward(bound + 4.0 * columns * UNDERFLOW)  # what underflow took when M was scaled
        bound = upward(np.sqrt(upward(upward(bound * scale) + error)))
    return np.where(filled, upward(upward(bound + 4.0 * rows * columns * UNDERFLOW) * first), 0.0)


def _scaled(M: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], FloatArray]:
    """Each matrix over a power of two, exact up to underflow, with entries up to 4; and the powers."""
    scale = power_above(np.max(np.maximum(np.abs(M.real), np.abs(M.imag)), axis=(1, 2)))
    return M / scale[:, None, None], scale


def _frobenius(M: npt.NDArray[Any]) -> FloatArray:
    return norm_up(np.ascontiguousarray(M).view(np.float64).reshape(len(M), -1), axis=1)


def convolution_norm_up(kernel: FloatArray) -> float:
    """At least the norm of x -> kernel * x on images of any size, for a kernel (outputs, inputs, height, width), zero
    padding, any stride and dilation."""
    if not np.all(np.isfinite(kernel)):
        return math.inf
    if kernel[0, 0].size == 1:
        return quick_norm_up(kernel[:, :, 0, 0])
    degrees = [size - 1 for size in kernel.shape[2:]]
    counts = [1 if d == 0 else POINTS * d for d in degrees]
    # a real kernel has conjugate values at opposite frequencies: half of the first dimension will do
    first = 2 * np.pi * np.outer(np.arange(counts[0] // 2 + 1) / counts[0], np.arange(kernel.shape[2]))
    second = 2 * np.pi * np.outer(np.arange(counts[1]) / counts[1], np.arange(kernel.shape[3]))
    angles = (first[:, None, :, None] + second[None, :, None, :]).reshape(-1, kernel[0, 0].size)
    taps = kernel.reshape(*kernel.shape[:2], -1)
    values = np.moveaxis(taps @ np.cos(angles).T + 1j * (taps @ np.sin(angles).T), 2, 0)
    # angles are below 2 pi (height + width) and wrong by less than 8 units of that; sine and cosine by 4 more
    wrong = upward((64.0 * sum(kernel.shape[2:]) + 4.0 + 2 * taps.shape[2]) * UNIT)
    sizes = np.abs(taps).sum(axis=2) * (1 + 4 * taps.shape[2] * UNIT)
    off = upward(upward(2.0 * upward(norm_up(sizes) * wrong)) + taps.size * 4.0 * UNDERFLOW)
    largest = float(upward(gram_norm_up(values).max() + off))
    between = math.prod(math.cos(math.pi * d / m) for d, m in zip(degrees, counts, strict=True))
    return float(upward(upward(largest / math.sqrt(between)) * (1 + 32 * UNIT)))
