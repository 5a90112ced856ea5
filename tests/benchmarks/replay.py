"""How long a draft of a persona is played against recorded sessions, of which no two have a clause in common."""

from __future__ import annotations

import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from runtime.rehearse.job import hold
from runtime.spec.trainee import ScriptLine
from tests.rehearse.jobs import job

from .measure import ROOT, Row, progress

SESSIONS, TURNS = 100, 8


def rows() -> list[Row]:
    """Seconds for all of them, by the clock and the CPU's."""
    with tempfile.TemporaryDirectory() as folder:
        progress(f"recording {SESSIONS} sessions …")
        chosen = random.Random(0)
        first = job(Path(folder) / "0")
        lines = [line.say for trainee in ("good", "poor") for line in job(Path(folder), trainee=trainee).script]
        for number in range(SESSIONS):
            said = (re.sub(r"(?=[,.?!])", f" {number}-{turn}", chosen.choice(lines)) for turn in range(TURNS))
            script = tuple(map(ScriptLine, said))
            hold(replace(first, folder=Path(folder) / "sessions" / str(number), script=script, seed=number))
        draft = Path(folder) / "draft.md"
        draft.write_text((ROOT / "personas" / "sarah_thompson.md").read_text().replace("mood: 20", "mood: 10"))
        progress("replaying them …")
        command = [sys.executable, "-m", "runtime", "mode=replay", f"draft={draft}", f"folder={folder}/sessions"]
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        assert f" of {SESSIONS} recorded sessions" in shown
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    what = f"a draft against {SESSIONS} sessions of up to {TURNS} turns"
    return [Row(what, took, "s", goal=60), Row(f"{what}, the CPU's", cpu, "s", goal=60)]
