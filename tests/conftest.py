"""Shared by all tests: a fixed Hypothesis profile (no deadline: compiled code is slow once), torch's state seeded by
the test's name, so that models made in tests are the same in every run and every order, and where real data is."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "slt", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("slt")


@pytest.fixture(scope="module", autouse=True)
def _seeded_module(request: pytest.FixtureRequest) -> None:
    _seed(request.node.nodeid)


@pytest.fixture(autouse=True)
def _seeded_test(request: pytest.FixtureRequest) -> None:
    _seed(request.node.nodeid)


def _seed(name: str) -> None:
    import torch

    torch.manual_seed(zlib.crc32(name.encode()))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that SLT_DATA points at; the test is skipped without one."""
    folder = os.environ.get("SLT_DATA")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("no MNIST at hand: SLT_DATA points at no folder with mnist/ in it")
    return Path(folder)
