"""Ratios of steps that take turns: median, and the smallest and largest."""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.search_step.networks import Conv4, Network, Perceptron
from benchmarks.search_step.steps import Argsort, Dense, EdgePopup, Step

THREADS = 2


def seconds(step: Step, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def compare(network: Network, rounds: int, repeats: int, fused: bool | None = None) -> str:
    steps = Dense(network, fused), EdgePopup(network, fused), Argsort(network, fused)
    for step in steps:  # warm-up: compiled kernels, momentum, the first brackets
        seconds(step, 3)
    times = np.array([[seconds(step, repeats) for step in steps] for _ in range(rounds)])
    dense, found, sorted_ = times.T
    ours, theirs = found / dense, sorted_ / dense
    return (
        f"{network.name}, {'fused' if fused else 'plain'} SGD: a dense step {np.median(dense) * 1e3:.3g} ms, "
        f"edge-popup {np.median(ours):.3g} times that ({ours.min():.3g} to {ours.max():.3g}), "
        f"with a sort in each forward {np.median(theirs):.3g} times ({theirs.min():.3g} to {theirs.max():.3g}); "
        f"{rounds} rounds of {repeats}"
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
