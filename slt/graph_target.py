"""Convolutional and residual networks as targets: a graph of nodes, and the weights of its affine ones in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.domains import Box, Domain
from slt.errors import InputError
from slt.graph_nodes import Affine, Node
from slt.node_graph import check_graph, known_nonnegative, run, shapes_of, whole_shape

if TYPE_CHECKING:
    import torch
    from torch import nn

FloatArray = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class GraphTarget:
    """A network of convolutions, linear layers, ReLUs, pools and skip connections, in eval mode.

    ``nodes``        in topological order: node 0 is the input, the last one the output
    ``parameters``   by name, float64, the module's values exactly: weights of the node's ``weight_shape``, biases
                     (outputs,). Tied parameters are one, unless strides or paddings differ. Batch norms are folded
                     into the affine node before them, in float64, or are convolutions of their own: that network is
                     the target, and differs from the model in eval mode by rounding
    ``input_shape``  (channels, height, width) or (features,), None if it was not given
    """

    nodes: tuple[Node, ...]
    parameters: Mapping[str, FloatArray]
    input_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_graph(self.nodes)
        shapes: dict[str, tuple[int, ...]] = {}
        for node in self.nodes:
            if isinstance(node, Affine):
                shapes[node.weight] = node.weight_shape
                if node.bias is not None:
                    shapes[node.bias] = (node.outputs,)
        if {name: values.shape for name, values in self.parameters.items()} != shapes:
            raise InputError(
                f"a graph whose nodes need parameters {shapes} was given "
                f"{ {name: values.shape for name, values in self.parameters.items()} }"
            )
        for name, values in self.parameters.items():
            if not np.all(np.isfinite(values)):
                bad = int(np.count_nonzero(~np.isfinite(values)))
                raise InputError(
                    f"reading the target: {name} has {bad} NaN or infinite of {values.size} values; finite weights are "
                    "needed. Was the training stable?"
                )
            values.setflags(write=False)
        if self.input_shape is not None:
            shapes_of(self.nodes, self.input_shape)  # which checks it

    @staticmethod
    def of(model: nn.Module | GraphTarget, input_shape: Sequence[int] | None = None) -> GraphTarget:
        """Traces a torch module with torch.fx, as in eval mode; a GraphTarget passes through.

        ``input_shape`` without the batch dimension, (channels, height, width): needed for certificates and for boxes
        with bounds of their own for each coordinate, and for BatchNorm1d on inputs that are flat; with it, the graph
        is compared with the module at a few random inputs. Raises UnsupportedModuleError (the module's path or the
        function, the supported list; a graph that is not the module) and InputError (NaN, shapes that do not fit).
        """
        shape = None if input_shape is None else whole_shape(input_shape)
        if isinstance(model, GraphTarget):
            return model if shape is None else replace(model, input_shape=shape)
        from slt.graph_reader import read_graph

        nodes, parameters = read_graph(model, None if shape is None else len(shape))
        target = GraphTarget(nodes, parameters, shape)
        if shape is not None:
            from slt.reading_check import check_reading

            check_reading(model, shape, target.values)
        return target

    def weight(self, node: Affine) -> FloatArray:
        """Of the node's ``weight_shape``."""
        return self.parameters[node.weight]

    def bias(self, node: Affine) -> FloatArray | None:
        """Shape (outputs,), or None."""
        return None if node.bias is None else self.parameters[node.bias]

    @property
    def weights(self) -> int:
        """How many numbers are to be approximated, each distinct parameter once."""
        return sum(values.size for values in self.parameters.values())

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """The dimension of the flattened inputs, which a domain speaks of, where it is known."""
        return () if self.input_shape is None else (math.prod(self.input_shape),)

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of every node's value, without the batch dimension. InputError without ``input_shape``."""
        if self.input_shape is None:
            raise InputError(
                "the shapes of this network's values depend on its input's, which is not known: give it to "
                "GraphTarget.of(model, input_shape=...) or Convolution(input_shape=...): channels, height and width, "
                "for example (1, 28, 28), or (64,) for vectors of 64 numbers"
            )
        return shapes_of(self.nodes, self.input_shape)

    def nonnegative(self, domain: Domain) -> tuple[bool, ...]:
        """For every node whether its values are known to be never below zero, by the graph and the domain of the
        flattened inputs. InputError for a box with bounds of each coordinate where ``input_shape`` is not known."""
        return nonnegative(self.nodes, domain, self.input_shape)

    def values(self, inputs: Any) -> list[torch.Tensor]:
        """The values of all nodes in float64 for inputs of shape (count, channels, height, width), (count, features),
        or flattened ones where ``input_shape`` is known."""
        import torch

        parameters = {name: torch.tensor(values) for name, values in self.parameters.items()}

        def affine(_: int, node: Affine, x: torch.Tensor) -> torch.Tensor:
            y = node.apply(x, parameters[node.weight])
            return y if node.bias is None else y + node.spread(parameters[node.bias])

        x = torch.tensor(np.asarray(inputs, dtype=np.float64))
        if self.input_shape is not None:
            shape, flat = tuple(x.shape), (math.prod(self.input_shape),)
            if x.ndim < 1 or shape[1:] not in (self.input_shape, flat):
                raise InputError(f"inputs of shape {shape} do not fit the input shape {self.input_shape}")
            x = x.reshape(len(x), *self.input_shape)
        return run(self.nodes, x, affine)

    def forward(self, inputs: Any) -> FloatArray:
        """Outputs in float64, shape (count, ...), for inputs as in ``values``."""
        return np.asarray(self.values(inputs)[-1].numpy())


def nonnegative(nodes: Sequence[Node], domain: Domain, input_shape: tuple[int, ...] | None) -> tuple[bool, ...]:
    """As ``GraphTarget.nonnegative``, of nodes without their weights."""
    if input_shape is None and isinstance(domain, Box) and (np.ndim(domain.low) or np.ndim(domain.high)):
        raise InputError(
            "a box with bounds for each coordinate needs the shape of the inputs: give it to "
            "Convolution(input_shape=...), for example (1, 28, 28), or give the box two numbers"
        )
    size = 1 if input_shape is None else math.prod(input_shape)
    return known_nonnegative(nodes, not domain.negative(size).any())
