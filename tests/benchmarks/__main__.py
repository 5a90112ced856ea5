"""Runs the benchmarks that are named, or all, and prints one table. Exit code 1 when a goal is missed."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from .measure import print_table


def main(names: list[str]) -> int:
    """Runs these benchmarks, in this order."""
    rows = [row for name in names for row in import_module(f"{__package__}.{name}").rows()]
    print_table(rows)
    return int(any(row.met is False for row in rows))


def found() -> list[str]:
    """Every module of this package that has a `rows()`."""
    folder = Path(__file__).parent
    return sorted(file.stem for file in folder.glob("*.py") if "\ndef rows()" in file.read_text())


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or found()))
