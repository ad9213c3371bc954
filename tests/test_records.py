from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slt.errors import InputError, RecordError
from slt.records import FIELDS, Records, configuration_id, new_record, plain, versions


def record(number: int, **result: object) -> dict[str, object]:
    return new_record("law", {"n": number, "seed": 3}, {"error": 0.1, **result}, 0.25)


def test_ids_are_frozen() -> None:
    assert configuration_id({}) == "44136fa355b3678a"
    assert configuration_id({"n": 7, "error": 1e-3, "law": "uniform"}) == "ebbe2bf28a1753f0"
    assert configuration_id({"widths": [5, 8.0], "deep": {"bias": None, "on": True}, "ü": -0.0}) == "99e0adec36786b66"
    assert configuration_id({"limit": math.inf}) == "f039c84226eb7ae3"


def test_ids_depend_on_values_alone() -> None:
    base = configuration_id({"a": 1, "b": (2, 3), "c": 0.1})
    assert base == configuration_id({"c": np.float64(0.1), "b": np.array([2, 3]), "a": np.int32(1)})
    others = [{"a": 1.0, "b": [2, 3], "c": 0.1}, {"a": 1, "b": [3, 2], "c": 0.1}, {"a": 1, "b": [2, 3], "c": "0.1"}]
    assert len({base, *map(configuration_id, others)}) == 4


def test_record_comes_back_bit_for_bit(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    assert list(records) == []
    assert records.finished_ids() == set()
    result = {"widths": [3, math.inf, -math.inf], "tiny": 5e-324, "third": 1 / 3, "none": None, "text": "1\n2 µ"}
    records.append(record(1, **result))
    (loaded,) = records
    assert tuple(loaded) == FIELDS
    assert loaded == record(1, **result)
    assert set(loaded["versions"]) == {"python", "slt", "numpy", "torch", "numba"}
    assert versions()["numpy"]
    assert b"Infinity" not in records.path.read_bytes()
    assert records.path.read_bytes().count(b"\n") == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1.0, math.nan]}, r"\['a'\]\[1\] is NaN"),
        ({"a": np.float32("nan")}, r"\['a'\] is NaN"),
        ({1: 2}, "the key 1"),
        ({"a": {3}}, "is a set"),
        ({"a": {"float": "inf"}}, "only key"),
    ],
)
def test_what_json_does_not_hold_is_refused(value: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        plain(value, "config")


def test_a_kill_at_any_byte_of_an_append_costs_that_record_only(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    records.append(record(1))
    whole = records.path.read_bytes()
    records.append(record(2))
    both = records.path.read_bytes()
    for end in range(len(whole), len(both)):
        records.path.write_bytes(both[:end])
        assert [r["config"]["n"] for r in records] == [1]
        records.append(record(3))
        assert [r["config"]["n"] for r in records] == [1, 3]
        assert records.path.read_bytes().startswith(whole)
    # a torn first line, and one longer than the block in which its start is looked for
    for torn in (both[:10], b"x" * 200_000):
        records.path.write_bytes(torn)
        records.append(record(2))
        assert records.path.read_bytes() == both[len(whole) :]


def test_a_malformed_line_is_named_and_kept(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    records.append(record(1))
    good = records.path.read_bytes()
    altered = good.replace(b'"seed":3', b'"seed":4')
    fewer = (json.dumps({"id": "0"}) + "\n").encode()
    nan = good.replace(b"0.1", b"NaN")
    for bad in (b"{half\n", b"\n", b"[1]\n", b"\xff\n", b"[" * 100_000 + b"\n", altered, fewer, nan):
        records.path.write_bytes(good + bad + good)
        with pytest.raises(RecordError, match=r"records\.jsonl, line 2: not a record"):
            records.load()
        assert records.path.read_bytes() == good + bad + good


def test_two_processes_append_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    code = (
        "import sys; from slt.records import *\n"
        "for n in range(200): Records(sys.argv[1]).append("
        "new_record('law', {'process': sys.argv[2], 'n': n}, {'text': 'x' * 37 * (n % 300)}, 0.0))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "ab"]
    while any(process.poll() is None for process in processes):
        list(Records(path))  # a reader never sees half a line
    assert [process.returncode for process in processes] == [0, 0]
    found = [(r["config"]["process"], r["config"]["n"]) for r in Records(path)]
    assert sorted(found) == [(name, n) for name in "ab" for n in range(200)]


def test_load_chooses_the_experiment_and_the_first_of_two(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    records.append(record(1, run=1))
    records.append(record(1, run=2))
    records.append(new_record("other", {"n": 1, "seed": 3}, {}, 0))
    assert len(list(records)) == 3
    assert len(records.load()) == 2
    assert [r["result"]["run"] for r in records.load("law")] == [1]
    assert records.finished_ids("absent") == set()


def test_append_wants_a_record_and_a_folder(tmp_path: Path) -> None:
    records = Records(tmp_path / "records.jsonl")
    with pytest.raises(InputError, match="an object with the keys"):
        records.append({"n": 1})
    with pytest.raises(InputError, match="not that of its config"):
        records.append({**record(1), "id": "0" * 16})
    assert not records.path.exists()
    with pytest.raises(RecordError, match="cannot append to"):
        Records(tmp_path / "absent" / "records.jsonl").append(record(1))
