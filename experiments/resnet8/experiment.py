"""A trained ResNet-8 with its batch norms folded, and tickets that answer as it does."""

from __future__ import annotations

from typing import ClassVar

from slt.runner import Config
from slt.tolerance_sweep import ToleranceSweep, TrainedTarget


class Resnet8(ToleranceSweep):
    """One unit is one tolerance of one trained network."""

    name = "resnet8"
    claim = (
        "a residual network with batch norms is matched by pruning one fixed random network of 1x1 convolutions and "
        "convolutions: accuracy is kept as soon as every weight is within a small tolerance, and nothing of the norms "
        "is carried"
    )
    default_config: ClassVar[Config] = {
        "data": "cifar10-jpeg",
        "stages": [16, 32, 64],
        "epochs": 4,
        "width": 64,
        "tolerances": [0.3, 0.1, 0.03, 0.01, 0.003],
        "seed": 0,
    }
    smoke_config: ClassVar[Config] = {"data": "digits", "stages": [2, 4], "epochs": 1, "width": 24, "tolerances": [0.1]}

    counted: ClassVar[str] = "weights after folding"
    before: ClassVar[str] = "model"
    after: ClassVar[str] = "folded target"

    def trained(self, unit: Config) -> TrainedTarget:
        from .networks import target_of

        return target_of(unit["data"], tuple(unit["stages"]), unit["epochs"], unit["seed"])


EXPERIMENT = Resnet8()
