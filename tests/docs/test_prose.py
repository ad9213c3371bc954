"""Docstrings become reStructuredText that says what they say."""

from __future__ import annotations

import re
import sys

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import given
from hypothesis import strategies as st

from .pages import ROOT

sys.path.insert(0, str(ROOT / "docs" / "_extensions"))

from slt_site.citations import keys_in
from slt_site.links import for_site
from slt_site.prose import as_rst, first_sentence, inline


def tree(lines: list[str]) -> nodes.document:
    """What docutils makes of it; anything it complains about is raised."""
    settings = {"report_level": 1, "halt_level": 1, "warning_stream": False}
    return publish_doctree("\n".join(as_rst(lines, {})), settings_overrides=settings)


def kinds(document: nodes.document) -> list[str]:
    return [type(child).__name__ for child in document.children]


LETTERS = st.text(alphabet="ab2 *`|_<>\\:.,()[]{}^~#$=+-/'\"", max_size=60)


@given(st.lists(LETTERS, min_size=1, max_size=4))
def test_prose_is_shown_letter_by_letter(texts):
    # what stands between two marks of code is shown without the marks, and two spaces part a term from its text
    lines = [" ".join(text.replace("`", "").split()) for text in texts]
    lines = [line for line in lines if line and not re.match(r"(-|\d+\.)( |$)", line)]
    if not lines:
        return
    shown = "".join(tree(lines).astext().split())
    assert shown == "".join("".join(lines).split())


@given(st.text(alphabet="ab2*|_<>:.()[]^-+", min_size=1, max_size=20), LETTERS)
def test_code_is_shown_letter_by_letter(code, text):
    plain = text.replace("`", "")
    document = tree([f"x{plain} ``{code}``s y"])
    assert [node.astext() for node in document.findall(nodes.literal)] == [code]


def test_terms_become_a_definition_list():
    document = tree(["Head.", "", "width    how many", "         units", "low, high   bounds of |w|"])
    assert kinds(document) == ["paragraph", "definition_list"]
    terms = [node.astext() for node in document.findall(nodes.term)]
    texts = [node.astext() for node in document.findall(nodes.definition)]
    assert terms == ["width", "low, high"] and texts == ["how many units", "bounds of |w|"]


def test_an_indented_list_of_terms_is_no_literal_block():
    document = tree(["All take it:", "", "    solve        the best", "    fixed_size   k of them"])
    assert kinds(document) == ["paragraph", "definition_list"]


def test_what_a_function_raises_becomes_a_definition_list():
    document = tree(["Raises:", "    InputError: n < 0,", "        or n > 9.", "    LimitError: too many."])
    assert [node.astext() for node in document.findall(nodes.definition)] == ["n < 0, or n > 9.", "too many."]


def test_indented_blocks_are_literal_and_dashes_a_list():
    document = tree(["As here:", "", "    P(x) = prod_r (1 - p_n),   p_n < 1", "", "- one,", "  more", "- two"])
    assert kinds(document) == ["paragraph", "literal_block", "bullet_list"]
    assert document.children[1].astext().strip() == "P(x) = prod_r (1 - p_n),   p_n < 1"
    assert [item.astext() for item in document.findall(nodes.list_item)] == ["one, more", "two"]


def test_code_over_a_line_break_stays_code():
    document = tree(["so that ``a +", "b`` is it"])
    assert [node.astext() for node in document.findall(nodes.literal)] == ["a + b"]


def test_names_of_public_objects_become_references():
    assert inline("a ``Ball(1.0)``, ``Ball`` and `Ball()`", {"Ball": "slt.domains.Ball"}) == (
        "a ``Ball(1.0)``\\ , :py:obj:`Ball <slt.domains.Ball>`\\  and :py:obj:`Ball <slt.domains.Ball>`\\ "
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("One. Two.", "One"),
        ("By Pensia et al. 2020. More.", "By Pensia et al. 2020"),
        ("sin(2 pi (n . x + c)) of it. More.", "sin(2 pi (n . x + c)) of it"),
        ("Of ``a. B`` and c. More.", "Of ``a. B`` and c"),
        ("t_0 < ... < t_N. More.", "t_0 < ... < t_N"),
        ("No end", "No end"),
    ],
)
def test_first_sentences(text, sentence):
    assert first_sentence(text) == sentence


@pytest.mark.parametrize(
    ("link", "folder", "to"),
    [
        ("[x](../experiments/mlp-law/README.md)", "docs", "[x](/generated/experiments/mlp-law.md)"),
        ("[x](../experiments)", "docs", "[x](/generated/experiments/index.md)"),
        ("[x](proofs_check/README.md#golden-ratio-bins)", "", "[x](/generated/claims/golden-ratio-bins.md)"),
        ("[x](CHANGELOG.md)", "", "[x](/generated/project/changelog.md)"),
        ("[x](docs/concepts.md#the-words)", "", "[x](/concepts.md#the-words)"),
        ("[x](tests)", "", "x"),
        ("![x](figures/demo.png)", "docs", "![x](figures/demo.png)"),
        ("`[x](../experiments)`", "docs", "`[x](../experiments)`"),
        ("[x](https://example.org/a.md)", "docs", "[x](https://example.org/a.md)"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(link, folder, to):
    assert for_site(link, ROOT / folder) == to


def test_mentions_of_papers_have_keys():
    assert keys_in("Otsuka et al. (AAAI 2026; arXiv 2511.04217v1), lemma 13") == ["otsuka2026"]
    assert keys_in("after Burkholz (ICML and NeurIPS 2022)") == ["burkholz2022convolutional", "burkholz2022activation"]
    assert keys_in("slt.laws.median_error") == []
