"""Claims: statements of papers and of this project, checked by machine."""

from slt.claims.claim import Claim, Kind, Origin, Size
from slt.claims.collection import check_claims, find_claims
from slt.claims.comparison import AtLeast, AtMost, Comparison, Equal, Relation
from slt.claims.evidence import AdversarialSearch, Certificate, Evidence, Exact, Statistics
from slt.claims.verdict import Outcome, Verdict

__all__ = [
    "AdversarialSearch",
    "AtLeast",
    "AtMost",
    "Certificate",
    "Claim",
    "Comparison",
    "Equal",
    "Evidence",
    "Exact",
    "Kind",
    "Origin",
    "Outcome",
    "Relation",
    "Size",
    "Statistics",
    "Verdict",
    "check_claims",
    "find_claims",
]
