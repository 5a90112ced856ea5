"""The worker's own life: draining, dying, a server that goes away, many trainees at once, and too much load."""

import asyncio
import inspect
import logging
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import livekit.agents.worker
import psutil
import pytest
from livekit import rtc

from runtime.events import Event, Notice
from runtime.rooms.worker import TRIES_TOLD, _ConnectionLog
from tests.caller import SORRY, Caller, calling, room_of
from tests.conftest import Program
from tests.livekit_server import CONFIG, KEY, SECRET, free_port, livekit_binary, logged
from tests.worker import Worker, serving, started


def below(worker: Worker) -> list[psutil.Process]:
    """The worker's own processes: jobs, idle ones and their server."""
    return psutil.Process(worker.pid).children(recursive=True)


async def gone(processes: list[psutil.Process]) -> None:
    """Returns once none of them runs."""
    left = await asyncio.to_thread(lambda: psutil.wait_procs(processes, timeout=60)[1])
    assert not left


async def test_a_worker_that_is_told_to_stop_lets_its_call_finish(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """SIGTERM: the call goes on, no further room is taken, and the process exits by itself after the call."""
    room, late = room_of("stays"), room_of("late")
    async with serving(livekit_url, environment, "listening=meaning") as worker:
        async with calling(livekit_url, room) as caller:
            await caller.hears()
            processes = below(worker)
            worker.process.terminate()
            await worker.until("stopping: no new rooms; 1 call may finish")
            async with calling(livekit_url, late) as nobody:
                await caller.types(SORRY)
                assert not nobody.there
        await worker.until("[stays]", "Call ended: the trainee hung up")
        async with asyncio.timeout(20):
            assert await worker.process.wait() == 0
        await gone(processes)


@pytest.mark.parametrize("executor", ["process", "thread"])
async def test_a_second_signal_ends_calls_at_once(executor: str, livekit_url: str, environment: dict[str, str]) -> None:
    """The customer leaves, the trainee reads that the line went dead, and nothing of ours is left running."""
    room = room_of()
    async with serving(livekit_url, environment, f"worker.executor={executor}", "listening=meaning") as worker:
        async with calling(livekit_url, room) as caller:
            await caller.hears()
            processes = below(worker)
            worker.process.terminate()
            await worker.until("stopping")
            worker.process.terminate()
            await caller.until(lambda: bool(caller.lines) and not caller.there)
            reasons = rtc.DisconnectReason.CLIENT_INITIATED, rtc.DisconnectReason.PARTICIPANT_REMOVED
            assert set(caller.left.values()) <= set(reasons)  # and not one that the server has given up
            assert caller.texts[-1] == "customer: (The line went dead.)"
            async with asyncio.timeout(20):
                assert await worker.process.wait() == 0
            await gone(processes)


async def test_a_worker_that_is_killed_leaves_nothing_behind(livekit_url: str, environment: dict[str, str]) -> None:
    """kill -9 of the worker: the trainee reads that the line went dead, the customer is out of the room, and neither a
    process nor a file of ours is left."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving(livekit_url, environment | {"TMPDIR": folder}, "listening=meaning") as worker:
            async with calling(livekit_url, room_of()) as caller:
                await caller.hears()
                processes = below(worker)
                assert len(processes) >= 3 and os.listdir(folder)
                worker.process.kill()
                await caller.sees_the_customer_leave()
                assert caller.lines[-1]["text"] == "(The line went dead.)"
                await gone(processes)
                assert os.listdir(folder) == []


@asynccontextmanager
async def server_on(config: str) -> AsyncIterator[None]:
    """A LiveKit server with the configuration of the fixture's."""
    process = await asyncio.create_subprocess_exec(livekit_binary(), "--config-body", config, stdout=-3, stderr=-3)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def test_a_server_that_is_away_is_waited_for(livekit_url: str, environment: dict[str, str]) -> None:
    """A worker says that it cannot reach LiveKit, registers when it is there, and again when it comes back."""
    port = free_port()
    config = CONFIG.format(key=KEY, secret=SECRET, port=port, tcp=free_port(), udp=free_port())
    url = f"ws://127.0.0.1:{port}"
    async with started(url, environment) as worker:
        await worker.until(f"cannot reach LiveKit at {url}; trying again")
        async with server_on(config):
            await worker.until(f"registered with {url}; waiting for rooms")
        worker.lines.clear()
        await worker.until(f"cannot reach LiveKit at {url}; trying again")
        async with server_on(config):
            await worker.until(f"registered with {url}; waiting for rooms")
            async with calling(url, room_of()) as caller:
                await caller.hears(40)


async def test_a_room_that_was_made_before_the_worker_came_is_served(
    livekit_url: str, environment: dict[str, str]
) -> None:
    """LiveKit, which would offer it to nobody any more, is asked to; rooms of others are none of ours."""
    async with calling(livekit_url, room_of("early")) as caller, calling(livekit_url, "meeting-7") as other:
        async with serving(livekit_url, environment, "worker.drain_seconds=0") as worker:
            await worker.until("[early]", "asked to offer it again")
            await caller.hears(60)
        assert len(list(worker.home.glob("sessions/*/*"))) == 1 and not other.there


async def test_a_room_that_the_worker_was_too_slow_for_is_served(
    livekit_url: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """LiveKit's server gives a room to nobody when no worker answers in three seconds."""
    async with serving(livekit_url, environment) as worker:
        stopped = psutil.Process(worker.pid)
        stopped.suspend()
        async with calling(livekit_url, room_of("slow")) as caller:
            await logged(tmp_path, "failed to assign job to worker")
            stopped.resume()
            await worker.until("[slow]", "asked to offer it again")
            await caller.reads(1, 60)


@pytest.mark.parametrize(("number", "option"), [(4, "worker.idle_processes=4"), (8, "worker.executor=thread")])
async def test_many_trainees_within_a_second_are_all_heard(
    number: int, option: str, livekit_url: str, environment: dict[str, str]
) -> None:
    """Each hears the opening, and reads the lines of the own call alone. A worker that waits for all of them to finish
    ends when they hang up at once."""
    async with serving(livekit_url, environment, option) as worker, AsyncExitStack() as stack:

        async def join(one: int) -> Caller:
            return await stack.enter_async_context(calling(livekit_url, room_of(f"user{one}"), f"Trainee {one}"))

        callers = [await join(one) for one in range(number)]
        await asyncio.gather(*(caller.until(caller.has_heard, 60) for caller in callers))
        await asyncio.gather(*(caller.reads_line("What are you going to do about it?", 60) for caller in callers))
        assert all(len(caller.texts) == 1 and len(caller.there) == 1 for caller in callers)
        for one in range(number):
            await worker.until(f"[user{one}]", "Finally!")
        worker.process.terminate()
        await worker.until(f"stopping: no new rooms; {number} calls may finish")
        await asyncio.gather(*(caller.room.disconnect() for caller in callers))
        async with asyncio.timeout(30):
            assert await worker.process.wait() == 0


async def test_a_worker_over_its_load_threshold_says_so(livekit_url: str, environment: dict[str, str]) -> None:
    """LiveKit itself only logs that it takes no further room."""
    async with serving(livekit_url, environment, "worker.load_threshold=0.001") as worker:
        await worker.until("over the load threshold: no further rooms until the load falls")


def test_what_livekit_only_logs_is_an_event() -> None:
    """The line that a training lead must know of is still one of LiveKit's, and becomes a notice; one that comes
    again and again is told with its number."""
    told: list[Event] = []
    line = "failed to connect to livekit"
    assert line in inspect.getsource(livekit.agents.worker)
    handler = _ConnectionLog(told.append, "ws://127.0.0.1")
    for tries in (TRIES_TOLD + 2, 1):
        for _ in range(tries):
            handler.handle(logging.LogRecord("livekit.agents", 20, "", 0, line, None, None))
        handler.back()
    assert [event.text for event in told if isinstance(event, Notice)] == [
        "cannot reach LiveKit at ws://127.0.0.1; trying again",
        "cannot reach LiveKit at ws://127.0.0.1; trying again (31 tries so far)",
        "registered with ws://127.0.0.1; waiting for rooms, after 32 tries that failed",
        "cannot reach LiveKit at ws://127.0.0.1; trying again",
        "registered with ws://127.0.0.1; waiting for rooms",
    ]


BLOCKED = """
import asyncio, os, signal, time
from runtime.rooms.worker import stop_signals

async def main():
    with stop_signals(float(os.environ["SECONDS"])) as told:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(float(os.environ["BLOCKED"]))
        await told.get()

asyncio.run(main())
"""


@pytest.mark.parametrize(("seconds", "blocked", "code"), [("0.1", "600", 1), ("600", "0.1", 0)])
def test_a_worker_whose_loop_is_blocked_stops_all_the_same(
    seconds: str, blocked: str, code: int, program: Program, environment: dict[str, str]
) -> None:
    """SIGTERM ends it, and stderr says where it hung; a loop that comes back in time stops by itself."""
    command, given = program(BLOCKED)
    times = {"SECONDS": seconds, "BLOCKED": blocked}
    done = subprocess.run(command, env=environment | given | times, capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert (b"in main" in done.stderr) == bool(code)


HANGS = """
import multiprocessing, time
from runtime.rooms.worker import _end_within

multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,)).start()
_end_within(0.1)
time.sleep(600)
"""


def test_a_worker_whose_job_hangs_ends_all_the_same(program: Program, environment: dict[str, str]) -> None:
    """In a library that never returns, in its own process and in a job's: both are gone once the time is up."""
    command, given = program(HANGS)
    done = subprocess.run(command, env=environment | given, stdout=-1, timeout=60)  # until both close it
    assert done.returncode == 1
