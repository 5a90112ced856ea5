"""From the save of a persona to its being in force in the calls that are on, against the bare watcher in the same run.

The persona is Sarah Thompson's, the model offline, and the calls are spoken ones without a sound; in rooms the worker
has the thread executor, and the figures are those of its receipts.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from livekit.agents import Agent, AgentSession, utils

from runtime.call.session import Call
from runtime.config.compose import compose
from runtime.config.groups import use_folder
from runtime.events import Event, How, Reload
from runtime.files.store import SpecStore
from runtime.spec.session_spec import AnyEdit
from runtime.spec.settings import Settings
from tests.loopback.client import Microphone, Speaker

from .loopback import PERSONA, Worker, available, livekit_server, ours, persona_folder, worker
from .measure import ROOT, Row, p95, print_table, progress
from .trainees import trainees
from .watching import bare, latencies

CALLS = (1, 8, 32)
SAVES = 30
BETWEEN = 0.15
STORM = 60
STORM_SECONDS = 0.05
"""Between two saves of a storm: twenty a second."""
RECEIPTS_SECONDS = 15.0
"""After a save in rooms; a call without a receipt by then has missed it."""
LINE = "The number is {}."


def rows() -> list[Row]:
    """One, eight and thirty-two calls without rooms, a storm, and thirty-two calls in rooms."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        shutil.copy(ROOT / "personas/sarah_thompson.md", folder)
        use_folder(folder)
        for calls in CALLS:
            floor = asyncio.run(latencies(folder, bare))
            first, last = asyncio.run(_applied(folder, calls))
            progress(f"{calls} calls: done")
            if calls == 1:
                found += [
                    Row("1 call: save → applied, median", median(last), "ms", median(floor), goal=2),
                    Row("1 call: save → applied, p95", p95(last), "ms", p95(floor)),
                ]
            else:
                found += [
                    Row(f"{calls} calls: save → applied in the first, median", median(first), "ms", median(floor)),
                    Row(f"{calls} calls: save → applied in all, median", median(last), "ms", goal=100),
                    Row(
                        f"{calls} calls: save → applied in all, p95", p95(last), "ms", goal=100 if calls == 32 else None
                    ),
                ]
        storm = asyncio.run(_storm(folder))
        found.append(Row("8 calls: last of 20 saves a second → live in all", storm, "ms", goal=200))
        use_folder(ROOT / "personas")
        if available():
            found += _in_rooms()
    return found


class _Line:
    """One call without a room; `applied` holds when each edit was in force."""

    def __init__(self, store: SpecStore) -> None:
        self.applied: list[float] = []
        self.revision = ""
        self.changed = asyncio.Event()
        self._edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
        store.subscribe({}, self._edits.put_nowait)
        self.call = Call(self._each(), self._emit, audio=True)

    async def _each(self) -> AsyncIterator[AnyEdit]:
        while True:
            yield await self._edits.get()

    def _emit(self, event: Event) -> None:
        if isinstance(event, Reload) and event.how in (How.IN_PLACE, How.SWAPPED):
            self.applied.append(time.perf_counter())
            self.revision = event.after
            self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> float:
        """When the latest edit was in force, once the condition holds."""
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 10)
        return self.applied[-1]


@asynccontextmanager
async def _held(calls: int) -> AsyncIterator[list[_Line]]:
    """So many calls, opened, that follow the files."""
    store = SpecStore([], Settings(), audio=True, since=time.time())
    store.put({}, compose(["persona=sarah_thompson"]))
    lines = [_Line(store) for _ in range(calls)]
    async with utils.http_context.open(), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(store.watch(lambda line: None))
        for line in lines:
            tasks.create_task(line.call.run(_joined))
        for line in lines:
            await line.call.opened()
        await asyncio.sleep(1)
        yield lines
        for line in lines:
            line.call.hang_up()
        keeping.cancel()


@asynccontextmanager
async def _joined(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
    session.input.audio, session.output.audio = Microphone(), Speaker()
    await session.start(agent)
    yield


async def _applied(folder: Path, calls: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each save until the first and until the last call has it."""
    first, last = [], []
    async with _held(calls) as lines:
        for n in range(SAVES):
            await asyncio.sleep(BETWEEN + n / SAVES * 0.005)
            began = _save(folder, n)
            times = [await line.until(lambda line=line, n=n: len(line.applied) > n) for line in lines]  # type: ignore[misc]
            first.append((min(times) - began) * 1000)
            last.append((max(times) - began) * 1000)
    return first, last


async def _storm(folder: Path) -> float:
    """Milliseconds from the last of many saves until the last of eight calls has it."""
    _save(folder, STORM - 1)
    revision = compose(
        ["persona=sarah_thompson"]
    ).revision  # of the last one; to ask then would hold up what is measured
    _save(folder, STORM)
    async with _held(8) as lines:
        for n in range(STORM):
            await asyncio.sleep(STORM_SECONDS)
            began = _save(folder, n)
        times = [await line.until(lambda line=line: line.revision == revision) for line in lines]  # type: ignore[misc]
        return (max(times) - began) * 1000


def _save(folder: Path, number: int) -> float:
    """Saves another text as editors do; when."""
    text = (ROOT / "personas/sarah_thompson.md").read_text()
    draft = folder / "draft"
    draft.write_text(f"{text}\n{LINE.format(number)}\n")
    began = time.perf_counter()
    draft.replace(folder / "sarah_thompson.md")
    return began


def _in_rooms() -> list[Row]:
    """Thirty-two calls in rooms, by their receipts. The persona is the one of the other benchmarks of rooms: silent."""
    with persona_folder() as folder, livekit_server() as url, trainees() as people:
        with worker([*ours(folder, "thread", 2), "lines=json"], url) as serving:
            rooms: set[str] = set()
            for i in range(CALLS[-1]):
                room = people.join(url)
                if people.heard([room], 15) != [None]:
                    rooms.add(room)
                progress(f"call {i + 1} in a room")
            time.sleep(8)  # until nobody speaks
            saves = []
            for n in range(SAVES // 2):
                seen = len(serving.output)
                (folder / "draft").write_text(f"{PERSONA}\n{LINE.format(n)}\n")
                (folder / "draft").replace(folder / "benchmark.md")
                saves.append(_receipts(serving, seen, rooms))
                progress(f"save {n + 1} in rooms")
            people.leave()
    on = len(rooms)
    took = [float(max(receipts.values())) for receipts in saves if receipts]
    missing = on * (SAVES // 2) - sum(map(len, saves))
    goal = 100 if on == CALLS[-1] else None  # what fewer calls take says nothing about the goal
    return [
        Row("in rooms: unheard of 32", CALLS[-1] - on, "", goal=0),
        Row(f"{on} calls in rooms: receipts missing", missing, "", goal=0),
        Row(f"{on} calls in rooms: save → applied in all, median", median(took), "ms", goal=goal),
        Row(f"{on} calls in rooms: save → applied in all, p95", p95(took), "ms", goal=goal),
    ]


def _receipts(serving: Worker, seen: int, rooms: set[str]) -> dict[str, int]:
    """The receipts after what was `seen`, by room: milliseconds from the save, once every room has one, as a save that
    comes before is one edit with it."""
    receipts: dict[str, int] = {}
    deadline = time.monotonic() + RECEIPTS_SECONDS
    while receipts.keys() != rooms and time.monotonic() < deadline:
        time.sleep(0.1)
        new = serving.output[seen:]
        seen += len(new)
        for event in (json.loads(line) for line in new if line.startswith("{")):
            if event["kind"] == "reload" and event["how"] == "in place" and event["room"] in rooms:
                receipts[event["room"]] = event["ms"]
    return receipts


if __name__ == "__main__":
    print_table(rows())
