"""The phase diagram: how wide a random source has to be, over the error and the probability to fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from slt.records import Record
from slt.runner import Config, Experiment

from . import measures
from .figures import draw_planes, draw_widths
from .summary import cost_text, system_text
from .systems import SYSTEMS

KINDS = {"sampled": measures.block, "certified": measures.block, "law": measures.law, "cost": measures.sums}


class PhaseDiagram(Experiment):
    name = "phase-diagram"
    claim = (
        "At failure probability 1/2 the width that a random source needs grows by two hidden units a coordinate for "
        "every bit of error where a ReLU splits units by sign, and by one in attention; it grows with rarer failures "
        "too, by 1 to 4.5 units for every halving. The law of single sums, pushed through the system, tells it within "
        "4 units."
    )
    default_config: ClassVar[Config] = {
        "seed": 0,
        "systems": ["weight", "layer", "head", "network"],
        "bits": list(range(4, 21)),
        "spare_bits": 6,
        "probabilities": [0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001],
        "widths": [96, 112, 48, 104],
        "seeds": [131072, 16384, 32768, 16384],
        "blocks": [4, 8, 4, 8],
        "certified_seeds": [0, 0, 1024, 1024],
        "certified_blocks": [1, 1, 2, 8],
        "certified_steps": [1, 1, 2, 4],
        "draws": [131072, 16384, 65536, 16384],
        "cost_bits": [8, 12, 16, 20, 24, 26, 28, 30],
        "cost_seeds": [20000, 20000, 16000, 8000, 2000, 700, 200, 60],
    }
    smoke_config: ClassVar[Config] = {
        "bits": [4, 6, 8],
        "probabilities": [0.5, 0.1],
        "widths": [40, 44, 20, 40],
        "seeds": [256, 32, 64, 32],
        "blocks": [2, 1, 1, 1],
        "certified_seeds": [0, 0, 16, 4],
        "certified_blocks": [1, 1, 1, 1],
        "certified_steps": [1, 1, 4, 20],
        "draws": [128, 16, 64, 16],
        "cost_bits": [4, 6, 8],
        "cost_seeds": [64, 64, 64],
    }

    def units(self, config: Config) -> Sequence[Config]:
        found: list[Config] = []
        # in one order, whatever order they are given in: records are read by place
        config = {**config, "bits": sorted(config["bits"]), "probabilities": sorted(config["probabilities"])[::-1]}
        shared = {key: config[key] for key in ("seed", "bits", "spare_bits")}
        for i, name in enumerate(config["systems"]):
            place = list(SYSTEMS).index(name)
            width = config["widths"][place]
            for kind, prefix, step in (
                ("sampled", "", 1), ("certified", "certified_", config["certified_steps"][place])
            ):  # fmt: skip
                seeds, blocks = (config[prefix + key][place] for key in ("seeds", "blocks"))
                each = -(-seeds // blocks)
                found += [
                    {
                        "kind": kind, "system": name, "width": width, "step": step, **shared,
                        "first": first, "seeds": min(each, seeds - first),
                    }
                    for first in range(0, seeds, each or 1)
                ]  # fmt: skip
            found.append(
                {
                    "kind": "law", "system": name, "width": width, "draws": config["draws"][place],
                    "probabilities": config["probabilities"], "seed": config["seed"], "bits": config["bits"],
                }
            )  # fmt: skip
            if i == 0:
                found += [
                    {
                        "kind": "cost", "system": name, "finest": bits, "spare_bits": config["spare_bits"],
                        "width": width, "seeds": seeds, "seed": config["seed"],
                    }
                    for bits, seeds in zip(config["cost_bits"], config["cost_seeds"], strict=True)
                ]  # fmt: skip
        return found

    def measure(self, unit: Config) -> dict[str, Any]:
        """Of a block of seeds how many tickets miss each error at each width, (W, E); or what the laws say of it; or
        sums solved for their time.

        sampled     the sup error itself for one weight and a layer, a lower bound of it for the others
        certified   an upper bound of it, of fewer seeds at fewer widths
        law         failures where residuals are drawn from their law; necessary and sufficient widths
        """
        return KINDS[unit["kind"]](unit)

    def cost(self, unit: Config) -> float:
        """Sums; each costs more the finer the error, a certificate as much as a hundred of them and more."""
        sums = unit.get("seeds", unit.get("draws", 0)) * SYSTEMS[unit["system"]].sums
        if unit["kind"] == "certified":
            return float(unit["seeds"] * unit["width"] / unit["step"] * (100 if unit["system"] == "network" else 20))
        if unit["kind"] == "cost":
            return float(sums * 2.0 ** (0.55 * (unit["finest"] - 20)))
        return float(sums * (1.0 if unit["kind"] == "sampled" else 0.2) * (2.0 if unit["system"] == "head" else 1.0))

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        return [*draw_planes(records, folder), *draw_widths(records, folder)]

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for name in SYSTEMS:
            lines += system_text(records, name)
        return "\n".join([*lines, *cost_text(records)])


EXPERIMENT = PhaseDiagram()
