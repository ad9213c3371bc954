"""Whether tensors hold numbers now, or stand for others that a transform of torch will put in their place."""

from __future__ import annotations

import torch
from torch import Tensor


def has_memory(tensor: Tensor) -> bool:
    """Whether compiled code may read this tensor's memory, on the processor and in float32.

    False while ``torch.compile`` traces, for tensors under ``torch.func`` and other stand-ins, and while a mode that
    has to see every operation is on.
    """
    if torch.compiler.is_compiling() or tensor.device.type != "cpu" or tensor.dtype != torch.float32:
        return False
    # the two questions that torch.autograd.Function and the dispatcher ask themselves; there is no public form of them
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and not torch._C._len_torch_dispatch_stack()
    )
