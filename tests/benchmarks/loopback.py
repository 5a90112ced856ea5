"""A LiveKit server on loopback, a worker on it, and what the worker costs: its start, memory and CPU."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.livekit_server import CONFIG, KEY, SECRET, free_port

from .measure import ROOT, environment, pss

REGISTERED = re.compile("registered with")
"""What both workers print once the server knows them."""
START_SECONDS = 90.0
STOP_SECONDS = 15.0

PERSONA = """---
name: Ann Lee
scenarios: ["benchmark-*"]
opening: {en: "I have been billed twice, and I want to know what you are going to do about it."}
---
# Persona: Ann Lee
You have been billed twice.
"""
"""She says one line and then waits for as long as it takes: a call that is silent."""


def binary() -> str | None:
    """The LiveKit server of this machine."""
    return os.environ.get("LIVEKIT_SERVER_BIN") or shutil.which("livekit-server")


def available() -> bool:
    """Whether there is a LiveKit server; says so when there is none."""
    if binary() is None:
        print("skipped: no LiveKit server (set LIVEKIT_SERVER_BIN or put livekit-server on PATH)", file=sys.stderr)
    return binary() is not None


@contextmanager
def livekit_server() -> Iterator[str]:
    """A server of its own, that listens on loopback alone. Yields its URL."""
    with tempfile.TemporaryDirectory() as folder:
        port, tcp, udp = free_port(), free_port(), free_port(socket.SOCK_DGRAM)
        config = Path(folder, "livekit.yaml")
        config.write_text(CONFIG.format(key=KEY, secret=SECRET, port=port, tcp=tcp, udp=udp))
        command = [binary() or "", "--config", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.01)
            yield f"ws://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@contextmanager
def persona_folder() -> Iterator[Path]:
    """A folder with the persona of these benchmarks, `benchmark.md`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "benchmark.md").write_text(PERSONA)
        yield Path(folder)


def ours(personas: Path, executor: str, idle: int) -> list[str]:
    """The runtime as a worker."""
    return [
        *(sys.executable, "-m", "runtime", "mode=serve", "model=offline", "persona=benchmark"),
        *(f"personas_dir={personas}", f"worker.executor={executor}", f"worker.idle_processes={idle}"),
    ]


def bare(personas: Path, executor: str, idle: int, load: str = "none") -> list[str]:
    """The worker that a user would write by hand. With the `default` load it gets no rooms while the machine is
    busy."""
    return [sys.executable, "-m", "tests.benchmarks.bare_worker", str(personas), executor, str(idle), load]


class Worker:
    """A worker that runs, with everything that it started."""

    def __init__(self, command: Sequence[str], url: str) -> None:
        began = time.monotonic()
        keys = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}
        self.url = url
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment() | keys,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output: list[str] = []
        self._registered = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._registered.wait(START_SECONDS) or self._process.poll() is not None:
            self.stop()
            raise RuntimeError(f"{' '.join(command)} did not register:\n{''.join(self.output)}")
        self.start_seconds = self._registered_at - began

    def memory(self) -> float:
        """MiB, proportional set size, of the worker and all that it started."""
        return sum(_of(process, pss) for process in self._processes())

    def cpu(self) -> float:
        """Seconds of CPU that the worker and all that it started and that still runs have used."""
        return sum(_of(process, _cpu_seconds) for process in self._processes())

    def cpu_percent(self, seconds: float) -> float:
        """Percent of a core that they use in the next so many seconds."""
        used, began = self.cpu(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu() - used) / (time.monotonic() - began) * 100

    def threads(self) -> int:
        """How many threads the worker and all that it started have."""
        return sum(int(_of(process, lambda pid: len(os.listdir(f"/proc/{pid}/task")))) for process in self._processes())

    def pids(self) -> list[int]:
        """The worker and all that it started."""
        return self._processes()

    def stop(self) -> None:
        """Ends the worker: told twice it does not wait for calls."""
        for _ in range(2):
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.output.append(line)
            if REGISTERED.search(line) and not self._registered.is_set():
                self._registered_at = time.monotonic()
                self._registered.set()
        self._registered_at = time.monotonic()
        self._registered.set()

    def _processes(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:  # which grows while it is read
            found += _children(pid)
        return found


@contextmanager
def worker(command: Sequence[str], url: str) -> Iterator[Worker]:
    """A worker that is registered with the server at `url`, until the end of the context."""
    running = Worker(command, url)
    try:
        yield running
    finally:
        running.stop()


def start_seconds(command: Sequence[str], url: str) -> float:
    """Command → registered with the server."""
    with worker(command, url) as running:
        return running.start_seconds


def _children(pid: int) -> list[int]:
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children += map(int, task.read_text().split())
        except OSError:  # a thread that has just ended
            continue
    return children


def _of(pid: int, figure: Callable[[int], float]) -> float:
    try:
        return figure(pid)
    except OSError:  # a process that has just ended
        return 0.0


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
