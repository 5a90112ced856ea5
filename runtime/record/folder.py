"""The folder that a call leaves: where it lies, how it is read, and what is made of it once the call is over."""

from __future__ import annotations

import errno
import fcntl
import glob
import json
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from io import TextIOWrapper
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from ..errors import SpecError
from ..events import CueFound, Event, Header, Said
from ..events import from_json as event_from_json
from ..redaction import clean
from ..spec.persona import FrontMatter
from ..spec.session_spec import SessionSpec
from ..spec.settings import Record
from .call_log import CallLog, parse
from .rescore import listened
from .score import Scorecard, Verdict, card_from_json, card_to_json, how_found, named, score
from .texts import minutes, texts_in

EVENTS, SPEC, AUDIO = "events.jsonl", "spec.yaml", "audio.ogg"
TRANSCRIPT, SCORECARD, REPORT = "transcript.md", "scorecard.json", "report.html"
LOCAL = "local"
"""The user of a call that no room's name gives one."""
NAME_BYTES = 60
"""Of a persona's or a user's name in a folder's name."""
HEADER_LIMIT = 64 * 1024
EVENTS_LIMIT = 64 << 20
"""Bytes of an event file: some days of talking. What is larger is not read."""
DAYS_BEFORE, ATTEMPTS_BEFORE = 60, 3
"""How far back a report looks for the same trainee's calls, and how many it shows."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@cache
def adapter(shape: type[Any]) -> TypeAdapter[Any]:
    """Reads and writes such a thing as JSON. Made when first needed: it takes its time, and a list needs none."""
    return TypeAdapter(shape)


def make_folder(record: Record, persona: str, user: str, now: float | None = None) -> Path:
    """A new folder `DATE/TIME-PERSONA-USER` that only this user of the machine can read; a second one of the same
    second gets a number. Raises OSError where it cannot be made."""
    when = time.localtime(now)
    name = f"{time.strftime('%H%M%S', when)}-{safe_name(persona)}-{safe_name(user or LOCAL)}"
    return new_folder(Path(record.dir) / time.strftime("%Y-%m-%d", when), name)


def new_folder(parent: Path, name: str) -> Path:
    """A new private folder; if the name is taken it gets a number. Raises OSError where it cannot be made."""
    make_private(parent)
    number = 1
    while True:
        folder = parent / (name if number == 1 else f"{name}.{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        return folder


def make_private(folder: Path) -> None:
    """Makes a folder, and what is missing above it, that only this user can read. Raises OSError where it cannot."""
    for one in (*reversed(folder.parents), folder):
        if not one.exists():
            one.mkdir(mode=0o700, exist_ok=True)


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
    return sorted(found, key=attrgetter("name"))


def safe_name(name: str) -> str:
    """What a folder may be called for anybody's name: letters, marks and digits of any script, `_` and `-`."""
    letters = (
        c if c in "_-" or unicodedata.category(c)[0] in "LMN" else " " for c in unicodedata.normalize("NFC", name)
    )
    name = "-".join("".join(letters).split()).strip("-")
    return name.encode()[:NAME_BYTES].decode(errors="ignore") or "unnamed"


@contextmanager
def locked(file: Path, *, create: bool = False) -> Iterator[IO[bytes]]:
    """The event file, open to be appended to, and locked as long: so is a folder in use, and not one whose call was
    killed, as the system unlocks it with its process. Raises BlockingIOError where it is somebody else's."""
    flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(file, flags | (os.O_CREAT if create else 0), 0o600)
    with os.fdopen(handle, "ab", buffering=0) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if create else fcntl.LOCK_NB))
        yield opened


def opened(file: str | Path) -> IO[bytes]:
    """A file of a session folder, to be read: what lies there may be anybody's. Raises OSError where it cannot be read,
    leads elsewhere, or is no plain file."""
    if os.path.islink(file):
        raise OSError(errno.ELOOP, "a link, which is not followed", str(file))
    handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no plain file", str(file))
    return os.fdopen(handle, "rb")


def read_card(folder: Path) -> Scorecard:
    """The scorecard in a session folder. Raises OSError where it cannot be read, ValueError where it is none."""
    with opened(folder / SCORECARD) as file:
        return card_from_json(file.read())


def write_private(file: Path, text: str | bytes) -> None:
    """Writes a file whole or not at all, readable by this user of the machine alone."""
    draft = file.with_name(f".{file.name}.new")
    data = text.encode(errors="replace") if isinstance(text, str) else text
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(data)
        draft.replace(file)
    except OSError:
        with suppress(OSError):  # what there is of it would keep a full disk full
            draft.unlink()
        raise


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """A call that is over, as its report and score need it: the events, and what they take of the spec."""

    log: CallLog
    front: FrontMatter
    language: str
    name: str
    choices: Mapping[str, str]


def read_folder(folder: Path) -> FinishedCall:
    """Reads a session folder, of this version or an earlier one. Raises SpecError where it is none."""
    try:
        with TextIOWrapper(opened(folder / EVENTS), encoding="utf-8", errors="replace") as file:
            if os.fstat(file.fileno()).st_size > EVENTS_LIMIT:
                raise SpecError(f"larger than {EVENTS_LIMIT >> 20} MiB: no call's", file=folder / EVENTS)
            log = parse(file)
    except OSError as error:
        raise SpecError(f"not a session folder: {error.strerror}", file=folder / EVENTS) from None
    if not log.events:
        raise SpecError("no event of a call", file=folder / EVENTS)
    spec = read_spec(folder, log)
    persona = _mapping(spec.get("persona"))
    choices = {key: str(value) for key, value in _mapping(spec.get("choices")).items()}
    front = FrontMatter()
    for source in (_mapping(spec.get("arc")), persona):
        with suppress(ValidationError):
            written = _mapping(source.get("front")).items()  # a later version may have keys that this one does not know
            known = {key: value for key, value in written if key in FrontMatter.__dataclass_fields__}
            front = scored_by(adapter(FrontMatter).validate_python(known))
            break
    language = str(_mapping(spec.get("language")).get("base") or "en")
    name = str(persona.get("name") or (log.started.persona if log.started else ""))
    return FinishedCall(_with_cues(log, front, language), front, language, name, choices)


def scored_by(front: FrontMatter) -> FrontMatter:
    """What a score is made from: all but what clauses are only told apart from, by their meaning."""
    return replace(front, named_cues={}, neutral={})


def from_memory(events: Iterable[Event], spec: SessionSpec) -> FinishedCall:
    """A call that has left no folder, by its events and the spec that it ended with."""
    front, language = spec.arc.front, spec.language.base
    return FinishedCall(_with_cues(CallLog(events), front, language), front, language, spec.persona.name, spec.choices)


def _with_cues(log: CallLog, front: FrontMatter, language: str) -> CallLog:
    """The call with its cues, where nobody listened while it was on."""
    return log if log.of(CueFound) else listened(log, front, language)


def read_spec(folder: Path, log: CallLog | None = None) -> dict[str, Any]:
    """The spec that the call ended with, or the nearest to it that is there; without its log the first."""
    revisions = [line.event.revision for line in log.lines] if log else []
    files = [folder / f"spec.{revision}.yaml" for revision in reversed(revisions)]
    for file in (*dict.fromkeys(files), folder / SPEC):
        with suppress(OSError, ValueError, RecursionError), opened(file) as text:
            return _mapping(json.loads(text.read()))
    return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def finish(folder: Path, verdicts: Mapping[str, Verdict] | None = None, judge: str = "") -> Scorecard:
    """Makes transcript, scorecard and report from the events and the spec in a folder. Raises SpecError where it is no
    session folder, and OSError where they cannot be written."""
    kept = read_folder(folder)
    card = score(kept.log, kept.front, kept.language, verdicts, judge)
    write_private(folder / TRANSCRIPT, transcript(kept))
    write_private(folder / SCORECARD, card_to_json(card))
    render(folder, kept, card)
    return card


def render(folder: Path, kept: FinishedCall | None = None, card: Scorecard | None = None) -> Path:
    """Makes the report of a folder, from the scorecard that is there. Raises SpecError where it is no session folder,
    and OSError where the report cannot be written."""
    from .report import Attempt, report  # its library is loaded when the first call is over

    kept = kept or read_folder(folder)
    if card is None:
        try:
            card = read_card(folder)
        except (OSError, ValueError):
            card = score(kept.log, kept.front, kept.language)
    audio = folder / AUDIO
    sound = AUDIO if audio.is_file() and audio.stat().st_size else ""
    earlier = [
        Attempt(f"{before.parent.name} {before.name[:2]}:{before.name[2:4]}", then.score, then.passed)
        for before, then in _before(folder, kept.log.user or LOCAL)
    ]
    page = report(kept.log, card, kept.front, kept.language, kept.choices, audio=sound, earlier=earlier)
    write_private(folder / REPORT, page)
    return folder / REPORT


def owner(folder: Path) -> str | None:
    """Whose call it was, by its first line; None where that cannot be read."""
    with suppress(OSError, ValueError, RecursionError), opened(folder / EVENTS) as lines:
        header = event_from_json(lines.readline(HEADER_LIMIT).decode(errors="replace"))
        if isinstance(header, Header):
            return header.user or LOCAL
    return None


def persona_and_user(folder: Path) -> str:
    """`PERSONA-USER` of a session folder's name, without the number of a second one of the same second."""
    return re.sub(r"\.\d+$", "", folder.name)[len("HHMMSS-") :]


def _before(folder: Path, user: str) -> list[tuple[Path, Scorecard]]:
    """This trainee's latest calls with the same persona before this one, by the folders that lie beside it: a name that
    begins alike, or differs in signs alone, may be another's."""
    whose = persona_and_user(folder)
    days = sorted(day for day in folder.absolute().parent.parent.glob("*-*-*") if day.name <= folder.parent.name)
    found: list[tuple[Path, Scorecard]] = []
    for day in reversed(days[-DAYS_BEFORE:]):
        for before in sorted(day.glob(f"??????-{glob.escape(whose)}*"), reverse=True):
            earlier = (day.name, before.name) < (folder.parent.name, folder.name) and len(found) < ATTEMPTS_BEFORE
            if earlier and persona_and_user(before) == whose and owner(before) == user:
                with suppress(OSError, ValueError):
                    found.append((before, read_card(before)))
    return found[::-1]


def transcript(kept: FinishedCall) -> str:
    """What was said, to read."""
    words = texts_in(kept.language)
    user = kept.log.user or LOCAL
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.log.zero))
    lines = [f"# {_plain(words['title'].format(name=kept.name, date=date))}", ""]
    for line in kept.log.lines:
        who = user if line.speaker == "operator" else kept.name
        emotion = _plain(words.get(line.event.emotion, line.event.emotion)) if line.speaker == "customer" else ""
        emotion = f" ({emotion})" if emotion else ""
        cues = "".join(f" [{named(cue.name, kept.front, kept.language)} {cue.mood:+}]" for cue in line.cues if cue.mood)
        cues += "".join(f" [{how_found(denial, kept.front, kept.language)}]" for denial in line.taken_back)
        cut = " —" if isinstance(line.event, Said) and line.event.interrupted else ""
        lines += [f"**{minutes(line.at)} {_plain(who)}**{emotion}: {_plain(line.event.text)}{cut}{cues}", ""]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """A text in which nothing is Markdown or steers a terminal, on one line."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(clean(text).split()))
