"""``slt data``."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slt.progress import parts

if TYPE_CHECKING:
    from slt.downloads import Dataset
    from slt.mirrors import Progress

INTO = click.option("--into", type=Path, help="Folder of all data sets; default: $SLT_DATA, else ./data.")


@click.group()
def data() -> None:
    """Fetch data sets by checksum from a list of mirrors."""


@data.command()
@click.argument("name")
@INTO
@click.option("--mirror", multiple=True, metavar="URL", help="Folder to try before the listed ones; may be repeated.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds of silence until a mirror is given up.")
def get(name: str, into: Path | None, mirror: tuple[str, ...], timeout: float) -> None:
    """Make the data set NAME whole; what is there and right is not fetched again.

    Each file is checked by its SHA-256 before it takes its place; a wrong one that was there gets another name.
    """
    from slt.data import VARIABLE, given_folder
    from slt.downloads import get as get_dataset

    dataset, folder = _named(name), _folder(into)
    if mirror:
        own = tuple(address.rstrip("/") + "/" for address in mirror)
        dataset = dataset.with_mirrors(*own, *dataset.mirrors)
    obtained = get_dataset(dataset, folder, timeout=timeout, bar=_bar, tell=_tell)
    fetched, kept = len(obtained.fetched), len(obtained.kept)
    click.echo(f"{name} is whole in {obtained.place.resolve()}: {fetched} fetched, {kept} there already")
    named = given_folder(None)
    if named is None or named.expanduser().resolve() != folder.resolve():
        click.echo(f"To use it: export {VARIABLE}={shlex.quote(str(folder.resolve()))}")


@data.command("list")
@INTO
def list_(into: Path | None) -> None:
    """List what can be fetched: size, mirrors, and whether it is there."""
    from slt.datasets import DATASETS

    folder = _folder(into)
    for name, dataset in DATASETS.items():
        found, wanted = len(dataset.found(folder)), len(dataset.pieces)
        state = "there" if found == wanted else "not there" if not found else f"{found} of {wanted} files there"
        click.echo(f"{name:<15}{dataset.size / 1e6:>6.1f} MB  {state}: {(folder / dataset.folder).resolve()}")
        click.echo(f"{'':<15}{dataset.about}")
        for mirror in dataset.mirrors:
            click.echo(f"{'':<15}from {mirror}")


def _named(name: str) -> Dataset:
    from slt.datasets import DATASETS
    from slt.errors import InputError

    if name not in DATASETS:
        raise InputError(f"getting data: {name!r} was given; one of {', '.join(DATASETS)} is needed")
    return DATASETS[name]


def _folder(into: Path | None) -> Path:
    from slt.data import given_folder

    return (given_folder(into) or Path("data")).expanduser()


def _tell(line: str) -> None:
    click.echo(f"slt: {line}", err=True)


def _bar(name: str) -> AbstractContextManager[Progress]:
    return parts(name, unit="B", unit_scale=True, dynamic_ncols=True)
