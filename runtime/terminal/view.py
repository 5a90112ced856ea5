"""Events → what the terminal shows: finished lines in the scroll-back, and below them the line that moves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..events import (
    Change,
    ClockFired,
    CueTakenBack,
    Ended,
    Event,
    Failure,
    Heard,
    How,
    Interim,
    MoodMoved,
    Notice,
    PhaseMoved,
    Recovered,
    Reload,
    Said,
    Scored,
    Started,
    State,
    ToolCalled,
    to_json,
)
from ..record.texts import ended, minutes, texts_in
from ..redaction import clean
from ..spec.settings import OutputFormat
from .output import Output

EMOTION_STYLES = {
    "angry": "bold red",
    "frustrated": "red",
    "disappointed": "magenta",
    "neutral": "cyan",
    "satisfied": "green",
    "happy": "bold green",
}

ROOM_CHARACTERS, ROOM_END = 64, 14
"""Characters of a room's name that each of its lines holds, and what is shown of the end of a longer one."""
CHANGES_SHOWN = 8
"""Fields of one edit on the screen; the events have them all."""


@dataclass(slots=True)
class CallRow:
    """What the screen shows of one call that is on: its persona, language and trainee, the line that is being said,
    what the persona does (a `State`, or `connecting`), her mood, emotion and phase."""

    persona: str = ""
    language: str = ""
    user: str = ""
    interim: Interim | None = None
    state: str = ""
    mood: int | None = None
    emotion: str = ""
    phase: str = ""


def view(lines: OutputFormat, *, timed: bool = False) -> View | JsonLines:
    """What shows calls on standard output; `timed` as of `View`."""
    out = sys.stdout
    assert isinstance(out, Output)
    if lines is OutputFormat.JSON:
        return JsonLines(out)
    console = Console(file=out, highlight=False)
    return View(console, live=console.is_terminal and not console.is_dumb_terminal, out=out, timed=timed)


class JsonLines:
    """Calls as one JSON object a line, for a log collector: every event but what moves within a line."""

    live = False

    def __init__(self, out: Output) -> None:
        self.out = out
        out.reconfigure(encoding="utf-8")  # JSON's own, whatever the terminal's is

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: Event) -> None:
        """Takes one event of a call."""
        if not isinstance(event, Interim | State):
            self.out.write(to_json(event) + "\n")
            self.out.flush()

    def show_typing(self, text: str, cursor: int) -> None:
        """Does nothing: a typed line is shown once it is whole."""

    def connecting(self, persona: str) -> None:
        """Does nothing: a call is shown once it has started."""


class View:
    """Calls on a terminal. With `live`, words show as they are said; without (a pipe), whole lines alone do. Who runs
    calls reads them: its own words are English, but for the lines at a call's end, which are the trainee's.

    Lines of calls in rooms say whose they are: the user id stands in front, and in a pipe the room too. `out` is what
    the console writes to, where that is the program's standard output. With `timed`, notices of no
    call have the time too.
    """

    def __init__(self, console: Console, *, live: bool, out: Output | None = None, timed: bool = False) -> None:
        self.live = live
        self.out = out
        self._console = console
        self._timed = timed
        self._calls: dict[str, CallRow] = {}
        self._typed: tuple[str, int] | None = None
        self._shown = ""
        self._live = Live(self, console=console, auto_refresh=False, transient=True) if live else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.clear()
        self._typed = None
        if self._live:
            self._live.stop()

    def connecting(self, persona: str) -> None:
        """The call in this terminal is being set up: a row says so until something is said."""
        if self._live:
            self._calls[""] = CallRow(persona, state="connecting")
            self._refresh()
        elif self._console.is_terminal:
            self._console.print(Text(f"{clean(persona)}: connecting …", style="dim"))

    def show(self, event: Event) -> None:
        """Takes one event of a call. Only a call that has started has a row, until it has ended."""
        call = self._calls.get(event.room) or CallRow(user=event.user)
        match event:
            case Started():
                call.persona, call.language = event.persona, event.language
                self._calls[event.room] = call
                self._print(event, _header(event), timed=bool(event.room))
            case Interim():
                call.interim = event
            case State():
                call.state = event.state
            case Heard():
                call.interim = None
                self._print(event, _said("You" if not event.room else "Trainee", event.text, "bold"), timed=True)
            case Said():
                call.interim = None
                call.mood = event.mood if call.mood is None else call.mood
                call.emotion, call.phase = event.emotion, call.phase or event.phase
                who = f"{call.persona} ({event.emotion})"
                text = f"{event.text} —" if event.interrupted else event.text
                self._print(event, _said(who, text, EMOTION_STYLES.get(event.emotion, "")), timed=True)
                if event.since_save_ms is not None:
                    first = f"↻ first words under {clean(event.revision)}, {event.since_save_ms} ms after the save"
                    self._print(event, Text(first, style="dim"))
            case MoodMoved():
                call.mood, call.emotion = event.after, event.emotion
                why = clean(f" ({', '.join(event.why)})") if event.why else ""
                moved = Text.assemble(
                    "  ", _mood_bar(event.after, event.emotion), (f", from {event.before}{why}", "dim")
                )
                self._print(event, moved)
            case PhaseMoved():
                call.phase = event.after
                self._print(event, Text(clean(f"  phase: {event.before or '–'} → {event.after or '–'}"), style="dim"))
            case CueTakenBack():
                self._print(event, Text(clean(f"  {event.name}: taken back"), style="dim"))
            case ClockFired():
                self._print(event, Text(f"  clock: {event.clock} {event.seconds:g} s", style="dim"))
            case ToolCalled() if event.refused:
                told = "  the model wanted to hang up; it was told what is still owed"
                self._print(event, Text(told, style="dim"))
            case Notice():
                notice = Text(clean(event.text), style="yellow" if event.room else "dim")
                self._print(event, notice, timed=self._timed or bool(event.room))
            case Failure():
                told = clean(event.reason) if event.times == 1 else f"{event.times} times so far"
                self._print(event, Text(f"! {clean(event.source)}: {told}", style="yellow"), timed=bool(event.room))
            case Recovered():
                again = Text(f"! speaking again after {event.gap_ms} ms", style="yellow")
                self._print(event, again, timed=bool(event.room))
            case Reload():
                self._show_receipt(event)
            case Ended():
                self._print(event, _summary(event, call), timed=bool(event.room))
                self._calls.pop(event.room, None)
            case Scored():
                for line in _score(event):
                    self._print(event, line, timed=bool(event.room))
        self._refresh()

    def _show_receipt(self, event: Reload) -> None:
        """What an edit changed is shown once, however many calls it reached; what became of it, for each call."""
        self._print(event, _receipt(event), timed=bool(event.room))
        if event.changes and event.after != self._shown:
            for change in event.changes[:CHANGES_SHOWN]:
                self._print(event, show_change(change))
            if (more := len(event.changes) - CHANGES_SHOWN) > 0:
                self._print(event, Text(f"  … and {more} more", style="dim"))
            for warning in event.warnings:
                self._print(event, Text(f"  ! {clean(warning)}", style="yellow"))
        self._shown = event.after

    def show_typing(self, text: str, cursor: int) -> None:
        """Shows what the trainee has typed so far, with the cursor before this character."""
        self._typed = (text, cursor)
        self._refresh()

    def __rich__(self) -> RenderableType:
        rows: list[RenderableType] = []
        for call in self._calls.values():
            if call.interim:
                other = "Trainee" if call.interim.room else "You"
                who = call.persona if call.interim.speaker == "customer" else other
                line = _said(who, f"{call.interim.text} …", "dim")
                rows.append(Text.assemble(self._stamp(call.interim, timed=True), line))
            elif call.state == "connecting":
                rows.append(Text(f"{clean(call.persona)}: connecting …", style="dim"))
            elif call.state == "thinking":
                rows.append(Text(f"{clean(call.user)} …".strip(), style="dim"))
            if call.mood is not None and not call.user:
                phase = clean(f" · {call.phase}") if call.phase else ""
                rows.append(Text.assemble(_mood_bar(call.mood, call.emotion), (phase, "dim"), overflow="ellipsis"))
        if self._typed is not None:
            text, cursor = self._typed
            under = text[cursor : cursor + 1] or " "
            rows.append(Text.assemble(("> ", "bold"), text[:cursor], (under, "reverse"), text[cursor + 1 :]))
        return Group(*rows)

    def _print(self, event: Event, line: Text, *, timed: bool = False) -> None:
        self._console.print(Text.assemble(self._stamp(event, timed=timed), line), soft_wrap=not self.live)
        if self.out and (note := self.out.note()):
            self._console.print(Text(note, style="yellow"), soft_wrap=not self.live)

    def _stamp(self, event: Event, *, timed: bool) -> Text:
        """When, and in whose call."""
        when = time.strftime("%H:%M:%S ", time.localtime(event.at)) if timed else ""
        whose = f"[{clean(event.user)}] " if event.user else ""
        room = f"{clean(self._room(event))} " if event.room and not self.live else ""
        return Text.assemble((when, "dim"), (whose, "cyan"), (room, "dim"))

    def _room(self, event: Event) -> str:
        """The room's name: whole where a call begins or the room has none, else long ones by their end, the time."""
        whole = isinstance(event, Started) or event.room not in self._calls
        return event.room if whole or len(event.room) <= ROOM_CHARACTERS else f"…{event.room[-ROOM_END:]}"

    def _refresh(self) -> None:
        if self._live:
            self._live.refresh()


def plain_rows(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table for a pipe: a row is a line, however long, in columns and without spaces at its end."""
    widths = [max(map(cell_len, map(clean, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = map(clean, row)
        yield "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
        ).rstrip()


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> Table:
    """A table for a terminal; of this `width`, where that is given: then no cell is wrapped but those of the last
    column, if the others leave it room."""
    made = Table(title=Text(clean(title)), title_justify="left", box=None, pad_edge=False, header_style="bold")
    first = list(zip(columns, *rows, strict=True))[:-1]
    whole = sum(2 + max(map(len, cells)) for cells in first) + len(columns[-1]) <= width
    for i, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=whole and i < len(first))
    for row in rows:
        made.add_row(*(Text(clean(cell)) for cell in row))
    return made


def _header(event: Started) -> Text:
    chosen = [f"{group} {event.choices[group]}" for group in ("model", "voice", "vad")]
    facts = [*chosen, f"language {event.language}", f"revision {event.revision}"]
    return Text.assemble((clean(event.persona), "bold"), (f"  {clean(' · '.join(facts))}", "dim"))


def _said(who: str, text: str, style: str) -> Text:
    return Text.assemble((f"{clean(who)}: ", style), clean(text))


def _mood_bar(mood: int, emotion: str) -> Text:
    """How the persona feels, from 0 to 100, in the width of a word or two."""
    full = round(mood / 10)
    return Text(clean(f"{'▰' * full}{'▱' * (10 - full)} {mood} {emotion}"), style=EMOTION_STYLES.get(emotion, ""))


def _receipt(event: Reload) -> Text:
    styles = {How.IN_PLACE: "green", How.SWAPPED: "green", How.REJECTED: "bold red"}
    files = clean(", ".join(event.files[:3])) + (f" and {len(event.files) - 3} more" if len(event.files) > 3 else "")
    applied = event.how in (How.IN_PLACE, How.SWAPPED)
    took = f" after {event.ms} ms" if applied else ""
    if event.after_reply:
        took += ", from the next reply on"
    revisions = clean(f"  {event.before} → {event.after}" if applied else f"  revision {event.before}")
    reason = f": {clean(event.reason.removeprefix(f'{files}: '))}" if event.reason else ""
    return Text.assemble(
        ("↻ ", "bold"), files, ": ", (f"{event.how}", styles.get(event.how, "yellow")), took, reason, (revisions, "dim")
    )


def show_change(change: Change) -> Text:
    """One field of an edit: old → new; of prose, the lines that went and came."""
    name, old, new, how = clean(change.field), clean(change.old), change.new, change.how
    if change.field == "persona.prose":
        lines = [Text(f"    {clean(line)}", style=_DIFF_STYLES.get(line[:1], "")) for line in new.split("\n")]
        return Text("\n").join([Text(f"  {name} ({how})"), *lines])
    return Text(f"  {name}: {old} → {clean(new)} ({how})" if old else f"  {name} {clean(new)} ({how})")


_DIFF_STYLES = {"-": "red", "+": "green"}


def _summary(event: Ended, call: CallRow) -> Text:
    """How a call ended: here in its language, for the trainee; a worker's in English."""
    language = "en" if event.room else call.language
    words = texts_in(language)
    line = words["call_ended"].format(
        reason=ended(event.reason, call.persona, language),
        satisfied=words.get(f"satisfied_{event.satisfied}", ""),
        turns=words["ended_turn" if event.turns == 1 else "ended_turns"].format(n=event.turns),
        length=minutes(event.seconds),
        first="" if event.first_word is None else words["first_word"].format(seconds=f"{event.first_word:.2f}"),
    )
    return Text(clean(line), style="bold")


def _score(event: Scored) -> list[Text]:
    """The score and a line for each objective missed, in the call's language; and where the rest is."""
    words = texts_in(event.language)
    style = "bold yellow" if event.passed is None else "bold green" if event.passed else "bold red"
    lines = []
    if event.score is not None:
        before, _, after = words["score_line"].partition("{verdict}")
        score = clean(before.format(score=event.score, mark=event.pass_mark))
        lines.append(Text.assemble((score, "bold"), (words.get(f"score_{event.passed}", ""), style), after))
    lines += [Text(f"  {clean(event.why)}")] if event.why else []
    lines += [Text(f"  – {clean(line)}") for line in event.missed]
    report = words["report"].format(file=f"{event.folder}/report.html") if event.folder else words["no_report"]
    return [*lines, Text(clean(report), style="dim")]
