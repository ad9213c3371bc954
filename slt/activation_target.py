"""Targets with another activation than ReLU: chains of linear layers and one activation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

from slt.activations import ACTIVATIONS, Activation, ReLU
from slt.chain_target import read_chain
from slt.errors import AssumptionError, InputError
from slt.targets import Target

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
SHOULD = "ReplicatedRows"


@final
@dataclass(frozen=True, eq=False)
class ActivationTarget:
    """``chain`` with ``activation`` in the place of its ReLUs: where ``Layer.relu`` is True, the activation follows."""

    chain: Target
    activation: Activation

    @property
    def inputs(self) -> int:
        return self.chain.inputs

    @property
    def outputs(self) -> int:
        return self.chain.outputs

    @property
    def token_sizes(self) -> tuple[int, ...]:
        """Dimensions of the inputs that a domain speaks of."""
        return self.chain.token_sizes

    @property
    def weights(self) -> int:
        """How many numbers are to be approximated."""
        return self.chain.weights

    def forward(self, inputs: FloatArray) -> FloatArray:
        """Outputs in float64, shape (count, outputs), for inputs of shape (count, ...)."""
        x = np.asarray(inputs, dtype=np.float64)
        x = x.reshape(len(x), -1)
        for layer in self.chain.layers:
            x = x @ layer.weight.T + (0.0 if layer.bias is None else layer.bias)
            x = self.activation.apply(x) if layer.relu else x
        return x

    @staticmethod
    def of(model: nn.Module | ActivationTarget, activation: Activation) -> ActivationTarget:
        """Reads a Sequential of Linear and modules of this activation, and what else ``Target.of`` reads; an
        ActivationTarget passes through.

        AssumptionError for another activation, one before the first layer, and two in a row; UnsupportedModuleError and
        InputError as ``Target.of``.
        """
        if isinstance(model, ActivationTarget):
            if model.activation.name.partition("/")[0] != activation.name.partition("/")[0] or (
                model.activation.slope != activation.slope
            ):
                raise AssumptionError(_other(activation, model.activation.name, "the target"))
            return ActivationTarget(model.chain, activation)
        if isinstance(model, Target):
            bent = model.input_relu or any(layer.relu for layer in model.layers)
            if isinstance(activation, ReLU) or not bent:
                return ActivationTarget(model, activation)
            raise AssumptionError(_other(activation, "ReLU", "the target"))
        from torch import nn

        if not isinstance(model, nn.Module):
            raise InputError(
                f"a torch module or an slt ActivationTarget is needed as target; {type(model).__name__} was given"
            )
        if isinstance(activation, ReLU):
            _refuse_others(model, activation)
            return ActivationTarget(read_chain(model), activation)
        chain = Target.of(_with_relus(model, activation))
        if chain.input_relu:
            raise AssumptionError(
                f"reading the target: a {activation.torch_name} comes before the first linear layer; {SHOULD} takes "
                "chains that begin with one. Apply it to the inputs beforehand"
            )
        return ActivationTarget(chain, activation)


def _refuse_others(model: nn.Module, activation: Activation) -> None:
    """AssumptionError for an activation that is not the construction's."""
    for path, module in model.named_modules():
        for kind in ACTIVATIONS:
            home = f"torch.nn.modules.activation.{kind.torch_name}"
            if f"{type(module).__module__}.{type(module).__qualname__}" == home and not activation.fits(module):
                raise AssumptionError(_other(activation, str(module), f"module {path or '(root)'}"))


def _with_relus(model: nn.Module, activation: Activation) -> Any:
    """The same modules, with a ReLU in the place of every activation."""
    from torch import nn

    from slt.targets import refuse_altered

    _refuse_others(model, activation)

    def changed(module: nn.Module, path: str) -> list[nn.Module]:
        refuse_altered(module, path)
        if type(module) is nn.Sequential:
            return [m for name, child in module._modules.items() if child is not None
                    for m in changed(child, f"{path}.{name}" if path else name)]  # fmt: skip
        return [nn.ReLU() if activation.fits(module) else module]

    flat = changed(model, "")
    bent = [isinstance(m, nn.ReLU) for m in flat if not isinstance(m, (nn.Dropout, nn.Identity, nn.Flatten))]
    if any(a and b for a, b in itertools.pairwise(bent)):
        raise AssumptionError(
            f"reading the target: two {activation.torch_name} modules follow each other, with no linear layer between; "
            f"{SHOULD} assumes one activation a layer. Merge them into one module of another construction, or drop one"
        )
    return nn.Sequential(*flat)


def _other(activation: Activation, found: str, where: str) -> str:
    needed = {
        "ReLU": "TwoLayerSum() or ReplicatedRows()",
        "LeakyReLU": "ReplicatedRows(activation=LeakyReLU(slope)) with its slope",
        "Tanh": "ReplicatedRows(activation=Tanh())",
        "Sigmoid": "ReplicatedRows(activation=Sigmoid())",
        "GELU": "ReplicatedRows(activation=GELU()) for the exact form, approximate='none',",
    }[found.partition("(")[0].partition("/")[0]]
    return (
        f"reading the target: ReplicatedRows(activation={activation.torch_name}) assumes that every activation is "
        f"{activation.name.replace('/', ' ')}; {where} is {found}. {needed} would do"
    )
