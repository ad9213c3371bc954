"""Verdicts on file: one JSON object a claim, and the table that is made of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from slt.claims.claim import Claim, Size
from slt.claims.verdict import Verdict
from slt.errors import RecordError
from slt.files import write_whole
from slt.records import plain

VERDICTS, TABLE = "verdicts.json", "README.md"
TEXTS = ("outcome", "expected", "size", "note")
KEYS = (*TEXTS, "evidence", "comparisons", "counterexample")  # what ``as_entry`` writes
INTRODUCTION = """# What the field leans on, checked by machine

Written by `slt check`; do not edit. Each claim is a file of this folder, made from `template.py`: setting, statement,
what is assumed, and a check that measures both sides. **Evidence** is one of four kinds: *exact* (integers, fractions,
balls or intervals rounded outward; no rounding error without a bound decides), *certificate* (a dual solution verified
again in exact arithmetic), *adversarial search* (none found proves nothing), *statistics* (seeded draws, never retried,
bands corrected for their number). Statements that fail as printed are kept, with the corrected one beside them.
*Derived here* are heuristics, *conjectures* are for somebody to prove.

`slt check` measures all at full size and writes this file; `slt check NAME` one; `slt check --size smoke` takes seconds
a claim and writes nothing.
"""


def as_entry(claim: Claim, verdict: Verdict, size: Size) -> dict[str, Any]:
    """A verdict in JSON's terms."""
    return {
        "outcome": verdict.outcome.value,
        "expected": claim.expected.value,
        "size": size.value,
        "evidence": [verdict.evidence.kind, verdict.evidence.text],
        "comparisons": [[c.label, c.measured, c.relation.symbol, c.predicted, c.holds] for c in verdict.comparisons],
        "counterexample": None if verdict.counterexample is None else plain(dict(verdict.counterexample)),
        "note": verdict.note,
    }


def read_verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """What the folder's file holds; empty where there is none. RecordError for one that cannot be read, and for entries
    that lack what ``as_entry`` writes."""
    file = folder / VERDICTS
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(
            f"reading verdicts: {file} is damaged ({error}); delete it and run slt check again"
        ) from error
    if not isinstance(found, dict):
        raise RecordError(f"reading verdicts: {file} holds no object by claim; delete it and run slt check again")
    for name, entry in found.items():
        wrong = _wrong(entry)
        if wrong:
            raise RecordError(
                f"reading verdicts: in {file} the entry {name!r} {wrong}; delete it and run slt check {name} again"
            )
    return found


def _wrong(entry: Any) -> str:
    """What keeps an entry from being one; empty if nothing does."""
    if not isinstance(entry, dict):
        return "is no object"
    missing = [key for key in KEYS if key not in entry]
    if missing:
        return f"lacks {', '.join(missing)}"
    for key in TEXTS:
        if not isinstance(entry[key], str):
            return f"has no text as its {key}"
    if not (isinstance(entry["counterexample"], dict) or entry["counterexample"] is None):
        return "has no object as its counterexample"
    if not _are_texts(entry["evidence"], 2):
        return "has no pair of texts as its evidence"
    rows = entry["comparisons"]
    if not isinstance(rows, list) or not all(isinstance(row, list) and len(row) == 5 for row in rows):
        return "has comparisons that are no lists of five"
    if not all(_are_texts(row[:4], 4) and (row[4] is None or isinstance(row[4], bool)) for row in rows):
        return "has comparisons that are no four texts and whether they hold"
    return ""


def _are_texts(found: Any, count: int) -> bool:
    return isinstance(found, list) and len(found) == count and all(isinstance(text, str) for text in found)


def write_verdicts(
    folder: Path, claims: Mapping[str, Claim], entries: Mapping[str, Any], unread: Collection[str] = ()
) -> list[Path]:
    """The verdicts of claims that are still there, and the table. ``unread``: claims that are there, but whose files
    do not load; their verdicts are kept, and the table, which has their texts, stays as it is."""
    kept = {name: entries[name] for name in (*claims, *unread) if name in entries}
    text = json.dumps(kept, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    written = [write_whole(folder / VERDICTS, text, RecordError)]
    return written if unread else [*written, write_whole(folder / TABLE, table(claims, kept), RecordError)]


def table(claims: Mapping[str, Claim], entries: Mapping[str, Any]) -> str:
    """The README: a row a claim, then a section a claim."""
    lines = [INTRODUCTION, "| claim | outcome | origin | kind | evidence | reference |", "|---|---|---|---|---|---|"]
    for name, claim in claims.items():
        entry = entries.get(name)
        outcome = "not measured" if entry is None else f"**{entry['outcome']}**"
        kind = "" if entry is None else entry["evidence"][0]
        lines.append(
            f"| [{name}](#{name}) | {outcome} | {claim.origin.value} | {claim.kind.value} | {kind} | "
            f"{_cell(claim.reference)} |"
        )
    for name, claim in claims.items():
        lines += ["", f"## {name}", "", *_section(claim, entries.get(name))]
    return "\n".join(lines) + "\n"


def _section(claim: Claim, entry: Mapping[str, Any] | None) -> list[str]:
    lines = [
        f"**{claim.title}.** {claim.setting}",
        "",
        f"> {claim.statement}",
        "",
        f"{claim.kind.value.capitalize()}; {claim.origin.value}: {claim.reference}. Measured: {claim.measures}.",
        f"Checked: {'; '.join(claim.checked) or 'nothing'}. Not checked: {'; '.join(claim.unchecked) or 'nothing'}.",
    ]
    if claim.corrected:
        lines.append(f"Corrected by [{claim.corrected}](#{claim.corrected}).")
    if entry is None:
        return lines
    lines += ["", f"{entry['outcome'].capitalize()} ({entry['size']}), {entry['evidence'][0]}: {entry['evidence'][1]}."]
    if entry["note"]:
        lines.append(entry["note"])
    lines += ["", "| | measured | | predicted | |", "|---|---|---|---|---|"]
    for label, measured, symbol, predicted, holds in entry["comparisons"]:
        said = {True: "holds", False: "violated", None: "open"}[holds]
        lines.append(f"| {_cell(label)} | {_cell(measured)} | {symbol} | {_cell(predicted)} | {said} |")
    if entry["counterexample"] is not None:
        lines += ["", "The counterexample is in `verdicts.json`; `slt check --again NAME` runs it."]
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
