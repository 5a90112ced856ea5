"""How busy this machine is, in the terms of LiveKit's server, which sends no room to a worker that says it is busy."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from statistics import fmean

from livekit.agents.utils.hw import get_cpu_monitor

from ..events import Emit, Notice

TARGET_LOAD = 0.7
"""`agents.target_load` of LiveKit's server, its default: it passes over workers at or above it."""
SAMPLE_SECONDS = 0.5
SAMPLES = 20
"""Samples that the load is the mean of: ten seconds, so that eight trainees who join at once (half a second of a core
each) are no reason to refuse the ninth."""


class Load:
    """What a worker reports: below `threshold` (a share of all cores) it gets rooms, from there on it gets none.

    LiveKit's own calculation reports the plain share of the last 2.5 s, which is refused from 0.7 on whatever
    threshold the worker has; and its own check against the threshold counts rooms that have just been taken as if
    each filled the machine.
    """

    def __init__(self, threshold: float, emit: Emit, on_fall: Callable[[], None]) -> None:
        """`on_fall` is called each time that rooms are taken again."""
        self._threshold = threshold
        self._emit = emit
        self._on_fall = on_fall
        self._samples = deque[float](maxlen=SAMPLES)
        self._over = False
        self.closed = False
        """Whether no further room is wanted, however idle the machine is."""

    def reported(self) -> float:
        """The load as the server compares it to its target; 0 without a threshold."""
        if self.closed:
            return 1.0
        return TARGET_LOAD * fmean(self._samples) / self._threshold if self._samples else 0.0

    def add(self, busy: float) -> None:
        """Takes a sample, the share of all cores that was busy; says when the worker stops and starts taking rooms."""
        self._samples.append(busy)
        over = fmean(self._samples) >= self._threshold
        if over != self._over:
            self._over = over
            self._emit(
                Notice(
                    text="over the load threshold: no further rooms until the load falls"
                    if over
                    else "below the load threshold again: taking rooms"
                )
            )
            if not over:
                self._on_fall()

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Takes samples while the context is open, if there is a threshold at all."""
        async with asyncio.TaskGroup() as tasks:
            sampling = tasks.create_task(self._sample())
            try:
                yield
            finally:
                sampling.cancel()

    async def _sample(self) -> None:
        monitor = get_cpu_monitor()
        while not math.isinf(self._threshold):
            self.add(await asyncio.to_thread(monitor.cpu_percent, SAMPLE_SECONDS))
