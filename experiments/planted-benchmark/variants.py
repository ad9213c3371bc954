"""Which methods look for the planted tickets, at which densities. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TASKS = ("relu", "circle", "helix")
PLANTED, DEFECT, DENSE = "planted mask", "planted mask, own output scales", "unpruned"
SEARCHES = (
    "edge-popup",
    "edge-popup, planted scale",
    "edge-popup, annealed",
    "edge-popup, read-out",
    "edge-popup, annealed, read-out",
    "gem-miner, read-out",
)
ONE_SHOT = ("magnitude", "random", "snip", "grasp", "synflow")
ROUNDS = ("synflow, 100 rounds",)
MULTISHOT = ("magnitude, multishot", "snip, multishot", "synflow, multishot")
DENSITIES = (None, 0.01, 0.1, 0.5)
"""None: as many weights as are planted; searches layer by layer then keep in each layer what is planted there."""
SPARSE = (None, 0.1)
OTHER_DEPTHS = ("edge-popup, read-out", "edge-popup, annealed, read-out", "synflow, 100 rounds")
OTHER_DENSITIES = (None, 0.5)


def units_of(config: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The first depth has all methods, the others a few."""
    units = []
    for place, depth in enumerate(config["depths"]):
        for task in config["tasks"]:
            for seed in range(config["seeds"]):
                shared = {
                    "task": task,
                    "depth": depth,
                    **{name: config[name] for name in ("width", "examples", "epochs", "batch")},
                    "seed": seed,
                }
                for method in (PLANTED, DEFECT, DENSE):
                    units.append({**shared, "method": method, "density": None})
                wanted: list[tuple[str, float | None]] = []
                if place == 0:
                    wanted += [(m, d) for m in (*SEARCHES, *ONE_SHOT, *ROUNDS) for d in DENSITIES]
                    wanted += [(m, d) for m in MULTISHOT for d in SPARSE]
                else:
                    wanted += [(m, d) for m in OTHER_DEPTHS for d in OTHER_DENSITIES]
                units += [{**shared, "method": m, "density": d} for m, d in wanted]
    # seed by seed, so that a run that is stopped has something of everything
    return sorted(units, key=lambda unit: (unit["seed"], config["depths"].index(unit["depth"])))
