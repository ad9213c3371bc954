"""Drawing weights in parallel leaves torch's number of threads as it was."""

from __future__ import annotations

import torch

from slt.weights import Key, Uniform


def test_draws_leave_torch_its_threads() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            Uniform().draw(Key(0), (1, 1000, 1000))  # large enough for compiled threads
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
