"""The claims: a table of all, and a page each, from the claims themselves and the verdicts on file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from slt.claims import Claim, find_claims
from slt.claims.verdicts_file import read_verdicts
from slt_site.citations import keys_in
from slt_site.links import ROOT

FOLDER = ROOT / "proofs_check"
INTRODUCTION = """\
# Claims

{number} statements that the field or this project leans on, checked by machine: {counts}. Statements that fail as
printed are kept, with the corrected one beside them. `slt check NAME` measures one again, `slt check` all of them;
[adding a claim](/add-a-claim.md) is one file.

**Evidence** is *exact* (integers, fractions, balls or intervals rounded outward), a *certificate* (a dual solution
verified again in exact arithmetic), *adversarial search* (none found proves nothing) or *statistics* (seeded draws,
never retried, bands corrected for their number). *Derived here* are heuristics, *conjectures* wait for a proof.
"""
OUTCOMES = ("holds", "violated", "inconclusive", "not measured")
SAID = {True: "holds", False: "violated", None: "open"}


def pages() -> Iterator[tuple[str, str]]:
    """(file, text) in MyST. Nothing is measured."""
    claims = find_claims(FOLDER)
    verdicts = read_verdicts(FOLDER)
    yield "index.md", _index(claims, verdicts)
    for name, claim in claims.items():
        yield f"{name}.md", _page(name, claim, verdicts.get(name), claims)


def _index(claims: Mapping[str, Claim], verdicts: Mapping[str, Any]) -> str:
    outcomes = [verdicts[name]["outcome"] if name in verdicts else "not measured" for name in claims]
    counts = ", ".join(
        f"{outcomes.count(o)} {o}" for o in ("holds", "violated", "inconclusive", "not measured") if o in outcomes
    )
    lines = [
        INTRODUCTION.format(number=len(claims), counts=counts),
        "```{list-table}",
        ":header-rows: 1",
        ":class: claims",
        ":widths: 44 12 18 26",
        "",
        "* - claim",
        "  - outcome",
        "  - evidence",
        "  - source",
    ]  # fmt: skip
    for name, claim in claims.items():
        entry = verdicts.get(name)
        lines += [
            f"* - [{prose(claim.title)}](/generated/claims/{name}.md)<br>{statement_in_short(claim)}",
            f"  - {_outcome(entry)}",
            f"  - {'' if entry is None else entry['evidence'][0]}",
            f"  - {claim.origin.value}: {_reference(claim.reference)}",
        ]
    return "\n".join([*lines, "```", ""])


def statement_in_short(claim: Claim) -> str:
    return prose(claim.statement)


def _outcome(entry: Mapping[str, Any] | None) -> str:
    said = "not measured" if entry is None else entry["outcome"]
    colour = {"holds": "success", "violated": "danger"}.get(said, "secondary")
    return f"{{bdg-{colour}-line}}`{said}`"


def _page(name: str, claim: Claim, entry: Mapping[str, Any] | None, claims: Mapping[str, Claim]) -> str:
    lines = [
        # in no table of contents: the table of all claims leads here, and the sidebar of every page stays short
        "---",
        "orphan: true",
        "---",
        "",
        f"# {prose(claim.title)}",
        "",
        f"[All claims](index.md) / {_outcome(entry)} `{name}`",
        "",
        prose(claim.setting),
        "",
        f"> {prose(claim.statement)}",
        "",
        f"- **Kind**: {claim.kind.value}",
        f"- **Source**: {claim.origin.value}; {_reference(claim.reference)}",
        f"- **Measured**: {prose(claim.measures)}",
        f"- **Checked**: {_linked('; '.join(claim.checked) or 'nothing', claims)}",
        f"- **Not checked**: {_linked('; '.join(claim.unchecked) or 'nothing', claims)}",
    ]
    lines += (
        [f"- **Corrected by**: [{claim.corrected}](/generated/claims/{claim.corrected}.md)"] if claim.corrected else []
    )
    corrects = [other for other, c in claims.items() if c.corrected == name]
    lines += [f"- **Corrects**: [{other}](/generated/claims/{other}.md)" for other in corrects]
    lines += ["", "## Evidence", ""]
    if entry is None:
        return "\n".join([*lines, "Not measured yet.", ""])
    kind, text = entry["evidence"]
    lines += [f"{entry['outcome'].capitalize()} at {entry['size']} size. {kind.capitalize()}: {prose(text)}.", ""]
    lines += [prose(entry["note"]), ""] if entry["note"] else []
    if entry["comparisons"]:
        lines += ["| | measured | | predicted | |", "|---|---|---|---|---|"]
    for label, measured, symbol, predicted, holds in entry["comparisons"]:
        cells = (prose(label), prose(measured), prose(symbol), prose(predicted), SAID[holds])
        lines.append("| " + " | ".join(cells) + " |")
    if entry["counterexample"] is not None:
        lines += ["", f"A counterexample is on file: `slt check --again {name}` runs it."]
    code = (FOLDER / f"{name.replace('-', '_')}.py").relative_to(ROOT).as_posix()
    lines += ["", "```text", f"slt check {name}", "```", "", f"The check is `{code}`:", ""]
    lines += [f"```{{literalinclude}} /../{code}", ":language: python", ":class: check", "```", ""]
    return "\n".join(lines)


def prose(text: str) -> str:
    """Plain text with formulas, as Markdown that shows it letter by letter; `code` stays code."""
    pieces = re.split(r"(``.+?``|`[^`]+`)", " ".join(text.split()))
    return "".join(p if p.startswith("`") else re.sub(r"[\\*_|<>\[\]#$~{}`]", r"\\\g<0>", p) for p in pieces)


def _linked(text: str, claims: Mapping[str, Claim]) -> str:
    """Prose in which names of claims lead to their pages."""
    return re.sub(
        r"\b[a-z]+(?:-[a-z]+){2,}\b",
        lambda match: f"[{match[0]}](/generated/claims/{match[0]}.md)" if match[0] in claims else match[0],
        prose(text),
    )


def _reference(text: str) -> str:
    keys = keys_in(text)
    return prose(text) + (f" {{cite}}`{','.join(keys)}`" if keys else "")
