"""The link between the worker and its jobs: specs and edits down, events up.

Jobs in processes of their own use a Unix socket in a private folder. A frame is four bytes of length (big-endian) and
that much JSON in UTF-8. The death of either side closes the socket: the worker knows at once that a job was killed, and
a job knows at once that its worker is gone. LiveKit ends such a job soon after; before that the job tells the trainee
that the line went dead, and leaves the room. Jobs in threads use plain objects instead (`ThreadLink`): calls of one
persona share one spec then. They end with their worker's process.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from ..events import Event, Interim, State, from_json, to_json
from ..spec.session_spec import AnyEdit, FaultyEdit
from ..spec.settings import Record, ReloadMode, Rooms

logger = logging.getLogger(__name__)

FRAME_LIMIT = 16 * 1024 * 1024
"""Bytes of one frame. Events are far smaller (see `call.sinks`), and specs are checked before they are sent."""
BACKLOG_LIMIT = 1024 * 1024
"""Bytes that wait for a worker that does not read. Beyond that, what only moves on a screen is left out."""

_BROKEN = (asyncio.IncompleteReadError, OSError, ValueError, RecursionError)
"""How reading ends: the other side is gone, or sends what is no frame of ours."""


@dataclass(frozen=True, slots=True)
class JobSettings:
    """What a job gets before its first spec: the trainee's user id (from the room's name), whether edits reach the
    call, how rooms are served, what is kept of the call, what chooses among lines that mean the same, and whether the
    worker shows what moves within a line."""

    user: str
    reload: ReloadMode
    rooms: Rooms
    record: Record
    seed: int | None = None
    live: bool = True


class JobConnection(Protocol):
    """The worker's end of the link to one job."""

    def open(self, settings: JobSettings) -> None:
        """Gives the job its settings. Comes first."""

    def send(self, edit: AnyEdit) -> None:
        """Gives the job a spec or an edit of it; the first one starts its call."""


class WorkerConnection(Protocol):
    """The job's end of the link. `lost` is set when the worker is gone."""

    settings: JobSettings
    lost: asyncio.Event

    def edits(self) -> AsyncIterator[AnyEdit]:
        """What the worker sends, until the link closes."""

    def emit(self, event: Event) -> None:
        """Sends an event; never waits, never raises. What moves within a line is left out where nobody sees it."""


OnEvent = Callable[[Event | None], None]
"""Takes a job's events; None stands for the end of the link."""
OnJob = Callable[[str, JobConnection], Awaitable[OnEvent]]
"""Called with the id of each job that connects; returns what takes its events.

Raises KeyError for a job that is not expected.
"""
Connect = Callable[[str], AbstractAsyncContextManager[WorkerConnection]]
"""Connects a job, by its id, to its worker. Raises OSError where there is none, or none that expects it."""

_EDIT = TypeAdapter[AnyEdit](AnyEdit)
_SETTINGS = TypeAdapter(JobSettings)


class ThreadLink:
    """The link to jobs in threads of this process, each with an event loop of its own."""

    def __init__(self, on_job: OnJob) -> None:
        self._on_job = on_job
        self._loop = asyncio.get_running_loop()

    @asynccontextmanager
    async def connect(self, job: str) -> AsyncIterator[WorkerConnection]:
        """The job's side; runs in the job's loop, the rest in the worker's."""
        connection = _ThreadConnection(self._loop)
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._open(job, connection), self._loop))
        except KeyError:
            raise ConnectionRefusedError(f"job {job} is not expected") from None
        try:
            yield connection
        finally:
            connection.emit(None)

    async def _open(self, job: str, connection: _ThreadConnection) -> None:
        connection.on_event = await self._on_job(job, connection)


class _ThreadConnection:
    """Both ends of one link in this process: `send` is called in the worker's loop, the rest in the job's."""

    settings: JobSettings
    on_event: OnEvent

    def __init__(self, worker: asyncio.AbstractEventLoop) -> None:
        self.lost = asyncio.Event()
        self._worker = worker
        self._job = asyncio.get_running_loop()
        self._edits: asyncio.Queue[AnyEdit] = asyncio.Queue()

    def open(self, settings: JobSettings) -> None:
        self.settings = settings

    def send(self, edit: AnyEdit) -> None:
        with suppress(RuntimeError):  # the job is gone
            self._job.call_soon_threadsafe(self._edits.put_nowait, edit)

    async def edits(self) -> AsyncIterator[AnyEdit]:
        while True:
            yield await self._edits.get()

    def emit(self, event: Event | None) -> None:
        if isinstance(event, Interim | State) and not self.settings.live:
            return
        with suppress(RuntimeError):  # the worker is gone
            self._worker.call_soon_threadsafe(self.on_event, event)


@asynccontextmanager
async def accept_jobs(on_job: OnJob, path: Path) -> AsyncIterator[None]:
    """The worker's side: a socket at this path, in a folder that only this user can enter, that jobs connect to."""
    connected: set[asyncio.StreamWriter] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        try:
            match json.loads(await _read(reader)):
                case {"job": str(job)}:
                    on_event = await on_job(job, _SocketJobConnection(writer))
                    async for event in _events(reader):
                        on_event(event)
                    on_event(None)
        except (*_BROKEN, KeyError):
            pass  # what connected was no job
        finally:
            connected.discard(writer)
            writer.close()

    async with await asyncio.start_unix_server(accept, path):
        try:
            yield
        finally:
            for writer in connected:
                writer.close()


class _SocketJobConnection:
    """The worker's end of a socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def open(self, settings: JobSettings) -> None:
        _write(self._writer, _SETTINGS.dump_json(settings))

    def send(self, edit: AnyEdit) -> None:
        _write(self._writer, _frame_of(edit))


@lru_cache(maxsize=4)
def _frame_of(edit: AnyEdit) -> bytes:
    """The JSON of an edit, made once for all jobs that get it. One too large to send is an edit that is rejected."""
    frame = _EDIT.dump_json(edit)
    if len(frame) <= FRAME_LIMIT:
        return frame
    error = f"the spec takes {len(frame):,} bytes; a call can take {FRAME_LIMIT:,}"
    return _EDIT.dump_json(FaultyEdit(error, at=edit.at, files=edit.files))


class _SocketWorkerConnection:
    """The job's end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: JobSettings) -> None:
        self.settings = settings
        self.lost = asyncio.Event()
        self._reader = reader
        self._writer = writer
        self._edits: asyncio.Queue[AnyEdit | None] = asyncio.Queue()

    async def read(self) -> None:
        """Reads what the worker sends until the link closes, also while nobody waits for an edit."""
        with suppress(*_BROKEN):
            while True:
                self._edits.put_nowait(_EDIT.validate_json(await _read(self._reader)))
        self._edits.put_nowait(None)
        self.lost.set()

    async def edits(self) -> AsyncIterator[AnyEdit]:
        while edit := await self._edits.get():
            yield edit

    def emit(self, event: Event) -> None:
        if isinstance(event, Interim | State):
            waiting = self._writer.transport.get_write_buffer_size()
            if waiting >= BACKLOG_LIMIT or not self.settings.live:
                return
        _write(self._writer, to_json(event).encode(errors="replace"))


@asynccontextmanager
async def connect(path: Path, job: str) -> AsyncIterator[WorkerConnection]:
    """The job's side of a socket. Events that were emitted are sent before this returns, if the worker still reads.
    Raises OSError where there is no worker at that path, or it does not expect this job."""
    reader, writer = await asyncio.open_unix_connection(path)
    _write(writer, json.dumps({"job": job}).encode())
    try:
        settings = _SETTINGS.validate_json(await _read(reader))
    except _BROKEN as error:
        writer.close()
        raise ConnectionRefusedError(f"job {job} is not expected") from error
    connection = _SocketWorkerConnection(reader, writer, settings)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(connection.read())
        try:
            yield connection
        finally:
            reading.cancel()
            writer.close()
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
    if not writer.transport.is_closing():
        writer.write(len(frame).to_bytes(4, "big") + frame)


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[Event]:
    """The events of a job until its end. A frame that holds no event is left out; the next one is read all the same."""
    while True:
        try:
            frame = await _read(reader)
        except _BROKEN:
            return
        try:
            event = from_json(frame.decode())
        except (ValueError, RecursionError) as error:
            logger.warning("a job sent what is no event: %s", str(error)[:200])
        else:
            yield event


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(4), "big")
    if length > FRAME_LIMIT:
        raise ValueError(f"a frame of {length} bytes")
    return await reader.readexactly(length)
