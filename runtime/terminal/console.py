"""A call in this terminal: typed, piped, or spoken through its microphone and speakers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

from livekit.agents import Agent, AgentSession
from livekit.agents.utils import http_context

from ..call.session import Call
from ..events import Ended, Notice
from ..files.store import SpecStore
from ..spec.session_spec import AnyEdit, SessionSpec
from .line_editor import LineEditor
from .view import JsonLines, View, view

END = "/end"
"""What a trainee types to hang up."""


def call_here(spec: SessionSpec, store: SpecStore, *, why: str = "") -> Ended:
    """Holds one call in this terminal until somebody hangs up, input ends, or Ctrl-C. `why` is said first."""
    return asyncio.run(_call(spec, store, why))


async def _call(spec: SessionSpec, store: SpecStore, why: str) -> Ended:
    settings = store.settings
    audio = settings.console.audio
    with view(settings.lines) as shown:
        if why:
            shown.show(Notice(text=why))
        store.put({}, spec)
        edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
        store.follow({}, edits.put_nowait)
        call = Call(_each(edits), shown.show, audio=audio, reload=settings.reload)
        with _interrupts(call):
            async with http_context.open(), asyncio.TaskGroup() as tasks:
                trainee = tasks.create_task(_trainee(call, shown, typing=shown.live and sys.stdin.isatty()))
                watching = tasks.create_task(store.keep(lambda line: shown.show(Notice(text=line))))
                try:
                    return await call.run(partial(_joined, audio=audio))
                finally:
                    trainee.cancel()
                    watching.cancel()


async def _each(edits: asyncio.Queue[AnyEdit]) -> AsyncIterator[AnyEdit]:
    while True:
        yield await edits.get()


@asynccontextmanager
async def _joined(session: AgentSession[None], agent: Agent, *, audio: bool) -> AsyncIterator[None]:
    """The session on this terminal: without anything that hears or speaks, or on microphone and speakers."""
    async with AsyncExitStack() as stack:
        if audio:
            from .audio import devices

            await stack.enter_async_context(devices(session))
        await session.start(agent)
        yield


async def _trainee(call: Call, shown: View | JsonLines, *, typing: bool) -> None:
    """Passes on what the trainee types. Typed live it cuts the persona short; piped it waits for her to finish."""
    if not typing:
        await call.opened()
    async for line in _typed_lines(shown) if typing else _piped_lines():
        text = line.strip()
        if text == END:
            break
        if text and typing:
            await call.begin_turn(text)
        elif text:
            await call.type(text)
    call.hang_up()


async def _typed_lines(shown: View | JsonLines) -> AsyncIterator[str]:
    """Lines from the keyboard, edited on the screen's last line."""
    editor = LineEditor()
    keys: asyncio.Queue[bytes] = asyncio.Queue()
    keyboard = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            keys.put_nowait(os.read(keyboard, 4096))
        except OSError:  # the terminal is gone
            keys.put_nowait(b"")

    with _cbreak(keyboard):
        loop.add_reader(keyboard, read)
        try:
            shown.show_typing("", 0)
            while not editor.ended:
                data = await keys.get()
                lines = editor.feed(data) if data else []
                shown.show_typing(editor.text, editor.cursor)
                for line in lines:
                    yield line
                if not data:
                    return
        finally:
            loop.remove_reader(keyboard)


async def _piped_lines() -> AsyncIterator[str]:
    """Lines of standard input until it ends. A thread reads them, as a pipe or a file may block for ever."""
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            while line := sys.stdin.buffer.readline():
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, b"")
        except (RuntimeError, ValueError, OSError):
            return  # the call is over and its loop or its input closed

    threading.Thread(target=read, daemon=True, name="stdin").start()
    while line := await lines.get():
        yield line.decode(errors="replace")


@contextmanager
def _cbreak(terminal: int) -> Iterator[None]:
    """Keys arrive one by one and unechoed; Ctrl-C stays a signal."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextmanager
def _interrupts(call: Call) -> Iterator[None]:
    """Ctrl-C and SIGTERM hang up."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, call.hang_up)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
