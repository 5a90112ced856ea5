"""Plugins that a typed offline call imports: it names none of them, so there should be none."""

from __future__ import annotations

import subprocess
import sys

from .measure import ROOT, Row, environment, print_table

PROGRAM = """
import runpy, sys
sys.argv = ["runtime", "model=offline"]
try:
    runpy.run_module("runtime", run_name="__main__", alter_sys=True)
finally:
    print(*(name for name in sys.modules if name.startswith("livekit.plugins.")), file=sys.stderr)
"""


def rows() -> list[Row]:
    """How many there are, and which."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=environment(),
        input="Hello, how can I help?\n",
        capture_output=True,
        text=True,
        check=True,
    )
    found = done.stderr.split()
    return [Row(f"plugins imported: {', '.join(found) or 'none'}", len(found), "", goal=0)]


if __name__ == "__main__":
    print_table(rows())
