"""A neuron-subnetwork: which neurons of a random network are kept, and the one factor behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.masks import Mask
from slt.neurons.choices import Flips, NeuronChoice
from slt.neurons.moments import Moments
from slt.neurons.random_neurons import BIAS, FIRST, SECOND, RandomNeurons
from slt.tickets.ticket import Ticket

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class FoundNeurons:
    """x -> scale * sum over kept i of v_i relu(w_i . x + b_i). ``kept`` (k,) bool; ``scale`` one float32 number, the
    only one that comes from the data besides the mask."""

    network: RandomNeurons
    kept: BoolArray
    scale: float

    def __post_init__(self) -> None:
        if self.kept.shape != (self.network.neurons,) or self.kept.dtype != np.bool_:
            raise InputError(
                f"a neuron-subnetwork: truth values of shape ({self.network.neurons},) are needed; "
                f"{self.kept.dtype} of {self.kept.shape} was given"
            )
        if not np.isfinite(self.scale) or float(np.float32(self.scale)) != self.scale:
            raise InputError(f"a neuron-subnetwork: its scale must be a finite float32; {self.scale!r} was given")

    def forward(self, points: Any) -> FloatArray:
        """Values (count,) in float64 at points (count, inputs)."""
        return np.asarray(self.scale * self.network.features(points)[:, self.kept].sum(axis=1))

    def ticket(self) -> Ticket:
        """The ticket: masks that keep whole neurons, the scale declared and carried. Its module gives (count, 1)."""
        neurons, inputs = self.network.neurons, self.network.inputs
        masks = {
            FIRST: Mask.of(np.repeat(self.kept[:, None], inputs, axis=1)),
            BIAS: Mask.of(self.kept),
            SECOND: Mask.of(self.kept.reshape(1, neurons)),
        }
        return Ticket(self.network.source(self.scale), masks, domain=None)


def find_neurons(network: RandomNeurons, points: Any, values: Any, choice: NeuronChoice | None = None) -> FoundNeurons:
    """Prunes whole neurons of one fixed random network until it matches values on data; nothing is trained or re-drawn.

    ``points`` (count, inputs), ``values`` (count,), finite; ``choice``: ``Flips()`` by default. Raises InputError.

    Malach, Yehudai, Shalev-Shwartz, Shamir (ICML 2020), second part, recalled, not verified: on finitely many points,
    enough random neurons hold a subset that with a global scale is as good as any predictor of bounded norm on random
    features, up to any given error; and some single ReLU neuron under Gaussian inputs is out of reach for polynomially
    (in the dimension) many neurons, pruned or weighted. This function proves neither: it finds a subset.
    """
    choice = Flips() if choice is None else choice
    if not isinstance(choice, NeuronChoice):
        raise InputError(f"find_neurons: choice must be one such as Flips(); {choice!r} was given")
    if not isinstance(network, RandomNeurons):
        raise InputError(
            f"find_neurons: the network must be RandomNeurons(key, inputs, neurons); {network!r} was given"
        )
    moments = Moments.of(network.features(points), values)
    kept = choice.kept(moments, network.key / "choice")
    scale = moments.scale(kept)
    if not abs(scale) <= float(np.finfo(np.float32).max):
        raise InputError(
            f"find_neurons: the factor behind the kept neurons would be {scale:.3g}, which is no float32; divide the "
            "values by a constant"
        )
    return FoundNeurons(network, kept, float(np.float32(scale)))
