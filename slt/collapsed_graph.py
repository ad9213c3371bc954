"""What a convolutional ticket computes: its graph, each random network of an affine node collapsed to two weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.graph_nodes import Affine, Node
from slt.node_graph import run

if TYPE_CHECKING:
    import torch

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class CollapsedMap:
    """``x -> positive(max(x, 0)) - negative(max(-x, 0)) + bias``, where positive and negative are the affine node's
    linear map with these weights, of the node's ``weight_shape``.

    ``negative`` is None where values are never below zero; ``bias`` (outputs,), zeros where the node has none. Each
    entry is the exact real number up to ``rounding``.
    """

    positive: FloatArray
    negative: FloatArray | None
    bias: FloatArray
    rounding: float = 0.0


@final
@dataclass(frozen=True, eq=False)
class CollapsedGraph:
    """The function that a ticket computes over the reals; ``maps``: by the index of each affine node; ``input_shape``
    as in ``GraphTarget``."""

    nodes: tuple[Node, ...]
    maps: Mapping[int, CollapsedMap]
    input_shape: tuple[int, ...] | None = None

    def forward(self, inputs: Any) -> FloatArray:
        """Outputs in float64, shape (count, ...), for inputs (count, channels, height, width) or (count, features)."""
        import torch

        def affine(i: int, node: Affine, x: torch.Tensor) -> torch.Tensor:
            collapsed = self.maps[i]
            y = node.apply(x.relu(), torch.tensor(collapsed.positive))
            if collapsed.negative is not None:
                y = y - node.apply((-x).relu(), torch.tensor(collapsed.negative))
            return y + node.spread(torch.tensor(collapsed.bias))

        x = torch.tensor(np.asarray(inputs, dtype=np.float64))
        return np.asarray(run(self.nodes, x, affine)[-1].numpy())
