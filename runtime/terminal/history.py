"""`mode=history`: past sessions and each trainee's progress, as tables on a terminal and as lines in a pipe."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ..config.mistakes import check_persona
from ..errors import SpecError
from ..history.folders import PastSession
from ..history.index import Index, Progress, progress
from ..record.texts import ended, minutes, verdict
from ..redaction import clean
from ..spec.settings import OutputFormat, Settings

SHOWN = 40
"""Sessions, and trainees, that a terminal shows. A pipe gets all."""
TREND = "▁▂▃▄▅▆▇█"
FOLDER_WIDTH = 120
"""Columns of a terminal from which on the folders are shown too."""


def show_history(settings: Settings, persona: str | None) -> None:
    """Prints the sessions of `user` and with this persona, or all, after the index has been brought up to date. Where
    that cannot be done, what it holds is shown, and a line on stderr says so. Raises SpecError where it cannot be read,
    or has nobody of this name."""
    root = os.path.join(clean(settings.record.dir), "")
    if settings.history.url is None and not Path(settings.record.dir).is_dir():
        if persona:
            check_persona(persona)
        print(f"no session folders in {root}")
        return
    index = Index(settings)
    stale = ""
    try:
        index.sync()
    except SpecError as error:
        stale = str(error)
    try:
        sessions = index.sessions(settings.user, persona)
    except SpecError as error:
        stale = "" if str(error) == stale else stale  # what keeps it from being read too is told once
        raise
    finally:
        if stale:
            print(f"not up to date: {stale}", file=sys.stderr)
    if not sessions:
        of = "".join(f" {word} {clean(name)}" for word, name in (("of", settings.user), ("with", persona)) if name)
        print(f"no session{of} yet")
    elif settings.lines is OutputFormat.JSON:
        sys.stdout.write("".join(map(_json, sessions)))
    elif sys.stdout.isatty():
        _print_tables(sessions, progress(sessions), root)
    else:
        lines = ["\t".join(_cells(session, root)) for session in sessions]
        lines += ["", *("\t".join(_progress_cells(one)) for one in progress(sessions)), ""]
        sys.stdout.write("\n".join(lines))


def _print_tables(sessions: Sequence[PastSession], trainees: Sequence[Progress], root: str) -> None:
    from rich.console import Console  # a pipe has no use for it

    from .view import table

    console = Console(highlight=False)
    columns = ["when", "trainee", "persona", "score", "result", "length", "ended by", "folder"]
    if console.width < FOLDER_WIDTH:
        columns.pop()
    rows = [_cells(session, root)[: len(columns)] for session in sessions[:SHOWN]]
    console.print(table(_title("sessions", len(sessions)), columns, rows, console.width))
    console.print()
    columns = ["trainee", "persona", "sessions", "passed", "best", "last", "trend", "still missed"]
    rows = [_progress_cells(one) for one in trainees[:SHOWN]]
    console.print(table(_title("trainees", len(trainees)), columns, rows, console.width))


def _title(what: str, count: int) -> str:
    return what if count <= SHOWN else f"{what} (the latest {SHOWN} of {count}; piped, all)"


def _cells(session: PastSession, root: str) -> list[str]:
    return [
        datetime.fromtimestamp(session.began).isoformat(" ", "minutes"),
        session.user or "(not readable)",
        session.persona or "–",
        "–" if session.score is None else str(session.score),
        verdict(session.passed) if session.ending else "no score yet",
        "–" if session.seconds is None else minutes(session.seconds),
        ended(session.ending, session.persona, "en") or "–",
        root + session.path,
    ]


def _progress_cells(one: Progress) -> list[str]:
    return [
        one.user or "(not readable)",
        one.persona or "–",
        str(one.sessions),
        str(one.passed),
        "–" if one.best is None else str(one.best),
        str(one.scores[-1]) if one.scores else "–",
        "".join(TREND[score * len(TREND) // 101] for score in one.scores) or "–",
        "; ".join(one.missed) or ("nothing" if one.scores else "–"),
    ]


def _json(session: PastSession) -> str:
    return json.dumps({**session._asdict(), "missed": session.missed.splitlines()}, ensure_ascii=False) + "\n"
