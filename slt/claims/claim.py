"""A claim: one statement, and a check that measures both of its sides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, TypeVar, final

from slt.claims.verdict import Outcome, Verdict
from slt.errors import InputError
from slt.weights import Key

T = TypeVar("T")


@final
class Kind(Enum):
    """What a statement says of the number it predicts."""

    TIGHT = "tight"
    UPPER = "upper bound"
    LOWER = "lower bound"
    IDENTITY = "identity"


@final
class Origin(Enum):
    """Who says so, and how."""

    PUBLISHED = "published"
    AS_PRINTED = "as printed"
    CORRECTED = "corrected here"
    DERIVED = "derived here"
    CONJECTURE = "conjecture of this project"


@final
class Size(Enum):
    """How much is measured: seconds, or minutes."""

    SMOKE = "smoke"
    FULL = "full"

    def choose(self, smoke: T, full: T) -> T:
        """The one for this size."""
        return smoke if self is Size.SMOKE else full


class Claim(ABC):
    """Subclass as a frozen dataclass whose fields are what the predicted side is made of (a constant, an exponent, a
    relation), so that ``mutants`` can alter one of them.

    ``title``      what it is called, a few words
    ``setting``    what is given, with every symbol of the statement
    ``statement``  one sentence or formula
    ``reference``  paper and theorem number; "recalled, unverified" where it is not quoted from the text
    ``checked``    assumptions that the check makes sure of
    ``unchecked``  assumptions that it takes for granted, and what lies outside
    ``measures``   what the measured side is
    ``expected``   the outcome that this project knows; others are news
    ``corrected``  the name of the claim that corrects this one, for statements that fail as printed

    Its name is that of its file; ``find_claims`` gives the claims by name.
    """

    title: ClassVar[str]
    setting: ClassVar[str]
    statement: ClassVar[str]
    kind: ClassVar[Kind]
    origin: ClassVar[Origin]
    reference: ClassVar[str]
    checked: ClassVar[tuple[str, ...]]
    unchecked: ClassVar[tuple[str, ...]]
    measures: ClassVar[str]
    expected: ClassVar[Outcome] = Outcome.HOLDS
    corrected: ClassVar[str | None] = None

    @abstractmethod
    def check(self, size: Size, key: Key) -> Verdict:
        """Measures both sides; all that is random is drawn at ``key``."""

    @abstractmethod
    def mutants(self) -> Mapping[str, Claim]:
        """This claim with its predicted side altered, by what was altered: an inequality, a constant, a sign. Each
        must come to another outcome at smoke size; a test sees to it."""

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        """The verdict on a stored counterexample alone. InputError for claims that do not write it."""
        raise InputError(
            f"running the counterexample {dict(counterexample)} of the claim {self.title!r} again: again() of "
            f"{type(self).__name__} is not written; claims that store counterexamples write it"
        )
