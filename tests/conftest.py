"""Shared by all tests: a fixed Hypothesis profile (no deadline: compiled code is slow once), and where real data is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "slt", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("slt")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that SLT_DATA points at; the test is skipped without one."""
    folder = os.environ.get("SLT_DATA")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("no MNIST at hand: SLT_DATA points at no folder with mnist/ in it")
    return Path(folder)
