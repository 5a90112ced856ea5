"""The index of the session folders, in SQLite or Postgres. It holds nothing that is not in a folder: it may be deleted
at any time, and is made again."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    make_url,
    select,
)
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..errors import SpecError, extra_command, shown_path, suggest
from ..events import Emit, Notice
from ..redaction import note_secret, redacted
from ..spec.settings import Settings
from .folders import PastSession, Scanned, displayable, identity, read_session, scan

logger = logging.getLogger(__name__)

FILE = "history.sqlite"
"""The index beside the session folders, where no other is named."""
EVERY_SECONDS = 60.0
"""How often a worker brings an index that is kept elsewhere up to date."""
BATCH = 1000
"""Sessions that are written at once."""
TREND = 20
"""Scores that a trend shows at most, the latest ones."""
_WAIT_SECONDS = 30
"""How long one writer waits for another."""
_PSYCOPG = "postgresql+psycopg"
_DIALECTS = {"sqlite": "sqlite"} | dict.fromkeys(("postgresql", "postgres", _PSYCOPG), _PSYCOPG)
"""The database and driver that each prefix of a URL stands for."""
_BROKEN = (11, 26)
"""SQLite's codes for a file that is damaged, and for one that is no database."""

# The name has a version: a program that wants other columns makes a table of its own, beside an older one's.
_SESSIONS = Table(
    "voice_persona_sessions_1",
    MetaData(),
    Column("origin", String(64), primary_key=True),
    Column("path", String(600), primary_key=True),
    Column("user", String(200), nullable=False),
    Column("persona", String(200), nullable=False),
    Column("began", Float(53), nullable=False),
    Column("seconds", Float(53)),
    Column("score", Integer),
    Column("passed", Boolean),
    Column("ending", String(200), nullable=False),
    Column("missed", String, nullable=False),
    Column("stamp", BigInteger, nullable=False),
)
_COLUMNS = _SESSIONS.c


class Index:
    """The index of a folder of sessions, and of all others that share its database.

    Any number of programs may use one at once: what each writes is what is in the folders, and what they write at the
    same time about the same folder is put right the next time, as its stamp tells.

    All methods raise SpecError where the database cannot be used; the text names no password and nobody.
    """

    def __init__(self, settings: Settings) -> None:
        self._record = settings.record
        self._own = settings.history.url is None
        file = Path(settings.record.dir) / FILE
        self._file = file if self._own else None
        self._where = shown_path(file) if self._own else "history.url"
        url = URL.create("sqlite", database=str(file)) if self._own else _url(settings.history.url or "")
        self._engine = _engine(url)
        self._prepared = False

    def sync(self) -> int:
        """Brings the index up to date with the folders: new, changed and deleted ones; how many there were."""
        return self._done(self._sync) if Path(self._record.dir).is_dir() else 0

    def _sync(self) -> int:
        self._prepare()
        origin = identity(self._record)
        known_stamps = select(_COLUMNS.path, _COLUMNS.stamp).where(_COLUMNS.origin == origin)
        with self._engine.connect() as connection:
            known = {path: stamp for path, stamp in connection.execute(known_stamps).all()}  # noqa: C416 - a Row is no pair to mypy
        changed = scan(self._record, known)
        count = 0
        while batch := list(islice(changed, BATCH)):
            self._write(origin, batch)
            count += len(batch)
        if known:
            with self._engine.begin() as connection:
                _delete(connection, [(origin, path) for path in known])
        return count + len(known)

    def _write(self, origin: str, batch: Sequence[Scanned]) -> None:
        rows = []
        for scanned in batch:
            session, stamp = read_session(scanned)
            rows.append({"origin": origin, "stamp": stamp, **session._asdict()})
        module: Any = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}")  # Postgres's takes its time
        insert = module.insert(_SESSIONS)
        written = {c.name: insert.excluded[c.name] for c in _SESSIONS.columns if not c.primary_key}
        with self._engine.begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["origin", "path"], set_=written), rows)
        # Whoever is forgotten between the reading and the writing is not brought back: folders are deleted first.
        if gone := [(origin, scanned.path) for scanned in batch if not os.path.isdir(scanned.folder)]:
            with self._engine.begin() as connection:
                _delete(connection, gone)

    def sessions(self, user: str | None = None, persona: str | None = None) -> list[PastSession]:
        """The sessions of this trainee and with this persona, or all; the latest first. Raises SpecError also for a
        user or a persona who has none."""
        wanted = select(*(_COLUMNS[name] for name in PastSession._fields))
        if user is not None:
            wanted = wanted.where(_COLUMNS.user == displayable(user))
        if persona is not None:
            wanted = wanted.where(_COLUMNS.persona == displayable(persona))
        with self._errors():
            self._prepare()
            with self._engine.connect() as connection:
                found = connection.execute(wanted.order_by(_COLUMNS.began.desc(), _COLUMNS.path.desc()))
                sessions = [PastSession._make(row) for row in found.all()]
                if sessions:
                    return sessions
                for key, name in (("user", user), ("persona", persona)):
                    names = connection.execute(select(_COLUMNS[key]).distinct()).scalars().all() if name else ()
                    if name and (name := displayable(name)) not in names:
                        raise SpecError(f"{key}={name}: no session of this name{suggest(name, filter(None, names))}")
        return []

    def forget(self, user: str) -> int:
        """Deletes all that the index holds of this trainee; returns how many sessions. Delete their folders first: the
        next `sync` adds again what is in a folder."""
        if self._file is not None and not self._file.exists():
            return 0
        return self._done(lambda: self._forget(user))

    def _forget(self, user: str) -> int:
        self._prepare()
        theirs = select(_COLUMNS.origin, _COLUMNS.path).where(_COLUMNS.user == displayable(user))
        with self._engine.begin() as connection:
            keys = [(origin, path) for origin, path in connection.execute(theirs)]
            _delete(connection, keys)
        return len(keys)

    def _prepare(self) -> None:
        """Makes the table where there is none."""
        if self._prepared:
            return
        if self._file is not None:  # nobody else's to read, as the folders are
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            _SESSIONS.metadata.create_all(self._engine)
        except DatabaseError as error:
            if _is_broken(error):
                raise
            _SESSIONS.metadata.create_all(self._engine)  # another program has just made it
        self._prepared = True

    def _done(self, work: Callable[[], int]) -> int:
        """Does work that writes. A damaged file beside the folders is made anew."""
        with self._errors():
            try:
                return work()
            except DatabaseError as error:
                if self._file is None or not _is_broken(error):
                    raise
                self._file.unlink(missing_ok=True)
                self._prepared = False
                return work()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = shown_path(error.filename) if isinstance(error.filename, str) else self._where
            raise SpecError(f"history: {where}: {error.strerror or error}") from None
        except SQLAlchemyError as error:
            why = getattr(error, "orig", None) or error
            raise SpecError(f"history: {self._where}: {redacted(str(why))}") from None


def _is_broken(error: DatabaseError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) in _BROKEN


def _delete(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    # One by one and in order, as they are written: two programs that wait for each other's rows would wait for ever.
    for origin, path in sorted(keys):
        connection.execute(delete(_SESSIONS).where(_COLUMNS.origin == origin, _COLUMNS.path == path))


def _engine(url: URL) -> Engine:
    waits: dict[str, Any] = {"connect_timeout": 10, "tcp_user_timeout": _WAIT_SECONDS * 1000}
    if url.drivername == "sqlite":
        waits = {"timeout": _WAIT_SECONDS}
    try:
        # No connection is kept for what is done once a minute; no parameter is told, as they are people's names.
        engine = create_engine(url, hide_parameters=True, poolclass=NullPool, connect_args=waits)
    except ImportError:
        raise SpecError(f"history.url needs a package that is not installed: {extra_command('postgres')}") from None
    if url.drivername == "sqlite":
        # Who was forgotten is not left in the file's free pages.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA secure_delete=ON"))
    return engine


def _url(written: str) -> URL:
    """The database that `history.url` names, itself or by `env:NAME`. Raises SpecError where NAME is not set, or it is
    no database that can be used."""
    if written.startswith("env:"):
        name = written.removeprefix("env:")
        if not (written := os.environ.get(name, "")):
            raise SpecError(f"history.url: {name} is not set. Put it in the environment or in .env")
        note_secret(name, written)
    try:
        url = make_url(written)
    except (SQLAlchemyError, ValueError):
        raise SpecError("history.url is no address of a database, such as postgresql://HOST/NAME") from None
    if url.password:
        note_secret("history.url", url.password)
    if url.drivername not in _DIALECTS:
        raise SpecError(f"history.url: {url.drivername}{suggest(url.drivername, ('sqlite', 'postgresql'))}")
    return url.set(drivername=_DIALECTS[url.drivername])


class Progress(NamedTuple):
    """What became of a trainee with one persona. `scores` are the latest, the oldest first; `missed` are the objectives
    that were not met in the latest session that has a score, or, where all were and it did not pass, its ending."""

    user: str
    persona: str
    sessions: int
    passed: int
    best: int | None
    scores: tuple[int, ...]
    missed: tuple[str, ...]


def progress(sessions: Iterable[PastSession]) -> list[Progress]:
    """The progress in sessions that come the latest first, for each trainee and persona; whoever called last first."""
    groups: dict[tuple[str, str], list[PastSession]] = {}
    for session in sessions:
        groups.setdefault((session.user, session.persona), []).append(session)
    found = []
    for (user, persona), theirs in groups.items():
        scored = [session for session in theirs if session.score is not None]
        scores = [session.score for session in scored if session.score is not None]
        found.append(
            Progress(
                user,
                persona,
                sessions=len(theirs),
                passed=sum(session.passed is True for session in theirs),
                best=max(scores, default=None),
                scores=tuple(reversed(scores[:TREND])),
                missed=_missed(scored[0]) if scored else (),
            )
        )
    return found


def _missed(session: PastSession) -> tuple[str, ...]:
    return tuple(session.missed.splitlines()) or (() if session.passed is not False else ("a good ending",))


async def keep_up(settings: Settings, emit: Emit) -> None:
    """Brings the index up to date, at once and each minute. Runs for ever, beside the calls and on a thread; what goes
    wrong is a line, once as long as it stays the same."""
    told = ""
    while True:
        line = await asyncio.to_thread(update, settings)
        if line and line != told:
            emit(Notice(text=line))
        told = line
        await asyncio.sleep(EVERY_SECONDS)


def update(settings: Settings) -> str:
    """Brings the index up to date; where that fails, the line that says why. Nothing is raised: calls may be on."""
    try:
        Index(settings).sync()
    except SpecError as error:
        return f"the history is not up to date: {error}"
    except Exception as error:
        logger.exception("the index of past sessions could not be brought up to date")
        return f"the history is not up to date: {redacted(str(error))}"
    return ""
