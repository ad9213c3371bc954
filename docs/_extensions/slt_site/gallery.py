"""The gallery of experiments: a card each, and a page each with its figures and its README, as they are committed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from slt_site.links import ROOT, for_site
from slt_site.prose import first_sentence

FOLDER = ROOT / "experiments"
THUMBNAIL = 760  # pixels wide, for cards of half that

GROUPS = {
    "Sums": ("subset-sum-laws", "needed-width", "schroeppel-shamir", "phase-diagram"),
    "Networks": (
        "mlp-law", "mnist", "constructions-compared", "two-layer-options", "looks-linear-law", "replicated-rows-law",
        "neuron-subnetworks", "universal-tickets",
    ),
    "Convolutions": ("convolution-law", "lenet", "resnet8"),
    "Attention": (
        "attention-law", "attention-paper", "attention-scale", "shared-keys-law", "rotary-law", "transformer-law",
        "char-transformer",
    ),
    "Searches": (
        "supermask-mnist", "supermask-cifar", "supermask-gpt", "supermask-sanity", "planted-benchmark",
    ),
}  # fmt: skip
"""Experiments by what they measure; one that is named nowhere stands at the end."""


def names() -> list[str]:
    """Experiments with a README, sorted: one that is being written may have none yet."""
    return sorted(file.parent.name for file in FOLDER.glob("*/README.md"))


def figures(name: str) -> list[Path]:
    """The pictures of an experiment; its own name first."""
    return sorted((FOLDER / name).glob("*.png"), key=lambda file: (file.stem != name, file.name))


def pages() -> Iterator[tuple[str, str]]:
    """(file, text) in MyST."""
    yield "index.md", _index()
    for name in names():
        yield f"{name}.md", page(name)


def grouped() -> list[tuple[str, list[str]]]:
    left = names()
    groups = []
    for title, wanted in GROUPS.items():
        groups.append((title, [name for name in wanted if name in left]))
        left = [name for name in left if name not in wanted]
    return [(title, mine) for title, mine in [*groups, ("Others", left)] if mine]


def _index() -> str:
    lines = [
        "# Experiments",
        "",
        "What was measured, beside what was predicted. Records, figures and scripts are in the repository, in",
        "`experiments/NAME`; `slt run NAME` measures again, `slt plot NAME` draws. Medians and quantiles have exact",
        "bands; predictions are dashed and grey, and nothing in them is fitted.",
    ]  # fmt: skip
    for title, mine in grouped():
        lines += ["", f"## {title}", "", "::::{grid} 1 1 2 2", ":gutter: 3", ""]
        for name in mine:
            lines += [f":::{{grid-item-card}} {name}", f":link: {name}", ":link-type: doc", ":class-card: experiment"]
            lines += [f":img-top: thumbnails/{name}.png", f":img-alt: figure of {name}"] if figures(name) else []
            lines += ["", shortened(claim_of(name)), ":::", ""]
        lines += ["::::"]
    toctree = [f"{name} <{name}>" for _, mine in grouped() for name in mine]
    return "\n".join([*lines, "", "```{toctree}", ":hidden:", "", *toctree, "```", ""])


def claim_of(name: str) -> str:
    """The paragraph that the README begins with, without its label."""
    text = (FOLDER / name / "README.md").read_text(encoding="utf-8")
    body = re.sub(r"\A# .*\n+", "", text)
    paragraph = " ".join(body.split("\n\n")[0].split())
    return re.sub(r"^\*\*Claims?[^*]*\*\*\s*", "", paragraph)


def shortened(text: str, most: int = 420) -> str:
    """The first sentence, or what fits of it."""
    kept = first_sentence(text) + "."
    return kept if len(kept) <= most else kept[:most].rsplit(" ", 1)[0] + " ..."


def page(name: str) -> str:
    """The README with the figures behind its claim."""
    text = for_site((FOLDER / name / "README.md").read_text(encoding="utf-8"), FOLDER / name)
    title, claim, *rest = text.split("\n\n")
    files = [file.name for file in figures(name) if f"/{file.name})" not in text]
    shown = [f"![figure {file} of {name}](/../experiments/{name}/{file})" for file in files]
    return _languages("\n\n".join([title, claim, *shown, *rest])) + "\n"


def _languages(text: str) -> str:
    """Blocks without a language are shown as they are."""
    inside = False
    lines = []
    for line in text.splitlines():
        if line.startswith("```"):
            line = "```text" if line == "```" and not inside else line
            inside = not inside
        lines.append(line)
    return "\n".join(lines)


def write_thumbnails(folder: Path) -> None:
    """Small copies of the first figures, for the cards."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        for figure in figures(name)[:1]:
            to = folder / f"{name}.png"
            if to.exists() and to.stat().st_mtime >= figure.stat().st_mtime:
                continue
            with Image.open(figure) as picture:
                wide, high = picture.size
                small = picture.convert("RGB").crop((0, 0, wide, min(high, wide * 2 // 3)))  # the upper rows of many
                small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
                small.save(to, optimize=True)
