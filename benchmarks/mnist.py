"""The MNIST ticket: ten sources at width 64, the exact optimum, the certificate. Needs SLT_DATA."""

from __future__ import annotations

import time

import numpy as np

import slt
from slt import laws
from slt.data import images
from slt.training import accuracy, multilayer_perceptron, outputs, train

SEEDS, WIDTH, TOLERANCE = 10, 64, 0.01


def run() -> list[str]:
    data = images()
    model = train(multilayer_perceptron((data.pixels, 500, 10)), data)
    target, box = slt.Target.of(model), slt.Box(0.0, 1.0)
    own = accuracy(outputs(model, data.test_x), data.test_y)
    layers = slt.TwoLayerSum().law_layers(target, box)
    lines = [f"{data.name} target: {target.weights:,} weights, {own:.2%} test accuracy"]

    slt.find_ticket(model, width=WIDTH, seed=99, inputs=box, tolerance=TOLERANCE)  # warm-up
    seconds, missed, needed, differences = [], [], [], []
    for seed in range(SEEDS):
        start = time.perf_counter()
        ticket = slt.find_ticket(model, width=WIDTH, seed=seed, inputs=box, tolerance=TOLERANCE)
        seconds.append(time.perf_counter() - start)
        missed.append(ticket.findings.missed)
        wide = slt.find_ticket(model, width=96, seed=seed, inputs=box, tolerance=TOLERANCE)
        needed.append(wide.findings.needed_width)
        predicted = ticket.collapsed().forward(data.test_x)
        differences.append(accuracy(predicted, data.test_y) - own)
    lines += [
        f"width {WIDTH}, tolerance {TOLERANCE}: weights missed by seed {missed} (of {target.weights:,}; "
        f"the law expects {laws.expected_misses(TOLERANCE, WIDTH, layers):.2g} a seed)",
        f"drawing, solving and masking: median {np.median(seconds):.2f} s, largest {max(seconds):.2f} s",
        f"ticket accuracy minus target accuracy: {min(differences):+.2%} to {max(differences):+.2%}",
        f"smallest width without a miss by seed: {needed}; law: quantiles 10/50/90% are "
        + ", ".join(str(laws.needed_width_quantile(q, TOLERANCE, layers)) for q in (0.1, 0.5, 0.9)),
    ]

    start = time.perf_counter()
    exact = slt.find_ticket(model, width=WIDTH, inputs=box, max_items=20)
    spent = time.perf_counter() - start
    errors = exact.residuals().errors
    found = np.quantile(errors, [0.5, 0.9, 0.99, 0.999])
    sizes = np.abs(np.concatenate([layer.weight.ravel() for layer in target.layers]))
    sample = np.quantile(sizes, (np.arange(200) + 0.5) / 200)
    law = laws.error_quantile(np.array([0.5, 0.9, 0.99, 0.999])[:, None], 20, sample, laws.UNIFORM_PRODUCT)
    lines += [
        f"exact optimum over the first 20 usable items: {spent:.1f} s",
        "error quantiles 50/90/99/99.9%: "
        + ", ".join(f"{q:.2e}" for q in found)
        + "; law (median over target sizes): "
        + ", ".join(f"{q:.2e}" for q in np.median(law, axis=1)),
        f"beyond {TOLERANCE}: {int(np.sum(errors > TOLERANCE))} measured, "
        f"{laws.expected_misses(TOLERANCE, WIDTH, layers, max_items=20):.1f} expected by the law",
    ]

    ticket = slt.find_ticket(model, width=WIDTH, inputs=box, tolerance=TOLERANCE)
    start = time.perf_counter()
    upper = slt.certified(ticket, model, box)
    spent = time.perf_counter() - start
    inputs = data.test_x.astype(np.float64)
    on_images = slt.sampled(ticket, model, inputs)
    worst = slt.sampled(ticket, model, slt.ascend(ticket, model, box, inputs[:200]))
    lines += [
        f"{upper} in {spent:.1f} s",
        f"on test images {on_images}; worst input found {worst}",
        f"certified over sampled: {upper.value / worst.value:.1f} (worst input found), "
        f"{upper.value / on_images.value:.1f} (test images)",
    ]
    return lines
