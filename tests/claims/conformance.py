"""What every claim must satisfy, at smoke size. A test file joins by subclassing ``Conformance``."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from slt.claims import Claim, Outcome, Size, Verdict
from slt.claims.collection import key_of
from slt.claims.verdicts_file import as_entry

_verdicts: dict[type, Verdict] = {}


class Conformance:
    """Fill in ``claim_of_file``.

    ``name``   of the file, words joined by hyphens: where its draws are
    ``known``  the claims by name among which its corrected statement is, if it is violated
    """

    name: str = "template"
    known: Mapping[str, Claim] = {}

    def claim_of_file(self) -> Claim:
        raise NotImplementedError

    @pytest.fixture
    def named(self) -> tuple[str, Claim]:
        return self.name, self.claim_of_file()

    def test_its_outcome_is_the_expected_one(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        verdict = verdict_of(name, claim)
        assert verdict.outcome is claim.expected, [c for c in verdict.comparisons if c.holds is not True]
        entry = as_entry(claim, verdict, Size.SMOKE)
        assert json.loads(json.dumps(entry)) == entry

    def test_every_mutant_turns_the_verdict(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        assert claim.mutants()
        for mutant, altered in claim.mutants().items():
            assert type(altered) is type(claim) and altered != claim, mutant
            assert altered.check(Size.SMOKE, key_of(name)).outcome is not verdict_of(name, claim).outcome, mutant

    def test_a_violation_is_stored_and_runs_again(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        if claim.expected is not Outcome.VIOLATED:
            pytest.skip("this claim is not expected to be violated")
        verdict = verdict_of(name, claim)
        assert verdict.counterexample is not None
        stored = json.loads(json.dumps(verdict.counterexample))
        assert claim.again(stored).outcome is Outcome.VIOLATED
        assert claim.corrected in self.known and self.known[claim.corrected].expected is Outcome.HOLDS

    def test_it_says_what_it_claims(self, named: tuple[str, Claim]) -> None:
        _, claim = named
        for text in ("title", "setting", "statement", "reference", "measures"):
            assert isinstance(getattr(type(claim), text), str) and len(getattr(type(claim), text)) > 3
        for texts in (claim.checked, claim.unchecked):
            assert isinstance(texts, tuple) and all(isinstance(t, str) for t in texts)
        assert isinstance(claim, Claim) and type(claim).__doc__


def verdict_of(name: str, claim: Claim) -> Verdict:
    """Checked once for all tests."""
    if type(claim) not in _verdicts:
        _verdicts[type(claim)] = claim.check(Size.SMOKE, key_of(name))
    return _verdicts[type(claim)]
