"""What a search computes with is the search's own: nothing of the given model's numbers, nothing of the caller's
defaults, and no weights outside of the call."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import slt
from slt.errors import InputError, NonFiniteError
from slt.search import Batches, ConcreteTicketSearch, EdgePopup, Preset, RandomMask, SignedSupermask, fit, train_dense


def batches(inputs: int = 6, classes: int = 3) -> Batches:
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(24, inputs, generator=draws)
    return Batches(x, torch.randint(classes, (24,), generator=draws), batch=8)


def normed(mean: float) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    model[1].running_mean.fill_(mean)
    model[1].running_var.fill_(1 + mean)
    return model


@pytest.mark.parametrize("method", [EdgePopup(0.5), RandomMask(0.5)])
def test_running_statistics_of_the_given_model_are_not_used(method: Preset) -> None:
    first, second = (fit(normed(mean), batches(), method, 1, seed=1) for mean in (0.0, 3.0))
    assert first.ticket.source_network.carried == second.ticket.source_network.carried
    assert first.last.digest == second.last.digest
    dense = [train_dense(normed(mean), batches(), 1, seed=1).module[1].running_mean for mean in (0.0, 3.0)]
    assert torch.equal(*dense)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.calls = self.calls + 1
        return self.inner(x)


def test_buffers_that_are_assigned_anew_are_kept() -> None:
    found = fit(Counting(), batches(), EdgePopup(0.5), epochs=2, seed=1)
    assert float(found.module().calls) == 6
    found.verify()


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.last = self.first(x)
        return self.second(self.last.relu())


def test_activations_that_a_model_keeps_are_no_part_of_the_ticket() -> None:
    found = fit(Remembering(), batches(), EdgePopup(0.5), epochs=1, seed=1)
    found.verify()
    assert not hasattr(found.module(), "last")


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.block, self.last = nn.Linear(6, 6), nn.Sequential(nn.Linear(6, 6), nn.ReLU()), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(checkpoint(self.block, self.first(x), use_reentrant=True))


def test_recomputing_outside_of_the_call_fails() -> None:
    """Reentrant activation checkpoints compute again in the backward pass, where the weights are gone."""
    with pytest.raises(NonFiniteError, match=r"first\.weight"):
        fit(Checkpointed(), batches(), EdgePopup(0.5), epochs=2, seed=1)


@pytest.mark.parametrize("method", [EdgePopup(0.5), SignedSupermask(), ConcreteTicketSearch(0.5)])
def test_defaults_of_the_caller_change_nothing(method: Preset) -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    loader = batches()
    plain = fit(model, loader, method, 1, seed=1)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            other = fit(model, loader, method, 1, seed=1)
            assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert plain.last.digest == other.last.digest


def test_names_with_slashes_are_resumed(tmp_path: Any) -> None:
    def model() -> nn.Module:
        class Named(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.parts = nn.ModuleDict({"a/b": nn.Linear(6, 3)})

            def forward(self, x: Tensor) -> Tensor:
                return self.parts["a/b"](x)

        return Named()

    def stop(done: int, of: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    whole = fit(model(), batches(), SignedSupermask(), epochs=3, seed=1)
    path = tmp_path / "search.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit(model(), batches(), SignedSupermask(), epochs=3, seed=1, checkpoint=path, progress=stop)
    again = fit(model(), batches(), SignedSupermask(), epochs=3, seed=1, checkpoint=path, resume=True)
    assert whole.last.digest == again.last.digest and whole.history == again.history


def test_sparse_embeddings_have_the_gradients_of_dense_ones() -> None:
    x = torch.randint(7, (24, 4), generator=torch.Generator().manual_seed(0))
    loader = Batches(x, x[:, 0] % 3, batch=8)

    def model(sparse: bool) -> nn.Module:
        return nn.Sequential(nn.Embedding(7, 5, sparse=sparse), nn.Flatten(), nn.Linear(20, 3))

    for method in (EdgePopup(0.5), SignedSupermask(), ConcreteTicketSearch(0.5)):
        dense, sparse = (fit(model(s), loader, method, 1, seed=1).last.digest for s in (False, True))
        assert dense == sparse


def test_a_convolution_of_another_stride_is_not_the_ticket_s(tmp_path: Any) -> None:
    def model(stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv1d(2, 3, 3, stride=stride), nn.AdaptiveAvgPool1d(1), nn.Flatten())

    x = torch.randn(8, 2, 9)
    found = fit(model(1), [(x, torch.zeros(8, dtype=torch.long))], EdgePopup(0.5), 1, seed=1)
    loaded = slt.load(found.ticket.save(tmp_path / "a.slt"))
    assert torch.equal(loaded.module(like=model(1))(x), found.module()(x))
    with pytest.raises(InputError, match="settings"):
        loaded.module(like=model(2))
