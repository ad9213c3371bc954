"""A report as Markdown, beside its figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from slt.report.blocks import Block, Caption, Table, blocks_of
from slt.report.wording import count, duration, memory

if TYPE_CHECKING:
    from slt.report.part import ExperimentPart
    from slt.report.report import Report
    from slt.report.verdicts import Verdicts


def markdown_of(report: Report, figures: str) -> str:
    """The text; its links to figures begin with the folder ``figures``. Texts of records, summaries and verdicts are
    escaped: they make no links, images or HTML."""
    lines = ["# Report", "", f"{'; '.join(report.headline)}.", "", f"Drawn with {text(report.drawn_with)}."]
    if report.devices:
        lines += ["", f"Measured on {text('; '.join(report.devices))}."]
    lines += _list("Failed", report.all_failures)
    lines += ["", "| experiment | units | settings | time | peak memory |", "|---|---|---|---|---|"]
    lines += [_row(_overview(part)) for part in report.parts]
    for part in report.parts:
        lines += ["", *_part(part, figures)]
    if report.verdicts is not None:
        lines += ["", *_verdicts(report.verdicts)]
    return "\n".join(lines) + "\n"


def text(given: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    escaped = re.sub(r"([\\`*_\[\]|~#])", r"\\\1", " ".join(given.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _overview(part: ExperimentPart) -> list[str]:
    coverage, provenance = part.coverage, part.provenance
    return [
        text(part.title),
        f"{part.units:,}" if coverage is None else coverage.short,
        part.settings,
        "" if provenance is None else duration(provenance.seconds),
        "" if provenance is None else memory(provenance.memory),
    ]


def _part(part: ExperimentPart, figures: str) -> Iterator[str]:
    yield f"## {text(part.title)}"
    yield from ("", text(part.claim))
    yield from _list("Failed", part.failures)
    yield from _list("Note", part.warnings)
    for figure in part.figures:
        address = "/".join(quote(name) for name in (figures, part.slug, figure.name))
        yield from ("", f"![{text(part.title)}: {text(figure.title)}]({address})")
    for block in blocks_of(part.summary or ""):
        yield from ("", *_block(block))
    yield ""
    for name, said in part.facts():
        yield f"- {name}: {text(said)}"


def _block(block: Block) -> Sequence[str]:
    if isinstance(block, Table):
        return [_cells(line) for line in block.lines]
    if isinstance(block, Caption):
        return [f"**{text(block.strong)}** {text(block.rest)}".rstrip()]
    # a fence that no line of the text closes
    fence = "`" * max(3, *(len(run) + 1 for line in block.lines for run in re.findall("`+", line) or [""]))
    return [f"{fence}text", *block.lines, fence]


def _cells(line: str) -> str:
    """A line of a pipe table; its cells are text."""
    # a backslash before a bar keeps the bar in its cell; all others are text
    escaped = re.sub(r"([`*_\[\]~]|\\(?!\|))", r"\\\1", line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _verdicts(verdicts: Verdicts) -> Iterator[str]:
    yield from ("## Verdicts on claims", "")
    yield f"{count(len(verdicts.rows), 'claim')}: {', '.join(f'{said} {times}' for said, times in verdicts.counts())}."
    yield from ("", "| claim | outcome | expected | evidence | decisive comparison |", "|---|---|---|---|---|")
    for row in verdicts.rows:
        outcome = row.outcome if row.as_expected else f"{row.outcome}, not as expected"
        size = "" if row.size == "full" else f" ({row.size})"
        yield _row(
            [text(row.claim), text(outcome + size), text(row.expected), text(f"{row.kind}: {row.evidence}"),
             text(row.decisive)]
        )  # fmt: skip


def _list(title: str, texts: Sequence[str]) -> Iterable[str]:
    return ["", *(f"- **{title}:** {text(said)}" for said in texts)] if texts else []


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
