"""The only writer of a call's folder while the call is on."""

from __future__ import annotations

import asyncio
import logging
import platform
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from ..errors import shown_path
from ..events import Event, Header, Notice, to_json
from ..redaction import redacted
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .folder import EVENTS, SPEC, adapter, finish, locked, make_folder, make_private, write_private
from .score import Scorecard

logger = logging.getLogger(__name__)

WAITING_LIMIT = 20_000
"""Events that wait for a disk that does not take them; what comes beyond is dropped."""
CLOSE_SECONDS = 10.0
"""How long the end of a call waits for its folder. What is not finished then is finished at the next start."""
_PACKAGES = ("livekit-agents", "livekit", "livekit-plugins-google", "livekit-plugins-openai")
_LEFT_OUT: dict[str, Any] = {
    "language": {"customer"},  # of which the arc has all that this persona took over
    "persona": {"sections"},  # which are cut from the prose
    "arc": {"front": {"named_cues", "neutral"}},  # see `scored_by`
}
"""Of a spec what no folder needs to be scored again: half of it."""


class SessionWriter:
    """Takes a call's events and writes them down, on a thread of its own: whatever the disk does, the call goes on.

    Args:
        record: where, and what.
        spec: what the call is made from.
        user: the trainee's user id; empty where nobody knows.
        tell: takes the one line that says why nothing more is written; called on the writing thread.
        place: the folder to make, and the Unix time that its first line bears; without one a new folder of today.
        path: is given the folder, once it is there, or the OSError that keeps it from being made.
    """

    def __init__(
        self,
        record: Record,
        spec: SessionSpec,
        user: str,
        tell: Callable[[Event], None],
        place: tuple[Path, float] | None = None,
        path: Future[Path] | None = None,
    ) -> None:
        self._record = record
        self._spec = spec
        self._user = user
        self._tell = tell
        self._place = place
        self._waiting: queue.SimpleQueue[Event | SessionSpec | None] = queue.SimpleQueue()
        self._failed = False
        self._card: Future[Scorecard | None] = Future()
        self.path = path or Future[Path]()
        threading.Thread(target=self._run, daemon=True, name="session folder").start()

    def write(self, event: Event) -> None:
        """Takes an event; never waits, never raises."""
        if not self._failed and self._waiting.qsize() < WAITING_LIMIT:
            self._waiting.put(event)

    def adopt(self, spec: SessionSpec) -> None:
        """The call has got another spec: it is kept beside the first."""
        if not self._failed:
            self._waiting.put(spec)

    async def close(self) -> Scorecard | None:
        """Nothing more comes: makes transcript, scorecard and report. None where that fails, or takes too long."""
        self._waiting.put(None)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                return await asyncio.shield(asyncio.wrap_future(self._card))
        except TimeoutError:
            return None

    def _run(self) -> None:
        card = None
        try:
            folder, began = self._make()
            with locked(folder / EVENTS, create=True) as events:
                header = Header(at=began, user=self._user, packages=dict(_packages()), prices=self._record.prices)
                put_line(events, header)  # first of all: whose the folder is
                _write_spec(folder / SPEC, self._spec)
                self.path.set_result(folder)
                self._write(folder, events)
                card = finish(folder)
        except OSError as error:
            where = f": {shown_path(error.filename)}" if error.filename else ""
            self._give_up(f"this call is not recorded any further: {error.strerror or error}{where}")
            if not self.path.done():
                self.path.set_exception(error)
        except Exception as error:  # a report that cannot be made must not end the program
            logger.exception("the session folder is not finished")
            self._give_up(f"this call's folder is not finished: {error}")
        finally:
            self._failed = True
            self._card.set_result(card)

    def _make(self) -> tuple[Path, float]:
        if self._place is None:
            persona = self._spec.choices.get("persona", self._spec.persona.id)
            return make_folder(self._record, persona, self._user), time.time()
        make_private(self._place[0])
        return self._place

    def _write(self, folder: Path, events: IO[bytes]) -> None:
        while (item := self._waiting.get()) is not None:
            if isinstance(item, SessionSpec):
                if item.revision != self._spec.revision:
                    _write_spec(folder / f"spec.{item.revision}.yaml", item)
            else:
                put_line(events, item)

    def _give_up(self, line: str) -> None:
        self._failed = True
        with suppress(Exception):  # the call may be over
            self._tell(Notice(text=line))


def put_line(file: IO[bytes], event: Event) -> None:
    """Adds an event to an unbuffered file: with the system when this returns, so that a killed process loses none.
    Raises OSError where there is no room for it."""
    line = to_json(event).encode(errors="replace") + b"\n"
    while line:  # a disk that is about full takes a part
        line = line[file.write(line) :]


def _write_spec(file: Path, spec: SessionSpec) -> None:
    # JSON, which is YAML too: what runs a call has no YAML library.
    write_private(file, redacted(adapter(SessionSpec).dump_json(spec, indent=1, exclude=_LEFT_OUT).decode()) + "\n")


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return tuple(found)
