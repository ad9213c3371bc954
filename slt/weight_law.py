"""What every law of random weights has: the key that addresses a weight, and the ways to draw it.

A weight is a pure function of (seed, path, index). The seed and the path make a 64-bit Philox key (BLAKE2b of their
JSON text); the index (output, coordinate, unit) makes the counter:

    counter = (unit // 4, coordinate, output, word)     lane = unit % 4

``word`` is 0 for the 32 high random bits and 1 for 32 more, which only some laws use. So a draw never depends on
how many others are made, and a network of width n holds the first n units of the network of width n + 1.

A law says what it makes of random bits (``WeightLaw.integers``); drawing, its twin and its name in files are here.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from slt.errors import InputError
from slt.philox import LOW, philox4x32
from slt.threads import torch_threads_kept

if TYPE_CHECKING:
    import torch

Shape = tuple[int, int, int]

AT_ONCE = 2**18  # weights whose temporaries are alive at one time
_DEFINED = itertools.count()  # classes of laws so far


@final
@dataclass(frozen=True)
class Key:
    """The address of a random tensor: ``Key(7) / "layer 3" / "head 1"`` prints as seed 7 / layer 3 / head 1."""

    seed: int
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seed = self.seed
        if isinstance(seed, (bool, float)) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise InputError(f"a key needs an integer seed in [0, 2**64); {seed!r} was given")
        object.__setattr__(self, "seed", int(seed))
        if isinstance(self.path, str) or not all(isinstance(name, str) for name in self.path):
            raise InputError(f"the path of a key is made of strings, Key(seed, ('a', 'b')); {self.path!r} was given")
        object.__setattr__(self, "path", tuple(self.path))
        try:
            "".join(self.path).encode()
        except UnicodeEncodeError as error:
            raise InputError(f"the path of a key must be Unicode text; {self.path!r} was given") from error

    def __truediv__(self, name: str) -> Key:
        return Key(self.seed, (*self.path, str(name)))

    def __str__(self) -> str:
        return " / ".join((f"seed {self.seed}", *self.path))

    @property
    def words(self) -> tuple[int, int]:
        """The Philox key: two 32-bit words."""
        text = json.dumps([self.seed, *self.path], ensure_ascii=False, separators=(",", ":"))
        digest = hashlib.blake2b(text.encode(), digest_size=8, person=b"slt-key-1").digest()
        return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:], "little")


class WeightLaw(ABC):
    """The distribution of a random weight, as integers k; the weight is ``k / 2**exponent``.

    A law of one's own is a frozen dataclass with ``exponent``, ``largest`` and ``integers``; its fields are numbers.
    ``slt.weights`` has two bases that ask for less: ``SymmetricLaw`` (from a quantile function) and ``AffineLaw``.
    """

    kind: ClassVar[str] = ""
    """How files name laws of this class. The class's own name in lower case, with hyphens, where it gives none."""
    _place: ClassVar[int] = -1

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        kind = vars(cls).get("kind", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower())
        if not isinstance(kind, str) or not kind or "/" in kind:
            raise InputError(f"the kind of a weight law is a word without a slash; {cls.__name__} has {kind!r}")
        own = [c for c in classes_of_laws() if c.kind == kind and c.__module__.startswith("slt.")]
        if own and not cls.__module__.startswith("slt."):
            raise InputError(
                f"files name laws of {own[0].__module__}.{own[0].__name__} {kind!r} already; "
                f"give {cls.__name__} another name, or a kind of its own: kind = 'my-{kind}'"
            )
        cls.kind = kind
        cls._place = next(_DEFINED)

    @property
    @abstractmethod
    def exponent(self) -> int:
        """Weights lie on the lattice 2**-exponent."""

    @property
    @abstractmethod
    def largest(self) -> int:
        """No |k| is larger; weights are exact in float32 if it is at most 2**24."""

    @abstractmethod
    def integers(self, m: Any) -> Any:
        """The integers k that random bits make: int64, of the shape of ``m``, each from the number at its place alone.

        ``m`` holds int64 numbers, uniform in [0, 2**bits)."""

    @property
    def bits(self) -> int:
        """How many random bits a weight is made of, 63 at most."""
        return 53

    @property
    def deviation(self) -> float | None:
        """The standard deviation of a weight, by which searches scale whole networks; None where it is not known."""
        return None

    @property
    def name(self) -> str:
        """How files name the law: its kind and its fields, those at the end left out where they have their defaults.
        ``slt.weights.named_law`` turns it back."""
        left: list[Any] = list(fields(self)) if is_dataclass(self) else []
        while left and getattr(self, left[-1].name) == left[-1].default:
            left.pop()
        numbers = (_written(getattr(self, f.name), f"{type(self).__name__}.{f.name}") for f in left)
        return "/".join([self.kind, *numbers])

    @classmethod
    def of_numbers(cls, numbers: Sequence[str]) -> WeightLaw:
        """The law from what follows its kind in ``name``. ValueError or TypeError for numbers that make none."""
        return cls(*(int(text) if re.fullmatch(r"-?\d+", text) else float(text) for text in numbers))

    def draw(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[Any]:
        """Weights at (outputs, coordinates, units) from ``start`` on: integers of that shape, int32 if ``largest`` is
        below 2**30, else int64."""
        check_addresses(shape, start)
        a = np.repeat(np.arange(start[0], start[0] + shape[0], dtype=np.int64), shape[1])
        b = np.tile(np.arange(start[1], start[1] + shape[1], dtype=np.int64), shape[0])
        return self.draw_rows(key, a, b, shape[2], start[2]).reshape(shape)

    def draw_rows(
        self, key: Key, outputs: npt.ArrayLike, coordinates: npt.ArrayLike, units: int, start: int = 0
    ) -> npt.NDArray[Any]:
        """Weights at (outputs[r], coordinates[r], start .. start + units - 1): integers, shape (rows, units)."""
        a = np.ascontiguousarray(outputs, dtype=np.int64)
        b = np.ascontiguousarray(coordinates, dtype=np.int64)
        if a.ndim != 1 or a.shape != b.shape:
            raise InputError(
                f"outputs and coordinates need one common length; shapes {a.shape} and {b.shape} were given"
            )
        if a.size:
            low, high = min(int(a.min()), int(b.min())), max(int(a.max()), int(b.max()))
            check_addresses((high + 1, 1, units), (0, 0, start))
            check_addresses((1, 1, units), (low, low, start))
        with torch_threads_kept():
            return self._compiled(key, a, b, units, start)

    def draw_plain(self, key: Key, shape: Shape, start: Shape = (0, 0, 0)) -> npt.NDArray[np.int64]:
        """The plain twin of ``draw`` in NumPy: int64."""
        check_addresses(shape, start)
        a, b, c = np.ogrid[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))]
        a, b, c = (np.broadcast_to(x.astype(np.int64), shape) for x in (a, b, c))
        return np.asarray(self._plain(key, a, b, c, np.zeros(shape, dtype=np.int64), np.choose), dtype=np.int64)

    def draw_torch(
        self, key: Key, shape: Shape, start: Shape = (0, 0, 0), device: torch.device | str | None = None
    ) -> torch.Tensor:
        """The same integers as an int64 tensor on ``device``; here drawn on the CPU and moved."""
        import torch

        return torch.from_numpy(self.draw(key, shape, start).astype(np.int64)).to(device)

    def _compiled(
        self, key: Key, a: npt.NDArray[np.int64], b: npt.NDArray[np.int64], units: int, start: int
    ) -> npt.NDArray[Any]:
        """``draw_rows`` after its checks."""
        from slt.philox_kernel import fill64

        out = np.empty((a.size, units), dtype=np.int32 if self.largest < 2**30 else np.int64)
        step = max(1, AT_ONCE // max(units, 1))
        for row in range(0, a.size, step):
            rows = slice(row, min(row + step, a.size))
            m = np.empty((rows.stop - row, units), dtype=np.int64)
            fill64(*key.words, a[rows], b[rows], start, self.bits, 1, 0, m)
            out[rows] = self._checked(m)
        return out

    def _plain(self, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
        """The integers at outputs a, coordinates b and units c, arrays of one shape."""
        return self._checked(top_bits(self.bits, key, a, b, c, zero, choose))

    def _checked(self, m: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """``integers``, which a caller may have written: floats would be cut, what is too large would wrap around."""
        k = np.asarray(self.integers(m))
        if k.shape != m.shape or k.dtype.kind != "i":
            raise InputError(
                f"drawing weights of the law {self!r}: integers() returned {k.dtype} of shape {k.shape}; "
                f"integers of shape {m.shape} are needed, one for each number given"
            )
        if k.size and max(int(k.max()), -int(k.min())) > self.largest:
            raise InputError(
                f"drawing weights of the law {self!r}: integers() returned {k.min()} .. {k.max()}, but largest is "
                f"{self.largest}; raise largest, or cut what is beyond it"
            )
        return k


def classes_of_laws() -> list[type[WeightLaw]]:
    """Every class of laws that exists by now, those of callers included, in the order of their definition."""
    found: list[type[WeightLaw]] = []
    left = WeightLaw.__subclasses__()
    while left:
        cls = left.pop(0)
        found.append(cls)
        left.extend(cls.__subclasses__())
    # a class that was refused at its definition never got that far
    whole = [cls for cls in found if not getattr(cls, "__abstractmethods__", True)]
    return sorted(whole, key=lambda cls: cls._place)


def check_float32(law: WeightLaw) -> None:
    """Raises InputError unless float32 holds every weight of the law, as networks need it."""
    if law.largest > 2**24:
        finest = min(23, law.exponent - ((law.largest - 1).bit_length() - 24))
        raise InputError(
            f"weights of the law {law.name} are up to {law.largest} / 2**{law.exponent}, which float32 does not hold "
            f"exactly; give the law a smaller exponent, {finest} at most (the package's network laws have 23, and 20 "
            "for Normal). Finer lattices are for sums of bare numbers"
        )


def _written(value: Any, what: str) -> str:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (float, np.floating)) and math.isfinite(value):
        return repr(float(value))
    raise InputError(
        f"naming a weight law: {what} is {value!r}; files name laws by whole numbers and finite floats. Make its "
        "fields such numbers, or give the class its own name and of_numbers"
    )


def top_bits(bits: int, key: Key, a: Any, b: Any, c: Any, zero: Any, choose: Any) -> Any:
    """The ``bits`` highest of the 64 random bits at every address, as integers; ``choose(lane, words)`` picks one of
    four arrays."""
    lane = c & 3
    m = choose(lane, philox4x32((c >> 2, b, a, zero), key.words)) & LOW
    if bits <= 32:
        return m >> (32 - bits)
    more = choose(lane, philox4x32((c >> 2, b, a, zero + 1), key.words)) & LOW
    return (m << (bits - 32)) | (more >> (64 - bits))


def check_addresses(shape: Shape, start: Shape) -> None:
    """Raises InputError unless all addresses asked for lie in [0, 2**32)."""
    if len(shape) != 3 or len(start) != 3:
        raise InputError(
            f"weights are addressed by (output, coordinate, unit); shape {shape}, start {start} were given"
        )
    for name, s, n in zip(("output", "coordinate", "unit"), start, shape, strict=True):
        if s < 0 or n < 0 or s + n > 2**32:
            raise InputError(f"{name} addresses must lie in [0, 2**32); {n} from {s} on were asked for")
