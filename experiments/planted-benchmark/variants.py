"""Which methods look for the planted tickets, at which densities. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TASKS = ("relu", "circle", "helix")
PLANTED, DEFECT, DENSE = "planted mask", "planted mask, own output scales", "unpruned"
SEARCHES = (
    "edge-popup",
    "edge-popup, annealed",
    "edge-popup, read-out",
    "edge-popup, annealed, read-out",
    "gem-miner, read-out",
)
"""With "read-out": a gain and an offset an output are trained beside the scores. Without: the published settings, and
the loss of the raw metric."""
ONE_SHOT = ("magnitude", "random", "snip", "grasp", "synflow")
ROUNDS = ("synflow, 100 rounds",)
MULTISHOT = ("magnitude, multishot", "snip, multishot", "synflow, multishot")
OTHER_DEPTHS = ("edge-popup, read-out",)


def units_of(config: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    """The first depth has all methods, the others a few at the ends of the densities. A density of None is the planted
    one, as many weights as are planted; searches layer by layer then keep in each layer what is planted there. Rounds
    with training are for that density alone."""
    densities, ends = config["densities"], (config["densities"][0], config["densities"][-1])
    units = []
    for place, depth in enumerate(config["depths"]):
        for task in config["tasks"]:
            if place and task == "relu":
                continue  # one path at any depth
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
                    wanted += [(m, d) for m in (*SEARCHES, *ONE_SHOT, *ROUNDS) for d in densities]
                    wanted += [(m, None) for m in MULTISHOT if task != "relu"]
                else:
                    wanted += [(m, d) for m in OTHER_DEPTHS for d in dict.fromkeys(ends)]
                units += [{**shared, "method": m, "density": d} for m, d in wanted]
    # the first depth first, seed by seed, so that a run that is stopped has something of everything
    return sorted(units, key=lambda unit: (config["depths"].index(unit["depth"]), unit["seed"]))
