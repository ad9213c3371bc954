"""Mirror layers with the sign as printed: the fold is lost from the second one on.

Units carry the second coordinate h as relu(h) and relu(-h). Read as relu(h) + relu(-h) it is folded; the printed
weights read relu(h) - relu(-h) = h, so that a layer turns the point and reflects it, b - t, without folding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, final

from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Relation, Size, Verdict
from slt.weights import Key


@final
@dataclass(frozen=True)
class MirrorLayersAsPrinted(Claim):
    """Angles alone, as fractions of pi; ``mirror_layers_halve_angles`` shows that the layers do this to points."""

    title: ClassVar[str] = "Mirror layers, as printed"
    setting: ClassVar[str] = (
        "A point with angle t in [0, pi / 2]; k layers of three units, b = pi / 4, pi / 8, ..: x1' = relu(cos b x1 + "
        "sin b x2 - sin b x3), x2' = relu(h), x3' = relu(-h), h = sin b x1 - cos b x2 + cos b x3."
    )
    statement: ClassVar[str] = "The angle of (x1, |h|) is at most pi / 2**(k + 1), so that x1 is nearly the norm."
    kind: ClassVar[Kind] = Kind.UPPER
    origin: ClassVar[Origin] = Origin.AS_PRINTED
    reference: ClassVar[str] = "Fischer and Burkholz 2022, Plant'n'Seek, the circle ticket"
    checked: ClassVar[tuple[str, ...]] = ("angles stay within pi / 2, where the ReLU of x1 is idle",)
    unchecked: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[str] = "angles beyond the bound, over all multiples of pi / 2**(k + 2)"
    expected: ClassVar[Outcome] = Outcome.VIOLATED
    corrected: ClassVar[str | None] = "mirror-layers-halve-angles"

    folded: bool = False
    halving: Fraction = Fraction(1, 2)  # of the bound, a layer
    relation: Relation = Equal()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        layers = size.choose(smoke=4, full=9)
        steps = 2 ** (layers + 2)
        return self._verdict([(Fraction(j, steps), k) for k in range(1, layers + 1) for j in range(steps // 2 + 1)])

    def again(self, counterexample: Mapping[str, Any]) -> Verdict:
        return self._verdict([(Fraction(counterexample["angle over pi"]), int(counterexample["layers"]))])

    def _verdict(self, cases: list[tuple[Fraction, int]]) -> Verdict:
        angles = [self._after(angle, layers) for angle, layers in cases]
        beyond = [
            (start, layers, abs(angle))
            for (start, layers), angle in zip(cases, angles, strict=True)
            if abs(angle) > self.halving**layers / 2
        ]
        stored = None
        if beyond:
            start, layers, angle = beyond[0]
            stored = {"angle over pi": str(start), "layers": layers, "angle over pi afterwards": str(angle)}
        rows = [Comparison.of("angles beyond pi / 2**(k + 1)", len(beyond), self.relation, 0)]
        idle = sum(abs(angle) <= Fraction(1, 2) for angle in angles)
        rows.append(Comparison.of("angles within pi / 2, of all", idle, Equal(), len(angles)))
        return Verdict.of(rows, Exact("fractions of pi", f"{len(cases)} angles and numbers of layers"), stored)

    def _after(self, angle: Fraction, layers: int) -> Fraction:
        for layer in range(1, layers + 1):
            angle = Fraction(1, 2 ** (layer + 1)) - angle
            if self.folded:
                angle = abs(angle)
        return angle

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "the second coordinate folded": replace(self, folded=True),
            "the bound of no layer at all": replace(self, halving=Fraction(1)),
            "equality": replace(self, relation=self.relation.flipped),
        }


CLAIM = MirrorLayersAsPrinted()
