"""What the tests share: the program as a process of its own, and folders of personas."""

import asyncio
import fcntl
import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psutil
import pytest
from hypothesis import settings

from runtime.config.groups import use_folder
from tests.fork_server import PROGRAM, ended
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

FORK_SERVER = ROOT / "tests/fork_server.py"

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

gc.disable()  # up to the end of the collection

settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: nothing looks any more whether it is garbage, which a tenth of
    the time of the tests went into."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests come first. Each process of the tests is given an equal part of this list, and takes from the end of
    another's when it has done its own: one has all tests of rooms that share a worker, two have those that start one
    each, the others have none, as more calls at once are more than two cores can carry; tests that run the program
    follow, and then what is short, so that all processes end at the same time."""
    kinds: dict[str, list[pytest.Item]] = {"worker": [], "processes": [], "livekit_url": [], "fork_server": [], "": []}
    for item in items:
        fixtures: list[str] = getattr(item, "fixturenames", [])
        kinds[next(kind for kind in kinds if not kind or kind in fixtures)].append(item)
    worker, processes, own, run, short = kinds.values()
    parts = max(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")), 4)
    rooms = [worker + processes, _slice(own, 0, 2), _slice(own, 1, 2), *([] for _ in range(parts - 3))]
    ordered: list[pytest.Item] = []
    for part, first in enumerate(rooms):
        first += _slice(run, part, parts)
        size = (len(items) - len(ordered)) // (parts - part)
        fill = max(size - len(first), 0)
        ordered += [*first, *short[:fill]]
        short = short[fill:]
    items[:] = [*ordered, *short]


def _slice(items: list[pytest.Item], part: int, parts: int) -> list[pytest.Item]:
    """One of so many parts, all of about a size. Neighbours stay together: the heaviest tests are one file's, and run
    one after the other."""
    return items[len(items) * part // parts : len(items) * (part + 1) // parts]


@dataclass(frozen=True)
class Result:
    """What a finished process left."""

    code: int
    out: str
    err: str


Program = Callable[[str], tuple[list[str], dict[str, str]]]
"""Makes a Python program a command, and what its environment must hold besides."""


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


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that the processes of these tests share."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process of those that share a folder at a time."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path of every process that keeps it off the network."""
    shared = shared_folder(tmp_path_factory)
    folder = shared / "guard"
    with locked(shared):
        folder.mkdir(exist_ok=True)
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
def fork_server(guard: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """The socket of the server whose forks stand for the command, one server for all processes of these tests; None
    where forks or what follows their ends is not as on Linux."""
    if sys.platform != "linux":
        yield None
        return
    shared = shared_folder(tmp_path_factory)
    path, kept_open = shared / "fork_server", shared / "fork_server_input"
    with locked(shared):
        if path.exists():
            held = os.open(kept_open, os.O_WRONLY)
        else:
            os.mkfifo(kept_open)
            held = os.open(kept_open, os.O_RDWR)
            with open(kept_open, "rb") as stdin:
                subprocess.run(
                    [sys.executable, *WARNINGS, str(FORK_SERVER), "--serve", str(path)],
                    env=plain_environment(guard, tmp_path_factory.mktemp("home")),
                    stdin=stdin,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                    check=True,
                )
    yield str(path)
    os.close(held)  # the server ends when nobody holds its input open


@pytest.fixture(scope="session")
def command(fork_server: str | None) -> list[str]:
    """`COMMAND` at a fifth of what it costs, for tests that are not about the process itself."""
    return COMMAND if fork_server is None else [sys.executable, "-S", str(FORK_SERVER), fork_server]


@pytest.fixture(scope="session")
def program(fork_server: str | None, command: list[str]) -> Program:
    """`python -c` for a program that need not import the libraries itself."""
    return lambda code: ([sys.executable, "-c", code], {}) if fork_server is None else (command, {PROGRAM: code})


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
def run(fork_server: str | None, environment: dict[str, str], here: Path) -> Run:
    """Runs `command`, which need be no process of its own here."""

    def run(
        *arguments: str, stdin: str | bytes = "", env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Result:
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        every = {**environment, **(env or {})}
        if fork_server:
            code, out, err = ended(fork_server, arguments, given, every, str(cwd or here), 60)
        else:
            done = subprocess.run(
                [*COMMAND, *arguments], input=given, capture_output=True, env=every, cwd=cwd or here, timeout=60
            )
            code, out, err = done.returncode, done.stdout, done.stderr
        return Result(code, out.decode(), err.decode())

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
