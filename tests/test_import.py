"""``import slt`` is light, and everything public is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import slt


def test_importing_loads_nothing_heavy():
    heavy = ["torch", "numba", "cvxpy", "matplotlib", "scipy", "safetensors", "click", "tqdm", "sklearn"]
    code = f"import sys, slt; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_everything_public_is_there():
    for name in slt.__all__:
        assert getattr(slt, name) is not None
    assert set(slt.__all__) <= set(dir(slt))
    with pytest.raises(AttributeError, match="no attribute 'lottery'"):
        _ = slt.lottery


def test_every_error_is_an_slt_error_and_a_standard_one():
    from slt import errors

    for name, kind in vars(errors).items():
        if isinstance(kind, type) and kind is not errors.SltError and issubclass(kind, Exception):
            assert issubclass(kind, errors.SltError), name
            assert issubclass(kind, (ValueError, OSError, ImportError, RuntimeError)), name
