"""What is searched for: each method with the settings that are measured. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from slt.errors import InputError

ALL = "all"
SHORT, LONG = 10, 20  # epochs


@final
@dataclass(frozen=True)
class Variant:
    """``settings``: arguments of the method's preset as JSON has them (scales and budgets by name)."""

    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = SHORT
    batch: int = 128


VARIANTS = (
    Variant("dense"),
    *(Variant("edge-popup", {"density": density}) for density in (0.5, 0.3, 0.1, 0.03)),
    *(Variant("edge-popup", {"density": density, "scale": "none"}) for density in (0.5, 0.1)),
    Variant("global-edge-popup", {"density": 0.1, "budget": "global"}),
    *(Variant("biprop", {"density": density}) for density in (0.5, 0.1)),
    Variant("iterand", {"density": 0.5}),
    # its scores start sqrt(6) times as large as edge-popup's: the same rate moves them a sixth as far
    Variant("iterand", {"density": 0.5, "optimiser": "SGD 0.1"}),
    # the published 3 epochs are of 250
    *(Variant("weight-recycling", {"density": density, "every": 1}) for density in (0.5, 0.1)),
    # the published 0.05 and 5e-4 are for 100 epochs; chosen on the validation part of another seed
    Variant("signed-supermask", {"rate": 0.1, "decay": 3.2e-4}, LONG),
    Variant("signed-supermask", {"rate": 0.1, "decay": 1e-4, "density": 0.04}, LONG),
    Variant("concrete", {"density": 0.1}, LONG, 512),
    Variant("concrete", {"density": 0.1, "scale": "inverse root density"}, LONG, 512),
    # the published penalty of 1e-4, and one that leaves the density to the freezing
    Variant("gem-miner", {"density": 0.1}, LONG),
    Variant("gem-miner", {"density": 0.1, "penalty": 1e-5}, LONG),
    # as published; standardised pixels, whose background is not 0, drown its samples in noise
    Variant("bernoulli", {"sampled": False, "pixels": "unit"}, LONG),
    Variant("bernoulli", {"sampled": False}, LONG),
    # half of the source is frozen
    Variant("frozen-source", {"density": 0.5, "removed": 0.25, "locked": 0.25}),
    Variant("multicoated", {"densities": [0.3, 0.0788, 0.0315]}),
    *(Variant("random-mask", {"density": density}) for density in (0.5, 0.1)),
    *(Variant("magnitude-at-start", {"density": density}) for density in (0.5, 0.1)),
)


def variants_of(method: str) -> Sequence[Variant]:
    """The variants of one method, or of all."""
    found = [v for v in VARIANTS if method in (ALL, v.method)]
    if not found:
        known = ", ".join(dict.fromkeys(v.method for v in VARIANTS))
        raise InputError(f"experiment supermask-mnist: method={method!r} was given; known: {ALL}, {known}")
    return found
