"""A trained LeNet-5, and tickets that answer as it does."""

from __future__ import annotations

from typing import ClassVar

from slt.runner import Config
from slt.tolerance_sweep import ToleranceSweep, TrainedTarget


class Lenet(ToleranceSweep):
    """One unit is one tolerance of one trained network."""

    name = "lenet"
    claim = (
        "a convolutional network with biases, max-pools and linear layers is matched by pruning one fixed random "
        "network: accuracy is kept as soon as every weight is within a small tolerance"
    )
    default_config: ClassVar[Config] = {
        "data": "mnist",
        "epochs": 5,
        "width": 64,
        "tolerances": [0.3, 0.1, 0.03, 0.01, 0.003],
        "seed": 0,
    }
    smoke_config: ClassVar[Config] = {"data": "digits", "epochs": 1, "width": 24, "tolerances": [0.1]}

    counted: ClassVar[str] = "weights"
    before: ClassVar[str] = "model in float32"
    after: ClassVar[str] = "target in float64"

    def trained(self, unit: Config) -> TrainedTarget:
        from .networks import target_of

        return target_of(unit["data"], unit["epochs"], unit["seed"])


EXPERIMENT = Lenet()
