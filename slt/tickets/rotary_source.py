"""The source of rotary attention: random attention whose planes turn with the target's frequencies.

The logits of the target are sum_m x A_m y^T cos(theta_m d) + x B_m y^T sin(theta_m d), d the distance of the positions
(``slt.merged_rotary``). The source has, for each plane m of the target and each coordinate j of a token, ``width``
random planes that turn with theta_m. In plane k of (m, j) the mask prunes all of k2 and keeps of k1 the weight u_jk of
coordinate j alone, the same for every target. What is left of a random plane's logit is

    q1 k1 cos(theta_m d) + q2 k1 sin(theta_m d),    k1 = u_jk y_j,

in which the masks of q1 and q2 are free of each other: entry (i, j) of A_m is a subset sum of the products of row i of
q1 with u_jk, entry (i, j) of B_m one of row i of q2 with u_jk. So 2 d^2 sums of ``width`` items a plane make every
target, with a key dimension n_K = 2 (d_K / 2) d * width = d_K d * width: the error falls by ln 2 for each unit of
width, by ln 2 / (d d_K) for each dimension of keys. Derived for this project; the theorem of Otsuka et al. (AAAI 2026)
has no positions. Values and outputs are as in ``AttentionSource``, and so are logits without their 1 / sqrt(n_K).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.carried import CarriedTensor
from slt.domains import Domain
from slt.errors import InputError
from slt.masks import Mask
from slt.merged_rotary import MergedRotary
from slt.pairings import pairing_of
from slt.rotary_target import RotaryTarget
from slt.tickets.blocks import whole
from slt.tickets.products import Product, Side
from slt.tickets.residuals import PartResiduals, Residuals
from slt.tickets.source import BoolArray, Carried, IntArray, Source
from slt.weights import Key, WeightLaw, named_law

if TYPE_CHECKING:
    from torch import nn

FloatArray = npt.NDArray[np.float64]
VALUE_OUTPUT = "value-output"


@final
@dataclass(frozen=True)
class RotarySource(Source):
    """Tensors ``query.weight``, ``key.weight``, ``value.weight``, ``output.weight``, laid out as in
    ``slt.rotary_model``; masks ``plane <m>``, (heads, 2 d, d, width): the rows of q1, then those of q2, and
    ``value-output``.

    heads, groups      groups of heads share random keys and values
    size, outputs      d and d_out
    frequencies        of the target's planes, radians a position: taken from the target, so carried and counted
    pairing            its name
    query_key_scale, value_output_scale   exponents of the powers of two that the ticket carries, 0: none
    """

    kind: ClassVar[str] = "rotary"

    key: Key
    law: WeightLaw
    width: int
    heads: int
    groups: int
    size: int
    outputs: int
    frequencies: tuple[float, ...]
    pairing: str
    causal: bool
    query_key_scale: int = 0
    value_output_scale: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "heads", "groups", "size", "outputs"):
            value = getattr(self, name)
            if not whole(value, 1):
                raise InputError(f"a rotary source needs a whole number >= 1 of {name}; {value!r} was given")
            object.__setattr__(self, name, int(value))
        theta = tuple(float(f) for f in self.frequencies)
        if not theta or not np.all(np.isfinite(theta)) or not isinstance(self.causal, bool):
            raise InputError(
                f"a rotary source needs finite frequencies, one a plane, and causal True or False; {theta} and "
                f"{self.causal!r} were given"
            )
        object.__setattr__(self, "frequencies", theta)
        pairing_of(self.pairing)
        _ = self.products  # checks the rest

    # -- layout ----------------------------------------------------------------------------------------------------

    @property
    def planes(self) -> int:
        """M, planes of a head of the target."""
        return len(self.frequencies)

    @property
    def units(self) -> int:
        """Random planes for each plane of the target."""
        return self.size * self.width

    @property
    def head_size(self) -> int:
        """n_K, the key dimension of the random network; its values have half of n_K / M."""
        return 2 * self.planes * self.units

    @cached_property
    def products(self) -> dict[str, Product]:
        """By the name of their mask. A plane's product is of q1 and q2, side by side, with k1."""
        query, key = Side("query", 2 * self.size), Side("key", self.size)
        value, output = Side("value", self.size), Side("output", self.outputs, outputs=True)
        shape = (self.heads, self.groups, self.width)
        found = [
            Product(f"plane {m}", query, key, *shape, self.query_key_scale, self.key / f"plane {m}", self.law)
            for m in range(self.planes)
        ]
        found.append(Product(VALUE_OUTPUT, output, value, *shape, self.value_output_scale, self.key, self.law))
        return {product.name: product for product in found}

    @property
    def _planes(self) -> list[Product]:
        return [self.products[f"plane {m}"] for m in range(self.planes)]

    @property
    def _dimensions(self) -> npt.NDArray[np.int64]:
        """Of each random plane, those of target plane m from m * units on: (planes * units, 2)."""
        return pairing_of(self.pairing).dimensions(self.planes * self.units)

    @property
    def mask_shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: product.mask_shape for name, product in self.products.items()}

    @property
    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "query.weight": (self.heads * self.head_size, self.size),
            "key.weight": (self.groups * self.head_size, self.size),
            **{name: shape for name, (_, shape) in self.products[VALUE_OUTPUT].tensors.items()},
        }

    @property
    def carried(self) -> tuple[Carried | CarriedTensor, ...]:
        scales = {"logit_scale.factor": self.query_key_scale, "output_scale.factor": self.value_output_scale}
        data = np.frombuffer(np.asarray(self.frequencies, dtype="<f8").tobytes(), dtype=np.uint8).copy()
        theta = CarriedTensor("frequencies", (self.planes,), "float64", data)
        return (theta, *(Carried(name, 2.0**scale) for name, scale in scales.items() if scale))

    def with_tensors(self, tensors: tuple[CarriedTensor, ...]) -> RotarySource:
        if tensors != tuple(c for c in self.carried if isinstance(c, CarriedTensor)):
            raise InputError("the frequencies that the file carries are not those of its header")
        return self

    # -- random weights and masks ----------------------------------------------------------------------------------

    def draw(self, name: str) -> IntArray:
        if name == "query.weight":
            return self._assembled([p.draw(name, self.law.draw, slice(None)) for p in self._planes])
        if name == "key.weight":
            both = []
            for product in self._planes:
                first = product.draw(name, self.law.draw, slice(None)).reshape(self.groups, self.units, self.size)
                second = [
                    self.law.draw(address, (self.size, self.size, self.width)).reshape(self.size, -1).T
                    for address in (self._second(product, g) for g in range(self.groups))
                ]
                both.append(np.concatenate([first, np.stack(second)], axis=2))
            return self._assembled(both)
        return self.products[VALUE_OUTPUT].draw(name, self.law.draw, slice(None))

    def draw_plain(self, name: str, rows: slice) -> IntArray:
        if name not in ("query.weight", "key.weight"):
            return self.products[VALUE_OUTPUT].draw(name, self.law.draw_plain, rows)
        numbers = range(*rows.indices(self.tensor_shapes[name][0]))
        return np.stack([self._row(name, row, self.law.draw_plain) for row in numbers]).astype(np.int32)

    def _row(self, name: str, row: int, draw: Callable[..., IntArray]) -> IntArray:
        """One row of the queries' or keys' tensor by its own address."""
        number, dimension = divmod(row, self.head_size)
        plane, component = np.argwhere(self._dimensions == dimension)[0].tolist()
        m, unit = divmod(plane, self.units)
        j, k = divmod(unit, self.width)
        product, first = self._planes[m], 0
        side = product.summed if name == "query.weight" else product.structured
        address = product.address(side, number, "weight")
        if name == "query.weight":
            first = component * self.size
        elif component:
            address = self._second(product, number)
        return draw(address, (self.size, 1, 1), (first, j, k))[:, 0, 0]

    def _second(self, product: Product, group: int) -> Key:
        """Where k2 is drawn."""
        return product.address(product.structured, group, "second weight")

    def _assembled(self, planes: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The tensor of queries or keys from those of all planes, (sets * units, 2 d): q1 or k1, then q2 or k2."""
        both = np.stack([p.reshape(-1, self.units, 2, self.size) for p in planes], axis=1)
        sets = len(both)
        out = np.empty((sets, self.head_size, self.size), dtype=both.dtype)
        out[:, self._dimensions.reshape(-1)] = both.reshape(sets, -1, self.size)
        return out.reshape(-1, self.size)

    def dense_mask(self, name: str, masks: Mapping[str, Mask]) -> BoolArray:
        if name == "query.weight":
            return self._assembled([p.dense_mask(name, masks[p.name]) for p in self._planes])
        if name == "key.weight":
            first = [p.dense_mask(name, masks[p.name]) for p in self._planes]
            return self._assembled([np.concatenate([f, np.zeros_like(f)], axis=1) for f in first])
        return self.products[VALUE_OUTPUT].dense_mask(name, masks[VALUE_OUTPUT])

    def kept(self, name: str, masks: Mapping[str, Mask]) -> int:
        if name in ("query.weight", "key.weight"):
            return sum(p.kept(name, masks[p.name]) for p in self._planes)
        return self.products[VALUE_OUTPUT].kept(name, masks[VALUE_OUTPUT])

    # -- what it computes ------------------------------------------------------------------------------------------

    def wanted(self, target: RotaryTarget) -> dict[str, FloatArray]:
        """What each product is to compute, by the name of its mask: (heads, 2 d, d) for a plane, (heads, d_out, d).
        InputError for a target of another shape."""
        merged = target.merged()
        given = (merged.heads, merged.size, merged.outputs, tuple(merged.frequencies.tolist()), target.causal)
        made_for = (self.heads, self.size, self.outputs, self.frequencies, self.causal)
        if given != made_for or target.pairing != pairing_of(self.pairing):
            raise InputError(
                f"the ticket was made for rotary attention with (heads, d, d_out, frequencies, causal) = {made_for}, "
                f"{self.pairing}, the target has {given}, {target.pairing.name}; pass the model that the ticket was "
                "made for"
            )
        found = {
            f"plane {m}": np.concatenate([merged.cosine[:, m], merged.sine[:, m]], axis=1) for m in range(self.planes)
        }
        return found | {VALUE_OUTPUT: merged.value_output.swapaxes(1, 2)}

    def collapsed(self, masks: Mapping[str, Mask]) -> MergedRotary:
        matrices, rounding = {}, 0.0
        for name, product in self.products.items():
            sums = product.sums(masks[name])
            matrices[name] = np.ldexp(sums.astype(np.float64), -product.exponent)
            largest = int(np.abs(sums).max(initial=0))
            if largest > 2**53:
                rounding = max(rounding, float(np.ldexp(float(largest), -product.exponent - 52)))
        planes = np.stack([matrices[f"plane {m}"] for m in range(self.planes)], axis=1)
        return MergedRotary(
            cosine=planes[:, :, : self.size],
            sine=planes[:, :, self.size :],
            frequencies=np.array(self.frequencies),
            value_output=matrices[VALUE_OUTPUT].swapaxes(1, 2),
            causal=self.causal,
            rounding=rounding,
        )

    def target(self, model: Any) -> RotaryTarget:
        return RotaryTarget.of(model)

    def residuals(self, masks: Mapping[str, Mask], domain: Domain, target: RotaryTarget) -> Residuals:
        wanted = self.wanted(target)
        return Residuals(
            {
                name: PartResiduals.of(wanted[name], p.exponent, {"any": (p.sums(masks[name]), None)})
                for name, p in self.products.items()
            }
        )

    def module(self, weights: Mapping[str, Any]) -> nn.Module:
        from slt.rotary_model import RotaryAttention
        from slt.tickets.two_layer_module import Scale, frozen_linear

        maps = {name: frozen_linear(weights[f"{name}.weight"], None) for name in ("query", "key", "value", "output")}
        module = RotaryAttention(
            self.size,
            self.heads,
            self.head_size,
            self.groups,
            np.array(self.frequencies),
            self.pairing,
            self.causal,
            maps=maps,
            factor=1.0,
        )
        weight = maps["query"].weight
        if self.query_key_scale:
            module.logit_scale = Scale(2.0**self.query_key_scale, weight.dtype)
        if self.value_output_scale:
            module.output_scale = Scale(2.0**self.value_output_scale, weight.dtype)
        return module.to(weight.device).eval()

    # -- storage ---------------------------------------------------------------------------------------------------

    def header(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in _FIELDS} | {"frequencies": list(self.frequencies)}
        key = {"seed": self.key.seed, "path": list(self.key.path)}
        return {"kind": self.kind, **key, "law": self.law.name, **fields}

    @staticmethod
    def from_header(header: dict[str, Any]) -> RotarySource:
        if not isinstance(header["path"], list):
            raise InputError(f"the path of the key must be a list of strings; {header['path']!r} was given")
        key = Key(header["seed"], tuple(header["path"]))
        fields = {name: header[name] for name in _FIELDS}
        return RotarySource(key, named_law(header["law"]), **fields)


_FIELDS = tuple(name for name in RotarySource.__dataclass_fields__ if name not in ("kind", "key", "law"))
