"""LiveKit's plugins, imported when a spec names them, from any thread.

A plugin registers itself as the last step of its import, and LiveKit lets only the main thread do that. Any other
thread imports what the plugin is made of, which stays imported when the last step is refused (0.3 to 5 s); the event
loop of the main thread then does the rest (1 ms; 13 where one plugin is made of another).
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from types import ModuleType

REGISTER_SECONDS = 30.0
"""How long the main thread may take to come to it."""

_main_loop: asyncio.AbstractEventLoop | None = None


def register_in_this_loop() -> None:
    """From now on the running loop, if it is the main thread's, registers the plugins that other threads import."""
    global _main_loop
    if threading.current_thread() is threading.main_thread():
        _main_loop = asyncio.get_running_loop()


def import_plugin(name: str) -> ModuleType:
    """The module of this name. Raises ImportError where it, or what it needs, is not installed, and RuntimeError where
    there is no event loop in the main thread that could register it."""
    try:
        return importlib.import_module(name)
    except RuntimeError:
        if threading.current_thread() is threading.main_thread() or _main_loop is None:
            raise
    imported: Future[ModuleType] = Future()

    def finish() -> None:
        try:
            imported.set_result(importlib.import_module(name))
        except BaseException as error:
            imported.set_exception(error)

    _main_loop.call_soon_threadsafe(finish)
    return imported.result(REGISTER_SECONDS)


async def import_ahead(names: Iterable[str]) -> None:
    """Imports modules without holding up the event loop. What cannot be imported is left to whoever needs it."""
    for name in names:
        if name not in sys.modules:
            with suppress(Exception):
                await asyncio.to_thread(import_plugin, name)
