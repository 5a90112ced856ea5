"""What the two realtime servers share: a WebSocket that is recorded, that talks, and that can fail."""

import asyncio
import base64
import contextlib
import json
import re
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from aiohttp import WSMsgType, web

from . import (
    Close,
    Drop,
    Fault,
    Faults,
    Garbage,
    GoAway,
    Json,
    Refuse,
    Reply,
    Server,
    Stall,
    Turn,
    canary,
    plan,
)
from .audio import tone

PIECE = base64.b64encode(tone(0.06)).decode()
"""The sound of one word: 60 ms at 24 kHz, as both protocols carry it."""


def words(text: str) -> list[str]:
    """The text in the pieces it is spoken in."""
    return re.findall(r"\s*\S+", text)


class Connection:
    """One WebSocket: what the client sent on it and the turns it was given."""

    def __init__(self, server: "RealtimeServer[Any]", request: web.Request, fault: Fault | None) -> None:
        self.server = server
        self.headers = request.headers
        self.query = dict(request.query)
        self.received: list[Json] = []
        self.turns: list[Turn] = []
        self.faults: list[Fault] = []
        """The faults that have happened."""
        self.speaking = False
        """An answer has begun and is not yet over."""
        self.closed = False
        self._request = request
        self._fault = fault
        self._socket = web.WebSocketResponse(max_msg_size=0)
        self._outbox: asyncio.Queue[str | Fault] = asyncio.Queue()
        self._speech: asyncio.Task[None] | None = None

    def opened(self) -> None:
        """The socket is open; nothing was received yet."""

    @abstractmethod
    def handle(self, message: Json) -> None:
        """Take one message from the client."""

    def send(self, message: Json) -> None:
        """Send a message after all that was sent before."""
        self._outbox.put_nowait(json.dumps(message))

    def inject(self, fault: Fault) -> None:
        """Let the fault happen, after all that was sent before."""
        self._outbox.put_nowait(fault)

    def greet(self, message: Json) -> None:
        """Send the first message, after the connection's fault if it has one."""
        if self._fault:
            self.inject(self._fault)
        self.send(message)

    def take_turn(self, answer: "asyncio._CoroutineLike[None]") -> None:
        """Speak; one answer at a time. The turn's fault, if it has one, comes first."""
        self.stop_speaking()
        if fault := next(self.server.faults_on_turn):
            self.inject(fault)
        self._speech = self._tasks.create_task(answer)

    @property
    def answering(self) -> bool:
        """An answer is being given, or is about to be."""
        return self._speech is not None and not self._speech.done() and not self._speech.cancelling()

    def stop_speaking(self) -> bool:
        """Stop the answer being given, if there is one."""
        return self.answering and self._speech is not None and self._speech.cancel()

    def count(self, type_: str) -> int:
        """How many messages of that kind the client sent."""
        return sum(type_ in message or message.get("type") == type_ for message in self.received)

    async def serve(self) -> web.StreamResponse:
        """Serve the client until either side closes."""
        await self._socket.prepare(self._request)
        async with asyncio.TaskGroup() as self._tasks:
            writer = self._tasks.create_task(self._write())
            self.opened()
            async for message in self._socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    break
                self.received.append(json.loads(message.data))
                self.handle(self.received[-1])
                self.server.changed()
            writer.cancel()
            if self._speech:
                self._speech.cancel()
        self.closed = True
        self.server.changed()
        return self._socket

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            while True:
                item = await self._outbox.get()
                if isinstance(item, str):
                    await self._socket.send_str(item)
                else:
                    self.faults.append(item)
                    self.server.changed()
                    await self._suffer(item)

    async def _suffer(self, fault: Fault) -> None:
        match fault:
            case Stall(None):
                await self.server.over.wait()
            case Stall(float() | int() as seconds):
                await asyncio.sleep(seconds)
            case Close(code, reason):
                await self._socket.close(code=code, message=reason.encode())
            case Garbage(text):
                await self._socket.send_str(text)
            case GoAway(seconds):
                await self._socket.send_json({"goAway": {"timeLeft": f"{seconds}s"}})
            case Drop() | Refuse():  # too late for a status
                if self._request.transport:
                    self._request.transport.abort()


AnyConnection = TypeVar("AnyConnection", bound=Connection)


class RealtimeServer(Server, Generic[AnyConnection]):
    """A server of WebSockets. `hears` are the transcripts of what the client will say, in turn."""

    kind: type[AnyConnection]

    def __init__(
        self,
        *,
        reply: Reply = canary,
        hears: Iterable[str] = (),
        on_connect: Faults = (),
        on_turn: Faults = (),
        port: int = 0,
    ) -> None:
        super().__init__(reply=reply, port=port)
        self.hears = iter(hears)
        self.faults_on_connect = plan(on_connect)
        self.faults_on_turn = plan(on_turn)
        self.connections: list[AnyConnection] = []
        self.refused: list[int] = []

    def refusal(self, status: int) -> Json:
        """The body that comes with an HTTP status."""
        raise NotImplementedError

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """One client connects."""
        fault = next(self.faults_on_connect)
        if isinstance(fault, Refuse):
            self.refused.append(fault.status)
            self.changed()
            return web.json_response(self.refusal(fault.status), status=fault.status)
        connection = self.kind(self, request, fault)
        self.connections.append(connection)
        return await connection.serve()

    def transcript(self) -> str:
        """What the client is taken to have said."""
        return next(self.hears, "(speech)")

    async def answered(self, turns: int, connection: int = -1) -> AnyConnection:
        """Wait until so many turns were answered on a connection (the latest)."""
        await self.until(lambda: bool(self.connections) and len(self.connections[connection].turns) >= turns)
        return self.connections[connection]

    async def connected(self, number: int) -> AnyConnection:
        """Wait until so many connections were set up, and take the latest of them."""
        await self.until(lambda: len(self.connections) >= number)
        connection = self.connections[number - 1]
        await self.until(lambda: bool(connection.received))
        return connection

    async def __aexit__(self, *exc: object) -> None:
        for connection in self.connections:
            await connection._suffer(Drop())
        await super().__aexit__(*exc)
