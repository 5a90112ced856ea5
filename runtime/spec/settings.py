"""What the program itself is told, beside the groups that make a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from enum import StrEnum
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from ..errors import SpecError, suggest
from ..redaction import SECRET_TEXT, note_secret
from .fields import Id, Seconds, name_of, strict
from .trainee import Trainee

LIVEKIT_VARIABLES = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
"""What the environment must hold to serve rooms."""


def missing_variables(env: Mapping[str, str]) -> list[str]:
    """Those of `LIVEKIT_VARIABLES` that are not set."""
    return [name for name in LIVEKIT_VARIABLES if not env.get(name)]


def livekit_url(env: Mapping[str, str]) -> SplitResult:
    """LIVEKIT_URL in its parts. Raises SpecError where it is no address of a server, or key or secret are none."""
    for name in LIVEKIT_VARIABLES[1:]:
        check_key(name, env.get(name, ""))
    url = env["LIVEKIT_URL"]
    with suppress(ValueError):  # no port, or half of an IPv6 address
        parts = urlsplit(url)
        well_formed = parts.scheme in ("ws", "wss", "http", "https") and parts.hostname and parts.port != 0
        if well_formed and not re.search(r"""[\s\x00-\x1f\ud800-\udfff<>"'{}|\\^`]""", url):
            return parts
    raise SpecError("LIVEKIT_URL is not an address: it is wss://HOST, or ws://HOST:PORT for a server without TLS")


def check_key(name: str, value: str) -> None:
    """Raises a SpecError for a key, secret or token with a character that none can hold. It does not show the value. A
    key that is a JSON object or a certificate may hold lines and spaces, and is not checked."""
    is_word = re.search("_(KEY|SECRET|TOKEN)$", name) and not value.startswith(("{", "-----BEGIN"))
    if wrong := re.search("[^!-~]", value) if is_word else None:
        kind = "a space or line end" if wrong[0].isspace() else "a letter or byte that no key has"
        raise SpecError(f"{name} holds {kind} at place {wrong.start() + 1} of {len(value)}: copy it again")


Port = Annotated[int, Field(ge=0, le=65535)]


class Mode(StrEnum):
    """What the program does."""

    AUTO = "auto"
    CONSOLE = "console"
    SERVE = "serve"
    CHECK = "check"
    DOCTOR = "doctor"
    PROMPT = "prompt"
    PLAN = "plan"
    REPORT = "report"
    SCORE = "score"
    FORGET = "forget"
    HISTORY = "history"
    REHEARSE = "rehearse"
    REPLAY = "replay"
    TRY = "try"
    NEW = "new"
    SCHEMA = "schema"


class TryScope(StrEnum):
    """What each sentence of `mode=try` is: the first turn of a call of its own, or the next turn of one call."""

    FRESH = "fresh"
    CALL = "call"


class Log(StrEnum):
    """How much of what the libraries log is shown on stderr."""

    QUIET = "quiet"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


class OutputFormat(StrEnum):
    """What is printed of a call: lines to read, or one JSON object an event."""

    PLAIN = "plain"
    JSON = "json"


@strict
class Console:
    """The call in this terminal: typed, or with `audio` spoken."""

    audio: bool = False


class Unmatched(StrEnum):
    """What happens to a room whose scenario no persona answers."""

    DEFAULT = "default"
    REJECT = "reject"


class ReloadMode(StrEnum):
    """When edits reach a call."""

    LIVE = "live"
    NEXT_CALL = "next_call"
    FROZEN = "frozen"


class Transcripts(StrEnum):
    """How lines reach the trainee's screen: as the Axtra Console's data messages, as LiveKit text streams, or both;
    `auto` is data in the console's rooms and streams in others."""

    AUTO = "auto"
    DATA = "data"
    STREAM = "stream"
    BOTH = "both"


class Executor(StrEnum):
    """What a call runs in."""

    PROCESS = "process"
    THREAD = "thread"


@strict
class Routing:
    """Scenario ids → personas, beside what the personas' own front matter says."""

    scenarios: dict[Id, Id] = field(default_factory=dict)
    unmatched: Unmatched = Unmatched.DEFAULT


@strict
class Rooms:
    """A call in a room. `empty_timeout`: seconds to wait for the trainee; `grace`: seconds for one who lost connection
    to return; `ready_timeout`: seconds to wait for a trainee's microphone before speaking anyway; `answer_timeout`:
    seconds without an answer after which the model is asked again; `text_input`: whether what the trainee types into
    LiveKit's chat is a turn; `delete_room`: whether the room is closed when the call has ended by either side."""

    transcripts: Transcripts = Transcripts.AUTO
    text_input: bool = True
    empty_timeout: Seconds = 60
    grace: Seconds = 10
    ready_timeout: Seconds = 10
    answer_timeout: Seconds = 12
    delete_room: bool = True


@strict
class Worker:
    """How rooms are served; `conf/worker/` says what each key is for."""

    executor: Executor
    idle_processes: Annotated[int, Field(ge=0, le=256)]
    load_threshold: Annotated[float, Field(gt=0)]
    drain_seconds: Annotated[int, Field(ge=0)]
    health_port: Port | None
    prometheus_port: Port | None
    host: str


def _name(value: object) -> object:
    """A name as text, also where Hydra reads it as a number or a truth value."""
    if isinstance(value, str):
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise ValueError(f"{value!r}: this is not UTF-8 text")
        return name_of(value)
    return str(value).lower() if isinstance(value, bool | int | float) else value


def _given(text: str) -> str:
    """A file, folder or user that is named: an empty name is a slip, as of a shell's variable that is not set."""
    if not text.strip():
        raise ValueError("nothing stands here: leave the key out to name none")
    return text


Given = Annotated[str, AfterValidator(_given)]


def _off(value: object) -> object:
    """`record=off` and `record=on`; YAML reads them as truth values, Hydra as texts."""
    if isinstance(value, str) and value not in ("on", "off"):
        raise ValueError(
            f"{value!r} is not one of them{suggest(value, ('on', 'off'))}, or keys of its own: record.dir=…"
        )
    return {"enabled": value in (True, "on")} if value in (True, False, "on", "off") else value


Prices = dict[str, dict[str, float]]
"""Dollars by model and what is paid for, as in `conf/prices.yaml`."""


@strict
class Record:
    """What is kept of a call. `dir` is where the session folders lie; `audio` whether both voices are kept too;
    `retention_days` how long a folder is kept (None: until somebody deletes it); by `prices` it tells its cost."""

    enabled: bool = True
    dir: Given = "sessions"
    audio: bool = True
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    prices: Prices = field(default_factory=dict)


def _no_password(url: str | None) -> str | None:
    """A URL that holds a password must be `env:NAME`."""
    if url is None:
        return url
    if url.startswith("env:"):
        note_secret(url.removeprefix("env:"))
    elif SECRET_TEXT.match(url) or "password=" in url.lower():
        raise ValueError("it holds a password: write env:NAME, and set NAME in the environment or in .env")
    return url


@strict
class History:
    """Where the index of the session folders is kept: an SQLAlchemy URL of SQLite or Postgres, or `env:NAME` (None: in
    a file beside the folders)."""

    url: Annotated[str | None, AfterValidator(_no_password)] = None


Count = Annotated[int, Field(ge=1, le=10_000)]


@strict
class Limits:
    """How much worse than in an earlier sweep a combination may be: `score` in points, `passed` in how many fewer of a
    hundred calls, `latency` as a share of what it was, `breaks` and `failures` in how many more a call."""

    score: Annotated[float, Field(ge=0)] = 5
    passed: Annotated[float, Field(ge=0)] = 0
    latency: Annotated[float, Field(ge=0)] = 0.25
    breaks: Annotated[float, Field(ge=0)] = 0
    failures: Annotated[float, Field(ge=0)] = 0


class Band(StrEnum):
    """Which frequencies a line carries: all, or a telephone's (300 to 3,400 Hz)."""

    FULL = "full"
    PHONE = "phone"


@strict
class LineQuality:
    """What the persona hears a trainee through: `noise`, so many dB below the voice (None: none); a `band`; `loss`, the
    share of packets of 20 ms that never come; whether those are filled with the one before (`conceal`), or silent."""

    noise: Annotated[float, Field(ge=-20, le=80)] | None = None
    band: Band = Band.FULL
    loss: Annotated[float, Field(ge=0, le=1)] = 0
    conceal: bool = True


@strict
class Rehearse:
    """How personas are rehearsed; `conf/config.yaml` says what each key is for."""

    audio: bool = False
    line: LineQuality = field(default_factory=LineQuality)
    repeats: Count = 1
    share: Annotated[str | None, Field(pattern=r"^[1-9]\d*/[1-9]\d*$")] = None
    turns: Count = 40
    minutes: Annotated[float, Field(gt=0)] = 15
    dir: Given | None = None
    resume: bool = False
    compare: Given | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        part, parts = map(int, (self.share or "1/1").split("/"))
        if part > (most := min(parts, self.repeats)):
            what = f"1/{parts}" + (f" … {most}/{parts}" if most > 1 else "")
            raise ValueError(f"share={self.share}: should be {what}, with repeats={self.repeats}")


@strict
class Settings:
    """What the program itself is told, beside the groups that make a call."""

    mode: Mode = Mode.AUTO
    log: Log = Log.QUIET
    lines: OutputFormat = OutputFormat.PLAIN
    personas_dir: str = "personas"
    reload: ReloadMode = ReloadMode.LIVE
    seed: Annotated[int, Field(ge=0)] | None = None
    draft: Given | None = None
    sentences: TryScope = TryScope.FRESH
    folder: Given | None = None
    user: Annotated[Given | None, BeforeValidator(_name)] = None
    console: Console = field(default_factory=Console)
    routing: Routing = field(default_factory=Routing)
    rooms: Rooms = field(default_factory=Rooms)
    record: Annotated[Record, BeforeValidator(_off)] = field(default_factory=Record)
    history: History = field(default_factory=History)
    worker: Worker | None = None
    sessions: Count = 100
    rehearse: Rehearse = field(default_factory=Rehearse)
    trainee: Trainee = field(default_factory=Trainee)
