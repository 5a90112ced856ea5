"""Notices when a model is late with an answer, has it asked again, and gives the call up when that does not help."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import replace

from ..events import Emit, Failure, Recovered

ASK_AGAIN = 2
"""How often a model that does not answer is asked again before the call ends."""
RECONNECT_SECONDS = 2.0
"""A plugin that lost its connection is back after 0.1 s; an answer that was due then is lost."""
KINDS_TOLD = 8
"""Different failures that are told until the persona speaks again; any more are only counted."""


class Watchdog:
    """Counts the seconds from a turn of the trainee to the persona's first word.

    After `timeout` seconds without one it calls `ask_again`; after the last time `give_up`. Whenever an answer is due,
    or no longer, it calls `changed`. What fails meanwhile is told once, and how often it did when she speaks again or
    the call ends.
    """

    def __init__(
        self,
        timeout: float,
        emit: Emit,
        ask_again: Callable[[], None],
        give_up: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.timeout = timeout
        self._emit = emit
        self._ask_again = ask_again
        self._give_up = give_up
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        self._trouble: float | None = None
        self._over = False
        self._failures: dict[tuple[str, str], tuple[Failure, int]] = {}

    @property
    def expecting(self) -> bool:
        """An answer is due."""
        return self._timer is not None

    def expect(self, seconds: float | None = None, *, perhaps: bool = False) -> None:
        """An answer is due, its first word within so many seconds. With `perhaps` it is not asked for when it does not
        come: what was heard may have been no speech."""
        if self._timer:
            self._timer.cancel()
        late = self.rest if perhaps else self._late
        self._timer = asyncio.get_running_loop().call_later(seconds or self.timeout, late)
        self._changed()

    def rest(self) -> None:
        """No answer is due: nobody has asked, or the trainee speaks again."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
            self._changed()

    def hear(self) -> None:
        """The persona speaks."""
        if self._over:
            return
        self.rest()
        self._asked = 0
        if self._trouble is not None:
            self._tell_counts()
            self._emit(Recovered(gap_ms=round((time.monotonic() - self._trouble) * 1000)))
            self._trouble = None

    def fail(self, source: str, reason: str) -> None:
        """Something went wrong that the call may survive. An answer that was due is asked for sooner: plugins
        reconnect by themselves, but do not ask again."""
        if self._over:
            return
        self._trouble = self._trouble or time.monotonic()
        kind = source, re.sub(r"[0-9a-fA-F-]{8,}|\d+", "#", reason)  # request ids and counters are no other failure
        if kind in self._failures or len(self._failures) == KINDS_TOLD:
            kind = kind if kind in self._failures else next(reversed(self._failures))
            failure, times = self._failures[kind]
            self._failures[kind] = failure, times + 1
        else:
            failure = Failure(source=source, reason=reason, recoverable=True)
            self._failures[kind] = failure, 1
            self._emit(failure)
        if self._timer:
            self.expect(RECONNECT_SECONDS)

    def fail_for_good(self, source: str, reason: str) -> None:
        """Something went wrong that the call ends by."""
        if self._over:
            return
        self.close()
        self._emit(Failure(source=source, reason=reason, recoverable=False))

    def close(self) -> None:
        """The call is over: nothing that fails from now on concerns anybody."""
        self._over = True
        self.rest()
        self._tell_counts()

    def _tell_counts(self) -> None:
        failures, self._failures = self._failures, {}
        for failure, times in failures.values():
            if times > 1:
                self._emit(replace(failure, at=time.time(), times=times))

    def _late(self) -> None:
        self._timer = None
        self._asked += 1
        if self._asked > ASK_AGAIN:
            self.fail_for_good("model", "no answer; the call cannot go on")
            self._give_up("no_answer")
            return
        if not self._failures:  # else it has been told why there is no answer
            self.fail("model", "no answer; asked again")
        self.expect()
        self._ask_again()
