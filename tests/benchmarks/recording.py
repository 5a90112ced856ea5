"""What recording adds to a call: to a turn, to the worker's CPU and memory; how long the report of a long call takes.

Two workers serve real rooms side by side, one with `record=on` and one with `record=off`, of each executor in turn, to
trainees who join as a client does. Of the arc only a turn is measured: while nobody speaks it holds one timer, and a
millisecond in a turn of ten seconds is a hundredth of a per cent. Takes about two minutes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

from runtime.events import Event
from runtime.record.folder import EVENTS, REPORT, finish
from runtime.record.recorder import CallRecorder
from runtime.record.templates import load_template
from runtime.record.writer import put_line
from runtime.spec.settings import Record
from tests.record.calls import GOOD, POOR, held

from .hooks import turns
from .loopback import Worker, available, livekit_server, ours, persona_folder, worker
from .measure import Row, p95, print_table, progress
from .rooms import EXECUTORS, SETTLED
from .trainees import Trainees, trainees

MINUTES = 15
CALLS, ROUNDS = 3, 2
"""Calls that are on at the same time in each worker, and how often."""
SECONDS = 12.0
"""Of each call that CPU is counted for."""


def rows() -> list[Row]:
    """Milliseconds of CPU in a turn and for a report; per cent of a core and MiB that recording adds to a call."""
    with tempfile.TemporaryDirectory() as folder:
        made = partial(CallRecorder, Record(dir=folder), "ann")
        arc, all_of_it = (asyncio.run(turns(made, arc_alone=alone)) for alone in (True, False))
        reports = _report(Path(folder))
    found = [
        Row("the arc and the recording in a turn, median", median(arc), "ms"),
        Row("the arc and the recording in a turn, 95th percentile", p95(arc), "ms", goal=1),
        Row("all our hooks in such a turn, median", median(all_of_it), "ms"),
        Row("all our hooks in such a turn, 95th percentile", p95(all_of_it), "ms", goal=1),
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
        command = ours(folder, executor, CALLS)
        with (
            worker([*command, f"record.dir={sessions}"], one) as recording,
            worker([*command, "record=off"], other) as without,
        ):
            _call(people, (recording, without), 1)  # loads what all calls of a worker share
            people.leave()
            time.sleep(SETTLED)
            rounds = [_costs(people, (recording, without)) for _ in range(ROUNDS)]
        recorded = len(list(Path(sessions).glob(f"*/*/{REPORT}")))
    memory = [on - off for (on, off), _ in rounds]
    cpu = [on - off for _, (on, off) in rounds]
    return [
        Row(f"{executor}: calls that left a report, of {CALLS * ROUNDS + 1}", recorded, ""),
        # Of the first round: later calls in the same process get what the first ones left.
        Row(f"{executor}: memory that recording adds to a call", memory[0], "MiB", goal=5),
        Row(f"{executor}: CPU that recording adds to a call", median(cpu), "%", goal=5),
    ]


def _costs(people: Trainees, workers: Sequence[Worker]) -> tuple[list[float], list[float]]:
    """MiB, and per cent of a core, that a call costs each of these workers, side by side: from its first sound on, with
    the opening line and what comes after it, while the trainee's microphone hears a quiet room.

    Raises:
        RuntimeError: a call was not heard.
    """
    before = [one.memory() for one in workers]
    _call(people, workers, CALLS)
    used, began = [one.cpu() for one in workers], time.monotonic()
    time.sleep(SECONDS)
    share = 100 / CALLS / (time.monotonic() - began)
    cpu = [(one.cpu() - then) * share for one, then in zip(workers, used, strict=True)]
    memory = [(one.memory() - then) / CALLS for one, then in zip(workers, before, strict=True)]
    people.leave()
    time.sleep(SETTLED)
    return memory, cpu


def _call(people: Trainees, workers: Sequence[Worker], calls: int) -> None:
    rooms = [people.join(one.url, noise=True) for _ in range(calls) for one in workers]
    if None in people.heard(rooms):
        raise RuntimeError("a call was not heard: its cost cannot be told")


if __name__ == "__main__":
    print_table(rows())
