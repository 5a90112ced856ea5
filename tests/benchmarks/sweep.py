"""Sweeps: what a job costs beside its call, two at a time against one after the other, and latency as it is shown
against latency as it was."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.rehearse.job import hold, hold_in_loop
from runtime.spec.trainee import ScriptLine
from tests.loopback import Stall
from tests.loopback.gemini import GeminiServer
from tests.loopback.openai_http import OpenAIHTTPServer
from tests.loopback.openai_realtime import OpenAIRealtimeServer
from tests.rehearse.jobs import job

from .measure import ROOT, Row, progress

JOBS = 160
SERVERS: dict[str, tuple[type[Any], str]] = {
    "openai_pipeline": (OpenAIHTTPServer, "on_chat"),
    "openai_realtime": (OpenAIRealtimeServer, "on_turn"),
    "gemini_realtime": (GeminiServer, "on_turn"),
}
"""Models whose latency is shown, each with its server on loopback and what makes that late."""
LATE = 1.0
"""Seconds of latency that the server adds to each turn."""
TURNS = 6


def rows() -> list[Row]:
    """Seconds a job, offline; the share of the ideal that two at a time reach; and seconds of latency. On a machine
    that is busy with something else, the CPU's seconds say more than the clock's."""
    with tempfile.TemporaryDirectory() as folder:
        progress(f"{JOBS} jobs, one after the other and two at a time …")
        one = _sweep(Path(folder) / "one", 1)
        basic = _sweep(Path(folder) / "basic", JOBS)
        two = _sweep(Path(folder) / "two", JOBS, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
        each, its_cpu = ((many - first) / (JOBS - 1) for many, first in zip(basic, one, strict=True))
        start, its_start = one[0] - each, one[1] - its_cpu
        first, second = (job(Path(folder) / name) for name in ("first", "second"))
        hold(first)
        began = time.perf_counter(), time.process_time()
        hold(second)
        whole, whole_cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        shown = {model: asyncio.run(_latency(Path(folder) / model, model)) for model in SERVERS}
    at_once = f"{JOBS} jobs, two at a time"
    return [
        Row("a job of a sweep after the first, beside its call", each - whole, "s", goal=0.3),
        Row("the same, the CPU's seconds", its_cpu - whole_cpu, "s", goal=0.3),
        Row("the call, its folder and its report", whole, "s"),
        Row("the start of a sweep", start, "s"),
        Row(f"{at_once}, after the start, against {JOBS} × one job / 2", two[0] - start, "s", JOBS * each / 2, 1.2),
        Row(f"{at_once}, the CPU's, against {JOBS} × one job", two[1] - its_start, "s", JOBS * its_cpu),
        Row(f"{at_once}, against one after the other", two[0], "s", basic[0]),
        *(
            Row(f"{model}: latency that is shown, against what the server added", shown[model], "s", LATE, 1.05)
            for model in SERVERS
        ),
    ]


def _sweep(folder: Path, jobs: int, *more: str) -> tuple[float, float]:
    """How many seconds a sweep takes by the clock, and how many of the CPU's."""
    command = [sys.executable, "-m", "runtime", "-m", f"rehearse.dir={folder}", f"rehearse.repeats={jobs}", *more]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


async def _latency(folder: Path, model: str) -> float:
    script = tuple(ScriptLine(say="Hello?") for _ in range(TURNS))
    kind, faults = SERVERS[model]
    options: dict[str, Any] = {faults: [Stall(LATE)] * (TURNS + 2)}
    async with kind(reply=lambda conversation, heard: "I see.", **options) as server:
        os.environ |= server.environment
        asked = job(folder, f"model={model}", "vad=none", "listening=phrases")
        row = await hold_in_loop(replace(asked, script=script))
    assert row.measures and row.measures.latency
    return row.measures.latency
