"""Mirror layers of the circle ticket keep the norm and fold the angle in half: one coordinate becomes the norm.

Two coordinates (x1, x2) with angle t in [0, 2 b] become (cos b x1 + sin b x2, |sin b x1 - cos b x2|), with angle
|t - b|. Angles are exact, as fractions of pi; that the layer maps one point to the other is shown by balls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, final

from slt.claims import AtMost, Claim, Comparison, Equal, Exact, Kind, Origin, Relation, Size, Verdict
from slt.weights import Key

from ._flint_at import flint_at

BITS = 160


@final
@dataclass(frozen=True)
class MirrorLayersHalveAngles(Claim):
    """Angles that are multiples of pi / 2**j, the worst ones among them, in all quadrants."""

    title: ClassVar[str] = "Mirror layers halve angles"
    setting: ClassVar[str] = (
        "A point of norm r in the plane. First (|x1|, |x2|); then k layers with b = pi / 4, pi / 8, ..: "
        "(x1, x2) -> (cos b x1 + sin b x2, |sin b x1 - cos b x2|)."
    )
    statement: ClassVar[str] = (
        "The norm stays r, the angle is in [0, pi / 2**(k + 1)], so that r cos(pi / 2**(k + 1)) <= x1 <= r; the worst "
        "points reach the lower end."
    )
    kind: ClassVar[Kind] = Kind.TIGHT
    origin: ClassVar[Origin] = Origin.CORRECTED
    reference: ClassVar[str] = "Plant'n'Seek 2022, the circle ticket, with the sign that folds; bound derived here"
    checked: ClassVar[tuple[str, ...]] = (f"equal points: balls of {BITS} bits overlap, with radius below 2**-100",)
    unchecked: ClassVar[tuple[str, ...]] = ("angles between those tried: |t - b| is linear between them",)
    measures: ClassVar[str] = "the largest angle after k layers over pi; points whose coordinates are not as predicted"

    halving: Fraction = Fraction(1, 2)  # of the largest angle, a layer
    mirrored: bool = True  # the second coordinate is an absolute value
    turn: Fraction = Fraction(1, 2)  # the axis of a layer over the largest angle before it
    relation: Relation = AtMost()  # noqa: RUF009  (frozen)

    def check(self, size: Size, key: Key) -> Verdict:
        layers = size.choose(smoke=4, full=8)
        steps = 2 ** (layers + 2)
        off, beyond, worst = 0, 0, Fraction(0)
        with flint_at(BITS) as flint:
            for j in range(-steps, steps):
                angle = Fraction(j, steps)
                x, y = self._point(flint, angle)
                angle, x, y = self._folded(angle), abs(x), abs(y)
                for layer in range(layers + 1):
                    beyond += not self.relation.exactly(abs(angle), self.halving**layer / 2)
                    off += not self._same(flint, angle, x, y)
                    axis = self.turn ** (layer + 1) / 2
                    if layer == layers:
                        worst = max(worst, abs(angle))
                    cosine, sine = self._point(flint, axis)
                    x, y = cosine * x + sine * y, sine * x - cosine * y
                    angle = axis - angle
                    if self.mirrored:
                        angle, y = abs(angle), abs(y)
        rows = [
            Comparison.of(f"points with an angle above pi / 2**(k + 1), k <= {layers}", beyond, Equal(), 0),
            Comparison.of(f"largest angle over pi, k = {layers}", worst, Equal(), self.halving**layers / 2),
            Comparison.of("points other than predicted", off, Equal(), 0),
        ]
        return Verdict.of(rows, Exact(f"fractions of pi, and balls of {BITS} bits", f"{2 * steps} angles"))

    @staticmethod
    def _folded(angle: Fraction) -> Fraction:
        """The angle of (|x1|, |x2|), over pi."""
        angle = abs(angle)
        return min(angle, 1 - angle)

    @staticmethod
    def _point(flint: Any, angle: Fraction) -> tuple[Any, Any]:
        over_pi = flint.fmpq(angle.numerator, angle.denominator)
        sine, cosine = flint.arb.sin_cos_pi_fmpq(over_pi)
        return cosine, sine

    def _same(self, flint: Any, angle: Fraction, x: Any, y: Any) -> bool:
        wanted = self._point(flint, angle)
        tight = all(float(c.rad()) < 2.0**-100 for c in (x, y))
        return tight and all(a.overlaps(b) for a, b in zip((x, y), wanted, strict=True))

    def mutants(self) -> Mapping[str, Claim]:
        return {
            "angles fall by a third": replace(self, halving=Fraction(1, 3)),
            "angles fall by more than is reached": replace(self, halving=Fraction(2, 3)),
            "no absolute value": replace(self, mirrored=False),
            "axes at a third": replace(self, turn=Fraction(1, 3)),
            "inequality": replace(self, relation=self.relation.flipped),
        }


CLAIM = MirrorLayersHalveAngles()
