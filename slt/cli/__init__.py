"""The command line.

Exit status: 0 done, 1 a check failed or a worker was lost, 2 bad input (the text says which), 130 interrupted.
"""

from __future__ import annotations

import click

from slt.cli.checking import check
from slt.cli.commands import Commands
from slt.cli.data import data
from slt.cli.demo import demo
from slt.cli.listing import list_
from slt.cli.report import report
from slt.cli.running import plot, run
from slt.cli.ticket import ticket


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="slt")
def main() -> None:
    """Strong lottery tickets: prune a random network, never trained, until it matches a target."""


for _command in (demo, list_, run, plot, check, report, ticket, data):
    main.add_command(_command)
