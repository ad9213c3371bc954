"""The site builds without a warning, offline, and has what it generates."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import slt

from .pages import ROOT

LOADS = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=\"(?P<address>[^\"]+)\"")
LEADS = re.compile(r"<a\b[^>]*?\bhref=\"(?P<address>[^\"]+)\"")
ANCHOR = re.compile(r"\bid=\"(?P<id>[^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; about half a minute."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    built = subprocess.run([*command, str(ROOT / "docs"), str(folder)], capture_output=True, text=True, check=False)
    assert built.returncode == 0 and not built.stderr.strip(), built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    """The text of each page by its path."""
    return {file: file.read_text(encoding="utf-8") for file in site.rglob("*.html")}


def test_no_page_loads_anything_from_elsewhere(pages):
    for file, text in pages.items():
        for address in LOADS.findall(text):
            assert not re.match(r"(https?:)?//", address), f"{file.name}: {address}"
    styles = [file for folder in {f.parent for f in pages} for file in folder.glob("_static/**/*.css")]
    assert styles
    for file in styles:
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", file.read_text(encoding="utf-8")), file


def test_every_link_inside_leads_to_a_page_and_a_place(site, pages):
    anchors = {file: set(ANCHOR.findall(text)) for file, text in pages.items()}
    for file, text in pages.items():
        for address in LEADS.findall(text):
            if re.match(r"[a-z]+:", address):
                continue
            path, _, place = unquote(address).partition("#")
            to = (file.parent / path).resolve() if path else file
            assert to.exists(), f"{file.relative_to(site)}: {address}"
            assert not place or to not in anchors or place in anchors[to], f"{file.relative_to(site)}: {address}"


def test_every_claim_and_every_experiment_has_its_page(site, pages):
    claims = {file.stem.replace("_", "-") for file in (ROOT / "proofs_check").glob("[a-z]*.py")} - {"template"}
    experiments = {file.parent.name for file in (ROOT / "experiments").glob("*/README.md")}
    assert len(claims) > 60 and len(experiments) > 25
    for section, names in (("claims", claims), ("experiments", experiments)):
        index = pages[site / "generated" / section / "index.html"]
        for name in names:
            assert f'href="{name}.html' in index, name
            assert (site / "generated" / section / f"{name}.html").exists(), name
    for name in experiments:
        page = pages[site / "generated" / "experiments" / f"{name}.html"]
        figures = {file.stem for file in (ROOT / "experiments" / name).glob("*.png")}
        # pictures of one name in several folders get a number behind
        shown = {re.sub(r"\d*$", "", Path(address).stem) for address in LOADS.findall(page)}
        assert figures and {re.sub(r"\d*$", "", figure) for figure in figures} <= shown, name


def test_every_public_name_is_in_the_reference(site, pages):
    index = pages[site / "generated/reference/index.html"]
    for name in slt.__all__:
        assert re.search(
            rf'<a class="reference internal" href="[^"]+"[^>]*><code[^>]*><span class="pre">slt\.{name}<', index
        ), name


def test_every_page_that_is_written_is_in_the_site(site):
    for file in (ROOT / "docs").glob("*.md"):
        assert (site / f"{file.stem}.html").exists(), file.name
