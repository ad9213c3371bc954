"""The batches in torch against brute force and against the processor's solver, with ``==``."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError, LimitError
from slt.subset_sum import Problem, Status
from slt.subset_sum.brute_force import brute_force
from slt.subset_sum.optimum import optimum
from slt.subset_sum.torch_batch import torch_batch
from tests.subset_sum.conformance import assert_consistent, assert_equal, random_batch


def mixed(seed: int, count: int = 60, n: int = 16) -> Problem:
    """Small items, so that ties abound; every instance with its own number of usable items; some out of reach."""
    rng = np.random.default_rng(seed)
    usable = rng.random((count, n)) < rng.random((count, 1))
    locked = rng.random((count, n)) < 0.1
    return Problem.of(rng.integers(-9, 10, (count, n)), rng.integers(-60, 61, count), usable, locked=locked)


def test_equals_brute_force_on_random_instances():
    """6,000 instances of many distributions; not a statistical test: all must agree."""
    rng = np.random.default_rng(20260102)
    for batch in range(100):
        items, targets, usable = random_batch(rng)
        locked = rng.random(items.shape) < 0.2 if batch % 3 == 0 else None
        problem = Problem.of(items, targets, usable, locked=locked)
        result = torch_batch(problem)
        assert_equal(brute_force(problem), result, f"batch {batch}")
        assert_consistent(result)


@pytest.mark.parametrize("n", range(16, 27))
def test_equals_the_optimum(n):
    """For each n 100 instances without ties and 60 with many."""
    rng = np.random.default_rng(n)
    for scale, count in ((2**52, 100), (12, 30), (10**4, 30)):
        problem = Problem.of(rng.integers(-scale, scale, (count, n)), rng.integers(-2 * scale, 2 * scale, count))
        result = torch_batch(problem)
        assert_equal(optimum(problem), result, f"scale {scale}")
        assert_consistent(result)


@given(
    st.lists(st.integers(-6, 6), min_size=0, max_size=9),
    st.lists(st.integers(-30, 30), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_ties_go_to_fewest_items_then_to_the_smallest_mask(items, targets, random):
    usable = np.array([random.random() < 0.8 for _ in items], dtype=bool)
    problem = Problem.of(np.array(items, dtype=int), targets, usable)
    assert_equal(brute_force(problem), torch_batch(problem))


@pytest.mark.parametrize("n", [1, 2, 13, 30])
@pytest.mark.parametrize("value", [0, 1, -7, 2**56])
def test_all_items_equal(n, value):
    problem = Problem.of(np.full(n, value), [value * (n // 3), value * n, 0, -value, value // 2 + 1])
    assert_equal(optimum(problem), torch_batch(problem))


@pytest.mark.parametrize("sign", [1, -1])
def test_powers_of_two(sign):
    items = sign * 2 ** np.arange(30)
    targets = sign * np.random.default_rng(3).integers(0, 2**30, 4)
    result = torch_batch(Problem.of(items, targets))
    assert not result.residual_lattice.any()
    assert np.array_equal(result.mask, (np.abs(targets)[:, None] >> np.arange(30)) & 1 == 1)


def test_thirty_six_items_and_an_odd_number_of_them():
    rng = np.random.default_rng(36)
    for n in (35, 36):
        problem = Problem.of(rng.integers(-(2**50), 2**50, (1, n)), [2**49 + 1])
        assert_equal(optimum(problem), torch_batch(problem))


def test_values_near_the_overflow_limit():
    big = 2**62
    for items, target in [([big - 1, big], 0), ([-big, big - 1], 0), ([big - 1], -big), ([2**60] * 4, 2**62 - 1)]:
        problem = Problem.of(items, [target])
        assert_equal(brute_force(problem), torch_batch(problem))


def test_few_usable_items_among_many():
    """What counts is how many are usable: 200 items, of which 3 to 20 are."""
    rng = np.random.default_rng(8)
    usable = rng.random((50, 200)).argsort(axis=1) < rng.integers(3, 21, (50, 1))
    for scale in (5, 2**40):
        items = rng.integers(-scale, scale + 1, (50, 200))
        for given_items, given_usable in (
            (items, usable),
            (items[0], usable),
            (items, usable[0]),
            (items[0], usable[0]),
        ):
            problem = Problem.of(given_items, rng.integers(-scale, scale + 1, 50), given_usable)
            assert_equal(optimum(problem), torch_batch(problem))


@pytest.mark.parametrize("batch", [1, 7, 1000, np.int64(7), None])
def test_the_batch_does_not_matter(batch):
    problem = mixed(21)
    assert len(set(problem.usable_counts().tolist())) > 8
    assert_equal(brute_force(problem), torch_batch(problem, batch=batch))


@pytest.mark.parametrize("batch", [1, 7, None])
@pytest.mark.parametrize("scale", [4, 2**40])
def test_shared_items(batch, scale):
    rng = np.random.default_rng(9)
    items, targets = rng.integers(-scale, scale + 1, 15), rng.integers(-5 * scale, 5 * scale + 1, 80)
    for usable in (None, rng.random(15) < 0.8, rng.random((80, 15)) < 0.8):
        problem = Problem.of(items, targets, usable)
        assert_equal(brute_force(problem), torch_batch(problem, batch=batch))


def test_little_memory_makes_small_chunks_and_none_is_refused(monkeypatch):
    problem = mixed(22)
    needed = 160 * 2**8
    monkeypatch.setattr("slt.subset_sum.memory.free_memory", lambda: 3 * needed)
    assert_equal(brute_force(problem), torch_batch(problem, batch=50))
    large = Problem.of(np.arange(1, 45), [5, 99])
    with pytest.raises(
        LimitError,
        match=r"44 items in torch needs 640\.0 MiB of memory on cpu and 0\.1 MiB are free.*"
        r"subset_sum\.solve",
    ):
        torch_batch(large)
    # out of reach takes no table
    assert torch_batch(Problem.of(np.arange(1, 45), [10**6])).status.tolist() == [Status.OUT_OF_REACH]


def test_none_and_one_item():
    for problem in (
        Problem.of(np.zeros((3, 0), dtype=int), [0, 5, -5]),
        Problem.of([10], [4, 6, 5, 11, -1]),
        Problem.of(np.zeros((0, 7), dtype=int), np.zeros(0, dtype=int)),
        Problem.of(np.zeros((0, 0), dtype=int), np.zeros(0, dtype=int)),
        Problem.of([1, 2, 3], [2, 0], np.zeros(3, dtype=bool)),
        Problem.of([1, 2, 3], [2, 5], locked=[True, True, True]),
    ):
        assert_equal(brute_force(problem), torch_batch(problem))
        assert_equal(optimum(problem), torch_batch(problem, batch=1))


def test_too_many_items():
    with pytest.raises(LimitError, match=r"at most 44 usable items; 1 of 2 .*\(up to 45\).* subset_sum\.solve"):
        torch_batch(Problem.of(np.arange(1, 46), [7, 10**6]))
    items = np.array([3, -4, 0, 5] * 20)
    beyond = torch_batch(Problem.of(items, [161, -81]))
    assert beyond.status.tolist() == [Status.OUT_OF_REACH] * 2
    assert np.array_equal(beyond.mask, [items > 0, items < 0])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "mps", "", 3.5, [1]])
def test_devices_that_are_not_there(device):
    with pytest.raises(InputError, match="subset sums in torch"):
        torch_batch(Problem.of([1, 2], [3]), device=device)


@pytest.mark.parametrize("batch", [0, -1, 2.0, True, "7"])
def test_batches_that_are_none(batch):
    with pytest.raises(InputError, match="an integer of at least 1 is needed"):
        torch_batch(Problem.of([1, 2], [3]), batch=batch)


def test_threads_names_of_the_processor_and_read_only_arrays_do_not_matter():
    problem = mixed(23)
    expected = torch_batch(problem)
    for array in (problem.items, problem.targets, problem.usable):
        array.setflags(write=False)
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        torch.use_deterministic_algorithms(True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for threads, device in ((1, "cpu"), (2, torch.device("cpu"))):
                torch.set_num_threads(threads)
                assert_equal(expected, torch_batch(problem, device=device))
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(deterministic)


def test_other_solvers_do_without_torch():
    code = "import sys, slt.subset_sum as s; s.solve([3, 5, 9], [12]); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_gives_what_the_processor_gives():
    rng = np.random.default_rng(31)
    for n in range(1, 31):
        for scale in (3, 10**4, 2**52):
            problem = Problem.of(
                rng.integers(-scale, scale + 1, (200 if n < 26 else 20, n)),
                rng.integers(-scale, scale + 1, 200 if n < 26 else 20),
            )
            for batch in (7, None):
                assert_equal(optimum(problem), torch_batch(problem, "cuda", batch), f"n {n}, scale {scale}")
    for problem in (mixed(32), Problem.of(np.arange(-9, 10), np.arange(-100, 100))):
        assert_equal(torch_batch(problem), torch_batch(problem, "cuda:0"))
    large = Problem.of(rng.integers(-(2**50), 2**50, (1, 44)), [1])
    assert_equal(optimum(large), torch_batch(large, "cuda"))
