"""Plugins that nothing has imported yet, where LiveKit would let them be imported by the main thread alone."""

import subprocess
import sys
from pathlib import Path

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

use_folder(Path(sys.argv[1]))
store = SpecStore([], Settings(), audio=True, since=time.time())
file = Path(sys.argv[1], "ann.md")
said = []

async def stocked(checked):
    await checked.wait()
    return next(spec for spec in store.specs if spec.choices["persona"] == "bob").model.llm.plugin

async def edited(checked):
    edits = asyncio.Queue()
    await store.find({"persona": "ann"})
    store.subscribe({"persona": "ann"}, edits.put_nowait)
    edits.get_nowait()
    file.write_text("---\\nmodel: gemini_realtime\\n---\\n" + file.read_text())
    return (await edits.get()).spec.model.realtime.plugin

async def in_a_job_thread(checked):
    spec = compose(["persona=bob", "model.stt.plugin=deepgram", "model.stt.options.model=nova-3"])
    built = Future()

    async def job():
        parts = build.build(spec, audio=True)
        built.set_result(type(parts.stt).__module__.split(".")[2])

    threading.Thread(target=lambda: asyncio.run(job()), daemon=True).start()
    return await asyncio.wrap_future(built)

async def main():
    checked = asyncio.Event()
    watching = asyncio.ensure_future(store.watch(said.append, lambda at, wrong: checked.set(), stock=["ann", "bob"]))
    for plugin, wanted in ("openai", stocked), ("google", edited), ("deepgram", in_a_job_thread):
        assert f"livekit.plugins.{plugin}" not in sys.modules
        async with asyncio.timeout(60):
            print(plugin, await wanted(checked))
    print([plugin.package for plugin in Plugin.registered_plugins], said)
    watching.cancel()

asyncio.run(main())
"""


def test_a_plugin_that_is_not_imported_yet_works_from_any_thread(environment: dict[str, str], personas: Path) -> None:
    """For a second persona at the start, an edit from offline to a provider, and a job in a thread: it is there, and
    registered once."""
    (personas / "ann.md").write_text("# Persona: Ann\nHi.")
    (personas / "bob.md").write_text("---\nmodel: openai_pipeline\n---\n# Persona: Bob\nHi.")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(personas)],
        env=environment | {"OPENAI_API_KEY": "x", "GOOGLE_API_KEY": "x", "DEEPGRAM_API_KEY": "x"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    registered = ["livekit.plugins.openai", "livekit.plugins.google", "livekit.plugins.deepgram"]
    assert done.stdout == f"openai openai\ngoogle google\ndeepgram deepgram\n{registered} []\n", done.stderr
