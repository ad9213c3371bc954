from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.search.batches import Batches, order, random_bits
from slt.search.transforms import CropAndFlip, Standardise
from slt.weights import Key, Uniform

X, Y = torch.arange(50.0)[:, None], torch.arange(50)


def collected(loader: Any) -> list[list[int]]:
    return [y.tolist() for _, y in loader]


def test_random_bits_are_the_plain_generator_s() -> None:
    key = Key(3) / "batches"
    plain = Uniform(52).draw_plain(key, (1, 1, 99)).reshape(-1)
    assert random_bits(key, 99).tolist() == [(int(k) + 2**52 - 1) // 2 for k in plain]
    assert random_bits(key, 9).tolist() == random_bits(key, 99).tolist()[:9]
    assert order(key, 99).tolist() == sorted(range(99), key=lambda i: plain[i])


@given(
    st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**64 - 1), st.integers(0, 5), st.booleans(), st.booleans()
)
def test_an_epoch_is_a_function_of_its_number(
    rows: int, batch: int, seed: int, epoch: int, shuffle: bool, drop_last: bool
) -> None:
    if drop_last and batch > rows:
        with pytest.raises(InputError, match="none remains"):
            Batches(X[:rows], Y[:rows], batch, seed, shuffle, drop_last=drop_last)
        return
    loader = Batches(X[:rows], Y[:rows], batch, seed, shuffle, drop_last=drop_last)
    passes = [collected(loader) for _ in range(epoch + 1)]
    assert loader.epoch == epoch + 1
    again = Batches(X[:rows].numpy(), Y[:rows].numpy(), batch, seed, shuffle, drop_last=drop_last)
    again.epoch = epoch
    assert collected(again) == passes[-1] == [y.tolist() for _, y in loader.batches(epoch)]
    assert [len(b) for b in passes[-1]] == [len(b) for b in torch.arange(rows).split(batch)][: len(loader)]
    assert len(passes[-1]) == len(loader)
    seen = [row for rows_of_batch in passes[-1] for row in rows_of_batch]
    assert len(set(seen)) == len(seen)
    if not drop_last:
        assert sorted(seen) == list(range(rows))
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_inputs_stay_with_their_targets_and_epochs_and_seeds_differ() -> None:
    loader = Batches(X, Y, batch=7, seed=1)
    assert all(torch.equal(x[:, 0].long(), y) for x, y in loader)
    first, second, other = (collected(Batches(X, Y, 50, s).batches(e))[0] for s, e in ((1, 0), (1, 1), (2, 0)))
    assert len({tuple(first), tuple(second), tuple(other)}) == 3
    assert collected(Batches(X, Y, 50, 1).batches(0)) == [first]


def test_every_place_is_as_likely() -> None:
    # 4000 epochs of 5 rows: chi squared with 16 degrees of freedom, level 1e-6
    counts = np.zeros((5, 5))
    loader = Batches(X[:5], Y[:5], 5, seed=11)
    for _ in range(4000):
        for place, row in enumerate(collected(loader)[0]):
            counts[place, row] += 1
    assert ((counts - 800) ** 2 / 800).sum() < 61.9


def test_a_pass_left_early_counts() -> None:
    loader = Batches(X, Y, 10)
    next(iter(loader))
    assert loader.epoch == 1
    one, two = iter(loader), iter(loader)
    assert next(one)[1].tolist() != next(two)[1].tolist()


def test_no_global_state() -> None:
    state, theirs = torch.random.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    images = torch.zeros(20, 3, 8, 8)
    for _ in Batches(images, Y[:20], 6, augment=CropAndFlip(1)):
        pass
    assert torch.equal(state, torch.random.get_rng_state())
    assert theirs == np.random.get_state()[1].tolist()  # noqa: NPY002


def test_augmentation_belongs_to_the_row() -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(1, 256, (30, 3, 8, 8), dtype=np.uint8))
    chain = (CropAndFlip(2), Standardise((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)))

    def by_row(**settings: Any) -> dict[int, torch.Tensor]:
        loader = Batches(images, torch.arange(30), seed=5, augment=chain, **settings)
        loader.epoch = 2
        return {int(label): image for x, y in loader for image, label in zip(x, y, strict=True)}

    one, two = by_row(batch=4), by_row(batch=30, shuffle=False)
    assert all(torch.equal(one[i], two[i]) for i in range(30))
    assert one[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Batches(X, Y[:-1]), "50 inputs and 49 targets"),
        (lambda: Batches(X[:0], Y[:0]), "0 inputs"),
        (lambda: Batches(X.tolist(), Y), "x is of type list"),
        (lambda: Batches(X, torch.tensor(3)), "y is of type Tensor and has no axis"),
        (lambda: Batches(np.array([None] * 50), Y), "x is of type ndarray"),
        (lambda: Batches(X, Y.to("meta")), "targets on meta"),
        (lambda: Batches(X, Y, batch=0), "the batch size must be a whole number of at least 1; 0"),
        (lambda: Batches(X, Y, batch=2.5), "2.5 was given"),
        (lambda: Batches(X, Y, batch=True), "True was given"),
        (lambda: Batches(X, Y, seed=-1), "a key needs an integer seed"),
        (lambda: Batches(X, Y, augment=lambda x: x), "augmented by transforms"),
        (lambda: Batches(X, Y, augment=[torch.relu]), "augmented by transforms"),
        (lambda: setattr(Batches(X, Y), "epoch", -1), "the epoch of a loader must be .* at least 0; -1"),
        (lambda: setattr(Batches(X, Y), "epoch", "3"), "'3' was given"),
        (lambda: list(Batches(X, Y, augment=CropAndFlip())), "inputs of shape"),
    ],
)
def test_wrong_inputs(make: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        make()


def test_read_only_arrays() -> None:
    x = np.ones((3, 2), dtype=np.float32)
    x.flags.writeable = False
    assert [len(a) for a, _ in Batches(x, np.arange(3), 2)] == [2, 1]
