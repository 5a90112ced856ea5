"""The real command as a worker in a process of its own, and what tests ask of it and of the LiveKit server."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from livekit import api

from tests.caller import SORRY, Caller
from tests.conftest import COMMAND, processes_in, stopped
from tests.livekit_server import KEY, SECRET

program = COMMAND
"""What starts a worker: the command, or within `tests/rooms` a fork that stands for it."""
personas: Path | None = None
"""The folder of its personas, where that is not the one that is shipped."""
LONG = "at-length-01"
"""The scenario of tests in which the customer's opening takes its time."""


LINES_TOLD = 40
"""Lines of a worker that a test which waits in vain for one tells."""


class Worker:
    """The real command serving rooms, and the lines that it has printed."""

    def __init__(self, process: asyncio.subprocess.Process, home: Path) -> None:
        self.process = process
        self.home = home
        """Where it runs, and keeps its session folders."""
        self.lines: list[str] = []

    @property
    def pid(self) -> int:
        """The process that serves rooms, which leads a session: it, or the fork that it stands for."""
        own = [p.pid for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(self.home)]
        return next((pid for pid in own if os.getsid(pid) == pid != self.process.pid), self.process.pid)

    async def until(self, *texts: str) -> str:
        """The first line that holds all of these texts, once it is there."""
        assert self.process.stdout
        try:
            async with asyncio.timeout(60):
                while not (found := [line for line in self.lines if all(text in line for text in texts)]):
                    line = await self.process.stdout.readline()
                    assert line, "\n".join(self.lines)
                    self.lines.append(line.decode().rstrip())
        except TimeoutError:
            pytest.fail("\n".join([f"no line with {texts} in", *self.lines[-LINES_TOLD:]]))
        return found[0]

    async def hears(self, caller: Caller, user: str) -> None:
        """Returns once its customer has heard that this user is sorry. Who was not heard says so again, as anybody
        would: a busy machine loses sound."""
        for seconds in (15, 15, None):
            await caller.say(SORRY)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.until(f"[{user}]", "Trainee: ", "sorry")
                    return

    async def read(self, seconds: float) -> None:
        """Reads the lines that it prints in the next seconds."""
        assert self.process.stdout
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while line := await self.process.stdout.readline():
                    self.lines.append(line.decode().rstrip())


@asynccontextmanager
async def started(url: str, environment: dict[str, str], *options: str, real: bool = False) -> AsyncIterator[Worker]:
    """A worker for this server, whether or not that is there; with `real`, no fork."""
    keys = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
    if personas and not any(option.startswith("personas_dir=") for option in options):
        options = (f"personas_dir={personas}", *options)
    if not any(option.startswith("listening=") for option in options):
        options = ("listening=phrases", *options)  # the embedder would be loaded for each worker
    process = await asyncio.create_subprocess_exec(
        *(COMMAND if real else program),
        "seed=0",  # the first of her openings
        *options,
        stdin=-3,
        stdout=-1,
        stderr=-2,
        env=environment | keys,
        start_new_session=True,
        cwd=environment["HOME"],
    )
    worker = Worker(process, Path(environment["HOME"]))
    try:
        yield worker
    except BaseException:
        await worker.read(1)
        print("\n".join([*worker.lines, *processes_in(worker.home).values()]))  # for whoever reads why a test failed
        raise
    finally:
        await stopped(process, worker.home)


@asynccontextmanager
async def serving(url: str, environment: dict[str, str], *options: str, real: bool = False) -> AsyncIterator[Worker]:
    """A worker that the server knows."""
    async with started(url, environment, *options, real=real) as worker:
        await worker.until("registered with ws://127.0.0.1")
        yield worker


async def agents(url: str, room: str) -> list[str]:
    """Identities of the agents in a room, as the server knows them."""
    async with api.LiveKitAPI(url.replace("ws", "http", 1), KEY, SECRET) as server:
        there = await server.room.list_participants(api.ListParticipantsRequest(room=room))
        return [p.identity for p in there.participants if p.identity.startswith("customer-")]


@asynccontextmanager
async def server_api(url: str) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(url.replace("ws", "http", 1), KEY, SECRET) as server:
        yield server


async def kill_one_job(worker: Worker) -> None:
    """Kills the process below a worker that holds a call: the one with a UDP socket open."""
    jobs = [p for p in psutil.Process(worker.pid).children(recursive=True) if p.net_connections("udp")]
    jobs[0].kill()
