"""How far apart the outputs of a ticket and of a model are on given inputs: a measurement, for every kind of ticket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, SltError
from slt.scoring.score import shown

if TYPE_CHECKING:
    import torch
    from torch import nn

BATCH = 256


@final
@dataclass(frozen=True)
class Difference:
    """What was seen on some inputs. Another input may differ by more: neither a bound nor an estimate of the sup.

    largest    the largest |ticket(x) - model(x)| of one number of the outputs, in the outputs' units
    median     the median of all of them
    agreement  the share of outputs whose largest entry, along the last dimension, is at the same place in both; None
               where that dimension has fewer than two
    count      inputs
    numbers    numbers of the outputs that were compared
    """

    kind: ClassVar[str] = "measured"

    largest: float
    median: float
    agreement: float | None
    count: int
    numbers: int

    def __str__(self) -> str:
        equal = "" if self.agreement is None else f", equal argmax {_percent(self.agreement)}"
        return (
            f"largest difference {shown(self.largest)}, median {shown(self.median)}{equal} ({self.kind} on "
            f"{self.count:,} input{'s' if self.count != 1 else ''}, {self.numbers:,} numbers; neither a bound nor an "
            "estimate of the sup)"
        )


def _percent(share: float) -> str:
    """Two digits behind the point, 100.00 % only where all agree."""
    return f"{min(share, 0.9999 if share < 1 else 1.0):.2%}"


def difference(ticket: Any, model: nn.Module, inputs: Any, batch: int | None = BATCH) -> Difference:
    """Calls the ticket's module and the model on the same inputs and compares the outputs; for every kind of ticket,
    module trees and searches among them, where ``certified`` and ``sampled`` prove nothing.

    ticket  a ``Ticket``, anything else with a ``module()`` such as what ``slt.search.fit`` found, or a torch module,
            such as ``ticket.collapsed_module()``, which is faster than the masked random network
    model   a torch module; a loaded ticket that needs the code of its tree takes it from there
    inputs  a tensor or an array, (count, ...); a tuple or list of them where the networks take several. Numbers with a
            fraction are cast to the precision of each network, whole ones (tokens) and truth values are left
    batch   inputs at a time, along the first dimension; None: all in one call, for networks whose inputs do not have
            their number in front (``nn.MultiheadAttention`` with batch_first=False)

    Both run in eval mode without gradients, on the model's device; their modes are put back. The ticket is float32, or
    float64 where the model is. Outputs that are tuples, such as attention's, are compared by their first entry.
    Differences are taken in float64; float32 round-off of both networks is part of them. Raises InputError (outputs of
    different shapes, NaN or infinite ones, inputs that a network cannot take).
    """
    import torch
    from torch import nn

    if not isinstance(model, nn.Module):
        raise InputError(f"comparing outputs: the model must be a torch module; a {type(model).__name__} was given")
    if batch is not None and (isinstance(batch, bool) or not isinstance(batch, (int, np.integer)) or batch < 1):
        raise InputError(f"comparing outputs: batch={batch!r} was given; None or a whole number >= 1 is needed")
    arguments = _arguments(inputs)
    count = len(arguments[0])
    if batch is not None and any(len(x) != count for x in arguments):
        raise InputError(
            f"comparing outputs: inputs of shapes {[tuple(x.shape) for x in arguments]} were given; the first "
            "dimension of all is to be the number of inputs. Give batch=None where it is not"
        )
    dtype, device = _precision(model, torch.get_default_dtype())
    network = _module_of(ticket, model, torch.float64 if dtype == torch.float64 else torch.float32, device)
    step = count if batch is None else int(batch)
    gaps, agreeing, outputs = [], 0, 0
    with torch.no_grad(), _evaluating(model), _evaluating(network):
        for start in range(0, count, step):
            part = arguments if batch is None else tuple(x[start : start + step] for x in arguments)
            left, right = _answer("ticket", network, part), _answer("model", model, part)
            if left.shape != right.shape:
                raise InputError(
                    f"comparing outputs: those of the ticket have shape {tuple(left.shape)}, the model's "
                    f"{tuple(right.shape)}; give the model that the ticket is for"
                )
            gaps.append((left - right).abs().flatten().cpu().numpy())
            if left.ndim > 1 and left.shape[-1] > 1:
                same = left.argmax(-1) == right.argmax(-1)
                agreeing, outputs = agreeing + int(same.sum()), outputs + same.numel()
    errors = np.concatenate(gaps)
    if not errors.size:
        raise InputError("comparing outputs: the networks have none on these inputs")
    return Difference(
        largest=float(errors.max()),
        median=float(np.median(errors)),
        agreement=agreeing / outputs if outputs else None,
        count=count,
        numbers=int(errors.size),
    )


def _arguments(inputs: Any) -> tuple[torch.Tensor, ...]:
    """Inputs as tensors. InputError for what is none, and for none at all."""
    import torch

    several = isinstance(inputs, tuple) or (
        isinstance(inputs, list) and all(isinstance(x, (torch.Tensor, np.ndarray)) for x in inputs)
    )
    found = []
    for given in inputs if several else (inputs,):
        array: npt.NDArray[Any] | None = None if isinstance(given, torch.Tensor) else np.asarray(given)
        if array is not None and array.dtype.kind not in "biuf":
            raise InputError(
                f"comparing outputs: inputs of type {type(given).__name__} were given; a tensor or an array of numbers "
                "is needed, or a tuple of them where the model takes several"
            )
        tensor = given.detach() if array is None else torch.from_numpy(np.ascontiguousarray(array))
        if not tensor.ndim or not tensor.numel():
            raise InputError(
                f"comparing outputs: inputs of shape {tuple(tensor.shape)} were given; at least one is needed, shape "
                "(count, ...). Several arguments of the model go into a tuple"
            )
        found.append(tensor)
    if not found:
        raise InputError("comparing outputs: no inputs were given")
    return tuple(found)


def _precision(network: nn.Module, otherwise: torch.dtype) -> tuple[torch.dtype, torch.device | None]:
    """What a network computes in and where, by its first tensor of real numbers."""
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            return tensor.dtype, tensor.device
    return otherwise, None


def _module_of(ticket: Any, model: nn.Module, dtype: torch.dtype, device: torch.device | None) -> nn.Module:
    """The ticket's network; the architecture comes from the model where a file does not hold it."""
    from torch import nn

    if isinstance(ticket, nn.Module):
        return ticket
    source = getattr(ticket, "source_network", None)
    if source is None and callable(getattr(ticket, "module", None)):
        ticket = getattr(ticket, "ticket", ticket)
        source = getattr(ticket, "source_network", None)
    if source is None:
        raise InputError(
            f"comparing outputs: a {type(ticket).__name__} was given; a ticket, what a search found, or a torch module "
            "is needed"
        )
    like = model if getattr(source, "skeleton", source) is None else None
    found: nn.Module = ticket.module(dtype, device, like)
    return found


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode; each module's own mode is put back."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _answer(name: str, network: nn.Module, arguments: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The outputs in float64. InputError where the network fails, or answers with no finite numbers."""
    import torch

    dtype, device = _precision(network, torch.get_default_dtype())
    # copies: a network may work in place, and the other one is given the same inputs
    given = [x.to(device, dtype if x.is_floating_point() else x.dtype, copy=True) for x in arguments]
    try:
        answer = network(*given)
    except (SltError, torch.cuda.OutOfMemoryError):
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"comparing outputs: the {name} fails on inputs {[f'{x.dtype} of {tuple(x.shape)}' for x in given]}: "
            f"{error}. Give inputs that it takes, several arguments in a tuple"
        ) from error
    if isinstance(answer, (tuple, list)) and answer:
        answer = answer[0]
    if not isinstance(answer, torch.Tensor) or answer.is_complex():
        raise InputError(
            f"comparing outputs: the {name} answers with a {type(answer).__name__}; a tensor of real numbers "
            "is needed, or a tuple that begins with one. Put a module around it that returns one"
        )
    bad = int(answer.numel() - answer.isfinite().sum())
    if bad:
        raise InputError(
            f"comparing outputs: {bad} of {answer.numel()} outputs of the {name} are NaN or infinite; look at the "
            "inputs and the weights"
        )
    return answer.to("cpu", torch.float64)
