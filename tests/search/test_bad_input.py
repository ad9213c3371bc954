"""What cannot be searched is refused with a reason; what breaks on the way is named, and the last good state kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, weight_norm

from slt.errors import InputError, NonFiniteError, UnsupportedModuleError
from slt.search import (
    SGD,
    Adam,
    ConcreteTicketSearch,
    Cubic,
    EdgePopup,
    ErdosRenyi,
    FrozenSource,
    GemMiner,
    Global,
    LayerWise,
    Linear,
    Multicoated,
    NoScale,
    SignedSupermask,
    fit,
)
from slt.search.events import Recycle, Redraw
from slt.search.found import Found
from slt.search.rates import ConstantRate
from tests.search.search_models import KINDS, PRESETS

MLP = KINDS["mlp"]
FEW = EdgePopup(0.4)


def _fit(**changed: Any) -> Found:
    settings: dict[str, Any] = {"model": MLP.model(), "loader": MLP.batches(), "method": FEW, "epochs": 1, **changed}
    return fit(**settings)


# -- densities and budgets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0, 0.0, -1, 1.5, 30, float("nan"), float("inf"), "0.1", True, None, [0.1]])
def test_densities_are_fractions(density: Any) -> None:
    hint = "percentage" if density in (1.5, 30) else r"\(0, 1\]"
    with pytest.raises(InputError, match=hint):
        _fit(method=EdgePopup(density))
    if density is not None:  # the density of a signed supermask may be left to emerge
        with pytest.raises(InputError):
            _fit(method=SignedSupermask(density=density))
    for preset in (ConcreteTicketSearch, GemMiner, FrozenSource):
        with pytest.raises(InputError):
            _fit(method=preset(density))
    with pytest.raises(InputError):
        _fit(method=Multicoated((0.5, density)))
    with pytest.raises(InputError):
        Cubic(density)
    with pytest.raises(InputError):
        Linear(0.5, start=density)
    with pytest.raises(InputError):
        LayerWise((("*", density),))


def test_budgets_that_empty_a_layer_name_it() -> None:
    with pytest.raises(InputError, match=r"keeps 0.01 of the 24 scores of 5\.weight: none"):
        _fit(method=EdgePopup(0.01))
    with pytest.raises(InputError, match="none of 152"):
        _fit(method=EdgePopup(0.001, budget=Global()))
    # the remedies it names
    for budget in (ErdosRenyi(), Global()):
        assert _fit(method=EdgePopup(0.05, budget=budget)).density == round(0.05 * 152) / 152
    with pytest.raises(InputError, match="must fall"):
        Multicoated((0.1, 0.5)).method()
    with pytest.raises(InputError, match="locked in"):
        _fit(method=FrozenSource(0.1, locked=0.5))
    with pytest.raises(InputError, match="leave something"):
        _fit(method=FrozenSource(0.5, removed=0.5, locked=0.5))


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "0.1", True])
def test_rates_are_numbers(rate: Any) -> None:
    for make in (SGD, Adam):
        with pytest.raises(InputError, match="rate >= 0"):
            make(rate)


def test_events_that_contradict_each_other() -> None:
    method = replace(FEW.method(), events=(Redraw(), Recycle()))
    with pytest.raises(InputError, match="several of its events change weights"):
        _fit(method=method)
    for rate in (0, 1.5, float("nan")):
        with pytest.raises(InputError):
            Redraw(rate)
    with pytest.raises(InputError, match=r"0\.5"):
        Recycle(0.6)


@pytest.mark.parametrize("method", ["edge-popup", EdgePopup, None, 0.5])
def test_methods_are_objects(method: Any) -> None:
    with pytest.raises(InputError, match="a method is needed"):
        _fit(method=method)


@pytest.mark.parametrize("epochs", [-1, 1.5, True, "3", None])
def test_epochs_are_whole(epochs: Any) -> None:
    with pytest.raises(InputError, match="whole number of epochs"):
        _fit(epochs=epochs)


@pytest.mark.parametrize("seed", [1.5, "a", None, -1])
def test_seeds_are_whole(seed: Any) -> None:
    with pytest.raises(InputError):
        _fit(seed=seed)


# -- loaders and batches ---------------------------------------------------------------------------------------------


class _Says:
    """A loader that says it has ``said`` batches and has 2."""

    def __init__(self, said: int) -> None:
        self.said = said

    def __len__(self) -> int:
        return self.said

    def __iter__(self) -> Any:
        return iter(MLP.batches())


def test_loaders_have_the_length_they_say() -> None:
    with pytest.raises(InputError, match="empty"):
        _fit(loader=[])
    with pytest.raises(InputError, match="a generator has not"):
        _fit(loader=(b for b in MLP.batches()))
    with pytest.raises(InputError, match="said it has 3 batches an epoch, and in epoch 0 yields 2"):
        _fit(loader=_Says(3))
    with pytest.raises(InputError, match="said it has 1 batches an epoch, and yields more"):
        _fit(loader=_Says(1))
    with pytest.raises(InputError, match="no batches"):
        _fit(validation=[])


X, Y = torch.zeros(4, 8), torch.zeros(4, dtype=torch.long)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        (X, "pair"),
        ((X,), "of 1"),
        ((X, Y, Y), "of 3"),
        ({"x": X, "y": Y}, "dict"),
        ((X, [0, 1, 2, 3]), "targets must be a tensor"),
        ((X.numpy(), Y), "inputs must be a tensor"),
        (({"x": X}, Y), "inputs must be a tensor"),
        ((X, Y[0]), "axis of examples"),
        ((X, Y.float()), r"targets torch.float32 of \(4,\)"),
        ((X, Y[:3]), r"targets torch.int64 of \(3,\)"),
        ((X, Y + 7), "fails on outputs"),
        ((X, Y.int()), "targets torch.int32"),
    ],
    ids=lambda v: None if isinstance(v, (tuple, dict, Tensor)) else str(v)[:12],
)
def test_batches_are_pairs_that_fit_the_loss(batch: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        _fit(loader=[batch])
    with pytest.raises(InputError, match=told):
        _fit(validation=[batch])


def test_losses_are_one_number_that_depends_on_the_scores() -> None:
    with pytest.raises(InputError, match=r"one number is needed.*of \(8,\)"):
        _fit(loss=nn.CrossEntropyLoss(reduction="none"))
    with pytest.raises(InputError, match="a float"):
        _fit(loss=lambda outputs, targets: 0.5)
    with pytest.raises(InputError, match="does not depend on the scores"):
        _fit(loss=lambda outputs, targets: outputs.detach().sum())


# -- models ----------------------------------------------------------------------------------------------------------


class _Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.gains = nn.Linear(8, 3), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x) * self.gains  # type: ignore[no-any-return]


def _traced() -> nn.Module:
    return torch.jit.trace(MLP.model().eval(), torch.zeros(1, 8))  # type: ignore[no-untyped-call,no-any-return]


def _pruned() -> nn.Module:
    model = nn.Sequential(nn.Linear(8, 3))
    prune.random_unstructured(model[0], "weight", 0.5)  # type: ignore[no-untyped-call]
    return model


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nn.Sequential(nn.ReLU()), "no weights to mask"),
        (lambda: nn.Sequential(nn.BatchNorm1d(8)), "no weights to mask"),
        (lambda: nn.Sequential(nn.LazyLinear(3)), "call the model once"),
        (lambda: nn.Sequential(nn.LazyBatchNorm1d(), nn.Linear(8, 3)), "call the model once"),
        (lambda: nn.Sequential(nn.Linear(8, 3, device="meta")), "meta device"),
        (lambda: nn.Sequential(nn.Linear(8, 3, dtype=torch.complex64)), "complex64"),
        (lambda: nn.Sequential(nn.Linear(0, 3)), r"\(3, 0\)"),
        (_Odd, "gains"),
        (lambda: nn.Sequential(parametrizations.weight_norm(nn.Linear(8, 3))), "remove_parametrizations"),
        (lambda: nn.Sequential(parametrizations.spectral_norm(nn.Linear(8, 3))), "remove_parametrizations"),
        (lambda: nn.Sequential(weight_norm(nn.Linear(8, 3))), "by a hook"),
        (lambda: nn.Sequential(nn.utils.spectral_norm(nn.Linear(8, 3))), "by a hook"),
        (_pruned, "by a hook"),
        (lambda: torch.compile(MLP.model()), "_orig_mod"),
        (lambda: nn.DataParallel(MLP.model()), "give its .module"),
    ],
    ids=["none", "norm", "lazy", "lazy norm", "meta", "complex", "empty", "odd", "weight norm", "spectral norm",
         "old weight norm", "old spectral norm", "pruned", "compiled", "parallel"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_models_whose_weights_are_not_their_own(make: Any, told: str) -> None:
    with pytest.raises(UnsupportedModuleError, match=told):
        _fit(model=make())


@pytest.mark.filterwarnings("ignore")
def test_scripts_are_refused() -> None:
    with pytest.raises(UnsupportedModuleError, match=r"from before torch\.jit"):
        _fit(model=_traced())


def test_a_lazy_model_that_was_called_is_as_any_other() -> None:
    model = nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.Linear(6, 3))
    model(torch.zeros(1, 8))
    _fit(model=model).verify()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_all_is_done_in_float32(dtype: torch.dtype, kind: str) -> None:
    made = KINDS[kind]
    model = made.model().to(dtype)
    batches = [(x.to(dtype), y) for x, y in made.batches()]
    found = fit(model, batches, FEW, epochs=1, validation=batches)
    assert model[0].weight.dtype == dtype
    assert {p.dtype for p in found.module().parameters()} == {torch.float32}
    exact = [(x.float(), y) for x, y in batches]
    assert fit(made.model(), exact, FEW, epochs=1).last.digest == found.last.digest
    found.verify()


def test_targets_may_be_numbers() -> None:
    batches = [(x, torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double()) for x, _ in MLP.batches()]
    found = _fit(loader=batches, validation=batches, loss=nn.functional.mse_loss)
    scored = found.history[0].validation
    assert scored is not None and scored.accuracy is None


def test_hooks_and_compiled_calls_stay_with_the_model() -> None:
    calls = []
    model = MLP.model()
    model[0].register_forward_hook(lambda module, given, made: calls.append(1))
    found = _fit(model=model)
    assert calls and found.verify()
    compiled = MLP.model()
    compiled.compile()  # in place: the copy is not compiled
    assert _fit(model=compiled).last.digest == _fit().last.digest


def test_recurrent_layers() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.cell(x)[0][:, -1])  # type: ignore[no-any-return]

    found = fit(Recurrent(), [(torch.randn(6, 3, 4), torch.arange(6) % 3)] * 2, FEW, epochs=2)
    found.verify()
    assert {"cell.weight_ih_l0", "cell.weight_hh_l0", "head.weight"} == set(found.last.masks)


# -- numbers that are none -------------------------------------------------------------------------------------------


class _Breaks:
    """The batches of the test, with NaN inputs in epoch ``epoch``."""

    def __init__(self, epoch: int) -> None:
        self.epoch, self.now = epoch, -1

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Any:
        self.now += 1
        for x, y in MLP.batches():
            yield (x * torch.nan if self.now == self.epoch else x), y


@pytest.mark.parametrize("name", ["edge-popup", "iterand", "concrete", "gem-miner", "signed", "bernoulli"])
@pytest.mark.parametrize("validated", [False, True])
def test_a_loss_that_is_none_stops_the_search_and_keeps_the_last_epoch(name: str, validated: bool) -> None:
    validation = MLP.batches() if validated else None
    with pytest.raises(NonFiniteError, match=r"step 4 \(epoch 2\): the loss is nan") as caught:
        _fit(loader=_Breaks(2), method=PRESETS[name], epochs=4, validation=validation)
    good = caught.value.last_good
    assert isinstance(good, Found) and len(good.history) == 2
    assert good.density > 0
    good.verify()
    assert good.evaluate(MLP.batches()).examples == 16
    with pytest.raises(NonFiniteError) as caught:
        _fit(loader=_Breaks(0), method=PRESETS[name], epochs=4)
    assert caught.value.last_good is None


def test_the_good_state_is_that_of_the_epoch() -> None:
    method = replace(FEW.method(), rate=ConstantRate())  # the same factors whatever the number of epochs
    with pytest.raises(NonFiniteError) as caught:
        _fit(loader=_Breaks(2), method=method, epochs=4)
    good = caught.value.last_good
    assert isinstance(good, Found)
    whole = _fit(method=method, epochs=2)
    assert good.last.digest == whole.last.digest and good.history == whole.history


class _Poison(nn.Module):
    """The identity, whose gradient is NaN."""

    def forward(self, x: Tensor) -> Tensor:
        x.register_hook(lambda gradient: gradient * torch.nan)
        return x


@pytest.mark.parametrize("name", ["edge-popup", "concrete", "gem-miner", "biprop"])
def test_gradients_that_are_none_are_found_and_their_layer_named(name: str) -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.bad, self.last = nn.Linear(8, 6), _Poison(), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x)
            return self.last(self.bad(hidden) if self.training else hidden)  # type: ignore[no-any-return]

    with pytest.raises(NonFiniteError, match=r"step [01] \(epoch 0\).*first\.weight"):
        _fit(model=Model(), method=PRESETS[name], epochs=3)


def test_the_checkpoint_before_stands(tmp_path: Path) -> None:
    batches = MLP.batches()
    path = tmp_path / "search.safetensors"

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        found = nn.functional.cross_entropy(outputs, targets)
        calls.append(1)
        return found * torch.nan if len(calls) == 6 else found

    calls: list[int] = []
    with pytest.raises(NonFiniteError, match=r"step 5 \(epoch 2\).*checkpoint of epoch 1 stands"):
        fit(MLP.model(), batches, FEW, epochs=3, loss=loss, checkpoint=path)
    found = fit(MLP.model(), batches, FEW, epochs=3, loss=loss, checkpoint=path, resume=True)
    assert found.last.digest == fit(MLP.model(), batches, FEW, epochs=3).last.digest


def test_rates_that_are_too_high_are_told() -> None:
    method = EdgePopup(0.4, scale=NoScale(), optimiser=SGD(1e38))
    with pytest.raises(NonFiniteError, match="Lower the learning rate"):
        _fit(method=method, epochs=20)
