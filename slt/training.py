"""Trains the targets of the experiments: plain multilayer perceptrons. Tickets are never trained."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slt.data import Images
from slt.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import nn

STEPS = 2000
Progress = Callable[[int, int], None]  # (steps done, steps in all)


def multilayer_perceptron(widths: Sequence[int], seed: int = 0, bias: bool = False) -> nn.Sequential:
    """Linear layers of these widths with ReLUs between, drawn from a generator of its own (torch's usual law)."""
    import torch
    from torch import nn

    if len(widths) < 2 or min(widths) < 1:
        raise InputError(
            f"a multilayer perceptron needs two widths or more, each at least 1; {list(widths)} were given"
        )
    generator = torch.Generator().manual_seed(seed)
    modules: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        layer = nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")  # no global RNG
        bound = 1 / math.sqrt(inputs)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.uniform_(-bound, bound, generator=generator)
        modules += [layer] if i == len(widths) - 2 else [layer, nn.ReLU()]
    return nn.Sequential(*modules)


def train(
    model: nn.Module,
    images: Images,
    epochs: int | None = None,
    seed: int = 0,
    batch: int = 128,
    learning_rate: float = 1e-3,
    progress: Progress | None = None,
) -> nn.Module:
    """Trains in place with Adam, cross-entropy and a learning rate that falls linearly to zero; returns the model.

    ``epochs``: 5 by default, or as many as make 2,000 steps where there are few images.
    The order of the images comes from ``seed`` alone; global random state is neither read nor changed.
    """
    import torch
    from torch import nn

    x, y = torch.from_numpy(images.train_x), torch.from_numpy(images.train_y)
    steps_an_epoch = -(-len(x) // batch)
    epochs = max(5, -(-STEPS // steps_an_epoch)) if epochs is None else epochs
    steps = epochs * steps_an_epoch
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=max(1, steps))
    generator = torch.Generator().manual_seed(seed)
    done = 0
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch):  # type: ignore[no-untyped-call]
            optimiser.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            done += 1
            if progress is not None:
                progress(done, steps)
    return model.eval()


def outputs(model: nn.Module, x: Any, batch: int = 500, progress: Progress | None = None) -> np.ndarray:
    """The model's outputs in its own precision, (count, outputs), without gradients, in batches."""
    import torch

    dtype: torch.dtype = next(iter(model.parameters())).dtype
    found = []
    with torch.inference_mode():
        for start in range(0, len(x), batch):
            found.append(model(torch.from_numpy(np.asarray(x[start : start + batch])).to(dtype)).numpy())
            if progress is not None:
                progress(min(start + batch, len(x)), len(x))
    return np.concatenate(found)


def accuracy(outputs: np.ndarray, labels: np.ndarray) -> float:
    """The fraction of rows whose largest output is the label's."""
    return float(np.mean(outputs.argmax(axis=1) == labels))
