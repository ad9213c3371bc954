"""What holds for every method on every kind of model: tickets are random source x mask, and nothing else moved."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from slt.search import RandomTensors, fit
from slt.search.estimators import StraightThrough
from slt.search.score_starts import ConstantScores, RandomScores
from slt.weights import Normal
from tests.search.conformance import Case, Conformance, bits
from tests.search.search_models import KINDS, LAYER_WISE, PRESETS, TOGETHER


class TestPresets(Conformance):
    @pytest.fixture(params=PRESETS)
    def case(self, request: pytest.FixtureRequest) -> Case:
        name = request.param
        return Case(PRESETS[name], 0.4 if name in LAYER_WISE else None, TOGETHER.get(name))


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
        assert bits(s) == bits(found[1].scores[n])


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
