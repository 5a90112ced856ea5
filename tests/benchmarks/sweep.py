"""Sweeps: what a job costs beside its call, two at a time against one after the other, and latency as it is shown
against latency as it was."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from runtime.rehearse.job import held, hold
from runtime.spec.trainee import ScriptLine
from tests.loopback import Stall
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.rehearse.jobs import job

from .measure import ROOT, Row, progress

JOBS = 40
LATE = 1.0
"""Seconds of latency that the server adds to each turn."""
TURNS = 6


def rows() -> list[Row]:
    """Seconds a job, offline; the share of the ideal that two at a time reach; and seconds of latency."""
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{JOBS} jobs, one after the other and two at a time …")
        one = _sweep(Path(folder) / "one", 1)
        basic = _sweep(Path(folder) / "basic", JOBS)
        two = _sweep(Path(folder) / "two", JOBS, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
        each = (basic - one) / (JOBS - 1)
        hold(job(Path(folder) / "first"))
        began = time.perf_counter()
        hold(job(Path(folder) / "second"))
        whole = time.perf_counter() - began
        shown = asyncio.run(_latency(Path(folder) / "late"))
    return [
        Row("a job of a sweep after the first, its call included", each, "s", goal=0.3),
        Row("the call, its folder and its report", whole, "s"),
        Row(f"{JOBS} jobs, two at a time, against {JOBS} × one job / 2", two, "s", JOBS * each / 2, 1.2),
        Row("the same against one after the other", two, "s", basic),
        Row("latency that is shown, against what the server added", shown, "s", LATE, 1.05),
    ]


def _sweep(folder: Path, jobs: int, *more: str) -> float:
    command = [sys.executable, "-m", "runtime", "-m", f"rehearse.dir={folder}", f"rehearse.repeats={jobs}", *more]
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


async def _latency(folder: Path) -> float:
    script = tuple(ScriptLine(say="Hello?") for _ in range(TURNS))
    server = OpenAIHTTPServer(reply=lambda conversation, heard: "I see.", on_chat=[Stall(LATE)] * (TURNS + 2))
    async with server:
        os.environ |= server.environment
        row = await held(replace(job(folder, "model=openai_pipeline", "listening=phrases"), script=script))
    assert row.measures and row.measures.latency
    return row.measures.latency
