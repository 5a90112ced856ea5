"""A call scored again, with the persona as it is now or by a judge: what changed, and why. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..arc.listener import Finding, listen
from ..arc.machine import ArcMachine
from ..events import ClockFired, CueFound, CueTakenBack, EndingReached, Event, Found, Heard, MoodMoved, PhaseMoved
from ..spec.persona import Arc, FrontMatter
from .call_log import CallLog
from .score import Judged, Scorecard
from .texts import points


def listened(log: CallLog, persona: FrontMatter, language: str) -> CallLog:
    """The call with the cues that this persona's phrases find in what the trainee said, and the mood that follows. What
    was found otherwise, by meaning, by a model or in what was done, counts as before, where the persona still has the
    cue; clocks have fired and an ending was reached as recorded."""
    arc = ArcMachine(Arc(replace(persona, endings=()), language), log.zero)  # no ending comes but the recorded one
    events: list[Event] = []
    over = False
    for event in log.events:
        if isinstance(event, CueFound | CueTakenBack | MoodMoved | PhaseMoved):
            continue
        events.append(event)
        over = over or isinstance(event, EndingReached)
        if isinstance(event, ClockFired):
            events += arc.clock_fired(event.clock, event.mood, event.at)
        elif isinstance(event, Heard) and not over:
            line = log.turns.get(event.turn)
            cues = [cue for cue in (line.cues if line else ()) if cue.name in persona.cues]
            otherwise = [_finding(cue) for cue in cues if cue.found in (Found.MEANING, Found.MODEL)]
            done = [_finding(cue) for cue in cues if cue.found is Found.DEED and persona.cues[cue.name].on != "nothing"]
            heard = listen(persona, arc.state.told, event.text)
            found = {one.name: one for one in (*done, *heard.findings)}
            denied = {one.name: one for one in heard.taken_back}
            if line and otherwise:  # a turn in which more was found did something, and may have taken something back
                found = {name: one for name, one in found.items() if persona.cues[name].on != "nothing"}
                denied |= {one.name: Finding(one.name, Found.MEANING, one.words) for one in line.taken_back}
            findings = tuple(found[name] for name in persona.cues if name in found)
            events += arc.heard(replace(heard, findings=findings, taken_back=tuple(denied.values())), event.at)
            events += arc.found(otherwise, arc.state.turns, event.at)
    return CallLog(events)


def _finding(cue: CueFound) -> Finding:
    return Finding(cue.name, cue.found, cue.words, cue.by, cue.nearness)


def changes(before: Scorecard, after: Scorecard) -> list[str]:
    """What another scoring of the same call has changed, and why: a line each."""
    lines = []
    if before.score != after.score or before.passed != after.passed:
        lines.append(f"score {points(before.score, before.passed)} → {points(after.score, after.passed)}")
    if before.pass_mark != after.pass_mark:
        lines.append(f"pass mark {before.pass_mark} → {after.pass_mark}")
    old = {one.name: one for one in before.objectives}
    for one in after.objectives:
        was = old.pop(one.name, None)
        if was is None:
            lines.append(f"{one.name}: new, {one.result}")
            continue
        if was.weight != one.weight or was.blocker != one.blocker:
            lines.append(f"{one.name}: weight {_weight(was)} → {_weight(one)}")
        if was.result != one.result:
            why = one.reason or one.by or one.told
            lines.append(f"{one.name}: {was.result} → {one.result}{f' ({why})' if why else ''}")
    lines += [f"{name}: no objective any more (was {was.result})" for name, was in old.items()]
    return lines


def _weight(judged: Judged) -> str:
    return f"{judged.weight}{', blocker' if judged.blocker else ''}"
