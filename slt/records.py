"""Records: what an experiment measured, one JSON line per finished unit, and files written whole or not at all.

A record is an object with the keys ``FIELDS``: the experiment's name, the configuration's id, the configuration, the
result, the seconds it took, the most memory (bytes of the whole process; None where the system does not tell), the
seed, the kind of device, the version of the code and those of the libraries that computed it. It names no host, folder
or time of day. Lines written before ``LATER`` were recorded lack those keys; they read as None, the seed as that of the
configuration.

A line counts once its newline is there. Whatever follows the last newline was torn off by a kill: readers pass over
it, the next append cuts it. Any other line that is not a record is an error, never skipped.

Numbers: integers and floats as JSON writes them (``repr``, so every float comes back bit for bit); an infinity, which
a needed width may well be, as ``{"float": "inf"}`` or ``{"float": "-inf"}``; NaN is refused: a result that is not
there is None.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn, final

import numpy as np

from slt.errors import InputError, RecordError
from slt.files import sync_folder

Record = dict[str, Any]

FIELDS = ("experiment", "id", "config", "result", "seconds", "memory", "seed", "device", "code", "versions")
LATER = ("memory", "seed", "device", "code")
INFINITIES = {"inf": math.inf, "-inf": -math.inf}
BLOCK = 1 << 16


def plain(value: Any, name: str = "value") -> Any:
    """``value`` in terms of None, bool, int, float, str, list and dict: NumPy scalars and arrays, tuples and mappings
    are converted. Raises InputError naming the place of a NaN or of anything that JSON does not hold."""
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist(), name)
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{name} is {value!r}, which is no Unicode text") from error
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            raise InputError(f"{name} is NaN, which no record holds: give None where nothing was measured")
        return float(value)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InputError(f"{name} has the key {key!r}: JSON needs text as keys")
        if set(value) == {"float"}:
            raise InputError(f'{name} has "float" as its only key, which stands for an infinity: name it otherwise')
        return {key: plain(part, f"{name}[{key!r}]") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, f"{name}[{index}]") for index, part in enumerate(value)]
    raise InputError(
        f"{name} is a {type(value).__name__}, which JSON does not hold: "
        "give None, bool, int, float, str, or lists and mappings of them"
    )


def configuration_id(config: Mapping[str, Any]) -> str:
    """The configuration's name: 16 hexadecimal digits of the SHA-256 of its canonical JSON (keys sorted, no spaces,
    ASCII, floats by ``repr``). 1 and 1.0 are two configurations, (1, 2) and [1, 2] one. These ids are frozen."""
    text = _encode(plain(config, "config"), sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


@cache
def versions() -> Mapping[str, str | None]:
    """The versions of Python, slt and what it computes with, read from the installed metadata; None if not there."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("slt", "numpy", "torch", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def new_record(
    experiment: str,
    config: Mapping[str, Any],
    result: Mapping[str, Any],
    seconds: float,
    memory: int | None = None,
    device: str | None = None,
    code: str | None = None,
) -> Record:
    """The record of one finished unit; its seed is the ``seed`` of its configuration."""
    return {
        "experiment": experiment,
        "id": configuration_id(config),
        "config": plain(config, "config"),
        "result": plain(result, "result"),
        "seconds": round(float(seconds), 6),
        "memory": memory,
        "seed": config.get("seed"),
        "device": device,
        "code": code,
        "versions": dict(versions()),
    }


@final
class Records:
    """The records in the file ``path``; a file that is not there holds none.

    Any number of threads and processes may append to one file: each append holds the file's lock, is one write at the
    end of the file, and is on the disk when ``append`` returns.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record, as ``new_record`` makes them; a torn last line is cut first."""
        line = (_encode(_checked(plain(record, "record"))) + "\n").encode("ascii")
        created = not self.path.exists()
        with self._opened(os.O_RDWR | os.O_CREAT | os.O_APPEND, "append to") as descriptor:
            end = _end_of_lines(descriptor)
            if end < os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, end)
            written = os.write(descriptor, line)
            if written < len(line):
                os.ftruncate(descriptor, end)
                raise RecordError(
                    f"appending to {self.path}: {written} of {len(line)} bytes could be written; "
                    "the records before are whole: make room on the disk and resume"
                )
            os.fsync(descriptor)
        if created:
            sync_folder(self.path.parent)

    def __iter__(self) -> Iterator[Record]:
        """Every record, in the order of the file."""
        if not self.path.exists():
            return
        with self._opened(os.O_RDONLY, "read") as descriptor:
            content = b"".join(iter(lambda: os.read(descriptor, 1 << 20), b""))
        # what follows the last newline is empty or torn
        for number, line in enumerate(content.split(b"\n")[:-1], start=1):
            yield self._decoded(line, number)

    def load(self, experiment: str | None = None) -> list[Record]:
        """The records of one experiment, or of all; where two runners recorded the same unit, the first record."""
        found: dict[tuple[str, str], Record] = {}
        for record in self:
            if experiment in (None, record["experiment"]):
                found.setdefault((record["experiment"], record["id"]), record)
        return list(found.values())

    def finished_ids(self, experiment: str | None = None) -> set[str]:
        """The ids of the configurations that have a record."""
        return {record["id"] for record in self.load(experiment)}

    def _decoded(self, line: bytes, number: int) -> Record:
        try:
            record = json.loads(line, object_pairs_hook=_object, parse_constant=_refuse_constant)
            return _checked(record)
        except (ValueError, RecursionError) as error:
            raise RecordError(
                f"reading {self.path}, line {number}: not a record ({error}): {_shortened(line)!r}. "
                "Nothing was changed: mend or delete that line; its unit is measured again on resuming"
            ) from error

    @contextmanager
    def _opened(self, flags: int, doing: str) -> Iterator[int]:
        """The file's descriptor, locked: for this process alone if it writes, for all readers if it reads."""
        # POSIX only, so imported where needed
        import fcntl

        try:
            descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX if flags & os.O_RDWR else fcntl.LOCK_SH)
                yield descriptor
            finally:
                # said aloud: a process forked meanwhile holds the descriptor too, and closing ours frees nothing
                fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)
        except RecordError:
            raise
        except OSError as error:
            raise RecordError(
                f"cannot {doing} the records in {self.path}: {error.strerror}; "
                "a file in a folder that exists and may be written to is needed"
            ) from error


def _encode(value: Any, sort_keys: bool = False) -> str:
    return json.dumps(_without_infinities(value), sort_keys=sort_keys, separators=(",", ":"), allow_nan=False)


def _without_infinities(value: Any) -> Any:
    if isinstance(value, float) and math.isinf(value):
        return {"float": "inf" if value > 0 else "-inf"}
    if isinstance(value, dict):
        return {key: _without_infinities(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_infinities(part) for part in value]
    return value


def _object(pairs: Iterable[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if set(found) != {"float"}:
        return found
    if found["float"] not in ("inf", "-inf"):
        raise ValueError(f'"float" stands for an infinity, not for {found["float"]!r}')
    return INFINITIES[found["float"]]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _checked(record: Any) -> Record:
    """The record, if it is one: all fields, of their kinds, and an id that is its configuration's."""
    if not isinstance(record, dict) or not set(FIELDS) - set(LATER) <= set(record) <= set(FIELDS):
        raise InputError(f"an object with the keys {', '.join(FIELDS)} is needed")
    kinds: dict[str, Any] = {
        "experiment": str, "id": str, "config": dict, "result": dict, "seconds": float | int, "versions": dict,
        "memory": int | None, "device": str | None, "code": str | None,
    }  # fmt: skip
    seed = record["config"].get("seed") if isinstance(record["config"], dict) else None
    whole: Record = {field: record.get(field, seed if field == "seed" else None) for field in FIELDS}
    for field, kind in kinds.items():
        if not isinstance(whole[field], kind):
            raise InputError(f"{field!r} is {whole[field]!r}, of the wrong kind")
    if not (0 <= whole["seconds"] < math.inf and 0 <= (whole["memory"] or 0) < 2**63):
        raise InputError(f"seconds {whole['seconds']} and memory {whole['memory']} cannot be")
    if whole["id"] != configuration_id(whole["config"]):
        raise InputError(f"the id {whole['id']} is not that of its config, {configuration_id(whole['config'])}")
    if whole["seed"] != whole["config"].get("seed"):
        raise InputError(f"the seed {whole['seed']} is not that of its config, {whole['config'].get('seed')}")
    return whole


def _end_of_lines(descriptor: int) -> int:
    """The number of bytes up to and with the last newline."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _shortened(line: bytes) -> str:
    text = line.decode("ascii", "backslashreplace")
    return text if len(text) <= 80 else text[:77] + "..."
