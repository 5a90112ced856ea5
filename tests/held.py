"""A call that is on, held in the test's own process: a real session, a server on loopback, ears and a mouth, and a way
to edit its spec."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

import pytest
from livekit.agents import Agent, AgentSession, utils

from runtime.call.session import Call
from runtime.events import Ended, Event, Reload, Said
from runtime.spec.session_spec import AnyEdit, Edit, FaultyEdit, SessionSpec
from runtime.spec.settings import ReloadMode
from tests.composed import compose
from tests.loopback import Server, Watched
from tests.loopback.client import Microphone, Speaker

Skip = Callable[[float], None]
E = TypeVar("E", bound=Event)


class Held(Watched):
    """A call that is on, and what it told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.microphone = Microphone()
        self.speaker = Speaker()
        self.call: Call
        self.session: AgentSession[None]
        self.spec: SessionSpec
        self.edits: asyncio.Queue[AnyEdit] = asyncio.Queue()
        self.join = asyncio.Event()
        """Cleared, the trainee has not joined yet."""
        self.join.set()

    def emit(self, event: Event) -> None:
        self.events.append(event)
        self.changed()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def ended(self) -> Ended:
        await self.until(lambda: bool(self.of(Ended)))
        return self.of(Ended)[0]

    def edit(self, spec: SessionSpec | None = None, error: str = "") -> None:
        """A file is saved that makes this spec, or none."""
        edit = Edit(spec, files=("a file",)) if spec else FaultyEdit(error, files=("a file",))
        self.edits.put_nowait(edit)

    def write(self, prose: str) -> SessionSpec:
        """The persona's file is saved with this prose."""
        spec = rewritten(self.spec, prose)
        self.edit(spec)
        return spec

    async def receipt(self, number: int = 1) -> Reload:
        """The receipt of the edit of that number, once it is there."""
        await self.until(lambda: len(self.of(Reload)) >= number)
        return self.of(Reload)[number - 1]

    async def answer(self, number: int) -> str:
        """The persona's line of that number, the opening included, once it was said."""
        await self.until(lambda: len(self.of(Said)) >= number)
        return self.of(Said)[number - 1].text


async def passing(skip: Skip, condition: Callable[[], bool], seconds: float = 0.5) -> None:
    """Lets time pass until the condition holds, so many seconds at a time."""
    for _ in range(20_000):
        if condition():
            return
        skip(seconds)
        await asyncio.sleep(0)
    pytest.fail("it does not come to that, however much time passes")


def rewritten(spec: SessionSpec, prose: str) -> SessionSpec:
    """The spec with another prompt."""
    return replace(spec, persona=replace(spec.persona, prose=prose), revision=f"{abs(hash(prose)):x}"[:12])


@asynccontextmanager
async def held(
    model: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    *options: str,
    opened: bool = True,
    audio: bool = True,
    joined: bool = True,
    reload: ReloadMode = ReloadMode.LIVE,
    attach: Callable[[AgentSession[None]], None] = lambda session: None,
) -> AsyncIterator[Held]:
    """A call with this model against this server, spoken through a microphone and a speaker of the test's own, or
    without `audio` typed. `attach` gets the session once it has them, before it starts."""
    for name, value in server.environment.items():  # type: ignore[attr-defined]
        monkeypatch.setenv(name, value)
    line = Held()
    if not joined:
        line.join.clear()
    vad = (
        []
        if any(option.startswith("vad=") for option in options)
        else ["vad=none" if "realtime" in model else "vad=silero"]
    )
    line.spec = compose([f"model={model}", *vad, *options])

    async def edits() -> AsyncIterator[AnyEdit]:
        yield Edit(line.spec)
        while True:
            yield await line.edits.get()

    @asynccontextmanager
    async def join(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
        line.session = session
        await line.join.wait()
        if audio:
            session.input.audio, session.output.audio = line.microphone, line.speaker
        attach(session)
        await session.start(agent)
        yield

    async with utils.http_context.open(), asyncio.TaskGroup() as tasks:
        line.call = Call(edits(), line.emit, audio=audio, reload=reload, seed=0)
        tasks.create_task(line.call.run(join))
        if opened:
            await line.until(lambda: bool(line.of(Said)), timeout=20)
        yield line
        line.call.hang_up()
