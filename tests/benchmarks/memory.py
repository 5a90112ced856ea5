"""Memory of a typed call in the terminal, against the same call written by hand (`bare`)."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence

from .measure import RUNTIME, Row, alternate, on_terminal, print_table, pss, ratio_row
from .startup import LINE

BARE = [sys.executable, "-m", "tests.benchmarks.bare"]
SETTLED = 3.0
"""Seconds after the opening line: by then what a call learns from its examples is made."""


def rows() -> list[Row]:
    """Proportional set size after the opening line, while the persona waits for the trainee."""
    prompt = LINE + ".*> "
    ours, bare, meant = alternate(
        lambda: _memory_recorded([*RUNTIME, "listening=phrases"], prompt),
        lambda: _memory(BARE, LINE),
        lambda: _memory_recorded(RUNTIME, prompt),
        repeat=5,
    )
    return [
        ratio_row("memory of a typed call", "MiB", ours, bare, goal=1.05),
        ratio_row("the same where it is heard by meaning, against phrases", "MiB", meant, ours, goal=None),
    ]


def _memory_recorded(command: Sequence[str], awaited: str) -> float:
    """In a new folder: in one with a call that was killed, as these are, the next call finishes that first."""
    with tempfile.TemporaryDirectory() as folder:
        return _memory([*command, f"record.dir={folder}"], awaited)


def _memory(command: Sequence[str], awaited: str) -> float:
    with on_terminal(command, awaited) as process:
        time.sleep(SETTLED)
        return pss(process.pid)


if __name__ == "__main__":
    print_table(rows())
