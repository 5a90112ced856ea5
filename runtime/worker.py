"""LiveKit rooms → calls. The only file that touches `AgentServer`."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from livekit.agents import AgentServer, JobExecutorType, JobRequest

from . import build
from .errors import SpecError
from .events import Emit, Ended, Event, Notice
from .groups import file_of, options
from .link import Line, switchboard
from .load import Load
from .persona import read_persona
from .room import answer, warm_up
from .routing import check_claims, parse_room, route
from .settings import Settings, Worker
from .spec import SessionSpec, compose

READY_SECONDS = 60.0
"""A job process imports for 3 to 5 s alone on a core; many at once take their time."""


class Desk:
    """Answers LiveKit's requests: which rooms are ours, with which spec, and what their calls tell."""

    def __init__(self, settings: Settings, overrides: Sequence[str], default: SessionSpec, emit: Emit) -> None:
        self._settings = settings
        self._overrides = list(overrides)
        self._default = default
        self._emit = emit
        self._expected: dict[str, tuple[str, str, SessionSpec]] = {}
        self.calls: dict[str, str] = {}
        """Rooms of the calls that are on, by job."""

    async def request(self, request: JobRequest) -> None:
        """Takes a room that is ours; leaves any other to other workers."""
        name = request.room.name
        room = parse_room(name)
        if room is None:
            await request.reject(terminate=False)
            return
        tell = partial(self._tell, name, room.user)
        try:
            routed = await asyncio.to_thread(
                route, room, request.job.metadata, self._settings.routing, self._default.choices["persona"]
            )
            if routed and routed.warning:
                tell(Notice(text=routed.warning))
            spec = await asyncio.to_thread(self._spec, routed.choices) if routed else None
        except SpecError as error:
            tell(Notice(text=f"{error}; the room is left alone"))
            spec = None
        if spec is None:
            await request.reject(terminate=False)
            return
        self._expected[request.id] = (name, room.user, spec)
        await request.accept(name=spec.persona.name, identity=f"customer-{request.id}")

    async def meet(self, job: str, line: Line) -> Callable[[Event | None], None]:
        """Gives a job that has started its spec, and shows what its call tells."""
        name, user, spec = self._expected.pop(job)
        self.calls[job] = name
        line.send(spec)
        over = False

        def take(event: Event | None) -> None:
            nonlocal over
            if event is not None:
                over = over or isinstance(event, Ended)
                self._emit(event)
                return
            del self.calls[job]
            if not over:
                self._tell(name, user, Ended(reason="lost"))

        return take

    def _spec(self, choices: dict[str, str]) -> SessionSpec:
        chosen = [f"{group}={option}" for group, option in choices.items()]
        kept = [override for override in self._overrides if override.partition("=")[0] not in choices]
        spec = compose([*kept, *chosen])
        build.check(spec)
        build.check_secrets(spec, os.environ)
        return spec

    def _tell(self, room: str, user: str, event: Event) -> None:
        self._emit(replace(event, room=room, user=user))


async def serve(settings: Settings, worker: Worker, overrides: Sequence[str], spec: SessionSpec, emit: Emit) -> None:
    """Serves rooms until SIGTERM or Ctrl-C: the first lets the calls that are on finish, the second ends them.

    Raises:
        SpecError: the personas' claims contradict each other, or something that the spec needs is missing.
    """
    _check_personas(settings)
    build.check(spec)
    build.check_secrets(spec, os.environ)
    desk = Desk(settings, overrides, spec, emit)
    load = Load(worker.load_threshold, emit)
    async with switchboard(desk.meet) as link, load.measured():
        server = AgentServer(
            job_executor_type=JobExecutorType(worker.executor.value),
            num_idle_processes=worker.idle_processes,
            load_fnc=load.reported,
            load_threshold=math.inf,  # the server holds it: see Load
            initialize_process_timeout=READY_SECONDS,
            drain_timeout=worker.drain_seconds,
            max_retry=sys.maxsize,
            host=worker.host,
            port=worker.health_port or 0,
            prometheus_port=worker.prometheus_port,
            setup_fnc=warm_up,
        )
        server.rtc_session(partial(answer, link=link, rooms=settings.rooms), on_request=desk.request, agent_name="")
        where = urlsplit(os.environ["LIVEKIT_URL"])
        address = f"{where.scheme}://{where.hostname}:{where.port or ''}".rstrip(":")
        server.on("worker_registered", lambda *_: emit(Notice(text=f"registered with {address}; waiting for rooms")))
        logger = logging.getLogger("livekit.agents")
        log = _Log(emit, address)
        logger.addHandler(log)
        logger.setLevel(min(logging.INFO, logger.getEffectiveLevel()))
        try:
            await _until_signals(server, desk, emit)
        finally:
            logger.removeHandler(log)


async def _until_signals(server: AgentServer, desk: Desk, emit: Emit) -> None:
    """Runs the server; returns when it has drained, was told twice to stop, or cannot go on."""
    loop = asyncio.get_running_loop()
    told = asyncio.Queue[None]()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.put_nowait, None)
    running = asyncio.ensure_future(server.run(devmode=False))
    first = asyncio.ensure_future(told.get())
    try:
        await asyncio.wait([running, first], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            return
        calls = len(desk.calls)
        emit(
            Notice(text=f"stopping: no new rooms; {calls} call{'s' if calls != 1 else ''} may finish (again: at once)")
        )
        draining, second = asyncio.ensure_future(server.drain()), asyncio.ensure_future(told.get())
        await asyncio.wait([draining, second], return_when=asyncio.FIRST_COMPLETED)
        for task in (draining, second):
            task.cancel()
            with suppress(asyncio.CancelledError, TimeoutError):
                await task
    finally:
        first.cancel()
        await server.aclose()
        with suppress(asyncio.CancelledError, Exception):
            await running
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _check_personas(settings: Settings) -> None:
    personas = {}
    for name in options("persona"):
        with suppress(SpecError):  # a broken persona answers no room; mode=check says what is wrong with it
            personas[name] = read_persona(file_of(name))[0]
    for problem in check_claims(personas, settings.routing):
        raise SpecError(problem)


class _Log(logging.Handler):
    """What LiveKit only logs, and a training lead must know: the server is away."""

    def __init__(self, emit: Emit, where: str) -> None:
        super().__init__(level=logging.INFO)
        self._emit, self._where = emit, where

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("failed to connect to livekit"):
            self._emit(Notice(text=f"cannot reach LiveKit at {self._where}; trying again"))
