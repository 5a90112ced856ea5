"""A call scored again, with the persona as it is now or by a judge: what changed, and why. Pure."""

from __future__ import annotations

from ..arc import machine
from ..events import CueFound, Event, Found, Heard
from ..spec.persona import FrontMatter
from .call_log import CallLog
from .score import Judged, Scorecard


def listened(log: CallLog, persona: FrontMatter) -> CallLog:
    """The call with the cues that this persona's phrases find in what the trainee said. What was found otherwise, by
    meaning or by a model, stays, where the persona still has the cue."""
    state = machine.start(persona)
    events: list[Event] = []
    for event in log.events:
        if isinstance(event, CueFound):
            if event.found in (Found.MEANING, Found.MODEL) and event.name in persona.cues:
                events.append(event)
            continue
        events.append(event)
        if isinstance(event, Heard):
            before, state = state, machine.step(persona, state, event.text)
            for name in state.last.cues:
                cue = persona.cues[name]
                works = name not in before.met or (cue.mood < 0 if cue.repeats is None else cue.repeats)
                found = Found.DEED if cue.on else Found.PHRASE
                mood = cue.mood if works else 0
                events.append(CueFound(at=event.at, name=name, turn=event.turn, found=found, mood=mood))
    return CallLog(events)


def changes(before: Scorecard, after: Scorecard) -> list[str]:
    """What another scoring of the same call has changed, and why: a line each."""
    lines = []
    if before.score != after.score or before.passed != after.passed:
        lines.append(f"score {_points(before)} → {_points(after)}")
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
            lines.append(f"{one.name}: {was.result} → {one.result} ({one.reason or one.by or one.told})")
    lines += [f"{name}: no objective any more (was {was.result})" for name, was in old.items()]
    return lines


def _points(card: Scorecard) -> str:
    verdict = {True: "passed", False: "not passed", None: "not decided"}[card.passed]
    return f"{card.score if card.score is not None else '–'} ({verdict})"


def _weight(judged: Judged) -> str:
    return f"{judged.weight}{', blocker' if judged.blocker else ''}"
