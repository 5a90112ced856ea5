"""Events → what the terminal shows: finished lines in the scroll-back, and below them the line that moves."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .events import Ended, Event, Failure, Heard, Interim, Said, Started, State

EMOTION_STYLES = {
    "angry": "bold red",
    "frustrated": "red",
    "disappointed": "magenta",
    "neutral": "cyan",
    "satisfied": "green",
    "happy": "bold green",
}


class View:
    """A call on a terminal. With `live`, words show as they are said; without (a pipe), whole lines alone do."""

    def __init__(self, console: Console, *, live: bool) -> None:
        self._console = console
        self._persona = ""
        self._interim: Interim | None = None
        self._state = ""
        self._typed: tuple[str, int] | None = None
        self._live = Live(self, console=console, auto_refresh=False, transient=True) if live else None

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._interim = self._typed = None
        if self._live:
            self._live.stop()

    def show(self, event: Event) -> None:
        """Takes one event of the call."""
        match event:
            case Started():
                self._persona = event.persona
                self._print(_header(event))
            case Interim():
                self._interim = event
            case State():
                self._state = event.state
            case Heard():
                self._interim = None
                self._print(_line(event.at, "You", event.text, "bold"))
            case Said():
                self._interim = None
                style = EMOTION_STYLES.get(event.emotion, "")
                text = f"{event.text} —" if event.interrupted else event.text
                self._print(_line(event.at, f"{self._persona} ({event.emotion})", text, style))
            case Failure():
                self._print(Text(f"! {event.source}: {clean(event.reason)}", style="yellow"))
            case Ended():
                self._interim = None
                self._print(_summary(event))
        self._refresh()

    def show_typing(self, text: str, cursor: int) -> None:
        """Shows what the trainee has typed so far, with the cursor before this character."""
        self._typed = (text, cursor)
        self._refresh()

    def note(self, text: str) -> None:
        """Prints a line of the program itself."""
        self._print(Text(text, style="dim"))

    def __rich__(self) -> RenderableType:
        rows: list[RenderableType] = []
        if self._interim:
            name = self._persona if self._interim.speaker == "customer" else "You"
            rows.append(_line(self._interim.at, name, f"{self._interim.text} …", "dim"))
        elif self._state == "thinking":
            rows.append(Text("…", style="dim"))
        if self._typed is not None:
            text, cursor = self._typed
            under = text[cursor : cursor + 1] or " "
            rows.append(Text.assemble(("> ", "bold"), text[:cursor], (under, "reverse"), text[cursor + 1 :]))
        return Group(*rows)

    def _print(self, line: RenderableType) -> None:
        self._console.print(line, soft_wrap=self._live is None)

    def _refresh(self) -> None:
        if self._live:
            self._live.refresh()


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """A table for a terminal or a pipe."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(Text(clean(cell)) for cell in row))
    return made


def clean(text: str) -> str:
    """The text without control characters: what a model or a file says must not steer the terminal."""
    return "".join(" " if c in "\r\n\t" else c for c in text if c in "\r\n\t" or unicodedata.category(c) != "Cc")


def _header(event: Started) -> Text:
    chosen = [f"{group} {event.choices[group]}" for group in ("model", "voice", "vad")]
    facts = [*chosen, f"language {event.language}", f"revision {event.revision}"]
    return Text.assemble((event.persona, "bold"), (f"  {' · '.join(facts)}", "dim"))


def _line(at: float, who: str, text: str, style: str) -> Text:
    when = time.strftime("%H:%M:%S", time.localtime(at))
    return Text.assemble((f"{when} ", "dim"), (f"{clean(who)}: ", style), clean(text))


def _summary(event: Ended) -> Text:
    verdict = {True: " (passed)", False: " (not passed)", None: ""}[event.passed]
    first = f", first word after {event.first_word:.2f} s" if event.first_word is not None else ""
    minutes, seconds = divmod(round(event.seconds), 60)
    turns = f"{event.turns} turn{'' if event.turns == 1 else 's'}"
    return Text(f"Call ended: {clean(event.reason)}{verdict}. {turns}, {minutes}:{seconds:02}{first}.", style="bold")
