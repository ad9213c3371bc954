"""The bibliography has what the package names, and the citation file is one."""

from __future__ import annotations

import re
import sys

import yaml
from pybtex.database import parse_file

import slt
from slt.claims import find_claims

from .pages import PAGES, ROOT

sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from slt_site.citations import MENTIONS, keys_in

ENTRIES = parse_file(str(ROOT / "docs" / "references.bib")).entries
SOURCES = [
    *(ROOT / "slt").rglob("*.py"),
    *(ROOT / "proofs_check").glob("*.py"),
    *(ROOT / "experiments").glob("*/*.md"),
    *(ROOT / "notebooks").glob("*.py"),
    *PAGES,
]


def test_every_arxiv_number_is_in_the_bibliography():
    known = {entry.fields["eprint"] for entry in ENTRIES.values() if "eprint" in entry.fields}
    for file in SOURCES:
        for number in re.findall(r"arXiv[: ]+(\d{4}\.\d{4,5})", file.read_text(encoding="utf-8")):
            assert number in known, f"{file.relative_to(ROOT)}: arXiv {number}"


def test_every_paper_in_a_claim_is_in_the_bibliography():
    assert {key for _, keys in MENTIONS for key in keys.split(", ")} <= set(ENTRIES)
    for name, claim in find_claims(ROOT / "proofs_check").items():
        if re.search(r"\b(19|20)\d\d\b(?!.*prediction)", claim.reference):
            assert keys_in(claim.reference), f"{name}: {claim.reference}"


def test_every_key_that_pages_cite_is_in_the_bibliography():
    for file in PAGES:
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", file.read_text(encoding="utf-8")):
            assert set(keys.split(",")) <= set(ENTRIES), f"{file.name}: {keys}"


def test_entries_have_what_a_reader_needs():
    for key, entry in ENTRIES.items():
        assert entry.persons.get("author") and entry.fields["title"] and entry.fields["year"], key
        assert re.fullmatch(rf"[a-z]+{entry.fields['year']}[a-z]*", key), key


def test_the_citation_file_is_valid_and_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert cited["message"] and cited["title"] and cited["authors"] == [{"name": "The slt developers"}]
    assert cited["version"] == slt.__version__ and cited["license"] == "MIT"
