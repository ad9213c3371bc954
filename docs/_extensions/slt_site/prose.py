"""Docstrings of the package, which are plain prose, as reStructuredText.

A docstring is paragraphs with ``code`` or `code`, formulas in plain letters (2**-23, |w|, x_i), lists of terms (the
term, two spaces or more, its text, with further lines indented), lists with dashes, ``Raises:`` and indented blocks.
Formulas would be markup in reStructuredText, so what is no code is escaped; code that names a public object becomes a
reference to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

CODE = re.compile(r"``(?P<double>.+?)``|(?<![`\w])`(?P<single>[^`]+)`")
TERM = re.compile(r"(?P<term>\S(?:.{0,88}?\S)?) {2,}(?P<text>\S.*)")
BULLET = re.compile(r"(?:-|\d+\.) (?P<text>\S.*)")
NAMED = re.compile(r"(?P<term>[\w.]+): (?P<text>\S.*)")
RAISES = "Raises:"
SENTENCE_END = re.compile(r"(?<!et al)(?<! vs)(?<![. ])[.:](?= [A-Z`])")


def as_rst(lines: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """The docstring as reStructuredText. ``names``: what a public object is called in code, and its full name."""
    done: list[str] = []
    for block in _blocks(_joined(lines)):
        done += [*_block(block, names), ""]
    return done


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, without its full stop. Abbreviations and points inside brackets end none."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    for match in SENTENCE_END.finditer(paragraph):
        sentence = paragraph[: match.start() + 1]
        if sentence.count("(") == sentence.count(")") and sentence.count("``") % 2 == 0:
            return sentence.rstrip(".:")
    return paragraph.rstrip(".:")


def inline(text: str, names: Mapping[str, str]) -> str:
    """One piece of prose: code stays code, the rest is escaped."""
    done, end = "", 0
    for match in CODE.finditer(text):
        before = text[end : match.start()]
        done += escaped(before)
        # an inline literal has to stand apart from letters; "\ " does that and prints nothing
        done += "\\ " if done and not done.endswith((" ", "(")) else ""
        done += _code(match["double"] or match["single"], names) + "\\ "
        end = match.end()
    return done + escaped(text[end:])


def escaped(text: str) -> str:
    """Without anything that reStructuredText takes for markup."""
    return re.sub(r"[\\*`|_<:]", r"\\\g<0>", text)


def _code(code: str, names: Mapping[str, str]) -> str:
    name = code.strip().removesuffix("()")
    if name in names:
        return f":py:obj:`{name} <{names[name]}>`"
    return f"``{code.strip()}``"


def _joined(lines: Sequence[str]) -> list[str]:
    """Code that a line break divides, on one line."""
    done: list[str] = []
    for line in lines:
        if done and done[-1].strip() and line.strip() and CODE.sub("", done[-1]).count("`") % 2:
            done[-1] = f"{done[-1].rstrip()} {line.strip()}"
        else:
            done.append(line.rstrip())
    return done


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line:
            blocks[-1].append(line)
        else:
            blocks.append([])
    return [block for block in blocks if block]


def _block(lines: list[str], names: Mapping[str, str]) -> list[str]:
    """A block without blank lines: paragraphs and lists may follow each other in it."""
    if all(line.startswith(" ") for line in lines):
        inner = _dedented(lines)
        if all(_is_head(line) or line.startswith("  ") for line in inner):
            return _block(inner, names)
        return ["::", "", *(f"    {line}" for line in lines)]
    done: list[str] = []
    prose: list[str] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        inner = _indented(rest)
        if line == RAISES and inner:
            del rest[: len(inner)]
            done += [*_paragraph(prose, names), "Raises:", "", *_terms(_dedented(inner), NAMED, names), ""]
            prose = []
        elif _is_head(line) and (match := TERM.fullmatch(line)):
            del rest[: len(inner)]
            done += [*_paragraph(prose, names), *_item(match["term"], [match["text"], *inner], names), ""]
            prose = []
        elif match := BULLET.fullmatch(line):
            del rest[: len(inner)]
            text = " ".join([match["text"], *(i.strip() for i in inner)])
            done += [*_paragraph(prose, names), f"- {inline(text, names)}", ""]
            prose = []
        else:
            prose.append(line.strip())
    return [*done, *_paragraph(prose, names)]


def _is_head(line: str) -> bool:
    """Whether a line is a term and its text; two spaces inside a sentence make no term."""
    match = TERM.fullmatch(line)
    return (
        match is not None
        and not line.startswith(" ")
        and not re.search(r"[.,:;?]$", match["term"])
        and len(match["term"].split()) <= 20
    )


def _indented(lines: Sequence[str]) -> list[str]:
    count = next((i for i, line in enumerate(lines) if not line.startswith(" ")), len(lines))
    return list(lines[:count])


def _dedented(lines: Sequence[str]) -> list[str]:
    least = min(len(line) - len(line.lstrip()) for line in lines)
    return [line[least:] for line in lines]


def _terms(lines: list[str], form: re.Pattern[str], names: Mapping[str, str]) -> list[str]:
    done: list[str] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        inner = _indented(rest)
        del rest[: len(inner)]
        match = form.fullmatch(line)
        if match is None:
            done += [inline(" ".join([line, *(i.strip() for i in inner)]), names), ""]
        else:
            done += [*_item(f"``{match['term']}``", [match["text"], *inner], names), ""]
    return done


def _item(term: str, text: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """A term and its text. A term that is a bare name is code too."""
    if re.fullmatch(r"\w+(, \w+)*", term):
        term = ", ".join(f"``{name}``" for name in term.split(", "))
    return [inline(term, {}), f"    {inline(' '.join(line.strip() for line in text), names)}"]


def _paragraph(prose: Sequence[str], names: Mapping[str, str]) -> list[str]:
    if not prose:
        return []
    text = inline(" ".join(prose), names)
    # a paragraph that is nothing but marks is no line of a table or under a title
    text = text if re.search(r"\w", text) else "\\ " + text
    # one that begins like a list or a directive is none
    return [re.sub(r"^([-+•]|\.\.|\(?(?:\w{1,4}|#)[.)])(?= |$)", r"\\\1", text), ""]
