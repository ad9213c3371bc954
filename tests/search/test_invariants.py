"""What holds for every method on every kind of model: tickets are random source x mask, and nothing else moved."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from slt import load
from slt.search import Found, RandomTensors, fit
from slt.search.estimators import StraightThrough
from slt.search.score_starts import ConstantScores, RandomScores
from slt.tensor_draws import draw_tensor
from slt.weights import Key, Normal
from tests.search.search_models import KINDS, LAYER_WISE, PRESETS, TOGETHER, Kind


def _search(kind: Kind, name: str, seed: int = 2, epochs: int = 3) -> Found:
    return fit(kind.model(), kind.batches(), PRESETS[name], epochs=epochs, seed=seed, validation=kind.batches(1))


def _bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_is_its_source_times_its_mask(kind: str, name: str, tmp_path: Path) -> None:
    made = KINDS[kind]
    model, states = made.model().train(), (torch.get_rng_state(), np.random.get_state()[1], random.getstate())  # noqa: NPY002
    before = {n: _bits(t) for n, t in model.state_dict().items()}
    found = fit(model, made.batches(), PRESETS[name], epochs=3, seed=2, validation=made.batches(1))
    # untouched: the model, its mode, all global randomness
    assert {n: _bits(t) for n, t in model.state_dict().items()} == before and model.training
    assert torch.equal(states[0], torch.get_rng_state()) and np.array_equal(states[1], np.random.get_state()[1])  # noqa: NPY002
    assert states[2] == random.getstate()

    # masks
    method = PRESETS[name].method()
    allowed = {-1, 0, 1} if method.selector.signed else set(range(method.selector.levels + 1))
    for mask in found.last.masks.values():
        assert mask.dtype == torch.int8 and set(mask.unique().tolist()) <= allowed
    kept, sizes = ([f(m) for m in found.last.masks.values()] for f in (torch.count_nonzero, torch.numel))
    if name in LAYER_WISE:
        assert [int(k) for k in kept] == [round(0.4 * n) for n in sizes]
    if name in TOGETHER:
        assert sum(int(k) for k in kept) == round(TOGETHER[name] * sum(sizes))

    # weights, from the source's own law
    found.verify()
    module = found.module()
    state = dict(module.named_parameters())
    for layer in found.network.layers:
        if not method.events:
            lattice = draw_tensor(method.weights.law, Key(2) / "weights" / layer.name, layer.role.shape)
            factor = np.float32(method.weights.factor(layer.role))
            drawn = lattice.astype(np.float32) * np.float32(2.0**-method.weights.law.exponent) * factor
            assert _bits(layer.weights) == drawn.tobytes()
        values = layer.weights.sign() if method.active.binarised else layer.weights
        mask = found.last.masks[layer.name]
        expected = torch.where(mask != 0, mask * values * found.last.scales[layer.name], 0.0)
        assert _bits(state[layer.name]) == _bits(expected)  # the bits of +0.0, too
    for fixed in found.network.roles.fixed:
        assert bool((state[fixed.name] == (1.0 if fixed.value else 0.0)).all()) and fixed.value in (0.0, 1.0)
    assert not any(p.requires_grad for p in state.values())

    # files
    path = found.ticket.save(tmp_path / "ticket.slt")
    again = load(path)
    other = again.module(like=made.model())
    assert all(_bits(t) == _bits(other.state_dict()[n]) for n, t in module.state_dict().items())
    again.verify()
    scored = found.evaluate(made.batches(1))
    assert found.history == () or scored == found.history[-1].validation


@pytest.mark.parametrize("name", PRESETS)
def test_the_seed_decides(name: str) -> None:
    kind = KINDS["mlp"]
    first, second, other = (_search(kind, name, seed) for seed in (2, 2, 3))
    assert first.last.digest == second.last.digest and first.history == second.history
    assert all(torch.equal(first.last.masks[n], m) for n, m in second.last.masks.items())
    assert first.last.digest != other.last.digest


@pytest.mark.parametrize("name", ["edge-popup", "iterand", "concrete"])
def test_threads_change_nothing(name: str) -> None:
    threads = torch.get_num_threads()
    try:
        digests = set()
        for count in (1, 2):
            torch.set_num_threads(count)
            digests.add(_search(KINDS["mlp"], name).last.digest)
    finally:
        torch.set_num_threads(threads)
    assert len(digests) == 1


def test_streams_are_apart() -> None:
    kind, method = KINDS["mlp"], PRESETS["iterand"].method()
    plain = fit(kind.model(), kind.batches(), method, epochs=0, seed=2).network
    for other in (
        replace(method, starts=ConstantScores(0.1)),
        replace(method, starts=RandomScores(RandomTensors(Normal()))),
        replace(method, events=()),
    ):
        moved = fit(kind.model(), kind.batches(), other, epochs=0, seed=2).network
        assert all(torch.equal(a.weights, b.weights) for a, b in zip(plain.layers, moved.layers, strict=True))
    more = fit(kind.model(), kind.batches(), method, epochs=0, seed=2, score_seed=7).network
    for a, b in zip(plain.layers, more.layers, strict=True):
        assert torch.equal(a.weights, b.weights) and not torch.equal(a.scores, b.scores)
    # layers of one shape differ
    assert not torch.equal(plain.layers[0].weights, plain.layers[1].weights)
    assert not torch.equal(plain.layers[0].scores, plain.layers[1].scores)
    assert not torch.equal(plain.layers[0].weights.sign(), plain.layers[0].scores.sign())


@pytest.mark.parametrize("name", [n for n in PRESETS if n not in ("random", "magnitude", "concrete")])
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_fused_operator_changes_no_bit_of_a_search(kind: str, name: str) -> None:
    made, method = KINDS[kind], PRESETS[name].method()
    found = [
        fit(made.model(), made.batches(3), replace(method, estimator=StraightThrough(fused)), epochs=3, seed=1)
        for fused in (True, False)
    ]
    assert [e.loss for e in found[0].history] == [e.loss for e in found[1].history]
    assert found[0].last.digest == found[1].last.digest
    for n, s in found[0].scores.items():
        assert _bits(s) == _bits(found[1].scores[n])


def test_a_mode_given_is_not_looked_at() -> None:
    kind = KINDS["conv"]
    digests = {fit(m, kind.batches(), PRESETS["edge-popup"], epochs=2).last.digest for m in (
        kind.model().train(), kind.model().eval(), copy.deepcopy(kind.model()).requires_grad_(False)
    )}  # fmt: skip
    assert len(digests) == 1
    evaluated = kind.model().eval()
    fit(evaluated, kind.batches(), PRESETS["edge-popup"], epochs=1)
    assert not evaluated.training


def test_calls_leave_no_tensor_of_a_search_in_modules_with_two_names() -> None:
    model = KINDS["tied"].model()
    model.first.register_buffer("table", torch.ones(8))
    model.second.register_buffer("table", model.first.table)
    found = fit(model, KINDS["tied"].batches(), PRESETS["edge-popup"], epochs=1)
    skeleton = found.network.skeleton
    assert skeleton.second.weight is skeleton.first.weight and skeleton.again is skeleton.first
    assert skeleton.second.table is skeleton.first.table
    assert isinstance(skeleton.first.weight, torch.nn.Parameter)
    found.verify()
