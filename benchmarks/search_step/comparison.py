"""Ratios of steps that take turns: median, and the smallest and largest."""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.search_step.networks import Conv4, Network, Perceptron
from benchmarks.search_step.steps import Argsort, Dense, EdgePopup, Step

THREADS = 2


def seconds(step: Step, repeats: int) -> tuple[float, float]:
    """Of one step: by the clock, and of all processors together, which other programs disturb less."""
    clock, processors = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - clock) / repeats, (time.process_time() - processors) / repeats


def spread(ratios: np.ndarray) -> str:
    return f"{np.median(ratios):.3g} ({ratios.min():.3g} to {ratios.max():.3g})"


def compare(network: Network, rounds: int, repeats: int, fused: bool | None = None) -> str:
    steps = Dense(network, fused), EdgePopup(network, fused), Argsort(network, fused)
    for step in steps:  # warm-up: compiled kernels, momentum, the first brackets
        seconds(step, 3)
    times = np.array([[seconds(step, repeats) for step in steps] for _ in range(rounds)])
    dense = times[:, 0]
    ours, theirs = times[:, 1] / dense, times[:, 2] / dense
    return (
        f"{network.name}, {'fused' if fused else 'plain'} SGD, a dense step {np.median(dense[:, 0]) * 1e3:.3g} ms: "
        f"edge-popup takes {spread(ours[:, 0])} times that by the clock, {spread(ours[:, 1])} in processor time; "
        f"with a sort in each forward {spread(theirs[:, 0])} and {spread(theirs[:, 1])}; {rounds} rounds of {repeats}"
    )


def run() -> list[str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return [
            compare(Perceptron(), 30, 20),
            compare(Perceptron(), 30, 20, fused=True),
            compare(Conv4(), 8, 1),
        ]
    finally:
        torch.set_num_threads(threads)
