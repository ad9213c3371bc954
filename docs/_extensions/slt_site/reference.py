"""API reference: one page a public module, written at build time and filled by autodoc."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from slt_site.prose import first_sentence, inline

MANY = 30  # names of a module, beyond which its page has a section for each file

MODULES = {
    "Making tickets": (
        "slt.constructions", "slt.tickets", "slt.weights", "slt.masks", "slt.domains", "slt.activations", "slt.neurons",
        "slt.readout",
    ),
    "Targets": (
        "slt.targets", "slt.attention_target", "slt.rotary_target", "slt.transformer_target", "slt.graph_target",
        "slt.tree_target", "slt.activation_target",
    ),
    "Subset sums and laws": ("slt.subset_sum", "slt.laws"),
    "Errors of tickets": ("slt.scoring",),
    "Searching masks": ("slt.search", "slt.architectures", "slt.training"),
    "Claims and experiments": ("slt.claims", "slt.runner", "slt.records", "slt.plots", "slt.pictures"),
    "Data and errors": ("slt.data", "slt.cifar10", "slt.text", "slt.errors"),
}  # fmt: skip
"""Public modules by what they are for, in the order of the site."""


@dataclass(frozen=True)
class Entry:
    """A public object: where it is documented, and what it is."""

    home: str
    name: str
    value: Any

    @property
    def full(self) -> str:
        return f"{self.home}.{self.name}"

    @property
    def directive(self) -> str:
        if inspect.ismodule(self.value):
            return "automodule"
        if inspect.isclass(self.value):
            return "autoexception" if issubclass(self.value, BaseException) else "autoclass"
        return "autofunction" if inspect.isroutine(self.value) or hasattr(self.value, "__wrapped__") else "autodata"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring; empty for data."""
        if self.directive == "autodata":
            return ""
        return first_sentence(inspect.getdoc(self.value) or "")


@cache
def entries() -> dict[str, tuple[Entry, ...]]:
    """Public objects by module, each in the first module that has it."""
    seen: set[int] = set()
    found: dict[str, tuple[Entry, ...]] = {}
    for home in (name for names in MODULES.values() for name in names):
        module = import_module(home)
        mine = [Entry(home, name, getattr(module, name)) for name in public_names(module)]
        mine = [entry for entry in mine if id(entry.value) not in seen or entry.directive == "autodata"]
        seen |= {id(entry.value) for entry in mine}
        found[home] = tuple(mine)
    return found


def public_names(module: ModuleType) -> list[str]:
    """``__all__``, or what the module defines itself under a name without an underscore: classes and functions, and
    constants in capitals that a docstring follows."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    own = (
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and callable(value)
    )
    return sorted([*own, *_told_constants(module)], key=lambda name: (name[0].islower(), name.isupper(), name))


def _told_constants(module: ModuleType) -> Iterator[str]:
    from sphinx.pycode import ModuleAnalyzer

    analysed = ModuleAnalyzer.for_module(module.__name__)
    for scope, name in analysed.find_attr_docs():
        if not scope and name.isupper():
            yield name


@cache
def names_in_prose() -> Mapping[str, str]:
    """What a docstring may call a public object, and its full name: as from ``slt``, from its module, or bare where
    only one has the name and it is a class."""
    import slt

    known: dict[str, str] = {}
    bare: dict[str, list[str]] = {}
    homes: dict[int, str] = {}
    for home, mine in entries().items():
        known[home] = home
        for entry in mine:
            known[entry.full] = entry.full
            known.setdefault(f"{home.rpartition('.')[2]}.{entry.name}", entry.full)
            if entry.directive != "autodata":
                homes[id(entry.value)] = entry.full
            if entry.name[0].isupper() and entry.directive in ("autoclass", "autoexception"):
                bare.setdefault(entry.name, []).append(entry.full)
    for name in slt.__all__:
        known.setdefault(f"slt.{name}", homes.get(id(getattr(slt, name)), ""))
    known |= {name: full[0] for name, full in bare.items() if len(full) == 1}
    return {name: full for name, full in known.items() if full}


def pages() -> Iterator[tuple[str, str]]:
    """(file, text) of the reference, in MyST and reStructuredText."""
    yield "index.rst", _index()
    for home, mine in entries().items():
        yield f"{home}.rst", _page(home, mine)


def _index() -> str:
    names = names_in_prose()
    lines = _title("API reference", "=")
    lines += [
        "Everything public, from its docstrings. ``import slt`` gives the names of the first table and loads nothing",
        "heavy; torch, numba, cvxpy and matplotlib are loaded on first use.",
        "",
        *_title("Names of ``slt``", "-"),
    ]  # fmt: skip
    import slt

    homes = {id(entry.value): entry for mine in entries().values() for entry in mine if entry.directive != "autodata"}
    rows = []
    for name in slt.__all__:
        value = getattr(slt, name)
        if inspect.ismodule(value):
            rows.append((f":py:mod:`slt.{name} <{value.__name__}>`", inline(module_summary(value), names)))
        else:
            entry = homes[id(value)]
            rows.append((f":py:obj:`slt.{name} <{entry.full}>`", inline(entry.summary, names)))
    lines += [*_table(rows), ""]
    for caption, homes_of in MODULES.items():
        lines += [*_title(caption, "-"), ""]
        lines += [*_table([(f":py:mod:`{h}`", inline(module_summary(import_module(h)), names)) for h in homes_of]), ""]
        lines += [".. toctree::", "    :hidden:", "", *(f"    {home}" for home in homes_of), ""]
    return "\n".join(lines)


def module_summary(module: ModuleType) -> str:
    """What the module is for, without its name in front."""
    return first_sentence((module.__doc__ or "").replace(": ", ":\u00a0", 1)).replace("\u00a0", " ")


def _page(home: str, mine: tuple[Entry, ...]) -> str:
    lines = [*_title(home, "="), f".. automodule:: {home}", "    :no-members:", ""]
    told = [entry for entry in mine if entry.directive != "automodule"]
    if len(told) > 6:
        rows = [(f":py:obj:`{entry.name} <{entry.full}>`", inline(entry.summary, names_in_prose())) for entry in told]
        lines += [*_table(rows), ""]
    groups = by_file(mine) if len(mine) > MANY else {"": list(mine)}
    for file, group in groups.items():
        lines += _title(file, "-") if file else []
        for entry in group:
            lines += _directive(entry)
    return "\n".join(lines) + "\n"


def by_file(mine: tuple[Entry, ...]) -> dict[str, list[Entry]]:
    """Entries under the name of the file that defines them; data first."""
    found: dict[str, list[Entry]] = {}
    for entry in mine:
        file = "Constants" if entry.directive == "autodata" else entry.value.__module__.rpartition(".")[2]
        found.setdefault(file.replace("_", " ").capitalize(), []).append(entry)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "Constants", item[0])))


def _directive(entry: Entry) -> list[str]:
    if entry.directive == "automodule":
        return [*_title(entry.full, "-"), f".. automodule:: {entry.value.__name__}", "    :members:", ""]
    options = ["    :no-value:"] if entry.directive == "autodata" else []
    if inspect.isclass(entry.value) and set(entry.value.__bases__) - {object, ABC}:
        options.append("    :show-inheritance:")
    return [f".. {entry.directive}:: {entry.full}", *options, ""]


def _title(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _table(rows: list[tuple[str, str]]) -> list[str]:
    lines = [".. list-table::", "    :class: names", "    :widths: 30 70", ""]
    for first, second in rows:
        lines += [f"    * - {first}", f"      - {second}"]
    return lines
