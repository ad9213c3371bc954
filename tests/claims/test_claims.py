"""Every claim at smoke size: its outcome is the expected one, every mutant turns it, counterexamples run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from slt.claims import find_claims
from slt.claims.verdicts_file import read_verdicts, table
from tests.claims.conformance import Conformance

FOLDER = Path(__file__).parents[2] / "proofs_check"
CLAIMS = find_claims(FOLDER)


class TestClaims(Conformance):
    known = CLAIMS
    correction_needed = True

    @pytest.fixture(params=CLAIMS)
    def named(self, request):
        return request.param, CLAIMS[request.param]


def test_the_table_on_file_is_that_of_the_verdicts_on_file():
    entries = read_verdicts(FOLDER)
    assert set(entries) == set(CLAIMS), "run slt check"
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == table(CLAIMS, entries)
    for name, entry in entries.items():
        assert entry["size"] == "full" and entry["outcome"] == CLAIMS[name].expected.value, name
