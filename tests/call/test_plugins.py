"""Plugins that nothing has imported yet, where LiveKit would let them be imported by the main thread alone."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys, threading, time
from concurrent.futures import Future
from pathlib import Path
from livekit.agents import Plugin
from runtime.call import build
from runtime.config.compose import compose
from runtime.config.groups import use_folder
from runtime.files.store import SpecStore
from runtime.spec.settings import Settings

use_folder(Path(sys.argv[2]))
store = SpecStore([], Settings(), audio=True, since=time.time())
file = Path(sys.argv[2], "ann.md")
said = []

async def stocked(watching, checked):
    await checked.wait()
    return next(spec for spec in store.specs if spec.choices["persona"] == "bob")

async def edited(watching, checked):
    edits = asyncio.Queue()
    await store.find({"persona": "ann"})
    store.subscribe({"persona": "ann"}, edits.put_nowait)
    edits.get_nowait()
    file.write_text("---\\nmodel: openai_pipeline\\n---\\n" + file.read_text())
    return (await edits.get()).spec

async def in_a_job_thread(watching, checked):
    spec = compose(["persona=bob"])
    built = Future()

    async def job():
        parts = build.build(spec, audio=True)
        built.set_result(type(parts.model).__module__)

    threading.Thread(target=lambda: asyncio.run(job()), daemon=True).start()
    assert (await asyncio.wrap_future(built)).startswith("livekit.plugins.openai")
    return spec

async def main():
    stock = ["ann", "bob"] if sys.argv[1] == "stocked" else []
    checked = asyncio.Event()
    watching = asyncio.ensure_future(store.watch(said.append, lambda at, wrong: checked.set(), stock=stock))
    assert "livekit.plugins.openai" not in sys.modules
    async with asyncio.timeout(60):
        spec = await globals()[sys.argv[1]](watching, checked)
    print(spec.model.llm.plugin, [plugin.package for plugin in Plugin.registered_plugins], said)
    watching.cancel()

asyncio.run(main())
"""


@pytest.mark.parametrize("where", ["stocked", "edited", "in_a_job_thread"])
def test_a_plugin_that_is_not_imported_yet_works_from_any_thread(
    where: str, environment: dict[str, str], personas: Path
) -> None:
    """For a second persona at the start, an edit from offline to a provider, and a job in a thread: it is there, and
    registered once."""
    (personas / "ann.md").write_text("# Persona: Ann\nHi.")
    (personas / "bob.md").write_text("---\nmodel: openai_pipeline\n---\n# Persona: Bob\nHi.")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where, str(personas)],
        env=environment | {"OPENAI_API_KEY": "x"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "openai ['livekit.plugins.openai'] []\n", done.stderr
