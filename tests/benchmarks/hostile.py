"""200 persona files that were built to be slow: how long a check takes, and how late a call's loop is meanwhile."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from runtime.config.compose import compose
from runtime.config.groups import use_folder
from runtime.config.persona_file import examine_persona
from runtime.files.store import SpecStore
from runtime.spec.settings import Settings
from tests.hostile import hostile_personas

from .measure import ROOT, RUNTIME, Row, environment, milliseconds, print_table

FILES = 200
BEAT = 0.005
"""Seconds between two looks at the loop."""


def rows() -> list[Row]:
    """The command on a folder of them, and the worker's part of it while they are saved one after the other."""
    files = hostile_personas(FILES)
    with tempfile.TemporaryDirectory() as folder:
        for stem, data in files.items():
            Path(folder, f"{stem}.md").write_bytes(data)
        command = [*RUNTIME, "mode=check", f"personas_dir={folder}"]
        checked = milliseconds(
            lambda: subprocess.run(command, cwd=ROOT, env=environment(), check=False, stdout=subprocess.DEVNULL)
        )
    idle, busy = (asyncio.run(_longest_gap(some)) for some in ({}, files))
    return [
        Row(f"mode=check of {FILES} hostile files", checked / 1000, "s", goal=10),
        Row("longest that a call's loop is late, nothing saved", idle * 1000, "ms"),
        Row(f"the same, while {FILES} hostile files are saved", busy * 1000, "ms", goal=100),
    ]


async def _longest_gap(files: dict[str, bytes]) -> float:
    """Seconds that the event loop was late at worst while these files were saved, in a process whose store gives a call
    its edits; without any, in five seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(ROOT / "personas/sarah_thompson.md", folder)
        use_folder(folder)
        choices = {"persona": "sarah_thompson"}
        store = SpecStore([], Settings(), audio=False, since=time.time())
        store.put(choices, compose(["persona=sarah_thompson"]))
        store.subscribe(choices, lambda edit: None)
        faulty = sum(not examine_persona(data, folder / f"{stem}.md").persona for stem, data in files.items())
        checked = asyncio.Event()
        late = 0.0

        def renewed(at: float, wrong: bool) -> None:
            if files and len(store.problems) == faulty:
                checked.set()

        async def beat() -> None:
            nonlocal late
            while True:
                before = time.perf_counter()
                await asyncio.sleep(BEAT)
                late = max(late, time.perf_counter() - before - BEAT)

        gc.collect()
        gc.freeze()  # as the program does before it calls or serves
        keeping = asyncio.create_task(store.watch(lambda line: None, renewed))
        await asyncio.sleep(1)  # the first scan, and all that is imported for it
        beating = asyncio.create_task(beat())
        for stem, data in files.items():
            await asyncio.to_thread((folder / f"{stem}.md").write_bytes, data)
        with suppress(TimeoutError):
            await asyncio.wait_for(checked.wait(), 120 if files else 5)
        for task in (beating, keeping):
            task.cancel()
        use_folder(ROOT / "personas")
    assert len(store.problems) == faulty
    return late


if __name__ == "__main__":
    print_table(rows())
