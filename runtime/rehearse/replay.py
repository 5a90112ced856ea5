"""A recorded call played against a persona as she is and as a draft would have her: which decisions flip. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..arc.briefing import live_arc
from ..arc.listener import Finding, listen
from ..arc.machine import ArcMachine
from ..arc.meaning import Meaning
from ..arc.phrases import held_by
from ..events import (
    DECIDED,
    TRAINEE_LEFT,
    ClockFired,
    CueFound,
    Ended,
    EndingReached,
    Event,
    Found,
    Heard,
    PhaseMoved,
    Said,
    State,
)
from ..offline.embedding import meaning_of, understood
from ..record.call_log import CallLog
from ..record.score import Scorecard, score
from ..record.texts import minutes, points
from ..spec.persona import Arc
from ..spec.session_spec import SessionSpec

GOES_ON = "none, the call goes on"
"""The ending of a replayed call that came to none."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded call as this persona would have taken it."""

    log: CallLog
    card: Scorecard

    @property
    def cues(self) -> dict[tuple[int, str, float], CueFound]:
        """What was found, by turn and name; a silence, which is in no turn, by its moment."""
        return {(cue.turn, cue.name, 0.0 if cue.turn else cue.at): cue for cue in self.log.of(CueFound)}

    @property
    def moves(self) -> dict[tuple[object, ...], CueFound | ClockFired]:
        """What was found, and the clocks that moved her, by what they measure and how often they had fired before."""
        moves: dict[tuple[object, ...], CueFound | ClockFired] = {}
        moves.update(self.cues.items())
        fired = Counter[tuple[str, float]]()
        for clock_fired in self.log.of(ClockFired):
            kind = clock_fired.clock, clock_fired.seconds
            fired[kind] += 1
            if clock_fired.mood:
                moves[*kind, fired[kind]] = clock_fired
        return moves

    @property
    def over(self) -> EndingReached | Ended | None:
        """What ended it; None where it was cut off."""
        return self.log.first(EndingReached) or self.log.ended

    @property
    def phases(self) -> list[str]:
        """The phases that it came through."""
        return [moved.after for moved in self.log.of(PhaseMoved)]


async def understand(logs: Iterable[CallLog], spec: SessionSpec) -> None:
    """Gets what hearing the turns of these calls by meaning needs, where the spec has an embedder that is installed."""
    await understood(spec.arc, *(heard.text for log in logs for heard in log.of(Heard)))


def play(log: CallLog, spec: SessionSpec) -> Replayed:
    """Plays the trainee's turns, at the times as recorded, against the arc of this spec, heard by phrases and, after
    `understand`, by meaning. What was found otherwise then is found again where the persona still has the cue."""
    arc = live_arc(spec)
    if not log.spoken or not any(isinstance(event, Heard) and event.start for event in log.events):
        timers = tuple(timer for timer in arc.front.timers if timer.after)  # nobody is silent who types
        arc = replace(arc, front=replace(arc.front, timers=timers))
    events = tuple(_decided_anew(log, arc, meaning_of(spec.arc)))
    replayed = CallLog(events)
    return Replayed(replayed, score(replayed, spec.arc.front, spec.language.base))


def _decided_anew(log: CallLog, arc: Arc, meaning: Meaning | None) -> Iterator[Event]:
    machine = ArcMachine(arc, log.zero)
    otherwise: dict[int, list[Finding]] = {}
    for cue in log.of(CueFound):
        if cue.found is Found.MODEL or (cue.found is Found.MEANING and meaning is None):
            otherwise.setdefault(cue.turn, []).append(Finding(cue.name, cue.found, cue.words, cue.by, cue.nearness))
    opened = over = False
    for event in log.events:
        while not over and (due := machine.next_deadline()) is not None and due <= event.at and opened:
            decided = machine.tick(due)
            yield from decided
            if not decided:
                break
        if isinstance(event, DECIDED):
            continue
        if isinstance(event, Ended):
            over = True
            hung_up = event.reason == TRAINEE_LEFT or any(ending.hung_up for ending in log.of(EndingReached))
            if machine.state.ending is None:
                if hung_up and (reached := machine.hung_up(event.at)):
                    yield reached
                    event = replace(event, reason=reached.name, satisfied=True)
                elif hung_up:
                    event = replace(event, reason=TRAINEE_LEFT, satisfied=None)
                elif log.of(EndingReached):
                    event = replace(event, reason=GOES_ON, satisfied=None)
        yield event
        if isinstance(event, Said):
            opened = True
        elif isinstance(event, State) and opened:
            (machine.said if event.state == "listening" else machine.speaking)(event.at)
        elif isinstance(event, Heard):
            yield from machine.heard(listen(arc.front, machine.state.told, event.text, meaning), event.at)
            yield from machine.found(otherwise.get(event.turn, ()), machine.state.turns, event.at)


def flips(before: Replayed, after: Replayed) -> list[str]:
    """What another persona has made of the same call, and by which words: a line each, what moved her in the order in
    which it did; nothing where nothing flips."""
    lines = []
    if ending := _ending(before, after):
        lines.append(ending)
    old, new = (points(one.card.score, one.card.passed) for one in (before, after))
    if old != new:
        lines.append(f"score {old} → {new}")
    if before.phases != after.phases:
        lines.append(f"phases {_path(before.phases)} → {_path(after.phases)}")
    missed = []
    old_moves, new_moves = before.moves, after.moves
    for key, one in sorted((old_moves | new_moves).items(), key=lambda move: move[1].at):
        was, now = old_moves.get(key), new_moves.get(key)
        if now is None and after.over and one.at > after.over.at:
            missed.append(f"{_moment(one, before.log)} {_named(one)} {one.mood:+}")
        elif now is None:
            lines.append(_told(one, before.log, f"no longer {_named(one)} {one.mood:+}"))
        elif was is None:
            lines.append(_told(one, after.log, f"now {_named(one)} {one.mood:+}"))
        elif was.mood != one.mood:
            lines.append(_told(one, after.log, f"{_named(one)} {was.mood:+} → {one.mood:+}"))
    if missed:
        lines.append(f"no longer reached, as the call is over: {', '.join(missed)}")
    return lines


def _ending(before: Replayed, after: Replayed) -> str:
    """Which ending it comes to, and when, where either is another; else nothing."""
    old, new = (one.log.ending[0] for one in (before, after))
    was, now = (one.over and minutes(one.log.second(one.over)) for one in (before, after))
    when = f" at {now} instead of {was}" if was and now and was != now and new != GOES_ON else ""
    return f"ending {old} → {new}{when}" if old != new else f"ending {new}{when}" if when else ""


def _named(one: CueFound | ClockFired) -> str:
    if isinstance(one, CueFound):
        return one.name
    return f"timer after {'a silence of ' if one.clock == 'silence' else ''}{one.seconds:g} s"


def _moment(one: CueFound | ClockFired, log: CallLog) -> str:
    """The turn of a cue; of a silence and a clock the time."""
    turn = one.turn if isinstance(one, CueFound) else 0
    return f"turn {turn}" if turn in log.turns else minutes(log.second(one))


def _told(one: CueFound | ClockFired, log: CallLog, what: str) -> str:
    """What became of a cue, with the words that made it, or of a clock."""
    line = log.turns.get(one.turn) if isinstance(one, CueFound) else None
    if isinstance(one, ClockFired) or line is None:
        return f"{_moment(one, log)}: {what}"
    by = held_by(one.by, one.words) if one.found is Found.PHRASE else one.by
    by = f", by {by}" if by else ""
    return f"{_moment(one, log)}: {what} (“{one.words or line.event.text}”{by})"


def _path(phases: list[str]) -> str:
    return " > ".join(phases) or "none"
