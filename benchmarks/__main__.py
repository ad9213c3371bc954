"""``python -m benchmarks [NAME]...``, of ``NAMES``, all without: measures and prints.

Quote ratios, not seconds.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys

NAMES = ("weights", "subset_sum", "mnist", "encoder", "torch_batch", "search_step", "runner")


def main(names: list[str]) -> int:
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    for name in names or NAMES:
        print(f"\n## {name}")
        for line in importlib.import_module(f"benchmarks.{name}").run():
            print(f"- {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
