"""What a score says in one line stays true when its digits are cut."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.scoring import Kind, Score


def test_texts():
    lower = Score(0.01239, Kind.SAMPLED_LOWER, 3e-13, text="sampled on 10,000 inputs")
    assert str(lower) == "sup error >= 0.0123 (sampled on 10,000 inputs)"
    assert str(Score(0.01231, Kind.CERTIFIED_UPPER)) == "sup error <= 0.0124"
    assert str(Score(0.5, Kind.CERTIFIED_UPPER, text="certified over Box(low=0.0, high=1.0)")) == (
        "sup error <= 0.5 (certified over Box(low=0.0, high=1.0))"
    )
    assert str(Score(1, Kind.EXACT, norm=2)) == "sup Euclidean error = 1"
    assert str(Score(2.5, Kind.ESTIMATE)) == "sup error ~= 2.5"
    assert str(Score(np.inf, Kind.CERTIFIED_UPPER)) == "sup error <= inf"
    assert float(lower) == lower.value == 0.01239


@given(st.floats(0, 1e300), st.sampled_from([Kind.SAMPLED_LOWER, Kind.CERTIFIED_UPPER]))
@example(5e-324, Kind.SAMPLED_LOWER)
@example(5e-324, Kind.CERTIFIED_UPPER)
@example(2.2250738585072014e-308, Kind.SAMPLED_LOWER)
def test_the_shown_digits_are_a_bound_too(value, kind):
    digits = Decimal(str(Score(value, kind)).split()[3])
    assert digits <= Decimal(value) if kind is Kind.SAMPLED_LOWER else digits >= Decimal(value)
    assert abs(digits - Decimal(value)) <= Decimal(value) / 99


def test_scores_are_frozen_and_checked():
    score = Score(1.0, Kind.EXACT)
    with pytest.raises(FrozenInstanceError):
        score.value = 2.0
    assert score == Score(1.0, Kind.EXACT)
    for value in (np.nan, -1.0):
        with pytest.raises(InputError, match="value of at least 0"):
            Score(value, Kind.EXACT)
    with pytest.raises(InputError, match="rounding of at least 0"):
        Score(1.0, Kind.EXACT, rounding=-1.0)
    with pytest.raises(InputError, match=r"order 1 .*np.inf .*or 2"):
        Score(1.0, Kind.EXACT, norm=1)
