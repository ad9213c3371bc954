"""Functions and methods of a traced network, as nodes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from slt.graph_nodes import AdaptiveAveragePool, AveragePool, Flatten, MaxPool, Node, ReLU, Sum, ZeroPad, whole

if TYPE_CHECKING:
    from torch import fx

BATCH, SHAPE = "the number of inputs", "the shape"


class Graph(Protocol):
    """What a call needs of the graph that is being read."""

    nodes: list[Node]
    flat: list[bool | None]
    alias: list[int]
    copied: set[int]

    def refuse(self, what: str) -> NoReturn: ...
    def index(self, traced: Any, where: str) -> int: ...
    def add(self, node: Node, flat: bool | None, view_of: int | None = None) -> int: ...
    def in_place(self, source: int, result: int, traced: fx.Node) -> None: ...
    def image(self, what: str, source: int) -> None: ...
    @property
    def found(self) -> dict[fx.Node, Any]: ...


class CallReader:
    """Each method adds the nodes of one function, and returns the index of the last."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def read(self, traced: fx.Node) -> Any:
        """The index of the node, or BATCH or SHAPE."""
        name = traced.target if traced.op == "call_method" else _function_name(traced.target)
        reader: Callable[..., Any] | None = getattr(self, f"_{name}", None) if isinstance(name, str) else None
        what = f"the function {name or traced.target}" if traced.op == "call_function" else f"the method {name}"
        if reader is None or (not traced.args and not traced.kwargs):
            self.graph.refuse(what)
        try:
            return reader(traced, what, *traced.args, **traced.kwargs)
        except TypeError:
            self.graph.refuse(f"{what} with arguments {traced.args[1:]} {traced.kwargs}")

    # -- as modules have them --------------------------------------------------------------------------------------

    def relu(self, traced: fx.Node, source: int, inplace: bool) -> int:
        result = self.graph.add(ReLU(source), self.graph.flat[source])
        if inplace:
            self.graph.in_place(source, result, traced)
        return result

    def max_pool(
        self, what: str, source: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: Any, indices: Any
    ) -> int:
        if indices:
            self.graph.refuse(f"{what}, with return_indices")
        size = self.pair(what, kernel)
        steps = self.pair(what, stride) if stride else size
        node = MaxPool(source, size, steps, self.pair(what, padding), self.pair(what, dilation), bool(ceil))
        return self._image(what, node)

    def average_pool(
        self, what: str, source: int, kernel: Any, stride: Any, padding: Any, ceil: Any, include: Any, divisor: Any
    ) -> int:
        if divisor is not None:
            self.graph.refuse(f"{what}, with divisor_override")
        size = self.pair(what, kernel)
        steps = self.pair(what, stride) if stride else size
        return self._image(what, AveragePool(source, size, steps, self.pair(what, padding), bool(ceil), bool(include)))

    def adaptive_pool(self, what: str, source: int, size: Any) -> int:
        return self._image(what, AdaptiveAveragePool(source, self.pair(what, size)))

    def pad(self, what: str, source: int, amounts: Any) -> int:
        given = tuple(amounts) if isinstance(amounts, (tuple, list)) else (amounts,) * 4
        if len(given) not in (2, 4, 6) or not all(whole(n, 0) for n in given):
            self.graph.refuse(f"{what}, with padding {amounts!r} (2, 4 or 6 whole numbers >= 0 are possible)")
        left, right, above, below, before, after = (*map(int, given), 0, 0, 0, 0)[:6]
        return self._image(what, ZeroPad(source, (before, after), (above, below), (left, right)))

    def flatten(self, what: str, source: int, start: Any, end: Any) -> int:
        if start != 1 or end not in (-1, 3):
            self.graph.refuse(f"{what}, from dimension {start} to {end} (only 1 to -1, all but the batch, is possible)")
        if self.graph.flat[source]:
            return source
        return self.graph.add(Flatten(source), True, view_of=source)

    def pair(self, what: str, value: Any) -> tuple[int, int]:
        """(height, width) of one or two whole numbers."""
        given = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        if len(given) not in (1, 2) or not all(whole(v, 0) for v in given):
            self.graph.refuse(f"{what}, with {value!r} where two whole numbers are needed")
        return int(given[0]), int(given[-1])

    def _image(self, what: str, node: Node, view_of: int | None = None) -> int:
        self.graph.image(what, node.sources[0])
        if not node.fits:
            self.graph.refuse(f"{what}: {node!r}")
        return self.graph.add(node, False, view_of)

    # -- functions and methods, by name ----------------------------------------------------------------------------

    def _relu(self, traced: fx.Node, what: str, input: Any, inplace: bool = False) -> int:
        return self.relu(traced, self.graph.index(input, f"the input of {what}"), inplace)

    def _relu_(self, traced: fx.Node, what: str, input: Any) -> int:
        return self._relu(traced, what, input, True)

    def _add(self, traced: fx.Node, what: str, input: Any, other: Any, *, alpha: Any = 1) -> int:
        if alpha != 1:
            self.graph.refuse(f"{what}, with alpha={alpha!r}")
        left, right = (self.graph.index(value, f"a term of {what}") for value in (input, other))
        flats = self.graph.flat[left], self.graph.flat[right]
        return self.graph.add(Sum(left, right), flats[0] if flats[1] is None else flats[1])

    def _add_(self, traced: fx.Node, what: str, input: Any, other: Any, *, alpha: Any = 1) -> int:
        result = self._add(traced, what, input, other, alpha=alpha)
        self.graph.in_place(self.graph.index(input, what), result, traced)
        return result

    _iadd = _add_

    def _max_pool2d(
        self,
        traced: fx.Node,
        what: str,
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: Any = False,
        return_indices: Any = False,
    ) -> int:
        source = self.graph.index(input, f"the input of {what}")
        return self.max_pool(what, source, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    def _avg_pool2d(
        self,
        traced: fx.Node,
        what: str,
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: Any = False,
        count_include_pad: Any = True,
        divisor_override: Any = None,
    ) -> int:
        source = self.graph.index(input, f"the input of {what}")
        return self.average_pool(
            what, source, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )

    def _adaptive_avg_pool2d(self, traced: fx.Node, what: str, input: Any, output_size: Any) -> int:
        return self.adaptive_pool(what, self.graph.index(input, f"the input of {what}"), output_size)

    def _mean(self, traced: fx.Node, what: str, input: Any, dim: Any = (), keepdim: Any = False) -> int:
        source = self.graph.index(input, f"the input of {what}")
        dim = dim if isinstance(dim, (tuple, list)) else (dim,)
        # of the input it may be unknown whether it is an image; 2 and 3 say so
        image = self.graph.flat[source] is False or (self.graph.flat[source] is None and 2 in dim and 3 in dim)
        if not (image and {d % 4 for d in dim} == {2, 3}):
            self.graph.refuse(f"{what} over dimensions {dim!r} (only height and width of an image, 2 and 3)")
        pooled = self.adaptive_pool(what, source, (1, 1))
        return pooled if keepdim else self.flatten(what, pooled, 1, -1)

    def _pad(self, traced: fx.Node, what: str, input: Any, pad: Any, mode: Any = "constant", value: Any = None) -> int:
        if mode != "constant" or (value is not None and value != 0):
            self.graph.refuse(f"{what} with mode={mode!r}, value={value!r} (only zeros are possible)")
        return self.pad(what, self.graph.index(input, f"the input of {what}"), pad)

    def _dropout(
        self, traced: fx.Node, what: str, input: Any, p: Any = 0.5, training: Any = True, inplace: Any = False
    ) -> int:
        if training is not False:
            self.graph.refuse(f"{what} with training={training!r}, which is random in eval mode too")
        return self.graph.index(input, f"the input of {what}")

    def _contiguous(self, traced: fx.Node, what: str, input: Any) -> int:
        source = self.graph.index(input, f"the input of {what}")
        self.graph.copied.add(self.graph.alias[source])  # a slice is copied, and an image with its channels last
        return source

    # -- shapes ----------------------------------------------------------------------------------------------------

    def _flatten(self, traced: fx.Node, what: str, input: Any, start_dim: Any = 0, end_dim: Any = -1) -> int:
        return self.flatten(what, self.graph.index(input, f"the input of {what}"), start_dim, end_dim)

    def _size(self, traced: fx.Node, what: str, input: Any, dim: Any = None) -> str:
        self.graph.index(input, f"the input of {what}")
        if dim not in (None, 0):
            self.graph.refuse(f"{what} of dimension {dim}")
        return SHAPE if dim is None else BATCH

    def _getattr(self, traced: fx.Node, what: str, input: Any, name: Any) -> str:
        if name != "shape":
            self.graph.refuse(f"the attribute {name} of a value")
        return self._size(traced, what, input)

    def _getitem(self, traced: fx.Node, what: str, input: Any, item: Any) -> Any:
        if self.graph.found.get(input) == SHAPE:
            if type(item) is int and item == 0:
                return BATCH
            self.graph.refuse(f"a part of a shape, {item!r}")
        source = self.graph.index(input, f"the input of {what}")
        steps = [s.step for s in item if s.start is s.stop is None] if _slices(item) else []
        if not steps or len(steps) != len(item) or len(steps) > 4 or any(s not in (None, 1) for s in steps[:2]):
            self.graph.refuse(f"the part [{item!r}] of a value (only every k-th pixel, x[:, :, ::k, ::k])")
        strides = tuple(1 if s is None else s for s in [*steps, None, None, None][2:4])
        part = MaxPool(source, (1, 1), self.pair(what, strides))
        return self._image(f"the part [{item!r}] of a value", part, view_of=source)

    def _view(self, traced: fx.Node, what: str, input: Any, *shape: Any) -> int:
        sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        source = self.graph.index(input, f"the input of {what}")
        batch = len(sizes) == 2 and not isinstance(sizes[0], int) and self.graph.found.get(sizes[0]) == BATCH
        if batch and type(sizes[1]) is int:
            if sizes[1] == -1 or self._feeds(traced, sizes[1]):
                return self.flatten(what, source, 1, -1)
        elif len(sizes) == 2 and sizes[0] == -1 and type(sizes[1]) is int and self._feeds(traced, sizes[1]):
            return self.flatten(what, source, 1, -1)  # a Linear of as many inputs would fail on any other batch
        self.graph.refuse(f"{what} to {sizes!r} (only to (x.size(0), -1), or before a Linear; write x.flatten(1))")

    _reshape = _view

    def _feeds(self, traced: fx.Node, features: int) -> bool:
        """Whether all that uses the value are Linears of that many inputs."""
        from torch import nn

        model = getattr(self.graph, "model")  # noqa: B009
        users = [model.get_submodule(str(u.target)) if u.op == "call_module" else None for u in traced.users]
        return bool(users) and all(type(u) is nn.Linear and u.in_features == features for u in users)


def _slices(item: Any) -> bool:
    return isinstance(item, tuple) and all(isinstance(s, slice) for s in item)


def _function_name(function: Any) -> str | None:
    """The name of a function that is supported, known by identity."""
    import torch
    from torch.nn import functional

    known: dict[Any, str] = {
        operator.add: "add",
        operator.iadd: "iadd",
        operator.getitem: "getitem",
        getattr: "getattr",
        torch.add: "add",
        torch.relu: "relu",
        torch.relu_: "relu_",
        torch.flatten: "flatten",
        torch.mean: "mean",
        torch.reshape: "reshape",
        functional.relu: "relu",
        functional.relu_: "relu_",
        functional.max_pool2d: "max_pool2d",
        functional.avg_pool2d: "avg_pool2d",
        functional.adaptive_avg_pool2d: "adaptive_avg_pool2d",
        functional.pad: "pad",
        functional.dropout: "dropout",
        functional.dropout2d: "dropout",
    }
    try:
        return known.get(function)
    except TypeError:
        return None
