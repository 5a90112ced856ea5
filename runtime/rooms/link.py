"""The worker and its jobs: specs and edits down, events up.

Jobs in processes of their own come over a Unix socket in a private folder. Frames are four bytes of length
(big-endian) and that much JSON in UTF-8. Either side's death closes the link: the worker knows of a killed job at
once, and a job that loses its worker keeps its call and its last spec. Jobs in threads of this process use plain
objects instead (`Here`).
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from ..events import Event, from_json, to_json
from ..spec.session_spec import AnyEdit
from ..spec.settings import ReloadMode, Rooms

FRAME_LIMIT = 16 * 1024 * 1024
"""Bytes of one frame. A spec is far smaller; more is not from our side."""
BACKLOG_LIMIT = 4 * 1024 * 1024
"""Bytes that wait for a side that does not read. More are dropped: the call comes first."""

_BROKEN = (asyncio.IncompleteReadError, OSError, ValueError)
"""How reading ends: the other side is gone, or sends what is no frame of ours."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call begins with, beside its spec: whether edits reach it, and how rooms are served."""

    reload: ReloadMode
    rooms: Rooms


class Line(Protocol):
    """The worker's end of the link to one job."""

    def open(self, terms: Terms) -> None:
        """Gives the job its terms. Comes first."""

    def send(self, edit: AnyEdit) -> None:
        """Gives the job a spec or an edit of it; the first one starts its call."""


_EDIT = TypeAdapter[AnyEdit](AnyEdit)
_TERMS = TypeAdapter(Terms)


class JobEnd(Protocol):
    """The job's end of the link."""

    terms: Terms

    def edits(self) -> AsyncIterator[AnyEdit]:
        """What the worker sends, until the link closes."""

    def emit(self, event: Event) -> None:
        """Sends an event; never waits, never raises."""


Take = Callable[[Event | None], None]
"""Takes a job's events; None stands for the end of the link."""
Answer = Callable[[str, Line], Awaitable[Take]]
"""Meets a job by its id and returns what takes its events.

Raises KeyError for a job that is not expected.
"""
Connect = Callable[[str], AbstractAsyncContextManager[JobEnd]]
"""Connects a job, by its id, to its worker. Raises OSError where there is none, or none that expects it."""


class Here:
    """The link to jobs in threads of this process, each with an event loop of its own."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def connect(self, job: str) -> AsyncIterator[JobEnd]:
        """The job's side; runs in the job's loop, the rest in the worker's."""
        end = _HereEnd(self._loop)
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._meet(job, end), self._loop))
        except KeyError:
            raise ConnectionRefusedError(f"job {job} is not expected") from None
        try:
            yield end
        finally:
            end.tell(None)

    async def _meet(self, job: str, end: _HereEnd) -> None:
        end.take = await self._answer(job, end)


class _HereEnd:
    """Both ends of one link in this process: `send` is called in the worker's loop, the rest in the job's."""

    terms: Terms
    take: Take

    def __init__(self, worker: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._job = asyncio.get_running_loop()
        self._edits: asyncio.Queue[AnyEdit] = asyncio.Queue()

    def open(self, terms: Terms) -> None:
        self.terms = terms

    def send(self, edit: AnyEdit) -> None:
        with suppress(RuntimeError):  # the job is gone
            self._job.call_soon_threadsafe(self._edits.put_nowait, edit)

    async def edits(self) -> AsyncIterator[AnyEdit]:
        while True:
            yield await self._edits.get()

    def emit(self, event: Event) -> None:
        self.tell(event)

    def tell(self, event: Event | None) -> None:
        with suppress(RuntimeError):  # the worker is gone
            self._worker.call_soon_threadsafe(self.take, event)


@asynccontextmanager
async def switchboard(answer: Answer) -> AsyncIterator[str]:
    """The worker's side: a socket that jobs connect to. Yields its path."""
    connected: set[asyncio.StreamWriter] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        try:
            match json.loads(await _read(reader)):
                case {"job": str(job)}:
                    take = await answer(job, _SocketLine(writer))
                    async for event in _events(reader):
                        take(event)
                    take(None)
        except (*_BROKEN, KeyError):
            pass  # what connected was no job
        finally:
            connected.discard(writer)
            writer.close()

    with tempfile.TemporaryDirectory(prefix="voice-persona-") as folder:  # 0700: nobody else can connect
        path = Path(folder, "link")
        server = await asyncio.start_unix_server(meet, path)
        async with server:
            try:
                yield str(path)
            finally:
                for writer in connected:
                    writer.close()


class _SocketLine:
    """The worker's end of a socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def open(self, terms: Terms) -> None:
        _write(self._writer, _TERMS.dump_json(terms))

    def send(self, edit: AnyEdit) -> None:
        _write(self._writer, _frame_of(edit))


@lru_cache(maxsize=4)
def _frame_of(edit: AnyEdit) -> bytes:
    """The same edit goes to many jobs."""
    return _EDIT.dump_json(edit)


class _SocketEnd:
    """The job's end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, terms: Terms) -> None:
        self.terms = terms
        self._reader = reader
        self._writer = writer

    async def edits(self) -> AsyncIterator[AnyEdit]:
        while True:
            try:
                frame = await _read(self._reader)
            except _BROKEN:
                return
            yield _EDIT.validate_json(frame)

    def emit(self, event: Event) -> None:
        _write(self._writer, to_json(event).encode(errors="replace"))


@asynccontextmanager
async def connect(path: str, job: str) -> AsyncIterator[JobEnd]:
    """The job's side of a socket. Events that were emitted are sent before this returns, if the worker still reads.

    Raises:
        OSError: there is no worker at that path, or it does not expect this job.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    _write(writer, json.dumps({"job": job}).encode())
    try:
        terms = _TERMS.validate_json(await _read(reader))
    except _BROKEN as error:
        writer.close()
        raise ConnectionRefusedError(f"job {job} is not expected") from error
    try:
        yield _SocketEnd(reader, writer, terms)
    finally:
        writer.close()
        try:
            async with asyncio.timeout(1):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            pass


def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    transport = writer.transport
    if not transport.is_closing() and transport.get_write_buffer_size() < BACKLOG_LIMIT:
        writer.write(len(frame).to_bytes(4, "big") + frame)


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[Event]:
    """The events of a job until its end; what is no event is the end too."""
    try:
        while True:
            yield from_json(await _read(reader))
    except _BROKEN:
        return


async def _read(reader: asyncio.StreamReader) -> str:
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > FRAME_LIMIT:
        raise ValueError(f"a frame of {length} bytes")
    return (await reader.readexactly(length)).decode()
