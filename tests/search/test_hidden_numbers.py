"""Numbers of a model that are neither parameters nor buffers: a ticket would not declare them, so they are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from slt.errors import UnsupportedModuleError
from slt.search import Biprop, EdgePopup, Global, fit

BATCHES = [(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 3)] * 2


class Keeps(nn.Module):
    """A layer, and something beside it."""

    def __init__(self, kept: Any) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)
        self.kept = kept

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)  # type: ignore[no-any-return]


HIDDEN = {
    "modules in a list": lambda: [nn.Linear(8, 8)],
    "a method of a module": lambda: nn.Linear(8, 8).forward,
    "tensors in a dict": lambda: {"w": torch.zeros(8)},
    "an array": lambda: np.zeros(8),
    "a tensor": lambda: torch.zeros(8),
    "a parameter in a tuple": lambda: (nn.Parameter(torch.zeros(8)),),
}


@pytest.mark.parametrize("kept", HIDDEN.values(), ids=HIDDEN)
def test_hidden_numbers_are_refused(kept: Any) -> None:
    with pytest.raises(UnsupportedModuleError, match="attribute 'kept'"):
        fit(Keeps(kept()), BATCHES, EdgePopup(0.5), epochs=1)


def test_registered_numbers_in_lists_are_no_hidden_ones() -> None:
    model = Keeps(None)
    model.kept = [model.head, model.head.weight, "text", 3, {"bias": model.head.bias}]
    fit(model, BATCHES, EdgePopup(0.5), epochs=1).verify()


def test_recurrent_layers_list_their_own_parameters() -> None:
    model = nn.LSTM(8, 3)
    found = fit(model, BATCHES, EdgePopup(0.5), epochs=1, loss=lambda out, y: nn.functional.cross_entropy(out[0], y))
    found.verify()
    fit(found.network.skeleton, BATCHES, EdgePopup(0.5), epochs=0)


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_embeddings_that_change_their_weights_when_called_are_refused(kind: Any) -> None:
    with pytest.raises(UnsupportedModuleError, match="max_norm"):
        fit(nn.Sequential(kind(8, 3, max_norm=1.0)), BATCHES, EdgePopup(0.5), epochs=1)


def test_a_layer_of_which_biprop_keeps_nothing_has_a_ticket() -> None:
    model = nn.Sequential(nn.Linear(8, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 3))
    found = fit(model, BATCHES, Biprop(0.0001, Global()), epochs=1, validation=BATCHES)
    assert 0.0 in found.last.densities.values()
    found.verify()
    assert found.evaluate(BATCHES) == found.history[-1].validation
