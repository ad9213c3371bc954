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
    ``known``  the claims by name among which its corrected statement is, if it names one
    ``correction_needed``  whether a claim that is violated must name one, as those of ``proofs_check`` do
    """

    name: str = "template"
    known: Mapping[str, Claim] = {}
    correction_needed: bool = False

    def claim_of_file(self) -> Claim:
        raise NotImplementedError

    @pytest.fixture
    def named(self) -> tuple[str, Claim]:
        return self.name, self.claim_of_file()

    def test_its_outcome_is_the_expected_one(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        verdict = verdict_of(name, claim)
        assert verdict.outcome is claim.expected, (
            f"{name} comes to {verdict.outcome.value}, but its expected outcome is {claim.expected.value}: {verdict}"
        )
        entry = as_entry(claim, verdict, Size.SMOKE)
        assert json.loads(json.dumps(entry)) == entry

    def test_every_mutant_turns_the_verdict(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        assert claim.mutants(), "mutants() is empty: alter a constant or the relation, so that the outcome turns"
        for mutant, altered in claim.mutants().items():
            assert type(altered) is type(claim) and altered != claim, (
                f"the mutant {mutant!r} is not this claim with a field altered: make it by dataclasses.replace"
            )
            outcome = verdict_of(name, claim).outcome
            assert altered.check(Size.SMOKE, key_of(name)).outcome is not outcome, (
                f"the mutant {mutant!r} comes to {outcome.value} as well, so the check does not depend on what it "
                "alters; alter more, or measure more"
            )

    def test_a_violation_is_stored_and_runs_again(self, named: tuple[str, Claim]) -> None:
        name, claim = named
        if claim.expected is not Outcome.VIOLATED:
            pytest.skip("this claim is not expected to be violated")
        verdict = verdict_of(name, claim)
        assert verdict.counterexample is not None, (
            f"{name} is expected to be violated, but its verdict at smoke size holds no counterexample: give "
            "Verdict.of one, of what JSON can write, with which again() shows the violation"
        )
        stored = json.loads(json.dumps(verdict.counterexample))
        again = claim.again(stored)
        assert again.outcome is Outcome.VIOLATED, (
            f"again() of {name} came to {again.outcome.value} on its own counterexample {stored}: {again}"
        )
        if claim.corrected is None:
            assert not self.correction_needed, (
                f"{name} fails as printed: add the claim that corrects it, and name it: corrected = 'its-name'"
            )
            return
        assert claim.corrected in self.known, (
            f"{name} is corrected by {claim.corrected!r}, which is not among the claims known: {sorted(self.known)}; "
            "add it to known, or leave corrected out where nothing corrects it"
        )
        assert self.known[claim.corrected].expected is Outcome.HOLDS, (
            f"{name} is corrected by {claim.corrected!r}, which is not expected to hold itself"
        )

    def test_it_says_what_it_claims(self, named: tuple[str, Claim]) -> None:
        _, claim = named
        for text in ("title", "setting", "statement", "reference", "measures"):
            said = getattr(type(claim), text, None)
            assert isinstance(said, str) and len(said) > 3, f"{text} is {said!r}; a text is needed"
        for texts in (claim.checked, claim.unchecked):
            assert isinstance(texts, tuple) and all(isinstance(t, str) for t in texts), (
                f"checked and unchecked are tuples of texts, ('so and so',); {texts!r} is none"
            )
        assert isinstance(claim, Claim) and type(claim).__doc__, "the class needs a docstring"


def verdict_of(name: str, claim: Claim) -> Verdict:
    """Checked once for all tests."""
    if type(claim) not in _verdicts:
        _verdicts[type(claim)] = claim.check(Size.SMOKE, key_of(name))
    return _verdicts[type(claim)]
