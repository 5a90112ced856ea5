"""The runtime as a worker against one written by hand with the same parts (`bare_worker`), on real LiveKit servers.

Each worker has a server of its own, and trainees join the one and the other in turns. Takes about five minutes.
"""

from __future__ import annotations

import time

from .loopback import Worker, available, bare, livekit_server, ours, persona_folder, start_seconds, worker
from .measure import Row, alternate, print_table, progress, ratio_row
from .trainees import Trainees, trainees

EXECUTORS = ("process", "thread")
IDLE = 1
"""Processes, or threads, that both workers keep ready."""
STARTS = 2
JOINS = 6
CALLS = 4
"""That are on at the same time, for memory and CPU a call."""
ROUNDS = 2
HEARD_WITHIN = 8.0
"""Seconds after which a trainee has heard nothing."""
SETTLED = 2.5
"""Seconds after a trainee left, until the job has ended and the next one is kept ready."""
SPOKEN = 6.0
"""Seconds after the first sound, until the opening line is over and the call is silent."""
SILENT = 5.0
"""Seconds that CPU is counted for."""


def rows() -> list[Row]:
    """Start, join → first audio, memory and CPU a call, for each executor."""
    found: list[Row] = []
    for executor in EXECUTORS if available() else ():
        found += _rows(executor)
        progress(f"{executor}: done")
    return found


def _rows(executor: str) -> list[Row]:
    with persona_folder() as folder, livekit_server() as one, livekit_server() as other, trainees() as people:
        command, by_hand = ours(folder, executor, IDLE), bare(folder, executor, IDLE)
        progress(f"{executor}: command → registered")
        starts = alternate(lambda: start_seconds(command, one), lambda: start_seconds(by_hand, other), repeat=STARTS)
        with worker(command, one) as ours_on, worker(by_hand, other) as bare_on:
            for serving in (ours_on, bare_on):
                _join(people, serving)  # after which the models that calls share are loaded
            progress(f"{executor}: memory and CPU")
            costs = [[call_cost(people, serving) for serving in (ours_on, bare_on)] for _ in range(ROUNDS)]
            progress(f"{executor}: join → first audio")
            joins = alternate(lambda: _join(people, ours_on), lambda: _join(people, bare_on), repeat=JOINS)
    ours_heard, bare_heard = joins
    both = [(a, b) for a, b in zip(ours_heard, bare_heard, strict=True) if a is not None and b is not None]
    mine, theirs = ([costs_of_one[side] for costs_of_one in costs] for side in (0, 1))
    return [
        ratio_row(f"{executor}: command → registered", "s", starts[0], starts[1], goal=1.15),
        ratio_row(f"{executor}: join → first audio", "s", [a for a, _ in both], [b for _, b in both], goal=1.05),
        Row(f"{executor}: joins without any audio", ours_heard.count(None), "", goal=0),
        Row(f"{executor}: the same, written by hand", bare_heard.count(None), ""),
        # Of the first round: later calls in the same process get what the first ones left.
        ratio_row(f"{executor}: memory a call", "MiB", [mine[0][0]], [theirs[0][0]], goal=1.05),
        ratio_row(f"{executor}: CPU a silent call", "%", [c for _, c in mine], [c for _, c in theirs], goal=1.05),
    ]


def _join(people: Trainees, serving: Worker) -> float | None:
    """Seconds from joining to the first audio of one trainee; None if there is none."""
    heard = people.heard([people.join(serving.url)], HEARD_WITHIN)[0]
    people.leave()
    time.sleep(SETTLED)
    return heard


def call_cost(people: Trainees, serving: Worker) -> tuple[float, float]:
    """What each of several calls adds: MiB of memory, and CPU in percent of a core while nobody speaks.

    Raises:
        RuntimeError: a call was not heard. What the others cost, shared among all, would look cheap.
    """
    memory, cpu = serving.memory(), serving.cpu_percent(SILENT)
    for _ in range(CALLS):
        if people.heard([people.join(serving.url)], HEARD_WITHIN) == [None]:
            raise RuntimeError("a call was not heard: its cost cannot be told")
    time.sleep(SPOKEN)
    added = serving.memory() - memory, serving.cpu_percent(SILENT) - cpu
    people.leave()
    time.sleep(SETTLED)
    return added[0] / CALLS, added[1] / CALLS


if __name__ == "__main__":
    print_table(rows())
