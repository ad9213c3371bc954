from __future__ import annotations

import numpy as np
import pytest
import torch

from slt.data import Images
from slt.errors import InputError
from slt.search.batches import Batches
from slt.search.parts import split

ROWS = np.arange(40, dtype=np.float32)[:, None]
IMAGES = Images(ROWS, np.arange(40), ROWS[:5] + 100, np.arange(5), "digits", "nowhere")


def test_split_holds_out_of_the_training_part() -> None:
    parts = split(IMAGES, held=10, seed=4)
    (x, y), (held_x, held_y) = parts.train, parts.validation
    assert (len(x), len(held_x), len(parts.test[0])) == (30, 10, 5)
    assert sorted([*y.tolist(), *held_y.tolist()]) == list(range(40))
    assert torch.equal(x[:, 0].long(), y) and torch.equal(held_x[:, 0].long(), held_y)
    assert y.tolist() == sorted(y.tolist())
    assert set(split(IMAGES, 5, 4).validation[1].tolist()) < set(held_y.tolist())
    assert split(IMAGES, 10, 4).validation[1].tolist() == held_y.tolist()
    assert split(IMAGES, 10, 5).validation[1].tolist() != held_y.tolist()
    assert parts.test[0][:, 0].tolist() == [100, 101, 102, 103, 104]
    assert len(Batches(*parts.to("cpu").train, batch=10)) == 3


@pytest.mark.filterwarnings("error")
def test_read_only_arrays() -> None:
    rows = ROWS.copy()
    rows.flags.writeable = False
    assert len(split(Images(rows, np.arange(40), rows, np.arange(40), "digits", "nowhere"), 10).train[0]) == 30


@pytest.mark.parametrize(("held", "told"), [(0, "at least 1"), (40, "40 training images"), (1.5, "1.5 was given")])
def test_wrong_numbers(held: int, told: str) -> None:
    with pytest.raises(InputError, match=told):
        split(IMAGES, held)
