"""What the runtime adds to a turn of a call: its listeners on the session, the arc, its events on their way out."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from livekit.agents import Agent, AgentSession

from runtime.arc.briefing import briefing
from runtime.arc.listener import lexicon_of, listen
from runtime.arc.machine import ArcMachine
from runtime.call import arc_driver, understanding
from runtime.call.arc_driver import ArcDriver
from runtime.call.session import Call
from runtime.call.sinks import fan_out
from runtime.call.transcript import Transcript
from runtime.call.voice import Words
from runtime.config.compose import compose
from runtime.events import Emit, Event, Interim, State, to_json
from runtime.offline import embedding
from runtime.record.recorder import CallRecorder
from runtime.rooms.screen import Screen
from runtime.spec.session_spec import Edit, SessionSpec

from .measure import Row, p95, print_table

TURNS = (
    "thank you for calling how can i help you",
    "could you please tell me what happened",
    "may i have your account number",
    "i am not sure that i understand what you mean by that",
    "let me have a look at what the system says about it",
    "it seems that there are two charges on the same day",
    "which plan do you have",
    "please hold for a moment while i check that for you",
)
CALLS = 10
"""Eighty turns: of forty the 95th percentile is the one turn in which Python happened to collect garbage, or the second
slowest after the first of all, beside which a thread puts the persona's phrases in order."""


def rows() -> list[Row]:
    """Milliseconds of CPU of our code in a turn, from the trainee's words to the end of the answer, in a worker that
    runs as a service and in one whose terminal shows words as they are said. To hear it by meaning too costs as much
    again, on threads beside the call."""
    served, shown, meant = (
        asyncio.run(turns(live=live, listening=listening))
        for live, listening in ((False, "phrases"), (True, "phrases"), (False, "meaning"))
    )
    return [
        Row("our hooks in a turn, median", median(served), "ms"),
        Row("our hooks in a turn, 95th percentile", p95(served), "ms", goal=1),
        Row("the same of a worker on a terminal, median", median(shown), "ms"),
        Row("the same of a worker on a terminal, 95th percentile", p95(shown), "ms", goal=1),
        Row("the same where it is heard by meaning too, median", median(meant), "ms"),
        Row("the same where it is heard by meaning too, 95th percentile", p95(meant), "ms"),
    ]


@dataclass
class Spent:
    """Adds up the CPU seconds of work in the thread that does it; not of work within such work."""

    seconds: float = 0.0
    _inside: threading.local = field(default_factory=threading.local)

    def timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same work, counted."""

        def run(*arguments: Any, **options: Any) -> Any:
            if getattr(self._inside, "at", False):
                return work(*arguments, **options)
            self._inside.at, began = True, time.thread_time()  # not of the clock: the machine has other things to do
            try:
                return work(*arguments, **options)
            finally:
                self.seconds += time.thread_time() - began
                self._inside.at = False

        return run


async def turns(
    record: Callable[[Emit], CallRecorder] | None = None,
    *,
    listening: str = "phrases",
    live: bool = False,
    arc_alone: bool = False,
) -> list[float]:
    """Milliseconds of CPU of our code in each turn of some calls, which are recorded where there is a recording: of all
    of it, or of the arc and the recording alone. `live`: the worker's terminal shows words as they are said."""
    spent = Spent()
    on, capture_text = AgentSession.on, Words.capture_text

    def on_timed(session: Any, event: Any, listener: Any) -> Any:
        return on(session, event, spent.timed(listener) if listener.__module__.startswith("runtime") else listener)

    async def capture_timed(*arguments: Any) -> None:
        began = time.thread_time()
        await capture_text(*arguments)
        spent.seconds += time.thread_time() - began

    results: list[float] = []
    spec = compose([f"listening={listening}"])
    gc.collect()
    gc.freeze()  # as the program does before it calls or serves
    with ExitStack() as patches:
        for module in (arc_driver, understanding, embedding):  # a turn is listened to before its reply too
            patches.enter_context(patch.object(module, "listen", spent.timed(listen)))
        patches.enter_context(patch.object(understanding, "lexicon_of", spent.timed(lexicon_of)))
        patches.enter_context(patch.object(arc_driver, "briefing", spent.timed(briefing)))
        patches.enter_context(patch.object(ArcMachine, "after", spent.timed(ArcMachine.after)))
        if arc_alone:
            for owner, name in (
                (ArcDriver, "heard"),
                (ArcDriver, "carry_out"),
                (ArcDriver, "quiet"),
                (CallRecorder, "take"),
            ):
                patches.enter_context(patch.object(owner, name, spent.timed(getattr(owner, name))))
        else:
            patches.enter_context(patch.object(AgentSession, "on", on_timed))
            patches.enter_context(patch.object(Words, "capture_text", capture_timed))
            # Of a turn whose meaning was waited for.
            patches.enter_context(patch.object(Transcript, "_judge", spent.timed(Transcript._judge)))
        for call in range(CALLS):
            async with _typed_call(spec, record, live) as type_line:
                for line in TURNS:
                    spent.seconds = 0.0
                    await type_line(f"{line} {call}")  # nothing is known of it from another call
                    results.append(spent.seconds * 1000)
    return results


@asynccontextmanager
async def _typed_call(
    spec: SessionSpec, record: Callable[[Emit], CallRecorder] | None, live: bool
) -> AsyncIterator[Callable[[str], Any]]:
    """A call without a room, whose events go where a room's go: encoded for the link, and to the trainee's screen."""

    async def published(*_: object, **__: object) -> None:
        pass

    room: Any = SimpleNamespace(local_participant=SimpleNamespace(publish_data=published))
    screen = Screen(room)

    recording = record(lambda event: emit(event)) if record else None
    link: list[bytes] = []

    def send(event: Event) -> None:
        if live or not isinstance(event, Interim | State):
            link.append(to_json(event).encode())

    sinks: list[Emit] = [send, screen.show]
    if recording:
        recording.adopt(spec)
        sinks.insert(0, recording.take)
    emit = fan_out(*sinks, room="axtra-billing-dispute-01-ann-1709123456789", user="ann")

    async def specs() -> AsyncIterator[Edit]:
        yield Edit(spec)

    @asynccontextmanager
    async def join(session: AgentSession[None], agent: Agent) -> AsyncIterator[None]:
        await session.start(agent)
        yield

    call = Call(specs(), emit, audio=False)
    async with asyncio.TaskGroup() as tasks, screen.sending():
        held = tasks.create_task(call.run(join))
        await call.opened()
        yield call.type
        call.hang_up()
        await held
        if recording:
            await recording.close()


if __name__ == "__main__":
    print_table(rows())
