"""What every benchmark needs: whole commands timed side by side, memory, one table."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from runtime.config.persona_file import read_persona

ROOT = Path(__file__).parents[2]
RUNTIME = [sys.executable, "-m", "runtime", "model=offline", "seed=0"]
PERSONA = read_persona(ROOT / "personas/sarah_thompson.md")[0]
OPENING = PERSONA.front.opening["en"][0]
TIMEOUT = 60.0
"""Seconds that a command may take to get where it is awaited."""

T = TypeVar("T")

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. With a `reference` the goal is for their ratio, without one for `ours` itself; None is no goal."""

    what: str
    ours: float
    unit: str
    reference: float | None = None
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        return None if self.goal is None else self._judged <= self.goal

    @property
    def _judged(self) -> float:
        return self.ours / self.reference if self.reference else self.ours

    def cells(self) -> tuple[str, ...]:
        """The row as the table shows it."""
        goal = "" if self.goal is None else f"≤ {self.goal:g} {'×' if self.reference else self.unit}"
        return (
            self.what,
            self._figure(self.ours),
            "" if self.reference is None else self._figure(self.reference),
            f"{self._judged:.2f} ×" if self.reference else "",
            goal.strip(),
            {True: "yes", False: "NO", None: ""}[self.met],
        )

    def _figure(self, value: float) -> str:
        return f"{value:.{0 if value >= 100 or float(value).is_integer() else 1}f} {self.unit}".strip()


def progress(text: str) -> None:
    """What a benchmark that takes minutes is doing."""
    print(text, file=sys.stderr, flush=True)


def print_table(rows: Sequence[Row]) -> None:
    """Prints the rows of one or more benchmarks."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "ours", "reference", "ratio", "goal", "met"):
        table.add_column(column, justify="left" if column in ("what", "met") else "right", overflow="fold")
    for row in rows:
        table.add_row(*row.cells())
    Console(highlight=False).print(table)


def alternate(*measures: Callable[[], T], repeat: int) -> list[list[T]]:
    """Each measure's results, taken in turns (A B A B) so that a machine that slows down slows all of them.

    Each is run once before, unseen: files are in memory and compiled from then on.
    """
    for measure in measures:
        measure()
    rounds = [[measure() for measure in measures] for _ in range(repeat)]
    return [list(results) for results in zip(*rounds, strict=True)]


def ratio_row(what: str, unit: str, ours: Sequence[float], reference: Sequence[float], goal: float | None) -> Row:
    """The medians of two alternated measures. The ratio is the median of the pairs' ratios."""
    ratio = median(a / b for a, b in zip(ours, reference, strict=True))
    middle = median(reference)
    return Row(what, middle * ratio, unit, middle, goal)


def p95(results: Sequence[float]) -> float:
    """What 95 of 100 results stay below."""
    return quantiles(results, n=20)[-1]


def milliseconds(work: Callable[[], object]) -> float:
    """How long the work takes in this process."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def time_to(reached: AbstractContextManager[object]) -> float:
    """Milliseconds until a command is where `on_terminal` or `on_pipe` awaits it."""
    began = time.perf_counter()
    with reached:
        return (time.perf_counter() - began) * 1000


def run_time(command: Sequence[str]) -> float:
    """Milliseconds from a command's start to its end."""
    return milliseconds(
        lambda: subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL)
    )


@cache
def environment() -> dict[str, str]:
    """This process's environment, without LiveKit servers, and with compiled modules kept, as Python does unless told
    not to."""
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"runtime-benchmarks-{os.getuid()}")
    # Set but empty: `.env` does not set them either.
    return env | dict.fromkeys(("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"), "")


@contextmanager
def on_terminal(command: Sequence[str], awaited: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command on a terminal wide enough to wrap nothing, once its output (without escape codes) matches the
    pattern; killed at the end."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 1000, 0, 0))
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=its, stdout=its, stderr=its)
    os.close(its)
    try:
        _await(ours, awaited)
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@contextmanager
def on_pipe(command: Sequence[str], awaited: str) -> Iterator[subprocess.Popen[bytes]]:
    """The same with its input and output piped, and input that never ends."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        _await(process.stdout.fileno(), awaited)
        yield process
    finally:
        process.kill()
        process.communicate()


def _await(output: int, awaited: str) -> None:
    pattern = re.compile(awaited, re.DOTALL)
    seen = b""
    deadline = time.monotonic() + TIMEOUT
    while not pattern.search(_ESCAPES.sub("", seen.decode(errors="ignore"))):
        try:
            data = os.read(output, 65536)
        except OSError:  # a terminal whose program ended
            data = b""
        if not data or time.monotonic() > deadline:
            raise RuntimeError(f"it ended, or took too long, before it showed {awaited!r}: {seen.decode()}")
        seen += data


def pss(pid: int) -> float:
    """A process's memory in MiB, each shared page divided among those who share it. Linux alone tells."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kilobytes) for kilobytes in re.findall(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)) / 1024
