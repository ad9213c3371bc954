"""What every search method must satisfy on every kind of model. A test file joins by subclassing ``Conformance``."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import pytest
import torch

from slt import load
from slt.search import Found, Method, Preset, fit
from slt.tensor_draws import draw_tensor
from slt.weights import Key
from tests.search.search_models import KINDS


@final
@dataclass(frozen=True)
class Case:
    """A method, and the density that it promises: of each layer, or of all together; None where it promises none."""

    preset: Preset | Method
    layer_wise: float | None = None
    together: float | None = None

    @property
    def method(self) -> Method:
        return self.preset if isinstance(self.preset, Method) else self.preset.method()


class Conformance:
    """Fill in ``case_of_method``; its settings should suit a search of three epochs of two batches."""

    def case_of_method(self) -> Case:
        raise NotImplementedError

    @pytest.fixture
    def case(self) -> Case:
        return self.case_of_method()

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_ticket_is_its_source_times_its_mask(self, kind: str, case: Case, tmp_path: Path) -> None:
        made, method = KINDS[kind], case.method
        model, states = made.model().train(), (torch.get_rng_state(), np.random.get_state()[1], random.getstate())  # noqa: NPY002
        before = {n: bits(t) for n, t in model.state_dict().items()}
        found = fit(model, made.batches(), case.preset, epochs=3, seed=2, validation=made.batches(1))
        # untouched: the model, its mode, all global randomness
        assert {n: bits(t) for n, t in model.state_dict().items()} == before and model.training
        assert torch.equal(states[0], torch.get_rng_state()) and np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
        assert states[2] == random.getstate()

        # masks
        allowed = {-1, 0, 1} if method.selector.signed else set(range(method.selector.levels + 1))
        for mask in found.last.masks.values():
            assert mask.dtype == torch.int8 and set(mask.unique().tolist()) <= allowed
        kept, sizes = ([f(m) for m in found.last.masks.values()] for f in (torch.count_nonzero, torch.numel))
        if case.layer_wise is not None:
            assert [int(k) for k in kept] == [round(case.layer_wise * n) for n in sizes]
        if case.together is not None:
            assert sum(int(k) for k in kept) == round(case.together * sum(sizes))

        # weights, from the source's own law
        found.verify()
        module = found.module()
        state = dict(module.named_parameters())
        for layer in found.network.layers:
            if not method.events:
                lattice = draw_tensor(method.weights.law, Key(2) / "weights" / layer.name, layer.role.shape)
                factor = np.float32(method.weights.factor(layer.role))
                drawn = lattice.astype(np.float32) * np.float32(2.0**-method.weights.law.exponent) * factor
                assert bits(layer.weights) == drawn.tobytes()
            values = layer.weights.sign() if method.active.binarised else layer.weights
            mask = found.last.masks[layer.name]
            expected = torch.where(mask != 0, mask * values * found.last.scales[layer.name], 0.0)
            assert bits(state[layer.name]) == bits(expected)  # the bits of +0.0, too
        for fixed in found.network.roles.fixed:
            assert bool((state[fixed.name] == (1.0 if fixed.value else 0.0)).all()) and fixed.value in (0.0, 1.0)
        assert not any(p.requires_grad for p in state.values())

        # files
        again = load(found.ticket.save(tmp_path / "ticket.slt"))
        other = again.module(like=made.model())
        assert all(bits(t) == bits(other.state_dict()[n]) for n, t in module.state_dict().items())
        again.verify()
        scored = found.evaluate(made.batches(1))
        assert found.history == () or scored == found.history[-1].validation

    def test_the_seed_decides(self, case: Case) -> None:
        first, second, other = (searched(case, seed) for seed in (2, 2, 3))
        assert first.last.digest == second.last.digest and first.history == second.history
        assert all(torch.equal(first.last.masks[n], m) for n, m in second.last.masks.items())
        assert first.last.digest != other.last.digest

    def test_threads_change_nothing(self, case: Case) -> None:
        threads = torch.get_num_threads()
        try:
            digests = set()
            for count in (1, 2):
                torch.set_num_threads(count)
                digests.add(searched(case).last.digest)
        finally:
            torch.set_num_threads(threads)
        assert len(digests) == 1


def searched(case: Case, seed: int = 2) -> Found:
    """Three epochs on a small network."""
    kind = KINDS["mlp"]
    return fit(kind.model(), kind.batches(), case.preset, epochs=3, seed=seed, validation=kind.batches(1))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()
