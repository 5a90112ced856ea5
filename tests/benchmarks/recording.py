"""What recording adds to a call: to a turn, to the worker's CPU and memory; how long the report of a long call takes.

The worker serves real rooms, once with `record=on` and once with `record=off`. Takes about three minutes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median

from runtime.events import Event
from runtime.record.folder import EVENTS, finish
from runtime.record.recording import Recording
from runtime.record.templates import load_template
from runtime.record.writer import put_line
from runtime.spec.settings import Record
from tests.record.calls import GOOD, POOR, held

from .hooks import turns
from .loopback import available, livekit_server, ours, persona_folder, worker
from .measure import Row, p95, print_table, progress
from .rooms import EXECUTORS, IDLE, ROUNDS, call_cost
from .trainees import trainees

MINUTES = 15


def rows() -> list[Row]:
    """Milliseconds of CPU in a turn and for a report; per cent of a core and MiB that recording adds to a call."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = asyncio.run(turns(lambda emit: Recording(Record(dir=folder), "ann", emit)))
        reports = _report(Path(folder))
    found = [
        Row("our hooks, the arc and the recording's in a turn, median", median(recorded), "ms"),
        Row("our hooks, the arc and the recording's in a turn, 95th percentile", p95(recorded), "ms", goal=1),
        Row(f"report, score and transcript of a call of {MINUTES} minutes, CPU", reports, "ms", goal=1000),
    ]
    for executor in EXECUTORS if available() else ():
        found += _rooms(executor)
        progress(f"{executor}: done")
    return found


def _report(folder: Path) -> float:
    """Milliseconds of CPU to finish the folder of a long call, its template loaded as in every job."""
    load_template()
    lines = sum(turn.after + turn.seconds for turn in (*POOR, *GOOD))
    call = [*POOR, *GOOD] * round(MINUTES * 60 / lines)
    events: list[Event] = held(call, "resolved", True)
    with open(folder / EVENTS, "wb", buffering=0) as file:
        for event in events:
            put_line(file, event)
    began = time.process_time()
    finish(folder)
    return (time.process_time() - began) * 1000


def _rooms(executor: str) -> list[Row]:
    with (
        persona_folder() as folder,
        tempfile.TemporaryDirectory() as sessions,
        livekit_server() as one,
        livekit_server() as other,
        trainees() as people,
    ):
        command = ours(folder, executor, IDLE)
        with (
            worker([*command, f"record.dir={sessions}"], one) as recording,
            worker([*command, "record=off"], other) as without,
        ):
            costs = [[call_cost(people, serving) for serving in (recording, without)] for _ in range(ROUNDS)]
    (on_memory, _), (off_memory, _) = costs[0]  # later calls in the same process get what the first ones left
    cpu = median(on - off for (_, on), (_, off) in costs)
    return [
        Row(f"{executor}: memory that recording adds to a call", on_memory - off_memory, "MiB", goal=5),
        Row(f"{executor}: CPU that recording adds to a silent call", cpu, "%", goal=5),
    ]


if __name__ == "__main__":
    print_table(rows())
