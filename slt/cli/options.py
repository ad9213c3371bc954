"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.option("--path", type=Path, help="Where the experiments folder is; default: the working directory.")
