"""Lower bounds of the sup error of tickets with another activation than ReLU, from inputs.

As in ``evaluation.py``, a bound of all rounding goes from layer to layer. It takes torch's own activation functions in
float64 to be within ``ULPS`` units in the last place of max(|x|, |phi(x)|): an assumption, which their libraries meet
with room to spare but nobody proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.activation_target import ActivationTarget
from slt.activations import Activation
from slt.dense_chain import DenseChain
from slt.errors import InputError
from slt.scoring.evaluation import Block, block_of, device_of, points_of
from slt.scoring.rounding import UNDERFLOW, UNIT
from slt.scoring.score import Kind, Score, shown
from slt.scoring.sure import Sure, sure_difference

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]
ULPS = 16


@final
@dataclass(frozen=True, eq=False)
class ActivationNetwork:
    """Linear blocks on one device, and whether the activation follows each."""

    blocks: tuple[tuple[Block, bool], ...]
    activation: Activation
    function: nn.Module

    @staticmethod
    def of(network: DenseChain | ActivationTarget, device: torch.device) -> ActivationNetwork:
        """Either network of a pair."""
        if isinstance(network, DenseChain):
            blocks = [(block_of(a.weight, None, a.bias, False, 0.0, device), a.active) for a in network.layers]
        else:
            blocks = [(block_of(a.weight, None, a.bias, False, 0.0, device), a.relu) for a in network.chain.layers]
        return ActivationNetwork(tuple(blocks), network.activation, network.activation.module())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Outputs (count, outputs) for inputs (count, inputs)."""
        for block, active in self.blocks:
            x = block.before_relu(x)
            x = self.function(x) if active else x
        return x

    def forward_with_error(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs, and at least their distances to the real outputs (inf or NaN: no bound); (count, outputs) each."""
        import torch

        error = torch.zeros_like(x)
        for block, active in self.blocks:
            y = block.before_relu(x)
            error = torch.where(y.isfinite(), block.error(x, error), torch.inf)
            x = y
            if active:
                x = self.function(y)
                # an input that is off by error moves phi by lipschitz times that, 1e-9 for these operations
                own = ULPS * 2 * UNIT * torch.maximum(y.abs(), x.abs()) + 8 * UNDERFLOW
                error = (self.activation.lipschitz * error + own) * (1 + 1e-9)
        return x, error


def activation_pair(ticket: DenseChain, model: Any, device: Any) -> tuple[ActivationNetwork, ActivationNetwork, int]:
    """Both networks on a device, and their number of inputs. Raises InputError."""
    target = ActivationTarget.of(model, ticket.activation)
    sizes = ticket.layers[0].weight.shape[1], ticket.layers[-1].weight.shape[0]
    if sizes != (target.inputs, target.outputs):
        raise InputError(
            f"scoring a ticket: it has {sizes[0]} inputs and {sizes[1]} outputs, the model {target.inputs} and "
            f"{target.outputs}; give the model that the ticket is for"
        )
    place = device_of(device)
    return ActivationNetwork.of(ticket, place), ActivationNetwork.of(target, place), target.inputs


def sampled_activation(ticket: DenseChain, model: Any, inputs: Any, device: Any, batch: int, order: float) -> Score:
    """What ``slt.sampled`` says of a ticket with another activation than ReLU."""
    import torch

    left, right, count = activation_pair(ticket, model, device)
    points, place = points_of(inputs, count), device_of(device)
    best = Sure(0.0, 0.0)
    with torch.no_grad():
        for start in range(0, len(points), batch):
            x = torch.tensor(points[start : start + batch], device=place)
            here = sure_difference(*left.forward_with_error(x), *right.forward_with_error(x), order)
            best = here if start == 0 or here.value > best.value else best
    text = (
        f"sampled on {len(points):,} inputs, float64, minus a rounding bound of {shown(best.paid)} that takes torch's "
        f"{ticket.activation.torch_name} to be within {ULPS} units in the last place"
    )
    return Score(best.value, Kind.SAMPLED_LOWER, rounding=best.paid, norm=order, text=text)
