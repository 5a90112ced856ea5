"""The folder that a call leaves: its only writer while the call is on, and what makes the rest of it afterwards."""

from __future__ import annotations

import asyncio
import fcntl
import glob
import json
import logging
import os
import platform
import queue
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from ..errors import SpecError, shown_path
from ..events import CueFound, Event, Header, Heard, Interim, Notice, Said, Scored, to_json
from ..redaction import clean, redacted
from ..spec.persona import FrontMatter
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .call_log import CallLog, parse
from .rescore import listened
from .score import Scorecard, Verdict, from_json, score
from .score import to_json as card_to_json
from .texts import clock, texts_in

logger = logging.getLogger(__name__)

EVENTS, SPEC, AUDIO = "events.jsonl", "spec.yaml", "audio.ogg"
TRANSCRIPT, SCORECARD, REPORT = "transcript.md", "scorecard.json", "report.html"
LOCAL = "local"
"""The user of a call that no room's name gives one."""
NAME_BYTES = 60
"""Of a persona's or a user's name in a folder's name."""
WAITING_LIMIT = 20_000
"""Events that wait for a disk that does not take them; what comes beyond is dropped."""
CLOSE_SECONDS = 10.0
"""How long the end of a call waits for its folder. What is not finished then is finished at the next start."""
DAYS_BEFORE, ATTEMPTS_BEFORE = 60, 3
"""How far back a report looks for the same trainee's calls, and how many it shows."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_PACKAGES = ("livekit-agents", "livekit", "livekit-plugins-google", "livekit-plugins-openai")


@cache
def _adapter(shape: type[Any]) -> TypeAdapter[Any]:
    """Reads and writes such a thing as JSON. Made when it is needed: it takes its time, and who lists calls has no use
    for it."""
    return TypeAdapter(shape)


class SessionFolder:
    """Takes a call's events and writes them down, on a thread of its own: whatever the disk does, the call goes on.

    Args:
        record: where, and what.
        spec: what the call is made from.
        user: the trainee's user id; empty where nobody knows.
        tell: takes the one line that says why nothing more is written; called on the writing thread.
        place: the folder to make, and the Unix time that its first line bears; without one a new folder of today.
    """

    def __init__(
        self,
        record: Record,
        spec: SessionSpec,
        user: str,
        tell: Callable[[Event], None],
        place: tuple[Path, float] | None = None,
    ) -> None:
        self._record = record
        self._spec = spec
        self._user = user
        self._tell = tell
        self._place = place
        self._waiting: queue.SimpleQueue[Event | SessionSpec | None] = queue.SimpleQueue()
        self._failed = False
        self._card: Future[Scorecard | None] = Future()
        self.path: Future[Path] = Future()
        """The folder, once it is there. Fails with the OSError that keeps it from being made."""
        threading.Thread(target=self._run, daemon=True, name="session folder").start()

    def write(self, event: Event) -> None:
        """Takes an event; never waits, never raises. What is still moving is not kept: its whole line comes."""
        if not self._failed and not isinstance(event, Interim) and self._waiting.qsize() < WAITING_LIMIT:
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
                _write_spec(folder / SPEC, self._spec)
                put_line(events, Header(at=began, user=self._user, packages=dict(_packages())))
                self.path.set_result(folder)
                self._write(folder, events)
                card = finish(folder)
        except OSError as error:
            self._give_up(f"this call is not recorded any further: {_why(error)}")
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
        self._place[0].mkdir(mode=0o700, parents=True, exist_ok=True)
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

    Raises:
        OSError: there is no room for it.
    """
    line = to_json(event).encode(errors="replace") + b"\n"
    while line:  # a disk that is about full takes a part
        line = line[file.write(line) :]


def _why(error: OSError) -> str:
    where = f": {shown_path(error.filename)}" if error.filename else ""
    return f"{error.strerror or error}{where}"


def make_folder(record: Record, persona: str, user: str, now: float | None = None) -> Path:
    """A new folder `DATE/TIME-PERSONA-USER` that only this user of the machine can read; a second one of the same
    second gets a number.

    Raises:
        OSError: it cannot be made.
    """
    when = time.localtime(now)
    day = Path(record.dir) / time.strftime("%Y-%m-%d", when)
    day.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.strftime('%H%M%S', when)}-{safe_name(persona)}-{safe_name(user or LOCAL)}"
    number = 1
    while True:
        folder = day / (name if number == 1 else f"{name}.{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        return folder


def folders(record: Record) -> Iterator[Path]:
    """All session folders, the oldest day first."""
    return (Path(entry.path) for entry in session_entries(record))


def session_entries(record: Record) -> Iterator[os.DirEntry[str]]:
    """All session folders as the system lists them: of a hundred thousand none is looked at twice."""
    for day in _folders_in(record.dir):
        if _DAY.fullmatch(day.name):
            yield from _folders_in(day.path)


def _folders_in(folder: str) -> list[os.DirEntry[str]]:
    """The folders in a folder by their names; links are none. Nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name)


def safe_name(name: str) -> str:
    """What a folder may be called for anybody's name: letters and digits of any script, `_` and `-`."""
    name = re.sub(r"[^\w-]+", "-", unicodedata.normalize("NFC", name)).strip("-")
    return name.encode()[:NAME_BYTES].decode(errors="ignore") or "unnamed"


@contextmanager
def locked(file: Path, *, create: bool = False) -> Iterator[IO[bytes]]:
    """The event file, open to be appended to, and nobody else's as long: how a folder in use is known from one whose
    call was killed. The system lets go of the lock with the process.

    Raises:
        BlockingIOError: it is somebody else's.
    """
    handle = os.open(file, os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0), 0o600)
    with os.fdopen(handle, "ab", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if create else fcntl.LOCK_NB))
        yield opened


def _write_spec(file: Path, spec: SessionSpec) -> None:
    # JSON, which is YAML too: what runs a call has no YAML library.
    write_private(
        file,
        redacted(json.dumps(json.loads(_adapter(SessionSpec).dump_json(spec)), ensure_ascii=False, indent=1)) + "\n",
    )


def write_private(file: Path, text: str | bytes) -> None:
    """Writes a file whole or not at all, readable by this user of the machine alone."""
    draft = file.with_name(f".{file.name}.new")
    data = text.encode(errors="replace") if isinstance(text, str) else text
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
    draft.replace(file)


@cache
def _packages() -> tuple[tuple[str, str], ...]:
    found = [("python", platform.python_version())]
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Kept:
    """A session folder as it was read: the events, and what of the spec its report and score need."""

    folder: Path
    log: CallLog
    front: FrontMatter
    language: str
    name: str
    choices: Mapping[str, str]


def read_folder(folder: Path) -> Kept:
    """Reads a session folder, of this version or an earlier one.

    Raises:
        SpecError: it is none.
    """
    try:
        with open(folder / EVENTS, encoding="utf-8", errors="replace") as lines:
            log = parse(lines)
    except OSError as error:
        raise SpecError(f"not a session folder: {error.strerror}", file=folder / EVENTS) from None
    if not log.events:
        raise SpecError("no event of a call", file=folder / EVENTS)
    spec = _read_spec(folder, log)
    persona = _mapping(spec.get("persona"))
    choices = {key: str(value) for key, value in _mapping(spec.get("choices")).items()}
    front = FrontMatter()
    for source in (_mapping(spec.get("arc")), persona):
        with suppress(ValidationError):
            front = _adapter(FrontMatter).validate_python(_without_unknown(_mapping(source.get("front"))))
            break
    language = str(_mapping(spec.get("language")).get("base") or "en")
    if not log.of(CueFound):
        log = listened(log, front, language)  # nobody listened while the call was on
    name = str(persona.get("name") or (log.started.persona if log.started else ""))
    return Kept(folder, log, front, language, name, choices)


def _read_spec(folder: Path, log: CallLog) -> dict[str, Any]:
    """The spec that the call ended with, or the nearest to it that is there."""
    revisions = [line.event.revision for line in log.lines if isinstance(line.event, Heard | Said)]
    files = [folder / f"spec.{revision}.yaml" for revision in reversed(revisions)]
    for file in (*dict.fromkeys(files), folder / SPEC):
        with suppress(OSError, ValueError):
            return _mapping(json.loads(file.read_bytes()))
    return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _without_unknown(front: dict[str, Any]) -> dict[str, Any]:
    """What a later version wrote and this one does not know."""
    return {key: value for key, value in front.items() if key in FrontMatter.__dataclass_fields__}


def finish(folder: Path, verdicts: Mapping[str, Verdict] | None = None, judge: str = "") -> Scorecard:
    """Makes transcript, scorecard and report from the events and the spec in a folder.

    Raises:
        SpecError: it is no session folder.
        OSError: they cannot be written.
    """
    kept = read_folder(folder)
    card = score(kept.log, kept.front, kept.language, verdicts, judge)
    write_private(folder / TRANSCRIPT, transcript(kept))
    write_private(folder / SCORECARD, card_to_json(card))
    render(folder, kept, card)
    return card


def render(folder: Path, kept: Kept | None = None, card: Scorecard | None = None) -> Path:
    """Makes the report of a folder, from the scorecard that is there.

    Raises:
        SpecError: it is no session folder.
        OSError: the report cannot be written.
    """
    from .report import Attempt, report  # its library is loaded when the first call is over

    kept = kept or read_folder(folder)
    if card is None:
        try:
            card = from_json((folder / SCORECARD).read_bytes())
        except (OSError, ValueError):
            card = score(kept.log, kept.front, kept.language)
    audio = folder / AUDIO
    sound = AUDIO if audio.is_file() and audio.stat().st_size else ""
    earlier = [
        Attempt(f"{before.parent.name} {before.name[:2]}:{before.name[2:4]}", then.score, then.passed)
        for before, then in _before(folder)
    ]
    page = report(kept.log, card, kept.front, kept.language, kept.choices, audio=sound, earlier=earlier)
    write_private(folder / REPORT, page)
    return folder / REPORT


def _before(folder: Path) -> list[tuple[Path, Scorecard]]:
    """The same trainee's latest calls with the same persona before this one, by the folders that lie beside it."""
    whose = re.sub(r"\.\d+$", "", folder.name[len("HHMMSS-") :])
    days = sorted(day for day in folder.absolute().parent.parent.glob("*-*-*") if day.name <= folder.parent.name)
    found: list[tuple[Path, Scorecard]] = []
    for day in reversed(days[-DAYS_BEFORE:]):
        for before in sorted(day.glob(f"??????-{glob.escape(whose)}*"), reverse=True):
            same = re.sub(r"\.\d+$", "", before.name[len("HHMMSS-") :]) == whose
            if same and (day.name, before.name) < (folder.parent.name, folder.name) and len(found) < ATTEMPTS_BEFORE:
                with suppress(OSError, ValueError):
                    found.append((before, from_json((before / SCORECARD).read_bytes())))
    return found[::-1]


def transcript(kept: Kept) -> str:
    """What was said, to read."""
    words = texts_in(kept.language)
    user = kept.log.user or LOCAL
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.log.zero))
    lines = [f"# {_plain(words['title'].format(name=kept.name, date=date))}", ""]
    for line in kept.log.lines:
        who = user if line.speaker == "operator" else kept.name
        emotion = f" ({line.event.emotion})" if line.speaker == "customer" else ""
        cues = "".join(f" [{cue.name} {cue.mood:+}]" for cue in line.cues)
        lines += [f"**{clock(line.at)} {_plain(who)}**{_plain(emotion)}: {_plain(line.event.text)}{cues}", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text in which nothing is Markdown or steers a terminal, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(clean(text).split()))


def scored(card: Scorecard, folder: str) -> Scored:
    """The event that tells a call's score."""
    told = tuple(judged.told or judged.name for judged in card.missed)
    return Scored(
        score=card.score,
        pass_mark=card.pass_mark,
        passed=card.passed,
        missed=told,
        folder=folder,
        language=card.language,
    )
