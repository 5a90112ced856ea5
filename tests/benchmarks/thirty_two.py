"""Thirty-two calls on one worker, which join one by one and stay: what fits on a machine of two cores.

Server and trainees run on the same cores; what they use is not counted.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import median

from .loopback import available, livekit_server, ours, persona_folder, worker
from .measure import Row, print_table, progress
from .trainees import trainees

CALLS = 32
GROUP = 8
"""Trainees in one process."""
EXECUTOR = "thread"
IDLE = 2
HEARD_WITHIN = 10.0
QUIET = 10.0
"""Seconds after the worker's start, until the models that calls share are loaded."""
BETWEEN = 1.0
"""Seconds between a trainee who hears the persona and the next one who joins."""
SPOKEN = 8.0
"""Seconds after the last one, until nobody speaks any more."""
SILENT = 10.0


def rows() -> list[Row]:
    """All heard, how soon, and what a call costs."""
    if not available():
        return []
    with persona_folder() as folder, livekit_server() as url, ExitStack() as stack:
        groups = [stack.enter_context(trainees()) for _ in range(CALLS // GROUP)]
        with worker(ours(folder, EXECUTOR, IDLE), url) as serving:
            time.sleep(QUIET)
            heard: list[float | None] = []
            for i in range(CALLS):
                people = groups[i // GROUP]
                heard += people.heard([people.join(url)], HEARD_WITHIN)
                progress(f"call {i + 1}: {heard[-1] and round(heard[-1], 2)} s")
                time.sleep(BETWEEN)
            time.sleep(SPOKEN)
            memory, cpu = serving.memory(), serving.cpu_percent(SILENT)
    seconds = [one for one in heard if one is not None]
    on = len(seconds)
    memory_goal, cpu_goal = (12, 3.1) if on == CALLS else (None, None)  # what fewer calls cost says nothing about them
    return [
        Row(f"unheard of {CALLS}", CALLS - len(seconds), "", goal=0),
        Row(f"{CALLS} calls: join → first audio, median", median(seconds or [HEARD_WITHIN]), "s", goal=1.0),
        Row(f"{CALLS} calls: join → first audio, worst", max(seconds, default=HEARD_WITHIN), "s", goal=2.0),
        Row(
            f"{on} on: memory a call, the worker's own included",
            memory / max(on, 1),
            "MiB",
            goal=memory_goal,
        ),
        Row(f"{on} on: CPU a silent call, of a core", cpu / max(on, 1), "%", goal=cpu_goal),
    ]


if __name__ == "__main__":
    print_table(rows())
