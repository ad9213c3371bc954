"""Reads a torch module as a graph of nodes, by tracing it with torch.fx."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from slt.errors import InputError, UnsupportedModuleError
from slt.graph_calls import CallReader
from slt.graph_nodes import Affine, Convolution, Flatten, Input, Linear, Node
from slt.targets import exact, refuse_altered

if TYPE_CHECKING:
    import torch
    from torch import fx, nn

FloatArray = npt.NDArray[np.float64]

SUPPORTED = (
    "Conv2d with zero padding, Linear, ReLU, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, ZeroPad2d, BatchNorm2d and "
    "BatchNorm1d behind a Linear on flat values (folded), Flatten, Dropout, Identity, their functions, sums of two "
    "values of the network, mean over the image, every k-th pixel; ModuleTree takes any other tree, and carries what "
    "it does not know"
)
DROPOUTS = ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")


def read_graph(model: Any, dimensions: int | None = None) -> tuple[tuple[Node, ...], dict[str, FloatArray]]:
    """Nodes and parameters of a module, as in eval mode; ``dimensions`` of an input, 1 or 3, None if not known. Raises
    InputError and UnsupportedModuleError."""
    from torch import nn

    if not isinstance(model, nn.Module):
        raise InputError(f"a torch module or a GraphTarget is needed as target; {type(model).__name__} was given")
    for path, module in model.named_modules():
        refuse_altered(module, path)
    if type(model).__module__.startswith("torch.nn.modules") and not isinstance(model, nn.Sequential):
        model = nn.Sequential(model)  # tracing a single layer would go inside it
    return _Reader(model, _traced(model), dimensions).read()


def _traced(model: nn.Module) -> fx.Graph:
    """The model's graph in eval mode; the model itself is left as it was: its forward may keep what it sees, and fx
    puts tensors that are no buffers into what it traces."""
    try:
        traced = copy.deepcopy(model).eval()
        graph = _tracer().trace(traced)
    except Exception as error:  # somebody's forward runs on symbols here, and may raise anything
        raise UnsupportedModuleError(
            f"reading the target: torch.fx cannot trace {type(model).__name__}: {type(error).__name__}: {error}. Take "
            f"out what depends on the values; supported are {SUPPORTED}"
        ) from error
    return graph  # with its dead code, which may be in place


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode; afterwards each module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _tracer() -> fx.Tracer:
    """fx takes ``x += y`` for ``x = x + y``, which differs where another name has x too: here it is what torch does."""
    from torch import fx

    class Value(fx.Proxy):
        def __iadd__(self, other: Any) -> fx.Proxy:
            return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    class Tracer(fx.Tracer):
        def proxy(self, node: fx.Node) -> fx.Proxy:
            return Value(node, self)

    return Tracer()


class _Reader:
    """Walks the traced graph once. ``found``: of each traced node the index of its node, or BATCH, the number of
    inputs, or SHAPE, the whole shape."""

    def __init__(self, model: nn.Module, graph: fx.Graph, dimensions: int | None) -> None:
        self.model, self.graph, self.dimensions = model, graph, dimensions
        self.nodes: list[Node] = []
        self.found: dict[fx.Node, Any] = {}
        self.alias: list[int] = []  # of each node, the one whose memory its value shares
        self.copied: set[int] = set()  # nodes on whose memory contiguous() was called, which may have copied it
        self.flat: list[bool | None] = []  # of each node, whether it has one dimension; None where unknown
        self.parameters: dict[str, FloatArray] = {}
        self.names: dict[tuple[Any, ...], str] = {}
        self.calls = CallReader(self)

    def read(self) -> tuple[tuple[Node, ...], dict[str, FloatArray]]:
        output: Any = None
        for traced in self.graph.nodes:
            if traced.op == "placeholder":
                self._placeholder(traced)
            elif traced.op == "output":
                output = traced.args[0]
            elif traced.op == "call_module":
                self._module(traced)
            elif traced.op == "get_attr":
                self.refuse(f"the parameter or tensor {traced.target}, used outside of a layer")
            else:
                self.found[traced] = self.calls.read(traced)
        index = self.index(output, "the output")
        self._cut(index)
        used = {n for node in self.nodes if isinstance(node, Affine) for n in (node.weight, node.bias)}
        return tuple(self.nodes), {name: values for name, values in self.parameters.items() if name in used}

    # -- what the calls use ----------------------------------------------------------------------------------------

    def refuse(self, what: str) -> NoReturn:
        raise UnsupportedModuleError(
            f"reading the target: {type(self.model).__name__} uses {what}, which no graph of nodes holds; supported "
            f"are {SUPPORTED}"
        )

    def index(self, traced: Any, where: str) -> int:
        """The node of a traced value. UnsupportedModuleError for anything else."""
        index = self.found.get(traced) if type(traced).__name__ == "Node" else None
        if type(index) is not int:
            self.refuse(f"{type(traced).__name__} {traced!r} as {where}")
        return index

    def add(self, node: Node, flat: bool | None, view_of: int | None = None) -> int:
        self.nodes.append(node)
        self.flat.append(flat)
        self.alias.append(len(self.nodes) - 1 if view_of is None else self.alias[view_of])
        return len(self.nodes) - 1

    def in_place(self, source: int, result: int, traced: fx.Node) -> None:
        """A value was overwritten: whoever uses it later gets the result. Views of it are refused, and what may be a
        view or a copy."""
        place = self.alias[source]
        order = {node: i for i, node in enumerate(self.graph.nodes)}
        for other, index in list(self.found.items()):
            later = any(order[user] > order[traced] for user in other.users)
            if type(index) is int and self.alias[index] == place and later:
                if index != source:
                    self.refuse(f"{traced.target} in place, on memory that another view shares")
                if place in self.copied and other not in traced.all_input_nodes[:1]:
                    self.refuse(f"{traced.target} in place, on memory that contiguous() copies or not")
                self.found[other] = result
        self.alias[result] = place

    # -- modules ---------------------------------------------------------------------------------------------------

    def _placeholder(self, traced: fx.Node) -> None:
        if self.nodes:
            if traced.users or not traced.args:
                self.refuse(f"a second input, {traced.target}")
            return
        self.found[traced] = self.add(Input(), False if self.dimensions == 3 else None)

    def _module(self, traced: fx.Node) -> None:
        from torch import nn

        path = str(traced.target)
        module = self.model.get_submodule(path)
        kind = type(module)
        arguments = (*traced.args, *traced.kwargs.values())
        if len(arguments) != 1 or not set(traced.kwargs) <= {"input"}:
            self.refuse(f"module {path} with arguments {traced.args} {traced.kwargs}")
        given = arguments[0]
        source = self.index(given, f"the input of module {path}")
        calls = self.calls
        what = f"module {path}, a {kind.__qualname__}"
        readers: dict[type, Callable[[], int]] = {
            nn.Conv2d: lambda: self._convolution(module, path, source),
            nn.Linear: lambda: self._linear(module, path, source),
            nn.BatchNorm2d: lambda: self._norm(module, path, source, Convolution),
            nn.BatchNorm1d: lambda: self._norm(module, path, source, Linear),
            nn.ReLU: lambda: calls.relu(traced, source, module.inplace),  # type: ignore[arg-type]
            nn.MaxPool2d: lambda: calls.max_pool(
                what,
                source,
                module.kernel_size,
                module.stride,
                module.padding,
                module.dilation,
                module.ceil_mode,
                module.return_indices,
            ),
            nn.AvgPool2d: lambda: calls.average_pool(
                what,
                source,
                module.kernel_size,
                module.stride,
                module.padding,
                module.ceil_mode,
                module.count_include_pad,
                module.divisor_override,
            ),
            nn.AdaptiveAvgPool2d: lambda: calls.adaptive_pool(what, source, module.output_size),
            nn.ZeroPad2d: lambda: calls.pad(what, source, module.padding),
            nn.Flatten: lambda: calls.flatten(what, source, module.start_dim, module.end_dim),
            nn.Identity: lambda: source,
        }
        readers |= {getattr(nn, name): lambda: source for name in DROPOUTS}
        if kind not in readers:
            self.refuse(f"module {path}, a {kind.__module__}.{kind.__qualname__}")
        self.found[traced] = readers[kind]()

    def _convolution(self, module: Any, path: str, source: int) -> int:
        calls, what = self.calls, f"module {path}, a Conv2d"
        if module.padding_mode != "zeros":
            self.refuse(f"{what}, with padding_mode={module.padding_mode!r}")
        kernel, stride = calls.pair(what, module.kernel_size), calls.pair(what, module.stride)
        dilation = calls.pair(what, module.dilation)
        if module.padding == "same":
            around = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
            padding = (around[0] // 2, around[1] // 2)
            rows, columns = ((0, n - 2 * p) for n, p in zip(around, padding, strict=True))
            if rows != (0, 0) or columns != (0, 0):  # the larger half is on the right and below
                source = calls.pad(what, source, (*columns, *rows))
        else:
            padding = calls.pair(what, 0 if module.padding == "valid" else module.padding)
        self.image(what, source)
        outputs, inputs = int(module.out_channels), int(module.in_channels)
        geometry = (kernel, stride, padding, dilation, int(module.groups))
        weight, bias = self._named(module, path, ("convolution", *geometry))
        return self.add(Convolution(source, weight, bias, outputs, inputs, *geometry), False)

    def _linear(self, module: Any, path: str, source: int) -> int:
        if self.flat[source] is False:
            self.refuse(f"module {path}, a Linear on the last dimension of an image (put a Flatten before it)")
        weight, bias = self._named(module, path, ("linear",))
        flat = True if self.flat[source] is None else self.flat[source]
        return self.add(Linear(source, weight, bias, int(module.out_features), int(module.in_features)), flat)

    def image(self, what: str, source: int) -> None:
        """Refuses values of one dimension."""
        if self.flat[source]:
            self.refuse(f"{what}, on flattened values")

    def _named(self, module: Any, path: str, way: tuple[Any, ...]) -> tuple[str, str | None]:
        weight = self._parameter(f"{path}.weight", exact(module.weight, f"{path}.weight"), (_home(module.weight), *way))
        if module.bias is None:
            return weight, None
        return weight, self._parameter(f"{path}.bias", exact(module.bias, f"{path}.bias"), (_home(module.bias), "bias"))

    def _parameter(self, name: str, values: FloatArray, key: tuple[Any, ...]) -> str:
        """The name of the parameter: one for each place of its numbers and way of its use."""
        if key not in self.names:
            while name in self.parameters:
                name += "'"
            self.names[key], self.parameters[name] = name, values
        return self.names[key]

    def _norm(self, module: Any, path: str, source: int, behind: type[Affine]) -> int:
        """Folded into the affine node before it where nothing else uses that; else a convolution of its own."""
        if module.running_mean is None or module.running_var is None:
            self.refuse(f"module {path}, a batch norm without running statistics, whose answers depend on the batch")
        mean, variance = (
            exact(module.running_mean, f"{path}.running_mean"),
            exact(module.running_var, f"{path}.running_var"),
        )
        for name, values in (("running_mean", mean), ("running_var", variance)):
            if not np.all(np.isfinite(values)):
                raise InputError(
                    f"reading the target: {path}.{name} has NaN or infinite values; finite ones are needed. Was the "
                    "training stable?"
                )
        if np.any(variance + module.eps <= 0):
            raise InputError(f"reading the target: {path}.running_var has values below zero; was the training stable?")
        factor = 1.0 / np.sqrt(variance + module.eps)
        if module.weight is not None:
            factor = factor * exact(module.weight, f"{path}.weight")
        shift = 0.0 if module.bias is None else exact(module.bias, f"{path}.bias")
        if behind is Linear and not self._surely_flat(source):
            self.refuse(
                f"module {path}, a BatchNorm1d on values that may be of shape (count, channels, length) (put a Flatten "
                "before it, or give input_shape=(features,))"
            )
        node = self.nodes[source]
        alone = all(len(t.users) == 1 for t, index in self.found.items() if index == source and type(index) is int)
        if isinstance(node, behind) and node.outputs == len(factor) and alone:
            name = f"{node.weight.removesuffix('.weight')}+{path}"
            key = (node.weight, node.bias, id(module))
            rows = factor.reshape(-1, *(1,) * (len(node.weight_shape) - 1))
            weight = self._parameter(f"{name}.weight", self.parameters[node.weight] * rows, (*key, "weight"))
            before = 0.0 if node.bias is None else self.parameters[node.bias]
            folded = (before - mean) * factor + shift
            self.nodes[source] = replace(
                node, weight=weight, bias=self._parameter(f"{name}.bias", folded, (*key, "bias"))
            )
            return source
        if behind is Linear:
            self.refuse(f"module {path}, a BatchNorm1d that is not directly behind a Linear of its own")
        self.image(f"module {path}, a BatchNorm2d", source)
        weight = self._parameter(f"{path}.weight", factor.reshape(-1, 1, 1, 1), (id(module), "weight"))
        bias = self._parameter(f"{path}.bias", shift - mean * factor, (id(module), "bias"))
        channels = len(factor)
        return self.add(Convolution(source, weight, bias, channels, channels, (1, 1), groups=channels), False)

    def _surely_flat(self, index: int) -> bool:
        """Is the value known to have one dimension? A Linear takes any number of them, and leaves them."""
        node = self.nodes[index]
        if isinstance(node, Input):
            return self.dimensions == 1
        return isinstance(node, Flatten) or any(self._surely_flat(s) for s in node.sources)

    def _cut(self, last: int) -> None:
        """Brings the output to the end; nodes that it does not need are dropped."""
        needed, waiting = {0}, [last]
        while waiting:
            index = waiting.pop()
            if index not in needed:
                needed.add(index)
                waiting.extend(self.nodes[index].sources)
        order = [i for i in range(len(self.nodes)) if i in needed]
        place = {old: new for new, old in enumerate(order)}
        self.nodes = [_moved(self.nodes[i], place) for i in order]


def _moved(node: Node, place: dict[int, int]) -> Node:
    moved = {name: place[getattr(node, name)] for name in ("source", "left", "right") if hasattr(node, name)}
    return replace(node, **moved)


def _home(tensor: torch.Tensor) -> tuple[Any, ...]:
    return tensor.device, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype
