"""A model that owes an answer: noticed when it is late, asked again, and given up when that does not help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ..events import Emit, Failure, Recovered

ASK_AGAIN = 2
"""How often a model that does not answer is asked again before the call ends."""
RECONNECT_SECONDS = 2.0
"""A plugin that lost its connection is back after 0.1 s; an answer that was due then is lost."""


class Watchdog:
    """Counts the seconds from a turn of the trainee to the persona's first word.

    After `timeout` seconds without one it calls `ask_again`; after the last time `give_up`.
    """

    def __init__(
        self, timeout: float, emit: Emit, ask_again: Callable[[], None], give_up: Callable[[str], None]
    ) -> None:
        self.timeout = timeout
        self._emit = emit
        self._ask_again = ask_again
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._trouble: float | None = None

    @property
    def expecting(self) -> bool:
        """An answer is due."""
        return self._timer is not None

    def expect(self, seconds: float | None = None) -> None:
        """An answer is due: its first word within so many seconds."""
        self.rest()
        self._timer = asyncio.get_running_loop().call_later(seconds or self.timeout, self._late)

    def rest(self) -> None:
        """No answer is due: nobody has asked, or the trainee speaks again."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def hear(self) -> None:
        """The persona said a word."""
        self.rest()
        self._asked = 0
        if self._trouble is not None:
            self._emit(Recovered(gap_ms=round((time.monotonic() - self._trouble) * 1000)))
            self._trouble = None

    def fail(self, source: str, reason: str) -> None:
        """Something went wrong that the call may survive. An answer that was due is asked for sooner: plugins
        reconnect by themselves, but do not ask again."""
        self._trouble = self._trouble or time.monotonic()
        self._emit(Failure(source=source, reason=reason, recoverable=True))
        if self._timer:
            self.expect(RECONNECT_SECONDS)

    def _late(self) -> None:
        self._timer = None
        self._asked += 1
        if self._asked > ASK_AGAIN:
            self._emit(Failure(source="model", reason="no answer; the call cannot go on", recoverable=False))
            self._give_up("no_answer")
            return
        self.fail("model", "no answer; asked again")
        self.expect()
        self._ask_again()
