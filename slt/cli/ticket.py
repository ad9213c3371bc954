"""``slt ticket``."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def ticket() -> None:
    """Look at ticket files."""


@ticket.command()
@click.argument("file", type=Path)
def show(file: Path) -> None:
    """Print what a ticket file holds."""
    from slt.carried import CarriedTensor
    from slt.counted import counted
    from slt.tickets import load
    from slt.tickets.storage import read

    loaded = load(file)
    click.echo(str(loaded))
    domain = loaded.domain if loaded.source_network.has_domain else None
    click.echo(f"domain {domain or 'none'}")
    for name, mask in loaded.mask.items():
        click.echo(f"  mask {name}: {mask.shape}, {mask.kept:,} kept, density {mask.density:.4f}")
    for carried in loaded.carried:
        what = counted(carried.count, "number") if isinstance(carried, CarriedTensor) else f"{carried.value:g}"
        click.echo(f"  carried {carried.name} = {what}")
    if loaded.source_network.patched_count:
        click.echo(
            f"  patched {counted(loaded.source_network.patched_count, 'kept weight')}: not the draw at its own place"
        )
    parts, size = read(file), file.stat().st_size
    masks, patches, tensors = (parts.bytes_of(kind) for kind in ("masks", "patches", "carried"))
    click.echo(
        f"{size:,} bytes: masks {masks:,}, patches {patches:,}, carried {tensors:,}, header "
        f"{size - masks - patches - tensors:,}; {loaded.entropy_bits / 8:,.0f} is the entropy bound of the masks"
    )


@ticket.command()
@click.argument("file", type=Path)
def verify(file: Path) -> None:
    """Regenerate the random network and prove that the ticket is it times the mask."""
    from slt.tickets import load

    click.echo(str(load(file).verify()))
