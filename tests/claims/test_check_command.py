"""`slt check` on folders of small claims: what fails does not hide the rest, and what is on file is checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from slt.claims import find_claims
from slt.claims.comparison import AtMost, Comparison
from slt.claims.verdicts_file import read_verdicts
from slt.cli import main
from slt.errors import DataError, RecordError

CLAIM = """
from dataclasses import dataclass
from slt.claims import Claim, Comparison, Equal, Exact, Kind, Origin, Outcome, Verdict


@dataclass(frozen=True)
class Small(Claim):
    title = setting = statement = reference = measures = "small"
    kind, origin, checked, unchecked = Kind.IDENTITY, Origin.DERIVED, (), ()
    expected = Outcome.{expected}

    def check(self, size, key):
        {before}
        return Verdict.of([Comparison.of("one", 1, Equal(), {predicted})], Exact("integers", "one"), {stored})

    def mutants(self):
        return {{}}

    def again(self, counterexample):
        return Verdict.of([Comparison.of("again", counterexample["x"], Equal(), 1)], Exact("integers", "one"))


CLAIM = Small()
"""


def write(folder: Path, name: str, expected="HOLDS", before="pass", predicted="1", stored="None") -> None:
    text = CLAIM.format(expected=expected, before=before, predicted=predicted, stored=stored)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def call(folder: Path, *arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main.main(args=["check", *arguments, "--path", str(folder)], prog_name="slt")
    return int(exit_.value.code or 0)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "first_one")
    write(tmp_path, "last_one", expected="VIOLATED", predicted="2", stored="{'x': 2}")
    return tmp_path


@pytest.mark.parametrize("size", ["smoke", "full"])
def test_a_check_that_raises_is_named_and_the_others_run(folder, size, capsys):
    write(folder, "half_broken", before="raise RuntimeError('no such lattice')")
    write(folder, "half_gone", before="raise SystemExit(0)")
    assert call(folder, "--size", size) == 1
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["first-one", "half-broken", "half-gone", "last-one"]
    assert "half-broken failed: RuntimeError: no such lattice (half_broken.py:" in told.err
    assert "half-gone failed: SystemExit: 0" in told.err
    assert "2 of the checks" in told.err and "Traceback" not in told.err
    assert set(read_verdicts(folder)) == ({"first-one", "last-one"} if size == "full" else set())


def test_a_file_that_does_not_load_is_told_and_the_others_run(folder, capsys):
    assert call(folder) == 0
    table, kept = (folder / "README.md").read_bytes(), read_verdicts(folder)
    (folder / "broken.py").write_text((folder / "first_one.py").read_text().replace("Kind.IDENTITY", "Kind.UPPERR"))
    (folder / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    (folder / "untidy.py").write_text("x = (\n")
    (folder / "without.py").write_text("x = 1\n")
    write(folder, "another")
    capsys.readouterr()
    assert call(folder) == 1
    told = capsys.readouterr()
    assert {line.split()[0]: line.split()[1] for line in told.out.splitlines()} == {
        **dict.fromkeys(["broken", "leaves", "untidy", "without"], "not"),
        **{"another": "holds", "first-one": "holds", "last-one": "violated"},
    }
    assert "UPPERR is none of Kind's: TIGHT, UPPER, LOWER, IDENTITY (broken.py:9); mend that file" in told.err
    assert "SystemExit: 3 (leaves.py:2)" in told.err and "SyntaxError" in told.err and "no CLAIM" in told.err
    assert "4 of the checks" in told.err and "Traceback" not in told.err
    # the table has the texts of all claims: it waits; verdicts are not lost
    assert "README.md is as it was: broken, leaves, untidy, without cannot be loaded" in told.err
    assert (folder / "README.md").read_bytes() == table
    assert set(read_verdicts(folder)) == {*kept, "another"}


@pytest.mark.parametrize("arguments", [("--size", "smoke"), (), ("--again",)])
def test_a_claim_asked_for_by_name_does_not_need_the_others(folder, arguments, capsys):
    assert call(folder) == 0
    before = read_verdicts(folder)
    (folder / "last_one_as_printed.py").write_text("1 / 0\n")
    assert call(folder, "last-one", *arguments) == 0
    assert read_verdicts(folder) == before
    capsys.readouterr()
    assert call(folder, "last-one-as-printed", "last-one") == 1
    told = capsys.readouterr()
    assert "ZeroDivisionError: division by zero (last_one_as_printed.py:1)" in told.err
    assert [line.split()[:2] for line in told.out.splitlines()] == [
        ["last-one-as-printed", "not"],
        ["last-one", "violated"],
    ]


LAW = """
from dataclasses import dataclass
from slt.weights import SymmetricLaw


@dataclass(frozen=True)
class Own(SymmetricLaw):
    exponent: int = 20

    def size(self, p):
        return 1 - p
"""


def test_a_claim_draws_from_a_law_in_a_file_beside_it(folder, capsys):
    (folder / "_my_laws.py").write_text(LAW)
    before = "from ._my_laws import Own; assert Own().draw(key, (1, 1, 9)).any()"
    write(folder, "drawn", before=before)
    assert call(folder, "drawn", "--size", "smoke") == 0
    assert capsys.readouterr().out.split()[:2] == ["drawn", "holds"]


def test_verdicts_of_a_file_that_is_broken_for_a_while_are_kept(folder, capsys):
    assert call(folder) == 0
    before, text = read_verdicts(folder), (folder / "last_one.py").read_text()
    (folder / "last_one.py").write_text("1 / 0\n")
    assert call(folder) == 1
    assert read_verdicts(folder) == before
    (folder / "last_one.py").unlink()
    assert call(folder) == 0
    assert set(read_verdicts(folder)) == {"first-one"}
    (folder / "last_one.py").write_text(text)
    assert call(folder) == 0
    assert read_verdicts(folder) == before and "last-one" in (folder / "README.md").read_text()


def test_an_interrupt_ends_the_run(folder, capsys):
    write(folder, "half_broken", before="raise KeyboardInterrupt")
    assert call(folder) == 130
    assert "last-one" not in capsys.readouterr().out


def test_an_outcome_that_was_not_expected_is_news(folder, capsys):
    write(folder, "news", predicted="2")
    assert call(folder, "--size", "smoke") == 1
    assert "news was expected to be: holds" in capsys.readouterr().err


def test_a_name_given_twice_runs_once(folder, capsys):
    assert call(folder, "first-one", "first-one") == 0
    assert capsys.readouterr().out.count("first-one") == 1


@pytest.mark.parametrize("more", [(), ("--again",)])
def test_unknown_names(folder, more, capsys):
    assert call(folder, "first-won", *more) == 2
    assert "there is no claim 'first-won' (did you mean 'first-one'?); known:" in capsys.readouterr().err
    assert call(folder, "zzz", *more) == 2
    assert "there is no claim 'zzz'; known: first-one, last-one" in capsys.readouterr().err


def test_again(folder, capsys):
    assert call(folder, "--again") == 0
    assert "verdicts.json; slt check, at full size, stores those that it comes to" in capsys.readouterr().out
    assert call(folder) == 0
    capsys.readouterr()
    assert call(folder, "--again") == 0
    assert capsys.readouterr().out.split()[:2] == ["last-one", "violated"]
    assert call(folder, "last-one", "last-one", "--again") == 0
    assert capsys.readouterr().out.count("last-one") == 1
    assert call(folder, "first-one", "--again") == 2
    assert "no counterexample to the claim 'first-one' is stored in " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (1, "is no object"),
        ({}, "lacks outcome"),
        ({"outcome": 3}, "no text as its outcome"),
        ({"counterexample": [1]}, "no object as its counterexample"),
        ({"evidence": "exact"}, "no pair of texts"),
        ({"comparisons": [[1]]}, "no lists of five"),
        ({"comparisons": [["a", "b", "c", "d", "yes"]]}, "no four texts"),
    ],
)
def test_a_damaged_entry_is_a_record_error(folder, altered, said, capsys):
    assert call(folder) == 0
    file = folder / "verdicts.json"
    entries = json.loads(file.read_text(encoding="utf-8"))
    whole = entries["first-one"]
    entries["first-one"] = {**whole, **altered} if isinstance(altered, dict) and altered else altered
    file.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(RecordError, match=said):
        read_verdicts(folder)
    capsys.readouterr()
    assert call(folder, "--again") == 2
    assert said in capsys.readouterr().err


def test_two_files_of_one_name(folder):
    write(folder, "first-one")
    with pytest.raises(DataError, match=r"first-one\.py and first_one\.py have one name"):
        find_claims(folder)


@pytest.mark.parametrize(("tolerance", "said"), [(0.2, "20%"), (1.5, "150%"), (0.025, "2.5%"), (1e-6, "0.0001%")])
def test_tolerances_are_told(tolerance, said):
    assert Comparison.of_band("a", 1, 1, AtMost(), 2.0, tolerance).predicted == f"2 within {said}"
