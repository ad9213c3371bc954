"""Every claim at smoke size: its outcome is the expected one, every mutant turns it, counterexamples run again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slt.claims import Claim, Outcome, Size, find_claims
from slt.claims.collection import key_of
from slt.claims.verdicts_file import as_entry, read_verdicts, table

FOLDER = Path(__file__).parents[2] / "proofs_check"
CLAIMS = find_claims(FOLDER)


@pytest.fixture(scope="module")
def verdicts():
    return {}


def verdict_of(name: str, verdicts: dict):
    if name not in verdicts:
        verdicts[name] = CLAIMS[name].check(Size.SMOKE, key_of(name))
    return verdicts[name]


@pytest.mark.parametrize("name", CLAIMS)
def test_its_outcome_is_the_expected_one(name, verdicts):
    verdict = verdict_of(name, verdicts)
    assert verdict.outcome is CLAIMS[name].expected, [c for c in verdict.comparisons if c.holds is not True]
    entry = as_entry(CLAIMS[name], verdict, Size.SMOKE)
    assert json.loads(json.dumps(entry)) == entry


@pytest.mark.parametrize(("name", "mutant"), [(n, m) for n, c in CLAIMS.items() for m in c.mutants()])
def test_every_mutant_turns_the_verdict(name, mutant, verdicts):
    claim = CLAIMS[name]
    altered = claim.mutants()[mutant]
    assert type(altered) is type(claim) and altered != claim
    assert altered.check(Size.SMOKE, key_of(name)).outcome is not verdict_of(name, verdicts).outcome


@pytest.mark.parametrize("name", [n for n, c in CLAIMS.items() if c.expected is Outcome.VIOLATED])
def test_a_violation_is_stored_and_runs_again(name, verdicts):
    claim, verdict = CLAIMS[name], verdict_of(name, verdicts)
    assert verdict.counterexample is not None
    stored = json.loads(json.dumps(verdict.counterexample))
    assert claim.again(stored).outcome is Outcome.VIOLATED
    assert claim.corrected in CLAIMS and CLAIMS[claim.corrected].expected is Outcome.HOLDS


@pytest.mark.parametrize("name", CLAIMS)
def test_it_says_what_it_claims(name):
    claim = CLAIMS[name]
    assert claim.mutants()
    for text in ("title", "setting", "statement", "reference", "measures"):
        assert isinstance(getattr(type(claim), text), str) and len(getattr(type(claim), text)) > 3
    for texts in (claim.checked, claim.unchecked):
        assert isinstance(texts, tuple) and all(isinstance(t, str) for t in texts)
    assert isinstance(claim, Claim) and type(claim).__doc__


def test_the_table_on_file_is_that_of_the_verdicts_on_file():
    entries = read_verdicts(FOLDER)
    assert set(entries) == set(CLAIMS), "run slt check"
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == table(CLAIMS, entries)
    for name, entry in entries.items():
        assert entry["size"] == "full" and entry["outcome"] == CLAIMS[name].expected.value, name
