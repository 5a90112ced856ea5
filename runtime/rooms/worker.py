"""LiveKit rooms → calls. The only file that touches `AgentServer`."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

from livekit.agents import AgentServer, JobExecutorType

from ..call import private
from ..call.network import address
from ..config.groups import options
from ..errors import SpecError
from ..events import Emit, Notice
from ..files.store import SpecStore
from ..record.templates import load_template
from ..record.upkeep import look_after
from ..spec.session_spec import SessionSpec
from ..spec.settings import Executor, Settings, Worker
from . import metrics
from .dispatcher import READY_SECONDS, Dispatcher
from .forkserver import private_folder
from .job import run_job, warm_up
from .link import Connect, OnJob, ThreadLink, accept_jobs, connect
from .load import Load
from .routing import check_claims, readable_personas

END_SECONDS = 20.0
"""Seconds that LiveKit has to end what is left once the worker must stop; by itself it may wait without limit."""

UNSERVED_SECONDS = 4.0
"""Seconds that a room has had no customer which is seen to, from a registration or the fall of the load: for an answer
to its one offer LiveKit waits no longer."""
TRIES_TOLD = 30
"""Failed tries to reach LiveKit from one line about it to the next: some five minutes."""


async def serve(store: SpecStore, worker: Worker, spec: SessionSpec, emit: Emit, *, live: bool) -> None:
    """Serves rooms until SIGTERM or Ctrl-C: the first lets the calls that are on finish, the second ends them. `live`
    says whether what moves within a line is shown where the events go. Raises SpecError where the personas' claims
    contradict each other, or something that the spec needs is missing."""
    owners: dict[str, str] = {}
    """Who answers each scenario id."""
    for problem in await asyncio.to_thread(_routing_problems, store.settings, owners):
        raise SpecError(problem)
    store.check(spec)
    store.put({"persona": spec.choices["persona"]}, spec)
    registered, unserved = asyncio.Event(), asyncio.Event()
    load = Load(worker.load_threshold, emit, unserved.set)
    private.check_preloaded()
    private.start_models_after(registered)
    threads = worker.executor is Executor.THREAD
    if threads:
        private.keep_native_log()  # while there is one thread: in livekit 1.1 several would each make a client
        private.make_threads_after(registered)
    share_models(spec)
    _clear_agent_name(emit)
    async with asyncio.TaskGroup() as tasks:
        dispatcher = Dispatcher(store, spec.choices["persona"], owners, emit, tasks, live=live)
        async with _link(dispatcher.on_job, worker.executor) as link, load.measured():
            server = _server(worker, load)
            server.rtc_session(partial(run_job, link=link), on_request=dispatcher.on_request, agent_name="")
            log = _ConnectionLog(emit, address(os.environ["LIVEKIT_URL"]))

            def on_registered(*_: object) -> None:
                log.back()
                registered.set()
                unserved.set()

            server.on("worker_registered", on_registered)
            beside = [
                tasks.create_task(_watch_files(store, owners, emit)),
                tasks.create_task(look_after(store.settings.record, emit)),
                tasks.create_task(_keep_up_index(store.settings, emit)),
                tasks.create_task(_serve_missed_rooms(unserved, dispatcher)),
            ]
            if threads:  # processes have it from the one that they are forked from
                beside.append(tasks.create_task(_load_template(registered)))
            try:
                with log.attached(), stop_signals(END_SECONDS) as stops:
                    await _run(server, dispatcher, load, worker.drain_seconds, stops, emit)
            finally:
                for task in beside:
                    task.cancel()


@asynccontextmanager
async def _link(on_job: OnJob, executor: Executor) -> AsyncIterator[Connect]:
    """Lets jobs connect to this worker while it is entered, by what it gives."""
    if executor is Executor.THREAD:
        yield ThreadLink(on_job).connect
        return
    path = private_folder() / "link"
    async with accept_jobs(on_job, path):
        yield partial(connect, path)


def _server(worker: Worker, load: Load) -> AgentServer:
    return AgentServer(
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


def share_models(spec: SessionSpec) -> None:
    """Loads the models that hear, understand and speak by the worker's own spec once, for all its calls. What another
    persona needs beside them is loaded by the job of its call."""
    if embedder := spec.listening.embedder:
        from ..offline.embedding import MODELS, is_installed

        if is_installed(embedder):
            private.register_runner(MODELS[embedder])
    stt, tts = (spec.parts[place] for place in ("stt", "tts"))
    if any(part and part.plugin == "offline" for part in (stt, tts)):
        from ..offline.stt import Whisper
        from ..offline.tts import Hibari, HibariOnDemand

        private.register_runner(Whisper)
        human = tts and spec.language.base == "en" and "+" in str(tts.options.get("voice"))
        private.register_runner(Hibari if human else HibariOnDemand)


async def _watch_files(store: SpecStore, owners: dict[str, str], emit: Emit) -> None:
    """Watches the files, and tells what became of each edit: to whoever reads the lines, and to Prometheus."""

    def renewed(at: float, wrong: bool) -> None:
        metrics.renewed(at, wrong, store.specs)

    renewed(time.time(), False)
    await store.watch(
        lambda line: emit(Notice(text=line)),
        renewed,
        stock=options("persona"),
        check=lambda: _routing_problems(store.settings, owners),
    )


async def _keep_up_index(settings: Settings, emit: Emit) -> None:
    """Keeps up the index of past sessions where it is elsewhere than beside the folders."""
    if settings.record.enabled and settings.history.url is not None:
        from ..history.index import keep_up  # SQLAlchemy takes its time to load, and few need it

        await keep_up(settings, emit)


async def _load_template(registered: asyncio.Event) -> None:
    """Loads the report's template before a call needs it, but not before the worker is registered."""
    await registered.wait()
    await asyncio.to_thread(load_template)


async def _serve_missed_rooms(unserved: asyncio.Event, dispatcher: Dispatcher) -> None:
    """Looks for rooms that have people and no customer, each time that there may be some (`unserved`)."""
    while True:
        await unserved.wait()
        unserved.clear()
        await dispatcher.serve_missed_rooms(UNSERVED_SECONDS)


async def _run(
    server: AgentServer,
    dispatcher: Dispatcher,
    load: Load,
    drain_seconds: float,
    stops: asyncio.Queue[None],
    emit: Emit,
) -> None:
    """Runs the server until its calls have ended after one stop, it was told to stop twice, or it cannot go on."""
    running = asyncio.ensure_future(server.run(devmode=False))
    first = asyncio.ensure_future(stops.get())
    try:
        await asyncio.wait([running, first], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
            return
        calls = len(dispatcher.calls)
        emit(
            Notice(text=f"stopping: no new rooms; {calls} call{'s' if calls != 1 else ''} may finish (again: at once)")
        )
        load.closed = True
        over, second = asyncio.ensure_future(dispatcher.finish()), asyncio.ensure_future(stops.get())
        await asyncio.wait([over, second], timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        second.cancel()
        _end_within(END_SECONDS)
        await dispatcher.hang_up()  # a job that is only told to shut down talks on for 15 s
    finally:
        first.cancel()
        await server.aclose()
        with suppress(asyncio.CancelledError, Exception):
            await running


@contextmanager
def stop_signals(seconds: float) -> Iterator[asyncio.Queue[None]]:
    """Takes SIGTERM and Ctrl-C: each is an item of the queue. Where the event loop is blocked for so many seconds after
    one, the process ends at once, and says on stderr where it stood; its jobs then leave their rooms by themselves."""
    loop = asyncio.get_running_loop()
    stops = asyncio.Queue[None]()

    def note() -> None:
        faulthandler.cancel_dump_traceback_later()
        stops.put_nowait(None)

    def on_signal(*_: object) -> None:  # runs between two steps of whatever blocks the loop
        faulthandler.dump_traceback_later(seconds, exit=True)
        loop.call_soon_threadsafe(note)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stops
    finally:
        faulthandler.cancel_dump_traceback_later()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_within(seconds: float) -> None:
    """Sees to it that this process is gone by then, with its jobs: a job or a thread may hang in a library."""

    def end() -> None:
        for job in multiprocessing.active_children():
            job.kill()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True  # a process that ends by itself does not wait for it
    timer.start()


def _clear_agent_name(emit: Emit) -> None:
    """Takes LiveKit's agent name out of the environment: only workers without one are offered new rooms."""
    for name in ("LIVEKIT_AGENT_NAME", "LIVEKIT_AGENT_NAME_OVERRIDE"):
        if os.environ.pop(name, None):
            emit(Notice(text=f"{name} is set, and ignored: with it no room would be joined by itself"))


def _routing_problems(settings: Settings, owners: dict[str, str]) -> list[str]:
    """Scenarios that two personas claim, or a persona that is not there."""
    return list(check_claims(readable_personas(), settings.routing, owners))


class _ConnectionLog(logging.Handler):
    """Makes notices of what LiveKit only logs, that its server cannot be reached: of the first failed try, and then of
    every `TRIES_TOLD`th. `back` says that it can be reached again."""

    def __init__(self, emit: Emit, where: str) -> None:
        super().__init__(level=logging.INFO)
        self._emit, self._where = emit, where
        self._tries = 0

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Takes what LiveKit logs while it is entered."""
        theirs = logging.getLogger("livekit.agents")
        theirs.addHandler(self)
        theirs.setLevel(min(logging.INFO, theirs.getEffectiveLevel()))
        try:
            yield
        finally:
            theirs.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("failed to connect to livekit"):
            self._tries += 1
            if self._tries % TRIES_TOLD == 1:
                so_far = f" ({self._tries} tries so far)" if self._tries > 1 else ""
                self._emit(Notice(text=f"cannot reach LiveKit at {self._where}; trying again{so_far}"))

    def back(self) -> None:
        """The worker is registered."""
        after = f", after {self._tries} tries that failed" if self._tries > 1 else ""
        self._emit(Notice(text=f"registered with {self._where}; waiting for rooms{after}"))
        self._tries = 0
