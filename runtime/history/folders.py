"""A session folder as the index holds it: who called whom when, and what came of it. Folders are only read here."""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..events import Header, Started, from_json
from ..record.folder import EVENTS, LOCAL, SCORECARD, locked, opened, session_entries
from ..record.score import card_from_json
from ..redaction import clean
from ..spec.settings import Record

ID = ".id"
"""The file that tells one folder of sessions from another, wherever it is moved or mounted."""
UNSETTLED_SECONDS = 2.0
"""A folder that changed so few seconds ago is read again: its next change may leave the same timestamp."""
_NAME_LENGTH = 200
_EVENTS_LIMIT, _CARD_LIMIT = 64 * 1024, 4 * 1024 * 1024
_LATEST = 2.0**33
"""Unix time in the year 2242: a later one is broken."""


class PastSession(NamedTuple):
    """One session. All texts are fit to be displayable.

    `path` is the folder below its folder of sessions; `began` is in Unix time, `seconds` how long the call was;
    `missed` names the objectives that were not met, the heaviest first, a line each. Without a scorecard, as the call
    is on or nobody has finished its folder yet, `ending` is empty; without readable events `user` is.
    """

    path: str
    user: str
    persona: str
    began: float
    seconds: float | None
    score: int | None
    passed: bool | None
    ending: str
    missed: str


class Scanned(NamedTuple):
    """A folder as it was come across: `stamp` moves on when a file in it is made, replaced or deleted."""

    path: str
    folder: str
    stamp: int


def scan(record: Record, known: dict[str, int]) -> Iterator[Scanned]:
    """The session folders whose stamp is not the known one, in the order of their names; nothing in them is read. What
    is there is taken out of `known`: what is left is gone."""
    start = len(os.path.join(record.dir, ""))
    for entry in session_entries(record):
        try:
            stamp = entry.stat(follow_symlinks=False).st_mtime_ns
        except OSError:  # it is gone
            continue
        path = _key(entry.path[start:])
        if known.pop(path, None) != stamp:
            yield Scanned(path, entry.path, stamp)


def _key(path: str) -> str:
    """The path as a text that any database takes."""
    return path if path.isascii() else os.fsencode(path).decode(errors="backslashreplace")


def read_session(scanned: Scanned) -> tuple[PastSession, int]:
    """The session in a folder, and the stamp for which that holds; 0 where the folder may still change.

    Whatever lies in the folder is data, and may be broken or hostile: nothing here raises, waits or grows.
    """
    header = started = card = None
    for line in _head(scanned.folder, EVENTS, _EVENTS_LIMIT).decode(errors="replace").splitlines():
        with suppress(ValueError, RecursionError):
            event = from_json(line)
            header = header or (event if isinstance(event, Header) else None)
            if isinstance(event, Started):
                started = event
                break
    if data := _head(scanned.folder, SCORECARD, _CARD_LIMIT):
        with suppress(ValueError, RecursionError):
            card = card_from_json(data)
    settled = card is not None and scanned.stamp < (time.time() - UNSETTLED_SECONDS) * 1e9
    first = started or header
    session = PastSession(
        path=scanned.path,
        user=displayable(header.user or LOCAL) if header else "",
        persona=displayable(_persona(started)) if started else "",
        began=_sane(first.at if first else None, 1.0, _LATEST) or scanned.stamp / 1e9,
        seconds=_sane(card.conduct.seconds, 0.0, _LATEST) if card else None,
        score=card.score if card and card.score is not None and 0 <= card.score <= 100 else None,
        passed=card.passed if card else None,
        ending=displayable(card.ending) if card else "",
        missed="\n".join(displayable(judged.name) for judged in card.missed[:50]) if card else "",
    )
    return session, scanned.stamp if settled else 0


def _persona(started: Started) -> object:
    choices: object = started.choices  # what an event file holds is not checked
    return (choices.get("persona") if isinstance(choices, dict) else None) or started.persona


def _sane(number: object, least: float, most: float) -> float | None:
    return float(number) if isinstance(number, int | float) and least <= number <= most else None


def displayable(text: object) -> str:
    """A text of somebody else's as the index holds it: one line without what cannot be seen or stored."""
    return " ".join(clean(text[: 2 * _NAME_LENGTH]).split())[:_NAME_LENGTH] if isinstance(text, str) else ""


def _head(folder: str, name: str, limit: int) -> bytes:
    """The first bytes of a file; nothing for what is no file, cannot be read, or would have to be waited for."""
    try:
        with opened(os.path.join(folder, name)) as file:
            return file.read(limit)
    except OSError:
        return b""


def identity(record: Record) -> str:
    """The name of this folder of sessions, which it carries with it; made where it has none yet. Raises OSError where
    it cannot be read, or not be made."""
    file = Path(record.dir) / ID
    name = _head(record.dir, ID, 100).decode(errors="replace").strip()
    if not name:
        with locked(file, create=True) as out:  # two that make it at once agree
            name = file.read_text(errors="replace").strip()
            if not name:
                name = uuid.uuid4().hex
                out.write(name.encode() + b"\n")
    return re.sub(r"\W", "", name)[:64]
