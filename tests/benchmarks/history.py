"""A hundred thousand session folders: how long until they are listed, and until the index is made anew."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.events import Header, Started, to_json
from runtime.history.index import FILE, Index, progress
from runtime.record.conduct import Conduct
from runtime.record.folder import EVENTS, SCORECARD
from runtime.record.score import Judged, Result, Scorecard, card_to_json
from runtime.spec.settings import Record, Settings

from .measure import ROOT, Row, milliseconds
from .measure import progress as tell

SESSIONS, TRAINEES = 100_000, 500
NOW = 1_795_000_000


def rows() -> list[Row]:
    """Milliseconds to list all sessions, whose index is up to date, as a user of the program waits for it and without
    the program's start; and milliseconds a folder when there is no index."""
    with _folders() as sessions:
        settings = Settings(record=Record(dir=str(sessions)))
        built = milliseconds(lambda: Index(settings).sync())
        listed = min(milliseconds(lambda: _list(settings)) for _ in range(5))
        ours = f"{sys.executable} -m runtime mode=history record.dir={sessions}"
        start = min(milliseconds(lambda: _run(f"{ours}/none")) for _ in range(3))
        whole = min(milliseconds(lambda: _run(ours)) for _ in range(3))
        (sessions / FILE).unlink()
    return [
        Row("100,000 sessions brought up to date and listed, in this process", listed, "ms", goal=1000),
        Row("the same by mode=history into a pipe, without the program's start", whole - start, "ms", goal=1000),
        Row("an index made anew, each session", built / SESSIONS, "ms"),
    ]


def _list(settings: Settings) -> None:
    """As `mode=history` does, which ends before there is any garbage."""
    gc.disable()
    index = Index(settings)
    assert index.sync() == 0
    sessions = index.sessions()
    assert len(sessions) == SESSIONS and len(progress(sessions)) == TRAINEES
    gc.enable()


def _run(command: str) -> None:
    subprocess.run(f"{command} >{os.devnull}", shell=True, cwd=ROOT, check=True)


@contextmanager
def _folders() -> Iterator[Path]:
    """Folders of calls, of three hundred days."""
    with tempfile.TemporaryDirectory() as folder:
        tell(f"making {SESSIONS:,} session folders …")
        for number in range(SESSIONS):
            _write(Path(folder), number)
        time.sleep(2.1)  # what was changed just now is read again
        yield Path(folder)


def _write(sessions: Path, number: int) -> None:
    at = NOW - number * 250
    when, user = time.localtime(at), f"trainee-{number % TRAINEES}"
    folder = sessions / time.strftime("%Y-%m-%d", when) / f"{time.strftime('%H%M%S', when)}-sarah_thompson-{user}"
    folder.mkdir(parents=True)
    choices = {"persona": "sarah_thompson", "model": "offline"}
    started = Started(at=at, persona="Sarah Thompson", choices=choices, language="English", revision="0" * 12)
    (folder / EVENTS).write_text(f"{to_json(Header(at=at, user=user))}\n{to_json(started)}\n")
    (folder / SCORECARD).write_bytes(card_to_json(_card(number % 101)))


def _card(score: int) -> Scorecard:
    results = (Result.MET if score > 50 else Result.NOT_MET, Result.NOT_MET, Result.MET)
    names = ("takes ownership", "gives a date", "asks for the account")
    return Scorecard(
        persona="Sarah Thompson",
        revision="0" * 12,
        score=score,
        pass_mark=70,
        passed=score >= 70,
        why="score",
        ending="resolved",
        objectives=tuple(Judged(name, 2, False, result) for name, result in zip(names, results, strict=True)),
        conduct=Conduct(300.0, 12, 0.5, "time", 1, 0, (), 140, "words", 12.0, 100.0, 0.8, 1.2),
    )
