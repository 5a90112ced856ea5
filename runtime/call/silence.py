"""A trainee who is silent: what the persona then says, each line after its own time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ..spec.persona import Timer


class Silence:
    """Counts a silence, and calls `on_timer` for each timer whose seconds of it are over, once.

    It begins when the persona has finished what she said, and ends when the trainee speaks or types. A timer's own line
    is part of it: one of 30 s comes 20 s after one of 10 s.
    """

    def __init__(self, on_timer: Callable[[Timer], None]) -> None:
        self._on_timer = on_timer
        self._since: float | None = None
        self._waiting: list[asyncio.TimerHandle] = []
        self._fired: list[Timer] = []

    def count(self, timers: Iterable[Timer]) -> None:
        """Nobody speaks: the silence begins, or goes on after a timer's line."""
        self.pause()
        loop = asyncio.get_running_loop()
        self._since = loop.time() if self._since is None else self._since
        for timer in timers:
            if timer.silence is not None and timer not in self._fired:
                self._waiting.append(loop.call_at(self._since + timer.silence, self._fire, timer))

    def pause(self) -> None:
        """The persona speaks, or is about to: no further line meanwhile."""
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()

    def end(self) -> None:
        """The trainee is not silent any more."""
        self.pause()
        self._since = None
        self._fired.clear()

    def _fire(self, timer: Timer) -> None:
        self._fired.append(timer)
        self._on_timer(timer)
