"""Command → first prompt, against the import that any LiveKit agent begins with."""

from __future__ import annotations

import re
import sys

from .measure import OPENING, RUNTIME, Row, alternate, on_pipe, on_terminal, print_table, ratio_row, run_time, time_to

LINE = rf": {re.escape(OPENING)}\r?\n"
"""The opening line, finished."""


def rows() -> list[Row]:
    """Until opening line and prompt are on the screen; until the opening line is out of the pipe."""
    terminal, piped, imported = alternate(
        lambda: time_to(on_terminal(RUNTIME, LINE + ".*> ")),
        lambda: time_to(on_pipe(RUNTIME, LINE)),
        lambda: run_time([sys.executable, "-c", "import livekit.agents"]),
        repeat=9,
    )
    return [
        ratio_row("command → opening line and prompt", "ms", terminal, imported, goal=1.3),
        ratio_row("command → opening line, piped", "ms", piped, imported, goal=1.3),
    ]


if __name__ == "__main__":
    print_table(rows())
