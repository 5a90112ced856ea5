"""LiveKit rooms → calls. The only file that touches `AgentServer`."""

from __future__ import annotations

import asyncio
import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import urlsplit

from livekit.agents import AgentServer, JobExecutorType, JobRequest

from ..config.groups import options
from ..errors import SpecError
from ..events import Emit, Ended, Event, Notice, Reload
from ..files.store import SpecStore
from ..spec.session_spec import SessionSpec
from ..spec.settings import Executor, ReloadMode, Settings, Transcripts, Worker
from . import metrics
from .job import answer, warm_up
from .link import Connect, Here, Line, Take, Terms, connect, switchboard
from .load import Load
from .names import parse_room
from .routing import check_claims, readable_personas, route
from .screen import customer_line, take_leave

logger = logging.getLogger(__name__)

READY_SECONDS = 60.0
"""A job process imports for 3 to 5 s alone on a core; many at once take their time."""

END_SECONDS = 20.0
"""For LiveKit to end what is left once the worker is told to. It waits without a limit for some of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A job that was accepted and has not begun: its room, the user of the room's name, what it asked for and gets."""

    room: str
    user: str
    choices: dict[str, str]
    reload: ReloadMode
    spec: SessionSpec


def identity(job: str) -> str:
    """The customer of a job, as the room's other participants see it."""
    return f"customer-{job}"


class Desk:
    """Answers LiveKit's requests: which rooms are ours, with which spec, and what their calls tell."""

    def __init__(self, store: SpecStore, default: str, emit: Emit, tasks: asyncio.TaskGroup) -> None:
        self._store = store
        self._tasks = tasks
        self._default = default
        self._emit = emit
        self._expected: dict[str, Expected] = {}
        self._closing = False
        self._fewer = asyncio.Event()
        self.calls: dict[str, tuple[str, SessionSpec]] = {}
        """Room and first spec of the calls that are on, by job."""

    async def request(self, request: JobRequest) -> None:
        """Takes a room that is ours; leaves any other to other workers."""
        name = request.room.name
        room = parse_room(name)
        if room is None or self._closing:
            await request.reject(terminate=False)
            return
        tell = partial(self._tell, name, room.user)
        settings = self._store.settings
        try:
            routed = await asyncio.to_thread(route, room, request.job.metadata, settings.routing, self._default)
            if routed and routed.warning:
                tell(Notice(text=routed.warning))
            spec = await self._store.find(routed.choices) if routed else None
        except SpecError as error:
            tell(Notice(text=f"{error}; the room is left alone"))
            routed = spec = None
        if routed is None or spec is None or self._closing:  # it may have been told to stop meanwhile
            await request.reject(terminate=False)
            return
        reload = routed.reload or settings.reload
        self._expected[request.id] = Expected(name, room.user, routed.choices, reload, spec)
        asyncio.get_running_loop().call_later(READY_SECONDS, self._forget, request.id)
        await request.accept(name=spec.persona.name, identity=identity(request.id))

    async def meet(self, job: str, line: Line) -> Take:
        """Gives a job that has started its spec and the edits of it, and shows what its call tells."""
        expected = self._expected[job]
        try:
            spec = await self._store.find(expected.choices)
        except SpecError:  # the persona's file went while the job was starting
            spec = expected.spec
            self._store.put(expected.choices, spec)
        self.calls[job] = expected.room, spec
        self._expected.pop(job, None)  # not sooner: `finish` waits for what is in either
        metrics.CALLS.inc()
        line.open(Terms(expected.reload, self._store.settings.rooms))
        unfollow = self._store.follow(expected.choices, line.send)
        over = False

        def take(event: Event | None) -> None:
            nonlocal over
            if event is not None:
                over = over or isinstance(event, Ended)
                try:
                    if isinstance(event, Reload):
                        metrics.count(event)
                    self._emit(event)
                except Exception:  # who shows events must not end the call that tells them
                    logger.exception("an event could not be shown")
                return
            unfollow()
            del self.calls[job]
            self._fewer.set()
            metrics.CALLS.dec()
            if not over:
                self._tell(expected.room, expected.user, Ended(reason="lost"))
                self._tasks.create_task(self._take_leave(job, expected.room, spec))

        return take

    async def finish(self) -> None:
        """Takes no further room, and returns once the calls that are on, or about to begin, are over.

        In place of LiveKit's own `drain`: when two jobs end at the same moment, that one waits for the second in a loop
        that never yields, and holds up every call and every signal for good.
        """
        self._closing = True
        while self.calls or self._expected:
            self._fewer.clear()
            await self._fewer.wait()

    def _forget(self, job: str) -> None:
        """A job that was accepted and has not begun by now went elsewhere."""
        if self._expected.pop(job, None):
            self._fewer.set()

    async def hang_up(self) -> None:
        """Ends the calls that are on from outside: their customers are taken out of their rooms."""
        await asyncio.gather(*(self._take_leave(job, *call) for job, call in self.calls.items()))

    async def _take_leave(self, job: str, room: str, spec: SessionSpec) -> None:
        reads = self._store.settings.rooms.transcripts is not Transcripts.STREAM
        await take_leave(room, identity(job), customer_line(spec.language.went_dead) if reads else None)

    def _tell(self, room: str, user: str, event: Event) -> None:
        self._emit(replace(event, room=room, user=user))


async def serve(store: SpecStore, worker: Worker, spec: SessionSpec, emit: Emit) -> None:
    """Serves rooms until SIGTERM or Ctrl-C: the first lets the calls that are on finish, the second ends them.

    Raises:
        SpecError: the personas' claims contradict each other, or something that the spec needs is missing.
    """
    _check_personas(store.settings)
    store.check(spec)
    store.put({"persona": spec.choices["persona"]}, spec)
    threads = worker.executor is Executor.THREAD
    load = Load(worker.load_threshold, emit)
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        desk = Desk(store, spec.choices["persona"], emit, tasks)
        link: Connect = Here(desk.meet).connect
        if not threads:
            link = partial(connect, await stack.enter_async_context(switchboard(desk.meet)))
        await stack.enter_async_context(load.measured())
        server = AgentServer(
            job_executor_type=JobExecutorType(worker.executor.value),
            num_idle_processes=worker.idle_processes,
            load_fnc=load.reported,
            load_threshold=math.inf,  # the server holds it: see Load
            initialize_process_timeout=READY_SECONDS,
            max_retry=sys.maxsize,
            host=worker.host,
            port=worker.health_port or 0,
            prometheus_port=worker.prometheus_port,
            setup_fnc=warm_up,
        )
        _join_unasked(emit)
        server.rtc_session(partial(answer, link=link), on_request=desk.request, agent_name="")
        where = urlsplit(os.environ["LIVEKIT_URL"])
        address = f"{where.scheme}://{where.hostname}:{where.port or ''}".rstrip(":")
        server.on("worker_registered", lambda *_: emit(Notice(text=f"registered with {address}; waiting for rooms")))
        theirs = logging.getLogger("livekit.agents")
        log = _Log(emit, address)
        theirs.addHandler(log)
        theirs.setLevel(min(logging.INFO, theirs.getEffectiveLevel()))
        watching = tasks.create_task(_keep(store, emit))
        try:
            await _until_signals(server, desk, load, worker.drain_seconds, emit)
        finally:
            watching.cancel()
            theirs.removeHandler(log)


async def _keep(store: SpecStore, emit: Emit) -> None:
    """Watches the files, and tells what became of each edit: to whoever reads the lines, and to Prometheus."""
    metrics.renewed(time.time(), False, store.specs)

    def renewed(at: float, wrong: bool) -> None:
        metrics.renewed(at, wrong, store.specs)
        for problem in _claims(store.settings):
            emit(Notice(text=problem))

    try:
        await store.stock(options("persona"), lambda line: emit(Notice(text=line)))
        await store.keep(lambda line: emit(Notice(text=line)), renewed)
    except Exception as error:  # the calls that are on are worth more than their edits
        logger.exception("the files are not watched any more")
        emit(Notice(text=f"the files are not watched any more: {error}"))


async def _until_signals(server: AgentServer, desk: Desk, load: Load, drain_seconds: float, emit: Emit) -> None:
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
        load.closed = True
        over, second = asyncio.ensure_future(desk.finish()), asyncio.ensure_future(told.get())
        await asyncio.wait([over, second], timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        second.cancel()
        _end_within(END_SECONDS)
        await desk.hang_up()  # a job that is only told to shut down talks on for 15 s
    finally:
        first.cancel()
        await server.aclose()
        with suppress(asyncio.CancelledError, Exception):
            await running
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _end_within(seconds: float) -> None:
    """Sees to it that this process is gone by then, with its jobs: a job or a thread may hang in a library."""

    def end() -> None:
        for job in multiprocessing.active_children():
            job.kill()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True  # a process that ends by itself does not wait for it
    timer.start()


def _join_unasked(emit: Emit) -> None:
    """LiveKit sends rooms unasked only to workers without a name, and takes one from the environment."""
    for name in ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE"):
        if os.environ.pop(name, None):
            emit(Notice(text=f"{name} is set, and ignored: with it no room would be joined by itself"))


def _check_personas(settings: Settings) -> None:
    for problem in _claims(settings):
        raise SpecError(problem)


def _claims(settings: Settings) -> list[str]:
    """Scenarios that two personas claim, or a persona that is not there."""
    return list(check_claims(readable_personas(), settings.routing))


class _Log(logging.Handler):
    """What LiveKit only logs, and a training lead must know: the server is away."""

    def __init__(self, emit: Emit, where: str) -> None:
        super().__init__(level=logging.INFO)
        self._emit, self._where = emit, where

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text.startswith("failed to connect to livekit"):
            self._emit(Notice(text=f"cannot reach LiveKit at {self._where}; trying again"))
