"""What the suite of claims says of claims that do not pass it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Size, Verdict
from slt.errors import InputError
from slt.weights import Key

from .conformance import Conformance


@dataclass(frozen=True)
class AllAreSmall(Claim):
    """Fails at 3."""

    title = setting = statement = reference = measures = "small"
    kind, origin, checked, unchecked = Kind.IDENTITY, Origin.AS_PRINTED, (), ()
    expected = Outcome.VIOLATED

    most: int = 2

    def check(self, size: Size, key: Key) -> Verdict:
        return self.again({"n": 3})

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        n = counterexample["n"]
        row = Comparison.of(f"{n} is small", n <= self.most, Equal(), True)
        return Verdict.of([row], Exact("integers", "one"), None if row.holds else {"n": n})

    def mutants(self) -> Mapping[str, Claim]:
        return {"larger": replace(self, most=3)}


class Unstored(AllAreSmall):
    """Keeps nothing."""

    def check(self, size: Size, key: Key) -> Verdict:
        return replace(super().check(size, key), counterexample=None)


class Forgetful(AllAreSmall):
    """Runs nothing again."""

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        if counterexample == {"n": 3}:
            return super().again(counterexample)
        return Claim.again(self, counterexample)

    def check(self, size: Size, key: Key) -> Verdict:
        return replace(super().check(size, key), counterexample={"n": 4})


class Other(AllAreSmall):
    """Holds of what it stored."""

    def check(self, size: Size, key: Key) -> Verdict:
        return replace(super().check(size, key), counterexample={"n": 1})


class Corrected(AllAreSmall):
    """Names another."""

    corrected = "some-are-small"


class Unturned(AllAreSmall):
    """Its mutant changes nothing."""

    def mutants(self) -> Mapping[str, Claim]:
        return {"smaller": replace(self, most=1)}


@dataclass(frozen=True)
class Holds(AllAreSmall):
    """Holds."""

    expected = Outcome.HOLDS
    most: int = 3


class TestFalseClaimWithoutCorrection(Conformance):
    def claim_of_file(self):
        return AllAreSmall()


class TestFalseClaimWithCorrection(Conformance):
    known = {"some-are-small": Holds()}  # noqa: RUF012  (a mapping that nobody writes to)
    correction_needed = True

    def claim_of_file(self):
        return Corrected()


def violation(claim, suite=None):
    (suite or Conformance()).test_a_violation_is_stored_and_runs_again(("mine", claim))


def suite_of(**members):
    return type("Suite", (Conformance,), members)()


@pytest.mark.parametrize(
    ("claim", "members", "said"),
    [
        (Unstored(), {}, "holds no counterexample: give Verdict.of one"),
        (Other(), {}, r"again\(\) of mine came to holds on its own counterexample \{'n': 1\}"),
        (AllAreSmall(), {"correction_needed": True}, "add the claim that corrects it, and name it"),
        (Corrected(), {}, r"'some-are-small', which is not among the claims known: \[\]; add it to known"),
        (Corrected(), {"known": {"some-are-small": AllAreSmall()}}, "not expected to hold itself"),
    ],
)
def test_what_lacks_in_a_false_claim_is_said(claim, members, said):
    with pytest.raises(AssertionError, match=said):
        violation(claim, suite_of(**members))


def test_again_that_is_not_written_says_so():
    with pytest.raises(InputError, match=r"again\(\) of .* is not written"):
        violation(Forgetful())


def test_a_mutant_that_turns_nothing_is_named():
    with pytest.raises(AssertionError, match="the mutant 'smaller' comes to violated as well"):
        Conformance().test_every_mutant_turns_the_verdict(("mine", Unturned()))


def test_another_outcome_is_told():
    with pytest.raises(
        AssertionError, match=r"(?s)mine comes to violated, but its expected outcome is holds: .*is small"
    ):
        Conformance().test_its_outcome_is_the_expected_one(("mine", Holds(most=1)))
