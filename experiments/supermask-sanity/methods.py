"""The searches of this experiment by name, each at a density that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slt.errors import InputError
from slt.search import Biprop, ConcreteTicketSearch, EdgePopup, IteRand, RandomMask, SignedSupermask, WeightRecycling
from slt.search.method import Preset

METHODS: Mapping[str, Callable[[float], Preset]] = {
    "edge-popup": EdgePopup,
    "biprop": Biprop,
    "signed-supermask": lambda density: SignedSupermask(density=density),
    "weight-recycling": WeightRecycling,
    "iterand": IteRand,
    "concrete": ConcreteTicketSearch,
    "random-mask": RandomMask,
}


def preset(name: str, density: float) -> Preset:
    """The search called so."""
    if name not in METHODS:
        raise InputError(
            f"experiment supermask-sanity: there is no method {name!r}; known: {', '.join(METHODS)}. Write "
            '--set methods=["edge-popup"]'
        )
    return METHODS[name](density)
