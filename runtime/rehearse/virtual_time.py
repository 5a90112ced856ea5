"""Virtual time for rehearsals in which nothing has to be waited for: it passes as fast as the work is done."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from typing import TypeVar, TypeVarTuple

from ..events import Emit, Ended, Event, Heard, Interim, Said, Started

Arguments = TypeVarTuple("Arguments")
Returned = TypeVar("Returned")

START = 946_684_800.0
"""When a call begins whose time is virtual: 2000-01-01 00:00 UTC."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever nothing else is to be done.

    What a thread of the loop's own executors is still to bring is waited for, and no time passes meanwhile; a socket is
    not, unless `real` is set: from then on time passes as usual.
    """

    def __init__(self) -> None:
        self._passed = 0.0
        self._since: float | None = None
        self.threads = 0
        """How many calls of executors are not over yet."""
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._passed + (time.monotonic() - self._since if self._since is not None else 0.0)

    @property
    def real(self) -> bool:
        """Whether time passes by itself."""
        return self._since is not None

    @real.setter
    def real(self, real: bool) -> None:
        self._passed, self._since = self.time(), time.monotonic() if real else None

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Returned], *args: *Arguments
    ) -> asyncio.Future[Returned]:
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._came)
        return future

    def _came(self, _: object) -> None:
        self.threads -= 1

    def skip(self, seconds: float) -> None:
        """Lets so much time pass at once."""
        self._passed += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.real or timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(None if self._loop.threads else 0)
        if not ready and not self._loop.threads:
            self._loop.skip(timeout)
        return ready


class Retimed:
    """A sink that gives events on with the loop's time in place of the machine's: all of a call then follows from its
    files alone. How long an answer took is not told, as it took no time."""

    def __init__(self, sink: Emit) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._started: float | None = None
        self._line: float | None = None

    def __call__(self, event: Event) -> None:
        now = START + self._loop.time()
        event = replace(event, at=now)
        match event:
            case Started():
                self._started = now
            case Interim(speaker="customer"):
                self._line = self._line or now
            case Heard():
                event = replace(event, start=None, seconds=None)
            case Said():
                start = self._line or now
                event = replace(event, start=start, seconds=round(now - start, 6), latency=None)
                self._line = None
            case Ended():
                event = replace(event, seconds=round(now - (self._started or now), 6), first_word=None)
        self._sink(event)
