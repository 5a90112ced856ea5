"""The worker and its jobs: specs down, events up, over a Unix socket in a private folder.

Frames are four bytes of length (big-endian) and that much JSON in UTF-8. Either side's death closes the link: the
worker knows of a killed job at once, and a job that loses its worker keeps its call and its last spec.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import TypeAdapter

from .events import Event, from_json, to_json
from .spec import SessionSpec

FRAME_LIMIT = 16 * 1024 * 1024
"""Bytes of one frame. A spec is far smaller; more is not from our side."""
BACKLOG_LIMIT = 4 * 1024 * 1024
"""Bytes of events that wait for a worker that does not read. More are dropped: the call comes first."""

_SPEC = TypeAdapter(SessionSpec)
_BROKEN = (asyncio.IncompleteReadError, OSError, ValueError)
"""How reading ends: the other side is gone, or sends what is no frame of ours."""


class Line:
    """The worker's end of the link to one job."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def send(self, spec: SessionSpec) -> None:
        """Gives the job a spec; the first one starts its call."""
        _write(self._writer, json.dumps({"spec": _SPEC.dump_python(spec, mode="json")}).encode())


Answer = Callable[[str, Line], Awaitable[Callable[[Event | None], None]]]
"""Meets a job by its id and returns what takes its events; None stands for the end of the link."""


@asynccontextmanager
async def switchboard(answer: Answer) -> AsyncIterator[str]:
    """The worker's side: a socket that jobs connect to. Yields its path."""
    connected: set[asyncio.StreamWriter] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.add(writer)
        try:
            match json.loads(await _read(reader)):
                case {"job": str(job)}:
                    take = await answer(job, Line(writer))
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


class JobEnd:
    """The job's end of the link: `specs` to follow, `emit` for events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def specs(self) -> AsyncIterator[SessionSpec]:
        """The specs that the worker sends, until the link closes."""
        while True:
            try:
                message = json.loads(await _read(self._reader))
            except _BROKEN:
                return
            yield _SPEC.validate_python(message["spec"])

    def emit(self, event: Event) -> None:
        """Sends an event; never waits, never raises."""
        transport = self._writer.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < BACKLOG_LIMIT:
            _write(self._writer, to_json(event).encode(errors="replace"))


@asynccontextmanager
async def connect(path: str, job: str) -> AsyncIterator[JobEnd]:
    """The job's side. Events that were emitted are sent before this returns, if the worker still reads.

    Raises:
        OSError: there is no worker at that path.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    _write(writer, json.dumps({"job": job}).encode())
    try:
        yield JobEnd(reader, writer)
    finally:
        writer.close()
        try:
            async with asyncio.timeout(1):
                await writer.wait_closed()
        except (TimeoutError, OSError):
            pass


def _write(writer: asyncio.StreamWriter, frame: bytes) -> None:
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
