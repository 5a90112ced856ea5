"""One LiveKit server and one worker for all tests that need no worker of their own."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import tests.worker
from runtime.call import private
from tests.conftest import ROOT, plain_environment
from tests.livekit_server import livekit_server
from tests.worker import LONG, Worker, serving


@pytest.fixture(scope="session", autouse=True)
def cheap_workers(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Workers are forks, and their Sarah says little first and last, in espeak's voice: a sentence that is spoken takes
    its time, and the CPU of all who hear it, and a human voice a second to load. In rooms of the scenario `LONG` she
    says all of it, in her own."""
    tests.worker.program = command
    folder = tests.worker.personas = tmp_path_factory.mktemp("personas") / "personas"
    shutil.copytree(ROOT / "personas", folder)
    file = folder / "sarah_thompson.md"
    text = file.read_text()
    (folder / "sarah_at_length.md").write_text(
        text.replace("billing-dispute-01, ", "").replace("billing-dispute-*", LONG)
    )
    for first, last in (("Finally! ", "What are you going to do about it?"), ("That's it, I'm done. ", "Goodbye.")):
        before, found, after = text.partition(first)
        assert found and last in after
        text = before + first + after[after.index(last) :]
    assert "\nvoice: bright_female\n" in text
    file.write_text(text.replace("\nvoice: bright_female\n", "\nvoice: firm_male\n"))


@pytest.fixture(scope="session", autouse=True)
def callers_do_not_log() -> None:
    """The log of LiveKit's native library costs the callers of this process time, and one of its threads that hands on
    a line while Python ends would take the process down."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUST_LOG", "off")
        private.keep_native_log()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def livekit(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of the shared server."""
    async with livekit_server(tmp_path_factory.mktemp("livekit")) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def worker(livekit: str, guard: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Worker]:
    """The shared worker. Its lines are those of all tests: look for the own room's or user's."""
    home = tmp_path_factory.mktemp("home")
    options = ("worker.executor=thread", "rooms.ready_timeout=4", "worker.drain_seconds=0", "listening=meaning")
    async with serving(livekit, plain_environment(guard, home), *options) as worker:
        yield worker


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def livekit_of_processes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of the server of `processes`: of two workers at one server either might get a room."""
    async with livekit_server(tmp_path_factory.mktemp("livekit")) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def processes(
    livekit_of_processes: str, guard: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Worker]:
    """The shared worker with a process a call, as it is without options: it listens by meaning."""
    environment = plain_environment(guard, tmp_path_factory.mktemp("home"))
    async with serving(livekit_of_processes, environment, "worker.drain_seconds=0", "listening=meaning") as worker:
        yield worker
