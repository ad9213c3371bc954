"""Settings that cannot work are refused where they are given, not after hours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from slt.errors import InputError
from slt.search import SGD, Adam, DecoupledSGD, EdgePopup, FanAverage, FanIn, Multicoated, Same, fit


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: FanIn(-1), "gain"),
        (lambda: FanAverage(float("nan")), "gain"),
        (lambda: Same(0.0), "standard deviation"),
        (lambda: SGD(momentum=0.0, nesterov=True), "Nesterov"),
        (lambda: DecoupledSGD(momentum=0.0), "Nesterov"),
        (lambda: DecoupledSGD(decay=3.0), "turn scores around"),
        (lambda: Adam(betas=(2.0, 3.0)), "betas"),
        (lambda: Multicoated(0.3).method(), "a tuple"),  # type: ignore[arg-type]
        (lambda: Multicoated((0.1, 0.3)).method(), "must fall"),
        (lambda: fit(nn.Linear, [1], EdgePopup()), "a torch module"),  # type: ignore[arg-type]
        (lambda: fit(None, [1], EdgePopup()), "a torch module"),  # type: ignore[arg-type]
    ],
)
def test_they_are_refused(make: Callable[[], Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        make()
