"""A call's events as a reader asks for them: lines with their seconds, what moved the persona, how it ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from ..events import (
    FAILED,
    ROOM_TAKEN,
    AudioStarted,
    CueFound,
    CueTakenBack,
    Ended,
    EndingReached,
    Event,
    Header,
    Heard,
    MoodMoved,
    Said,
    Speaker,
    Started,
    State,
    from_json,
)

E = TypeVar("E", bound=Event)
C = TypeVar("C", CueFound, CueTakenBack)


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said. `at` is seconds into the call, `seconds` how long it took (None: typed, or not known).

    `cues` are what counted in a line of the trainee's, `taken_back` what had counted before and was denied there.
    """

    event: Heard | Said
    at: float
    seconds: float | None
    cues: tuple[CueFound, ...] = ()
    taken_back: tuple[CueTakenBack, ...] = ()

    @property
    def speaker(self) -> Speaker:
        return "operator" if isinstance(self.event, Heard) else "customer"

    @property
    def end(self) -> float:
        """When it was over, seconds into the call."""
        return self.at + (self.seconds or 0)


class CallLog:
    """All that is known of one call, from its events.

    `zero` is the Unix time from which its seconds count: the first sample of its audio, or where there is none, its
    start.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events: Sequence[Event] = tuple(events)
        first = self.events[0].at if self.events else 0.0
        audio = self.first(AudioStarted)
        self.started = self.first(Started)
        self.zero = audio.at if audio else self.started.at if self.started else first

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def first(self, kind: type[E]) -> E | None:
        return next((event for event in self.events if isinstance(event, kind)), None)

    def second(self, event: Event) -> float:
        """When it happened, in seconds into the call."""
        return max(0.0, event.at - self.zero)

    @cached_property
    def lines(self) -> list[Line]:
        """What was said, in the order in which it was begun."""
        cues, denials = _by_turn(self.of(CueFound)), _by_turn(self.of(CueTakenBack))
        lines = []
        for event in self.events:
            if isinstance(event, Heard | Said):
                at = max(0.0, (event.start or event.at) - self.zero)
                turn = event.turn if isinstance(event, Heard) else 0
                seconds = self._until_cut(event)
                lines.append(Line(event, at, seconds, tuple(cues.get(turn, ())), tuple(denials.get(turn, ()))))
        return sorted(lines, key=lambda line: line.at)

    def _until_cut(self, event: Heard | Said) -> float | None:
        """How long a line took; one of hers that was cut short until she fell silent for it: the line itself comes
        when it is certain that she does not go on, two seconds later."""
        if isinstance(event, Heard) or not (event.interrupted and event.start and event.seconds):
            return event.seconds
        silent = (state.at - event.start for state in self.of(State) if state.state != "speaking")
        return max((seconds for seconds in silent if 0 < seconds < event.seconds), default=event.seconds)

    @cached_property
    def turns(self) -> dict[int, Line]:
        """The trainee's lines by their number."""
        return {line.event.turn: line for line in self.lines if line.speaker == "operator" and line.event.turn}

    @cached_property
    def taken_back(self) -> dict[str, CueTakenBack]:
        """The cues that had counted and were denied after that, by their names."""
        denied: dict[str, CueTakenBack] = {}
        for event in self.events:
            if isinstance(event, CueTakenBack):
                denied[event.name] = event
            elif isinstance(event, CueFound):
                denied.pop(event.name, None)
        return denied

    @property
    def spoken(self) -> bool:
        """Whether the call was spoken rather than typed."""
        return any(line.event.start is not None for line in self.lines)

    @property
    def user(self) -> str:
        """The trainee's user id."""
        return next((event.user for event in self.events if event.user), "")

    @property
    def length(self) -> float:
        """Seconds from the call's start to its end, or to the last that is known of it."""
        last = self.events[-1] if self.events else None
        return max([self.second(last) if last else 0.0, *(line.end for line in self.lines)])

    @property
    def ended(self) -> Ended | None:
        """How it ended; None for a call that was cut off."""
        return self.first(Ended)

    @property
    def broken_off(self) -> Literal["cut_off", "failed", ""]:
        """Whether nobody knows how it would have ended: the program was killed, or the call was ended by a failure."""
        if self.first(EndingReached):
            return ""
        if self.ended is None:
            return "cut_off"
        return "failed" if self.ended.reason in (*FAILED, ROOM_TAKEN) else ""

    @property
    def ending(self) -> tuple[str, bool | None]:
        """The persona's ending and whether it satisfies her; of a call without one the reason, and None."""
        if reached := self.first(EndingReached):
            return reached.name, reached.satisfied
        return (self.ended.reason, self.ended.satisfied) if self.ended else ("cut_off", None)

    @cached_property
    def mood(self) -> list[tuple[float, MoodMoved]]:
        """Each change of the mood, with its second."""
        return [(self.at(event, event.turn), event) for event in self.of(MoodMoved)]

    def at(self, event: Event, turn: int) -> float:
        """The second of what a turn brought about: the end of that turn's line, where it is known."""
        line = self.turns.get(turn)
        return line.end if line else self.second(event)

    @property
    def header(self) -> Header:
        """The versions that the call ran on."""
        return self.first(Header) or Header(version=0)


def _by_turn(events: Iterable[C]) -> dict[int, list[C]]:
    found: dict[int, list[C]] = {}
    for event in events:
        if event.turn:
            found.setdefault(event.turn, []).append(event)
    return found


def parse(lines: Iterable[str]) -> CallLog:
    """The log in the lines of an event file, but for one that was cut in the writing, or of an unknown kind."""
    events = []
    for line in lines:
        try:
            events.append(from_json(line))
        except (ValueError, RecursionError):
            continue
    return CallLog(events)
