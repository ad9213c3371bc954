"""Exact batches in torch, on the processor and on CUDA where there is one, against ``solve`` in the same run."""

from __future__ import annotations

import time

import numpy as np
import torch

from slt.subset_sum import Problem, solve
from slt.subset_sum.torch_batch import torch_batch
from slt.weights import Key, Uniform

SIZES, LATTICE, ROUNDS = (12, 16, 20, 24), 52, 5
HALF_SUMS = {"cpu": 2**20, "cuda": 2**26}  # of all instances together: a fraction of a second in torch


def draws(count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Items and targets uniform on (-1, 1), on the lattice 2**-52."""
    law, key = Uniform(LATTICE), Key(0) / "benchmark torch batch"
    return law.draw(key / "items", (1, count, n))[0], law.draw(key / "targets", (1, 1, count))[0, 0]


def against_solve(device: str, n: int) -> str:
    count = HALF_SUMS[device] >> n // 2
    items, targets = draws(count, n)
    in_torch, in_solve = [], []
    torch_batch(Problem.of(items, targets), device)  # warm-up: compiled kernels, memory taken from the card
    solve(items[:64], targets[:64])
    for _ in range(ROUNDS):
        start = time.perf_counter()
        torch_batch(Problem.of(items, targets), device)  # the answer is on the processor when it returns
        middle = time.perf_counter()
        solve(items, targets)
        in_torch.append((middle - start) / count)
        in_solve.append((time.perf_counter() - middle) / count)
    ratios = np.array(in_solve) / np.array(in_torch)
    return (
        f"n = {n}: {1 / np.median(in_torch):,.0f} instances a second in torch on {device}, "
        f"{1 / np.median(in_solve):,.0f} by solve: {np.median(ratios):.3g} times solve's "
        f"({ratios.min():.3g} to {ratios.max():.3g}; {ROUNDS} pairs of {count:,})"
    )


def run() -> list[str]:
    lines = [against_solve("cpu", n) for n in SIZES]
    if torch.cuda.is_available():
        return lines + [f"{torch.cuda.get_device_name()}: {against_solve('cuda', n)}" for n in SIZES]
    return [*lines, "on CUDA: unmeasured, there is no such device here"]
