"""The group of all commands: errors become one line and an honest exit status."""

from __future__ import annotations

import os
import sys
from typing import Any, final

import click

from slt.errors import SltError, VerificationError, WorkerError


@final
class Commands(click.Group):
    """Turns slt's errors into one line on stderr and an honest exit status."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        # before torch is loaded: threads that spin while they wait make a shared machine ten times slower
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            super().main(*args, **kwargs)
        except SltError as error:
            click.echo("\n".join([f"slt: {error}", *getattr(error, "__notes__", ())]), err=True)
            sys.exit(1 if isinstance(error, VerificationError | WorkerError) else 2)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            click.echo("slt: interrupted; nothing half-written was left behind", err=True)
            sys.exit(130)
        sys.exit(0)
