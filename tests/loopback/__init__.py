"""Servers on 127.0.0.1 that speak the providers' wire protocols, for tests.

The real LiveKit plugins talk to them over real sockets; nothing of ours or of LiveKit's is replaced. What a
server says is a `Reply`: a function of the conversation and of what was heard. What goes wrong is a `Fault`:
one for each connection (`on_connect`) or turn (`on_turn`), or at any moment (`connection.inject(fault)`).
Everything received is kept; `await server.until(condition)` waits for it.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from aiohttp import web
from aiohttp.typedefs import Handler

Json = dict[str, Any]


@dataclass(frozen=True)
class Refuse:
    """An HTTP status in place of an answer, or of a WebSocket: 401, 429, 500."""

    status: int


@dataclass(frozen=True)
class Stall:
    """Nothing more is sent for `seconds`; None is for ever."""

    seconds: float | None = None


@dataclass(frozen=True)
class Close:
    """The WebSocket is closed with a code and a reason."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class Garbage:
    """A frame, or a body, that is not what the protocol says."""

    text: str = "{not json"


@dataclass(frozen=True)
class Drop:
    """The TCP connection is reset, without a word."""


@dataclass(frozen=True)
class GoAway:
    """Gemini only: notice that the connection will be closed in `seconds`."""

    seconds: int = 50


Fault = Refuse | Stall | Close | Garbage | Drop | GoAway
Faults = Iterable[Fault | None]


@dataclass(frozen=True)
class ToolCall:
    """A reply that calls one of the client's tools, after a text where its server says one."""

    name: str
    arguments: Json = field(default_factory=dict)
    text: str = ""


@dataclass
class Turn:
    """One answer: what was heard, what was said, and whether it was cut off."""

    heard: str
    said: str | ToolCall
    interrupted: bool = False


class Conversation(Protocol):
    """What a reply may depend on. `history` holds (role, text); roles are user, assistant and tool."""

    @property
    def instruction(self) -> str: ...
    @property
    def voice(self) -> str: ...
    @property
    def history(self) -> list[tuple[str, str]]: ...


Reply = Callable[[Conversation, str], str | ToolCall]


def canary(conversation: Conversation, heard: str) -> str:
    """The default reply: the first line of the instruction that is obeyed, then what was heard."""
    first_line, *_ = conversation.instruction.splitlines() or [""]
    return f"{first_line} | {heard}"


class Watched:
    """Something whose changes can be waited for."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Wake everyone who waits in `until`."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool], timeout: float = 30) -> None:
        """Wait until the condition, asked again after everything that happens here, holds."""
        async with asyncio.timeout(timeout):
            while not condition():
                await self._changed.wait()


class Server(Watched):
    """An HTTP server on 127.0.0.1 for as long as it is entered."""

    scheme = "http"

    def __init__(self, *, reply: Reply = canary, port: int = 0) -> None:
        super().__init__()
        self.reply = reply
        self.may_speak = asyncio.Event()
        """Cleared, a reply stops after its first piece until this is set again."""
        self.may_speak.set()
        self.mistakes: list[Exception] = []
        """What was raised in here; no fault of the client's."""
        self.over = asyncio.Event()
        """Set when the server closes: the end of what stalls for ever."""
        self._port = port

    def routes(self) -> list[web.RouteDef]:
        """The paths that this server answers."""
        raise NotImplementedError

    def tls(self) -> ssl.SSLContext | None:
        """The server's side of TLS, if it speaks TLS."""
        return None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**26, middlewares=[self._noticing_mistakes])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self.tls()).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over.set()
        await self._runner.cleanup()
        if self.mistakes:
            raise ExceptionGroup("mistakes in the loopback server", self.mistakes)

    @web.middleware
    async def _noticing_mistakes(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (web.HTTPException, ConnectionError):  # a client may hang up at any time
            raise
        except Exception as mistake:
            self.mistakes.append(mistake)
            raise

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://127.0.0.1:{self._port}"


async def run_alone(server: Server, **facts: Callable[[], str]) -> None:
    """Serve until killed, having printed the facts as one JSON line."""
    async with server:
        print(json.dumps({name: fact() for name, fact in facts.items()}), flush=True)
        await asyncio.Event().wait()


def openai_error(status: int) -> Json:
    """The body that OpenAI sends with an HTTP status."""
    return {"error": {"message": f"refused with {status}", "type": "refused", "code": "refused"}}


def plan(faults: Faults) -> Iterator[Fault | None]:
    """The faults in turn, then none for ever."""
    yield from faults
    while True:
        yield None
