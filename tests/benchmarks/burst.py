"""Eight trainees who join within a second: how many hear the persona within 20 seconds, and when."""

from __future__ import annotations

import time
from statistics import median

from .loopback import available, bare, livekit_server, ours, persona_folder, worker
from .measure import Row, print_table, progress
from .trainees import Trainees, trainees

TRAINEES = 8
WITHIN = 1.0
"""Seconds in which they join."""
PATIENCE = 20.0
QUIET = 4.0
"""Seconds after a worker's start, until the load of starting is past."""


def rows() -> list[Row]:
    """The runtime with as many calls kept ready as come and with two, and a worker written by hand with two."""
    found: list[Row] = []
    if not available():
        return found
    for executor in ("process", "thread"):
        for idle in (TRAINEES, 2):
            found += _rows(executor, idle)
    return found


def _rows(executor: str, idle: int) -> list[Row]:
    progress(f"burst: {executor}, {idle} kept ready")
    what = f"{executor}, {idle} ready"
    with persona_folder() as folder, trainees() as people:
        mine, theirs = (
            _burst(people, ours(folder, executor, idle)),
            _burst(people, bare(folder, executor, idle, "default")),
        )
    return [
        Row(f"{what}: unheard of {TRAINEES}", TRAINEES - len(mine), "", goal=0),
        Row(f"{what}: unheard of {TRAINEES}, by hand", TRAINEES - len(theirs), ""),
        Row(f"{what}: join → first audio, median", median(mine or [PATIENCE]), "s", median(theirs or [PATIENCE])),
        Row(f"{what}: join → first audio, last", max(mine, default=PATIENCE), "s", max(theirs, default=PATIENCE)),
    ]


def _burst(people: Trainees, command: list[str]) -> list[float]:
    """Seconds from joining to the first audio, of those who heard any."""
    with livekit_server() as url, worker(command, url):
        time.sleep(QUIET)
        rooms = []
        for _ in range(TRAINEES):
            rooms.append(people.join(url))
            time.sleep(WITHIN / TRAINEES)
        heard = people.heard(rooms, PATIENCE)
        people.leave()
    return [seconds for seconds in heard if seconds is not None]


if __name__ == "__main__":
    print_table(rows())
