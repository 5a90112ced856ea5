"""What the tests share: the program as a process of its own, and folders of personas."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psutil
import pytest
from hypothesis import settings

from runtime.config.groups import use_folder
from tests.livekit_server import livekit_server

ROOT = Path(__file__).parent.parent

WARNINGS = [
    "-Werror",
    # The Google plugin's own use of google-genai.
    "-Wignore:Setting `LiveConnectConfig.generation_config`:DeprecationWarning",
    "-Wignore:ConnectionClosed.code is deprecated:DeprecationWarning",
    # google-genai's own use of aiohttp.
    "-Wignore:Inheritance class AiohttpClientSession from ClientSession is discouraged:DeprecationWarning",
]
COMMAND = [sys.executable, *WARNINGS, "-m", "runtime"]
"""The command as a user types it, with every warning an error."""

POSTGRES = "POSTGRES_TEST_URL"
"""The environment variable that names a Postgres server to test with; `.ci/run` starts one."""

LOOPBACK_ONLY = """
import sys

def refuse(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise OSError(f"a test may not connect to {arguments[1][0]}")
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "::1", "localhost", None):
        raise OSError(f"a test may not look up {arguments[0]}")

sys.addaudithook(refuse)
"""
"""A `sitecustomize` that keeps a process on this machine, as pytest-socket keeps the tests themselves."""

# Where the tests run in the background of a script Ctrl-C is ignored, and every process that they start would inherit
# that.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of rooms come first, as they take long; of them those that share a worker, so that one process runs most of
    them: what is taken off it is the end of its list."""

    def place(item: pytest.Item) -> int:
        fixtures: list[str] = getattr(item, "fixturenames", [])
        shared = next((i for i, name in enumerate(("worker", "processes")) if name in fixtures), None)
        return shared if shared is not None else 2 if "livekit_url" in fixtures else 3

    items.sort(key=place)


@dataclass(frozen=True)
class Result:
    """What a finished process left."""

    code: int
    out: str
    err: str


class Run(Protocol):
    """Runs the command to its end."""

    def __call__(
        self, *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] = ..., cwd: Path | None = None
    ) -> Result: ...


async def stopped(process: asyncio.subprocess.Process, folder: Path) -> None:
    """Ends a worker that runs in this folder of its own, and waits for all that holds its output; whatever still does
    after a while is killed, and named."""
    for _ in range(2):
        if process.returncode is None:
            process.terminate()
    try:
        async with asyncio.timeout(90):  # longer than a worker lets its calls go on
            await process.communicate()
    except TimeoutError:
        left = processes_in(folder)
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        pytest.fail("\n".join(["it does not end:", *left.values()]))


def processes_in(folder: Path) -> dict[psutil.Process, str]:
    """The processes that run in this folder, each with a line about what it is and does."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder):
                peers = [f"{peer.type.name}:{peer.status}" for peer in process.net_connections()]
                spent = process.cpu_times()
                found[process] = (
                    f"{process.pid} of {process.ppid()} {process.status()}, {process.num_threads()} threads,"
                    f" {spent.user + spent.system:.1f} s of CPU, {peers}: {' '.join(process.cmdline())[-80:]}"
                )
    return found


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path of every process that keeps it off the network."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(LOOPBACK_ONLY)
    return folder


def plain_environment(guard: Path, home: Path) -> dict[str, str]:
    """An environment without keys and settings of whoever runs the tests, kept off the network."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(guard), str(ROOT)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
    }


@pytest.fixture(scope="session")
def command(guard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """`COMMAND` at a fifth of what it costs, for tests that are not about the process itself; where forks or what
    follows their ends is not as on Linux, the real one."""
    if sys.platform != "linux":
        yield COMMAND
        return
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        path = str(Path(folder) / "socket")
        program = str(ROOT / "tests/fork_server.py")
        server = subprocess.Popen(
            [sys.executable, *WARNINGS, program, "--serve", path],
            env=plain_environment(guard, tmp_path_factory.mktemp("home")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with server:
            assert server.stdout and server.stdout.readline() == b"ready\n"
            yield [sys.executable, "-S", program, path]
            assert server.stdin
            server.stdin.close()


@pytest.fixture
def environment(guard: Path, tmp_path: Path) -> dict[str, str]:
    """An environment without keys, homes and settings of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    return plain_environment(guard, home)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder that commands run in: empty, and without anybody's `.env`."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def run(command: list[str], environment: dict[str, str], here: Path) -> Run:
    """Runs `command`."""

    def run(
        *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Result:
        done = subprocess.run(
            [*command, *arguments],
            input=stdin if isinstance(stdin, bytes) else stdin.encode(),
            capture_output=True,
            env={**environment, **(env or {})},
            cwd=cwd or here,
            timeout=60,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def postgres() -> Iterator[str]:
    """An empty database of its own."""
    import psycopg

    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"no Postgres server: {POSTGRES} is not set")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def personas(tmp_path: Path) -> Path:
    """An empty folder for personas, beside the one that commands run in."""
    folder = tmp_path / "personas"
    folder.mkdir()
    return folder


@pytest.fixture
def use_personas(personas: Path) -> Iterator[Callable[[str, str], Path]]:
    """Makes `personas` the folder of this process and writes personas into it."""

    def write(name: str, text: str) -> Path:
        file = personas / f"{name}.md"
        file.write_bytes(text.encode())
        return file

    use_folder(personas)
    yield write
    use_folder(ROOT / "personas")


@pytest.fixture
async def skip(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the event loop's clock forward: timers that become due fire, nothing waits."""
    loop = asyncio.get_running_loop()
    real, skipped = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: real() + skipped[0])

    def forward(seconds: float) -> None:
        skipped[0] += seconds
        loop.call_soon(lambda: None)

    return forward


@pytest.fixture
async def livekit_url(tmp_path: Path) -> AsyncIterator[str]:
    """A LiveKit server on loopback."""
    async with livekit_server(tmp_path) as url:
        yield url
