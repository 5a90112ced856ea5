"""What it takes to notice a save, and what it costs to wait for one, beside the bare library with the same step."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from statistics import median

from watchfiles import awatch

from runtime.files import watch
from runtime.files.snapshot import SavedFiles

from .measure import ROOT, Row, p95, print_table

ROUNDS = 3
SAVES = 40
IDLE = 3.0
"""Seconds that waiting is measured for, each round."""

Watch = Callable[[Path], AsyncGenerator[object, None]]


def ours(folder: Path) -> AsyncGenerator[SavedFiles, None]:
    """Saves, as the worker is told of them."""
    return watch.saves([folder], lambda path: path.suffix in (".md", ".yaml"))


def bare(folder: Path) -> AsyncGenerator[object, None]:
    """The library's events."""
    return awatch(folder, step=watch.STEP, debounce=watch.DEBOUNCE, watch_filter=None)


@asynccontextmanager
async def listening(folder: Path, watch: Watch) -> AsyncIterator[asyncio.Queue[float]]:
    """The times at which something was reported."""
    reported: asyncio.Queue[float] = asyncio.Queue()

    async def listen() -> None:
        async with aclosing(watch(folder)) as reports:
            async for _ in reports:
                reported.put_nowait(time.perf_counter())

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0.5)
    yield reported
    listener.cancel()
    await asyncio.wait([listener])


async def latencies(folder: Path, watch: Watch) -> list[float]:
    """Milliseconds from a save by rename, as editors do it, to its report."""
    results = []
    async with listening(folder, watch) as reported:
        for n in range(SAVES):
            await asyncio.sleep(0.03 + n / SAVES * 0.005)  # at no fixed place within a step
            while not reported.empty():
                reported.get_nowait()
            draft = folder / "draft"
            draft.write_text(f"{n}")
            began = time.perf_counter()
            draft.replace(folder / "saved.md")
            results.append((await asyncio.wait_for(reported.get(), 5) - began) * 1000)
    return results


async def idle(folder: Path, watch: Watch) -> float:
    """Per cent of a core that waiting costs."""
    async with listening(folder, watch):
        began, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(IDLE)
        return (time.process_time() - used) / (time.perf_counter() - began) * 100


def rows() -> list[Row]:
    """Latency and idle cost over the files of this repository, taken in turns."""
    seen: dict[Watch, list[float]] = {ours: [], bare: []}
    cost: dict[Watch, list[float]] = {ours: [], bare: []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "folder"
        shutil.copytree(ROOT / "conf", folder)
        shutil.copytree(ROOT / "personas", folder / "personas")
        for _ in range(ROUNDS):
            for watch in (ours, bare):
                # In this order: files just written are read at each look.
                cost[watch].append(asyncio.run(idle(folder, watch)))
                seen[watch] += asyncio.run(latencies(folder, watch))
    return [
        Row("save to report, median", median(seen[ours]), "ms", median(seen[bare]), goal=1.25),
        Row("save to report, p95", p95(seen[ours]), "ms", p95(seen[bare])),
        Row("an idle watcher, of a core", median(cost[ours]), "%", goal=2),
        Row("the same, beside the library's", median(cost[ours]), "%", median(cost[bare])),
    ]


if __name__ == "__main__":
    print_table(rows())
