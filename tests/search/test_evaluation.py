"""Accuracy is a share of right classes, wherever the classes are; where that is not clear there is none."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from slt.search.evaluation import Evaluation, evaluate

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("shape", "targets", "axis"),
    [((6, 4), (6,), 1), ((6, 5, 4), (6, 5), 2), ((6, 4, 5), (6, 5), 1), ((6, 4, 5, 7), (6, 5, 7), 1)],
)
def test_accuracy_is_taken_over_the_axis_of_the_classes(
    shape: tuple[int, ...], targets: tuple[int, ...], axis: int
) -> None:
    draws = torch.Generator().manual_seed(1)
    outputs = torch.randn(shape, generator=draws)
    classes = torch.randint(4, targets, generator=draws)
    found = evaluate(lambda x: outputs[: len(x)], [(torch.zeros(6, 1), classes)], lambda o, t: o.mean(), CPU)
    assert found.accuracy == float((outputs.argmax(axis) == classes).double().mean())


@pytest.mark.parametrize(("shape", "targets"), [((6, 1), (6,)), ((6, 5, 5), (6, 5)), ((6, 4), (6, 4))])
def test_there_is_none_where_classes_are_not_told_apart(shape: tuple[int, ...], targets: tuple[int, ...]) -> None:
    outputs, classes = torch.zeros(shape), torch.zeros(targets, dtype=torch.long)
    assert evaluate(lambda x: outputs, [(torch.zeros(6, 1), classes)], lambda o, t: o.mean(), CPU).accuracy is None


def test_the_loss_is_the_mean_over_examples_of_unequal_batches() -> None:
    x, y = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    parts = [(x[:4], y[:4]), (x[4:], y[4:])]
    found = evaluate(lambda inputs: inputs, parts, functional.cross_entropy, CPU)
    assert found.loss == pytest.approx(float(functional.cross_entropy(x, y)), rel=1e-6) and found.examples == 7


def test_the_text_is_one_line() -> None:
    assert str(Evaluation(0.10234, 0.9722, 360)) == "accuracy 97.22%, loss 0.1023 on 360 examples"
    assert str(Evaluation(2.5, None, 1)) == "loss 2.5 on 1 example"
